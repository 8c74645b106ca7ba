"""Three replicas behind Debian's nginx with the configuration of deploy/: one dies, and the visitor loses nothing."""

import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import suppress
from pathlib import Path

import pytest
from playwright.sync_api import Error, expect

from tests.browser.conftest import NO_WEBGL, ROOT, settle
from tests.browser.test_links import query, seed, set_seed

NGINX = shutil.which("nginx") or shutil.which("/usr/sbin/nginx")
HOW_TO_GET_ONE = "no nginx: install Debian's nginx to try three replicas"

AROUND = """
daemon off; pid {folder}/pid; error_log {folder}/error.log;
events {{ }}
http {{
    log_format upstream '$upstream_addr'; access_log {folder}/access.log upstream;
    include /etc/nginx/mime.types;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    include {folder}/app.conf;
}}
"""


def free_ports(n):
    sockets = [socket.socket() for _ in range(n)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def wait_for_health(port):
    for _ in range(120):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=1) as answer:
                return answer.read() == b"ok"
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.5)
    return False


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """The proxy's port, the replicas by port, and the proxy's log."""
    if NGINX is None:
        if os.environ.get("CI") == "true":
            pytest.fail(HOW_TO_GET_ONE)
        pytest.skip(HOW_TO_GET_ONE)
    folder = tmp_path_factory.mktemp("nginx")
    front, *ports = free_ports(4)
    config = (ROOT / "deploy" / "nginx.conf").read_text(encoding="utf-8")
    for number, port in enumerate(ports, 8501):
        assert f"127.0.0.1:{number} " in config
        config = config.replace(f"127.0.0.1:{number} ", f"127.0.0.1:{port} ")
    (folder / "app.conf").write_text(config.replace("listen 80;", f"listen 127.0.0.1:{front};"), encoding="utf-8")
    (folder / "nginx.conf").write_text(AROUND.format(folder=folder), encoding="utf-8")
    streamlit = Path(sys.executable).with_name("streamlit")
    settings = {"STREAMLIT_SERVER_FILE_WATCHER_TYPE": "none", "STREAMLIT_SERVER_COOKIE_SECRET": "one for all"}
    command = [streamlit, "run", "app.py"]
    replicas = {
        port: subprocess.Popen([*command, f"--server.port={port}"], cwd=ROOT, env=os.environ | settings)
        for port in ports
    }
    proxy = subprocess.Popen([NGINX, "-p", folder, "-c", folder / "nginx.conf", "-e", folder / "error.log"])
    try:
        assert all(wait_for_health(port) for port in ports)
        assert wait_for_health(front)
        yield front, replicas, folder / "access.log"
    finally:
        for process in (proxy, *replicas.values()):
            process.terminate()
        for process in (proxy, *replicas.values()):
            process.wait(20)


def get(front, path="", **headers):
    """The answer to a request, opened."""
    return urllib.request.urlopen(urllib.request.Request(f"http://127.0.0.1:{front}/{path}", headers=headers))


def used(log, since=0, until=None):
    """The ports of the replicas that have answered, one a request; waits until the proxy has written so many down."""
    for _ in range(1200):
        lines = [line for line in log.read_text().splitlines() if ":" in line]
        if until is None or len(lines) >= until:
            # A request that was passed on to another replica names both.
            return [int(line.rsplit(":", 1)[1]) for line in lines[since:]]
        time.sleep(0.05)
    pytest.fail(f"the proxy has written down {len(lines)} requests, not {until}")


def test_text_is_compressed_and_the_metrics_are_closed(cluster):
    front, _, _ = cluster
    with get(front, **{"Accept-Encoding": "gzip"}) as answer:
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Content-Encoding"] == "gzip" or int(answer.headers["Content-Length"]) < 10_000
    with get(front) as answer:
        script = re.search(rb'src="\./(static/js/index[^"]+)"', answer.read())[1].decode()
    with get(front, script, **{"Accept-Encoding": "gzip"}) as answer:
        assert answer.headers["Content-Encoding"] == "gzip"
        assert "Set-Cookie" not in answer.headers
    with pytest.raises(urllib.error.HTTPError, match="404") as raised:
        get(front, "_stcore/metrics")
    raised.value.close()


class Stay(urllib.request.HTTPRedirectHandler):
    """Follows no redirect."""

    def redirect_request(self, *_):
        return None


def test_long_links_pass_and_longer_ones_lead_home(cluster):
    front, _, _ = cluster
    longest = "?data=" + "A" * 17_000
    with get(front, longest) as answer:
        assert answer.status == 200
    stay = urllib.request.build_opener(Stay)
    for path, home in (
        ("chain_rule/" + longest, "/chain_rule" + longest),
        ("chain_rule/foo" + longest, "/" + longest),
        ("?data=" + "A" * 60_000, "/"),
        ("chain_rule?data=" + "A" * 1_000_000, "/"),
    ):
        with pytest.raises(urllib.error.HTTPError) as raised:
            stay.open(f"http://127.0.0.1:{front}/{path}")
        with raised.value as answer:
            assert answer.code in (301, 302)
            assert answer.headers["Location"] == home


def test_visitors_behind_one_address_are_spread_and_each_stays_where_it_is(cluster):
    front, replicas, log = cluster
    since, cookies = len(used(log)), []
    for _ in range(40):
        with get(front) as answer:
            given = answer.headers["Set-Cookie"]
        assert re.fullmatch(r"visitor=\w{32}; Path=/; HttpOnly; SameSite=Lax", given)
        cookies.append(given.partition(";")[0])
    assert len(set(cookies)) == 40
    assert len(set(used(log, since, since + 40))) == 1, "without a cookie it is the address that counts"
    since += 40
    for cookie in cookies * 2:
        with get(front, Cookie=cookie) as answer:
            assert "Set-Cookie" not in answer.headers
    homes = used(log, since, since + 80)
    assert homes[:40] == homes[40:]
    assert set(homes) == set(replicas)
    with get(front, **{"X-Forwarded-Proto": "https"}) as answer:
        assert "; Secure; SameSite=None; Partitioned" in answer.headers["Set-Cookie"]


def test_a_replica_dies_and_the_link_restores_the_view(browser, cluster):
    front, replicas, log = cluster
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    context.add_init_script(NO_WEBGL)
    page = context.new_page()
    page.set_default_timeout(120_000)
    try:
        page.goto(f"http://127.0.0.1:{front}/training_room?v=1&steps=60")
        banner = page.locator(".nn-connection")
        banner.wait_for(state="attached")
        settle(page)
        # A file goes by a request of its own, with Streamlit's token against forgery: it must reach the same replica.
        page.get_by_text("Your own data: type a table").click()
        page.locator("input[type=file]").first.set_input_files(
            {"name": "own.csv", "mimeType": "text/csv", "buffer": b"x,label\n1,a\n2,b\n3,a\n4,b\n5,a\n6,b\n"}
        )
        page.wait_for_url(re.compile("dataset=own"))
        settle(page)
        set_seed(page, 41)
        before = query(page)
        home = used(log)[-1]
        dead = replicas[home]
        dead.kill()
        dead.wait(10)
        # Another replica answers, often before there is anything to say about it.
        deadline = time.monotonic() + 120
        while used(log)[-1] == home:
            assert time.monotonic() < deadline, "no other replica was asked"
            page.wait_for_timeout(200)
        banner.wait_for(state="hidden")
        settle(page)
        expect(seed(page)).to_have_value("41", timeout=120_000)
        steps = page.get_by_role("spinbutton", name="Steps")
        expect(steps).to_have_value("60", timeout=120_000)
        for _ in range(5):
            # What is typed in the moment in which the new session draws the page is overwritten; one types again.
            steps.fill("70")
            steps.press("Enter")
            with suppress(Error):
                page.wait_for_url(re.compile("steps=70"), timeout=20_000)
                break
        assert query(page) == before | {"steps": "70"}
        assert used(log)[-1] != home
        assert page.get_by_role("heading", level=1).is_visible()
    finally:
        context.close()
