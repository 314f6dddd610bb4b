"""Styles of folk and of old dances."""

from __future__ import annotations

from trainers.corpus.styles.style import Style, Voice

_FOLK_MAJOR = ("I IV I V", "I V IV I", "I vi IV V", "I I IV V", "I iii IV V")
_FOLK_MINOR = ("i bVII i v", "i bVII bVI bVII", "i bIII bVII i", "i iv bVII i")

FOLK = (
    Style(
        "folk guitar",
        ("folk", "acoustic folk", "folk music"),
        (76, 120),
        ("easygoing", "calm", "nostalgic", "happy", "melancholic"),
        {
            "lead": Voice(("acoustic guitar", "harmonica", "flute", "fiddle"), (), 1, 62, 84),
            "chords": Voice(
                ("acoustic guitar", "nylon guitar", "twelve-string guitar", "ukulele"),
                ("0-2-1-3-0-2-1-3-", "D---d-u---u-d-u-", "0-3-2-1-3-2-1-2-"),
                1,
                45,
                69,
            ),
            "counter": Voice(("mandolin", "cello"), (), 0.35, 60, 79),
            "bass": Voice(("upright bass",), ("R-------5-------", "R---5---R---5---"), 0.6, 28, 48),
        },
        _FOLK_MAJOR,
        _FOLK_MINOR,
        ("major", "major", "minor", "mixolydian", "dorian"),
        drums_chance=0,
        energy=0.35,
        melody=(1.3, 0.18, 3),
        timing_ms=11,
        quality=("acoustic", "warm", "simple", "rhythmic"),
        uses=("a travel vlog", "a campfire evening", "a coffee shop"),
    ),
    Style(
        "celtic",
        ("celtic", "irish folk", "celtic reel", "traditional"),
        (96, 124),
        ("festive", "happy", "energetic", "playful"),
        {
            "lead": Voice(("tin whistle", "fiddle", "bagpipes", "flute"), (), 1, 67, 88),
            "chords": Voice(
                ("acoustic guitar", "harp", "mandolin"),
                ("D-u-D-u-D-u-D-uu", "D-d-u-d-D-d-u-du"),
                1,
                45,
                69,
            ),
            "pad": Voice(("accordion",), ("x---------------",), 0.5, 52, 72),
            "bass": Voice(("upright bass",), ("R-------5-------", "R---5---R---5---"), 0.6, 28, 48),
            "drums": Voice(("hand percussion",)),
        },
        ("I V I IV", "I bVII IV I", "I IV V I", "I I V V"),
        _FOLK_MINOR,
        ("major", "mixolydian", "dorian", "minor"),
        grooves=("bodhran",),
        drums_chance=0.6,
        energy=0.65,
        melody=(3.0, 0.05, 3),
        quality=("traditional", "rhythmic", "lively"),
        uses=("an Irish pub", "a fantasy tavern scene", "a St. Patrick's Day party"),
    ),
    Style(
        "irish jig",
        ("irish jig", "celtic", "jig", "traditional folk"),
        (88, 124),
        ("festive", "playful", "happy", "energetic"),
        {
            "lead": Voice(
                ("fiddle", "tin whistle", "accordion", "hammered dulcimer"), (), 1, 67, 88
            ),
            "chords": Voice(
                ("acoustic guitar", "mandolin"), ("D---d-D---d-", "D-d-u-D-d-u-"), 1, 45, 69
            ),
            "bass": Voice(("upright bass", "cello"), ("R-----5-----", "R-----------"), 0.7, 28, 50),
            "drums": Voice(("hand percussion",)),
        },
        ("I V I IV", "I bVII IV I", "I IV V I"),
        _FOLK_MINOR,
        ("major", "mixolydian", "dorian", "minor"),
        meter=(6, 8),
        grooves=("jig",),
        drums_chance=0.6,
        energy=0.6,
        melody=(2.8, 0.05, 3),
        quality=("traditional", "rhythmic", "dancing"),
        uses=("a village dance", "an Irish pub", "a medieval fair"),
    ),
    Style(
        "waltz",
        ("waltz", "ballroom waltz", "waltz in 3/4"),
        (96, 168),
        ("romantic", "nostalgic", "playful", "happy", "melancholic"),
        {
            "lead": Voice(("accordion", "violin", "clarinet", "bandoneon"), (), 1, 64, 86),
            "chords": Voice(
                ("accordion", "acoustic guitar", "piano"),
                ("....x---o---", "....x-..o-.."),
                1,
                52,
                74,
            ),
            "counter": Voice(("strings", "cello"), (), 0.4, 52, 74),
            "bass": Voice(
                ("upright bass", "contrabass"), ("R---........", "R-----------"), 1, 28, 50
            ),
            "drums": Voice(("brush kit",)),
        },
        ("I I V7 I", "I vi ii V7", "I V7/ii ii V7", "IV I V7 I"),
        ("i i V7 i", "i iv V7 i", "i V7/iv iv V7"),
        meter=(3, 4),
        grooves=("waltz",),
        drums_chance=0.4,
        energy=0.45,
        melody=(1.3, 0.1, 4),
        timing_ms=10,
        quality=("elegant", "charming", "traditional"),
        uses=("a Parisian cafe", "a ballroom scene", "a romantic comedy"),
    ),
    Style(
        "spanish guitar",
        ("spanish guitar", "flamenco", "latin guitar"),
        (84, 132),
        ("romantic", "dark", "energetic", "melancholic"),
        {
            "lead": Voice(("nylon guitar",), (), 1, 60, 83),
            "chords": Voice(
                ("nylon guitar",),
                ("D-ud--udD-ud-udu", "0-1-2-3-2-1-2-3-", "D--d--d-D--d-udu"),
                1,
                45,
                68,
            ),
            "bass": Voice(
                ("upright bass", "nylon guitar"),
                ("R---------------", "R-----5-8---5---"),
                0.6,
                33,
                50,
            ),
            "drums": Voice(("hand percussion",)),
        },
        ("I bII I bII", "IV I V7 I", "I V7 I IV"),
        ("iv bIII bII I", "i bVII bVI V", "i iv V7 i"),
        ("minor", "minor", "major"),
        grooves=("percussion soft",),
        drums_chance=0.4,
        energy=0.55,
        melody=(2.0, 0.12, 3),
        timing_ms=9,
        quality=("passionate", "rhythmic", "virtuosic"),
        uses=("a Spanish restaurant", "a desert road movie", "a travel documentary"),
    ),
)
