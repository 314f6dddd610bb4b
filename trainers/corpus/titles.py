"""Titles: two words from the seed, so that people can speak about a piece."""

from __future__ import annotations

import random

from trainers.corpus.styles.moods import MOODS

_NOUNS = (
    "Harbour",
    "Garden",
    "Window",
    "River",
    "Station",
    "Meadow",
    "Lantern",
    "Mirror",
    "Orchard",
    "Bridge",
    "Letter",
    "Island",
    "Staircase",
    "Engine",
    "Market",
    "Forest",
    "Paper Boat",
    "Avenue",
    "Skyline",
    "Cathedral",
    "Summer",
    "Winter",
    "Morning",
    "Midnight",
    "Horizon",
    "Compass",
    "Carousel",
    "Valley",
    "Lighthouse",
    "Train",
    "Rooftop",
    "Shore",
)


def title_for(stream: str, mood: str) -> str:
    """A title that names the mood; the same stream always gives the same title."""
    rng = random.Random(f"{stream}/title")
    return f"{rng.choice(MOODS[mood].words)} {rng.choice(_NOUNS)}".title()
