"""Every page with every choice that it offers, and after a run that diverged: no exception, and no bare "nan"."""

import re
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from dashboard.controls.session import REST_KEY
from dashboard.scenario import CHOICES, PAGE_CHOICES
from tests.screen import assert_alive, assert_no_bare_nan, texts

MAIN = Path(__file__).parents[1] / "dashboard" / "main.py"
PAGES = sorted(path.stem for path in (MAIN.parent / "app_pages").glob("[a-z]*.py"))
DRAWN = {  # what shows that a page was drawn to its end
    "home": ("Learn far too fast",),
    "chain_rule": ("Put a step in",),
    "backpropagation": ("Back to the first weights", "How far can the check be trusted?"),
    "learning_rate": ("Five times the limit",),
    "slices": ("Look along the path itself",),
    "share": ("Reset everything",),
    "training_room": ("Fit a sine",),
}


def open_page(name, **values):
    app = AppTest.from_file(str(MAIN), default_timeout=120)
    if name != "home":
        app.switch_page(f"app_pages/{name}.py")
    for field, value in {"steps": 60, "resolution": 21, **values}.items():
        app.query_params[field] = str(value)
    app.run()
    assert app.session_state["steps"] == 60
    assert_drawn(app, name)
    return app


def assert_drawn(app, name):
    assert_alive(app)
    assert_no_bare_nan(app)
    labels = {thing.label for thing in (*app.button, *app.expander)}
    assert labels & {*DRAWN[name]}, "the page ends early"


def offered(app):
    return [*app.main.selectbox, *app.main.segmented_control, *app.main.toggle]


def options_of(control):
    """Return what it can be set to; of a long list that is no registry, such as the weights, both ends."""
    if control.type == "toggle":
        return [not control.value, control.value]
    if control.type == "selectbox":
        places = range(len(control.options))
        return places if control.key and control.key.startswith("chain_kind") else places[:: max(1, len(places) - 1)]
    return PAGE_CHOICES[control.key]


def all_options(app):
    """Take every option of every list, row of buttons and switch of the page's own; yield after each.

    What an option draws may hold further choices; they are taken too, once each.
    """
    seen = set()
    while left := [w for w in offered(app) if (w.key or w.label) not in seen]:
        name = left[0].key or left[0].label
        seen.add(name)
        for option in options_of(left[0]):
            one = next(w for w in offered(app) if (w.key or w.label) == name)
            if one.type == "selectbox":
                one.select_index(option).run()
            else:
                one.set_value(option).run()
            yield
            if not app.title:  # only a part of the page was drawn anew
                app.run()


def test_the_pages_are_those_of_the_app():
    assert sorted(DRAWN) == PAGES


@pytest.mark.parametrize("name", PAGES)
def test_every_choice_of_every_registry_on_every_page(name):
    app = open_page(name)
    opening = {field: app.session_state[field] for field in CHOICES}
    for field, choices in CHOICES.items():
        for choice in choices:
            app.selectbox(key=field).set_value(choice).run()
            if app.session_state[REST_KEY]:
                app.run()  # a browser asks for the rest of the page once it has shown the first part
            assert_drawn(app, name)
        app.selectbox(key=field).set_value(opening[field])


@pytest.mark.parametrize("name", [name for name in PAGES if name != "share"])  # nothing is computed there
def test_every_choice_that_a_page_offers_works_with_a_run_that_diverges(name):
    # Identity has no bounds, so at a large rate the numbers grow until floating point ends.
    app = open_page(name, activation="identity", lr=1000.0, lab_case="network", lab_rate=1000.0)
    said = []
    for _ in all_options(app):
        assert_drawn(app, name)
        said += [
            text for text in texts(app) if re.search(r"(diverged|[Ss]topped).* at step \d|diverged. At step \d", text)
        ]
    assert said or name == "chain_rule"


@pytest.mark.parametrize("name", PAGES)
def test_every_control_says_what_it_does(name):
    app = open_page(name)
    kinds = (
        "button",
        "slider",
        "number_input",
        "selectbox",
        "segmented_control",
        "toggle",
        "text_input",
        "multiselect",
    )
    drawn = [control for kind in kinds for control in app.get(kind)]
    assert len(drawn) > 10
    assert [control.label for control in drawn if not control.proto.help] == []
