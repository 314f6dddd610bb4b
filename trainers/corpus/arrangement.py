"""From choices to notes: who plays what in which section, bar by bar."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field

from trainers.corpus.drumming import crash, play_fill, play_groove
from trainers.corpus.form import INTENSITY
from trainers.corpus.instruments import INSTRUMENTS
from trainers.corpus.melody import MelodyLine, Theme, make_theme
from trainers.corpus.performance import Performer
from trainers.corpus.piece import Note, Part
from trainers.corpus.styles.patterns import BassLine, Stroke, play_chords
from trainers.corpus.styles.style import Style, Voice
from trainers.corpus.theory import Chord, chord, lead_voices

Strokes = Iterator[tuple[float, float, list[Stroke]]]  # start of a bar, loudness, its strokes

# Instruments whose broken chords ring on until the harmony changes.
RINGING = {
    "piano",
    "bright piano",
    "harp",
    "music box",
    "celesta",
    "kalimba",
    "nylon guitar",
    "acoustic guitar",
    "twelve-string guitar",
    "vibraphone",
    "electric piano",
    "fantasia synth",
    "crystal synth",
    "atmosphere synth",
    "glockenspiel",
}


@dataclass(frozen=True)
class ArrangementPlan:
    """The composer's choices an arrangement is made from.

    form: (structure, bars). progressions: structure -> one token a bar. patterns and grooves:
    (role, structure) -> pattern. playing: section index -> roles that play there.
    """

    style: Style
    tonic: int
    mode: str
    tempo: float
    swing: float
    energy: float
    beats: int
    form: tuple[tuple[str, int], ...]
    progressions: dict[str, tuple[str, ...]]
    parts: tuple[Part, ...]
    patterns: dict[tuple[str, str], str]
    playing: tuple[frozenset[str], ...]


Changes = list[tuple[float, Chord]]
CHORUS_LIFT = 5  # semitones by which accompaniment lies higher in a chorus


def changes_of(token: str, beats: int) -> Changes:
    """Chords of one bar with their beats; two chords share the bar, the first the longer half."""
    symbols = token.split("-")
    second = (beats + 1) // 2 if beats > 1 else 0.5
    return [(float(index * second), chord(symbol)) for index, symbol in enumerate(symbols)]


@dataclass
class Arranger:
    """Writes the notes of a plan. Random streams are one a role, so roles do not disturb
    each other."""

    plan: ArrangementPlan
    seed: str
    notes: list[Note] = field(default_factory=list)

    def arrange(self) -> tuple[Note, ...]:
        """All notes by start, part and pitch."""
        bars = self._bars()
        for number, part in enumerate(self.plan.parts):
            rng = random.Random(f"{self.seed}/{part.role}")
            performer = Performer(self.plan.style, self.plan.tempo, self.plan.swing, rng)
            voice = self.plan.style.voices[part.role]
            write = {
                "drums": self._drums,
                "bass": self._bass,
                "lead": self._lead,
                "counter": self._counter,
            }.get(part.role, self._harmony)
            for start, dynamic, strokes in write(part, voice, bars, rng):
                is_tune = part.role in ("lead", "counter")
                for stroke in strokes:
                    self.notes.append(
                        performer.note(number, start, stroke, self._level(dynamic), is_tune)
                    )
        return tuple(sorted(self.notes, key=lambda n: (n.start, n.part, n.pitch, n.length)))

    def _level(self, dynamic: float) -> float:
        return (50 + 46 * self.plan.energy) * dynamic

    def _bars(self) -> list[Bar]:
        """Every bar of the piece with its chords; the last one rests on the tonic."""
        bars: list[Bar] = []
        beats = self.plan.beats
        tonic = chord("i" if self.plan.mode in ("minor", "dorian") else "I")
        if any("5" == symbol[-1] for symbol in self.plan.progressions["verse"]):
            tonic = chord("I5")
        for section, (structure, count) in enumerate(self.plan.form):
            progression = self.plan.progressions[structure]
            for index in range(count):
                is_end = section == len(self.plan.form) - 1 and index == count - 1
                is_last = section == len(self.plan.form) - 1
                token = progression[index % len(progression)]
                if is_last and index == count - 2:
                    token = self._dominant(tonic)
                changes = [(0.0, tonic)] if is_end else changes_of(token, beats)
                fade = 1 - 0.35 * index / max(1, count) if structure == "outro" else 1.0
                swell = 1 + 0.04 * ((index % 4) - 1.5) / 1.5
                bars.append(
                    Bar(
                        section,
                        structure,
                        index,
                        count,
                        len(bars) * beats,
                        changes,
                        INTENSITY[structure] * fade * swell,
                        is_end,
                    )
                )
        return bars

    def _dominant(self, tonic: Chord) -> str:
        """The chord before the last one."""
        if tonic.symbol == "I5":
            return "V5"
        return "bVII" if self.plan.mode in ("dorian", "mixolydian") else "V7"

    def _register(self, part: Part, voice: Voice) -> tuple[int, int]:
        """The voice's register inside the instrument's compass, never narrower than a tenth."""
        instrument = INSTRUMENTS[part.instrument]
        low = min(max(voice.low, instrument.low), instrument.high - 16)
        return low, max(min(voice.high, instrument.high), low + 16)

    def _harmony(self, part: Part, voice: Voice, bars: list[Bar], rng: random.Random) -> Strokes:
        """Chords, riffs and pads: patterns on voicings that lead into each other."""
        low, high = self._register(part, voice)
        lift = min(CHORUS_LIFT, INSTRUMENTS[part.instrument].high - high)
        voicings = {}
        for is_chorus, up in ((False, 0), (True, max(0, lift))):
            flat = [
                item
                for bar in bars
                for _, item in bar.changes
                if (bar.structure == "chorus") == is_chorus
            ]
            voicings[is_chorus] = iter(lead_voices(flat, self.plan.tonic, low + up, high + up))
        for bar in bars:
            changes = [(at, next(voicings[bar.structure == "chorus"])) for at, _ in bar.changes]
            if part.role not in self.plan.playing[bar.section]:
                continue
            pattern = self.plan.patterns[part.role, bar.structure]
            if bar.is_end:
                # A last chord, rolled upwards by instruments that die away quickly.
                pattern = "0--1--2--3--4-5-" if part.instrument in RINGING else "x" + "-" * 15
            strokes = play_chords(pattern, self.plan.beats, changes)
            if part.instrument in RINGING:
                strokes = [ring(stroke, changes, self.plan.beats) for stroke in strokes]
            yield bar.start, bar.dynamic * (0.8 if part.role == "pad" else 0.9), strokes

    def _bass(self, part: Part, voice: Voice, bars: list[Bar], rng: random.Random) -> Strokes:
        low, high = self._register(part, voice)
        line = BassLine(self.plan.tonic, self.plan.mode, low, high, rng)
        for bar, following in zip(bars, [*bars[1:], bars[-1]]):
            if "bass" not in self.plan.playing[bar.section]:
                continue
            pattern = self.plan.patterns["bass", bar.structure]
            if bar.is_end:
                pattern = "R" + "-" * 15
            strokes = line.bar(pattern, self.plan.beats, bar.changes, following.changes[0][1])
            yield bar.start, bar.dynamic, strokes

    def _theme(self, structure: str) -> Theme:
        """The tune of a structure: verses share one, choruses another."""
        name = "chorus" if structure == "chorus" else "verse"
        rng = random.Random(f"{self.seed}/theme {name}")
        density, rests, leap = self.plan.style.melody
        density *= (0.8 + 0.4 * self.plan.energy) * (1.1 if name == "chorus" else 1.0)
        return make_theme(
            self.plan.beats, melody_grid(self.plan.style, density), density, rests, leap, rng
        )

    def _lead(self, part: Part, voice: Voice, bars: list[Bar], rng: random.Random) -> Strokes:
        low, high = self._register(part, voice)
        span = max(14, (high - low) * 2 // 3)
        sung: dict[tuple, list[Stroke]] = {}  # what a tune was over these chords, to sing it again
        for section, structure in enumerate(name for name, _ in self.plan.form):
            if "lead" not in self.plan.playing[section]:
                continue
            # Choruses sing in the upper part of the register, verses in the lower.
            bottom = high - span if structure == "chorus" else low
            line = MelodyLine(
                self.plan.tonic,
                self.plan.mode,
                bottom,
                bottom + span,
                random.Random(f"{self.seed}/line {structure}"),
            )
            theme = self._theme(structure)
            for bar in (bar for bar in bars if bar.section == section):
                is_close = bar.index == bar.count - 1
                place = (bottom, theme, bar.index % len(theme.bars), tuple(bar.changes), is_close)
                if place not in sung:
                    sung[place] = line.bar(theme, bar.index, bar.changes, is_close)
                strokes = sung[place]
                line.pitch = strokes[-1].pitch
                if bar.is_end:
                    strokes = [Stroke(0.0, float(self.plan.beats), strokes[-1].pitch, 1.0)]
                yield bar.start, bar.dynamic * 1.08, strokes

    def _counter(self, part: Part, voice: Voice, bars: list[Bar], rng: random.Random) -> Strokes:
        """A slow second voice: one or two chord tones a bar, thirds and sevenths first."""
        low, high = self._register(part, voice)
        pitch = (low + high) // 2
        for bar in bars:
            if "counter" not in self.plan.playing[bar.section]:
                continue
            strokes = []
            for (at, item), (until, _) in zip(
                bar.changes, [*bar.changes[1:], (float(self.plan.beats), None)]
            ):
                guides = {c for c in item.pitch_classes(self.plan.tonic)[1:]}
                options = [p for p in range(low, high + 1) if p % 12 in guides]
                pitch = min(options, key=lambda p: (abs(p - pitch), p))
                strokes.append(Stroke(at, until - at, pitch, 0.9))
            yield bar.start, bar.dynamic * 0.85, strokes

    def _drums(self, part: Part, voice: Voice, bars: list[Bar], rng: random.Random) -> Strokes:
        beats, style = self.plan.beats, self.plan.style
        triplets = is_shuffle(style) or self.plan.style.meter == (6, 8)
        grid = 3 if triplets else rng.choice((2, 4))
        light_verse = rng.random() < 0.35
        for bar in bars:
            if "drums" not in self.plan.playing[bar.section]:
                continue
            if bar.is_end:
                yield (
                    bar.start,
                    bar.dynamic,
                    crash(part.instrument)
                    or play_groove(self.plan.patterns["drums", "intro"], beats, rng, light=True),
                )
                continue
            is_fill = bar.index == bar.count - 1 and bar.count > 1
            length = rng.choice((1, 2)) if self.plan.energy > 0.35 else 1
            from_beat = beats - min(length, beats - 1) if is_fill else 1e9
            strokes = play_groove(
                self.plan.patterns["drums", bar.structure],
                beats,
                rng,
                light=bar.structure in ("intro", "outro")
                or (bar.structure == "verse" and light_verse),
                until=from_beat,
            )
            if is_fill:
                strokes += play_fill(part.instrument, beats, from_beat, grid, rng)
            if bar.index == 0 and bar.structure == "chorus" and self.plan.energy > 0.3:
                strokes += crash(part.instrument)
            yield bar.start, bar.dynamic, strokes


@dataclass(frozen=True)
class Bar:
    """One bar: its section, its place in it, its first beat in the piece, chords, dynamic."""

    section: int
    structure: str
    index: int
    count: int
    start: float
    changes: Changes
    dynamic: float
    is_end: bool


def ring(stroke: Stroke, changes: list[tuple[float, tuple[int, ...]]], beats: float) -> Stroke:
    """The same stroke held until the next chord or the bar's end."""
    until = min((at for at, _ in changes if at > stroke.start + 1e-6), default=beats)
    return Stroke(
        stroke.start, max(stroke.length, until - stroke.start), stroke.pitch, stroke.strength
    )


def is_shuffle(style: Style) -> bool:
    """Styles whose patterns are written in triplets; only their tunes need swinging."""
    return style.swing_grid == 8 and style.swing[1] > 0.5


def melody_grid(style: Style, density: float) -> int:
    """Steps a beat a tune may use."""
    if style.meter == (6, 8):
        return 3
    return 4 if density >= 1.9 and not is_shuffle(style) else 2
