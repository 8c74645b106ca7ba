"""What the browser may ask between two runs of the backpropagation page, and what it is told."""

import json
from urllib.parse import urlencode

import numpy as np
import pytest
from starlette.requests import Request

from dashboard import walk_desk
from dashboard.components import assets
from dashboard.scenario import Scenario
from dashboard.theme import LIGHT
from dashboard.walk import WHAT, Walk, edited, opening, setup_of
from dashboard.walk_desk import Desk
from dashboard.walk_parts import CHANGES, asked, parts
from dashboard.walk_views import drawing_name, graph

SETUP = setup_of(Scenario(), "sigmoid")


@pytest.fixture
def walk():
    return Walk(SETUP, opening(SETUP, False, "neuron"), 0, False, "neuron")


@pytest.fixture
def desk(monkeypatch):
    monkeypatch.setattr(walk_desk, "DESK", Desk(8))
    return walk_desk.DESK


def question(walk, **more):
    named = {"graph": "walk_graph", "of": drawing_name(walk), "step": walk.place.pointer, "weight": walk.place.weight}
    return {name: str(value) for name, value in (named | more).items()}


def ask(visitor, said):
    (route,) = walk_desk.routes()
    scope = {"type": "http", "path_params": {"visitor": visitor}, "query_string": urlencode(said).encode()}
    answer = route.endpoint(Request(scope))
    return answer.status_code, json.loads(answer.body) if answer.body else None


def as_sent(thing):
    return json.loads(json.dumps(thing))


def test_every_step_is_answered_with_the_parts_that_the_page_would_draw(walk, desk):
    desk.lay("me", walk, LIGHT)
    for pointer in range(len(walk.steps)):
        status, told = ask("me", question(walk, step=pointer, weight="W2[2,3]"))
        there = walk.went_on(walk.at(pointer).picked("W2[2,3]"))
        assert status == 200
        assert (told["of"], told["step"], told["selected"]) == (drawing_name(walk), pointer, "W2[2,3]")
        assert told["parts"] == as_sent(parts(there, LIGHT))
        assert "drawing" not in told


@pytest.mark.parametrize(
    ("change", "value"),
    [("value", "0.25"), ("sample", "7"), ("what", WHAT[1]), ("detail", "matrix"), ("update", ""), ("restart", "")],
)
def test_a_change_is_answered_with_the_drawing_of_the_new_numbers(walk, desk, change, value):
    changed = walk.went_on(edited(walk.at(walk.last_backward).place, SETUP, 3.0))
    desk.lay("me", changed, LIGHT)
    status, told = ask("me", question(changed, **{change: value}))
    there = {
        "value": lambda: changed.went_on(edited(changed.place, SETUP, 0.25)),
        "sample": lambda: Walk(SETUP, changed.place, 6, False, "neuron"),
        "what": lambda: Walk(SETUP, changed.place, 0, True, "neuron"),
        "detail": lambda: Walk(SETUP, told_place(changed, told), 0, False, "matrix"),
        "update": lambda: changed.went_on(changed.after_update()),
        "restart": lambda: changed.went_on(opening(SETUP, False, "neuron")),
    }[change]()
    assert status == 200
    assert told["of"] != drawing_name(changed)
    assert told["parts"] == as_sent(parts(there, LIGHT))
    assert told["drawing"] == as_sent(graph(there, LIGHT)) | {"graph": "walk_graph"}
    # The next question may be about the new numbers.
    assert ask("me", question(there))[0] == 200
    assert change in CHANGES


def told_place(walk, told):
    assert walk.step.name.startswith(Walk(SETUP, walk.place, 0, False, "matrix").steps[told["step"]].name)
    return walk.at(told["step"]).place


def test_an_update_is_one_step_of_gradient_descent(walk):
    arrived = walk.at(walk.last_backward)
    updated = asked(arrived, question(arrived, update=""))
    wanted = walk.params - SETUP.lr * walk.backward.gradient
    np.testing.assert_array_equal(updated.params.to_vector(), wanted.to_vector())
    # It stays locked before.
    assert asked(walk, question(walk, update="")).place == walk.place


def test_nobody_is_told_of_another_visitors_walk(walk, desk):
    desk.lay("me", walk, LIGHT)
    assert ask("you", question(walk))[0] == 404
    assert ask("me", question(walk, of="other"))[0] == 404


@pytest.mark.parametrize(
    "nonsense",
    [
        {"step": "x"}, {"step": "1e3"}, {"value": "nan"}, {"value": "inf"}, {"value": "101"}, {"value": ""},
        {"value": "__import__('os')"}, {"sample": "0"}, {"sample": "151"}, {"what": "x"}, {"detail": "x"},
        {"value": "1", "update": ""},
    ],
)  # fmt: skip
def test_a_question_that_is_none_is_refused(walk, desk, nonsense):
    desk.lay("me", walk, LIGHT)
    assert ask("me", question(walk, **nonsense)) == (400, None)


def test_a_place_outside_the_walk_is_brought_into_it(walk, desk):
    desk.lay("me", walk, LIGHT)
    assert ask("me", question(walk, step=10**9))[1]["step"] == len(walk.steps) - 1
    assert ask("me", question(walk, step=-5))[1]["step"] == 0
    assert ask("me", question(walk, weight="W9[1,1]"))[1]["selected"] == walk.place.weight


def test_the_desk_keeps_no_more_than_it_has_room_for(walk):
    desk = Desk(2)
    walks = [walk.went_on(edited(walk.place, SETUP, value)) for value in (1.0, 2.0, 3.0)]
    for each in walks:
        desk.lay("me", each, LIGHT)
    assert desk.find("me", drawing_name(walks[0])) is None
    assert [desk.find("me", drawing_name(each))[0] for each in walks[1:]] == walks[1:]


def test_the_page_asks_nobody_where_no_route_answers(monkeypatch):
    monkeypatch.setattr(assets, "served", lambda: False)
    assert walk_desk.address("me") is None
