"""The language model on small random weights: layout, learning, decoding."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest
import torch

from core.checkpoints.official import language_model as official
from core.errors import InputError
from core.language_model import (
    IGNORED,
    DecodeRequest,
    LanguageModel,
    LanguageModelBatch,
    LanguageModelConfig,
    LanguageModelExample,
    PackedModel,
    decode,
    sections_within,
    time_embedding,
)

CONFIG = LanguageModelConfig(
    hidden=48,
    layers=3,
    heads=4,
    kv_heads=2,
    head_dim=16,
    mlp=64,
    text_vocabulary=60,
    audio_vocabulary=40,
)
SECTIONS = ((0, 0.0, 4.0), (2, 4.0, 9.5))
REFERENCE = Path(__file__).resolve().parents[3] / "shared" / "reference"


def built(**changes: object) -> LanguageModel:
    torch.manual_seed(5)
    model = LanguageModel(dataclasses.replace(CONFIG, **changes))
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() > 1:
                parameter.mul_(8)  # opinions strong enough to tell contexts apart
    return model


@pytest.fixture(scope="module")
def model() -> LanguageModel:
    return built()


def request(**changes: object) -> DecodeRequest:
    base = DecodeRequest(text_ids=(5, 9, 31, 2), sections=SECTIONS, max_tokens=20, top_k=15)
    return dataclasses.replace(base, **changes)


def tokens(model: LanguageModel, *requests: DecodeRequest, **options: object) -> list[list[int]]:
    steps = list(decode(model, requests, **options))
    return [[s.tokens[i] for s in steps if s.tokens[i] is not None] for i in range(len(requests))]


def example(text: int, audio: int, sections: int) -> LanguageModelExample:
    draw = torch.Generator().manual_seed(text * 100 + audio)
    return LanguageModelExample(
        torch.randint(0, 60, (text,), generator=draw).tolist(),
        torch.randint(0, 40, (audio,), generator=draw).tolist(),
        [(i, 2.0 * i, 2.0 * i + 2) for i in range(sections)],
    )


def test_sequence_layout(model: LanguageModel) -> None:
    one, other = example(4, 6, 2), example(0, 3, 1)
    batch = LanguageModelBatch.pad([one, other])
    sequence = model.embed(batch)
    assert sequence.lengths.tolist() == [1 + 6 + 4 + 1 + 6, 1 + 3 + 0 + 1 + 3]
    times = [
        time_embedding(torch.tensor([s[k] for s in one.sections]).double(), CONFIG.hidden)
        for k in (1, 2)
    ]
    expected = torch.cat(
        (
            model.marker_embedding.weight[:1],
            *[t.float() for t in times],
            model.structure_embedding.weight[[s[0] for s in one.sections]],
            model.text_embedding.weight[list(one.text_ids)],
            model.marker_embedding.weight[1:],
            model.audio_embedding.weight[list(one.audio_ids)],
        )
    )
    assert torch.equal(sequence.inputs[0], expected)
    targets = model.targets(batch, sequence.lengths)
    for row, piece in enumerate((one, other)):
        first = int(sequence.lengths[row]) - len(piece.audio_ids) - 1
        wanted = [IGNORED] * first + [*piece.audio_ids, CONFIG.end_token]
        wanted += [IGNORED] * (targets.shape[1] - len(wanted))
        assert targets[row].tolist() == wanted


def test_padding_teaches_nothing(model: LanguageModel) -> None:
    examples = [example(4, 9, 2), example(0, 5, 1), example(7, 3, 3)]
    together, _ = model.loss(LanguageModelBatch.pad(examples))
    alone = [model.loss(LanguageModelBatch.pad([e]))[0] for e in examples]
    counts = torch.tensor([len(e.audio_ids) + 1.0 for e in examples])
    assert torch.allclose(together, (torch.stack(alone) * counts).sum() / counts.sum(), atol=1e-4)
    noisy = dataclasses.replace(
        batch := LanguageModelBatch.pad(examples), structures=batch.structures.clone()
    )
    noisy.structures[1, 1:] = -1
    assert torch.equal(model.loss(noisy)[0], together)


def test_learns_a_pattern() -> None:
    torch.manual_seed(0)
    learner = LanguageModel(CONFIG)
    piece = LanguageModelExample([3], [1, 2, 3, 4] * 5, [(0, 0.0, 1.0)])
    batch = LanguageModelBatch.pad([piece] * 2)
    optimiser = torch.optim.AdamW(learner.parameters(), lr=5e-3)
    first = None
    for _ in range(60):
        with torch.autocast("cpu", torch.bfloat16):
            loss, accuracy = learner.loss(batch)
        first = first or loss.item()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert loss.item() < 0.2 * first and float(accuracy) > 0.9
    asked = DecodeRequest((3,), ((0, 0.0, 1.0),), max_tokens=30, temperature=0, guidance=1.0)
    assert tokens(learner, asked) == [[1, 2, 3, 4] * 5]
    loss, _ = learner.loss(batch)  # decoding fused the weights; they can still be trained
    loss.backward()


@pytest.mark.parametrize("guidance", [1.0, 3.0])
@pytest.mark.parametrize("prompt", [(), (7, 7, 30)])
def test_cached_equals_recomputed(model: LanguageModel, guidance: float, prompt: tuple) -> None:
    asked = request(guidance=guidance, prompt=prompt, min_tokens=20)
    audio = list(prompt)
    for step in decode(model, [asked]):
        rows = [LanguageModelExample(text, audio, SECTIONS) for text in (asked.text_ids, ())]
        with torch.no_grad():
            last = []
            for row in rows:
                inputs = model.embed(LanguageModelBatch.pad([row])).inputs
                last.append(model.logits(inputs)[0, -1])
        mixed = guidance * last[0] + (1 - guidance) * last[1]
        mixed = mixed.log_softmax(-1)
        barred = step.log_probabilities[0].isneginf()
        assert barred.tolist() == [False] * 40 + [True]
        near = torch.isclose(step.log_probabilities[0], mixed, atol=1e-3)
        assert bool(near[:40].all())
        audio.append(step.tokens[0])


@pytest.mark.parametrize("dtype", ["fp32", "bf16", "int8"])
def test_a_request_does_not_depend_on_its_neighbours(model: LanguageModel, dtype: str) -> None:
    model = PackedModel(model, dtype)
    several = [
        request(seed=1, min_tokens=20),
        request(text_ids=tuple(range(30)), seed=2),
        request(guidance=1.0, seed=3, top_p=0.8, max_tokens=31, sections=SECTIONS[:1]),
        request(prompt=(4, 5, 6, 7, 8), seed=1, temperature=0.7, top_k=3),
    ]
    alone = [tokens(model, r)[0] for r in several]
    assert tokens(model, *several) == alone
    assert tokens(model, *several[::-1]) == alone[::-1]


@pytest.mark.parametrize(("dtype", "spread"), [("bf16", 0.05), ("int8", 0.25)])
def test_fewer_bits_change_log_probabilities_little(
    model: LanguageModel, dtype: str, spread: float
) -> None:
    # Small weights, as trained ones are: these errors are not amplified by a peaked softmax.
    torch.manual_seed(1)
    calm = LanguageModel(CONFIG)
    asked = request(min_tokens=1, max_tokens=1)
    exact = next(decode(calm, [asked])).log_probabilities
    near = next(decode(PackedModel(calm, dtype), [asked])).log_probabilities
    error = (exact - near)[:, :40].abs().max()
    assert 0 < error < spread * exact[:, :40].std()


def test_releasing_keeps_what_decoding_needs(model: LanguageModel) -> None:
    torch.manual_seed(1)
    first, second = LanguageModel(CONFIG), LanguageModel(CONFIG)
    second.load_state_dict(first.state_dict())
    released = PackedModel(second, "int8", release=True)
    assert all(p.is_meta for p in second.backbone.layers.parameters())
    assert tokens(released, request()) == tokens(PackedModel(first, "int8"), request())


def test_seeds_decide(model: LanguageModel) -> None:
    asked = request(min_tokens=20, seed=11)
    assert tokens(model, asked) == tokens(model, asked)
    assert tokens(model, asked) != tokens(model, request(min_tokens=20, seed=12))


def test_lengths(model: LanguageModel) -> None:
    eager = LanguageModel(CONFIG)
    eager.load_state_dict(model.state_dict())
    with torch.no_grad():
        eager.head.bias[CONFIG.end_token] = 50.0  # always wants to stop
    assert [len(t) for t in tokens(eager, request(min_tokens=6), request(min_tokens=0))] == [6, 0]
    assert len(tokens(eager, request(min_tokens=20))[0]) == 20
    steps = list(decode(eager, [request(min_tokens=20), request(min_tokens=2)]))
    assert [s.ended for s in steps[:4]] == [(False, False)] * 2 + [(False, True)] * 2
    assert steps[-1].ended == (True, True)


@pytest.mark.parametrize("guidance", [1.0, 3.0])
def test_tokens_keep_to_their_slots(model: LanguageModel, guidance: float) -> None:
    """However hot: a token of another slot would shift all that follow by one."""
    slotted = LanguageModel(dataclasses.replace(CONFIG, slots=4))
    slotted.load_state_dict(model.state_dict())
    hot = request(min_tokens=30, max_tokens=30, temperature=5.0, top_k=0, guidance=guidance)
    begun = dataclasses.replace(hot, prompt=(3, 12, 25))
    for asked in (hot, begun):
        [written] = tokens(slotted, asked)
        places = range(len(asked.prompt), len(asked.prompt) + 30)
        assert [t // 10 for t in written] == [place % 4 for place in places]
    assert len({t % 10 for t in written}) > 5  # a slot's codes are all still open
    with pytest.raises(InputError, match="slots"):
        dataclasses.replace(CONFIG, slots=7)


def test_stopping_half_way_gives_the_same_beginning(model: LanguageModel) -> None:
    asked = request(min_tokens=20)
    whole, part = tokens(model, asked)[0], []
    for step in decode(model, [asked]):
        part.append(step.tokens[0])
        if len(part) == 7:
            break
    assert part == whole[:7]
    assert not torch.is_inference_mode_enabled()


@pytest.mark.parametrize("dtype", ["fp32", "bf16", "int8"])
@pytest.mark.parametrize("compat", [None, "official"])
def test_long_prompts_stay_finite(model: LanguageModel, dtype: str, compat: str | None) -> None:
    # The unconditional row has no text: a gap longer than a block of the attention kernel.
    asked = [request(text_ids=(1,) * 1200, max_tokens=4, min_tokens=4)]
    asked.append(request(max_tokens=4, min_tokens=4))
    for step in decode(PackedModel(model, dtype), asked, compat=compat):
        assert bool(step.log_probabilities[:, :40].isfinite().all())


def test_bounded_context_reads_prefix_and_latest_audio(model: LanguageModel) -> None:
    # At 3 tokens a second the plan of 9.5 s spans several contexts of 8 tokens.
    bounded = LanguageModel(dataclasses.replace(CONFIG, context_tokens=8, token_rate=3.0))
    bounded.load_state_dict(model.state_dict())
    asked, audio, held, start = request(max_tokens=30, min_tokens=30), [], 0, 0
    for step in decode(bounded, [asked]):
        last = []
        for text in (asked.text_ids, ()):
            plan = sections_within(SECTIONS, start / 3.0, (start + 8) / 3.0)
            context = LanguageModelExample(text, audio[start:], plan)
            with torch.no_grad():
                inputs = model.embed(LanguageModelBatch.pad([context])).inputs
                last.append(model.logits(inputs)[0, -1])
        mixed = (3 * last[0] - 2 * last[1]).log_softmax(-1)
        assert torch.allclose(step.log_probabilities[0, :40], mixed[:40], atol=1e-3)
        audio.append(step.tokens[0])
        held = held + 1 if held < 8 else 4  # full: anew from the last half
        start = len(audio) - held


def test_the_plan_moves_with_the_context() -> None:
    plan = ((0, 0.0, 4.0), (2, 4.0, 9.5), (4, 9.5, 12.0))
    assert sections_within(plan, 0.0, 20.0) == plan
    assert sections_within(plan, 3.0, 9.5) == ((0, 0.0, 1.0), (2, 1.0, 6.5))
    assert sections_within(plan, 13.0, 15.0) == ((4, 0.0, 2.0),)


def test_short_pieces_ignore_the_bound(model: LanguageModel) -> None:
    bounded = LanguageModel(dataclasses.replace(CONFIG, context_tokens=20))
    bounded.load_state_dict(model.state_dict())
    assert tokens(bounded, request()) == tokens(model, request())


@pytest.mark.parametrize(
    "wrong",
    [
        {"sections": ()},
        {"max_tokens": 0},
        {"min_tokens": 21},
        {"guidance": float("nan")},
        {"top_p": 0.0},
        {"top_k": -1},
        {"temperature": -1.0},
    ],
)
def test_bad_requests(wrong: dict) -> None:
    with pytest.raises(InputError):
        request(**wrong)


def test_unknown_ids_are_named(model: LanguageModel) -> None:
    for wrong in ({"text_ids": (60,)}, {"prompt": (40,)}, {"sections": ((5, 0.0, 1.0),)}):
        with pytest.raises(InputError, match="this model knows 0.."):
            next(decode(model, [request(**wrong)]))


QWEN = {
    "0.5B": dict(
        hidden_size=896,
        num_hidden_layers=24,
        num_attention_heads=14,
        num_key_value_heads=2,
        intermediate_size=4864,
    ),
    "1.5B": dict(
        hidden_size=1536,
        num_hidden_layers=28,
        num_attention_heads=12,
        num_key_value_heads=2,
        intermediate_size=8960,
    ),
}


@pytest.mark.parametrize("size", sorted(QWEN))
def test_full_sizes_have_the_official_names_and_shapes(size: str) -> None:
    listing = REFERENCE / "official-state-dict.txt"
    if not listing.is_file():
        pytest.skip("no ../shared/reference/official-state-dict.txt")
    section = listing.read_text().split(f"### llm.pt {size}")[1].split("###")[0]
    shapes: dict[str, tuple[int, ...]] = {}
    for name, shape, count in re.findall(r"^(\S+)  \[([\d, ]+)\] \S+  x(\d+)", section, re.M):
        for layer in range(int(count)):
            shapes[name.replace("{n}", str(layer))] = tuple(map(int, shape.split(",")))
    sizes = official.config_from(
        QWEN[size] | {"vocab_size": 151936, "rope_theta": 1e6, "rms_norm_eps": 1e-6}, 4096
    )
    with torch.device("meta"):
        ours = {k: tuple(v.shape) for k, v in LanguageModel(sizes).state_dict().items()}
    table = official.MAP.to_ours(shapes)
    assert {table[k]: shapes[k] for k in table} == ours
    unused = {k for k in shapes if k not in table}
    assert unused == set(official.ALIASES) | {
        "spk_embed_affine_layer.weight",
        "spk_embed_affine_layer.bias",
    }
    unique = sum(torch.Size(s).numel() for k, s in shapes.items() if k not in official.ALIASES)
    assert f"unique params {unique:,}" in section
