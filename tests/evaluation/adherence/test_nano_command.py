"""`python -m evaluation nano` on a small corpus and shipped weights: kept, resumed, rendered."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from core.errors import InputError
from core.pipeline import Pipeline
from core.requests.request import GenerationRequest
from evaluation.nano import command
from evaluation.nano.bench import Bench, Setting, without_flow
from evaluation.nano.card import render
from evaluation.nano.prompts import prompt_of
from trainers import __main__ as trainers_main

VARIANT = "nano-no-flow"


def corpus(folder: Path, pieces: int, seed: int) -> Path:
    assert (
        trainers_main.main(
            [
                "corpus",
                "--out",
                str(folder),
                "--pieces",
                str(pieces),
                "--seed",
                str(seed),
                "--seconds",
                "24",
                "--styles",
                "rock,ambient",
            ]
        )
        == 0
    )
    for record in folder.glob("*.json"):
        record.write_text(json.dumps({**json.loads(record.read_text()), "split": "train"}))
    return folder


SKIPPED = ("styles", "sections", "long", "continuation", "distance")


@pytest.fixture(scope="module")
def setting(tmp_path_factory) -> Setting:
    folder = tmp_path_factory.mktemp("nano")
    return Setting(
        VARIANT,
        corpus(folder / "corpus", 3, 0),
        corpus(folder / "held-out", 4, 100000),
        (),
        folder,
        clips=2,
        seed=1,
    )


@pytest.fixture(scope="module")
def cache(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def figures(setting, cache):
    return command.measure(Bench(setting, cache), skip=SKIPPED)


def test_parts_are_measured_or_say_what_they_lack(figures) -> None:
    assert set(figures["not_measured"]) == {"srfm", "free", *SKIPPED}
    assert all("left out" in figures["not_measured"][part] for part in SKIPPED)
    assert "flow" in figures["not_measured"]["srfm"]
    assert "song_describer.csv" in figures["not_measured"]["free"]
    assert "wesnoth" in figures["codecs"]["real_not_measured"]
    systems = figures["prompts"]["systems"]
    assert set(systems) == {"ground_truth", "wavtokenizer", "generated"}
    assert all(s["style"]["n"] == 2 for s in systems.values())
    assert systems["ground_truth"]["style"]["share"] == 1  # rock and ambient are easy to tell
    loss = figures["language_model"]
    assert loss["trained"]["mean"] < loss["unigram"]["mean"] < loss["untrained"]["mean"]
    assert 0 < figures["codecs"]["corpus"]["wavtokenizer"]["contrast"]["mean"] < 1


def test_the_card_is_rendered_from_the_figures_alone(figures) -> None:
    card = render(json.loads(json.dumps(figures)))
    assert figures["prompts"]["prompt"] in card and figures["recipe"]["command"] in card
    assert "srfm: " in card and str(Path.home()) not in card
    assert not re.search(r"\b(nan|None)\b|[{}]", card.split("## What was measured")[1])


def test_a_stopped_run_makes_only_what_is_missing(figures, setting, cache, monkeypatch) -> None:
    made: list[GenerationRequest] = []
    generate = Pipeline.generate_batch
    monkeypatch.setattr(
        Pipeline, "generate_batch", lambda self, asked: made.extend(asked) or generate(self, asked)
    )
    again = Bench(setting, cache)
    assert command.measure(again, only=("prompts",))["prompts"] == figures["prompts"]
    assert not made
    wanted = again.request(prompt_of(again.held_out[1]), 1)
    before = next(again.generated([wanted]))
    again._clip(again._asked(wanted)).unlink()
    for part in (cache / "parts").glob("prompts-*"):
        part.unlink()
    assert command.measure(again, only=("prompts",))["prompts"] == figures["prompts"]
    assert made == [wanted]
    after = next(again.generated([wanted]))
    assert np.array_equal(after.tokens, before.tokens)
    assert np.array_equal(after.sound.samples, before.sound.samples)


def test_tokens_without_flow_sound_as_the_variant_without_flow(setting, cache) -> None:
    bench = Bench(setting, cache)
    [made] = bench.generated([bench.request(prompt_of(bench.held_out[0]))])
    twin = without_flow(bench.pipeline, made.tokens, 10.0)
    inner = slice(200, -200)  # the pipeline fades the first and last 5 ms
    assert twin.samples.shape == made.sound.samples.shape
    assert np.abs(twin.samples - made.sound.samples)[:, inner].max() < 1e-5


def test_what_is_asked_by_name_is_an_error_when_it_lacks_something(setting, cache, capsys) -> None:
    with pytest.raises(InputError, match="no flow"):
        command.measure(Bench(setting, cache), only=("srfm",))
    with pytest.raises(InputError, match="render it with --seed 100000"):
        Bench(
            Setting(VARIANT, setting.corpus, setting.corpus, (), setting.captions, 1, 1), cache
        ).pieces(1)
    with pytest.raises(InputError, match="choose from codecs"):
        command.main(["--only", "melody"])
