"""What axe-core finds on every page, light and dark; all flows by keyboard; a narrow screen."""

import re
from pathlib import Path

import axe_playwright_python
import pytest

from tests.browser.conftest import NO_WEBGL, settle

AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text(encoding="utf-8")
PAGES = (
    "",
    "chain_rule",
    "backpropagation",
    "backpropagation?walk_part=why",
    "learning_rate",
    "slices",
    "training_room",
    "share?low=z&task=What?&answer=1",
)
STREAMLITS_OWN = {
    # A formula that is too wide scrolls, but cannot be reached by keyboard.
    ("scrollable-region-focusable", ".katex-display"),
}


@pytest.fixture(scope="module")
def page(browser, app_url):
    # axe is put into the page from outside, which the app's policy rightly forbids.
    context = browser.new_context(viewport={"width": 1280, "height": 800}, color_scheme="light", bypass_csp=True)
    # Pictures in 3-D are nothing that axe could look into, and slow to draw without a graphics card.
    context.add_init_script(NO_WEBGL)
    page = context.new_page()
    page.set_default_timeout(30_000)
    page.home = app_url
    yield page
    context.close()


def open_page(page, name):
    page.set_viewport_size({"width": 1280, "height": 800})
    page.goto(f"{page.home}/{name}")
    page.get_by_role("heading", level=1).wait_for()
    settle(page)


def wait_for_theme(page, scheme):
    dark = "getComputedStyle(document.querySelector('[data-testid=stApp]')).backgroundColor === 'rgb(15, 19, 24)'"
    page.wait_for_function(dark if scheme == "dark" else f"!({dark})")
    settle(page)


def violations(page, *rules):
    options = {"resultTypes": ["violations"]} | ({"runOnly": list(rules)} if rules else {})
    found = page.evaluate("async (o) => (await axe.run(o)).violations", options)
    return [
        (violation["id"], node["target"][-1], node["html"][:200])
        for violation in found
        if violation["impact"] in ("serious", "critical")
        for node in violation["nodes"]
        if not any(violation["id"] == rule and part in node["target"][-1] for rule, part in STREAMLITS_OWN)
    ]


@pytest.mark.parametrize("name", PAGES)
def test_no_serious_violation_in_light_and_dark_and_nothing_cut_off_on_a_phone(page, name):
    page.emulate_media(color_scheme="light")
    open_page(page, name)
    page.evaluate(AXE)
    wait_for_theme(page, "light")
    assert violations(page) == []
    page.emulate_media(color_scheme="dark")
    wait_for_theme(page, "dark")
    assert violations(page, "color-contrast") == []
    page.set_viewport_size({"width": 400, "height": 800})
    settle(page)
    page.get_by_role("heading", level=1).wait_for()
    page.wait_for_function(
        "(main => main.scrollWidth <= main.clientWidth)(document.querySelector('[data-testid=stMain]'))"
    )


def tab_to(page, name):
    """Press Tab until the element of that name has the focus."""
    for _ in range(150):
        page.keyboard.press("Tab")
        focused = page.evaluate(
            """() => { let node = document.activeElement
            while (node?.shadowRoot?.activeElement) node = node.shadowRoot.activeElement
            const name = node.getAttribute('aria-label') || node.labels?.[0]?.textContent || node.textContent
            return `${node.tagName} ${name}` }"""
        )
        if re.search(name, focused or ""):
            return
    pytest.fail(f"no way by keyboard to {name}")


def test_rate_start_and_link_by_keyboard(page):
    open_page(page, "")
    page.wait_for_selector(".nn-stage[data-state=ready]")
    tab_to(page, "^INPUT Learning rate")
    page.keyboard.press("ArrowDown")
    page.wait_for_url(re.compile("lr="))
    settle(page)
    tab_to(page, "^INPUT Seed")
    page.keyboard.press("ArrowUp")
    page.wait_for_url(re.compile("seed=7"))
    settle(page)
    tab_to(page, "^BUTTON Copy link")
    page.keyboard.press("Enter")
    page.get_by_role("status").filter(has_text=re.compile("Copied.|Copy the link below.")).wait_for()
    tab_to(page, r"^CANVAS .* As a map")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("own_start=1"))
    settle(page)
    tab_to(page, r"^BUTTON One step back")
    page.keyboard.press("Enter")
    page.wait_for_function("(document.activeElement?.closest('.nn-stage')?.dataset.step ?? '1000') !== '1000'")


def test_pages_and_the_walk_by_keyboard(page):
    open_page(page, "chain_rule")
    tab_to(page, "^A .*Backpropagation$")
    page.keyboard.press("Enter")
    page.locator("strong", has_text="Step 11 of 49").wait_for()
    settle(page)
    tab_to(page, "^BUTTON .*Next$")
    page.keyboard.press("Enter")
    page.locator("strong", has_text="Step 12 of 49").wait_for()
    settle(page)
    tab_to(page, "^g ")  # within the graph the arrow keys lead, see test_backprop.py
