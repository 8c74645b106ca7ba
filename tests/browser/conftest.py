"""A real browser on the real app: started with the README's command, driven by Playwright."""

import itertools
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Error, expect, sync_playwright

ROOT = Path(__file__).parents[2]
expect.set_options(timeout=30_000)  # a busy machine is slow
HOW_TO_GET_ONE = "no browser: install Debian's chromium, or run `playwright install chromium`"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--enable-unsafe-swiftshader",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


NO_WEBGL = """const get = HTMLCanvasElement.prototype.getContext
HTMLCanvasElement.prototype.getContext = function (kind, ...rest) {
  return kind.startsWith("webgl") ? null : get.call(this, kind, ...rest)
}"""
"""Pictures in 3-D are slow to draw without a graphics card; where a test is not about them there are none."""


@pytest.fixture(scope="session")
def browser():
    with sync_playwright() as playwright:
        path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
        try:
            chromium = playwright.chromium.launch(executable_path=path, args=FLAGS, chromium_sandbox=False)
        except Error as error:
            if os.environ.get("CI") == "true":
                pytest.fail(f"{HOW_TO_GET_ONE} ({error})")
            pytest.skip(HOW_TO_GET_ONE)
        yield chromium
        chromium.close()


def readme_command():
    """The command that starts the app, as the README gives it."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    match = re.search(r"^pip install -r requirements\.txt && (streamlit run app\.py)$", text, re.MULTILINE)
    assert match, "the README must give the command that starts the app"
    program, *arguments = shlex.split(match[1])
    return [str(Path(sys.executable).with_name(program)), *arguments]


@contextmanager
def serve(settings=None):
    """Start the app by the README's command on a free port and give its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    settings = {
        "STREAMLIT_SERVER_PORT": str(port),
        "STREAMLIT_SERVER_FILE_WATCHER_TYPE": "none",
        "STREAMLIT_SERVER_HEADLESS": "true",
        **(settings or {}),
    }
    server = subprocess.Popen(readme_command(), cwd=ROOT, env=os.environ | settings)
    url = f"http://localhost:{port}"
    base = settings.get("STREAMLIT_SERVER_BASE_URL_PATH", "")
    health = "/".join(filter(None, (url, base, "_stcore/health")))
    try:
        for _ in range(120):
            assert server.poll() is None, "the app ended before it answered"
            try:
                with urllib.request.urlopen(health, timeout=1) as answer:  # noqa: S310 (our own server)
                    assert answer.read() == b"ok"
                    break
            except (urllib.error.URLError, ConnectionError, TimeoutError):
                time.sleep(0.5)
        else:
            pytest.fail("the app did not answer within a minute")
        yield url
    finally:
        server.terminate()
        server.wait(20)


@pytest.fixture(scope="session")
def app_url():
    """The address of the app, started by the README's command on a free port."""
    with serve() as url:
        yield url


@pytest.fixture
def page(browser, app_url):
    """A fresh visit to the home page, ready to use."""
    with visit(browser, app_url) as page:
        yield page


@pytest.fixture
def flat_page(browser, app_url):
    """The same without pictures in 3-D: the maps show what they would show, and are there much sooner."""
    with visit(browser, app_url, flat=True) as page:
        yield page


@contextmanager
def visit(browser, app_url, path="", prepare=None, *, flat=False):
    """A visit to a page with a stage; whatever a test does there, nobody but the app may be asked."""
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    if flat:
        page.add_init_script(NO_WEBGL)
    if prepare is not None:
        prepare(page)
    page.set_default_timeout(90_000)  # on a busy machine without a graphics card a first picture takes long
    page.goto(app_url + path)
    page.wait_for_selector(".nn-stage[data-space=missing]" if flat else ".js-plotly-plot .gl-container canvas")
    settle(page)
    yield page
    page.close()
    assert asked
    assert [url for url in asked if not url.startswith((app_url, "data:", "blob:"))] == []


IDLE_FOR_A_MOMENT = """(call) => {
  const app = document.querySelector('[data-testid="stApp"]')?.dataset
  const idle = app?.testScriptState === "notRunning" && app.testConnectionState === "CONNECTED"
    && !document.querySelector('[data-stale="true"]')
  const now = performance.now()
  if (!idle || globalThis.idle?.call !== call) globalThis.idle = { call, since: now }
  return now - globalThis.idle.since >= 200
}"""
CALLS = itertools.count()


def settle(page):
    """Wait until the app has been idle for 200 ms without a break: connected, no run under way, no element stale."""
    page.wait_for_function(IDLE_FOR_A_MOMENT, arg=next(CALLS))


def until(page, condition, *, patience=30_000):
    """Wait until what only Python can tell is true, such as the look of a picture."""
    for _ in range(patience // 200):
        if condition():
            return
        page.wait_for_timeout(200)
    pytest.fail(f"not within {patience} ms")
