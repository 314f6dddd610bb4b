"""The instruments of the FluidR3 soundfont that the corpus plays, by the name captions use."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Instrument:
    """bank and program in the soundfont, the compass in MIDI pitches, and a mix volume (0..127).

    `words` are the names people use; the first is the usual one.
    """

    bank: int
    program: int
    low: int
    high: int
    volume: int
    words: tuple[str, ...]


def _i(program: int, low: int, high: int, volume: int, *words: str, bank: int = 0) -> Instrument:
    return Instrument(bank, program, low, high, volume, words)


INSTRUMENTS: dict[str, Instrument] = {
    "piano": _i(0, 33, 96, 100, "piano", "acoustic piano", "grand piano"),
    "bright piano": _i(1, 33, 96, 96, "piano", "bright piano"),
    "honky-tonk piano": _i(3, 36, 90, 92, "honky-tonk piano", "saloon piano", "piano"),
    "electric piano": _i(4, 36, 92, 100, "electric piano", "Rhodes piano", "e-piano"),
    "fm piano": _i(5, 36, 92, 96, "electric piano", "e-piano", "keyboard"),
    "harpsichord": _i(6, 36, 88, 98, "harpsichord"),
    "clavinet": _i(7, 40, 84, 92, "clavinet", "funky clavinet", "keyboard"),
    "celesta": _i(8, 60, 100, 104, "celesta", "bells"),
    "glockenspiel": _i(9, 67, 100, 92, "glockenspiel", "bells"),
    "music box": _i(10, 60, 100, 112, "music box"),
    "vibraphone": _i(11, 53, 89, 104, "vibraphone", "vibes"),
    "marimba": _i(12, 48, 88, 106, "marimba", "mallets"),
    "xylophone": _i(13, 65, 96, 96, "xylophone", "mallets"),
    "hammered dulcimer": _i(15, 55, 90, 98, "hammered dulcimer", "dulcimer"),
    "organ": _i(16, 36, 90, 84, "organ", "Hammond organ", "keyboard"),
    "rock organ": _i(18, 36, 90, 80, "organ", "Hammond organ", "rock organ"),
    "church organ": _i(19, 36, 90, 82, "church organ", "pipe organ", "organ"),
    "accordion": _i(21, 50, 90, 90, "accordion"),
    "harmonica": _i(22, 58, 88, 94, "harmonica", "blues harp"),
    "bandoneon": _i(23, 50, 88, 92, "bandoneon", "accordion"),
    "nylon guitar": _i(24, 40, 84, 108, "nylon string guitar", "classical guitar",
                       "acoustic guitar"),
    "acoustic guitar": _i(25, 40, 84, 106, "acoustic guitar", "steel string guitar", "guitar"),
    "twelve-string guitar": _i(25, 40, 84, 100, "twelve-string guitar", "acoustic guitar", bank=8),
    "ukulele": _i(24, 55, 86, 106, "ukulele", bank=8),
    "mandolin": _i(25, 55, 90, 100, "mandolin", bank=16),
    "jazz guitar": _i(26, 40, 84, 106, "jazz guitar", "mellow electric guitar",
                      "electric guitar"),
    "clean guitar": _i(27, 40, 86, 102, "clean electric guitar", "electric guitar", "e-guitar"),
    "funk guitar": _i(28, 40, 84, 98, "funk guitar", "wah-like electric guitar",
                      "electric guitar", bank=8),
    "overdriven guitar": _i(29, 40, 86, 82, "overdriven electric guitar", "electric guitar",
                            "e-guitar"),
    "distorted guitar": _i(30, 38, 86, 78, "distorted electric guitar", "distortion guitar",
                           "electric guitar"),
    "steel guitar": _i(26, 45, 84, 100, "slide guitar", "Hawaiian guitar", bank=8),
    "upright bass": _i(32, 28, 55, 112, "upright bass", "double bass", "acoustic bass"),
    "bass guitar": _i(33, 28, 55, 108, "bass guitar", "e-bass", "electric bass"),
    "picked bass": _i(34, 28, 55, 104, "bass guitar", "e-bass", "picked bass guitar"),
    "fretless bass": _i(35, 28, 55, 108, "fretless bass", "smooth bass", "bass guitar"),
    "slap bass": _i(36, 28, 57, 100, "slap bass", "groovy bass guitar", "bass guitar"),
    "synth bass": _i(38, 28, 55, 104, "synth bass"),
    "deep synth bass": _i(39, 26, 52, 106, "synth bass", "deep synth bass"),
    "violin": _i(40, 55, 96, 96, "violin"),
    "viola": _i(41, 48, 84, 96, "viola"),
    "cello": _i(42, 36, 76, 102, "cello"),
    "contrabass": _i(43, 28, 55, 104, "double bass", "contrabass"),
    "tremolo strings": _i(44, 40, 92, 96, "tremolo strings", "strings", "string section"),
    "pizzicato strings": _i(45, 40, 88, 110, "pizzicato strings", "plucked strings", "strings"),
    "harp": _i(46, 36, 96, 106, "harp"),
    "strings": _i(48, 36, 92, 92, "strings", "string section", "orchestral strings"),
    "slow strings": _i(49, 36, 92, 92, "sustained strings", "strings", "string section"),
    "synth strings": _i(50, 36, 92, 88, "synth strings", "synth pad"),
    "trumpet": _i(56, 55, 84, 86, "trumpet", "brass"),
    "trombone": _i(57, 40, 72, 88, "trombone", "brass"),
    "muted trumpet": _i(59, 55, 84, 92, "muted trumpet", "trumpet"),
    "french horn": _i(60, 41, 77, 96, "french horn", "horn", "brass"),
    "brass section": _i(61, 43, 82, 84, "brass section", "brass", "horn section"),
    "synth brass": _i(62, 43, 84, 84, "synth brass", "synthesiser"),
    "soprano sax": _i(64, 56, 87, 92, "soprano saxophone", "saxophone"),
    "alto saxophone": _i(65, 50, 82, 92, "saxophone", "alto saxophone"),
    "tenor saxophone": _i(66, 45, 77, 92, "saxophone", "tenor saxophone"),
    "oboe": _i(68, 58, 88, 94, "oboe", "woodwind"),
    "bassoon": _i(70, 36, 70, 98, "bassoon", "woodwind"),
    "clarinet": _i(71, 50, 86, 98, "clarinet", "woodwind"),
    "flute": _i(73, 60, 96, 98, "flute", "woodwind"),
    "recorder": _i(74, 62, 92, 98, "recorder", "flute"),
    "pan flute": _i(75, 60, 92, 100, "pan flute", "flute"),
    "tin whistle": _i(78, 64, 94, 92, "tin whistle", "whistle", "flute"),
    "ocarina": _i(79, 60, 90, 98, "ocarina", "flute"),
    "square lead": _i(80, 40, 96, 78, "square wave synth", "8-bit synth", "synth lead"),
    "saw lead": _i(81, 40, 94, 78, "saw synth", "synth lead", "bright synth lead"),
    "sine lead": _i(80, 48, 94, 96, "soft synth lead", "sine synth", "synth", bank=8),
    "polysynth": _i(90, 40, 92, 90, "synth", "polysynth", "synthesiser"),
    "warm pad": _i(89, 36, 90, 96, "warm pad", "synth pad", "atmospheric synth pad"),
    "glass pad": _i(92, 40, 92, 96, "glassy pad", "synth pad"),
    "sweep pad": _i(95, 36, 90, 94, "sweeping pad", "synth pad", "atmospheric synth pad"),
    "halo pad": _i(94, 40, 90, 96, "airy pad", "synth pad", "ethereal synth pad"),
    "crystal synth": _i(98, 48, 96, 88, "crystal synth bells", "synth bells", "synth"),
    "atmosphere synth": _i(99, 40, 92, 94, "plucked synth", "atmospheric synth", "synth"),
    "fantasia synth": _i(88, 44, 92, 92, "bell-like synth", "dreamy synth", "synth"),
    "sitar": _i(104, 45, 84, 98, "sitar"),
    "banjo": _i(105, 48, 88, 98, "banjo"),
    "koto": _i(107, 50, 90, 100, "koto"),
    "kalimba": _i(108, 55, 90, 108, "kalimba", "thumb piano"),
    "bagpipes": _i(109, 55, 80, 80, "bagpipes"),
    "fiddle": _i(110, 55, 92, 94, "fiddle", "violin"),
    "steel drums": _i(114, 52, 88, 96, "steel drums", "steel pan"),
    "standard kit": _i(0, 0, 127, 100, "acoustic drums", "drums", "drum kit", bank=128),
    "room kit": _i(8, 0, 127, 100, "acoustic drums", "roomy drums", "drum kit", bank=128),
    "power kit": _i(16, 0, 127, 100, "acoustic drums", "powerful drums", "drums", bank=128),
    "electronic kit": _i(24, 0, 127, 98, "electronic drums", "digital drums", "drum machine",
                         bank=128),
    "808 kit": _i(25, 0, 127, 100, "electronic drums", "808 drum machine", "drum machine",
                  "programmed percussion", bank=128),
    "jazz kit": _i(32, 0, 127, 100, "jazz drums", "acoustic drums", "drum kit", bank=128),
    "brush kit": _i(40, 0, 127, 108, "brushed drums", "soft drums", "drums", bank=128),
    "orchestral percussion": _i(48, 0, 127, 104, "orchestral percussion", "timpani and cymbals",
                                "percussion", bank=128),
    "hand percussion": _i(1, 0, 127, 100, "hand percussion", "percussion", bank=128),
}
