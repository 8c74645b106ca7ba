"""Descent: forward, backward, step, and again; the record of where the weights went and what it cost.

The path is the whole of the training: every step's parameters and loss, so "the network after step 40" is just
`trajectory.params[40]`.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import repeat
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlib._types import Array, frozen, is_whole, sealed
from nnlib.backprop import backward
from nnlib.fast_descent import record_memory, run
from nnlib.loss import mse
from nnlib.network import Network, Params, WeightRef, forward
from nnlib.optimizers import OPTIMIZERS, Memory, Optimizer

RECORD_LIMIT = 2**30
"""The most bytes that the record of a descent may take."""


@dataclass(frozen=True, eq=False)
class Trajectory:
    """The path a descent took: parameters and loss at every step, the start being step 0.

    `params` has a steps axis first: (n_steps + 1, ...). `loss` (n_steps + 1, ...) is the MSE over all samples at each
    step; with `record_every` k both hold the steps 0, k, 2k ... only. `diverged_at` (...) is the step at which a number
    left the range of floating point, -1 where none did; from there on the run stands still at its last finite state.
    `memory` and `order` let `descend(resume=...)` go on, and the `optimizer`'s class, `n_samples` and `trainable` (None
    for all) tell whether it may. Raises ValueError for losses that are not real numbers.
    """

    params: Params
    loss: Array
    diverged_at: NDArray[np.int64]
    memory: Memory
    order: NDArray[np.int64] | None = None
    record_every: int = 1
    optimizer: str = ""
    n_samples: int = 0
    trainable: frozenset[WeightRef] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "loss", frozen("loss", self.loss))
        object.__setattr__(self, "diverged_at", sealed(np.array(self.diverged_at)))
        if self.order is not None:
            object.__setattr__(self, "order", sealed(np.array(self.order)))

    @property
    def n_steps(self) -> int:
        """How many steps were taken."""
        return (len(self.loss) - 1) * self.record_every

    @property
    def start(self) -> Params:
        """The parameters before the first step."""
        return self.params[0]

    @property
    def end(self) -> Params:
        """The parameters after the last step."""
        return self.params[-1]


def descend(
    network: Network,
    params: Params,
    X: Array,
    Y: Array,
    optimizer: Optimizer,
    n_steps: int,
    *,
    trainable: Iterable[WeightRef] | None = None,
    batch_size: int | None = None,
    rng: np.random.Generator | None = None,
    resume: Trajectory | None = None,
    record_every: int = 1,
) -> Trajectory:
    """Follow the gradient for `n_steps` steps and return the whole path.

    X (N, D), Y (N, K), params (...) -> a path of params (n_steps / record_every + 1, ...). The leading axes of `params`
    are separate runs that share the data, and the optimizer's `lr` may have one value for each. `trainable` lists the
    parameters that may move (all if None). `batch_size` takes that many samples a step, reshuffled by `rng` each epoch.
    `resume` goes on from the end of an earlier path of the same start and returns the two joined. `record_every` keeps
    every k-th step only, from step 0 on. Raises ValueError for shapes that do not fit, data, a start or its loss that
    is not finite, an unknown weight, a path to resume of another optimizer, number of samples or set of trainable
    weights (lr may change), a batch size without an rng, steps that `record_every` does not divide, or a record of more
    than `RECORD_LIMIT` bytes. Source: Cauchy, 1847; Robbins and Monro, 1951, for mini-batches. Computed by
    `fast_descent`; `descend_plain` is the same to read.
    """
    chosen = _chosen(network, trainable)
    X, Y = _check(network, params, X, Y, optimizer, n_steps, resume, record_every, chosen)
    if type(optimizer) not in OPTIMIZERS.values():
        return descend_plain(
            network, params, X, Y, optimizer, n_steps, trainable=chosen, batch_size=batch_size, rng=rng,
            resume=resume, record_every=record_every,
        )  # fmt: skip
    mask = _mask(params, chosen)
    order = _Order(len(X), batch_size, rng, resume.order if resume else None)

    runs, n_runs = params.runs, math.prod(params.runs)
    lr = optimizer.lr
    dtype = np.result_type(params.weights[0], X, Y)  # rates take the precision of what they scale
    start = (resume.end if resume else params).to_vector().reshape(n_runs, -1)
    if resume is None:
        memory, diverged_at = optimizer.init(start), np.full(n_runs, -1)
    else:
        memory = tuple(m.to_vector().reshape(n_runs, -1) if isinstance(m, Params) else m for m in resume.memory)
        diverged_at = resume.diverged_at.reshape(n_runs).copy()

    n_records = n_steps // record_every + 1
    record = record_memory(network, len(X), n_runs, n_records, dtype)
    losses = np.empty((n_records, n_runs), dtype)
    record[0] = start
    with np.errstate(all="ignore"):
        memory = run(
            network, X, Y, optimizer, np.broadcast_to(np.asarray(lr, dtype), runs).reshape(n_runs), memory,
            None if mask is None else mask.to_vector().reshape(n_runs, -1)[0], order, n_steps, record, losses,
            diverged_at, resume.n_steps if resume else 0,
        )  # fmt: skip
    shape = params[(0,) * len(runs)] if runs else params
    path = shape.from_vector(sealed(record.reshape(n_records, *runs, -1)))  # sealed, so that it is not copied
    losses = sealed(losses.reshape(n_records, *runs))
    kept = tuple(shape.from_vector(m.reshape(*runs, -1)) if isinstance(m, np.ndarray) else m for m in memory)
    diverged_at = diverged_at.reshape(runs)
    kind = type(optimizer).__name__
    return _joined(resume, Trajectory(path, losses, diverged_at, kept, order.left, record_every, kind, len(X), chosen))


def descend_plain(
    network: Network,
    params: Params,
    X: Array,
    Y: Array,
    optimizer: Optimizer,
    n_steps: int,
    *,
    trainable: Iterable[WeightRef] | None = None,
    batch_size: int | None = None,
    rng: np.random.Generator | None = None,
    resume: Trajectory | None = None,
    record_every: int = 1,
) -> Trajectory:
    """Return what `descend` returns the way one would write it down: forward, backward, step, and again.

    X (N, D), Y (N, K), params (...) -> a path of params (n_steps / record_every + 1, ...). Raises ValueError as
    `descend` does. Source: Cauchy, 1847; Robbins and Monro, 1951, for mini-batches.
    """
    chosen = _chosen(network, trainable)
    X, Y = _check(network, params, X, Y, optimizer, n_steps, resume, record_every, chosen)
    mask = _mask(params, chosen)
    order = _Order(len(X), batch_size, rng, resume.order if resume else None)

    if resume is None:
        current = params
        memory = optimizer.init(params)
        diverged_at = np.full(params.runs, -1)
    else:
        current = resume.end
        memory, diverged_at = resume.memory, resume.diverged_at
    taken = resume.n_steps if resume else 0

    loss = mse(forward(network, current, X).O_out, Y)
    steps, losses = [current], [loss]
    with np.errstate(over="ignore", invalid="ignore"):
        for step in range(taken + 1, taken + n_steps + 1):
            rows = next(order)
            x, y = (X, Y) if rows is None else (X[rows], Y[rows])
            gradient = backward(network, current, forward(network, current, x), y).gradient
            if mask is not None:
                gradient = gradient * mask
            moved, memory = optimizer.step(current, gradient, memory)
            loss_there = mse(forward(network, moved, X).O_out, Y)
            finite = np.isfinite(moved.to_vector()).all(-1) & np.isfinite(loss_there)
            diverged_at = np.where((diverged_at < 0) & ~finite, step, diverged_at)
            stopped = diverged_at >= 0
            if stopped.any():
                moved = params.from_vector(np.where(stopped[..., None], current.to_vector(), moved.to_vector()))
            current, loss = moved, np.where(stopped, loss, loss_there)
            if step % record_every == 0:
                steps.append(current)
                losses.append(loss)
    path, kind = Params.stack(steps), type(optimizer).__name__
    return _joined(
        resume, Trajectory(path, np.stack(losses), diverged_at, memory, order.left, record_every, kind, len(X), chosen)
    )


def _check(
    network: Network,
    params: Params,
    X: Array,
    Y: Array,
    optimizer: Optimizer,
    n_steps: int,
    resume: Trajectory | None,
    record_every: int,
    chosen: frozenset[WeightRef] | None,
) -> tuple[Array, Array]:
    """Return X and Y as arrays; ValueError unless a descent of that many steps can be done and recorded."""
    if not all(hasattr(optimizer, name) for name in ("lr", "init", "step")):
        raise ValueError(f"{optimizer!r} is no optimizer: make one of {', '.join(OPTIMIZERS)} with nnlib.OPTIMIZERS")
    network.check_params(params)
    X, Y = network.check_data(X, Y)
    if not is_whole(n_steps):
        raise ValueError(f"n_steps must be a whole number, got {n_steps!r}")
    if n_steps < 0:
        raise ValueError(f"n_steps must not be negative, got {n_steps}")
    if not np.isfinite(params.to_vector()).all():
        raise ValueError("the start must be finite: a weight or bias is infinite or not a number")
    with np.errstate(all="ignore"):
        if not np.isfinite(mse(forward(network, params, X).O_out, Y)).all():
            raise ValueError("the loss at the start is not finite: the weights are too large")
    if not is_whole(record_every) or record_every < 1 or n_steps % record_every:
        raise ValueError(f"record_every must divide the {n_steps} steps, got {record_every}")
    runs, shape = params.runs, np.shape(optimizer.lr)
    if 0 in runs:
        raise ValueError(f"there must be at least one run, got leading axes {runs}")
    if len(shape) > len(runs) or any(a not in (1, b) for a, b in zip(shape[::-1], runs[::-1], strict=False)):
        raise ValueError(f"learning rates of shape {shape} do not fit runs of shape {runs}")
    if resume is not None:
        if not isinstance(resume, Trajectory):
            raise ValueError(f"resume must be the Trajectory of an earlier descent, got {resume!r}")
        if not np.array_equal(resume.start.to_vector(), params.to_vector()):
            raise ValueError("the path to resume began from other parameters")
        if resume.record_every != record_every:
            raise ValueError(f"the path to resume keeps every {resume.record_every} steps, not every {record_every}")
        for what, before, now in (
            ("optimizer", resume.optimizer, type(optimizer).__name__),
            ("number of samples", resume.n_samples, len(X)),
            ("set of trainable weights", _names(resume.trainable), _names(chosen)),
        ):
            if resume.optimizer and before != now:  # a path put together by hand does not say how it was made
                raise ValueError(f"the path to resume has another {what}: {before}, not {now}")
    records = (resume.n_steps if resume else 0) // record_every + n_steps // record_every + 1
    size = records * math.prod(runs) * (params.n_parameters + 1) * np.result_type(params.weights[0], X, Y).itemsize
    if size > RECORD_LIMIT:
        raise ValueError(
            f"the record of {records} steps of {math.prod(runs)} runs would take {size / 2**20:.0f} MiB, more than "
            f"{RECORD_LIMIT / 2**20:.0f}: take fewer steps or runs, or record every k-th step only"
        )
    return X, Y


def _joined(earlier: Trajectory | None, later: Trajectory) -> Trajectory:
    """Return a path and its continuation as one."""
    if earlier is None:
        return later
    path = earlier.params.map(lambda a, b: np.concatenate([a, b[1:]]), later.params)
    losses = np.concatenate([earlier.loss, later.loss[1:]])
    return replace(later, params=path, loss=losses)


class _Order:
    """The rows that each step takes, drawn anew every epoch; `left` are those of this epoch still to come."""

    def __init__(self, n: int, size: int | None, rng: np.random.Generator | None, left: Any) -> None:
        self.n, self.size, self.rng, self.left = n, size, rng, left
        if size is None:
            return
        if not is_whole(size) or not 1 <= size <= n:
            raise ValueError(f"batch_size must be from 1 to the number of samples {n}, got {size}")
        if rng is None:
            raise ValueError("mini-batches need an rng to shuffle the samples")
        if not isinstance(rng, np.random.Generator):
            raise ValueError(f"rng must be a numpy Generator, such as np.random.default_rng(0), got {rng!r}")

    def __iter__(self) -> Iterator[NDArray[np.int64] | None]:
        return repeat(None) if self.size is None else self

    def __next__(self) -> NDArray[np.int64] | None:
        """Return the rows of the next step, None for all."""
        if self.size is None:
            return None
        if self.rng is not None and (self.left is None or len(self.left) == 0):
            self.left = self.rng.permutation(self.n)
        rows, self.left = self.left[: self.size], self.left[self.size :]
        return np.asarray(rows)


def _chosen(network: Network, trainable: Iterable[WeightRef] | None) -> frozenset[WeightRef] | None:
    """Return the weights that may move, None for all; ValueError unless the network has each of them."""
    if trainable is None:
        return None
    if isinstance(trainable, WeightRef) or not isinstance(trainable, Iterable):
        raise ValueError(f"trainable must be a list of weights, such as [WeightRef(0, 0, 0)], got {trainable!r}")
    chosen = tuple(trainable)
    for ref in chosen:
        network.check_ref(ref)
    return frozenset(chosen)


def _names(chosen: frozenset[WeightRef] | None) -> str:
    return "all" if chosen is None else ", ".join(sorted(map(str, chosen))) or "none"


def _mask(params: Params, chosen: frozenset[WeightRef] | None) -> Params | None:
    if chosen is None:
        return None
    mask = params.map(np.zeros_like)
    for ref in chosen:
        mask = mask.replace(ref, 1.0)
    return mask
