"""The browser side's files: how they reach the browser, once and cached, or inline where no route can serve them.

Under `streamlit run app.py` the server has routes for our scripts and for the Plotly.js that the installed plotly
brings. Their addresses carry a hash of the content (or Plotly's version), so that a browser may keep them for ever.
Where a host knows only scripts there are no routes: our files are then sent inline, and the 3-D pictures stand aside.
"""

import gzip
import hashlib
import json
import re
from functools import cache
from pathlib import Path

import plotly
import streamlit
import streamlit as st
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import BaseRoute, Route
from streamlit.components.v2.types import ComponentRenderer

FOLDER = Path(__file__).parent
PLOTLY = Path(plotly.__file__).parent / "package_data" / "plotly.min.js"
TYPES = {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8"}
FOR_EVER = {"Cache-Control": "public, max-age=31536000, immutable"}

_served = False


@cache
def files() -> dict[str, bytes]:
    """Return our scripts and style sheets by name."""
    return {path.name: path.read_bytes() for path in sorted(FOLDER.iterdir()) if path.suffix in TYPES}


@cache
def version() -> str:
    """Return the hash of all our files, which is part of their address."""
    digest = hashlib.sha256()
    for name, content in files().items():
        digest.update(f"{name} {len(content)} ".encode() + content)
    return digest.hexdigest()[:16]


def routes() -> list[BaseRoute]:
    """Return the routes of the assembled server; from then on the components load their files from there.

    Streamlit puts its own routes below the base path, not ours.
    """
    global _served
    _served = True
    return [
        Route(address("components/{version}/{name}"), _our_file),
        Route(address("vendor/{version}/plotly.min.js"), _plotly),
    ]


def served() -> bool:
    """Whether the server has our routes."""
    return _served


def address(path: str) -> str:
    """Return the absolute path of a route, below the base path the server is configured for."""
    base = str(st.get_option("server.baseUrlPath") or "").strip("/")
    return f"/{base}/{path}" if base else f"/{path}"


def plotly_address() -> str | None:
    """Return where the browser finds Plotly.js, or None if no route serves it."""
    return address(f"vendor/{plotly.__version__}/plotly.min.js") if served() else None


@cache
def typesetter_address() -> str | None:
    """Return where Streamlit serves what it typesets its own formulas with; None if it or our routes are not there.

    It is rehype-katex, a module of its own with one export; its name carries a hash that changes with releases.
    """
    folder = Path(streamlit.__file__).parent / "static" / "static" / "js"
    found = [path.name for path in folder.glob("rehype-katex.*.js") if ONE_EXPORT.search(path.read_bytes()[-200:])]
    return address(f"static/js/{found[0]}") if found and served() else None


ONE_EXPORT = re.compile(rb"export\s*\{\s*\w+ as default\s*\}")


@cache
def component(name: str) -> ComponentRenderer:
    """Return the mount function of the component whose files are `name`.js and `name`.css.

    Streamlit sends a component's code with every message. With routes that is a line which imports the real module;
    without them it is the module itself.
    """
    if not served():
        css = files()[f"{name}.css"].decode()
        return st.components.v2.component(f"nnlib_{name}", css=css, js=script(name), isolate_styles=False)
    return st.components.v2.component(f"nnlib_{name}", js=script(name), isolate_styles=False)


def script(name: str) -> str:
    """Return a component's code: a line that imports the real module, or the module itself without routes."""
    if served():
        return _SHIM % json.dumps(address(f"components/{version()}/{name}.js"))
    return files()[f"{name}.js"].decode()


_SHIM = """const m = import(location.origin + %s)
export default async (c) => (await m).default(c)"""


def _our_file(request: Request) -> Response:
    name = request.path_params["name"]
    content = files().get(name)
    if content is None or request.path_params["version"] != version():
        return Response(status_code=404)
    return Response(content, media_type=TYPES[Path(name).suffix], headers=FOR_EVER)


def _plotly(request: Request) -> Response:
    if request.path_params["version"] != plotly.__version__:
        return Response(status_code=404)
    headers = FOR_EVER | {"Vary": "Accept-Encoding"}
    if "gzip" not in request.headers.get("accept-encoding", ""):
        return FileResponse(PLOTLY, media_type=TYPES[".js"], headers=headers)
    return Response(_zipped_plotly(), media_type=TYPES[".js"], headers=headers | {"Content-Encoding": "gzip"})


@cache
def _zipped_plotly() -> bytes:
    return gzip.compress(PLOTLY.read_bytes(), 6, mtime=0)
