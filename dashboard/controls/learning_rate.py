"""The learning-rate page: its laboratory, kept for the session."""

from typing import Any

import streamlit as st

from dashboard import rates
from dashboard.controls.jobs import saying
from dashboard.controls.session import PAGE_ONLY, put, remembered, state, values
from dashboard.experiment import Problem
from dashboard.rates import Lab
from dashboard.scenario import (
    PAGE_CHOICES,
    Scenario,
)
from nnlib import Array, Trajectory


def lab(s: Scenario, problem: Problem) -> Lab:
    """Return the laboratory of a Scenario; it does not depend on any rate, so most changes keep it."""
    with saying("Measuring the curvature ...", st.container()):
        return remembered("lab", values(s, NOT_FOR_THE_LAB), lambda: rates.make_lab(s, problem, s.lab_case == "bowl"))


def rate_sweep(laboratory: Lab) -> tuple[Array, Array]:
    """Return the sweep over all rates; computed once for a laboratory."""
    with saying("Trying every rate ...", st.container()):
        return remembered("sweep", laboratory.origin, lambda: rates.sweep(laboratory))


def full_limit(laboratory: Lab) -> float | None:
    """Return the limit when all parameters learn; computed once for a laboratory."""
    with saying("Computing the full Hessian ...", st.container()):
        return remembered("full_limit", laboratory.origin, lambda: rates.full_limit(laboratory))


def optimizers(laboratory: Lab) -> tuple[dict[str, Trajectory], dict[str, float]]:
    """Return every optimizer's descent and rate; computed once for a laboratory."""
    with saying("Descending with every optimizer ...", st.container()):
        return remembered(
            "optimizers",
            laboratory.origin,
            lambda: (rates.compare_optimizers(laboratory), rates.optimizer_rates(laboratory)),
        )


def others(where: Any = st) -> list[str]:
    """Draw the choice of rates to compare with and return their names."""
    state.lab_chosen = [name for name in rates.PRESETS if name in state.lab_others.split(", ")]
    return where.pills(
        "Beside it",
        list(rates.PRESETS),
        selection_mode="multi",
        key="lab_chosen",
        on_change=lambda: put(lab_others=", ".join(state.lab_chosen)),
        help="The three pictures of the series, as shares of the largest rate that settles: "
        + ", ".join(f"{name} {share:g}" for name, share in rates.PRESETS.items())
        + ".",
    )


NOT_FOR_THE_LAB = (
    *("lr", "steps", "optimizer", "probe", "low", "high", "resolution", "lab_rate", "lab_step"),
    *PAGE_ONLY,
    *(name for name in PAGE_CHOICES if name != "lab_case"),
)
"""Fields of the Scenario that the learning-rate lab does not depend on."""
