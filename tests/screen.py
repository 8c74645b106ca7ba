"""Everything that a page of the app would put on the screen, as text."""

import json
import re

from google.protobuf.message import Message

BARE = re.compile(r"(?<![\w/\\])(?:nan|[+-]?inf(?:inity)?)(?![\w/])", re.IGNORECASE)
"""Not a number, or infinity, as Python, JavaScript and JSON write them."""


def texts(app):
    """Yield every text of every element: labels, Markdown, values, cells of tables, what components are given."""
    for part in (app.main, app.sidebar):
        for node in part:
            if node.type == "code":  # our own source, shown as it is
                continue
            proto = getattr(node, "proto", None)
            if isinstance(proto, Message):
                yield from _strings(proto)
            if node.type in ("table", "dataframe", "arrow_data_frame"):
                yield from map(str, [*node.value.columns, *node.value.to_numpy().ravel()])


def _strings(message):
    for field, value in message.ListFields():
        if field.name in ("js_content", "css_content"):
            continue
        for item in value if _is_list(value) else [value]:
            if isinstance(item, Message):
                yield from _strings(item)
            elif isinstance(item, str):
                yield from _inside(item)
            elif isinstance(item, float) and field.name in ("value", "values", "default"):
                yield str(item)


def _is_list(value):
    return not isinstance(value, str | bytes | Message) and hasattr(value, "__iter__") and not hasattr(value, "items")


def _inside(text):
    """Yield a text, or the texts and numbers in it if it is JSON."""
    if text[:1] not in "{[":
        yield text
        return
    try:
        yield from _leaves(json.loads(text, parse_constant=str))
    except json.JSONDecodeError:
        yield text


def _leaves(value, key=""):
    if isinstance(value, dict):
        for name, inner in value.items():
            yield name
            yield from _leaves(inner, name)
    elif isinstance(value, list):
        for inner in value:
            yield from _leaves(inner, key)
    elif isinstance(value, str) and key != "bdata":  # packed numbers of a figure; what is not a number is not drawn
        yield value


def assert_no_bare_nan(app):
    found = [text for text in texts(app) if BARE.search(text)]
    assert not found, found[:3]


def assert_alive(app):
    assert not app.exception, app.exception[0].message
