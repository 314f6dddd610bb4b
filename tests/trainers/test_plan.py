"""The page of memory and time covers every stage, codecs too."""

from __future__ import annotations

import pytest

from core.checkpoints import studio_layout
from trainers import plan, run_config


@pytest.mark.parametrize("name", ["nano-wavtokenizer", "nano-hificodec", "nano-language-model",
                                  "nano-srfm"])
def test_a_step_is_computed_from_the_config_alone(name, tmp_path, monkeypatch):
    monkeypatch.setenv("STUDIO_WORK", str(tmp_path))
    run = run_config.read(plan.CONFIGS / f"{name}.yaml")
    step = plan.step_of(run)
    model = studio_layout.component_class(run.task)[0](run_config.config_of(run))
    assert step.parameters == sum(p.numel() for p in model.parameters())
    assert step.state_bytes >= 4 * 5 * step.parameters
    assert step.activation_bytes > 0 and step.flops > 0
