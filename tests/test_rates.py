from dataclasses import replace

import numpy as np
import pytest

import nnlib as nn
from dashboard import experiment, figures, rates
from dashboard.scenario import LIMITS, Scenario, for_dataset
from dashboard.theme import LIGHT


def make(is_bowl=True, **values):
    scenario = Scenario(**values)
    return rates.make_lab(scenario, experiment.make_problem(scenario), is_bowl)


@pytest.fixture(scope="module")
def bowl():
    return make()


def away(lab, path):
    both = np.stack([path.params.get(ref) - lab.bottom.get(ref) for ref in lab.refs], -1)
    return both @ lab.bowl.directions


def test_the_bowl_is_exactly_quadratic(bowl):
    X, Y = bowl.dataset.X, bowl.dataset.Y
    there = nn.curvature(bowl.network, bowl.start, X, Y, *bowl.refs)
    np.testing.assert_allclose(there.hessian, bowl.bowl.hessian, rtol=1e-10)
    gradient = nn.backward(bowl.network, bowl.bottom, nn.forward(bowl.network, bowl.bottom, X), Y).gradient
    assert np.abs([gradient.get(ref) for ref in bowl.refs]).max() < 1e-14
    d = np.array([bowl.start.get(ref) - bowl.bottom.get(ref) for ref in bowl.refs])
    rise = rates.losses_at(bowl, bowl.start) - rates.losses_at(bowl, bowl.bottom)
    assert rise == pytest.approx(d @ bowl.bowl.hessian @ d / 2, rel=1e-10)


@pytest.mark.parametrize("share", [0.01, 0.1, 0.3, 0.49, 0.51, 0.7, 0.9, 0.99, 1.01, 1.1, 2.0, 5.0])
def test_in_the_bowl_every_prediction_comes_true(bowl, share):
    (trial,) = rates.trials(bowl, [share * bowl.prediction.limit])
    wanted = "no overshoot" if share < 0.5 else "zig-zag" if share < 1 else "cannot settle"
    assert trial.predicted == trial.observed == wanted


def test_each_step_multiplies_the_distance_by_one_minus_rate_times_curvature(bowl):
    (trial,) = rates.trials(bowl, [0.7 * bowl.prediction.limit])
    distance = away(bowl, trial.path)
    for k, curve in enumerate(bowl.bowl.eigenvalues):
        np.testing.assert_allclose(distance[1:8, k], distance[:7, k] * (1 - trial.rate * curve), atol=1e-12)
    assert trial.factor == pytest.approx(1 - 1.4)


def test_a_path_may_bend_without_overshooting(bowl):
    (trial,) = rates.trials(bowl, [0.4 * bowl.prediction.limit])
    distance = away(bowl, trial.path)[:6]
    assert (np.diff(np.abs(distance), axis=0) < 0).all()
    moves = np.diff(distance, axis=0)
    assert abs(moves[0, 0] * moves[1, 1] - moves[0, 1] * moves[1, 0]) > 1e-6
    assert trial.observed == "no overshoot"


def test_a_rate_far_too_large_is_stopped_at_its_last_finite_state(bowl):
    (trial,) = rates.trials(bowl, [5 * bowl.prediction.limit])
    assert 0 < trial.stopped_at < rates.N_STEPS
    assert np.isfinite(trial.path.loss).all()
    assert trial.path.loss[-1] > 1e290
    assert trial.factor == pytest.approx(-9)


def test_a_sigmoid_net_that_is_still_on_its_way_gets_no_prediction():
    lab = make(is_bowl=False)
    assert lab.prediction.limit is None
    assert "still on their way" in lab.prediction.why
    tried = rates.trials(lab, [1.0, 1000.0])
    assert [trial.predicted for trial in tried] == ["no prediction"] * 2
    assert all(trial.stopped_at < 0 and trial.path.loss.max() < 1 for trial in tried), "sigmoid outputs stay finite"


def test_near_a_minimum_curvature_predicts_a_net_too():
    lab = make(is_bowl=False, activation="softplus")
    assert lab.prediction.limit is not None
    low, high = lab.bowl.eigenvalues
    assert low > 0
    assert lab.prediction.limit == pytest.approx(2 / high)
    tried = rates.trials(lab, [0.3 * lab.prediction.limit])
    assert tried[0].predicted == tried[0].observed == "no overshoot"
    assert rates.full_limit(lab) < lab.prediction.limit


def test_a_start_outside_the_bowl_gets_no_prediction():
    lab = make(is_bowl=False, activation="tanh")
    assert lab.prediction.limit is None
    assert "the start is not in its bowl" in lab.prediction.why


def test_where_the_hidden_units_answer_0_the_bowl_is_flat_and_nothing_is_predicted():
    data = "x,y,label\n-1e6,-1e6,0\n-2e6,-2.1e6,1\n-3e6,-3e6,0\n-4e6,-4e6,1\n"
    own = for_dataset("own", data) | {"own_data": data, "dataset": "own", "standardize": False}
    labs = [make(**own | {"seed": seed}) for seed in range(100)]
    flat = [lab for lab in labs if lab.prediction.limit is None]
    assert 0 < len(flat) < len(labs)
    for lab in flat:
        assert "every rate up to 1,000 is too small" in lab.prediction.why
        assert np.isfinite(rates.sweep(lab)[1]).all()


@pytest.mark.parametrize("limit", [1e-9, 0.01, 10.0, 1e4])
def test_the_slider_always_offers_rates_that_are_allowed(bowl, limit):
    low, high = replace(bowl, prediction=rates.Prediction(limit / 2, limit, "")).ends
    allowed = LIMITS["lab_rate"]
    assert max(low, allowed.low) < min(high, allowed.high) / 10


def test_a_step_has_nothing_to_predict():
    lab = make(is_bowl=False, activation="step")
    assert lab.prediction.limit is None
    assert "no slope" in lab.prediction.why
    assert rates.trials(lab, [1.0])[0].path.loss[-1] == rates.losses_at(lab, lab.start)


def test_the_sweep_is_the_single_descents_side_by_side(bowl):
    swept, final = rates.sweep(bowl)
    assert len(swept) >= 100
    for k in (0, 40, 77):
        (trial,) = rates.trials(bowl, [swept[k]])
        assert final[k] == pytest.approx(trial.path.loss[-1], rel=1e-9)
    limit = bowl.prediction.limit
    start = rates.losses_at(bowl, bowl.start)
    assert (final[swept < 0.99 * limit] < start).all()
    assert (final[swept > 1.1 * limit] > start).all()


def test_the_surface_holds_start_and_bottom_and_is_the_same_for_every_rate(bowl):
    surface = rates.surface(bowl)
    for axis, ref in ((surface.x, bowl.refs[0]), (surface.y, bowl.refs[1])):
        for params in (bowl.start, bowl.bottom):
            assert axis[0] < params.get(ref) < axis[-1]
    runs = rates.runs(bowl, rates.trials(bowl, [1.0, 2.0]), ["a", "b"], figures.FIVE)
    assert {run.origin for run in runs} == {surface.origin}
    assert len({run.dash for run in runs}) == len({run.light for run in runs}) == 2


@pytest.mark.parametrize("step", [0, 1, 7, 20])
def test_the_parts_of_an_update_add_up_to_it(bowl, step):
    used = rates.optimizer_rates(bowl)
    for name, path in rates.compare_optimizers(bowl).items():
        parts = rates.update_parts(bowl, name, used[name], path, step)
        moved = [path.params.get(ref)[step + 1] - path.params.get(ref)[step] for ref in bowl.refs]
        total = [sum(part.first for part in parts), sum(part.second for part in parts)]
        np.testing.assert_allclose(total, moved, rtol=1e-9, atol=1e-12, err_msg=name)
        remembers = name in ("momentum", "nesterov", "adam") and step > 0
        assert len(parts) == (2 if remembers else 1), name


def test_pictures_of_the_lab_are_finite_and_worded(bowl):
    swept, final = rates.sweep(bowl)
    picture = figures.sweep(bowl, swept, final, 5.0, LIGHT)
    assert np.isfinite(np.asarray(picture.figure.data[0].y, float)).all()
    assert f"{len(swept)} learning rates" in picture.alt
    used, paths = rates.optimizer_rates(bowl), rates.compare_optimizers(bowl)
    named = {name: rates.update_parts(bowl, name, used[name], path, 4) for name, path in paths.items()}
    picture = figures.updates(named, LIGHT)
    assert "Adam moves by" in picture.alt
    assert len(figures.optimizer_runs(bowl, paths, used)) == 5
    table = figures.trial_table(bowl, rates.trials(bowl, [5.0]), ["yours"])
    assert table["predicted"] == table["observed"] == ["no overshoot"]
