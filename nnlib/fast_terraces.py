"""The loss of a network with steps on a grid of two weights, fast and to the last bit: every terrace is computed once.

A step's output changes only where its sum crosses the threshold, so along one weight a unit has few different outputs,
and most points of the grid share all that follows. Here a *state* is a set of outputs of one layer for all samples;
layer by layer the states that occur are computed, equal ones become one, and every point of the grid remembers its
state. A weight changes the sum of the one unit that it feeds: only that unit is computed for every value, the others
once.

A sum that is taken in another order may fall on the other side of a threshold. So nothing is added up here in any other
way than `forward` does: the matrix products have the same shapes and see the same numbers, and a unit that is needed
alone is cut out of such a product. The surface equals the plain one bit for bit.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nnlib._types import Array
from nnlib.activations import Activation
from nnlib.grid import Grid
from nnlib.loss import mse
from nnlib.network import Network, Params, WeightRef
from nnlib.scratch import BLOCK

ROOM = 16 * BLOCK
"""How many numbers the states of a layer may take, unless a single point of the grid needs more."""

Places = NDArray[np.intp]
"""Which state belongs to which point of the grid: (second, first), with 1 for an axis that does not matter yet."""


class GridWeight(NamedTuple):
    """A weight on the grid, its values, and their axis in the grid: 1 for the first weight, 0 for the second."""

    ref: WeightRef
    values: Array
    axis: int


def terraces(task: Grid) -> Array:
    """Return the MSE at every point of the grid: (second, first)."""
    network, params, X, Y, first, second, first_values, second_values = task
    surface = np.empty((len(second_values), len(first_values)), np.result_type(params.weights[0], X, Y))
    at_once = max(1, ROOM // (len(X) * max(network.sizes[1:])))
    columns = min(at_once, len(first_values))
    rows = max(1, at_once // columns)
    for i in range(0, len(second_values), rows):
        for j in range(0, len(first_values), columns):
            block = slice(i, i + rows), slice(j, j + columns)
            grid = [GridWeight(first, first_values[block[1]], 1), GridWeight(second, second_values[block[0]], 0)]
            states, places = X[None], np.zeros((1, 1), np.intp)
            for layer in range(network.n_layers):
                here = [weight for weight in grid if weight.ref.layer == layer]
                states, places = _layer(network, params, layer, states, places, here)
            surface[block] = mse(states, Y)[places]
    return surface


def _layer(
    network: Network, params: Params, layer: int, states: Array, places: Places, here: list[GridWeight]
) -> tuple[Array, Places]:
    """Return the states behind a layer, and which point of the grid has which."""
    f = network.activation(layer)
    W, b = params.weights[layer], params.biases[layer] if network.biases else None
    outputs = f.f(_sums(states, W, b))
    if not here:
        return _merged(f, outputs, places)
    if len(here) == 1:
        return _with_one(f, states, outputs, places, W, b, here[0])
    # Both weights are in this layer, and there is one state before it.
    one, other = here
    if one.ref.column != other.ref.column:
        for weight in here:
            outputs, places = _with_one(f, states, outputs, places, W, b, weight)
        return outputs, places
    column = one.ref.column
    units = np.concatenate(
        [f.f(_varied(states[0], *_replaced(W, b, other.ref, value), one)[..., column]) for value in other.values]
    )
    units, which = _distinct(f, units)
    outputs = np.repeat(outputs, len(units), 0)
    outputs[..., column] = units
    return outputs, which.reshape(len(other.values), len(one.values))


def _with_one(
    f: Activation, states: Array, outputs: Array, places: Places, W: Array, b: Array | None, weight: GridWeight
) -> tuple[Array, Places]:
    """Return the states and places once one more weight varies.

    `states` are those before the layer, (S, N, units) or a single one for all; `outputs` those behind it so far.
    """
    column = weight.ref.column
    n = len(outputs)
    found, numbers, start = [], np.empty((n, len(weight.values)), np.intp), 0
    for s in range(n):
        if s == 0 or len(states) > 1:
            units, which = _distinct(f, f.f(_varied(states[s], W, b, weight)[..., column]))
        whole = np.repeat(outputs[s : s + 1], len(units), 0)
        whole[..., column] = units
        found.append(whole)
        numbers[s] = start + which
        start += len(units)
    along = np.arange(len(weight.values))
    places = numbers[places, along if weight.axis == 1 else along[:, None]]
    return _merged(f, np.concatenate(found), places)


def _replaced(W: Array, b: Array | None, ref: WeightRef, value: Any) -> tuple[Array, Array | None]:
    """Return a layer's weights and biases with another value of one of them."""
    if ref.row is not None:
        W = W.copy()
        W[ref.row, ref.column] = value
    elif b is not None:
        b = b.copy()
        b[ref.column] = value
    return W, b


def _varied(H: Array, W: Array, b: Array | None, weight: GridWeight) -> Array:
    """Return the sums of a layer for every value of a weight: (values, N, units)."""
    ref, values, _ = weight
    if ref.row is not None:
        W = np.repeat(W[None], len(values), 0)
        W[:, ref.row, ref.column] = values
    elif b is not None:
        b = np.repeat(b[None], len(values), 0)
        b[:, ref.column] = values
    return _sums(H, W, b)


def _sums(H: Array, W: Array, b: Array | None) -> Array:
    """Return H W + b just as `forward` does."""
    z: Array = H @ W
    return z if b is None else z + b[..., None, :]


def _distinct(f: Activation, rows: Array) -> tuple[Array, Places]:
    """Return the different rows (n, N) of what a step puts out, and which of them each row is; of others every row."""
    if not f.levels or len(rows) == 1:
        return rows, np.arange(len(rows))
    found = rows.reshape(len(rows), -1)
    # Two levels are a bit each, which are quicker to sort.
    codes = np.packbits(found != f.levels[0], axis=1) if len(f.levels) == 2 else np.ascontiguousarray(found)
    keys = codes.view(np.dtype((np.void, codes[0].nbytes))).ravel()
    _, first, which = np.unique(keys, return_index=True, return_inverse=True)
    return rows[first], which.reshape(-1)


def _merged(f: Activation, outputs: Array, places: Places) -> tuple[Array, Places]:
    """Return the states with equal ones made one."""
    outputs, which = _distinct(f, outputs)
    return outputs, which[places]
