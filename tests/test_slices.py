import json

import numpy as np
import pytest

import nnlib as nn
from dashboard import experiment, figures, slices
from dashboard.scenario import Scenario
from dashboard.scene import pack_runs, pack_surface


@pytest.fixture(scope="module")
def trained():
    scenario = Scenario(steps=300, resolution=21)
    problem = experiment.make_problem(scenario)
    return scenario, problem, experiment.train(scenario, problem, 300)[1]


def cut(trained, mode, kind="weights"):
    return slices.slice_of(*trained, mode, kind)


def test_with_the_rest_frozen_the_path_lies_on_the_surface(trained):
    piece = cut(trained, "freeze")
    assert figures.largest_gap(piece) < 1e-12
    assert piece.run.height is not None
    _, problem, runs = trained
    np.testing.assert_array_equal(piece.run.loss, runs.pair.loss[piece.run.steps])
    heights = [
        nn.loss_surface(problem.networks[1], problem.start, *_data(problem), *problem.refs, a, b)[0, 0]
        for a, b in zip(piece.run.first[:, None], piece.run.second[:, None], strict=True)
    ]
    np.testing.assert_allclose(heights, piece.run.loss, atol=1e-12)


def test_each_steps_own_slice_meets_the_path(trained):
    piece = cut(trained, "reslice")
    assert figures.largest_gap(piece) < 1e-12
    _, problem, runs = trained
    np.testing.assert_array_equal(piece.run.loss, runs.full.loss[piece.run.steps])
    assert 2 <= piece.n_frames <= slices.FRAMES
    assert set(piece.surface.frame_steps) <= set(piece.run.steps)
    for k in (0, piece.n_frames // 2, piece.n_frames - 1):
        there = runs.full.params[piece.surface.frame_steps[k]]
        wanted = nn.loss_surface(
            problem.networks[1], there, *_data(problem), *problem.refs, piece.surface.x, piece.surface.y
        )
        np.testing.assert_allclose(piece.surface.frames[k], wanted, atol=1e-12)


def test_the_first_slice_starts_on_the_path_and_tells_the_gap(trained):
    piece = cut(trained, "first")
    assert abs(piece.gap[0]) < 1e-15
    assert abs(piece.gap[-1]) > 1e-3
    np.testing.assert_allclose(piece.run.loss - piece.gap, piece.run.height, rtol=0, atol=1e-15)


@pytest.mark.parametrize("kind", ["random", "path"])
def test_a_plane_shows_the_gap_and_the_share_it_explains(trained, kind):
    piece = cut(trained, "first", kind)
    assert piece.names == ("direction 1", "direction 2")
    assert 0 < piece.share <= 1
    assert abs(piece.gap[0 if kind == "random" else -1]) < 1e-12, "the plane passes through the start, or the end"
    assert np.isfinite(piece.surface.z).all()
    assert piece.surface.x[0] < piece.run.first.min()
    assert piece.surface.x[-1] > piece.run.first.max()


def test_the_paths_own_directions_explain_more_than_random_ones(trained):
    assert cut(trained, "first", "path").share > cut(trained, "first", "random").share
    assert cut(trained, "first", "path").share > 0.9


def test_the_gradient_over_a_plane_is_the_slope_of_its_surface(trained):
    scenario, problem, runs = trained
    piece = cut(trained, "first", "path")
    steps = piece.run.steps
    plane = nn.trajectory_plane(runs.full.params[steps])
    here, eps = runs.full.params[steps[5]], 1e-5
    for direction, down in ((plane.u, piece.run.down_first[5]), (plane.v, piece.run.down_second[5])):
        up, low = (
            nn.mse(
                nn.forward(problem.networks[1], here + s * eps * direction, problem.dataset.X).O_out, problem.dataset.Y
            )
            for s in (1, -1)
        )
        assert -(up - low) / (2 * eps) == pytest.approx(down, abs=1e-8)
    assert scenario.slice_mode in ("freeze", "reslice", "first")


@pytest.mark.parametrize(
    ("mode", "kind"),
    [("freeze", "weights"), ("reslice", "weights"), ("first", "weights"), ("first", "random"), ("first", "path")],
)
def test_every_slice_can_be_sent(trained, mode, kind):
    piece = cut(trained, mode, kind)
    scene = figures.slice_scene(piece, "sigmoid")
    surface, runs = scene.pop("surface"), scene.pop("runs")
    ground, path = pack_surface(surface, "slice"), pack_runs(runs, surface, **scene)
    assert path["surface"] == ground["hash"]
    assert path["runs"][0]["origin"] == ground["origin"]
    assert path["mode"] == mode
    assert len(json.dumps(ground)) < 25_000
    assert piece.n_bytes < 100_000
    assert bool(piece.film) == (mode == "reslice")


def _data(problem):
    return problem.dataset.X, problem.dataset.Y
