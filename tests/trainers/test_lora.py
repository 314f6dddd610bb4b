"""LoRA: what is trained is narrow, what comes out is a plain model."""

from __future__ import annotations

import copy
import json

import numpy as np
import pytest
import torch

from core.checkpoints import studio_layout
from core.language_model import LanguageModelBatch
from core.pipeline import Pipeline
from core.requests.request import GenerationRequest
from tests.trainers import tiny
from trainers.__main__ import main
from trainers.lora import Adapters, LoraConfig
from trainers.runs import config as run_config
from trainers.runs.loop import Loop

LORA = {"lora": {"rank": 4, "alpha": 8}}


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lora")
    tiny.shards(folder / "shards")
    tiny.model_folder(folder / "base", folder / "shards/tokenizer.json")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STUDIO_WORK", str(folder))
        yield folder


def outputs(task: str, model: torch.nn.Module) -> torch.Tensor:
    """What the model makes of fixed input."""
    draw = torch.Generator().manual_seed(3)
    tokens = torch.randint(64, (2, 30), generator=draw)
    if task == "language_model":
        example = [tiny.example(row.tolist()) for row in tokens]
        sequence = model.embed(LanguageModelBatch.pad(example))
        return model.head(model.backbone(sequence.inputs))
    noise = torch.randn(2, 8, 60, generator=draw)
    return model.generate(tokens, frames=60, noise=noise)


@pytest.mark.parametrize("task", ["language_model", "srfm"])
@torch.no_grad()
def test_merged_equals_unmerged(work, task):
    run = run_config.read(
        tiny.write(work / f"{task}.yml", tiny.RUNS[task], tiny.data_of(work, task))
    )
    model = run_config.task_of(run).model.eval()
    plain = copy.deepcopy(model)
    adapters = Adapters(model, LoraConfig(4, 8), "backbone." if task == "language_model" else "")
    torch.testing.assert_close(outputs(task, model), outputs(task, plain))  # zero at the start
    for matrix in adapters.parameters():
        torch.nn.init.normal_(matrix, std=0.2, generator=torch.Generator().manual_seed(5))
    merged = adapters.merged()
    unmerged = outputs(task, model.eval())
    difference = (outputs(task, merged) - unmerged).abs().max().item()
    print(f"{task}: merged and unmerged LoRA differ by at most {difference:.2e}")
    assert difference < 1e-5
    assert (unmerged - outputs(task, plain)).abs().max() > 1e-3
    assert set(merged.state_dict()) == set(plain.state_dict())


@pytest.mark.parametrize("kind", ["full", "lora"])
def test_a_fine_tuned_model_loads_and_sounds(work, kind, monkeypatch, capsys):
    """Full or LoRA, stopped and resumed, through `assemble --base` to the pipeline."""
    monkeypatch.setenv("STUDIO_MODELS", str(work / "models"))
    data = {"start_from": str(work / "base"), "shards": str(work / "shards")}
    run = {
        **tiny.LANGUAGE_MODEL,
        "model": {},
        "training": {**tiny.LANGUAGE_MODEL["training"], **(LORA if kind == "lora" else {})},
    }
    config = tiny.write(work / f"{kind}.yaml", run, data)
    out = work / "runs" / kind
    for steps in (4, 10):
        settings = run_config.read(tiny.write(config, run, data, loop={"steps": steps}))
        loop = Loop(run_config.task_of(settings), settings.loop, out, settings.raw)
        loop.run()
    trained = sum(p.numel() for group in loop.task.groups.values() for p in group)
    whole = sum(p.numel() for p in studio_layout.load(work / "base", "language_model").parameters())
    assert (trained < 0.6 * whole) == (kind == "lora")
    log = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    validations = [row["cross_entropy"] for row in log if row["kind"] == "validation"]
    assert validations[-1] < validations[0]
    assert (
        main(
            [
                "assemble",
                str(out / "best"),
                str(work / "models" / kind),
                "--base",
                str(work / "base"),
                "--name",
                kind,
                "--dtype",
                "float32",
            ]
        )
        == 0
    )
    tuned = studio_layout.load(work / "models" / kind, "language_model").state_dict()
    base = studio_layout.load(work / "base", "language_model").state_dict()
    changed = {name for name, value in tuned.items() if not torch.equal(value, base[name])}
    assert changed and (kind == "full" or all(name.startswith("backbone.") for name in changed))
    made = Pipeline.load(kind).generate(GenerationRequest("calm piano", 1.0, kind, seed=1))
    assert len(made.samples) == 24000 and np.isfinite(made.samples).all()
