"""Curvature: how the slope itself changes, which decides how large a learning rate may be.

Near a minimum the loss is a bowl. Along a direction of curvature lambda a step of rate lr multiplies the distance to
the bottom by 1 - lr * lambda: it shrinks as long as lr < 2 / lambda. The most curved direction decides, so the largest
rate that does not overshoot for good is eta* = 2 / lambda_max.

The curvatures are exact, not differences of losses: backpropagation computes the gradient, and the derivative of that
computation along a direction, value by value and by the same chain rule, gives the Hessian times the direction (the
R-operator). R(v) below is how fast the value v of the forward or backward pass changes along the direction.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nnlib._types import Array, frozen, sealed
from nnlib.activations import Activation, logistic
from nnlib.network import Network, Params, WeightRef, forward

_BLOCK = 2**20
"""How many numbers of one layer may be worked on at once."""


@dataclass(frozen=True, eq=False)
class Curvature:
    """The second derivatives of the loss for some weights: the Hessian (..., n, n), and what follows from it.

    `eigenvalues` (..., n), ascending, are the curvatures along the principal directions, the columns of `directions`
    (..., n, n). Raises ValueError for what is not real numbers.
    """

    refs: tuple[WeightRef, ...]
    hessian: Array
    eigenvalues: Array
    directions: Array

    def __post_init__(self) -> None:
        for name in ("hessian", "eigenvalues", "directions"):
            object.__setattr__(self, name, frozen(name, getattr(self, name)))

    @property
    def largest_rate(self) -> Array:
        """The rate eta* = 2 / lambda_max above which a descent overshoots for good; inf if nothing curves upwards."""
        largest = self.eigenvalues[..., -1]
        with np.errstate(divide="ignore"):
            return np.asarray(np.where(largest > 0, 2 / np.maximum(largest, 0), np.inf))


def curvature(network: Network, params: Params, X: Array, Y: Array, first: WeightRef, second: WeightRef) -> Curvature:
    """Return the curvature of the loss over two weights, everything else held still: a 2 x 2 Hessian.

    X (N, D), Y (N, K); leading axes of `params` are many networks. Raises ValueError if the two weights are the same
    or not in the network, for shapes that do not fit and numbers that are not finite. Source: Pearlmutter, 1994; LeCun,
    Simard and Pearlmutter, 1993, for the learning rate.
    """
    if first == second:
        raise ValueError(f"the two weights must differ, both are {first}")
    return _curvature(network, params, X, Y, (first, second))


def hessian(network: Network, params: Params, X: Array, Y: Array) -> Curvature:
    """Return the curvature over all parameters, in the order of `Network.refs`: as `curvature` does for two.

    X (N, D), Y (N, K) -> Hessian (..., P, P). Raises ValueError for shapes that do not fit and numbers that are not
    finite. Source: Pearlmutter, 1994.
    """
    return _curvature(network, params, X, Y, network.refs())


def _curvature(network: Network, params: Params, X: Array, Y: Array, refs: Sequence[WeightRef]) -> Curvature:
    network.check_params(params)
    X, Y = network.check_data(X, Y)
    for ref in refs:
        network.check_ref(ref)
    if not np.isfinite(params.to_vector()).all():
        raise ValueError("a weight or bias is infinite or not a number: the loss has no curvature there")
    places = [network.refs().index(ref) for ref in refs]
    size = params.n_parameters
    networks = max(1, int(np.prod(params.runs)))
    at_once = max(1, _BLOCK // (networks * max(len(X) * max(network.sizes), size)))
    columns = []
    for start in range(0, len(places), at_once):
        chosen = places[start : start + at_once]
        one = np.zeros((len(chosen), *(1,) * len(params.runs), size), params.weights[0].dtype)
        one[np.arange(len(chosen)), ..., chosen] = 1
        directions = params.from_vector(np.broadcast_to(sealed(one), (len(chosen), *params.runs, size)))
        columns.append(_hessian_times(network, params, directions, X, Y).to_vector()[..., places])
    H = np.moveaxis(np.concatenate(columns), 0, -1)
    H = (H + H.mT) / 2
    eigenvalues, vectors = np.linalg.eigh(H)
    return Curvature(tuple(refs), H, eigenvalues, vectors)


def _hessian_times(network: Network, params: Params, direction: Params, X: Array, Y: Array) -> Params:
    """Return the Hessian times a direction: the change of the gradient for a small step along it.

    Leading axes broadcast, so many directions go through one pass. Source: Pearlmutter, 1994, section 4.
    """
    passed = forward(network, params, X)
    a, Ra = [passed.X, *passed.outputs], [np.zeros_like(passed.X)]
    Rz: list[Array] = []
    slopes, bends = [], []
    for layer, (W, RW) in enumerate(zip(params.weights, direction.weights, strict=True)):
        Rz.append(Ra[layer] @ W + a[layer] @ RW)
        if network.biases:
            Rz[layer] = Rz[layer] + direction.biases[layer][..., None, :]
        slope, bend = _slope_and_bend(network.activation(layer), passed.inputs[layer], a[layer + 1])
        slopes.append(slope)
        bends.append(bend)
        Ra.append(slope * Rz[layer])

    d_out = _errors(network.output, passed.inputs[-1], passed.O_out, Y) / Y.size
    Rd_out = Ra[-1] / Y.size
    RdW, Rdb = [], []
    for layer in range(network.n_layers - 1, -1, -1):
        d_in = d_out * slopes[layer]
        Rd_in = Rd_out * slopes[layer] + d_out * bends[layer] * Rz[layer]
        RdW.append(Ra[layer].mT @ d_in + a[layer].mT @ Rd_in)
        Rdb.append(Rd_in.sum(-2))
        if layer:
            W, RW = params.weights[layer], direction.weights[layer]
            d_out, Rd_out = d_in @ W.mT, Rd_in @ W.mT + d_in @ RW.mT
    return Params(reversed(RdW), reversed(Rdb) if network.biases else ())


def _slope_and_bend(activation: Activation, z: Array, a: Array) -> tuple[Array, Array]:
    """Return the first and second derivative of an activation.

    For sigmoids from sigma(u) and sigma(-u) rather than from 1 - sigma(u), which has few digits left where sigma is
    almost 1. An activation without a `bend` has the difference quotient of its slope, good to some ten digits.
    """
    form = activation.form
    if form is not None:
        u = form.steepness * (z - form.threshold)
        s, opposite = logistic(u), logistic(-u)
        stretched = (form.high - form.low) * form.steepness * s * opposite
        return stretched, form.steepness * stretched * (opposite - s)
    slope: Array = activation.slope(z, a)
    if activation.bend is not None:
        return slope, activation.bend(z, a)
    h = 1e-5 * np.maximum(1, np.abs(z))
    above, below = (activation.slope(x, activation.f(x)) for x in (z + h, z - h))
    return slope, (above - below) / (2 * h)


def _errors(activation: Activation, z: Array, a: Array, Y: Array) -> Array:
    """Return O_out - Y; for a sigmoid near its upper end without taking the difference of two almost equal numbers."""
    form = activation.form
    if form is None:
        return a - Y
    from_top = (form.high - Y) - (form.high - form.low) * logistic(-form.steepness * (z - form.threshold))
    return np.where((form.low + form.high) / 2 < Y, from_top, a - Y)
