"""The visitor's session: the Scenario in it, what else is kept, and how both change."""

from collections.abc import Callable, Container
from dataclasses import fields
from typing import Any

import streamlit as st

from dashboard.scenario import (
    LIMITS,
    PLACES,
    Scenario,
    for_dataset,
)
from dashboard.theme import Tokens, tokens

state = st.session_state

DEFAULTS = Scenario()

TRAINING_KEY = "_training"

LAST_KEY = "_last_scenario"

MOVING_KEY = "_moving"
"""True while a hand drags a slider that the descent depends on."""

WHOLE_PAGE_KEY = "_whole_page"
"""True when a click within a part of the page has changed what the rest shows too."""

FIRST_KEY = "_first"
"""The controls that a part of the page answers before the rest of it is drawn: for each, the part."""

REST_KEY = "_rest"
"""True while such an answer is under way: the rest of the page comes next."""


def scenario() -> Scenario:
    """Return the Scenario of the controls' present values."""
    return Scenario(**{field.name: field.type(state[field.name]) for field in fields(Scenario)})


def put(**values: Any) -> None:
    """Set fields of the Scenario; for callbacks, which run before the widgets are drawn."""
    for name, value in values.items():
        state[name] = value
    if "own_start" not in values and STARTS_ANEW & set(values):
        state["own_start"] = False
        state["walk_weights"] = state["room_start"] = state["other_starts"] = ""


STARTS_ANEW = frozenset(
    {"dataset", "hidden_layers", "hidden_units", "hidden_sizes", "biases", "scheme", "seed", "first", "second"}
)
"""Changing one of these returns to the start that the seed gives."""


def seed_start() -> None:
    """Forget the starts that were chosen by hand; for callbacks."""
    put(own_start=False, walk_weights="", room_start="", other_starts="")


def opening_of(dataset: str) -> dict[str, Any]:
    """Return all settings as they are when a data set is opened."""
    return DEFAULTS.as_dict() | for_dataset(dataset)


def reset() -> None:
    """Return to the opening state."""
    put(**DEFAULTS.as_dict())
    for name in (TRAINING_KEY, WALK_KEY, ORIGIN_KEY):
        state.pop(name, None)
    state[RESETS_KEY] = state.get(RESETS_KEY, 0) + 1


def colours() -> Tokens:
    """Return the colours of the theme that the visitor sees."""
    return tokens(st.context.theme.type)


def paint() -> None:
    """Write on filled buttons in the page's own colour: Streamlit writes white, too little contrast on a light blue.

    Give formulas room above, where Streamlit cuts off the tops of tall ones. And hide a button that is gone: Streamlit
    keeps it as long as it has the focus. The next press would take the focus, all below would move up from under the
    hand, and the click would be lost. Show the button that copies a piece of code always: Streamlit shows it to a hand
    that hovers, so a keyboard or a finger never found it.
    """
    colour = f"light-dark({tokens('light').paper}, {tokens('dark').paper})"
    st.html(
        f'<style>[data-testid="stBaseButton-primary"]:enabled {{ color: {colour} }}'
        "[data-retained]:has(> .stButton) { display: none }"
        '[data-testid="stCode"] > :has([data-testid="stBaseButton-elementToolbar"]) { visibility: visible; opacity: 1 }'
        ".katex-display { margin-block: 10px !important; padding-block: 6px }</style>"
    )


HELD_KEY = "_held"
"""True while a hand drags a slider: nothing is written to the address then."""

RESETS_KEY = "_resets"
"""How often everything was reset."""


def held(final: bool, bends: bool) -> None:
    """Note that a hand drags a slider, or has let go of it; `bends` if the descent depends on it."""
    state[HELD_KEY] = not final
    state[MOVING_KEY] = bends and not final


def whole_page() -> None:
    """In a callback of a control within a live part: let all of the page be drawn."""
    state[WHOLE_PAGE_KEY] = True


def part_first(control: str) -> None:
    """In a callback: let the part of the page that answers this control be drawn before the rest, if there is one."""
    part = state[FIRST_KEY].get(control)
    if part:
        state[REST_KEY] = True
        st.rerun(part)


def at_rest() -> bool:
    """Whether no hand is dragging a slider."""
    return not state.get(HELD_KEY)


def within(name: str, value: float) -> float:
    """Return the value, brought within the limits of a field."""
    return float(min(max(value, LIMITS[name].low), LIMITS[name].high))


KEPT_KEY = "_kept"
"""The records of the session by their keys, with their sizes where these are known: see memory.py."""

USED_KEY = "_used"
"""Those that the present run has used."""


def note_use(key: str) -> None:
    """Note that this run uses what is kept under a key."""
    state[KEPT_KEY][key] = 0
    state[USED_KEY].add(key)


def remembered(name: str, key: Any, compute: Callable[[], Any]) -> Any:
    """Keep the last value of something that is costly, for this session, as long as its key stays the same."""
    note_use(f"_{name}")
    kept = state.get(f"_{name}")
    if kept is None or kept[0] != key:
        kept = state[f"_{name}"] = (key, compute())
    return kept[1]


ROOM_FIELDS = (
    "batch",
    "test_share",
    "split_seed",
    "stop_loss",
    "patience",
    "room_step",
    "room_x",
    "room_y",
    "room_layer",
    "room_depth",
)
"""Fields of the Scenario that only the training room uses."""

PAGE_ONLY = (*PLACES, "walk_sample", "chain", "chain_x", "chain_dx", "lab_others", "room_start", "other_starts")
"""Fields of the Scenario that only their page's own drawing depends on."""


def values(s: Scenario, without: Container[str]) -> tuple[Any, ...]:
    """The fields of a Scenario but some: what is kept is kept as long as these stay the same."""
    return tuple(value for name, value in vars(s).items() if name not in without)


WALK_KEY = "_walk"

ORIGIN_KEY = "_room_origin"
