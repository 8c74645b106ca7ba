"""What passes through the layers, and why a descent came to rest: numbers worked out by hand."""

import numpy as np
import pytest

import nnlib as nn


def test_confusion_counts_each_sample_where_it_belongs():
    Y = np.eye(3)[[0, 0, 1, 2]]
    O_out = np.array([[0.9, 0.1, 0], [0.2, 0.7, 0], [0, 1, 0], [0.5, 0.5, 0.1]])
    assert nn.confusion(O_out, Y).tolist() == [[1, 1, 0, 0], [0, 1, 0, 0], [0, 0, 0, 1]]


def test_confusion_of_one_output_is_about_a_half_and_agrees_with_accuracy():
    O_out, Y = np.array([[0.2], [0.8], [0.5], [0.6]]), np.array([[0.0], [1], [1], [0]])
    counts = nn.confusion(O_out, Y)
    assert counts.tolist() == [[1, 1, 0], [0, 1, 1]]
    assert counts.diagonal().sum() / 4 == nn.accuracy(O_out, Y)


def test_slope_products_at_zero_weights_are_a_quarter_to_the_number_of_layers():
    network = nn.Network((2, 3, 3, 1))
    params = nn.init_params(network, np.random.default_rng(0), scheme="zeros")
    X, Y = np.ones((5, 2)), np.zeros((5, 1))
    found = nn.slope_products(nn.backward(network, params, nn.forward(network, params, X), Y))
    assert found.largest.tolist() == found.mean.tolist() == [1 / 64, 1 / 16, 1 / 4]


@pytest.mark.parametrize("seed", range(5))
def test_no_path_of_sigmoid_slopes_beats_the_bound_and_the_largest_is_one_of_them(seed):
    network = nn.Network((2, 3, 2, 2), biases=True)
    params = nn.init_params(network, np.random.default_rng(seed), scheme="normal")
    X, Y = np.random.default_rng(seed).normal(size=(4, 2)), np.zeros((4, 2))
    passed = nn.backward(network, params, nn.forward(network, params, X), Y)
    products = [
        passed.slopes[0][n, i] * passed.slopes[1][n, j] * passed.slopes[2][n, k]
        for n in range(4) for i in range(3) for j in range(2) for k in range(2)
    ]  # fmt: skip
    found = nn.slope_products(passed)
    assert found.largest[0] == pytest.approx(max(products), rel=1e-12)
    assert found.mean[0] == pytest.approx(np.mean(products), rel=1e-12)
    assert (found.largest <= nn.SIGMOID_BOUND ** np.array([3, 2, 1])).all()


def test_layer_sizes_are_roots_of_mean_squares():
    params = nn.Params([[[3.0, 4.0]], [[1.0], [-1.0]]], [[9.0, 9.0], [9.0]])
    np.testing.assert_allclose(nn.layer_sizes(params), [np.sqrt(12.5), 1])


def test_each_ending_is_told_from_the_others():
    network = nn.Network((1, 2, 1), hidden="relu", output="identity", biases=True)
    X, Y = np.array([[-1.0], [1.0]]), np.array([[0.0], [2.0]])

    def net(w, b, v, c):
        return nn.Params([[[w, w]], [[v], [v]]], [[b, b], [c]])

    runs = nn.Params.stack(
        [
            net(1.0, 0.0, 1.0, 0.0),  # relu(x) + relu(x) is exactly right
            net(1.0, 0.0, 1.0, 0.5),  # wrong by a half: still falling
            net(1.0, -9.0, 1.0, 1.0),  # the hidden units are 0 for both samples, the output is their mean
            net(0.0, 1.0, 0.0, 1.0),  # alive, but W1 and W2 are 0 and the errors cancel
            net(1.0, 0.0, 1.0, 0.0),
        ]
    )
    found = nn.endings(network, runs, X, Y, 1e-6, np.array([0, 0, 0, 0, 1], bool))
    assert found.tolist() == ["solved", "moving", "dead", "plateau", "diverged"]
    assert set(found) <= set(nn.ENDINGS)


def test_saturated_units_are_called_so():
    network = nn.Network((1, 2, 1), biases=True)
    params = nn.Params([[[0.0, 0.0]], [[1.0], [1.0]]], [[50.0, -50.0], [-1.0]])
    # the output is sigma(1 - 1) = 1/2 for both samples, and their errors cancel; the hidden slopes are 0 to 21 digits
    found = nn.endings(network, params[None], np.array([[-1.0], [1.0]]), np.array([[0.0], [1.0]]), 1e-6)
    assert found.tolist() == ["saturated"]
