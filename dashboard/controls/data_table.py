"""The visitor's own data: typed or uploaded."""

from typing import Any

import streamlit as st

from dashboard import data_input, experiment
from dashboard.controls.backpropagation import SIDEBAR
from dashboard.controls.session import put, state
from dashboard.controls.training_room import OWN_BASE_KEY, OWN_PROBLEMS_KEY
from dashboard.scenario import (
    Scenario,
    for_dataset,
)
from dashboard.text import plural
from dashboard.walk import (
    WHAT,
)


def own_data(s: Scenario) -> None:
    """Draw the table to type in and the file to upload. What cannot be used is named, and the data before stay."""
    base = _own_base(s)
    version, names, rows = base["version"], base["names"], base["rows"]
    problems = state.get(OWN_PROBLEMS_KEY, [])
    said = (
        st.container()
    )  # holds its place: a message that goes must not move the table, which would show twice meanwhile
    if problems:
        said.error(
            "Not taken; the data before are still in use.\n\n" + "\n".join(f"- {data_input.plain(p)}" for p in problems)
        )
    left, right = st.columns([3, 2], gap="medium")
    with left:
        if len(rows) > data_input.MAX_TYPED:
            st.dataframe({name: [row[i] for row in rows] for i, name in enumerate(names)}, height=260, hide_index=False)
            st.caption(
                f"{plural(len(rows), 'row')} from a file. Tables of up to {data_input.MAX_TYPED} rows can be typed in."
            )
        else:
            st.data_editor(
                [dict(zip(names, row, strict=True)) for row in rows],
                key=_editor(version),
                num_rows="dynamic",
                height=260,
                column_config={name: st.column_config.TextColumn(max_chars=data_input.MAX_NAME) for name in names},
                on_change=_typed,
            )
            st.caption("Double-click a cell to type. The last line adds a row; tick a row at its left to delete it.")
    with right:
        upload = f"own_file_{version}"
        st.file_uploader(
            "CSV file",
            "csv",
            key=upload,
            max_upload_size=data_input.MAX_MEGABYTES,
            on_change=lambda: state.get(upload) and _take(data_input.read(state[upload].getvalue()), True),
            help=f"Numbers and one label a row. Up to {data_input.MAX_ROWS} rows, {data_input.MAX_INPUTS} inputs, "
            f"{data_input.MAX_MEGABYTES} MB. A header is optional. The label is the column named "
            f"{', '.join(data_input.LABEL_NAMES[:-1])} or {data_input.LABEL_NAMES[-1]}, otherwise the last one.",
        )
        with st.container():
            if s.dataset != "own":
                st.button(
                    "Train on this table",
                    type="primary",
                    on_click=lambda: put(**for_dataset("own", state.own_data)),
                    help="Make your own data the training set, on all pages.",
                )
        st.button(
            "Put the present data set into the table",
            on_click=lambda: _take(data_input.read(data_input.text_of(experiment.raw_dataset(s))), True),
            help=f"Its first {data_input.MAX_TYPED} rows, for you to change.",
        )
        with st.container(horizontal=True):
            st.button(
                "Add an input",
                disabled=len(names) > data_input.MAX_INPUTS,
                on_click=lambda: _take(data_input.with_input(data_input.table_of(state.own_data)), True),
                help="One more column of numbers, 0 at first.",
            )
            st.button(
                "Remove an input",
                disabled=len(names) < 3,
                on_click=lambda: _take(data_input.without_input(data_input.table_of(state.own_data)), True),
                help="Take the last column of numbers out.",
            )


def _editor(version: int) -> str:
    return f"own_table_{version}"


def _own_base(s: Scenario) -> dict[str, Any]:
    """The table that the editor began with; typing changes the editor's own record, not this.

    An editor that was out of sight has lost its record. It begins anew with what was typed, wrong cells and all.
    """
    base = state.get(OWN_BASE_KEY)
    same = base is not None and s.own_data == base["text"]
    if same and (_editor(base["version"]) in state or len(base["rows"]) > data_input.MAX_TYPED):
        return base
    version = state["_own_version"] = state.get("_own_version", 0) + 1
    table = data_input.table_of(s.own_data)
    found = {"version": version, "text": s.own_data, "names": list(table.names)}
    if same and base["now"] is not None:
        found |= {"names": base["names"], "rows": base["now"]}
    else:
        found["rows"] = table.cells()
        if not same:
            state[OWN_PROBLEMS_KEY] = []
    state[OWN_BASE_KEY] = found | {"now": None}
    return state[OWN_BASE_KEY]


def _typed() -> None:
    """Take what was typed into the table, if it can be used; in any case it stays in the table."""
    base = state[OWN_BASE_KEY]
    base["now"] = data_input.edited(base["rows"], base["names"], state[_editor(base["version"])])
    found = data_input.read_rows(base["names"], base["now"])
    if not isinstance(found, list):
        base["text"] = found.text()
    _take(found)


def _take(found: data_input.Table | list[str], new_table: bool = False) -> None:
    """Use a table that was typed or uploaded, or say what is wrong with it."""
    state[OWN_PROBLEMS_KEY] = found if isinstance(found, list) else []
    if isinstance(found, list):
        return
    text = found.text()
    if new_table:
        state.pop(OWN_BASE_KEY, None)
    own = for_dataset("own", text)
    same = state.dataset == "own"
    put(own_data=text, **({"samples": own["samples"], "dataset": "own"} if same else own))


def sample_table(columns: dict[str, list[Any]]) -> None:
    """Draw all samples; the row that is selected is what the backpropagation page follows."""

    def chosen() -> None:
        rows = state["room_rows"]["selection"]["rows"]
        if rows:
            state.walk_sample, state.walk_what, state.walk_net = rows[0] + 1, WHAT[0], SIDEBAR

    st.dataframe(columns, key="room_rows", on_select=chosen, selection_mode="single-row", hide_index=True, height=360)
    st.page_link(
        "app_pages/backpropagation.py",
        label=f"Follow sample {state.walk_sample} through the network",
        icon=":material/undo:",
    )
