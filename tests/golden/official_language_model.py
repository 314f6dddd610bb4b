"""The language model against the official code's vectors: every llm field of the folder."""

from __future__ import annotations

import functools
import json

import golden_folder
import pytest
import torch
from torch import Tensor

from core.checkpoints import inert_yaml
from core.checkpoints.official import language_model as official
from core.language_model import (
    DecodeRequest,
    LanguageModel,
    LanguageModelBatch,
    candidates,
    decode,
    time_embedding,
)
from core.pipeline import OFFICIAL_LEAST_SHARE

FOLDER = golden_folder.official()
TOKEN_RATE = 75  # of every model, whatever the hop of these small ones says


@functools.cache
def vectors() -> dict[str, Tensor]:
    return golden_folder.official_vectors("llm")


@functools.cache
def model() -> LanguageModel:
    with torch.device("meta"):
        built = LanguageModel(official.config(FOLDER))
    weights = {k: v.float().clone() for k, v in official.state_dict(FOLDER).items()}
    built.load_state_dict(weights, strict=True, assign=True)
    return built


def having(suffix: str) -> list[str]:
    """Names of the cases that have a field of this suffix, without it."""
    names = sorted(k[: -len(suffix)] for k in vectors() if k.endswith(suffix))
    assert names, f"the folder holds no vector named *{suffix}"
    return names


def test_every_kind_of_vector_is_there() -> None:
    for prefix in ("train_", "t2m_", "cont_", "nocfg_", "topk_", "nucleus_", "time_embedding_"):
        assert any(k.startswith(prefix) for k in vectors()), f"no {prefix}* vector"


def test_checkpoint_keys_and_ties() -> None:
    stored = torch.load(FOLDER / official.FILE, map_location="cpu", weights_only=True, mmap=True)
    table = official.MAP.to_ours(stored)
    assert set(table.values()) == set(model().state_dict())
    assert official.MAP.to_official(stored) == {v: k for k, v in table.items()}
    for alias, original in official.ALIASES.items():
        if alias in stored:
            assert torch.equal(stored[alias], stored[original])
    own = model().state_dict()
    for theirs, ours in table.items():
        assert torch.equal(stored[theirs].float(), own[ours]), theirs


def training_batch(case: str) -> LanguageModelBatch:
    """A dropped case shares the inputs of the case it was made from."""

    def field(name: str) -> Tensor:
        own = vectors().get(f"{case}_{name}")
        return own if own is not None else vectors()[f"{case.removesuffix('drop')}_{name}"]

    structures = field("chorus").long()
    return LanguageModelBatch(
        text_ids=field("text_token").long(),
        text_lengths=field("text_token_len").long(),
        audio_ids=field("semantic_token").long(),
        audio_lengths=field("semantic_token_len").long(),
        starts=field("time_start"),
        ends=field("time_end"),
        structures=structures,
        section_counts=(structures >= 0).sum(1),
    )


@pytest.mark.parametrize("case", having("_lm_input"))
def test_teacher_forcing(case: str) -> None:
    batch, want = training_batch(case), vectors()
    with torch.no_grad():
        sequence = model().embed(batch)
        logits = model().logits(sequence.inputs)
    assert torch.equal(sequence.lengths, want[f"{case}_lm_input_len"].long())
    assert torch.equal(model().targets(batch, sequence.lengths), want[f"{case}_lm_target"].long())
    for row, length in enumerate(sequence.lengths.tolist()):
        near(sequence.inputs[row, :length], want[f"{case}_lm_input"][row, :length], 1e-6)
        if f"{case}_logits" in want:
            near(logits[row, :length], want[f"{case}_logits"][row, :length], 1e-4)


@pytest.mark.parametrize("case", having("_loss"))
def test_loss_and_gradients(case: str) -> None:
    want, learner = vectors(), model()
    learner.zero_grad(set_to_none=True)
    loss, accuracy = learner.loss(training_batch(case))
    loss.backward()
    near(loss.detach(), want[f"{case}_loss"].squeeze(), 1e-5)
    near(accuracy, want[f"{case}_acc"].squeeze(), 1e-6)
    gradients = {n: p.grad for n, p in learner.named_parameters() if p.grad is not None}
    learner.zero_grad(set_to_none=True)
    norm = torch.stack([g.double().norm() for g in gradients.values()]).norm()
    near(norm, want[f"{case}_grad_l2_total"].squeeze(), 1e-3)
    for theirs, ours in (
        ("speech_embedding", "audio_embedding.weight"),
        ("llm_decoder_bias", "head.bias"),
    ):
        if f"{case}_grad_{theirs}" in want:
            near(gradients[ours], want[f"{case}_grad_{theirs}"], 1e-5)


@pytest.mark.parametrize("case", having("_tokens"))
def test_greedy_decoding(case: str) -> None:
    def field(name: str, default: Tensor | None = None) -> Tensor:
        return vectors().get(f"{case}_{name}", default)

    structures = field("chorus").flatten().tolist()
    starts, ends = field("time_start").flatten().tolist(), field("time_end").flatten().tolist()
    least, most = field("min_len_max_len").tolist()
    prompt = field("audio_token", torch.zeros(0, dtype=torch.int64)).flatten().tolist()
    request = DecodeRequest(
        text_ids=tuple(field("text_token").flatten().tolist()),
        prompt=tuple(prompt),
        sections=tuple(zip(structures, starts, ends)),
        min_tokens=least,
        max_tokens=most,
        guidance=float(field("infer_cfg_ratio")),
        temperature=0.0,
    )
    random = [field(f"uncond_{n}_embed") for n in ("time_start", "time_end", "chorus")]
    given = None
    if request.guided:
        given = [torch.stack([v.reshape(len(structures), -1).float() for v in random])]
    steps = list(decode(model(), [request], compat="official", random_vectors=given))
    assert [s.tokens[0] for s in steps if s.tokens[0] is not None] == field("tokens").tolist()
    logp = torch.cat([s.log_probabilities for s in steps])
    want = field("logp")
    assert torch.equal(logp[: len(want)].isneginf(), want.isneginf())
    near(logp[: len(want)].nan_to_num(neginf=0.0), want.nan_to_num(neginf=0.0), 2e-4)
    first, second = logp[: len(want)].topk(2).values.unbind(-1)
    near((first - second).min(), field("margin").squeeze(), 4e-4)
    seconds = float(field("duration_to_gen"))
    assert [least, most] == [
        int(OFFICIAL_LEAST_SHARE * seconds * TOKEN_RATE),
        int(seconds * TOKEN_RATE),
    ]


@pytest.mark.parametrize("case", having("_filtered"))
def test_top_k(case: str) -> None:
    scores, want = vectors()[f"{case}_logp_in"], vectors()[f"{case}_filtered"]
    ids, kept = candidates(scores[None], vectors()[f"{case}_k"].long(), torch.ones(1))
    filtered = torch.full_like(scores, -torch.inf).scatter(0, ids[0], kept[0])
    assert torch.equal(filtered, want)
    near(filtered.softmax(-1), vectors()[f"{case}_probs"], 1e-6)


@pytest.mark.parametrize("case", having("_top_p_top_k"))
def test_nucleus(case: str) -> None:
    scores = vectors()[f"{case}_logp_in"]
    top_p, top_k = vectors()[f"{case}_top_p_top_k"]
    ids, kept = candidates(scores[None], top_k[None].long(), top_p[None])
    stays = ~kept[0].isneginf()
    want_ids = vectors()[f"{case}_kept_ids_sorted"]
    want = vectors()[f"{case}_kept_probs_sorted"]
    assert ids[0][stays].tolist() == want_ids.tolist()
    near(scores.softmax(-1)[ids[0][stays]], want, 1e-6)
    near(kept[0][stays].softmax(-1), want / want.sum(), 1e-6)


@pytest.mark.parametrize("case", [k for k in vectors() if k.startswith("time_embedding_in")])
def test_time_embedding(case: str) -> None:
    suffix = case.removeprefix("time_embedding_in")
    want = vectors()["time_embedding_out_fp16" + suffix.replace("_f", "_from_f")]
    got = time_embedding(vectors()[case], want.shape[-1])
    assert got.dtype == torch.float16
    assert torch.equal(got, want)


def test_sizes_come_from_the_folder() -> None:
    sizes = official.config(FOLDER)
    qwen = json.loads((FOLDER / "config.json").read_text())
    settings = inert_yaml.load(FOLDER / "inspiremusic.yaml")
    assert sizes.hidden == qwen["hidden_size"] == settings["llm_input_size"]
    assert sizes.audio_vocabulary == settings["llm"]["audio_token_size"]


def near(got: Tensor, want: Tensor, tolerance: float) -> None:
    torch.testing.assert_close(got.double(), want.double(), atol=tolerance, rtol=0)
