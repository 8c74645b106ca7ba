"""The chain-rule and the backpropagation page in a real browser: drawn, clicked, tapped, typed."""

from urllib.parse import urlencode

import pytest
from playwright.sync_api import expect

from dashboard import walk_views
from dashboard.figures_backprop import activation_curve
from dashboard.scenario import Scenario, chain_text
from dashboard.text import MINUS, number
from dashboard.theme import LIGHT
from dashboard.told import at_step as told_at
from dashboard.walk import Walk, edited, opening, setup_of
from tests.browser.conftest import settle
from tests.browser.test_home import colours_of

GRAPH = "svg[data-step]"


@pytest.fixture
def visit(browser, app_url):
    pages = []

    def go(path, width=1280, height=900, **options):
        context = browser.new_context(viewport={"width": width, "height": height}, **options)
        page = context.new_page()
        pages.append(context)
        page.set_default_timeout(30_000)
        page.goto(f"{app_url}/{path}")
        page.wait_for_selector(GRAPH)
        settle(page)
        return page

    yield go
    for context in pages:
        context.close()


@pytest.fixture(scope="module")
def desk(browser, app_url):
    """One page for all the tests that only click around; each begins where it says."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.set_default_timeout(30_000)
    page.goto(f"{app_url}/backpropagation")
    page.wait_for_selector(GRAPH)
    settle(page)
    yield page
    page.close()


def press(page, name):
    # While a run replaces a button, there may be two for a moment.
    page.get_by_role("button", name=name, exact=True).first.click()


def begin_at_loss(page):
    press(page, "Loss")
    wait_for_text(page, "Step 11 of 49, loss")
    settle(page)


def at_step(page):
    return int(page.locator(GRAPH).get_attribute("data-step"))


def pressed(page):
    return page.locator(f'{GRAPH} [aria-pressed="true"]').first.get_attribute("data-id")


def wait_for_text(page, text):
    page.wait_for_function("text => document.body.innerText.includes(text)", arg=text)


WIDE = "backpropagation?v=1&hidden_sizes=8,8,8,8&walk_step=60"
FULL = "backpropagation?v=1&walk_step=49"
"""At the last step every line carries its weight and its gradient."""


@pytest.mark.parametrize(
    ("path", "scheme"), [("chain_rule", "light"), ("backpropagation", "dark"), (WIDE, "light"), (FULL, "light")]
)
def test_the_graph_is_drawn_and_readable(visit, path, scheme):
    page = visit(path, 1280, color_scheme=scheme)
    graph = page.locator(GRAPH)
    assert_readable(page, graph, 1280, path == WIDE)
    drawn = graph.bounding_box()["width"]
    page.set_viewport_size({"width": 400, "height": 900})
    page.wait_for_function(
        f"before => {THE_GRAPH}.clientWidth !== before",
        arg=drawn,
    )
    settle(page)
    assert_readable(page, graph, 400, path == WIDE)


COVERED = """selector => {
    const roots = [...document.querySelectorAll('*')].map(e => e.shadowRoot).filter(Boolean);
    const labels = [...roots.find(r => r.querySelector(selector)).querySelectorAll('.label')].map(e => e.getBBox());
    const common = (a, b, low, size) => Math.min(a[low] + a[size], b[low] + b[size]) - Math.max(a[low], b[low]);
    const both = (a, b) => [common(a, b, 'x', 'width'), common(a, b, 'y', 'height')].map(x => Math.max(0, x));
    const covered = (a, b) => both(a, b).reduce((w, h) => w * h) / (b.width * b.height);
    return Math.max(0, ...labels.flatMap((a, i) => labels.filter((_, j) => j !== i).map(b => covered(a, b))));
}"""
"""The largest part of a number on a line that another one covers."""
ALL_ROOTS = "[document, ...[...document.querySelectorAll('*')].map(e => e.shadowRoot).filter(Boolean)]"
THE_GRAPH = f"{ALL_ROOTS}.map(root => root.querySelector('{GRAPH}')).find(Boolean)"


def assert_readable(page, graph, width, wide):
    graph.scroll_into_view_if_needed()
    assert colours_of(graph) > 20
    # On a phone a wide network scrolls within its place; elsewhere all layers are seen.
    assert (wide and width == 400) or graph.bounding_box()["width"] <= graph.locator("..").bounding_box()["width"]
    smallest = page.evaluate(
        """selector => {
            const roots = [...document.querySelectorAll('*')].map(e => e.shadowRoot);
            const root = roots.find(r => r?.querySelector(selector));
            const texts = [...root.querySelectorAll(`${selector} text`)].filter(t => t.textContent.trim());
            return Math.min(...texts.map(t => parseFloat(getComputedStyle(t).fontSize)));
        }""",
        GRAPH,
    )
    assert smallest >= 14
    assert page.evaluate(COVERED, GRAPH) < 0.15
    # The page itself never scrolls sideways, and a wide graph takes its layers' names along.
    assert page.get_by_test_id("stMain").evaluate("main => main.scrollWidth - main.clientWidth") == 0
    place = graph.locator("..").bounding_box()
    lefts = graph.locator("text.column").evaluate_all(
        "all => all.filter(e => e.textContent).map(e => e.getBoundingClientRect().left)"
    )
    assert all(left >= place["x"] for left in lefts)
    # What rises above a formula's box would be cut off.
    cut = page.locator(".katex-display").evaluate_all(
        """formulas => formulas.filter(formula => {
            const top = formula.getBoundingClientRect().top, parts = [...formula.querySelectorAll('.katex-html *')];
            return parts.some(e => !e.children.length && e.textContent.trim() && e.getBoundingClientRect().top < top);
        }).length"""
    )
    assert cut == 0


def test_next_moves_the_graph_and_the_words_together(desk):
    page = desk
    begin_at_loss(page)
    before = at_step(page)
    press(page, "Next")
    wait_for_text(page, f"Step {before + 2} of 49, backward")
    settle(page)
    assert at_step(page) == before + 1
    press(page, "Back")
    wait_for_text(page, f"Step {before + 1} of 49, loss")
    settle(page)
    assert at_step(page) == before


def test_a_click_on_a_line_selects_its_weight_and_one_on_a_value_goes_there(desk):
    page = desk
    begin_at_loss(page)
    page.locator(f'{GRAPH} [data-of="W2[2,1]"] text').first.click()
    wait_for_text(page, "W2[2,1]")
    settle(page)
    assert pressed(page) == "W2[2,1]"
    assert page.get_by_role("combobox", name="Weight", exact=False).last.is_visible()
    page.locator(f'{GRAPH} [data-id="H_out[2]"]').click()
    wait_for_text(page, "Step 4 of 49, forward")
    settle(page)
    assert at_step(page) == 3


def test_the_keyboard_alone_walks_the_graph(desk):
    page = desk
    begin_at_loss(page)
    stops = page.locator(f'{GRAPH} [tabindex="0"]')
    assert stops.count() == 1
    stops.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")
    here = page.locator(f'{GRAPH} [tabindex="0"]').get_attribute("data-id")
    assert here != "X[1]"
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    place = page.locator(f'{GRAPH} [tabindex="0"]')
    name = place.get_attribute("data-id")
    page.keyboard.press("Enter")
    settle(page)
    if name.startswith(("W", "dW")):
        assert pressed(page) == name.removeprefix("d")
    else:
        assert page.locator(f'{GRAPH} .now[data-id="{name}"], {GRAPH} .zero[data-id="{name}"]').count() == 1
    # The focus stays where it was after the redraw.
    assert page.locator(f'{GRAPH} [tabindex="0"]').get_attribute("data-id") == name


def test_a_tap_on_a_phone_selects_a_weight(visit):
    page = visit("backpropagation", 400, 800, has_touch=True, is_mobile=True)
    line = page.locator(f'{GRAPH} [data-of="W1[3,2]"] text').first
    line.scroll_into_view_if_needed()
    line.tap()
    page.wait_for_function("() => document.body.innerText.includes('W1[3,2]')")
    settle(page)
    assert pressed(page) == "W1[3,2]"


def test_screen_readers_hear_every_box(desk):
    page = desk
    begin_at_loss(page)
    label = page.locator(GRAPH).get_attribute("aria-label")
    assert label.startswith("The network 4-2-3. Step 11 of 49, loss.")
    assert page.get_by_role("group", name="Hidden unit 2, listening").count() == 1
    assert page.get_by_role("button", name="W1[1,2]: ").count() == 1


def test_play_walks_by_itself_and_pauses(desk):
    page = desk
    begin_at_loss(page)
    before = at_step(page)
    press(page, "Play")
    page.wait_for_function(f"() => {THE_GRAPH}.dataset.step >= {before + 2}")
    press(page, "Pause")
    # The server has heard of it when the button has its other name again.
    expect(page.get_by_role("button", name="Play", exact=True)).to_have_count(1)
    settle(page)
    stopped = at_step(page)
    page.wait_for_timeout(1600)
    assert at_step(page) == stopped


def test_a_matrix_cell_selects_its_weight(desk):
    page = desk
    begin_at_loss(page)
    press(page, "Update")
    wait_for_text(page, "Step 36 of 49, update")
    settle(page)
    page.locator('.matrices [data-id="W1[2,2]"]').first.click()
    settle(page)
    assert pressed(page) == "W1[2,2]"


def test_the_slope_experiment_shows_its_banner_and_red_cells(visit):
    page = visit("backpropagation")
    page.get_by_text("Why multiply by the slope?").first.click()
    page.wait_for_selector(".matrices .bad")
    wait_for_text(page, "Sabotage is on")
    expect(page.locator(".matrices .bad")).to_have_count(8)
    expect(page.locator(".matrices .good")).to_have_count(6)
    page.wait_for_selector(".nn-stage[data-space=ready][data-state=ready]")
    space, rows = page.locator(".nn-space"), page.locator(".nn-figures tbody tr")
    space.scroll_into_view_if_needed()
    settle(page)
    assert colours_of(space) > 100
    # Both paths lie on the surface in 3-D: for each run its whole path and the part walked so far.
    drawn = page.evaluate(
        "() => document.querySelector('.nn-plot').data.filter(t => t.mode === 'lines').map(t => t.line.color)"
    )
    assert drawn[0] == drawn[1] != drawn[2] == drawn[3]
    assert [rows.nth(i).locator("th").inner_text().strip() for i in (0, 1)] == ["right", "sabotaged"]
    # The numbers stand below their headings.
    heads = page.locator(".nn-figures thead th").evaluate_all("all => all.map(e => e.getBoundingClientRect().right)")
    cells = rows.first.locator("th, td").evaluate_all("all => all.map(e => e.getBoundingClientRect().right)")
    assert cells == pytest.approx(heads, abs=2)
    page.get_by_text("Step by step").first.click()
    page.wait_for_selector(GRAPH)


ACTS = """acts => {
    const roots = [document, ...[...document.querySelectorAll('*')].map(e => e.shadowRoot).filter(Boolean)];
    const find = selector => roots.map(r => r.querySelector(selector)).find(Boolean);
    const graph = find('svg[data-step]');
    return acts.map(([kind, what]) => {
        const buttons = [...document.querySelectorAll('button')];
        if (kind === 'button') buttons.find(b => b.innerText.trim().endsWith(what)).click();
        else if (kind === 'slide') {
            const range = find('.st-key-walk_scrub input[type=range]');
            range.value = what;
            range.dispatchEvent(new Event('input', {bubbles: true}));
        } else {
            const click = new MouseEvent('click', {bubbles: true, composed: true});
            find(`${kind} [data-id="${what}"]`).dispatchEvent(click);
        }
        const picked = graph.querySelector('[aria-pressed="true"]');
        const marked = [...graph.querySelectorAll('.cell.now, .cell.zero')].map(e => e.dataset.id);
        return [Number(graph.dataset.step), picked?.dataset.id ?? '', marked];
    });
}"""
"""Does things one after the other, without a pause in which the server could answer, and tells what the graph shows."""


def test_whatever_is_done_the_graph_shows_it_before_the_server_has_answered(desk):
    page = desk
    begin_at_loss(page)
    weight = pressed(page)
    done = page.evaluate(
        ACTS,
        [
            ["button", "Next"], ["button", "Back"], ["button", "Update"], ["button", "Forward"], ["slide", 20],
            ["svg", "H_out[2]"], ["svg", "dO_in[3]"], ["svg", "W2[2,3]"], [".matrices", "O_out[1]"], ["button", "Next"],
        ],
    )  # fmt: skip
    steps = [step for step, _, _ in done]
    assert steps[:6] == [11, 10, 35, 0, 20, 3]
    assert done[6][2] == ["dO_in[3]"]
    assert [picked for _, picked, _ in done] == [weight] * 7 + ["W2[2,3]"] * 3
    assert done[8][2] == ["O_out[1]"]
    assert steps[9] == steps[8] + 1
    # Ten things at once are more than Streamlit tells the server, yet all views end at the same place.
    wait_for_text(page, f"Step {steps[9] + 1} of 49, forward")
    page.wait_for_function("() => document.body.innerText.includes('W2[2,3]')")
    settle(page)
    assert (at_step(page), pressed(page)) == (steps[9], "W2[2,3]")


VIEWS = """() => {
    const roots = [document, ...[...document.querySelectorAll('*')].map(e => e.shadowRoot).filter(Boolean)];
    const find = selector => roots.map(r => r.querySelector(selector)).find(Boolean);
    const marked = selector => [...find(selector).querySelectorAll('.now, .zero')].map(e => e.textContent);
    return {
        step: Number(find('svg[data-step]').dataset.step),
        words: find('.st-key-walk_words .notes').textContent,
        formula: find('.st-key-walk_formula .katex-html').textContent,
        curve: find('.curve svg').getAttribute('aria-label'),
        matrix: marked('.matrices'),
        weight: find('.st-key-walk_product .notes').textContent,
    };
}"""
"""What the four views show, and the weight's row."""


def test_all_four_views_change_together_without_waiting_for_the_page(visit):
    page = visit("backpropagation")
    # From now on Streamlit's server hears nothing: whatever changes, changes without a run of the page.
    page.evaluate("() => { WebSocket.prototype.send = () => {} }")
    setup = setup_of(Scenario(), "sigmoid")
    walk = Walk(setup, opening(setup, False, "neuron"), 0, False, "neuron")

    def all_show(walk):
        value = number(walk.step.number)
        page.wait_for_function(
            f"""([step, value]) => {{
                const seen = ({VIEWS})();
                return seen.step === step && seen.formula.replaceAll('-', '{MINUS}').includes(value);
            }}""",
            arg=[walk.place.pointer, value],
        )
        # Once one view has changed, all have.
        seen = page.evaluate(VIEWS)
        assert seen["words"].startswith(walk_views.position(walk))
        assert [text.removeprefix("\N{PARTIAL DIFFERENTIAL}") for text in seen["matrix"]] == [value]
        assert seen["curve"] == activation_curve(walk, LIGHT)["alt"]
        row = walk_views.weight_row(walk)
        assert all(cell in seen["weight"] for (cell,) in row.values())

    press(page, "Next")
    all_show(walk.at(walk.place.pointer + 1))
    page.locator(f'{GRAPH} [data-id="dH_in[2]"]').click()
    here = walk.at(walk.index("backward", "dH_in[2]"))
    all_show(here)
    field = page.get_by_role("spinbutton", name="Its value")
    field.fill("0.5")
    field.press("Enter")
    here = here.went_on(edited(here.place, setup, 0.5))
    all_show(here)
    # Nonsense leaves them all where they are.
    field.fill("1000")
    field.press("Enter")
    press(page, "Back")
    all_show(here.at(here.place.pointer - 1))


def test_a_change_is_painted_first_and_then_told_to_the_server_once(visit):
    page = visit("backpropagation")
    setup = setup_of(Scenario(), "sigmoid")
    walk = Walk(setup, opening(setup, False, "neuron"), 0, False, "neuron")
    press(page, "Update")
    wait_for_text(page, "Step 36 of 49, update")
    settle(page)
    press(page, "Update all weights")
    walk = walk.went_on(walk.at(len(walk.steps) - 1).after_update())
    # The button has been told by the server, the words by whoever was first.
    expect(page.get_by_role("button", name="Back to the first weights", exact=True)).to_be_enabled()
    wait_for_text(page, "After 1 update: the loss on sample 1 fell")
    settle(page)
    weight = page.locator(f'{GRAPH} [data-id="W1[1,1]"]')
    assert weight.get_attribute("aria-label").startswith(f"W1[1,1]: {number(walk.number('W1[1,1]'))},")
    page.get_by_role("radio", name="All", exact=True).click()
    wait_for_text(page, "All 150 samples at once")
    settle(page)
    assert page.get_by_role("radio", name="All", exact=True).get_attribute("aria-checked") == "true"
    assert at_step(page) == walk.first_of("loss")


def test_quick_clicks_are_all_counted(desk):
    page = desk
    begin_at_loss(page)
    done = page.evaluate(ACTS, [["button", "Next"]] * 7)
    assert [step for step, _, _ in done] == list(range(11, 18))
    wait_for_text(page, "Step 18 of 49, backward")
    settle(page)
    assert at_step(page) == 17


def test_every_step_of_the_walk_is_drawn_as_nnlib_tells_it(desk):
    page = desk
    begin_at_loss(page)
    setup = setup_of(Scenario(), "sigmoid")
    walk = Walk(setup, opening(setup, False, "neuron"), 0, False, "neuron")
    shown = page.evaluate(
        """n => {
            const roots = [document, ...[...document.querySelectorAll('*')].map(e => e.shadowRoot).filter(Boolean)];
            const find = selector => roots.map(r => r.querySelector(selector)).find(Boolean);
            const range = find('.st-key-walk_scrub input[type=range]'), graph = find('svg[data-step]');
            const texts = [];
            for (let step = 0; step < n; step++) {
                range.value = step;
                range.dispatchEvent(new Event('input', {bubbles: true}));
                const cells = [...graph.querySelectorAll('.cell')];
                texts.push(Object.fromEntries(cells.map(e => [e.dataset.id, e.querySelector('text').textContent])));
            }
            return texts;
        }""",
        len(walk.steps),
    )
    wanted = []
    for pointer in range(len(walk.steps)):
        nodes = told_at(walk_views.graph(walk, LIGHT)["nodes"], pointer)
        cells = [cell for node in nodes for cell in node["cells"]]
        cells += [cell["grad"] for cell in cells if "grad" in cell]
        wanted.append({cell["id"]: cell["text"] for cell in cells})
    assert shown == wanted
    wait_for_text(page, "Step 49 of 49, update")
    settle(page)


def test_the_chain_walks_back_and_forth(visit):
    page = visit("chain_rule")
    assert page.locator(f'{GRAPH} [data-id="x slope"]').get_attribute("aria-label") == "dz/dx = 24"
    press(page, "Start")
    wait_for_text(page, "Before step 1 of 4")
    settle(page)
    assert at_step(page) == 0
    for step in range(1, 5):
        press(page, "Next")
        wait_for_text(page, f"Step {step} of 4")
    settle(page)
    assert at_step(page) == 4


def test_a_chain_of_eight_links_is_seen_whole(visit):
    links = [("affine", (2.0, 0.0))] * 6 + [("affine", (3.0, -2.0)), ("square", ())]
    page = visit("chain_rule?" + urlencode({"v": 1, "chain": chain_text(links), "chain_x": 0.03125}), 1280)
    assert_seen_whole(page, 1280)
    page.set_viewport_size({"width": 400, "height": 900})
    # Fewer boxes have room in a line.
    page.wait_for_function(f"() => {THE_GRAPH}.clientWidth < 400")
    settle(page)
    assert_seen_whole(page, 400)


def assert_seen_whole(page, width):
    graph = page.locator(GRAPH)
    whole = graph.bounding_box()
    boxes = graph.locator("rect.box").evaluate_all("all => all.map(e => e.getBoundingClientRect().toJSON())")
    assert len(boxes) == 9
    assert graph.evaluate("svg => svg.parentElement.scrollWidth <= svg.parentElement.clientWidth")
    for i, a in enumerate(boxes):
        assert whole["x"] <= a["x"]
        assert a["x"] + a["width"] <= whole["x"] + whole["width"]
        assert a["y"] + a["height"] <= whole["y"] + whole["height"]
        # No box lies on another, and each is beside or below the one before.
        for b in boxes[i + 1 :]:
            apart = abs(a["x"] - b["x"]) >= a["width"] or abs(a["y"] - b["y"]) >= a["height"]
            assert apart
    assert page.evaluate("document.documentElement.scrollWidth") <= width
