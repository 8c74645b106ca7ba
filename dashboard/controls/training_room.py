"""The training room: its run, its step, and the controls that only it has."""

import time
from collections.abc import Sequence
from typing import Any

import streamlit as st

from dashboard import data_input, training
from dashboard.components.live_slider import live_slider
from dashboard.controls.jobs import FIRST_CHUNK, job_of, work
from dashboard.controls.session import (
    DEFAULTS,
    HELD_KEY,
    ORIGIN_KEY,
    PAGE_ONLY,
    at_rest,
    put,
    remembered,
    state,
    whole_page,
)
from dashboard.controls.widgets import choice, number_box
from dashboard.scenario import (
    LIMITS,
    PAGE_CHOICES,
    Scenario,
    packed,
    unpacked,
)
from dashboard.text import count
from dashboard.training import Room

ROOM_RUN_KEY = "_room_run"

SEEDS_KEY = "_room_seeds"

OWN_BASE_KEY = "_own_base"

OWN_PROBLEMS_KEY = "_own_problems"

LOADED_KEY = "_loaded_problem"

ROOM_VIEW = ("room_step", "room_x", "room_y", "room_layer", "room_depth", "probe", "low", "high", "resolution")

ROOM_IGNORES = (
    *ROOM_VIEW,
    *PAGE_ONLY,
    "first",
    "second",
    "own_start",
    "start_first",
    "start_second",
    "lab_rate",
    "lab_step",
)
"""Fields of the Scenario that the training room's descent does not depend on."""

START_FIELDS = ("dataset", "own_data", "hidden", "biases", "seed", "scheme", "samples")
"""Parameters to start again from are kept as long as these stay."""


def room(s: Scenario) -> Room:
    """Return what the training room trains, from the start that was chosen."""
    if s.room_start and ORIGIN_KEY not in state:
        state[ORIGIN_KEY] = (start_key(s), training.Origin(unpacked(s.room_start), "a link"))
    kept = state.get(ORIGIN_KEY)
    origin = kept[1] if kept and kept[0] == start_key(s) else None
    state.room_start = packed(origin.vector) if origin else ""
    return remembered("room", (_room_key(s), origin), lambda: training.make_room(s, origin))


def start_key(s: Scenario) -> tuple[Any, ...]:
    """Return what parameters to start again from belong to."""
    return tuple(getattr(s, name) for name in START_FIELDS)


def _room_key(s: Scenario) -> Scenario:
    kept = {name: getattr(DEFAULTS, name) for name in (*ROOM_IGNORES, *PAGE_CHOICES)}
    if not s.threshold_in_nets:
        kept["threshold"] = DEFAULTS.threshold
    return s.changed(**kept)


SEEDS_CHUNK = 1
"""The same for a hundred networks at once."""

LIVE_SECONDS = 0.06
"""Before the page's first answer the room's descent goes on for this long; the default one is done by then."""


def room_run(here: Room, quiet: bool = False) -> training.Run:
    """Return the descent of the room, as far as it goes; a long one shows its progress and can be stopped.

    With `quiet` what a short while brings must do.
    """
    job = job_of(ROOM_RUN_KEY, id(here), here)

    def advance(chunk: int) -> int:
        job["result"] = training.go_on(here, chunk, job["result"])
        job["done"] = here.n_steps if job["result"].stopped else job["result"].n_steps
        return int(job["done"])

    if not quiet:
        work(job, here.n_steps, advance)
    elif not job["stopped"]:
        until = time.monotonic() + LIVE_SECONDS
        while job["done"] < here.n_steps:
            advance(2 * FIRST_CHUNK)
            if time.monotonic() > until:
                break
        if job["done"] < here.n_steps and at_rest():
            st.rerun()  # the whole page shows the progress of a long run
    if job["result"] is None:
        advance(0)
    return job["result"]


def room_seeds(here: Room) -> training.Outcome | None:
    """Draw the button that trains a hundred seeds, and return how they ended once they have."""
    job = job_of(SEEDS_KEY, id(here), here)
    job.setdefault("asked", False)
    total, offer = training.ensemble_steps(here), st.container()
    if not job["asked"]:
        offer.button(
            f"Train {training.N_SEEDS} seeds",
            icon=":material/casino:",
            type="primary",
            on_click=lambda: job.update(asked=True),
            help=f"The same data and settings, seeds 0 to {training.N_SEEDS - 1}, {count(total)} steps each.",
        )
        if total < here.n_steps:
            offer.caption(
                f"A hundred runs are more work than one: each takes {count(total)} of the {count(here.n_steps)} steps."
            )
        return None

    def advance(chunk: int) -> int:
        job["result"] = training.ensemble(here, chunk, job["result"])
        return job["result"].done

    work(job, total, advance, SEEDS_CHUNK)
    if job["result"] is None or job["result"].done < total:
        return None
    return remembered("outcome", id(job["result"]), lambda: training.outcome(here, job["result"]))


def remembered_history(here: Room, run: training.Run) -> training.History:
    """Return weights and gradients over the steps; they do not depend on the step that is shown."""
    return remembered("room_history", (id(here), id(run)), lambda: training.history(here, run))


def room_settings() -> None:
    """Draw what only the training room has: the split, mini-batches, and when to stop."""
    a, b, c, d, e = st.columns(5, gap="small")
    a.slider(
        "Test share",
        LIMITS["test_share"].low * 1.0,
        LIMITS["test_share"].high,
        step=0.05,
        key="test_share",
        format="percent",
        help="Samples that are kept out of the training, to see whether the network also does well on new ones: the "
        "test set, or hold-out. A network that does much better in training has overfitted.",
    )
    number_box(
        "split_seed", "Split seed", b, help="Which samples are kept out: the number that this choice grows from."
    )
    number_box(
        "batch",
        "Batch size",
        c,
        help="How many samples each step looks at, in a new order every epoch (mini-batches). 0: all of them.",
    )
    number_box(
        "stop_loss",
        "Stop at loss",
        d,
        step=0.01,
        format="%.4g",
        help="Training ends once the training loss is at most this. 0: never.",
    )
    number_box(
        "patience",
        "Stop after waiting",
        e,
        step=50,
        help="Training ends once the test loss (without test samples the training loss) has not fallen to a new low "
        "for this many steps (early stopping). 0: never.",
    )


def room_step(run: training.Run) -> None:
    """Draw the one step index that every picture of the room follows."""
    last = run.n_steps
    if state.room_step > state.steps:
        state.room_step = training.ALL_STEPS  # what stood for a longer run stands for the end of this one
    state["room_shown"] = float(run.at(state.room_step))
    if last < 1:
        return

    def moved(value: float, final: bool) -> None:
        state[HELD_KEY] = not final
        state["room_step"] = training.ALL_STEPS if value >= last else int(value)

    live_slider(
        state,
        "Step",
        key="room_shown",
        value=last,
        low=0,
        high=last,
        whole=True,
        help="Every picture on this page shows the network after this step. A step is one update of all weights; "
        "textbooks also say iteration.",
        on_change=moved,
    )


def restart_buttons(s: Scenario, here: Room, vector: tuple[float, ...], step: int) -> None:
    """Draw the buttons that start again from the step at hand, and from the seed's own start."""

    def restart() -> None:
        state[ORIGIN_KEY] = (start_key(s), training.Origin(vector, f"step {count(step)} of an earlier run"))
        put(room_step=training.ALL_STEPS, room_start=packed(vector))
        whole_page()

    def forget() -> None:
        state.pop(ORIGIN_KEY, None)
        put(room_start="")
        whole_page()

    with st.container(horizontal=True):
        st.button(
            f"Start again from step {count(step)}",
            icon=":material/restart_alt:",
            key="room_restart",
            on_click=restart,
            help="Take these weights as the start of a new run (a warm start). Then change the learning rate or the "
            "optimizer. The optimizer's memory begins empty.",
        )
        if here.origin:
            st.button(
                "Back to the random start", on_click=forget, help="Begin again with the weights that the seed gives."
            )


def room_inputs(names: Sequence[str]) -> None:
    """Draw the choice of the two inputs that pictures run over, where there are more than two."""
    if len(names) <= 2:
        return
    options = list(range(1, len(names) + 1))
    for key in ("room_x", "room_y"):
        state[key] = min(state[key], len(names))
    if state.room_x == state.room_y:
        state.room_y = next(i for i in options if i != state.room_x)
    with st.container(horizontal=True):
        for key, label in (("room_x", "Across"), ("room_y", "Upwards")):
            st.selectbox(
                label,
                [i for i in options if key == "room_x" or i != state.room_x],
                key=key,
                format_func=lambda i: data_input.plain(names[i - 1]),
                help="An input that the pictures run over. The others stand still.",
            )


def room_view(words: dict[str, str]) -> None:
    """Draw the choice of what is looked at more closely."""
    choice("room_view", "Look closer at", words, "Only the chosen part is computed.", on_change=whole_page)


def room_layer(names: Sequence[str], label: str, help: str) -> int:
    """Draw the choice of a layer; return its place from 0, or -1 for the last name if there is one more than layers."""
    state.room_layer = min(state.room_layer, len(names))
    if len(names) > 1:
        st.segmented_control(
            label,
            list(range(1, len(names) + 1)),
            key="room_layer",
            format_func=lambda i: names[i - 1],
            required=True,
            help=help,
        )
    return int(state.room_layer) - 1


def use_seed_button() -> None:
    """Draw the field that takes one of the hundred seeds to the sidebar."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        state["seed_to_see"] = state.get("seed_to_see", 0)
        number_box(
            "seed_to_see",
            "Look at seed",
            ends=(0, training.N_SEEDS - 1),
            help="One of the hundred: the number that its random initial weights grow from.",
            width=160,
        )
        st.button(
            "Use it",
            on_click=lambda: put(seed=int(state.seed_to_see), own_start=False),
            help="Make it the sidebar's seed, so that every picture above shows this run.",
        )
