"""The server: `streamlit run app.py` serves dashboard/main.py with a few things that a script alone cannot set.

What every visitor needs is imported and used once before the first comes, and dashboard/heap.py sees to the memory.
"""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import streamlit as st
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

ROOT = Path(__file__).parent
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from dashboard import heap, security, walk_desk  # noqa: E402 - found only once the folder is on the path
from dashboard.components import assets  # noqa: E402 - found only once the folder is on the path

ROUTES = [*assets.routes(), *walk_desk.routes()]
BASE = assets.address("")
OURS = {route.path.removeprefix(BASE).partition("/")[0] for route in ROUTES if isinstance(route, Route)}


class Security:
    """Adds the headers of dashboard/security.py to every answer, and keeps its limits.

    Messages nested too deep are dropped; more files than a session may hold are refused, and so are the metrics. A path
    that leads nowhere leads home.
    """

    def __init__(self, app: Any) -> None:
        self.app = app
        self.headers = [(name.encode(), value.encode()) for name, value in security.headers().items()]
        self.uploads = security.Uploads()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer a request as the app does, with the headers added."""
        method, path = scope.get("method", ""), scope.get("path", "")

        async def send_with_headers(message: Any) -> None:
            if message["type"] == "http.response.start":
                message["headers"] += self.headers
                self.uploads.answered(method, path, message["status"])
            await send(message)

        async def receive_sound() -> Any:
            while security.too_deep((message := await receive()).get("bytes") or b""):
                pass
            return message

        if scope["type"] == "websocket":
            await self.app(scope, receive_sound, send)
        elif scope["type"] != "http":
            await self.app(scope, receive, send)
        elif answer := elsewhere(method, path, scope.get("query_string", b"")):
            await answer(scope, receive, send_with_headers)
        elif self.uploads.allow(method, path):
            try:
                await self.app(scope, receive, send_with_headers)
            finally:
                self.uploads.over(method, path)
        else:
            await PlainTextResponse("Too many files", 429)(scope, receive, send_with_headers)


def elsewhere(method: str, path: str, query: bytes) -> Response | None:
    """Return the answer to a request that the app should not see, or None."""
    if path == BASE + "_stcore/metrics":
        return PlainTextResponse("Not Found", 404)  # what the server says about itself is nobody else's business
    if method in ("GET", "HEAD") and security.astray(path, BASE, OURS):
        return RedirectResponse(BASE + ("?" + query.decode("latin-1") if query else ""), 302)
    return None


@asynccontextmanager
async def lifespan(_: Any) -> AsyncIterator[None]:
    """Import and use once what every visitor needs."""
    heap.share_arenas()
    import plotly.graph_objects as go

    import dashboard.app_pages  # noqa: F401  (brings in nnlib and the figures)

    go.Figure(go.Surface(z=[[1, 2], [3, 4]])).to_json()
    heap.settle()
    yield


app = st.App(
    ROOT / "dashboard" / "main.py",
    lifespan=lifespan,
    middleware=[Middleware(Security)],
    routes=ROUTES,
)
