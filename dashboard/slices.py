"""The honest slice: what a picture over two directions says about a loss that depends on many weights. Pure.

A slice is the true loss only while everything outside it stands still. There are three ways to be honest about that:
let only the two directions learn, cut a new slice at every step, or keep the first slice and show the gap.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np

from dashboard.experiment import Problem, Runs, affordable_resolution, grid_values
from dashboard.scenario import Scenario, affordable
from dashboard.scene import Mode, Run, Surface, fingerprint, make_run, origin, pack_film, shown_steps
from nnlib import (
    Array,
    Network,
    Plane,
    Trajectory,
    backward,
    forward,
    loss_surface,
    loss_surfaces,
    mse,
    plane_surface,
    random_plane,
    trajectory_plane,
)

Kind = Literal["weights", "random", "path"]

FRAMES = 40
"""How many surfaces the film of re-cut slices has at most."""

FEWEST_FRAMES = 10
FILM_RESOLUTION = 41
PLANE_SEED = 3


@dataclass(frozen=True, eq=False)
class Slice:
    """One picture and its path: `gap` (T,) is the loss minus the drawn surface's height at each shown step.

    `share` is the part of the path's movement that the plane's two directions explain; None for two weights.
    """

    mode: Mode
    names: tuple[str, str]
    surface: Surface
    run: Run
    gap: Array
    share: float | None = None

    @property
    def n_frames(self) -> int:
        """How many surfaces there are."""
        return 1 if self.surface.frames is None else len(self.surface.frames)

    @cached_property
    def film(self) -> list[dict[str, Any]]:
        """The messages of the film, as they are sent."""
        return pack_film(self.surface, "slice")

    @property
    def n_bytes(self) -> int:
        """How many bytes of film are sent."""
        return sum(len(part["frames"]) for part in self.film)


def slice_of(scenario: Scenario, problem: Problem, runs: Runs, mode: Mode, kind: Kind, **look: str) -> Slice:
    """Return the slice of the second network's descent; over a plane the mode is always the first slice."""
    network = problem.networks[1]
    if kind == "weights":
        return _over_weights(scenario, problem, network, runs, mode, look)
    return _over_plane(scenario, problem, network, runs.full, kind, look)


def usable_kind(kind: Kind, runs: Runs) -> tuple[Kind, str]:
    """Return the kind of picture that there can be, and what to say if it is not the wanted one."""
    if kind == "path" and not np.ptp(runs.full.params[shown_steps(runs.full.n_steps)].to_vector(), axis=0).any():
        return "random", "The path never moves, so it has no directions. Two random ones are shown instead."
    return kind, ""


def _over_weights(
    scenario: Scenario, problem: Problem, network: Network, runs: Runs, mode: Mode, look: dict[str, str]
) -> Slice:
    X, Y, (first, second) = problem.dataset.X, problem.dataset.Y, problem.refs
    start = problem.start
    path = runs.pair if mode == "freeze" else runs.full
    n_frames, wanted = 1, scenario.resolution
    if mode == "reslice":
        each = FILM_RESOLUTION**2 * len(X) * sum(network.sizes[1:])
        n_frames, wanted = affordable(FRAMES, each, least=FEWEST_FRAMES), FILM_RESOLUTION
    resolution = affordable_resolution(wanted, network, len(X), n_frames)
    grids = [
        grid_values(scenario.low, scenario.high, _near(scenario, path.params.get(ref)), resolution)
        for ref in (first, second)
    ]
    frames, frame_steps = None, None
    if mode == "reslice":
        steps = shown_steps(path.n_steps)
        frame_steps = steps[np.unique(np.linspace(0, len(steps) - 1, min(n_frames, len(steps))).round().astype(int))]
        frames = loss_surfaces(network, path.params[frame_steps], X, Y, first, second, *grids)
    surface = Surface(
        origin(network, start, X, Y, first, second),
        *grids,
        loss_surface(network, start, X, Y, first, second, *grids),
        network.hidden.name == "step",
        frames,
        frame_steps,
    )
    run = make_run(network, path, X, Y, first, second, around=None if mode == "reslice" else start, **look)
    height = run.height
    if height is None:
        # Each step's own slice, at the step's own weights: it must meet the path, and the gap proves it.
        points = zip(run.steps, run.first[:, None], run.second[:, None], strict=True)
        height = np.array(
            [loss_surface(network, path.params[t], X, Y, first, second, a, b)[0, 0] for t, a, b in points]
        )
    return Slice(mode, (str(first), str(second)), surface, run, run.loss - height)


def _near(scenario: Scenario, values: Array) -> Array:
    """The part of a path that is no further away than the range is wide: a runaway must not shrink the rest."""
    width = scenario.high - scenario.low
    kept = values[(values >= scenario.low - width) & (values <= scenario.high + width)]
    return kept if kept.size else np.array([scenario.low, scenario.high])


def _over_plane(
    scenario: Scenario, problem: Problem, network: Network, path: Trajectory, kind: Kind, look: dict[str, str]
) -> Slice:
    X, Y = problem.dataset.X, problem.dataset.Y
    steps = shown_steps(path.n_steps)
    along = path.params[steps]
    plane = (
        random_plane(problem.start, np.random.default_rng(PLANE_SEED)) if kind == "random" else trajectory_plane(along)
    )
    where = plane.coordinates(along)
    resolution = affordable_resolution(scenario.resolution, network, len(X))
    grids = [_around(where[:, k], resolution) for k in (0, 1)]
    begin = fingerprint("plane", network, plane.center, plane.u, plane.v, X, Y)
    surface = Surface(begin, *grids, plane_surface(network, plane, X, Y, *grids), network.hidden.name == "step")
    gradient = backward(network, along, forward(network, along, X), Y).gradient.to_vector()
    height = mse(forward(network, plane.at(where[:, 0], where[:, 1]), X).O_out, Y)
    run = Run(
        begin,
        "",
        steps,
        where[:, 0],
        where[:, 1],
        path.loss[steps],
        -(gradient @ plane.u.to_vector()),
        -(gradient @ plane.v.to_vector()),
        height,
        int(path.diverged_at),
        **look,
    )
    names = ("direction 1", "direction 2")
    return Slice("first", names, surface, run, run.loss - height, explained(plane, along.to_vector()))


def _around(values: Array, resolution: int) -> Array:
    """A grid of one direction with the path in its middle part."""
    low, high = float(values.min()), float(values.max())
    room = 0.35 * (high - low) or 1.0
    return np.linspace(low - room, high + room, resolution)


def explained(plane: Plane, vectors: Array) -> float:
    """Return the share of a path's squared distances from the plane's centre that lies within the plane."""
    away = vectors - plane.center.to_vector()
    largest = np.abs(away).max()
    if largest == 0:
        return 1.0
    within = plane.at(*plane.coordinates(plane.center.from_vector(vectors)).T).to_vector() - plane.center.to_vector()
    # A path that ran away has numbers whose squares leave the range of floating point.
    away, within = away / largest, within / largest
    return float((within**2).sum() / (away**2).sum())
