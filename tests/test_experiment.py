import numpy as np
import pytest

import nnlib as nn
from dashboard import experiment
from dashboard.scenario import MAX_DESCENTS, MAX_RECORD, Scenario, for_dataset, packed


def run(scenario):
    problem = experiment.make_problem(scenario)
    runs = experiment.train(scenario, problem, scenario.steps)
    return problem, [experiment.make_column(scenario, problem, place, runs[place]) for place in (0, 1)]


@pytest.fixture(scope="module")
def opening():
    return run(Scenario())


def test_step_opens_with_at_least_twenty_levels(opening):
    _, (left, _) = opening
    assert left.ground.terraces.levels >= 20
    assert 0 < left.ground.terraces.changing_share < 0.5


def test_step_has_no_gradient_anywhere_and_does_not_move(opening):
    _, (left, right) = opening
    assert left.ground.steepest == 0.0
    assert left.moved == 0.0
    assert left.ground.n_field == 441
    assert all(z.zeros == z.total for z in left.slopes)
    assert [(z.factor, z.total) for z in left.slopes] == [("dO_out/dO_in", 450), ("dH_out/dH_in", 300)]
    assert right.ground.steepest > 1e-3
    assert all(z.zeros == 0 for z in right.slopes)


def test_path_lies_on_the_surface(opening):
    problem, columns = opening
    X, Y = problem.dataset.X, problem.dataset.Y
    for column in columns:
        first, second, loss = column.path
        for t in (0, 1, 17, 500, 1000):
            height = nn.loss_surface(
                column.network, column.start, X, Y, *column.refs, first[t : t + 1], second[t : t + 1]
            )
            assert abs(height[0, 0] - loss[t]) < 1e-12


def test_both_columns_start_from_the_same_weights_and_data(opening):
    problem, (left, right) = opening
    assert left.start is right.start is problem.start
    assert left.refs == right.refs
    assert [n.sizes for n in problem.networks] == [(4, 2, 3), (4, 2, 3)]
    assert not problem.networks[0].biases
    np.testing.assert_allclose(problem.dataset.X.mean(0), 0, atol=1e-12)
    np.testing.assert_allclose(problem.dataset.X.std(0), 1, atol=1e-12)


def test_accuracy_before_and_after(opening):
    _, (left, right) = opening
    # The step network answers (0, 0, 0) or ties for every flower, and a tie is wrong.
    assert left.accuracy_before == left.accuracy_after == 0.0
    assert right.accuracy_after == 0.96


@pytest.mark.parametrize("seed", [0, 1, 2, 3, 4, 5, 6, 7])
def test_threshold_two_leaves_one_level_over_two_first_layer_weights(seed):
    _, (left, _) = run(Scenario(seed=seed, threshold_in_nets=True, steps=1))
    assert left.ground.terraces.levels == 1
    assert left.network.hidden.breaks == (2.0,)


def test_grid_grows_to_hold_the_path():
    _, (left, right) = run(Scenario(low=-1.0, high=1.0))
    first, second, _ = right.path
    assert first.max() > 1
    assert second.min() < -1
    assert right.ground.first_values[0] == -1
    assert right.ground.first_values[-1] > first.max()
    assert right.ground.second_values[0] < second.min()
    assert right.ground.second_values[-1] >= second.max()
    assert left.ground.first_values[-1] == 1


def test_a_runaway_path_is_drawn_as_far_as_the_widest_picture():
    _, (_, right) = run(Scenario(activation="identity"))
    width = 16
    assert 0 < right.n_drawn < right.runs.pair.n_steps
    first, second, loss = right.path
    assert len(first) == len(second) == len(loss) == right.n_drawn
    assert max(np.abs(first).max(), np.abs(second).max()) <= 8 + experiment.MAX_GROWTH * width
    assert np.isfinite(right.ground.surface).all()


def test_threshold_and_steepness_reach_both_nets():
    s = Scenario(threshold=-1.5, threshold_in_nets=True, steepness=3.0)
    left, right = experiment.make_problem(s).networks
    assert left.hidden.breaks == (-1.5,)
    assert (right.hidden.form.steepness, right.hidden.form.threshold) == (3.0, -1.5)
    left, right = experiment.make_problem(Scenario(threshold=-1.5, steepness=3.0)).networks
    assert left.hidden.breaks == (0.0,)
    assert (right.hidden.form.steepness, right.hidden.form.threshold) == (3.0, 0.0)


def test_training_in_chunks_gives_the_same_bits():
    s = Scenario(steps=30, optimizer="adam")
    problem = experiment.make_problem(s)
    whole = experiment.train(s, problem, 30)
    parts = None
    for chunk in (7, 1, 22):
        parts = experiment.train(s, problem, chunk, parts)
    for one, other in zip(whole, parts, strict=True):
        for name in ("pair", "full"):
            np.testing.assert_array_equal(
                getattr(one, name).params.to_vector(), getattr(other, name).params.to_vector()
            )
            np.testing.assert_array_equal(getattr(one, name).loss, getattr(other, name).loss)


def test_a_large_net_gets_fewer_steps_and_a_message():
    problem = experiment.make_problem(Scenario(hidden_layers=3, hidden_units=8, steps=20_000))
    assert problem.n_steps * problem.start.n_parameters <= MAX_RECORD
    assert "184 parameters" in problem.messages[0]
    assert "5,434 steps" in problem.messages[0]


@pytest.mark.parametrize("starts", [[], [1.0, 2.0], [1.0, 2.0] * 4])
def test_many_samples_get_fewer_steps_and_all_paths_together_stay_within_the_work(starts):
    s = Scenario(
        **for_dataset("spirals")
        | {"samples": 500, "hidden_units": 2, "hidden_layers": 6, "steps": 20_000, "first": "W1[1,1]"}
    )
    problem = experiment.make_problem(s.changed(second="W7[1,1]", other_starts=packed(starts)))
    n_descents, each = 2 + len(starts) // 2, 500 * (2 * 6 + 1)
    assert problem.n_steps == MAX_DESCENTS // (each * n_descents)
    assert f"13 units, 500 samples and {n_descents} descents" in problem.messages[0]
    assert f"a run is kept to {problem.n_steps:,} steps instead of 20,000." in problem.messages[0]
    assert "kept to" not in "".join(experiment.make_problem(s.changed(steps=2564)).messages)


def test_a_new_learning_rate_keeps_the_surface_and_another_weight_does_not():
    scenario = Scenario(steps=5, resolution=11)
    problem = experiment.make_problem(scenario)
    before = experiment.make_ground(scenario, problem, 1, experiment.train(scenario, problem, 5)[1])
    faster = scenario.changed(lr=11.0)
    runs = experiment.train(faster, problem, 5)[1]
    assert experiment.make_ground(faster, problem, 1, runs, before) is before
    own = scenario.changed(own_start=True, start_first=1.0, start_second=-2.0)
    again = experiment.make_problem(own)
    runs = experiment.train(own, again, 5)[1]
    assert experiment.make_ground(own, again, 1, runs, before) is before
    for other in (scenario.changed(seed=7), scenario.changed(first="W1[1,1]"), scenario.changed(steepness=2.0)):
        there = experiment.make_problem(other)
        runs = experiment.train(other, there, 5)[1]
        assert experiment.make_ground(other, there, 1, runs, before).origin != before.origin


def test_a_chosen_start_moves_the_two_weights_and_no_other():
    seeded, own = (
        experiment.make_problem(s) for s in (Scenario(), Scenario(own_start=True, start_first=1.5, start_second=-2.0))
    )
    first, second = own.refs
    assert (own.start.get(first), own.start.get(second)) == (1.5, -2.0)
    back = own.start.replace(first, seeded.start.get(first)).replace(second, seeded.start.get(second))
    np.testing.assert_array_equal(back.to_vector(), seeded.start.to_vector())


@pytest.mark.parametrize(
    ("dataset", "levels"),
    [("xor", 3), ("and", 5), ("or", 5), ("moons", 20), ("circles", 10), ("spirals", 15), ("blobs", 20)],
)
def test_every_data_set_opens_on_terraces_and_a_sigmoid_that_learns(dataset, levels):
    # Four samples and one output allow five levels at most, 0 to 4 wrong answers; XOR has three wherever we looked.
    _, (left, right) = run(Scenario(**for_dataset(dataset)))
    assert left.ground.terraces.levels >= levels
    assert right.accuracy_after >= 0.95
    assert right.runs.pair.loss[-1] < 0.86 * right.runs.pair.loss[0]


@pytest.mark.parametrize("seed", range(12))
def test_the_steps_start_stands_on_a_cell_of_its_own_height(seed):
    _, (left, _) = run(Scenario(seed=seed, steps=1))
    (first, *_), (second, *_), (loss, *_) = left.path
    ground = left.ground
    row, column = np.flatnonzero(ground.second_values == second), np.flatnonzero(ground.first_values == first)
    assert ground.surface[row, column] == [loss]
    assert (np.diff(ground.first_values) > 0).all()
    assert (np.diff(ground.second_values) > 0).all()


@pytest.mark.parametrize("optimizer", ["gradient descent", "momentum", "nesterov", "rmsprop", "adam"])
def test_a_descent_that_stands_still_is_recorded_without_its_steps_and_the_same(optimizer):
    s = Scenario(steps=9, optimizer=optimizer)
    problem = experiment.make_problem(s)
    X, Y = problem.dataset.X, problem.dataset.Y
    first = experiment.train(s, problem, 4)
    whole = experiment.train(s, problem, 5, first)
    for got, trainable in ((whole[0].pair, problem.refs), (whole[0].full, None)):
        by_hand = nn.descend(
            problem.networks[0], problem.start, X, Y, nn.OPTIMIZERS[optimizer](s.lr), 9, trainable=trainable
        )
        np.testing.assert_array_equal(got.params.to_vector(), by_hand.params.to_vector())
        np.testing.assert_allclose(got.loss, by_hand.loss, rtol=1e-15)
        assert got.diverged_at == by_hand.diverged_at == -1
    assert (whole[1].pair.params.to_vector()[1:] != whole[1].pair.params.to_vector()[:-1]).any(-1).all()


def test_under_a_moving_hand_the_ground_is_held_as_long_as_the_path_lies_on_it():
    s = Scenario(steps=20)
    problem = experiment.make_problem(s)
    runs = experiment.train(s, problem, 20)
    known = [experiment.make_ground(s, problem, place, runs[place]) for place in (0, 1)]
    moved = s.changed(own_start=True, start_first=1.234, start_second=-5.6)
    there = experiment.make_problem(moved)
    for place in (0, 1):
        runs = experiment.train(moved, there, 20)[place]
        held = experiment.make_ground(moved, there, place, runs, known[place], hold=True)
        assert held is known[place]
    far = s.changed(own_start=True, start_first=40.0)
    there = experiment.make_problem(far)
    ground = experiment.make_ground(far, there, 1, experiment.train(far, there, 20)[1], known[1], hold=True)
    assert ground.first_values[-1] > 40
    other = s.changed(seed=7)
    there = experiment.make_problem(other)
    assert experiment.make_ground(other, there, 1, experiment.train(other, there, 20)[1], known[1], hold=True).of != (
        known[1].of
    )
