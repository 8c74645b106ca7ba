"""The loss as a landscape: the MSE over two weights, everything else held still.

A step network's landscape is made of terraces, flat everywhere with jumps between; a sigmoid network's is a slope.
"""

from dataclasses import dataclass

import numpy as np

from nnlib._types import Array, is_whole
from nnlib.fast_descent import gradients
from nnlib.fast_planes import output_grids
from nnlib.fast_surface import sum_squared_errors
from nnlib.fast_terraces import ROOM, terraces
from nnlib.grid import Grid
from nnlib.loss import mse
from nnlib.network import Network, Params, WeightRef, forward

MANY_VALUES = 2**13
"""From this many values of a layer on, a layer of smooth units is better computed than copied."""


def loss_surface(
    network: Network,
    params: Params,
    X: Array,
    Y: Array,
    first: WeightRef,
    second: WeightRef,
    first_values: Array,
    second_values: Array,
) -> Array:
    """Return the MSE at every point of a grid of two weights, all other parameters as in `params`.

    first_values (A,) and second_values (B,) -> (B, A): a row for each value of `second`, as plots want it. Raises
    ValueError if the two weights are the same or not in the network, for shapes that do not fit, and for numbers that
    are not finite. Source: the definition of `mse`, at each point. Computed by `fast_surface`, which agrees with
    `loss_surface_plain` to 1e-12; with a step by `fast_terraces` or part by part, which equals it bit for bit.
    """
    return _surface(Grid.checked(network, params, X, Y, first, second, first_values, second_values))


def loss_surface_plain(
    network: Network,
    params: Params,
    X: Array,
    Y: Array,
    first: WeightRef,
    second: WeightRef,
    first_values: Array,
    second_values: Array,
) -> Array:
    """Return what `loss_surface` returns the way one would write it down: a whole forward pass for every grid point.

    first_values (A,) and second_values (B,) -> (B, A). Raises ValueError as `loss_surface` does. Source: the definition
    of `mse`, at each point.
    """
    return _plain(Grid.checked(network, params, X, Y, first, second, first_values, second_values))


def _plain(grid: Grid) -> Array:
    along_a_row = grid.params.replace(grid.first, grid.first_values)
    rows = [
        mse(forward(grid.network, along_a_row.replace(grid.second, value), grid.X).O_out, grid.Y)
        for value in grid.second_values
    ]
    return np.stack(rows)


def _plain_in_parts(grid: Grid) -> Array:
    """Return the same, some columns at a time: a whole row of networks with many samples takes much memory."""
    at_once = max(1, ROOM // (len(grid.X) * sum(grid.network.sizes[1:])))
    starts = range(0, len(grid.first_values), at_once)
    return np.hstack([_plain(grid._replace(first_values=grid.first_values[j : j + at_once])) for j in starts])


def loss_surfaces(
    network: Network,
    params: Params,
    X: Array,
    Y: Array,
    first: WeightRef,
    second: WeightRef,
    first_values: Array,
    second_values: Array,
) -> Array:
    """Return the surface of `loss_surface` as each of many networks sees it, such as every step of a path.

    params (...), first_values (A,) and second_values (B,) -> (..., B, A). Raises ValueError as `loss_surface` does.
    Source: the definition of `mse`, at each point.
    """
    network.check_params(params)
    flat = params.from_vector(params.to_vector().reshape(-1, params.n_parameters))
    if not flat.runs[0]:
        raise ValueError("there must be at least one network to see the surface of")
    grid = Grid.checked(network, flat[0], X, Y, first, second, first_values, second_values)
    surfaces = np.stack([_surface(grid._replace(params=flat[i])) for i in range(flat.runs[0])])
    return surfaces.reshape(*params.runs, *surfaces.shape[1:])


def _surface(grid: Grid) -> Array:
    """Return the surface by the engine that suits the network."""
    network = grid.network
    if any(network.activation(layer).levels for layer in range(network.n_layers)):
        return _plain_in_parts(grid) if _makes_no_terraces(grid) else terraces(grid)
    total = sum_squared_errors(grid)
    total *= 1 / (2 * grid.Y.size)
    return total


def _makes_no_terraces(grid: Grid) -> bool:
    """Whether nothing is gained by looking for states that points of the grid share.

    Where no step lies behind the weights no two points share one. Behind smooth units that see both weights neither,
    and with many samples copies of whole layers cost more than the few units that would be computed again (measured).
    """
    network, first, second = grid.network, grid.first, grid.second
    behind = range(min(first.layer, second.layer), network.n_layers)
    if not any(network.activation(layer).levels for layer in behind):
        return True
    smooth = not network.hidden.levels and first.layer == second.layer < network.n_layers - 1
    return smooth and first.column != second.column and len(grid.X) * max(network.sizes[1:]) > MANY_VALUES


def decision_grid(
    network: Network,
    params: Params,
    first_values: Array,
    second_values: Array,
    first: int = 0,
    second: int = 1,
    rest: Array | None = None,
) -> Array:
    """Return the network's outputs over a grid of two inputs, the other inputs held at `rest` (D,), or 0.

    first_values (A,), second_values (B,), params (...) -> (..., K, B, A): for each network, such as each step of a
    path, a picture of each output, in the units of the data. Where a step's sum is within rounding of its threshold, it
    may fall on the other side than in `forward`. Raises ValueError for no network, inputs that are not there or the
    same, and values that are not finite. Source: Rumelhart, Hinton and Williams, 1986, equations 1 and 2.
    """
    network.check_params(params)
    n_inputs = network.sizes[0]
    if first == second or not all(is_whole(place) and 0 <= place < n_inputs for place in (first, second)):
        raise ValueError(f"the inputs must be two of 0 to {n_inputs - 1}, got {first!r} and {second!r}")
    if 0 in params.runs:
        raise ValueError(f"there must be at least one network, got leading axes {params.runs}")
    dtype = params.weights[0].dtype
    rest = np.zeros(n_inputs, dtype) if rest is None else np.asarray(rest, dtype)
    grids = [np.asarray(values, dtype) for values in (first_values, second_values)]
    if rest.shape != (n_inputs,) or any(values.ndim != 1 or len(values) == 0 for values in grids):
        raise ValueError(f"expected two lists of values and {n_inputs} fixed inputs, got shapes {rest.shape} for those")
    if not all(np.isfinite(values).all() for values in (*grids, rest)):
        raise ValueError("the inputs must be finite numbers")
    flat = params
    if len(params.runs) != 1:
        flat = params.from_vector(params.to_vector().reshape(-1, params.n_parameters))
    outputs = output_grids(network, flat, first, second, grids[0], grids[1], rest)
    return outputs.reshape(*params.runs, *outputs.shape[1:])


def gradient_field(
    network: Network,
    params: Params,
    X: Array,
    Y: Array,
    first: WeightRef,
    second: WeightRef,
    first_values: Array,
    second_values: Array,
) -> Array:
    """Return backpropagation's gradient with respect to the two weights at every point of a grid.

    first_values (A,) and second_values (B,) -> (2, B, A): dMSE/dfirst, then dMSE/dsecond. Raises ValueError as
    `loss_surface` does. Source: Rumelhart, Hinton and Williams, 1986, equations 4 to 7.
    """
    grid = Grid.checked(network, params, X, Y, first, second, first_values, second_values)
    refs = network.refs()
    places = [refs.index(first), refs.index(second)]
    rows = max(1, ROOM // (len(grid.first_values) * len(refs)))
    field = []
    for start in range(0, len(grid.second_values), rows):
        block = grid.second_values[start : start + rows]
        points = np.tile(params.to_vector(), (len(block), len(grid.first_values), 1))
        points[..., places[0]] = grid.first_values
        points[..., places[1]] = block[:, None]
        found = gradients(network, points.reshape(-1, len(refs)), grid.X, grid.Y)[:, places]
        field.append(np.moveaxis(found.reshape(*points.shape[:2], 2), -1, 0))
    return np.concatenate(field, axis=1)


@dataclass(frozen=True)
class Plateaus:
    """How far a surface is made of terraces: its distinct levels, and the share of neighbouring cells that differ."""

    levels: int
    changing_share: float


def plateaus(surface: Array) -> Plateaus:
    """Count the distinct values of a surface (B, A) and the share of side-by-side cells whose values differ.

    Raises ValueError unless the surface has two axes, at least two cells and no NaN.
    """
    surface = np.asarray(surface)
    if surface.ndim != 2 or surface.size < 2:
        raise ValueError(f"a surface has two axes and at least two cells, got shape {surface.shape}")
    if np.isnan(surface).any():
        raise ValueError("a surface must not hold NaN")
    differ = int((np.diff(surface, axis=0) != 0).sum() + (np.diff(surface, axis=1) != 0).sum())
    pairs = 2 * surface.size - surface.shape[0] - surface.shape[1]
    return Plateaus(len(np.unique(surface)), differ / pairs)
