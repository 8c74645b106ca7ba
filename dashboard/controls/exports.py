"""What is taken home from the training room, and brought back."""

from collections.abc import Callable, Sequence

import streamlit as st

from dashboard import data_input, exports, training
from dashboard.components.figure import figure, pack
from dashboard.controls.session import ORIGIN_KEY, put, scenario, state, whole_page
from dashboard.controls.training_room import LOADED_KEY, start_key
from dashboard.figures import CONFIG, Picture
from dashboard.scenario import (
    packed,
)
from dashboard.text import count
from dashboard.training import Room


def download(label: str, make: Callable[[], str | bytes], name: str, mime: str, help: str) -> None:
    """Draw a button that makes a file when it is clicked."""
    st.download_button(label, make, name, mime, on_click="ignore", help=help, icon=":material/download:")


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
