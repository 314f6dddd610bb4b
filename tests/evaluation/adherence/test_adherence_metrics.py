"""Adherence and musicality as metrics of any run: facts from columns and captions, shares with
intervals, and what cannot be measured is said."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from evaluation import score
from evaluation.adherence import facts
from evaluation.datasets import Item
from evaluation.embeddings import AudioClip, NotesEmbedding, SoundEmbedding, roll_of
from evaluation.metrics import Span
from evaluation.suite import MetricData, recipe
from evaluation.suite.adherence import Recognised, SectionAdherence, TempoAdherence, TempoKept
from evaluation.suite.musicality import NoteAgreement, SoundFigure, TimeInKey
from evaluation.suite.recipes import CHROMA, MUSICNN


def item(name: str, caption: str = "", **details: str) -> Item:
    return Item(name, caption, None, name, details=details)


@pytest.mark.parametrize(
    ("caption", "tempo", "key", "drums"),
    [
        ("jazz, 123 bpm, E major, drums", 123, 4, "drums"),
        ("A calm piece at 72.5 BPM in F# minor, no drums", 72.5, 18, "no drums"),
        ("in B flat major, 90 beats per minute", 90, 10, None),
        ("A minor change of mood, without any percussion", None, None, "no drums"),
        ("the key of A minor", None, 21, None),
        ("D-dorian groove with drumming", None, 14, "drums"),
        ("calm solo piano", None, None, None),
    ],
)
def test_facts_of_captions(caption: str, tempo, key, drums) -> None:
    asked = item("a", caption)
    assert (facts.tempo(asked), facts.key(asked), facts.drums(asked)) == (tempo, key, drums)


def test_columns_come_before_captions() -> None:
    asked = item(
        "a", "90 bpm in C major, no drums",
        tempo="120.0", key="Ab", mode="minor", has_drums="True", genre="rock",
        sections='[{"start": 0}, {"start_s": 12.5}, {"start": 20}]',
    )  # fmt: skip
    assert facts.tempo(asked) == 120
    assert facts.key(asked) == 20
    assert facts.drums(asked) == "drums"
    assert facts.style(asked) == "rock"
    assert facts.boundaries(asked) == [12.5, 20]
    assert facts.boundaries(item("b", sections="intro:0-10,verse:10-30")) == [10]


def test_tempo_is_a_share_over_those_that_ask() -> None:
    items = (item("a", "100 bpm"), item("b", "100 bpm"), item("c", "slow"), item("d", tempo="70"))
    tempi = {"a": 101, "b": 130, "c": 60, "d": 140}
    generated = {name: {"tempo": np.array([bpm])} for name, bpm in tempi.items()}
    [found] = TempoAdherence().score(MetricData(items, generated))
    assert found.per_item == {"a": 1, "b": 0, "d": 1}
    assert found.estimate == pytest.approx(2 / 3)
    assert found.low == pytest.approx(0.2077, abs=1e-3)  # Wilson's, 2 of 3
    assert "3 of 4 items ask for a tempo" in found.note
    told: list[str] = []
    assert TempoAdherence().score(MetricData(items[2:3], generated, tell=told.append)) == []
    assert told == ["tempo: not measured, 0 of 1 items ask for a tempo"]
    [kept] = TempoKept().score(MetricData(items, generated, generated))
    assert kept.estimate == 1


def test_a_recogniser_learns_from_other_items_real_clips() -> None:
    generator = np.random.default_rng(0)
    items = tuple(item(str(n), genre="rock" if n % 2 else "jazz") for n in range(40))

    def frames(which: list[int]) -> dict[str, dict[str, np.ndarray]]:
        return {
            one.id: {"frames": generator.normal(size=(3, 6)) + 3 * sign}
            for one, sign in zip(items, which)
        }

    real = frames([n % 2 for n in range(40)])
    obeyed = frames([n % 2 if n < 30 else 1 - n % 2 for n in range(40)])
    metric = Recognised("style", MUSICNN, "style")
    [found] = metric.score(MetricData(items, obeyed, real))
    assert found.estimate == pytest.approx(0.75)
    assert "100% of real clips" in found.note
    told: list[str] = []
    assert metric.score(MetricData(items[:6], obeyed, real, tell=told.append)) == []
    assert "needs 5 real clips of each" in told[0]


def test_keys_are_recognised_in_every_transposition() -> None:
    generator = np.random.default_rng(1)
    profile = np.array([1, 0.1, 0.6, 0.1, 0.8, 0.6, 0.1, 0.9, 0.1, 0.6, 0.1, 0.5])
    minor = np.array([1, 0.1, 0.6, 0.8, 0.1, 0.6, 0.1, 0.9, 0.6, 0.1, 0.5, 0.1])

    def chroma(key: int) -> dict[str, np.ndarray]:
        turned = np.roll(minor if key >= 12 else profile, key % 12)
        return {"chroma": np.tile(turned + 0.05 * generator.random(12), 2).astype(np.float32)}

    keys = [int(generator.integers(24)) for _ in range(60)]
    names = ["C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B"]
    items = tuple(
        item(str(n), key=names[key % 12], mode="minor" if key >= 12 else "major")
        for n, key in enumerate(keys)
    )
    real = {one.id: chroma(key) for one, key in zip(items, keys)}
    wrong = {one.id: chroma(key if n % 4 else (key + 1) % 12) for n, (one, key) in
             enumerate(zip(items, keys))}  # fmt: skip
    [found] = Recognised("key", CHROMA, "key").score(MetricData(items, wrong, real))
    assert 0.65 < found.estimate <= 0.8
    [kept] = Recognised("kept", CHROMA, "key", kept=True).score(MetricData(items, real, real))
    assert kept.estimate == 1


def test_sections_and_sound_of_known_music() -> None:
    half = np.zeros((40, 4))
    half[20:] = 3
    items = (item("a", sections="a:0-10,b:10-20"), item("b", sections="a:0-4,b:4-20"))
    data = MetricData(items, {one.id: {"sections": half} for one in items})
    [found] = SectionAdherence().score(data)
    assert found.per_item == {"a": 1, "b": 0}


def test_notes_of_a_file_are_transcribed_and_compared(tmp_path: Path) -> None:
    rate = 22050
    times = np.arange(3 * rate) / rate
    arrays = {}
    for name, hertz in (("c", 261.63), ("f", 369.99)):
        wave = sum(0.2 / k * np.sin(2 * np.pi * k * hertz * times) for k in (1, 2, 3))
        soundfile.write(tmp_path / f"{name}.wav", wave * np.exp(-(times % 0.5)), rate)
        clip = AudioClip(name, tmp_path / f"{name}.wav", "", Span())
        [notes], [sound] = (
            list(one.embed(None, [clip])) for one in (NotesEmbedding(), SoundEmbedding())
        )
        arrays[name] = {**notes, **sound}
    assert roll_of(arrays["c"])[:, 60 - 21].mean() > 0.5  # middle C
    items = (item("c", "in C major"), item("f", "in F# major"))
    same = MetricData(items, arrays, arrays)
    other = MetricData(items, arrays, {"c": arrays["f"], "f": arrays["c"]})
    for figure in ("note F1", "pitch-class F1", "chords"):
        metric = NoteAgreement(figure, figure)
        assert metric.score(same)[0].estimate == 1
        assert metric.score(other)[0].estimate < 0.5
    assert TimeInKey().score(same)[0].estimate == pytest.approx(1, abs=0.1)
    assert SoundFigure("in tune", "in_tune").score(same)[0].estimate > 0.8


def test_a_run_measures_what_its_table_knows(tmp_path: Path) -> None:
    """Only tempo can be measured of three clicks; the rest says why."""
    rate, draw = 16000, np.random.default_rng(0)
    for side in ("made", "real"):
        (tmp_path / side).mkdir()
        for n, bpm in enumerate((80, 100, 120)):
            sound = 0.001 * draw.normal(size=6 * rate)
            for start in np.arange(0, 6 - 0.1, 60 / bpm):
                first = round(start * rate)
                sound[first : first + 400] += 0.2 * draw.normal(size=400)
            soundfile.write(tmp_path / side / f"{n}.wav", sound, rate)
    (tmp_path / "t.csv").write_text("id,caption,bpm\n0,clicks,80\n1,clicks,100\n2,clicks,133\n")
    found = score(tmp_path / "made", tmp_path / "real", tmp_path / "t.csv", "adherence",
                  out=tmp_path / "out")  # fmt: skip
    table = found.table.set_index("metric")
    assert table.value["tempo"] == pytest.approx(2 / 3)
    assert table.value["tempo of the real clip"] == 1
    [system] = found.result.systems
    assert any("style: not measured" in line for line in system.problems)
    assert [one.name for one in recipe("musicality").metrics if not one.needs_reference] == [
        "in tune", "pulse", "time in key", "pitch-class entropy",
    ]  # fmt: skip
