import io

import numpy as np
from PIL import Image
from playwright.sync_api import expect

from tests.browser.conftest import settle, until

PATH = """() => { const view = globalThis[Symbol.for('nnlib.stage')].views.get('right')
  const run = view.drawn.runs.runs[0]; return {x: [...run.first], y: [...run.second]} }"""


def colours_of(locator):
    image = Image.open(io.BytesIO(locator.screenshot())).convert("RGB")
    return len(np.unique(np.asarray(image).reshape(-1, 3), axis=0))


def test_curves_and_surfaces_are_really_drawn(page):
    expect(page.get_by_role("heading", name="Why can't a step learn?")).to_be_visible()
    charts = page.locator(".js-plotly-plot")
    page.wait_for_function("() => document.querySelectorAll('.nn-stage[data-space=ready]').length === 2")
    expect(charts).to_have_count(4)
    for chart in charts.all()[:2]:
        until(page, lambda chart=chart: colours_of(chart) > 20)
    surfaces = page.locator(".js-plotly-plot:has(.gl-container canvas)")
    expect(surfaces).to_have_count(2)
    for surface in surfaces.all():
        surface.scroll_into_view_if_needed()
        until(page, lambda surface=surface: colours_of(surface) > 500)


def test_first_screen_shows_the_question_and_both_curves(flat_page):
    for text in ("Why can't a step learn?", "Two networks get the same data"):
        box = flat_page.get_by_text(text).first.bounding_box()
        assert box["y"] + box["height"] < 800
    for place in (0, 1):
        box = flat_page.locator(".js-plotly-plot").nth(place).bounding_box()
        assert box["y"] + box["height"] < 800


def test_learning_rate_slider_changes_the_path(flat_page):
    page = flat_page
    page.wait_for_function("() => globalThis[Symbol.for('nnlib.stage')]?.views.get('right')?.drawn?.runs")
    before = page.evaluate(PATH)
    slider = page.get_by_role("slider", name="Learning rate")
    slider.focus()
    for _ in range(30):
        slider.press("ArrowLeft")
    page.wait_for_function(f"() => Math.abs(({PATH})().x.at(-1) - {before['x'][-1]}) > 0.1")
    settle(page)
    after = page.evaluate(PATH)
    assert after["x"][0] == before["x"][0]
    assert after["y"][0] == before["y"][0]
    assert abs(after["x"][-1] - before["x"][-1]) > 0.1


STOP_AT_ONCE = """addEventListener('DOMContentLoaded', () => { const watch = new MutationObserver(() => {
    const stop = [...document.querySelectorAll('button')].find((button) => button.innerText.trim() === 'Stop')
    if (stop) { watch.disconnect(); stop.click() } })
  watch.observe(document.body, {childList: true, subtree: true, characterData: true}) })"""


def test_a_long_run_shows_its_progress_and_can_be_stopped(browser, app_url):
    """The button is pressed as soon as it is there, since a quick machine is done before a driver has found it."""
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    page.set_default_timeout(60_000)
    page.add_init_script(STOP_AT_ONCE)
    page.goto(
        f"{app_url}/?v=1&dataset=moons&samples=500&hidden_layers=2&hidden_units=6&steps=20000&activation=softplus"
    )
    note = page.get_by_test_id("stAlert").filter(has_text="Stopped after")
    note.wait_for()
    words = note.inner_text().replace(",", "").split()
    done, wanted = int(words[2]), int(words[4])
    assert 0 < done < wanted
    settle(page)
    page.get_by_role("button", name="Continue").click()
    note.wait_for(state="hidden")
    settle(page)
    # The steps that were left have been taken.
    expect(page.get_by_role("button", name="Stop", exact=True)).to_have_count(0)
    expect(note).to_have_count(0)
    page.close()


def test_a_number_out_of_range_is_answered_and_a_reset_clears_the_box(browser, app_url):
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    page.set_default_timeout(60_000)
    page.goto(f"{app_url}/chain_rule")  # the quickest page; the sidebar is the same on all
    page.get_by_role("heading", name="What does a tiny change at the start do at the end?").wait_for()
    settle(page)
    seed = page.get_by_role("spinbutton", name="Seed")
    seed.fill("123456")
    seed.press("Enter")
    page.get_by_text("Seed: from 0 to 9,999, not 123,456. It stays 6.").wait_for()
    expect(seed).to_have_value("6")
    settle(page)
    seed.fill("9" * 20)  # more than a browser can send
    seed.press("Enter")
    page.get_by_role("button", name="Reset everything").click()
    expect(seed).to_have_value("6")
    page.close()
