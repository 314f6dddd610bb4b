"""Table 1 and the ablations as configs; what is missing says so."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
import yaml

from core import command, variants
from core.checkpoints import studio_layout
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
        rate,
        flow,
        super_resolution,
    )
    assert variant.context_seconds == (480 if "long" in name else 30)
    assert ("srfm" in variant.components) == flow


def test_every_variant_of_the_shipped_plans_exists() -> None:
    named = {
        system["variant"]
        for plan in SHIPPED.glob("*.yaml")
        for system in yaml.safe_load(plan.read_text())["systems"]
        if "variant" in system
    }
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


def own_model(folder, base=None, **more):
    """A model folder of two of nano's parts."""
    nano = json.loads((variants.ASSETS / "nano/config.json").read_text())
    names = ("wavtokenizer", "language_model")
    nano["components"] = {name: nano["components"][name] for name in names}
    folder.mkdir(parents=True)
    for name in names:
        (folder / f"{name}.safetensors").write_bytes(b"weights")
    about = {"name": folder.name, **({"base": base} if base else {})}
    (folder / "config.json").write_text(json.dumps({**nano, "about": about, **more}))


def test_own_models_are_listed_without_torch(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("STUDIO_MODELS", str(tmp_path))
    own_model(tmp_path / "wesnoth", base="nano")
    own_model(tmp_path / "nano")  # a shipped name is the shipped model
    own_model(tmp_path / "broken", components={"wavtokenizer": {"sample_rate": 24000}})
    (tmp_path / "notes").mkdir()
    (tmp_path / "torn").mkdir()
    (tmp_path / "torn/config.json").write_text("{")
    known = variants.known()
    assert list(known) == [*variants.VARIANTS, "wesnoth"]
    assert known["wesnoth"] == variants.get("wesnoth")
    assert variants.get("nano").folder == "assets/nano"
    assert (known["wesnoth"].sample_rate, known["wesnoth"].default_structure) == (24000, "verse")
    assert variants.installed(known["wesnoth"])
    (tmp_path / "wesnoth/wavtokenizer.safetensors").unlink()
    assert not variants.installed(variants.get("wesnoth"))
    with pytest.raises(InputError, match="wesnoth"):
        variants.get("unheard-of")
    code = (
        "import sys; from core import variants; print('wesnoth' in variants.known(), "
        "'torch' in sys.modules)"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.split() == ["True", "False"]


def test_the_command_lists_own_models(tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.setenv("STUDIO_MODELS", str(tmp_path))
    own_model(tmp_path / "wesnoth")
    assert command.main(["variants", "--json"]) == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert rows["wesnoth"]["installed"] and rows["wesnoth"]["sample_rate"] == 24000


@pytest.mark.parametrize("name", ["nano", "nano-no-flow", "nano-cascade", "nano-long"])
def test_nanos_parameters_are_those_of_its_files(name):
    variant = variants.get(name)
    if not variants.installed(variant):
        pytest.skip("assets/nano holds no weights")
    folder = variants.folder_of(variant)
    counted = sum(
        tensor.numel()
        for component in variant.components
        for tensor in studio_layout.tensors(folder / f"{component}.safetensors").values()
    )
    assert variant.parameters == f"{counted / 1e6:.0f}M"
