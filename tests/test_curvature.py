"""Curvatures against an independent autodiff library, against calculus by hand, and where they matter: the rate."""

from decimal import Decimal, localcontext

import autograd
import autograd.numpy as anp
import numpy as np
import pytest

import nnlib
from nnlib import Network, Params, WeightRef, curvature, hessian, init_params

F = {
    "sigmoid": lambda z: 1 / (1 + anp.exp(-z)),
    "tanh": anp.tanh,
    "softplus": lambda z: anp.log(1 + anp.exp(z)),
    "identity": lambda z: z,
    "relu": lambda z: anp.maximum(z, 0),
}


def problem(sizes, hidden, output, biases, n=7, seed=0):
    rng = np.random.default_rng(seed)
    network = Network(sizes, hidden, output, biases)
    params = init_params(network, rng, scheme="normal")
    return network, params, rng.normal(size=(n, sizes[0])), rng.uniform(size=(n, sizes[-1]))


@pytest.mark.parametrize("output", ["sigmoid", "identity"])
@pytest.mark.parametrize("hidden", F)
@pytest.mark.parametrize(("sizes", "biases"), [((2, 3, 1), False), ((3, 2, 2, 2), True)])
def test_the_hessian_is_that_of_an_independent_autodiff_library(sizes, biases, hidden, output):
    network, params, X, Y = problem(sizes, hidden, output, biases)

    def loss(vector):
        H, start = X, 0
        for layer, (fan_in, fan_out) in enumerate(network.weight_shapes):
            H = anp.dot(H, anp.reshape(vector[start : start + fan_in * fan_out], (fan_in, fan_out)))
            start += fan_in * fan_out
            if biases:
                H = H + vector[start : start + fan_out]
                start += fan_out
            H = F[hidden if layer < network.n_layers - 1 else output](H)
        return anp.sum((H - Y) ** 2) / (2 * Y.size)

    expected = autograd.hessian(loss)(params.to_vector())
    found = hessian(network, params, X, Y)
    assert np.abs(found.hessian - expected).max() <= 1e-13 * max(1, np.abs(expected).max())
    assert found.refs == network.refs()
    first, second = found.refs[1], found.refs[-1]
    places = np.ix_([1, -1], [1, -1])
    slice_ = curvature(network, params, X, Y, first, second)
    assert slice_.hessian == pytest.approx(expected[places], abs=1e-13)
    assert slice_.eigenvalues == pytest.approx(np.linalg.eigvalsh(expected[places]), abs=1e-12)


def test_one_linear_neuron_by_hand():
    # loss = (w x + b - y)^2 / 2 for one sample: the Hessian is [[x^2, x], [x, 1]], whatever w, b and y.
    network = Network((1, 1), "identity", "identity", biases=True)
    found = hessian(network, Params([[[5.0]]], [[7.0]]), np.array([[3.0]]), np.array([[2.0]]))
    assert found.hessian == pytest.approx(np.array([[9.0, 3.0], [3.0, 1.0]]))
    assert found.eigenvalues == pytest.approx([0, 10])
    assert float(found.largest_rate) == pytest.approx(0.2)


@pytest.mark.parametrize("z", [-30.0, -3.0, 0.0, 4.0, 30.0])
@pytest.mark.parametrize("y", [0.0, 1.0])
def test_saturated_neurons_keep_their_digits(z, y):
    # One sample x = 1, weight w = z: loss'' = s'(z)^2 + (s - y) s''(z), in 80-bit arithmetic without cancellation.
    z_long = np.longdouble(z)
    s, opposite = 1 / (1 + np.exp(-z_long)), 1 / (1 + np.exp(z_long))
    slope, bend = s * opposite, s * opposite * (opposite - s)
    expected = slope**2 + (s if y == 0 else -opposite) * bend
    network = Network((1, 1), "sigmoid", "sigmoid")
    found = hessian(network, Params([[[z]]]), np.array([[1.0]]), np.array([[y]]))
    assert float(found.hessian[0, 0]) == pytest.approx(float(expected), rel=1e-12)


@pytest.mark.parametrize("scale", [0.1, 1.0, 6.0])
def test_the_curvature_of_a_slice_is_that_of_the_loss_computed_with_50_digits(scale):
    network = Network((2, 2, 1), "sigmoid", "sigmoid", biases=True)
    params = init_params(network, np.random.default_rng(4), scheme="normal") * scale
    X, Y = np.array([[0, 0], [0, 1], [1, 0], [1, 1.0]]), np.array([[0], [1], [1], [0.0]])
    refs = network.refs()

    def loss(values):
        def neuron(places, inputs):
            weights = [values[refs.index(WeightRef(*place))] for place in places]
            return 1 / (1 + (-sum(w * i for w, i in zip(weights, [*inputs, 1], strict=True))).exp())

        total = Decimal(0)
        for x, (y,) in zip(X, Y, strict=True):
            h = [neuron([(0, row, unit) for row in (0, 1, None)], map(Decimal, x)) for unit in (0, 1)]
            total += (neuron([(1, row, 0) for row in (0, 1, None)], h) - Decimal(y)) ** 2
        return total / (2 * Y.size)

    def moved(*steps):
        values = [Decimal(float(v)) for v in params.to_vector()]
        for place, step in steps:
            values[place] += step
        return loss(values)

    with localcontext(prec=50):
        h = Decimal("1e-12")
        for i, j in ((0, 3), (0, 6), (6, 7), (2, 8)):
            expected = [
                [
                    (moved((a, h), (b, h)) - moved((a, h), (b, -h)) - moved((a, -h), (b, h)) + moved((a, -h), (b, -h)))
                    / (4 * h * h)
                    for b in (i, j)
                ]
                for a in (i, j)
            ]
            found = curvature(network, params, X, Y, refs[i], refs[j])
            reference = np.array(expected, float)
            assert np.abs(found.hessian - reference).max() <= 1e-9 * np.abs(reference).max()
            assert found.eigenvalues[-1] == pytest.approx(np.linalg.eigvalsh(reference)[-1], rel=1e-6)


@pytest.mark.parametrize(("factor", "arrives"), [(0.98, True), (1.02, False)])
def test_a_rate_beyond_the_largest_overshoots_and_one_below_arrives(factor, arrives):
    network, _, X, Y = problem((2, 1), "identity", "identity", biases=True, n=20)
    start = init_params(network, np.random.default_rng(1))
    rate = factor * float(hessian(network, start, X, Y).largest_rate)
    path = nnlib.descend(network, start, X, Y, nnlib.GradientDescent(rate), 800)
    assert (path.loss[-1] < path.loss[400] + 1e-12) == arrives


def test_many_networks_have_the_curvatures_of_each():
    network, _, X, Y = problem((2, 2, 1), "tanh", "sigmoid", True)
    many = init_params(network, np.random.default_rng(2), runs=(2, 3))
    found = hessian(network, many, X, Y)
    assert found.hessian.shape == (2, 3, 9, 9)
    assert found.largest_rate.shape == (2, 3)
    for place in ((0, 0), (1, 2)):
        assert found.hessian[place] == pytest.approx(hessian(network, many[place], X, Y).hessian, abs=1e-15)


def test_a_step_network_curves_nowhere_and_sets_no_limit():
    network, params, X, Y = problem((2, 2, 1), "step", "step", False)
    found = curvature(network, params, X, Y, WeightRef(0, 0, 0), WeightRef(1, 0, 0))
    assert (found.hessian == 0).all()
    assert float(found.largest_rate) == np.inf


def test_a_home_made_activation_has_the_curvature_of_its_slope():
    for name in ("cube", "softplus", "step"):
        for bend, digits in ((None, 1e-6), (lambda z, _: 6 * z, 1e-14)):
            cube = nnlib.Activation(name, lambda z: z**3, lambda z, a: 3 * a / z, "z^3", bend=bend)
            network = Network((1, 1), "identity", cube)
            found = hessian(network, Params([[[2.0]]]), np.array([[1.0]]), np.array([[1.0]]))
            assert float(found.hessian[0, 0]) == pytest.approx(12.0**2 + 7 * 12, rel=digits)


def test_curvature_names_what_is_wrong():
    network, params, X, Y = problem((2, 2, 1), "tanh", "sigmoid", False)
    with pytest.raises(ValueError, match="must differ"):
        curvature(network, params, X, Y, WeightRef(0, 0, 0), WeightRef(0, 0, 0))
    with pytest.raises(ValueError, match="no biases"):
        curvature(network, params, X, Y, WeightRef(0, 0, 0), WeightRef(0, None, 0))
    with pytest.raises(ValueError, match="infinite or not a number"):
        curvature(network, params * np.nan, X, Y, WeightRef(0, 0, 0), WeightRef(0, 1, 0))
