"""The training room in a real browser: what a hand does there, and what it sees."""

import io
import re
from contextlib import suppress
from urllib.parse import parse_qs, urlencode, urlsplit

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import TimeoutError, expect

from dashboard import links, training
from dashboard.scenario import ALL_STEPS, FITTING_RATE, Scenario
from dashboard.text import number
from tests.browser.conftest import settle

DATA = "() => new URL(location.href).searchParams.get('data')"
FIGURES = "() => document.querySelectorAll('.nn-figure[data-runs]').length"


@pytest.fixture
def visit(browser, app_url):
    """Opens the training room with some settings in its address, and waits for its pictures."""
    pages = []

    def go(figures=2, **settings):
        page = browser.new_page(viewport={"width": 1280, "height": 1000}, accept_downloads=True)
        pages.append(page)
        page.set_default_timeout(60_000)
        page.goto(f"{app_url}/training_room?{urlencode(settings)}")
        page.wait_for_function(f"n => ({FIGURES})() >= n", arg=figures)
        settle(page)
        return page

    yield go
    for page in pages:
        page.close()


def losses_at(step, **values):
    """What the room's first card shows after a step."""
    room = training.make_room(Scenario(**values))
    run = training.go_on(room, room.n_steps)
    return number(training.moment(room, run, step).losses["training"])


def card(page, label):
    return page.get_by_test_id("stMetric").filter(has_text=label).get_by_test_id("stMetricValue")


def picture(page, words):
    return page.locator(f".nn-figure[aria-label*='{words}']")


LOOK = """(figure) => {
  const cells = (image) => {
    const canvas = document.createElement("canvas")
    const pen = canvas.getContext("2d")
    return image.decode().then(() => {
      [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight]
      pen.drawImage(image, 0, 0)
      return [...pen.getImageData(0, 0, canvas.width, canvas.height).data]
    })
  }
  const copies = [...figure.querySelectorAll(".heatmaplayer image")].map((node) =>
    Object.assign(new Image(), { src: node.getAttribute("href") ?? node.getAttribute("xlink:href") }))
  const lines = [...figure.querySelectorAll(".scatterlayer .js-line")].map((path) =>
    path.getAttribute("d").slice(1).split("L").map((point) => point.split(",").map(Number)))
  return Promise.all(copies.map(cells)).then((images) => ({ lines, images }))
}"""
"""What a figure shows: the points of its lines, in pixels, and the colours of its cells."""

AT_ONCE = f"""() => {{
  globalThis.first = [...document.querySelectorAll(".nn-figure")].slice(0, 2).map((figure) => new Promise((done) => {{
    new MutationObserver((_, watch) => {{
      watch.disconnect()
      done(Promise.all([figure.dataset.runs !== figure.dataset.told, ({LOOK})(figure)]))
    }}).observe(figure, {{ attributeFilter: ["data-runs"] }})
  }}))
}}"""
"""Notes, of the room's first two figures, what they show when they next change, and whether Plotly was not yet told."""

ALL_TOLD = "() => [...document.querySelectorAll('.nn-figure')].every((f) => f.dataset.runs === f.dataset.told)"


def test_every_picture_follows_the_step_the_rate_and_the_optimizer(visit):
    # So few steps are all in the first answer on any machine; of many it may bring some, and the rest later.
    few = {"steps": 200}
    page = visit(3, **few)
    expect(card(page, "Training loss")).to_have_text(losses_at(ALL_STEPS, **few))
    page.evaluate(AT_ONCE)
    slider = page.get_by_role("slider", name="Learning rate")
    slider.press("ArrowLeft")
    # What moves at once is what Plotly draws later.
    moved = page.evaluate("() => Promise.all(first)")
    page.wait_for_function(ALL_TOLD)
    for k, (was_moved, at_once) in enumerate(moved):
        later = page.locator(".nn-figure").nth(k).evaluate(LOOK)
        assert was_moved
        assert len(at_once["lines"]) == len(later["lines"]) == (4, 0)[k]
        assert len(at_once["images"]) == len(later["images"]) == (0, 3)[k]
        for some, fewer in zip(at_once["lines"], later["lines"], strict=True):
            assert len(some) == 201 > len(fewer)
            gaps = np.abs(np.array(some)[:, None] - np.array(fewer)).sum(-1).min(0)
            assert gaps.max() < 0.05
        for some, same in zip(at_once["images"], later["images"], strict=True):
            np.testing.assert_allclose(some, same, atol=2)
    page.wait_for_function("() => new URL(location.href).searchParams.has('lr')")
    rate = float(parse_qs(urlsplit(page.url).query)["lr"][0])
    assert 5 < rate < 10
    expect(card(page, "Training loss")).to_have_text(losses_at(ALL_STEPS, lr=rate, **few))
    told = page.locator(".nn-figure").first.evaluate("figure => figure.calcdata[0].at(-1).y")
    assert number(told) == losses_at(ALL_STEPS, lr=rate, **few)  # what hovering says

    page.get_by_role("combobox", name="Optimizer").click()
    page.get_by_role("option", name="Adam").click()
    values = few | {"optimizer": "adam", "lr": FITTING_RATE["adam"]}
    expect(card(page, "Training loss")).to_have_text(losses_at(ALL_STEPS, **values))
    page.wait_for_function("() => new URL(location.href).searchParams.get('optimizer') === 'adam'")
    expect(page.get_by_role("spinbutton", name="Learning rate, as a number")).to_have_value("0.1")
    settle(page)
    box = page.get_by_role("spinbutton", name="Step, as a number")
    box.fill("40")
    box.press("Enter")
    expect(card(page, "Training loss")).to_have_text(losses_at(40, **values))
    picture(page, "The line marks step 40").wait_for()
    picture(page, "after step 40:").wait_for()
    page.wait_for_function("() => new URL(location.href).searchParams.get('room_step') === '40'")
    page.get_by_role("button", name="Start again from step 40").wait_for()


def cell(page, row, column):
    """The cell of the table that is typed in, as it is read out."""
    return page.get_by_test_id("stDataFrame").first.locator(
        f"tr[aria-rowindex='{row + 1}'] td[aria-colindex='{column}']"
    )


def type_into(page, row, column, text):
    """Type into a cell of the first table; rows and columns count from 1."""
    settle(page)
    field = page.locator("#portal").locator("textarea, input").first
    for _ in range(10):
        # A table that is just being drawn anew forgets which cell was chosen.
        page.get_by_test_id("stDataFrameResizable").first.locator(".dvn-scroller").click(
            position={"x": 90, "y": 18 + 35 * row}
        )
        for key in ["ArrowRight"] * (column - 1) + ["Enter"]:
            page.wait_for_timeout(150)
            page.keyboard.press(key)
        try:
            field.fill(text, timeout=5000)
            field.press("Enter", timeout=5000)
            expect(cell(page, row, column)).to_have_text(text, timeout=5000)
            return
        except (TimeoutError, AssertionError):
            page.keyboard.press("Escape")
    pytest.fail(f"row {row}, column {column} does not take {text}")


def wait_for_data(page, row):
    """Wait until the address holds own data with that row."""
    while True:
        known = page.evaluate(DATA)
        if known and row in links.read({"data": [known], "dataset": ["own"]}).scenario.own_data.splitlines():
            return
        page.wait_for_function(f"known => ({DATA})() !== known", arg=known)


def test_a_table_is_typed_or_uploaded_and_nothing_is_ever_lost(visit):
    page = visit(2)
    page.get_by_text("Your own data: type a table").click()
    page.get_by_role("button", name="Train on this table").click()
    expect(page.get_by_text("A network of 2 × 3 × 1 units")).to_be_visible()
    type_into(page, 1, 1, "0.5")
    wait_for_data(page, "0.5,-1,low")
    type_into(page, 2, 2, "=1+1")
    error = page.get_by_text("Row 2, column 2 ('x2'): '=1+1' is not a number.")
    error.wait_for()
    # Away and back: the wrong cell is still there to be mended, and the accepted one beside it.
    page.get_by_role("link", name="Chain rule").first.click()
    page.get_by_role("heading", name="What does a tiny change at the start do at the end?").first.wait_for()
    page.get_by_role("link", name="Training room").first.click()
    page.wait_for_function(f"() => ({FIGURES})() >= 2")
    settle(page)
    page.get_by_text("Your own data: type a table").click()
    error.wait_for()
    expect(cell(page, 2, 2)).to_have_text("=1+1")
    expect(cell(page, 1, 1)).to_have_text("0.5")
    type_into(page, 2, 2, "0.25")
    wait_for_data(page, "-0.8,0.25,low")
    expect(error).to_be_hidden()
    page.get_by_role("button", name="Add an input").click()
    wait_for_data(page, "-0.8,0.25,0,low")
    # Bad files are named, and the data stay.
    settle(page)
    chooser = page.get_by_test_id("stFileUploaderDropzoneInput")
    for content, words in (
        (b"\x89PNG\r\n\x1a\n\0\0\0", "Row 1 is not UTF-8 text"),
        (b"a,b\n1,x\nnan,y\n2,x\n3,y\n", "'nan' is not a finite number."),
        (b"1,x\n" * 100_000, "There are 100,000 rows. At most 500 are read."),
        (b"1,x\n" * 1_000_000, "File must be 1.0MB or smaller."),
    ):
        chooser.set_input_files({"name": "bad.csv", "mimeType": "text/csv", "buffer": content})
        page.get_by_text(words).wait_for()
    expect(page.get_by_text("A network of 3 × 3 × 1 units")).to_be_visible()
    good = b"class;u;v\n" + b"".join(b"%d;%d;%d\n" % (i % 3, i, i * i) for i in range(30))
    chooser.set_input_files({"name": "good.csv", "mimeType": "text/csv", "buffer": good})
    expect(page.get_by_text("A network of 2 × 3 × 3 units")).to_be_visible()
    expect(page.get_by_text("Not taken")).to_be_hidden()


def test_a_selected_row_is_what_the_backpropagation_page_follows(visit):
    page = visit(2, room_view="rows")
    table = page.get_by_test_id("stDataFrameResizable").first
    link = page.get_by_role("link", name="Follow sample 3 through the network")
    for _ in range(10):
        # A table that is just being drawn anew does not hear the first click; a second one leaves the choice as it is.
        table.locator(".dvn-scroller").click(position={"x": 18, "y": 18 + 35 * 3})
        with suppress(TimeoutError):
            link.wait_for(timeout=5000)
            break
    link.click()
    page.get_by_role("spinbutton", name="Sample").wait_for()
    expect(page.get_by_role("spinbutton", name="Sample")).to_have_value("3")
    X = Scenario().changed(test_share=0.0)
    sample = training.make_room(X).train.X[2]
    expect(page.get_by_text(number(sample[0])).first).to_be_visible()


def test_a_hundred_large_networks_can_be_stopped_and_do_not_hold_anybody_up(visit):
    # As much work as seeds may be, half a minute, so that a quick machine does not finish it before the click either;
    # the room's own run ends at once, so that its record is small enough to be kept on another page.
    heavy = {"hidden_sizes": "8 8 8 8 8 8", "optimizer": "adam", "lr": 0.1, "samples": 500, "dataset": "spirals"}
    page = visit(2, room_view="seeds", steps=2000, stop_loss=1, **heavy)
    stop, go_on = (page.get_by_role("button", name=name, exact=True) for name in ("Stop", "Continue"))
    page.get_by_role("button", name="Train 100 seeds").click()
    stop.wait_for()
    # Nothing moves up from under the hand, not even at the end of the page.
    page.get_by_test_id("stMain").evaluate("main => main.scrollTo(0, main.scrollHeight)")
    stop.click()
    note = page.get_by_text("Stopped after")
    note.wait_for()
    done, wanted = map(int, re.findall(r"\d+", note.inner_text().replace(",", "")))
    assert 0 < done < wanted < 2000
    go_on.click()
    stop.wait_for()
    expect(note).to_be_hidden()
    # Moving on ends it too: the next page does not wait for the rest, which is still to be done afterwards.
    page.get_by_role("link", name="Chain rule").first.click()
    page.get_by_role("heading", name="What does a tiny change at the start do at the end?").first.wait_for()
    page.get_by_role("link", name="Training room").first.click()
    stop.click()
    note.wait_for()
    assert done < int(re.findall(r"\d+", note.inner_text().replace(",", ""))[0]) < wanted


def test_a_picture_is_taken_home_as_png_and_as_html_that_needs_no_network(visit, browser, tmp_path):
    page = visit(3, room_view="export")
    kept = page.locator(".nn-figure").last
    kept.scroll_into_view_if_needed()
    with page.expect_download() as download:
        kept.locator(".modebar-btn").click()
    image = Image.open(download.value.path()).convert("RGB")
    assert download.value.suggested_filename == "picture.png"
    assert image.width > 1200
    assert len(np.unique(np.asarray(image).reshape(-1, 3), axis=0)) > 200
    assert image.getpixel((2, 2)) == (255, 255, 255)  # paper, not glass

    with page.expect_download() as download:
        page.get_by_role("button", name="Picture as HTML").click()
    place = tmp_path / "picture.html"
    download.value.save_as(place)
    alone = browser.new_context(offline=True).new_page()
    alone.set_default_timeout(60_000)
    alone.goto(place.as_uri())
    alone.wait_for_selector(".js-plotly-plot .heatmaplayer image")
    assert alone.locator(".scatterlayer .point").count() == 150
    alone.get_by_text("of the training samples are right").wait_for()
    seen = Image.open(io.BytesIO(alone.screenshot())).convert("RGB")
    assert len(np.unique(np.asarray(seen).reshape(-1, 3), axis=0)) > 200
    alone.context.close()
