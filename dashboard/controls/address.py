"""The address bar and the controls: one Scenario, read from the one and written back to it."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, fields, replace

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from dashboard import fit, links
from dashboard.components.connection import connection
from dashboard.components.copy_link import copy_button
from dashboard.controls.session import (
    DEFAULTS,
    FIRST_KEY,
    HELD_KEY,
    KEPT_KEY,
    LAST_KEY,
    ORIGIN_KEY,
    REST_KEY,
    USED_KEY,
    WALK_KEY,
    WHOLE_PAGE_KEY,
    put,
    scenario,
    state,
)
from dashboard.links import Lesson
from dashboard.scenario import (
    PLACES,
    Scenario,
)


def start_session() -> None:
    """Give every field of the Scenario a value before any control is drawn; values that make none are taken back."""
    state[WHOLE_PAGE_KEY] = state[REST_KEY] = False
    state[FIRST_KEY] = {}
    state[KEPT_KEY], state[USED_KEY] = state.get(KEPT_KEY, {}), set()
    said = st.container()
    _read_address()
    for field in fields(Scenario):
        # Written back in every run, since Streamlit forgets the keys of controls that the page at hand does not draw.
        state[field.name] = state.get(field.name, getattr(DEFAULTS, field.name))
    try:
        state[LAST_KEY] = scenario()
    except ValueError as error:
        said.error(f"{error}. The last settings that worked are back.")
        put(**state.get(LAST_KEY, DEFAULTS).as_dict())
    write_address()


ADDRESS_KEY = "_address"
"""The parameters that the browser's address bar holds, as far as the server knows, and the link that they say."""


def _read_address() -> None:
    """Take the view from the address: on a session's first run, and when the browser goes back or forward."""
    query = {name: st.query_params.get_all(name) for name in st.query_params}
    known = state.get(ADDRESS_KEY)
    if known is None or _history_navigation():
        link = links.read(query, known["link"].scenario.own_data if known else None)
        state[ADDRESS_KEY] = {"query": query, "link": link, "given": frozenset(query)}
        if known is not None:
            # Back to an entry without parameters is back to the opening state; the lesson stays.
            link = replace(link, lesson=known["link"].lesson)
            state[ADDRESS_KEY]["link"] = link
        put(**link.scenario.as_dict())
        for name in (WALK_KEY, ORIGIN_KEY):
            state.pop(name, None)
    elif query != known["query"]:
        # A change of page drops the parameters. They are put back before the browser makes its history entry of it.
        st.query_params.from_dict(known["query"])


def _history_navigation() -> bool:
    context = get_script_run_ctx()
    return bool(context and getattr(context, "is_history_navigation", False))


def write_address() -> None:
    """Let the address follow the controls: at most one entry in the history a change, none while a slider is held."""
    known, present = state[ADDRESS_KEY], state[LAST_KEY]
    places = {name: getattr(known["link"].scenario, name) for name in PLACES}
    if present.changed(**places) == known["link"].scenario or state.get(HELD_KEY):
        return
    link = links.Link(present, known["link"].lesson)
    query = {name: [value] for name, value in links.to_query(present, link.lesson).items()}
    state[ADDRESS_KEY] = {"query": query, "link": link}
    st.query_params.from_dict(query)


def link_messages(page: str) -> None:
    """Say what of a link could not be used, as long as nothing is changed; and show the lesson that it brings."""
    here, given = state[ADDRESS_KEY]["link"], state[ADDRESS_KEY].get("given", ())
    with st.container():
        if messages := [*here.messages, *fit.misfits(here.scenario, given, page)]:
            st.warning("Not all of the link could be used.\n\n" + "\n".join(f"- {text}" for text in messages))
        if here.lesson.hide:
            st.html(hiding(here.lesson.hide))
        if here.lesson.task:
            _task(here.lesson)


def hiding(names: Iterable[str]) -> str:
    """Return the style sheet that hides controls; the names are known ones, no foreign text."""
    places = {
        "sidebar": '[data-testid="stSidebar"], [data-testid="stExpandSidebarButton"]',
        "pages": '[data-testid="stTopNavLinkContainer"], [data-testid="stTopNavSection"], [data-testid="stSidebarNav"]',
    }
    other_keys = {"room_step": "room_shown", "low": "range", "high": "range"}
    selectors = []
    for name in names:
        if name in links.hideable():
            key = other_keys.get(name, name)
            selectors.append(places.get(name, f".st-key-{key}, .st-key-{key}-slider, .st-key-part_{key}"))
    return f"<style>{', '.join(selectors)} {{ display: none !important }}</style>"


def _task(lesson: Lesson) -> None:
    with st.container(border=True, key="part_task"):
        st.text(lesson.task)
        if lesson.checks:
            value = st.number_input("Your answer", value=None, format="%.6g", step=None, key="_answer")
            if value is not None and lesson.accepts(value):
                st.success("Yes, that is it.")
            elif value is not None:
                st.info("Not yet. Try again.")


def copy_link() -> None:
    """Draw the button that copies a link to exactly the present view, and mount the watch over the connection."""
    with st.container(key="part_share"):
        copy_button(
            {"v": str(links.VERSION), "camera": DEFAULTS.camera},
            place_in_link("chain_step"),
        )
    connection()


def place_in_link(*names: str) -> dict[str, str]:
    """Return what a copied link says of these places; the empty text if it need not say anything."""
    query = links.to_query(scenario())
    return {name: query.get(name, "") for name in names}


def follow_fragment() -> None:
    """Let the address follow a control that only redraws its part of the page."""
    state[LAST_KEY] = scenario()
    write_address()


PAGES_KEY = "_pages"


def remember_pages(titles: dict[str, str]) -> None:
    """Keep the pages' titles by their path, for the links to them."""
    state[PAGES_KEY] = titles


@dataclass(frozen=True)
class BuiltLink:
    """An address, the same for an iframe, and the iframe's height and title."""

    address: str
    embedded: str
    height: int
    title: str


def build_link() -> BuiltLink:
    """Draw the controls that put a lesson together and return its link."""
    titles = state[PAGES_KEY]
    page = st.selectbox("Page", list(titles), format_func=titles.get, help="The page that the link opens.")
    hide = st.multiselect(
        "Hide",
        links.hideable(),
        format_func=lambda name: links.HIDEABLE.get(name, name).capitalize(),
        help="Parts of the sidebar, the list of pages, or the control of any one setting.",
    )
    task = st.text_input("Task", max_chars=links.MAX_TASK, help="A sentence that stands above the page.")
    left, middle, right = st.columns(3)
    answer = left.number_input("Answer", value=None, step=None, format="%.6g", help="A number to check; may be empty.")
    tolerance = middle.number_input(
        "Tolerance", 0.0, value=0.0, step=None, format="%.6g", help="How far from it still counts."
    )
    height = right.number_input("Height", 300, 3000, 800, step=50, help="Of the iframe, in pixels.")
    made = Lesson(tuple(hide), task.strip(), math.nan if answer is None else answer, tolerance)
    base = (st.context.url or "").rpartition("/")[0] + f"/{page}"
    text, embedded = (links.to_text(scenario(), made, embed=embed) for embed in (False, True))
    address = f"{base}?{text}" if text else base
    return BuiltLink(address, f"{base}?{embedded}", height, titles[page])
