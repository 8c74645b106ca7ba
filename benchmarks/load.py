"""Many visitors at once: 1, 10, 25, 50 and 100 sessions, each with one change a second, over raw WebSockets.

Run it from the project's folder: `python benchmarks/load.py [most sessions]`. The app and a bare Streamlit page (a
slider and a surface of 101 x 101 points) are served one after the other with the same settings; clients and server
share the machine. Every session has a seed and rates of its own, and every answer is checked to be its own.
"""

import json
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from harness import Server, served, table
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState
from websockets.exceptions import WebSocketException
from websockets.sync.client import connect

SESSIONS = (1, 10, 25, 50, 100)
SECONDS = 15.0
"""How long each number of sessions is kept up."""
PATIENCE = 120.0
"""An answer that takes longer than this many seconds is an error."""


@dataclass
class Guest:
    """A visitor without a browser: sends widget values, follows the address, and keeps what the page holds."""

    url: str
    query: str = ""
    page: str = ""
    elements: dict[str, Any] = field(default_factory=dict)
    pages: list[str] = field(default_factory=list)
    states: dict[str, WidgetState] = field(default_factory=dict)
    fragments: dict[str, str] = field(default_factory=dict)
    kept: set[str] = field(default_factory=set)
    errors: int = 0

    def __post_init__(self) -> None:
        address = self.url.replace("http", "ws") + "/_stcore/stream"
        self.socket = connect(address, subprotocols=["streamlit"], max_size=None, ping_interval=None).__enter__()
        self.run()

    def run(self, *once: WidgetState, fragment: str = "") -> float:
        """Ask for a run, of a part of the page or all of it, with the present values, and some that hold only once.

        Return the seconds until it is over.
        """
        message = BackMsg()
        ask = message.rerun_script
        ask.query_string, ask.page_script_hash, ask.fragment_id = self.query, self.page, fragment
        ask.widget_states.widgets.extend([*self.states.values(), *once])
        ask.cached_message_hashes.extend(self.kept)
        began, began_anew = time.perf_counter(), False
        self.socket.send(message.SerializeToString())
        while True:
            data = self.socket.recv(PATIENCE)
            answer = ForwardMsg()
            answer.ParseFromString(data if isinstance(data, bytes) else data.encode())
            kind = answer.WhichOneof("type")
            if answer.metadata.cacheable and kind != "ref_hash":
                self.kept.add(answer.hash)
            if kind == "new_session":
                self.page = answer.new_session.page_script_hash
                began_anew = False
            elif kind == "page_info_changed":
                self.query = answer.page_info_changed.query_string
            elif kind == "navigation":
                self.pages = [page.page_script_hash for page in answer.navigation.app_pages]
            elif kind == "delta" and answer.delta.WhichOneof("type") == "new_element":
                if not answer.delta.fragment_id and not began_anew:
                    self.fragments.clear()  # a run of the whole page makes its parts anew
                    began_anew = True
                self._keep(answer.delta.new_element, answer.delta.fragment_id)
            # A callback that asks for a part of the page ends one run early and begins another.
            elif kind == "script_finished" and answer.script_finished != ForwardMsg.FINISHED_EARLY_FOR_RERUN:
                return time.perf_counter() - began

    def _keep(self, element: Any, fragment: str) -> None:
        kind = element.WhichOneof("type")
        self.errors += kind == "exception"
        part = getattr(element, kind)
        if getattr(part, "id", ""):
            self.elements[part.id] = (kind, part)
            self.fragments[part.id] = fragment
            if getattr(part, "set_value", False):
                self.states.pop(part.id, None)

    def find(self, end: str) -> str:
        """Return the id of the widget with that key."""
        return next(name for name in self.elements if name.endswith(f"-{end}"))

    def set(self, widget: str, **value: Any) -> float:
        """Change one widget and return how long the run took, of the part of the page that the widget is in."""
        self.states[widget] = WidgetState(id=widget, **value)
        return self.run(fragment=self.fragments.get(widget, ""))

    def close(self) -> None:
        """Leave."""
        self.socket.close()


# --- what a session does ----------------------------------------------------------------------------------------------


def slide(guest: Guest, key: str, part: str, value: float, number: int) -> tuple[float, bool]:
    """Move one of the app's own sliders and let go, as a browser does: the part that follows the slider hears of it.

    Return the time, and whether the answer is this session's own.
    """
    message = {"slider": f"{key}:slider", "value": value, "number": number, "final": True}
    took = guest.set(guest.find(f"{part}:follower"), json_value=json.dumps({"slide": message}))
    answer = json.loads(guest.elements[guest.find(f"{part}:follower")][1].json)
    return took, answer["follow"]["heard"][f"{key}:slider"] == number


def rate(guest: Guest, mine: int, turn: int) -> tuple[float, bool]:
    """Change the learning rate: both networks descend anew."""
    return slide(guest, "lr", "descents", 5 + mine / 100 + turn / 10_000, turn + 1)


def probe(guest: Guest, mine: int, turn: int) -> tuple[float, bool]:
    """Move the probe: two curves are drawn anew, the descents are kept."""
    return slide(guest, "probe", "curves", mine / 100 + turn / 10_000, turn + 1)


def bare(guest: Guest, mine: int, turn: int) -> tuple[float, bool]:
    """Move the bare page's slider: a surface is computed and sent."""
    value = (mine + turn / 100) % 100
    took = guest.set(guest.find("value"), double_array_value={"data": [value]})
    # A chart's id changes with what it shows; the newest is the last.
    chart = json.loads([part for name, (_, part) in guest.elements.items() if name.endswith("-surface")][-1].spec)
    return took, chart["layout"]["title"]["text"] == str(value)


CASES: tuple[tuple[str, str, Callable[[Guest, int, int], tuple[float, bool]]], ...] = (
    ("bare", "benchmarks/bare/chart.py", bare),
    ("app, probe moved", "dashboard/main.py", probe),
    ("app, rate changed", "dashboard/main.py", rate),
)


@dataclass
class Seen:
    """What one number of sessions met with: seconds of every change, errors, answers that were another's."""

    times: list[float] = field(default_factory=list)
    errors: int = 0
    strange: int = 0


def load(server: Server, n: int, change: Callable[[Guest, int, int], tuple[float, bool]]) -> tuple[Seen, float]:
    """Keep n sessions up, each with one change a second or as soon as its last is answered; also return the CPU."""
    seeds = change is not bare
    guests = [Guest(server.url, f"seed={k}" if seeds else "") for k in range(n)]
    seen, lock = Seen(), threading.Lock()
    start = time.perf_counter() + 0.5

    def live(guest: Guest, mine: int) -> None:
        for turn in range(int(SECONDS)):
            # The changes of all sessions are spread over the second.
            time.sleep(max(0.0, start + turn + mine / n - time.perf_counter()))
            if time.perf_counter() > start + SECONDS:
                return
            try:
                took, own = change(guest, mine, turn)
            except (WebSocketException, TimeoutError, OSError):
                with lock:
                    seen.errors += 1
                return
            if seeds:
                own &= guest.elements[guest.find("seed")][1].value == mine or f"seed={mine}" in guest.query.split("&")
            with lock:
                seen.times.append(took)
                seen.strange += not own

    before, began = server.cpu(), time.perf_counter()
    threads = [threading.Thread(target=live, args=(guest, mine)) for mine, guest in enumerate(guests)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    share = (server.cpu() - before) / (time.perf_counter() - began)
    seen.errors += sum(guest.errors for guest in guests)
    for guest in guests:
        guest.close()
    return seen, share


def main(most: int) -> None:
    """Print a table for each case."""
    head = ["case", "sessions", "changes", "p50 ms", "p95 ms", "CPU", "RSS MB", "errors", "another's answer"]
    rows = []
    for name, page, change in CASES:
        for n in (n for n in SESSIONS if n <= most):
            with served(page) as server:
                seen, share = load(server, n, change)
                p50, p95 = (1000 * np.percentile(seen.times, q) for q in (50, 95))
                row = [name, n, len(seen.times), f"{p50:.0f}", f"{p95:.0f}", f"{100 * share:.0f} %"]
                rows.append([str(x) for x in (*row, f"{server.memory():.0f}", seen.errors, seen.strange)])
            print(*rows[-1], sep="\t", file=sys.stderr, flush=True)
    print(table(head, rows))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else SESSIONS[-1])
