"""What goes wrong between a browser and the server: nothing is lost that the link holds, and the visitor is told."""

import os
import re
import socket
import subprocess
import threading
import time
from contextlib import contextmanager, suppress

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import NO_WEBGL, ROOT, readme_command, settle
from tests.browser.test_links import query, seed, set_seed

HEAVY = "dataset=spirals&samples=500&hidden_sizes=8+8+8+8+8+8&activation=softplus&lr=0.01&optimizer=adam&resolution=11"
"""A network whose descent takes a while: the server is killed as soon as the address says that it has begun."""


class Wire:
    """A TCP proxy in front of the server: it can be slow, and it can be cut."""

    def __init__(self, server):
        self.server, self.seconds_a_kilobyte = server, 0.0
        self.ends, self.listener = [], socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self):
        while True:
            try:
                near = self.listener.accept()[0]
            except OSError:
                if self.listener.fileno() < 0:  # the wire is taken away
                    return
                continue
            try:
                far = socket.create_connection(("127.0.0.1", self.server))
            except OSError:  # there is no server: the browser is refused
                near.close()
                continue
            self.ends += [near, far]
            for source, target in ((near, far), (far, near)):
                threading.Thread(target=self._carry, args=(source, target), daemon=True).start()

    def _carry(self, source, target):
        with suppress(OSError):
            while data := source.recv(65_536):
                time.sleep(self.seconds_a_kilobyte * len(data) / 1024)
                target.sendall(data)
        hang_up(source, target)

    def cut(self):
        """Cut every connection there is; new ones work."""
        hang_up(*self.ends)
        self.ends.clear()


def hang_up(*ends):
    for end in ends:
        with suppress(OSError):  # it may have been hung up already
            end.shutdown(socket.SHUT_RDWR)
        end.close()


class Server:
    """The app on a port of its own, which can be killed and started again."""

    def __init__(self):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.start()
        for _ in range(240):
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
                return
            except OSError:
                time.sleep(0.25)

    def start(self):
        settings = {"STREAMLIT_SERVER_PORT": str(self.port), "STREAMLIT_SERVER_FILE_WATCHER_TYPE": "none"}
        self.process = subprocess.Popen(readme_command(), cwd=ROOT, env=os.environ | settings)

    def kill(self):
        self.process.kill()
        self.process.wait(20)


@pytest.fixture(scope="module")
def server():
    server = Server()
    yield server
    server.kill()


@pytest.fixture(scope="module")
def wire(server):
    wire = Wire(server.port)
    yield wire
    wire.listener.close()
    wire.cut()


@pytest.fixture(scope="module")
def user(browser):
    """One visitor's browser."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    context.add_init_script(NO_WEBGL)
    context.set_default_timeout(120_000)  # a killed descent begins anew, on a busy machine too
    yield context
    context.close()


@contextmanager
def tab(user, wire, address):
    page = user.new_page()
    wire.seconds_a_kilobyte = 0
    page.goto(f"http://127.0.0.1:{wire.port}/{address}")
    page.locator(".nn-connection").wait_for(state="attached")
    yield page
    page.close()


def banner(page):
    return page.locator(".nn-connection")


def wait_for_the_connection(page):
    banner(page).wait_for(state="hidden")
    settle(page)


TOLD = re.compile("No connection to the server. Trying again. Nothing is lost: the address holds this view.")


def test_two_tabs_of_one_user_are_two_views(user, wire):
    with tab(user, wire, "share?seed=3") as one, tab(user, wire, "share?seed=4") as other:
        settle(one)
        settle(other)
        set_seed(one, 7)
        set_seed(other, 8)
        other.reload()
        expect(seed(other)).to_have_value("8", timeout=120_000)
        expect(seed(one)).to_have_value("7", timeout=120_000)
        assert (query(one), query(other)) == ({"v": "1", "seed": "7"}, {"v": "1", "seed": "8"})
        one.go_back()
        expect(seed(one)).to_have_value("3", timeout=120_000)
        expect(seed(other)).to_have_value("8", timeout=120_000)


def test_a_wire_that_is_cut_or_slow_loses_nothing(user, wire):
    with tab(user, wire, "chain_rule?v=1&seed=3&task=What?&answer=4") as page:
        settle(page)
        answer = page.get_by_role("spinbutton", name="Your answer")
        answer.fill("4")
        answer.press("Enter")
        page.get_by_text("Yes, that is it.").wait_for()
        wire.server, there = 1, wire.server  # nobody listens there: what is cut stays cut for a while
        wire.cut()
        expect(banner(page)).to_have_text(TOLD, timeout=120_000)
        wire.server = there
        wait_for_the_connection(page)
        # The session is the same one: what no link holds is there as well.
        expect(answer).to_have_value("4", timeout=120_000)
        page.get_by_text("Yes, that is it.").wait_for()
        set_seed(page, 5)

        wire.seconds_a_kilobyte = 5
        seed(page).fill("8")
        seed(page).press("Enter")
        expect(banner(page)).to_have_text("The server is slow to answer. Your change is on its way.", timeout=60_000)
        wire.seconds_a_kilobyte = 0.2
        seed(page).fill("9")
        seed(page).press("Enter")
        seed(page).fill("10")
        seed(page).press("Enter")
        page.wait_for_url(re.compile(r"seed=10\b"))
        wire.seconds_a_kilobyte = 0
        wait_for_the_connection(page)
        expect(seed(page)).to_have_value("10", timeout=120_000)
        assert query(page) == {"v": "1", "seed": "10", "task": "What?", "answer": "4", "tolerance": "0"}


def test_a_server_killed_in_a_long_run_comes_back_to_the_view(user, wire, server):
    with tab(user, wire, f"?{HEAVY}&steps=1") as page:
        settle(page)
        steps = page.get_by_role("spinbutton", name="Steps")
        steps.fill("999")
        steps.press("Enter")
        # The address is written before the descent begins.
        page.wait_for_url(re.compile(r"steps=999\b"))
        server.kill()
        expect(banner(page)).to_have_text(TOLD, timeout=120_000)
        link = query(page)
        server.start()
        wait_for_the_connection(page)
        expect(steps).to_have_value("999", timeout=120_000)
        assert query(page) == link
        steps.fill("1")
        steps.press("Enter")
        page.wait_for_url(re.compile(r"steps=1\b"))
