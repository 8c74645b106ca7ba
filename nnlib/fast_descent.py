"""Many steps of descent, fast: the engine behind `descend`.

A step on a small network is some twenty numpy calls of half a microsecond each, whatever they compute. So the calls are
few, they write into memory that is allocated once, and many runs share each call. The mathematics is that of `forward`,
`backward` and the optimizers; only the bookkeeping differs:

- All parameters of a network are one vector, in the order of `Params.to_vector`, and the optimizer steps that vector.
- With biases, a row of ones lies below the values that feed a layer. A layer's weights and biases are neighbours in the
  vector, so together they are one matrix (fan_in + 1, fan_out), and its product with the values adds the biases.
- The loss at a step is summed from the errors of the forward pass that the next step needs anyway.

Two layouts: `Passes` keeps each run's values together and leaves the products to BLAS, run by run. `RunsLastPasses`
puts the runs innermost, so that one call serves them all; it wins while one run is too small to keep a call busy.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlib._types import Array
from nnlib.activations import Activation
from nnlib.fast_sigmoid import BY_EXP, LARGEST, fastest_sigmoid
from nnlib.network import Network
from nnlib.optimizers import GradientDescent, Memory, Optimizer
from nnlib.scratch import BLOCK, Scratch

CHUNK = 256
"""After how many steps the engine looks whether a run left the range of floating point."""

RUNS_LAST_BELOW = 1000
"""Up to this many values a layer (units x samples), many runs are better served by one call each (measured)."""

TANH_UP_TO = 512
"""Up to this many values a layer, of all runs together, sigma(z) comes from tanh(z / 2) in fewer calls (measured)."""

FEW_RUNS = 8
"""With fewer runs than this, each one is better served by its own matrix products."""

Batch = NDArray[np.intp] | None
"""The rows of the samples that a step uses; None for all."""


Call = tuple[Callable[..., Any], tuple[Any, ...]]
"""A function and its arguments, memory that never moves among them."""


class Passes:
    """Forward and backward pass of a block of networks on the same samples, in memory allocated once.

    Vectors are (R, P), values (R, units, N), and the samples, which all runs share, (units, N).
    """

    def __init__(self, network: Network, n_runs: int, dtype: np.dtype[Any], n_samples: int) -> None:
        self.network = network
        self.runs = self.run_axes(n_runs)
        self.ones = int(network.biases)
        self.layers = range(network.n_layers)
        self.activations = [network.activation(layer) for layer in self.layers]
        # Where every layer is the plain sigmoid, what is kept is a multiple of the parameters, `unit`, and what the
        # backward pass finds a part of the gradient, which is that times `factor`; see the two ways below.
        self.logistic = all(_is_logistic(f) for f in self.activations)
        largest_layer = math.prod(self.values(max(network.sizes[1:]), n_samples))
        self.by_tanh = self.logistic and largest_layer <= TANH_UP_TO
        self.unit: Any = -1 if self.logistic else 1
        self.factor: Any = self.unit
        if self.by_tanh:
            self.unit, self.factor = self.tanh_units(dtype)
        self.scratch = Scratch()
        self.one = np.ones((), dtype)
        self.scale = np.ones(np.shape(self.factor), dtype)

        self.X = np.ones((network.sizes[0] + self.ones, n_samples), dtype)
        self.Y = np.empty((network.sizes[-1], n_samples), dtype)
        self.parameters = np.empty(self.vectors(network.n_parameters), dtype)
        self.gradient = np.empty_like(self.parameters)
        # All values in one array, so that one call computes the slopes of all layers; rows of ones stay as they are.
        below = 0 if self.by_tanh else self.ones
        rows = [size + below for size in network.sizes[1:-1]] + [network.sizes[-1]]
        shapes = [self.values(n_rows, n_samples) for n_rows in rows]
        self.all_values = np.ones(sum(map(math.prod, shapes)), dtype)
        self.all_slopes = np.empty_like(self.all_values)
        values, slopes, start = [], [], 0
        for shape in shapes:
            part = slice(start, start + math.prod(shape))
            values.append(self.all_values[part].reshape(shape))
            slopes.append(self.all_slopes[part].reshape(shape))
            start = part.stop
        fed = values
        if self.by_tanh:
            fed = [np.ones(self.values(size + self.ones, n_samples), dtype) for size in network.sizes[1:-1]]
        self.fed = [self.X, *fed[: len(self.layers) - 1]]
        self.outputs = [self.rows(a, 0, size) for a, size in zip(values, network.sizes[1:], strict=True)]
        self.slopes = [self.rows(s, 0, size) for s, size in zip(slopes, network.sizes[1:], strict=True)]
        self.d_inputs = [np.empty(a.shape, dtype) for a in self.outputs]
        self.inputs = [a if self.logistic else np.empty(a.shape, dtype) for a in self.outputs]
        self.W = self.matrices(self.parameters)
        self.dW = self.matrices(self.gradient)
        self.W_only = [self.rows(W, 0, fan_in) for W, (fan_in, _) in zip(self.W, network.weight_shapes, strict=True)]
        self.plan()
        self.forward_calls = self.plan_forward(self.exp_calls)
        by_table = self.logistic and fastest_sigmoid(self.outputs[0].size, dtype, 0.0) is not BY_EXP
        self.table_calls = self.plan_forward(self.table_calls_of) if by_table else []
        self.slope_calls = self.plan_slopes()
        self.to_last, self.last = self.plan_last()
        self.backward_calls = self.plan_backward()
        self.table_limit = 0.0
        self.square = 0.25 if self.by_tanh else 1.0

    # Where the axes lie.

    @staticmethod
    def run_axes(n_runs: int) -> tuple[int, ...]:
        """Return the axes that the runs have."""
        return (n_runs,)

    @staticmethod
    def turned(vectors: Array) -> Array:
        """Return vectors (..., R, P) the way this layout wants them, as a view."""
        return vectors

    @staticmethod
    def turned_back(vectors: Array) -> Array:
        """Return this layout's vectors as (..., R, P)."""
        return vectors

    @staticmethod
    def empty(*shape: int, dtype: np.dtype[Any]) -> Array:
        """Return memory for vectors (..., R, P) that is contiguous in this layout."""
        return np.empty(shape, dtype)

    @staticmethod
    def losses(losses: Array) -> Array:
        """Return losses (..., R) the way this layout wants them, as a view."""
        return losses

    @staticmethod
    def rate(lr: Array) -> Array:
        """Return learning rates (R,) so that they scale the vectors."""
        return lr[:, None]

    def vectors(self, n: int) -> tuple[int, ...]:
        """Return the shape of n numbers for each run."""
        return (*self.runs, n)

    def values(self, units: int, n_samples: int) -> tuple[int, ...]:
        """Return the shape of a layer's values."""
        return (*self.runs, units, n_samples)

    def rows(self, values: Array, start: int, stop: int) -> Array:
        """Return some rows of a layer's values or of a matrix."""
        return values[..., start:stop, :]

    def matrices(self, vectors: Array) -> list[Array]:
        """Return views of the vectors: each layer's weights, with the biases as last row."""
        matrices, start = [], 0
        for fan_in, fan_out in self.network.weight_shapes:
            n_rows = fan_in + self.ones
            part = vectors[..., start : start + n_rows * fan_out]
            matrices.append(part.reshape(*self.runs, n_rows, fan_out))
            start += n_rows * fan_out
        return matrices

    def plan(self) -> None:
        """Prepare the matrix products: functions that take the other factor and where to write the result."""
        self.forward_products = [self.times(W.mT) for W in self.W]
        self.backward_products = [self.times(W) for W in self.W_only]
        self.gradient_products = [self.times(fed) for fed in self.fed]
        self.d_transposed = [d.mT for d in self.d_inputs]
        self.wanted = self.Y

    @staticmethod
    def times(matrix: Array) -> Callable[[Array, Array], Any]:
        """Return the function that multiplies a matrix of each run by another and writes the result into a third."""
        return partial(np.matmul, matrix)

    def load(self, X: Array, Y: Array) -> None:
        """Take the samples X (N, D) and Y (N, K)."""
        self.X[: X.shape[1]] = X.T
        self.Y[...] = 2 * Y.T - 1 if self.by_tanh else Y.T
        self.scale[...] = self.factor / Y.size
        if self.table_calls:
            largest_input = max(1.0, float(np.abs(X).max()))
            self.table_limit = LARGEST / (largest_input * (max(self.network.sizes) + 1))

    def sum_squares(self, errors: Array) -> Array:
        """Return the sum of the squared errors of each run."""
        flat = errors.reshape(*errors.shape[:-2], -1)
        return np.asarray(np.vecdot(flat, flat)) * self.square

    # The passes, as lists of calls that are prepared once: (function, arguments), in the order of the chain rule.

    def plan_forward(self, sigmoid_calls: Callable[[Array], list[Call]]) -> list[Call]:
        """Return the calls from the parameters to the outputs."""
        calls: list[Call] = []
        for layer in self.layers:
            z, a = self.inputs[layer], self.outputs[layer]
            calls.append((self.forward_products[layer], (self.fed[layer], z)))
            if self.by_tanh:
                calls += self.tanh_calls(layer)
            else:
                calls += sigmoid_calls(z) if self.logistic else [(_write, (a, self.activations[layer].f, z))]
        return calls

    # sigma(z) by exp: minus the parameters are kept, then z comes out as exp wants it. The slopes' first call leaves
    # a (a - 1), minus the slope; with that all signs cancel in the backward pass but one, `factor`.

    def exp_calls(self, z: Array) -> list[Call]:
        """Return the calls that turn -z into sigma(z)."""
        return [(np.exp, (z, z)), (np.add, (z, self.one, z)), (np.divide, (self.one, z, z))]

    def table_calls_of(self, z: Array) -> list[Call]:
        """Return the calls that turn -z into sigma(z) by the table, where that is the faster way."""
        sigmoid = fastest_sigmoid(z.size, z.dtype, 0.0)
        if sigmoid is BY_EXP or not z.flags.c_contiguous:
            return self.exp_calls(z)
        return [(np.multiply, (z, np.array(-sigmoid.scale, z.dtype), z)), (sigmoid, (z, self.scratch))]

    # sigma(z) by t = tanh(z / 2), for few numbers, where a call costs more than what it computes. The next layer is fed
    # with t + 1 = 2 sigma(z); the last one needs nothing more, since t - (2 y - 1) is twice the error. All the powers
    # of two meet in `unit` and `factor`: z / 2 comes from half the parameters, a quarter where 2 sigma is fed, and
    # 1 - t^2 is four times the slope, so what the backward pass finds is 8 times too large, 16 where 2 sigma was fed.
    # Far to the left t + 1 keeps no digits, but then it is below 1e-15 and moves no sum.

    def tanh_units(self, dtype: np.dtype[Any]) -> tuple[Array, Array]:
        """Return `unit` and `factor` for every parameter."""
        unit, factor = [], []
        for layer, (fan_in, fan_out) in enumerate(self.network.weight_shapes):
            n_weights, n_biases = fan_in * fan_out, self.ones * fan_out
            unit += [0.25 if layer else 0.5] * n_weights + [0.5] * n_biases
            factor += [1 / 16 if layer else 1 / 8] * n_weights + [1 / 8] * n_biases
        return self.turned(np.array([unit], dtype)), self.turned(np.array([factor], dtype))

    def tanh_calls(self, layer: int) -> list[Call]:
        """Return the calls that turn z / 2 into t, and feed the next layer."""
        t = self.outputs[layer]
        calls: list[Call] = [(np.tanh, (t, t))]
        if layer + 1 < len(self.layers):
            calls.append((np.add, (t, self.one, self.rows(self.fed[layer + 1], 0, self.network.sizes[layer + 1]))))
        return calls

    def plan_backward(self) -> list[Call]:
        """Return the calls from the last layer's d_input to the gradient."""
        calls: list[Call] = []
        last = self.network.n_layers - 1
        for layer in reversed(self.layers):
            d, z, a = self.d_inputs[layer], self.inputs[layer], self.outputs[layer]
            if layer < last:
                calls.append((self.backward_products[layer + 1], (self.d_inputs[layer + 1], d)))
                if self.logistic:
                    calls.append((np.multiply, (d, self.slopes[layer], d)))
                else:
                    calls.append((_times_slope, (d, self.activations[layer].slope, z, a, d)))
            calls.append((self.gradient_products[layer], (self.d_transposed[layer], self.dW[layer])))
        return calls

    def plan_slopes(self) -> list[Call]:
        """Return the calls that compute the slopes of all layers at once, where they are sigmoids."""
        if not self.logistic:
            return []
        if self.by_tanh:
            return [
                (np.multiply, (self.all_values, self.all_values, self.all_slopes)),
                (np.subtract, (self.one, self.all_slopes, self.all_slopes)),
            ]
        return [
            (np.subtract, (self.all_values, self.one, self.all_slopes)),
            (np.multiply, (self.all_slopes, self.all_values, self.all_slopes)),
        ]

    def plan_last(self) -> Call:
        """Return the function, and what follows its first argument, that turns errors into the last d_input."""
        d, z, a = self.d_inputs[-1], self.inputs[-1], self.outputs[-1]
        return (
            (np.multiply, (self.slopes[-1], d))
            if self.logistic
            else (_times_slope, (self.activations[-1].slope, z, a, d))
        )

    def table_serves(self, vectors: Array) -> bool:
        """Whether the table of sigmoids covers all that these parameters can make of the samples."""
        return bool(self.table_calls) and bool(vectors.max() < self.table_limit and vectors.min() > -self.table_limit)

    def forward(self, parameters: Array, errors: Array) -> None:
        """Run the forward pass and write O_out - Y, or twice that by tanh, into `errors`."""
        np.multiply(parameters, self.unit, self.parameters)
        for function, arguments in self.table_calls if self.table_serves(parameters) else self.forward_calls:
            function(*arguments)
        np.subtract(self.outputs[-1], self.wanted, errors)

    def backward(self, errors: Array) -> Array:
        """Run the backward pass from the last forward pass and its errors; return the gradient of each run."""
        for function, arguments in self.slope_calls:
            function(*arguments)
        self.to_last(errors, *self.last)
        for function, arguments in self.backward_calls:
            function(*arguments)
        np.multiply(self.gradient, self.scale, self.gradient)
        return self.gradient


def _write(out: Array, f: Callable[[Array], Array], z: Array) -> None:
    out[...] = f(z)


def _times_slope(d_out: Array, slope: Callable[[Array, Array], Array], z: Array, a: Array, d_in: Array) -> None:
    np.multiply(d_out, slope(z, a), d_in)


class SinglePasses(Passes):
    """The same for one run, without an axis of runs: vectors (P,), values (units, N)."""

    @staticmethod
    def run_axes(n_runs: int) -> tuple[int, ...]:  # noqa: ARG004
        """Return no axes."""
        return ()

    @staticmethod
    def turned(vectors: Array) -> Array:
        """Return a view (..., P) or (..., P, R) of vectors (..., R, P)."""
        return vectors[..., 0, :]

    @staticmethod
    def turned_back(vectors: Array) -> Array:
        """Return vectors (..., R, P)."""
        return vectors[..., None, :]

    @staticmethod
    def losses(losses: Array) -> Array:
        """Return a view without the runs axis."""
        return losses[..., 0]

    @staticmethod
    def rate(lr: Array) -> Array:
        """Return learning rates (R,) so that they scale the vectors."""
        return lr.reshape(())

    @staticmethod
    def times(matrix: Array) -> Callable[[Array, Array], Any]:
        """Return the function that multiplies by a matrix; dot costs half of what a call of matmul costs."""
        return matrix.dot


class RunsLastPasses(Passes):
    """The same with the runs innermost: vectors (P, R), values (units, N, R)."""

    @staticmethod
    def turned(vectors: Array) -> Array:
        """Return a view (..., P) or (..., P, R) of vectors (..., R, P)."""
        return vectors.mT

    @staticmethod
    def turned_back(vectors: Array) -> Array:
        """Return vectors (..., R, P)."""
        return vectors.mT

    @staticmethod
    def empty(*shape: int, dtype: np.dtype[Any]) -> Array:
        """Return memory for vectors (..., R, P), the runs innermost."""
        return np.empty((*shape[:-2], shape[-1], shape[-2]), dtype).mT

    @staticmethod
    def rate(lr: Array) -> Array:
        """Return learning rates (R,) so that they scale the vectors."""
        return lr

    def vectors(self, n: int) -> tuple[int, ...]:
        """Return the shape of n numbers for each run."""
        return (n, *self.runs)

    def values(self, units: int, n_samples: int) -> tuple[int, ...]:
        """Return the shape of a layer's values."""
        return (units, n_samples, *self.runs)

    def rows(self, values: Array, start: int, stop: int) -> Array:
        """Return some rows of a layer's values or of a matrix."""
        return values[start:stop]

    def matrices(self, vectors: Array) -> list[Array]:
        """Return views of the vectors: each layer's weights, with the biases as last row."""
        matrices, start = [], 0
        for fan_in, fan_out in self.network.weight_shapes:
            n_rows = fan_in + self.ones
            matrices.append(vectors[start : start + n_rows * fan_out].reshape(n_rows, fan_out, *self.runs))
            start += n_rows * fan_out
        return matrices

    def plan(self) -> None:
        """Prepare the products; X has no runs axis, so with X a product of matrices serves all runs."""
        first_W, first_dW = self.W[0].transpose(1, 0, 2), self.dW[0].transpose(1, 0, 2)
        X, X_t = self.X, self.X.T
        self.forward_products = [lambda _, z: np.matmul(X_t, first_W, out=z)] + [
            partial(_einsum, "pqr,pnr->qnr", W) for W in self.W[1:]
        ]
        self.backward_products = [
            partial(np.multiply, W) if W.shape[1] == 1 else partial(_einsum, "pqr,qnr->pnr", W) for W in self.W_only
        ]
        self.gradient_products = [lambda d, _: np.matmul(X, d, out=first_dW)] + [
            partial(_einsum, "pnr,qnr->pqr", fed) for fed in self.fed[1:]
        ]
        self.d_transposed = self.d_inputs
        self.wanted = self.Y[..., None]

    def sum_squares(self, errors: Array) -> Array:
        """Return the sum of the squared errors of each run."""
        return np.asarray(np.einsum("...knr,...knr->...r", errors, errors)) * self.square


def _einsum(formula: str, a: Array, b: Array, out: Array) -> None:
    np.einsum(formula, a, b, out=out)


def _is_logistic(activation: Activation) -> bool:
    form = activation.form
    return form is not None and (form.steepness, form.threshold, form.low, form.high) == (1, 0, 0, 1)


class Workshop:
    """The passes for blocks of runs, made once: blocks of one size work in the same memory, one after the other."""

    def __init__(self, kind: type[Passes], network: Network, X: Array, Y: Array, dtype: np.dtype[Any]) -> None:
        self.X, self.Y = X, Y
        self._make = partial(kind, network)
        self._dtype = dtype
        self._everything: dict[int, tuple[Passes, Array]] = {}
        self._some: dict[tuple[int, int], Passes] = {}

    def everything(self, n_runs: int) -> tuple[Passes, Array]:
        """Return the passes over all samples, and memory for the errors of some steps."""
        if n_runs not in self._everything:
            passes = self._make(n_runs, self._dtype, len(self.X))
            passes.load(self.X, self.Y)
            shape = passes.outputs[-1].shape
            n_slots = max(1, min(CHUNK, BLOCK // math.prod(shape)))
            self._everything[n_runs] = passes, np.empty((n_slots, *shape), self._dtype)
        return self._everything[n_runs]

    def some(self, n_runs: int, n_samples: int) -> Passes:
        """Return the passes over that many samples, which are still to be loaded."""
        key = n_runs, n_samples
        if key not in self._some:
            self._some[key] = self._make(n_runs, self._dtype, n_samples)
        return self._some[key]


class Descent:
    """The descents of a block of runs: what the optimizer remembers, and the passes that move them."""

    def __init__(
        self,
        workshop: "Workshop",
        n_runs: int,
        optimizer: Optimizer,
        memory: Memory,
        mask: Array | None,
    ) -> None:
        self.workshop, self.n_runs = workshop, n_runs
        self.optimizer, self.memory, self.mask = optimizer, memory, mask

    def walk(self, vectors: Array, losses: Array, batches: list[Batch]) -> None:
        """Take a step for each batch, from vectors[0]: write where it led to vectors[1:], and all the losses.

        vectors (steps + 1, ...), losses (steps + 1, ...), not yet divided by the number of target values.
        """
        if isinstance(self.optimizer, GradientDescent) and (not batches or batches[0] is None):
            self._walk_downhill(vectors, losses)
            return
        optimizer, memory, mask = self.optimizer, self.memory, self.mask
        everything, all_errors = self.workshop.everything(self.n_runs)
        slots = list(all_errors)
        here = vectors[0]
        for step in range(len(batches) + 1):
            slot = step % len(slots)
            errors = slots[slot]
            everything.forward(here, errors)
            last = step == len(batches)
            if last or slot == len(slots) - 1:
                losses[step - slot : step + 1] = everything.sum_squares(all_errors[: slot + 1])
            if last:
                break
            rows = batches[step]
            gradient = everything.backward(errors) if rows is None else self._batch_gradient(here, rows)
            if mask is not None:
                np.multiply(gradient, mask, gradient)
            here, memory = optimizer.step(here, gradient, memory)
            vectors[step + 1] = here
        self.memory = memory

    def _walk_downhill(self, vectors: Array, losses: Array, look: bool = False) -> None:
        """Do the same for plain gradient descent on all samples, where a step is nothing but prepared calls.

        The parameters stay where and what the passes want them to be. The gradient is left without its factor and
        scale, which cost nothing as part of the learning rate. With `look`, every step sees first whether the table
        of sigmoids covers it.
        """
        passes, all_errors = self.workshop.everything(self.n_runs)
        here, gradient, outputs, wanted = passes.parameters, passes.gradient, passes.outputs[-1], passes.wanted
        rate = np.asarray(self.optimizer.lr / self.workshop.Y.size * (passes.unit * passes.factor), here.dtype)
        if self.mask is not None:
            rate = rate * self.mask
        near: list[Call] = [*(passes.table_calls or passes.forward_calls), *passes.slope_calls]
        far: list[Call] = [*passes.forward_calls, *passes.slope_calls]
        back: list[Call] = [
            *passes.backward_calls,
            (np.multiply, (gradient, rate, gradient)),
            (np.subtract, (here, gradient, here)),
        ]
        to_last, last = passes.to_last, passes.last
        slots, left = list(all_errors), len(vectors)
        np.multiply(vectors[0], passes.unit, here)
        for first in range(0, len(vectors), len(slots)):
            records = vectors[first : first + len(slots)]
            for record, errors in zip(records, slots, strict=False):
                record[...] = here
                for function, arguments in far if look and not passes.table_serves(here) else near:
                    function(*arguments)
                np.subtract(outputs, wanted, errors)
                left -= 1
                if not left:  # the last step asks for its loss only
                    break
                to_last(errors, *last)
                for function, arguments in back:
                    function(*arguments)
            losses[first : first + len(records)] = passes.sum_squares(all_errors[: len(records)])
        if passes.logistic:
            np.divide(vectors, passes.unit, vectors)
        if passes.table_calls and not look and not passes.table_serves(vectors):
            self._walk_downhill(vectors, losses, look=True)

    def _batch_gradient(self, here: Array, rows: NDArray[np.intp]) -> Array:
        """Return the gradient of the loss over some of the samples."""
        passes = self.workshop.some(self.n_runs, len(rows))
        passes.load(self.workshop.X[rows], self.workshop.Y[rows])
        errors = passes.d_inputs[-1]
        passes.forward(here, errors)
        return passes.backward(errors)


def run(
    network: Network,
    X: Array,
    Y: Array,
    optimizer: Any,
    lr: Array,
    memory: Memory,
    mask: Array | None,
    batches: Iterator[Batch],
    n_steps: int,
    record: Array,
    losses: Array,
    diverged_at: NDArray[np.int64],
    taken: int,
) -> Memory:
    """Descend from record[0]; fill record (n, R, P) and losses (n, R) with every k-th of the n_steps = (n - 1) k steps.

    `lr` is (R,), the arrays in `memory` (R, P), `mask` (P,). `diverged_at` (R,) is brought up to date, counting from
    `taken`; a run stands still from there on. Returns the new memory.
    """
    n_runs = record.shape[1]
    kind = _choose(network, len(X), n_runs)
    every = n_steps // (len(record) - 1) if n_steps else 1
    per_run = len(X) * sum(network.sizes[1:])
    size = max(1, 2 * BLOCK // per_run)
    blocks = [slice(first, min(first + size, n_runs)) for first in range(0, n_runs, size)]
    workshop = Workshop(kind, network, X, Y, record.dtype)
    descents = [
        Descent(
            workshop,
            block.stop - block.start,
            replace(optimizer, lr=kind.rate(lr[block])),
            tuple(kind.turned(m[block]) if isinstance(m, np.ndarray) else m for m in memory),
            None if mask is None else kind.turned(mask[None]),
        )
        for block in blocks
    ]
    current = record[0].copy()
    for done in range(0, max(1, n_steps), CHUNK):
        steps = list(islice(batches, min(CHUNK, n_steps - done)))
        for descent, block in zip(descents, blocks, strict=True):
            if every == 1:
                here, loss = record[done : done + len(steps) + 1, block], losses[done : done + len(steps) + 1, block]
            else:
                here = kind.empty(len(steps) + 1, *current[block].shape, dtype=record.dtype)
                loss = np.empty(here.shape[:2], record.dtype)
                here[0] = current[block]
            if (diverged_at[block] >= 0).all() and done > 0:
                here[1:], loss[1:] = here[0], loss[0]
            else:
                descent.walk(kind.turned(here), kind.losses(loss), steps)
                _stand_still(here, loss, diverged_at[block], taken + done)
            if every > 1:
                current[block] = here[-1]
                first = -done % every
                records = slice((done + first) // every, (done + len(steps)) // every + 1)
                record[records, block], losses[records, block] = here[first::every], loss[first::every]
    losses /= 2 * Y.size
    return tuple(
        np.concatenate([kind.turned_back(part) for part in parts]) if isinstance(parts[0], np.ndarray) else parts[0]
        for parts in zip(*(descent.memory for descent in descents), strict=True)
    )


def _choose(network: Network, n_samples: int, n_runs: int) -> type[Passes]:
    """Return the layout that suits so many runs of such a size."""
    if n_runs == 1:
        return SinglePasses
    small = n_samples * max(network.sizes[1:]) <= RUNS_LAST_BELOW
    return RunsLastPasses if small and n_runs >= FEW_RUNS else Passes


def record_memory(network: Network, n_samples: int, n_runs: int, n_records: int, dtype: np.dtype[Any]) -> Array:
    """Return memory (n_records, R, P), not cleared, that `run` can fill fast."""
    return _choose(network, n_samples, n_runs).empty(n_records, n_runs, network.n_parameters, dtype=dtype)


def _stand_still(vectors: Array, losses: Array, diverged_at: NDArray[np.int64], taken: int) -> None:
    """Let every run that left the range of floating point stay at its last finite state, and note the step.

    vectors (n + 1, R, P), losses (n + 1, R) and diverged_at (R,) are changed; their first entry is step `taken`.
    """
    stopped = diverged_at >= 0
    if not stopped.any() and np.isfinite(losses).all() and np.isfinite(vectors[-1]).all():
        return
    lost = ~(np.isfinite(vectors).all(-1) & np.isfinite(losses))
    lost[0] = False
    n = len(losses) - 1
    last_good = np.where(stopped, 0, np.where(lost.any(0), lost.argmax(0) - 1, n))
    new = ~stopped & (last_good < n)
    diverged_at[new] = taken + 1 + last_good[new]
    runs = np.flatnonzero(last_good < n)
    steps = np.minimum(np.arange(n + 1)[:, None], last_good[runs])
    vectors[:, runs], losses[:, runs] = vectors[steps, runs], losses[steps, runs]


def gradients(network: Network, vectors: Array, X: Array, Y: Array) -> Array:
    """Return the gradient of the loss for each of many networks, (R, P) -> (R, P)."""
    dtype = np.result_type(vectors, X, Y)
    result = np.empty(vectors.shape, dtype)
    kind = RunsLastPasses if _choose(network, len(X), len(vectors)) is RunsLastPasses else Passes
    size = max(1, BLOCK // (len(X) * sum(network.sizes[1:])))
    passes: Passes | None = None
    with np.errstate(all="ignore"):
        for start in range(0, len(vectors), size):
            block = slice(start, min(start + size, len(vectors)))
            if passes is None or block.stop - start < size:
                passes = kind(network, block.stop - start, dtype, len(X))
                passes.load(X, Y)
                errors = np.empty(passes.outputs[-1].shape, dtype)
            passes.forward(kind.turned(vectors[block]), errors)
            result[block] = kind.turned_back(passes.backward(errors))
    return result
