"""Answers between two runs: the browser asks for a walk that a page has just shown, at another place.

Streamlit answers a change by a run of the page's script, and the browser then goes through the whole page. For a graph
that follows the hand this is too slow, so the walks shown last stay here for a while, each under a name that only its
visitor knows. What comes back is what the run will say a moment later; where there is no answer, the run's is awaited.
"""

import json
from collections import OrderedDict
from threading import Lock

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from dashboard.components import assets
from dashboard.theme import Tokens
from dashboard.walk import Walk
from dashboard.walk_parts import answer, asked
from dashboard.walk_views import drawing_name

MOST_WALKS = 64
"""How many walks are kept for all visitors together; the one asked for longest ago is dropped."""


class Desk:
    """The walks that were shown last, by their visitor's name and their own; many threads may use it at once."""

    def __init__(self, most: int) -> None:
        self._most, self._lock = most, Lock()
        self._walks: OrderedDict[tuple[str, str], tuple[Walk, Tokens]] = OrderedDict()

    def lay(self, visitor: str, walk: Walk, colours: Tokens) -> None:
        """Keep a walk for a visitor."""
        with self._lock:
            key = visitor, drawing_name(walk)
            self._walks[key] = walk, colours
            self._walks.move_to_end(key)
            while len(self._walks) > self._most:
                self._walks.popitem(last=False)

    def find(self, visitor: str, name: str) -> tuple[Walk, Tokens] | None:
        """Return a visitor's walk of that name with its colours, or None."""
        with self._lock:
            return self._walks.get((visitor, name))


DESK = Desk(MOST_WALKS)


def address(visitor: str) -> str | None:
    """Return where a visitor's browser may ask, or None if no route answers."""
    return assets.address(f"walk/{visitor}") if assets.served() else None


def routes() -> list[BaseRoute]:
    """Return the route that answers."""
    return [Route(assets.address("walk/{visitor}"), _answer)]


def _answer(request: Request) -> Response:
    """Answer with all views of the place that is asked for, and with the drawing if the numbers are others."""
    visitor, question = request.path_params["visitor"], dict(request.query_params)
    found = DESK.find(visitor, question.get("of", ""))
    if found is None:
        return Response(status_code=404)
    walk, colours = found
    try:
        there, graph = asked(walk, question), question["graph"]
    except (KeyError, ValueError):
        return Response(status_code=400)
    # It is there before it is worked out, so that the page's run need not do the same work.
    DESK.lay(visitor, there, colours)
    told = answer(there, colours, graph)
    if told["of"] == question["of"]:
        del told["drawing"]
    return Response(json.dumps(told), media_type="application/json", headers={"Cache-Control": "no-store"})
