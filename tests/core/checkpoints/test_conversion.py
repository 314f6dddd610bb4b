"""Released layout <-> ours: equal tensors, equal key sets, ties and config files kept."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from core.checkpoints import opening, studio_layout
from core.checkpoints.assembly import COMPONENTS
from core.checkpoints.conversion import convert
from core.checkpoints.official.layout import OFFICIAL
from core.errors import InputError

GOLDEN = Path(__file__).resolve().parents[4] / "shared" / "golden" / "official"
FILES = [str(Path(at.folder) / at.file) for at in OFFICIAL.values()]


def leaves(value: Any, at: tuple = ()) -> Iterator[tuple[tuple, Any]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from leaves(inner, (*at, key))
    else:
        yield at, value


def read(path: Path) -> dict[tuple, Any]:
    return dict(leaves(torch.load(path, weights_only=True, mmap=True)))


def ties(found: dict[tuple, Any]) -> set[frozenset]:
    """Groups of keys that share storage."""
    groups: dict[int, set] = {}
    for key, value in found.items():
        if isinstance(value, torch.Tensor):
            groups.setdefault(value.untyped_storage().data_ptr(), set()).add(key)
    return {frozenset(group) for group in groups.values()}


def assert_same_folder(first: Path, second: Path) -> None:
    for name in FILES:
        before, after = read(first / name), read(second / name)
        assert list(before) == list(after)
        assert ties(before) == ties(after)
        for key, value in before.items():
            if isinstance(value, torch.Tensor):
                assert value.dtype == after[key].dtype, key
                assert torch.equal(value, after[key]), key
            else:
                assert value == after[key]
    small = {p.relative_to(first) for p in first.rglob("*.*") if p.suffix in (".json", ".yaml")}
    assert small
    for name in small:
        assert (first / name).read_bytes() == (second / name).read_bytes()


def prepared(folder: Path) -> Path:
    """With everything a release may have besides: mixed dtypes, discriminators, a tokenizer."""
    path = folder / "wavtokenizer" / "model.pt"
    stored = torch.load(path, weights_only=True)
    stored["state_dict"]["multiperioddisc.0.weight"] = torch.randn(3)
    stored["pytorch-lightning_version"] = "1.8.6"
    stored["state_dict"] = {
        k: v.half() if i % 2 else v for i, (k, v) in enumerate(stored["state_dict"].items())
    }
    torch.save(stored, path)
    (folder / "tokenizer.json").write_text("{}")
    torch.save({}, folder / "model.safetensors")
    return folder


def test_there_and_back_again(official_folder, tmp_path) -> None:
    source = prepared(official_folder)
    assert convert(source, tmp_path / "ours") == "studio"
    assert convert(tmp_path / "ours", tmp_path / "back") == "official"
    assert_same_folder(source, tmp_path / "back")
    assert not (tmp_path / "back" / "model.safetensors").exists()
    assert len(next(g for g in ties(read(tmp_path / "back" / "llm.pt")) if len(g) > 1)) == 3


@pytest.mark.skipif(not GOLDEN.is_dir(), reason="no ../shared/golden/official")
def test_there_and_back_again_with_files_of_the_official_code(tmp_path) -> None:
    convert(GOLDEN, tmp_path / "ours")
    convert(tmp_path / "ours", tmp_path / "back")
    assert_same_folder(GOLDEN, tmp_path / "back")


def test_both_layouts_load_the_same_model(official_folder, tmp_path) -> None:
    convert(official_folder, tmp_path / "ours")
    for component in COMPONENTS:
        before = opening.open_component(official_folder, component)
        after = opening.open_component(tmp_path / "ours", component)
        assert before.config == after.config
        for name, value in before.state_dict().items():
            assert torch.equal(value, after.state_dict()[name]), name


def test_loading_ours_never_reads_what_only_travels(official_folder, tmp_path) -> None:
    convert(official_folder, tmp_path / "ours")
    shutil.rmtree(tmp_path / "ours" / "official")
    for component in COMPONENTS:
        opening.open_component(tmp_path / "ours", component)


def test_a_model_that_never_was_released_is_written_afresh(official_folder, tmp_path) -> None:
    convert(official_folder, tmp_path / "ours")
    shutil.rmtree(tmp_path / "ours" / "official")
    convert(tmp_path / "ours", tmp_path / "fresh")
    for name in FILES:
        before, after = read(official_folder / name), read(tmp_path / "fresh" / name)
        assert before.keys() == after.keys()
        for key, value in before.items():
            if isinstance(value, torch.Tensor):
                assert value.shape == after[key].shape, key
    for component in COMPONENTS:
        assert opening.config_of(official_folder, component) == opening.config_of(
            tmp_path / "fresh", component
        )


def test_a_dtype_casts_what_is_used(official_folder, tmp_path) -> None:
    convert(official_folder, tmp_path / "ours", torch.bfloat16)
    stored = studio_layout.tensors(tmp_path / "ours" / "language_model.safetensors")
    assert {v.dtype for v in stored.values()} == {torch.bfloat16}
    opening.open_component(tmp_path / "ours", "language_model")


def test_another_architecture_cannot_be_written_as_released(tmp_path) -> None:
    from core.wavtokenizer import WavTokenizer, WavTokenizerConfig

    model = WavTokenizer(
        WavTokenizerConfig(
            hop=16,
            encoder="logmel",
            quantizer="factorised",
            feature_dim=16,
            codebook_size=8,
            mel_bands=8,
            mel_n_fft=64,
            encoder_dim=16,
            encoder_intermediate=16,
            encoder_layers=1,
            n_fft=64,
            decoder_dim=16,
            decoder_intermediate=16,
            decoder_layers=1,
            decoder_bandwidths=0,
            decoder_pos_net=False,
        )
    )
    studio_layout.save(tmp_path / "ours", "wavtokenizer", model)
    with pytest.raises(InputError, match="official layout"):
        convert(tmp_path / "ours", tmp_path / "out")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["ours"]


def test_a_damaged_source_leaves_nothing_behind(official_folder, tmp_path) -> None:
    (official_folder / "flow.pt").write_bytes(b"PK")
    before = sorted(p.name for p in tmp_path.iterdir())
    with pytest.raises(InputError, match="cut short"):
        convert(official_folder, tmp_path / "ours")
    assert sorted(p.name for p in tmp_path.iterdir()) == before
    with pytest.raises(InputError, match="exists already"):
        convert(official_folder, official_folder)


def test_our_damaged_folder_says_so(official_folder, tmp_path) -> None:
    ours = tmp_path / "ours"
    convert(official_folder, ours)
    weights = ours / "hificodec.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match="cut short"):
        opening.open_component(ours, "hificodec")
    settings = json.loads((ours / "config.json").read_text())
    settings["components"]["language_model"]["hidden"] = 26
    (ours / "config.json").write_text(json.dumps(settings))
    with pytest.raises(InputError, match="the config says"):
        opening.open_component(ours, "language_model")
