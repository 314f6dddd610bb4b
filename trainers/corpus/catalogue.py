"""All styles by name."""

from __future__ import annotations

from core.errors import InputError
from trainers.corpus.styles.band import BAND
from trainers.corpus.styles.beats import BEATS
from trainers.corpus.styles.classical import CLASSICAL
from trainers.corpus.styles.electronic import ELECTRONIC
from trainers.corpus.styles.folk import FOLK
from trainers.corpus.styles.jazz import JAZZ
from trainers.corpus.styles.style import Style

# Draws by a seed go by this order.
STYLES: dict[str, Style] = {
    style.name: style for style in CLASSICAL + FOLK + JAZZ + BAND + ELECTRONIC + BEATS
}


def style_named(name: str) -> Style:
    """The style of that name. Raises InputError listing the names there are."""
    if name not in STYLES:
        raise InputError("style", name, f"choose one of: {', '.join(sorted(STYLES))}")
    return STYLES[name]
