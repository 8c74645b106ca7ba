"""Random clicks for a long time, to see whether the server's memory stays flat.

Run it from the project's folder: `python benchmarks/soak.py [minutes]`. A few visitors press whatever they find on
every page, come and go. The first third fills caches and sessions; after that the memory should not grow.
"""

import json
import random
import sys
import time
from typing import Any

import numpy as np
from harness import Server, served, table
from load import Guest
from streamlit.proto.WidgetStates_pb2 import WidgetState

N_GUESTS = 4
STAY = 40
"""Clicks until a visitor leaves and another comes."""


def click(guest: Guest, dice: random.Random, turn: int) -> None:
    """Do one random thing to the page: a widget of any kind, or a change of page."""
    if dice.random() < 0.1 and guest.pages:
        guest.page = dice.choice(guest.pages)
        guest.elements.clear()
        guest.states.clear()
        guest.run()
        return
    widget, (kind, part) = dice.choice(list(guest.elements.items()))
    value = VALUES.get(kind, lambda *_: None)(part, dice, turn)
    if getattr(part, "disabled", False) or value is None:
        guest.run()
    elif kind == "button":
        guest.run(WidgetState(id=widget, **value))
    else:
        guest.set(widget, **value)


def _number(part: Any, dice: random.Random, _: int) -> dict[str, Any] | None:
    # Steps stay few: it is many small runs that are wanted here, not a few long ones.
    low = part.min if part.has_min else 0
    high = min(part.max if part.has_max else 100, 300)
    value = dice.uniform(low, max(low, high))
    return {"double_value": value if "%" in part.format and part.data_type else round(value)}


def _ours(part: Any, dice: random.Random, turn: int) -> dict[str, Any] | None:
    data = json.loads(part.json).get("slider") if part.json else None
    if not isinstance(data, dict):
        return None
    value = dice.uniform(data["low"], min(data["high"], 100))
    return {"json_value": json.dumps({"sent": {"value": value, "number": turn + 1, "final": dice.random() < 0.5}})}


def _slider(part: Any, dice: random.Random, _: int) -> dict[str, Any]:
    if part.options:
        return {"string_array_value": {"data": [dice.choice(list(part.options))]}}
    return {"double_array_value": {"data": [dice.uniform(part.min, part.max)] * len(part.default)}}


VALUES = {
    "slider": _slider,
    "number_input": _number,
    "selectbox": lambda part, dice, _: {"string_value": dice.choice(list(part.options))},
    "checkbox": lambda _, dice, __: {"bool_value": dice.random() < 0.5},
    "button_group": lambda part, dice, _: {"string_array_value": {"data": [dice.choice(part.options).content]}},
    "button": lambda *_: {"trigger_value": True},
    "bidi_component": _ours,
}


def soak(server: Server, seconds: float, dice: random.Random) -> tuple[list[tuple[float, float]], int, int]:
    """Return the memory over time, the number of clicks, and how many showed an exception."""
    began, clicks, errors, samples = time.monotonic(), 0, 0, []
    guests = [Guest(server.url) for _ in range(N_GUESTS)]
    while (now := time.monotonic() - began) < seconds:
        for place in range(N_GUESTS):
            if clicks % (STAY * N_GUESTS) == place * STAY:
                guests[place].close()
                guests[place] = Guest(server.url, f"seed={dice.randrange(10_000)}")
            click(guests[place], dice, clicks)
            clicks += 1
            errors += guests[place].errors
            guests[place].errors = 0
        samples.append((now, server.memory()))
    return samples, clicks, errors


def main(minutes: float) -> None:
    """Print the memory in each tenth of the time, and how fast it grew in the last two thirds."""
    with served("dashboard/main.py") as server:
        samples, clicks, errors = soak(server, 60 * minutes, random.Random(1))  # noqa: S311 (made-up clicks)
    at, memory = np.array(samples).T
    tenths = np.minimum((at / (60 * minutes) * 10).astype(int), 9)
    rows = [
        [f"{minutes * (k + 1) / 10:.1f}", f"{np.median(memory[tenths == k]):.0f}"]
        for k in range(10)
        if (tenths == k).any()
    ]
    print(table(["minute", "RSS MB"], rows))
    late = at > at[-1] / 3
    slope = np.polyfit(at[late] / 60, memory[late], 1)[0]
    print(f"\n{clicks} clicks, {errors} with an exception; in the last two thirds {slope:+.2f} MB a minute.")


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 30)
