"""The learning-rate lab and the honest slice without a browser."""

import json
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

PAGES = Path(__file__).parents[1] / "dashboard"
MAIN = str(PAGES / "main.py")


def open_page(name, **values):
    app = AppTest.from_file(MAIN, default_timeout=60)
    app.run()
    app.switch_page(f"app_pages/{name}.py")
    for field, value in values.items():
        app.session_state[field] = value
    app.run()
    assert not app.exception, app.exception[0].message
    return app


def text(app):
    return "\n".join(block.value for block in (*app.markdown, *app.header, *app.caption, *app.error))


def message(app, key, kind="runs"):
    found = [json.loads(part.proto.json or "{}").get("piece") for part in app.get("bidi_component")]
    return next(m for m in found if m and m["stage"] == key and m["kind"] == kind)


def test_the_lab_opens_on_the_bowl_where_every_prediction_comes_true():
    app = open_page("learning_rate")
    table = app.table[0].value
    assert list(table["predicted"]) == list(table["observed"])
    assert list(table["observed"]) == ["no overshoot", "no overshoot", "no overshoot", "cannot settle"]
    runs = message(app, "rates")["runs"]
    assert len(runs) == 4
    assert len({run["dash"] for run in runs}) == 4
    labels = [run["label"] for run in message(app, "optimizers")["runs"]]
    assert labels == [
        "Gradient descent, rate 4.832",
        "Momentum, rate 0.4832",
        "Nesterov, rate 0.4832",
        "RMSProp, rate 0.4041",
        "Adam, rate 0.4041",
    ]


def test_far_beyond_the_limit_the_lab_says_where_it_stopped():
    app = open_page("learning_rate")
    next(b for b in app.button if b.label == "Five times the limit").click().run()
    assert not app.exception
    assert "was stopped at step" in app.error[0].value
    assert "9-fold" in app.error[0].value


def test_a_sigmoid_net_gets_no_prediction_and_the_reason():
    app = open_page("learning_rate", lab_case="network")
    assert "Sigmoid outputs stay finite at any rate" in text(app)
    assert set(app.table[0].value["predicted"]) == {"no prediction"}


@pytest.mark.parametrize(
    ("mode", "plane", "words"),
    [
        ("freeze", "weights", "every point of the path lies on the surface"),
        ("reslice", "weights", "surfaces of 1,681 points"),
        ("first", "weights", "the marker floats"),
        ("first", "random", "of the path's movement"),
        ("freeze", "path", "of the path's movement"),
    ],
)
def test_each_way_to_be_honest_is_explained_with_its_numbers(mode, plane, words):
    app = open_page("slices", slice_mode=mode, slice_plane=plane, steps=150)
    assert words in text(app)
    sent = message(app, "slice")
    assert sent["mode"] == (mode if plane == "weights" else "first")
    assert sent["surface"] == message(app, "slice", "surface")["hash"]
