"""Long work: chunk by chunk, with its progress and a way to stop it."""

import time
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import streamlit as st

from dashboard.controls.session import note_use, state
from dashboard.text import count

FIRST_CHUNK = 100
"""How many steps are taken before the first look at the clock."""

CHUNK_SECONDS = 0.2
"""How long each further chunk of steps should last: the stop button works between chunks."""

PATIENCE = 0.5
"""Work that takes longer than this many seconds shows its progress and can be stopped."""


@contextmanager
def saying(words: str, where: Any) -> Iterator[None]:
    """Say what is computed meanwhile, if it takes longer than a moment, in a container that is always there.

    Without a container, None, not a word is said.
    """
    with where.container() if where else nullcontext(), st.spinner(words) if where else nullcontext():
        yield


def job_of(name: str, key: Hashable, held: Any = None) -> dict[str, Any]:
    """Return the session's one job of that name; another key starts it anew.

    `held` lives as long as the job, so that its id may be the key.
    """
    note_use(name)
    job = state.get(name)
    if job is None or job["key"] != key:
        job = state[name] = {"key": key, "held": held, "result": None, "stopped": False, "done": 0}
    return job


def work(
    job: dict[str, Any], total: int, advance: Callable[[int], int], chunk: int = FIRST_CHUNK, *, then: str = ""
) -> None:
    """Go on chunk by chunk until all is done or the visitor stops it; what is done is kept whatever happens next.

    `advance` takes so many steps more and returns how many are done; `then` is said of a stopped job.
    """
    place, began, progress = st.empty(), time.monotonic(), None
    while job["done"] < total and not job["stopped"]:
        started = time.monotonic()
        job["done"] = advance(chunk)
        now = time.monotonic()
        chunk = max(1, int(chunk * min(4, CHUNK_SECONDS / max(now - started, 1e-6))))
        if progress is None and now - began > PATIENCE:
            with place.container(horizontal=True, vertical_alignment="center"):
                progress = st.progress(0.0)
                st.button("Stop", on_click=lambda: job.update(stopped=True), help="Keep what is done so far.")
        if progress is not None:
            progress.progress(job["done"] / total, f"Step {count(job['done'])} of {count(total)}")
    place.empty()
    if job["done"] < total:
        with place.container(horizontal=True, vertical_alignment="center"):
            st.warning(f"Stopped after {count(job['done'])} of {count(total)} steps. {then}".strip())
            st.button("Continue", on_click=lambda: job.update(stopped=False), help="Take the steps that are left.")
