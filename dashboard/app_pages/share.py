"""A link for a course: the present view, what to hide, a task; and the line that puts it into another page."""

import streamlit as st

from dashboard import controls
from dashboard.links import iframe
from dashboard.text import count

st.title("Share this view", anchor=False)
st.markdown(
    "A link holds everything: data, network, weights, settings. Set up a view on any page, then come here to hide what "
    "distracts and to ask a question. Where a picture is turned and at which step its clock stands, only **Copy link** "
    "on that page knows."
)
link = controls.build_link()
st.subheader("The link", anchor=False)
st.code(link.address, language=None, wrap_lines=True)
st.caption(f"{count(len(link.address))} characters.")
st.subheader("The line for a course page", anchor=False)
st.code(iframe(link.embedded, link.height, link.title), language="html", wrap_lines=True)
st.markdown(
    "The server must allow your site to embed it: its environment variable `EMBED_ORIGINS` names the sites. "
    "The answer to a task can be read in the link, so this is an exercise and no examination."
)
