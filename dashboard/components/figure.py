"""A Plotly figure that is changed, not replaced.

`st.plotly_chart` builds the whole chart anew whenever the figure changes, so it flashes and forgets its zoom. Here the
same picture is told what is new. Where no route serves Plotly.js, Streamlit's own chart takes its place.
"""

import json
from collections.abc import Callable
from typing import Any

import plotly.graph_objects as go
import streamlit as st

from dashboard.components import assets
from dashboard.plain_figure import for_json


def pack(made: go.Figure | dict[str, Any], alt: str, config: dict[str, Any]) -> dict[str, Any]:
    """Return the message that carries a figure; `alt` is the sentence that stands for it where it cannot be seen."""
    spec: dict[str, Any] = for_json(made) if isinstance(made, dict) else json.loads(made.to_json())
    # Plotly's default template is 7 kB of colours that every figure here overrides; of the rest only this is needed.
    spec["layout"].pop("template", None)
    for name, axis in spec["layout"].items():
        if name.startswith(("xaxis", "yaxis")):
            axis.setdefault("automargin", True)
    return {"figure": spec, "alt": alt, "config": config, "height": spec["layout"].get("height") or 300}


def figure(message: dict[str, Any], picture: Callable[[], go.Figure], key: str) -> None:
    """Draw a packed figure, or the figure itself where no route serves Plotly.js."""
    address = assets.plotly_address()
    if address is None:
        st.plotly_chart(picture(), key=key, alt=message["alt"], config=message["config"])
    else:
        assets.component("figure")(key=key, data={"picture": message | {"plotly": address}})
