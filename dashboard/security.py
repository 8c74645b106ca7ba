"""What the server sends and takes: security headers as strict as Streamlit and Plotly work with, and a few limits.

Scripts come from this server only, and none is made from text. Streamlit's page has one inline script, allowed by its
hash, and loads components as blobs; it and Plotly set styles inline. 'self' covers the WebSocket too.
"""

import base64
import hashlib
import os
import re
from collections import Counter, OrderedDict
from collections.abc import Collection, Mapping
from pathlib import Path

import streamlit

EMBED_VARIABLE = "EMBED_ORIGINS"
"""The environment variable that names the sites which may embed the app, apart by spaces; only itself if unset."""

ORIGIN = re.compile(r"https?://(\*\.)?[A-Za-z0-9.-]{1,253}(:\d{1,5})?|\*", re.ASCII)


MAX_NESTING = 100
"""A message of the browser with more brackets inside each other is dropped; ours have a handful."""

NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))


def too_deep(message: bytes) -> bool:
    """Whether a message's brackets nest deeper than anything the app sends: copying such JSON exhausts the stack.

    Brackets within texts count too, which is strict but quick.
    """
    depth = 0
    for bracket in message.translate(None, NO_BRACKETS):
        depth = max(0, depth + (1 if bracket in b"[{" else -1))
        if depth > MAX_NESTING:
            return True
    return False


class Uploads:
    """Counts the files that each session has left on the server, by what its browser asks for and is answered.

    A page holds one file for each of its two places to upload at, and the browser takes away what another one replaces.
    Streamlit limits how large a file is, not how many there are.

    For each request: `allow`, then `answered` once its status is known, at last `over`. A file on its way counts too,
    lest many at once slip through. Only what succeeded is kept: names that nobody has push no true count out.
    """

    MOST_FILES = 16
    MOST_SESSIONS = 4096
    PLACE = re.compile(r"/_stcore/upload_file/([^/]+)/([^/]+)/?$")

    def __init__(self) -> None:
        self._files: OrderedDict[str, set[str]] = OrderedDict()
        self._on_their_way: dict[str, Counter[str]] = {}

    def allow(self, method: str, path: str) -> bool:
        """Return whether a request may pass; a file that may is on its way from then on."""
        place = self.PLACE.search(path)
        if place is None or method != "PUT":
            return True
        session, file = place.groups()
        on_their_way = self._on_their_way.get(session, Counter())
        files = self._files.get(session, set()) | on_their_way.keys()
        if file not in files and len(files) >= self.MOST_FILES:
            return False
        on_their_way[file] += 1
        self._on_their_way[session] = on_their_way
        return True

    def answered(self, method: str, path: str, status: int) -> None:
        """Note which files a session holds once a request that was allowed is answered; a refusal changes nothing."""
        place = self.PLACE.search(path)
        if place is None or method not in ("PUT", "DELETE") or not 200 <= status < 300:
            return
        session, file = place.groups()
        if method == "PUT":
            self._files.setdefault(session, set()).add(file)
            self._files.move_to_end(session)
            if len(self._files) > self.MOST_SESSIONS:
                self._files.popitem(last=False)
        elif session in self._files:
            self._files[session].discard(file)
            if not self._files[session]:
                del self._files[session]

    def over(self, method: str, path: str) -> None:
        """Note that a request that was allowed is over, answered or not: its file is no longer on its way."""
        place = self.PLACE.search(path)
        if place is None or method != "PUT":
            return
        session, file = place.groups()
        on_their_way = self._on_their_way[session]
        on_their_way[file] -= 1
        if not on_their_way[file]:
            del on_their_way[file]
        if not on_their_way:
            del self._on_their_way[session]


STREAMLITS = frozenset({"_stcore", "auth", "component", "media", "static"})
"""The first part of the paths of more than one part that Streamlit serves."""


def astray(path: str, base: str, ours: Collection[str]) -> bool:
    """Return whether a path below the base path has more than one part and is nobody's, whose first parts `ours` are.

    Streamlit answers it with its page, which stays blank: the page names its scripts relative to the address.
    """
    if path.startswith("//") or not path.startswith(base):
        return False
    parts = path.removeprefix(base).strip("/").split("/")
    # To find the server the page also asks below its own address, and must be told that nothing is there.
    return len(parts) > 1 and "_stcore" not in parts and parts[0] not in {*STREAMLITS, *ours}


def headers(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the headers by name; ValueError if the variable names something that is no origin."""
    return {
        "x-content-type-options": "nosniff",
        "referrer-policy": "same-origin",
        "permissions-policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
        "content-security-policy": "; ".join(f"{name} {value}" for name, value in policy(environment).items()),
    }


def policy(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the content security policy, a source list for each kind of content."""
    inline = " ".join(f"'sha256-{digest}'" for digest in inline_scripts())
    return {
        "default-src": "'self'",
        "script-src": f"'self' blob: {inline}".rstrip(),
        "style-src": "'self' 'unsafe-inline'",
        "img-src": "'self' data: blob:",
        "font-src": "'self' data:",
        "connect-src": "'self'",
        "worker-src": "'self' blob:",
        "object-src": "'none'",
        "base-uri": "'self'",
        "form-action": "'self'",
        "frame-src": "'self'",
        "frame-ancestors": " ".join(("'self'", *embedders(environment))),
    }


def embedders(environment: Mapping[str, str]) -> tuple[str, ...]:
    """Return the origins that may embed the app."""
    names = environment.get(EMBED_VARIABLE, "").split()
    for name in names:
        if not ORIGIN.fullmatch(name):
            raise ValueError(f"{EMBED_VARIABLE} must name origins such as https://course.example.org, got {name!r}")
    return tuple(names)


def inline_scripts() -> tuple[str, ...]:
    """Return the hashes of the inline scripts in the page that the installed Streamlit serves."""
    page = (Path(streamlit.__file__).parent / "static" / "index.html").read_text(encoding="utf-8")
    scripts = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    return tuple(base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in scripts)
