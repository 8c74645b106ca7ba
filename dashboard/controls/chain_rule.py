"""The chain-rule page: the chain as the visitor builds it."""

from collections.abc import Callable
from typing import Any

import streamlit as st

from dashboard import components
from dashboard.chain_walk import (
    DX,
    NUMBER_REACH,
    PARAMETERS,
    X_REACH,
    Chain,
    chain_of,
    with_kind,
    with_link_in_front,
    with_number,
    without_link,
)
from dashboard.chain_walk import fields_of as chain_fields
from dashboard.chain_walk import graph as chain_picture
from dashboard.chain_walk import moved as chain_moved
from dashboard.components.live_slider import live_slider
from dashboard.controls.session import HELD_KEY, colours, put, state
from dashboard.controls.widgets import number_box
from dashboard.text import title
from nnlib.chain import LINKS, MAX_LINKS, ChainPass

ROW = 4
"""Links side by side."""


def chain() -> Chain:
    """Return the chain as the visitor has built it."""
    return chain_of(state.chain, state.chain_x, state.chain_step)


def _chain_change(new: Callable[[Chain], Chain]) -> None:
    put(**chain_fields(new(chain())))


def chain_input(now: Chain) -> None:
    """Draw the slider of the chain's input."""

    def moved(_: float, final: bool) -> None:
        state[HELD_KEY] = not final

    live_slider(
        state,
        f"Input {now.symbols[0]}",
        key="chain_x",
        value=now.x,
        low=-X_REACH,
        high=X_REACH,
        step=0.05,
        help="The number that enters the first link.",
        on_change=moved,
    )


def chain_pointer(now: Chain) -> None:
    """Draw the pointer's buttons: one operation a click, forwards along the links and back again."""
    at, last = now.pointer, now.n_steps
    with st.container(horizontal=True):
        for label, icon, to, blocked, words in (
            ("Start", "first_page", 0, at == 0, "Go to the input, before any operation."),
            ("Back", "arrow_back", at - 1, at == 0, "Undo one operation."),
            ("Next", "arrow_forward", at + 1, at == last, "Do one operation: first values, then derivatives."),
            ("End", "last_page", last, at == last, "Do all operations: the derivative of the whole chain is there."),
        ):
            st.button(
                label,
                icon=f":material/{icon}:",
                disabled=blocked,
                on_click=lambda to=to: _chain_change(lambda now: chain_moved(now, to - now.pointer)),
                key=f"chain_{label.lower()}",
                type="primary" if label == "Next" else "secondary",
                help=words,
            )


def chain_graph(now: Chain, passed: ChainPass) -> None:
    """Draw the chain; a click on a value goes to the step that computes it."""
    key = "chain_graph"

    def pick() -> None:
        name, _, which = components.picked(state[key]).partition(" ")
        if name in now.symbols and which:
            i, n = now.symbols.index(name), len(now.choices)
            _chain_change(lambda now: chain_moved(now, (i if which == "value" else 2 * n - i) - now.pointer))

    def at() -> None:
        said = state[key].get("at")
        step = said.get("step") if isinstance(said, dict) else None
        if type(step) is int:
            _chain_change(lambda now: chain_moved(now, step - now.pointer))

    moves: dict[str, Any] = {"chain_back": {"by": -1}, "chain_next": {"by": 1}}
    moves |= {"chain_start": {"to": 0}, "chain_end": {"to": now.n_steps}}
    data = chain_picture(now, passed, colours()) | {"moves": moves}
    components.graph(key=key, data=data, on_pick_change=pick, on_at_change=at)


def chain_buttons(now: Chain) -> None:
    """Draw the buttons that make the chain longer or bring the example back."""
    with st.container(horizontal=True):
        full = len(now.choices) == MAX_LINKS
        st.button(
            "Add a link in front",
            icon=":material/add_link:",
            disabled=full,
            on_click=lambda: _chain_change(with_link_in_front),
            help=f"The first time, x becomes a function of v: dz/dv has one factor more. At most {MAX_LINKS} links.",
        )
        st.button(
            "The worked example",
            on_click=lambda: _chain_change(lambda _: Chain()),
            disabled=now == Chain(),
            help="y = 3x - 2, z = y squared, x = 2.",
        )
        st.button(
            "Put a step in",
            on_click=lambda: _chain_change(lambda now: with_kind(now, len(now.choices) - 1, "step")),
            disabled=now.choices[-1].kind == "step",
            help="Make the last link a step and see the product become 0.",
        )


def chain_rows(now: Chain) -> list[list[tuple[int, Any]]]:
    """Return the links' places with a column of the page for each, a few in a row."""
    rows = []
    for start in range(0, len(now.choices), ROW):
        places = range(start, min(start + ROW, len(now.choices)))
        width = ROW if len(now.choices) > ROW else max(len(now.choices), 2)
        rows.append(list(zip(places, st.columns(width, gap="small"), strict=False)))
    return rows


def chain_link(now: Chain, place: int) -> None:
    """Draw one link's kind, its own numbers, and the button that takes it out."""
    a, b = now.symbols[place : place + 2]
    kind_key = f"chain_kind_{place}"
    state[kind_key] = now.choices[place].kind
    st.selectbox(
        f"{a} to {b}",
        tuple(LINKS),
        key=kind_key,
        format_func=title,
        on_change=lambda: _chain_change(lambda now: with_kind(now, place, state[kind_key])),
        help="What this link does with its input.",
    )
    names = PARAMETERS.get(now.choices[place].kind, ())
    for which, (name, column) in enumerate(zip(names, st.columns(max(len(names), 1)), strict=False)):
        key = f"chain_number_{place}_{which}"
        state[key] = now.choices[place].numbers[which]
        number_box(
            key,
            name[0].capitalize(),
            column,
            help=f"A number of this link, from {-NUMBER_REACH:g} to {NUMBER_REACH:g}.",
            ends=(-NUMBER_REACH, NUMBER_REACH),
            step=0.5,
            format="%.4g",
            then=lambda key=key, which=which: _chain_change(lambda now: with_number(now, place, which, state[key])),
        )
    link = now.links[place]
    st.latex(f"{b} = {link.written(a)}")


def chain_remove(now: Chain, place: int) -> None:
    """Draw the button that takes one link out."""
    a, b = now.symbols[place : place + 2]
    st.button(
        "Remove",
        icon=":material/close:",
        key=f"chain_remove_{place}",
        type="tertiary",
        disabled=len(now.choices) == 1,
        on_click=lambda: _chain_change(lambda now: without_link(now, place)),
        help=f"Take out the link from {a} to {b}.",
    )


def chain_nudge() -> float:
    """Draw the slider of the nudge and return it."""
    state.chain_dx = min(DX, key=lambda dx: abs(dx - state.chain_dx))
    st.select_slider(
        "Size of the nudge",
        DX,
        key="chain_dx",
        help="How far the input is pushed. The derivative is what the ratio of the changes tends to as this goes to 0.",
    )
    return float(state.chain_dx)
