import base64
import dataclasses
import json
import math
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.components import assets
from dashboard.components.live_slider import Follower, Range, Sent, read, read_slide
from dashboard.scene import (
    DASHES,
    MAX_STEPS,
    Curve,
    Look,
    Point,
    Surface,
    fingerprint,
    make_run,
    origin,
    pack_film,
    pack_runs,
    pack_surface,
    read_start,
    shown_steps,
)
from nnlib import (
    GradientDescent,
    Network,
    WeightRef,
    backward,
    descend,
    forward,
    init_params,
    loss_surface,
    sigmoid,
    step,
)

FIRST, SECOND = WeightRef(0, 1, 0), WeightRef(1, 0, 0)
NETWORK = Network((2, 3, 1))
X = np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]])
Y = np.array([[0.0], [1], [1], [0]])
START = init_params(NETWORK, np.random.default_rng(1))
GRID = np.linspace(-4, 4, 9)
LOOK = Look("#000000", "#555555", "#dddddd", "#aa4477", ((0, "#ffffff"), (1, "#000000")))

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(st.text(max_size=6), inside, max_size=3),
    max_leaves=8,
)


def surface(network=NETWORK, params=START, grid=GRID):
    z = loss_surface(network, params, X, Y, FIRST, SECOND, grid, grid)
    return Surface(origin(network, params, X, Y, FIRST, SECOND), grid, grid, z)


def trajectory(n_steps=6, lr=2.0, trainable=(FIRST, SECOND), start=START):
    return descend(NETWORK, start, X, Y, GradientDescent(lr), n_steps, trainable=trainable)


def a_run(label="", **values):
    return make_run(NETWORK, trajectory(**values), X, Y, FIRST, SECOND, label)


def pack(runs, on=None, **settings):
    return pack_runs(runs, on or surface(), names=("a", "b"), light=LOOK, dark=LOOK, **settings)


def unpack(text, dtype="<f8"):
    return np.frombuffer(base64.b64decode(text), dtype)


# --- the live slider --------------------------------------------------------------------------------------------------

TRACK = Range(0.001, 1000, "log")


@given(anything)
def test_whatever_the_browser_sends_the_value_is_in_range_or_nothing(message):
    for allowed in (TRACK, Range(-4, 4), Range(1, 9, whole=True)):
        for sent in (message, {"value": message, "number": 1}, {"value": 1, "number": message}):
            got = read(sent, allowed)
            assert got is None or (isinstance(got, Sent) and allowed.low <= got.value <= allowed.high)
            assert got is None or type(got.value) is float


@pytest.mark.parametrize("value", [True, "7", None, math.nan, [1], {"value": 1}])
def test_what_is_no_number_is_not_taken(value):
    assert TRACK.clamp(value) is None
    assert read({"value": value, "number": 1}, TRACK) is None


def test_numbers_out_of_range_are_brought_to_the_nearest_end():
    assert TRACK.clamp(1e300) == 1000
    assert TRACK.clamp(math.inf) == 1000
    assert TRACK.clamp(-math.inf) == 0.001
    assert TRACK.clamp(10**400) == 1000
    assert TRACK.clamp(0.25) == 0.25
    assert Range(1, 9, whole=True).clamp(2.6) == 3
    assert Range(0.5, 8.5, whole=True).clamp(100) == 8


@pytest.mark.parametrize(("low", "high", "scale"), [(1, 1, "linear"), (2, 1, "linear"), (0, 1, "log"), (-1, 1, "log")])
def test_a_range_that_is_none_is_refused(low, high, scale):
    with pytest.raises(ValueError, match="slider"):
        Range(low, high, scale)


SLIDERS = {"lr:slider": Follower(TRACK, print), "start:slider": Follower(Range(-4, 4), print)}


@given(anything)
def test_a_slider_that_speaks_to_a_follower_is_read_with_the_same_suspicion(message):
    for said in (message, {"slider": message}, {"slider": "lr:slider", "value": message, "number": 1}):
        name, sent = read_slide(said, SLIDERS)
        assert sent is None or (
            name in SLIDERS and SLIDERS[name].allowed.low <= sent.value <= SLIDERS[name].allowed.high
        )


def test_each_slider_that_speaks_to_a_follower_has_its_own_range():
    message = {"value": 7, "number": 3, "final": False}
    assert read_slide(message | {"slider": "lr:slider"}, SLIDERS) == ("lr:slider", Sent(7.0, 3, False))
    assert read_slide(message | {"slider": "start:slider"}, SLIDERS) == ("start:slider", Sent(4.0, 3, False))
    assert read_slide(message | {"slider": "other:slider"}, SLIDERS) == ("", None)


# --- hashes -----------------------------------------------------------------------------------------------------------


def test_the_hash_of_a_surface_ignores_the_two_weights_and_nothing_else():
    here = origin(NETWORK, START, X, Y, FIRST, SECOND)
    assert origin(NETWORK, START.replace(FIRST, 3.0).replace(SECOND, -1.0), X, Y, FIRST, SECOND) == here
    others = [
        origin(NETWORK, START.replace(WeightRef(0, 0, 0), 3.0), X, Y, FIRST, SECOND),
        origin(Network((2, 3, 1), hidden="tanh"), START, X, Y, FIRST, SECOND),
        origin(Network((2, 3, 1), hidden=sigmoid(1.0000001)), START, X, Y, FIRST, SECOND),
        origin(Network((2, 3, 1), hidden=step(1e-9)), START, X, Y, FIRST, SECOND),
        origin(Network((2, 3, 1), hidden=step()), START, X, Y, FIRST, SECOND),
        origin(NETWORK, START, X + 1e-15, Y, FIRST, SECOND),
        origin(NETWORK, START, X, 1 - Y, FIRST, SECOND),
        origin(NETWORK, START, X, Y, SECOND, FIRST),
        origin(NETWORK, START, X, Y, FIRST, WeightRef(1, 1, 0)),
    ]
    assert len({here, *others}) == len(others) + 1


def test_the_hash_tells_values_apart_that_look_alike():
    alike = [0, 0.0, False, "0", None, [], [0], [[0]], np.zeros(1), np.zeros(1, int), np.zeros((1, 1)), -0.0]
    assert len({fingerprint(value) for value in alike}) == len(alike)
    assert fingerprint("ab", "c") != fingerprint("a", "bc")


def test_a_path_of_other_parameters_is_refused():
    other = START.replace(WeightRef(0, 0, 0), 3.0)
    with pytest.raises(ValueError, match="same parameters"):
        pack([a_run(start=other)])
    assert pack([a_run(start=START.replace(FIRST, 2.0))])["surface"] == surface().hash


def test_every_message_names_what_it_was_computed_from():
    message, ground = pack([a_run()]), pack_surface(surface(), "home")
    assert message["surface"] == ground["hash"]
    assert {run["origin"] for run in message["runs"]} == {ground["origin"]}
    assert pack([a_run(lr=3.0)])["hash"] != message["hash"]
    assert pack([a_run(lr=3.0)])["surface"] == message["surface"]
    assert dataclasses.replace(surface(), z=surface().z + 1e-12).hash != surface().hash


# --- packing ----------------------------------------------------------------------------------------------------------


def test_the_numbers_of_a_run_are_the_records_numbers():
    path = trajectory(lr=5.0)
    message = json.loads(json.dumps(pack([make_run(NETWORK, path, X, Y, FIRST, SECOND)])))["runs"][0]
    gradient = backward(NETWORK, path.params, forward(NETWORK, path.params, X), Y).gradient
    assert np.array_equal(unpack(message["first"]), path.params.get(FIRST))
    assert np.array_equal(unpack(message["second"]), path.params.get(SECOND))
    assert np.array_equal(unpack(message["loss"]), path.loss)
    assert np.array_equal(unpack(message["down_first"]), -gradient.get(FIRST))
    assert np.array_equal(unpack(message["down_second"]), -gradient.get(SECOND))


def test_with_the_rest_frozen_the_path_lies_on_the_surface():
    run = make_run(NETWORK, trajectory(50), X, Y, FIRST, SECOND, around=START)
    assert np.abs(run.loss - run.height).max() < 1e-12


def test_with_all_learning_the_path_leaves_the_first_slice_and_the_gap_is_told():
    run = make_run(NETWORK, trajectory(50, trainable=None), X, Y, FIRST, SECOND, around=START)
    assert run.loss[0] == run.height[0]
    assert abs(run.loss[-1] - run.height[-1]) > 1e-6
    assert np.array_equal(unpack(pack([run], mode="first")["runs"][0]["height"]), run.height)


def test_a_surface_travels_as_float32_with_a_row_for_each_value_of_the_second_weight():
    ground = surface()
    message = pack_surface(ground, "home")
    z = unpack(message["z"], "<f4").reshape(len(ground.y), len(ground.x))
    assert np.array_equal(z, ground.z.astype(np.float32))
    with pytest.raises(ValueError, match="shape"):
        pack_surface(dataclasses.replace(ground, x=GRID[:-1]), "home")


def film(frames, ground):
    """The frames as the browser puts them together again, and the messages they came in."""
    on = dataclasses.replace(ground, frames=frames, frame_steps=np.arange(len(frames)))
    low, high = pack_surface(on, "home")["frame_range"]
    messages = pack_film(on, "home")
    parts = []
    for message in messages:
        assert message["hash"] == on.hash
        assert message["first"] == sum(map(len, parts))
        halves = np.frombuffer(zlib.decompress(base64.b64decode(message["frames"])), np.uint8).reshape(2, -1)
        part = (halves[0] + 256 * halves[1].astype(np.uint16)).reshape(-1, *frames.shape[1:])
        parts.append(part.cumsum(2, dtype=np.uint16).cumsum(0, dtype=np.uint16))
    return low + np.concatenate(parts) / 65535 * (high - low), messages


def test_a_film_of_surfaces_travels_in_parts_with_sixteen_bits_a_point():
    grid = np.linspace(-4, 4, 41)
    ground = surface(grid=grid)
    frames = ground.z * np.linspace(1, 1.3, 25)[:, None, None] + np.sin(np.arange(41) / 9)
    shown, messages = film(frames, ground)
    assert np.abs(shown - frames).max() <= (frames.max() - frames.min()) / 65535
    assert [m["first"] for m in messages] == [0, 10, 20]
    assert sum(len(m["frames"]) for m in messages) < 2 * frames.size
    assert pack_film(ground, "home") == []


def test_a_flat_film_is_packed_too():
    ground = surface()
    shown, _ = film(np.full((2, *ground.z.shape), 0.25), ground)
    assert (shown == 0.25).all()


@given(st.integers(0, 30_000))
def test_the_shown_steps_begin_at_0_end_at_the_last_and_stay_few(n_steps):
    steps = shown_steps(n_steps)
    assert steps[0] == 0
    assert steps[-1] == n_steps
    assert len(steps) <= MAX_STEPS
    assert (np.diff(steps) > 0).all()
    if n_steps < MAX_STEPS:
        assert len(steps) == n_steps + 1


def test_a_path_that_stands_still_travels_as_one_number():
    message = pack([a_run(lr=0.0)])["runs"][0]
    assert unpack(message["first"]) == START.get(FIRST)
    assert len(unpack(message["loss"])) == 1


def test_a_long_run_costs_a_bounded_number_of_bytes():
    assert len(json.dumps(pack([a_run(n_steps=2000)]))) < 9_000


def test_a_stage_takes_one_to_five_runs_that_share_their_steps():
    five = [a_run(str(k), lr=1.0 + k) for k in range(5)]
    assert len(pack(five)["runs"]) == 5
    assert len(set(DASHES)) == 5
    for wrong in ([], [*five, five[0]]):
        with pytest.raises(ValueError, match="1 to 5"):
            pack(wrong)
    with pytest.raises(ValueError, match="share their steps"):
        pack([a_run(), a_run(n_steps=7)])
    many = trajectory(start=init_params(NETWORK, np.random.default_rng(0), (2,)))
    with pytest.raises(ValueError, match="one descent"):
        make_run(NETWORK, many, X, Y, FIRST, SECOND)


def test_a_loss_curve_beside_the_runs_has_their_steps():
    assert unpack(pack([a_run()], curves=[Curve("all", np.arange(7.0))])["curves"][0]["loss"], "<f4")[-1] == 6
    with pytest.raises(ValueError, match="one value for each step"):
        pack([a_run()], curves=[Curve("all", np.arange(6.0))])


# --- what comes back --------------------------------------------------------------------------------------------------


@given(anything)
def test_whatever_the_browser_sends_a_start_lies_on_the_surface_or_is_refused(value):
    ground = surface()
    for first in (value, 0.5):
        got = read_start({"first": first, "second": value, "surface": ground.hash}, ground)
        assert got is None or (abs(got.first) <= 4 and abs(got.second) <= 4)
    assert read_start(value, ground) is None


def test_a_click_on_the_surface_that_is_shown_is_taken_as_it_is():
    ground = surface()
    message = {"first": 1.25, "second": -3, "surface": ground.hash}
    assert read_start(message, ground) == Point(1.25, -3.0)
    assert read_start(message, surface(grid=GRID / 2)) is None
    assert read_start(message | {"first": 4.0001}, ground) is None
    assert read_start(message | {"first": True}, ground) is None


# --- the files --------------------------------------------------------------------------------------------------------


def test_each_component_has_its_script_and_style_and_nothing_else_is_served():
    names = {name.rpartition(".")[0] for name in assets.files()}
    assert {"figure", "live_slider", "stage"} <= names
    assert set(assets.files()) == {f"{name}.{end}" for name in names for end in ("js", "css")}
    for name, content in assets.files().items():
        assert content.strip(), name


def test_scripts_put_text_on_the_page_only_as_text():
    for name, content in assets.files().items():
        for forbidden in (b"innerHTML", b"insertAdjacentHTML", b"outerHTML", b"document.write", b"eval("):
            assert forbidden not in content, name
