"""The app without a browser: what a visitor's clicks change, read back from what the page would show."""

import base64
import json
import random
import re
from pathlib import Path
from urllib.parse import parse_qs

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from streamlit.testing.v1 import AppTest

import nnlib as nn
from dashboard import fit
from dashboard.links import Lesson, read, to_query
from dashboard.scenario import Scenario, packed
from tests.screen import assert_alive, assert_no_bare_nan
from tests.test_links import hostile_query, scenarios

MAIN = str(Path(__file__).parents[1] / "dashboard" / "main.py")


@pytest.fixture
def app():
    app = AppTest.from_file(MAIN, default_timeout=60).run()
    assert_alive(app)
    return app


def figure(app, side):
    """The curves of one column."""
    return json.loads(app.get("plotly_chart")[("left", "right").index(side)].proto.spec)


def traces(app, side, kind):
    return [trace for trace in figure(app, side)["data"] if trace["type"] == kind]


def stage(app, side, kind):
    """One of the two messages of a column's stage: its surface or its runs."""
    parts = [json.loads(part.proto.json) for part in app.get("bidi_component")]
    messages = [m for part in parts for m in [part.get("piece") or {}, *part.get("brings", {}).get("stages", [])]]
    return next(m for m in messages if m.get("stage") == side and m["kind"] == kind)


def unpacked(message, name, dtype):
    return np.frombuffer(base64.b64decode(message[name]), dtype)


def path(app, side):
    run = stage(app, side, "runs")["runs"][0]
    return unpacked(run, "first", "<f8"), unpacked(run, "second", "<f8")


def surface(app, side):
    """The grid values of both weights, and the losses: a row for each value of the second."""
    message = stage(app, side, "surface")
    x, y, z = (unpacked(message, name, "<f4") for name in "xyz")
    return x, y, z.reshape(len(y), len(x))


def put(app, **values):
    for name, value in values.items():
        app.session_state[name] = value
    return app.run()


def text(app):
    return "\n".join(block.value for block in (*app.markdown, *app.header, *app.subheader, *app.caption))


def table(app, side):
    """The table of the two weights: its columns by name."""
    lines = [line for block in app.markdown for line in block.value.splitlines() if line.startswith("| ")]
    tables = [lines[k : k + 4] for k in range(0, len(lines), 4)]
    head, _, *rows = [
        [cell.strip() for cell in line.strip("| ").split(" | ")] for line in tables[("left", "right").index(side)]
    ]
    return dict(zip(head, zip(*rows, strict=True), strict=True))


def accuracies(app):
    """The accuracy before and after of the left and of the right column, in per cent."""
    found = re.findall(r"Accuracy .*\*\*([\d.]+)\u202f%\*\* before, \*\*([\d.]+)\u202f%", text(app))
    return [float(value) for pair in found for value in pair]


def iris_run(lr=10.0, seed=6, activation="sigmoid", refs=("W1[2,2]", "W1[3,1]")):
    """The right column's run, computed here from nnlib alone."""
    iris = nn.load_dataset("iris").standardized()
    network = nn.Network((4, 2, 3), activation, activation)
    params = nn.init_params(network, np.random.default_rng(seed))
    refs = [nn.WeightRef.parse(ref) for ref in refs]
    run = nn.descend(network, params, iris.X, iris.Y, nn.GradientDescent(lr), 1000, trainable=refs)
    return [run.params.get(ref) for ref in refs], run.loss


def test_opening_state_shows_the_phenomenon(app):
    assert "**60 distinct levels**" in text(app)
    assert "The step's path has length 0." in text(app)
    assert r"$\partial O_{\mathrm{out}} / \partial O_{\mathrm{in}}$ is 0 for all 450 values" in text(app)
    assert accuracies(app) == [0, 0, 24.7, 96]
    assert list(table(app, "left")["gradient"]) == ["0", "0"]


def test_the_argument_has_its_three_sections_in_order(app):
    blocks = [str(block.value) for block in app.main if block.type in ("header", "markdown")]
    lines = [line for block in blocks for line in block.splitlines()]
    wanted = ("The two functions and", "The loss over two", "### Step: gradient descent", "The gradient is a")
    places = [next(i for i, line in enumerate(lines) if line.startswith(start)) for start in wanted]
    assert places == sorted(places)


def test_learning_rate_changes_the_sigmoid_and_never_the_step(app):
    still = path(app, "left")
    put(app, lr=1.0)
    assert_alive(app)
    (first, second), _ = iris_run(lr=1.0)
    x, y = path(app, "right")
    np.testing.assert_allclose([x[-1], y[-1]], [first[-1], second[-1]], rtol=1e-12)
    assert len(set(path(app, "left")[0])) == 1
    np.testing.assert_array_equal(path(app, "left"), still)


def test_weight_pair_changes_axes_tables_and_surface(app):
    before = surface(app, "right")[2]
    app.selectbox(key="second").set_value("W2[1,1]").run()
    assert_alive(app)
    assert stage(app, "left", "runs")["names"] == ["W1[2,2]", "W2[1,1]"]
    assert stage(app, "right", "runs")["names"] == ["W1[2,2]", "W2[1,1]"]
    assert list(table(app, "right")["weight"]) == ["W1[2,2]", "W2[1,1]"]
    assert not np.allclose(surface(app, "right")[2], before)


def test_the_same_weight_twice_gets_a_message_and_another_weight(app):
    app.selectbox(key="second").set_value("W1[2,2]").run()
    assert_alive(app)
    assert "the two weights must differ, both are W1[2,2]. W1[1,1] is shown instead." in app.warning[0].value
    assert app.selectbox(key="first").value == "W1[2,2]"
    assert app.selectbox(key="second").value == "W1[1,1]"
    assert list(table(app, "right")["weight"]) == ["W1[2,2]", "W1[1,1]"]


def test_a_weight_that_a_smaller_net_lacks_is_named(app):
    app.number_input(key="hidden_units").set_value(1).run()
    assert_alive(app)
    assert "the network has no W1[2,2]: W1 is 4 x 1" in app.warning[0].value
    assert app.selectbox(key="first").value == "W1[1,1]"


def test_data_sets_open_with_their_own_weights_and_come_back(app):
    app.selectbox(key="dataset").set_value("moons").run()
    assert_alive(app)
    assert not app.warning
    assert (app.selectbox(key="first").value, app.selectbox(key="second").value) == ("W1[2,2]", "W1[2,3]")
    app.selectbox(key="dataset").set_value("iris").run()
    assert "**60 distinct levels**" in text(app)


def test_an_optimizer_brings_a_fitting_rate(app):
    app.selectbox(key="optimizer").set_value("adam").run()
    assert_alive(app)
    assert app.session_state["lr"] == 0.1
    assert accuracies(app)[3] > 90


def test_learning_far_too_fast_is_worse_as_the_page_says(app):
    loss, accuracy = [], []
    for _ in range(2):
        answer = next(m.value.partition("*Now")[2] for m in app.markdown if "*Now the rate is" in m.value)
        loss.append(float(answer.split("MSE ")[1].split(",")[0]))
        accuracy.append(float(answer.split(", ")[1].split("\u202f")[0]))
        next(b for b in app.button if b.label == "Learn far too fast").click().run()
    assert loss[1] > 2 * loss[0]
    assert accuracy[1] < accuracy[0] - 30


def test_threshold_moves_the_step_and_leaves_the_nets(app):
    before = surface(app, "left")[2]
    put(app, threshold=-1.0)
    assert_alive(app)
    ends = [t for t in traces(app, "left", "scatter") if t["mode"] == "markers" and "end" in t["hovertemplate"]]
    assert [float(t["x"][0]) for t in ends] == [-1.0, -1.0, -1.0]
    assert [t["hovertemplate"].split()[0] for t in ends] == ["open", "closed", "open"]
    np.testing.assert_array_equal(surface(app, "left")[2], before)
    app.button[0].click().run()
    assert app.session_state["threshold"] == 0.0


def test_threshold_two_in_the_nets_leaves_one_level(app):
    app.toggle(key="threshold_in_nets").set_value(True).run()
    assert_alive(app)
    assert "**1 distinct level**" in text(app)
    assert len(np.unique(surface(app, "left")[2])) == 1


def test_probe_reads_both_functions(app):
    put(app, probe=2.0)
    assert_alive(app)
    assert "**Step:** f(2) = 1, no slope here" in text(app)
    assert "**Sigmoid:** f(2) = 0.8808, slope 0.105" in text(app)
    put(app, probe=0.0)
    assert "**Step:** f(0) = 0, slope 0" in text(app)
    assert "**Sigmoid:** f(0) = 0.5, slope 0.25" in text(app)


def test_steepness_makes_the_sigmoid_a_step(app):
    put(app, steepness=4.0)
    assert_alive(app)
    assert "slope is largest at 0, where it is 1." in text(app)


def test_new_weights_and_reset(app):
    start = path(app, "right")[0][0]
    next(b for b in app.button if b.label == "New random weights").click().run()
    assert_alive(app)
    assert app.number_input(key="seed").value == 7
    assert path(app, "right")[0][0] != start
    next(b for b in app.button if b.label == "Reset everything").click().run()
    assert app.number_input(key="seed").value == 6
    assert path(app, "right")[0][0] == start


def test_every_button_to_try_works(app):
    labels = ("Turn the sigmoid into a step", "Put the threshold 2 into the nets", "Learn far too fast")
    for label in labels:
        next(b for b in app.button if b.label == label).click().run()
        assert_alive(app)
    assert app.session_state["lr"] == 1000.0


@pytest.mark.parametrize(("layers", "units", "biases"), [(1, 1, False), (2, 3, True), (3, 8, True)])
def test_every_net_size(app, layers, units, biases):
    app.number_input(key="steps").set_value(60)
    app.number_input(key="hidden_layers").set_value(layers)
    app.number_input(key="hidden_units").set_value(units)
    app.toggle(key="biases").set_value(biases).run()
    assert_alive(app)
    sizes = (4, *(units,) * layers, 3)
    refs = nn.Network(sizes, biases=biases).refs()
    assert app.selectbox(key="first").options == [str(ref) for ref in refs]


def test_data_sets_bring_their_own_settings(app):
    app.selectbox(key="dataset").set_value("xor").run()
    assert_alive(app)
    assert app.toggle(key="biases").value is True
    assert app.toggle(key="standardize").value is False
    assert app.number_input(key="samples").value == 4
    assert "all 4 samples" in text(app)


def test_a_diverging_run_is_explained(app):
    app.selectbox(key="activation").set_value("identity").run()
    assert_alive(app)
    assert "diverged. At step 5 a number grew too large" in text(app)
    assert_no_bare_nan(app)


def test_no_view_is_stale_after_many_changes(app):
    """Every figure belongs to the controls' last values: recomputed here from nnlib alone."""
    put(app, lr=3.162)
    app.number_input(key="seed").set_value(41).run()
    app.selectbox(key="first").set_value("W1[4,2]")
    app.selectbox(key="second").set_value("W2[2,3]").run()
    app.slider(key="resolution").set_value(21).run()
    app.selectbox(key="activation").set_value("tanh").run()
    assert_alive(app)
    (first, second), loss = iris_run(lr=3.162, seed=41, activation="tanh", refs=("W1[4,2]", "W2[2,3]"))
    x, y = path(app, "right")
    np.testing.assert_allclose([x[0], y[0], x[-1], y[-1]], [first[0], second[0], first[-1], second[-1]], rtol=1e-9)
    message = stage(app, "right", "runs")
    assert unpacked(message["runs"][0], "loss", "<f8")[0] == pytest.approx(loss[0], rel=1e-12)
    assert message["surface"] == stage(app, "right", "surface")["hash"]
    assert message["runs"][0]["origin"] == stage(app, "right", "surface")["origin"]
    xs, ys, z = surface(app, "right")
    iris = nn.load_dataset("iris").standardized()
    network = nn.Network((4, 2, 3), "tanh", "tanh")
    params = nn.init_params(network, np.random.default_rng(41))
    place = (3, 17)
    moved = params.replace(nn.WeightRef(0, 3, 1), float(xs[place[1]]))
    moved = moved.replace(nn.WeightRef(1, 1, 2), float(ys[place[0]]))
    wanted = nn.mse(nn.forward(network, moved, iris.X).O_out, iris.Y)
    assert z[place] == pytest.approx(wanted, rel=1e-6)


def test_the_opening_scenario_is_the_default_of_every_control(app):
    for name, value in Scenario().as_dict().items():
        assert app.session_state[name] == value


def test_a_chosen_start_holds_until_the_weights_change(app):
    put(app, own_start=True, start_first=1.5, start_second=-2.0)
    assert_alive(app)
    for side in ("left", "right"):
        assert [values[0] for values in path(app, side)] == [1.5, -2.0]
    next(b for b in app.button if b.label == "Undo own start").click().run()
    assert path(app, "right")[0][0] != 1.5
    put(app, own_start=True)
    app.number_input(key="seed").set_value(7).run()
    assert app.session_state["own_start"] is False


def test_a_hand_on_the_slider_gets_the_first_steps_and_all_of_them_when_it_lets_go(app):
    put(app, lr=5.0, _moving=True)
    assert_alive(app)
    assert stage(app, "right", "runs")["steps"][-1] == 40
    put(app, _moving=False)
    assert stage(app, "right", "runs")["steps"][-1] == 1000


def test_a_new_learning_rate_sends_the_same_surface(app):
    before = [stage(app, side, "surface") for side in ("left", "right")]
    put(app, lr=9.0)
    assert [stage(app, side, "surface") for side in ("left", "right")] == before


def test_settings_that_make_no_scenario_are_named_and_taken_back(app):
    app.number_input(key="seed").set_value(41).run()
    app.session_state["high"] = -9.0
    app.run()
    assert_alive(app)
    assert "the grid's low end -8 must be below its high end -9" in app.error[0].value
    assert app.slider(key="range").value == (-8.0, 8.0)
    assert app.number_input(key="seed").value == 41
    assert len(app.get("plotly_chart")) == 2


@pytest.mark.parametrize(
    ("name", "typed", "sentence"),
    [
        ("seed", 123456, "Seed: from 0 to 9,999, not 123,456. It stays"),
        ("seed", -1, "Seed: from 0 to 9,999, not -1. It stays"),
        ("steps", 10**9, "Steps: from 1 to 20,000, not 1,000,000,000. It stays"),
        ("samples", 151, "Samples: from 4 to 150, not 151. It stays"),
        ("hidden_layers", 7, "Hidden layers: from 1 to 6, not 7. It stays"),
        ("hidden_units", 0, "Units in each: from 1 to 8, not 0. It stays"),
    ],
)
def test_a_number_out_of_range_gets_a_sentence_and_the_one_before_is_back(app, name, typed, sentence):
    before = app.session_state[name]
    app.number_input(key=name).set_value(typed).run()
    assert_alive(app)
    assert f"{sentence} {before:,}." in [block.value for block in app.sidebar.warning]
    assert app.number_input(key=name).value == app.session_state[name] == before
    assert len(app.get("plotly_chart")) == 2
    assert stage(app, "right", "runs")["steps"][-1] == 1000
    app.run()
    assert not app.warning


@pytest.mark.parametrize(
    ("ends", "wanted"), [((20.0, 20.0), (19.0, 20.0)), ((-20.0, -20.0), (-20.0, -19.0)), ((-3.0, 4.0),) * 2]
)
def test_the_grid_range_never_shrinks_to_nothing(app, ends, wanted):
    app.slider(key="range").set_value(ends).run()
    assert_alive(app)
    assert app.slider(key="range").value == wanted
    assert surface(app, "left")[0][0] <= wanted[0]


# --- links -----------------------------------------------------------------------------------------------------------


def visit(query, page="home"):
    app = AppTest.from_file(MAIN, default_timeout=60)
    for name, values in query.items():
        app.query_params[name] = values
    if page != "home":
        app.switch_page(f"app_pages/{page}.py")
    return app.run()


def test_a_link_restores_the_view_and_the_figures():
    wanted = Scenario(lr=0.1 + 0.2, seed=41, activation="tanh", first="W1[4,2]", second="W2[2,3]", probe=-1.25)
    app = visit(to_query(wanted))
    assert_alive(app)
    assert {name: app.session_state[name] for name in wanted.as_dict()} == wanted.as_dict()
    assert not app.warning
    assert list(table(app, "right")["weight"]) == ["W1[4,2]", "W2[2,3]"]


def test_what_a_link_says_beyond_its_own_run_is_named_until_something_is_changed():
    app = visit({"room_step": "5000", "steps": "20"}, "training_room")
    assert "room_step can be at most 20 here, not 5000" in app.warning[0].value
    app.number_input(key="seed").set_value(3).run()
    assert not app.warning


def places(app):
    """What the button would add to a copied link."""
    messages = [json.loads(part.proto.json) for part in app.get("bidi_component")]
    return {name: text for m in messages for name, text in m.get("places", {}).items() if text}


WALKED = ("home", "chain_rule", "backpropagation", "learning_rate", "slices", "training_room", "share")


@pytest.mark.parametrize("page", WALKED)
@settings(
    max_examples=5, deadline=None, derandomize=True, phases=[Phase.generate], suppress_health_check=list(HealthCheck)
)
@given(scenario=scenarios())
def test_any_scenario_shows_on_any_page(page, scenario):
    # Few steps on a small grid: it is the ways that count here, not the work.
    wanted = scenario.changed(steps=min(scenario.steps, 40), resolution=11)
    app = visit(to_query(wanted), page)
    assert_alive(app)
    assert len(app.title) == 1
    misfits = fit.misfits(wanted, to_query(wanted), "" if page == "home" else page)
    assert any("Not all of the link" in block.value for block in app.warning) == bool(misfits)


def test_a_path_that_never_moves_has_no_directions():
    app = visit({"activation": "step", "slice_plane": "path", "steps": "20"}, "slices")
    assert_alive(app)
    assert "The path never moves" in app.warning[0].value


def test_a_link_holds_the_walk_with_its_weights():
    app = AppTest.from_file(MAIN, default_timeout=60).run()
    app.switch_page("app_pages/backpropagation.py").run()
    assert places(app) == {}
    app.selectbox(key="walk_weight").set_value("W2[2,3]").run()
    app.number_input(key="walk_value").set_value(0.25).run()
    next(b for b in app.button if b.label == "Update").click().run()
    next(b for b in app.button if b.label == "Update all weights").click().run()
    next(b for b in app.button if b.label == "Next").click().run()
    app.segmented_control(key="walk_detail").set_value("matrix").run()
    copied = places(app)
    assert copied.keys() == {"walk_step", "walk_weight", "walk_weights"}
    there = visit({**app.query_params, **copied}, "backpropagation")
    assert_alive(there)
    assert not there.warning
    assert places(there) == copied
    assert [m.value for m in there.markdown] == [m.value for m in app.markdown]
    assert [m.value for m in there.latex] == [m.value for m in app.latex]
    # The pointer alone is no entry in the history.
    next(b for b in there.button if b.label == "Next").click().run()
    there.run()
    assert there.query_params["walk_step"] in (copied["walk_step"], [copied["walk_step"]])
    assert places(there)["walk_step"] == str(int(copied["walk_step"]) + 1)


def test_a_walk_whose_weights_are_of_another_network_is_named():
    app = visit({"walk_weights": packed([0, -1, 1, 2, 3])}, "backpropagation")
    assert_alive(app)
    assert "the walk's weights are not 14 numbers" in app.warning[0].value
    assert places(app) == {}


def test_a_link_holds_the_chain():
    app = visit({"chain": "step 0.5, sin, affine -1 2", "chain_x": "1.25", "chain_step": "5"}, "chain_rule")
    assert_alive(app)
    assert [app.selectbox(key=f"chain_kind_{i}").value for i in range(3)] == ["step", "sin", "affine"]
    assert places(app) == {"chain_step": "5"}
    app.number_input(key="chain_number_2_1").set_value(0.75).run()
    assert "step 0.5, sin, affine -1 0.75" in app.query_params["chain"]


def test_a_link_holds_the_room_with_its_start():
    app = visit({"steps": "20", "room_step": "7"}, "training_room")
    next(b for b in app.button if b.label == "Start again from step 7").click().run()
    assert_alive(app)
    there = visit(app.query_params, "training_room")
    assert_alive(there)
    assert there.session_state["room_start"] == app.session_state["room_start"] != ""
    assert [m.value for m in there.metric] == [m.value for m in app.metric]
    there.number_input(key="seed").set_value(7).run()
    assert there.session_state["room_start"] == ""
    assert "room_start" not in there.query_params


def test_a_link_holds_the_camera_and_the_step_of_the_clock():
    app = visit({"camera": "1 1 1 0 0 0", "moment": "30"})
    message = stage(app, "right", "runs")
    assert message["camera"] == [1, 1, 1, 0, 0, 0]
    assert message["steps"][message["at"]] <= 30 < message["steps"][message["at"] + 1]
    app = visit({"camera": "1 1 1 0 0 0", "moment": "30", "walk_part": "why"}, "backpropagation")
    message = stage(app, "why", "runs")
    assert message["camera"] == [1, 1, 1, 0, 0, 0]
    assert message["steps"][message["at"]] <= 30 < message["steps"][message["at"] + 1]


def test_a_link_holds_the_step_of_each_clock_of_the_learning_rate_page():
    app = visit({"moment": "30", "lab_moment": "50"}, "learning_rate")
    for name, step in (("rates", 30), ("optimizers", 50)):
        message = stage(app, name, "runs")
        assert message["steps"][message["at"]] <= step < message["steps"][message["at"] + 1]
    assert stage(visit({"moment": "30"}, "learning_rate"), "optimizers", "runs").get("at") is None


def test_the_address_follows_the_controls():
    app = visit({"seed": "41"})
    app.number_input(key="steps").set_value(60).run()
    assert {name: values if isinstance(values, str) else values[-1] for name, values in app.query_params.items()} == {
        "v": "1",
        "seed": "41",
        "steps": "60",
    }
    next(b for b in app.button if b.label == "Reset everything").click().run()
    assert dict(app.query_params) == {}


def test_sessions_do_not_share_their_views():
    apps = [visit({"seed": str(seed), "steps": "60"}) for seed in (1, 2, 3)]
    for app in apps:
        app.run()
    assert [app.number_input(key="seed").value for app in apps] == [1, 2, 3]


def whole(text):
    return text.encode("utf-8", "replace").decode()


def test_hostile_links_give_a_page_and_a_message():
    # tests/test_links.py reads ten thousand of them; here is what a page makes of some.
    rng = random.Random(7)  # noqa: S311 (made-up inputs, no secrets)
    spoken = 0
    for _ in range(100):
        # A few steps on a small grid: it is the reading that is tried here.
        query = hostile_query(rng) | {"steps": "5", "resolution": "11"}
        # An address holds no half characters.
        query = {
            whole(name): [whole(v) for v in ([value] if isinstance(value, str) else value)]
            for name, value in query.items()
        }
        app = visit(query)
        assert_alive(app)
        assert len(app.title) == 1
        assert not app.error
        assert len(app.get("plotly_chart")) == 2
        spoken += any("Not all of the link could be used." in block.value for block in app.warning)
    assert spoken > 85


def test_the_share_page_builds_a_link_that_says_the_same():
    app = visit({"seed": "41"})
    app.switch_page("app_pages/share.py").run()
    assert_alive(app)
    app.selectbox[0].set_value("chain_rule").run()
    app.multiselect[0].set_value(["network", "lr"]).run()
    app.text_input[0].set_value('What is "2 + 2"?').run()
    next(n for n in app.number_input if n.label == "Answer").set_value(4.0).run()
    assert_alive(app)
    address, line = (block.value for block in app.code[:2])
    page, _, text = address.partition("?")
    assert page.endswith("/chain_rule")
    link = read(parse_qs(text))
    assert link.scenario == Scenario(seed=41)
    assert link.lesson == Lesson(("network", "lr"), 'What is "2 + 2"?', 4.0)
    assert line.startswith("<iframe src=")
    assert "embed=true" in line
    assert line.count('"') == 2 * line.count('="')


def test_two_steps_are_not_said_to_differ(app):
    assert "Only the activation function differs." in text(app)
    app.selectbox(key="activation").set_value("step").run()
    assert_alive(app)
    assert "Here not even the activation function differs" in text(app)
    assert "Only the activation" not in text(app)


def test_up_to_four_starts_are_kept_and_compared_on_one_surface(app):
    ground = stage(app, "right", "surface")["hash"]
    assert len(stage(app, "right", "runs")["runs"]) == 1
    kept = []
    for first in (1.0, 2.0, 3.0, 4.0, 5.0):
        put(app, own_start=True, start_first=first, start_second=-2.0)
        kept.append(path(app, "right"))
        next(b for b in app.button if b.label == "Keep this path").click().run()
    put(app, own_start=True, start_first=0.0, start_second=-2.0)
    for side in ("left", "right"):
        runs = stage(app, side, "runs")["runs"]
        assert len({run["dash"] for run in runs}) == len({run["light"] for run in runs}) == 5
        assert [run["label"] for run in runs] == ["two weights", *(f"from {k}, −2" for k in (2, 3, 4, 5))]
    assert stage(app, "right", "runs")["surface"] == ground
    for run, before in zip(stage(app, "right", "runs")["runs"][1:], kept[1:], strict=True):
        assert np.array_equal(unpacked(run, "first", "<f8"), before[0])
        assert np.array_equal(unpacked(run, "second", "<f8"), before[1])
    # The kept starts are within the picture, however far from the range that was asked for.
    put(app, low=-1.0, high=1.0, own_start=True, start_first=0.0, start_second=0.5)
    grid = unpacked(stage(app, "right", "surface"), "x", "<f4"), unpacked(stage(app, "right", "surface"), "y", "<f4")
    for run in stage(app, "right", "runs")["runs"]:
        for values, name in zip(grid, ("first", "second"), strict=True):
            assert values[0] <= unpacked(run, name, "<f8").min() <= unpacked(run, name, "<f8").max() <= values[-1]
    there = visit(app.query_params)
    assert [run["first"] for run in stage(there, "left", "runs")["runs"]] == [
        run["first"] for run in stage(app, "left", "runs")["runs"]
    ]
    next(b for b in app.button if b.label == "Undo own start").click().run()
    assert len(stage(app, "right", "runs")["runs"]) == 1
