"""A watch over the connection: it tells the visitor when the server is lost or slow, and the server when it is back.

It draws nothing else. Its message only asks for a run: a server that was started afresh then reads the address.
"""

from dashboard.components import assets


def connection() -> None:
    """Mount the watch."""
    assets.component("connection")(
        key="connection",
        data={"health": assets.address("_stcore/health")},
        height="content",
        on_back_change=lambda: None,
    )
