"""The loss on a grid of two weights, fast: the engine behind `loss_surface`.

A weight on the grid touches only a part of the network, so a pass over the whole network at every point of the grid
computes most numbers again and again. Here each value is computed once for every combination of grid weights that it
depends on: layers before the weights never see the grid, a unit fed by one of the two weights has one grid axis, and
only what depends on both has two. Two facts do the rest:

Two weights that feed different outputs never meet. Each squared error depends on one of them at most, so the surface is
the sum of two curves.

Where two terms P(first) and Q(second) add up before a sigmoid,

    sigma(P + Q) = 1 / (1 + e^-P e^-Q),

so e^-P and e^-Q are computed along one axis each, and a point of the grid costs a multiplication, an addition and a
division, no exponential; the first two are one product of matrices, see `factors`. It is also more accurate, since
P + Q is never rounded. e^-Q may overflow to infinity, which gives the right answer 0; e^-P must neither overflow nor
vanish, so where |P| is large the sum is formed after all. Where the second weight multiplies a value h that depends on
the first, and its grid values are evenly spaced, e^(-value h) comes from a few exponentials by doubling: twice as many
values are the same ones times e^(-n spacing h). That is done where numpy's exp is slow.

A target of 0 or 1, as in every classification, needs no subtraction: the error is sigma(z) or 1 - sigma(z), and
1 - sigma(z) = sigma(-z). So z is mirrored for the samples whose target is 1, along one axis, before anything else.

Every activation with a `form` is such a sigmoid, stretched and shifted; the stretch goes into the weights around it.
What needs both axes is worked through in blocks that stay in the cache, in memory that is reused.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, reduce
from itertools import product
from typing import Any, NamedTuple

import numpy as np

from nnlib._types import Array
from nnlib.activations import Activation
from nnlib.fast_sigmoid import InPlace, exp_is_vectorised, stretch
from nnlib.grid import Grid
from nnlib.network import Network, Params, WeightRef
from nnlib.scratch import BLOCK, Scratch, borrowed

NEITHER, FIRST, SECOND, BOTH = 0, 1, 2, 3
"""What a value depends on: the first grid weight, the second, both (FIRST | SECOND) or neither."""

FEWEST_SAMPLES = 32
"""A portion has at least this many samples: each costs the planning once more."""

ROWS_AT_LEAST = 16
"""So many rows of the grid a block should have at least: a product of matrices has a call for each unit and sample."""


class Units(NamedTuple):
    """Units of one layer that depend on the same grid weights: their places in it and their values.

    The axes of all values are (unit, sample, second, first), with a length of 1 where they depend on nothing.
    """

    places: list[int]
    values: Array


class GridWeight(NamedTuple):
    """A weight on the grid: which one, what depends on it (FIRST or SECOND), and its values along that axis."""

    ref: WeightRef
    mark: int
    values: Array


@dataclass
class Sum:
    """The pre-activation of some units, term by term: one term for each set of grid weights it may depend on.

    `product` is the one kind of term that is not multiplied out: the second weight's values times a curve h that
    depends on the first.
    """

    places: list[int]
    terms: dict[int, Array]
    product: tuple[Array, Array] | None = None

    @property
    def depends_on(self) -> int:
        """The grid weights that the sum depends on."""
        if self.product is not None:
            return BOTH
        return (FIRST if FIRST in self.terms else 0) | (SECOND if SECOND in self.terms else 0)


def sum_squared_errors(task: Grid) -> Array:
    """Return sum((O_out - Y)^2) at every point of the grid: (second, first).

    The samples are taken in portions and the grid in blocks of rows, so the memory needed beside the result grows
    with the length of one axis at most.
    """
    if task.first.layer > task.second.layer:
        return sum_squared_errors(task.turned()).T
    network, params, X, Y, first, second, first_values, second_values = task
    dtype = np.result_type(*params.weights, *params.biases, X, Y)
    # Weights that feed two different outputs never meet: they need memory for two curves only.
    curves_only = first.layer == network.n_layers - 1 and first.column != second.column
    units_at_once = 1 if curves_only else max(network.sizes[1:])
    portion = portion_of(len(X), max(len(first_values), len(second_values)) * units_at_once)
    total = np.empty((len(second_values), len(first_values)), dtype)
    grid = [
        GridWeight(first, FIRST, first_values.astype(dtype)[None, None, None, :]),
        GridWeight(second, SECOND, second_values.astype(dtype)[None, None, :, None]),
    ]
    with borrowed() as scratch, np.errstate(over="ignore", under="ignore", invalid="ignore"):
        for start in range(0, len(X), portion):
            x, y = (np.ascontiguousarray(v[start : start + portion].T, dtype)[..., None, None] for v in (X, Y))
            layer, units, meeting = _until_they_meet(network, params, x, grid)
            if meeting is None and start == 0:
                total[...] = 0
            elif meeting is not None:
                for samples, rows, errors in _blocks(network, params, layer, units, meeting, y, total.shape, scratch):
                    _add_squares(errors, total[rows], fresh=start == 0 and samples.start == 0)
            if layer == network.n_layers - 1:
                for places, h in units.values():
                    _add_squares(h - _at(places, y), total)
    return total


def _add_squares(errors: Array, total: Array, fresh: bool = False) -> None:
    """Add the squared errors, summed over units and samples, to `total`, or write them if there is nothing yet."""
    if fresh:
        np.einsum("us...,us...->...", errors, errors, out=total)
    else:
        total += np.einsum("us...,us...->...", errors, errors)


def portion_of(n_samples: int, per_sample: int) -> int:
    """Return how many samples to take at once: a row of the grid must not need much memory."""
    return _evenly(n_samples, max(FEWEST_SAMPLES, BLOCK // per_sample))


def _evenly(n: int, most: int) -> int:
    """Return how many of n to take at once, at most so many, and every time about as many."""
    return -(-n // -(-n // most))


def _until_they_meet(
    network: Network, params: Params, x: Array, grid: list[GridWeight]
) -> tuple[int, dict[int, Units], Sum | None]:
    """Run the part of the forward pass that never needs both grid axes.

    Returns the layer it got to, that layer's units which depend on one grid weight at most, and the pre-activation of
    those that depend on both, which is where the weights meet (None if they never do).
    """
    units = {NEITHER: Units(list(range(len(x))), x)}
    for layer in range(network.n_layers):
        meeting, outputs = None, {}
        for z in _sums(network, params, layer, units, [weight for weight in grid if weight.ref.layer == layer]):
            if z.depends_on == BOTH:
                meeting = z
            else:
                outputs[z.depends_on] = Units(z.places, network.activation(layer).f(_total(z.terms, x.dtype)))
        units = outputs
        if meeting is not None:
            break
    return layer, units, meeting


def _sums(network: Network, params: Params, layer: int, units: dict[int, Units], here: list[GridWeight]) -> list[Sum]:
    """Return a layer's pre-activations, the units that a grid weight feeds apart from the rest."""
    W = params.weights[layer]
    b = params.biases[layer] if network.biases else None
    if not here:
        return [Sum(list(range(W.shape[1])), _weighted_sums(units, W, b))]
    W, b = W.copy(), b if b is None else b.copy()
    for ref, _, _ in here:
        if ref.row is not None:
            W[ref.row, ref.column] = 0
        elif b is not None:
            b[ref.column] = 0
    terms = _weighted_sums(units, W, b)
    fed = {j: Sum([j], {d: z[j : j + 1] for d, z in terms.items()}) for j in {ref.column for ref, _, _ in here}}
    for ref, mark, values in here:
        z = fed[ref.column]
        source, h = _find(units, ref.row)
        if source | mark == BOTH:
            z.product = values, h
        else:
            z.terms[source | mark] = z.terms.get(source | mark, 0) + values * h
    rest = [column for column in range(W.shape[1]) if column not in fed]
    return [*fed.values(), *([Sum(rest, {d: _at(rest, z) for d, z in terms.items()})] if rest else [])]


def _find(units: dict[int, Units], row: int | None) -> tuple[int, Array]:
    """Return what the value of a unit depends on, and that value; a bias comes from a unit that is always 1."""
    for depends_on, (places, values) in units.items():
        if row in places:
            place = places.index(row)
            return depends_on, values[place : place + 1]
    return NEITHER, np.ones((1, 1, 1, 1), np.float32)  # raises nobody's precision


def _at(places: list[int], values: Array) -> Array:
    """Return the values at rising places; a view, which costs a tenth, if these are neighbours."""
    first, last = places[0], places[-1]
    return values[first : last + 1] if last - first + 1 == len(places) else values[places]


def _weighted_sums(units: dict[int, Units], W: Array, b: Array | None) -> dict[int, Array]:
    """Return h W + b as one term (units, ., ., .) for each set of grid weights that the h depend on."""
    terms: dict[int, Array] = {}
    for depends_on, (places, h) in units.items():
        z = _at(places, W).T.dot(h.reshape(len(places), -1))
        terms[depends_on] = z.reshape(W.shape[1], *h.shape[1:])
    if b is not None:
        terms[NEITHER] = terms.get(NEITHER, 0) + b[:, None, None, None]
    return terms


class LaterLayer(NamedTuple):
    """A layer after the meeting: weights (units, meeting units), what is added to W h (None: nothing), activation."""

    W: Array
    rest: Array | None
    activate: InPlace


def _blocks(
    network: Network,
    params: Params,
    layer: int,
    others: dict[int, Units],
    meeting: Sum,
    target: Array,
    grid_shape: tuple[int, ...],
    scratch: Scratch,
) -> Iterator[tuple[slice, slice, Array]]:
    """Yield some samples, a block of rows of the grid, and the errors O_out - Y there of what sees both weights."""
    n_rows, n_columns = grid_shape
    room = 2 * BLOCK if layer == network.n_layers - 1 else BLOCK  # later layers need memory of their own
    per_row = max(len(meeting.places), *network.sizes[layer + 2 :], 1) * n_columns
    n_samples = _evenly(target.shape[1], max(1, room // (per_row * ROWS_AT_LEAST)))
    rows_at_once = max(1, min(n_rows, room // (per_row * n_samples)))
    size = n_samples * rows_at_once * n_columns
    places, later = meeting.places, []
    for deeper in range(layer + 1, network.n_layers):
        later.append(_later_layer(network, params, deeper, places, others, size))
        places, others = list(range(network.sizes[deeper + 1])), {}
    low, span = stretch(network.output)
    target = (_at(places, target) - low) / span
    mirror = 1 - 2 * target if not later and _can_be_mirrored(network.output, target) else None
    write = _writer(meeting, network.activation(layer), size, target.dtype, scratch, mirror)

    for first_sample, first_row in product(range(0, target.shape[1], n_samples), range(0, n_rows, rows_at_once)):
        samples = slice(first_sample, min(first_sample + n_samples, target.shape[1]))
        rows = slice(first_row, min(first_row + rows_at_once, n_rows))
        shape = samples.stop - samples.start, rows.stop - rows.start, n_columns
        h = scratch.take("meeting", (len(meeting.places), *shape), target.dtype)
        write(h, samples, rows)
        for number, (W, rest, activate) in enumerate(later):
            z = scratch.take(f"layer {number}", (len(W), *shape), target.dtype)
            if len(h) == 1:
                np.multiply(W[:, :, None, None], h, out=z)  # numpy's dot is slow where there is nothing to add up
            else:
                np.dot(W, h.reshape(len(h), -1), out=z.reshape(len(W), -1))
            if rest is not None:
                z += _part(rest, samples, rows)
            h = activate(z, scratch)
        if mirror is None:
            h -= target[:, samples]
        if span != 1:
            h *= span
        yield samples, rows, h


def _part(values: Array, samples: slice, rows: slice | None = None) -> Array:
    """Return what belongs to some samples, and to some rows of the grid, where values depend on these."""
    if values.shape[1] > 1:
        values = values[:, samples]
    return values if rows is None or values.shape[2] == 1 else values[:, :, rows]


def _can_be_mirrored(activation: Activation, target: Array) -> bool:
    """Whether every error is a sigmoid of z or of -z; the target is that of the sigmoid without its stretch."""
    return activation.form is not None and not (target * (1 - target)).any()


def _later_layer(
    network: Network,
    params: Params,
    layer: int,
    places: list[int],
    others: dict[int, Units],
    size: int,
) -> LaterLayer:
    """Return a layer after the meeting, fed by the stretched values of the meeting units and by `others`."""
    low, span = stretch(network.activation(layer - 1))
    terms = _weighted_sums(others, params.weights[layer], params.biases[layer] if network.biases else None)
    W = _at(places, params.weights[layer]).T
    if low != 0:
        terms[NEITHER] = terms.get(NEITHER, 0) + low * W.sum(1)[:, None, None, None]
    W, rest = span * W, _total(terms, W.dtype)
    bounded = network.activation(layer - 1).form is not None
    largest = float(np.abs(W).sum(1).max() + np.abs(rest).max()) if bounded else math.inf
    activate = InPlace.of(network.activation(layer), size, W.dtype, largest)
    W, rest = np.ascontiguousarray(activate.scale * W), activate.scale * (rest - activate.shift)
    return LaterLayer(W, rest if rest.any() else None, activate)


Writer = Callable[[Array, slice, slice], None]
"""Writes the meeting units' activation for some samples and rows into a buffer; of a sigmoid without its stretch."""


def _writer(
    meeting: Sum,
    activation: Activation,
    size: int,
    dtype: np.dtype[Any],
    scratch: Scratch,
    mirror: Array | None,
) -> Writer:
    """Choose how to compute the activation of the meeting units: without exponentials wherever that is safe.

    `mirror`, 1 or -1 for every unit and sample, is the sign that z - threshold gets.
    """
    P = _total(meeting.terms, dtype, without=SECOND)
    values, h = meeting.product or (np.ones((1, 1, 1, 1), dtype), meeting.terms[SECOND])
    form = activation.form
    if form is not None and form.threshold != 0:
        P = P - form.threshold
    if mirror is not None:
        P, h = mirror * P, mirror * h
    quick = exp_is_vectorised()
    # A quick exp of every number costs less than the doubling.
    if form is not None and not (meeting.product and quick):
        writer = _factorised(form.steepness * P, values if meeting.product else None, form.steepness * h)
        if writer is not None:
            return writer
    largest = math.inf if quick else _largest(P) + _largest(values) * _largest(h)  # the table asks for it
    activate = InPlace.of(activation, size, P.dtype, largest)
    P = activate.scale * P
    if meeting.product is None:
        return _direct(factors(activate.scale * h, np.ones((1, 1, 1, 1), dtype), P), activate, scratch)
    return _direct(factors(activate.scale * values, h, P), activate, scratch)


def _factorised(P: Array, values: Array | None, h: Array) -> Writer | None:
    """Return the writer of sigma(P + h), or sigma(P + values h), from exponentials of curves; None if one may overflow.

    For values * h, which depends on both weights, the values must be evenly spaced, too.
    """
    safe = safe_exponent(P.dtype)
    if not _largest(P) <= safe:  # not a number goes the other way, too
        return None
    p = np.exp(-P)
    if values is None:
        return _reciprocal(factors(np.exp(-h), p, np.ones((1, 1, 1, 1), P.dtype)))
    spacing = _even_spacing(values.ravel())
    if spacing is None or not _largest(values) * _largest(h) <= safe:
        return None
    return _reciprocal_of_powers(p, -values.flat[0] * h, -spacing * h)


def _largest(values: Array) -> float:
    return float(np.maximum.reduce(np.abs(values), axis=None))


def _total(terms: dict[int, Array], dtype: np.dtype[Any], without: int | None = None) -> Array:
    """Return the sum of the terms, 0 if there are none; `without` leaves one out."""
    wanted = [term for depends_on, term in terms.items() if depends_on != without]
    return reduce(np.add, wanted) if wanted else np.zeros((1, 1, 1, 1), dtype)


@cache
def safe_exponent(dtype: np.dtype[Any]) -> float:
    """Return how large |P| may be so that e^P and every product of two such numbers stay finite: 298 for float64."""
    return 0.42 * math.log(np.finfo(dtype).max)


def _reciprocal(matrices: tuple[Array, Array]) -> Writer:
    """Return the writer of 1 / (product of the matrices)."""
    left, right = matrices

    def write(out: Array, samples: slice, rows: slice) -> None:
        np.matmul(_part(left, samples, rows), _part(right, samples), out=out)
        np.divide(1, out, out=out)

    return write


def factors(left: Array, upper: Array, lower: Array) -> tuple[Array, Array]:
    """Return matrices (..., rows, 2) and (..., 2, columns) whose product is left * upper + lower.

    left (..., rows, 1), upper and lower (..., 1, columns). Their product writes in one sweep over the grid, with one
    call for each matrix, what numpy's broadcasting writes in two, with one inner loop for each row.
    """
    rows = np.empty((*left.shape[:-1], 2), left.dtype)
    rows[..., :1] = left
    rows[..., 1:] = 1
    *leading, _, n_columns = np.broadcast(upper, lower).shape
    columns = np.empty((*leading, 2, n_columns), left.dtype)
    columns[..., :1, :] = upper
    columns[..., 1:, :] = lower
    return rows, columns


def _reciprocal_of_powers(p: Array, start: Array, step: Array) -> Writer:
    """Return the writer of 1 / (1 + q p) where q = e^(start + i step) at the second weight's i-th value, the rows."""

    def write(out: Array, samples: slice, rows: slice) -> None:
        p_here, start_here, step_here = (_part(values, samples) for values in (p, start, step))
        np.multiply(np.exp(start_here + rows.start * step_here), p_here, out=out[:, :, :1])
        _double(out, step_here)
        out += 1
        np.divide(1, out, out=out)

    return write


def _double(out: Array, step: Array) -> None:
    """Fill `out` from its first values of the second weight: each next one is the last one times e^step."""
    known, wanted = 1, out.shape[2]
    while known < wanted:
        more = min(known, wanted - known)
        np.multiply(out[:, :, :more], np.exp(known * step), out=out[:, :, known : known + more])
        known += more


def _direct(matrices: tuple[Array, Array], activate: InPlace, scratch: Scratch) -> Writer:
    """Return the writer of the activation of a product of matrices."""
    left, right = matrices

    def write(out: Array, samples: slice, rows: slice) -> None:
        np.matmul(_part(left, samples, rows), _part(right, samples), out=out)
        activated = activate(out, scratch)
        if activated is not out:
            out[...] = activated

    return write


def _even_spacing(values: Array) -> float | None:
    """Return the spacing of evenly spaced values, None for others; the last digits are allowed to differ."""
    if len(values) < 2:
        return None
    spacing = (values[-1] - values[0]) / (len(values) - 1)
    even = values[0] + spacing * np.arange(len(values))
    tolerance = 4 * np.finfo(values.dtype).eps * np.abs(values).max()
    return float(spacing) if np.abs(values - even).max() <= tolerance else None
