"""Scenes: what nnlib computed, packed for the stage, and what the browser sends back, read with suspicion. Pure.

A scene is a surface and the runs on it. They travel as two messages, so that a new path does not resend the surface.
Each names the parameters it was computed from by a hash, and the browser draws a path only over the surface that names
the same ones.
"""

import base64
import hashlib
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from nnlib import Network, Params, Trajectory, WeightRef, backward, forward, mse

Array = NDArray[np.floating]
Mode = Literal["freeze", "reslice", "first"]
Dash = Literal["solid", "dash", "dot", "dashdot", "longdash"]
DASHES: tuple[Dash, ...] = ("solid", "dash", "dot", "dashdot", "longdash")

MAX_RUNS = 5
MAX_STEPS = 96
"""How many steps of a run are sent; of a longer one the early steps are kept densest."""


@dataclass(frozen=True, eq=False)
class Surface:
    """A loss surface z (B, A) over x (A,) and y (B,), with the hash of the parameters it was computed from.

    `terraces` draws every grid cell flat, as a step network's loss is. `frames` (F, B, A), if given, are the surfaces
    around the weights of the steps `frame_steps` (F,).
    """

    origin: str
    x: Array
    y: Array
    z: Array
    terraces: bool = False
    frames: Array | None = None
    frame_steps: NDArray[np.int64] | None = None

    @cached_property
    def hash(self) -> str:
        """The hash of what is drawn: the origin and every number of it."""
        return fingerprint(self.origin, self.x, self.y, self.z, self.terraces, self.frames, self.frame_steps)

    @cached_property
    def packed(self) -> dict[str, Any]:
        """Its numbers as they travel: float32 is enough to draw, exact numbers travel with the runs."""
        return {name: _base64(values, "<f4") for name, values in (("x", self.x), ("y", self.y), ("z", self.z))}


@dataclass(frozen=True, eq=False)
class Run:
    """One descent as the stage shows it: (T,) numbers of the record at the steps that are shown.

    `origin` is the hash of the parameters it was computed from, as in Surface; `first` and `second` are the two
    coordinates, `down_first` and `down_second` minus the gradient over them; `height` is the drawn surface's value
    below the point where that is not the loss.
    """

    origin: str
    label: str
    steps: NDArray[np.int64]
    first: Array
    second: Array
    loss: Array
    down_first: Array
    down_second: Array
    height: Array | None = None
    stopped_at: int = -1
    light: str = "#0072B2"
    dark: str = "#56B4E9"
    dash: Dash = "solid"


@dataclass(frozen=True, eq=False)
class Curve:
    """A loss curve beside the runs' own, of a descent that does not lie on this surface: `loss` (T,) at their steps."""

    label: str
    loss: Array
    light: str = "#0072B2"
    dark: str = "#56B4E9"
    dash: Dash = "dash"


@dataclass(frozen=True)
class Look:
    """The colours of one theme: ink, faint text, grid lines, and the surface's scale from low to high loss."""

    ink: str
    faint: str
    grid: str
    arrow: str
    scale: Sequence[tuple[float, str]] = field(default_factory=tuple)


@dataclass(frozen=True)
class Point:
    """A place on the surface that a person chose."""

    first: float
    second: float


def fingerprint(*parts: Any) -> str:
    """Return a hash of values: arrays and Params by their exact bytes, networks by shape and activations."""
    digest = hashlib.sha256()

    def add(part: Any) -> None:
        if isinstance(part, Params):
            add(["params", part.to_vector()])
        elif isinstance(part, Network):
            acts = [(a.name, a.form, a.breaks, a.formula) for a in (part.hidden, part.output)]
            add(["network", part.sizes, part.biases, repr(acts)])
        elif isinstance(part, np.ndarray):
            digest.update(f"array {part.dtype.str} {part.shape} ".encode() + np.ascontiguousarray(part).tobytes())
        elif isinstance(part, list | tuple):
            digest.update(f"list {len(part)} ".encode())
            for item in part:
                add(item)
        else:
            text = repr(part).encode()
            digest.update(f"{type(part).__name__} {len(text)} ".encode() + text)

    add(list(parts))
    return digest.hexdigest()[:24]


def origin(network: Network, params: Params, X: Array, Y: Array, first: WeightRef, second: WeightRef) -> str:
    """Return the hash of everything a surface over two weights depends on: not the two weights' own values."""
    held = params.replace(first, 0.0).replace(second, 0.0)
    return fingerprint("two weights", network, held, X, Y, first, second)


def shown_steps(n_steps: int, limit: int = MAX_STEPS) -> NDArray[np.int64]:
    """Return which of the steps 0 .. n_steps to show: all of them, or at most `limit`, the early ones densest."""
    if n_steps < limit:
        return np.arange(n_steps + 1)
    place = np.linspace(0, 1, limit)
    # A straight start with slope 1 step a place, then a quadratic that ends on the last step.
    steps = np.round(place * (limit - 1) + (n_steps - limit + 1) * place**3).astype(np.int64)
    return np.unique(steps)


def make_run(
    network: Network,
    trajectory: Trajectory,
    X: Array,
    Y: Array,
    first: WeightRef,
    second: WeightRef,
    label: str = "",
    around: Params | None = None,
    **look: Any,
) -> Run:
    """Return the Run of a trajectory over two of its weights: every number is the record's own.

    `around` gives the heights of the surface that was sliced around those parameters, where the drawn surface need not
    pass through the path. `look` may set light, dark and dash. Raises ValueError for a trajectory of many runs.
    """
    if trajectory.loss.ndim != 1:
        raise ValueError("a Run shows one descent, not many: index the trajectory's runs first")
    steps = shown_steps(trajectory.n_steps)
    params = trajectory.params[steps]
    if _all_alike(params.to_vector()):
        # Where nothing moves one look is enough.
        params = params[:1]
    gradient = backward(network, params, forward(network, params, X), Y).gradient
    height = None
    if around is not None:
        on_slice = around.replace(first, params.get(first)).replace(second, params.get(second))
        height = mse(forward(network, on_slice, X).O_out, Y)
    first_values, second_values, down_first, down_second = (
        np.broadcast_to(values, steps.shape)
        for values in (params.get(first), params.get(second), -gradient.get(first), -gradient.get(second))
    )
    return Run(
        origin(network, trajectory.start, X, Y, first, second),
        label,
        steps,
        first_values,
        second_values,
        trajectory.loss[steps],
        down_first,
        down_second,
        None if height is None else np.broadcast_to(height, steps.shape),
        int(trajectory.diverged_at),
        **look,
    )


def index_of(steps: NDArray[np.int64], step: int) -> int:
    """Return the place of the last shown step that is not after `step`."""
    return max(int(np.searchsorted(steps, step, "right")) - 1, 0)


def pack_surface(surface: Surface, key: str) -> dict[str, Any]:
    """Return the message of the first piece. Raises ValueError for heights that do not fit the two axes."""
    if surface.z.shape != (len(surface.y), len(surface.x)):
        raise ValueError(f"z must have shape (len(y), len(x)), got {surface.z.shape}")
    message: dict[str, Any] = {
        "kind": "surface",
        "stage": key,
        "hash": surface.hash,
        "origin": surface.origin,
        "terraces": surface.terraces,
        **surface.packed,
    }
    if surface.frames is not None and surface.frame_steps is not None:
        message |= {
            "frame_steps": surface.frame_steps.tolist(),
            "frame_range": [float(surface.frames.min()), float(surface.frames.max())],
        }
    return message


PART = 10
"""How many frames of a film travel together: the picture stands after the first message, and the film follows."""


def pack_film(surface: Surface, key: str) -> list[dict[str, Any]]:
    """Return the messages of a film of surfaces, if there is one, a few frames in each.

    A film is only looked at: a height is one of 65,536 between the lowest and the highest of all frames. Of each frame
    the differences to the frame before and to the point before travel, the low bytes apart from the high ones, since
    those are mostly alike and shrink to less than half.
    """
    if surface.frames is None:
        return []
    low, high = float(surface.frames.min()), float(surface.frames.max())
    heights = np.round((surface.frames - low) * (65535 / (high - low) if high > low else 0)).astype("<u2")
    messages = []
    for first in range(0, len(heights), PART):
        part = heights[first : first + PART]
        for axis in (0, 2):
            part = np.diff(part, axis=axis, prepend=np.zeros_like(part.take([0], axis)))
        halves = part.view(np.uint8).reshape(-1, 2).T
        packed = base64.b64encode(zlib.compress(np.ascontiguousarray(halves).tobytes(), 6)).decode()
        messages.append({"kind": "film", "stage": key, "hash": surface.hash, "first": first, "frames": packed})
    return messages


def pack_runs(
    runs: Sequence[Run],
    surface: Surface,
    *,
    names: tuple[str, str],
    mode: Mode = "freeze",
    light: Look,
    dark: Look,
    title: str = "",
    who: str = "",
    alt: dict[str, str] | None = None,
    camera_group: str = "",
    clock_group: str = "",
    can_start: bool = True,
    at: int | None = None,
    camera: Sequence[float] = (),
    curves: Sequence[Curve] = (),
    until: int = 0,
    loss_range: tuple[float, float] | None = None,
    loss_cap: float | None = None,
    live: bool = False,
) -> dict[str, Any]:
    """Return the message of the second piece: up to five runs with exact float64 numbers, and how to show them.

    `who` names the stage among others; `alt` holds the sentences that stand for its pictures, "surface" and "losses".
    Stages of one camera group turn together, those of one clock group step together. `at` is the step index to open
    at, the last one if None; `camera` is where it opens: the camera's place and the point that it looks at.
    `loss_range` and the step `until` widen the loss curve's axes, so that stages can share them; `loss_cap` is where
    the loss axis ends at the latest. `live` while a hand is still choosing: what is said elsewhere about the runs then
    waits for the last of them.

    Raises ValueError for no runs, more than five, runs that do not share their steps, or runs that were computed from
    other parameters than the surface.
    """
    if not 1 <= len(runs) <= MAX_RUNS:
        raise ValueError(f"a stage shows 1 to {MAX_RUNS} runs, got {len(runs)}")
    if any(not np.array_equal(run.steps, runs[0].steps) for run in runs):
        raise ValueError("runs on one stage must share their steps")
    if any(len(curve.loss) != len(runs[0].steps) for curve in curves):
        raise ValueError("a loss curve must have one value for each step of the runs")
    if any(run.origin != surface.origin for run in runs):
        raise ValueError("a path and the surface under it must be computed from the same parameters")
    numbers = ("first", "second", "loss", "down_first", "down_second")
    return {
        "kind": "runs",
        "surface": surface.hash,
        "hash": fingerprint(
            surface.hash, *((r.label, *(getattr(r, n) for n in numbers)) for r in runs), *(c.loss for c in curves)
        ),
        "mode": mode,
        "title": title,
        "who": who,
        "alt": alt or {"surface": "", "losses": ""},
        "names": list(names),
        "steps": runs[0].steps.tolist(),
        "runs": [
            {
                "origin": run.origin,
                "label": run.label,
                "light": run.light,
                "dark": run.dark,
                "dash": run.dash,
                "stopped_at": run.stopped_at,
                **{name: _series(getattr(run, name), "<f8") for name in numbers},
                "height": None if run.height is None else _series(run.height, "<f8"),
            }
            for run in runs
        ],
        "curves": [
            {"label": c.label, "light": c.light, "dark": c.dark, "dash": c.dash, "loss": _series(c.loss, "<f4")}
            for c in curves
        ],
        "loss_range": None if loss_range is None else list(loss_range),
        "loss_cap": loss_cap,
        "light": _look(light),
        "dark": _look(dark),
        "camera_group": camera_group,
        "clock_group": clock_group,
        "can_start": can_start,
        "at": at,
        "camera": list(camera),
        "until": until,
        "live": live,
    }


def read_start(message: Any, surface: Surface) -> Point | None:
    """Return the start that the browser chose, or None unless it is two numbers within the surface it was shown on."""
    if not isinstance(message, dict) or message.get("surface") != surface.hash:
        return None
    values = []
    for name, axis in (("first", surface.x), ("second", surface.y)):
        value = message.get(name)
        # Comparing also turns away what is not a number, infinite, or too large for one.
        if isinstance(value, bool) or not isinstance(value, int | float) or not axis.min() <= value <= axis.max():
            return None
        values.append(float(value))
    return Point(*values)


def _series(values: Array, dtype: str) -> str:
    """A path that stands still needs only one number."""
    return _base64(values[:1] if _all_alike(values) else values, dtype)


def _all_alike(values: Array) -> bool:
    return bool((values == values[0]).all())


def _base64(values: Any, dtype: str) -> str:
    if dtype == "<f4":
        # What is too large for 32 bits is far outside every picture.
        values = np.clip(values, -3e38, 3e38)
    return base64.b64encode(np.ascontiguousarray(values, dtype=dtype).tobytes()).decode()


def _look(look: Look) -> dict[str, Any]:
    return {
        "ink": look.ink,
        "faint": look.faint,
        "grid": look.grid,
        "arrow": look.arrow,
        "scale": [[float(at), colour] for at, colour in look.scale],
    }
