"""The page of memory and time covers every stage, codecs too."""

from __future__ import annotations

import json

import pytest

from core.checkpoints import studio_layout
from core.errors import InputError
from trainers import estimate, estimate_measured, memory
from trainers.__main__ import main
from trainers.runs import config as run_config
from trainers.runs.processes import Processes

PAPER = sorted((estimate.CONFIGS / "paper").glob("*.yaml"))
SIZES = {
    "0.5b": 501e6,
    "1.5b": 1556e6,
    "nano": 4.1e6,
    "wavtokenizer": 71.8e6,
    "hificodec": 64.7e6,
    "srfm": 75.4e6,
}  # parameters that are trained


@pytest.mark.parametrize(
    "name", ["nano-wavtokenizer", "nano-hificodec", "nano-language-model", "nano-srfm"]
)
def test_a_step_is_computed_from_the_config_alone(name, tmp_path, monkeypatch):
    monkeypatch.setenv("STUDIO_WORK", str(tmp_path))
    run = run_config.read(estimate.CONFIGS / f"{name}.yaml")
    step = estimate.step_of(run)
    model = studio_layout.component_class(run.task)[0](run_config.config_of(run))
    assert step.parameters == sum(p.numel() for p in model.parameters())
    assert step.state_bytes >= 4 * 5 * step.parameters
    assert step.activation_bytes > 0 and step.flops > 0


@pytest.mark.parametrize("path", PAPER, ids=lambda path: path.stem)
def test_every_stage_of_the_paper_is_a_config_that_can_be_planned(path, tmp_path, monkeypatch):
    monkeypatch.setenv("STUDIO_WORK", str(tmp_path))
    run = run_config.read(path)
    training = run_config.training_of(run)
    step = estimate.step_of(run)
    size = next(size for name, size in SIZES.items() if path.stem.startswith(name))
    assert step.parameters == pytest.approx(size, rel=0.05)
    assert training.metric_clips > 0 and run.loop.sample_every < run.loop.steps
    if run.task == "language_model":
        number = int(path.stem.split("-")[1])
        assert (training.drop_text == 1.0) == (number == 1)  # audio alone at first
        before = str(run.data.get("start_from", ""))
        assert f"-{number - 1}-" in before if number > 1 else not before
        assert (tmp_path / "runs") in run.data["wavtokenizer"].parents


def test_a_whole_runs_log_is_read_beside_what_is_computed(tmp_path, monkeypatch):
    monkeypatch.setenv("STUDIO_WORK", str(tmp_path))
    assert estimate_measured.whole_run("nano-srfm") is None
    (tmp_path / "runs/nano-srfm").mkdir(parents=True)
    row = {"kind": "train", "step": 50, "seconds": 75.0, "left_seconds": 1.0, "srfm_loss": 1.0}
    (tmp_path / "runs/nano-srfm/log.jsonl").write_text(json.dumps(row) + "\n")
    assert estimate_measured.whole_run("nano-srfm") == 1.5


def test_a_stage_that_does_not_fit_is_refused_with_what_would_make_it_fit(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.setenv("STUDIO_WORK", str(tmp_path))
    path = str(estimate.CONFIGS / "nano-language-model.yaml")
    assert main(["estimate", path, "--memory-gib", "16"]) == 0
    assert main(["estimate", path, "--memory-gib", "0.1"]) == 2
    told = capsys.readouterr().err
    assert "needs" in told and "0.1 are there" in told and "gradient_checkpointing: true" in told


def test_a_run_that_needs_more_memory_than_is_there_does_not_start(tmp_path, monkeypatch):
    monkeypatch.setenv("STUDIO_WORK", str(tmp_path))
    run = run_config.read(estimate.CONFIGS / "paper/0.5b-1-audio.yaml")
    monkeypatch.setattr(memory, "available_bytes", lambda device: 2 * 2**30)
    with pytest.raises(InputError, match="memory language_model: needs .* GiB.*2.0 are there"):
        memory.require_fit(run, Processes())
