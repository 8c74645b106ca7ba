"""A watch over the connection: it tells the visitor when the server does not answer, and the server when it does again.

It draws nothing else. Its message only asks for a run: a server that was started afresh then reads the address.
"""

from dashboard.components import assets


def connection() -> None:
    """Mount the watch."""
    assets.component("connection")(key="connection", data={}, height="content", on_back_change=lambda: None)
