"""Styles of jazz and blues."""

from __future__ import annotations

from trainers.corpus.styles.style import Style, Voice

_JAZZ_MAJOR = (
    "ii7 V7 Imaj7 VI7",
    "Imaj7 vi7 ii7 V7",
    "Imaj7 V7/ii ii7 V7",
    "iii7 VI7 ii7 V7",
    "Imaj7-vi7 ii7-V7 iii7-VI7 ii7-V7",
    "Imaj7 Imaj7 ii7 V7 iii7 VI7 ii7-V7 Imaj7",
)
_JAZZ_MINOR = (
    "i7 iv7 iim7b5 V7",
    "iim7b5 V7 i7 i7",
    "i7 bVImaj7 iim7b5 V7",
    "iv7 bVII7 bIIImaj7 V7",
)

JAZZ = (
    Style(
        "jazz",
        ("jazz", "swing jazz", "swing"),
        (92, 176),
        ("easygoing", "groovy", "happy", "romantic", "playful"),
        {
            "lead": Voice(
                (
                    "piano",
                    "tenor saxophone",
                    "vibraphone",
                    "jazz guitar",
                    "muted trumpet",
                    "clarinet",
                ),
                (),
                1,
                60,
                82,
            ),
            "chords": Voice(
                ("piano", "jazz guitar"),
                ("x..-..o.....", "..x..o......", ".....x.....x", "x----.x---.."),
                1,
                50,
                71,
            ),
            "bass": Voice(("upright bass",), ("w--w--w--w--",), 1, 28, 50),
            "drums": Voice(("jazz kit", "brush kit")),
        },
        _JAZZ_MAJOR,
        _JAZZ_MINOR,
        ("major", "major", "minor", "dorian"),
        swing=(0.6, 0.67),
        grooves=("swing", "swing busy", "swing brush"),
        energy=0.5,
        melody=(1.9, 0.25, 4),
        timing_ms=10,
        quality=("smooth", "mellow", "acoustic", "swinging"),
        uses=("a jazz club", "a cocktail bar", "a coffee shop"),
    ),
    Style(
        "jazz ballad",
        ("jazz ballad", "smooth jazz", "slow jazz"),
        (56, 80),
        ("romantic", "nostalgic", "calm", "melancholic"),
        {
            "lead": Voice(
                (
                    "tenor saxophone",
                    "alto saxophone",
                    "muted trumpet",
                    "piano",
                    "soprano sax",
                    "clarinet",
                ),
                (),
                1,
                58,
                79,
            ),
            "chords": Voice(
                ("piano", "electric piano"),
                ("x-----------", "x-----x-----", "0--1--2--3--"),
                1,
                50,
                71,
            ),
            "bass": Voice(
                ("upright bass", "fretless bass"), ("R-----5-----", "w--w--w--w--"), 1, 28, 48
            ),
            "drums": Voice(("brush kit",)),
        },
        _JAZZ_MAJOR,
        _JAZZ_MINOR,
        ("major", "minor", "dorian"),
        swing=(0.58, 0.66),
        grooves=("swing brush",),
        drums_chance=0.75,
        energy=0.25,
        melody=(1.1, 0.22, 4),
        timing_ms=14,
        room=(0.4, 0.7),
        quality=("smooth", "mellow", "soulful", "sensual"),
        uses=("a romantic dinner", "a late night bar", "a film noir scene"),
    ),
    Style(
        "bossa nova",
        ("bossa nova", "brazilian jazz", "latin jazz"),
        (108, 148),
        ("easygoing", "romantic", "calm", "happy"),
        {
            "lead": Voice(
                ("flute", "nylon guitar", "tenor saxophone", "piano", "vibraphone"), (), 1, 62, 84
            ),
            "chords": Voice(("nylon guitar",), ("x-.x-.x-..x-.x-.", "x-..x-.x..x-.x-."), 1, 50, 70),
            "pad": Voice(("strings", "electric piano"), ("x---------------",), 0.3, 55, 76),
            "bass": Voice(
                ("upright bass", "fretless bass"),
                ("R-----5-5-----5-", "R-----R-5-----5-"),
                1,
                28,
                48,
            ),
            "drums": Voice(("brush kit", "jazz kit")),
        },
        _JAZZ_MAJOR,
        _JAZZ_MINOR,
        ("major", "minor", "dorian"),
        grooves=("bossa", "bossa shaker"),
        drums_chance=0.85,
        energy=0.4,
        melody=(1.3, 0.2, 4),
        timing_ms=9,
        quality=("smooth", "mellow", "soft", "groovy"),
        uses=("a beach bar", "a coffee shop", "an elevator"),
    ),
    Style(
        "blues",
        ("blues", "electric blues", "blues shuffle"),
        (84, 126),
        ("groovy", "easygoing", "melancholic", "energetic"),
        {
            "lead": Voice(
                ("overdriven guitar", "harmonica", "clean guitar", "steel guitar"), (), 1, 60, 82
            ),
            "chords": Voice(
                ("piano", "organ", "clean guitar", "honky-tonk piano"),
                ("x-.x-.x-.x-.", "..x..x..x..x", "x-----..x..."),
                1,
                48,
                70,
            ),
            "bass": Voice(
                ("bass guitar", "upright bass"),
                ("R--3--5--6--", "R-RR-R5-55-5", "w--w--w--w--"),
                1,
                28,
                50,
            ),
            "drums": Voice(("standard kit", "room kit")),
        },
        ("I7 IV7 I7 I7 IV7 IV7 I7 I7 V7 IV7 I7 V7", "I7 I7 I7 I7 IV7 IV7 I7 I7 V7 IV7 I7 V7"),
        ("i7 iv7 i7 i7 iv7 iv7 i7 i7 bVI7 V7 i7 V7",),
        ("mixolydian", "mixolydian", "minor"),
        swing=(0.62, 0.67),
        grooves=("shuffle", "slow blues"),
        energy=0.5,
        melody=(1.7, 0.3, 3),
        timing_ms=11,
        quality=("soulful", "gritty", "warm"),
        uses=("a smoky bar", "a road movie", "a whiskey commercial"),
    ),
)
