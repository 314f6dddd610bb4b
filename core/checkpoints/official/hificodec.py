"""The released `music_tokenizer` folder: config.json and model.pt with three state dicts."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from torch import Tensor

from core.checkpoints import torch_file
from core.checkpoints.keymap import KeyMap
from core.errors import InputError
from core.hificodec import HiFiCodecConfig

FILE = "model.pt"
PARTS = ("generator", "quantizer", "encoder")
LATENT_DIM = 512  # constants of the released code, absent from its config.json
ENCODER_CHANNELS = 32
RESIDUAL_LAYERS = 2

_BLOCK = r"resblocks\.(\d+)\.convs{}\.(\d+)\.(bias|weight_g|weight_v)"
_CONV = r"\.(bias|weight_g|weight_v)"
MAP = KeyMap(
    rules=(
        (rf"generator\.conv_pre{_CONV}", "generator.enter.{0}"),
        (rf"generator\.ups\.(\d+){_CONV}", "generator.upsamplers.{0}.{1}"),
        ("generator\\." + _BLOCK.format(1), "generator.resblocks.{0}.dilated.{1}.{2}"),
        ("generator\\." + _BLOCK.format(2), "generator.resblocks.{0}.flat.{1}.{2}"),
        (rf"generator\.conv_post{_CONV}", "generator.leave.{0}"),
        (
            r"quantizer\.quantizer_modules\.(\d+)\.embedding\.weight",
            "quantizer.layers.0.{0}.weight",
        ),
        (
            r"quantizer\.quantizer_modules2\.(\d+)\.embedding\.weight",
            "quantizer.layers.1.{0}.weight",
        ),
        (rf"encoder\.conv_pre{_CONV}", "encoder.enter.{0}"),
        (rf"encoder\.ups\.(\d+){_CONV}", "encoder.downsamplers.{0}.{1}"),
        ("encoder\\." + _BLOCK.format(1), "encoder.resblocks.{0}.dilated.{1}.{2}"),
        ("encoder\\." + _BLOCK.format(2), "encoder.resblocks.{0}.flat.{1}.{2}"),
        (r"encoder\.normalize\.(\d+)\.(weight|bias)", "encoder.norms.{0}.{1}"),
        (r"encoder\.conv_post\.(weight|bias)", "encoder.leave.{0}"),
    )
)


def config(folder: Path) -> HiFiCodecConfig:
    """Sizes from the folder's config.json. InputError names a missing or unusable entry."""
    path = folder / "config.json"
    try:
        sizes = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError("codec config", path, f"cannot be read ({error.strerror})") from error
    except json.JSONDecodeError as error:
        raise InputError("codec config", path, f"is not JSON ({error})") from error
    if str(_entry(sizes, "resblock")) != "1":
        raise InputError("resblock", sizes["resblock"], 'only the released kind "1" is known')
    rates = tuple(_entry(sizes, "upsample_rates"))
    return HiFiCodecConfig(
        sample_rate=_entry(sizes, "sampling_rate"),
        # hop_size belongs to a mel the codec never computes; the stages are what counts
        hop=math.prod(rates),
        latent_dim=LATENT_DIM,
        code_groups=_entry(sizes, "n_code_groups"),
        residual_layers=RESIDUAL_LAYERS,
        codes=_entry(sizes, "n_codes"),
        codebook_weight=float(_entry(sizes, "codebook_loss_lambda")),
        commitment_weight=float(_entry(sizes, "commitment_loss_lambda")),
        upsample_rates=rates,
        upsample_kernels=tuple(_entry(sizes, "upsample_kernel_sizes")),
        generator_channels=_entry(sizes, "upsample_initial_channel"),
        encoder_channels=ENCODER_CHANNELS,
        resblock_kernels=tuple(_entry(sizes, "resblock_kernel_sizes")),
        resblock_dilations=tuple(map(tuple, _entry(sizes, "resblock_dilation_sizes"))),
    )


def tensors(stored: Any, path: Path) -> dict[str, Tensor]:
    """The file's tensors under `generator.`, `quantizer.`, `encoder.` keys."""
    missing = [part for part in PARTS if not isinstance(stored, dict) or part not in stored]
    if missing:
        raise InputError(
            "codec weights",
            torch_file.short(path),
            f"lacks {', '.join(missing)}; is this the folder of another model?",
        )
    return {
        f"{part}.{key}": tensor
        for part in PARTS
        for key, tensor in torch_file.tensors(stored[part], path, f"a codec {part}").items()
    }


def official_state_dict(folder: Path) -> dict[str, Tensor]:
    """The file's tensors, mapped from disk, under the keys of `tensors`.

    Raises: InputError for a missing, damaged, pickled or foreign file.
    """
    path = folder / FILE
    return tensors(torch_file.read(path), path)


def state_dict(folder: Path) -> dict[str, Tensor]:
    """Our keys -> tensors in the stored dtype, mapped from disk. InputError for unknown keys."""
    stored = official_state_dict(folder)
    return {ours: stored[key] for key, ours in MAP.to_ours(stored).items()}


def official_name(ours: str, config: HiFiCodecConfig) -> str:
    """The released key of one of our tensors, its part in front."""
    return MAP.official_name(ours)


def _entry(sizes: dict[str, Any], name: str) -> Any:
    if name not in sizes:
        raise InputError("codec config", name, "the entry is missing from config.json")
    return sizes[name]
