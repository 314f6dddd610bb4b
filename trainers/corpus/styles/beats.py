"""Styles made of beats: hip-hop, drum and bass, disco and their kin."""

from __future__ import annotations

from trainers.corpus.styles.style import Style, Voice

_POP_MINOR = ("i bVI bIII bVII", "i bVII bVI bVII", "i bVI iv V", "i iv bVI bVII")
_SOUL_MAJOR = ("Imaj7 iii7 vi7 IVmaj7", "ii7 V7 Imaj7 VI7", "IVmaj7 iii7 ii7 Imaj7")
_SOUL_MINOR = ("i7 iv7 bIIImaj7 bVImaj7", "ii7 V7 i7 i7", "bVImaj7 v7 i7 i7", "i7 bVImaj7 iv7 V7")

BEATS = (
    Style(
        "lofi hip-hop",
        ("lo-fi hip-hop", "lofi", "chillhop", "hip-hop beat"),
        (70, 90),
        ("calm", "nostalgic", "easygoing", "dreamy", "melancholic"),
        {
            "lead": Voice(
                ("electric piano", "jazz guitar", "vibraphone", "piano", "flute"), (), 0.9, 60, 81
            ),
            "chords": Voice(
                ("electric piano", "fm piano", "jazz guitar", "piano"),
                ("x-------..x-....", "x-----x-..------", "x---------------"),
                1,
                48,
                71,
            ),
            "pad": Voice(("warm pad", "slow strings"), ("x---------------",), 0.35, 52, 74),
            "bass": Voice(
                ("upright bass", "bass guitar", "deep synth bass"),
                ("R-----..R-5-....", "R--.....R-8-5-.."),
                1,
                28,
                46,
            ),
            "drums": Voice(("standard kit", "808 kit", "brush kit")),
        },
        _SOUL_MAJOR,
        _SOUL_MINOR,
        ("minor", "major", "dorian"),
        swing=(0.54, 0.62),
        swing_grid=16,
        grooves=("lofi", "boom bap"),
        energy=0.3,
        melody=(1.1, 0.35, 4),
        timing_ms=12,
        quality=("mellow", "chill", "warm", "hazy"),
        uses=("studying", "a coffee shop", "a rainy day"),
    ),
    Style(
        "hip-hop",
        ("hip-hop", "hip-hop beat", "urban"),
        (76, 98),
        ("dark", "groovy", "easygoing", "tense"),
        {
            "lead": Voice(
                ("piano", "flute", "square lead", "koto", "pizzicato strings", "celesta"),
                (),
                0.9,
                62,
                84,
            ),
            "chords": Voice(
                ("strings", "electric piano", "piano", "organ"),
                ("x-------x-------", "x---------------", "x--x--x-..x-----"),
                1,
                50,
                72,
            ),
            "riff": Voice(
                ("pizzicato strings", "crystal synth", "brass section"),
                ("0..1..2.0..1..2.", "0-..2-..1-..0-.."),
                0.5,
                58,
                76,
            ),
            "bass": Voice(
                ("deep synth bass", "bass guitar"),
                ("R-----..--R---..", "R-------..R-8-.."),
                1,
                26,
                44,
            ),
            "drums": Voice(("808 kit", "electronic kit")),
        },
        ("I vi IV V", "Imaj7 vi7 ii7 V7"),
        ("i bVI i bVII", "i iv bVI V", "i i bVI V7", "i bVII bVI V"),
        ("minor", "minor", "minor", "dorian", "major"),
        swing=(0.5, 0.58),
        swing_grid=16,
        grooves=("boom bap", "trap"),
        energy=0.55,
        melody=(1.3, 0.3, 3),
        timing_ms=4,
        quality=("groovy", "punchy", "hard-hitting", "strong bass"),
        uses=("a street dance video", "a skate video", "beat-making"),
    ),
    Style(
        "drum and bass",
        ("drum and bass", "jungle", "electronic"),
        (164, 178),
        ("energetic", "futuristic", "dark", "dreamy"),
        {
            "lead": Voice(
                ("saw lead", "electric piano", "sine lead", "vibraphone"), (), 0.9, 62, 84
            ),
            "chords": Voice(
                ("electric piano", "polysynth", "warm pad"),
                ("x---------------", "x-----x---------", "..x-..x-..x-..x-"),
                1,
                52,
                74,
            ),
            "pad": Voice(
                ("sweep pad", "warm pad", "synth strings"), ("x---------------",), 0.7, 52, 76
            ),
            "bass": Voice(
                ("deep synth bass", "synth bass"),
                ("R-----..R-..R-..", "R-R-..R-..8-R-..", "R---------5-----"),
                1,
                26,
                43,
            ),
            "drums": Voice(("electronic kit", "power kit", "standard kit")),
        },
        _SOUL_MAJOR,
        _POP_MINOR + _SOUL_MINOR,
        ("minor", "minor", "dorian", "major"),
        grooves=("drum and bass", "drum and bass roll"),
        energy=0.9,
        melody=(0.9, 0.3, 4),
        timing_ms=2,
        quality=("fast-paced", "intense", "strong bass", "punchy"),
        uses=("an extreme sports video", "a racing video game", "a rave"),
    ),
    Style(
        "chiptune",
        ("chiptune", "8-bit", "video game music"),
        (116, 168),
        ("playful", "happy", "energetic", "tense"),
        {
            "lead": Voice(("square lead",), (), 1, 67, 91),
            "chords": Voice(("square lead",), ("0120120120120120", "0-1-2-1-0-1-2-1-"), 1, 55, 76),
            "riff": Voice(("saw lead", "square lead"), ("0.2.1.2.0.2.1.2.",), 0.35, 60, 79),
            "bass": Voice(
                ("square lead", "synth bass"), ("R-8-R-8-R-8-R-8-", "R-R-5-5-8-8-5-5-"), 1, 40, 55
            ),
            "drums": Voice(("electronic kit", "808 kit")),
        },
        ("I V vi IV", "I IV V I", "I bVII IV I", "IV V iii vi"),
        ("i bVI bVII i", "i bVII bVI V", "i iv V i"),
        ("major", "major", "minor"),
        grooves=("chip",),
        drums_chance=0.85,
        energy=0.75,
        melody=(2.6, 0.1, 4),
        timing_ms=0.5,
        room=(0.0, 0.15),
        quality=("retro", "bright", "simple", "catchy"),
        uses=("a retro video game", "a platform game level", "a pixel art animation"),
    ),
    Style(
        "disco",
        ("disco", "dance", "retro dance music"),
        (110, 126),
        ("festive", "groovy", "happy", "energetic"),
        {
            "lead": Voice(
                ("strings", "brass section", "alto saxophone", "saw lead"), (), 1, 62, 84
            ),
            "chords": Voice(
                ("funk guitar", "electric piano", "clean guitar"),
                ("x.xx..xxx.xx..xx", "..x...x...x...xx", "..xx..xx..xx..xx"),
                1,
                52,
                74,
            ),
            "pad": Voice(("strings", "synth strings"), ("x---------------",), 0.7, 58, 79),
            "bass": Voice(
                ("bass guitar", "slap bass"), ("R-8-R-8-R-8-R-8-", "R-R8R-R8R-R8R-58"), 1, 28, 50
            ),
            "drums": Voice(("standard kit", "room kit")),
        },
        ("Imaj7 vi7 ii7 V7", "IVmaj7 iii7 ii7 Imaj7", "vi IV I V"),
        ("i7 iv7 bVII7 bIIImaj7", "i7 IV7 i7 IV7"),
        ("minor", "major", "dorian"),
        grooves=("disco",),
        energy=0.8,
        melody=(1.7, 0.25, 4),
        quality=("danceable", "groovy", "catchy"),
        uses=("a roller rink", "a dance party", "a retro movie"),
    ),
)
