"""Links in a real browser: what the address bar, Back, Forward, reload and hostile addresses do."""

import re
import select
import socket
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import NO_WEBGL, settle


@pytest.fixture
def visit(browser, app_url):
    """Opens addresses of the app; whatever the browser complains about is kept in `page.complaints`."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})

    def go(address="", *, flat=True):
        page = context.new_page()
        if flat:
            page.add_init_script(NO_WEBGL)
        page.set_default_timeout(90_000)
        page.complaints = []
        page.on("console", lambda m: page.complaints.append(m.text) if "Content Security Policy" in m.text else None)
        page.on("pageerror", lambda error: page.complaints.append(str(error)))
        page.goto(app_url + "/" + address)
        page.get_by_role("heading", level=1).wait_for()
        settle(page)
        return page

    yield go
    context.close()


def query(page):
    return {name: values[-1] for name, values in parse_qs(urlsplit(page.url).query).items()}


def seed(page):
    return page.get_by_role("spinbutton", name="Seed")


def set_seed(page, value):
    seed(page).fill(str(value))
    seed(page).press("Enter")
    page.wait_for_url(re.compile(rf"seed={value}\b"))
    settle(page)


def entries(page):
    return page.evaluate("history.length")


def test_each_change_is_one_entry_and_back_undoes_it(visit):
    page = visit()
    before = entries(page)
    set_seed(page, 7)
    set_seed(page, 8)
    assert entries(page) == before + 2
    page.go_back()
    page.wait_for_url(re.compile(r"seed=7\b"))
    settle(page)
    expect(seed(page)).to_have_value("7")
    page.go_back()
    settle(page)
    expect(seed(page)).to_have_value("6")
    assert query(page) == {}
    page.go_forward()
    page.wait_for_url(re.compile(r"seed=7\b"))
    settle(page)
    expect(seed(page)).to_have_value("7")
    assert entries(page) == before + 2
    assert page.complaints == []


def test_a_drag_writes_nothing_and_the_release_one_entry(visit):
    page = visit()
    slider = page.get_by_role("slider", name="Learning rate").first
    box = slider.bounding_box()
    middle = box["y"] + box["height"] / 2
    before, at = entries(page), page.url
    page.mouse.move(box["x"] + box["width"] * 0.5, middle)
    page.mouse.down()
    for share in (0.45, 0.4, 0.35, 0.3):
        page.mouse.move(box["x"] + box["width"] * share, middle, steps=3)
        page.wait_for_timeout(250)
    assert page.url == at
    assert entries(page) == before
    page.mouse.up()
    page.wait_for_url(re.compile("lr="))
    settle(page)
    assert entries(page) == before + 1


def test_a_change_of_page_keeps_the_link_and_is_one_entry(visit):
    page = visit("?v=1&seed=41")
    before = entries(page)
    page.get_by_role("link", name="Chain rule").first.click()
    page.wait_for_url(re.compile(r"chain_rule\?.*seed=41\b"))
    settle(page)
    assert query(page) == {"v": "1", "seed": "41"}
    assert entries(page) == before + 1
    page.go_back()
    page.wait_for_url(lambda url: "chain_rule" not in url)
    settle(page)
    expect(seed(page)).to_have_value("41")


def test_a_reload_and_another_tab_show_the_same(visit):
    page = visit("?v=1&seed=41&biases=1&noise=0.25")
    page.reload()
    seed(page).wait_for()
    settle(page)
    expect(seed(page)).to_have_value("41")
    set_seed(page, 42)
    other = visit("?" + page.url.partition("/?")[2])
    expect(seed(other)).to_have_value("42")
    assert other.complaints == page.complaints == []
    assert query(other) == {"v": "1", "seed": "42", "biases": "1", "noise": "0.25"}


def test_every_page_works_within_the_security_policy(visit):
    page = visit(flat=False)
    for link in ("Chain rule", "Backpropagation", "Learning rate", "The honest slice", "Training room", "Share"):
        at = page.url
        page.get_by_role("link", name=link, exact=True).first.click()
        page.wait_for_url(lambda url, at=at: url != at)
        settle(page)
        page.get_by_role("heading", level=1).first.wait_for()
    assert page.complaints == []


def test_the_server_sends_the_headers(browser, app_url):
    context = browser.new_context()
    for path in ("", "/_stcore/health", "/chain_rule"):
        answer = context.request.get(app_url + path)
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "frame-ancestors 'self'" in answer.headers["content-security-policy"]
    context.close()


def test_copy_link_gives_the_address_of_the_view(visit):
    page = visit("?v=1&seed=41")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy link").click()
    page.get_by_text("Copied.").wait_for()
    assert unquote(page.evaluate("navigator.clipboard.readText()")) == unquote(page.url)


def test_a_lesson_hides_and_asks(visit):
    page = visit("?hide=network,lr,pages,low&task=What+is+2+%2B+2%3F+%3Cb%3E&answer=4&tolerance=0.1")
    page.get_by_role("slider", name="Learning rate").first.wait_for(state="hidden")
    seed(page).wait_for(state="hidden")
    page.get_by_text("Range of both weights").wait_for(state="hidden")
    page.get_by_role("spinbutton", name="Steps").wait_for()
    page.get_by_role("link", name="Chain rule").first.wait_for(state="hidden")
    page.get_by_text("What is 2 + 2? <b>").wait_for()
    answer = page.get_by_role("spinbutton", name="Your answer")
    answer.fill("5")
    answer.press("Enter")
    page.get_by_text("Not yet.").wait_for()
    answer.fill("4.05")
    answer.press("Enter")
    page.get_by_text("Yes, that is it.").wait_for()
    steps = page.get_by_role("spinbutton", name="Steps")
    steps.fill("200")
    steps.press("Enter")
    page.wait_for_url(re.compile("steps=200"))
    assert query(page)["hide"] == "network,lr,pages,low"
    assert page.complaints == []


@pytest.fixture(scope="module")
def stranger(browser, app_url):
    """One visitor who follows many links in one tab."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    context.add_init_script(NO_WEBGL)
    page = context.new_page()
    page.set_default_timeout(90_000)
    page.home, page.complaints = app_url, []
    page.on("console", lambda m: page.complaints.append(m.text) if "Content Security Policy" in m.text else None)
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    page.on("dialog", lambda dialog: page.complaints.append(dialog.message))
    yield page
    context.close()


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("?lr=nan", "lr must be a number, not nan; 10 is used"),
        ("?lr=1e309", "lr must be from 0.001 to 1000, not 1e309; 1000 is used"),
        ("?seed=3.7", "seed must be a whole number"),
        ("?low=3&high=-2", "low and high are in the wrong order"),
        ("?v=99&seed=7", "made by a newer version"),
        ("?first=%3Cscript%3Ealert(1)%3C%2Fscript%3E", "first cannot be <script>alert(1)</script>"),
        ("?activation=..%2F..%2Fetc%2Fpasswd", "activation cannot be ../../etc/passwd"),
        ("?second=%00%F0%9F%98%80%FF", "second cannot be"),
        ("?nonsense=%5Bx%5D(javascript:alert(1))", "There is no parameter nonsense"),
        ("?data=" + "A" * 60_000, "data is longer than 8,000 characters"),
    ],
)
def test_a_bad_link_gives_a_page_and_a_message(stranger, address, said):
    page = stranger
    page.goto(f"{page.home}/{address}")
    alert = page.get_by_role("alert").filter(has_text="Not all of the link could be used.")
    expect(alert).to_contain_text(said)
    page.get_by_role("heading", name="Why can't a step learn?").wait_for()
    page.get_by_role("button", name="Copy link").wait_for()
    assert page.complaints == []


@pytest.mark.parametrize(
    "path", ["training_room/foo/bar", "%3Cscript%3Ealert(1)%3C%2Fscript%3E/x", "..%2F..%2Fetc/passwd"]
)
def test_a_path_that_leads_nowhere_leads_home(stranger, path):
    page = stranger
    page.goto(f"{page.home}/{path}?v=1&seed=41")
    assert page.url.startswith(f"{page.home}/?v=1&seed=41")
    page.get_by_role("heading", name="Why can't a step learn?").wait_for()
    expect(seed(page)).to_have_value("41")
    assert page.complaints == []


def test_the_metrics_are_closed(browser, app_url):
    context = browser.new_context()
    for path in ("/_stcore/metrics", "/_stcore/metrics/", "/_stcore/%6Detrics"):
        assert context.request.get(app_url + path).status == 404
    context.close()


def test_an_address_of_a_megabyte_is_refused_and_the_server_lives_on(browser, app_url):
    server = urlsplit(app_url)
    with socket.create_connection((server.hostname, server.port), 30) as connection:
        connection.sendall(b"GET /?data=")
        for _ in range(64):
            connection.sendall(b"A" * 16_384)
            if select.select([connection], [], [], 0.05)[0]:
                break  # the answer comes before the end; what is sent after it could push it out
        answer = connection.recv(4096)
    assert re.match(rb"HTTP/1\.1 4\d\d ", answer)
    context = browser.new_context()
    assert context.request.get(f"{app_url}/_stcore/health").text() == "ok"
    context.close()
