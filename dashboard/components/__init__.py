"""The browser's side: pictures that Streamlit has no widget for, each one .js and one .css file.

They get texts that are ready to show and put them in as text, never as markup. The three here are small drawings whose
styles stay inside them; figure, live_slider and stage have modules of their own.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

import streamlit as st

from dashboard.components import assets

MAX_NAME = 40
"""The longest name of something that can be clicked, in characters."""


def graph(*, key: str, data: dict[str, Any], **mount: Any) -> Any:
    """Draw boxes and lines: a network, or a chain.

    It is mounted in two pieces: the drawing, told for all steps, and which of them is shown. A step resends only that.
    """
    drawing = {name: value for name, value in data.items() if name not in SHOWN}
    shown = {name: data.get(name) for name in SHOWN}
    with st.container(gap=None):
        _drawing("graph")(key=f"{key}_drawing", data=drawing | {"graph": key})
        return _drawing("graph")(key=key, data=shown | {"graph": key, "of": data["of"]}, **mount)


SHOWN = ("step", "selected", "play", "moves", "changes", "ask", "slider", "colours")
"""What a move changes in a graph, and what it comes with."""


def matrices(**mount: Any) -> Any:
    """Draw matrices side by side, some of their cells marked."""
    return _drawing("matrices")(**mount)


def curve(**mount: Any) -> Any:
    """Draw a function's curve with points and tangents on it."""
    return _drawing("curve")(**mount)


def notes(*, key: str, data: dict[str, Any]) -> None:
    """Draw words, formulas and tables; by Streamlit's own elements where no route serves the formulas' typesetter."""
    typesetter = assets.typesetter_address()
    if typesetter is not None:
        _drawing("notes", isolate_styles=False)(key=key, data=data | {"typesetter": typesetter})
        return
    for block in data["blocks"]:
        for kind, what in block.items():
            PLAIN[kind](what)


def _plain_badges(badges: list[dict[str, Any]]) -> None:
    with st.container(horizontal=True):
        for badge in badges:
            st.badge(badge["text"], icon=badge["icon"], color=badge["colour"])


PLAIN: dict[str, Callable[[Any], Any]] = {
    "words": st.markdown,
    "caption": st.caption,
    "formula": lambda widths: st.latex(widths[-1]),
    "table": lambda columns: st.table(columns, hide_index=True, border="horizontal"),
    "warning": lambda text: st.error(text, icon=":material/block:"),
    "badges": _plain_badges,
}
"""What draws a block of notes without our own routes."""


def picked(message: Any) -> str:
    """Return the name that a click on a graph or a matrix sent; the empty text for anything else."""
    name = message.get("pick") if isinstance(message, dict) else None
    return name if isinstance(name, str) and len(name) <= MAX_NAME else ""


@cache
def _drawing(name: str, isolate_styles: bool = True) -> Any:
    # Registered at the first use, when it is known whether the server has our routes.
    return st.components.v2.component(
        f"nnlib_{name}",
        html=f'<div class="{name}"></div>\n',
        css=assets.files()[f"{name}.css"].decode(),
        js=assets.script(name),
        isolate_styles=isolate_styles,
    )
