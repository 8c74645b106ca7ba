"""The learning-rate lab: several rates from one start on one surface, predicted from curvature and then observed. Pure.

With an identity output and two weights of the last layer the loss is exactly quadratic: a bowl with two curvatures.
Each step multiplies the distance to the bottom by 1 - rate * curvature, along each of the bowl's two axes, so all that
can happen is known beforehand. A network with sigmoid outputs is a bowl only near a minimum, if at all.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from dashboard.experiment import Problem, dataset_of
from dashboard.scenario import LIMITS, Scenario, affordable
from dashboard.scene import DASHES, Run, Surface, make_run, origin
from nnlib import (
    OPTIMIZERS,
    Array,
    Curvature,
    Dataset,
    GradientDescent,
    Network,
    Params,
    Trajectory,
    WeightRef,
    backward,
    curvature,
    descend,
    forward,
    hessian,
    init_params,
    loss_surface,
    mse,
)

Regime = Literal["no overshoot", "zig-zag", "cannot settle", "no prediction", "still on its way"]

N_STEPS = 200
LONG = 3000
"""How many steps look for the minimum of a network that is no bowl."""

SWEEP = 121
"""How many rates the sweep tries, in one ensemble; a large network affords fewer."""

RESOLUTION = 61
FLAT_ENOUGH = 1e-3
"""A place counts as near a minimum where the gradient is below this share of the gradient at the start."""

PRESETS = {"too small": 0.02, "about right": 0.45, "too large": 1.04}
"""The series' three pictures, as shares of the largest rate that settles."""


@dataclass(frozen=True, eq=False)
class Prediction:
    """What curvature says before a step is taken: the two limits, or why there are none.

    Up to `smooth` = 1 / lambda_max nothing overshoots; up to `limit` = 2 / lambda_max a descent zig-zags and settles;
    beyond it cannot settle.
    """

    smooth: float | None
    limit: float | None
    why: str
    largest_curvature: float | None = None

    def regime(self, rate: float) -> Regime:
        """Return what a rate will do."""
        if self.smooth is None or self.limit is None:
            return "no prediction"
        if rate <= self.smooth:
            return "no overshoot"
        return "zig-zag" if rate < self.limit else "cannot settle"


@dataclass(frozen=True, eq=False)
class Lab:
    """One start and one surface for all rates: the network, its data, the two weights that learn, and the prediction.

    `bottom` are the parameters at the minimum, where there is one, and `bowl` the curvature there.
    """

    network: Network
    dataset: Dataset
    start: Params
    refs: tuple[WeightRef, WeightRef]
    is_bowl: bool
    prediction: Prediction
    bottom: Params | None
    bowl: Curvature

    @property
    def origin(self) -> str:
        """The hash of all that the lab's surface depends on."""
        return origin(self.network, self.start, self.dataset.X, self.dataset.Y, *self.refs)

    @property
    def scale(self) -> float:
        """The rate that the slider's marks and the presets are measured by: the limit, or 10 where there is none."""
        return self.prediction.limit or 10.0

    @property
    def ends(self) -> tuple[float, float]:
        """The rates that the slider offers: around the limit, and always some of those that are allowed."""
        allowed = LIMITS["lab_rate"]
        return min(self.scale, allowed.high) / 100, 10 * max(self.scale, 10 * allowed.low)


def make_lab(scenario: Scenario, problem: Problem, is_bowl: bool) -> Lab:
    """Return the lab: the exact bowl, or the Scenario's own network and weights."""
    if not is_bowl:
        network, start, refs, dataset = problem.networks[1], problem.start, problem.refs, problem.dataset
    else:
        dataset = dataset_of(scenario)
        network = Network((dataset.X.shape[1], 2, dataset.Y.shape[1]), "sigmoid", "identity", scenario.biases)
        refs = (WeightRef(1, 0, 0), WeightRef(1, 1, 0))
        drawn = init_params(network, np.random.default_rng(scenario.seed), scheme="xavier")
        bottom = _best_last_layer(network, drawn, dataset)
    X, Y = dataset.X, dataset.Y
    if is_bowl:
        here = curvature(network, bottom, X, Y, *refs)
        start = bottom
        for ref, away in zip(refs, here.directions @ AWAY, strict=True):
            start = start.replace(ref, start.get(ref) + away)
        largest = float(here.eigenvalues[-1])
        why = "The loss is exactly quadratic in these two weights, so its curvature is the same everywhere."
        return Lab(network, dataset, start, refs, True, _predicted(largest, why), bottom, here)
    prediction, bottom, there = _predict(network, start, dataset, refs)
    return Lab(network, dataset, start, refs, False, prediction, bottom, there)


AWAY = np.array([4.0, 1.5])
"""How far from the bottom of the bowl the descents start, along its flat and along its curved direction."""


def _best_last_layer(network: Network, params: Params, dataset: Dataset) -> Params:
    """Return the network with the last layer that fits best: with an identity output that is least squares."""
    hidden = forward(network, params, dataset.X)["H_out"]
    if network.biases:
        hidden = np.column_stack([hidden, np.ones(len(hidden))])
    fitted = np.linalg.lstsq(hidden, dataset.Y, rcond=None)[0]
    if not network.biases:
        return Params([params.weights[0], fitted])
    return Params([params.weights[0], fitted[:-1]], [params.biases[0], fitted[-1]])


def _predict(
    network: Network, start: Params, dataset: Dataset, refs: tuple[WeightRef, WeightRef]
) -> tuple[Prediction, Params | None, Curvature]:
    """Look for a minimum that the two weights can reach; predict only if there is one and it curves up all around."""
    X, Y = dataset.X, dataset.Y
    here = curvature(network, start, X, Y, *refs)
    if network.hidden.name == "step":
        return Prediction(None, None, "A step has no slope, so there is nothing to descend."), None, here
    gentle = 0.2 / max(float(np.abs(here.eigenvalues).max()), 1e-6)
    path = descend(network, start, X, Y, GradientDescent(min(gentle, 1e3)), LONG, trainable=refs)
    end = path.end
    there = curvature(network, end, X, Y, *refs)
    first, last = (_steepness(network, params, dataset, refs) for params in (start, end))
    if not first > 0:
        return Prediction(None, None, "The gradient at the start is 0, so no rate moves anything."), None, there
    if not last < FLAT_ENOUGH * first:
        why = (
            f"After {LONG:,} gentle steps the two weights are still on their way: no minimum is near whose curvature "
            "could predict anything."
        )
        if network.output.name in ("sigmoid", "tanh"):
            why += (
                f" {network.output.name.capitalize()} outputs stay finite at any rate: a large one jumps to a plateau."
            )
        return Prediction(None, None, why), None, there
    low, high = (float(value) for value in there.eigenvalues[[0, -1]])
    if not low > 0:
        why = (
            f"Where the gentle descent ends the smallest curvature is {low:.3g}: a plateau or a saddle, not a bowl, "
            "so no rate can be called too large there."
        )
        return Prediction(None, None, why), None, there
    away = np.array([start.get(ref) - end.get(ref) for ref in refs])
    bowl, true = float(away @ there.hessian @ away) / 2, float(path.loss[0] - path.loss[-1])
    if not true / 3 < bowl < 3 * true:
        why = (
            f"A gentle descent reaches a minimum, but the start is not in its bowl: there the loss would be {bowl:.3g} "
            f"above the bottom, and it is {true:.3g}. Curvature at the bottom says nothing about the way there."
        )
        return Prediction(None, None, why), None, there
    why = "Predicted from the curvature at the minimum that a gentle descent reaches. It holds near that minimum only."
    return _predicted(high, why), end, there


def _predicted(largest: float, why: str) -> Prediction:
    """Return what the largest curvature predicts, unless no rate on offer comes anywhere near its limit."""
    highest = LIMITS["lab_rate"].high
    if largest * 10 * highest < 2:
        why = f"The largest curvature is {largest:.3g}, next to nothing: every rate up to {highest:,.0f} is too small."
        return Prediction(None, None, why)
    return Prediction(1 / largest, 2 / largest, why, largest)


def _steepness(network: Network, params: Params, dataset: Dataset, refs: Sequence[WeightRef]) -> float:
    gradient = backward(network, params, forward(network, params, dataset.X), dataset.Y).gradient
    return float(np.hypot(*(gradient.get(ref) for ref in refs)))


@dataclass(frozen=True, eq=False)
class Trial:
    """One rate: its descent, what was predicted and what was seen; `factor` is what a step multiplies the error by."""

    rate: float
    path: Trajectory
    predicted: Regime
    observed: Regime
    factor: float | None

    @property
    def stopped_at(self) -> int:
        """The step at which a number left the range of floating point; -1 if none did."""
        return int(self.path.diverged_at)


def trials(lab: Lab, rates: Sequence[float], n_steps: int = N_STEPS) -> list[Trial]:
    """Descend with every rate from the lab's start."""
    X, Y = lab.dataset.X, lab.dataset.Y
    found = []
    for rate in rates:
        path = descend(lab.network, lab.start, X, Y, GradientDescent(rate), n_steps, trainable=lab.refs)
        curve = lab.prediction.largest_curvature
        factor = None if curve is None else 1 - rate * curve
        found.append(Trial(rate, path, lab.prediction.regime(rate), observe(lab, path), factor))
    return found


def observe(lab: Lab, path: Trajectory) -> Regime:
    """Return what a descent did, judged by its distance from the minimum along the most curved direction."""
    if int(path.diverged_at) >= 0:
        return "cannot settle"
    if lab.bottom is None:
        return "cannot settle" if path.loss[-1] > path.loss[0] else "still on its way"
    away = np.stack([path.params.get(ref) - lab.bottom.get(ref) for ref in lab.refs], -1) @ lab.bowl.directions[:, -1]
    size = np.abs(away)
    if size[-1] > size[0]:
        return "cannot settle"
    # What is left when the bottom is reached is rounding, whose sign means nothing.
    seen = away[size > 1e-9 * max(size[0], 1e-300)]
    return "zig-zag" if (seen[1:] * seen[:-1] < 0).any() else "no overshoot"


def losses_at(lab: Lab, params: Params) -> float:
    """Return the loss of the lab's network with some parameters."""
    return float(mse(forward(lab.network, params, lab.dataset.X).O_out, lab.dataset.Y))


def sweep_rates(lab: Lab) -> Array:
    """Return the rates of the sweep, evenly spaced on a logarithmic scale around the limit."""
    # A step goes forwards and back.
    each = 2 * N_STEPS * len(lab.dataset.X) * sum(lab.network.sizes[1:])
    return np.geomspace(lab.scale * 1e-3, lab.scale * 10, affordable(SWEEP, each, least=3))


def sweep(lab: Lab, n_steps: int = N_STEPS) -> tuple[Array, Array]:
    """Return the sweep's rates and the final loss of each, computed as one ensemble of networks."""
    rates = sweep_rates(lab)
    many = Params.stack([lab.start] * len(rates))
    path = descend(lab.network, many, lab.dataset.X, lab.dataset.Y, GradientDescent(rates), n_steps, trainable=lab.refs)
    return rates, path.loss[-1]


def grids(lab: Lab) -> tuple[Array, Array]:
    """Return the grids of the two weights: the start and the bottom well inside, the same for every rate."""
    middle = lab.start if lab.bottom is None else lab.bottom
    ways = [abs(float(lab.start.get(ref) - middle.get(ref))) for ref in lab.refs]
    reach = max(1.3 * max(ways), 2.0) if lab.bottom is not None else 8.0
    first, second = (np.linspace(middle.get(ref) - reach, middle.get(ref) + reach, RESOLUTION) for ref in lab.refs)
    return first, second


def surface(lab: Lab) -> Surface:
    """Return the one surface that all rates descend on."""
    X, Y = lab.dataset.X, lab.dataset.Y
    x, y = grids(lab)
    z = loss_surface(lab.network, lab.start, X, Y, *lab.refs, x, y)
    return Surface(lab.origin, x, y, z, lab.network.hidden.name == "step")


def runs(lab: Lab, tried: Sequence[Trial], labels: Sequence[str], colours: Sequence[dict[str, str]]) -> list[Run]:
    """Return the trials as runs of the stage, told apart by colour, dash and label."""
    X, Y = lab.dataset.X, lab.dataset.Y
    return [
        make_run(lab.network, trial.path, X, Y, *lab.refs, label, dash=dash, **colour)
        for trial, label, colour, dash in zip(tried, labels, colours, DASHES, strict=False)
    ]


def full_limit(lab: Lab) -> float | None:
    """Return 2 / lambda_max over all parameters at the bottom or the start: the limit when the whole net learns."""
    where = lab.bottom if lab.bottom is not None else lab.start
    largest = float(hessian(lab.network, where, lab.dataset.X, lab.dataset.Y).eigenvalues[-1])
    return 2 / largest if largest > 0 else None


@dataclass(frozen=True)
class Part:
    """One part of an update of the two weights: what it comes from, and the move that it adds."""

    label: str
    first: float
    second: float


BETA, BETA2 = 0.9, 0.999
ADAPTIVE = ("rmsprop", "adam")


def optimizer_rates(lab: Lab) -> dict[str, float]:
    """Return a rate for each optimizer that suits the lab.

    Momentum adds up about 1 / (1 - beta) gradients, so its rate is a tenth of gradient descent's. RMSProp and Adam
    move each weight by about the rate itself, so theirs is a tenth of the way to the bottom.
    """
    plain = 0.45 * lab.scale
    ends = [params for params in (lab.start, lab.bottom) if params is not None]
    way = max(abs(float(ends[0].get(ref) - ends[-1].get(ref))) for ref in lab.refs) or 1.0
    return {name: way / 10 if name in ADAPTIVE else plain * (1 if name == "gradient descent" else 0.1)
            for name in OPTIMIZERS}  # fmt: skip


def compare_optimizers(lab: Lab, n_steps: int = N_STEPS) -> dict[str, Trajectory]:
    """Descend with every optimizer from the lab's start, each with its rate."""
    X, Y = lab.dataset.X, lab.dataset.Y
    return {
        name: descend(lab.network, lab.start, X, Y, OPTIMIZERS[name](rate), n_steps, trainable=lab.refs)
        for name, rate in optimizer_rates(lab).items()
    }


def update_parts(lab: Lab, name: str, rate: float, path: Trajectory, step: int) -> list[Part]:
    """Return the parts of one update, which add up to the move from `step` to `step + 1`.

    The gradient's part is what this step's gradient adds, the memory's part what is left of earlier ones. Adam and
    RMSProp divide both by the size that gradients have had, weight by weight.
    """
    X, Y = lab.dataset.X, lab.dataset.Y
    along = path.params[np.arange(step + 1)]
    gradient = backward(lab.network, along, forward(lab.network, along, X), Y).gradient
    g = np.stack([gradient.get(ref) for ref in lab.refs], -1)
    now, t = g[-1], step + 1
    memory = np.zeros(2)
    if name == "gradient descent":
        new, old = -rate * now, memory
    elif name in ("momentum", "nesterov"):
        for past in g[:-1]:
            memory = BETA * memory + past
        if name == "momentum":
            new, old = -rate * now, -rate * BETA * memory
        else:
            # Nesterov looks one step of the velocity ahead: it moves along g + beta * v with v = beta * memory + g.
            new, old = -rate * (1 + BETA) * now, -rate * BETA * BETA * memory
    elif name == "rmsprop":
        size = np.zeros(2)
        for past in g:
            size = 0.99 * size + 0.01 * past * past
        new, old = -rate * now / (np.sqrt(size) + 1e-8), memory
    else:
        size = np.zeros(2)
        for past in g[:-1]:
            memory = BETA * memory + (1 - BETA) * past
        for past in g:
            size = BETA2 * size + (1 - BETA2) * past * past
        scale = np.sqrt(size / (1 - BETA2**t)) + 1e-8
        new, old = (-rate * part / (1 - BETA**t) / scale for part in ((1 - BETA) * now, BETA * memory))
    parts = [Part("this gradient", float(new[0]), float(new[1]))]
    if old.any():
        parts.insert(0, Part("memory of earlier ones", float(old[0]), float(old[1])))
    return parts
