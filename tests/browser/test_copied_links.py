"""Whatever is chosen by hand in a real browser, "Copy link" gives an address that shows the same to a stranger."""

import re
from collections import Counter
from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import NO_WEBGL, settle, until
from tests.browser.test_training_room import type_into

SEEN = """() => {
  const all = (root) => [...root.querySelectorAll("*")].flatMap((e) => [e, ...(e.shadowRoot ? all(e.shadowRoot) : [])])
  const shown = (e) => e.checkVisibility({ visibilityProperty: true })
  const aside = [".nn-copy", "style", "script", ".xtick", ".ytick",
    ...["IconMaterial", "ExpanderIcon", "TooltipContent"].map((kind) => `[data-testid=st${kind}]`)].join()
  const nodes = all(document.querySelector('[data-testid="stApp"]')).filter((e) => !e.closest(aside))
  const name = (e) => e.getAttribute("aria-label") ?? e.labels?.[0]?.textContent ?? ""
  const text = nodes.filter(shown).flatMap((e) => [...e.childNodes])
    .filter((n) => n.nodeType === 3 && n.data.trim()).map((n) => n.data.trim())
  const controls = nodes.filter((e) => e.matches("input:not([type=file]), select, textarea") && !e.closest("canvas"))
    .map((e) => [name(e), e.type, e.matches(".nn-slider-box") ? e.title : e.value, e.checked ?? null])
  const states = ["aria-checked", "aria-pressed", "aria-selected", "aria-valuenow", "aria-valuetext", "disabled"]
  const marks = nodes.filter((e) => e.matches("[role], button") && !e.closest("canvas"))
    .map((e) => [name(e) || e.textContent, ...states.map((s) => e.getAttribute(s))])
    .filter(([, ...v]) => v.some((x) => x !== null))
  const exact = nodes.filter((e) => e.matches("td[title]")).map((e) => e.title)
  const told = nodes.filter((e) => e.matches(".nn-figure, .nn-stage canvas, svg")).map(name).filter(Boolean)
  const cells = nodes.filter((e) => e.matches("canvas td")).map((e) => e.textContent)
  const plain = (_, v) => (ArrayBuffer.isView(v) ? [...v] : v)
  const drawn = nodes.filter((e) => e.matches(".nn-figure")).map((e) => JSON.stringify(e.data, plain))
  const stage = globalThis[Symbol.for("nnlib.stage")]
  const rounded = ({ x, y, z }) => [x, y, z].map((v) => v.toFixed(3)).join(" ")
  const seenFrom = (plot) => {
    const at = plot._fullLayout?.scene?._scene?.getCamera()
    return at && [at.eye, at.center].map(rounded)
  }
  const stages = [...(stage?.views ?? [])].flatMap(([key, { drawn, t, camera, plot }]) => [
    `${key}: surface ${drawn.surface.hash}, step ${drawn.runs.steps[t]}, until ${drawn.runs.until}`,
    `${key}: camera ${[camera.at.eye, camera.at.center].map(rounded)}`,
    `${key}: drawn from ${seenFrom(plot)}`,
    ...drawn.runs.runs.map((r) => JSON.stringify([key, r.label, r.first, r.second, r.loss], plain))])
  return { text, controls, marks, exact, told, cells, drawn, stages }
}"""
"""What a page shows: words, controls, numbers to full precision, and the records that its pictures are drawn from."""

DRAWN = """() => [...document.querySelectorAll(".nn-stage")].every((s) => s.dataset.state === "ready")
  && [...document.querySelectorAll(".nn-figure")].every((f) => f.dataset.runs && f.dataset.runs === f.dataset.told)"""


def rest(page):
    settle(page)
    page.wait_for_function(DRAWN)


@pytest.fixture(scope="module")
def tab(browser, app_url):
    """Opens an address: `tab("author", ...)` and `tab("stranger", ...)` share nothing but the server.

    Each has one page for pictures in 3-D and one without, and comes to every address anew, with a session of its own.
    """
    people, pages = {}, {}

    def go(who, address, *, solid=False):
        if who not in people:
            people[who] = browser.new_context(
                viewport={"width": 1280, "height": 800}, permissions=["clipboard-read", "clipboard-write"]
            )
        if (who, solid) not in pages:
            page = pages[who, solid] = people[who].new_page()
            if solid:
                page.set_viewport_size({"width": 800, "height": 450})  # fewer points to draw
            else:
                page.add_init_script(NO_WEBGL)
            page.set_default_timeout(60_000)
        page = pages[who, solid]
        page.bring_to_front()  # only the page in front may use the clipboard, and draws
        page.goto(address if address.startswith("http") else f"{app_url}/{address}")
        page.get_by_role("heading", level=1).first.wait_for()
        rest(page)
        return page

    yield go
    for context in people.values():
        context.close()


# --- what a hand does -------------------------------------------------------------------------------------------------


def typed(name, value):
    def act(page):
        box = page.get_by_role("spinbutton", name=name, exact=True).first
        box.fill(value)
        box.press("Enter")

    return act


def chosen(name, option):
    def act(page):
        page.get_by_role("combobox", name=name).last.click()
        page.keyboard.type(option)
        page.get_by_role("option", name=option, exact=True).click()

    return act


def pressed(name, kind="button"):
    return lambda page: page.get_by_role(kind, name=name, exact=True).first.click()


def switched(name):
    return lambda page: page.get_by_text(name, exact=True).click()


def keyed(name, *keys):
    def act(page):
        slider = page.get_by_role("slider", name=name).first
        for key in keys:
            slider.press(key)

    return act


def opened(words):
    return lambda page: page.get_by_text(words).first.click()


def clicked_on_the_map(x, y):
    def act(page):
        contour = page.locator(".nn-map canvas").last
        contour.scroll_into_view_if_needed()
        box = contour.bounding_box()
        contour.click(position={"x": box["width"] * x, "y": box["height"] * y})

    return act


def layers_typed(text):
    def act(page):
        field = page.get_by_role("textbox", name="or layer by layer")
        field.fill(text)
        field.press("Enter")

    return act


def turned(*keys):
    def act(page):
        space = page.locator(".nn-space").first
        for key in keys:
            space.press(key)

    return act


def stepped_back(clock="", times=1):
    """Move a stage's clock from its end; a picture that is just being made anew puts it back there."""
    away = f"""() => [...globalThis[Symbol.for("nnlib.stage")].clocks].some(([name, {{ members }}]) =>
      ["", name].includes("{clock}") && [...members].some((view) => view.drawn && view.t === view.last - {times}))"""

    def act(page):
        slider = page.get_by_role("slider", name=re.compile("^Step")).nth(1 if clock == "optimizers" else 0)

        def is_away():
            slider.press("End")
            for _ in range(times):
                slider.press("ArrowLeft")
            rest(page)
            return page.evaluate(away)

        until(page, is_away)

    return act


def went_to(title):
    def act(page):
        page.get_by_role("link", name=title).first.click()
        page.get_by_role("heading", level=1, name=re.compile("step")).wait_for()
        rest(page)

    return act


def cell_typed(page):
    type_into(page, 2, 1, "0.75")
    page.wait_for_function("() => new URL(location.href).searchParams.has('data')")


def uploaded(page):
    table = b"a,b,c,label\n" + b"".join(
        b"%d,%d,%.3f,%s\n" % (i, i * i % 7, i / 3, b"xyz"[i % 3 : i % 3 + 1]) for i in range(30)
    )
    page.locator("input[type=file]").set_input_files({"name": "own.csv", "mimeType": "text/csv", "buffer": table})
    page.get_by_text("A network of 3").wait_for()


ORIGIN = re.compile("step [0-9]+ of an earlier run|a link")
"""Where weights come from that a run began with: a stranger has them from the link, and is told so."""


def differences(one, other):
    """What is in one view and not in the other; where it stands does not matter."""
    here, there = (
        Counter(ORIGIN.sub("", f"{part}: {value}") for part, found in view.items() for value in found)
        for view in (one, other)
    )
    return [f"{sign} {line[:200]}" for sign, lines in (("-", here - there), ("+", there - here)) for line in lines]


class Journey(NamedTuple):
    """Where it begins, what is done there, and the parameters that the link must have then.

    `prepare` opens what a link does not hold, for the stranger too; `solid` if pictures in 3-D are drawn.
    """

    where: str
    acts: list[Callable[[Page], object]]
    fields: str
    prepare: tuple[Callable[[Page], object], ...] = ()
    solid: bool = False


JOURNEYS = {
    # The sidebar is the same on all pages; what it says is drawn on the home page, at last.
    "sidebar": Journey(
        "chain_rule",
        [
            chosen("Data set", "Moons"),
            typed("Samples", "60"),
            keyed("Noise", "ArrowRight", "ArrowRight"),
            switched("Standardize inputs"),
            typed("Hidden layers", "2"),
            typed("Units in each", "3"),
            switched("Biases"),
            typed("Seed", "13"),
            chosen("Initial weights", "He"),
            chosen("Activation beside the step", "Tanh"),
            chosen("Activation of the outputs", "Identity"),
            chosen("First weight", "W1[2,3]"),
            chosen("Second weight", "W2[1,2]"),
            chosen("Optimizer", "Momentum"),
            typed("Learning rate, as a number", "0.12345678901"),
            typed("Steps", "300"),
            went_to("Step against sigmoid"),
        ],
        "dataset samples noise standardize hidden_layers hidden_units biases seed scheme activation output first second"
        " optimizer lr steps",
        (opened("Samples, noise, scaling"),),
    ),
    "pictures": Journey(
        "",
        [
            layers_typed("3, 2"),
            keyed("Probe x", "ArrowRight"),
            keyed("Threshold of the step", "ArrowLeft"),
            switched("use this threshold in the nets"),
            keyed("Steepness k", "ArrowRight", "ArrowRight"),
            keyed("Range of both weights", "ArrowRight"),
            keyed("Resolution", "ArrowLeft"),
            clicked_on_the_map(0.6, 0.4),
            pressed("Keep this path"),
            keyed("Start of", "ArrowRight", "ArrowRight"),
            pressed("Keep this path"),
            clicked_on_the_map(0.3, 0.7),
            keyed("Step, sigmoid", "ArrowLeft", "ArrowLeft", "ArrowLeft"),
        ],
        "hidden_sizes probe threshold threshold_in_nets steepness low resolution own_start start_first start_second "
        "other_starts moment",
    ),
    "camera": Journey("?steps=20&resolution=11", [turned("+")], "camera", solid=True),
    "chain": Journey(
        "chain_rule",
        [
            pressed("Add a link in front"),
            chosen("y to z", "Sin"),
            typed("Times", "0.5"),
            keyed("Input", "ArrowRight", "ArrowRight"),
            pressed("Back"),
            keyed("Size of the nudge", "ArrowRight"),
        ],
        "chain chain_x chain_step chain_dx",
    ),
    "walk": Journey(
        "backpropagation",
        [
            typed("Sample", "3"),
            pressed("Update"),
            pressed("Update all weights"),
            pressed("a matrix", "radio"),
            chosen("Weight", "W2[2,1]"),
            typed("Its value", "0.123456789"),
            pressed("Backward"),
            pressed("Next"),
        ],
        "walk_sample walk_detail walk_weight walk_weights walk_step",
    ),
    "example": Journey("backpropagation", [pressed("Worked example", "radio"), pressed("Next")], "walk_net walk_step"),
    "factor left out": Journey(
        "backpropagation",
        [
            pressed("Why multiply by the slope?", "radio"),
            chosen("Sabotage", "Leave out every slope"),
            turned("ArrowLeft", "ArrowUp", "+"),
            stepped_back(),
        ],
        "walk_part sabotage camera moment",
    ),
    "rates": Journey(
        "learning_rate",
        [
            pressed("the network of the other pages", "radio"),
            typed("Your learning rate, as a number", "3.3333333"),
            pressed("too large"),
            keyed("Take apart the update after step", "ArrowRight"),
            turned("ArrowLeft", "ArrowUp", "+"),
            stepped_back("rates"),
            stepped_back("optimizers", times=2),
        ],
        "lab_case lab_rate lab_others lab_step moment lab_moment camera",
    ),
    "slices": Journey(
        "slices",
        [
            pressed("re-cutting at every step", "radio"),
            keyed("Step", *["ArrowLeft"] * 3),
            turned("ArrowLeft", "ArrowUp"),
        ],
        "slice_mode moment camera",
    ),
    "planes": Journey("slices", [pressed("two random directions", "radio"), pressed("Top")], "slice_plane camera"),
    "room": Journey(
        "training_room",
        [
            keyed("Test share", "ArrowRight"),
            typed("Split seed", "5"),
            typed("Batch size", "20"),
            typed("Stop at loss", "0.01"),
            typed("Stop after waiting", "400"),
            chosen("Across", "sepal length"),
            chosen("Upwards", "sepal width"),
            typed("Step, as a number", "30"),
            pressed("Start again from step 30"),
            pressed("Weights and gradients", "radio"),
            pressed("W2", "radio"),
            typed("Step, as a number", "40"),
        ],
        "test_share split_seed batch stop_loss patience room_x room_y room_start room_view room_layer room_step",
        (opened("Test samples, mini-batches"),),
    ),
    "typed table": Journey(
        "training_room",
        [
            pressed("Vanishing gradients", "radio"),
            keyed("Hidden layers", "ArrowLeft"),
            pressed("Train on this table"),
            cell_typed,
            pressed("Add an input"),
        ],
        "data room_view room_depth",
        (opened("Your own data: type"),),
    ),
    "uploaded table": Journey("training_room", [uploaded], "data", (opened("Your own data: type"),)),
}


def act_all(page, acts):
    for act in acts:
        act(page)
        rest(page)


def copied(page):
    page.evaluate("() => navigator.clipboard.writeText('')")
    page.get_by_role("button", name="Copy link").click()
    until(page, lambda: page.evaluate("() => navigator.clipboard.readText()"))
    return page.evaluate("() => navigator.clipboard.readText()")


def unlike(one, other, patience=40):
    """What two pages show differently, once their last components have come."""
    for _ in range(patience):
        found = differences(one.evaluate(SEEN), other.evaluate(SEEN))
        if not found:
            break
        one.wait_for_timeout(250)
    return found


@pytest.mark.parametrize("name", JOURNEYS)
def test_a_copied_link_shows_a_stranger_the_same(tab, name):
    where, acts, fields, prepare, solid = JOURNEYS[name]
    author = tab("author", where, solid=solid)
    act_all(author, [*prepare, *acts])
    link = copied(author)
    assert len(link) < 2000
    assert not set(fields.split()) - parse_qs(urlsplit(link).query, keep_blank_values=True).keys()
    stranger = tab("stranger", link, solid=solid)
    act_all(stranger, prepare)
    assert unlike(author, stranger) == []


@pytest.mark.parametrize(
    ("where", "name", "parameter"),
    [
        ("training_room", "Step", "room_step"),
        ("learning_rate", "Your learning rate", "lab_rate"),
        ("backpropagation", "Learning rate", "lr"),
        ("chain_rule", "Input x", "chain_x"),
    ],
)
def test_a_drag_is_one_entry_and_back_undoes_it(tab, where, name, parameter):
    page = tab("hand", where)
    slider = page.get_by_role("slider", name=name, exact=True).first
    slider.scroll_into_view_if_needed()
    number = page.get_by_role("spinbutton", name=f"{name}, as a number", exact=True).first
    entries = "() => history.length"
    before, at, began = page.evaluate(entries), page.url, number.input_value()
    box = slider.bounding_box()
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] * 0.6, middle)
    page.mouse.down()
    for share in (0.55, 0.5, 0.45):
        page.mouse.move(box["x"] + box["width"] * share, middle, steps=3)
        settle(page)
        assert (page.evaluate(entries), page.url) == (before, at)
    page.mouse.up()
    page.wait_for_url(lambda url: f"{parameter}=" in url)
    rest(page)
    assert page.evaluate(entries) == before + 1
    ended = number.input_value()
    assert ended != began
    page.go_back()
    expect(number).to_have_value(began)
    rest(page)
    page.go_forward()
    expect(number).to_have_value(ended)
    rest(page)
    assert page.evaluate(entries) == before + 1


def test_leaving_a_box_without_typing_keeps_the_digits_that_it_does_not_show(tab):
    page = tab("author", "chain_rule?v=1&lr=0.12345678901")
    box = page.get_by_role("spinbutton", name="Learning rate, as a number")
    expect(box).to_have_value("0.123457")
    box.focus()
    box.press("Tab")
    rest(page)
    assert "lr=0.12345678901" in copied(page)
    expect(box).to_have_attribute("title", "0.12345678901")
