"""Half the mean squared error, its slope, and the share of right answers."""

import numpy as np
import pytest

from nnlib import accuracy, confusion, mse, mse_slope


def test_the_loss_worked_by_hand():
    O_out = np.array([[1.0, 2.0], [3.0, 5.0], [0.0, 0.5]])
    Y = np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]])
    # squares 0 + 4, 9 + 16, 0 + .25 = 29.25; 6 target values; half the mean = 29.25 / 12
    assert mse(O_out, Y) == 29.25 / 12
    # (O - Y) / 6
    np.testing.assert_allclose(mse_slope(O_out, Y) * 6, [[0, 2], [3, 4], [0, 0.5]], rtol=1e-15)


def test_the_slope_is_the_central_difference_of_the_loss():
    rng, eps = np.random.default_rng(1), 1e-5
    O_out, Y = rng.normal(size=(4, 3)), rng.normal(size=(4, 3))
    nudge = eps * np.eye(12).reshape(12, 4, 3)
    numeric = (mse(O_out + nudge, Y) - mse(O_out - nudge, Y)) / (2 * eps)
    np.testing.assert_allclose(mse_slope(O_out, Y), numeric.reshape(4, 3), rtol=0, atol=1e-10)


def test_a_perfect_output_costs_exactly_nothing():
    Y = np.array([[0.1], [0.7]])
    assert mse(Y, Y) == 0
    assert not mse_slope(Y, Y).any()


@pytest.mark.parametrize("runs", [(3,), (2, 3), (2, 1, 3)])
def test_leading_axes_equal_the_loop(runs):
    rng = np.random.default_rng(2)
    O_out, Y = rng.normal(size=(*runs, 5, 2)), np.eye(2)[[0, 1, 1, 0, 1]]
    for function in (mse, mse_slope, accuracy):
        together = function(O_out, Y)
        assert together.shape[: len(runs)] == runs
        for place in np.ndindex(runs):
            np.testing.assert_array_equal(together[place], function(O_out[place], Y))
    assert len(np.unique(accuracy(O_out, Y))) > 1


def test_float32_stays_float32():
    O_out, Y = np.ones((2, 4, 3), np.float32), np.zeros((4, 3), np.float32)
    assert mse(O_out, Y).dtype == mse_slope(O_out, Y).dtype == np.float32


@pytest.mark.parametrize(
    ("outputs", "target", "share"),
    [
        ((0.1, 0.9, 0.2), (0, 1, 0), 1.0),
        ((0.9, 0.1, 0.2), (0, 1, 0), 0.0),
        ((0, 0, 0), (1, 0, 0), 0.0),  # the step net that says nothing
        ((1, 1, 1), (1, 0, 0), 0.0),
        ((1, 1, 0), (1, 0, 0), 0.0),  # a tie with the right one in it
        ((0.5, 0.4, 0.4), (1, 0, 0), 1.0),  # a tie among the others does not matter
        ((-3, -1, -2), (0, 1, 0), 1.0),
        ((np.nan, 0.2, 0.1), (0, 1, 0), 0.0),
        ((0.51,), (1,), 1.0),
        ((0.49,), (1,), 0.0),
        ((0.49,), (0,), 1.0),
        ((0.51,), (0,), 0.0),
        ((0.5,), (1,), 0.0),  # on the threshold is a tie
        ((0.5,), (0,), 0.0),
        ((np.nan,), (0,), 0.0),
        ((np.nan,), (1,), 0.0),
    ],
)
def test_one_sample_is_right_or_wrong(outputs, target, share):
    assert accuracy(np.array([outputs], float), np.array([target], float)) == share


def test_accuracy_is_the_share_of_right_samples():
    Y = np.eye(3)[[0, 1, 2, 0]]
    O_out = np.array([[0.9, 0, 0], [0, 0.9, 0], [0.9, 0, 0.2], [0, 0, 0]])
    assert accuracy(O_out, Y) == 0.5
    assert accuracy(np.array([[0.9], [0.1], [0.2]]), np.array([[1.0], [0.0], [1.0]])) == pytest.approx(2 / 3)


@pytest.mark.parametrize("function", [mse, mse_slope, accuracy, confusion])
def test_lists_are_as_good_as_arrays(function):
    O_out, Y = [[0.2, 0.7], [0.9, 0.1]], [[0, 1], [0, 1]]
    np.testing.assert_array_equal(function(O_out, Y), function(np.array(O_out), np.array(Y)))
    with pytest.raises(ValueError, match=r"outputs of shape \(2, 2\) do not fit targets of shape \(1, 2\)"):
        function(O_out, Y[:1])


@pytest.mark.parametrize("function", [mse, mse_slope, accuracy])
def test_shapes_that_do_not_fit_are_both_named(function):
    with pytest.raises(ValueError, match=r"outputs of shape \(4, 3\) do not fit targets of shape \(4, 1\)"):
        function(np.zeros((4, 3)), np.zeros((4, 1)))
    with pytest.raises(ValueError, match=r"\(2, 5, 3\) do not fit targets of shape \(4, 3\)"):
        function(np.zeros((2, 5, 3)), np.zeros((4, 3)))
