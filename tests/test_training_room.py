"""The training room without a browser: what a visitor's clicks change, and what they cannot break."""

from pathlib import Path
from types import FunctionType, SimpleNamespace

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from dashboard import controls, exports, training
from dashboard.controls import jobs
from dashboard.data_input import EXAMPLE
from dashboard.scenario import PAGE_CHOICES, Scenario

MAIN = str(Path(__file__).parents[1] / "dashboard" / "main.py")


@pytest.fixture
def app():
    app = AppTest.from_file(MAIN, default_timeout=60).run()
    app.session_state["own_open"] = True
    app.switch_page("app_pages/training_room.py").run()
    assert_alive(app)
    return app


def assert_alive(app):
    assert not app.exception, app.exception[0].message


def button(app, label):
    return next(b for b in app.button if b.label == label)


def test_the_opening_state_shows_a_trained_network_and_full_precision(app):
    room = training.make_room(Scenario())
    now = training.moment(room, training.go_on(room, 1000), 1000)
    assert [m.label for m in app.metric] == ["Training loss", "Test loss", "Training accuracy", "Test accuracy"]
    assert app.metric[2].value == "98.3\u202f%"
    assert repr(now.losses["training"])[:15] in app.metric[0].help
    assert not app.error
    assert not app.warning


def test_every_view_works_at_every_step(app):
    for view in PAGE_CHOICES["room_view"]:
        app.segmented_control(key="room_view").set_value(view).run()
        assert_alive(app)
    app.session_state["room_step"] = 0
    for view in PAGE_CHOICES["room_view"]:
        app.segmented_control(key="room_view").set_value(view).run()
        assert_alive(app)
    assert "After step 0" in app.metric[0].help


@pytest.mark.parametrize("label", [label for label, _, _ in training.TRIES])
def test_every_experiment_can_be_tried(app, label):
    button(app, label).click().run()
    assert_alive(app)
    assert not app.error


def test_a_hundred_xor_seeds_are_told_apart(app):
    button(app, "XOR with two hidden units").click().run()
    button(app, "Train 100 seeds").click().run()
    assert_alive(app)
    table = app.table[0].value
    assert next(iter(table["ending"])) == "solved"
    assert sum(map(int, table["seeds"])) == 100
    assert any("seeds solved it" in block.value for block in app.markdown)
    app.number_input(key="seed_to_see").set_value(7)
    button(app, "Use it").click().run()
    assert app.number_input(key="seed").value == 7
    assert_alive(app)


def test_starting_again_from_a_step_takes_its_weights(app):
    app.session_state["room_step"] = 10
    app.run()
    loss = app.metric[0].value
    button(app, "Start again from step 10").click().run()
    assert_alive(app)
    app.session_state["room_step"] = 0
    app.run()
    assert app.metric[0].value == loss
    assert any("weights of step 10" in block.value for block in app.markdown)
    button(app, "Back to the random start").click().run()
    assert app.metric[0].value != loss


def test_parameters_that_were_saved_load_into_another_network(app):
    room = training.make_room(Scenario())
    saved = training.moment(room, training.go_on(room, 1000), 40)
    app.session_state["hidden_sizes"] = "5 3"
    app.segmented_control(key="room_view").set_value("export").run()
    app.file_uploader(key="room_load").set_value(("bad.json", b"{}", "application/json")).run()
    assert_alive(app)
    assert "format is missing" in app.error[0].value
    content = exports.parameters_json(room, saved).encode()
    app.file_uploader(key="room_load").set_value(("good.json", content, "application/json")).run()
    assert_alive(app)
    assert not app.error
    assert app.session_state["room_step"] == 0
    assert repr(saved.losses["training"]) in app.metric[0].help
    assert any("weights of a file (step 40)" in block.value for block in app.markdown)


def test_own_data_reach_every_page(app):
    button(app, "Train on this table").click().run()
    assert_alive(app)
    assert app.selectbox(key="dataset").value == "own"
    for page in ("home", "chain_rule", "backpropagation", "learning_rate", "slices"):
        app.switch_page(f"app_pages/{page}.py").run()
        assert_alive(app)
        assert not app.error


BAD_FILES = (
    (b"", "There is nothing in it."),
    (b"\x00\x01\x02", "binary"),
    (b"1\n2\n3\n4\n", "There is one column."),
    (b"1,x\n2,y\n" * 500_000, "The file has 4,000,000 bytes."),
    (b"a,b\n1,x\nnan,y\n3,x\n4,y\n", "'nan' is not a finite number."),
    (b"a,b\n1,x\noops,y\n3,x\n4,y\n", "Row 2, column 1 ('a'): 'oops' is not a number."),
    (b"a,b\n1,x\n1e300,y\n3,x\n4,y\n", "'1e300' is too large."),
    (b"a,a,c\n1,2,x\n3,4,y\n1,2,x\n3,4,y\n", "Columns 1 and 2 are both called 'a'."),
    ("\u00e9,b\n1,x\n2,y\n".encode("latin-1"), "Row 1 is not UTF-8 text."),
    (b'"' + b"x" * 1_000_000, "field limit"),
    (b"," * 1_000_000, "There is nothing in it."),
    (b"1" + b",1" * 500_000, "There are 500,000 input columns."),
    (b"1,x\n" * 250_000, "There are 250,000 rows."),
)


def test_a_bad_file_is_named_and_the_data_before_stay(app):
    button(app, "Train on this table").click().run()
    before = app.session_state["own_data"]
    for content, words in BAD_FILES:
        app.file_uploader[0].set_value(("bad.csv", content, "text/csv")).run()
        assert_alive(app)
        (error,) = app.error
        assert words in error.value.replace("\\", "")
        assert app.session_state["own_data"] == before == EXAMPLE
    rows = "".join(f"{i},{i % 5},{'ab'[i % 2]}\n" for i in range(100))
    app.file_uploader[0].set_value(("good.csv", b"u,v,class\n" + rows.encode(), "text/csv")).run()
    assert_alive(app)
    assert not app.error
    assert app.session_state["samples"] == 100
    assert app.session_state["own_data"].startswith("u,v,class\n0,0,a\n")


def test_every_control_says_what_it_does(app):
    app.session_state["settings_open"] = app.session_state["confusion_open"] = True
    for view in PAGE_CHOICES["room_view"]:
        app.segmented_control(key="room_view").set_value(view).run()
        kinds = ("button", "selectbox", "number_input", "slider", "segmented_control", "file_uploader", "metric")
        drawn = [control for kind in kinds for control in app.main.get(kind)]
        assert len(drawn) > 20
        assert not [control.label for control in drawn if not control.proto.help]


def test_what_is_closed_is_not_computed_and_a_wrong_cell_survives_until_it_is_opened(app):
    base = app.session_state[controls.OWN_BASE_KEY]
    wrong = [["one", *base["rows"][0][1:]], *base["rows"][1:]]
    base["now"] = wrong
    app.session_state[controls.OWN_PROBLEMS_KEY] = ["Row 1, column 1 ('x1'): 'one' is not a number."]
    app.session_state["own_open"] = False
    app.run()
    assert not app.get("arrow_data_frame")
    app.switch_page("app_pages/home.py").run()
    app.session_state["own_open"] = True
    app.switch_page("app_pages/training_room.py").run()
    assert_alive(app)
    assert "one" in app.error[0].value
    assert app.session_state[controls.OWN_BASE_KEY]["rows"] == wrong
    assert app.session_state["own_data"] == EXAMPLE


def test_a_bad_list_of_sizes_is_named_and_the_last_one_is_back(app):
    app.text_input(key="hidden_sizes").set_value("8, 99").run()
    assert_alive(app)
    assert "hidden sizes must be at most 6 numbers from 1 to 8" in app.error[0].value
    assert app.text_input(key="hidden_sizes").value == ""


MEMORY_BOUND = 32 * 2**20
"""What the room may keep in one session: a record of 8 MB with its losses, weights and gradients at 241 steps, a
hundred starts, and texts; the bound leaves room for the optimizer's memory and for what is being replaced."""

KEPT = (controls.ROOM_RUN_KEY, controls.SEEDS_KEY, "_room", "_room_history", "_outcome", "own_data")


def arrays_in(thing, seen):
    """Every array that can be reached from a value, once."""
    if id(thing) in seen or isinstance(thing, type | FunctionType):
        return
    seen[id(thing)] = thing
    if isinstance(thing, np.ndarray):
        yield thing if thing.base is None else thing.base
    elif isinstance(thing, dict):
        for value in thing.values():
            yield from arrays_in(value, seen)
    elif isinstance(thing, tuple | list):
        for value in thing:
            yield from arrays_in(value, seen)
    elif hasattr(thing, "__dict__"):
        yield from arrays_in(vars(thing), seen)


def test_the_memory_of_a_session_is_bounded(app):
    app.text_input(key="hidden_sizes").set_value("8 8 8 8 8 8")
    app.selectbox(key="optimizer").set_value("adam")
    app.number_input(key="steps").set_value(20_000)
    app.segmented_control(key="room_view").set_value("weights").run(timeout=120)
    for seed in (1, 2):
        app.number_input(key="seed").set_value(seed).run(timeout=120)
        assert_alive(app)
        found = {id(a): a for name in KEPT if name in app.session_state for a in arrays_in(app.session_state[name], {})}
        started = training.ensemble(app.session_state["_room"][1], 1)
        found |= {id(a): a for a in arrays_in(started, {})}
        size = sum(a.nbytes for a in found.values() if isinstance(a, np.ndarray))
        assert 8 * 2**20 < size < MEMORY_BOUND, f"{size / 2**20:.1f} MiB"


@pytest.mark.parametrize("seconds_a_step", [1e-5, 0.003, 0.15])
def test_long_work_looks_up_often_enough_to_be_stopped(monkeypatch, seconds_a_step):
    now, took = [0.0], []

    def advance(chunk):
        took.append(min(chunk, 20_000 - job["done"]) * seconds_a_step)
        now[0] += took[-1]
        return min(job["done"] + chunk, 20_000)

    monkeypatch.setattr(jobs, "time", SimpleNamespace(monotonic=lambda: now[0]))
    job = {"result": None, "stopped": False, "done": 0}
    jobs.work(job, 20_000, advance, 1)
    assert job["done"] == 20_000
    assert max(took) <= jobs.CHUNK_SECONDS


def test_the_scripts_of_a_long_run_are_prepared_first(app):
    def scripts():
        return [d.label for d in app.get("download_button") if "script" in d.label]

    app.segmented_control(key="room_view").set_value("export").run()
    assert scripts() == ["numpy script", "PyTorch script"]
    assert not any(b.label == "Prepare the scripts" for b in app.button)
    app.session_state["steps"] = 12_000
    app.run()
    assert scripts() == []
    button(app, "Prepare the scripts").click().run()
    assert_alive(app)
    assert scripts() == ["numpy script", "PyTorch script"]
    assert not any(b.label == "Prepare the scripts" for b in app.button)
    assert "The scripts are prepared. Their buttons are above" in app.caption[-1].value


def test_a_run_that_no_script_can_follow_says_so(app, monkeypatch):
    monkeypatch.setattr(exports, "MAX_ANCHORED", 20)
    app.session_state["optimizer"] = "rmsprop"
    app.session_state["lr"] = 0.5
    app.segmented_control(key="room_view").set_value("export").run()
    button(app, "Prepare the scripts").click().run()
    assert_alive(app)
    assert any("Choose an earlier step" in w.value for w in app.warning)
    assert not any("are prepared" in c.value for c in app.caption)
    assert not any("script" in d.label for d in app.get("download_button"))
    app.session_state["room_step"] = 1
    app.run()
    assert sum("script" in d.label for d in app.get("download_button")) == 2
