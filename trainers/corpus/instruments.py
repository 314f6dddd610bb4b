"""The instruments of the FluidR3 soundfont that the corpus plays, by the name captions use."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Instrument:
    """bank and program in the soundfont and the compass in MIDI pitches.

    volume: the MIDI volume at which sixteen notes of the register it plays in, at velocity 80,
    measure the same loudness (BS.1770) for every instrument.
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
    "piano": _i(0, 33, 96, 88, "piano", "acoustic piano", "grand piano"),
    "bright piano": _i(1, 33, 96, 104, "piano", "bright piano"),
    "honky-tonk piano": _i(3, 36, 90, 88, "honky-tonk piano", "saloon piano", "piano"),
    "electric piano": _i(4, 36, 92, 58, "electric piano", "Rhodes piano", "e-piano"),
    "fm piano": _i(5, 36, 92, 75, "electric piano", "e-piano", "keyboard"),
    "harpsichord": _i(6, 36, 88, 64, "harpsichord"),
    "clavinet": _i(7, 40, 84, 69, "clavinet", "funky clavinet", "keyboard"),
    "celesta": _i(8, 60, 100, 69, "celesta", "bells"),
    "glockenspiel": _i(9, 67, 100, 73, "glockenspiel", "bells"),
    "music box": _i(10, 60, 100, 67, "music box"),
    "vibraphone": _i(11, 53, 89, 92, "vibraphone", "vibes"),
    "marimba": _i(12, 48, 88, 72, "marimba", "mallets"),
    "xylophone": _i(13, 65, 96, 127, "xylophone", "mallets"),
    "hammered dulcimer": _i(15, 55, 90, 102, "hammered dulcimer", "dulcimer"),
    "organ": _i(16, 36, 90, 77, "organ", "Hammond organ", "keyboard"),
    "rock organ": _i(18, 36, 90, 60, "organ", "Hammond organ", "rock organ"),
    "church organ": _i(19, 36, 90, 60, "church organ", "pipe organ", "organ"),
    "accordion": _i(21, 50, 90, 74, "accordion"),
    "harmonica": _i(22, 58, 88, 65, "harmonica", "blues harp"),
    "bandoneon": _i(23, 50, 88, 63, "bandoneon", "accordion"),
    "nylon guitar": _i(
        24, 40, 84, 63, "nylon string guitar", "classical guitar", "acoustic guitar"
    ),
    "acoustic guitar": _i(25, 40, 84, 67, "acoustic guitar", "steel string guitar", "guitar"),
    "twelve-string guitar": _i(25, 40, 84, 65, "twelve-string guitar", "acoustic guitar", bank=8),
    "ukulele": _i(24, 55, 86, 64, "ukulele", bank=8),
    "mandolin": _i(25, 55, 90, 72, "mandolin", bank=16),
    "jazz guitar": _i(26, 40, 84, 61, "jazz guitar", "mellow electric guitar", "electric guitar"),
    "clean guitar": _i(27, 40, 86, 66, "clean electric guitar", "electric guitar", "e-guitar"),
    "funk guitar": _i(28, 40, 84, 70, "funk guitar", "rhythm guitar", "electric guitar", bank=8),
    "overdriven guitar": _i(
        29, 40, 86, 50, "overdriven electric guitar", "electric guitar", "e-guitar"
    ),
    "distorted guitar": _i(
        30, 38, 86, 45, "distorted electric guitar", "distortion guitar", "electric guitar"
    ),
    "steel guitar": _i(26, 45, 84, 35, "slide guitar", "Hawaiian guitar", bank=8),
    "upright bass": _i(32, 28, 55, 66, "upright bass", "double bass", "acoustic bass"),
    "bass guitar": _i(33, 28, 55, 64, "bass guitar", "e-bass", "electric bass"),
    "picked bass": _i(34, 28, 55, 65, "bass guitar", "e-bass", "picked bass guitar"),
    "fretless bass": _i(35, 28, 55, 60, "fretless bass", "bass guitar", "e-bass"),
    "slap bass": _i(36, 28, 57, 77, "slap bass", "groovy bass guitar", "bass guitar"),
    "synth bass": _i(38, 28, 55, 73, "synth bass"),
    "deep synth bass": _i(39, 26, 52, 49, "synth bass", "deep synth bass"),
    "violin": _i(40, 55, 96, 66, "violin"),
    "viola": _i(41, 48, 84, 76, "viola"),
    "cello": _i(42, 36, 76, 75, "cello"),
    "contrabass": _i(43, 28, 55, 77, "double bass", "contrabass"),
    "tremolo strings": _i(44, 40, 92, 74, "tremolo strings", "strings", "string section"),
    "pizzicato strings": _i(45, 40, 88, 69, "pizzicato strings", "plucked strings", "strings"),
    "harp": _i(46, 36, 96, 70, "harp"),
    "strings": _i(48, 36, 92, 77, "strings", "string section", "orchestral strings"),
    "slow strings": _i(49, 36, 92, 66, "sustained strings", "strings", "string section"),
    "synth strings": _i(50, 36, 92, 61, "synth strings", "synth pad"),
    "trumpet": _i(56, 55, 84, 63, "trumpet", "brass"),
    "trombone": _i(57, 40, 72, 49, "trombone", "brass"),
    "muted trumpet": _i(59, 55, 84, 61, "muted trumpet", "trumpet"),
    "french horn": _i(60, 41, 77, 56, "french horn", "horn", "brass"),
    "brass section": _i(61, 43, 82, 61, "brass section", "brass", "horn section"),
    "synth brass": _i(62, 43, 84, 70, "synth brass", "synthesiser"),
    "soprano sax": _i(64, 56, 87, 55, "soprano saxophone", "saxophone"),
    "alto saxophone": _i(65, 50, 82, 54, "saxophone", "alto saxophone"),
    "tenor saxophone": _i(66, 45, 77, 58, "saxophone", "tenor saxophone"),
    "oboe": _i(68, 58, 88, 58, "oboe", "woodwind"),
    "bassoon": _i(70, 36, 70, 64, "bassoon", "woodwind"),
    "clarinet": _i(71, 50, 86, 47, "clarinet", "woodwind"),
    "flute": _i(73, 60, 96, 60, "flute", "woodwind"),
    "recorder": _i(74, 62, 92, 49, "recorder", "flute"),
    "pan flute": _i(75, 60, 92, 58, "pan flute", "flute"),
    "tin whistle": _i(78, 64, 94, 45, "tin whistle", "whistle", "flute"),
    "ocarina": _i(79, 60, 90, 53, "ocarina", "flute"),
    "square lead": _i(80, 40, 96, 62, "square wave synth", "8-bit synth", "synth lead"),
    "saw lead": _i(81, 40, 94, 64, "saw synth", "synth lead", "bright synth lead"),
    "sine lead": _i(80, 48, 94, 39, "soft synth lead", "sine synth", "synth", bank=8),
    "polysynth": _i(90, 40, 92, 71, "synth", "polysynth", "synthesiser"),
    "warm pad": _i(89, 36, 90, 90, "warm pad", "synth pad", "atmospheric synth pad"),
    "glass pad": _i(92, 40, 92, 55, "glassy pad", "synth pad"),
    "sweep pad": _i(95, 36, 90, 63, "sweeping pad", "synth pad", "atmospheric synth pad"),
    "halo pad": _i(94, 40, 90, 66, "airy pad", "synth pad", "ethereal synth pad"),
    "crystal synth": _i(98, 48, 96, 81, "crystal synth bells", "synth bells", "synth"),
    "atmosphere synth": _i(99, 40, 92, 55, "plucked synth", "atmospheric synth", "synth"),
    "fantasia synth": _i(88, 44, 92, 72, "bell-like synth", "dreamy synth", "synth"),
    "sitar": _i(104, 45, 84, 95, "sitar"),
    "banjo": _i(105, 48, 88, 78, "banjo"),
    "koto": _i(107, 50, 90, 81, "koto"),
    "kalimba": _i(108, 55, 90, 93, "kalimba", "thumb piano"),
    "bagpipes": _i(109, 55, 80, 50, "bagpipes"),
    "fiddle": _i(110, 55, 92, 66, "fiddle", "violin"),
    "steel drums": _i(114, 52, 88, 78, "steel drums", "steel pan"),
    "standard kit": _i(0, 0, 127, 111, "acoustic drums", "drums", "drum kit", bank=128),
    "room kit": _i(8, 0, 127, 107, "acoustic drums", "roomy drums", "drum kit", bank=128),
    "power kit": _i(16, 0, 127, 90, "acoustic drums", "drum kit", "drums", bank=128),
    "electronic kit": _i(
        24, 0, 127, 91, "electronic drums", "digital drums", "drum machine", bank=128
    ),
    "808 kit": _i(
        25,
        0,
        127,
        59,
        "electronic drums",
        "808 drum machine",
        "drum machine",
        "programmed percussion",
        bank=128,
    ),
    "jazz kit": _i(32, 0, 127, 104, "jazz drums", "acoustic drums", "drum kit", bank=128),
    "brush kit": _i(40, 0, 127, 114, "brushed drums", "acoustic drums", "drums", bank=128),
    "orchestral percussion": _i(
        48, 0, 127, 94, "orchestral percussion", "timpani and cymbals", "percussion", bank=128
    ),
    "hand percussion": _i(1, 0, 127, 72, "hand percussion", "percussion", bank=128),
}
