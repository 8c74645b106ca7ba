"""The three-dimensional stages of the pages."""

from collections.abc import Sequence
from typing import Any

import streamlit as st

from dashboard import figures, figures_backprop, rates
from dashboard.components.stage import addressed, film, ground, stage, view
from dashboard.controls.session import MOVING_KEY, put, remembered, state
from dashboard.experiment import Column
from dashboard.rates import Lab
from dashboard.scenario import (
    ALL_STEPS,
    camera_numbers,
)
from dashboard.scene import Point, Run, index_of, pack_runs
from dashboard.slices import Slice
from dashboard.text import noun
from dashboard.why import Why

GROUNDS_KEY = "_grounds"
"""The surfaces that the home page has mounted, by the keys of their stages."""


def show_grounds(columns: tuple[Column, Column], keys: tuple[str, str]) -> None:
    """Mount the surfaces of both columns, apart from the paths on them: most moves of a slider keep them."""
    for column, key in zip(columns, keys, strict=True):
        ground(column.ground.drawn, key)
    state[GROUNDS_KEY] = {key: column.ground.drawn for column, key in zip(columns, keys, strict=True)}


PAIR = {"camera_group": "pair", "clock_group": "pair"}
"""The two stages of the home page turn and step together."""


def show_stage(key: str) -> None:
    """Draw the place of a column's surface, map and loss curve; a click chooses another start for the two weights."""

    def start_at(point: Point) -> None:
        put(own_start=True, start_first=point.first, start_second=point.second)

    view(state, key, lambda: state[GROUNDS_KEY].get(key), start_at, **PAIR, camera=camera_numbers(state.camera))


def paths(columns: tuple[Column, Column], keys: tuple[str, str], headings: Sequence[str]) -> list[dict[str, Any]]:
    """Return the descents of both columns for their stages, and those from other starts that were kept."""
    mounted = state[GROUNDS_KEY]
    if any(column.ground.drawn.hash != mounted[key].hash for column, key in zip(columns, keys, strict=True)):
        st.rerun()  # a path has left the surface that the page shows, so all of the page is due
    messages = []
    for column, key, heading in zip(columns, keys, headings, strict=True):
        scene = figures.scene(column, columns)
        more = {"title": heading, "until": state.steps, "live": bool(state.get(MOVING_KEY))}
        messages.append(addressed(pack_runs(**scene, **PAIR, **more, **_view(scene["runs"])), key))
    return messages


def _view(runs: Sequence[Run]) -> dict[str, Any]:
    """Return how a stage opens: where the camera stands, and at which step the clock."""
    return {"camera": camera_numbers(state.camera), "at": _at(runs, state.moment)}


def _at(runs: Sequence[Run], step: int) -> int | None:
    """Return the place of a step among those that the runs show; None for the last one."""
    return None if step == ALL_STEPS else index_of(runs[0].steps, step)


def show_slice(piece: Slice) -> None:
    """Draw a slice with the path on it or floating off it."""
    key = "slice"
    ground(piece.surface, key)
    scene = figures.slice_scene(piece, noun(state.activation))
    until = piece.run.steps[-1].item()
    stage(state, key, **scene, camera_group=key, clock_group=key, until=until, **_view([piece.run]))
    film(piece.film, key)


RATES = "rates"
"""The stage of the learning-rate page that comes first."""


def show_rates(laboratory: Lab, runs: Sequence[Run], key: str) -> None:
    """Draw several descents on the lab's one surface."""
    surface = remembered(f"{key} surface", laboratory.origin, lambda: rates.surface(laboratory))
    ground(surface, key)
    scene = figures.rates_scene(laboratory, surface, runs, key)
    opens = _view(runs)
    if key != RATES:
        opens["at"] = _at(runs, state.lab_moment)
    stage(state, key, **scene, camera_group="lab", clock_group=key, **opens)


def show_why(why: Why) -> None:
    """Draw the right and the sabotaged path on the surface of the two weights."""
    ground(why.surface, "why")
    scene = figures_backprop.sabotage_scene(why)
    stage(state, "why", **scene, camera_group="why", clock_group="why", **_view(why.shown))
