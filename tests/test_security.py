"""The headers of every answer, without a server; the browser's tests look at the real ones."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest

from dashboard import security


def test_every_answer_gets_the_headers_and_keeps_its_own():
    from app import Security

    sent = []

    async def inner(_scope, _receive, send):
        await send({"type": "http.response.start", "status": 404, "headers": [(b"x-own", b"1")]})
        await send({"type": "http.response.body", "body": b"gone"})

    async def send(message):
        sent.append(message)

    with ThreadPoolExecutor(1) as thread:  # the browser's tests leave a loop running in this one
        thread.submit(lambda: asyncio.run(Security(inner)({"type": "http"}, None, send))).result()
    headers = dict(sent[0]["headers"])
    assert headers[b"x-own"] == b"1"
    assert headers[b"x-content-type-options"] == b"nosniff"
    assert headers[b"referrer-policy"] == b"same-origin"
    assert b"frame-ancestors 'self'" in headers[b"content-security-policy"]
    assert sent[1] == {"type": "http.response.body", "body": b"gone"}


@pytest.mark.parametrize("base", ["/", "/course/one/"])
def test_a_path_that_is_nobodys_leads_home(base):
    ours = {"components", "vendor", "walk"}
    for path in ("training_room/foo/bar", "<script>/x", "a//b", "foo/bar/", "foo/static/x", "foo/media/x"):
        assert security.astray(base + path, base, ours), path
    for path in ("", "training_room", "training_room/", "favicon.png", "_stcore/health", "foo/bar/_stcore/health"):
        assert not security.astray(base + path, base, ours), path
    for path in ("static/js/a.js", "media/a.html", "component/a/b", "components/1/a.js", "vendor/1/a.js", "walk/1"):
        assert not security.astray(base + path, base, ours), path
    assert not security.astray("//example.org/x", base, ours)
    assert not security.astray("/another/path", "/course/one/", ours)


def test_messages_whose_json_is_too_deep_are_dropped():
    from app import Security

    deep, wide = b"\n\x80" + b'{"a":[' * 60 + b"]}" * 60, b'[{"a":[1]}],' * 100_000
    assert security.too_deep(deep)
    assert security.too_deep(b"]" * 1000 + b"[" * 1000)
    assert not security.too_deep(wide)
    waiting = [{"type": "websocket.receive", "bytes": deep}, {"type": "websocket.receive", "bytes": wide}]
    heard = []

    async def inner(_scope, receive, _send):
        heard.append(await receive())

    async def receive():
        return waiting.pop(0)

    with ThreadPoolExecutor(1) as thread:
        thread.submit(lambda: asyncio.run(Security(inner)({"type": "websocket"}, receive, None))).result()
    assert heard == [{"type": "websocket.receive", "bytes": wide}]


def ask(uploads, method, path, status=204):
    """Whether a request passes; one that does is answered with the status."""
    if not uploads.allow(method, path):
        return False
    uploads.answered(method, path, status)
    uploads.over(method, path)
    return True


def test_a_session_may_leave_a_few_files_and_replace_them():
    uploads = security.Uploads()
    for base in ("", "/course"):
        places = [f"{base}/_stcore/upload_file/session{base[1:]}/{i}" for i in range(security.Uploads.MOST_FILES + 1)]
        assert all(ask(uploads, "PUT", place) for place in places[:-1])
        assert not ask(uploads, "PUT", places[-1])
        assert ask(uploads, "PUT", places[0])
        assert ask(uploads, "DELETE", places[0])
        assert ask(uploads, "PUT", places[-1])
        assert not ask(uploads, "PUT", places[0])
    assert ask(uploads, "PUT", "/_stcore/upload_file/another/0")
    assert ask(uploads, "GET", "/_stcore/upload_file/session/99")


@pytest.mark.parametrize("status", [400, 403, 413, 500])
def test_what_was_refused_changes_no_count(status):
    uploads = security.Uploads()
    places = [f"/_stcore/upload_file/s/{i}" for i in range(security.Uploads.MOST_FILES + 1)]
    assert all(ask(uploads, "PUT", place, status) for place in places)
    assert all(ask(uploads, "PUT", place) for place in places[:-1])
    assert ask(uploads, "DELETE", places[0], status)
    assert not ask(uploads, "PUT", places[-1])


def test_files_on_their_way_count_until_they_are_refused():
    uploads = security.Uploads()
    places = [f"/_stcore/upload_file/s/{i}" for i in range(security.Uploads.MOST_FILES + 1)]
    assert all(uploads.allow("PUT", place) for place in places[:-1])
    assert uploads.allow("PUT", places[0]), "the same file again"
    assert not uploads.allow("PUT", places[-1])
    uploads.over("PUT", places[0])
    assert not uploads.allow("PUT", places[-1]), "its other request is still under way"
    assert ask(uploads, "DELETE", places[1])
    assert not uploads.allow("PUT", places[-1]), "it may yet arrive after it was taken away"
    uploads.answered("PUT", places[0], 403)
    uploads.over("PUT", places[0])
    assert uploads.allow("PUT", places[-1])


def test_made_up_sessions_push_no_count_out_and_true_ones_are_bounded():
    uploads = security.Uploads()
    places = [f"/_stcore/upload_file/s/{i}" for i in range(security.Uploads.MOST_FILES + 1)]
    assert all(ask(uploads, "PUT", place) for place in places[:-1])
    for i in range(security.Uploads.MOST_SESSIONS + 5):
        ask(uploads, "PUT", f"/_stcore/upload_file/made-up{i}/0", 400)
        ask(uploads, "DELETE", f"/_stcore/upload_file/made-up{i}/0", 204)
    assert not ask(uploads, "PUT", places[-1])
    assert list(uploads._files) == ["s"]
    for i in range(security.Uploads.MOST_SESSIONS + 5):
        ask(uploads, "PUT", f"/_stcore/upload_file/s{i}/0")
    assert len(uploads._files) == security.Uploads.MOST_SESSIONS
    assert not uploads._on_their_way


def test_one_file_too_many_is_refused_before_it_is_read():
    from app import Security

    passed, sent = [], []

    async def inner(scope, _receive, send):
        passed.append(scope["path"])
        if scope["path"].endswith("/broken"):
            raise ConnectionError
        refused = scope["method"] == "DELETE" or scope["path"].endswith("/refused")
        await send({"type": "http.response.start", "status": 403 if refused else 204, "headers": []})

    async def send(message):
        sent.append(message)

    async def fill():
        app = Security(inner)
        files = range(security.Uploads.MOST_FILES + 1)
        for method, file in [("PUT", "refused"), *(("PUT", i) for i in files[:-1]), ("DELETE", 0)]:
            await app({"type": "http", "method": method, "path": f"/_stcore/upload_file/s/{file}"}, None, send)
        with pytest.raises(ConnectionError):
            await app({"type": "http", "method": "PUT", "path": "/_stcore/upload_file/t/broken"}, None, send)
        assert not app.uploads._on_their_way
        passed.clear()
        sent.clear()
        await app({"type": "http", "method": "PUT", "path": f"/_stcore/upload_file/s/{files[-1]}"}, None, send)

    with ThreadPoolExecutor(1) as thread:
        thread.submit(lambda: asyncio.run(fill())).result()
    assert passed == []
    assert sent[0]["status"] == 429
    assert b"content-security-policy" in dict(sent[0]["headers"])


def test_scripts_come_from_here_and_nothing_may_embed_unasked():
    policy = security.policy({})
    assert "'unsafe-inline'" not in policy["script-src"]
    assert "'unsafe-eval'" not in policy["script-src"]
    assert policy["connect-src"] == "'self'"
    assert policy["script-src"].count("sha256-") == 1
    assert not any("http" in sources for sources in policy.values())
    assert policy["frame-ancestors"] == "'self'"
    assert policy["object-src"] == "'none'"


def test_embedding_is_allowed_as_configured():
    allowed = security.policy({security.EMBED_VARIABLE: "https://course.example.org https://*.edu:8443"})
    assert allowed["frame-ancestors"] == "'self' https://course.example.org https://*.edu:8443"


@pytest.mark.parametrize(
    "bad", ["course.example.org", "https://a;script-src", "javascript:alert(1)", "https://a/b\r\nx:y"]
)
def test_what_is_no_origin_is_refused(bad):
    with pytest.raises(ValueError, match="EMBED_ORIGINS must name origins"):
        security.headers({security.EMBED_VARIABLE: bad})
