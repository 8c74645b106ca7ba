"""Measures what a change costs, from the hand to the picture, against the least that could be done.

Run it from the project's folder: `python benchmarks/page.py`. Every row is a ratio or a size from one run on one
machine; absolute times depend on the machine and are printed only to be compared within the run.
"""

import json
import shutil
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import harness
from playwright.sync_api import Browser, Page, sync_playwright
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState
from websockets.sync.client import connect

ROOT = Path(__file__).parents[1]
FLAGS = ["--no-sandbox", "--disable-gpu", "--enable-unsafe-swiftshader", "--disable-background-networking"]
READY = "() => document.querySelectorAll('.nn-stage[data-space=ready]').length === 2"
N_CHANGES = 40
N_PRESSES = 25
N_STAGE_PRESSES = 15


@contextmanager
def served(page: str, freeze: bool = True) -> Iterator[str]:
    """Start a page on a free port and give its address."""
    with harness.served(page, freeze) as server:
        yield server.url


# --- the server alone, over its websocket -----------------------------------------------------------------------------


class Visitor:
    """A visitor without a browser: sends widget values and listens until the page's script has finished."""

    def __init__(self, url: str, page: str = "") -> None:
        self.page = page
        address = url.replace("http", "ws") + "/_stcore/stream"
        self.socket = connect(address, subprotocols=["streamlit"], max_size=None).__enter__()
        self.ids: dict[str, str] = {}
        self.states: dict[str, WidgetState] = {}
        self.kept: set[str] = set()
        self.fragments: dict[str, str] = {}
        self.run()

    def run(self, fragment: str = "") -> tuple[float, int]:
        """Ask for a run, of one part of the page if it is named; return how long it took and how many bytes came."""
        message = BackMsg()
        message.rerun_script.query_string = ""
        message.rerun_script.fragment_id = fragment
        message.rerun_script.page_name = self.page
        message.rerun_script.widget_states.widgets.extend(self.states.values())
        message.rerun_script.cached_message_hashes.extend(self.kept)
        began, size = time.perf_counter(), 0
        self.socket.send(message.SerializeToString())
        while True:
            data = self.socket.recv(30)
            size += len(data)
            answer = ForwardMsg()
            answer.ParseFromString(data if isinstance(data, bytes) else data.encode())
            kind = answer.WhichOneof("type")
            if answer.metadata.cacheable and kind != "ref_hash":
                self.kept.add(answer.hash)
            if kind == "delta" and answer.delta.WhichOneof("type") == "new_element":
                element = answer.delta.new_element
                name = element.WhichOneof("type")
                if name in ("slider", "selectbox", "bidi_component"):
                    widget = getattr(element, name).id
                    self.ids[widget.rsplit("-", 1)[-1]] = widget
                    self.fragments[widget] = answer.delta.fragment_id
            # A callback that asks for a part of the page ends one run early and begins another.
            if kind == "script_finished" and answer.script_finished != ForwardMsg.FINISHED_EARLY_FOR_RERUN:
                return time.perf_counter() - began, size

    def set(self, key: str, **value: Any) -> tuple[float, int]:
        """Change one widget and return what the run cost."""
        widget = next(name for end, name in self.ids.items() if end == key)
        self.states[widget] = WidgetState(id=widget, **value)
        return self.run(self.fragments[widget])


Change = tuple[Visitor, str, Callable[[int], dict[str, Any]]]
"""A visitor, the end of a widget's name, and what its k-th change says."""


def round_trips(changes: dict[str, Change]) -> tuple[dict[str, list[float]], dict[str, int]]:
    """Return the times of many changes of one widget each in ms, taken in turn, and the largest number of bytes."""
    times: dict[str, list[float]] = {name: [] for name in changes}
    sizes = dict.fromkeys(changes, 0)
    for k in range(N_CHANGES):
        for name, (visitor, key, value) in changes.items():
            took, size = visitor.set(key, **value(k))
            time.sleep(0.1)
            if k >= 5:
                times[name].append(1000 * took)
                sizes[name] = max(sizes[name], size)
    return times, sizes


def learning_rate(final: bool) -> Callable[[int], dict[str, Any]]:
    """Return what the live slider says as its k-th change, while it is dragged or when it is let go."""
    said = {"slider": "lr:slider", "final": final}
    return lambda k: {"json_value": json.dumps({"slide": said | {"value": 9 + k / 30, "number": 1000 + k}})}


# --- the browser ------------------------------------------------------------------------------------------------------

PAINTED = """([look, picture]) => new Promise((done) => {
  const seen = look
  const runs = () => [...document.querySelectorAll(seen)].at(-1).dataset.runs
  const before = runs()
  let began
  document.addEventListener("keydown", () => (began = performance.now()), { capture: true, once: true })
  // Where drawing in 3-D is slow a stage draws it later than the rest: that counts too.
  const views = () => [...(globalThis[Symbol.for("nnlib.stage")]?.views.values() ?? [])]
  const behind = () => views().some((view) => view.pathsIn3d !== view.drawn.runs)
  const wait = () => {
    if (runs() === before || behind()) return requestAnimationFrame(wait)
    // The picture is on screen when the graphics card has drawn it: ask for a pixel, two frames later.
    requestAnimationFrame(() => requestAnimationFrame(() => {
      const canvas = [...document.querySelectorAll(picture)].at(-1)
      const gl = canvas.getContext("webgl2") || canvas.getContext("webgl")
      gl?.readPixels(0, 0, 1, 1, gl.RGBA, gl.UNSIGNED_BYTE, new Uint8Array(4))
      done(performance.now() - began)
    }))
  }
  requestAnimationFrame(wait)
})"""


def presses(page: Page, slider: Any, look: str, canvas: str) -> list[float]:
    """Return the times from key press to painted picture in ms."""
    times = []
    for k in range(N_STAGE_PRESSES):
        slider.focus()
        handle = page.evaluate_handle(f"args => ({{ promise: ({PAINTED})(args) }})", [look, canvas])
        page.keyboard.press("ArrowRight" if k % 2 else "ArrowLeft")
        took = handle.evaluate("holder => holder.promise")
        if k >= 3:
            times.append(took)
        page.wait_for_timeout(2500)  # until the hand counts as let go, and all is drawn and has rested
    return times


CHANGED = """watch => {
  const roots = [document, ...[...document.querySelectorAll("*")].map((e) => e.shadowRoot).filter(Boolean)]
  const node = roots.map((r) => r.querySelector(watch)).find(Boolean)
  const look = () => node.textContent + [...node.querySelectorAll("[aria-pressed=true]")].map((e) => e.dataset.id)
  const before = look()
  globalThis.painted = new Promise((done) => {
    let began
    for (const type of ["click", "keydown"])
      addEventListener(type, () => (began ??= performance.now()), { capture: true, once: true })
    const observer = new MutationObserver(() => {
      if (began === undefined || look() === before) return
      observer.disconnect()
      // The change is painted two frames later.
      requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now() - began)))
    })
    observer.observe(node, { attributes: true, childList: true, subtree: true, characterData: true })
  })
}"""
GRAPH = "svg[data-step]"
WRITTEN = GRAPH + ' [data-id="{0}"] text, ' + GRAPH + ' [data-of="{0}"] text'
"""A value in its box, or the number on a line."""
FOLLOWS, TYPED = "the last of the four views after Back and Next", "another value of a weight, typed"
"""What the browser asks the server for, without a run of the page."""


def graph_changes(browser: Browser, bare_url: str, url: str) -> dict[str, list[float]]:
    """Return the times from hand to painted graph in ms, by what the hand does, beside those of a bare text."""
    bare = in_browser(browser, bare_url, "() => document.body.innerText.includes('The value is')")
    walk = in_browser(browser, f"{url}/backpropagation", "() => document.body.innerText.includes('Update all weights')")
    chain = in_browser(browser, f"{url}/chain_rule", "() => document.body.innerText.includes('Nudge it')")

    def button(page: Page, *names: str) -> Callable[[int], None]:
        return lambda k: page.get_by_role("button", name=names[k % len(names)], exact=True).first.click()

    def part(page: Page, *ids: str) -> Callable[[int], None]:
        return lambda k: page.locator(WRITTEN.format(ids[k % len(ids)])).first.click()

    def key(page: Page, name: str) -> Callable[[int], None]:
        def press(k: int) -> None:
            page.get_by_role("slider", name=name).first.focus()
            page.keyboard.press("ArrowLeft" if k % 2 else "ArrowRight")

        return press

    def type_weight(k: int) -> None:
        field = walk.get_by_role("spinbutton", name="Its value")
        field.fill(f"{0.3 + k / 100:.2f}")
        field.press("Enter")

    acts: dict[str, tuple[Page, str, Callable[[int], None]]] = {
        "bare": (bare, '[data-testid="stMarkdown"]', key(bare, "Value")),
        "Back and Next": (walk, GRAPH, button(walk, "Back", "Next")),
        "a phase": (walk, GRAPH, button(walk, "Forward", "Loss", "Backward", "Update")),
        "a value": (walk, GRAPH, part(walk, "H_out[2]", "dO_in[1]")),
        "a weight": (walk, GRAPH, part(walk, "W2[2,1]", "W1[1,2]")),
        "the slider": (walk, GRAPH, key(walk, "Step")),
        "the chain's Back and Next": (chain, GRAPH, button(chain, "Back", "Next")),
        "a value of the chain": (chain, GRAPH, part(chain, "y value", "y slope")),
        FOLLOWS: (walk, ".st-key-walk_formula .notes", button(walk, "Back", "Next")),
        TYPED: (walk, GRAPH, type_weight),
    }
    times: dict[str, list[float]] = {name: [] for name in acts}
    for k in range(N_PRESSES):
        for name, (page, watch, act) in acts.items():
            page.bring_to_front()
            page.evaluate(CHANGED, watch)
            act(k)
            took = page.evaluate("() => painted")
            if k >= 3:
                times[name].append(took)
            page.wait_for_timeout(300)
    for page in (bare, walk, chain):
        page.close()
    return times


def in_browser(browser: Browser, url: str, ready: str) -> Page:
    """Open a page and wait until it is ready and at rest."""
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    page.set_default_timeout(60_000)
    page.goto(url)
    page.wait_for_function(ready)
    page.wait_for_timeout(2500)
    return page


def frames(page: Page) -> list[float]:
    """Return the time that our JavaScript takes for one tick of the clock of one stage, in ms."""
    page.evaluate("() => { globalThis[Symbol.for('nnlib.stage')].frameMs.length = 0 }")
    stage = page.locator(".nn-stage").first
    stage.get_by_role("button", name="To the start").click()
    stage.get_by_role("combobox", name="Speed").select_option("20")
    stage.get_by_role("button", name="Play").click()
    page.wait_for_timeout(5000)
    found: list[float] = page.evaluate("() => globalThis[Symbol.for('nnlib.stage')].frameMs")
    return found


def middle(values: list[float]) -> float:
    """Return the median."""
    return statistics.median(values)


def main() -> None:
    """Measure and print the table."""
    home = "dashboard/main.py"
    with served("benchmarks/bare/text.py") as url, served(home) as ours_url, served(home, freeze=False) as unfrozen_url:
        times, sizes = round_trips(
            {
                "bare": (Visitor(url), "value", lambda k: {"double_array_value": {"data": [float(k)]}}),
                "dragged": (Visitor(ours_url), "descents:follower", learning_rate(final=False)),
                "let go": (Visitor(ours_url), "descents:follower", learning_rate(final=True)),
                "unfrozen": (Visitor(unfrozen_url), "descents:follower", learning_rate(final=False)),
            }
        )
    bare, ours, final, unfrozen = (middle(times[name]) for name in ("bare", "dragged", "let go", "unfrozen"))
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS, chromium_sandbox=False)
        with served("benchmarks/bare/surface.py") as url:
            page = in_browser(browser, url, "() => document.querySelector('.bare')?.dataset.runs")
            plain = presses(page, page.get_by_role("slider"), ".bare", ".bare canvas")
            page.close()
        with served(home) as url:
            page = in_browser(browser, url, READY)
            slider = page.get_by_role("slider", name="Learning rate")
            painted = presses(page, slider, ".nn-stage", ".nn-space canvas")
            ticks = frames(page)
            page.close()
        with served("benchmarks/bare/text.py") as bare_url, served(home) as url:
            graph = graph_changes(browser, bare_url, url)
        browser.close()

    print("| what | measured | against | goal |")
    print("|---|---|---|---|")
    print(
        f"| server round trip while the rate is dragged | {ours:.1f} ms | {ours / bare:.1f} x "
        f"a bare page with one slider and one text ({bare:.1f} ms) | at most 3 x |"
    )
    print(f"| the same when it is let go and all steps are taken | {final:.1f} ms | {final / bare:.1f} x | |")
    print(
        f"| while dragged, without freezing the heap after the imports | {unfrozen:.1f} ms | "
        f"{unfrozen / ours:.1f} x ours | |"
    )
    print(
        f"| key press to painted | {middle(painted):.0f} ms | {middle(painted) / middle(plain):.2f} x a bare component "
        f"that calls Plotly.react on 101 x 101 points ({middle(plain):.0f} ms) | at most 1.2 x |"
    )
    print(
        f"| JavaScript for one tick of one stage's clock | {middle(ticks):.1f} ms "
        f"(95 %: {sorted(ticks)[int(0.95 * len(ticks))]:.1f} ms) | | under 4 ms |"
    )
    text = middle(graph.pop("bare"))
    for name, found in graph.items():
        print(
            f"| backpropagation and chain rule: {name}, hand to painted | {middle(found):.0f} ms | "
            f"{middle(found) / text:.2f} x a bare Streamlit text update ({text:.0f} ms) | at most 1.5 x |"
        )
    print(f"| bytes of a learning-rate change while dragged | {sizes['dragged'] / 1000:.1f} kB | | under 40 kB |")
    print(f"| the same when it is let go | {sizes['let go'] / 1000:.1f} kB | | under 40 kB |")


if __name__ == "__main__":
    main()
