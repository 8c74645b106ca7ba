"""Measures how soon the training room answers a new rate or optimizer, against a bare Streamlit page, in the browser.

Run it from the project's folder: `python benchmarks/room.py`. Both pages are asked in turn, in a window of 1280 x 800.
The time goes from the key press to two frames after the last change: on the bare page of its one text, in the room of
all the pictures that are in the window. Those further down follow when the browser has time; that is counted too.
"""

import shutil
from collections.abc import Callable

from page import FLAGS, in_browser, middle, served
from playwright.sync_api import Page, sync_playwright

N = 14
PICTURES = ".nn-figure"
READY = "() => document.querySelectorAll('.nn-figure[data-runs]').length === 3"
ANSWERED = """(seen) => {
  const look = (node) => node.dataset.runs ?? node.textContent
  const all = [...document.querySelectorAll(seen)].map((node) => ({ node, before: look(node) }))
  const inSight = all.filter(({ node }) => node.getBoundingClientRect().top < innerHeight)
  let began
  document.addEventListener("keydown", () => (began = performance.now()), { capture: true, once: true })
  const changed = (some) => new Promise((done) => {
    const wait = () => {
      if (some.some(({ node, before }) => look(node) === before)) return requestAnimationFrame(wait)
      requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now() - began)))
    }
    requestAnimationFrame(wait)
  })
  return Promise.all([changed(inSight), changed(all), inSight.length])
}"""


def timed(page: Page, seen: str, press: Callable[[], None]) -> tuple[float, float, int]:
    """Return the ms from a key press until all in sight has changed, and until all has, and the number in sight."""
    handle = page.evaluate_handle(f"seen => ({{ promise: ({ANSWERED})(seen) }})", seen)
    press()
    in_sight, everything, n = handle.evaluate("holder => holder.promise")
    page.wait_for_timeout(600)
    return in_sight, everything, n


def main() -> None:
    """Measure and print the rows of the table."""
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    times: dict[str, list[tuple[float, float, int]]] = {"bare": [], "rate": [], "optimizer": []}
    with (
        sync_playwright() as playwright,
        served("benchmarks/bare/text.py") as bare_url,
        served("dashboard/main.py") as url,
    ):
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS, chromium_sandbox=False)
        bare = in_browser(browser, bare_url, "() => document.querySelector('.stMarkdown p')")
        room = in_browser(browser, f"{url}/training_room", READY)
        for k in range(N):
            arrow = "ArrowRight" if k % 2 else "ArrowLeft"
            bare.bring_to_front()
            bare.get_by_role("slider").focus()
            took = [timed(bare, ".stMarkdown p", lambda: bare.keyboard.press(arrow))]  # noqa: B023
            room.bring_to_front()
            room.get_by_role("slider", name="Learning rate").focus()
            took.append(timed(room, PICTURES, lambda: room.keyboard.press(arrow)))  # noqa: B023
            room.get_by_role("combobox", name="Optimizer").click()
            room.keyboard.press("ArrowUp" if k % 2 else "ArrowDown")
            took.append(timed(room, PICTURES, lambda: room.keyboard.press("Enter")))
            if k >= 3:
                for name, value in zip(times, took, strict=True):
                    times[name].append(value)
        browser.close()
    floor = middle([first for first, _, _ in times["bare"]])
    for name in ("rate", "optimizer"):
        for which, words in ((0, f"the {times[name][0][2]} pictures in the window"), (1, "all three")):
            took_ = middle([measured[which] for measured in times[name]])
            print(
                f"| training room, 1,000 steps: a new {name}, key press to {words} | {took_:.0f} ms | "
                f"{took_ / floor:.1f} x a bare page's text ({floor:.0f} ms) | {'at most 3 x' if which == 0 else ''} |"
            )


if __name__ == "__main__":
    main()
