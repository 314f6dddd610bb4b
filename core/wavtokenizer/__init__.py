"""WavTokenizer: audio [B, 1, T] at 24 kHz <-> tokens [B, T / 320] of one codebook."""

from core.wavtokenizer.config import WavTokenizerConfig
from core.wavtokenizer.model import WavTokenizer, WavTokenizerOutput

__all__ = ["WavTokenizer", "WavTokenizerConfig", "WavTokenizerOutput"]
