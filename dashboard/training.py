"""The training room's experiment: data, a split, one descent, and everything that is read off its record. Pure.

A `Room` says what is trained, a `Run` is the descent so far, and all pictures are functions of a Room, a Run and one
step, so they cannot show different networks.
"""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dashboard.experiment import network_of, raw_dataset
from dashboard.scenario import ALL_STEPS, MAX_ENSEMBLE, MAX_ENSEMBLE_STEPS, Scenario, affordable_steps, for_dataset
from dashboard.text import number, percent
from nnlib import (
    OPTIMIZERS,
    SIGMOID_BOUND,
    Array,
    BackwardPass,
    Dataset,
    ForwardPass,
    Network,
    Optimizer,
    Params,
    Trajectory,
    accuracy,
    backward,
    confusion,
    decision_grid,
    descend,
    endings,
    forward,
    init_params,
    layer_sizes,
    mse,
    slope_products,
    split,
)

KEPT = 241
"""A curve over the steps is drawn with at most this many points; the record keeps every step."""

AT_ONCE = 200_000
"""Numbers of one layer that a pass over many steps holds at the same time."""


@dataclass(frozen=True)
class Origin:
    """Parameters to begin with instead of random ones: as plain numbers, and in words where they come from."""

    vector: tuple[float, ...]
    words: str


@dataclass(frozen=True, eq=False)
class Room:
    """What is trained on what: the samples as they came, those for training and for the test, the network, the start.

    `scaled` tells whether inputs are standardized; (x - mean) / spread is what the network gets.
    """

    raw: Dataset
    train: Dataset
    test: Dataset | None
    train_rows: NDArray[np.int64]
    test_rows: NDArray[np.int64]
    scaled: bool
    mean: Array
    spread: Array
    network: Network
    start: Params
    origin: str | None
    optimizer_name: str
    lr: float
    batch: int | None
    seed: int
    scheme: str
    n_steps: int
    stop_loss: float
    patience: int
    messages: tuple[str, ...]

    @property
    def optimizer(self) -> Optimizer:
        """The optimizer at its learning rate."""
        return OPTIMIZERS[self.optimizer_name](self.lr)

    @property
    def train_mean(self) -> Array:
        """The mean of each input over the training samples, (D,)."""
        return np.asarray(self.raw.X[self.train_rows].mean(0))

    @property
    def train_spread(self) -> Array:
        """The standard deviation of each input over the training samples, (D,)."""
        return np.asarray(self.raw.X[self.train_rows].std(0))

    def held_at(self, which: int) -> float:
        """The value of an input that stands still in the pictures, in the data's own units."""
        return float(self.train_mean[which])

    @property
    def sets(self) -> dict[str, Dataset]:
        """The training samples, and the test samples if there are any."""
        return {"training": self.train, **({"test": self.test} if self.test else {})}


def make_room(s: Scenario, origin: Origin | None = None) -> Room:
    """Return the room of a Scenario; `origin` replaces the random start if it has as many numbers."""
    raw = raw_dataset(s)
    messages = []
    train_rows, test_rows = split(raw, s.test_share, s.split_seed)
    train, test = raw.rows(train_rows), raw.rows(test_rows) if len(test_rows) else None
    if s.test_share and test is None:
        messages.append(f"{len(raw.X)} samples are too few to set some aside for a test. All are used for training.")
    mean, spread = np.zeros(raw.X.shape[1]), np.ones(raw.X.shape[1])
    if s.standardize:
        constant = (train.X[0] == train.X).all(0)
        mean = np.where(constant, train.X[0], train.X.mean(0))
        spread = np.where(constant, 1, train.X.std(0))
        train, test = train.standardized(), test and test.standardized(train)
    network = network_of(s, s.activation)
    start = init_params(network, np.random.default_rng(s.seed), scheme=s.scheme)
    if origin and len(origin.vector) == start.n_parameters:
        start = start.from_vector(np.array(origin.vector))
    else:
        origin = None
    n_steps, kept_short = affordable_steps(s.steps, start.n_parameters, len(raw.X), sum(network.sizes[1:]))
    messages += kept_short
    return Room(
        raw=raw,
        train=train,
        test=test,
        train_rows=train_rows,
        test_rows=test_rows,
        scaled=s.standardize,
        mean=mean,
        spread=spread,
        network=network,
        start=start,
        origin=origin and origin.words,
        optimizer_name=s.optimizer,
        lr=s.lr,
        batch=s.batch if 0 < s.batch < len(train.X) else None,
        seed=s.seed,
        scheme=s.scheme,
        n_steps=n_steps,
        stop_loss=s.stop_loss,
        patience=s.patience,
        messages=tuple(messages),
    )


# --- the descent ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Run:
    """The descent so far: every step's parameters, the loss on both sets, and why it ended early if it did."""

    trajectory: Trajectory
    test_loss: Array | None
    dice: Any = None
    stopped: str | None = None

    @property
    def n_steps(self) -> int:
        """How many steps were taken."""
        return self.trajectory.n_steps

    def at(self, step: int) -> int:
        """Return the step that is shown: `ALL_STEPS` stands for the last."""
        return self.n_steps if step >= ALL_STEPS else min(step, self.n_steps)


def go_on(room: Room, most: int, run: Run | None = None) -> Run:
    """Return the descent after up to `most` more steps; it ends where a stop condition is met."""
    rng = np.random.default_rng(room.seed)
    if run:
        rng.bit_generator.state = run.dice
    done = run.n_steps if run else 0
    steps = min(most, room.n_steps - done)
    path = descend(
        room.network,
        room.start,
        room.train.X,
        room.train.Y,
        room.optimizer,
        steps,
        batch_size=room.batch,
        rng=rng,
        resume=run and run.trajectory,
    )
    test_loss = None
    if room.test is not None:
        new = np.concatenate([mse(p.O_out, room.test.Y) for p in _passes(room, path.params[done:], room.test.X)])
        test_loss = np.concatenate([run.test_loss[:done], new]) if run and run.test_loss is not None else new
    step, why = _stop(room, path, test_loss)
    if step is not None:
        path = replace(path, params=path.params[: step + 1], loss=path.loss[: step + 1])
        test_loss = None if test_loss is None else test_loss[: step + 1]
    return Run(path, test_loss, rng.bit_generator.state, why)


def _stop(room: Room, path: Trajectory, test_loss: Array | None) -> tuple[int | None, str | None]:
    """The first step at which a condition to stop is met, and the condition in words."""
    found: list[tuple[int, str]] = []
    if path.diverged_at >= 0:
        found.append((int(path.diverged_at), "diverged"))
    if room.stop_loss > 0 and (path.loss <= room.stop_loss).any():
        found.append((int((path.loss <= room.stop_loss).argmax()), "loss"))
    if room.patience > 0:
        watched = path.loss if test_loss is None else test_loss
        places = np.arange(len(watched))
        better = np.append(True, watched[1:] < np.minimum.accumulate(watched)[:-1])
        waited = places - np.maximum.accumulate(np.where(better, places, 0))
        if (waited >= room.patience).any():
            found.append((int((waited >= room.patience).argmax()), "patience"))
    return min(found) if found else (None, None)


def _passes(room: Room, params: Params, X: Array) -> list[ForwardPass]:
    """Forward passes of many networks, some at a time."""
    widest = max(room.network.sizes)
    at_once = max(1, AT_ONCE // (len(X) * widest))
    total = params.runs[0]
    with np.errstate(over="ignore", invalid="ignore"):
        return [forward(room.network, params[i : i + at_once], X) for i in range(0, total, at_once)]


def kept_steps(n_steps: int) -> NDArray[np.int64]:
    """Return the steps that a curve is drawn with: all, or evenly spread ones with both ends."""
    return np.unique(np.linspace(0, n_steps, min(KEPT, n_steps + 1)).round().astype(np.int64))


# --- read off the record ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Curves:
    """How well the network does as it learns, at some of the steps: losses, and accuracies if there are classes."""

    steps: NDArray[np.int64]
    losses: dict[str, Array]
    accuracies: dict[str, Array]


def curves(room: Room, run: Run) -> Curves:
    """Return loss and accuracy on both sets over the steps."""
    steps = kept_steps(run.n_steps)
    params = run.trajectory.params[steps]
    losses = {"training": run.trajectory.loss[steps]}
    if run.test_loss is not None:
        losses["test"] = run.test_loss[steps]
    accuracies: dict[str, Array] = {}
    if not room.raw.is_regression:
        for name, data in room.sets.items():
            accuracies[name] = np.concatenate([accuracy(p.O_out, data.Y) for p in _passes(room, params, data.X)])
    return Curves(steps, losses, accuracies)


@dataclass(frozen=True, eq=False)
class Moment:
    """The network after one step: its passes over the training samples, and how right it is on each set."""

    step: int
    params: Params
    passed: ForwardPass
    back: BackwardPass
    losses: dict[str, float]
    accuracies: dict[str, float]
    confusions: dict[str, NDArray[np.int64]]

    @property
    def vector(self) -> tuple[float, ...]:
        """All parameters as plain numbers."""
        return tuple(self.params.to_vector().tolist())

    @cached_property
    def twins(self) -> float:
        """How far the first hidden layer's units are from being copies of each other: the largest difference.

        It is that of their weights: units that are all silent put out the same, and are no copies.
        """
        first = [self.params.weights[0], *(bias[None] for bias in self.params.biases[:1])]
        return float(max(np.ptp(arrays, axis=-1).max() for arrays in first))

    @cached_property
    def saturated(self) -> float:
        """The share of hidden slopes that are below a hundredth of the largest slope a sigmoid has."""
        hidden = self.back.slopes[:-1]
        return float(np.mean([(np.abs(s) < 0.0025).mean() for s in hidden]))


def moment(room: Room, run: Run, step: int) -> Moment:
    """Return the network after a step, with everything that is said about it."""
    step = run.at(step)
    params = run.trajectory.params[step]
    passes = {name: forward(room.network, params, data.X) for name, data in room.sets.items()}
    back = backward(room.network, params, passes["training"], room.train.Y)
    losses = {name: float(mse(passes[name].O_out, data.Y)) for name, data in room.sets.items()}
    classes = not room.raw.is_regression
    accuracies = {n: float(accuracy(passes[n].O_out, d.Y)) for n, d in room.sets.items() if classes}
    confusions = {n: confusion(passes[n].O_out, d.Y) for n, d in room.sets.items() if classes}
    return Moment(step, params, passes["training"], back, losses, accuracies, confusions)


def warnings(room: Room, at: Moment) -> list[str]:
    """Return what is wrong with the network after a step, in sentences with their numbers."""
    said = []
    n_units = room.network.sizes[1]
    if n_units > 1 and at.twins == 0:
        said.append(
            f"All {n_units} units of the first hidden layer put out exactly the same for every sample. Equal weights "
            "get equal gradients, so they stay equal: the layer is worth one unit. Random weights break the tie."
        )
    zero = float(np.mean([(slope == 0).mean() for slope in at.back.slopes[:-1]]))
    if zero == 1:
        said.append("All hidden slopes are exactly 0, so no gradient reaches the first layer: it learns nothing.")
    elif zero > 0.9:
        said.append(
            f"{percent(zero)} of the hidden slopes are exactly 0, so hardly any gradient reaches the first layer."
        )
    elif at.saturated > 0.5:
        said.append(
            f"{percent(at.saturated)} of the hidden slopes are below 0.0025. The sums that enter the units reach "
            f"{number(float(np.abs(at.passed.inputs[0]).max()))}, where the activation is flat: the units are "
            "saturated, and little is learnt."
        )
    return said


def sample_columns(room: Room, at: Moment) -> dict[str, list[Any]]:
    """Return all samples as a table's columns: number, set, inputs as they came, target, and the network's outputs."""
    X = (room.raw.X - room.mean) / room.spread
    O_out = forward(room.network, at.params, X).O_out
    test = set(room.test_rows.tolist())
    n = len(X)
    table: dict[str, list[Any]] = {
        "sample": list(range(1, n + 1)),
        "set": ["test" if i in test else "training" for i in range(n)],
    }
    for i, name in enumerate(room.raw.feature_names):
        table[name] = room.raw.X[:, i].tolist()
    if room.raw.is_regression:
        table["target"] = room.raw.Y[:, 0].tolist()
    else:
        table["right class"] = [room.raw.class_names[k] for k in room.raw.labels]
    for k in range(O_out.shape[1]):
        table[f"O_out[{k + 1}]"] = O_out[:, k].tolist()
    return table


def bound(n_layers: int) -> float:
    """Return the largest product that the slopes of so many sigmoid layers can have."""
    return float(SIGMOID_BOUND**n_layers)


PLAIN: dict[str, Any] = {
    "activation": "sigmoid",
    "output": "same",
    "optimizer": "gradient descent",
    "scheme": "xavier",
    "steps": 1000,
    "batch": 0,
    "stop_loss": 0.0,
    "patience": 0,
    "steepness": 1.0,
    "threshold_in_nets": False,
    "hidden_layers": 1,
    "hidden_units": 2,
    "hidden_sizes": "",
    "seed": 6,
    "room_step": ALL_STEPS,
    "room_layer": 1,
}
"""What an experiment sets unless it says otherwise, so that it does not depend on what was there before."""

TRIES: tuple[tuple[str, dict[str, Any], str], ...] = (
    (
        "XOR with two hidden units",
        {**PLAIN, **for_dataset("xor"), "lr": 3.0, "seed": 0, "room_view": "seeds"},
        "Four points that no straight line parts. Does this seed solve it? How many of a hundred do?",
    ),
    (
        "Begin with weights of 0",
        {**PLAIN, **for_dataset("iris"), "lr": 10.0, "scheme": "zeros", "room_view": "units"},
        "Compare the hidden units. Why do they stay the same? Then take large weights, in the sidebar.",
    ),
    (
        "Six layers of sigmoids",
        {**PLAIN, **for_dataset("iris"), "lr": 1.0, "hidden_layers": 6, "hidden_units": 8, "room_view": "vanishing"},
        "How much gradient is left at the first layer? Then choose tanh in the sidebar.",
    ),
    (
        "Fit a sine",
        {
            **PLAIN,
            **for_dataset("sine"),
            "hidden_units": 8,
            "activation": "tanh",
            "output": "identity",
            "optimizer": "adam",
            "lr": 0.02,
            "room_view": "units",
        },
        "A number to be met instead of a class. Which bend does each hidden unit supply?",
    ),
)
"""Experiments: a label, the fields to set, and the question to answer."""


@dataclass(frozen=True, eq=False)
class History:
    """Weights and gradients over the steps: all parameters at some of them, and each layer's size."""

    steps: NDArray[np.int64]
    params: Params
    gradient: Params
    weight_sizes: Array
    gradient_sizes: Array


def history(room: Room, run: Run) -> History:
    """Return every parameter and its gradient over all training samples, at the steps that curves are drawn with."""
    steps = kept_steps(run.n_steps)
    params = run.trajectory.params[steps]
    vectors = []
    at = 0
    for passed in _passes(room, params, room.train.X):
        some = params[at : at + len(passed.O_out)]
        with np.errstate(over="ignore", invalid="ignore"):
            vectors.append(backward(room.network, some, passed, room.train.Y).gradient.to_vector())
        at += len(passed.O_out)
    gradient = params.from_vector(np.concatenate(vectors))
    return History(steps, params, gradient, layer_sizes(params), layer_sizes(gradient))


# --- pictures over the inputs -----------------------------------------------------------------------------------------

POINTS = 73
"""Points of a picture over the inputs, each way."""


@dataclass(frozen=True, eq=False)
class InputPlane:
    """Two of the inputs (one, if there is only one) and where the others are held: `rest` in what the network gets.

    `x_values` and `y_values` are the network's inputs, `x_shown` and `y_shown` the same in the data's own units.
    """

    x: int
    y: int | None
    x_values: Array
    y_values: Array
    x_shown: Array
    y_shown: Array
    rest: Array

    @property
    def held(self) -> list[int]:
        """The inputs that stand still."""
        return [i for i in range(len(self.rest)) if i not in (self.x, self.y)]


def input_plane(room: Room, s: Scenario) -> InputPlane:
    """Return the plane of the two chosen inputs around the data; the other inputs are held at their means."""
    n = room.raw.X.shape[1]
    x = min(s.room_x, n) - 1
    y = None if n == 1 else min(s.room_y, n) - 1
    if y == x:
        y = next(i for i in range(n) if i != x)
    rest = room.train.X.mean(0)

    def grid(i: int) -> Array:
        values = np.concatenate([d.X[:, i] for d in room.sets.values()])
        low, high = float(values.min()), float(values.max())
        margin = 0.12 * (high - low) or 1.0
        return np.linspace(low - margin, high + margin, POINTS)

    xs = grid(x)
    ys = grid(y) if y is not None else np.zeros(1)
    shown = [v if i is None else v * room.spread[i] + room.mean[i] for v, i in ((xs, x), (ys, y))]
    return InputPlane(x, y, xs, ys, shown[0], shown[1], rest)


def outputs_over(room: Room, params: Params, plane: InputPlane) -> Array:
    """Return the network's outputs over the plane, (K, B, A); with one input (K, A)."""
    if plane.y is None:
        return forward(room.network, params, plane.x_values[:, None]).O_out.T
    return decision_grid(room.network, params, plane.x_values, plane.y_values, plane.x, plane.y, plane.rest)


def plane_points(plane: InputPlane, every: int = 1) -> Array:
    """Return the plane's grid points as inputs (B * A, D), row by row."""
    xs, ys = plane.x_values[::every], plane.y_values[::every]
    X = np.tile(plane.rest, (len(ys) * len(xs), 1))
    X[:, plane.x] = np.tile(xs, len(ys))
    if plane.y is not None:
        X[:, plane.y] = np.repeat(ys, len(xs))
    return X


UNIT_EVERY = 2


def units_over(room: Room, params: Params, plane: InputPlane, layer: int) -> Array:
    """Return what each unit of a hidden layer, 0 the first, puts out over the plane: (units, B, A) or (units, A)."""
    outputs = forward(room.network, params, plane_points(plane, UNIT_EVERY)).outputs[layer]
    if plane.y is None:
        return outputs.T
    shape = (len(plane.y_values[::UNIT_EVERY]), len(plane.x_values[::UNIT_EVERY]))
    return outputs.T.reshape(-1, *shape)


@dataclass(frozen=True, eq=False)
class Cloud:
    """The training samples as the last hidden layer sees them, on two axes, with the input plane's grid lines.

    `share` is how much of the cloud's spread the two axes show: 1 with two units or fewer. `scores` (K, B, A) are the
    output layer's values over the plane of the two units, None with more than two.
    """

    points: Array
    lines: Array
    names: tuple[str, str]
    share: float
    x: Array
    y: Array
    scores: Array | None


CLOUD_LINES = 13


def cloud(room: Room, run: Run, at: Moment, plane: InputPlane) -> Cloud:
    """Return the cloud of the last hidden layer's outputs; more than two units are seen along the last step's axes."""
    last = room.network.n_layers - 2
    H = at.passed.outputs[last]
    every = (POINTS - 1) // (CLOUD_LINES - 1)
    lines = forward(room.network, at.params, plane_points(plane, every)).outputs[last]
    shape = (len(plane.y_values[::every]), len(plane.x_values[::every]))
    symbol = room.network.symbols[2 * last + 2]
    if H.shape[1] == 1:
        H, lines = (np.concatenate([values, np.zeros_like(values)], 1) for values in (H, lines))
        names, share = (f"{symbol}[1]", ""), 1.0
    elif H.shape[1] == 2:
        names, share = (f"{symbol}[1]", f"{symbol}[2]"), 1.0
    else:
        final = forward(room.network, run.trajectory.end, room.train.X).outputs[last]
        centre = final.mean(0)
        _, sizes, axes = np.linalg.svd(final - centre, full_matrices=False)
        total = float((sizes**2).sum())
        share = float((sizes[:2] ** 2).sum()) / total if total else 1.0
        H, lines = ((values - centre) @ axes[:2].T for values in (H, lines))
        names = (f"first direction of {symbol}", f"second direction of {symbol}")
    everything = np.concatenate([H, lines])
    x, y = (np.linspace(*_roomy(everything[:, i]), POINTS) for i in (0, 1))
    scores = None
    if room.network.sizes[-2] == 2:
        top = Network((2, room.network.sizes[-1]), output=room.network.output, biases=room.network.biases)
        scores = decision_grid(top, Params(at.params.weights[-1:], at.params.biases[-1:]), x, y)
    return Cloud(H, lines.reshape(*shape, 2), names, share, x, y, scores)


def _roomy(values: Array) -> tuple[float, float]:
    low, high = float(values.min()), float(values.max())
    margin = 0.08 * (high - low) or 0.5
    return low - margin, high + margin


# --- vanishing gradients ----------------------------------------------------------------------------------------------

DEEP_SEEDS = 20
DEEP_UNITS = 8
COMPARED = ("sigmoid", "tanh", "relu")


@dataclass(frozen=True, eq=False)
class Depth:
    """One network's layers, counted back from the loss: the size of dW, and the product of slopes up to there."""

    name: str
    gradient: Array
    largest: Array
    mean: Array


def depths(room: Room, n_hidden: int) -> list[Depth]:
    """Return untrained networks of that depth with each of three activations in every layer, over some seeds."""
    found = []
    for name in COMPARED:
        sizes = (room.network.sizes[0], *(DEEP_UNITS,) * n_hidden, room.network.sizes[-1])
        network = Network(sizes, name, name, room.network.biases)
        params = init_params(network, np.random.default_rng(room.seed), (DEEP_SEEDS,), room.scheme)
        found.append(_depth(name, network, params, room.train))
    return found


def this_depth(room: Room, at: Moment) -> Depth:
    """Return the same for the room's own network after the step that is shown."""
    return _depth("this run", room.network, at.params[None], room.train)


def _depth(name: str, network: Network, params: Params, data: Dataset) -> Depth:
    with np.errstate(over="ignore", invalid="ignore"):
        passed = backward(network, params, forward(network, params, data.X), data.Y)
    products = slope_products(passed)
    gradient = np.sqrt((layer_sizes(passed.gradient) ** 2).mean(0))
    return Depth(name, gradient[::-1], products.largest.max(0)[::-1], products.mean.mean(0)[::-1])


# --- many seeds -------------------------------------------------------------------------------------------------------

N_SEEDS = 100
GOOD_ACCURACY = 0.95
"""A run whose training accuracy is at least this is called solved (a gate: all rows right)."""


@dataclass(frozen=True, eq=False)
class Ensemble:
    """A hundred starts on the same data: how far they are, and in the end how each of them ended."""

    n_steps: int
    params: Params
    loss: Array
    memory: Any
    dice: Any
    diverged: NDArray[np.bool_]
    order: Any = None
    done: int = 0


def ensemble_steps(room: Room) -> int:
    """Return how many steps each start takes: the room's, up to what is affordable."""
    each = N_SEEDS * len(room.train.X) * sum(room.network.sizes[1:])
    return max(1, min(room.n_steps, MAX_ENSEMBLE_STEPS, MAX_ENSEMBLE // each))


def ensemble(room: Room, most: int, so_far: Ensemble | None = None) -> Ensemble:
    """Return the hundred descents up to `most` steps further; number i starts where the seed i does."""
    total = ensemble_steps(room)
    rng = np.random.default_rng(room.seed)
    if so_far is None:
        params = Params.stack(
            [init_params(room.network, np.random.default_rng(i), scheme=room.scheme) for i in range(N_SEEDS)]
        )
        memory: Any = room.optimizer.init(params)
        done, order, diverged = 0, None, np.zeros(N_SEEDS, bool)
    else:
        params, memory, done, order = so_far.params, so_far.memory, so_far.done, so_far.order
        diverged = so_far.diverged
        rng.bit_generator.state = so_far.dice
    steps = min(most, total - done)
    loss = np.zeros(N_SEEDS) if so_far is None else so_far.loss
    # A path that stands at its start with the memory of the steps before: so each piece keeps only its two ends.
    before = Trajectory(params[None], loss[None], np.where(diverged, 0, -1), memory, order, record_every=steps)
    path = descend(
        room.network,
        params,
        room.train.X,
        room.train.Y,
        room.optimizer,
        steps,
        batch_size=room.batch,
        rng=rng,
        resume=before,
        record_every=steps,
    )
    return Ensemble(
        total,
        path.end,
        path.loss[-1],
        path.memory,
        rng.bit_generator.state,
        path.diverged_at >= 0,
        path.order,
        done + steps,
    )


@dataclass(frozen=True, eq=False)
class Outcome:
    """How a hundred starts ended: each one's loss, accuracy and ending; `solved` is the loss that counts as solved."""

    loss: Array
    accuracy: Array | None
    endings: NDArray[np.str_]

    @property
    def n_solved(self) -> int:
        """How many starts solved it."""
        return int((self.endings == "solved").sum())


def outcome(room: Room, ens: Ensemble) -> Outcome:
    """Return how each start ended; with classes, solved means a training accuracy of at least 95 %."""
    with np.errstate(over="ignore", invalid="ignore"):
        right = accuracy(forward(room.network, ens.params, room.train.X).O_out, room.train.Y)
    names = endings(room.network, ens.params, room.train.X, room.train.Y, SOLVED_LOSS, ens.diverged)
    if room.raw.is_regression:
        return Outcome(ens.loss, None, names)
    solved = (right >= GOOD_ACCURACY) & ~ens.diverged
    strict = endings(room.network, ens.params, room.train.X, room.train.Y, -1.0, ens.diverged)
    return Outcome(ens.loss, right, np.where(solved, "solved", strict))


SOLVED_LOSS = 0.002
"""A regression whose loss is at most this is called solved: a typical error of 0.06."""
