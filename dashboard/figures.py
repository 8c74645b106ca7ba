"""Figures: nnlib values in, a Plotly figure out. Pure; every figure comes with a sentence that says what it shows."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from dashboard.experiment import Column
from dashboard.rates import Lab, Part, Trial, losses_at
from dashboard.scene import DASHES, Curve, Dash, Look, Run, Surface, make_run
from dashboard.slices import Slice
from dashboard.text import noun, number, plural, title
from dashboard.theme import DARK, LIGHT, Tokens, axis, layout
from nnlib import Activation, Array, Trajectory

CURVE_REACH = 8.0
"""The activation curves are drawn from -8 to 8."""

CONFIG = {"displaylogo": False, "displayModeBar": False, "scrollZoom": False}
"""Plotly's settings for every figure: no toolbar over the picture, no zoom that catches a scrolling page."""

CURVE_POINTS = 801
TANGENT_REACH = 1.6


@dataclass(frozen=True)
class Picture:
    """A figure and the sentence that stands for it where it cannot be seen.

    `made` is Plotly's object, or the plain values that would make it: Plotly checks each of them, which takes a hundred
    times as long as writing them down, too long for a figure that follows a dragged slider.
    """

    made: go.Figure | dict[str, Any]
    alt: str

    @property
    def figure(self) -> go.Figure:
        """The figure as Plotly's object."""
        return go.Figure(self.made) if isinstance(self.made, dict) else self.made


@dataclass(frozen=True)
class Probe:
    """An activation looked at in one point: f(x), its slope there, and whether a slope exists there at all."""

    x: float
    f: float
    slope: float
    exists: bool


def probe(activation: Activation, x: float) -> Probe:
    """Return f(x) and f'(x)."""
    z = np.array([x])
    a = activation.f(z)
    return Probe(x, float(a[0]), float(activation.slope(z, a)[0]), x not in activation.breaks)


@dataclass(frozen=True)
class Peak:
    """The largest slope of an activation over the drawn range, where it is, and the share of the range that is flat.

    `ends` are the slopes at the left and at the right end of the range.
    """

    x: float
    f: float
    slope: float
    flat_share: float
    ends: tuple[float, float]


FLAT = 0.01
"""A slope below this counts as flat."""


def peak(activation: Activation) -> Peak:
    """Return where the drawn curve is steepest, and the share of it whose slope is below `FLAT`."""
    x = np.linspace(-CURVE_REACH, CURVE_REACH, CURVE_POINTS)
    if activation.form:
        x = np.append(x, activation.form.threshold)
    a = activation.f(x)
    slopes = activation.slope(x, a)
    place = len(x) - 1 if activation.form else int(slopes.argmax())
    flat_share = float((np.abs(slopes) < FLAT).mean())
    ends = (float(slopes[0]), float(slopes[CURVE_POINTS - 1]))
    return Peak(float(x[place]), float(a[place]), float(slopes[place]), flat_share, ends)


def curves(activation: Activation, ghost: Activation | None, x: float, colour: str, colours: Tokens) -> Picture:
    """Return f above f', with the tangent at x; a jump is drawn as a jump, with an open and a closed end."""
    traces = []
    if ghost is not None:
        z = np.linspace(-CURVE_REACH, CURVE_REACH, CURVE_POINTS)
        faint = {"color": colours.faint, "width": 1.5, "dash": "dot"}
        traces.append(_trace(0, z, ghost.f(z), ghost.name, line=faint, hovertemplate=_hover(ghost.name)))
    for z in _pieces(activation):
        a = activation.f(z)
        for row, y, label in ((0, a, "f"), (1, activation.slope(z, a), "f '")):
            name, line = f"{activation.name} {label}", {"color": colour, "width": 3}
            traces.append(_trace(row, z, y, name, line=line, hovertemplate=_hover(label)))
    is_jump = False
    for place in activation.breaks:
        below, above = _limits(activation, place)
        is_jump = bool(below[0] != above[0])
        if is_jump:
            traces.append(_dot(0, place, below[0], colour, colours, "open"))
            traces.append(_dot(0, place, above[0], colour, colours, "closed"))
        traces += [_dot(1, place, slope, colour, colours, "open") for slope in {below[1], above[1]}]
    top = peak(activation)
    if activation.form:
        traces.append(
            _marker(
                1, top.x, top.slope, "largest slope", {"color": colour, "size": 9, "symbol": "diamond"},
                f"largest slope {number(top.slope)}", mode="markers+text",
                text=[f"  {number(top.slope)} at {number(top.x)}"],
                textposition="middle right" if top.x < 5 else "middle left", textfont={"color": colours.ink},
            )
        )  # fmt: skip
    here = probe(activation, x)
    if here.exists:
        ends = np.array([x - TANGENT_REACH, x + TANGENT_REACH])
        line = {"color": colours.backward, "width": 2.5, "dash": "dash"}
        traces.append(_trace(0, ends, here.f + here.slope * (ends - x), "tangent", line=line, hoverinfo="skip"))
        traces.append(_here(1, x, here.slope, colours, "f '"))
    traces.append(_here(0, x, here.f, colours, "f"))

    across = axis(colours, "", range=[-CURVE_REACH, CURVE_REACH], zeroline=False)
    upwards = {"zeroline": False, "automargin": True}
    figure = {
        "data": traces,
        "layout": {
            **layout(colours, 300),
            "xaxis": {**across, "anchor": "y", "matches": "x2", "showticklabels": False},
            "xaxis2": {**across, **axis(colours, "x", zeroline=False), "anchor": "y2"},
            "yaxis": axis(colours, "f(x)", nticks=4, range=_padded(activation, 0), domain=[0.46, 1], **upwards),
            "yaxis2": axis(
                colours, "f ′(x)", nticks=3, range=_padded(activation, 1), domain=[0, 0.39], anchor="x2", **upwards
            ),
        },
    }
    jump = f" It jumps from 0 to 1 at {number(activation.breaks[0])}, where it has no slope." if is_jump else ""
    at = f"At x = {number(x)} its value is {number(here.f)}"
    slope = f"its slope {number(here.slope)}" if here.exists else "it has no slope"
    said = f"The {activation.name} function above its slope.{jump} {at} and {slope}."
    return Picture(figure, f"{said} Its largest slope is {number(top.slope)}.")


def _trace(row: int, x: Array, y: Array, name: str, **look: Any) -> dict[str, Any]:
    """One line of the upper (0) or the lower (1) picture; of a level stretch its two ends are enough."""
    if (y == y[0]).all():
        x, y = x[[0, -1]], y[[0, -1]]
    place = {"xaxis": "x2", "yaxis": "y2"} if row else {"xaxis": "x", "yaxis": "y"}
    return {"type": "scatter", "mode": "lines", "x": x, "y": y, "name": name, **place, **look}


def _marker(row: int, x: float, y: float, name: str, marker: dict[str, Any], hover: str, **look: Any) -> dict[str, Any]:
    """One point of the upper (0) or the lower (1) picture."""
    look = {"mode": "markers", "marker": marker, "cliponaxis": False, "hovertemplate": f"{hover}<extra></extra>"} | look
    return _trace(row, np.array([x]), np.array([y]), name, **look) | {"x": [x], "y": [y]}


def _hover(name: str) -> str:
    return f"{name}(%{{x:.3g}}) = %{{y:.4g}}<extra></extra>"


def _pieces(activation: Activation) -> list[Any]:
    """The drawn range, cut where the function has no slope."""
    edges = [-CURVE_REACH, *(b for b in activation.breaks if abs(b) < CURVE_REACH), CURVE_REACH]
    pieces = []
    for low, high in pairwise(edges):
        stop = np.nextafter(high, -np.inf) if high in activation.breaks else high
        pieces.append(np.linspace(low, stop, CURVE_POINTS))
    return pieces


def _limits(activation: Activation, place: float) -> tuple[tuple[float, float], tuple[float, float]]:
    """Value and slope just below and just above a place."""
    z = np.array([np.nextafter(place, -np.inf), np.nextafter(place, np.inf)])
    a = activation.f(z)
    slopes = activation.slope(z, a)
    return (round(float(a[0]), 9), float(slopes[0])), (round(float(a[1]), 9), float(slopes[1]))


def _padded(activation: Activation, which: int) -> list[float]:
    """A range for f or f' with room for the end markers, the same for step and sigmoid so that they compare."""
    z = np.linspace(-CURVE_REACH, CURVE_REACH, CURVE_POINTS)
    a = activation.f(z)
    values = (a, activation.slope(z, a))[which]
    low, high = min(0.0, float(values.min())), max(1.0 if which == 0 else 0.28, float(values.max()))
    room = 0.12 * (high - low)
    return [low - room, high + room]


def _dot(row: int, x: float, y: float, colour: str, colours: Tokens, end: str) -> dict[str, Any]:
    fill = colour if end == "closed" else colours.paper
    marker = {"size": 9, "color": fill, "line": {"color": colour, "width": 2.5}}
    return _marker(row, x, y, end, marker, f"{end} end at {number(x)}")


def _here(row: int, x: float, y: float, colours: Tokens, label: str) -> dict[str, Any]:
    marker = {"size": 10, "color": colours.ink, "symbol": "x"}
    return _marker(row, x, y, "probe", marker, f"{label}(%{{x:.4g}}) = %{{y:.4g}}")


KEPT_DASHES: tuple[Dash, ...] = ("dot", "dashdot", "longdash", "dash")
"""Of kept paths: the whole network's curve has a colour of theirs, and the last of these dashes."""

INK = {"light": LIGHT.ink, "dark": DARK.ink}
"""A path that stands out from every surface."""


def scene(column: Column, columns: tuple[Column, Column]) -> dict[str, Any]:
    """Return what the stage shows of one column; its losses have the axis that both columns share."""
    first, second = column.refs
    ground, pair, data = column.ground, column.runs.pair, column.dataset
    is_step = ground.is_step
    hue = {"light": LIGHT.step, "dark": DARK.step} if is_step else {"light": LIGHT.smooth, "dark": DARK.smooth}

    def run_of(path: Trajectory, label: str, **how: Any) -> Run:
        return make_run(column.network, path, data.X, data.Y, first, second, label, **how)

    run = run_of(pair, "two weights", **INK)
    beside = [
        run_of(path, f"from {number(path.start.get(first))}, {number(path.start.get(second))}", dash=dash, **colour)
        for path, dash, colour in zip(column.kept, KEPT_DASHES, FIVE[1:], strict=False)
    ]
    losses = [r.loss for c in columns for r in (c.runs.pair, c.runs.full)]
    losses += [path.loss for c in columns for path in c.kept]
    runaway = max(loss.max() for loss in losses) > 100 * max(loss[0] for loss in losses)
    name, names = noun(column.network.hidden.name), (str(first), str(second))
    whole = Curve("whole net", column.runs.full.loss[run.steps], **hue, dash="dash")
    return {
        "surface": ground.drawn,
        "runs": [run, *beside],
        "curves": [whole],
        "names": names,
        "who": f"{name} on the right" if columns[0].ground.is_step and is_step and column is columns[1] else name,
        "alt": words(
            f"the {name} network", ground.drawn, names, [run, *beside], [whole], plural(ground.terraces.levels, "level")
        ),
        "light": look(LIGHT, is_step),
        "dark": look(DARK, is_step),
        "loss_range": None if runaway else (0.0, float(max(loss.max() for loss in losses))),
    }


def words(
    what: str,
    surface: Surface,
    names: Sequence[str],
    runs: Sequence[Run],
    curves: Sequence[Curve] = (),
    levels: str = "",
) -> dict[str, str]:
    """Return the sentences that stand for a stage's pictures: the surface with its paths, and the loss curves."""
    axes = " and ".join(
        f"{name} from {number(values[0])} to {number(values[-1])}"
        for name, values in zip(names, (surface.x, surface.y), strict=True)
    )
    low, high = float(surface.z.min()), float(surface.z.max())
    heights = f"{levels} between" if levels and surface.terraces else "between"
    paths, falls = [], []
    for run in runs:
        who = f"{run.label}: " if run.label else ""
        begin, end = (f"({number(run.first[t])}, {number(run.second[t])})" for t in (0, -1))
        fall = (
            f"MSE {number(run.loss[0])} at the start, {number(run.loss[-1])} after {plural(int(run.steps[-1]), 'step')}"
        )
        stop = f", stopped at step {run.stopped_at} because a number left the range" if run.stopped_at >= 0 else ""
        way = f"stays at {begin}" if begin == end else f"from {begin} to {end}"
        paths.append(f"{who}{way}, {fall}{stop}")
        falls.append(f"{who}{fall}{stop}")
    falls += [f"{c.label}: {number(c.loss[0])} at the start, {number(c.loss[-1])} at the end" for c in curves]
    return {
        "surface": f"The loss of {what} over {axes}: {heights} {number(low)} and {number(high)}. "
        f"Descent: {'; '.join(paths)}.",
        "losses": f"The loss of {what} at every step. {'; '.join(falls)}.",
    }


def other_heights(columns: tuple[Column, Column]) -> bool:
    """Whether the height axes of two columns that stand beside each other differ."""
    left, right = (column.ground.heights for column in columns)
    return left != right


MODES = {
    "freeze": "the other parameters stand still",
    "reslice": "cut anew around each step's weights",
    "first": "cut at the start, which the path may leave",
}
"""What a surface leaves out, in words."""


def slice_scene(piece: Slice, name: str) -> dict[str, Any]:
    """Return what the stage shows of one slice of the network of that name."""
    return {
        "surface": piece.surface,
        "runs": [piece.run],
        "mode": piece.mode,
        "names": piece.names,
        "who": name,
        "alt": words(f"the {name} network ({MODES[piece.mode]})", piece.surface, piece.names, [piece.run]),
        "light": look(LIGHT, piece.surface.terraces),
        "dark": look(DARK, piece.surface.terraces),
    }


FIVE = tuple(
    {"light": getattr(LIGHT, role), "dark": getattr(DARK, role)}
    for role in ("ink", "smooth", "step", "forward", "backward")
)
"""Colours for up to five runs on one stage."""


def rates_scene(lab: Lab, surface: Surface, runs: Sequence[Run], who: str) -> dict[str, Any]:
    """Return what the stage shows of several descents on one surface."""
    start = float(runs[0].loss[0])
    names = tuple(str(ref) for ref in lab.refs)
    what = "a network with identity outputs" if lab.is_bowl else f"the {noun(lab.network.hidden.name)} network"
    return {
        "surface": surface,
        "runs": runs,
        "names": names,
        "who": who,
        "alt": words(what, surface, names, runs),
        "light": look(LIGHT, surface.terraces),
        "dark": look(DARK, surface.terraces),
        "loss_cap": 1e3 * start,
    }


def sweep(lab: Lab, rates: Array, losses: Array, rate: float, colours: Tokens) -> Picture:
    """Return the final loss against the rate, both logarithmic, with the limits that curvature predicts."""
    start = losses_at(lab, lab.start)
    top = 1e3 * start
    low = float(losses.min())
    figure = go.Figure(
        go.Scatter(
            x=rates,
            y=np.minimum(losses, top),
            mode="lines",
            name="final loss",
            line={"color": colours.smooth, "width": 3},
            customdata=losses,
            hovertemplate="rate %{x:.4g}<br>final MSE %{customdata:.4g}<extra></extra>",
        )
    )
    marks = [(rate, "your rate", "solid")]
    if lab.prediction.smooth is not None and lab.prediction.limit is not None:
        marks += [(lab.prediction.smooth, "1/λ", "dot"), (lab.prediction.limit, "η* = 2/λ", "dash")]
    for place, text, dash in marks:
        figure.add_vline(place, line={"color": colours.ink, "width": 1.5, "dash": dash})
        # Away from each other: in a narrow picture the two limits are close.
        at = {"y": 0.85 if text == "your rate" else 1, "xanchor": "left" if dash == "dash" else "right"}
        figure.add_annotation(
            x=np.log10(place), yref="paper", yanchor="bottom", text=f"{text} ", showarrow=False, font={"size": 14}, **at
        )
    figure.add_hline(start, line={"color": colours.faint, "width": 1, "dash": "dot"})
    figure.update_layout(layout(colours, 300), margin={"t": 28, "b": 8, "l": 8, "r": 8})
    figure.update_xaxes(axis(colours, "learning rate", type="log", exponentformat="power", dtick=1))
    room = 0.05 * np.log10(top / low)
    reach = [np.log10(low) - room, np.log10(top)]
    figure.update_yaxes(axis(colours, "final MSE", type="log", exponentformat="power", dtick=1, range=reach))
    best = int(losses.argmin())
    return Picture(
        figure,
        f"The loss after the last step for {len(rates)} learning rates from {number(rates[0])} to {number(rates[-1])}: "
        f"lowest, {number(losses[best])}, at rate {number(rates[best])}; at the start it is {number(start)}.",
    )


def updates(named: dict[str, list[Part]], colours: Tokens) -> Picture:
    """Return each optimizer's update as arrows: what it remembers, what this gradient adds, and the sum."""
    figure = make_subplots(rows=1, cols=len(named), subplot_titles=[title(name).replace(" ", "<br>") for name in named])
    said = []
    for column, (name, parts) in enumerate(named.items(), start=1):
        x = np.cumsum([0.0, *(part.first for part in parts)])
        y = np.cumsum([0.0, *(part.second for part in parts)])
        pieces = [(x[k : k + 2], y[k : k + 2], part.label) for k, part in enumerate(parts)]
        pieces.append((x[[0, -1]], y[[0, -1]], "the update"))
        for px, py, label in pieces:
            colour, dash, width = PARTS[label]
            figure.add_trace(
                go.Scatter(
                    x=px,
                    y=py,
                    mode="lines+markers",
                    name=label,
                    legendgroup=label,
                    showlegend=column == (2 if label.startswith("memory") else 1),
                    line={"color": getattr(colours, colour), "width": width, "dash": dash},
                    marker={"size": [0, 12], "symbol": "arrow", "angleref": "previous", "opacity": 1},
                    hovertemplate=f"{label}<br>%{{x:.4g}}, %{{y:.4g}}<extra></extra>",
                ),
                row=1,
                col=column,
            )
        reach = 1.25 * max(float(np.abs([*x, *y]).max()), 1e-12)
        figure.update_xaxes(range=[-reach, reach], row=1, col=column)
        figure.update_yaxes(range=[-reach, reach], scaleanchor=f"x{column if column > 1 else ''}", row=1, col=column)
        said.append(f"{title(name)} moves by ({number(x[-1])}, {number(y[-1])})")
    figure.update_layout(
        layout(colours, 290, showlegend=True, legend={"orientation": "h", "y": -0.25, "x": 0.5, "xanchor": "center"}),
        margin={"t": 48, "b": 8, "l": 8, "r": 8},
    )
    figure.update_xaxes(axis(colours, "", nticks=3, zeroline=True))
    figure.update_yaxes(axis(colours, "", nticks=3, zeroline=True))
    figure.update_annotations(font={"size": 14})
    return Picture(figure, "; ".join(said) + ".")


def optimizer_runs(lab: Lab, paths: dict[str, Trajectory], rates: dict[str, float]) -> list[Run]:
    """Return the optimizers' descents as runs of the stage, each with its rate in its label."""
    X, Y = lab.dataset.X, lab.dataset.Y
    return [
        make_run(lab.network, path, X, Y, *lab.refs, f"{title(name)}, rate {number(rates[name])}", dash=dash, **colour)
        for (name, path), colour, dash in zip(paths.items(), FIVE, DASHES, strict=True)
    ]


def trial_table(lab: Lab, tried: Sequence[Trial], labels: Sequence[str]) -> dict[str, list[str]]:
    """Return what was predicted and what was seen, as a table's columns."""
    table = {"run": list(labels), "rate": [number(trial.rate) for trial in tried]}
    if lab.prediction.limit:
        table["share of η*"] = [number(trial.rate / lab.prediction.limit) for trial in tried]
    table["predicted"] = [trial.predicted for trial in tried]
    table["observed"] = [trial.observed for trial in tried]
    table["MSE at the end"] = [number(trial.path.loss[-1]) for trial in tried]
    return table


PARTS = {
    "memory of earlier ones": ("forward", "dash", 3),
    "this gradient": ("backward", "solid", 3),
    "the update": ("ink", "dot", 2),
}
"""Colour, dash and width of each part of an update."""


def largest_gap(piece: Slice) -> float:
    """Return the largest distance between the true loss and the drawn surface."""
    return float(np.abs(piece.gap).max())


def look(colours: Tokens, is_step: bool) -> Look:
    """Return the stage's colours in one theme, over a step's terraces or a smooth surface."""
    scale = colours.step_scale if is_step else colours.smooth_scale
    return Look(colours.ink, colours.faint, colours.grid, colours.backward, scale)
