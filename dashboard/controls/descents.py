"""The two networks' descents of the home page: computed, kept, and started elsewhere."""

import time
from dataclasses import replace
from typing import Any

import streamlit as st

from dashboard import experiment
from dashboard.components.live_slider import live_slider
from dashboard.controls.jobs import FIRST_CHUNK, PATIENCE, job_of, saying, work
from dashboard.controls.session import (
    MOVING_KEY,
    PAGE_ONLY,
    ROOM_FIELDS,
    TRAINING_KEY,
    held,
    put,
    remembered,
    scenario,
    seed_start,
    state,
    values,
)
from dashboard.experiment import Column, Problem, Runs
from dashboard.scenario import (
    MAX_STARTS,
    PAGE_CHOICES,
    Scenario,
    packed,
    starts_in,
)
from dashboard.text import number, plural

GROUND_KEY = "_ground"

LIVE_STEPS = 40
"""While a slider is dragged the descent is computed this far; the rest follows when the hand lets go."""

SHOWN_START = ("shown_first", "shown_second")
"""The sliders of the two weights' start: they show the seed's values until a hand or a click has moved the start."""


def start_slider(problem: Problem, place: int, where: Any = st) -> None:
    """Draw the slider of where the descent starts, for the first (0) or the second (1) weight."""
    key, ref = SHOWN_START[place], problem.refs[place]
    state[key] = value = float(problem.start.get(ref))

    def moved(to: float, final: bool) -> None:
        move_start(place, to)
        held(final, True)

    with where.container():
        live_slider(
            state,
            f"Start of {ref}",
            key=key,
            value=value,
            low=min(state.low, value),
            high=max(state.high, value),
            help="Drag it, and the start of the descent moves along the surface. "
            "A click on a map or a surface moves both weights at once.",
            on_change=moved,
        )


def move_start(place: int, to: float) -> None:
    """Let the descent start at another value of the first (0) or the second (1) weight; the other one stays."""
    problem = problem_for(scenario())
    start = [float(problem.start.get(ref)) for ref in problem.refs]
    start[place] = to
    put(own_start=True, start_first=start[0], start_second=start[1])


def start_buttons(problem: Problem, where: Any = st) -> None:
    """Draw the button that keeps a start to compare others with, and the one that returns to the seed's alone."""

    def keep() -> None:
        here = tuple(float(problem.start.get(ref)) for ref in problem.refs)
        others = [start for start in starts_in(state.other_starts) if start != here]
        put(
            other_starts=packed([x for start in (*others, here)[-MAX_STARTS:] for x in start]),
            own_start=state.own_start,
        )

    where.button(
        "Keep this path",
        icon=":material/keep:",
        on_click=keep,
        help="Its path stays, in another colour, when the descent starts elsewhere. Up to four paths are kept.",
    )
    where.button(
        "Undo own start",
        icon=":material/restart_alt:",
        on_click=seed_start,
        disabled=not (state.own_start or state.other_starts),
        help="Click a map or a surface to start the descent there. This button undoes it, and forgets kept paths.",
    )


def _kept_paths(s: Scenario, n_steps: int) -> experiment.Paths:
    """Return the descents of both networks from the starts that were kept, as many steps of them as of the present."""
    if not s.other_starts:
        return ((), ())
    key = (values(s, _not_for_training(s) | {"own_start", "start_first", "start_second"}), s.other_starts, n_steps)
    return remembered("kept_paths", key, lambda: experiment.from_other_starts(s, problem_for(s), n_steps))


NOT_FOR_TRAINING = (
    *("probe", "low", "high", "resolution", "threshold", "lab_rate", "lab_step"),
    *PAGE_CHOICES,
    *ROOM_FIELDS,
    *PAGE_ONLY,
)
"""Fields of the Scenario that no weight depends on; the threshold does not count while the networks do not use it."""


def problem_for(s: Scenario) -> Problem:
    """Return the two networks on their data; it depends on no learning rate and no grid, so most changes keep it."""
    # More starts share the steps that are affordable, so their number counts, but not where they are.
    key = (*values(s, _not_for_the_problem(s)), len(s.other_starts))
    return remembered("problem", key, lambda: experiment.make_problem(s))


def columns_for(s: Scenario, problem: Problem, quiet: bool = False) -> tuple[Column, Column]:
    """Return both columns of a Scenario; what has not changed since the last run is kept, what is new is computed.

    A long descent shows its progress and can be stopped, unless `quiet`: then the whole page is drawn for it.
    """
    moving = bool(state.get(MOVING_KEY))
    if moving:
        problem = replace(problem, n_steps=min(problem.n_steps, LIVE_STEPS))
    job = _descended(s, problem, quiet, moving)
    runs = job["result"]
    n_steps = runs[0].pair.n_steps
    key = (values(s, {"probe", *PAGE_ONLY, *PAGE_CHOICES}), s.other_starts, n_steps, moving)
    place_of_words = None if quiet else st.container()
    if job.get("columns_key") != key:
        with saying("Computing the loss surfaces and the kept paths ...", place_of_words):
            known, kept = state.get(GROUND_KEY, (None, None)), _kept_paths(s, n_steps)
            job["columns"] = tuple(
                experiment.make_column(s, problem, place, runs[place], known[place], moving, kept[place])
                for place in (0, 1)
            )
        job["columns_key"] = key
        state[GROUND_KEY] = tuple(column.ground for column in job["columns"])
    first, second = job["columns"]
    return first, second


def runs_for(s: Scenario, problem: Problem) -> tuple[Runs, Runs]:
    """Return both networks' descents alone, without the surfaces of the columns; they show their progress too."""
    runs: tuple[Runs, Runs] = _descended(s, problem)["result"]
    return runs


def _descended(s: Scenario, problem: Problem, quiet: bool = False, moving: bool = False) -> dict[str, Any]:
    """Return the job of the descents, with as many steps as there will be in this run."""
    job = job_of(TRAINING_KEY, (problem.n_steps, *values(s, _not_for_training(s))))
    if not quiet:
        work(
            job,
            problem.n_steps,
            lambda steps: _train(s, problem, job, steps),
            then="The pictures show these steps.",
        )
    elif moving:
        job["done"] = _train(s, problem, job, LIVE_STEPS)
    elif not job["stopped"] and not _train_briefly(s, problem, job):
        st.rerun()  # the whole page has room for the progress and the way to stop it
    return job


def _not_for_training(s: Scenario) -> set[str]:
    return set(NOT_FOR_TRAINING) - ({"threshold"} if s.threshold_in_nets else set())


def _not_for_the_problem(s: Scenario) -> set[str]:
    return _not_for_training(s) | {"lr", "optimizer"}


def _train(s: Scenario, problem: Problem, job: dict[str, Any], steps: int) -> int:
    """Take so many steps more, keep them, and return how many are taken."""
    job["result"] = experiment.train(s, problem, steps, job["result"])
    return int(job["result"][0].pair.n_steps)


def _train_briefly(s: Scenario, problem: Problem, job: dict[str, Any]) -> bool:
    """Descend without a word, and return whether all steps are done before anyone loses patience."""
    began = time.monotonic()
    while job["result"] is None or job["done"] < problem.n_steps:
        if time.monotonic() - began > PATIENCE:
            return False
        job["done"] = _train(s, problem, job, 10 * FIRST_CHUNK)
    return True


def weight_table(column: Column) -> str:
    """Return the two weights before, the gradient there, and the weights after one and all steps, as a Markdown table.

    Markdown, since a table of Streamlit's takes ten times as long to make, and this one follows a dragged slider.
    """
    pair = column.runs.pair
    after = {
        f"after {plural(steps, 'step')}": pair.params[steps] for steps in sorted({min(1, pair.n_steps), pair.n_steps})
    }
    values = {"before": column.start, "gradient": column.at_start.gradient, **after}
    rows = [
        ["weight", *values],
        [":--", *["--:"] * len(values)],
        *([str(ref), *(number(params.get(ref)) for params in values.values())] for ref in column.refs),
    ]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)
