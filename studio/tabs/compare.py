"""The Compare tab: two to four results, heard at equal loudness."""

from __future__ import annotations

from studio.context import Studio
from studio.tabs.element import element


def build(studio: Studio) -> None:
    """Lay the tab out; choosing and playing is the element in `web/compare.js`."""
    element(
        '<p class="tab-note">Choose two to four of your pieces. Switching keeps the '
        "position.</p><studio-compare></studio-compare>",
        "compare",
    )
