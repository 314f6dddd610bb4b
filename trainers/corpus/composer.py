"""Composes the piece of a seed: every choice, then the arrangement."""

from __future__ import annotations

import random
from dataclasses import replace

from core.errors import InputError
from trainers.corpus.arrangement import ArrangementPlan, Arranger
from trainers.corpus.catalogue import STYLES, style_named
from trainers.corpus.form import place_sections, plan_form
from trainers.corpus.instruments import INSTRUMENTS
from trainers.corpus.piece import Part, Piece, Space, split_of
from trainers.corpus.soundfonts import choose_soundfont, levelled
from trainers.corpus.styles.moods import MOODS, Mood
from trainers.corpus.styles.style import ROLES, Style
from trainers.corpus.theory import KEYS, MINOR_MODES
from trainers.corpus.titles import title_for

SHORTEST_SECONDS, LONGEST_SECONDS = 20.0, 600.0
DEFAULT_SECONDS = (40.0, 70.0)
# The last chord rings on for this long after the last bar.
TAIL_SECONDS = 0.6
TARGET_LUFS = -16.0
FADED = 0.2  # share of pieces that fade out
COLOURS = ("riff", "pad", "counter")  # roles that tell sections apart
# dB against an instrument's calibrated level; chords and pads sound several notes at once.
ROLE_LEVELS = {
    "lead": 2.5,
    "bass": 1.5,
    "drums": 0.5,
    "chords": -3.5,
    "riff": -4.0,
    "counter": -4.0,
    "pad": -9.0,
}


def style_of(seed: int) -> str:
    """The style of a seed's piece: every run of seeds as long as the catalogue has each once."""
    names = sorted(STYLES)
    block, place = divmod(seed, len(names))
    random.Random(f"{block}/styles").shuffle(names)
    return names[place]


def piece_id(seed: int, style: str, seconds: float | None) -> str:
    """File name of a piece: seed, style and, where asked for, the length."""
    ending = "" if seconds is None else f"-{seconds:g}s"
    return f"{seed:07d}-{style.replace(' ', '-')}{ending}"


def compose(seed: int, style: str | None = None, seconds: float | None = None) -> Piece:
    """The piece of a seed.

    style: a name of the catalogue; None takes the seed's own. seconds: exact length; None
    takes 40 to 70 s. Asked for a length, the tempo moves by up to half a bar over the piece so
    that the bars fill it. Raises InputError for an unknown style or an impossible length.
    """
    _require(seed, seconds)
    chosen = style_named(style or style_of(seed))
    stream = f"{seed}/{chosen.name}"
    rng = random.Random(f"{stream}/choices")
    mood_name = rng.choice(chosen.moods)
    mood = MOODS[mood_name]
    energy = _choose_energy(chosen, mood, rng)
    mode = choose_mode(chosen, mood.valence, rng)
    key = rng.choice(KEYS)
    tempo = choose_tempo(chosen, mood.energy, rng)
    beats = 2 if chosen.meter == (6, 8) else chosen.meter[0]
    bars, tempo, duration = fit_bars(tempo, beats, seconds, rng)
    form = tuple(plan_form(bars, beats * 60 / tempo, rng))
    drawn = choose_parts(chosen, random.Random(f"{stream}/parts"))
    soundfont = choose_soundfont(drawn, random.Random(f"{stream}/soundfont"))
    parts = tuple(_levelled(part, soundfont) for part in drawn)
    plan = make_plan(
        chosen,
        parts,
        form,
        random.Random(f"{stream}/plan"),
        tonic=KEYS.index(key),
        mode=mode,
        tempo=tempo,
        energy=energy,
        beats=beats,
        swing=round(rng.uniform(*chosen.swing), 3),
    )
    space = _choose_space(chosen, rng)
    return Piece(
        id=piece_id(seed, chosen.name, seconds),
        seed=seed,
        title=title_for(stream, mood_name),
        style=chosen.name,
        key=key,
        mode=mode,
        tempo=tempo,
        meter=chosen.meter,
        swing=plan.swing,
        mood=mood_name,
        energy=energy,
        duration_s=duration,
        sections=place_sections(list(form), beats * 60 / tempo, duration),
        parts=parts,
        has_drums="drums" in (part.role for part in parts),
        progression=_progression(plan),
        loudness=round(TARGET_LUFS + 3.0 * (energy - 0.5), 2),
        space=space,
        split=split_of(seed),
        soundfont=soundfont,
        ending=_ending(stream),
        notes=Arranger(plan, stream).arrange(),
    )


def _require(seed: int, seconds: float | None) -> None:
    if seconds is not None and not SHORTEST_SECONDS <= seconds <= LONGEST_SECONDS:
        raise InputError(
            "seconds", seconds, f"ask for {SHORTEST_SECONDS:g} to {LONGEST_SECONDS:g} s"
        )
    if seed < 0:
        raise InputError("seed", seed, "give a whole number of at least 0")


def _levelled(part: Part, soundfont: str) -> Part:
    return replace(part, volume=levelled(part.volume, part.instrument, soundfont))


def _progression(plan: ArrangementPlan) -> tuple[str, ...]:
    return tuple(dict.fromkeys(plan.progressions["verse"] + plan.progressions["chorus"]))


def _ending(stream: str) -> str:
    return "faded" if random.Random(f"{stream}/ending").random() < FADED else "held"


def _choose_energy(style: Style, mood: Mood, rng: random.Random) -> float:
    drawn = 0.6 * style.energy + 0.4 * mood.energy + rng.uniform(-0.08, 0.08)
    return round(min(1.0, max(0.05, drawn)), 3)


def _choose_space(style: Style, rng: random.Random) -> Space:
    return Space(
        round(rng.uniform(*style.room), 3),
        round(rng.uniform(0.1, 0.6), 3),
        round(rng.uniform(0.4, 0.9), 3),
        rng.random() < 0.6,
    )


def choose_mode(style: Style, valence: float, rng: random.Random) -> str:
    """A mode of the style that suits the mood: sad moods avoid major thirds, happy ones minor."""
    wants_minor = valence < -0.3 or (valence < 0.35 and rng.random() < 0.5)
    fitting = [mode for mode in style.modes if (mode in MINOR_MODES) == wants_minor]
    return rng.choice(fitting or style.modes)


def choose_tempo(style: Style, mood_energy: float, rng: random.Random) -> float:
    """Whole beats per minute; energetic moods lean to the style's fast end."""
    low, high = style.tempo
    place = 0.55 * rng.random() + 0.45 * (mood_energy + rng.uniform(-0.15, 0.15))
    return float(round(low + (high - low) * min(1.0, max(0.0, place))))


def fit_bars(
    tempo: float, beats: int, seconds: float | None, rng: random.Random
) -> tuple[int, float, float]:
    """(bars, tempo, duration): whole bars plus the tail; exact when seconds are given."""
    wanted = rng.uniform(*DEFAULT_SECONDS) if seconds is None else seconds
    exact = (wanted - TAIL_SECONDS) * tempo / 60 / beats
    if seconds is None:
        bars = 2 * max(4, round(exact / 2))
        return bars, tempo, round(bars * beats * 60 / tempo + TAIL_SECONDS, 3)
    bars = max(4, round(exact))
    return bars, round(bars * beats * 60 / (seconds - TAIL_SECONDS), 4), float(seconds)


def choose_parts(style: Style, rng: random.Random) -> tuple[Part, ...]:
    """One instrument for every role that is in this piece."""
    parts = []
    for role in ROLES:
        voice = style.voices.get(role)
        if voice is None:
            continue
        chance = style.drums_chance if role == "drums" else voice.chance
        if rng.random() >= chance:
            continue
        name = rng.choice(voice.instruments)
        instrument = INSTRUMENTS[name]
        level = ROLE_LEVELS[role] + (2.0 if role == "drums" and style.energy >= 0.7 else 0.0)
        volume = instrument.volume * 10 ** ((level + rng.uniform(-1, 1)) / 40)
        parts.append(
            Part(
                role,
                name,
                instrument.bank,
                instrument.program,
                max(1, min(127, round(volume))),
                rng.randint(20, 70) if role != "bass" else rng.randint(0, 20),
                rng.randint(0, 50) if role != "drums" else 0,
            )
        )
    return tuple(parts)


def make_plan(
    style: Style,
    parts: tuple[Part, ...],
    form: tuple[tuple[str, int], ...],
    rng: random.Random,
    *,
    tonic: int,
    mode: str,
    tempo: float,
    energy: float,
    beats: int,
    swing: float,
) -> ArrangementPlan:
    """Progressions, patterns and who plays where."""
    pool = style.minors if mode in MINOR_MODES else style.majors
    verse, chorus = rng.choice(pool), rng.choice(pool)
    progressions = {
        "intro": tuple(verse.split()),
        "verse": tuple(verse.split()),
        "chorus": tuple(chorus.split()),
        "outro": tuple(chorus.split()),
    }
    patterns: dict[tuple[str, str], str] = {}
    for part in parts:
        options = style.grooves if part.role == "drums" else style.voices[part.role].patterns
        if not options:
            continue
        first = rng.choice(options)
        # A chorus is played otherwise than a verse wherever the style knows another way.
        second = rng.choice([option for option in options if option != first] or options)
        for structure, pattern in (
            ("intro", first),
            ("verse", first),
            ("chorus", second),
            ("outro", second),
        ):
            patterns[part.role, structure] = pattern
    roles = [part.role for part in parts]
    return ArrangementPlan(
        style,
        tonic,
        mode,
        tempo,
        swing,
        energy,
        beats,
        form,
        progressions,
        parts,
        patterns,
        choose_playing(form, roles, rng),
    )


def choose_playing(
    form: tuple[tuple[str, int], ...], roles: list[str], rng: random.Random
) -> tuple[frozenset[str], ...]:
    """The roles of each section: thin at the edges, full in the chorus, and what a chorus brings in
    is not there in the first verse. Drums play throughout, so that every excerpt of a piece has
    what its caption says."""
    lead_in_intro, lead_in_outro = rng.random() < 0.35, rng.random() < 0.6
    bass_in_intro = rng.random() < 0.5
    colours = [role for role in COLOURS if role in roles]
    rng.shuffle(colours)
    kept = colours[: rng.randint(0, max(0, len(colours) - 1))]  # of a second verse
    playing = []
    for index, (structure, _) in enumerate(form):
        absent: set[str] = set()
        if structure == "intro":
            absent = {"counter"} | (set() if lead_in_intro else {"lead"})
            absent |= set() if bass_in_intro else {"bass"}
            absent |= {"pad"} if "riff" in roles else set()
        elif structure == "verse":
            absent = set(colours) - (set() if index < 2 else set(kept))
        elif structure == "outro":
            absent = {"riff", "counter"} | (set() if lead_in_outro else {"lead"})
        playing.append(frozenset(set(roles) - absent))
    return tuple(playing)
