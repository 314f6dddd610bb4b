"""The History tab: what this person has made in this browser."""

from __future__ import annotations

from studio.context import Studio
from studio.tabs.element import element


def build(studio: Studio) -> None:
    """Lay the tab out; the list itself is the element in `web/history.js`."""
    days = studio.settings.keep_days
    element(
        f'<p class="tab-note">Only this browser can see these pieces. They are deleted after '
        f"{days:g} days, or when you delete them.</p>"
        "<studio-history></studio-history>",
        "history",
    )
