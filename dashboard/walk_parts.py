"""All views of a Walk, as the page shows them and as the browser asks for them between two runs. Pure.

A part is one place of the page. It says which step of which walk it shows, or which weight (`at`), so that the browser
never shows two steps side by side.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from dashboard import figures_backprop, walk_views
from dashboard.theme import Tokens
from dashboard.walk import WEIGHT_REACH, WHAT, Walk, edited, moved, opening, seen_otherwise
from nnlib.trace import DETAILS

Block = dict[str, Any]
"""A piece of a page by its kind: words, caption, formula, table, warning or badges."""


def parts(walk: Walk, colours: Tokens) -> dict[str, dict[str, Any]]:
    """Return every view of the present step by its name, but for the graph."""
    made = {
        "words": {"blocks": _words(walk)},
        "formula": {"blocks": _calculation(walk, colours)},
        "curve": figures_backprop.activation_curve(walk, colours),
        "badges": {"blocks": [{"badges": [vars(badge) for badge in walk_views.badges(walk)]}]},
        "matrices": walk_views.matrices(walk, colours),
        "update": {"blocks": [{"words": walk_views.update_words(walk)}]},
        "weight": {"blocks": _weight(walk, colours)},
    }
    of, place = walk_views.drawing_name(walk), walk.place
    step = {"with": "step", "at": f"{of} {place.pointer} {place.weight}"}
    weight = {"with": "weight", "at": f"{of} {place.weight}"}
    look = {"look": colours.paper, "colours": walk_views.palette(colours)}
    return {name: look | part | {"part": name} | (weight if name == "weight" else step) for name, part in made.items()}


def _words(walk: Walk) -> list[Block]:
    here = f"**{walk_views.position(walk)}: {walk_views.math_name(walk.step.name)}.**"
    captions = [{"caption": message} for message in walk_views.aggregate_words(walk)]
    return [{"words": f"{here} {walk_views.step_words(walk.step)}"}, *captions]


def _calculation(walk: Walk, colours: Tokens) -> list[Block]:
    """The present step: formula, numbers, value, and the terms of its sum."""
    slope, words = walk_views.slope_line(walk), walk_views.batch_words(walk)
    table, warning = walk_views.terms(walk), walk_views.zero_words(walk)
    return [
        {"formula": [walk_views.formula(walk, colours)]},
        *([{"formula": [slope]}] if slope else []),
        *([{"words": words}] if words else []),
        *([{"table": table}] if table else []),
        *([{"warning": warning}] if warning else []),
    ]


def _weight(walk: Walk, colours: Tokens) -> list[Block]:
    """The selected weight: its product of factors, every path, and its row."""
    table = walk_views.paths_table(walk, colours)
    return [
        {"formula": walk_views.product_formulas(walk)},
        *([{"table": table}] if table else []),
        {"words": walk_views.paths_words(walk)},
        {"table": walk_views.weight_row(walk)},
    ]


def answer(walk: Walk, colours: Tokens, graph: str) -> dict[str, Any]:
    """Return all views of a walk for the browser, with the drawing for the graph of that name."""
    drawing = walk_views.graph(walk, colours)
    return {
        "of": drawing["of"],
        "step": walk.place.pointer,
        "selected": walk.place.weight,
        "drawing": drawing | {"graph": graph},
        "parts": parts(walk, colours),
    }


def asked(walk: Walk, question: Mapping[str, str]) -> Walk:
    """Return the walk that a question names: the place it tells, and then one change, if it tells any.

    ValueError for a question that is none.
    """
    step, change = int(question["step"]), {key: question[key] for key in CHANGES if key in question}
    place = replace(walk.place, weight=walk.picked(question["weight"]).weight)
    here = walk.went_on(moved(place, step - place.pointer, len(walk.steps)))
    if len(change) > 1:
        raise ValueError("one change at a time")
    for key, value in change.items():
        here = CHANGES[key](here, value)
    return here


def _typed(walk: Walk, text: str) -> Walk:
    value = float(text)
    if not abs(value) <= WEIGHT_REACH:
        raise ValueError(f"a weight is at most {WEIGHT_REACH}, got {text}")
    return walk.went_on(edited(walk.place, walk.setup, value))


def _sample(walk: Walk, text: str) -> Walk:
    sample = int(text) - 1
    if not 0 <= sample < len(walk.setup.X):
        raise ValueError(f"there is no sample {text}")
    return seen_otherwise(walk, sample=sample)


def _detail(walk: Walk, text: str) -> Walk:
    return seen_otherwise(walk, detail=DETAILS[DETAILS.index(text)])


CHANGES = {
    "value": _typed,
    "sample": _sample,
    "what": lambda walk, text: seen_otherwise(walk, whole=WHAT.index(text) == 1),
    "detail": _detail,
    "update": lambda walk, _: walk.went_on(walk.after_update()),
    "restart": lambda walk, _: walk.went_on(opening(walk.setup, walk.whole, walk.detail)),
}
"""What a question can change, by name: the weight's value, the sample, and so on."""
