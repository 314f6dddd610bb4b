"""Styles of the concert hall and the nursery, played by instruments alone or few."""

from __future__ import annotations

from trainers.corpus.styles.style import Style, Voice

_BALLAD_MAJOR = (
    "I V/vi vi IV",
    "I iii vi IV",
    "Imaj7 vi7 IVmaj7 V7",
    "I V vi iii IV I IV V",
    "IVmaj7 V iii7 vi",
    "I I7 IV iv",
    "vi IV I V",
)
_BALLAD_MINOR = (
    "i bVI bIII bVII",
    "i iv bVII bIII",
    "i bVII bVI V7",
    "i v bVI iv",
    "i iv7 bVII bIIImaj7 bVImaj7 iim7b5 V7 i",
    "i bVI iv V7",
)
_CLASSIC_MAJOR = (
    "I V vi iii IV I IV V7",
    "I IV V7 I",
    "I vi ii V7",
    "I V7/V V7 I",
    "I-V vi-iii IV-I IV-V7",
    "I V7/ii ii V7",
)
_CLASSIC_MINOR = (
    "i V7 i iv",
    "i iv V7 i",
    "i bVII bIII bVI iim7b5 V7 i V7",
    "i-V7 i-bVII bIII V7",
    "i V7/iv iv V7",
)

CLASSICAL = (
    Style(
        "piano ballad",
        ("piano ballad", "solo piano", "piano piece", "ballad"),
        (56, 84),
        ("sad", "romantic", "calm", "melancholic", "nostalgic", "peaceful"),
        {
            "lead": Voice(("piano",), (), 1, 64, 86),
            "chords": Voice(
                ("piano",),
                ("0--1--2--3--2-1-", "0-1-2-3-2-1-2-1-", "0---1---2---1---", "0-2-1-2-3-2-1-2-"),
                1,
                48,
                69,
            ),
            "bass": Voice(
                ("piano",), ("R---------------", "R-------5-------", "R-----5-8-------"), 1, 33, 52
            ),
        },
        _BALLAD_MAJOR,
        _BALLAD_MINOR,
        drums_chance=0,
        energy=0.25,
        melody=(1.5, 0.15, 4),
        timing_ms=14,
        room=(0.4, 0.8),
        quality=("simple", "minimalist", "mellow", "emotional", "soft"),
        uses=("a romantic movie scene", "a sad scene in a movie", "a wedding"),
    ),
    Style(
        "classical piano",
        ("classical", "classical piano", "western classical music"),
        (72, 132),
        ("playful", "romantic", "happy", "melancholic", "energetic", "calm"),
        {
            "lead": Voice(("piano", "bright piano"), (), 1, 67, 91),
            "chords": Voice(
                ("piano",), ("0-2-1-2-0-2-1-2-", "0121012101210121", "0-1-2-1-0-1-2-1-"), 1, 48, 67
            ),
            "bass": Voice(("piano",), ("R---------------", "R---5---R---5---"), 0.7, 36, 52),
        },
        _CLASSIC_MAJOR,
        _CLASSIC_MINOR,
        drums_chance=0,
        energy=0.45,
        melody=(2.2, 0.1, 4),
        timing_ms=9,
        room=(0.4, 0.75),
        quality=("melodic", "virtuosic", "elegant"),
        uses=("a period film", "a recital", "a documentary"),
    ),
    Style(
        "string quartet",
        ("string quartet", "classical", "chamber music"),
        (66, 126),
        ("romantic", "melancholic", "happy", "sad", "tense", "calm"),
        {
            "lead": Voice(("violin",), (), 1, 67, 90),
            "counter": Voice(("viola",), (), 1, 52, 72),
            "chords": Voice(
                ("strings", "violin"),
                ("x---o---x---o---", "x-o-x-o-x-o-x-o-", "x-------o-------"),
                1,
                55,
                76,
            ),
            "bass": Voice(
                ("cello",), ("R---5---8---5---", "R-------5-------", "R---R---5---R---"), 1, 36, 55
            ),
        },
        _CLASSIC_MAJOR,
        _CLASSIC_MINOR,
        drums_chance=0,
        energy=0.4,
        melody=(1.7, 0.1, 4),
        timing_ms=11,
        room=(0.45, 0.75),
        quality=("elegant", "emotional", "rich"),
        uses=("a wedding ceremony", "a period drama", "a gala dinner"),
    ),
    Style(
        "baroque",
        ("baroque", "classical", "baroque music", "early music"),
        (80, 128),
        ("playful", "happy", "tense", "melancholic", "festive"),
        {
            "lead": Voice(("harpsichord", "recorder", "oboe", "violin"), (), 1, 67, 90),
            "chords": Voice(
                ("harpsichord", "harpsichord", "church organ"),
                ("0123012301230123", "0-1-2-3-2-1-2-3-", "0213021302130213"),
                1,
                52,
                76,
            ),
            "counter": Voice(("strings", "flute"), (), 0.45, 60, 79),
            "bass": Voice(
                ("cello", "bassoon", "harpsichord"),
                ("w---w---w---w---", "w-w-w-w-w-w-w-w-"),
                1,
                36,
                57,
            ),
        },
        _CLASSIC_MAJOR,
        _CLASSIC_MINOR,
        drums_chance=0,
        energy=0.5,
        melody=(2.4, 0.08, 3),
        timing_ms=6,
        room=(0.35, 0.65),
        quality=("elegant", "complex", "ornate"),
        uses=("a royal ball in a period movie", "a museum video", "a historical drama"),
    ),
    Style(
        "cinematic",
        ("cinematic", "orchestral", "movie soundtrack", "classical orchestra"),
        (64, 132),
        ("epic", "dark", "tense", "uplifting", "mysterious", "romantic"),
        {
            "lead": Voice(("french horn", "trumpet", "strings", "violin"), (), 1, 60, 82),
            "chords": Voice(
                ("strings", "tremolo strings"),
                ("x-o-o-x-o-o-x-o-", "x---------------", "x-------x-------"),
                1,
                48,
                74,
            ),
            "riff": Voice(
                ("pizzicato strings", "harp", "cello"),
                ("0-0-1-0-2-0-1-0-", "0012001200120012"),
                0.7,
                50,
                74,
            ),
            "pad": Voice(("slow strings", "brass section"), ("x---------------",), 0.6, 48, 72),
            "bass": Voice(
                ("contrabass", "cello"), ("R---------------", "R-----R-R-----R-"), 1, 29, 48
            ),
            "drums": Voice(("orchestral percussion",)),
        },
        ("I V vi IV", "I bVII IV I", "vi IV I V", "I bVI bVII I", "IV V vi I"),
        ("i bVI bIII bVII", "i bVII bVI V", "i iv bVI V7", "i bVI iv V", "i bIII iv bVI"),
        ("minor", "minor", "major", "dorian"),
        grooves=("timpani", "epic toms"),
        drums_chance=0.65,
        energy=0.65,
        melody=(1.2, 0.1, 4),
        timing_ms=12,
        room=(0.55, 0.9),
        quality=("powerful", "wide", "rich", "suspenseful"),
        uses=("a movie trailer", "a battle scene in a movie", "a fantasy video game"),
    ),
    Style(
        "lullaby",
        ("lullaby", "children's music", "kids song"),
        (60, 92),
        ("peaceful", "calm", "dreamy", "playful"),
        {
            "lead": Voice(("music box", "celesta", "glockenspiel", "xylophone"), (), 1, 72, 93),
            "chords": Voice(
                ("music box", "harp", "kalimba"),
                ("0---1---2---1-2-", "0-1-2-1-0-1-2-1-", "0-----1---2-----"),
                1,
                60,
                79,
            ),
            "pad": Voice(("slow strings", "warm pad"), ("x---------------",), 0.4, 52, 72),
            "bass": Voice(
                ("harp", "kalimba"), ("R-------5-------", "R---------------"), 0.8, 48, 62
            ),
        },
        ("I IV I V7", "I vi IV V", "I V I IV", "I iii IV V7"),
        ("i iv bVII bIII", "i bVI bVII i"),
        ("major", "major", "major", "minor"),
        drums_chance=0,
        energy=0.15,
        melody=(1.4, 0.1, 3),
        timing_ms=10,
        room=(0.4, 0.7),
        quality=("simple", "soft", "shimmering", "innocent"),
        uses=("a bedtime story", "a children's show", "a baby's mobile"),
    ),
)
