"""Numbers known before the library was written, with the arithmetic that gives them."""

import numpy as np
import pytest

from nnlib import (
    ACTIVATIONS,
    GradientDescent,
    Network,
    Params,
    WeightRef,
    backward,
    descend,
    forward,
    load_dataset,
    mse,
    step,
)

# A well-known net worked by hand: two inputs, two hidden units, two outputs, sigmoids, one example.
NET = Network((2, 2, 2), biases=True)
X = np.array([[0.05, 0.10]])
Y = np.array([[0.01, 0.99]])
PARAMS = Params(
    [[[0.15, 0.25], [0.20, 0.30]], [[0.40, 0.50], [0.45, 0.55]]],  # (input, hidden) and (hidden, output)
    [[0.35, 0.35], [0.60, 0.60]],
)


def test_sigmoid_at_0():
    # 1 / (1 + e^0) = 1/2, and 1/2 (1 - 1/2) = 1/4, the largest slope there is
    z = np.linspace(-10, 10, 2001)
    a = ACTIVATIONS["sigmoid"].f(z)
    slope = ACTIVATIONS["sigmoid"].slope(z, a)
    assert a[1000] == 0.5
    assert slope[1000] == slope.max() == 0.25


def test_the_hand_worked_forward_pass():
    p = forward(NET, PARAMS, X)
    # H_in = .05 * .15 + .10 * .20 + .35 = .3775 ; .05 * .25 + .10 * .30 + .35 = .3925
    np.testing.assert_allclose(p["H_in"], [[0.3775, 0.3925]], rtol=1e-15)
    # 1 / (1 + e^-.3775) = .593269992 ; 1 / (1 + e^-.3925) = .596884378
    np.testing.assert_allclose(p["H_out"], [[0.593269992, 0.596884378]], rtol=0, atol=5e-10)
    # .593269992 * .40 + .596884378 * .45 + .60 = 1.105905967 ; ... * .50 + ... * .55 + .60 = 1.224921404
    np.testing.assert_allclose(p["O_in"], [[1.105905967, 1.224921404]], rtol=0, atol=5e-10)
    np.testing.assert_allclose(p["O_out"], [[0.751365070, 0.772928465]], rtol=0, atol=5e-10)
    # half the summed squared error: (.741365070^2 + .217071535^2) / 2 = .298371109;
    # half the mean over N = 2 target values: .298371109 / 2 = .149185554
    assert mse(p.O_out, Y) == pytest.approx(0.149185554, rel=0, abs=5e-10)
    assert 2 * mse(p.O_out, Y) == pytest.approx(0.298371109, rel=0, abs=5e-10)


def test_the_hand_worked_backward_pass():
    p = backward(NET, PARAMS, forward(NET, PARAMS, X), Y)
    # dO_out = (O_out - Y) / 2 = .741365070 / 2, -.217071535 / 2
    np.testing.assert_allclose(p["dO_out"], [[0.370682535, -0.108535768]], rtol=0, atol=1e-9)
    # dO_in = dO_out * O_out (1 - O_out): .370682535 * .186815602, -.108535768 * .175510053
    np.testing.assert_allclose(p["dO_in"], [[0.069249281, -0.019049118]], rtol=0, atol=1e-9)
    # dW2[1,1] = H_out_1 * dO_in_1 = .593269992 * .069249281
    assert p["dW2"][0, 0] == pytest.approx(0.041083520, abs=1e-9)
    # dH_out_1 = .069249281 * .40 - .019049118 * .50
    assert p["dH_out"][0, 0] == pytest.approx(0.018175153, abs=1e-9)
    # dW1[1,1] = X_1 * dH_out_1 * H_out_1 (1 - H_out_1) = .05 * .018175153 * .241300709
    assert p["dW1"][0, 0] == pytest.approx(0.000219284, abs=1e-9)


def test_one_step_with_the_biases_held_gives_the_published_weights():
    # Learning rate .5 on the sum over 2 target values is 1.0 on their mean: w - .5 * 2 g = w - 1.0 * g,
    # as W1[1,1] = .15 - .000219284 = .149780716 and W2[1,1] = .40 - .041083520 = .358916480.
    weights = [ref for ref in NET.refs() if ref.row is not None]
    end = descend(NET, PARAMS, X, Y, GradientDescent(1.0), 1, trainable=weights).end
    np.testing.assert_allclose(
        end.weights[0], [[0.149780716, 0.249751144], [0.19956143, 0.29950229]], rtol=0, atol=5e-9
    )
    np.testing.assert_allclose(
        end.weights[1], [[0.35891648, 0.51130127], [0.408666186, 0.561370121]], rtol=0, atol=5e-9
    )
    for held, start in zip(end.biases, PARAMS.biases, strict=True):
        np.testing.assert_array_equal(held, start)


@pytest.mark.parametrize("threshold", [0.0, 2.0])
def test_the_step_net_never_moves(threshold):
    # Every product with a step's slope has a factor 0, so every update is 0.
    flowers = load_dataset("iris").standardized()
    net = Network((4, 2, 3), step(threshold), step(threshold))
    start = Params([np.full((4, 2), 0.7), np.full((2, 3), -0.3)])
    gradient = backward(net, start, forward(net, start, flowers.X), flowers.Y).gradient
    assert not gradient.to_vector().any()
    end = descend(net, start, flowers.X, flowers.Y, GradientDescent(1000.0), 3).end
    np.testing.assert_array_equal(end.to_vector(), start.to_vector())


def test_a_net_of_sigmoids_answers_strictly_between_0_and_1():
    flowers = load_dataset("iris").standardized()
    params = Params([np.full((4, 2), 0.7), np.full((2, 3), -0.3)])
    O_out = forward(Network((4, 2, 3)), params, flowers.X).O_out
    assert ((O_out > 0) & (O_out < 1)).all()
    steps = forward(Network((4, 2, 3), "step", "step"), params, flowers.X).O_out
    assert set(np.unique(steps)) == {0.0, 1.0}


def test_the_delta_formulas_of_the_series():
    # O_delta = dMSE/dO_in; H_delta = (O_delta @ W2.T) * sigma'(H_in);
    # W2_update = H_out.T @ O_delta; W1_update = X.T @ H_delta, written with sums over single numbers.
    flowers = load_dataset("iris").standardized()
    net = Network((4, 2, 3))
    rng = np.random.default_rng(5)
    params = Params([rng.normal(size=(4, 2)), rng.normal(size=(2, 3))])
    f = forward(net, params, flowers.X)
    b = backward(net, params, f, flowers.Y)
    n, W2 = 150 * 3, params.weights[1]
    sample, unit, output, feature = 77, 1, 2, 3
    O_delta = [
        (f.O_out[sample, k] - flowers.Y[sample, k]) / n * f.O_out[sample, k] * (1 - f.O_out[sample, k])
        for k in range(3)
    ]
    assert b["dO_in"][sample, output] == pytest.approx(O_delta[output], rel=1e-12)
    h = f["H_out"][sample, unit]
    H_delta = sum(O_delta[k] * W2[unit, k] for k in range(3)) * h * (1 - h)
    assert b["dH_in"][sample, unit] == pytest.approx(H_delta, rel=1e-12)
    W2_update = sum(f["H_out"][s, unit] * b["dO_in"][s, output] for s in range(150))
    assert b.gradient.get(WeightRef(1, unit, output)) == pytest.approx(W2_update, rel=1e-10)
    W1_update = sum(flowers.X[s, feature] * b["dH_in"][s, unit] for s in range(150))
    assert b.gradient.get(WeightRef(0, feature, unit)) == pytest.approx(W1_update, rel=1e-10)
