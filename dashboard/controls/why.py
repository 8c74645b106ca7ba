"""The experiment "why multiply by the slope?": its choice, and its results, which all visitors share."""

from typing import Any

import streamlit as st

from dashboard import components
from dashboard.controls.address import follow_fragment
from dashboard.controls.backpropagation import pick
from dashboard.controls.session import DEFAULTS, PAGE_ONLY, ROOM_FIELDS, colours, state
from dashboard.scenario import (
    PAGE_CHOICES,
    Scenario,
)
from dashboard.text import title
from dashboard.walk_views import check_matrices
from dashboard.why import Why, eps_errors, make_why
from nnlib import GradientCheck
from nnlib.sabotage import SABOTAGES


def check_table(check: GradientCheck, tolerance: float) -> None:
    """Draw the gradient check, a cell for each parameter; a click selects the weight in the walk."""
    key = "check_matrices"
    components.matrices(key=key, data=check_matrices(check, tolerance, colours()), on_pick_change=lambda: pick(key))


def choose_sabotage() -> str | None:
    """Draw the choice of a sabotage and return its name; None for the right gradient."""
    names = ("none", *SABOTAGES)
    st.selectbox(
        "Sabotage",
        names,
        key="sabotage",
        format_func=lambda name: title(SABOTAGES[name].title) if name != "none" else "None: the right gradient",
        help="What is done wrong in the backward pass of the second run.",
    )
    follow_fragment()
    return None if state.sabotage == "none" else state.sabotage


def why_for(s: Scenario, activation: str, sabotage: str | None) -> Why:
    """Return the slope experiment."""
    return _why_for(_without_views(s), activation, sabotage)


def eps_errors_for(s: Scenario, activation: str) -> Any:
    """Return the worst error of the gradient check for each nudge."""
    return _eps_errors_for(_without_views(s), activation)


def _without_views(s: Scenario) -> Scenario:
    """Return the Scenario without what only the drawing of some page depends on: a key for what is computed from it."""
    return s.changed(**{name: getattr(DEFAULTS, name) for name in (*PAGE_ONLY, *PAGE_CHOICES, *ROOM_FIELDS, "probe")})


@st.cache_resource(max_entries=8, show_spinner="Training twice ...")
def _why_for(s: Scenario, activation: str, sabotage: str | None) -> Why:
    # Its records never change, so all visitors may share them.
    return make_why(s, activation, sabotage)


@st.cache_data(max_entries=16, show_spinner=False)
def _eps_errors_for(s: Scenario, activation: str) -> Any:
    return eps_errors(s, activation)
