"""Many processes, packing, accumulation: the same training as in one process, whole and padded."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from core import audio, variants
from core.checkpoints import studio_layout
from core.errors import InputError
from core.language_model import (
    LanguageModel,
    LanguageModelBatch,
    LanguageModelConfig,
    LanguageModelExample,
)
from tests.trainers import tiny
from trainers.data.shards import TokenizedPiece, write_pieces
from trainers.runs import config as run_config
from trainers.runs import folder as run_folder
from trainers.runs.loop import Loop

ROOT = Path(__file__).parents[3]


def losses(folder: Path) -> np.ndarray:
    rows = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return np.array([row["generator_loss"] for row in rows if row["kind"] == "train"])


def train(config: Path, out: Path) -> Loop:
    run = run_config.read(config)
    loop = Loop(run_config.task_of(run), run.loop, out, run.raw)
    loop.run()
    return loop


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scale")
    tiny.shards(folder / "shards")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STUDIO_WORK", str(folder))
        yield folder


def test_packed_pieces_give_the_padded_loss_and_gradients():
    torch.manual_seed(0)
    model = LanguageModel(LanguageModelConfig(32, 2, 4, 2, 8, 48, 50, 30))
    draw = np.random.default_rng(0)
    examples = [
        LanguageModelExample(
            draw.integers(50, size=n),
            draw.integers(30, size=t),
            [(k % 5, 0.0, 1.0 + k) for k in range(s)],
        )
        for n, t, s in ((3, 40, 1), (0, 7, 2), (12, 25, 1), (5, 1, 3))
    ]
    found = []
    for packed in (False, True):
        model.zero_grad()
        loss, accuracy = model.loss(LanguageModelBatch.pad(examples), packed)
        loss.backward()
        found.append((loss.detach(), accuracy, [p.grad.clone() for p in model.parameters()]))
    (padded, hits, gradients), (loss, accuracy, others) = found
    assert abs(padded.item() - loss.item()) < 1e-5 and float(hits) == float(accuracy)
    assert all(torch.allclose(a, b, atol=1e-5) for a, b in zip(gradients, others))


def test_a_packed_step_holds_crops_of_several_lengths(work):
    config = tiny.write(
        work / "packed.yml",
        tiny.LANGUAGE_MODEL,
        tiny.data_of(work, "language_model"),
        training={"packed": True, "batch_tokens": 1000},
    )
    task = run_config.task_of(run_config.read(config))
    drawn = [task.examples(step)[0] for step in range(10)]
    lengths = [[len(e.audio_ids) for e in examples] for examples in drawn]
    assert all(sum(step) <= 1000 and len(step) >= 5 for step in lengths)
    assert any(len(set(step)) > 1 for step in lengths)


@pytest.mark.parametrize("kind", ["language_model", "srfm"])
def test_accumulated_parts_give_the_whole_batch(work, kind):
    short = {"steps": 4, "validate_every": 99, "sample_every": 99}
    found = []
    for parts in (1, 3):
        config = tiny.write(
            work / "parts.yml",
            tiny.RUNS[kind],
            tiny.data_of(work, kind),
            training={"gradient_accumulation": parts},
            loop=short,
        )
        found.append(losses(train(config, work / f"{kind}-{parts}-parts").folder))
    np.testing.assert_allclose(*found, atol=1e-5)


def test_recomputed_activations_give_the_same_weights(work):
    states = []
    for recompute in (False, True):
        config = tiny.write(
            work / "again.yml",
            tiny.LANGUAGE_MODEL,
            tiny.data_of(work, "language_model"),
            training={"gradient_checkpointing": recompute},
            loop={"steps": 3},
        )
        loop = train(config, work / f"recompute-{recompute}")
        states.append(loop.task.model.state_dict())
    assert all(torch.equal(states[0][k], states[1][k]) for k in states[0])


def nano_alone(folder: Path) -> dict[str, str]:
    """Data of a run that begins with nano's own language model, and shards of its tokens."""
    nano = variants.folder_of(variants.get("nano"))
    studio_layout.save(
        folder / "nano", "language_model", studio_layout.load(nano, "language_model")
    )
    shutil.copyfile(nano / "tokenizer.json", folder / "nano/tokenizer.json")
    draw = np.random.default_rng(0)
    write_pieces(
        folder / "nano-shards",
        [
            TokenizedPiece(
                split,
                split,
                ("calm piano",),
                (("verse", 0.0, 8.0),),
                draw.integers(1024, size=600),
                None,
                {},
            )
            for split in ("train", "validation")
        ],
        "pieces",
    )
    return {"start_from": str(folder / "nano"), "shards": str(folder / "nano-shards")}


def test_two_processes_train_as_one(work):
    """Language model, SRFM, and sharded language models (a tiny one, which is heard too, and nano)
    that are saved and loaded midway."""
    steps = {"steps": 6, "validate_every": 3, "sample_every": 99}
    folder = work / "two"
    folder.mkdir()
    tiny.model_folder(work / "codec", work / "shards/tokenizer.json")
    named = tiny.shards(work / "named", facts=True)
    configs = [
        tiny.write(
            folder / "contrast.yaml",
            tiny.LANGUAGE_MODEL,
            {"shards": str(named), "text_tokenizer": str(named / "tokenizer.json")},
            loop=steps,
            training={"caption_contrast": 0.5, "gradient_accumulation": 2},
        ),
        tiny.write(
            folder / "language_model.yaml",
            tiny.LANGUAGE_MODEL,
            tiny.data_of(work, "language_model"),
            loop=steps,
        ),
        tiny.write(
            folder / "packed.yaml",
            tiny.LANGUAGE_MODEL,
            {**tiny.data_of(work, "language_model"), "wavtokenizer": str(work / "codec")},
            loop={**steps, "shard": True},
            training={"packed": True, "gradient_checkpointing": True},
        ),
        tiny.write(
            folder / "nano.yaml",
            {**tiny.LANGUAGE_MODEL, "model": {}},
            nano_alone(work),
            loop={**steps, "steps": 4, "shard": True},
            training={"crop_seconds": [1.92], "crop_weights": [1.0]},
        ),
        tiny.write(folder / "srfm.yaml", tiny.SRFM, tiny.data_of(work, "srfm"), loop=steps),
    ]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    shared = {
        **os.environ,
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "WORLD_SIZE": "2",
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": str(ROOT),
    }
    children = [
        subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("two_processes.py")), str(folder)],
            text=True,
            stderr=subprocess.PIPE,
            env={**shared, "RANK": str(n), "LOCAL_RANK": str(n)},
        )
        for n in range(2)
    ]
    errors = [child.communicate(timeout=600)[1] for child in children]
    assert [child.returncode for child in children] == [0, 0], errors
    for config in configs:
        run = run_config.read(config)
        alone = tiny.write(folder / "one.yml", run.raw, run.raw["data"], loop={"shard": False})
        one = train(alone, folder / f"{config.stem}-one")
        two = folder / f"{config.stem}-two"
        np.testing.assert_allclose(losses(two), losses(one.folder), atol=1e-4)
        assert len(losses(two)) == run.loop.steps
        for name in ("last", "best"):
            ours = studio_layout.load(one.folder / name, run.task).state_dict()
            theirs = studio_layout.load(two / name, run.task).state_dict()
            assert all(torch.allclose(ours[k], theirs[k], atol=1e-3) for k in ours)
    [sample] = run_folder.samples_at(folder / "packed-two", 6)
    assert audio.rms(audio.read(sample.file).samples) > 0


def test_codecs_refuse_several_processes_and_shares_too_small(work):
    from trainers.runs.processes import Processes

    tiny.store(work / "store-24000", 24000)
    run = run_config.read(
        tiny.write(work / "codec.yml", tiny.WAVTOKENIZER, tiny.data_of(work, "wavtokenizer"))
    )
    with pytest.raises(InputError, match="runs in one"):
        run_config.task_of(run).place(Processes(2, 0), shard=False)
    run = run_config.read(
        tiny.write(work / "small.yml", tiny.LANGUAGE_MODEL, tiny.data_of(work, "language_model"))
    )
    with pytest.raises(InputError, match="a longest crop each"):
        run_config.task_of(run).place(Processes(8, 0), shard=False)
