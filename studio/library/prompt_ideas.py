"""Words that a model knows: the styles it does well, and prompts drawn from its vocabulary."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass

from core import variants
from core.variants import Variant
from trainers.corpus.catalogue import STYLES
from trainers.corpus.styles.moods import MOODS

LEAST_SHARE = 0.8  # of a style's clips that were recognised, for the style to be offered
MOST_CHIPS = 6
GENERAL = {
    "pop": "bright pop with piano, synth pads and a steady beat",
    "lo-fi": "lo-fi hip hop with a mellow electric piano and soft drums",
    "orchestral": "cinematic orchestral music with strings and french horns",
    "rock": "energetic rock with distorted electric guitar and drums",
    "house": "house music, four on the floor, synth bass",
    "acoustic": "calm acoustic guitar with soft percussion",
}


@dataclass(frozen=True)
class Idea:
    """A style by name, and the prompt that asks for it."""

    name: str
    prompt: str


def styles(variant: Variant) -> tuple[Idea, ...]:
    """Styles to offer: those recognised in at least LEAST_SHARE of the clips that the model
    folder's evaluation.json reports; for a folder without one, GENERAL."""
    measured = _measured(variant)
    if not measured:
        return tuple(Idea(name, prompt) for name, prompt in GENERAL.items())
    good = [n for n, share in measured["by_prompt"].items() if share >= LEAST_SHARE]
    return tuple(Idea(name, measured["prompts"][name]) for name in good[:MOST_CHIPS])


def draw(variant: Variant, rng: random.Random) -> str:
    """A prompt at random: mood, style and instruments of one style of the training corpus; for a
    model that was trained on something else, one of GENERAL."""
    if not variant.name.startswith("nano"):
        return rng.choice(tuple(GENERAL.values()))
    style = rng.choice(tuple(STYLES.values()))
    mood = rng.choice(MOODS[rng.choice(style.moods)].words)
    played = [rng.choice(v.instruments) for role, v in style.voices.items() if role != "drums"]
    band = ", ".join(dict.fromkeys(rng.sample(played, min(2, len(played)))))
    tempo = round(rng.uniform(*style.tempo) / 5) * 5
    return f"{mood} {style.words[0]}, {band}, {tempo} bpm"


def _measured(variant: Variant) -> dict:
    folder = variants.local_folder(variant)
    try:
        text = (folder / "evaluation.json").read_text(encoding="utf-8") if folder else "{}"
        return json.loads(text).get("styles", {})
    except (OSError, ValueError):
        return {}
