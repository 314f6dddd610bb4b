"""The words that are true of a piece: each function turns facts into a choice of phrases."""

from __future__ import annotations

import random
from typing import Any

from trainers.corpus.catalogue import STYLES
from trainers.corpus.instruments import INSTRUMENTS
from trainers.corpus.piece import Piece
from trainers.corpus.styles.moods import MOODS
from trainers.corpus.theory import MINOR_MODES

# Upper bound of beats per minute -> words. Felt tempo, as people use the words.
TEMPO_WORDS = (
    (76, ("slow", "slow tempo", "slow paced")),
    (96, ("moderate tempo", "medium tempo", "mid-tempo", "moderately slow")),
    (118, ("medium tempo", "moderate tempo", "mid-tempo")),
    (134, ("medium fast tempo", "uptempo", "medium to uptempo", "upbeat tempo")),
    (999, ("fast", "fast tempo", "uptempo", "fast paced")),
)
NO_DRUMS = ("no drums", "without drums", "no percussion", "without percussion", "drumless")
NO_VOCALS = ("instrumental", "no vocals", "no voices", "instrumental music", "no singer")
_ROLE_ADJECTIVES: dict[str, Any] = {
    "bass": {
        "high": ("percussive", "punchy", "strong", "driving"),
        "low": ("smooth", "warm", "soft", "simple"),
    },
    "lead": {
        "high": ("lively", "catchy", "bright", "energetic"),
        "low": ("mellow", "gentle", "expressive", "soft"),
    },
    "chords": {
        "high": ("rhythmic", "driving", "steady"),
        "low": ("soft", "mellow", "warm", "gentle"),
    },
    "pad": {"high": ("wide", "sustained"), "low": ("sustained", "atmospheric", "warm")},
    "riff": {
        "high": ("repeated", "pulsating", "rhythmic"),
        "low": ("gentle", "delicate", "repeated"),
    },
    "counter": {"high": ("sustained",), "low": ("sustained", "soft")},
    "drums": {
        "high": ("punchy", "energetic", "steady", "groovy"),
        "low": ("soft", "simple", "light", "steady"),
    },
}
_ROLE_NOUNS = {
    "lead": ("melody", "lead melody", "lead", "tune"),
    "chords": ("chords", "harmony", "accompaniment", "backing"),
    "riff": ("riff", "arpeggios", "pattern"),
    "pad": ("chords", "harmony", "background"),
    "counter": ("harmony", "countermelody"),
    "bass": ("line", ""),
    "drums": ("rhythm", "beat", "groove"),
}
# What may be said of a kit: true of every groove it plays.
_DETAILS = {
    "electronic kit": ("punchy kick", "shimmering hi hats", "digital drums"),
    "808 kit": ("punchy kick", "programmed percussion", "shimmering hi hats"),
    "power kit": ("punchy kick", "punchy snare"),
    "room kit": ("acoustic drums", "steady drumming"),
    "standard kit": ("acoustic drums", "steady drumming rhythm"),
    "jazz kit": ("shimmering cymbals",),
    "brush kit": ("soft percussion", "simple percussion"),
    "hand percussion": ("hand percussion", "wooden percussion"),
    "orchestral percussion": ("timpani", "bass drum", "booming percussion"),
}


def article(phrase: str) -> str:
    """ "a" or "an" before the phrase, and the phrase."""
    is_vowel = phrase[:1].lower() in "aeio8" or phrase[:2].lower() in ("up", "ur")
    return f"{'an' if is_vowel else 'a'} {phrase}"


def tempo_words(tempo: float) -> tuple[str, ...]:
    """Words for a tempo in beats per minute."""
    return next(words for bound, words in TEMPO_WORDS if tempo < bound)


def mode_word(mode: str) -> str:
    """ "major" or "minor" as the ear hears the mode's third."""
    return "minor" if mode in MINOR_MODES else "major"


class Words:
    """Draws true phrases about one piece. Draws come from `rng`, so captions repeat with it."""

    def __init__(self, piece: Piece, rng: random.Random) -> None:
        self.piece, self.rng = piece, rng
        self.level = "high" if piece.energy > 0.55 else "low"
        self.parts = {part.role: part.instrument for part in piece.parts}

    def pick(self, options: tuple[str, ...]) -> str:
        """One of the options."""
        return self.rng.choice(options)

    def style(self) -> str:
        """A genre name."""
        words = STYLES[self.piece.style].words
        return self.pick(words[:1] * 3 + words)

    def quality(self) -> str:
        """A quality word of the style that does not argue with the piece's energy."""
        loud = {"energetic", "loud", "intense", "lively", "fast-paced", "powerful", "hard-hitting"}
        soft = {"soft", "mellow", "chill", "meditative", "laid-back"}
        barred = soft if self.level == "high" else loud
        options = tuple(w for w in STYLES[self.piece.style].quality if w not in barred)
        options += ("reverberant",) if self.piece.space.room_size > 0.75 else ()
        options += ("groovy", "rhythmic") if self.piece.has_drums and self.level == "high" else ()
        options += ("melodic",) if "lead" in self.parts else ()
        return self.pick(options or ("melodic",))

    def use(self) -> str:
        """A place where the music would fit."""
        return self.pick(STYLES[self.piece.style].uses)

    def mood(self) -> str:
        """A mood word."""
        return self.pick(MOODS[self.piece.mood].words)

    def moods(self, count: int) -> list[str]:
        """Distinct mood words."""
        words = MOODS[self.piece.mood].words
        return self.rng.sample(words, min(count, len(words)))

    def tempo(self) -> str:
        """A tempo phrase: words, mostly."""
        return self.pick(tempo_words(self.piece.tempo))

    def bpm(self) -> str:
        """The tempo as a number."""
        number = round(self.piece.tempo)
        return self.pick((f"{number} bpm", f"{number} BPM", f"{number} beats per minute"))

    def key(self) -> str:
        """The key, named as exactly as the piece has it."""
        piece = self.piece
        exact = f"{piece.key} {piece.mode}"
        if piece.mode in ("dorian", "mixolydian"):
            return self.pick((exact, f"{mode_word(piece.mode)} key"))
        return exact

    def mode(self) -> str:
        """major or minor, as a phrase."""
        word = mode_word(self.piece.mode)
        return self.pick((f"{word} key", f"in a {word} key", f"{word} tonality"))

    def instrument(self, role: str) -> str:
        """A name of the instrument in that role."""
        words = INSTRUMENTS[self.parts[role]].words
        return self.pick(words[:1] * 2 + words)

    def roles(self) -> list[str]:
        """Roles in the piece, without drums, the lead first."""
        return [role for role in self.parts if role != "drums"]

    def instruments(self, count: int, drums: bool = True) -> list[str]:
        """Distinct instrument names, the lead's first."""
        roles = self.roles() + (["drums"] if drums and self.piece.has_drums else [])
        if len(roles) > count:
            roles = [roles[0], *self.rng.sample(roles[1:], count - 1)]
        return list(dict.fromkeys(self.instrument(role) for role in roles))

    def is_solo(self) -> bool:
        """One instrument plays all roles."""
        return len(set(self.parts.values())) == 1

    def described(self, role: str) -> str:
        """Adjective + instrument + what it plays: "mellow piano melody"."""
        noun = self.pick(_ROLE_NOUNS[role])
        name = self.instrument(role)
        if role == "drums" and self.rng.random() < 0.35:
            return self.pick(_DETAILS[self.parts["drums"]])
        if role == "bass" and "bass" not in name:
            noun = "bass line"
        if role == "lead" and "lead" in name:
            noun = "melody"
        level = "low" if self.parts[role] == "brush kit" else self.level
        return f"{self.pick(_ROLE_ADJECTIVES[role][level])} {name} {noun}".strip()

    def no_drums(self) -> str:
        """A truthful negative for a piece without drums."""
        return self.pick(NO_DRUMS)

    def alone(self) -> str:
        """What is said of a piece for one instrument."""
        return self.pick(("solo", "single instrument", "no other instruments", "soloist"))

    def groove(self) -> str:
        """An adjective for the drums' beat."""
        return self.pick(_ROLE_ADJECTIVES["drums"][self.level])

    def no_vocals(self) -> str:
        """Every piece is instrumental."""
        return self.pick(NO_VOCALS)


def joined(phrases: list[str]) -> str:
    """ "a, b and c"."""
    if len(phrases) < 2:
        return "".join(phrases)
    return f"{', '.join(phrases[:-1])} and {phrases[-1]}"
