"""The backpropagation page's walk: one network, one trace, and a pointer into it. Pure.

A `Setup` says what is walked through, a `Place` is where the learner stands and what the weights have become, and a
`Walk` is everything that the views show. All views are drawn from one Walk, so they cannot disagree.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from threading import RLock
from typing import Any

import numpy as np

from dashboard import experiment
from dashboard.scenario import PAGE_CHOICES, Scenario, packed, unpacked
from nnlib import (
    Array,
    BackwardPass,
    ForwardPass,
    MicroStep,
    Network,
    Params,
    WeightProduct,
    WeightRef,
    init_params,
    mse,
    trace,
    weight_product,
)
from nnlib import backward as run_backward
from nnlib import forward as run_forward
from nnlib.trace import PHASES, Path, mean, paths

WHAT = PAGE_CHOICES["walk_what"]
"""What a trace follows."""
WEIGHT_REACH = 100.0
"""How far from 0 a weight can be set by hand."""


@dataclass(frozen=True, eq=False)
class Setup:
    """What is walked through: a network, its initial weights, the data, the learning rate.

    `key` holds the plain values that all of it follows from: another key means another walk.
    """

    key: tuple[object, ...]
    network: Network
    start: Params
    X: Array
    Y: Array
    lr: float


def setup_of(scenario: Scenario, activation: str) -> Setup:
    """Return the Scenario's data and network, with that activation in every layer."""
    dataset = experiment.dataset_of(scenario)
    network = experiment.network_of(scenario, activation)
    start = init_params(network, np.random.default_rng(scenario.seed), scheme=scenario.scheme)
    fields = (
        "dataset",
        "samples",
        "noise",
        "standardize",
        "hidden_layers",
        "hidden_units",
        "biases",
        "scheme",
        "seed",
        "hidden_sizes",
        "output",
        "own_data",
    )
    form = (scenario.net_threshold, scenario.steepness)
    key = (*(getattr(scenario, name) for name in fields), activation, *form)
    return Setup(key, network, start, dataset.X, dataset.Y, scenario.lr)


EXAMPLE_LR = 1.0


def worked_example() -> Setup:
    """Return the classic hand-worked network with two inputs, two hidden units and two outputs, and its one sample."""
    return Setup(
        key=("worked example",),
        network=Network((2, 2, 2), biases=True),
        start=Params([[[0.15, 0.25], [0.20, 0.30]], [[0.40, 0.50], [0.45, 0.55]]], [[0.35, 0.35], [0.60, 0.60]]),
        X=np.array([[0.05, 0.10]]),
        Y=np.array([[0.01, 0.99]]),
        lr=EXAMPLE_LR,
    )


PUBLISHED: dict[str, float] = {
    "H_out[1]": 0.593269992,
    "H_out[2]": 0.596884378,
    "O_out[1]": 0.751365070,
    "O_out[2]": 0.772928465,
    "W1[1,1]": 0.149780716,
    "W1[1,2]": 0.249751144,
    "W1[2,1]": 0.19956143,
    "W1[2,2]": 0.29950229,
    "W2[1,1]": 0.35891648,
    "W2[1,2]": 0.51130127,
    "W2[2,1]": 0.408666186,
    "W2[2,2]": 0.561370121,
}
"""The published numbers of the worked example: the outputs, and the weights after one step."""
PUBLISHED_LOSS, PUBLISHED_MSE = 0.298371109, 0.149185554
"""Its published loss is half the sum of the squared errors; ours, half their mean, is half of that for two outputs."""


@dataclass(frozen=True)
class Place:
    """Where the learner stands: the pointer, the selected weight, and the weights after the updates made so far."""

    pointer: int
    weight: str
    vector: tuple[float, ...]
    updates: int = 0
    loss_before: float | None = None


def opening(setup: Setup, whole: bool, detail: str) -> Place:
    """Return the first place of a walk: the forward pass is done, its loss is known, and the way back begins."""
    at_loss = next(i for i, s in enumerate(_steps(setup, setup.start, 0, whole, detail)) if s.phase == "loss")
    return Place(at_loss, str(setup.network.refs()[0]), tuple(setup.start.to_vector().tolist()))


def place_from(setup: Setup, s: Scenario) -> Place:
    """Return the place that a Scenario names; ValueError if its weights are not those of this network."""
    place = opening(setup, s.walk_what == WHAT[1], s.walk_detail)
    known = {str(ref) for ref in setup.network.refs()}
    weight = s.walk_weight if s.walk_weight in known else place.weight
    place = replace(place, weight=weight)
    if s.walk_weights:
        numbers = unpacked(s.walk_weights)
        if len(numbers) != 2 + setup.start.n_parameters or not 0 <= numbers[0] <= 1e6:
            raise ValueError(f"the walk's weights are not {setup.start.n_parameters} numbers")
        updates, loss_before, *vector = numbers
        before = loss_before if loss_before >= 0 else None
        place = replace(place, vector=tuple(vector), updates=int(updates), loss_before=before)
    if s.walk_step:
        place = replace(place, pointer=min(s.walk_step, n_steps_of(setup, s)) - 1)
    return place


def n_steps_of(setup: Setup, s: Scenario) -> int:
    """Return how many steps a walk through this network has, seen as the Scenario says."""
    return len(_steps(setup, setup.start, 0, s.walk_what == WHAT[1], s.walk_detail))


def fields_of(walk: "Walk") -> dict[str, Any]:
    """Return the fields of a Scenario from which `place_from` makes the walk's place."""
    place = walk.place
    same = place.vector == tuple(walk.setup.start.to_vector().tolist()) and not place.updates
    before = -1.0 if place.loss_before is None else place.loss_before
    return {
        "walk_step": 0 if place.pointer == walk.first_of("loss") else place.pointer + 1,
        "walk_weight": place.weight,
        "walk_weights": "" if same else packed((place.updates, before, *place.vector)),
    }


def moved(place: Place, by: int, n_steps: int) -> Place:
    """Return the place `by` steps further, kept within the trace."""
    return replace(place, pointer=min(max(place.pointer + by, 0), n_steps - 1))


def same_step(walk: "Walk", detail: str) -> Place:
    """Return the place in a trace of another detail that stands for the same operation."""
    step = walk.step
    other = _steps(walk.setup, walk.params, walk.sample, walk.whole, detail)
    names = (step.name, step.name.partition("[")[0])
    index = next(
        i for i, s in enumerate(other) if s.phase == step.phase and (s.name in names or s.symbol == step.symbol)
    )
    return replace(walk.place, pointer=index)


def edited(place: Place, setup: Setup, value: float) -> Place:
    """Return the place with another value of the selected weight."""
    params = setup.start.from_vector(np.array(place.vector))
    ref = WeightRef.parse(place.weight)
    return replace(place, vector=tuple(params.replace(ref, value).to_vector().tolist()), loss_before=None)


def _steps(setup: Setup, params: Params, sample: int, whole: bool, detail: str) -> tuple[MicroStep, ...]:
    return trace(setup.network, params, setup.X, setup.Y, None if whole else sample, lr=setup.lr, detail=detail)


STRUCTURE = {"parameters", "_indices", "_readers", "_structure"}
"""What a walk keeps when its weights become others: it follows from the network's sizes."""


@dataclass(frozen=True, eq=False)
class Walk:
    """Everything the page shows at one place; `sample` (from 0) is traced alone, or shown as the batch's example."""

    setup: Setup
    place: Place
    sample: int
    whole: bool
    detail: str

    def at(self, pointer: int) -> "Walk":
        """Return the same walk with the pointer elsewhere; what has been computed is kept."""
        return self.went_on(replace(self.place, pointer=pointer))

    def went_on(self, place: Place) -> "Walk":
        """Return the walk at another place; what has been computed is kept if only the pointer or the choice moves."""
        other, here = replace(self, place=place), self.place
        same = (place.vector, place.updates, place.loss_before) == (here.vector, here.updates, here.loss_before)
        lost = {"product", "shown_paths"} if place.weight != self.place.weight else set()
        # Another thread may be adding to what is kept.
        for name, thing in dict(vars(self)).items():
            if name not in vars(other) and name not in lost and (same or name in STRUCTURE):
                vars(other)[name] = thing
        return other

    @cached_property
    def parameters(self) -> frozenset[str]:
        """The names of all weights and biases."""
        return frozenset(map(str, self.setup.network.refs()))

    @cached_property
    def _kept(self) -> tuple[RLock, dict[str, Any]]:
        return RLock(), {}

    @cached_property
    def _structure(self) -> dict[tuple[object, ...], Any]:
        return {}

    def kept(self, name: str, make: Callable[[], Any]) -> Any:
        """Return what a view has made of this walk's numbers, made once for all its steps.

        A page's run and the browser may ask for the same at the same time; the second one waits for the first.
        """
        lock, things = self._kept
        with lock:
            if name not in things:
                things[name] = make()
            return things[name]

    def kept_for_all(self, key: tuple[object, ...], make: Callable[[], Any]) -> Any:
        """Return what follows from the names of the steps alone, made once for all weights."""
        if key not in self._structure:
            self._structure[key] = make()
        return self._structure[key]

    @cached_property
    def params(self) -> Params:
        """The weights of this moment."""
        return self.setup.start.from_vector(np.array(self.place.vector))

    @cached_property
    def fine(self) -> dict[tuple[str, str], MicroStep]:
        """Every micro-step of every neuron and weight by phase and name: where all numbers come from."""
        steps = _steps(self.setup, self.params, self.sample, self.whole, "neuron")
        return {(step.phase, step.name): step for step in steps}

    @cached_property
    def steps(self) -> tuple[MicroStep, ...]:
        """The steps that the pointer moves over."""
        if self.detail == "neuron":
            return tuple(self.fine.values())
        return _steps(self.setup, self.params, self.sample, self.whole, "matrix")

    @property
    def step(self) -> MicroStep:
        """The step that the pointer is at."""
        return self.steps[self.place.pointer]

    @cached_property
    def data(self) -> tuple[Array, Array]:
        """The inputs and targets that are traced."""
        rows = slice(None) if self.whole else slice(self.sample, self.sample + 1)
        return self.setup.X[rows], self.setup.Y[rows]

    @cached_property
    def forward(self) -> ForwardPass:
        """The forward pass over the traced data."""
        return run_forward(self.setup.network, self.params, self.data[0])

    @cached_property
    def backward(self) -> BackwardPass:
        """The backward pass over the traced data."""
        return run_backward(self.setup.network, self.params, self.forward, self.data[1])

    @cached_property
    def _indices(self) -> dict[tuple[str, str], int]:
        return {(step.phase, step.name): i for i, step in enumerate(self.steps)}

    def index(self, phase: str, name: str) -> int:
        """Return the place in the trace of the step that computes a value; a matrix step computes all its cells."""
        whole = name.partition("[")[0]
        return self._indices[phase, name if self.detail == "neuron" else whole]

    @cached_property
    def _readers(self) -> dict[str, list[int]]:
        readers: dict[str, list[int]] = {}
        for i, step in enumerate(self.steps):
            for name in step.depends_on:
                readers.setdefault(name, []).append(i)
        return readers

    def read_at(self, name: str) -> frozenset[int]:
        """Return the steps that a value goes into, by itself or with its whole matrix."""
        whole = name.partition("[")[0]
        return frozenset((*self._readers.get(name, ()), *self._readers.get(whole, ())))

    def reached(self, phase: str, name: str) -> bool:
        """Whether the pointer has passed the step that computes this value."""
        return self.index(phase, name) <= self.place.pointer

    def number(self, name: str) -> float:
        """Return the one number that stands for a value everywhere: X[1], H_in[2], MSE, dW1[1,2], W1[1,2]."""
        if name[0] in "XY":
            values = self.data[name[0] == "Y"][:, int(re.sub(r"\D", "", name)) - 1]
            return mean(values)
        if name[0] in "Wb":
            return float(self.params.get(WeightRef.parse(name)))
        phase = "loss" if name == "MSE" else "backward" if name.startswith("d") else "forward"
        return self.fine[phase, name].number

    def updated(self, name: str) -> float:
        """Return a parameter's value after the update."""
        return self.fine["update", name].number

    def first_of(self, phase: str) -> int:
        """Return the index of the first step of a phase."""
        return next(i for i, step in enumerate(self.steps) if step.phase == phase)

    @cached_property
    def last_backward(self) -> int:
        """The index of the step at which the backward pass has arrived."""
        return self.first_of("update") - 1

    @property
    def arrived(self) -> bool:
        """Whether the backward pass has arrived, so that an update may be made."""
        return self.place.pointer >= self.last_backward

    @property
    def ref(self) -> WeightRef:
        """The selected parameter."""
        return WeightRef.parse(self.place.weight)

    @cached_property
    def product(self) -> WeightProduct:
        """The product of factors of the selected parameter."""
        sample = None if self.whole else self.sample
        return weight_product(self.setup.network, self.params, self.setup.X, self.setup.Y, self.ref, sample)

    @cached_property
    def shown_paths(self) -> tuple[Path, ...]:
        """The paths that are written out: all of them, those of the example sample, or none if they are too many."""
        p = self.product
        if p.paths or not self.whole:
            return p.paths
        if p.n_paths // len(self.setup.X) > 64:
            return ()
        data = self.setup.X, self.setup.Y
        return tuple(paths(self.setup.network, self.params, *data, self.ref, through=self.sample))

    @cached_property
    def loss(self) -> float:
        """The loss of the traced data with the weights of this moment."""
        return self.number("MSE")

    @cached_property
    def batch_loss(self) -> float:
        """The loss of all data with the weights of this moment."""
        return float(mse(run_forward(self.setup.network, self.params, self.setup.X).O_out, self.setup.Y))

    def focus(self) -> tuple[int, tuple[int, ...]]:
        """Return the layer and the units whose activation the present step is about: all of the last for the loss."""
        step = self.step
        if not step.place:
            return step.layer, tuple(range(self.setup.network.sizes[step.layer + 1]))
        return step.layer, (step.place[-1],)

    def after_update(self) -> Place:
        """Return the place after one step of gradient descent, back at the loss; the place itself if it is locked."""
        if not self.arrived:
            return self.place
        new = self.params - self.setup.lr * self.backward.gradient
        if not np.isfinite(new.to_vector()).all():
            return self.place
        return replace(
            self.place,
            pointer=self.first_of("loss"),
            vector=tuple(new.to_vector().tolist()),
            updates=self.place.updates + 1,
            loss_before=self.loss,
        )

    def picked(self, name: str) -> Place:
        """Return the place after a click on a value: a parameter is selected, any other value is walked to.

        A name that this network does not have changes nothing.
        """
        if name.removeprefix("d") in self.parameters:
            return replace(self.place, weight=name.removeprefix("d"))
        phase = "loss" if name == "MSE" else "backward" if name.startswith("d") else "forward"
        known = (phase, name) in self.fine
        return replace(self.place, pointer=self.index(phase, name)) if known else self.place


def seen_otherwise(
    walk: Walk, *, whole: bool | None = None, sample: int | None = None, detail: str | None = None
) -> Walk:
    """Return the same weights seen on other data, or in other steps but at the same operation."""
    whole = walk.whole if whole is None else whole
    sample = walk.sample if sample is None else sample
    detail = walk.detail if detail is None else detail
    place = walk.place
    if (whole, sample) != (walk.whole, walk.sample):
        place = replace(place, loss_before=None)
    if detail != walk.detail:
        place = same_step(Walk(walk.setup, place, sample, whole, walk.detail), detail)
    return Walk(walk.setup, place, sample, whole, detail)


def phase_starts(walk: Walk) -> dict[str, int]:
    """Return the first step of every phase."""
    return {phase: walk.first_of(phase) for phase in PHASES}
