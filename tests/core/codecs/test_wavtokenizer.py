"""WavTokenizer's kinds: shapes, chunks, gradients, learning, and the official full size."""

from __future__ import annotations

import dataclasses
import itertools
import json
import math
import re
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from core.checkpoints.official.wavtokenizer import MAP
from core.errors import InputError
from core.nn.codebook import codebook_usage
from core.nn.mel import LogMel
from core.wavtokenizer import WavTokenizer, WavTokenizerConfig

LOCAL = WavTokenizerConfig(
    encoder="logmel",
    quantizer="factorised",
    feature_dim=48,
    codebook_size=256,
    encoder_dim=48,
    encoder_intermediate=96,
    encoder_layers=2,
    encoder_kernel=3,
    decoder_dim=64,
    decoder_intermediate=128,
    decoder_layers=2,
    decoder_kernel=3,
    decoder_bandwidths=0,
    decoder_pos_net=False,
)
SEANET = WavTokenizerConfig(
    hop=32,
    ratios=(4, 4, 2),
    feature_dim=32,
    codebook_size=64,
    seanet_filters=4,
    n_fft=128,
    mel_n_fft=128,
    decoder_dim=32,
    decoder_intermediate=48,
    decoder_layers=2,
)
KINDS = {
    "local": LOCAL,
    "official": SEANET,
    "seanet-factorised": dataclasses.replace(SEANET, quantizer="factorised"),
    "magnitude": dataclasses.replace(LOCAL, head="magnitude"),
    "logmel-euclidean": dataclasses.replace(LOCAL, quantizer="euclidean"),
}
STATE_DICT = (
    Path(__file__).resolve().parents[3].parent / "shared" / "reference" / "official-state-dict.txt"
)


def build(config: WavTokenizerConfig) -> WavTokenizer:
    torch.manual_seed(0)
    return WavTokenizer(config)


def melodies(count: int, seconds: float, generator: torch.Generator) -> Tensor:
    """Decaying harmonic notes at random pitches and onsets, [count, 1, T] at 24 kHz."""
    time = torch.arange(int(seconds * 24000)) / 24000
    shape = (count, 6, 1)
    pitch = 65 * 2 ** (torch.randint(0, 48, shape, generator=generator) / 12)
    since = time - torch.rand(shape, generator=generator) * seconds
    decay = 1 + 8 * torch.rand(shape, generator=generator)
    envelope = (since > 0) * torch.exp(-since.clamp(min=0) * decay)
    notes = sum(torch.sin(2 * math.pi * k * pitch * time) / k for k in range(1, 9)) * envelope
    return 0.1 * notes.sum(1, keepdim=True) + 0.001 * torch.randn(
        count, 1, len(time), generator=generator
    )


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_keeps_frames_and_samples_aligned(kind: str) -> None:
    model = build(KINDS[kind]).eval()
    for samples in (1, model.hop - 1, model.hop, 7 * model.hop + 3):
        frames = math.ceil(samples / model.hop)
        tokens = model.encode(torch.randn(2, 1, samples) * 0.1)
        assert tokens.shape == (2, frames) and tokens.dtype == torch.int64
        assert 0 <= tokens.min() and tokens.max() < model.codebook_size
        assert model.embed(tokens).shape == (2, model.config.feature_dim, frames)
        audio = model.decode(tokens)
        assert audio.shape == (2, 1, frames * model.hop) and audio.isfinite().all()


@pytest.mark.parametrize("kind", KINDS)
def test_training_pass_agrees_with_encode_and_reaches_every_parameter(kind: str) -> None:
    model = build(KINDS[kind])
    audio = torch.randn(2, 1, 40 * model.hop) * 0.1
    model.initialise_codebook(model.features(audio).detach())
    output = model.eval()(audio)
    assert torch.equal(output.tokens, model.encode(audio))
    decoded = model.head.training_output(model.backbone(model.embed(output.tokens)))
    torch.testing.assert_close(output.decoded, decoded, atol=1e-5, rtol=0)
    output = model.train()(audio)
    (output.decoded.square().mean() + output.codebook_loss).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None and parameter.grad.isfinite().all(), name
        assert parameter.grad.abs().sum() > 0 or "key.bias" in name, name


def test_unquantized_pass_gives_no_tokens_and_no_codebook_loss() -> None:
    for config in KINDS.values():
        output = build(config)(torch.randn(1, 1, 8 * config.hop), quantize=False)
        assert output.tokens is None and output.codebook_loss == 0


@torch.no_grad()
def test_decoding_in_overlapping_chunks_equals_the_whole() -> None:
    model = build(LOCAL).eval()
    context, frames, step = model.context_frames, 90, 20
    tokens = torch.randint(0, model.codebook_size, (1, frames))
    parts = []
    for start in range(0, frames, step):
        left = max(0, start - context)
        chunk = model.decode(tokens[:, left : start + step + context])
        parts.append(chunk[..., (start - left) * model.hop :][..., : step * model.hop])
    chunked = torch.cat(parts, dim=-1)[..., : frames * model.hop]
    torch.testing.assert_close(chunked, model.decode(tokens), atol=1e-5, rtol=0)


@torch.no_grad()
def test_slots_share_the_codebook_and_decode_in_chunks_of_whole_groups() -> None:
    model = build(replace(LOCAL, slots=4)).eval()
    share = model.codebook_size // 4
    audio = melodies(2, 1.0, torch.Generator().manual_seed(1))[..., : 70 * model.hop]
    tokens = model.encode(audio)  # [2, 70], the last group incomplete
    assert tokens.shape == (2, 70)
    assert torch.equal(tokens // share, (torch.arange(70) % 4).expand(2, -1))
    whole, context = model.decode(tokens), model.context_frames
    assert context % 4 == 0 and whole.shape[-1] == 70 * model.hop
    for start in range(0, 70, 20):
        left = max(0, start - context)
        chunk = model.decode(tokens[:, left : start + 20 + context])
        found = chunk[..., (start - left) * model.hop :][..., : 20 * model.hop]
        expected = whole[..., start * model.hop :][..., : found.shape[-1]]
        torch.testing.assert_close(found[..., : expected.shape[-1]], expected, atol=1e-5, rtol=0)


@torch.no_grad()
def test_context_is_no_wider_than_needed() -> None:
    model = build(LOCAL).eval()
    tokens = torch.randint(0, model.codebook_size, (1, 61))
    other = tokens.clone()
    other[0, 30] = (other[0, 30] + 1) % model.codebook_size
    changed = (model.decode(tokens) != model.decode(other)).view(61, -1).any(1).nonzero()
    assert 30 - changed.min() == model.context_frames == changed.max() - 30


@torch.no_grad()
def test_encoding_in_overlapping_chunks_equals_the_whole() -> None:
    model = build(LOCAL).eval()
    context, step = model.encoder_context_frames, 16
    audio = melodies(1, 1.0, torch.Generator().manual_seed(1))[..., : 70 * model.hop]
    whole = model.features(audio)
    for start in range(0, 70, step):
        left = max(0, start - context)
        chunk = model.features(audio[..., left * model.hop : (start + step + context) * model.hop])
        expected = whole[..., start : start + step]
        found = chunk[..., start - left :][..., : expected.shape[-1]]
        torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("config", [LOCAL, SEANET])
@torch.no_grad()
def test_chunks_of_the_encoder_join_to_the_whole(config: WavTokenizerConfig) -> None:
    model = build(config).eval()
    audio = melodies(2, 1.0, torch.Generator().manual_seed(1))[..., : 45 * model.hop + 7]
    whole = model.features(audio)  # [2, D, 46]
    for size in (1, 13, 100):
        torch.testing.assert_close(model.features_in_chunks(audio, size), whole, atol=1e-5, rtol=0)
    assert torch.equal(model.encode_in_chunks(audio, 100), model.encode(audio))
    with pytest.raises(InputError, match="chunk_frames"):
        model.features_in_chunks(audio, 0)


def test_kinds_that_see_everything_say_so() -> None:
    model = build(SEANET)
    assert model.context_frames is None and model.encoder_context_frames is None


def test_folding_weight_norm_changes_nothing() -> None:
    model = build(SEANET).eval()
    audio = torch.randn(1, 1, 500)
    before = model.features(audio)
    model.fold()
    torch.testing.assert_close(model.features(audio), before, atol=1e-5, rtol=0)
    assert not any("weight_v" in key for key in model.state_dict())


def textbook_log_mel(mel: LogMel, audio: Tensor) -> Tensor:
    """The same values by torch.stft, complex abs and autograd's own gradient."""
    left = (mel.n_fft - mel.hop) // 2
    padded = torch.nn.functional.pad(audio, (left, mel.n_fft))
    spectrum = torch.stft(
        padded,
        mel.n_fft,
        mel.hop,
        window=torch.hann_window(mel.n_fft),
        center=False,
        return_complex=True,
    )
    frames = math.ceil(audio.shape[-1] / mel.hop)
    return (mel.bank.T @ spectrum.abs()[..., :frames]).clamp(min=1e-5).log()


@pytest.mark.parametrize("n_fft, hop, samples", [(512, 128, 4096), (256, 96, 1000)])
def test_log_mel_equals_the_textbook_in_value_and_gradient(
    n_fft: int, hop: int, samples: int
) -> None:
    mel = LogMel(24000, n_fft, hop, 20)
    audio = torch.randn(2, samples, requires_grad=True)
    weights = torch.randn(2, 20, math.ceil(samples / hop))
    ours, theirs = mel(audio), textbook_log_mel(mel, audio)
    torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=0)
    gradients = [torch.autograd.grad((x * weights).sum(), audio)[0] for x in (ours, theirs)]
    torch.testing.assert_close(*gradients, atol=1e-3, rtol=1e-3)


def test_no_mel_band_is_empty_and_silence_has_no_gradient() -> None:
    mel = LogMel(24000, 256, 64, 80)
    assert (mel.bank.sum(0) > 0).all()
    silence = torch.zeros(1, 640, requires_grad=True)
    mel(silence).sum().backward()
    assert silence.grad.abs().max() == 0


def test_training_uses_many_codes_and_lowers_the_mel_distance() -> None:
    model = build(LOCAL)
    generator = torch.Generator().manual_seed(2)
    mels = [LogMel(24000, n_fft, n_fft // 4, 40) for n_fft in (512, 2048)]
    optimiser = torch.optim.AdamW(model.parameters(), lr=2e-3)
    distances, usages = [], []
    for step in range(40):
        audio = melodies(4, 0.64, generator)
        if step == 15:
            model.initialise_codebook(model.features(audio).detach(), generator)
        output = model(audio, quantize=step >= 15)
        distance = sum((mel(output.decoded[:, 0]) - mel(audio[:, 0])).abs().mean() for mel in mels)
        optimiser.zero_grad()
        (distance + output.codebook_loss).backward()
        optimiser.step()
        distances.append(float(distance.detach()))
        if output.tokens is not None:
            usages.append(codebook_usage(output.tokens, model.codebook_size))
    assert sum(distances[-5:]) < 0.8 * sum(distances[:5])
    assert usages[-1].codes > 24 and usages[-1].perplexity > 12  # of 192 tokens in a batch


@pytest.mark.parametrize("kind", ["local", "logmel-euclidean"])
def test_dead_codes_come_back_to_life(kind: str) -> None:
    model = build(KINDS[kind])
    features = torch.randn(4, model.config.feature_dim, 100)
    model.quantizer.usage.copy_((torch.arange(256) < 6).float())
    assert model.restart_dead_codes(features) == 250
    revived = codebook_usage(model.quantizer.encode(features), 256)
    assert revived.codes > 200
    assert model.restart_dead_codes(features) == 0


def test_euclidean_codebook_follows_its_members() -> None:
    quantizer = build(KINDS["logmel-euclidean"]).quantizer.train()
    features = torch.randn(2, 48, 200)
    quantizer.initialise_codebook(features)
    start = quantizer(features).loss
    moved = features + 0.2
    before = quantizer.eval()(moved).loss
    quantizer.train()
    for _ in range(200):
        quantizer(moved)
    after = quantizer.eval()(moved).loss
    assert after < 0.9 * before and after < 1.2 * start


def test_codebook_usage_counts() -> None:
    usage = codebook_usage(torch.tensor([[0, 1], [2, 3]]), 16)
    assert usage.codes == 4 and usage.perplexity == pytest.approx(4.0)


def test_config_survives_json_and_refuses_nonsense() -> None:
    again = WavTokenizerConfig(**json.loads(json.dumps(dataclasses.asdict(SEANET))))
    assert again == SEANET
    for wrong in (
        {"encoder": "mp3"},
        {"quantizer": "none"},
        {"ratios": (8, 5)},
        {"n_fft": 319},
        {"decoder_kernel": 4},
        {"decoder_dim": 100},
    ):
        with pytest.raises(InputError):
            WavTokenizerConfig(**wrong)


def test_wrong_tokens_and_audio_are_named() -> None:
    model = build(LOCAL)
    with pytest.raises(InputError, match="token 256"):
        model.decode(torch.tensor([[3, 256]]))
    with pytest.raises(InputError, match="audio"):
        model.encode(torch.zeros(1, 1, 0))


def test_full_size_has_the_official_names_and_shapes() -> None:
    if not STATE_DICT.exists():
        pytest.skip("no official-state-dict.txt beside the repository")
    with torch.device("meta"):
        tensors = WavTokenizer(WavTokenizerConfig()).state_dict()
    ours = {name: list(tensor.shape) for name, tensor in tensors.items()}
    section = STATE_DICT.read_text().split("### wavtokenizer/model.pt")[1].split("\n### ")[0]
    seen: set[str] = set()
    for line in section.splitlines():
        listed = re.match(r"(\S+)  (\[[\d, ]*\]) \w+  x(\d+)", line)
        if not listed or MAP.our_name(re.sub(r"\{n\}", "0", listed[1])) is None:
            continue
        shape, count = json.loads(listed[2]), int(listed[3])
        places = itertools.product(range(16), repeat=listed[1].count("{n}"))
        names = {
            MAP.our_name(listed[1].replace("{n}", "{}").format(*place))
            for place in places
            if "layers.{n}" not in listed[1] or place == (0,)
        }
        found = {name for name in names if ours.get(name) == shape}
        assert len(found) == count, line
        seen |= found
    assert seen == set(ours)


@torch.no_grad()
@pytest.mark.parametrize("kind", KINDS)
def test_weights_load_from_meta_and_run_in_bfloat16(kind: str) -> None:
    source = build(KINDS[kind]).eval()
    with torch.device("meta"):
        model = WavTokenizer(KINDS[kind]).eval()
    model.load_state_dict(source.state_dict(), assign=True)
    audio = melodies(1, 0.2, torch.Generator().manual_seed(3))
    tokens = source.encode(audio)
    assert torch.equal(model.encode(audio), tokens)
    half = model.to(torch.bfloat16)
    assert half.encode(audio.bfloat16()).shape == tokens.shape
    exact = source.decode_frames(tokens)
    assert (half.decode_frames(tokens) - exact).abs().mean() < 0.1 * exact.abs().mean()
