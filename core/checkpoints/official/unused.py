"""Tensors that released files hold and inference never reads, for writing whole ones.

Released code refuses a file without them. They are written as zeros that take no room (one
stored value, expanded), or as what they are copies of.
"""

from __future__ import annotations

import torch
from torch import Tensor

from core.checkpoints.official import hificodec as official_hificodec
from core.checkpoints.official import language_model as official_language_model
from core.language_model import LanguageModelConfig
from core.srfm import SRFMConfig
from core.wavtokenizer import WavTokenizerConfig

SPEAKER_WIDTH = 192  # of a speaker embedding that InspireMusic inherited and never feeds
MEL_BANDS = 80  # of a mel output that the flow inherited and never computes
ENCODEC_RATIOS, ENCODEC_FILTERS, ENCODEC_LSTM_LAYERS = (8, 5, 4, 2), 32, 2

Shapes = dict[str, tuple[int, ...]]


def zeros(shapes: Shapes) -> dict[str, Tensor]:
    """Zeros of these shapes, one stored value each."""
    return {name: torch.zeros(()).expand(shape) for name, shape in shapes.items()}


def language_model(config: LanguageModelConfig, used: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tied copies of the text embedding, and a speaker layer. `used`: official names."""
    tied = {alias: used[original] for alias, original in official_language_model.ALIASES.items()}
    return tied | zeros(
        {
            "spk_embed_affine_layer.weight": (config.hidden, SPEAKER_WIDTH),
            "spk_embed_affine_layer.bias": (config.hidden,),
        }
    )


def srfm(config: SRFMConfig, codec: dict[str, Tensor]) -> dict[str, Tensor]:
    """A mel projection, and the codec's codebooks. `codec`: the codec's tensors, our names."""
    found = zeros(
        {
            "encoder_proj.weight": (MEL_BANDS, config.encoder_width),
            "encoder_proj.bias": (MEL_BANDS,),
        }
    )
    for name, table in codec.items():
        if name.startswith("quantizer."):
            found[official_hificodec.MAP.official_name(name)] = table
    return found


def wavtokenizer(config: WavTokenizerConfig) -> dict[str, Tensor]:
    """EnCodec's own decoder, in EnCodec's own sizes; Vocos decodes in its place."""
    shapes: Shapes = {}
    wide = ENCODEC_FILTERS * 2 ** len(ENCODEC_RATIOS)
    _convolution(shapes, "0.conv.conv", (wide, config.feature_dim, 7), wide)
    for layer in range(ENCODEC_LSTM_LAYERS):
        for name, shape in (
            ("weight_ih", (4 * wide, wide)),
            ("weight_hh", (4 * wide, wide)),
            ("bias_ih", (4 * wide,)),
            ("bias_hh", (4 * wide,)),
        ):
            shapes[f"1.lstm.{name}_l{layer}"] = shape
    for stage, ratio in enumerate(ENCODEC_RATIOS):
        narrow, at = wide // 2, 3 * stage + 3  # an activation without tensors stands between
        _convolution(shapes, f"{at}.convtr.convtr", (wide, narrow, 2 * ratio), narrow)
        block = f"{at + 1}.block"
        _convolution(shapes, f"{block}.1.conv.conv", (narrow // 2, narrow, 3), narrow // 2)
        _convolution(shapes, f"{block}.3.conv.conv", (narrow, narrow // 2, 1), narrow)
        _convolution(shapes, f"{at + 1}.shortcut.conv.conv", (narrow, narrow, 1), narrow)
        wide = narrow
    _convolution(shapes, f"{3 * len(ENCODEC_RATIOS) + 3}.conv.conv", (1, wide, 7), 1)
    prefix = "feature_extractor.encodec.decoder.model."
    return zeros({prefix + name: shape for name, shape in shapes.items()})


def _convolution(shapes: Shapes, name: str, weight: tuple[int, int, int], outputs: int) -> None:
    shapes[f"{name}.bias"] = (outputs,)
    shapes[f"{name}.weight_g"] = (weight[0], 1, 1)
    shapes[f"{name}.weight_v"] = weight
