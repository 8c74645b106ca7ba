"""The stage: the surface, the contour and the loss curve of one computation, with one clock.

nnlib computes, the browser draws. A stage is two mounted pieces. The first carries the surface; Streamlit does not send
an unchanged message twice, so a new path costs only the second piece, which carries the runs. Both travel as one value
of the message: Streamlit looks at every value beside it for a table, which takes longer than making them.
"""

from collections.abc import Callable, MutableMapping, Sequence
from typing import Any

from dashboard.components import assets
from dashboard.scene import Look, Point, Run, Surface, pack_runs, pack_surface, read_start


def ground(surface: Surface, key: str) -> None:
    """Mount the first piece of a stage, the surface. It shows nothing itself and takes no room."""
    _mount(f"{key}:surface", pack_surface(surface, key))


def film(messages: Sequence[dict[str, Any]], key: str) -> None:
    """Mount a film of surfaces, which arrives part by part after the stage is drawn."""
    for place, message in enumerate(messages):
        _mount(f"{key}:film{place}", message)


def view(
    state: MutableMapping[str, Any],
    key: str,
    surface: Callable[[], Surface | None],
    on_start: Callable[[Point], None],
    **opening: Any,
) -> None:
    """Draw a stage whose runs come with the follower of its part of the page (`follow` of live_slider.py).

    `on_start` is called with the point of the present `surface` that a person clicks; `opening` are the settings of
    `pack_runs` that say which groups it belongs to and where its camera stands.
    """
    part = f"{key}:stage"

    def started() -> None:
        mine, present = state.get(part), surface()
        point = present and read_start(mine.get("start") if isinstance(mine, dict) else None, present)
        if point is not None:
            on_start(point)

    assets.component("stage")(
        key=part, data={"piece": {"kind": "view", "stage": key} | opening}, on_start_change=started
    )


def addressed(message: dict[str, Any], key: str) -> dict[str, Any]:
    """Return a message of runs for the stage of that key."""
    return message | {"stage": key, "plotly": assets.plotly_address()}


def _mount(key: str, piece: dict[str, Any]) -> None:
    assets.component("stage")(key=key, data={"piece": piece}, height="content")


def stage(
    state: MutableMapping[str, Any],
    key: str,
    surface: Surface,
    runs: Sequence[Run],
    *,
    names: tuple[str, str],
    light: Look,
    dark: Look,
    on_start: Callable[[Point], None] | None = None,
    **settings: Any,
) -> None:
    """Draw the stage, whose surface `ground` has mounted; `state` is the session's.

    `on_start` is called with the point that a person clicks; `settings` are those of `pack_runs`.
    """
    part = f"{key}:stage"

    def started() -> None:
        mine = state.get(part)
        point = read_start(mine.get("start") if isinstance(mine, dict) else None, surface)
        if point is not None and on_start is not None:
            on_start(point)

    message = pack_runs(
        runs,
        surface,
        names=names,
        light=light,
        dark=dark,
        can_start=on_start is not None,
        **settings,
    )
    assets.component("stage")(key=part, data={"piece": addressed(message, key)}, on_start_change=started)
