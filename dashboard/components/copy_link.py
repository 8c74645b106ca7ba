"""A button that copies a link to exactly the present view.

The address bar follows the controls; what only the browser knows (camera, step of the clock) and what would fill the
history (the walk's pointer) is added when the link is copied.
"""

from dashboard.components import assets


def copy_button(opening: dict[str, str], places: dict[str, str]) -> None:
    """Draw the button: `opening` are the values that a link need not name, `places` as in `places_in_link`."""
    assets.component("copy_link")(key="copy_link", data={"opening": opening, "places": places}, height="content")


def places_in_link(name: str, places: dict[str, str]) -> None:
    """Tell the button, from another part of the page, parameters of the link by name; an empty text takes one out."""
    assets.component("copy_link")(key=f"{name}:places", data={"places": places}, height="content")
