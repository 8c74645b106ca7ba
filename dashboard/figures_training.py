"""The training room's figures: all of them from one Room, one Run and one step, as plain dicts. Pure."""

import html
from typing import Any

import numpy as np
import plotly.io

from dashboard.figures import Picture
from dashboard.plain_figure import (
    Figure,
    add,
    add_line,
    add_upright,
    figure,
    legend,
    share_x,
    share_y,
    small,
    x_axis,
    y_axis,
)
from dashboard.text import count, noun, number, percent, plural, title
from dashboard.theme import SYMBOLS, Tokens
from dashboard.training import (
    COMPARED,
    DEEP_SEEDS,
    UNIT_EVERY,
    Cloud,
    Curves,
    Depth,
    Ensemble,
    History,
    InputPlane,
    Moment,
    Outcome,
    Room,
)
from nnlib import ENDINGS, SIGMOID_BOUND, Array


def to_keep(picture: Picture, name: str, colours: Tokens) -> Picture:
    """Return a picture that stands alone: with its name above it and the page's paper behind it."""
    spec = picture.made
    layout = spec["layout"]
    margin = {**layout["margin"], "t": layout["margin"]["t"] + 56, "r": 24}
    title_ = {"text": name, "x": 0.02, "y": 0.985, "yanchor": "top", "font": {"size": 18}}
    kept = {"paper_bgcolor": colours.paper, "plot_bgcolor": colours.paper, "title": title_, "margin": margin}
    kept["height"] = layout["height"] + 56
    if layout["showlegend"]:
        kept["legend"] = {"orientation": "h", "x": 0, "y": -0.2, "yanchor": "top"}
    return Picture({**spec, "layout": {**layout, **kept}}, picture.alt)


def as_html(picture: Picture) -> str:
    """Return a picture with its sentence as one HTML file that needs no network."""
    made: str = plotly.io.to_html(picture.made, include_plotlyjs=True, full_html=True, validate=False)
    head, _, rest = made.rpartition("</body>")
    return f"{head}<p>{html.escape(picture.alt)}</p></body>{rest}"


def safe(text: str) -> str:
    """Return a visitor's text so that Plotly shows it as it is: no tags, no templates."""
    return html.escape(text).replace("%{", "% {")


GREW = 1000
"""A loss that grows to so many times its first value is drawn over powers of ten; else only its end would be seen."""


def drawable(values: Array) -> Array:
    """Return numbers with a gap where they are too large for a picture: a line ends there, and is not flat."""
    return np.where(np.abs(values) < 3e38, values, np.nan)


def losses(drawn: Curves, step: int, until: int, colours: Tokens) -> Picture:
    """Return the losses, and the accuracies if there are classes, over the steps, with the step at hand.

    The axis ends at `until`: it does not wait for a run that is still under way.
    """
    panels = [("loss (MSE)", drawn.losses, "%{y:.6g}")]
    if drawn.accuracies:
        panels.append(("accuracy", drawn.accuracies, "%{y:.1%}"))
    n, last = len(panels), int(drawn.steps[-1])
    spec = figure(colours, 190 * n + 60, n, gaps=(0, 0.08), hovermode="x unified", **legend())
    looks = {"training": (colours.smooth, "solid"), "test": (colours.step, "dash")}
    for panel, (label, lines, shown) in enumerate(panels):
        for name, values in lines.items():
            hue, dash = looks[name]
            add_line(
                spec,
                drawn.steps,
                drawable(values),
                hue,
                panel,
                dash=dash,
                name=name,
                legendgroup=name,
                showlegend=panel == 0,
                hovertemplate=f"{name} {label} {shown}<extra></extra>",
            )
        top = max(float(values[np.isfinite(values)].max(initial=0)) for values in lines.values())
        if top > GREW * max(float(values[0]) for values in lines.values()) > 0:
            y_axis(spec, label, panel, type="log", exponentformat="power", nticks=5)
        else:
            y_axis(spec, label, panel, zeroline=False, nticks=5, range=[0, 1.05 * top or 1])
        x_axis(spec, panel=panel, zeroline=False, range=[0, max(until, 1)])
    if drawn.accuracies:
        y_axis(spec, panel=1, range=[0, 1.05], tickformat=".0%")
    x_axis(spec, "step", n - 1)
    share_x(spec, n)
    add_upright(spec, step, colours, n)
    said = [f"{name} loss {number(v[0])} to {number(v[-1])}" for name, v in drawn.losses.items()]
    said += [f"{name} accuracy {percent(v[0])} to {percent(v[-1])}" for name, v in drawn.accuracies.items()]
    return Picture(spec, f"Over {plural(last, 'step')}: {', '.join(said)}. The line marks step {count(step)}.")


# --- over the inputs --------------------------------------------------------------------------------------------------


def regions(room: Room, plane: InputPlane, outputs: Array, at: Moment, colours: Tokens) -> Picture:
    """Return what the network answers over the plane of two inputs, with the samples on it."""
    spec = figure(colours, 440, **legend())
    names = room.raw.feature_names
    if plane.y is None:
        _add_answer_lines(spec, room, plane, outputs, colours)
        x_axis(spec, safe(names[plane.x]), zeroline=False)
        y_axis(spec, "output and target", zeroline=False)
    else:
        _add_answer_fields(spec, room, plane.x_shown, plane.y_shown, outputs, colours)
        _add_samples(spec, room, plane, plane.y, colours)
        x_axis(spec, safe(names[plane.x]), zeroline=False, showgrid=False, range=_ends(plane.x_shown))
        y_axis(spec, safe(names[plane.y]), zeroline=False, showgrid=False, range=_ends(plane.y_shown))
    right = ", ".join(f"{percent(a)} of the {name} samples are right" for name, a in at.accuracies.items())
    loss = ", ".join(f"{name} loss {number(value)}" for name, value in at.losses.items())
    over = " and ".join(names[i] for i in (plane.x, plane.y) if i is not None)
    return Picture(spec, f"The network's answer over {over} after step {count(at.step)}: {right or loss}.")


def _ends(values: Array) -> list[float]:
    return [float(values[0]), float(values[-1])]


def _pale(hue: str, opacity: float) -> str:
    red, green, blue = (int(hue[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},{opacity})"


def _scale(colours: Tokens) -> list[list[Any]]:
    return [list(stop) for stop in colours.smooth_scale]


OUTPUT_BAR = {"title": {"text": "output", "font": {"size": 14}}, "thickness": 12}
"""The bar that says which colour is which output."""


def _add_answer_fields(spec: Figure, room: Room, x: Array, y: Array, outputs: Array, colours: Tokens) -> None:
    """Colour the plane by the class that is answered, stronger where the answer is clearer."""
    place = {"x": small(x), "y": small(y)}
    if room.raw.is_regression:
        add(
            spec,
            "heatmap",
            **place,
            z=small(outputs[0]),
            colorscale=_scale(colours),
            colorbar=OUTPUT_BAR,
            hovertemplate="output %{z:.4g}<extra></extra>",
        )
        return
    both = np.concatenate([1 - outputs, outputs]) if len(outputs) == 1 else outputs
    order = np.sort(both, axis=0)
    margin = np.clip(order[-1] - order[-2], 0, 1)
    for k, name in enumerate(room.raw.class_names):
        mine = np.where((both[k] == order[-1]) & (margin > 0), margin, np.nan)
        if np.isnan(mine).all():
            continue
        add(
            spec,
            "heatmap",
            **place,
            z=small(mine),
            zmin=0,
            zmax=1,
            colorscale=[[0, _pale(colours.classes[k], 0.12)], [1, _pale(colours.classes[k], 0.55)]],
            showscale=False,
            name=safe(name),
            hovertemplate=f"answer {safe(name)}<br>ahead of the next by %{{z:.3g}}<extra></extra>",
            hoverongaps=False,
        )


def _add_samples(spec: Figure, room: Room, plane: InputPlane, y: int, colours: Tokens) -> None:
    for set_name, rows in (("training", room.train_rows), ("test", room.test_rows)):
        X, targets = room.raw.X[rows], room.raw.Y[rows, 0]
        label = np.zeros(len(rows), int) if room.raw.is_regression else room.raw.labels[rows]
        filled = set_name == "training"
        for k, name in enumerate(room.raw.class_names or ("target",)):
            mine = label == k
            if not mine.any():
                continue
            edge = {"width": 1, "color": colours.ink} if filled else {"width": 2, "color": colours.classes[k]}
            marker = {
                "symbol": SYMBOLS[k] if filled else f"{SYMBOLS[k]}-open",
                "size": 9,
                "color": colours.classes[k],
                "line": edge,
            }
            said = safe(name)
            if room.raw.is_regression:
                marker |= {"color": targets[mine], "colorscale": _scale(colours)}
                said = "target %{marker.color:.4g}"
            add(
                spec,
                "scatter",
                x=X[mine, plane.x],
                y=X[mine, y],
                mode="markers",
                name=safe(name) if filled else f"{safe(name)}, test",
                marker=marker,
                customdata=rows[mine] + 1,
                hovertemplate=f"sample %{{customdata}} ({set_name})<br>{said}<br>{_at(room, plane)}<extra></extra>",
            )


def _at(room: Room, plane: InputPlane) -> str:
    """What a hover says of the place in the plane of the inputs."""
    names = room.raw.feature_names
    places = [("x", plane.x), *([("y", plane.y)] if plane.y is not None else [])]
    return "<br>".join(f"{safe(names[i])} %{{{letter}:.4g}}" for letter, i in places)


def _add_answer_lines(spec: Figure, room: Room, plane: InputPlane, outputs: Array, colours: Tokens) -> None:
    """Draw each output over the one input, with the targets."""
    names = room.raw.class_names if len(outputs) > 1 else ("output",)
    at = _at(room, plane)
    for k, values in enumerate(outputs):
        name = safe(names[k])
        shown = f"{name} %{{y:.4g}}<br>{at}<extra></extra>"
        add_line(spec, plane.x_shown, drawable(values), colours.classes[k], width=3, name=name, hovertemplate=shown)
    for set_name, rows in (("training", room.train_rows), ("test", room.test_rows)):
        filled = set_name == "training"
        for k in range(len(outputs) if len(rows) else 0):
            add(
                spec,
                "scatter",
                x=room.raw.X[rows, 0],
                y=room.raw.Y[rows, k],
                mode="markers",
                name=f"{set_name} target",
                showlegend=k == 0,
                marker={
                    "symbol": SYMBOLS[k] if filled else f"{SYMBOLS[k]}-open",
                    "size": 8,
                    "color": colours.ink if filled else colours.step,
                },
                customdata=rows + 1,
                hovertemplate=f"sample %{{customdata}} ({set_name})<br>target %{{y:.4g}}<br>{at}<extra></extra>",
            )


def _lowered(name: str) -> str:
    """Return a value's name, such as H_out[1], with its index below the line."""
    return name.replace("_out", "<sub>out</sub>")


def units(room: Room, plane: InputPlane, values: Array, layer: int, colours: Tokens) -> Picture:
    """Return what every unit of one hidden layer puts out over the inputs, one small picture a unit."""
    n = len(values)
    columns = min(n, 4)
    rows = -(-n // columns)
    symbol = room.network.symbols[2 * layer + 2]
    unit_names = [f"{symbol}[{i + 1}]" for i in range(n)]
    drawn_names = [_lowered(name) for name in unit_names]
    names = room.raw.feature_names
    spec = figure(
        colours,
        70 + 230 * rows,
        rows,
        columns,
        gaps=(0.03, 0.14),
        titles=drawn_names,
        margin={"t": 30, "b": 8, "l": 8, "r": 8},
    )
    low, high = float(values.min()), float(values.max())
    x, at = small(plane.x_shown[::UNIT_EVERY]), _at(room, plane)
    for i, (name, one) in enumerate(zip(drawn_names, values, strict=True)):
        x_axis(spec, panel=i, showgrid=False, zeroline=False, nticks=4)
        y_axis(spec, panel=i, showgrid=False, zeroline=False, nticks=4)
        if plane.y is None:
            shown = f"{name} = %{{y:.4g}}<br>{at}<extra></extra>"
            add_line(spec, x, small(one), colours.smooth, i, width=3, hovertemplate=shown)
        else:
            add(
                spec,
                "heatmap",
                i,
                x=x,
                y=small(plane.y_shown[::UNIT_EVERY]),
                z=small(one),
                zmin=low,
                zmax=high,
                colorscale=_scale(colours),
                zsmooth=False if room.network.hidden.name == "step" else "fast",
                showscale=i == 0,
                colorbar=OUTPUT_BAR,
                hovertemplate=f"{name} = %{{z:.4g}}<br>{at}<extra></extra>",
            )
    share_x(spec, rows, columns)
    share_y(spec, rows, columns)
    for column in range(columns):
        x_axis(spec, safe(names[plane.x]), (rows - 1) * columns + column)
    for row in range(rows):
        y_axis(spec, safe(names[plane.y]) if plane.y is not None else "output", row * columns)
    reach = ", ".join(
        f"{name} {number(float(one.min()))} to {number(float(one.max()))}"
        for name, one in zip(unit_names, values, strict=True)
    )
    return Picture(spec, f"What {plural(n, 'unit')} of {symbol} put out over the inputs: {reach}.")


# --- weights and gradients --------------------------------------------------------------------------------------------


DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot", "solid")


def layers_over_steps(past: History, step: int, colours: Tokens) -> Picture:
    """Return the size of every layer's weights and of its gradient over the steps."""
    names = [f"W{i + 1}" for i in range(past.weight_sizes.shape[1])]
    spec = _two_panels(past, step, colours, "size of the weights", "size of the gradient")
    for panel, values in enumerate((past.weight_sizes, past.gradient_sizes)):
        for k, name in enumerate(names):
            add_line(
                spec,
                past.steps,
                drawable(values[:, k]),
                colours.classes[k],
                panel,
                dash=DASHES[k],
                name=name,
                legendgroup=name,
                showlegend=panel == 0,
                hovertemplate=f"{'d' if panel else ''}{name}: %{{y:.4g}}<extra></extra>",
            )
    y_axis(spec, panel=1, type="log", exponentformat="power", dtick=1)
    ends = ", ".join(
        f"d{n} {number(a)} to {number(b)}" for n, a, b in zip(names, *past.gradient_sizes[[0, -1]], strict=True)
    )
    return Picture(spec, f"The size of each layer's weights and gradient over the steps: {ends}.")


def weights_over_steps(past: History, layer: int, step: int, colours: Tokens) -> Picture:
    """Return every weight and bias of one layer over the steps, and its gradient below."""
    n_in, n_out = past.params.weights[layer].shape[1:]
    name = f"W{layer + 1}"
    spec = _two_panels(past, step, colours, name, f"d{name}", hovermode="closest")
    for panel, params in enumerate((past.params, past.gradient)):
        d = "d" if panel else ""
        for j in range(n_out):
            shared = {"name": f"into unit {j + 1}", "legendgroup": str(j), "width": 2}
            for i in range(n_in):
                add_line(
                    spec,
                    past.steps,
                    drawable(params.weights[layer][:, i, j]),
                    colours.classes[j],
                    panel,
                    showlegend=panel == 0 and i == 0,
                    hovertemplate=f"{d}{name}[{i + 1},{j + 1}] = %{{y:.4g}} at step %{{x}}<extra></extra>",
                    **shared,
                )
            if params.biases:
                add_line(
                    spec,
                    past.steps,
                    drawable(params.biases[layer][:, j]),
                    colours.classes[j],
                    panel,
                    dash="dot",
                    showlegend=False,
                    hovertemplate=f"{d}b{layer + 1}[{j + 1}] = %{{y:.4g}} at step %{{x}}<extra></extra>",
                    **shared,
                )
    W, dW = past.params.weights[layer], past.gradient.weights[layer]
    return Picture(
        spec,
        f"The {plural(n_in * n_out, 'weight')} of {name} over the steps: from {number(W[0].min())} to "
        f"{number(W[0].max())} at the start, from {number(W[-1].min())} to {number(W[-1].max())} at the end. "
        f"Below, d{name}: at the end from {number(dW[-1].min())} to {number(dW[-1].max())}.",
    )


def _two_panels(past: History, step: int, colours: Tokens, above: str, below: str, **extra: Any) -> Figure:
    spec = figure(colours, 520, 2, gaps=(0, 0.08), **{"hovermode": "x unified", **legend(), **extra})
    for panel, label in enumerate((above, below)):
        x_axis(spec, panel=panel, zeroline=False, range=[0, max(int(past.steps[-1]), 1)])
        y_axis(spec, label, panel, nticks=6)
    x_axis(spec, "step", 1)
    share_x(spec, 2)
    add_upright(spec, step, colours, 2)
    return spec


# --- depth ------------------------------------------------------------------------------------------------------------


def vanishing(found: list[Depth], own: Depth, own_name: str, colours: Tokens) -> Picture:
    """Return the size of dW, and beside it the product of the slopes, against how far a layer is from the loss."""
    spec = figure(
        colours,
        430,
        1,
        2,
        gaps=(0.14, 0),
        titles=("size of dW", "largest product of slopes"),
        hovermode="x unified",
        **legend(y=-0.28, yanchor="top"),
    )
    spec["layout"]["margin"] = {"t": 34, "b": 8, "l": 8, "r": 8}
    looks = {
        "sigmoid": (colours.smooth, "solid", "circle"),
        "tanh": (colours.forward, "dash", "square"),
        "relu": (colours.backward, "dot", "diamond"),
        "this run": (colours.ink, "longdash", "x"),
    }
    for depth in (*found, own):
        hue, dash, symbol = looks[depth.name]
        label = own_name if depth.name == "this run" else title(depth.name)
        layers = np.arange(1, len(depth.gradient) + 1)
        for panel, values in enumerate((depth.gradient, depth.largest)):
            add_line(
                spec,
                layers,
                np.where(values > 0, drawable(values), np.nan),
                hue,
                panel,
                mode="lines+markers",
                dash=dash,
                name=label,
                legendgroup=depth.name,
                showlegend=panel == 0,
                marker={"symbol": symbol, "size": 9, "color": hue},
                hovertemplate=f"{label}: %{{y:.3e}}<extra></extra>",
            )
    layers = np.arange(1, max(len(d.gradient) for d in (*found, own)) + 1)
    add_line(
        spec,
        layers,
        SIGMOID_BOUND**layers,
        colours.step,
        1,
        width=4,
        name="bound 0.25 per sigmoid layer",
        opacity=0.55,
        hovertemplate="bound: %{y:.3e}<extra></extra>",
    )
    for panel in (0, 1):
        x_axis(spec, "layers back from the loss", panel, dtick=1, zeroline=False)
        y_axis(spec, panel=panel, type="log", exponentformat="power", dtick=1)
    by_name = {depth.name: depth for depth in found}
    sizes, products = (
        "; ".join(f"{noun(n)} {number(values(n)[0])} to {number(values(n)[-1])}" for n in COMPARED)
        for values in (lambda n: by_name[n].gradient, lambda n: by_name[n].largest)
    )
    return Picture(
        spec,
        f"Size of dW from the last layer back to the first, over {DEEP_SEEDS} seeds: {sizes}. "
        f"Beside it the largest product of slopes: {products}; the bound of sigmoids ends at "
        f"{number(SIGMOID_BOUND ** len(found[0].gradient))}.",
    )


# --- the cloud --------------------------------------------------------------------------------------------------------


def hidden_cloud(room: Room, seen: Cloud, colours: Tokens) -> Picture:
    """Return the samples where the last hidden layer puts them, with the folded grid of the inputs."""
    spec = figure(colours, 440, **legend())
    if seen.scores is not None:
        _add_answer_fields(spec, room, seen.x, seen.y, seen.scores, colours)
    lines = [*seen.lines, *np.swapaxes(seen.lines, 0, 1)] if seen.lines.shape[0] > 1 else [*seen.lines]
    gap = np.full((1, 2), np.nan)
    folded = small(np.concatenate([np.concatenate([line, gap]) for line in lines]))
    add_line(spec, folded[:, 0], folded[:, 1], colours.faint, width=1, name="grid of the inputs", hoverinfo="skip")
    labels = np.zeros(len(seen.points), int) if room.raw.is_regression else room.train.labels
    for k, name in enumerate(room.raw.class_names or ("sample",)):
        mine = labels == k
        if mine.any():
            add(
                spec,
                "scatter",
                x=seen.points[mine, 0],
                y=seen.points[mine, 1],
                mode="markers",
                name=safe(name),
                marker={
                    "symbol": SYMBOLS[k],
                    "size": 9,
                    "color": colours.classes[k],
                    "line": {"width": 1, "color": colours.ink},
                },
                customdata=room.train_rows[mine] + 1,
                hovertemplate=f"sample %{{customdata}}<br>{safe(name)}<br>%{{x:.4g}}, %{{y:.4g}}<extra></extra>",
            )
    x_axis(spec, _lowered(seen.names[0]), zeroline=False, range=_ends(seen.x))
    y_axis(spec, _lowered(seen.names[1]), zeroline=False, range=_ends(seen.y))
    low, high = seen.points.min(0), seen.points.max(0)
    return Picture(
        spec,
        f"{plural(len(seen.points), 'sample')} where the last hidden layer puts them: from "
        f"{number(low[0])} to {number(high[0])} across, from {number(low[1])} to {number(high[1])} upwards.",
    )


# --- seeds ------------------------------------------------------------------------------------------------------------

BINS = 24


def seeds(out: Outcome, seed: int, colours: Tokens) -> Picture:
    """Return the final losses of a hundred seeds as a histogram, by how each run ended; the seed at hand is marked."""
    spec = figure(colours, 360, barmode="stack", bargap=0.05, **legend(y=1.08))
    finite = np.isfinite(out.loss)
    top = float(out.loss[finite].max()) if finite.any() else 1.0
    edges = np.linspace(0, top * 1.02 or 1.0, BINS + 1)
    middle = (edges[:-1] + edges[1:]) / 2
    for k, name in enumerate(ENDINGS):
        mine = (out.endings == name) & finite
        if not mine.any():
            continue
        counts, _ = np.histogram(out.loss[mine], edges)
        add(
            spec,
            "bar",
            x=middle,
            y=counts,
            width=edges[1] - edges[0],
            name=name,
            marker={
                "color": colours.classes[k],
                "pattern": {"shape": ("", "/", ".", "x", "\\", "-")[k], "fillmode": "overlay"},
            },
            hovertemplate=f"{name}: %{{y}} seeds, loss about %{{x:.4g}}<extra></extra>",
        )
    if seed < len(out.loss) and finite[seed]:
        add_upright(spec, float(out.loss[seed]), colours, text=f"seed {seed}")
    x_axis(spec, "training loss after the last step", zeroline=False, range=[0, float(edges[-1])])
    y_axis(spec, "seeds")
    counts_said = ", ".join(f"{int((out.endings == n).sum())} {n}" for n in ENDINGS if (out.endings == n).any())
    return Picture(spec, f"A histogram of the final losses of {len(out.loss)} seeds: {counts_said}.")


def seeds_table(out: Outcome) -> dict[str, list[str]]:
    """Return how the runs ended, as a table's columns."""
    names = [name for name in ENDINGS if (out.endings == name).any()]
    return {
        "ending": names,
        "seeds": [count(int((out.endings == name).sum())) for name in names],
        "for example": [str(int((out.endings == name).argmax())) for name in names],
        "what it means": [_meaning(out, name) for name in names],
    }


def _meaning(out: Outcome, name: str) -> str:
    if name == "solved" and out.accuracy is not None:
        return "the training accuracy is at least 95 %"
    return ENDINGS[name]


def ensemble_words(ens: Ensemble) -> str:
    """Return how far a hundred descents are."""
    return f"Step {count(ens.done)} of {count(ens.n_steps)}, {len(ens.loss)} seeds"


def confusion_table(room: Room, counts: Any) -> dict[str, list[str]]:
    """Return a confusion matrix as a table's columns: a row for each right class, a column for each answer."""
    names = room.raw.class_names
    # "as" keeps them apart from the other columns, whatever a class is called.
    heads = [*(f"as {name}" for name in names), "undecided (tie)"]
    shown = heads if counts[:, -1].any() else heads[:-1]
    return {"right class": list(names)} | {
        head: list(map(count, counts[:, k].tolist())) for k, head in enumerate(shown)
    }


def scaling_table(room: Room) -> dict[str, list[str]]:
    """Return what standardizing does to each input: its mean and its standard deviation in the training samples."""
    return {
        "input": list(room.raw.feature_names),
        "mean": [number(value) for value in room.train_mean],
        "standard deviation": [number(value) for value in room.train_spread],
        "first sample as it came": [number(value) for value in room.raw.X[0]],
        "as the network gets it": [number(value) for value in (room.raw.X[0] - room.mean) / room.spread],
    }
