"""The soundfonts that pieces are played with; all three are under the MIT licence.

MuseScore_General plays other presets in the variation banks (8 and 16) than the FluidR3 family;
parts of those banks are not played with it.
"""

from __future__ import annotations

import os
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from core.errors import InputError
from trainers.corpus.piece import Part

FOLDERS = ("/usr/share/sounds/sf2", "/usr/share/sounds/sf3", "/usr/share/soundfonts")
DRUM_BANK = 128


@dataclass(frozen=True)
class Soundfont:
    """A bank of General MIDI instruments.

    Attributes:
        files: names under which distributions install it.
        package: of Debian.
        weight: how often it is chosen among those that can play a piece.
        variations: whether variation banks hold FluidR3's presets.
    """

    files: tuple[str, ...]
    package: str
    weight: float
    variations: bool


SOUNDFONTS = {
    "FluidR3": Soundfont(("FluidR3_GM.sf2",), "fluid-soundfont-gm", 0.4, True),
    "FluidR3Mono": Soundfont(("FluidR3Mono_GM.sf3",), "fluidr3mono-gm-soundfont", 0.2, True),
    "MuseScore_General": Soundfont(
        ("MuseScore_General.sf3", "MuseScore_General_Full.sf3", "MuseScore_General.sf2"),
        "musescore-general-soundfont",
        0.4,
        False,
    ),
}


def find_soundfont(name: str) -> Path:
    """A soundfont's file: in $STUDIO_SOUNDFONTS (a folder), or where distributions put it.

    Raises: InputError naming the Debian package.
    """
    given = os.environ.get("STUDIO_SOUNDFONTS")
    font = SOUNDFONTS[name]
    for folder in [given] if given else FOLDERS:
        for file in font.files:
            if (path := Path(folder) / file).is_file():
                return path
    raise InputError(
        "soundfont",
        font.files[0],
        f"not found in {given or FOLDERS[0]}; install it: apt-get install {font.package}, or name "
        "its folder in STUDIO_SOUNDFONTS",
    )


def choose_soundfont(parts: Sequence[Part], rng: random.Random) -> str:
    """A soundfont that has all parts' presets."""
    varied = any(part.bank not in (0, DRUM_BANK) for part in parts)
    able = {n: f.weight for n, f in SOUNDFONTS.items() if f.variations or not varied}
    return rng.choices(list(able), list(able.values()))[0]


def levelled(volume: int, instrument: str, soundfont: str) -> int:
    """The MIDI volume at which an instrument of a soundfont is as loud as FluidR3's at `volume`,
    up to MIDI's 127."""
    mono, musescore = LEVELS[instrument]
    level = {"FluidR3": 0.0, "FluidR3Mono": mono, "MuseScore_General": musescore}[soundfont]
    return max(1, min(127, round(volume * 10 ** (-level / 40))))


# dB by which FluidR3Mono and MuseScore_General are louder than FluidR3 (BS.1770): 16 notes over
# the compass at velocity 80 (kits: kick, snare, hi-hat), dry, at the same MIDI volume.
LEVELS = {
    "piano": (-1, 0.5),
    "bright piano": (-2, 0),
    "honky-tonk piano": (-2.5, -1),
    "electric piano": (-4.5, -3),
    "fm piano": (-4.5, -2),
    "harpsichord": (-7, -6.5),
    "clavinet": (-5, -3.5),
    "celesta": (-4, -4.5),
    "glockenspiel": (-5, -3.5),
    "music box": (-1, -10.5),
    "vibraphone": (-0.5, 1),
    "marimba": (-4, -3),
    "xylophone": (-0.5, 1),
    "hammered dulcimer": (-3.5, -2),
    "organ": (-4, -2.5),
    "rock organ": (-5, -3.5),
    "church organ": (-5, -4.5),
    "accordion": (-4, -2.5),
    "harmonica": (-4, -3.5),
    "bandoneon": (-4, -3),
    "nylon guitar": (-5, -3.5),
    "acoustic guitar": (-7, -6.5),
    "twelve-string guitar": (-1, -6.5),
    "ukulele": (-1, 0.5),
    "mandolin": (-1, 0.5),
    "jazz guitar": (-5.5, -4),
    "clean guitar": (-1, 0.5),
    "funk guitar": (-1, 0.5),
    "overdriven guitar": (-7, -5.5),
    "distorted guitar": (-9, -7.5),
    "steel guitar": (-1, 0.5),
    "upright bass": (-1, 0.5),
    "bass guitar": (-1, 0.5),
    "picked bass": (-1, 0.5),
    "fretless bass": (-3, -2),
    "slap bass": (-1, 0.5),
    "synth bass": (-3.5, -1),
    "deep synth bass": (-1, -6),
    "violin": (-2.5, -1),
    "viola": (-0.5, 0.5),
    "cello": (-2, 3.5),
    "contrabass": (-3, -1),
    "tremolo strings": (-1, -3.5),
    "pizzicato strings": (-4, -10),
    "harp": (-3.5, -2.5),
    "strings": (-1, -2),
    "slow strings": (-1, -7.5),
    "synth strings": (-1, -8),
    "trumpet": (-1, 1.5),
    "trombone": (-1, 1.5),
    "muted trumpet": (-1, 0),
    "french horn": (-3.5, -0.5),
    "brass section": (-1, -1),
    "synth brass": (-4.5, -4.5),
    "soprano sax": (-4, -2.5),
    "alto saxophone": (-4, -2.5),
    "tenor saxophone": (-3.5, -2),
    "oboe": (-2, 0.5),
    "bassoon": (-1.5, 0.5),
    "clarinet": (-7, -5.5),
    "flute": (-2.5, -1),
    "recorder": (-1, -2.5),
    "pan flute": (-4, -2.5),
    "tin whistle": (-1, -2.5),
    "ocarina": (-1, 0.5),
    "square lead": (-1, 0.5),
    "saw lead": (-1, 1),
    "sine lead": (-1, -6),
    "polysynth": (-6, 1.5),
    "warm pad": (-5, 0),
    "glass pad": (-5, -10),
    "sweep pad": (-1, -8.5),
    "halo pad": (-3, -3.5),
    "crystal synth": (-5, -1),
    "atmosphere synth": (-6.5, -6),
    "fantasia synth": (-1.5, -1),
    "sitar": (-2, -0.5),
    "banjo": (-1, 0.5),
    "koto": (-1, 0.5),
    "kalimba": (-1, 0.5),
    "bagpipes": (-1, 0.5),
    "fiddle": (-2.5, -4),
    "steel drums": (-4, -2.5),
    "standard kit": (-0.5, 0.5),
    "room kit": (4, 5.5),
    "power kit": (0, 1),
    "electronic kit": (0, 1.5),
    "808 kit": (3, -5.5),
    "jazz kit": (4, 5.5),
    "brush kit": (4, 6),
    "orchestral percussion": (2.5, 4),
    "hand percussion": (-3, -1.5),
}
