"""The backpropagation page: the walk through a trace, and the controls that move it."""

import secrets
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import streamlit as st

from dashboard import components, walk_desk
from dashboard.components.copy_link import places_in_link
from dashboard.components.live_slider import live_slider
from dashboard.controls.address import place_in_link
from dashboard.controls.session import WALK_KEY, colours, put, remembered, scenario, state
from dashboard.controls.widgets import number_box
from dashboard.scenario import (
    PAGE_CHOICES,
    Scenario,
)
from dashboard.text import title
from dashboard.walk import (
    WEIGHT_REACH,
    WHAT,
    Place,
    Setup,
    Walk,
    edited,
    fields_of,
    moved,
    opening,
    phase_starts,
    place_from,
    seen_otherwise,
    setup_of,
    worked_example,
)
from dashboard.walk_desk import DESK
from dashboard.walk_parts import parts
from dashboard.walk_views import drawing_name, graph
from nnlib.trace import DETAILS

WALK, WHOLE_WALK = "walk", "whole walk"
"""The two parts of the page that are redrawn by themselves: the pointer moves the first and leaves the second alone."""

SIDEBAR, EXAMPLE = PAGE_CHOICES["walk_net"]

STEPS, WHY = PAGE_CHOICES["walk_part"]

PLAY_PAUSE = 1100
"""Milliseconds that each step stays while the walk plays."""


def walk_activation(s: Scenario) -> str:
    """Return the name of the activation that the walk uses: the sidebar's, or the step."""
    return "step" if state.walk_activation == "step" else s.activation


def walk_section() -> str:
    """Draw the choice between the page's two parts and return it; only one is drawn, so that each stays quick."""
    words = {STEPS: "Step by step", WHY: "Why multiply by the slope?"}
    st.segmented_control(
        "Part of the page",
        tuple(words),
        key="walk_part",
        required=True,
        format_func=words.get,
        label_visibility="collapsed",
        help="The passes one operation at a time, or an experiment with a factor of the chain rule left out.",
    )
    return str(state.walk_part)


def walk_activation_choice(s: Scenario) -> None:
    """Draw the choice between the sidebar's activation and the step."""
    st.segmented_control(
        "Activation",
        ("sidebar", "step"),
        key="walk_activation",
        required=True,
        disabled=state.walk_net == EXAMPLE and state.walk_part == STEPS,
        format_func=lambda name: title(s.activation if name == "sidebar" else name),
        help="Put the step in place of the sidebar's activation, in every layer, and see which factor becomes 0.",
    )


def walk_settings(s: Scenario) -> None:
    """Draw what is walked through: the network, its activation, one sample or the batch, neurons or matrices."""
    with st.container(horizontal=True, vertical_alignment="top"):
        choose = st.segmented_control
        choose(
            "Network",
            (SIDEBAR, EXAMPLE),
            key="walk_net",
            required=True,
            format_func={SIDEBAR: "Sidebar", EXAMPLE: "Worked example"}.get,
            help="The network of the sidebar, or a classic small one with published numbers to compare with.",
        )
        walk_activation_choice(s)
        choose(
            "Samples",
            WHAT,
            key="walk_what",
            required=True,
            format_func={WHAT[0]: "One", WHAT[1]: "All"}.get,
            help="Follow one sample as if it were all the data, or the mean over the whole training set.",
        )
        most = 1 if state.walk_net == EXAMPLE else s.samples
        state.walk_sample = min(state.walk_sample, most)
        number_box(
            "walk_sample",
            "Sample",
            ends=(1, most),
            width=110,
            help="Which sample is followed. With the whole batch it is the one whose numbers fill the formula.",
        )
        choose(
            "One step is",
            DETAILS,
            key="walk_detail",
            required=True,
            format_func={"neuron": "a neuron", "matrix": "a matrix"}.get,
            help="Neuron by neuron shows every product. Matrix by matrix shows the lines of the code.",
        )


def walk(s: Scenario) -> Walk:
    """Return the walk at the learner's place; it starts afresh when the network, its weights or the data change."""
    setup = remembered("setup", (s, state.walk_net, walk_activation(s)), lambda: _walk_setup(s))
    whole, detail, sample = state.walk_what == WHAT[1], state.walk_detail, state.walk_sample - 1
    kept = state.get(WALK_KEY)
    if kept is None:
        here = Walk(setup, _place_in_scenario(setup), sample, whole, detail)
    elif kept["walk"].setup.key != setup.key:
        here = Walk(setup, opening(setup, whole, detail), sample, whole, detail)
    else:
        here = kept["walk"]
        if here.setup is not setup:
            here = replace(here, setup=setup)
        here = here.went_on(kept["place"])
        if (here.whole, here.sample, here.detail) != (whole, sample, detail):
            here = seen_otherwise(here, whole=whole, sample=sample, detail=detail)
    here = _laid(here)
    state[WALK_KEY] = {"place": here.place, "walk": here}
    # What is the same is not set again: the selected weight may have been drawn already.
    put(**{name: value for name, value in fields_of(here).items() if state[name] != value})
    return here


def _laid(here: Walk) -> Walk:
    """Let the browser ask about this walk; if it has asked already, go on with what was computed for it."""
    visitor = state.setdefault(VISITOR_KEY, secrets.token_urlsafe(16))
    found = DESK.find(visitor, drawing_name(here))
    if found is not None and found[0].setup is here.setup:
        here = found[0].went_on(here.place)
    DESK.lay(visitor, here, colours())
    return here


VISITOR_KEY = "_visitor"
"""The name under which this visitor's walks lie on the desk."""


def _place_in_scenario(setup: Setup) -> Place:
    try:
        return place_from(setup, scenario())
    except ValueError as error:
        st.warning(f"The link's weights cannot be used: {error}. The seed's weights are shown instead.")
        put(walk_weights="")
        return place_from(setup, scenario())


def walk_in_link() -> None:
    """Hand the walk's place to the button that copies a link; it lives in a part of the page of its own."""
    places_in_link("walk", place_in_link("walk_step", "walk_weight", "walk_weights"))


def _walk_setup(s: Scenario) -> Setup:
    return worked_example() if state.walk_net == EXAMPLE else setup_of(s, walk_activation(s))


def _change(new_place: Callable[[Walk], Place]) -> None:
    """Move within the present walk. A callback may belong to a run that is over, so it gets the walk of now."""
    state[WALK_KEY]["place"] = new_place(state[WALK_KEY]["walk"])


def _change_both(new_place: Callable[[Walk], Place]) -> None:
    _change(new_place)
    st.rerun(WHOLE_WALK)


def _walk_by(by: int) -> None:
    _change(lambda here: moved(here.place, by, len(here.steps)))


def _walk_to_step(pointer: int) -> None:
    _change(lambda here: moved(here.place, pointer - here.place.pointer, len(here.steps)))


def _select(name: str) -> None:
    _change(lambda here: here.picked(name))


def pick(key: str) -> None:
    """In a callback: select the weight that was clicked in the component of this key."""
    name = components.picked(state[key])
    if name:
        _change_both(lambda here: here.picked(name))


def _at(key: str) -> None:
    """Come along to where the browser is; whatever it says, the place is one of this walk."""
    said = state[key].get("at")
    here: Walk = state[WALK_KEY]["walk"]
    step, weight = (said.get("step"), said.get("selected")) if isinstance(said, dict) else (None, None)
    if type(step) is int and isinstance(weight, str) and weight:
        place = replace(here.place, weight=here.picked(weight).weight)
        _change_both(lambda here: moved(place, step - place.pointer, len(here.steps)))


def _tick(key: str) -> None:
    here: Walk = state[WALK_KEY]["walk"]
    # A tick that belongs to an earlier step comes too late.
    if state.get("walk_play") and state[key].get("tick") == here.place.pointer:
        _walk_by(1)
        state.walk_play = here.place.pointer + 1 < len(here.steps) - 1


def _play() -> None:
    here: Walk = state[WALK_KEY]["walk"]
    state.walk_play = not state.get("walk_play")
    if state.get("walk_play") and here.place.pointer == len(here.steps) - 1:
        _walk_by(-len(here.steps))


def walk_pointer(here: Walk) -> None:
    """Draw the one pointer: back, forward, play, the phases, and a slider over all steps."""
    last = len(here.steps) - 1
    at = here.place.pointer
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.button(
            "Back",
            icon=":material/arrow_back:",
            on_click=_walk_by,
            args=(-1,),
            disabled=at == 0,
            key="walk_back",
            help="Undo one operation of the forward or backward pass.",
        )
        st.button(
            "Next",
            icon=":material/arrow_forward:",
            on_click=_walk_by,
            args=(1,),
            disabled=at == last,
            key="walk_next",
            type="primary",
            help="Do the next operation of the forward or backward pass.",
        )
        st.button(
            "Pause" if state.get("walk_play") else "Play",
            icon=":material/pause:" if state.get("walk_play") else ":material/play_arrow:",
            on_click=_play,
            key="walk_play_button",
            help="Take a step about every second.",
        )
        st.space("small")
        for phase, first in phase_starts(here).items():
            st.button(
                phase.capitalize(),
                on_click=_walk_to_step,
                args=(first,),
                key=f"walk_to_{phase}",
                type="secondary" if here.step.phase != phase else "primary",
                help=f"Go to the first step of this phase: {PHASE_HELP[phase]}",
            )
    state.walk_pointer = at + 1
    with st.container(key=SCRUB):
        live_slider(
            state,
            "Step",
            key="walk_pointer",
            value=at + 1,
            low=1,
            high=last + 1,
            whole=True,
            help="Drag it: the picture follows your hand.",
            on_change=lambda value, _: _walk_to_step(int(value) - 1),
        )


SCRUB = "walk_scrub"
"""The place of the slider over all steps; the graph listens to it."""

PHASE_HELP = {
    "forward": "from the inputs to the outputs.",
    "loss": "how wrong the outputs are.",
    "backward": "from the loss back to every weight.",
    "update": "each weight takes its step.",
}


CHANGES: tuple[tuple[str, str, tuple[str, ...] | None], ...] = (
    ("walk_value", "value", None),
    ("walk_sample", "sample", None),
    ("walk_what", "what", WHAT),
    ("walk_detail", "detail", DETAILS),
    ("walk_update", "update", None),
    ("walk_restart", "restart", None),
)
"""The controls that change a walk, what the browser asks for when one is used, and the answers to choose from."""


def walk_graph(here: Walk) -> None:
    """Draw the network; a click on a value goes there, a click on a weight selects it."""
    key = "walk_graph"
    moves: dict[str, Any] = {"walk_back": {"by": -1}, "walk_next": {"by": 1}}
    moves |= {f"walk_to_{phase}": {"to": first} for phase, first in phase_starts(here).items()}
    data = graph(here, colours()) | {
        "play": PLAY_PAUSE if state.get("walk_play") else 0,
        "moves": moves,
        "changes": {name: (what, choices) for name, what, choices in CHANGES},
        "ask": walk_desk.address(state[VISITOR_KEY]),
        "slider": SCRUB,
    }
    components.graph(
        key=key,
        data=data,
        on_pick_change=lambda: pick(key),
        on_tick_change=lambda: _tick(key),
        on_at_change=lambda: _at(key),
    )


def walk_parts(here: Walk) -> dict[str, dict[str, Any]]:
    """Return the views of the present step by name, to be drawn with `walk_part` and `walk_matrices`."""
    return parts(here, colours())


def walk_matrices(part: dict[str, Any]) -> None:
    """Draw the matrices of the present step; they are clicked like the graph."""
    key = "walk_matrices"
    components.matrices(key=key, data=part, on_pick_change=lambda: pick(key))


def walk_weight(here: Walk) -> None:
    """Draw the choice of one weight, and a field for another value of it."""
    names = [str(ref) for ref in here.setup.network.refs()]
    left, right = st.columns(2)
    state.walk_weight = here.place.weight
    left.selectbox(
        "Weight",
        names,
        key="walk_weight",
        on_change=lambda: _select(state.walk_weight),
        help="Also: click a line of the graph or a cell of a matrix.",
    )
    state.walk_value = here.number(here.place.weight)
    number_box(
        "walk_value",
        "Its value",
        right,
        ends=(-WEIGHT_REACH, WEIGHT_REACH),
        step=None,
        format="%.4g",
        then=lambda: _change(lambda here: edited(here.place, here.setup, state.walk_value)),
        help="Type another value and see everything follow.",
    )


def update_button(here: Walk) -> None:
    """Draw the button that takes one step of gradient descent; locked until the backward pass has arrived."""
    left, right, _ = st.columns([2, 2, 3])
    left.button(
        "Update all weights",
        icon=":material/lock_open:" if here.arrived else ":material/lock:",
        type="primary",
        disabled=not here.arrived,
        on_click=lambda: _change_both(lambda here: here.after_update()),
        key="walk_update",
        help="One step of gradient descent: every weight minus the learning rate times its gradient. "
        "It unlocks when the backward pass has reached the first layer.",
    )
    right.button(
        "Back to the first weights",
        help="Undo every update and every typed value: the initial parameters again.",
        on_click=lambda: _change_both(lambda here: opening(here.setup, here.whole, here.detail)),
        key="walk_restart",
        disabled=here.place.vector == tuple(here.setup.start.to_vector().tolist()),
    )
