"""Styles of the club and of synthesizers."""

from __future__ import annotations

from trainers.corpus.styles.style import Style, Voice

_POP_MAJOR = ("I V vi IV", "vi IV I V", "IV V vi iii", "Imaj7 IVmaj7 Imaj7 V")
_POP_MINOR = ("i bVI bIII bVII", "i bVII bVI bVII", "i bVI iv V", "i iv bVI bVII")
_SOUL_MAJOR = ("Imaj7 iii7 vi7 IVmaj7", "ii7 V7 Imaj7 VI7", "IVmaj7 iii7 ii7 Imaj7")
_SOUL_MINOR = ("i7 iv7 bIIImaj7 bVImaj7", "ii7 V7 i7 i7", "bVImaj7 v7 i7 i7", "i7 bVImaj7 iv7 V7")

ELECTRONIC = (
    Style(
        "house",
        ("house", "electronic dance music", "deep house", "dance"),
        (116, 128),
        ("groovy", "energetic", "uplifting", "festive", "dreamy"),
        {
            "lead": Voice(("saw lead", "polysynth", "bright piano", "sine lead"), (), 1, 62, 84),
            "chords": Voice(
                ("bright piano", "electric piano", "polysynth", "organ"),
                ("..x...x...x...x.", "x..x..x...x..x..", "x-..x-.x-.x-..x."),
                1,
                52,
                74,
            ),
            "riff": Voice(
                ("atmosphere synth", "polysynth"),
                ("0.1.2.0.1.2.0.1.", "0..2..1..0..2.1."),
                0.4,
                60,
                79,
            ),
            "pad": Voice(
                ("warm pad", "synth strings", "sweep pad"), ("x---------------",), 0.7, 52, 74
            ),
            "bass": Voice(
                ("synth bass", "deep synth bass"),
                ("..R-..R-..R-..R-", "R..R..R...R..R..", ".RR..RR..RR..R8."),
                1,
                28,
                48,
            ),
            "drums": Voice(("electronic kit", "808 kit")),
        },
        _POP_MAJOR + _SOUL_MAJOR,
        _POP_MINOR + _SOUL_MINOR,
        ("minor", "minor", "major", "dorian"),
        grooves=("house", "house deep"),
        energy=0.8,
        melody=(1.6, 0.3, 3),
        timing_ms=2,
        room=(0.2, 0.5),
        quality=("danceable", "punchy", "hypnotic", "energetic"),
        uses=("a nightclub", "a beach club", "a fashion show"),
    ),
    Style(
        "techno",
        ("techno", "electronic", "electro", "club music"),
        (124, 140),
        ("dark", "futuristic", "energetic", "mysterious"),
        {
            "lead": Voice(("square lead", "saw lead", "fantasia synth"), (), 0.8, 58, 79),
            "chords": Voice(
                ("polysynth", "synth brass"),
                ("...x..x....x..x.", "x..x..x.........", "......x.......x."),
                1,
                50,
                70,
            ),
            "riff": Voice(
                ("saw lead", "synth bass"), ("0.00.1.00.02.0.1", "0010020010030020"), 0.8, 48, 67
            ),
            "pad": Voice(("sweep pad", "warm pad"), ("x---------------",), 0.5, 50, 72),
            "bass": Voice(
                ("deep synth bass", "synth bass"),
                ("..R...R...R...R.", ".RRR.RRR.RRR.RRR"),
                1,
                26,
                44,
            ),
            "drums": Voice(("808 kit", "electronic kit")),
        },
        ("I bVII I IV", "I I bVII bVII"),
        ("i i bVI bVII", "i i i i", "i bII i bVII", "i7 i7 iv7 iv7"),
        ("minor", "minor", "dorian"),
        grooves=("techno", "house"),
        energy=0.85,
        melody=(1.2, 0.4, 3),
        timing_ms=1,
        room=(0.3, 0.6),
        quality=("repetitive", "hypnotic", "pulsating"),
        uses=("a warehouse rave", "a racing video game", "a cyberpunk movie"),
    ),
    Style(
        "trance",
        ("trance", "electronic dance music", "euphoric trance"),
        (132, 142),
        ("uplifting", "dreamy", "energetic", "futuristic"),
        {
            "lead": Voice(("saw lead", "polysynth"), (), 1, 66, 88),
            "chords": Voice(
                ("polysynth", "saw lead"), ("x.xx.xx.x.xx.xx.", "xx.xx.xx.xx.xx.x"), 1, 55, 76
            ),
            "riff": Voice(
                ("crystal synth", "saw lead"), ("0120120120120121", "0-2-1-3-0-2-1-3-"), 0.8, 62, 84
            ),
            "pad": Voice(
                ("synth strings", "sweep pad", "halo pad"), ("x---------------",), 0.9, 52, 74
            ),
            "bass": Voice(("synth bass",), ("..R...R...R...R.", ".RRR.RRR.RRR.RRR"), 1, 28, 46),
            "drums": Voice(("electronic kit",)),
        },
        _POP_MAJOR,
        _POP_MINOR,
        ("minor", "minor", "major"),
        grooves=("trance",),
        energy=0.9,
        melody=(1.8, 0.15, 3),
        timing_ms=1,
        room=(0.4, 0.7),
        quality=("euphoric", "hypnotic", "wide"),
        uses=("a festival main stage", "a workout", "a rave"),
    ),
    Style(
        "synthwave",
        ("synthwave", "retro synth pop", "80s electronic"),
        (84, 118),
        ("nostalgic", "futuristic", "dreamy", "dark", "energetic"),
        {
            "lead": Voice(("saw lead", "square lead", "synth brass"), (), 1, 64, 86),
            "chords": Voice(
                ("polysynth", "synth strings", "synth brass"),
                ("x---------------", "x--x--x---------"),
                1,
                52,
                74,
            ),
            "riff": Voice(
                ("polysynth", "atmosphere synth"),
                ("0-1-2-1-0-1-2-3-", "0123012301230123"),
                0.8,
                60,
                81,
            ),
            "bass": Voice(
                ("synth bass", "deep synth bass"),
                ("RRRRRRRRRRRRRRRR", "R-R8R-R8R-R8R-R8"),
                1,
                28,
                46,
            ),
            "drums": Voice(("electronic kit", "power kit")),
        },
        _POP_MAJOR,
        _POP_MINOR,
        ("minor", "minor", "major", "dorian"),
        grooves=("synthwave", "synthwave tom"),
        energy=0.65,
        melody=(1.2, 0.2, 3),
        timing_ms=2,
        room=(0.45, 0.8),
        quality=("retro", "pulsating", "wide"),
        uses=("a night drive", "a retro video game", "a sci-fi movie"),
    ),
    Style(
        "ambient",
        ("ambient", "ambient pads", "meditation music", "new age"),
        (55, 76),
        ("peaceful", "dreamy", "calm", "mysterious"),
        {
            "lead": Voice(
                (
                    "pan flute",
                    "crystal synth",
                    "sine lead",
                    "kalimba",
                    "electric piano",
                    "koto",
                    "piano",
                    "ocarina",
                    "sitar",
                ),
                (),
                0.85,
                64,
                84,
            ),
            "chords": Voice(
                ("warm pad", "glass pad", "halo pad", "sweep pad"), ("x---------------",), 1, 48, 74
            ),
            "pad": Voice(
                ("slow strings", "sweep pad", "warm pad"), ("x---------------",), 0.7, 55, 79
            ),
            "riff": Voice(
                ("fantasia synth", "atmosphere synth", "harp"),
                ("0---1---2---3---", "0-----2---1-----"),
                0.5,
                60,
                82,
            ),
            "bass": Voice(("warm pad", "deep synth bass"), ("R---------------",), 0.8, 31, 48),
        },
        ("Imaj7 IVmaj7", "I IVadd9 vi7 IVmaj7", "Imaj7 iii7 IVmaj7 Imaj7", "Isus2 IVadd9"),
        ("i7 bVImaj7", "i bVI bIII bVII", "iadd9 iv7", "i7 bIIImaj7 bVImaj7 i7"),
        ("major", "minor", "dorian", "mixolydian"),
        drums_chance=0,
        energy=0.12,
        melody=(0.8, 0.25, 4),
        timing_ms=20,
        room=(0.7, 1.0),
        quality=("atmospheric", "spacious", "meditative", "reverberant", "minimalist"),
        uses=("meditation", "a yoga class", "a spa", "sleep"),
    ),
)
