"""The chain rule against plain differences, for every value of the pass and every parameter."""

import itertools

import numpy as np
import pytest

from nnlib import (
    ACTIVATIONS,
    Activation,
    Network,
    Params,
    WeightRef,
    backward,
    check_gradients,
    forward,
    init_params,
    numerical_gradient,
)

EPS = 1e-5

# The activations once more, in the words of a formula book, so that nothing here leans on what is tested.
F = {
    "step": lambda z: np.where(z >= 0, 1.0, 0.0),
    "sigmoid": lambda z: 1 / (1 + np.exp(-z)),
    "tanh": lambda z: (np.exp(2 * z) - 1) / (np.exp(2 * z) + 1),
    "relu": lambda z: np.where(z > 0, z, 0.0),
    "leaky_relu": lambda z: np.where(z > 0, z, 0.01 * z),
    "softplus": lambda z: np.log(1 + np.exp(z)),
    "identity": lambda z: z,
}
KINKED = ("step", "relu", "leaky_relu")
PAIRS = [(hidden, output) for hidden in F for output in F]


class PlainNet:
    """A net that can be entered anywhere: it takes a value and computes the loss from there on."""

    def __init__(self, names, weights, biases, Y):
        self.names, self.weights, self.biases, self.Y = names, weights, biases, Y

    def loss_from_z(self, layer, z):
        return self.loss_from_a(layer, F[self.names[layer]](z))

    def loss_from_a(self, layer, a):
        if layer == len(self.names) - 1:
            return ((a - self.Y) ** 2).sum((-2, -1)) / (2 * self.Y.size)
        return self.loss_from_z(layer + 1, a @ self.weights[layer + 1] + self.biases[layer + 1])


def difference(loss, value):
    """Return (loss(value + eps) - loss(value - eps)) / (2 eps) for each entry of a value."""
    nudge = EPS * np.eye(value.size).reshape(-1, *value.shape)
    return ((loss(value + nudge) - loss(value - nudge)) / (2 * EPS)).reshape(value.shape)


def assert_agree(analytic, numeric, what):
    assert analytic.shape == numeric.shape, what
    largest = np.abs(numeric).max()
    worst = np.abs(analytic - numeric).max()
    if not analytic.any():
        assert largest < 1e-9, what
    else:
        assert worst < 1e-6 * largest, what


def random_net(seed, depth, hidden, output, biases):
    """Return a net of `depth` weight matrices, its parameters and data, no neuron within .01 of a kink."""
    rng = np.random.default_rng(seed)
    names = [hidden] * (depth - 1) + [output]
    while True:
        sizes = tuple(int(n) for n in rng.integers(2, 5, depth + 1))
        net = Network(sizes, hidden, output, biases)
        params = init_params(net, rng, scheme="normal")
        X, Y = rng.normal(size=(3, sizes[0])), rng.normal(size=(3, sizes[-1]))
        passed = forward(net, params, X)
        if all(name not in KINKED or np.abs(z).min() > 0.01 for name, z in zip(names, passed.inputs, strict=True)):
            plain_biases = params.biases if biases else [np.zeros(n) for n in sizes[1:]]
            return net, params, X, Y, PlainNet(names, params.weights, plain_biases, Y)


@pytest.mark.parametrize(("hidden", "output"), PAIRS)
@pytest.mark.parametrize("biases", [False, True])
def test_every_value_of_the_pass_has_the_gradient_that_nudging_it_shows(hidden, output, biases):
    for seed, depth in itertools.product(range(10), (1, 2, 3, 4)):
        net, params, X, Y, plain = random_net(4 * seed + depth, depth, hidden, output, biases)
        f = forward(net, params, X)
        b = backward(net, params, f, Y)
        np.testing.assert_allclose(f.O_out, F[output](f.inputs[-1]), rtol=1e-12, atol=1e-12)
        for layer in range(depth):
            nudge_layer(plain, layer, X, f, b)


def nudge_layer(plain, layer, X, f, b):
    """Compare all gradients of one layer with differences."""
    entering = X if layer == 0 else f.outputs[layer - 1]
    W, bias = plain.weights[layer], plain.biases[layer]

    def from_W(W):
        return plain.loss_from_z(layer, entering @ W + bias)

    def from_bias(bias):
        return plain.loss_from_z(layer, entering @ W + bias[..., None, :])

    d_out = difference(lambda a: plain.loss_from_a(layer, a), f.outputs[layer])
    d_in = difference(lambda z: plain.loss_from_z(layer, z), f.inputs[layer])
    where = f"in layer {layer} of {len(plain.names)}"
    assert_agree(b.d_outputs[layer], d_out, f"d_out {where}")
    assert_agree(b.d_inputs[layer], d_in, f"d_in {where}")
    assert_agree(b.gradient.weights[layer], difference(from_W, W), f"dW {where}")
    if b.gradient.biases:
        assert_agree(b.gradient.biases[layer], difference(from_bias, bias), f"db {where}")


@pytest.mark.parametrize(("hidden", "output"), [pair for pair in PAIRS if "step" in pair])
@pytest.mark.parametrize("biases", [False, True])
def test_every_gradient_behind_a_step_is_exactly_0(hidden, output, biases):
    for seed, depth in itertools.product(range(10), (1, 2, 3, 4)):
        net, params, X, Y, plain = random_net(1000 + 4 * seed + depth, depth, hidden, output, biases)
        b = backward(net, params, forward(net, params, X), Y)
        steps = [layer for layer in range(depth) if plain.names[layer] == "step"]
        last = max(steps, default=-1)  # the first step that the backward pass meets
        for layer in range(depth):
            assert layer > last or not b.d_inputs[layer].any()
            assert layer >= last or not b.d_outputs[layer].any()
            assert layer > last or not b.gradient.weights[layer].any()
            assert layer > last or not biases or not b.gradient.biases[layer].any()
        assert b.d_outputs[-1].any()  # dO_out comes before any slope
        if output in ("identity", "softplus") and depth > 1:
            assert b.gradient.weights[-1].any()
            assert b.d_outputs[-2].any()


def test_the_gradient_is_the_one_of_the_loss_it_was_computed_with():
    # Y decides: at Y = O_out there is nothing to correct, and swapping the sign of the error swaps the gradient's.
    net = Network((3, 4, 2))
    rng = np.random.default_rng(0)
    params, X = init_params(net, rng), rng.normal(size=(5, 3))
    f = forward(net, params, X)
    error = rng.normal(size=(5, 2))
    assert not backward(net, params, f, f.O_out).gradient.to_vector().any()
    up = backward(net, params, f, f.O_out + error).gradient.to_vector()
    down = backward(net, params, f, f.O_out - error).gradient.to_vector()
    np.testing.assert_allclose(up, -down, rtol=1e-9)


def test_symbols_are_those_of_the_forward_pass_with_a_d():
    for sizes, hidden in (((2, 1), []), ((2, 3, 1), ["H"]), ((2, 3, 4, 1), ["H2", "H1"])):
        net = Network(sizes, biases=True)
        params = init_params(net, np.random.default_rng(0))
        f = forward(net, params, np.ones((5, 2)))
        b = backward(net, params, f, np.zeros((5, 1)))
        for symbol in f.symbols[1:]:
            assert b["d" + symbol].shape == f[symbol].shape
        for layer in range(net.n_layers):
            assert b[f"dW{layer + 1}"] is b.gradient.weights[layer]
            assert b[f"db{layer + 1}"] is b.gradient.biases[layer]
        assert b["dO_in"] is b.d_inputs[-1]
        for place, name in enumerate(hidden):
            assert b[f"d{name}_out"] is b.d_outputs[-2 - place]
        with pytest.raises(KeyError, match="no 'dX' in this pass; known: dO_out, dO_in, dW"):
            b["dX"]


def test_the_slopes_in_the_record_are_the_factors_of_the_chain():
    net = Network((3, 4, 2), "tanh")
    rng = np.random.default_rng(1)
    params, X, Y = init_params(net, rng), rng.normal(size=(5, 3)), rng.normal(size=(5, 2))
    f = forward(net, params, X)
    b = backward(net, params, f, Y)
    np.testing.assert_allclose(b.slopes[0], 1 - np.tanh(f["H_in"]) ** 2, rtol=1e-14)
    for layer in (0, 1):
        np.testing.assert_array_equal(b.d_outputs[layer] * b.slopes[layer], b.d_inputs[layer])


@pytest.mark.parametrize("biases", [False, True])
@pytest.mark.parametrize("runs", [(1,), (4,), (2, 3), (2, 1, 2)])
def test_leading_axes_equal_the_loop(runs, biases):
    net = Network((3, 4, 2, 2), "tanh", "sigmoid", biases)
    rng = np.random.default_rng(3)
    params = init_params(net, rng, runs, "normal")
    X, Y = rng.normal(size=(6, 3)), rng.normal(size=(6, 2))
    f = forward(net, params, X)
    b = backward(net, params, f, Y)
    for place in np.ndindex(runs):
        one = params[place]
        f1 = forward(net, one, X)
        b1 = backward(net, one, f1, Y)
        for together, alone in (
            *zip((*f.inputs, *f.outputs), (*f1.inputs, *f1.outputs), strict=True),
            *zip((*b.d_inputs, *b.d_outputs), (*b1.d_inputs, *b1.d_outputs), strict=True),
            *zip(b.slopes, b1.slopes, strict=True),
            (b.gradient.to_vector(), b1.gradient.to_vector()),
        ):
            np.testing.assert_allclose(together[place], alone, rtol=1e-13, atol=1e-16)


@pytest.mark.parametrize("hidden", list(ACTIVATIONS))
def test_float32_stays_float32(hidden):
    net = Network((3, 4, 2), hidden, hidden, biases=True)
    params = init_params(net, np.random.default_rng(0)).map(lambda a: a.astype(np.float32))
    X, Y = np.ones((5, 3), np.float32), np.zeros((5, 2), np.float32)
    f = forward(net, params, X)
    b = backward(net, params, f, Y)
    arrays = (*f.inputs, *f.outputs, *b.d_inputs, *b.d_outputs, *b.slopes, *b.gradient.weights, *b.gradient.biases)
    assert {a.dtype for a in arrays} == {np.dtype(np.float32)}


def test_the_numerical_gradient_needs_no_backward_pass():
    net = Network((3, 4, 2), "tanh", biases=True)
    rng = np.random.default_rng(4)
    params, X, Y = init_params(net, rng), rng.normal(size=(5, 3)), rng.normal(size=(5, 2))
    numeric = numerical_gradient(net, params, X, Y)
    for ref in (WeightRef(0, 2, 3), WeightRef(0, None, 1), WeightRef(1, 3, 0), WeightRef(1, None, 1)):

        def loss(nudge, ref=ref):
            moved = params.replace(ref, params.get(ref) + nudge)
            error = forward(net, moved, X).O_out - Y
            return (error**2).mean() / 2

        assert numeric.get(ref) == pytest.approx((loss(1e-5) - loss(-1e-5)) / 2e-5, rel=1e-6)


def test_a_right_slope_passes_the_check_and_a_wrong_one_is_found():
    rng = np.random.default_rng(5)
    X, Y = rng.normal(size=(5, 3)), rng.normal(size=(5, 2))
    square = Activation("square", lambda z: z * z, lambda z, _: 2 * z, "f(z) = z^2")
    wrong = Activation("square", lambda z: z * z, lambda z, _: z, "f(z) = z^2")
    net = Network((3, 4, 2), square, "identity", biases=True)
    params = init_params(net, rng)
    right = check_gradients(net, params, X, Y)
    assert right.passed()
    assert right.worst[1] < 1e-8
    assert right.refs == net.refs()

    broken = check_gradients(Network((3, 4, 2), wrong, "identity", biases=True), params, X, Y)
    ref, error = broken.worst
    assert not broken.passed()
    assert ref.layer == 0  # W2 and b2 are above the wrong slope
    assert error == broken.error.get(ref)
    # half the slope is half the gradient: the worst error is half the largest entry, if W1 or b1 holds that
    largest = np.abs(broken.numeric.to_vector()).max()
    assert error == pytest.approx(np.abs(broken.numeric.get(ref)) / 2 / largest, rel=1e-6)
    assert max(broken.error.get(r) for r in net.refs() if r.layer == 1) < 1e-8


def test_a_step_net_passes_the_check_with_nothing_but_zeros():
    net = Network((2, 3, 1), "step", "step")
    rng = np.random.default_rng(6)
    check = check_gradients(net, init_params(net, rng), rng.normal(size=(5, 2)), np.ones((5, 1)))
    assert not check.analytic.to_vector().any()
    assert check.worst[1] == 0
    assert check.passed(0.0)


NET = Network((3, 4, 2))
PARAMS = init_params(NET, np.random.default_rng(0))
DEEPER = Network((3, 4, 4, 2))
DEEPER_PARAMS = init_params(DEEPER, np.random.default_rng(0))
X, Y = np.ones((5, 3)), np.zeros((5, 2))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: backward(NET, PARAMS, forward(NET, PARAMS, X), Y[:4]), "X has 5 samples but Y has 4"),
        (lambda: backward(NET, PARAMS, forward(NET, PARAMS, X), Y[:, :1]), r"Y must have shape \(samples, 2\)"),
        (
            lambda: backward(NET, PARAMS, forward(NET, PARAMS, X), np.array([[0, 1], [0, np.nan]] + [[0, 0]] * 3)),
            "Y must be finite: row 2, column 2 is nan",
        ),
        (lambda: backward(NET, PARAMS, forward(NET, PARAMS, X), Y.astype(str)), "Y must be real numbers"),
        (
            lambda: backward(DEEPER, DEEPER_PARAMS, forward(NET, PARAMS, X), Y),
            r"the forward pass \(X, H_in, H_out, O_in, O_out\) is not one of a net of \(3, 4, 4, 2\)",
        ),
        (
            lambda: backward(Network((3, 2, 2)), PARAMS, forward(NET, PARAMS, X), Y),
            r"parameters do not fit a network of sizes \(3, 2, 2\) without biases",
        ),
        (lambda: numerical_gradient(NET, PARAMS, X, Y, eps=0), "eps must be positive and finite, got 0"),
        (lambda: numerical_gradient(NET, PARAMS, X, Y, eps=-1e-5), "eps must be positive"),
        (lambda: numerical_gradient(NET, PARAMS, X, Y, eps=np.nan), "eps must be positive"),
        (lambda: check_gradients(NET, PARAMS, X, Y, eps=np.inf), "eps must be positive and finite, got inf"),
        (lambda: numerical_gradient(NET, PARAMS[None], X, Y), "takes one network, not many"),
        (lambda: check_gradients(NET, Params.stack([PARAMS] * 2), X, Y), "takes one network, not many"),
    ],
)
def test_what_does_not_fit_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
