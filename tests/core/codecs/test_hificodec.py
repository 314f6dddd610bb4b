"""The 48 kHz codec: shapes, quantizer, chunks equal to the whole, training, weight norm."""

from __future__ import annotations

import dataclasses
import json

import pytest
import torch
from torch.nn import functional as F

from core.errors import InputError
from core.hificodec import HiFiCodec, HiFiCodecConfig, codebook_usages

HIFIGAN = HiFiCodecConfig(
    hop=20,
    latent_dim=16,
    codes=8,
    upsample_rates=(5, 2, 2),
    upsample_kernels=(11, 4, 4),
    generator_channels=32,
    encoder_channels=16,
    resblock_kernels=(3, 5),
    resblock_dilations=((1, 3), (1, 2)),
)
NANO = HiFiCodecConfig(
    hop=80,
    latent_dim=16,
    encoder="logmel",
    generator="vocos",
    codes=16,
    restart_below=0.05,
    mel_bands=24,
    mel_fft=320,
    mel_width=32,
    mel_hidden=64,
    mel_layers=2,
    vocos_width=32,
    vocos_hidden=64,
    vocos_layers=2,
    vocos_fft=320,
)
MAGNITUDE = dataclasses.replace(NANO, vocos_head="magnitude")
KINDS = pytest.mark.parametrize("config", [HIFIGAN, NANO], ids=["hifigan", "nano"])


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


def started(config: HiFiCodecConfig) -> HiFiCodec:
    """A codec whose codebooks tell frames apart."""
    codec = HiFiCodec(config).eval()
    for table in codec.quantizer.parameters():
        torch.nn.init.normal_(table)
    return codec


def chord(batch: int, samples: int) -> torch.Tensor:
    """[batch, 1, samples] sums of three sine waves."""
    pitch = torch.rand(batch, 3, 1) * 0.3 + 0.02
    return 0.3 * torch.sin(pitch * torch.arange(samples)).sum(1, keepdim=True)


@KINDS
@torch.no_grad()
def test_shapes_go_round(config: HiFiCodecConfig) -> None:
    codec = started(config)
    audio = chord(2, 30 * config.hop)
    codes = codec.encode(audio)
    assert codes.shape == (2, 30, 4) and codes.dtype == torch.int64
    assert 0 <= codes.min() and codes.max() < config.codes
    latents = codec.latents(audio)
    assert latents.shape == (2, config.latent_dim, 30)
    assert torch.equal(latents, codec.embed(codes))
    assert not torch.equal(latents, codec.latents(audio, quantize=False))
    made = codec.decode(latents)
    assert made.shape == audio.shape and made.isfinite().all()


@KINDS
@torch.no_grad()
def test_frames_are_known_before_encoding(config: HiFiCodecConfig) -> None:
    codec = started(config)
    for samples in (config.hop, 7 * config.hop - 1, 7 * config.hop, 7 * config.hop + 1):
        assert codec.encode(chord(1, samples)).shape[1] == codec.frames(samples)


@KINDS
@pytest.mark.parametrize("chunk_frames", [1, 9, 50, 1000])
@torch.no_grad()
def test_chunks_join_to_the_whole(config: HiFiCodecConfig, chunk_frames: int) -> None:
    codec = started(config)
    latents = torch.randn(1, config.latent_dim, 131)
    lengths: list[int] = []
    decode_frames = codec.decode_frames
    codec.decode_frames = lambda given: lengths.append(given.shape[2]) or decode_frames(given)
    pieces = list(codec.decode_in_chunks(latents, chunk_frames))
    assert max(lengths) <= min(131, chunk_frames + 2 * codec.context_frames)
    torch.testing.assert_close(torch.cat(pieces, 2), codec.decode(latents), rtol=0, atol=1e-5)


@KINDS
@torch.no_grad()
def test_stream_takes_uneven_pieces(config: HiFiCodecConfig) -> None:
    codec = started(config)
    latents = torch.randn(1, config.latent_dim, 90)
    pieces = list(codec.decode_stream(latents.split([40, 1, 3, 30, 16], dim=2)))
    torch.testing.assert_close(torch.cat(pieces, 2), codec.decode(latents), rtol=0, atol=1e-5)
    assert list(codec.decode_stream([])) == []


@torch.no_grad()
def test_a_magnitude_head_streams() -> None:
    codec = started(MAGNITUDE)
    latents = torch.randn(2, MAGNITUDE.latent_dim, 90)
    whole = codec.decode(latents)
    assert whole.shape == (2, 1, 90 * MAGNITUDE.hop)
    pieces = list(codec.decode_stream(latents.split([40, 1, 3, 30, 16], dim=2)))
    assert len(pieces) > 2
    torch.testing.assert_close(torch.cat(pieces, 2), whole, rtol=0, atol=1e-5)


def test_every_weight_of_a_magnitude_head_learns() -> None:
    codec = HiFiCodec(MAGNITUDE).train()
    found = codec(chord(4, 40 * MAGNITUDE.hop))
    assert found.decoded.shape == (4, 40, MAGNITUDE.vocos_fft // 2 + 1)
    (found.decoded.square().mean() + found.quantizer_loss).backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in codec.parameters())


@KINDS
@torch.no_grad()
def test_context_is_enough_and_not_generous(config: HiFiCodecConfig) -> None:
    codec = started(config).double()
    latents = torch.randn(1, config.latent_dim, 121).double()
    touched = latents.clone()
    touched[:, :, 60] += 10 * torch.randn(config.latent_dim)
    frames = (codec.generator(latents) - codec.generator(touched)).unflatten(2, (-1, codec.hop))
    changed = frames.abs().amax(-1).flatten().nonzero().flatten()
    reach = int((changed - 60).abs().max())
    assert codec.context_frames - 2 <= reach <= codec.context_frames


@torch.no_grad()
def test_logmel_windows_are_exact() -> None:
    codec = started(NANO)
    audio = chord(1, 100 * NANO.hop + 17)
    overlap = 2 * codec.encoder.context_frames
    pieces = list(codec.encode_in_windows(audio, overlap + 12, overlap))
    assert len(pieces) > 2
    assert torch.equal(torch.cat(pieces, 1), codec.encode(audio))


@pytest.mark.parametrize("samples", [20, 799, 2000, 2019])
@torch.no_grad()
def test_hifigan_windows_cover_every_frame(samples: int) -> None:
    codec = started(HIFIGAN)
    audio = chord(1, samples)
    pieces = list(codec.encode_in_windows(audio, 40, 15))
    assert torch.cat(pieces, 1).shape == codec.encode(audio).shape


@torch.no_grad()
def test_folded_weight_norm_sounds_the_same() -> None:
    codec = started(HIFIGAN)
    audio = chord(1, 400)
    before = codec.latents(audio, quantize=False), codec.decode(codec.latents(audio))
    parameters = sum(p.numel() for p in codec.parameters())
    codec.fold_weight_norm()
    codec.fold_weight_norm()
    after = codec.latents(audio, quantize=False), codec.decode(codec.latents(audio))
    torch.testing.assert_close(before, after, rtol=0, atol=1e-5)
    assert sum(p.numel() for p in codec.parameters()) < parameters
    assert not any("weight_g" in name for name in codec.state_dict())


@KINDS
@torch.no_grad()
def test_generator_runs_in_bfloat16(config: HiFiCodecConfig) -> None:
    codec = started(config)
    latents = torch.randn(1, config.latent_dim, 12)
    whole = codec.decode(latents)
    codec.generator.bfloat16()
    rough = codec.decode(latents)
    assert rough.dtype == torch.float32
    assert F.mse_loss(rough, whole) < 0.01 * whole.square().mean()


@KINDS
def test_every_weight_learns(config: HiFiCodecConfig) -> None:
    codec = HiFiCodec(config).train()
    found = codec(chord(4, 40 * config.hop))
    assert found.decoded.shape == (4, 1, 40 * config.hop)
    assert found.codes.shape == (4, 40, 4)
    (found.decoded.square().mean() + found.quantizer_loss).backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in codec.parameters())


@KINDS
def test_unquantized_pass_leaves_the_quantizer_alone(config: HiFiCodecConfig) -> None:
    codec = HiFiCodec(config).train()
    before = {name: value.clone() for name, value in codec.quantizer.state_dict().items()}
    found = codec(chord(2, 20 * config.hop), quantize=False)
    found.decoded.square().mean().backward()
    assert found.codes is None and found.quantizer_loss == 0
    assert all(
        torch.equal(before[name], value) for name, value in codec.quantizer.state_dict().items()
    )
    assert all(p.grad is None for p in codec.quantizer.parameters())


def spectrum(audio: torch.Tensor) -> torch.Tensor:
    """Log magnitudes [B, bins, frames]."""
    window = torch.hann_window(256)
    parts = torch.view_as_real(torch.stft(audio[:, 0], 256, 64, window=window, return_complex=True))
    return (parts.square().sum(-1) + 1e-6).log()


def test_nano_kind_learns_a_tiny_set() -> None:
    codec = HiFiCodec(NANO).train()
    audio = chord(4, 40 * NANO.hop)
    optimizer = torch.optim.AdamW(codec.parameters(), lr=3e-3)
    losses = []
    for step in range(80):
        found = codec(audio, quantize=step >= 20)
        distance = F.l1_loss(spectrum(found.decoded), spectrum(audio))
        optimizer.zero_grad()
        (distance + found.quantizer_loss).backward()
        optimizer.step()
        losses.append(distance.item())
    assert losses[-1] < 0.6 * losses[0]
    assert all(use.codes > NANO.codes / 2 for use in codebook_usages(found.codes, NANO.codes))


def test_latents_of_the_nano_kind_have_unit_scale() -> None:
    codec = HiFiCodec(NANO).train()
    for _ in range(60):  # the running statistics settle
        codec(chord(8, 40 * NANO.hop), quantize=False)
    latents = codec.eval().latents(chord(16, 40 * NANO.hop), quantize=False)
    assert latents.mean().abs() < 0.2 and 0.7 < latents.std() < 1.3


@KINDS
def test_config_and_weights_survive_saving(config: HiFiCodecConfig) -> None:
    again = HiFiCodecConfig(**json.loads(json.dumps(dataclasses.asdict(config))))
    assert again == config
    with torch.device("meta"):
        copy = HiFiCodec(again)
    codec = started(config)
    copy.load_state_dict(codec.state_dict(), assign=True)
    audio = chord(1, 10 * config.hop)
    with torch.no_grad():
        assert torch.equal(copy.eval().encode(audio), codec.encode(audio))
        assert torch.equal(copy.decode(copy.latents(audio)), codec.decode(codec.latents(audio)))


@pytest.mark.parametrize(
    "wrong, named",
    [
        ({"encoder": "mp3"}, "encoder"),
        ({"generator": "mp3"}, "generator"),
        ({"hop": 300}, "upsample_rates"),
        ({"latent_dim": 511}, "latent_dim"),
        ({"upsample_kernels": (16, 11, 8)}, "upsample_kernels"),
        ({"upsample_kernels": (16, 10, 8, 4)}, "upsample kernel"),
        ({"resblock_kernels": (3, 7)}, "resblock_dilations"),
        ({"generator_channels": 8}, "generator_channels"),
        ({"generator": "vocos", "vocos_fft": 333}, "vocos_fft"),
    ],
)
def test_a_wrong_size_is_named(wrong: dict, named: str) -> None:
    with pytest.raises(InputError, match=named):
        HiFiCodecConfig(**wrong)


@KINDS
def test_wrong_shapes_are_named(config: HiFiCodecConfig) -> None:
    codec = started(config)
    with pytest.raises(InputError, match="audio"):
        codec.encode(torch.zeros(2, 400))
    with pytest.raises(InputError, match="one frame"):
        codec.encode(torch.zeros(1, 1, config.hop - 1))
    with pytest.raises(InputError, match="latents"):
        codec.decode(torch.zeros(1, config.latent_dim + 1, 5))
    with pytest.raises(InputError, match="codes"):
        codec.embed(torch.zeros(1, 5, 3, dtype=torch.int64))
    with pytest.raises(InputError, match="chunk_frames"):
        codec.decode_in_chunks(torch.zeros(1, config.latent_dim, 5), 0)
    with pytest.raises(InputError, match="overlap_frames"):
        next(codec.encode_in_windows(torch.zeros(1, 1, 10 * config.hop), 5, 5))
