"""Edits and best of n, on the shipped model: what is kept, what is new, and that both repeat."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core import audio
from core.command import main
from core.errors import Cancelled
from core.generation.candidates import likelihood
from core.pipeline import Pipeline
from core.requests.request import AudioPrompt, Edit, GenerationRequest
from core.result import AudioChunk, GenerationResult

RATE = 24000
VARIANT = "nano-no-flow"
PROMPT = "upbeat rock with drums"


@pytest.fixture(scope="module")
def nano() -> Pipeline:
    return Pipeline.load(VARIANT)


@pytest.fixture(scope="module")
def piece(nano, tmp_path_factory) -> Path:
    """Five seconds of nano's, as the studio keeps them."""
    made = nano.generate(GenerationRequest(PROMPT, 5.0, VARIANT, seed=7))
    return audio.write(tmp_path_factory.mktemp("piece") / "piece.wav", made.samples, RATE)


def edited(nano: Pipeline, path: Path, edit: Edit, **changes) -> GenerationResult:
    settings = {"best_of": 2, "seed": 1, **changes}
    request = GenerationRequest(
        PROMPT, variant=VARIANT, audio=AudioPrompt(str(path)), edit=edit, **settings
    )
    return nano.generate(request)


@pytest.mark.parametrize("span", [(2.0, 3.5), (0.0, 1.0), (0.3, 1.1), (1.013, 4.517)])
def test_a_span_is_redone_and_all_else_is_the_source_to_the_sample(nano, piece, tmp_path, span):
    made = edited(nano, piece, Edit(redo=span))
    out = audio.read(audio.write(tmp_path / "out.wav", made.channels, RATE)).samples
    source = audio.read(piece).samples
    first, last = (round(at * RATE) for at in span)
    assert out.shape == source.shape
    assert np.array_equal(out[:, :first], source[:, :first])
    assert np.array_equal(out[:, last:], source[:, last:])
    assert not np.array_equal(out[:, first:last], source[:, first:last])
    assert audio.rms(out[:, first:last]) > 0.1 * audio.rms(source)
    assert (made.join_seconds, made.end_seconds) == span
    assert made.choice is not None and (made.choice.of, made.choice.rank) == (2, 1)


def test_a_stereo_file_of_another_rate_keeps_its_samples_and_both_channels(nano, piece, tmp_path):
    mono = audio.resample(audio.read(piece).mono(), RATE, 44100)
    source = np.stack([mono, 0.5 * mono])
    path = audio.write(tmp_path / "stereo.wav", source, 44100)
    made = edited(nano, path, Edit(redo=(2.0, 3.0)), best_of=1)
    source = audio.read(path).samples
    assert (made.sample_rate, made.samples.shape) == (44100, source.shape)
    assert np.array_equal(made.samples[:, :88200], source[:, :88200])
    assert np.array_equal(made.samples[:, 132300:], source[:, 132300:])


def test_from_a_point_on_all_is_new_and_as_long_as_asked(nano, piece):
    made = edited(nano, piece, Edit(redo_from=2.0), seconds=4.25, best_of=1)
    source = audio.read(piece).samples[0]
    assert len(made.samples) == round(6.25 * RATE)
    assert np.array_equal(made.samples[: 2 * RATE], source[: 2 * RATE])
    assert audio.rms(made.samples[-2 * RATE :]) > 0.01
    assert made.choice is None


def test_a_span_up_to_the_end_is_redone_without_a_second_join(nano, piece):
    made = edited(nano, piece, Edit(redo=(3.0, 5.0)), best_of=1)
    source = audio.read(piece).samples[0]
    assert len(made.samples) == len(source)
    assert np.array_equal(made.samples[: 3 * RATE], source[: 3 * RATE])
    assert abs(made.samples[-1]) < 0.01  # faded


def test_a_loop_is_whole_bars_and_leads_into_its_start(nano, piece):
    made = edited(nano, piece, Edit(loop=2), tempo=160.0, meter="3/4")
    assert len(made.samples) == round(2 * 3 * 60 / 160 * RATE)
    steps = np.abs(np.diff(np.concatenate([made.samples, made.samples[:1]])))
    assert steps[-1] <= np.quantile(steps, 0.99)  # no click from the last to the first sample
    again = np.tile(made.samples, 2)[len(made.samples) - 480 : len(made.samples) + 480]
    assert audio.rms(again) > 0.01


def test_what_was_kept_is_made_again_from_its_request_alone(nano, piece):
    for request in (
        GenerationRequest("jazz", 1.0, VARIANT, seed=5, best_of=3, keep=2),
        GenerationRequest(
            PROMPT,
            variant=VARIANT,
            seed=5,
            best_of=3,
            keep=2,
            audio=AudioPrompt(str(piece)),
            edit=Edit(redo=(2.0, 3.0)),
        ),
    ):
        kept = nano.generate_kept(request)
        assert [r.choice.rank for r in kept] == [1, 2]
        assert kept[0].choice.score >= kept[1].choice.score
        assert kept[0].request.seed != kept[1].request.seed
        for each in kept:
            assert (each.request.best_of, each.request.keep) == (1, 1)
            assert np.array_equal(nano.generate(each.request).samples, each.samples)


def test_the_likeliest_of_several_is_kept(nano):
    request = GenerationRequest("jazz", 1.0, VARIANT, seed=5, best_of=4, keep=4)
    scores = [r.choice.score for r in nano.generate_kept(request)]
    assert scores == sorted(scores, reverse=True) and len(set(scores)) == 4
    assert nano.generate(replace(request, keep=1)).choice.score == scores[0]


def test_music_that_follows_is_likelier_than_other_music(nano, piece):
    """What chooses a span's candidate: the score of the tokens behind it."""
    tokens = nano.encode(audio.read(piece))
    job = nano.prepare(GenerationRequest(PROMPT, 5.0, VARIANT, seed=0), lambda: False)
    asked = replace(nano.decode_request(job), prompt=tuple(tokens[:200].tolist()))
    true = likelihood(nano.decoder, asked, tokens[200:300])
    other = likelihood(nano.decoder, asked, tokens[50:150])
    assert true > other


def test_the_stream_gives_the_edited_sound_once_and_can_be_stopped(nano, piece):
    request = GenerationRequest(
        PROMPT,
        variant=VARIANT,
        seed=2,
        best_of=2,
        keep=2,
        audio=AudioPrompt(str(piece)),
        edit=Edit(redo=(2.0, 3.0)),
    )
    events = list(nano.stream(request))
    results = [e for e in events if isinstance(e, GenerationResult)]
    chunks = [e.samples for e in events if isinstance(e, AudioChunk)]
    assert len(results) == 2 and np.array_equal(np.concatenate(chunks), results[0].samples)
    with pytest.raises(Cancelled):
        list(nano.stream(request, lambda: True))


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (["--redo", "4"], "redo 4"),
        (["--redo", "4-4.1"], "redo 4-4.1"),
        (["--redo", "4-9"], "ends at 5.00 s"),
        (["--redo", "a-b"], "redo"),
        (["--redo-from", "0.2"], "redo-from"),
        (["--redo-from", "5", "--seconds", "2"], "continue"),
        (["--before", "3"], "before 3: nano-no-flow"),
        (["--loop", "2"], "tempo"),
        (["--loop", "90", "--tempo", "120"], "loop"),
        (["--loop", "4", "--tempo", "60"], "ends at 5.00 s"),
        (["--redo", "2-3", "--seconds", "5"], "seconds"),
        (["--redo", "2-3", "--compat", "official"], "compat"),
    ],
)
def test_a_wrong_edit_is_one_clear_line(piece, tmp_path, capsys, options, word):
    out = tmp_path / "out.wav"
    command = ["edit", "--audio", str(piece), "--variant", VARIANT, "--out", str(out), *options]
    assert main([*command, "--json"]) == 2
    said = capsys.readouterr()
    assert word in said.err and said.err.count("\n") == 1
    assert json.loads(said.out)["error"]["hint"] and not out.exists()


def test_the_command_line_edits_a_file_or_a_piece_of_the_library(
    piece, tmp_path, capsys, monkeypatch
):
    monkeypatch.setenv("STUDIO_WORK", str(tmp_path))
    kept = tmp_path / "studio" / "people" / "someone" / "results" / "0123456789ab"
    kept.mkdir(parents=True)
    (kept / "sound.wav").write_bytes(piece.read_bytes())
    said = []
    for source in (["--audio", str(piece)], ["--result", "0123456789ab"]):
        out = tmp_path / "out.wav"
        more = ["--redo", "2-3", "--best-of", "3", "--keep", "2", "--seed", "4", "--json"]
        argv = ["edit", *source, "--prompt", PROMPT, "--variant", VARIANT, "--out", str(out)]
        assert main([*argv, *more]) == 0
        lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        assert [Path(line["file"]).name for line in lines] == ["out.wav", "out-2.wav"]
        assert lines[0]["request"]["edit"]["redo"] == [2.0, 3.0] and lines[0]["seconds"] == 5.0
        said.append((out.read_bytes(), (tmp_path / "out-2.wav").read_bytes()))
    assert said[0] == said[1]
    assert main(["edit", "--result", "../../x", "--redo", "2-3", "--out", str(out)]) == 2
