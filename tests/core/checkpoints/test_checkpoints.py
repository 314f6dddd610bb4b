"""Model folders of the released layout: opened strictly, mapped from disk, errors in one line."""

from __future__ import annotations

import json
import os
import pickle
import random
import shutil
import sys
import types
from collections import OrderedDict
from pathlib import Path

import pytest
import torch

from core.checkpoints import opening, torch_file
from core.checkpoints.assembly import COMPONENTS
from core.checkpoints.keymap import KeyMap
from core.checkpoints.official.layout import OFFICIAL
from core.errors import InputError

WEIGHTS = {c: str(Path(at.folder) / at.file) for c, at in OFFICIAL.items()}


class Trap:
    """Unpickling it would leave a file behind."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple:
        return os.mkdir, (str(self.path),)


def one_line(error: pytest.ExceptionInfo) -> str:
    text = str(error.value)
    assert "\n" not in text and len(text) < 400
    return text


def test_every_component_opens_with_the_sizes_of_its_files(official_folder, small_configs) -> None:
    assert opening.layout_of(official_folder) == "official"
    assert set(opening.components_of(official_folder)) == set(COMPONENTS)
    for component in COMPONENTS:
        model = opening.open_component(official_folder, component)
        assert model.config == small_configs[component]
        assert not model.training
        tensors = [*model.parameters(), *model.buffers()]
        assert not any(t.is_meta for t in tensors)
        assert not any(t.requires_grad for t in tensors)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_mixed_stored_dtypes_are_cast(official_folder, dtype) -> None:
    path = official_folder / "llm.pt"
    stored = torch.load(path, weights_only=True)
    kinds = (torch.float16, torch.bfloat16, torch.float32)
    mixed = {k: v.to(kinds[i % 3]) for i, (k, v) in enumerate(stored.items())}
    torch.save(mixed, path)
    model = opening.open_component(official_folder, "language_model", dtype)
    assert {p.dtype for p in model.parameters()} == {dtype}
    assert torch.equal(model.head.bias, mixed["llm_decoder.bias"].to(dtype))


@pytest.mark.skipif(not Path("/proc/self/maps").is_file(), reason="needs /proc")
def test_tensors_of_the_wanted_dtype_stay_mapped_from_the_file(official_folder) -> None:
    model = opening.open_component(official_folder, "language_model")
    spans = [
        line.split()[0].split("-")
        for line in Path("/proc/self/maps").read_text().splitlines()
        if line.endswith(str(official_folder / "llm.pt"))
    ]
    for parameter in model.parameters():
        at = parameter.data_ptr()
        assert any(int(low, 16) <= at < int(high, 16) for low, high in spans)


def test_no_tensor_is_left_over(official_folder) -> None:
    for component, at in OFFICIAL.items():
        path = official_folder / WEIGHTS[component]
        for key in at.table.tensors(torch_file.read(path), path):
            ours = at.table.MAP.our_name(key)  # raises for an unknown key
            assert (
                ours is None
                or at.table.official_name(ours, opening.config_of(official_folder, component))
                == key
            )


@pytest.mark.parametrize("component", COMPONENTS)
def test_missing_weights(official_folder, component) -> None:
    (official_folder / WEIGHTS[component]).unlink()
    assert component not in opening.components_of(official_folder)
    with pytest.raises(InputError, match="lacks") as error:
        opening.open_component(official_folder, component)
    assert WEIGHTS[component] in one_line(error)


@pytest.mark.parametrize("name", ["inspiremusic.yaml", "config.json"])
def test_missing_config(official_folder, name) -> None:
    (official_folder / name).unlink()
    with pytest.raises(InputError, match=name) as error:
        opening.open_component(official_folder, "language_model")
    one_line(error)


@pytest.mark.parametrize("keep", [0, 1, 100, 0.5, 0.99])
@pytest.mark.parametrize("component", COMPONENTS)
def test_truncated_weights(official_folder, component, keep) -> None:
    path = official_folder / WEIGHTS[component]
    whole = path.read_bytes()
    path.write_bytes(whole[: int(keep * len(whole)) if isinstance(keep, float) else keep])
    with pytest.raises(InputError, match="cut short|pickled") as error:
        opening.open_component(official_folder, component)
    assert path.name in one_line(error)


def test_flipped_bytes_never_raise_anything_but_one_line(official_folder) -> None:
    path = official_folder / "llm.pt"
    whole = path.read_bytes()
    draw = random.Random(0)
    for _ in range(40):
        at = draw.randrange(4000)  # the archive's first entry: names and shapes
        path.write_bytes(whole[:at] + bytes([draw.randrange(256)]) + whole[at + 1 :])
        try:
            opening.open_component(official_folder, "language_model")
        except InputError as error:
            assert "\n" not in str(error)


def test_wrong_shape(official_folder) -> None:
    path = official_folder / "llm.pt"
    stored = torch.load(path, weights_only=True)
    torch.save({**stored, "llm_decoder.bias": torch.zeros(7)}, path)
    with pytest.raises(InputError, match=r"head\.bias.*\(7,\).*\(31,\)") as error:
        opening.open_component(official_folder, "language_model")
    one_line(error)


def test_a_missing_and_an_unknown_tensor(official_folder) -> None:
    path = official_folder / "flow.pt"
    stored = torch.load(path, weights_only=True)
    torch.save({**stored, "surprise.weight": torch.zeros(1)}, path)
    with pytest.raises(InputError, match=r"surprise\.weight"):
        opening.open_component(official_folder, "srfm")
    torch.save({k: v for k, v in stored.items() if k != "input_embedding.weight"}, path)
    with pytest.raises(InputError, match=r"token_embedding\.weight.*missing"):
        opening.open_component(official_folder, "srfm")


@pytest.mark.parametrize("raw", [False, True])
@pytest.mark.parametrize("component", COMPONENTS)
def test_pickled_content_is_refused_and_not_run(official_folder, tmp_path, component, raw) -> None:
    path, trap = official_folder / WEIGHTS[component], Trap(tmp_path / "sprung")
    stored = torch.load(path, weights_only=True)
    if raw:
        path.write_bytes(pickle.dumps({**stored, "extra": trap}))
    else:
        torch.save({**stored, "extra": trap}, path)
    with pytest.raises(InputError, match="nothing in it was run") as error:
        opening.open_component(official_folder, component)
    one_line(error)
    assert not trap.path.exists()


def test_a_training_frameworks_settings_beside_the_tensors_are_no_hindrance(
    tmp_path, monkeypatch
) -> None:
    """As a Lightning checkpoint holds them; the framework need not be installed to read it."""
    framework = types.ModuleType("pytorch_lightning")
    settings = type("AttributeDict", (dict,), {"__module__": "pytorch_lightning"})
    framework.AttributeDict = settings
    path = tmp_path / "model.pt"
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "pytorch_lightning", framework)
        torch.save({"state_dict": {"w": torch.ones(2)}, "hyper_parameters": settings(a=1)}, path)
    stored = torch_file.read(path)
    assert torch.equal(stored["state_dict"]["w"], torch.ones(2))
    assert type(stored["hyper_parameters"]) is OrderedDict


def test_a_file_of_an_old_torch_opens(tmp_path) -> None:
    path = tmp_path / "old.pt"
    torch.save({"w": torch.ones(2)}, path, _use_new_zipfile_serialization=False)
    assert torch.equal(torch_file.read(path)["w"], torch.ones(2))


@pytest.mark.parametrize(
    "tag",
    [
        "!!python/object/apply:os.mkdir",
        "!!python/name:os.mkdir",
        "!!python/object/new:os.mkdir",
        "!!python/module:os",
    ],
)
def test_a_yaml_that_constructs_is_refused_and_not_run(official_folder, tmp_path, tag) -> None:
    path, sprung = official_folder / "inspiremusic.yaml", tmp_path / "sprung"
    path.write_text(f"{path.read_text()}\ntrap: {tag} [{sprung}]\n")
    with pytest.raises(InputError, match="yaml tag") as error:
        opening.open_component(official_folder, "language_model")
    one_line(error)
    assert not sprung.exists()


def test_the_released_yamls_own_tags_run_nothing(official_folder, tmp_path) -> None:
    path, sprung = official_folder / "inspiremusic.yaml", tmp_path / "sprung"
    path.write_text(f"__seed: !apply:os.mkdir [{sprung}]\n{path.read_text()}")
    opening.open_component(official_folder, "language_model")
    assert not sprung.exists()


@pytest.mark.parametrize("component", COMPONENTS)
@pytest.mark.parametrize("other", COMPONENTS)
def test_the_weights_of_another_model(official_folder, component, other) -> None:
    if component == other:
        pytest.skip("the right weights")
    shutil.copyfile(official_folder / WEIGHTS[other], official_folder / (WEIGHTS[component] + "x"))
    os.replace(official_folder / (WEIGHTS[component] + "x"), official_folder / WEIGHTS[component])
    with pytest.raises(InputError) as error:
        opening.open_component(official_folder, component)
    assert "another model" in one_line(error)


def test_a_folder_of_another_kind(tmp_path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        opening.layout_of(tmp_path / "nowhere")
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "llama"}))
    with pytest.raises(InputError, match="neither"):
        opening.layout_of(tmp_path)
    (tmp_path / "inspiremusic.yaml").write_text("llm: {audio_token_size: 4}\n")
    (tmp_path / "llm.pt").touch()
    with pytest.raises(InputError, match="model_type llama"):
        opening.open_component(tmp_path, "language_model")


def test_a_map_refuses_two_tensors_of_one_name_and_names_without_a_rule() -> None:
    table = KeyMap(
        rules=((r"a\.(\d+)\.(weight|bias)", "x.{0}.{1}"), (r"b\.(\d+)\.bias", "x.{0}.bias"))
    )
    assert table.official_name("x.3.weight") == "a.3.weight"
    with pytest.raises(InputError, match="two tensors"):
        table.to_ours(["a.1.bias", "b.1.bias"])
    with pytest.raises(InputError, match="no name in the official layout"):
        table.official_name("y.3.weight")
