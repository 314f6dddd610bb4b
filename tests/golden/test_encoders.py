"""Our networks give what the published ones give for the same drawn weights and sounds.

`record_encoders.py` says which packages made the vectors.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from drawn_state import sound, state
from safetensors.torch import save_file

from core.errors import FailureError, InputError
from evaluation.metrics.encoders import mulan
from evaluation.metrics.encoders.audiobox import AXES, SCALES, Audiobox, AudioboxSizes
from evaluation.metrics.encoders.mert import KINDS, Mert, MertKind
from evaluation.metrics.encoders.mulan import Mulan, MulanSizes
from evaluation.metrics.encoders.muq import Muq, MuqSizes
from evaluation.metrics.encoders.muq_eval import MuqEval
from evaluation.metrics.mauve import mauve, regions
from evaluation.metrics.weights import Weights

VECTORS = Path(__file__).with_name("vectors") / "encoders"
MUQ_SIZES = MuqSizes(channels=8, width=32, layers=2, heads=4, inner=48)
AUDIOBOX_SIZES = AudioboxSizes(width=32, layers=2, heads=4, inner=48, channels=16)
MULAN_SIZES = MulanSizes(
    muq=MUQ_SIZES, latent=16, bert_width=24, bert_layers=1, bert_heads=4, bert_inner=32, tokens=90
)
CAPTION = [0, 35, 7, 81, 12, 2]
TOLERANCE = 2e-5


def vectors(name: str) -> dict[str, np.ndarray]:
    with np.load(VECTORS / f"{name}.npz", allow_pickle=False) as arrays:
        return dict(arrays)


def tensors(name: str) -> dict[str, torch.Tensor]:
    """The drawn state in the published layout."""
    shapes = json.loads((VECTORS / f"{name}.json").read_text())
    return {key: torch.from_numpy(value) for key, value in state(shapes).items()}


def saved(folder: Path, name: str, kept: dict[str, torch.Tensor]) -> Weights:
    path = folder / name
    save_file(kept, path) if path.suffix == ".safetensors" else torch.save(kept, path)
    return Weights(path, "", official=False)


def close(found: np.ndarray, golden: np.ndarray) -> None:
    assert found.shape == golden.shape
    assert np.linalg.norm(found - golden) <= TOLERANCE * np.linalg.norm(golden)


def test_audiobox_rates_as_its_package(tmp_path):
    model = Audiobox(saved(tmp_path, "w.safetensors", tensors("audiobox")), sizes=AUDIOBOX_SIZES)
    rated = model.ratings(sound(12.3, 16_000))
    means, deviations = np.array([SCALES[axis] for axis in AXES]).T
    close((rated - means) / deviations, vectors("audiobox")["ratings"])
    first = model.ratings(sound(12.3, 16_000)[:160_000])
    close((first - means) / deviations, vectors("audiobox")["windows"][0])


@pytest.mark.parametrize("name", ["mert-norm-last", "mert-norm-first"])
def test_mert_s_hidden_states(name, tmp_path):
    published = KINDS["mert-330m" if name.endswith("first") else "mert-95m"]
    first = published.norm_first
    kind = MertKind(published.checkpoint, 32, 2, 4, 48, first, published.normalises, channels=16)
    model = Mert(saved(tmp_path, "w.bin", tensors(name)), kind)
    for layer, golden in enumerate(vectors(name).values()):
        close(model.hidden(sound(1.5, 24_000), layer), golden)
    with pytest.raises(InputError, match="choose 0 to 2"):
        model.hidden(sound(1.5, 24_000), 3)


def test_muq_s_hidden_states(tmp_path):
    model = Muq(saved(tmp_path, "w.safetensors", tensors("muq")), sizes=MUQ_SIZES)
    for layer, golden in enumerate(vectors("muq").values()):
        close(model.hidden(sound(1.5, 24_000), layer), golden)


@pytest.fixture
def tokenizer(tmp_path, monkeypatch):
    """A tokenizer of 90 words at the place of XLM-RoBERTa's."""
    from tokenizers import Tokenizer, models, pre_tokenizers

    words = {f"w{number}": number for number in range(90)}
    made = Tokenizer(models.WordLevel(words, unk_token="w3"))
    made.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    made.save(str(tmp_path / "tokenizer.json"))
    monkeypatch.setattr(
        mulan, "try_to_load_from_cache", lambda *_: str(tmp_path / "tokenizer.json")
    )


def test_mulan_hears_and_reads_as_its_package(tmp_path, tokenizer):
    model = Mulan(saved(tmp_path, "w.bin", tensors("mulan")), sizes=MULAN_SIZES)
    golden = vectors("mulan")
    close(model.audio(sound(11.0, 24_000)), golden["audio"])
    caption = " ".join(f"w{token}" for token in CAPTION)
    # with a longer neighbour, which muq's own padding would mix in
    [read, other] = model.text([caption, f"{caption} {caption}"])
    close(read, golden["text"])
    assert not np.allclose(read, other, atol=1e-3)
    with pytest.raises(InputError, match="90 tokens, not 91"):
        sizes = MulanSizes(muq=MUQ_SIZES, tokens=91)
        Mulan(saved(tmp_path, "w.bin", tensors("mulan")), sizes=sizes)


def test_mulan_s_towers_may_have_no_layers(tmp_path, tokenizer):
    kept = {k: v for k, v in tensors("mulan").items() if "text.transformer" not in k}
    model = Mulan(saved(tmp_path, "w.bin", kept), sizes=MULAN_SIZES)
    [read] = model.text(["w35 w7"])
    network = model.network
    hidden = network.text.model(input_ids=torch.tensor([[35, 7]])).last_hidden_state
    latent = network.text_to_latents(hidden.mean(dim=1))[0]
    close(read, (latent / latent.norm()).numpy())
    with pytest.raises(InputError, match="text tower.*lacks"):
        del kept["mulan.text_to_latents.weight"]
        Mulan(saved(tmp_path, "w.bin", kept), sizes=MULAN_SIZES)


def test_mulan_says_which_tokenizer_to_fetch(tmp_path, monkeypatch):
    monkeypatch.setattr(mulan, "try_to_load_from_cache", lambda *_: None)
    with pytest.raises(FailureError, match="hf download xlm-roberta-base tokenizer.json"):
        Mulan(Weights(tmp_path / "w.bin", "", official=False))


def test_muq_eval_rates_as_its_authors_network(tmp_path):
    model = MuqEval(saved(tmp_path, "w.pt", tensors("muq-eval")), sizes=MUQ_SIZES)
    audio = sound(10, 24_000)
    close(model.ratings(audio), vectors("muq-eval")["ratings"])
    tail = np.concatenate([audio, audio[: 4 * 24_000]])
    assert model.ratings(tail) == pytest.approx(model.ratings(audio), rel=1e-6)


@pytest.mark.parametrize("change", ["missing", "more", "size"])
def test_another_network_s_state_is_refused(change, tmp_path):
    kept = tensors("audiobox")
    name = "proj_layer.PQ.12.weight"
    if change == "missing":
        del kept[name]
    elif change == "more":
        kept["proj_layer.XX.0.weight"] = torch.zeros(2)
    else:
        kept[name] = torch.zeros(1, 31)
    with pytest.raises(InputError, match="Audiobox aesthetics weights.*proj_layer"):
        Audiobox(saved(tmp_path, "w.safetensors", kept), sizes=AUDIOBOX_SIZES)


def test_programs_in_a_checkpoint_are_refused(tmp_path):
    path = tmp_path / "w.bin"
    torch.save({"a": torch.zeros(2), "run": shutil.rmtree}, path)
    with pytest.raises(InputError, match="more than tensors"):
        Mert(Weights(path, "", official=False), "mert-95m")
    (tmp_path / "w.safetensors").write_bytes(path.read_bytes())
    with pytest.raises(InputError, match="more than tensors"):
        Muq(Weights(tmp_path / "w.safetensors", "", official=False), sizes=MUQ_SIZES)


def test_mauve_s_regions_and_its_area():
    golden = vectors("mauve")
    own, real = regions(golden["generated"], golden["reference"], seed=0)
    assert np.allclose(np.sort(own), golden["own"], atol=1e-7)
    assert np.allclose(np.sort(real), golden["real"], atol=1e-7)
    assert mauve(own, real) == pytest.approx(float(golden["mauve"]), rel=1e-6)
    assert mauve(own, own) == pytest.approx(1, abs=1e-4)
    assert mauve(own, real) == pytest.approx(mauve(real, own), abs=1e-12)
    with pytest.raises(InputError, match="at least 20"):
        regions(golden["generated"][:19], golden["reference"], seed=0)
    with pytest.raises(InputError, match="all zeros"):
        regions(golden["generated"] * 0, golden["reference"], seed=0)
