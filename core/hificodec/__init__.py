"""The 48 kHz codec: latents [B, D, T@150] <-> audio [B, 1, T@48k]."""

from core.hificodec.config import HiFiCodecConfig
from core.hificodec.model import CodecPass, DecodeStream, HiFiCodec
from core.hificodec.quantizer import GroupResidualQuantizer, QuantizedLatents, codebook_usages

__all__ = [
    "CodecPass",
    "DecodeStream",
    "GroupResidualQuantizer",
    "HiFiCodec",
    "HiFiCodecConfig",
    "QuantizedLatents",
    "codebook_usages",
]
