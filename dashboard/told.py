"""Things that change along a walk, told for all its steps at once. Pure.

A walk shows the same boxes at every step; only some of their words and marks change. A thing that changes is written
{"told": [[0, "a dot"], [7, "0.5"]]}: a dot at first, 0.5 from step 7 on. The browser that has been told all steps can
draw any of them without asking.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any


def told(changes: Iterable[tuple[int, Any]]) -> Any:
    """Return what begins with the first change and follows the others; the thing itself if it never changes."""
    kept: list[list[Any]] = []
    for start, thing in changes:
        if kept and kept[-1][0] == start:
            kept.pop()
        if not kept or kept[-1][1] != thing:
            kept.append([start, thing])
    return kept[0][1] if len(kept) == 1 else {"told": kept}


def at_step(thing: Any, step: int) -> Any:
    """Return a thing as it is at a step, with everything inside it."""
    if isinstance(thing, list):
        return [at_step(part, step) for part in thing]
    if not isinstance(thing, dict):
        return thing
    if "told" in thing:
        return next(what for start, what in reversed(thing["told"]) if start <= step)
    return {name: at_step(part, step) for name, part in thing.items()}


def together(join: Callable[..., Any], *things: Any) -> Any:
    """Return what `join` makes of several things at every step."""
    starts = {start for t in things if isinstance(t, dict) for start, _ in t["told"]}
    return told((start, join(*(at_step(t, start) for t in things))) for start in sorted({0, *starts}))


def film(stills: Sequence[Any]) -> Any:
    """Return the one thing that looks at every step as the still of that step; all stills have the same parts."""
    first = stills[0]
    if isinstance(first, dict):
        return {name: film([still[name] for still in stills]) for name in first}
    if isinstance(first, list):
        return [film(parts) for parts in zip(*stills, strict=True)]
    return told(enumerate(stills))
