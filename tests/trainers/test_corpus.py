"""The corpus: exact facts, repeatable pieces, sound at an even level, captions that are true."""

from __future__ import annotations

import json
import re
import shutil

import numpy as np
import pyloudnorm
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import InputError
from trainers.corpus import SAMPLE_RATE, STYLES, Piece, captions, compose, render, split_of
from trainers.corpus.composer import style_of
from trainers.corpus.instruments import INSTRUMENTS
from trainers.corpus.performance import swung
from trainers.corpus.soundfonts import LEVELS, SOUNDFONTS, levelled
from trainers.corpus.styles.grooves import DRUMS, GROOVES
from trainers.corpus.styles.moods import MOODS
from trainers.corpus.theory import KEYS, MODES, chord, lead_voices
from trainers.corpus.vocabulary import mode_word, tempo_words

needs_fluidsynth = pytest.mark.skipif(
    shutil.which("fluidsynth") is None, reason="Debian package fluidsynth is not installed"
)
SEEDS = st.integers(0, 100_000)


def test_catalogue_is_consistent():
    """Every name a style uses exists, every pattern fills a bar."""
    assert len(STYLES) >= 12
    for style in STYLES.values():
        assert 50 <= style.tempo[0] < style.tempo[1] <= 180
        assert set(style.moods) <= set(MOODS) and set(style.modes) <= set(MODES)
        assert ("drums" in style.voices) == (style.drums_chance > 0) == bool(style.grooves)
        for progression in style.majors + style.minors:
            for token in progression.split():
                assert all(chord(symbol).tones for symbol in token.split("-"))
        for voice in style.voices.values():
            assert set(voice.instruments) <= set(INSTRUMENTS)
            assert all(len(pattern) in (12, 16) for pattern in voice.patterns)
        for groove in style.grooves:
            assert set(GROOVES[groove]) <= set(DRUMS)


@pytest.mark.parametrize(
    "symbol, root, tones",
    [
        ("I", 0, (0, 4, 7)),
        ("ii7", 2, (0, 3, 7, 10)),
        ("V7/vi", 4, (0, 4, 7, 10)),
        ("bVII", 10, (0, 4, 7)),
        ("iim7b5", 2, (0, 3, 6, 10)),
        ("IVmaj7", 5, (0, 4, 7, 11)),
        ("i5", 0, (0, 7, 12)),
        ("V7/V", 2, (0, 4, 7, 10)),
    ],
)
def test_roman_numerals(symbol, root, tones):
    assert (chord(symbol).root, chord(symbol).tones) == (root, tones)


def test_voices_lead_smoothly():
    chords = [chord(symbol) for symbol in "Imaj7 vi7 ii7 V7 Imaj7 IVmaj7 iii7 VI7".split()]
    for tonic in range(12):
        voicings = lead_voices(chords, tonic, 48, 74)
        for before, after in zip(voicings, voicings[1:]):
            assert max(abs(a - b) for a, b in zip(before, after)) <= 5
        for item, voicing in zip(chords, voicings):
            assert {pitch % 12 for pitch in voicing} == set(item.pitch_classes(tonic))


def test_swing_moves_only_the_off_beats():
    assert swung(3.0, 0.66, 8) == 3.0
    assert swung(3.5, 0.66, 8) == pytest.approx(3.66)
    assert swung(3.25, 0.6, 16) == pytest.approx(3.3)
    assert swung(3.5, 0.6, 16) == pytest.approx(3.5)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(SEEDS)
def test_facts_are_exact(seed):
    piece = compose(seed)
    style = STYLES[piece.style]
    assert piece == compose(seed)
    assert Piece.from_record(json.loads(json.dumps(piece.record()))) == Piece.from_record(
        piece.record()
    )
    assert style.tempo[0] <= piece.tempo <= style.tempo[1] and piece.key in KEYS
    assert piece.mode in style.modes and piece.mood in style.moods
    names = [section.structure for section in piece.sections]
    assert names[0] == "intro" and names[-1] == "outro" and {"verse", "chorus"} <= set(names)
    assert piece.sections[0].start_s == 0 and piece.sections[-1].end_s == piece.duration_s
    for before, after in zip(piece.sections, piece.sections[1:]):
        assert before.end_s == after.start_s > before.start_s
    drums = [n for n in piece.notes if piece.parts[n.part].bank == 128]
    assert piece.has_drums == bool(drums)
    assert all(0 <= n.pitch <= 127 and 1 <= n.velocity <= 127 and n.length > 0 for n in piece.notes)
    assert 35 <= piece.duration_s <= 80


@settings(max_examples=40, deadline=None, derandomize=True)
@given(SEEDS)
def test_notes_belong_to_the_key(seed):
    """Most sounding time lies on the scale; only borrowed chords leave it."""
    piece = compose(seed)
    scale = {(KEYS.index(piece.key) + step) % 12 for step in MODES[piece.mode]}
    pitched = [n for n in piece.notes if piece.parts[n.part].bank != 128]
    inside = sum(n.length for n in pitched if n.pitch % 12 in scale)
    assert inside / sum(n.length for n in pitched) > 0.6


@settings(max_examples=40, deadline=None, derandomize=True)
@given(SEEDS)
def test_chorus_is_fuller_than_intro(seed):
    piece = compose(seed)
    beat = piece.tempo / 60

    def energy(structure):
        spans = [s for s in piece.sections if s.structure == structure]
        notes = [
            n
            for n in piece.notes
            for s in spans
            if s.start_s * beat <= n.start < s.end_s * beat - 0.1
        ]
        return sum(n.velocity**2 for n in notes) / sum(s.end_s - s.start_s for s in spans)

    assert energy("chorus") > energy("intro")


@pytest.mark.parametrize("seconds", [30.0, 61.5, 300.0, 480.0])
def test_asked_length_is_exact(seconds):
    for seed in range(12):
        piece = compose(seed, seconds=seconds)
        assert piece.duration_s == seconds == piece.sections[-1].end_s
        low, high = STYLES[piece.style].tempo
        assert low * 0.9 <= piece.tempo <= high * 1.1


def test_bad_input_is_named():
    with pytest.raises(InputError, match="style"):
        compose(1, "polka of doom")
    for seconds in (0, -3.0, float("nan"), 1e5):
        with pytest.raises(InputError, match="seconds"):
            compose(1, seconds=seconds)


def test_seeds_cover_all_styles_and_splits():
    assert {style_of(seed) for seed in range(len(STYLES))} == set(STYLES)
    splits = [split_of(seed) for seed in range(2000)]
    assert 0.87 < splits.count("train") / 2000 < 0.93
    assert splits.count("test") > 50 and splits.count("validation") > 50


def _own_words(piece):
    words = [w for part in piece.parts for w in INSTRUMENTS[part.instrument].words]
    return words + list(STYLES[piece.style].words) + list(STYLES[piece.style].uses)


def _any_of(words):
    longest_first = sorted({word.lower() for word in words}, key=len, reverse=True)
    return re.compile(rf"\b(?:{'|'.join(map(re.escape, longest_first))})\b")


PITCHED = _any_of(w for i in INSTRUMENTS.values() if i.bank != 128 for w in i.words)


def _check_truth(piece, caption, own):
    text = caption.lower()
    for number in re.findall(r"(\d+) (?:bpm|beats per minute)", text):
        assert int(number) == round(piece.tempo)
    own_tempo = " ".join(tempo_words(piece.tempo))
    plain = own.sub(" ", text)
    if re.search(r"\bslow", plain):
        assert "slow" in own_tempo
    if re.search(r"\b(fast|uptempo)\b", plain):
        assert "fast" in own_tempo
    for named in re.findall(r"\b([a-g](?:b|#)?) (major|minor|dorian|mixolydian)\b", text):
        if named[0] != "a" or "a minor key" not in text and "a major key" not in text:
            assert named == (piece.key.lower(), piece.mode)
    other = {"major": "minor", "minor": "major"}[mode_word(piece.mode)]
    assert not re.search(rf"\b{other}\b", text)
    # Negatives are removed before looking for drums and voices that are claimed to be there.
    claimed = re.sub(
        r"\b(no|without|any) (drums|percussion|vocals|voices|singer|other "
        r"instruments)\b",
        " ",
        plain,
    ).replace("drumless", " ")
    assert not re.search(r"\b(vocals?|voices?|singers?|singing|choir|rap\w*)\b", claimed)
    if piece.has_drums:
        assert not re.search(r"\b(no|without) (drums|percussion)\b|drumless", text)
    else:
        assert not re.search(r"\b(drum\w*|percussion|kick|snare|hi hats|cymbals?)\b", claimed)
    assert not PITCHED.search(claimed), PITCHED.search(claimed)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(SEEDS)
def test_captions_never_contradict_the_piece(seed):
    piece = compose(seed)
    written = captions(piece)
    own = _any_of(_own_words(piece) + ["laid-back", "fast-paced"])
    assert len(written) >= 6 and written == captions(Piece.from_record(piece.record()))
    for caption in written:
        assert 2 < len(caption) < 700 and "  " not in caption
        _check_truth(piece, caption, own)


def test_captions_vary_in_length_and_wording():
    texts = [caption for seed in range(150) for caption in captions(compose(seed))]
    lengths = [len(text.split()) for text in texts]
    assert min(lengths) <= 2 and max(lengths) > 50
    assert len(set(texts)) > 0.93 * len(texts)
    assert len({word for text in texts for word in re.findall(r"[a-z'-]+", text.lower())}) > 400


def _longest_quiet(audio, level=-55.0):
    frames = audio[: len(audio) // 2400 * 2400].reshape(-1, 2400)
    quiet = 20 * np.log10(np.sqrt((frames**2).mean(axis=1)) + 1e-9) < level
    longest = run = 0
    for is_quiet in quiet:
        run = run + 1 if is_quiet else 0
        longest = max(longest, run)
    return longest * 0.05


@settings(max_examples=40, deadline=None, derandomize=True)
@given(SEEDS)
def test_a_chorus_differs_from_the_verse_before_it(seed):
    """In who plays, in what the accompaniment plays, or in where it lies."""
    piece = compose(seed)
    beat = piece.tempo / 60

    def heard(structure):
        section = next(s for s in piece.sections if s.structure == structure)
        notes = [
            n for n in piece.notes if section.start_s * beat <= n.start < section.end_s * beat - 0.1
        ]
        pitched = [n for n in notes if piece.parts[n.part].role not in ("drums", "lead")]
        centre = np.mean([n.pitch for n in pitched]) if pitched else 0.0
        return {n.part for n in notes}, len(notes) / section.bars, centre

    (verse, busy, height), (chorus, busier, higher) = heard("verse"), heard("chorus")
    assert verse <= chorus
    assert verse < chorus or abs(busier / busy - 1) > 0.05 or higher > height + 0.5


def test_a_tune_comes_back_note_for_note():
    """The first bars of a chorus's tune are those of the chorus after it."""
    found = 0
    for seed in range(40):
        piece = compose(seed)
        lead = [n for n in piece.notes if piece.parts[n.part].role == "lead"]
        choruses = [s for s in piece.sections if s.structure == "chorus"]
        if not lead or len(choruses) < 2 or min(s.bars for s in choruses) < 3:
            continue
        beats = 2 if piece.meter == (6, 8) else piece.meter[0]
        tunes = []
        for section in choruses[:2]:
            first = section.start_s * piece.tempo / 60
            bars = [n for n in lead if first - 0.2 <= n.start < first + 2 * beats - 0.2]
            tunes.append([n.pitch for n in bars])
        assert tunes[0] == tunes[1]
        found += 1
    assert found > 10


def test_a_piece_ends_on_its_tonic_after_another_chord():
    for seed in range(40):
        piece = compose(seed)
        bass = [n for n in piece.notes if piece.parts[n.part].role == "bass"]
        if bass:
            assert bass[-1].pitch % 12 == KEYS.index(piece.key) and bass[-1].length > 1
    assert {compose(seed).ending for seed in range(40)} == {"held", "faded"}


def test_soundfonts_can_play_every_part_and_are_all_used():
    assert set(LEVELS) == set(INSTRUMENTS)
    pieces = [compose(seed) for seed in range(60)]
    assert {piece.soundfont for piece in pieces} == set(SOUNDFONTS)
    for piece in pieces:
        varied = any(part.bank not in (0, 128) for part in piece.parts)
        assert SOUNDFONTS[piece.soundfont].variations or not varied
    assert (
        levelled(60, "glass pad", "MuseScore_General") > levelled(60, "glass pad", "FluidR3") == 60
    )


@needs_fluidsynth
@pytest.mark.parametrize("style", ["lullaby", "rock", "drum and bass"])
def test_sound_is_even_and_never_silent(style):
    piece = compose(5, style, 24.0)
    audio = render(piece)
    assert audio.dtype == np.float32 and audio.shape == (24 * SAMPLE_RATE,)
    assert np.isfinite(audio).all() and np.abs(audio).max() < 0.95
    level = pyloudnorm.Meter(SAMPLE_RATE).integrated_loudness(audio.astype(float))
    assert abs(level - piece.loudness) < 1.0
    assert _longest_quiet(audio) < 1.0


@needs_fluidsynth
def test_cymbals_reach_above_12_khz_and_same_seed_gives_same_sound():
    piece = compose(2, "disco", 20.0)
    audio = render(piece)
    power = np.abs(np.fft.rfft(audio)) ** 2
    high = power[np.fft.rfftfreq(len(audio), 1 / SAMPLE_RATE) > 12_000].sum()
    assert 10 * np.log10(high / power.sum()) > -50
    np.testing.assert_array_equal(audio, render(compose(2, "disco", 20.0)))
