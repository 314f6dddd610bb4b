"""Table 1 and the ablations as configs; what is missing says so."""

from __future__ import annotations

import pytest
import yaml

from core import variants
from core.errors import InputError
from evaluation.benchmark.plan_file import SHIPPED

# Name, sample rate, flow, super-resolution: Table 1, then the ablations of Tables 2, 8 and 9.
TABLE = (
    ("inspiremusic-0.5b-no-flow", 24000, False, False),
    ("inspiremusic-0.5b-24khz", 24000, True, False),
    ("inspiremusic-0.5b", 48000, True, True),
    ("inspiremusic-1.5b-no-flow", 24000, False, False),
    ("inspiremusic-1.5b-24khz", 24000, True, False),
    ("inspiremusic-1.5b", 48000, True, True),
    ("inspiremusic-1.5b-long-no-flow", 24000, False, False),
    ("inspiremusic-1.5b-long", 48000, True, True),
    ("inspiremusic-1.5b-long-cascade", 48000, True, True),
    ("inspiremusic-1.5b-long-24khz", 24000, True, False),
)


@pytest.mark.parametrize(("name", "rate", "flow", "super_resolution"), TABLE)
def test_table_1_and_the_ablations(name, rate, flow, super_resolution) -> None:
    variant = variants.get(name)
    assert (variant.sample_rate, variant.flow, variant.super_resolution) == (
        rate, flow, super_resolution)
    assert variant.context_seconds == (480 if "long" in name else 30)
    assert ("srfm" in variant.components) == flow


def test_every_variant_of_the_shipped_plans_exists() -> None:
    named = {system["variant"] for plan in SHIPPED.glob("*.yaml")
             for system in yaml.safe_load(plan.read_text())["systems"] if "variant" in system}
    assert named and named <= set(variants.VARIANTS)


def test_the_cascade_shares_its_parents_folder() -> None:
    for name in ("inspiremusic-1.5b-long", "nano"):
        parent, cascade = variants.get(name), variants.get(f"{name}-cascade")
        assert (cascade.folder, cascade.hub) == (parent.folder, parent.hub)


def test_a_folder_that_nobody_released_says_what_to_put_together(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("STUDIO_MODELS", str(tmp_path))
    with pytest.raises(InputError, match=r"InspireMusic-1\.5B-Long-24kHz.*llm\.pt") as caught:
        variants.folder_of(variants.get("inspiremusic-1.5b-long-24khz"))
    assert str(tmp_path) in str(caught.value)
