"""The stage and the live sliders on the home page, in a real browser."""

import json
import re
from contextlib import contextmanager, suppress

import pytest
from playwright.sync_api import TimeoutError

from tests.browser.conftest import NO_WEBGL, serve, settle, until, visit

VIEWS = "[...globalThis[Symbol.for('nnlib.stage')].views.values()]"
RIGHT = "globalThis[Symbol.for('nnlib.stage')].views.get('right')"
CAMERAS = """() => [...document.querySelectorAll('.nn-plot')].map(g => {
  const { eye, center, up } = g._fullLayout.scene._scene.getCamera()
  return [eye, center, up].map(p => [p.x, p.y, p.z].map(v => Number(v.toFixed(6)))) })"""
SHOWN = "() => [...document.querySelectorAll('.nn-stage')].map(s => ({ ...s.dataset }))"
CONSISTENT = f"""() => {VIEWS}.every(({{ drawn }}) => !drawn || (drawn.surface.hash === drawn.runs.surface
  && drawn.runs.runs.every(r => r.origin === drawn.surface.origin)))"""
READY = "() => document.querySelectorAll('.nn-stage[data-space=ready]').length === 2"
READY_FLAT = "() => document.querySelectorAll('.nn-stage[data-space=missing][data-state=ready]').length === 2"
DRAWN_IN_3D = f"() => {VIEWS}.every(view => view.drawn && view.pathsIn3d === view.drawn.runs)"


@contextmanager
def visit_home(browser, app_url, *, flat):
    """A visit to the home page that keeps the sizes of everything that the server says there."""
    sizes = []

    def listen(page):
        page.on("websocket", lambda socket: socket.on("framereceived", lambda data: sizes.append(len(data))))

    with visit(browser, app_url, prepare=listen, flat=flat) as page:
        page.wait_for_function(READY_FLAT if flat else READY)
        settle(page)
        page.traffic = sizes
        yield page


@pytest.fixture(scope="module")
def shared_home(browser, app_url):
    """One visit for all tests of the pictures in 3-D, which are slow to come; each leaves the page as it found it."""
    with visit_home(browser, app_url, flat=False) as page:
        yield page


@pytest.fixture(scope="module")
def shared_flat(browser, app_url):
    """One visit without pictures in 3-D for all tests that only look, or leave the page as they found it."""
    with visit_home(browser, app_url, flat=True) as page:
        yield page


@pytest.fixture
def flat_home(browser, app_url):
    """A fresh visit without pictures in 3-D."""
    with visit_home(browser, app_url, flat=True) as page:
        yield page


def stage(page, side):
    return page.locator(".nn-stage").nth(("left", "right").index(side))


def figures(page, side):
    return stage(page, side).locator(".nn-figures tbody td").all_inner_texts()


def exact(page, side):
    cells = stage(page, side).locator(".nn-figures tbody td")
    return [float(cell.get_attribute("title")) for cell in cells.all()[1:]]


def drag_to(page, locator, dx, dy, steps=3):
    locator.scroll_into_view_if_needed()
    box = locator.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + dx, y + dy, steps=steps)
    page.mouse.up()


def turned_from(page, before):
    """Where both cameras stand, once they have left where they were, stand together and stand still."""
    seen = []

    def at_rest():
        seen.append(page.evaluate(CAMERAS))
        return len(seen) > 2 and seen[-1] == seen[-2] == seen[-3] and seen[-1][0] == seen[-1][1] != before[1]

    until(page, at_rest)
    return seen[-1]


def back_to(page, runs):
    """Undo the own start, and wait for the paths that were there before and for the last step."""
    page.get_by_role("button", name="Undo own start").click()
    page.wait_for_function(f"before => ({SHOWN})()[1].runs === before && ({SHOWN})()[1].state === 'ready'", arg=runs)
    page.get_by_role("slider", name="Step, sigmoid").press("End")
    page.wait_for_function(f"() => ({SHOWN})().every(s => s.step === '1000')")
    settle(page)


def changed_runs(page, before, side=1):
    page.wait_for_function(
        f"before => ({SHOWN})()[{side}].runs !== before && ({SHOWN})()[{side}].state === 'ready'", arg=before
    )
    settle(page)


def test_dragging_the_learning_rate_bends_the_path_before_the_hand_lets_go(flat_home):
    home = flat_home
    slider = home.get_by_role("slider", name="Learning rate")
    box = slider.bounding_box()
    home.evaluate(
        f"""() => {{ globalThis.seen = new Set(); const look = () => {{
          globalThis.seen.add(({SHOWN})()[1].runs); requestAnimationFrame(look) }}; look() }}"""
    )
    x, y = box["x"] + box["width"] * 0.66, box["y"] + box["height"] / 2
    home.mouse.move(x, y)
    home.mouse.down()
    # The hand never rests, and the path bends all the same.
    for k in range(600):
        home.mouse.move(x - 2 * (k % 40), y)
        home.wait_for_timeout(50)
        if home.evaluate("() => globalThis.seen.size") >= 4:
            break
    else:
        pytest.fail("the path waits for the hand")
    home.mouse.move(x - 78, y)
    thumb = slider.input_value()
    home.wait_for_timeout(1500)
    assert slider.input_value() == thumb, "the server must not move the thumb under the finger"
    home.mouse.up()
    settle(home)
    last = float(home.get_by_role("spinbutton", name="Learning rate, as a number").input_value())
    assert slider.input_value() == thumb
    home.wait_for_function(f"() => ({SHOWN})()[1].step === '1000'")
    # The opening rate is 10; the last value wins, and the path is the one of that value.
    assert last < 1

    # A dragged steepness moves the surface too, and the page around it is not drawn meanwhile.
    slider = home.get_by_role("slider", name="Steepness k")
    slider.scroll_into_view_if_needed()
    box = slider.bounding_box()
    x, y = box["x"] + box["width"] * 0.3, box["y"] + box["height"] / 2
    home.mouse.move(x, y)
    home.mouse.down()
    for k in range(3):
        before = home.evaluate(SHOWN)[1]["surface"]
        home.mouse.move(x + 20 * (k + 1), y)
        home.wait_for_function(
            f"before => ({SHOWN})()[1].surface !== before && ({SHOWN})()[1].state === 'ready'", arg=before
        )
        assert home.evaluate(CONSISTENT)
        assert "live" in home.evaluate(SHOWN)[1], "the text beside it waits for the hand"
    home.mouse.up()
    home.wait_for_function(f"() => !('live' in ({SHOWN})()[1])")


def test_stepping_and_scrubbing_back_and_forth_gives_the_same_numbers_without_the_server(shared_flat):
    home, traffic = shared_flat, shared_flat.traffic
    right = stage(home, "right")
    del traffic[:]
    right.get_by_role("button", name="To the start").click()
    start = exact(home, "right")
    seen = {}
    for _ in range(5):
        right.get_by_role("button", name="One step forward").click()
        seen[figures(home, "right")[0]] = exact(home, "right")
    for _ in range(5):
        assert exact(home, "right") == seen[figures(home, "right")[0]]
        right.get_by_role("button", name="One step back").click()
    assert exact(home, "right") == start
    scrub = home.get_by_role("slider", name="Step, sigmoid")
    scrub.fill("50")
    middle = exact(home, "right")
    scrub.fill("120")
    assert exact(home, "right") != middle
    scrub.fill("50")
    assert exact(home, "right") == middle
    assert figures(home, "left")[0] == figures(home, "right")[0], "one clock for both stages"
    assert figures(home, "left")[4:] == ["0", "0"], "the step's gradient is exactly 0"

    right.get_by_role("button", name="To the start").click()
    right.get_by_role("combobox", name="Speed").select_option("50")
    right.get_by_role("button", name="Play").click()
    home.wait_for_function(f"() => Number(({SHOWN})()[1].step) > 20")
    right.get_by_role("button", name="Pause").click()
    right.get_by_role("button", name="Play").wait_for()
    step = home.evaluate(SHOWN)[1]["step"]
    home.wait_for_timeout(400)
    assert home.evaluate(SHOWN)[1]["step"] == step
    scrub.press("End")
    home.wait_for_function(f"() => ({SHOWN})().every(s => s.step === '1000')")
    assert traffic == []


def test_a_click_on_the_map_moves_the_start_to_the_clicked_weights(shared_flat):
    page = shared_flat
    before = page.evaluate(SHOWN)[1]
    contour = stage(page, "right").locator(".nn-map canvas")
    contour.scroll_into_view_if_needed()
    box = contour.bounding_box()
    at = {"x": box["width"] * 0.7, "y": box["height"] * 0.3}
    wanted = page.evaluate(f"({{x, y}}) => {RIGHT}.pointAt(x, y)", at)
    contour.click(position=at)
    changed_runs(page, before["runs"])
    after = page.evaluate(SHOWN)
    assert after[1]["surface"] == before["surface"], "another start, the same surface"
    stage(page, "right").get_by_role("button", name="To the start").click()
    for side in ("left", "right"):
        assert exact(page, side)[:2] == pytest.approx([wanted["first"], wanted["second"]], abs=0.1)
    back_to(page, before["runs"])


def test_a_click_on_the_surface_moves_the_start_to_the_clicked_weights(shared_home):
    home = shared_home
    before = home.evaluate(SHOWN)[1]
    space = stage(home, "right").locator(".nn-space")
    space.scroll_into_view_if_needed()
    home.evaluate(
        f"""() => {RIGHT}.plot.on("plotly_hover", ({{ points }}) => {{
          const point = points.find((p) => p.curveNumber === 0)
          globalThis.touched = point && {{ first: point.x, second: point.y }} }})"""
    )
    box = space.bounding_box()
    # Look for the surface from the middle outwards, as a hand would.
    for dx, dy in ((-0.1, 0), (0.12, -0.05), (-0.15, 0.05), (0.2, 0.05), (-0.22, -0.05)):
        home.mouse.move(box["x"] + box["width"] * (0.5 + dx), box["y"] + box["height"] * (0.5 + dy), steps=3)
        with suppress(TimeoutError):
            home.wait_for_function("() => Boolean(globalThis.touched)", timeout=3000)
            break
    home.mouse.down()
    home.mouse.up()
    changed_runs(home, before["runs"])
    wanted = home.evaluate("() => globalThis.touched")
    assert home.evaluate(SHOWN)[1]["surface"] == before["surface"]
    stage(home, "right").get_by_role("button", name="To the start").click()
    assert exact(home, "right")[:2] == pytest.approx([wanted["first"], wanted["second"]], abs=1e-6)
    assert exact(home, "left")[:2] == exact(home, "right")[:2]
    back_to(home, before["runs"])


def test_a_slider_of_each_weight_moves_the_start_along_the_surface(shared_flat):
    page = shared_flat
    before = page.evaluate(SHOWN)[1]
    for place, name in enumerate(("Start of W1[2,2]", "Start of W1[3,1]")):
        runs = page.evaluate(SHOWN)[1]["runs"]
        slider = page.get_by_role("slider", name=name)
        slider.focus()
        for _ in range(3):
            slider.press("ArrowRight" if place else "ArrowLeft")
        changed_runs(page, runs)
        wanted = float(page.get_by_role("spinbutton", name=f"{name}, as a number").input_value())
        page.wait_for_function(
            f"""([name, v]) => {VIEWS}.every(({{ drawn }}) => Math.abs(drawn.runs.runs[0][name][0] - v) < 1e-5)""",
            arg=[("first", "second")[place], wanted],
        )
    page.wait_for_function(f"() => ({SHOWN})().every(s => s.step === '1000')")
    assert page.evaluate(SHOWN)[1]["surface"] == before["surface"]
    back_to(page, before["runs"])


def test_the_keyboard_alone_reaches_everything(shared_home):
    shared_home.get_by_role("slider", name="Probe x").focus()
    reached = set()
    for _ in range(75):
        shared_home.keyboard.press("Tab")
        reached.add(
            shared_home.evaluate(
                """() => { const node = document.activeElement
                return node.getAttribute('aria-label') || node.labels?.[0]?.textContent || node.textContent }"""
            )
        )
    wanted = ["Corner", "Top", "Along W1[2,2]", "Along W1[3,1]", "Play", "Show the steps as a table", "To the start"]
    wanted += ["Steepness k, as a number", "Threshold of the step", "Steepness k", "use this threshold in the nets"]
    wanted += [f"Start of {ref}" for ref in ("W1[2,2]", "W1[3,1]")]
    wanted += [f"{what}, {who}" for what in ("Step", "Speed") for who in ("step", "sigmoid")]
    for name in wanted:
        assert any(name in words for words in reached), (name, reached)
    for words in ("As a surface in 3-D", "As a map"):
        assert sum(words in label for label in reached) == 2, (words, reached)


def test_the_keyboard_alone_turns_steps_and_chooses_a_start(shared_home):
    home = shared_home
    space = stage(home, "right").locator(".nn-space")
    space.focus()
    before = home.evaluate(CAMERAS)
    home.keyboard.press("ArrowLeft")
    home.keyboard.press("ArrowUp")
    turned_from(home, before)
    reached = []
    for _ in range(11):
        home.keyboard.press("Tab")
        reached.append(
            home.evaluate(
                "() => document.activeElement.getAttribute('aria-label') || document.activeElement.textContent"
            )
        )
        outline = home.evaluate("() => getComputedStyle(document.activeElement).outlineStyle")
        assert outline != "none", reached[-1]
    for name in (
        "Corner",
        "Top",
        "Along W1[2,2]",
        "To the start",
        "One step back",
        "Play",
        "Step, sigmoid",
        "Speed, sigmoid",
    ):
        assert name in reached, (name, reached)
    runs = home.evaluate(SHOWN)[1]["runs"]
    stage(home, "right").locator(".nn-map canvas").focus()
    for key in ("ArrowRight", "Shift+ArrowUp", "ArrowUp", "Enter"):
        home.keyboard.press(key)
    changed_runs(home, runs)
    back_to(home, runs)


def test_fast_changes_never_put_a_path_over_another_surface(flat_home):
    home = flat_home
    home.evaluate(
        f"""() => {{ globalThis.wrong = globalThis.looks = 0; const look = () => {{ globalThis.looks += 1
          if (!({CONSISTENT})()) globalThis.wrong += 1; requestAnimationFrame(look) }}; look() }}"""
    )
    seed = home.get_by_role("spinbutton", name="Seed")
    box = home.get_by_role("spinbutton", name="Learning rate, as a number")
    for k in range(6):
        seed.fill(str(100 + k))
        seed.press("Enter")
        home.wait_for_timeout(60 * k)
        box.fill(str(1 + k))
        box.press("Enter")
        home.wait_for_timeout(40)
    settle(home)
    home.wait_for_function(f"() => ({SHOWN})().every(s => s.state === 'ready')")
    assert home.evaluate("() => globalThis.looks") > 5
    assert home.evaluate("() => globalThis.wrong") == 0


def test_a_path_without_its_surface_is_not_drawn(shared_flat):
    home = shared_flat
    before = home.evaluate(SHOWN)[1]
    home.evaluate(
        f"""() => {{ const view = {RIGHT}
          view.waiting = {{ ...view.waiting, surface: 'another', hash: 'new' }}; view.pair() }}"""
    )
    after = home.evaluate(SHOWN)[1]
    assert after["state"] == "updating"
    assert (after["runs"], after["surface"]) == (before["runs"], before["surface"])
    stage(home, "right").get_by_text("Updating").wait_for()
    home.evaluate(
        f"""() => {{ const view = {RIGHT}; const run = {{ ...view.waiting.runs[0], origin: 'another' }}
          view.waiting = {{ ...view.waiting, surface: view.drawn.surface.hash, runs: [run] }}; view.pair() }}"""
    )
    assert home.evaluate(SHOWN)[1]["state"] == "updating"
    home.evaluate(f"() => {{ const view = {RIGHT}; view.waiting = view.drawn.runs; view.pair() }}")
    home.wait_for_function(
        f"before => ({SHOWN})()[1].state === 'ready' && ({SHOWN})()[1].runs === before", arg=before["runs"]
    )


def test_a_new_learning_rate_costs_little_and_plotly_is_loaded_once(shared_home):
    home, traffic = shared_home, shared_home.traffic
    del traffic[:]
    before = home.evaluate(SHOWN)[1]
    slider = home.get_by_role("slider", name="Learning rate")
    slider.focus()
    slider.press("ArrowLeft")
    changed_runs(home, before["runs"])
    assert sum(traffic) < 40_000, sum(traffic)
    loaded = home.evaluate("() => performance.getEntriesByType('resource').map(e => e.name)")
    assert len([name for name in loaded if "plotly.min.js" in name]) == 1
    assert len([name for name in loaded if name.endswith("/stage.js")]) == 1
    assert home.evaluate("() => Plotly.version").startswith("4.")
    changed = home.evaluate(SHOWN)[1]["runs"]
    box = home.get_by_role("spinbutton", name="Learning rate, as a number")
    box.fill("10")
    box.press("Enter")
    changed_runs(home, changed)
    assert home.evaluate(SHOWN)[1]["runs"] == before["runs"]


def test_an_uneven_grid_is_read_where_its_points_are(shared_flat):
    address = shared_flat.evaluate(
        "() => performance.getEntriesByType('resource').map(e => e.name).find(n => n.endsWith('/stage.js'))"
    )
    read = shared_flat.evaluate(
        """async (address) => { const { between } = await import(address)
        const z = Float32Array.from([10, 20, 30, 11, 21, 31])
        const grid = { x: Float32Array.from([0, 1, 5]), y: Float32Array.from([0, 2]) }
        const at = (terraces, first, second) => between({ ...grid, terraces }, z, { first, second })
        const cells = [[2.9, 0], [3.1, 0], [3.1, 1.1]].map(([a, b]) => at(true, a, b))
        return [...cells, ...[[1, 0], [3, 0], [5, 2]].map(([a, b]) => at(false, a, b))] }""",
        address,
    )
    assert read == [20, 30, 31, 20, 25, 31]
    # The start of the step's path stands on a cell of its own height.
    start = shared_flat.evaluate(
        """async (address) => { const { between } = await import(address)
        const { drawn, z } = globalThis[Symbol.for('nnlib.stage')].views.get('left')
        const run = drawn.runs.runs[0]
        return [between(drawn.surface, z, { first: run.first[0], second: run.second[0] }), run.loss[0]] }""",
        address,
    )
    assert start[0] == pytest.approx(start[1], rel=1e-6)


def test_only_what_can_be_seen_of_a_path_is_drawn(shared_flat):
    address = shared_flat.evaluate(
        "() => performance.getEntriesByType('resource').map(e => e.name).find(n => n.endsWith('/stage.js'))"
    )
    lines = [
        [1, 2, 3, 4],  # inside: as it is
        [-1e12, 50, 1e12, 50],
        [0, 0, 1e9, 5e8],  # keeps its direction
        [1e9, -5e8, 0, 0],
        [7, 1e9, 7, -1e9],
        [-50, 0, -50, 9],  # beside the box, and past its corner
        [190, 90, 1000, 900],
        [1, 1, 1, None],  # not a number
    ]
    pieces = shared_flat.evaluate(
        """async ([address, lines]) => { const { pieceWithin } = await import(address)
        return lines.map(line => pieceWithin([200, 100], ...line.map(v => v ?? NaN), 40)) }""",
        [address, lines],
    )
    assert pieces[0] == [1, 2, 3, 4]
    assert pieces[1] == pytest.approx([-40, 50, 240, 50], abs=1e-3)
    assert pieces[2] == pytest.approx([0, 0, 240, 120])
    assert pieces[3] == pytest.approx([80, -40, 0, 0])
    assert pieces[4] == pytest.approx([7, 140, 7, -40], abs=1e-6)
    assert pieces[5:] == [None, pytest.approx([190, 90, 240, 140]), None]


def test_a_path_that_runs_away_is_not_dashed_beyond_the_map(browser, app_url):
    """Millions of pixels of dashes kept Chromium busy for half a minute."""
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    page.add_init_script(NO_WEBGL)
    page.add_init_script(
        """globalThis.furthest = 0
        globalThis.lines = 0
        const pen = CanvasRenderingContext2D.prototype, lineTo = pen.lineTo
        pen.lineTo = function (x, y) {
          if (this.getLineDash().length) {
            globalThis.lines += 1
            globalThis.furthest = Math.max(globalThis.furthest, Math.abs(x), Math.abs(y))
          }
          return lineTo.call(this, x, y) }"""
    )
    page.goto(app_url + "/learning_rate?lab_others=too+large")
    page.wait_for_selector(".nn-stage[data-state=ready]")
    away = """() => globalThis.lines && [...globalThis[Symbol.for('nnlib.stage')].views.values()]
      .some(({ drawn }) => drawn?.runs.runs.some(run => run.first.some(v => Math.abs(v) > 1e5)))"""
    page.wait_for_function(away)
    assert page.evaluate("() => globalThis.furthest") < 1280
    page.close()


def test_terraces_are_flat_cells_with_cliffs(shared_home):
    z = shared_home.evaluate("() => document.querySelector('.nn-plot').data[0].z.map(row => [...row])")
    assert len(z) == len(z[0]) == 2 * 61
    assert z[::2] == z[1::2]
    assert all(row[::2] == row[1::2] for row in z)


def test_the_table_holds_the_steps_of_the_record(shared_flat):
    right = stage(shared_flat, "right")
    right.get_by_role("button", name="Show the steps as a table").click()
    rows = right.locator(".nn-twin tbody tr")
    assert rows.count() == 96
    assert rows.last.locator("th").inner_text() == "1000"
    assert [float(cell.get_attribute("title")) for cell in rows.last.locator("td").all()] == exact(
        shared_flat, "right"
    )[:3]
    right.get_by_role("button", name="Hide the table").click()
    assert not right.locator(".nn-twin").is_visible()


def test_without_webgl_the_map_stands_in_with_a_message(shared_flat):
    page = shared_flat
    assert "this browser has no WebGL. The map shows the same surface." in page.locator(".nn-note").first.inner_text()
    colours = page.evaluate(
        """() => { const c = document.querySelector('.nn-map canvas')
        const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data
        const found = new Set()
        for (let i = 0; i < d.length; i += 4) found.add(d[i] * 65536 + d[i + 1] * 256 + d[i + 2])
        return found.size }"""
    )
    assert colours > 10


def test_who_wants_little_motion_gets_a_few_still_pictures(shared_flat):
    home = shared_flat
    home.emulate_media(reduced_motion="reduce")
    right = stage(home, "right")
    assert right.get_by_role("button", name="Play").is_visible(), "nothing plays by itself"
    right.get_by_role("button", name="To the start").click()
    right.get_by_role("combobox", name="Speed").select_option("100")
    home.evaluate(
        f"""() => {{ globalThis.seen = new Set(); const look = () => {{
          globalThis.seen.add(({SHOWN})()[1].step); requestAnimationFrame(look) }}; look() }}"""
    )
    right.get_by_role("button", name="Play").click()
    home.wait_for_function(f"() => ({SHOWN})()[1].step === '1000'")
    assert 2 <= home.evaluate("() => globalThis.seen.size") <= 12
    home.emulate_media(reduced_motion="no-preference")


def test_below_a_base_path_the_stage_is_drawn_too(browser):
    with serve({"STREAMLIT_SERVER_BASE_URL_PATH": "course/one"}) as url:
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.set_default_timeout(60_000)
        page.goto(f"{url}/course/one/")
        page.wait_for_function("() => document.querySelectorAll('.nn-stage[data-space=ready]').length === 2")
        loaded = page.evaluate("() => performance.getEntriesByType('resource').map(e => new URL(e.name).pathname)")
        ours = [path for path in loaded if "plotly.min.js" in path or path.endswith(("/stage.js", "/live_slider.js"))]
        assert len(ours) >= 3
        assert all(path.startswith("/course/one/") for path in ours)
        page.close()


@pytest.fixture
def film(browser, app_url):
    with visit(browser, app_url, "/slices?slice_mode=reslice", flat=True) as page:
        yield page


def test_a_film_of_surfaces_arrives_and_the_marker_stands_on_it(film):
    page = film
    slices = "globalThis[Symbol.for('nnlib.stage')].views.get('slice')"
    page.wait_for_function(f"() => {slices}.drawn.surface.frames?.filter(Boolean).length === 40")
    gaps = page.evaluate(
        f"""async () => {{ const view = {slices}
        const address = performance.getEntriesByType('resource').map(e => e.name).find(n => n.endsWith('/stage.js'))
        const {{ between }} = await import(address)
        const {{ surface, runs }} = view.drawn
        const [run] = runs.runs
        return surface.frameSteps.map((step) => {{
          view.go(runs.steps.indexOf(step))
          const t = view.t
          const there = {{ first: run.first[t], second: run.second[t] }}
          return [runs.steps[t] === step, Math.abs(between(surface, view.z, there) - run.loss[t])] }}) }}"""
    )
    assert all(on for on, _ in gaps)
    # Between its grid points the surface is drawn straight: a little off, and never a frame of another step.
    assert max(gap for _, gap in gaps) < 3e-3


def test_text_is_large_enough_and_every_picture_has_words(shared_home):
    small = shared_home.evaluate(
        """() => [...document.querySelectorAll('.nn-stage *, .nn-slider *')]
        .filter(n => n.childElementCount === 0 && n.textContent.trim() && n.getClientRects().length
          && !n.closest('.nn-plot') && parseFloat(getComputedStyle(n).fontSize) < 14)
        .map(n => n.textContent)"""
    )
    assert small == []
    for side in ("left", "right"):
        for part in (".nn-space", ".nn-map canvas", ".nn-fall canvas"):
            words = stage(shared_home, side).locator(part).get_attribute("aria-label")
            assert re.search(r"MSE [\d.]+ at the start", words), words
            assert f"of the {'step' if side == 'left' else 'sigmoid'} network" in words, words
            if part != ".nn-fall canvas":
                assert "W1[2,2] from −8 to 8 and W1[3,1] from −8 to 8: " in words, words
                assert re.search(r"between 0\.\d+ and 0\.\d+", words), words
    assert json.loads(json.dumps(shared_home.evaluate(SHOWN)))[0]["state"] == "ready"


def test_the_camera_survives_every_change_and_both_stages_share_it(shared_home):
    # The last test of the shared visit: it leaves the page changed.
    home = shared_home
    opening = home.evaluate(CAMERAS)
    assert opening[0] == opening[1]
    home.evaluate("() => document.querySelectorAll('.nn-plot').forEach((g, i) => { g.mine = i })")
    drag_to(home, stage(home, "left").locator(".nn-space"), 70, 30)
    turned = turned_from(home, opening)

    before = home.evaluate(SHOWN)[1]
    home.get_by_role("spinbutton", name="Learning rate, as a number").fill("3")
    home.keyboard.press("Enter")
    changed_runs(home, before["runs"])
    home.wait_for_function(DRAWN_IN_3D)
    assert home.evaluate(CAMERAS) == turned

    before = home.evaluate(SHOWN)[1]
    home.get_by_role("spinbutton", name="Seed").fill("9")
    home.keyboard.press("Enter")
    changed_runs(home, before["runs"])
    home.wait_for_function(DRAWN_IN_3D)
    assert home.evaluate(SHOWN)[1]["surface"] != before["surface"]
    assert home.evaluate(CAMERAS) == turned

    stage(home, "right").get_by_role("button", name="One step back").click()
    assert home.evaluate(CAMERAS) == turned
    before = home.evaluate(SHOWN)[1]
    home.get_by_role("combobox", name="Second weight").click()
    home.keyboard.type("W2[1,1]")  # a long list shows only a part of itself
    home.get_by_role("option", name="W2[1,1]").click()
    changed_runs(home, before["runs"])
    home.wait_for_function(DRAWN_IN_3D)
    assert home.evaluate(f"() => {RIGHT}.drawn.runs.names") == ["W1[2,2]", "W2[1,1]"]
    assert home.evaluate(CAMERAS) == turned
    home.emulate_media(color_scheme="dark")
    home.wait_for_function(f"() => {VIEWS}.every(v => v.dark)")
    home.wait_for_timeout(500)
    assert home.evaluate(CAMERAS) == turned
    assert home.evaluate("() => [...document.querySelectorAll('.nn-plot')].map(g => g.mine)") == [0, 1]

    stage(home, "right").get_by_role("button", name="Top", exact=True).click()
    seen = turned_from(home, turned)
    assert seen[0][0][2] > 1.5
