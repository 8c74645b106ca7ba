"""Figures of the chain-rule and the backpropagation page. Pure; each comes with a sentence that stands for it."""

from typing import Any

import numpy as np
import plotly.graph_objects as go

from dashboard.figures import Picture, look, words
from dashboard.text import number, plural
from dashboard.theme import DARK, LIGHT, Tokens, axis, layout
from dashboard.walk import Walk
from dashboard.why import EPS, RIGHT, WRONG, Why
from nnlib.chain import ChainPass, Nudge

CURVE_POINTS = 121
TICKS = 5


def activation_curve(walk: Walk, colours: Tokens) -> dict[str, Any]:
    """Return the activation of the present step's units, with each unit's point on it and the tangent there.

    For the curve component: it is redrawn at every step, and a Plotly figure would be built anew each time.
    """
    layer, units = walk.focus()
    activation = walk.setup.network.activation(layer)
    z_symbol, a_symbol = walk.setup.network.symbols[2 * layer + 1 : 2 * layer + 3]
    z, a = walk.forward[z_symbol], walk.forward[a_symbol]
    slopes = walk.backward.slopes[layer]
    row = walk.sample if walk.whole else 0
    reach = max(6.0, 1.2 * float(np.abs(z[:, list(units)]).max()))
    grid, values = _curve(activation.f, -reach, reach, activation.breaks)
    lines, points, told = [("f", grid, values)], [], []
    if walk.whole:
        for unit in units:
            for n in range(0, len(z), max(1, len(z) // MOST_POINTS)):
                full = f"sample {n + 1}, unit {unit + 1}: f({number(z[n, unit])}) = {number(a[n, unit])}"
                points.append(
                    {"kind": "sample", "at": [float(z[n, unit]), float(a[n, unit])], "full": full, "words": ""}
                )
    for unit in units:
        x, y, slope = float(z[row, unit]), float(a[row, unit]), float(slopes[row, unit])
        ends = np.array([x - reach / 4, x + reach / 4])
        lines.append(("tangent", ends, y + slope * (ends - x)))
        full = f"{z_symbol}[{unit + 1}] = {x!r}\n{a_symbol}[{unit + 1}] = {y!r}\nslope {slope!r}"
        points.append({"kind": "here", "at": [x, y], "full": full, "words": f"{unit + 1}"})
        told.append(f"unit {unit + 1} at z = {number(x)} has output {number(y)} and slope {number(slope)}")
    alt = f"The {activation.name} with the tangent at each unit's point: {'; '.join(told)}."
    return _drawing(lines, points, (z_symbol, a_symbol), alt, colours, 250)


MOST_POINTS = 50
"""A batch shows about this many of its samples on the curve."""


def link_curve(chain: ChainPass, place: int, colours: Tokens) -> dict[str, Any]:
    """Return one link of a chain as a curve, with the point that the chain feeds it and the tangent there."""
    link, x, y, slope = chain.links[place], chain.values[place], chain.values[place + 1], chain.slopes[place]
    a, b = chain.symbols[place : place + 2]
    reach = max(2.0, abs(x) * 0.8)
    grid, values = _curve(link.f, x - reach, x + reach, link.breaks)
    lines = [("f", grid, values)]
    broken = place in chain.broken_links
    if not broken:
        ends = np.array([x - reach / 2, x + reach / 2])
        lines.append(("tangent", ends, y + slope * (ends - x)))
    told = "it has no slope there" if broken else f"its slope is {number(slope)}"
    full = f"{a} = {x!r}\n{b} = {y!r}\nslope {slope!r}"
    points = [{"kind": "here", "at": [x, y], "full": full, "words": ""}]
    alt = f"The link {link.name} with its tangent. At {a} = {number(x)} it gives {b} = {number(y)} and {told}."
    return _drawing(lines, points, (a, b), alt, colours, 200)


def _drawing(
    lines: list[tuple[str, Any, Any]],
    points: list[dict[str, Any]],
    names: tuple[str, str],
    alt: str,
    colours: Tokens,
    height: int,
) -> dict[str, Any]:
    """Return what the curve component needs; the first line sets the range."""
    _, x, y = lines[0]
    low, high = float(np.nanmin(y)), float(np.nanmax(y))
    room = 0.08 * (high - low) or 1.0
    ranges = ((float(x[0]), float(x[-1])), (low - room, high + room))
    return {
        "lines": [{"kind": kind, "parts": _parts(x, y)} for kind, x, y in lines],
        "points": points,
        "x": ranges[0],
        "y": ranges[1],
        "xticks": [(t, number(t)) for t in _ticks(*ranges[0])],
        "yticks": [(t, number(t)) for t in _ticks(*ranges[1])],
        "xname": names[0],
        "yname": names[1],
        "alt": alt,
        "height": height,
        "colours": {name: getattr(colours, name) for name in ("smooth", "backward", "ink", "grid", "paper")},
    }


def _parts(x: Any, y: Any) -> list[list[list[float]]]:
    """A line's points, cut where it has a gap."""
    parts: list[list[list[float]]] = [[]]
    for u, v in zip(x, y, strict=True):
        if np.isnan(v):
            parts.append([])
        else:
            parts[-1].append([float(f"{u:.5g}"), float(f"{v:.5g}")])
    return parts


def _ticks(low: float, high: float) -> list[float]:
    """A few round numbers between two ends."""
    rough = (high - low) / TICKS
    power = 10.0 ** np.floor(np.log10(rough))
    step = next(power * k for k in (1, 2, 5, 10) if power * k >= rough)
    return [round(float(k * step), 12) for k in range(int(np.ceil(low / step)), int(np.floor(high / step)) + 1)]


def nudge_gaps(nudges: list[Nudge], now: Nudge, symbols: tuple[str, str], colours: Tokens) -> Picture:
    """Return how far the predicted change is from the real one, for smaller and smaller nudges."""
    figure = go.Figure()
    sizes = [abs(n.dx) for n in nudges]
    for values, name, colour, dash in (
        ([abs(n.actual[-1]) for n in nudges], f"actual d{symbols[1]}", colours.forward, "solid"),
        ([abs(n.gap) for n in nudges], "gap", colours.backward, "dash"),
    ):
        # A gap of exactly 0 has no place on a logarithmic axis.
        shown = [v if v > 0 else None for v in values]
        figure.add_trace(
            go.Scatter(
                x=sizes,
                y=shown,
                mode="lines+markers",
                name=name,
                line={"color": colour, "width": 2.5, "dash": dash},
                hovertemplate=f"{name} %{{y:.4g}} for d{symbols[0]} = %{{x:.4g}}<extra></extra>",
            )
        )
    if now.gap:
        figure.add_trace(
            go.Scatter(
                x=[abs(now.dx)],
                y=[abs(now.gap)],
                mode="markers",
                name="now",
                marker={"size": 12, "color": colours.ink, "symbol": "x"},
                hovertemplate=f"gap {number(now.gap)}<extra></extra>",
            )
        )
    figure.update_layout(
        layout(
            colours,
            240,
            showlegend=True,
            legend={"orientation": "h", "x": 1, "xanchor": "right", "y": 1.02, "yanchor": "bottom"},
        ),
        margin={"t": 30, "b": 8, "l": 8, "r": 8},
    )
    figure.update_xaxes(axis(colours, f"size of the nudge d{symbols[0]}", type="log", dtick=1, zeroline=False))
    figure.update_yaxes(axis(colours, "size", type="log", zeroline=False, exponentformat="power", nticks=6))
    return Picture(
        figure,
        f"For a nudge of {number(now.dx)} the gap between predicted and actual change is {number(now.gap)}. "
        "A nudge ten times smaller has a gap about a hundred times smaller.",
    )


def sabotage_scene(why: Why) -> dict[str, Any]:
    """Return what the stage shows: the loss over the two weights with the right and the wrong path from one start."""
    terraces, names = why.surface.terraces, tuple(str(ref) for ref in why.refs)
    return {
        "surface": why.surface,
        "runs": why.shown,
        "names": names,
        "who": "right and wrong",
        "alt": words("the network, descended rightly and wrongly,", why.surface, names, why.shown),
        "light": look(LIGHT, terraces),
        "dark": look(DARK, terraces),
    }


def sabotage_losses(why: Why, colours: Tokens) -> Picture:
    """Return the loss at every step of both runs of the whole network."""
    figure = go.Figure()
    runs = [(RIGHT, why.right, colours.ink, "solid")]
    if why.wrong is not None:
        runs.append((WRONG, why.wrong, colours.smooth if why.surface.terraces else colours.step, "dash"))
    for name, run, colour, dash in runs:
        loss = run.full.loss
        figure.add_trace(
            go.Scatter(
                x=np.arange(len(loss)),
                y=loss,
                mode="lines",
                name=name,
                line={"color": colour, "width": 3, "dash": dash},
                hovertemplate=f"{name}<br>step %{{x}}<br>MSE = %{{y:.4g}}<extra></extra>",
            )
        )
    figure.update_layout(
        layout(
            colours,
            330,
            showlegend=True,
            legend={"orientation": "h", "x": 1, "xanchor": "right", "y": 1.02, "yanchor": "bottom"},
        ),
        margin={"t": 30, "b": 8, "l": 8, "r": 8},
    )
    top = max(float(run.full.loss.max()) for _, run, _, _ in runs)
    figure.update_xaxes(axis(colours, "step", zeroline=False))
    figure.update_yaxes(axis(colours, "MSE", zeroline=False, nticks=5, range=[0, 1.08 * top]))
    told = "; ".join(
        f"{name}: from {number(run.full.loss[0])} to {number(run.full.loss[-1])}" for name, run, _, _ in runs
    )
    return Picture(
        figure, f"The loss of the whole network over {plural(len(why.right.full.loss) - 1, 'step')}. {told}."
    )


def eps_v(errors: Any, colours: Tokens) -> Picture:
    """Return the gradient check's worst error against the nudge eps, on logarithmic axes: a V."""
    kept = [(eps, float(e)) for eps, e in zip(EPS, errors, strict=True) if e > 0]
    figure = go.Figure(
        go.Scatter(
            x=[eps for eps, _ in kept],
            y=[e for _, e in kept],
            mode="lines+markers",
            line={"color": colours.smooth, "width": 3},
            hovertemplate="eps = %{x:.0e}<br>worst error %{y:.3g}<extra></extra>",
        )
    )
    figure.update_layout(layout(colours, 260))
    figure.update_xaxes(axis(colours, "eps", type="log", dtick=2, zeroline=False, exponentformat="power"))
    figure.update_yaxes(axis(colours, "worst error", type="log", dtick=3, zeroline=False, exponentformat="power"))
    if not kept:
        return Picture(figure, "Every error is 0.")
    eps, least = min(kept, key=lambda pair: pair[1])
    return Picture(figure, f"The worst error is smallest, {number(least)}, at eps = {eps:.0e}; it grows on both sides.")


def _curve(f: Any, low: float, high: float, breaks: tuple[float, ...]) -> tuple[Any, Any]:
    """A function's points from low to high, with a gap where it jumps."""
    grid = np.linspace(low, high, CURVE_POINTS)
    values = f(grid)
    for place in breaks:
        ends = np.array([np.nextafter(place, -np.inf), place, place])
        at = int(np.searchsorted(grid, place))
        below, above = f(ends[:2])
        grid = np.insert(grid, at, ends)
        values = np.insert(values, at, [below, np.nan if abs(above - below) > 1e-6 else below, above])
    return grid, values
