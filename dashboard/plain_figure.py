"""Plotly figures as plain dicts, which is what Plotly.js reads. Pure.

Plotly's Python objects check every property of a figure while it is built. That takes a hundred times as long as the
dicts themselves, and the same properties are right or wrong in every run: so the tests check them, once.
"""

import base64
from collections.abc import Sequence
from typing import Any

import numpy as np

from dashboard.theme import FONT_SIZE, Tokens, axis, layout
from nnlib import Array

Figure = dict[str, Any]
"""A figure: its traces under "data", everything else under "layout". Arrays may be numpy's."""


def figure(
    colours: Tokens,
    height: int,
    rows: int = 1,
    columns: int = 1,
    *,
    gaps: tuple[float, float] = (0.0, 0.0),
    titles: Sequence[str] = (),
    **extra: Any,
) -> Figure:
    """Return an empty figure of so many panels, row by row from the top; `gaps` are shares of width and height."""
    spec: dict[str, Any] = layout(colours, height, **extra)
    width, tall = ((1 - gap * (n - 1)) / n for gap, n in zip(gaps, (columns, rows), strict=True))
    for panel in range(rows * columns):
        row, column = divmod(panel, columns)
        left, bottom = column * (width + gaps[0]), (rows - 1 - row) * (tall + gaps[1])
        spec[f"xaxis{_suffix(panel)}"] = axis(colours, "", domain=[left, left + width], anchor=f"y{_suffix(panel)}")
        spec[f"yaxis{_suffix(panel)}"] = axis(colours, "", domain=[bottom, bottom + tall], anchor=f"x{_suffix(panel)}")
    spec["annotations"] = [
        {
            "text": text,
            "showarrow": False,
            "font": {"size": FONT_SIZE, "color": colours.ink},
            "x": 0.5,
            "y": 1,
            "xref": f"x{_suffix(panel)} domain",
            "yref": f"y{_suffix(panel)} domain",
            "yanchor": "bottom",
        }
        for panel, text in enumerate(titles)
    ]
    return {"data": [], "layout": spec}


def x_axis(spec: Figure, title: str | None = None, panel: int = 0, **extra: Any) -> None:
    """Change what is said about a panel's x axis."""
    _change(spec["layout"][f"xaxis{_suffix(panel)}"], title, extra)


def y_axis(spec: Figure, title: str | None = None, panel: int = 0, **extra: Any) -> None:
    """Change what is said about a panel's y axis."""
    _change(spec["layout"][f"yaxis{_suffix(panel)}"], title, extra)


def share_x(spec: Figure, rows: int, columns: int = 1) -> None:
    """Let all panels of a column have the x axis of the lowest, where alone it is labelled."""
    last = (rows - 1) * columns
    for panel in range(last):
        x_axis(spec, panel=panel, matches=f"x{_suffix(last + panel % columns)}", showticklabels=False)


def share_y(spec: Figure, rows: int, columns: int) -> None:
    """Let all panels of a row have the y axis of the first, where alone it is labelled."""
    for panel in range(rows * columns):
        if panel % columns:
            first = panel - panel % columns
            y_axis(spec, panel=panel, matches=f"y{_suffix(first)}", showticklabels=False)


def add(spec: Figure, kind: str, panel: int = 0, **trace: Any) -> None:
    """Add a trace to a panel."""
    spec["data"].append({"type": kind, "xaxis": f"x{_suffix(panel)}", "yaxis": f"y{_suffix(panel)}", **trace})


def add_line(spec: Figure, x: Array, y: Array, hue: str, panel: int = 0, **extra: Any) -> None:
    """Add a line; its width is 2.5 and it is solid unless told otherwise."""
    line = {"color": hue, "width": extra.pop("width", 2.5), "dash": extra.pop("dash", "solid")}
    add(spec, "scatter", panel, x=x, y=y, mode=extra.pop("mode", "lines"), line=line, **extra)


def add_upright(spec: Figure, x: float, colours: Tokens, panels: int = 1, text: str = "") -> None:
    """Add a dotted upright line at x to each of the first panels; a text stands at its top."""
    line = {"color": colours.ink, "width": 1.5, "dash": "dot"}
    for panel in range(panels):
        place = {"xref": f"x{_suffix(panel)}", "yref": f"y{_suffix(panel)} domain"}
        spec["layout"].setdefault("shapes", []).append(
            {"type": "line", "x0": x, "x1": x, "y0": 0, "y1": 1, "line": line, **place}
        )
        if text:
            font = {"size": FONT_SIZE, "color": colours.ink}
            label = {"text": text, "x": x, "y": 1, "showarrow": False, "font": font}
            spec["layout"]["annotations"].append({**label, "xanchor": "left", "yanchor": "top", **place})


def legend(**extra: Any) -> dict[str, Any]:
    """Return the layout of a legend above the picture."""
    return {"showlegend": True, "legend": {"orientation": "h", "yanchor": "bottom", "y": 1.0, "x": 0} | extra}


def small(values: Array) -> Array:
    """Return numbers in half the bytes: seven digits, and what is too large for that is far outside every picture."""
    return np.clip(values, -3e38, 3e38).astype(np.float32)


def for_json(value: Any) -> Any:
    """Return a part of a figure for JSON: arrays as Plotly.js reads them, as bytes; 32 bits are enough to draw."""
    if isinstance(value, dict):
        return {name: for_json(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [for_json(part) for part in value]
    if isinstance(value, np.ndarray):
        kind = "f4" if value.dtype.kind == "f" else "i4"
        data = small(value).astype("<f4") if kind == "f4" else value.astype("<i4")
        shape = {} if data.ndim == 1 else {"shape": ", ".join(map(str, data.shape))}
        return {"dtype": kind, "bdata": base64.b64encode(data.tobytes()).decode(), **shape}
    return value.item() if isinstance(value, np.generic) else value


def _change(found: dict[str, Any], title: str | None, extra: dict[str, Any]) -> None:
    if title is not None:
        found["title"] = {**found["title"], "text": title}
    found |= extra


def _suffix(panel: int) -> str:
    return str(panel + 1) if panel else ""
