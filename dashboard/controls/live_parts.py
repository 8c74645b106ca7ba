"""Parts of a page that follow a slider while it is dragged."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import streamlit as st

from dashboard import heap
from dashboard.components.live_slider import Follower, Range, follow
from dashboard.controls.address import write_address
from dashboard.controls.descents import SHOWN_START, move_start
from dashboard.controls.session import (
    FIRST_KEY,
    HELD_KEY,
    LAST_KEY,
    REST_KEY,
    WHOLE_PAGE_KEY,
    held,
    put,
    scenario,
    state,
    whole_page,
)
from dashboard.scenario import (
    LIMITS,
)


@dataclass(frozen=True)
class Follows:
    """What is drawn anew when a slider moves, besides the part that follows it.

    `along` are the parts that change while it is dragged, `at_last` those that change when it is let go; None if then
    the whole page does. `bends` if the descent depends on it.
    """

    along: tuple[str, ...] = ()
    at_last: tuple[str, ...] | None = ()
    bends: bool = False


Brings = Sequence[dict[str, Any]] | None


def live_part(
    draw: Callable[[], Brings],
    name: str,
    followed: Mapping[str, Follows] | None = None,
    first: Sequence[str] = (),
) -> None:
    """Draw a part of a page that follows sliders elsewhere on it while they are dragged, and nothing else does.

    The part answers the controls `first`, and the rest of the page is drawn when the browser has shown the answer; for
    that it has to follow some slider. `draw` may return what the follower brings for the stages of the part.
    """
    state[FIRST_KEY] |= dict.fromkeys(first, name)

    def draw_or_leave() -> None:
        heap.settle()
        if state.get(WHOLE_PAGE_KEY):
            # A click within the part has changed what the rest of the page shows too.
            st.rerun()
        if not state.get(HELD_KEY):
            state[LAST_KEY] = scenario()
            write_address()
        brings = draw()
        if followed:
            followers = {key: _follower(key, name, how) for key, how in followed.items()}
            follow(state, f"{name}:follower", followers, brings or (), whole_page if state.get(REST_KEY) else None)

    st.fragment(draw_or_leave, key=name)()


def _follower(key: str, name: str, how: Follows) -> Follower:
    """What a followed slider may say, and what a value does."""
    start = key in SHOWN_START
    limit = LIMITS["start_first" if start else key]

    def moved(value: float, final: bool) -> None:
        if start:
            move_start(SHOWN_START.index(key), value)
        else:
            put(**{key: value})
        held(final, how.bends)
        also = (how.at_last or ()) if final else how.along
        if also:
            st.rerun((name, *also))

    allowed = Range(limit.low, limit.high, "log" if limit.low > 0 else "linear")
    return Follower(allowed, moved, wholly=how.at_last is not None)
