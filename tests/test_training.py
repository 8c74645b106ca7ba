"""The training room's experiment, its exports and its figures: one recorded run, told from outside."""

import csv
import io
import json
import re
import subprocess
import sys

import numpy as np
import plotly.graph_objects as go
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nnlib as nn
from dashboard import exports, training
from dashboard import figures_training as pictures
from dashboard.scenario import (
    MAX_ANCHORED,
    MAX_DESCENTS,
    MAX_ENSEMBLE,
    MAX_ENSEMBLE_STEPS,
    MAX_RECORD,
    MAX_SCRIPT_AT_ONCE,
    Scenario,
    for_dataset,
)
from dashboard.theme import DARK, LIGHT
from nnlib import ACTIVATIONS, OPTIMIZERS

XOR = for_dataset("xor")


def trained(**values):
    scenario = Scenario(**values)
    room = training.make_room(scenario)
    run = training.go_on(room, room.n_steps)
    return scenario, room, run


def test_the_series_net_learns_iris_from_the_default_seed():
    _, room, run = trained()
    assert room.network.sizes == (4, 2, 3)
    assert not room.network.biases
    assert (len(room.train.X), len(room.test.X), room.batch, run.n_steps) == (120, 30, None, 1000)
    now = training.moment(room, run, 1000)
    assert now.accuracies["training"] >= 0.95
    _, whole, run = trained(test_share=0.0)
    assert training.moment(whole, run, 1000).accuracies["training"] >= 0.95


def test_the_run_is_what_nnlib_alone_makes_of_it():
    _, room, run = trained(optimizer="adam", lr=0.05, steps=80)
    raw = nn.load_dataset("iris")
    train, test = nn.split(raw, 0.2, 2)
    X = (raw.X - raw.X[train].mean(0)) / raw.X[train].std(0)
    network = nn.Network((4, 2, 3))
    start = nn.init_params(network, np.random.default_rng(6))
    path = nn.descend(network, start, X[train], raw.Y[train], nn.Adam(0.05), 80)
    np.testing.assert_allclose(run.trajectory.loss, path.loss, rtol=1e-12)
    outputs = nn.forward(network, path.params, X[test]).O_out
    np.testing.assert_allclose(run.test_loss, nn.mse(outputs, raw.Y[test]), rtol=1e-12)
    drawn = training.curves(room, run)
    np.testing.assert_allclose(drawn.accuracies["test"], nn.accuracy(outputs, raw.Y[test]))


@pytest.mark.parametrize("batch", [0, 32])
def test_a_run_in_pieces_is_the_run_in_one(batch):
    scenario = Scenario(steps=60, batch=batch, optimizer="momentum", lr=0.5)
    room = training.make_room(scenario)
    whole, parts = training.go_on(room, 60), None
    for _ in range(6):
        parts = training.go_on(room, 10, parts)
    np.testing.assert_array_equal(whole.trajectory.loss, parts.trajectory.loss)
    np.testing.assert_array_equal(whole.test_loss, parts.test_loss)


def test_training_stops_where_it_is_told_to():
    _, _, free = trained(lr=10.0)
    target = float(free.trajectory.loss[200])
    _, _, run = trained(lr=10.0, stop_loss=target)
    assert run.stopped == "loss"
    assert run.trajectory.loss[-1] <= target < run.trajectory.loss[-2]
    assert len(run.test_loss) == len(run.trajectory.loss)
    _, _, waiting = trained(scheme="zeros", dataset="xor", samples=4, test_share=0.0, patience=7)
    assert waiting.stopped == "patience"
    assert waiting.n_steps == 7
    _, _, wild = trained(dataset="sine", samples=40, output="identity", activation="relu", lr=1000.0)
    assert wild.stopped == "diverged"
    assert np.isfinite(wild.trajectory.loss).all()


def test_a_restart_begins_with_the_weights_of_the_step():
    scenario, room, run = trained(steps=50)
    vector = training.moment(room, run, 20).vector
    again = training.make_room(scenario, training.Origin(vector, "step 20 of an earlier run"))
    assert again.origin == "step 20 of an earlier run"
    np.testing.assert_array_equal(again.start.to_vector(), run.trajectory.params[20].to_vector())
    np.testing.assert_allclose(training.go_on(again, 30).trajectory.loss, run.trajectory.loss[20:], rtol=1e-12)
    assert training.make_room(scenario.changed(biases=True), training.Origin(vector, "x")).origin is None


def test_the_hundred_seeds_are_the_seeds_of_the_sidebar():
    scenario = Scenario(**XOR, lr=3.0)
    room = training.make_room(scenario)
    found = None
    while found is None or found.done < found.n_steps:
        found = training.ensemble(room, 1 if found is None else 333, found)
    assert found.done == 1000
    for seed in (0, 7, 99):
        _, _, alone = trained(**XOR | {"lr": 3.0, "seed": seed})
        assert found.loss[seed] == pytest.approx(alone.trajectory.loss[-1], rel=1e-9)
    out = training.outcome(room, found)
    solved = (out.endings == "solved").sum()
    assert 50 < solved < 100  # XOR with two hidden units: most seeds solve it, some are honestly stuck
    assert (out.accuracy[out.endings == "solved"] == 1).all()
    assert "plateau" in out.endings


def test_zeros_and_large_weights_are_called_what_they_are():
    _, room, run = trained(scheme="zeros", steps=50)
    assert "exactly the same" in training.warnings(room, training.moment(room, run, 50))[0]
    _, room, run = trained(scheme="large", steps=1)
    assert "saturated" in training.warnings(room, training.moment(room, run, 0))[0]
    _, room, run = trained(**for_dataset("sine") | {"activation": "relu", "output": "identity", "lr": 1000.0})
    now = training.moment(room, run, run.n_steps)
    assert (now.passed.outputs[0] == 0).all()
    (silent,) = training.warnings(room, now)  # silent units put out the same, but not because they are equal
    assert silent.startswith("All hidden slopes are exactly 0")
    _, room, run = trained(steps=50)
    assert training.warnings(room, training.moment(room, run, 50)) == []


def test_sigmoids_lose_the_gradient_on_the_way_back_and_the_bound_holds():
    _, room, _ = trained(steps=1)
    found = {depth.name: depth for depth in training.depths(room, 6)}
    assert list(found) == ["sigmoid", "tanh", "relu"]
    sigmoid = found["sigmoid"]
    assert len(sigmoid.gradient) == 7
    assert sigmoid.gradient[-1] < 1e-3 * sigmoid.gradient[0]
    assert found["tanh"].gradient[-1] > 0.1 * found["tanh"].gradient[0]
    assert (sigmoid.largest <= 0.25 ** np.arange(1, 8)).all()
    assert (found["relu"].largest <= 1).all()


def test_the_folded_grid_of_a_trained_xor_ends_with_the_classes_apart():
    scenario, room, run = trained(**XOR | {"lr": 3.0, "seed": 7})
    at = training.moment(room, run, 1000)
    assert at.accuracies["training"] == 1
    seen = training.cloud(room, run, at, training.input_plane(room, scenario))
    H, labels = seen.points, room.train.labels
    w = at.params.weights[1][:, 0]
    score = H @ w + at.params.biases[1][0]
    assert ((score > 0) == labels).all()


@pytest.mark.parametrize("dataset", ["iris", "xor", "sine", "own"])
@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
def test_every_figure_is_drawn_and_described(dataset, colours):
    scenario, room, run = trained(**for_dataset(dataset), steps=30, hidden_sizes="3 2")
    at = training.moment(room, run, 30)
    plane = training.input_plane(room, scenario)
    past = training.history(room, run)
    made = [
        pictures.losses(training.curves(room, run), 3, 30, colours),
        pictures.regions(room, plane, training.outputs_over(room, at.params, plane), at, colours),
        pictures.units(room, plane, training.units_over(room, at.params, plane, 0), 0, colours),
        pictures.layers_over_steps(past, 3, colours),
        pictures.weights_over_steps(past, 0, 3, colours),
        pictures.vanishing(training.depths(room, 2), training.this_depth(room, at), "this run", colours),
        pictures.hidden_cloud(room, training.cloud(room, run, at, plane), colours),
    ]
    for picture in made:
        assert picture.alt.endswith(".")
        assert go.Figure(picture.made).data  # Plotly's own check of every property


def test_a_units_name_is_drawn_with_its_index_below_the_line():
    scenario, room, run = trained(**for_dataset("iris"), steps=1, hidden_sizes="3 2")
    at = training.moment(room, run, 1)
    plane = training.input_plane(room, scenario)
    picture = pictures.units(room, plane, training.units_over(room, at.params, plane, 1), 1, LIGHT)
    titles = [note["text"] for note in picture.made["layout"]["annotations"]]
    assert titles == ["H2<sub>out</sub>[1]", "H2<sub>out</sub>[2]"]
    assert picture.made["data"][0]["hovertemplate"].startswith("H2<sub>out</sub>[1] = ")
    assert "H2_out[1]" in picture.alt  # read aloud, and a reader of screens has no small letters
    folded = pictures.hidden_cloud(room, training.cloud(room, run, at, plane), LIGHT)
    assert folded.made["layout"]["xaxis"]["title"]["text"] == "H2<sub>out</sub>[1]"
    assert folded.made["layout"]["yaxis"]["title"]["text"] == "H2<sub>out</sub>[2]"


def test_the_confusion_matrix_counts_each_answer_and_the_ties():
    own = "x,label\n1,tie\n2,b\n3,tie\n4,b\n"
    _, room, run = trained(**for_dataset("own", own) | {"test_share": 0.0}, own_data=own, steps=1)
    table = pictures.confusion_table(room, np.array([[2, 0, 0], [0, 1, 1]]))
    assert table == {
        "right class": ["tie", "b"],
        "as tie": ["2", "0"],
        "as b": ["0", "1"],
        "undecided (tie)": ["0", "1"],
    }
    (counts,) = training.moment(room, run, 1).confusions.values()
    assert counts.sum() == 4


def test_a_loss_that_grows_beyond_all_bounds_is_drawn_over_powers_of_ten():
    for lr, kind in ((0.1, "linear"), (1000.0, "log")):
        _, room, run = trained(**for_dataset("sine") | {"activation": "relu", "output": "identity", "lr": lr})
        drawn = pictures.losses(training.curves(room, run), 0, 10, LIGHT)
        assert drawn.made["layout"]["yaxis"].get("type", "linear") == kind
        line = np.array(drawn.made["data"][0]["y"])
        assert np.isnan(line).any() == (run.trajectory.loss.max() > 3e38) == (kind == "log")
        assert np.nanmax(line) > 0.9 * min(run.trajectory.loss.max(), 1e30)


def test_the_regions_are_the_answers_of_the_network():
    scenario, room, run = trained()
    plane = training.input_plane(room, scenario)
    at = training.moment(room, run, 500)
    outputs = training.outputs_over(room, at.params, plane)
    b, a = 20, 50
    x = plane.rest.copy()
    x[[plane.x, plane.y]] = plane.x_values[a], plane.y_values[b]
    expected = nn.forward(room.network, at.params, x[None]).O_out[0]
    np.testing.assert_allclose(outputs[:, b, a], expected, rtol=1e-12)
    assert plane.x_shown[a] == pytest.approx(plane.x_values[a] * room.spread[2] + room.mean[2])
    drawn = pictures.regions(room, plane, outputs, at, LIGHT).made["data"]
    shown = {t["name"]: t["z"][b, a] for t in drawn if t["type"] == "heatmap"}
    name = room.raw.class_names[int(expected.argmax())]
    assert [n for n, z in shown.items() if not np.isnan(z)] == [name]


def test_a_name_with_a_tag_stays_text_in_figures():
    own = "<b>a</b>,label\n1,<i>\n2,y\n3,<i>\n4,y\n"
    scenario, room, run = trained(**for_dataset("own", own), own_data=own, steps=5)
    plane = training.input_plane(room, scenario)
    at = training.moment(room, run, 5)
    figure = pictures.regions(room, plane, training.outputs_over(room, at.params, plane), at, LIGHT).made
    assert figure["layout"]["xaxis"]["title"]["text"] == "&lt;b&gt;a&lt;/b&gt;"


# --- exports ----------------------------------------------------------------------------------------------------------


def printed(source):
    done = subprocess.run([sys.executable, "-W", "error", "-c", source], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in done.stdout.splitlines()}


@pytest.mark.parametrize(
    "values",
    [
        {},
        *({"optimizer": name, "lr": 0.1, "biases": True, "batch": 32, "steps": 120} for name in OPTIMIZERS),
        *({"activation": name, "lr": 0.1, "steps": 50} for name in ACTIVATIONS if name != "sigmoid"),
        {"steepness": 2.0, "threshold": 0.5, "threshold_in_nets": True, "hidden_sizes": "5 4", "output": "identity",
         "lr": 0.1, "steps": 50},
    ],
)  # fmt: skip
def test_the_standalone_script_prints_the_loss_of_the_screen(values):
    scenario, room, run = trained(**values)
    at = training.moment(room, run, scenario.room_step)
    source = exports.numpy_script(room, run, at)
    assert "nnlib" not in source
    found = printed(source)
    assert found["loss"] == pytest.approx(at.losses["training"], rel=0, abs=1e-12)
    assert found["test loss"] == pytest.approx(at.losses["test"], rel=0, abs=1e-12)


def test_the_script_of_an_earlier_step_prints_the_loss_of_that_step():
    _, room, run = trained()
    at = training.moment(room, run, 137)
    assert printed(exports.numpy_script(room, run, at))["loss"] == pytest.approx(
        float(run.trajectory.loss[137]), abs=1e-12
    )


@pytest.mark.parametrize(
    "values", [{"optimizer": "rmsprop", "lr": 0.5}, {"lr": 1000.0}, {"optimizer": "momentum", "lr": 30.0}]
)
def test_a_run_that_makes_rounding_grow_is_followed_too(values):
    _, room, run = trained(**values)
    at = training.moment(room, run, 1000)
    found = exports.anchors(room, run, 1000)
    assert 1 < len(found) < 300
    source = exports.numpy_script(room, run, at)
    assert printed(source)["loss"] == pytest.approx(at.losses["training"], rel=0, abs=1e-12)
    # It does follow: told another past, it notices.
    step = max(step for step in found if step < 1000)
    other = source.replace(f"    {step}: [[[", f"    {step}: [[[7")
    assert other != source
    done = subprocess.run([sys.executable, "-c", other], capture_output=True, text=True, check=False)
    assert f"step {step} is another run" in done.stderr


def test_the_default_run_needs_no_help():
    _, room, run = trained()
    assert exports.anchors(room, run, 1000) == {}


def test_a_picture_as_html_needs_no_network_and_says_what_it_shows():
    _, room, run = trained(steps=20)
    losses = pictures.losses(training.curves(room, run), 20, 20, DARK)
    text = pictures.as_html(pictures.to_keep(losses, "Losses <20>", DARK))
    assert "src=" not in re.sub(r"<script[^>]*>.*?</script>", "", text, flags=re.DOTALL)
    assert not re.search(r"<(script|link)[^>]* (src|href)=", text)
    assert "Plotly.newPlot(" in text
    assert f"<p>{losses.alt}</p></body>" in text
    assert DARK.paper in text


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("batch", [0, 16])
def test_the_torch_script_is_python_and_agrees_where_torch_is_installed(optimizer, batch):
    _, room, run = trained(optimizer=optimizer, batch=batch, lr=0.1, steps=40, biases=True)
    at = training.moment(room, run, 40)
    source = exports.torch_script(room, run, at)
    compile(source, "run_torch.py", "exec")
    try:
        import torch  # noqa: F401
    except ImportError:
        return
    assert printed(source)["loss"] == pytest.approx(at.losses["training"], abs=1e-12)


def test_the_run_as_csv_holds_every_number_to_the_last_bit():
    _, room, run = trained(steps=20)
    header, *rows = csv.reader(io.StringIO(exports.run_csv(room, run)))
    assert header[:4] == ["step", "training loss", "test loss", "W1[1,1]"]
    assert len(rows) == 21
    numbers = np.array(rows, dtype=float)
    np.testing.assert_array_equal(numbers[:, 1], run.trajectory.loss)
    np.testing.assert_array_equal(numbers[:, 3:], run.trajectory.params.to_vector())


def test_saved_parameters_load_to_the_same_network():
    _, room, run = trained(
        steps=20, hidden_sizes="3 2", activation="tanh", output="identity", biases=True, steepness=2.0, lr=0.1
    )
    at = training.moment(room, run, 20)
    loaded = exports.read_parameters(exports.parameters_json(room, at).encode(), 4, 3)
    again = training.make_room(Scenario(**loaded.fields), training.Origin(loaded.vector, "a file"))
    assert again.network.sizes == room.network.sizes
    now = training.moment(again, training.go_on(again, 0), 0)
    assert now.losses == at.losses


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": "other"}, "format is missing"),
        ({"sizes": [4, 9, 3]}, "At most 6 of 8 units"),
        ({"sizes": [2, 2, 3]}, "2 inputs and 3 outputs"),
        ({"parameters": {"W1[1,1]": 1.0}}, "Its network needs 14"),
        ({"hidden": {"name": "eval"}}, "not known"),
        ({"sizes": None}, "incomplete"),
    ],
)
def test_a_changed_file_of_parameters_is_refused_in_words(change, message):
    _, room, run = trained(steps=1)
    good = json.loads(exports.parameters_json(room, training.moment(room, run, 1)))
    assert message in exports.read_parameters(json.dumps(good | change).encode(), 4, 3)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200))
def test_random_bytes_are_no_parameters(content):
    assert isinstance(exports.read_parameters(content, 4, 3), str)


# --- bounds -----------------------------------------------------------------------------------------------------------


def test_the_record_of_the_largest_run_is_bounded():
    room = training.make_room(Scenario(hidden_sizes="8 8 8 8 8 8", biases=True, steps=20_000))
    assert room.n_steps * room.start.n_parameters <= MAX_RECORD
    assert "With 427 parameters a run is kept to" in room.messages[0]


def test_the_work_of_the_longest_run_is_bounded():
    room = training.make_room(
        Scenario(**for_dataset("spirals") | {"samples": 500, "hidden_sizes": "2 2 2 2 2 2"}, steps=20_000)
    )
    assert room.n_steps == MAX_DESCENTS // (500 * (2 * 6 + 1))
    assert "With 13 units and 500 samples a run is kept to 15,384 steps instead of 20,000." in room.messages[0]


def test_the_work_of_a_hundred_seeds_is_bounded():
    large = training.make_room(
        Scenario(**for_dataset("spirals") | {"samples": 500, "hidden_sizes": "8 8 8 8 8 8"}, steps=1000)
    )
    each = training.N_SEEDS * len(large.train.X) * (6 * 8 + 1)
    assert training.ensemble_steps(large) == MAX_ENSEMBLE // each < 1000
    assert training.ensemble_steps(training.make_room(Scenario(steps=20_000))) == MAX_ENSEMBLE_STEPS
    assert training.ensemble_steps(training.make_room(Scenario(steps=300))) == 300


def test_scripts_that_are_made_at_once_are_of_short_runs():
    room = training.make_room(Scenario(steps=20_000))
    assert exports.is_brief(room, 1000)
    most = MAX_SCRIPT_AT_ONCE // (len(room.train.X) * 5 + exports.CALLS_OF_A_STEP)
    assert exports.is_brief(room, most)
    assert not exports.is_brief(room, most + 1)
    # As many recorded weights as a script may hold at most are no reason to refuse it.
    many = training.make_room(Scenario(hidden_sizes="8 8 8 8 8 8", biases=True))
    assert not exports.is_brief(many, MAX_ANCHORED // many.start.n_parameters + 1)


def test_a_rehearsal_in_pieces_is_the_one_in_one_go():
    _, room, run = trained(optimizer="rmsprop", lr=0.5, batch=16, biases=True)
    pieces = exports.Rehearsal(room, run)
    while pieces.step < run.n_steps:
        assert pieces.go_on(77) == pieces.step
    for step in (100, 555, 1000):
        found = exports.anchors(room, run, step)
        assert found
        assert pieces.anchors(step).keys() == found.keys()
    brief = exports.Rehearsal(room, run)
    brief.go_on(50)
    with pytest.raises(ValueError, match="followed for 50 steps"):
        brief.anchors(51)


def test_a_run_that_a_script_cannot_follow_is_known(monkeypatch):
    _, room, run = trained(optimizer="rmsprop", lr=0.5)
    first, second, *_ = exports.anchors(room, run, 1000)
    monkeypatch.setattr(exports, "MAX_ANCHORED", run.trajectory.start.n_parameters)
    rehearsal = exports.Rehearsal(room, run)
    assert rehearsal.go_on(1000) == 1000
    assert rehearsal.full
    assert rehearsal.step == second
    assert rehearsal.anchors(second) is None
    assert rehearsal.anchors(second - 1).keys() == {first, second - 1}
    with pytest.raises(ValueError, match="recorded numbers"):
        exports.anchors(room, run, 1000)
