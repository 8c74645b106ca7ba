"""Why multiply by the slope? The same network trained twice, once with a sabotaged gradient. Pure."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from dashboard import experiment, scene
from dashboard.scenario import MAX_WHY_STEPS, Scenario, affordable
from dashboard.theme import DARK, LIGHT
from nnlib import Array, GradientCheck, Network, Params, WeightRef, accuracy, backward, forward, loss_surface
from nnlib.backprop import check_gradients, error_by_eps
from nnlib.sabotage import SabotagePath, check_sabotaged_gradients, descend_with

TOLERANCE = 1e-7
"""A gradient further than this from the central difference, by the largest gradient of the net, is wrong."""
RESOLUTION = 61
EPS = tuple(float(f"1e{k}") for k in range(-12, 0))
"""The nudges of the central difference that the V is drawn over."""

RIGHT, WRONG = "right", "sabotaged"
LOOK_RIGHT: dict[str, Any] = {"light": LIGHT.ink, "dark": DARK.ink, "dash": "solid"}
LOOK_WRONG: tuple[dict[str, Any], ...] = (
    {"light": LIGHT.step, "dark": DARK.step, "dash": "dash"},
    {"light": LIGHT.smooth, "dark": DARK.smooth, "dash": "dash"},
)
"""The sabotaged path stands out from the surface: from a smooth one, and from a step's terraces."""


@dataclass(frozen=True, eq=False)
class Run:
    """One way to train: the two selected weights alone, and the whole net; `sabotage` None is the right gradient."""

    sabotage: str | None
    pair: SabotagePath
    full: SabotagePath
    accuracy: float


@dataclass(frozen=True, eq=False)
class Why:
    """Everything that the experiment shows: the same start, right and wrong, with the surface under both paths.

    `shown` are the paths over the two weights as the stage draws them, the right one first.
    """

    network: Network
    start: Params
    refs: tuple[WeightRef, WeightRef]
    right: Run
    wrong: Run | None
    check: GradientCheck
    surface: scene.Surface
    shown: tuple[scene.Run, ...]

    @property
    def broken(self) -> tuple[WeightRef, ...]:
        """The parameters whose gradient the check finds wrong."""
        return tuple(ref for ref in self.check.refs if self.check.error.get(ref) > TOLERANCE)

    def leaves(self, run: Run) -> int | None:
        """Return the step at which a path leaves the drawn part of the surface, or None."""
        first, second = (run.pair.params.get(ref) for ref in self.refs)
        x, y = self.surface.x, self.surface.y
        inside = (first >= x[0]) & (first <= x[-1]) & (second >= y[0]) & (second <= y[-1])
        return None if inside.all() else int(inside.argmin())


def make_why(scenario: Scenario, activation: str, sabotage: str | None) -> Why:
    """Train right and, unless `sabotage` is None, wrong, from the Scenario's start on its data."""
    problem = experiment.make_problem(scenario)
    network = experiment.network_of(scenario, activation)
    X, Y = problem.dataset.X, problem.dataset.Y
    n_steps = min(scenario.steps, MAX_WHY_STEPS)

    def run(name: str | None) -> Run:
        pair, full = (
            descend_with(network, problem.start, X, Y, scenario.lr, n_steps, sabotage=name, trainable=trainable)
            for trainable in (problem.refs, None)
        )
        return Run(name, pair, full, float(accuracy(forward(network, full.params[-1], X).O_out, Y)))

    right, wrong = run(None), None if sabotage is None else run(sabotage)
    grids = [
        experiment.grid_values(scenario.low, scenario.high, right.pair.params.get(ref), RESOLUTION)
        for ref in problem.refs
    ]
    terraces = network.hidden.name == "step"
    if terraces:
        values = (problem.start.get(ref) for ref in problem.refs)
        grids = [experiment.with_start(grid, float(value)) for grid, value in zip(grids, values, strict=True)]
    surface = scene.Surface(
        scene.origin(network, problem.start, X, Y, *problem.refs),
        *grids,
        loss_surface(network, problem.start, X, Y, *problem.refs, *grids),
        terraces,
    )
    if sabotage is None:
        check = check_gradients(network, problem.start, X, Y)
    else:
        check = check_sabotaged_gradients(network, problem.start, X, Y, sabotage=sabotage, lr=scenario.lr)
    runs = [(RIGHT, right, LOOK_RIGHT)]
    if wrong is not None:
        runs.append((WRONG, wrong, LOOK_WRONG[terraces]))
    last = max(len(r.pair.loss) for _, r, _ in runs) - 1
    shown = [_shown(network, r.pair, last, X, Y, problem.refs, label, look) for label, r, look in runs]
    return Why(network, problem.start, problem.refs, right, wrong, check, surface, tuple(shown))


def _shown(
    network: Network,
    path: SabotagePath,
    last: int,
    X: Array,
    Y: Array,
    refs: tuple[WeightRef, WeightRef],
    label: str,
    look: dict[str, Any],
) -> scene.Run:
    """A path as the stage draws it. The arrows are the right gradient's, whichever way the path goes.

    A run that has stopped stands where it stopped until the other one ends.
    """
    steps = scene.shown_steps(last)
    at = np.minimum(steps, len(path.loss) - 1)
    params = path.params[at]
    gradient = backward(network, params, forward(network, params, X), Y).gradient
    first, second = refs
    return scene.Run(
        scene.origin(network, path.params[0], X, Y, first, second),
        label,
        steps,
        params.get(first),
        params.get(second),
        path.loss[at],
        -gradient.get(first),
        -gradient.get(second),
        stopped_at=-1 if path.stopped_at is None else path.stopped_at,
        **look,
    )


def eps_samples(network: Network, n_samples: int) -> int:
    """Return how many samples the checks with every nudge in `EPS` look at: all that are affordable."""
    # The central difference nudges each parameter both ways.
    return affordable(n_samples, 2 * len(EPS) * network.n_parameters * sum(network.sizes[1:]))


def eps_errors(scenario: Scenario, activation: str) -> Array:
    """Return the worst error of the right gradient's check for every nudge in `EPS`."""
    problem = experiment.make_problem(scenario)
    network = experiment.network_of(scenario, activation)
    some = slice(eps_samples(network, len(problem.dataset.X)))
    return np.asarray(error_by_eps(network, problem.start, problem.dataset.X[some], problem.dataset.Y[some], EPS))
