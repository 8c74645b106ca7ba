"""Every optimizer against its recurrence in plain numbers, in the conventions of torch.optim."""

import math

import numpy as np
import pytest

from nnlib import (
    OPTIMIZERS,
    Adam,
    GradientDescent,
    Momentum,
    Nesterov,
    Network,
    Params,
    RMSProp,
    backward,
    forward,
    init_params,
)

# Recurrences for one weight w, as torch.optim's documentation writes them, one generator of steps each.


def torch_sgd(w, gradients, lr, momentum=0.0, nesterov=False):
    buffer = None
    for g in gradients:
        buffer = g if buffer is None else momentum * buffer + g
        w = w - lr * (g + momentum * buffer if nesterov else buffer)
        yield w


def torch_rmsprop(w, gradients, lr, alpha, eps):
    square_avg = 0.0
    for g in gradients:
        square_avg = alpha * square_avg + (1 - alpha) * g * g
        w = w - lr * g / (math.sqrt(square_avg) + eps)
        yield w


def torch_adam(w, gradients, lr, beta1, beta2, eps):
    exp_avg = exp_avg_sq = 0.0
    for t, g in enumerate(gradients, 1):
        exp_avg = beta1 * exp_avg + (1 - beta1) * g
        exp_avg_sq = beta2 * exp_avg_sq + (1 - beta2) * g * g
        denominator = math.sqrt(exp_avg_sq) / math.sqrt(1 - beta2**t) + eps
        w = w - lr / (1 - beta1**t) * exp_avg / denominator
        yield w


def walk(optimizer, w, gradients):
    memory = optimizer.init(w)
    for g in gradients:
        w, memory = optimizer.step(w, g, memory)
        yield w


CASES = {
    "gradient descent": (GradientDescent(0.1), lambda w, g: torch_sgd(w, g, 0.1)),
    "momentum": (Momentum(0.1), lambda w, g: torch_sgd(w, g, 0.1, 0.9)),
    "momentum .5": (Momentum(0.02, 0.5), lambda w, g: torch_sgd(w, g, 0.02, 0.5)),
    "nesterov": (Nesterov(0.1), lambda w, g: torch_sgd(w, g, 0.1, 0.9, True)),
    "nesterov .5": (Nesterov(0.02, 0.5), lambda w, g: torch_sgd(w, g, 0.02, 0.5, True)),
    "rmsprop": (RMSProp(0.1), lambda w, g: torch_rmsprop(w, g, 0.1, 0.99, 1e-8)),
    "rmsprop .5": (RMSProp(0.02, 0.5, 1e-3), lambda w, g: torch_rmsprop(w, g, 0.02, 0.5, 1e-3)),
    "adam": (Adam(0.1), lambda w, g: torch_adam(w, g, 0.1, 0.9, 0.999, 1e-8)),
    "adam .5": (Adam(0.02, 0.5, 0.7, 1e-3), lambda w, g: torch_adam(w, g, 0.02, 0.5, 0.7, 1e-3)),
}


@pytest.mark.parametrize("case", CASES)
def test_each_step_follows_the_recurrence(case):
    optimizer, recurrence = CASES[case]
    gradients = np.random.default_rng(0).normal(size=(25, 4)) * [1e-3, 1, 10, 1e3]
    start = np.array([1.0, -2.0, 0.0, 5.0])
    steps = list(walk(optimizer, start, gradients))
    for i in range(4):
        expected = list(recurrence(float(start[i]), [float(g) for g in gradients[:, i]]))
        np.testing.assert_allclose([w[i] for w in steps], expected, rtol=1e-12)


def test_three_steps_worked_by_hand():
    one = np.array([1.0])

    def places(optimizer, g):
        return [w.item() for w in walk(optimizer, one, [np.array([g])] * 3)]

    assert places(GradientDescent(0.1), 1.0) == pytest.approx([0.9, 0.8, 0.7], rel=1e-15)
    # velocity 1, 1.9, 2.71: 1 - .1, .9 - .19, .71 - .271
    assert places(Momentum(0.1), 1.0) == pytest.approx([0.9, 0.71, 0.439], rel=1e-14)
    # g + .9 v = 1.9, 2.71, 3.439: 1 - .19, .81 - .271, .539 - .3439
    assert places(Nesterov(0.1), 1.0) == pytest.approx([0.81, 0.539, 0.1951], rel=1e-14)
    # mean squares .01 * 4 = .04, .99 * .04 + .04 = .0796, .118804: 1 - .1 * 2 / .2, then / .28213472, / .34467957
    assert places(RMSProp(0.1), 2.0) == pytest.approx([0.0, -0.70888120, -1.28913014], abs=2e-7)
    # with a constant gradient both corrected means are exact, so every step is lr
    assert places(Adam(0.1), 2.0) == pytest.approx([0.9, 0.8, 0.7], abs=1e-8)
    # eps is added to the root, not inside it: 1 - .1 * 2 / (2 + 2)
    assert places(Adam(0.1, eps=2.0), 2.0)[0] == pytest.approx(0.95, rel=1e-14)
    # the same for RMSProp: 1 - .1 * 2 / (.2 + .3)
    assert places(RMSProp(0.1, eps=0.3), 2.0)[0] == pytest.approx(0.6, rel=1e-14)


def test_defaults_are_those_of_the_papers():
    assert (Momentum(1).beta, Nesterov(1).beta) == (0.9, 0.9)
    assert (RMSProp(1).beta, RMSProp(1).eps) == (0.99, 1e-8)
    assert (Adam(1).beta1, Adam(1).beta2, Adam(1).eps) == (0.9, 0.999, 1e-8)
    assert list(OPTIMIZERS) == ["gradient descent", "momentum", "nesterov", "rmsprop", "adam"]


NET = Network((3, 4, 2), biases=True)
RNG = np.random.default_rng(1)
X, Y = RNG.normal(size=(6, 3)), RNG.normal(size=(6, 2))


def train(optimizer, params, n_steps):
    memory = optimizer.init(params)
    for _ in range(n_steps):
        gradient = backward(NET, params, forward(NET, params, X), Y).gradient
        params, memory = optimizer.step(params, gradient, memory)
    return params


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("runs", [(3,), (2, 3), (2, 1, 2)])
def test_leading_axes_equal_the_loop(name, runs):
    make = OPTIMIZERS[name]
    start = init_params(NET, np.random.default_rng(2), runs)
    rates = np.random.default_rng(3).uniform(0.01, 0.5, runs)
    together = train(make(rates), start, 5)
    same_rate = train(make(0.1), start, 5)
    assert together.runs == runs
    for place in np.ndindex(runs):
        alone = train(make(float(rates[place])), start[place], 5)
        np.testing.assert_allclose(together[place].to_vector(), alone.to_vector(), rtol=1e-11, atol=1e-14)
        alone = train(make(0.1), start[place], 5)
        np.testing.assert_allclose(same_rate[place].to_vector(), alone.to_vector(), rtol=1e-11, atol=1e-14)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_many_rates_make_many_runs_of_one_start(name):
    start = init_params(NET, np.random.default_rng(2))
    rates = np.array([[0.01, 0.1, 1.0], [0.02, 0.2, 2.0]])
    swept = train(OPTIMIZERS[name](rates), start, 3)
    assert swept.runs == (2, 3)
    for place in np.ndindex(2, 3):
        alone = train(OPTIMIZERS[name](float(rates[place])), start, 3)
        np.testing.assert_allclose(swept[place].to_vector(), alone.to_vector(), rtol=1e-11, atol=1e-14)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_params_move_as_their_vector_does(name):
    start, optimizer = init_params(NET, np.random.default_rng(2)), OPTIMIZERS[name](0.1)
    gradient = backward(NET, start, forward(NET, start, X), Y).gradient
    as_params = list(walk(optimizer, start, [gradient, gradient * 2]))[-1]
    as_vector = list(walk(optimizer, start.to_vector(), [gradient.to_vector(), 2 * gradient.to_vector()]))[-1]
    np.testing.assert_allclose(as_params.to_vector(), as_vector, rtol=1e-14)


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("rate", [0.1, np.float64(0.1), np.array([0.1, 0.2])], ids=["float", "numpy float", "array"])
def test_float32_stays_float32(name, rate):
    params = init_params(NET, np.random.default_rng(0)).map(lambda a: a.astype(np.float32))
    optimizer = OPTIMIZERS[name](rate)
    end, memory = optimizer.step(params, params * 0.5, optimizer.init(params))
    end, memory = optimizer.step(end, end * 0.5, memory)
    assert {a.dtype for a in (*end.weights, *end.biases)} == {np.dtype(np.float32)}
    remembered = [value for value in memory if isinstance(value, Params)]
    assert all(w.dtype == np.float32 for value in remembered for w in value.weights)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_gradient_of_0_moves_nothing_by_a_single_bit(name):
    start, optimizer = init_params(NET, np.random.default_rng(2)), OPTIMIZERS[name](1000.0)
    end = list(walk(optimizer, start, [start * 0] * 5))[-1]
    np.testing.assert_array_equal(end.to_vector(), start.to_vector())


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_step_changes_neither_its_arguments_nor_the_optimizer(name):
    optimizer = OPTIMIZERS[name](0.1)
    w, g = np.array([1.0, 2.0]), np.array([0.5, -0.5])
    _, memory = optimizer.step(w, g, optimizer.init(w))
    first = optimizer.step(w, g, memory)
    second = optimizer.step(w, g, memory)
    np.testing.assert_array_equal(first[0], second[0])
    assert w.tolist() == [1, 2]
    assert g.tolist() == [0.5, -0.5]


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("lr", [-0.1, np.nan, np.inf, np.array([0.1, -0.1]), np.array([0.1, np.nan])])
def test_a_rate_out_of_range_is_named(name, lr):
    with pytest.raises(ValueError, match="the learning rate must be finite and not negative, got"):
        OPTIMIZERS[name](lr)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Momentum(0.1, 1.0), "beta must be at least 0 and below 1, got 1.0"),
        (lambda: Nesterov(0.1, -0.1), "beta must be at least 0 and below 1, got -0.1"),
        (lambda: RMSProp(0.1, np.nan), "beta must be at least 0 and below 1, got nan"),
        (lambda: RMSProp(0.1, eps=0), "eps must be positive and finite, got 0"),
        (lambda: Adam(0.1, beta1=1.5), "beta1 must be at least 0 and below 1, got 1.5"),
        (lambda: Adam(0.1, beta2=1), "beta2 must be at least 0 and below 1, got 1"),
        (lambda: Adam(0.1, eps=-1e-8), "eps must be positive and finite, got -1e-08"),
        (lambda: Adam(0.1, eps=np.inf), "eps must be positive and finite, got inf"),
    ],
)
def test_constants_out_of_range_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()
