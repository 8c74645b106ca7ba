"""What axe-core finds on every page, light and dark; all flows by keyboard; a narrow screen."""

import re
from contextlib import suppress
from pathlib import Path
from urllib.parse import unquote_plus

import axe_playwright_python
import pytest
from playwright.sync_api import TimeoutError, expect

from dashboard.scenario import PAGE_CHOICES
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
CLOSE_UPS = (
    *(f"training_room?room_view={view}" for view in PAGE_CHOICES["room_view"]),
    "backpropagation?walk_what=whole+batch",
    "backpropagation?walk_detail=matrix",
    "backpropagation?walk_what=whole+batch&walk_detail=matrix&walk_step=5",
)
STREAMLITS_OWN = [
    # A formula or a piece of code that is too wide scrolls, but axe finds no way to it by keyboard.
    ("scrollable-region-focusable", ".stMarkdown .katex-display"),
    ("scrollable-region-focusable", ".stCode pre"),
]


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


FOUND = """async ([options, excused]) => {
  const { violations } = await axe.run({ resultTypes: ["violations"], elementRef: true, ...options })
  return violations.filter(({ impact }) => ["serious", "critical"].includes(impact)).flatMap(({ id, nodes }) => nodes
    .filter(({ element }) => !excused.some(([rule, which]) => rule === id && element.matches(which)))
    .map(({ target, html }) => [id, target.at(-1), html.slice(0, 200)]))
}"""


def violations(page, *rules):
    return page.evaluate(FOUND, [{"runOnly": list(rules)} if rules else {}, STREAMLITS_OWN])


TOO_WIDE = """[document.scrollingElement, document.querySelector("[data-testid=stMain]")]
  .filter((box) => box.scrollWidth > box.clientWidth)
  .map((box) => [box.tagName, box.scrollWidth, box.clientWidth])"""
"""What could be scrolled sideways."""


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
    with suppress(TimeoutError):
        page.wait_for_function(f"!({TOO_WIDE}).length")
    assert page.evaluate(TOO_WIDE) == []


@pytest.mark.parametrize("name", CLOSE_UPS)
def test_no_serious_violation_in_what_is_looked_at_more_closely(page, name):
    page.emulate_media(color_scheme="light")
    open_page(page, name)
    for section in page.locator("details:not([open]) > summary").all()[::-1]:
        section.click()
    page.wait_for_function("!document.querySelector('details:not([open])')")
    settle(page)
    # A section that is still being faded in has too little contrast for the moment.
    page.wait_for_function("document.getAnimations().every((a) => a.playState !== 'running')")
    page.wait_for_timeout(500)
    page.evaluate(AXE)
    assert violations(page) == []


def test_a_held_key_is_one_entry_in_the_history(browser, app_url):
    page = browser.new_page()
    page.set_default_timeout(30_000)
    page.goto(f"{app_url}/backpropagation")
    slider = page.get_by_role("slider", name="Learning rate")
    settle(page)
    before, at, place = page.evaluate("history.length"), page.url, int(slider.input_value())
    slider.focus()
    for pressed in range(1, 7):
        page.keyboard.down("ArrowLeft")
        expect(slider).to_have_value(str(place - pressed))
        settle(page)
        assert (page.evaluate("history.length"), page.url) == (before, at)
    page.keyboard.up("ArrowLeft")
    page.wait_for_url(re.compile("lr="))
    settle(page)
    assert page.evaluate("history.length") == before + 1
    expect(slider).to_have_value(str(place - 6))
    page.close()


NAMED = """const named = (e) =>
  `${e.tagName} ${e.getAttribute("aria-label") || e.labels?.[0]?.textContent || e.textContent}`
const focused = () => {
  let node = document.activeElement
  while (node?.shadowRoot?.activeElement) node = node.shadowRoot.activeElement
  return node
}"""

WAY = f"""(name) => {{
  {NAMED}
  const all = (root) => [...root.querySelectorAll("*")].flatMap((e) => [e, ...(e.shadowRoot ? all(e.shadowRoot) : [])])
  const seen = (e) => e.checkVisibility({{ visibilityProperty: true }})
  const stops = [document.body, ...all(document.body).filter((e) => e.tabIndex >= 0 && !e.disabled && seen(e))]
  let here = focused() // a table's cell is within its stop
  while (!stops.includes(here)) here = here.parentElement ?? here.getRootNode().host ?? document.body
  const at = stops.indexOf(here)
  const around = (n) => (n + stops.length) % stops.length
  const ways = []
  for (const [i, e] of stops.entries()) {{
    if (!i || !new RegExp(name).test(named(e))) continue
    if (i === at) {{
      ways.push(["", stops.length]) // here already, if there is no other of that name
      continue
    }}
    ways.push(["Tab", around(i - at)])
    // A group of choices is entered where it was left: who comes from behind finds its end from then on.
    const back = Array.from({{ length: around(at - i) }}, (_, k) => stops[around(at - k - 1)])
    if (!back.some((e) => e.closest("[data-testid=stButtonGroup]"))) ways.push(["Shift+Tab", back.length])
  }}
  return ways.sort((a, b) => a[1] - b[1])[0] ?? null
}}"""
"""Which key leads sooner to an element of that name, and about how often it has to be pressed."""


def tab_to(page, name):
    """Press Tab, or Shift and Tab if that is nearer, until the element of that name has the focus."""
    for _ in range(10):
        # What is still on its way is waited for: one cannot come to it yet.
        key, presses = page.wait_for_function(WAY, arg=name).json_value()
        if not key:
            return
        for _ in range(presses + 3):
            page.keyboard.press(key)
            if re.search(name, page.evaluate(f"() => {{ {NAMED}\nreturn named(focused()) }}")):
                return
        settle(page)
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


def go_to(page, name, *keys):
    """Reach an element with the Tab key and press some keys on it; the app has settled then."""
    tab_to(page, name)
    for key in keys:
        page.keyboard.press(key)
    settle(page)


def type_in(page, name, text):
    """Reach a box with the Tab key and put a text into it."""
    tab_to(page, name)
    page.keyboard.press("Control+A")
    page.keyboard.type(text)
    page.keyboard.press("Enter")
    settle(page)


def choose(page, name, text):
    """Reach a list with the Tab key, type what is wanted until it is the first one, and take it."""
    tab_to(page, name)
    page.keyboard.type(text)
    page.get_by_role("option").first.filter(has_text=text).wait_for()
    page.keyboard.press("Enter")
    settle(page)


def pick(page, option):
    """Reach a group of choices with the Tab key, which may enter it anywhere, and take one with the arrow keys."""
    group = page.get_by_test_id("stButtonGroup").filter(has=page.get_by_text(option, exact=True))
    names = group.locator("button").all_text_contents()
    tab_to(page, f"^BUTTON ({'|'.join(map(re.escape, names))})$")
    for key in ["ArrowRight"] * len(names) + ["ArrowLeft"] * len(names):
        if page.evaluate(f"() => {{ {NAMED}\nreturn named(focused()) }}") == f"BUTTON {option}":
            page.keyboard.press("Space")
            settle(page)
            return
        page.keyboard.press(key)
    pytest.fail(f"the arrow keys do not lead to {option}")


def test_a_chain_by_keyboard(page):
    open_page(page, "chain_rule")
    position = page.locator("strong")
    go_to(page, "^BUTTON .*Back$", "Enter")
    position.filter(has_text="Step 3 of 4").wait_for()
    go_to(page, "^BUTTON .*Next$", "Enter")
    position.filter(has_text="Step 4 of 4").wait_for()
    type_in(page, "^INPUT Input x, as a number", "1.5")
    page.wait_for_url(re.compile("chain_x=1.5"))
    choose(page, "^INPUT y to z", "tanh")
    page.wait_for_url(re.compile("chain=.*tanh"))
    go_to(page, "^BUTTON .*Add a link in front", "Enter")
    page.wait_for_url(lambda url: unquote_plus(url).count(", ") == 2)
    go_to(page, "^BUTTON .*Remove", "Enter")
    page.wait_for_url(lambda url: unquote_plus(url).count(", ") == 1)
    go_to(page, "^INPUT Size of the nudge", "ArrowRight")
    page.wait_for_url(re.compile("chain_dx="))


def test_one_weight_and_the_sabotage_by_keyboard(page):
    open_page(page, "backpropagation")
    go_to(page, "^INPUT Sample$", "ArrowUp")
    page.wait_for_url(re.compile("walk_sample=2"))
    go_to(page, "^BUTTON Update$", "Enter")
    page.locator("strong", has_text="Step 36 of 49").wait_for()
    choose(page, "^INPUT Weight", "W2[1,1]")
    expect(page.get_by_role("combobox", name="Weight").last).to_have_value("W2[1,1]")
    type_in(page, "^INPUT Its value", "0.5")
    expect(page.get_by_role("spinbutton", name="Its value")).to_have_value("0.5")
    go_to(page, "^BUTTON .*Update all weights", "Enter")
    page.get_by_text("After 1 update").wait_for()
    pick(page, "All")
    page.wait_for_url(re.compile("walk_what=whole"))
    go_to(page, "^BUTTON .*Play$", "Enter")
    go_to(page, "^BUTTON .*Pause$", "Enter")
    pick(page, "Why multiply by the slope?")
    page.wait_for_url(re.compile("walk_part=why"))
    choose(page, "^INPUT Sabotage", "None: the right gradient")
    page.wait_for_url(re.compile("sabotage=none"))


def test_rates_by_keyboard(page):
    open_page(page, "learning_rate?steps=20")
    type_in(page, "^INPUT Your learning rate, as a number", "3")
    page.wait_for_url(re.compile("lab_rate=3"))
    pick(page, "too small")
    page.wait_for_url(re.compile("lab_others="))
    go_to(page, "^INPUT Take apart the update", "ArrowRight")
    page.wait_for_url(re.compile("lab_step=5"))
    pick(page, "the network of the other pages")
    page.wait_for_url(re.compile("lab_case=network"))
    before = page.url
    go_to(page, "^BUTTON Five times the limit", "Enter")
    page.wait_for_url(lambda url: url != before)


def test_slices_by_keyboard(page):
    open_page(page, "slices?steps=20")
    page.wait_for_selector(".nn-stage[data-state=ready]")
    go_to(page, "^BUTTON One step back", "Enter")
    page.wait_for_selector(".nn-stage[data-step='19']")
    go_to(page, "^BUTTON Watch the surface move", "Enter")
    page.wait_for_url(re.compile("slice_mode=reslice"))
    pick(page, "two random directions")
    page.wait_for_url(re.compile("slice_plane=random"))


def test_the_training_room_by_keyboard(page):
    open_page(page, "training_room?steps=20")
    type_in(page, "^INPUT Step, as a number", "7")
    page.wait_for_url(re.compile("room_step=7"))
    choose(page, "^INPUT Across", "sepal length")
    page.wait_for_url(re.compile("room_x="))
    go_to(page, "^BUTTON .*Start again from step 7", "Enter")
    page.wait_for_url(re.compile("room_start="))
    go_to(page, "^SUMMARY .*Test samples", "Enter")
    type_in(page, "^INPUT Stop after waiting", "9")
    page.wait_for_url(re.compile("patience=9"))
    pick(page, "Take it home")
    page.wait_for_url(re.compile("room_view=export"))
    tab_to(page, "^BUTTON .*Run as CSV")
    with page.expect_download() as download:
        page.keyboard.press("Enter")
    assert download.value.suggested_filename == "run.csv"
    go_to(page, "^SUMMARY .*Your own data", "Enter")
    go_to(page, "^BUTTON .*Train on this table", "Enter")
    page.wait_for_url(re.compile("dataset=own"))


OPACITY = """(e) => { let all = 1
  for (; e; e = e.parentElement) all *= getComputedStyle(e).opacity
  return all }"""


def test_a_lesson_by_keyboard(page):
    open_page(page, "share?steps=20")
    choose(page, "^INPUT Page", "Chain rule")
    choose(page, "^INPUT Hide", "The list of pages")
    page.keyboard.press("Escape")
    type_in(page, "^INPUT Task", "What now?")
    type_in(page, "^INPUT Answer", "4")
    type_in(page, "^INPUT Tolerance", "0.5")
    made = re.compile(r"chain_rule\?v=1&steps=20&hide=pages&task=What\+now%3F&answer=4&tolerance=0.5")
    expect(page.get_by_test_id("stCode").first).to_contain_text(made)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    for button in page.get_by_role("button", name="Copy to clipboard").all():
        assert button.evaluate(OPACITY) == 1
    for copied in page.get_by_test_id("stCode").all_inner_texts():
        go_to(page, "^BUTTON Copy to clipboard", "Enter")
        assert page.evaluate("navigator.clipboard.readText()") == copied.strip()
    page.goto(page.get_by_test_id("stCode").first.inner_text().strip())
    settle(page)
    type_in(page, "^INPUT Your answer", "4.4")
    page.get_by_text("Yes, that is it.").wait_for()


def test_a_path_is_kept_by_keyboard(page):
    open_page(page, "?steps=20")
    page.wait_for_selector(".nn-stage[data-state=ready]")
    go_to(page, "^BUTTON .*Keep this path", "Enter")
    page.wait_for_url(re.compile("other_starts="))
    go_to(page, "^BUTTON .*Undo own start", "Enter")
    page.wait_for_url(lambda url: "other_starts=" not in url)


def test_a_hundred_seeds_start_and_stop_by_keyboard(page):
    # Enough work to be under way still when the focus has come to the button.
    open_page(page, "training_room?hidden_layers=6&hidden_units=8&room_view=seeds&steps=2000")
    tab_to(page, "^BUTTON .*Train 100 seeds")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Stop", exact=True).wait_for()
    tab_to(page, "^BUTTON Stop$")
    page.keyboard.press("Enter")
    page.get_by_text("Stopped after").wait_for()
    settle(page)
    expect(page.get_by_role("button", name="Continue")).to_be_visible()


def test_a_file_is_chosen_by_keyboard(page):
    open_page(page, "training_room?steps=20")
    go_to(page, "^SUMMARY .*Your own data", "Enter")
    choosers = []
    page.on("filechooser", lambda chooser: choosers.append(chooser))
    for _ in range(10):
        # A button that is just being drawn anew does not hear the key.
        go_to(page, "^BUTTON .*(Upload|Browse)", "Enter")
        if choosers:
            break
    choosers[0].set_files(
        {"name": "own.csv", "mimeType": "text/csv", "buffer": b"a,b,label\n1,2,x\n3,1,y\n2,5,x\n0,1,y\n"}
    )
    settle(page)
    page.wait_for_url(re.compile("dataset=own"))


def test_a_cell_is_typed_by_keyboard(page):
    open_page(page, "training_room?steps=20")
    go_to(page, "^SUMMARY .*Your own data", "Enter")
    tab_to(page, "^CANVAS .*label")
    chosen = "document.activeElement.dataset.testid"
    for _ in range(20):
        # The table answers a key a little later: look where it has led before the next one.
        before = page.evaluate(chosen)
        place = re.fullmatch(r"glide-cell-(\d+)-(\d+)", before or "")
        column, row = map(int, place.groups()) if place else (1, 0)
        if (column, row) == (2, 1):
            break
        page.keyboard.press("ArrowDown" if row < 1 else "ArrowUp" if row > 1 else "ArrowRight")
        with suppress(TimeoutError):
            page.wait_for_function(f"before => {chosen} !== before", arg=before, timeout=3000)
    page.keyboard.press("Enter")
    field = page.locator("#portal").locator("textarea, input").first
    expect(field).to_be_focused()
    page.keyboard.press("Control+A")
    page.keyboard.type("0.75", delay=100)  # as a hand does: it takes no letter before it has drawn the last one
    expect(field).to_have_value("0.75")
    page.wait_for_timeout(300)
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("dataset=own&.*data="))
    settle(page)
    expect(page.get_by_test_id("glide-cell-2-1")).to_have_text("0.75")
    expect(page.locator("canvas td", has_text=re.compile("^0.75$"))).to_have_count(1)


def test_a_sample_is_chosen_from_the_table_by_keyboard(page):
    open_page(page, "training_room?steps=20&room_view=rows")
    for _ in range(10):
        tab_to(page, "^CANVAS .*sepal")
        for key in ("ArrowUp", "ArrowUp", "ArrowUp", "ArrowDown", "ArrowDown", "Shift+Space"):
            page.keyboard.press(key)
        with suppress(TimeoutError):
            page.wait_for_url(re.compile("walk_sample=3"), timeout=3000)
            break
    go_to(page, "^A .*Follow sample 3", "Enter")
    page.get_by_role("heading", name="How does one error reach").wait_for()
