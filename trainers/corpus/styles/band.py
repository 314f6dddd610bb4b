"""Styles played by bands: rock, pop, funk, latin and their kin."""

from __future__ import annotations

from trainers.corpus.styles.style import Style, Voice

_ROCK_MAJOR = ("I V vi IV", "I IV V IV", "I bVII IV I", "vi IV I V", "I iii IV V", "I5 IV5 V5 IV5")
_ROCK_MINOR = ("i bVI bIII bVII", "i bVII bVI bVII", "i iv bVI V", "i bIII bVII iv")
_FUNK = ("i7 i7 IV7 IV7", "i7 IV7 i7 IV7", "i7 bVII7 IV7 i7", "i7 i7 bVI7 V7")
_DANCE_MINOR = ("i bVI bIII bVII", "i iv bVI V", "i7 iv7 bVII bIIImaj7", "i bVII bVI V")
_DOMINANT = ("I7 I7 IV7 I7", "I7 bVII7 IV7 I7", "I7 IV7 I7 IV7")

BAND = (
    Style(
        "rock",
        ("rock", "rock band", "classic rock", "alternative rock"),
        (96, 152),
        ("energetic", "uplifting", "dark", "easygoing", "aggressive"),
        {
            "lead": Voice(("overdriven guitar", "distorted guitar", "clean guitar"), (), 1, 62, 84),
            "chords": Voice(
                ("overdriven guitar", "distorted guitar"),
                ("x-x-x-x-x-x-x-x-", "x-----x-x---x-x-", "X--x--x-X--x--x-"),
                1,
                40,
                62,
            ),
            "pad": Voice(("rock organ", "strings"), ("x---------------",), 0.35, 55, 76),
            "bass": Voice(
                ("picked bass", "bass guitar"), ("R-R-R-R-R-R-R-R-", "R--R--R-R--R--5-"), 1, 28, 48
            ),
            "drums": Voice(("power kit", "room kit", "standard kit")),
        },
        _ROCK_MAJOR,
        _ROCK_MINOR,
        ("major", "minor", "mixolydian"),
        grooves=("rock", "rock ride", "rock open", "half time"),
        energy=0.8,
        melody=(1.4, 0.2, 3),
        quality=("loud", "powerful", "punchy", "raw"),
        uses=("a sports video", "a car commercial", "a road trip"),
    ),
    Style(
        "metal",
        ("metal", "heavy metal", "hard rock"),
        (108, 176),
        ("aggressive", "dark", "energetic", "epic"),
        {
            "lead": Voice(("distorted guitar",), (), 1, 64, 88),
            "chords": Voice(
                ("distorted guitar",),
                ("x-xxx-xxx-xxx-xx", "xxx.xxx.xx.xx.x.", "X-------X---x-x-"),
                1,
                38,
                57,
            ),
            "bass": Voice(("picked bass",), ("R-RRR-RRR-RRR-RR", "R-R-R-R-R-R-R-R-"), 1, 26, 44),
            "drums": Voice(("power kit",)),
        },
        ("I5 bII5 I5 bVII5", "I5 bVI5 bVII5 I5"),
        ("i5 bVI5 bVII5 i5", "i5 bII5 i5 bVII5", "i5 bVII5 bVI5 V5", "i5 i5 bIII5 iv5"),
        ("minor", "minor", "minor", "dorian"),
        grooves=("metal", "metal double", "metal thrash"),
        energy=1.0,
        melody=(2.2, 0.12, 3),
        room=(0.15, 0.4),
        quality=("loud", "distorted", "heavy", "intense"),
        uses=("a fight scene", "an extreme sports video", "a racing video game"),
    ),
    Style(
        "pop",
        ("pop", "pop rock", "soft rock"),
        (88, 128),
        ("happy", "uplifting", "romantic", "easygoing", "festive"),
        {
            "lead": Voice(
                ("clean guitar", "bright piano", "polysynth", "piano", "saw lead"), (), 1, 64, 86
            ),
            "chords": Voice(
                ("acoustic guitar", "piano", "electric piano"),
                ("D---d-u---u-d-u-", "x---x---x---x---", "x--x--x---x-x---"),
                1,
                48,
                70,
            ),
            "pad": Voice(("strings", "synth strings"), ("x---------------",), 0.6, 55, 77),
            "bass": Voice(
                ("bass guitar", "fretless bass"),
                ("R--R--R-R--R--R-", "R---R---R---R-5-"),
                1,
                28,
                48,
            ),
            "drums": Voice(("standard kit", "room kit", "electronic kit")),
        },
        _ROCK_MAJOR,
        _ROCK_MINOR,
        ("major", "major", "minor"),
        grooves=("pop", "pop drive"),
        energy=0.6,
        melody=(1.6, 0.15, 3),
        quality=("catchy", "polished", "bright"),
        uses=("a commercial", "a lifestyle vlog", "a feel-good movie"),
    ),
    Style(
        "country",
        ("country", "country music", "bluegrass"),
        (92, 140),
        ("happy", "easygoing", "nostalgic", "playful"),
        {
            "lead": Voice(
                ("fiddle", "steel guitar", "banjo", "harmonica", "clean guitar"), (), 1, 62, 84
            ),
            "chords": Voice(
                ("acoustic guitar", "banjo"),
                ("..x-..x-..x-..x-", "0-1-2-3-0-1-2-3-", "..D-..du..D-..du"),
                1,
                50,
                72,
            ),
            "bass": Voice(
                ("upright bass", "bass guitar"), ("R---5---R---5---", "R-------5-------"), 1, 28, 48
            ),
            "drums": Voice(("standard kit", "brush kit")),
        },
        ("I I IV I", "I IV V I", "I V7 I I", "I vi IV V7", "I V7/V V7 I"),
        ("i bVII i V", "i iv V7 i"),
        ("major", "major", "major", "minor", "mixolydian"),
        grooves=("train", "country"),
        drums_chance=0.75,
        energy=0.55,
        melody=(1.8, 0.15, 3),
        quality=("acoustic", "rhythmic", "warm"),
        uses=("a rodeo", "a western movie", "a farm fair"),
    ),
    Style(
        "reggae",
        ("reggae", "roots reggae", "dub reggae"),
        (68, 92),
        ("easygoing", "happy", "groovy", "calm"),
        {
            "lead": Voice(
                ("organ", "trombone", "clean guitar", "tenor saxophone", "steel drums"),
                (),
                1,
                60,
                82,
            ),
            "chords": Voice(
                ("clean guitar", "piano"), ("..x...x...x...x.", "....X-......X-.."), 1, 52, 74
            ),
            "riff": Voice(("organ",), ("..0.0.0...0.0.0.",), 0.7, 55, 74),
            "bass": Voice(
                ("bass guitar", "fretless bass"),
                ("R--R5-..R-3-5-..", "..R-R-5-..R-3-5-", "R-----5-8--5----"),
                1,
                26,
                46,
            ),
            "drums": Voice(("standard kit", "room kit")),
        },
        ("I IV I V", "I V vi IV", "I ii I ii", "I bVII I IV"),
        ("i iv i v", "i bVII i bVII", "i bVI bVII i"),
        ("major", "minor", "mixolydian", "dorian"),
        swing=(0.5, 0.58),
        swing_grid=16,
        grooves=("one drop", "steppers"),
        energy=0.45,
        melody=(1.2, 0.3, 3),
        quality=("groovy", "warm", "laid-back"),
        uses=("a beach party", "a summer festival", "a surf video"),
    ),
    Style(
        "funk",
        ("funk", "funky", "funk soul"),
        (94, 118),
        ("groovy", "energetic", "happy", "festive"),
        {
            "lead": Voice(
                ("brass section", "alto saxophone", "organ", "clavinet", "trumpet"), (), 1, 60, 82
            ),
            "chords": Voice(
                ("funk guitar", "clean guitar", "electric piano"),
                ("xx.x..xx.x..x.x.", "..x...x...xx..x.", ".x.xx.x..x.xx.x."),
                1,
                52,
                74,
            ),
            "riff": Voice(("clavinet",), ("0.2.1.0..1.0.2..", "0..01.0.2..0.1.0"), 0.5, 48, 70),
            "bass": Voice(
                ("slap bass", "bass guitar"),
                ("R..8.R..R.R8..5.", "R--.8.R.7.8..R5.", "R.R..R8..7.5.R.."),
                1,
                28,
                50,
            ),
            "drums": Voice(("standard kit", "room kit")),
        },
        _DOMINANT,
        _FUNK,
        ("dorian", "dorian", "mixolydian"),
        swing=(0.5, 0.56),
        swing_grid=16,
        grooves=("funk", "funk tight"),
        energy=0.75,
        melody=(2.0, 0.3, 4),
        quality=("groovy", "punchy", "tight"),
        uses=("a dance floor", "a heist comedy", "a fashion show"),
    ),
    Style(
        "salsa",
        ("salsa", "latin", "latin dance music"),
        (88, 112),
        ("festive", "happy", "energetic", "groovy"),
        {
            "lead": Voice(("trumpet", "brass section", "flute", "trombone"), (), 1, 60, 83),
            "chords": Voice(("piano",), ("0.21.2.1.3.21.2.", "0.2.13.2.1.32.1."), 1, 55, 79),
            "bass": Voice(
                ("upright bass", "bass guitar"), ("...5..R....5..R.", "R..5..R-...5..R-"), 1, 28, 48
            ),
            "drums": Voice(("hand percussion",)),
        },
        ("I IV V7 IV", "ii7 V7 I vi", "I vi ii7 V7"),
        ("i iv V7 i", "i7 iv7 bVII7 V7", "i V7 V7 i"),
        ("minor", "minor", "major", "dorian"),
        grooves=("salsa", "salsa timbale"),
        energy=0.8,
        melody=(1.9, 0.25, 4),
        quality=("rhythmic", "vibrant", "lively"),
        uses=("a dance class", "a street carnival", "a beach party"),
    ),
    Style(
        "cumbia",
        ("cumbia", "latin", "tropical music"),
        (84, 104),
        ("festive", "happy", "easygoing", "playful"),
        {
            "lead": Voice(("accordion", "marimba", "clarinet", "steel drums"), (), 1, 62, 84),
            "chords": Voice(
                ("nylon guitar", "organ", "piano"),
                ("..x-..x-..x-..x-", "..xx..xx..xx..xx"),
                1,
                52,
                74,
            ),
            "bass": Voice(
                ("bass guitar", "upright bass"), ("R-------5---8---", "R---..5-R---..5-"), 1, 28, 48
            ),
            "drums": Voice(("hand percussion", "standard kit")),
        },
        ("I V7 V7 I", "I IV V7 I", "I I V7 V7"),
        _DANCE_MINOR,
        ("minor", "minor", "major"),
        grooves=("cumbia",),
        energy=0.6,
        melody=(1.9, 0.2, 3),
        quality=("rhythmic", "danceable", "tropical"),
        uses=("a street party", "a cooking show", "a family celebration"),
    ),
)
