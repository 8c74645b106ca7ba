"""The one visual language: a colour for each role, for light and dark, and the figures' common layout.

The hues are Okabe and Ito's, which people with any common colour blindness tell apart. No meaning hangs on colour
alone: every role also has a dash, a marker or a word.
"""

from dataclasses import dataclass
from typing import Any

FONT_SIZE = 14


@dataclass(frozen=True)
class Tokens:
    """The colours of one theme."""

    step: str
    smooth: str
    forward: str
    backward: str
    positive: str
    negative: str
    ink: str
    faint: str
    grid: str
    paper: str
    step_scale: tuple[tuple[float, str], ...]
    smooth_scale: tuple[tuple[float, str], ...]
    classes: tuple[str, ...]


LIGHT = Tokens(
    step="#C24E00",
    smooth="#0072B2",
    forward="#00795A",
    backward="#A5447A",
    positive="#0072B2",
    negative="#C24E00",
    ink="#1B1F24",
    faint="#5B6470",
    grid="#E3E6EA",
    paper="#FFFFFF",
    step_scale=((0, "#FFF6EE"), (0.5, "#F3A86B"), (1, "#8A3600")),
    smooth_scale=((0, "#F0F7FC"), (0.5, "#73B4DC"), (1, "#003F66")),
    classes=("#0072B2", "#C24E00", "#00795A", "#A5447A", "#8A6D00", "#3E8FC4", "#5B6470", "#1B1F24"),
)
DARK = Tokens(
    step="#F28E4B",
    smooth="#56B4E9",
    forward="#2CC295",
    backward="#E08CBB",
    positive="#56B4E9",
    negative="#F28E4B",
    ink="#F2F4F7",
    faint="#A6AFBB",
    grid="#333A44",
    paper="#0F1318",
    step_scale=((0, "#33180A"), (0.5, "#B65A1B"), (1, "#FFD5B0")),
    smooth_scale=((0, "#0B2233"), (0.5, "#2D7FB5"), (1, "#CFEBFF")),
    classes=("#56B4E9", "#F28E4B", "#2CC295", "#E08CBB", "#E6C84A", "#8FB8D9", "#A6AFBB", "#F2F4F7"),
)

SYMBOLS = ("circle", "square", "diamond", "triangle-up", "cross", "x", "star", "hexagon")
"""The marker of each class, so that no class is told by colour alone."""


def tokens(theme: str | None) -> Tokens:
    """Return the colours of the theme "light" or "dark"; light if it is not known."""
    return DARK if theme == "dark" else LIGHT


def layout(colours: Tokens, height: int, **extra: Any) -> dict[str, Any]:
    """Return what all figures share: size, margins, type, and a background that lets the page through."""
    return {
        "height": height,
        "margin": {"t": 8, "b": 8, "l": 8, "r": 8},
        "font": {"size": FONT_SIZE, "color": colours.ink},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "hoverlabel": {"font": {"size": FONT_SIZE}},
        "showlegend": False,
        **extra,
    }


def axis(colours: Tokens, title: str, **extra: Any) -> dict[str, Any]:
    """Return the look of one axis."""
    return {
        "title": {"text": title, "font": {"size": FONT_SIZE}},
        "tickfont": {"size": FONT_SIZE},
        "gridcolor": colours.grid,
        "zerolinecolor": colours.grid,
        "linecolor": colours.faint,
        **extra,
    }
