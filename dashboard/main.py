"""The router: the list of pages and the sidebar that they share, nothing else."""

from pathlib import Path

import streamlit as st

from dashboard import controls, heap

ICON = Path(__file__).with_name("icon.png")
st.set_page_config(page_title="Why can't a step learn?", page_icon=str(ICON), layout="wide")
heap.settle()
controls.start_session()
pages = [
    st.Page(
        "app_pages/home.py",
        title="Step against sigmoid",
        icon=":material/stairs:",
        help="Why gradient descent cannot train a step function, and can train a sigmoid.",
        default=True,
    ),
    st.Page(
        "app_pages/chain_rule.py",
        title="Chain rule",
        icon=":material/link:",
        help="The derivative of a chain of simple functions, one link at a time.",
    ),
    st.Page(
        "app_pages/backpropagation.py",
        title="Backpropagation",
        icon=":material/undo:",
        help="A forward and a backward pass, one operation at a time.",
    ),
    st.Page(
        "app_pages/learning_rate.py",
        title="Learning rate",
        icon=":material/speed:",
        help="How large a learning rate may be: predicted from curvature, then tried.",
    ),
    st.Page(
        "app_pages/slices.py",
        title="The honest slice",
        icon=":material/layers:",
        help="When a loss surface over two weights is the true loss, and when it is not.",
    ),
    st.Page(
        "app_pages/training_room.py",
        title="Training room",
        icon=":material/model_training:",
        help="Your own data, deeper networks, and what they have learnt.",
    ),
    st.Page(
        "app_pages/share.py",
        title="Share",
        icon=":material/share:",
        help="A link for a course, with a task, and the line that embeds it.",
    ),
]
page = st.navigation(pages, position="top")
controls.remember_pages({page.url_path: page.title for page in pages if page.title != "Share"})
controls.paint()
controls.link_messages(page.url_path)
controls.sidebar(page.url_path)
page.run()
controls.keep_within_bounds()
