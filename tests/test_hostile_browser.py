"""Messages that no component of ours sends, as a hostile browser would: no exception, no state that is out of range."""

import json
from dataclasses import fields

import pytest
from streamlit.proto.WidgetStates_pb2 import WidgetState, WidgetStates

from dashboard.scenario import Scenario
from tests.test_app import MAIN, AppTest, assert_alive

PAGES = ("home", "chain_rule", "backpropagation", "learning_rate", "slices", "training_room", "share")
EVENTS = ("sent", "start", "pick", "tick", "slide")
NUMBERS = [0, -1, 1e308, float("nan"), float("inf"), 10**400, True, "1", None, [], {}]
DEEP = json.loads("[" * 60 + "]" * 60)
WEIRD = [
    *NUMBERS,
    "",
    "\0",
    "W1[99,99]",
    "W1[1,1",
    "dW",
    "MSE",
    "H_in[1]",
    "X[1]",
    "b1[1]; rm",
    "x" * 100_000,
    "<script>alert(1)</script>",
    "../../etc/passwd",
    list(range(50_000)),
    DEEP,
    {"value": {}, "number": []},
    *({"value": value, "number": 5, "final": value} for value in NUMBERS),
    *({"value": 1, "number": value} for value in NUMBERS),
    *({"first": value, "second": 0.5, "surface": "x"} for value in NUMBERS),
    {"first": [1] * 10_000, "second": 1, "surface": None},
]


def send(app, payloads):
    """Run the app with such a message from each of its components, as state and as events."""
    states = WidgetStates()
    states.CopyFrom(app._tree.get_widget_states())
    parts = app.get("bidi_component")
    for part, payload in zip(parts, payloads, strict=False):
        state = json.dumps(dict.fromkeys(EVENTS, payload) | {"junk": payload})
        states.widgets.append(WidgetState(id=part.proto.id, json_value=state))
        events = json.dumps([{"event": event, "value": payload} for event in EVENTS] + [payload])
        name = f"$$STREAMLIT_INTERNAL_KEY_{part.proto.id}__events"
        states.widgets.append(WidgetState(id=name, json_trigger_value=events))
    app._run(states)
    return len(parts)


@pytest.mark.parametrize("page", PAGES)
def test_no_component_message_breaks_a_page(page):
    app = AppTest.from_file(MAIN, default_timeout=60)
    app.query_params.update({"steps": "5", "resolution": "11"})
    if page != "home":
        app.switch_page(f"app_pages/{page}.py")
    app.run()
    assert_alive(app)
    for first in range(0, len(WEIRD), 6):
        n_parts = send(app, [WEIRD[(first + 11 * i) % len(WEIRD)] for i in range(40)])
        assert n_parts >= 2
        assert_alive(app)
        Scenario(**{field.name: app.session_state[field.name] for field in fields(Scenario)})
        assert not any("settings that worked" in block.value for block in app.error)


def test_such_messages_do_reach_the_components():
    app = AppTest.from_file(MAIN, default_timeout=60).run()
    send(app, [{"value": 0.25, "number": 3, "final": True}] * 40)
    assert app.session_state["lr"] == 0.25
