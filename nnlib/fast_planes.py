"""Two grids on which everything moves, fast: the loss over a plane, and the outputs over two inputs.

In both the first layer's pre-activation is a sum P(a) + Q(b), so its sigmoid costs no exponential at the grid points
(see `fast_surface`, which explains this and the scratch memory). The layers behind it are ordinary products.
"""

import math
from collections.abc import Iterator
from itertools import product
from typing import NamedTuple

import numpy as np

from nnlib._types import Array
from nnlib.fast_sigmoid import BY_EXP, InPlace, stretch
from nnlib.fast_surface import factors, portion_of, safe_exponent
from nnlib.network import Network, Params
from nnlib.scratch import BLOCK, Scratch, borrowed

FEW_SAMPLES = 32
"""From this many samples on, they are a plane's innermost axis; below, a grid axis is longer and takes that place."""

Layer = tuple[Array, Array]
"""Weights (..., fan_out, fan_in) and biases (..., fan_out, 1)."""
Parts = tuple[Layer, Layer, Layer]
"""A layer at the center of a plane, and the change along its two directions."""


def _layers(network: Network, params: Params) -> list[Layer]:
    """Return the layers of a network whose sigmoids are not stretched: low and span go to the weights behind them."""
    layers = []
    low, span = 0.0, 1.0
    for layer, W in enumerate(params.weights):
        b = params.biases[layer] if network.biases else np.zeros(W[..., 0, :].shape, W.dtype)
        if low != 0:
            b = b + low * W.sum(-2)
        if span != 1:
            W = span * W
        layers.append((np.ascontiguousarray(W.mT), b[..., None]))
        low, span = stretch(network.activation(layer))
    return layers


def plane_sum_squared_errors(
    network: Network, center: Params, u: Params, v: Params, X: Array, Y: Array, a: Array, b: Array
) -> Array:
    """Return sum((O_out - Y)^2) at center + a u + b v: (b, a). The arguments must be valid."""
    dtype = np.result_type(center.weights[0], u.weights[0], v.weights[0], X, Y)
    layers = list(zip(*(_layers(network, params) for params in (center, u, v)), strict=True))
    low, span = stretch(network.output)
    total = np.zeros((len(a), len(b)), dtype)
    portion = portion_of(len(X), max(len(a), len(b)) * max(network.sizes[1:]))
    add = _add_many_samples if len(X) >= FEW_SAMPLES else _add_few_samples
    with borrowed() as scratch, np.errstate(all="ignore"):
        for start in range(0, len(X), portion):
            x = np.ascontiguousarray(X[start : start + portion].T, dtype)
            y = np.ascontiguousarray(((Y[start : start + portion] - low) / span).T, dtype)
            add(network, layers, x, y, a.astype(dtype), b.astype(dtype), total, scratch)
    return (span * span * total).T


def _add_many_samples(
    network: Network, layers: list[Parts], x: Array, y: Array, a: Array, b: Array, total: Array, scratch: Scratch
) -> None:
    """Add the squared errors of samples x (D, N), y (K, N) to total (a, b), with values (a, b, unit, sample)."""
    at_once = max(1, BLOCK // (max(network.sizes[1:]) * x.shape[1]))
    columns = min(at_once, len(b))
    rows = min(at_once // columns, len(a))
    first, *later = _plane_layers(network, layers, a, b, rows * columns * x.shape[1])
    meeting = Meeting(first.activate, *_first_sums(first, x, scratch))
    for i, j in product(range(0, len(a), rows), range(0, len(b), columns)):
        here = slice(i, i + rows), slice(j, j + columns)
        p, q = meeting.left[here[0], None], meeting.right[here[1]]
        n, m = len(p), len(q)
        h = meeting.write(p, q, scratch.take("meeting", (n, m, *q.shape[1:]), x.dtype), scratch)
        for number, (activate, (W_a, W_b), biases) in enumerate(later):
            z = scratch.take(f"layer {number}", (n, m, W_a.shape[1], x.shape[1]), x.dtype)
            np.matmul(W_a[here[0], None] + W_b[here[1]], h, out=z)
            if biases is not None:
                z += biases[0][here[0], None] + biases[1][here[1]]
            h = activate(z, scratch)
        h -= y
        errors = h.reshape(n, m, -1)
        total[here] += np.vecdot(errors, errors)


def _add_few_samples(
    network: Network, layers: list[Parts], x: Array, y: Array, a: Array, b: Array, total: Array, scratch: Scratch
) -> None:
    """Add the squared errors of samples x (D, N), y (K, N) to total (a, b), with values (unit, sample, a, b)."""
    rows = _rows(network, len(a), len(b), x)
    first, *others = _plane_layers(network, layers, a, b, rows * len(b) * x.shape[1])
    later = [
        (activate, _sums_on_grid(*weights), None if biases is None else _sums_on_grid(*biases))
        for activate, weights, biases in others
    ]
    meeting = OuterMeeting(first.activate, *_as_column_and_row(*_first_sums(first, x, scratch)))
    for start in range(0, len(a), rows):
        block = slice(start, min(start + rows, len(a)))
        n = block.stop - start
        left = meeting.left[:, :, block]
        out = scratch.take("meeting", (*left.shape[:3], len(b)), x.dtype)
        h = meeting.write(left, meeting.right, out, scratch)
        for number, (activate, (W_rows, W_columns), biases) in enumerate(later):
            weights = scratch.take("weights", (*W_rows.shape[:2], n, len(b)), x.dtype)
            np.matmul(W_rows[:, :, block], W_columns, out=weights)
            z = scratch.take(f"layer {number}", (len(weights), x.shape[1], n, len(b)), x.dtype)
            np.einsum("qkab,knab->qnab", weights, h, out=z)
            if biases is not None:
                z += np.matmul(biases[0][:, :, block], biases[1])
            h = activate(z, scratch)
        h -= y[..., None, None]
        total[block] += np.einsum("qnab,qnab->ab", h, h)


def _sums_on_grid(first: Array, second: Array) -> tuple[Array, Array]:
    """Return the `factors` of first (a, ., .) + second (b, ., .) on the grid: (., ., a, 2) and (., ., 2, b)."""
    column, row = _as_column_and_row(first, second)
    return factors(column, np.ones((1, 1, 1, 1), row.dtype), row)


def _as_column_and_row(first: Array, second: Array) -> tuple[Array, Array]:
    """Return first (a, ., .) as (., ., a, 1) and second (b, ., .) as (., ., 1, b)."""
    return np.moveaxis(first, 0, -1)[..., None], np.moveaxis(second, 0, -1)[..., None, :]


def _first_sums(layer: "PlaneLayer", x: Array, scratch: Scratch) -> tuple[Array, Array]:
    """Return the parts P (a, units, samples) and Q (b, units, samples) of the first layer's pre-activation P + Q."""
    P, Q = (
        np.matmul(W, x, out=scratch.take(f"along {axis}", (len(W), W.shape[1], x.shape[1]), x.dtype))
        for axis, W in zip("ab", layer.weights, strict=True)
    )
    if layer.biases is not None:
        P += layer.biases[0]
        Q += layer.biases[1]
    return P, Q


def _rows(network: Network, n_first: int, n_second: int, x: Array) -> int:
    """Return how many rows of the grid make a block."""
    per_row = n_second * max(network.sizes[1:]) * x.shape[1]
    return max(1, min(n_first, int(BLOCK // per_row)))


class PlaneLayer(NamedTuple):
    """A layer all over a plane: weights and biases (None if all 0), each as one part along a and one along b.

    (a, fan_out, fan_in) + (b, fan_out, fan_in), and (a, fan_out, 1) + (b, fan_out, 1), scaled as `activate` wants it.
    """

    activate: InPlace
    weights: tuple[Array, Array]
    biases: tuple[Array, Array] | None


def _plane_layers(network: Network, layers: list[Parts], a: Array, b: Array, size: int) -> Iterator[PlaneLayer]:
    """Return every layer, from its center and directions; `size` is how many numbers a unit has in a block."""
    far = 1.0, float(np.abs(a).max()), float(np.abs(b).max())  # how much of the center and of each direction
    a, b = a[:, None, None], b[:, None, None]
    for layer, parts in enumerate(layers):
        largest = math.inf  # in the first layer, whose sigmoids are factorised or few
        if layer > 0 and network.activation(layer - 1).form is not None:
            largest = sum(
                t * float((np.abs(W).sum(1) + np.abs(bias[:, 0])).max())
                for t, (W, bias) in zip(far, parts, strict=True)
            )
        activate = InPlace.of(network.activation(layer), size * network.sizes[layer + 1], a.dtype, largest)
        k = activate.scale
        (W, w_bias), (U, u_bias), (V, v_bias) = parts
        biases = k * (w_bias - activate.shift + a * u_bias), k * b * v_bias
        some = biases[0].any() or biases[1].any()
        yield PlaneLayer(activate, (k * (W + a * U), k * b * V), biases if some else None)


class Meeting:
    """The activation of P + Q, without exponentials at the grid points where it is a sigmoid and |P| is not too large.

    P and Q, which are overwritten, depend on one of the two axes each and are scaled as `activate` wants them: of a
    sigmoid they are what exp wants, minus the sum. `left` and `right` are the two, ready for `write`.
    """

    def __init__(self, activate: InPlace, P: Array, Q: Array) -> None:
        self.activate = activate
        self.factorised = activate.sigmoid is BY_EXP and bool(max(P.max(), -P.min()) <= safe_exponent(P.dtype))
        self.left, self.right = self.prepare(P, Q)

    def prepare(self, P: Array, Q: Array) -> tuple[Array, Array]:
        """Return what `write` wants, for long inner loops: p and q of sigma = p / (p + q)."""
        if self.factorised:
            np.exp(np.negative(P, out=P), out=P)
            np.exp(Q, out=Q)
        return P, Q

    def write(self, left: Array, right: Array, out: Array, scratch: Scratch) -> Array:
        """Return the activation for a block of what was prepared, in the memory of `out`."""
        np.add(left, right, out=out)
        return np.divide(left, out, out=out) if self.factorised else self.activate(out, scratch)


class OuterMeeting(Meeting):
    """The same where P is a column (..., n, 1) and Q a row (..., 1, m): a product of matrices, see `factors`."""

    def prepare(self, P: Array, Q: Array) -> tuple[Array, Array]:
        """Return two matrices whose product is P + Q, or 1 + q / p, since sigma = 1 / (1 + q / p)."""
        one = np.ones((1,) * P.ndim, P.dtype)
        return factors(np.exp(P), np.exp(Q), one) if self.factorised else factors(P, one, Q)

    def write(self, left: Array, right: Array, out: Array, scratch: Scratch) -> Array:
        """Return the activation for a block of what was prepared, in the memory of `out`."""
        np.matmul(left, right, out=out)
        return np.divide(1, out, out=out) if self.factorised else self.activate(out, scratch)


def output_grids(
    network: Network, params: Params, first: int, second: int, first_values: Array, second_values: Array, rest: Array
) -> Array:
    """Return O_out over two inputs for networks (frames,): (frames, K, second, first). The arguments must be valid.

    `rest` (D,) are the values of the other inputs.
    """
    rest = rest.copy()
    rest[[first, second]] = 0
    dtype = np.result_type(params.weights[0], first_values, second_values, rest)
    n_first, n_second = len(first_values), len(second_values)
    grids = np.empty((*params.runs, network.sizes[-1], n_second, n_first), dtype)
    activate = InPlace.of(network.activation(0), 0, dtype, math.inf)
    (W, bias), *layers = _layers(network, params)
    W, bias = activate.scale * W, activate.scale * (bias - activate.shift)
    P = W[..., second, None, None] * second_values[:, None]
    Q = W[..., first, None, None] * first_values + (W @ rest)[..., None, None] + bias[..., None]
    per_row = n_first * max(network.sizes[1:])
    rows = max(1, min(n_second, 2 * BLOCK // per_row))
    at_once = max(1, BLOCK // (rows * per_row))
    later = _later(network, layers, at_once * rows * n_first)
    low, span = stretch(network.output)
    with borrowed() as scratch, np.errstate(all="ignore"):
        meeting = OuterMeeting(activate, P.astype(dtype, copy=False), Q.astype(dtype, copy=False))
        for i, j in product(range(0, len(grids), at_once), range(0, n_second, rows)):
            frames = slice(i, i + at_once)
            out = grids[frames, :, j : j + rows]
            # Whole pictures lie in one piece, so the last layer can be computed where its result belongs.
            there = rows == n_second
            block = meeting.left[frames, :, j : j + rows]
            shape: tuple[int, ...] = (*block.shape[:3], n_first)
            h = out if there and not later else scratch.take("meeting", shape, dtype)
            h = meeting.write(block, meeting.right[frames], h, scratch)
            for number, (activate, W, b) in enumerate(later):
                is_last = number == len(later) - 1
                shape = (len(h), W.shape[1], *h.shape[2:])
                z = out if there and is_last else scratch.take(f"layer {number}", shape, dtype)
                np.matmul(W[frames], h.reshape(*h.shape[:2], -1), out=z.reshape(*z.shape[:2], -1, copy=False))
                if b is not None:
                    z += b[frames, ..., None]
                h = activate(z, scratch)
            if h is not out:
                out[...] = h
        if span != 1:
            grids *= span
        if low != 0:
            grids += low
    return grids


def _later(network: Network, layers: list[Layer], size: int) -> list[tuple[InPlace, Array, Array | None]]:
    """Return the activation, weights and biases of the layers behind the first; None for biases that are all 0."""
    result: list[tuple[InPlace, Array, Array | None]] = []
    for layer, (W, b) in enumerate(layers, 1):
        bounded = network.activation(layer - 1).form is not None
        largest = float((np.abs(W).sum(-1) + np.abs(b[..., 0])).max()) if bounded else math.inf
        activate = InPlace.of(network.activation(layer), size * network.sizes[layer + 1], W.dtype, largest)
        b = activate.scale * (b - activate.shift)
        result.append((activate, activate.scale * W, b if b.any() else None))
    return result
