"""Serves one bare page with the routes of the real app and a frozen heap, so that only the page differs."""

import gc
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import streamlit as st

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from dashboard import heap, walk_desk  # noqa: E402 - found only once the folder is on the path
from dashboard.components import assets  # noqa: E402 - found only once the folder is on the path


@asynccontextmanager
async def lifespan(_: Any) -> AsyncIterator[None]:
    """Freeze what is imported, unless told not to."""
    import dashboard.app_pages  # noqa: F401

    heap.share_arenas()
    if os.environ.get("BENCHMARK_FREEZE") == "0":
        gc.freeze = lambda: None  # the page freezes the heap too, once its first picture is drawn
    heap.settle()
    yield


app = st.App(ROOT / os.environ["BENCHMARK_PAGE"], lifespan=lifespan, routes=[*assets.routes(), *walk_desk.routes()])
