"""The kinds of control and figure that pages place, each for one field of the Scenario."""

from collections.abc import Callable, Iterable
from typing import Any

import streamlit as st

from dashboard.components.figure import figure, pack
from dashboard.components.live_slider import live_slider
from dashboard.controls.session import DEFAULTS, RESETS_KEY, WHOLE_PAGE_KEY, held, put, remembered, state, within
from dashboard.figures import CONFIG, Picture
from dashboard.scenario import (
    LIMITS,
    PAGE_CHOICES,
)
from dashboard.text import count, number

REFUSED_KEY = "_refused"
"""The box whose number was not taken in this run, and the sentence that says so."""


def warn(messages: Iterable[str]) -> None:
    """Show the messages, if there are any, in a place of their own.

    The place is there without a message too. Otherwise all that follows would move down by one when a message comes,
    and the browser would take the old and the new for different things: draw both for a moment, and begin anew.
    """
    with st.container():
        for message in messages:
            st.warning(message)


def number_box(
    name: str,
    label: str,
    where: Any = st,
    *,
    help: str,
    step: float | None = 1,
    ends: tuple[float, float] | None = None,
    then: Callable[[], None] | None = None,
    **extra: Any,
) -> None:
    """Draw the box of one number; one that is out of range is answered in words, and the number before it is back.

    The box itself knows no limits, since a browser would keep such a number to itself, without a word and without an
    end. `ends` is the range, if it is not the one of the Scenario's limits; `then` follows a number that is taken.
    """
    kind, before = type(state[name]), state[name]
    low, high = map(kind, ends or (LIMITS[name].low, LIMITS[name].high))

    def changed() -> None:
        value = state[name]
        if value is not None and low <= value <= high:
            if then is not None:
                then()
            return
        words = count if kind is int else number
        typed = "nothing" if value is None else words(value)
        state[REFUSED_KEY] = (
            name,
            f"{label}: from {words(low)} to {words(high)}, not {typed}. It stays {words(before)}.",
        )
        state[name] = before

    step = None if step is None else kind(step)
    place = where.container(width=extra.get("width", "stretch"))
    # What a browser cannot read as a number, or not send, stays in its box; in another place it is another box.
    anew = state.get(RESETS_KEY, 0) % 2
    (place.container() if anew else place).number_input(
        label, step=step, key=name, help=help, on_change=changed, **extra
    )
    said = place.container()
    if state.get(REFUSED_KEY, ("",))[0] == name:
        said.warning(state.pop(REFUSED_KEY)[1])


def slider(name: str, label: str, where: Any, help: str, *, step: float, **extra: Any) -> None:
    """Draw the slider of one number of the Scenario over its whole range."""
    limit = LIMITS[name]
    kind = type(getattr(DEFAULTS, name))
    where.slider(label, kind(limit.low), kind(limit.high), step=step, key=name, help=help, **extra)


def live(
    name: str,
    label: str,
    help: str,
    where: Any = st,
    *,
    bends: bool = False,
    ends: tuple[float, float] | None = None,
    **extra: Any,
) -> None:
    """Draw such a slider so that it answers while it is dragged.

    `bends` if the descent depends on it; `ends` if it shows only a part of the range.
    """
    low, high = (within(name, end) for end in ends or (LIMITS[name].low, LIMITS[name].high))

    def moved(_: float, final: bool) -> None:
        held(final, bends)

    with where.container():
        live_slider(
            state,
            label,
            key=name,
            value=getattr(DEFAULTS, name),
            low=low,
            high=high,
            help=help,
            on_change=moved,
            **extra,
        )


def toggle(name: str, label: str, help: str, where: Any = st) -> None:
    """Draw the switch of one yes-or-no field of the Scenario."""
    where.toggle(label, key=name, help=help)


def choice(name: str, label: str, words: dict[str, str], help: str, where: Any = st, **extra: Any) -> None:
    """Draw one of a page's own choices as a row of buttons; `words` says what each value is called."""
    options = PAGE_CHOICES[name]
    where.segmented_control(label, options, key=name, format_func=words.get, help=help, required=True, **extra)


def move_button(label: str, help: str, where: Any = st, **values: Any) -> None:
    """Draw a button that sets fields of the Scenario; all of the page shows them, also if the button is in a part."""

    def move() -> None:
        put(**values)
        state[WHOLE_PAGE_KEY] = True

    where.button(label, on_click=move, help=help)


def grid_range(where: Any = st) -> None:
    """Draw the range of the loss surface as one slider with two ends."""
    limit = LIMITS["low"]
    state["range"] = (state.low, state.high)

    def spread() -> None:
        low, high = sorted(state["range"])
        put(low=min(low, limit.high - 1), high=max(high, min(low, limit.high - 1) + 1))

    where.slider(
        "Range of both weights",
        float(limit.low),
        float(limit.high),
        step=1.0,
        key="range",
        on_change=spread,
        help="The surface reaches from the left end to the right end, for both weights, and further if the path does.",
    )


def show(picture: Picture, key: str) -> None:
    """Draw a figure with its sentence for those who cannot see it."""
    figure(pack(picture.made, picture.alt, CONFIG), lambda: picture.figure, key)


def show_kept(key: str, made_of: tuple[Any, ...], make: Callable[..., Picture], *values: Any) -> None:
    """Draw a figure that is made anew only if what it is made of has changed: Plotly takes long to build one."""

    def build() -> tuple[dict[str, Any], Callable[[], Any]]:
        picture = make(*values)
        return pack(picture.made, picture.alt, CONFIG), lambda: picture.figure

    figure(*remembered(f"figure {key}", made_of, build), key)


def drawer(label: str, icon: str, key: str, draw: Callable[[], None]) -> None:
    """Draw an expander whose content is only made, and sent, while it is open."""
    found = st.expander(label, icon=icon, key=key, on_change="rerun")
    if found.open:
        with found:
            draw()
