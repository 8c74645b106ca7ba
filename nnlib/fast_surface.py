"""The loss on a grid of two weights, fast: the engine behind `loss_surface`.

A weight on the grid touches only a part of the network, so a pass over the whole network at every point of the grid
computes most numbers again and again. Here each value is computed once for every combination of grid weights that it
depends on: layers before the weights never see the grid, a unit fed by one of the two weights has one grid axis, and
only what depends on both has two. Two facts do the rest:

Two weights that feed different outputs never meet. Each squared error depends on one of them at most, so the surface is
the sum of two curves.

Where two terms P(first) and Q(second) add up before a sigmoid,

    sigma(P + Q) = 1 / (1 + e^-P e^-Q) = e^P / (e^P + e^-Q),

so e^P and e^-Q are computed along one axis each, and a point of the grid costs one addition and one division, no
exponential. (With few samples, 1 + e^-P e^-Q is a product of matrices with two columns and two rows, which is faster.)
It is also more accurate, since P + Q is never rounded. e^-Q may overflow to infinity, which gives the
right answer 0; e^P must not, so where |P| is large the sum is formed after all. Where the second weight multiplies a
value h that depends on the first, and its grid values are evenly spaced, e^(-value h) comes from a few exponentials by
doubling: twice as many values are the same ones times e^(-n spacing h).

A target of 0 or 1, as in every classification, needs no subtraction: the error is sigma(z) or 1 - sigma(z), and
1 - sigma(z) = sigma(-z). So z is mirrored for the samples whose target is 1, along one axis, before anything else.

Every activation with a `form` is such a sigmoid, stretched and shifted; the stretch goes into the weights around it.
What needs both axes is worked through in blocks that stay in the cache, in memory that is reused.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, reduce
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

FEW_SAMPLES = 32
"""From this many samples on, they are the innermost axis; below, a grid axis is longer and takes that place."""

LONG_LOOP = 8192
"""How many numbers make an inner loop long: the size of the buffers that numpy would use otherwise."""


class Units(NamedTuple):
    """Units of one layer that depend on the same grid weights: their places in it and their values (units, ., ., .)."""

    places: list[int]
    values: Array


class GridWeight(NamedTuple):
    """A weight on the grid: which one, the axis it varies along (FIRST or SECOND) and its values along that axis."""

    ref: WeightRef
    axis: int
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


@dataclass(frozen=True)
class Axes:
    """The order of a value's axes: (unit, first, second, sample), or with few samples (unit, sample, second, first).

    The surface is computed in rows: one for each value of the first weight, or with few samples of the second.

    Where an array that lacks an axis meets one that has it, numpy is slow unless the inner loop is long. So where the
    samples are innermost, `long` joins `copies` neighbouring values of the second weight to one loop with them, and
    `beside` repeats what does not depend on that weight as often.
    """

    first: int
    second: int
    sample: int
    n_samples: int
    copies: int

    @classmethod
    def fitting(cls, n_second: int, n_samples: int) -> "Axes":
        """Return the order that gives numpy long inner loops."""
        if n_samples < FEW_SAMPLES:
            return cls(3, 2, 1, n_samples, 1)
        return cls(1, 2, 3, n_samples, -(-n_second // max(1, n_second * n_samples // LONG_LOOP)))

    def along(self, axis: int, values: Array) -> Array:
        """Return values (units, m) with four axes, varying along `axis`."""
        shape = [len(values), 1, 1, 1]
        shape[axis] = values.shape[1]
        return np.ascontiguousarray(values).reshape(shape)

    @property
    def few(self) -> bool:
        """Whether there are few samples."""
        return self.sample == 1

    def shape(self, units: int, n_rows: int, n_columns: int) -> tuple[int, int, int, int]:
        """Return the shape of a value that depends on everything."""
        return (units, self.n_samples, n_rows, n_columns) if self.few else (units, n_rows, n_columns, self.n_samples)

    def rows(self, values: Array, block: slice) -> Array:
        """Return what belongs to a block of rows."""
        if self.few:
            return values if values.shape[2] == 1 else values[:, :, block]
        return values if values.shape[1] == 1 else values[:, block]

    def long(self, values: Array) -> Array:
        """Return values that depend on the second weight, with long inner loops; a view, if they differ by sample."""
        if self.copies == 1:
            return values
        units, n_first, n_second, n_samples = values.shape
        if n_samples == 1:
            values = np.repeat(values, self.n_samples, axis=3)
        return values.reshape(units, n_first, n_second // self.copies, self.copies * self.n_samples)

    def beside(self, values: Array) -> Array:
        """Return values that do not depend on the second weight, to go with those that do."""
        return values if self.copies == 1 or values.shape[3] == 1 else np.tile(values, self.copies)

    def add_squares(self, errors: Array, total: Array, fresh: bool = False) -> None:
        """Add the squared errors, summed over units and samples, to `total` (rows, columns), or write them if fresh."""
        if self.few and fresh:
            np.einsum("us...,us...->...", errors, errors, out=total)
            return
        if self.few:
            squares = np.einsum("us...,us...->...", errors, errors)
        else:  # the last columns may be there only to make the number of columns even
            squares = np.vecdot(errors, errors).sum(0)[:, : total.shape[1]]
        np.add(0 if fresh else total, squares, out=total)


def sum_squared_errors(task: Grid) -> Array:
    """Return sum((O_out - Y)^2) at every point of the grid: (second, first).

    The samples are taken in portions and the grid in blocks of rows, so the memory needed beside the result grows
    with the length of one axis at most.
    """
    if task.first.layer > task.second.layer:
        return sum_squared_errors(task.turned()).T
    network, params, X, Y, first, second, first_values, second_values = task
    dtype = np.result_type(*params.weights, *params.biases, X, Y)
    portion = portion_of(len(X), max(len(first_values), len(second_values)) * max(network.sizes[1:]))
    total = np.empty((len(second_values), len(first_values)), dtype)
    first_values, second_values = first_values.astype(dtype), second_values.astype(dtype)
    with borrowed() as scratch, np.errstate(over="ignore", under="ignore", invalid="ignore"):
        for start in range(0, len(X), portion):
            x, y = (values[start : start + portion].T.astype(dtype, copy=False) for values in (X, Y))
            axes = Axes.fitting(len(second_values), x.shape[1])
            padded = _padded(second_values, axes.copies)
            grid = [
                GridWeight(first, FIRST, axes.along(axes.first, first_values[None])),
                GridWeight(second, SECOND, axes.along(axes.second, padded[None])),
            ]
            target = axes.along(axes.sample, y)
            layer, units, meeting = _until_they_meet(network, params, axes.along(axes.sample, x), grid)
            rows = total if axes.few else total.T
            if meeting is not None:
                n_columns = len(first_values) if axes.few else len(padded)
                for block, errors in _blocks(
                    network, params, axes, layer, units, meeting, target, (len(rows), n_columns), scratch
                ):
                    axes.add_squares(errors, rows[block], fresh=start == 0)
            elif start == 0:
                total[...] = 0
            if layer == network.n_layers - 1:
                for places, h in units.values():
                    axes.add_squares(h - _at(places, target), rows)
    return total


def portion_of(n_samples: int, per_sample: int) -> int:
    """Return how many samples to take at once, all about as many: a row of the grid must not need much memory."""
    portion = max(FEW_SAMPLES, BLOCK // per_sample)
    return -(-n_samples // -(-n_samples // portion))


def _padded(values: Array, multiple: int) -> Array:
    """Return the values and as many more, evenly on, as make their number a multiple."""
    missing = -len(values) % multiple
    if not missing:
        return values
    spacing = values[-1] - values[-2]
    return np.concatenate([values, values[-1] + spacing * np.arange(1, missing + 1, dtype=values.dtype)])


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
    for ref, axis, values in here:
        z = fed[ref.column]
        source, h = _find(units, ref.row)
        if source | axis == BOTH:
            z.product = values, h
        else:
            z.terms[source | axis] = z.terms.get(source | axis, 0) + values * h
    rest = [column for column in range(W.shape[1]) if column not in fed]
    return [*fed.values(), *([Sum(rest, {d: _at(rest, z) for d, z in terms.items()})] if rest else [])]


def _find(units: dict[int, Units], row: int | None) -> tuple[int, Array]:
    """Return what the value of a unit depends on, and that value; a bias comes from a unit that is always 1."""
    for depends_on, (places, values) in units.items():
        if row in places:
            place = places.index(row)
            return depends_on, values[place : place + 1]
    return NEITHER, np.ones((1, 1, 1, 1), np.float32)


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
    axes: Axes,
    layer: int,
    others: dict[int, Units],
    meeting: Sum,
    target: Array,
    grid_shape: tuple[int, int],
    scratch: Scratch,
) -> Iterator[tuple[slice, Array]]:
    """Yield a block of rows of the grid, and the errors O_out - Y there of the outputs that see both grid weights."""
    n_rows, n_columns = grid_shape
    per_row = math.prod(axes.shape(len(meeting.places), 1, n_columns))
    room = 2 * BLOCK if layer == network.n_layers - 1 else BLOCK  # later layers need memory of their own
    rows = max(1, min(n_rows, room // per_row))
    places, later = meeting.places, []
    for deeper in range(layer + 1, network.n_layers):
        later.append(_later_layer(network, params, deeper, places, others, rows * per_row))
        places, others = list(range(network.sizes[deeper + 1])), {}
    low, span = stretch(network.output)
    target = (_at(places, target) - low) / span
    mirror = 1 - 2 * target if not later and _can_be_mirrored(network.output, target) else None
    target = axes.beside(target)
    write = _writer(axes, meeting, network.activation(layer), rows * per_row, target.dtype, scratch, mirror)

    for start in range(0, n_rows, rows):
        block = slice(start, min(start + rows, n_rows))
        shape = axes.shape(len(meeting.places), block.stop - start, n_columns)
        h = scratch.take("meeting", shape, target.dtype)
        write(h, block)
        for number, (W, rest, activate) in enumerate(later):
            z = scratch.take(f"layer {number}", (len(W), *shape[1:]), target.dtype)
            if len(h) == 1:
                np.multiply(W[:, :, None, None], h, out=z)  # numpy's dot is slow where there is nothing to add up
            else:
                np.dot(W, h.reshape(len(h), -1), out=z.reshape(len(W), -1))
            if rest is not None:
                z_long = axes.long(z)
                z_long += axes.beside(axes.rows(rest, block))
            h = activate(z, scratch)
        if mirror is None:
            h_long = axes.long(h)
            h_long -= target
        if span != 1:
            h *= span
        yield block, h


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


Writer = Callable[[Array, slice], None]
"""Writes a block of rows of the meeting units' activation into a buffer; of a sigmoid without its stretch."""


def _writer(
    axes: Axes,
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
    # With few samples a quick exp of every number costs less than the calls that the doubling takes.
    if form is not None and not (meeting.product and axes.few and quick):
        writer = _factorised(axes, form.steepness * P, values if meeting.product else None, form.steepness * h)
        if writer is not None:
            return writer
    largest = math.inf if quick else _largest(P) + _largest(values) * _largest(h)  # the table asks for it
    activate = InPlace.of(activation, size, P.dtype, largest)
    P = activate.scale * P
    if meeting.product is None:
        return _direct(axes, P, activate.scale * h, None, activate, scratch)
    return _direct(axes, P, activate.scale * values, h, activate, scratch)


def _factorised(axes: Axes, P: Array, values: Array | None, h: Array) -> Writer | None:
    """Return the writer of sigma(P + h), or sigma(P + values h), from exponentials of curves; None if one may overflow.

    For values * h, which depends on both weights, the values must be evenly spaced, too.
    """
    safe = safe_exponent(P.dtype)
    if not _largest(P) <= safe:  # not a number goes the other way, too
        return None
    if values is None:
        return _reciprocal(axes, np.exp(-P), np.exp(-h)) if axes.few else _quotient(axes, np.exp(P), np.exp(-h))
    spacing = _even_spacing(values.ravel())
    if spacing is None or not _largest(values) * _largest(h) <= safe:
        return None
    start, step = -values.flat[0] * h, -spacing * h
    if axes.few:
        return _reciprocal_of_powers(np.exp(-P), start, step)
    return _quotient_of_powers(axes, np.exp(P), start, step)


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


def _quotient(axes: Axes, p: Array, q: Array) -> Writer:
    """Return the writer of p / (p + q), with p = e^P and q = e^-Q."""
    q = axes.long(q)

    def write(out: Array, block: slice) -> None:
        p_rows, out = axes.beside(axes.rows(p, block)), axes.long(out)
        np.add(p_rows, q, out=out)
        np.divide(p_rows, out, out=out)

    return write


def _reciprocal(axes: Axes, p: Array, q: Array) -> Writer:
    """Return the writer of 1 / (1 + q p), with p = e^-P along the columns and q = e^-Q along the rows."""
    q, p = factors(q, p, np.ones((1, 1, 1, 1), p.dtype))

    def write(out: Array, block: slice) -> None:
        np.matmul(axes.rows(q, block), p, out=out)
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

    def write(out: Array, block: slice) -> None:
        np.multiply(np.exp(start + block.start * step), p, out=out[:, :, :1])
        _double(out, step)
        out += 1
        np.divide(1, out, out=out)

    return write


def _quotient_of_powers(axes: Axes, p: Array, start: Array, step: Array) -> Writer:
    """Return the writer of p / (p + q) where q = e^(start + i step) at the second weight's i-th value."""

    def write(out: Array, block: slice) -> None:
        np.exp(axes.rows(start, block), out=out[:, :, :1])
        _double(out, axes.rows(step, block))
        p_rows, out = axes.beside(axes.rows(p, block)), axes.long(out)
        np.add(p_rows, out, out=out)
        np.divide(p_rows, out, out=out)

    return write


def _double(out: Array, step: Array) -> None:
    """Fill `out` from its first values of the second weight: each next one is the last one times e^step."""
    known, wanted = 1, out.shape[2]
    while known < wanted:
        more = min(known, wanted - known)
        np.multiply(out[:, :, :more], np.exp(known * step), out=out[:, :, known : known + more])
        known += more


def _direct(axes: Axes, P: Array, Q: Array, h: Array | None, activate: InPlace, scratch: Scratch) -> Writer:
    """Return the writer of the activation of P + Q, or of P + Q h: values of the second weight times a curve."""
    if axes.few:
        Q, columns = factors(Q, np.ones((1, 1, 1, 1), P.dtype) if h is None else h, P)

    def write(out: Array, block: slice) -> None:
        if axes.few:
            np.matmul(axes.rows(Q, block), columns, out=out)
        elif h is None:
            np.add(axes.rows(P, block), axes.rows(Q, block), out=out)
        else:
            np.multiply(axes.rows(Q, block), axes.rows(h, block), out=out)
            out_long = axes.long(out)
            out_long += axes.beside(axes.rows(P, block))
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
