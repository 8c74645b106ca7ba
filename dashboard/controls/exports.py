"""What is taken home from the training room, and brought back."""

from collections.abc import Callable, Sequence
from typing import Any

import streamlit as st

from dashboard import data_input, exports, training
from dashboard.components.figure import figure, pack
from dashboard.controls.jobs import job_of, work
from dashboard.controls.session import ORIGIN_KEY, put, scenario, state, whole_page
from dashboard.controls.training_room import LOADED_KEY, ROOM_RUN_KEY, start_key
from dashboard.figures import CONFIG, Picture
from dashboard.scenario import MAX_ANCHORED, packed
from dashboard.text import count
from dashboard.training import Moment, Room, Run


def download(label: str, make: Callable[[], str | bytes], name: str, mime: str, help: str) -> None:
    """Draw a button that makes a file when it is clicked."""
    st.download_button(label, make, name, mime, on_click="ignore", help=help, icon=":material/download:")


SCRIPTS_CHUNK = 100
"""How many steps of a run are rehearsed before the first look at the clock."""


def _scripts_job(here: Room, run: Run) -> dict[str, Any]:
    """Return the rehearsal of a run for its scripts; it lives as long as the run."""
    of_run = job_of(ROOM_RUN_KEY, id(here), here)
    job: dict[str, Any] | None = of_run.get("scripts")
    if job is None or job["result"].run is not run:
        job = of_run["scripts"] = {
            "result": exports.Rehearsal(here, run), "asked": False, "stopped": False, "done": 0
        }  # fmt: skip
    return job


def script_downloads(here: Room, run: Run, at: Moment) -> None:
    """Draw the buttons that make the scripts of a run up to a step, where that is quick or has been prepared."""
    rehearsal = _scripts_job(here, run)["result"]
    if rehearsal.full and rehearsal.step <= at.step:
        st.warning(
            f"From about step {count(rehearsal.step)} on rounding decides where this run goes: differences in the last "
            f"digit grow with nearly every step. A script could follow it only with more than {count(MAX_ANCHORED)} "
            "recorded numbers. Choose an earlier step, or train with a smaller learning rate."
        )
        return
    known = rehearsal.step >= at.step
    if not known and not exports.is_brief(here, at.step):
        return

    def make(script: Callable[..., str]) -> str:
        return script(here, run, at, rehearsal.anchors(at.step) if known else None)

    mime = "text/x-python"
    helps = "Trains this network again. It needs numpy alone.", "The same with PyTorch, in double precision."
    download("numpy script", lambda: make(exports.numpy_script), "run_numpy.py", mime, helps[0])
    download("PyTorch script", lambda: make(exports.torch_script), "run_torch.py", mime, helps[1])


def prepare_scripts(here: Room, run: Run) -> None:
    """Draw the button that prepares the scripts of a long run, and their progress."""
    job, offer = _scripts_job(here, run), st.container()
    if exports.is_brief(here, run.n_steps):
        return
    if not job["asked"]:
        offer.button(
            "Prepare the scripts",
            icon=":material/code:",
            on_click=lambda: job.update(asked=True),
            help="A script must follow the run to the last digits, so every step is tried first. This run is long; the "
            "scripts of its first steps are there at once.",
        )
        return
    if job["done"] < run.n_steps:

        def advance(chunk: int) -> int:
            return int(job["result"].go_on(chunk))

        work(job, run.n_steps, advance, SCRIPTS_CHUNK)
        if job["done"] >= run.n_steps:
            st.rerun()  # their buttons are above
    elif not job["result"].full:
        offer.caption("The scripts are prepared. Their buttons are above, beside those of the other files.")


def load_parameters(here: Room) -> None:
    """Draw the field that takes parameters saved earlier; they become the start of a run."""

    def read() -> None:
        upload = state.get("room_load")
        if upload is None:
            return
        sizes = here.network.sizes
        found = exports.read_parameters(upload.getvalue(), sizes[0], sizes[-1])
        state[LOADED_KEY] = found if isinstance(found, str) else ""
        if not isinstance(found, str):
            put(**found.fields, room_step=0)
            words = f"a file (step {count(found.step)})"
            state[ORIGIN_KEY] = (start_key(scenario()), training.Origin(found.vector, words))
            put(room_start=packed(found.vector))
        whole_page()

    st.file_uploader(
        "Load parameters", "json", key="room_load", max_upload_size=data_input.MAX_MEGABYTES, on_change=read,
        help="A file saved here earlier. Its network replaces the present one, and its weights become the start.",
    )  # fmt: skip
    with st.container():
        if state.get(LOADED_KEY):
            st.error(data_input.plain(state[LOADED_KEY]))


def room_picture(names: Sequence[str]) -> str:
    """Draw the choice of the picture that is taken home, by its place in the list; return its name."""
    st.selectbox(
        "Picture",
        range(len(names)),
        key="room_picture",
        format_func=lambda i: names[i],
        help="The picture to save, as it is now: with the present step, inputs and layer.",
    )
    return names[state.room_picture]


def picture_to_keep(picture: Picture, key: str) -> None:
    """Draw a figure with a camera button, which saves it as PNG in the browser."""
    config = CONFIG | {
        "displayModeBar": True,
        "modeBarButtons": [["toImage"]],
        "toImageButtonOptions": {"format": "png", "scale": 2, "filename": "picture"},
    }
    figure(pack(picture.made, picture.alt, config), lambda: picture.figure, key)
