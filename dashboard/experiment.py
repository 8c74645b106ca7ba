"""The home page's experiment: one data set, one start, two activations; everything it shows, computed by nnlib.

Pure: a Scenario goes in and records come out. All that is drawn in a column belongs to the same network, the same start
and the same two weights, because one `Column` holds it.
"""

from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

import numpy as np

from dashboard.data_input import own_dataset
from dashboard.scenario import LIMITS, Scenario, affordable, affordable_steps, starts_in, usable_weights
from dashboard.scene import Surface, fingerprint, origin
from nnlib import (
    OPTIMIZERS,
    Activation,
    Array,
    BackwardPass,
    Dataset,
    Network,
    Optimizer,
    Params,
    Plateaus,
    Trajectory,
    WeightRef,
    accuracy,
    backward,
    descend,
    forward,
    get_activation,
    gradient_field,
    init_params,
    load_dataset,
    loss_surface,
    mse,
    plateaus,
    sigmoid,
    step,
)

DATA_SEED = 0
"""The data stay the same when new random weights are drawn."""

FIELD_STRIDE = 3
"""Backpropagation is run at every third point of the grid, each way, to look for a gradient anywhere."""


def net_activation(scenario: Scenario, name: str) -> Activation:
    """Return the activation that a network uses: f(k (z - theta)) for step and sigmoid, the plain one otherwise."""
    if name == "step":
        return step(scenario.net_threshold)
    if name == "sigmoid":
        return sigmoid(scenario.steepness, scenario.net_threshold)
    return get_activation(name)


def curve_activations(scenario: Scenario) -> tuple[Activation, Activation]:
    """Return the step at the threshold and the other activation at 0: the functions drawn as curves.

    The other one takes the threshold too once the networks use it.
    """
    return step(scenario.threshold), net_activation(scenario, scenario.activation)


@dataclass(frozen=True, eq=False)
class Problem:
    """What both columns share: the data, the initial weights and the two selected weights; and the two networks.

    `at_start` are both networks' backward passes with the initial weights, `origins` the hashes of all that their
    surfaces over the two weights depend on.
    """

    dataset: Dataset
    networks: tuple[Network, Network]
    start: Params
    refs: tuple[WeightRef, WeightRef]
    n_steps: int
    messages: tuple[str, ...]
    at_start: tuple[BackwardPass, BackwardPass]
    origins: tuple[str, str]


def dataset_of(scenario: Scenario) -> Dataset:
    """Return the data of a Scenario, standardized if it says so."""
    return _dataset(*_data_fields(scenario), scenario.standardize)


def raw_dataset(scenario: Scenario) -> Dataset:
    """Return the data of a Scenario as they come: a set of nnlib's, or the visitor's own."""
    return _dataset(*_data_fields(scenario), False)


def _data_fields(scenario: Scenario) -> tuple[str, int, float, str]:
    own = scenario.dataset == "own"
    return scenario.dataset, scenario.samples, scenario.noise, scenario.own_data if own else ""


@lru_cache(maxsize=32)
def _dataset(name: str, samples: int, noise: float, own_data: str, standardize: bool) -> Dataset:
    """A data set never changes, so all visitors may share it; reading one takes longer than looking at it."""
    if standardize:
        return _dataset(name, samples, noise, own_data, False).standardized()
    return own_dataset(own_data) if name == "own" else load_dataset(name, samples, noise, DATA_SEED)


def network_of(scenario: Scenario, name: str) -> Network:
    """Return the network of a Scenario with the activation of that name; the outputs may have one of their own."""
    hidden = net_activation(scenario, name)
    output = hidden if scenario.output == "same" else get_activation(scenario.output)
    return Network(sizes(scenario), hidden, output, scenario.biases)


def sizes(scenario: Scenario) -> tuple[int, ...]:
    """Return the layer sizes of a Scenario's networks, such as (4, 2, 3)."""
    dataset = raw_dataset(scenario)
    return (dataset.X.shape[1], *scenario.hidden, dataset.Y.shape[1])


def make_problem(scenario: Scenario) -> Problem:
    """Return the two networks on the same data with the same start; messages say what had to be adjusted."""
    left, right = (network_of(scenario, name) for name in ("step", scenario.activation))
    start = init_params(left, np.random.default_rng(scenario.seed), scheme=scenario.scheme)
    refs, messages = usable_weights(left, scenario.first, scenario.second)
    if scenario.own_start:
        start = start.replace(refs[0], scenario.start_first).replace(refs[1], scenario.start_second)
    dataset = dataset_of(scenario)
    X, Y = dataset.X, dataset.Y
    # Two weights learn, then all of them; and runs on one picture share their steps.
    n_descents = 2 + len(starts_in(scenario.other_starts))
    n_steps, kept_short = affordable_steps(scenario.steps, left.n_parameters, len(X), sum(left.sizes[1:]), n_descents)
    messages += kept_short
    finest = affordable_resolution(int(LIMITS["resolution"].high), left, len(X))
    if finest < LIMITS["resolution"].high:
        messages.append(f"On this network and {len(X)} samples a surface has at most {finest} x {finest} points.")
    return Problem(
        dataset,
        (left, right),
        start,
        refs,
        n_steps,
        tuple(messages),
        (backward(left, start, forward(left, start, X), Y), backward(right, start, forward(right, start, X), Y)),
        (origin(left, start, X, Y, *refs), origin(right, start, X, Y, *refs)),
    )


@dataclass(frozen=True, eq=False)
class Runs:
    """The two descents of one network: only the two selected weights learn, or all of them do."""

    pair: Trajectory
    full: Trajectory


def train(
    scenario: Scenario, problem: Problem, most: int, so_far: tuple[Runs, Runs] | None = None
) -> tuple[Runs, Runs]:
    """Return the descents of both networks after up to `most` more steps; `so_far` is continued."""
    X, Y = problem.dataset.X, problem.dataset.Y
    optimizer = OPTIMIZERS[scenario.optimizer](scenario.lr)
    steps = min(most, problem.n_steps - (so_far[0].pair.n_steps if so_far else 0))

    def go_on(place: int, trainable: tuple[WeightRef, ...] | None, before: Trajectory | None) -> Trajectory:
        if _stands(problem.at_start[place].gradient, trainable):
            return _standing(problem, place, optimizer, steps + (before.n_steps if before else 0), trainable)
        network = problem.networks[place]
        return descend(network, problem.start, X, Y, optimizer, steps, trainable=trainable, resume=before)

    before = so_far or (None, None)
    left, right = (
        Runs(go_on(place, problem.refs, runs and runs.pair), go_on(place, None, runs and runs.full))
        for place, runs in enumerate(before)
    )
    return left, right


Paths = tuple[tuple[Trajectory, ...], tuple[Trajectory, ...]]
"""For both networks, descents from other starts, in which only the two selected weights learn."""


def from_other_starts(scenario: Scenario, problem: Problem, n_steps: int) -> Paths:
    """Return the descents of both networks from the Scenario's other starts: on the same surfaces as their own."""
    optimizer = OPTIMIZERS[scenario.optimizer](scenario.lr)
    first, second = problem.refs
    X, Y = problem.dataset.X, problem.dataset.Y

    def descent(place: int, start: Params) -> Trajectory:
        network = problem.networks[place]
        if _stands(backward(network, start, forward(network, start, X), Y).gradient, problem.refs):
            return _standing(replace(problem, start=start), place, optimizer, n_steps, problem.refs)
        return descend(network, start, X, Y, optimizer, n_steps, trainable=problem.refs)

    starts = [problem.start.replace(first, a).replace(second, b) for a, b in starts_in(scenario.other_starts)]
    return tuple(descent(0, start) for start in starts), tuple(descent(1, start) for start in starts)


def _stands(gradient: Params, trainable: tuple[WeightRef, ...] | None) -> bool:
    """Whether a descent never leaves its start: every optimizer turns a gradient of exactly 0 into no step at all."""
    if trainable is None:
        return not gradient.to_vector().any()
    return all(gradient.get(ref) == 0 for ref in trainable)


def _standing(
    problem: Problem, place: int, optimizer: Optimizer, n_steps: int, trainable: tuple[WeightRef, ...] | None
) -> Trajectory:
    """Return the record of a descent that stands still, without taking its steps; `descend` gives the same."""
    start, dataset = problem.start, problem.dataset
    vector = start.to_vector()
    loss = mse(forward(problem.networks[place], start, dataset.X).O_out, dataset.Y)
    return Trajectory(
        start.from_vector(np.broadcast_to(vector, (n_steps + 1, vector.size))),
        np.full(n_steps + 1, loss),
        np.array(-1),
        optimizer.init(start),
        optimizer=type(optimizer).__name__,
        n_samples=len(dataset.X),
        trainable=None if trainable is None else frozenset(trainable),
    )


@dataclass(frozen=True)
class ZeroSlopes:
    """How many of an activation's slopes are exactly 0 in one backward pass; `factor` is its name in the chain."""

    factor: str
    zeros: int
    total: int


@dataclass(frozen=True, eq=False)
class Ground:
    """A network's loss over a grid of two weights, and the gradient there.

    `origin` is the hash of the parameters it was computed from, `of` that of the grid too. `steepest` is the largest
    gradient that backpropagation finds for the two weights at `n_field` points of the grid; `is_step` if the network's
    loss is flat around every point.
    """

    origin: str
    of: str
    first_values: Array
    second_values: Array
    surface: Array
    terraces: Plateaus
    steepest: float
    n_field: int
    is_step: bool

    @cached_property
    def drawn(self) -> Surface:
        """The surface as the stage takes it."""
        return Surface(self.origin, self.first_values, self.second_values, self.surface, self.is_step)

    @property
    def heights(self) -> tuple[float, float]:
        """The lowest and the highest loss on the grid."""
        return float(self.surface.min()), float(self.surface.max())

    def holds(self, first: Array, second: Array) -> bool:
        """Whether a path over the two weights lies within the grid."""
        grids = (self.first_values, self.second_values)
        return all(g[0] <= v.min() and v.max() <= g[-1] for g, v in zip(grids, (first, second), strict=True))


@dataclass(frozen=True, eq=False)
class Column:
    """All that one column shows: one network, its loss over two weights, and its two descents.

    `n_drawn` is how many points the path has before it leaves the widest picture; `kept` are the paths from other
    starts that are compared with it. What only the text beside the
    pictures says is computed when it is asked for, since under a moving hand nobody does.
    """

    network: Network
    dataset: Dataset
    refs: tuple[WeightRef, WeightRef]
    start: Params
    at_start: BackwardPass
    runs: Runs
    ground: Ground
    n_drawn: int
    kept: tuple[Trajectory, ...] = ()

    @cached_property
    def slopes(self) -> tuple[ZeroSlopes, ...]:
        """How many slopes of each layer are 0 at the start."""
        return _zero_slopes(self.network, self.at_start)

    @cached_property
    def _trained(self) -> Array:
        return forward(self.network, self.runs.full.end, self.dataset.X).O_out

    @property
    def accuracy_before(self) -> float:
        """The share of samples that the network gets right at the start."""
        return float(accuracy(forward(self.network, self.start, self.dataset.X).O_out, self.dataset.Y))

    @property
    def accuracy_after(self) -> float:
        """The same once all its weights have learnt."""
        return float(accuracy(self._trained, self.dataset.Y))

    @property
    def outputs(self) -> tuple[float, float]:
        """The smallest and the largest output of the network then."""
        return float(self._trained.min()), float(self._trained.max())

    @property
    def path(self) -> tuple[Array, Array, Array]:
        """The two weights and the loss at every step of the run in which only they learn, as far as drawn."""
        pair, (first, second) = self.runs.pair, self.refs
        return tuple(values[: self.n_drawn] for values in (pair.params.get(first), pair.params.get(second), pair.loss))

    @property
    def moved(self) -> float:
        """The length of that path in the plane of the two weights."""
        first, second, _ = self.path
        return float(np.hypot(np.diff(first), np.diff(second)).sum())


def make_ground(
    scenario: Scenario,
    problem: Problem,
    place: int,
    runs: Runs,
    known: Ground | None = None,
    hold: bool = False,
    kept: tuple[Trajectory, ...] = (),
) -> Ground:
    """Return the ground that a run's path and those kept beside it lie on; `known` if that is already the one.

    A new learning rate moves the path but not the ground, so most changes cost no surface. `hold` keeps the known
    ground as long as the paths lie within it: under a moving hand a picture should not shift.
    """
    network, start, (first, second) = problem.networks[place], problem.start, problem.refs
    X, Y = problem.dataset.X, problem.dataset.Y
    paths = [[run.params.get(ref) for ref in (first, second)] for run in (runs.pair, *kept)]
    # A start far outside is drawn too.
    n_drawn = [max(1, points_within_reach(scenario.low, scenario.high, path)) for path in paths]
    along = [np.concatenate([path[axis][:n] for path, n in zip(paths, n_drawn, strict=True)]) for axis in (0, 1)]
    begin = problem.origins[place]
    if hold and known is not None and known.origin == begin and known.holds(*along):
        return known
    is_step = network.hidden.name == "step"
    resolution = affordable_resolution(scenario.resolution, network, len(X))
    grids = [grid_values(scenario.low, scenario.high, values, resolution) for values in along]
    if is_step:
        grids = [with_start(grid, values[0]) for grid, values in zip(grids, along, strict=True)]
    of = fingerprint(begin, *grids)
    if known is not None and known.of == of:
        return known
    surface = loss_surface(network, start, X, Y, first, second, *grids)
    field = gradient_field(network, start, X, Y, first, second, *(g[::FIELD_STRIDE] for g in grids))
    return Ground(begin, of, *grids, surface, plateaus(surface), float(np.abs(field).max()), field[0].size, is_step)


def make_column(
    scenario: Scenario,
    problem: Problem,
    place: int,
    runs: Runs,
    known: Ground | None = None,
    hold: bool = False,
    kept: tuple[Trajectory, ...] = (),
) -> Column:
    """Return one column, `place` 0 the step and 1 the other activation, from the runs that belong to it."""
    ground = make_ground(scenario, problem, place, runs, known, hold, kept)
    along = [runs.pair.params.get(ref) for ref in problem.refs]
    return Column(
        network=problem.networks[place],
        dataset=problem.dataset,
        refs=problem.refs,
        start=problem.start,
        at_start=problem.at_start[place],
        runs=runs,
        ground=ground,
        n_drawn=points_within_reach(scenario.low, scenario.high, along),
        kept=kept,
    )


MAX_GROWTH = 20
"""A path that runs away further than this many times the chosen range is drawn only as far as that."""


def points_within_reach(low: float, high: float, path: list[Array]) -> int:
    """Return how many points the path has before it first leaves the widest picture."""
    reach = MAX_GROWTH * (high - low)
    outside = np.any([(values < low - reach) | (values > high + reach) for values in path], axis=0)
    return int(outside.argmax()) if outside.any() else len(outside)


def affordable_resolution(wanted: int, network: Network, n_samples: int, n_surfaces: int = 1) -> int:
    """Return how many points a surface's grid may have each way, up to the wanted number."""
    least = int(LIMITS["resolution"].low)
    return affordable(wanted, n_surfaces * n_samples * sum(network.sizes[1:]), squared=True, least=least)


def grid_values(low: float, high: float, path: Array, resolution: int) -> Array:
    """Return the grid of one weight, from low to high, widened so that the whole path lies well inside."""
    lowest, highest = float(path.min()), float(path.max())
    # In whole quarters of the range, so that a path that grows under the hand does not shift the picture all the time.
    quarter = (high - low) / 4
    if lowest <= low:
        low -= quarter * np.ceil((low - lowest) / quarter + 0.2)
    if highest >= high:
        high += quarter * np.ceil((highest - high) / quarter + 0.2)
    return np.linspace(low, high, resolution)


def with_start(values: Array, start: float) -> Array:
    """Return the grid with its nearest inner value moved onto the start.

    Terraces are drawn cell by cell: so the marker of the start stands on a cell of its own height.
    """
    moved = values.copy()
    moved[1 + np.abs(values[1:-1] - start).argmin()] = start
    return moved


def _zero_slopes(network: Network, passed: BackwardPass) -> tuple[ZeroSlopes, ...]:
    layers = [network.symbols[2 * layer + 1].removesuffix("_in") for layer in range(network.n_layers)]
    return tuple(
        ZeroSlopes(f"d{name}_out/d{name}_in", int((slope == 0).sum()), slope.size)
        for name, slope in zip(reversed(layers), reversed(passed.slopes), strict=True)
    )
