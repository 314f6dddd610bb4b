"""A small model in the released layout, with random weights, made once a session."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from core.checkpoints.load_bench import random_folder
from core.hificodec import HiFiCodecConfig
from core.language_model import LanguageModelConfig
from core.srfm import SRFMConfig
from core.wavtokenizer import WavTokenizerConfig

SMALL = {
    "language_model": LanguageModelConfig(
        hidden=24,
        layers=2,
        heads=4,
        kv_heads=2,
        head_dim=6,
        mlp=40,
        text_vocabulary=50,
        audio_vocabulary=30,
        eps=1e-5,
        rope_theta=5e5,
    ),
    "wavtokenizer": WavTokenizerConfig(
        hop=320,
        ratios=(10, 8, 4),
        codebook_size=30,
        n_fft=640,
        decoder_dim=32,
        decoder_intermediate=40,
        decoder_layers=1,
        decoder_bandwidths=2,
    ),
    "srfm": SRFMConfig(
        vocab_size=30,
        token_width=10,
        encoder_width=32,
        encoder_heads=2,
        encoder_feed_forward=24,
        encoder_blocks=1,
        regulator_layers=2,
        channels=(16, 16),
        heads=2,
        head_dim=6,
        blocks=1,
        mid_blocks=1,
    ),
    "hificodec": HiFiCodecConfig(
        hop=320,
        codes=9,
        upsample_rates=(5, 4, 4, 4),
        upsample_kernels=(11, 8, 8, 8),
        generator_channels=16,
        resblock_kernels=(1,),
        resblock_dilations=((1, 3),),
    ),
}


@pytest.fixture(scope="session")
def _small_official(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return random_folder(tmp_path_factory.mktemp("models") / "InspireMusic-Small", SMALL)


@pytest.fixture
def official_folder(_small_official: Path, tmp_path: Path) -> Path:
    """A folder of its own, so that a test may break it."""
    return Path(shutil.copytree(_small_official, tmp_path / "InspireMusic-Small"))


@pytest.fixture
def small_configs() -> dict[str, object]:
    """Component -> the sizes of `official_folder`."""
    return dict(SMALL)
