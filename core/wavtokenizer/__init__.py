"""WavTokenizer: audio [B, 1, T] at 24 kHz <-> tokens [B, T / 320] of one codebook."""

from core.wavtokenizer.config import WavTokenizerConfig
from core.wavtokenizer.decoder import Joined, MagnitudeHead, VocosBackbone, build_head
from core.wavtokenizer.logmel import LogMel
from core.wavtokenizer.model import WavTokenizer, WavTokenizerOutput
from core.wavtokenizer.phase import PhaseRecovery
from core.wavtokenizer.quantizer import CodebookUsage, codebook_usage

__all__ = [
    "CodebookUsage",
    "Joined",
    "LogMel",
    "MagnitudeHead",
    "PhaseRecovery",
    "VocosBackbone",
    "WavTokenizer",
    "WavTokenizerConfig",
    "WavTokenizerOutput",
    "build_head",
    "codebook_usage",
]
