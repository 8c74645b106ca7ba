"""A slider that speaks while it is dragged.

Streamlit's own slider sends one value, on release. This one sends the newest value as soon as the page has answered
the one before, so the answer follows the hand and no queue builds up, and it always ends on the last value. Underneath
is the browser's own range input beside a number box, so the keyboard and screen readers work.

While it is dragged it speaks through a part of the page that follows it, if there is one (`follow`), and then only that
part is drawn anew.

The value lives in the session's state under the slider's key, as a plain number that may be set before it is drawn.
"""

import math
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from dashboard.components import assets

Scale = Literal["linear", "log"]


@dataclass(frozen=True)
class Range:
    """What a slider may say: from low to high, on a linear or a logarithmic track, in whole numbers if need be.

    Raises ValueError unless low < high, both finite, and low > 0 on a logarithmic track.
    """

    low: float
    high: float
    scale: Scale = "linear"
    whole: bool = False

    def __post_init__(self) -> None:
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low < self.high):
            raise ValueError(f"a slider needs finite ends with low < high, got {self.low} and {self.high}")
        if self.scale not in ("linear", "log"):
            raise ValueError(f'scale must be "linear" or "log", got {self.scale!r}')
        if self.scale == "log" and self.low <= 0:
            raise ValueError(f"a logarithmic slider needs low > 0, got {self.low}")

    def clamp(self, value: Any) -> float | None:
        """Return the nearest allowed number, or None for anything that is no number."""
        if isinstance(value, bool) or not isinstance(value, int | float) or value != value:
            return None
        value = min(max(value, self.low), self.high)
        return float(min(max(round(value), math.ceil(self.low)), math.floor(self.high)) if self.whole else value)


@dataclass(frozen=True)
class Sent:
    """One message of the browser: the value, its number in the sequence, and whether the hand has let go."""

    value: float
    number: int
    final: bool


def read(message: Any, allowed: Range) -> Sent | None:
    """Return what the browser sent, brought within the range; None for anything that is not such a message."""
    if not isinstance(message, dict):
        return None
    value, number = allowed.clamp(message.get("value")), message.get("number")
    if value is None or isinstance(number, bool) or not isinstance(number, int) or not 0 <= number < 2**53:
        return None
    return Sent(value, number, message.get("final") is True)


def live_slider(
    state: MutableMapping[str, Any],
    label: str,
    *,
    key: str,
    value: float,
    low: float,
    high: float,
    scale: Scale = "linear",
    step: float | None = None,
    whole: bool = False,
    unit: str = "",
    help: str | None = None,
    marks: Sequence[tuple[float, str]] = (),
    disabled: bool = False,
    on_change: Callable[[float, bool], None] | None = None,
) -> float:
    """Draw the slider and return its value: `state[key]` in the session's state, `value` if there is none yet.

    `step` is the distance of two stops of a linear track (a hundredth of it if None); the number box takes any number
    in between. `marks` are values with a short label, drawn below the track, to which the thumb snaps. `on_change` is
    called with each new value and whether the hand has let go. Raises ValueError for a range that is none.
    """
    allowed = Range(low, high, scale, whole)
    part = f"{key}:slider"
    present = allowed.clamp(state.get(key, value))
    state[key] = allowed.clamp(value) if present is None else present

    def changed() -> None:
        sent = read(_message(state, part), allowed)
        if sent is not None:
            state[key] = sent.value
            if on_change is not None:
                on_change(sent.value, sent.final)

    sent = read(_message(state, part), allowed)
    assets.component("live_slider")(
        key=part,
        data={
            "slider": {
                "label": label,
                "value": state[key],
                "low": low,
                "high": high,
                "scale": scale,
                "step": 1 if whole else step,
                "unit": unit,
                "help": help or "",
                "marks": [{"value": float(at), "label": text} for at, text in marks if low <= at <= high],
                "disabled": disabled,
                "key": part,
                "heard": sent.number if sent else 0,
            }
        },
        on_sent_change=changed,
    )
    return float(state[key])


@dataclass(frozen=True)
class Follower:
    """What a followed slider may say, and what is done with a value: `moved` is called as a slider's own `on_change`.

    `wholly` if nothing outside the part depends on the slider, so that its last value too needs no more than the part.
    """

    allowed: Range
    moved: Callable[[float, bool], None]
    wholly: bool = False


def follow(
    state: MutableMapping[str, Any],
    key: str,
    sliders: Mapping[str, Follower],
    brings: Sequence[dict[str, Any]] = (),
    rest: Callable[[], None] | None = None,
) -> None:
    """Let the part of the page that is being drawn follow sliders outside it, by their keys, while they are dragged.

    `brings` are the runs for the stages that change with it: as one message, since while dragging each message counts.
    With `rest` the part was drawn before the rest of the page: the browser gives the sliders their present values, and
    once it has shown the part, `rest` is called.
    """
    parts = {f"{name}:slider": follower for name, follower in sliders.items()}

    def slid() -> None:
        name, sent = read_slide(_message(state, key, "slide"), parts)
        if sent is not None:
            parts[name].moved(sent.value, sent.final)

    last, sent = read_slide(_message(state, key, "slide"), parts)
    data = {
        "heard": {name: sent.number if sent and name == last else 0 for name in parts},
        "wholly": [name for name, follower in parts.items() if follower.wholly],
        "ahead": {f"{name}:slider": state[name] for name in sliders} if rest else None,
    }
    assets.component("live_slider")(
        key=key,
        data={"follow": data, "brings": {"stages": list(brings)}},
        height="content",
        on_slide_change=slid,
        on_rest_change=rest or (lambda: None),
    )


def read_slide(message: Any, parts: Mapping[str, Follower]) -> tuple[str, Sent | None]:
    """Return which slider spoke to a follower and what it said, brought within its range; None if that is nothing."""
    name = message.get("slider") if isinstance(message, dict) else None
    if not isinstance(name, str) or name not in parts:
        return "", None
    return name, read(message, parts[name].allowed)


def _message(state: MutableMapping[str, Any], part: str, what: str = "sent") -> Any:
    mine = state.get(part)
    return mine.get(what) if isinstance(mine, dict) else None
