import numpy as np
import pytest

from dashboard import experiment, figures
from dashboard.scenario import Scenario
from dashboard.scene import pack_runs
from dashboard.text import number
from dashboard.theme import DARK, LIGHT
from nnlib import ACTIVATIONS, sigmoid, step


@pytest.fixture(scope="module")
def columns():
    scenario = Scenario(steps=50, resolution=21)
    problem = experiment.make_problem(scenario)
    runs = experiment.train(scenario, problem, 50)
    return [experiment.make_column(scenario, problem, place, runs[place]) for place in (0, 1)]


def lines(picture, yaxis):
    return [
        t
        for t in picture.figure.data
        if t.mode == "lines" and t.yaxis == yaxis and t.line.width == 3 and not t.line.dash
    ]


def test_the_jump_is_no_vertical_line():
    picture = figures.curves(step(2.0), None, 0.0, "#000000", LIGHT)
    left, right = lines(picture, "y")
    assert left.x.max() < 2.0 <= right.x.min()
    assert set(left.y) == {0.0}
    assert set(right.y) == {1.0}
    for half in lines(picture, "y2"):
        assert set(half.y) == {0.0}


def test_jump_has_an_open_and_a_closed_end_and_the_slope_a_hole():
    picture = figures.curves(step(2.0), None, 0.0, "#123456", LIGHT)
    ends = {(t.yaxis, t.y[0]): t.marker.color for t in picture.figure.data if t.mode == "markers" and t.x[0] == 2.0}
    assert ends == {("y", 0.0): LIGHT.paper, ("y", 1.0): "#123456", ("y2", 0.0): LIGHT.paper}
    assert "jumps from 0 to 1 at 2, where it has no slope" in picture.alt


def test_sigmoid_has_its_largest_slope_marked():
    picture = figures.curves(sigmoid(), None, 1.0, "#000000", LIGHT)
    peak = next(t for t in picture.figure.data if t.mode == "markers+text")
    assert (peak.x[0], peak.y[0]) == (0.0, 0.25)
    assert peak.text[0].strip() == "0.25 at 0"


@pytest.mark.parametrize(("k", "flat"), [(1.0, 0.43), (4.0, 0.80), (50.0, 0.975)])
def test_peak_slope_is_a_quarter_of_k_and_the_flat_share_grows(k, flat):
    top = figures.peak(sigmoid(k, 1.0))
    assert top.x == 1.0
    assert top.slope == pytest.approx(k / 4)
    assert top.flat_share == pytest.approx(flat, abs=0.02)


def test_tangent_touches_the_curve_with_its_slope():
    picture = figures.curves(sigmoid(), None, 1.0, "#000000", LIGHT)
    tangent = next(t for t in picture.figure.data if t.name == "tangent")
    slope = (tangent.y[1] - tangent.y[0]) / (tangent.x[1] - tangent.x[0])
    assert slope == pytest.approx(0.19661193324148185)  # sigma(1) (1 - sigma(1)) = .7310586 * .2689414
    assert np.interp(1.0, tangent.x, tangent.y) == pytest.approx(0.7310585786300049)


def test_no_tangent_where_there_is_no_slope():
    picture = figures.curves(step(2.0), None, 2.0, "#000000", LIGHT)
    assert not [t for t in picture.figure.data if t.name == "tangent"]
    assert "it has no slope" in picture.alt


@pytest.mark.parametrize("name", list(ACTIVATIONS))
@pytest.mark.parametrize("colours", [LIGHT, DARK])
def test_every_activation_has_a_picture_with_finite_numbers(name, colours):
    picture = figures.curves(ACTIVATIONS[name], sigmoid(), 0.0, colours.step, colours)
    for trace in picture.figure.data:
        assert np.isfinite(np.asarray(trace.y, float)).all()
    assert name in picture.alt


def test_a_scene_is_one_column_with_the_two_weights_names(columns):
    for column in columns:
        scene = figures.scene(column, tuple(columns))
        surface, (run,), (whole,) = scene["surface"], scene["runs"], scene["curves"]
        assert scene["names"] == ("W1[2,2]", "W1[3,1]")
        assert surface.terraces == (column.network.hidden.name == "step")
        assert surface.z is column.ground.surface
        assert run.origin == surface.origin
        np.testing.assert_array_equal(run.first, column.runs.pair.params.get(column.refs[0]))
        np.testing.assert_array_equal(run.loss, column.runs.pair.loss)
        np.testing.assert_array_equal(whole.loss, column.runs.full.loss)
        assert (run.dash, whole.dash) == ("solid", "dash")
        assert pack_runs([run], surface, **{k: scene[k] for k in ("names", "light", "dark", "curves")})


def test_loss_curves_share_one_axis(columns):
    ranges = [figures.scene(column, tuple(columns))["loss_range"] for column in columns]
    assert ranges[0] == ranges[1]
    assert ranges[0] == (0, max(float(r.loss.max()) for c in columns for r in (c.runs.pair, c.runs.full)))


def test_the_words_of_a_stage_name_network_axes_levels_and_path():
    scenario = Scenario(lr=1.0)
    problem = experiment.make_problem(scenario)
    runs = experiment.train(scenario, problem, 1000)
    columns = tuple(experiment.make_column(scenario, problem, place, runs[place]) for place in (0, 1))
    left, right = (figures.scene(column, columns) for column in columns)
    assert (left["who"], right["who"]) == ("step", "sigmoid")
    assert left["alt"]["surface"] == (
        "The loss of the step network over W1[2,2] from −8 to 8 and W1[3,1] from −8 to 8: 60 levels between 0.2411 and "
        "0.3378. Descent: two weights: stays at (−0.251, 0.9749), MSE 0.32 at the start, 0.32 after 1,000 steps."
    )
    words = right["alt"]["surface"]
    assert words.startswith(
        "The loss of the sigmoid network over W1[2,2] from −8 to 8 and W1[3,1] from −8 to 8: between"
    )
    end = columns[1].runs.pair
    assert f"to ({number(end.end.get(problem.refs[0]))}, {number(end.end.get(problem.refs[1]))})" in words
    assert (
        f"whole net: 0.1503 at the start, {number(columns[1].runs.full.loss[-1])} at the end" in right["alt"]["losses"]
    )
    assert figures.other_heights(columns)
