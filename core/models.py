"""The models of a variant, loaded."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch

from core.checkpoints.opening import open_component
from core.errors import InputError
from core.hificodec import HiFiCodec
from core.language_model import LanguageModel
from core.srfm import SRFM
from core.variants import Variant
from core.wavtokenizer import WavTokenizer


@dataclass(frozen=True)
class Flow:
    """What makes 48 kHz (or finer 24 kHz) sound of tokens: latents by flow, then the codec."""

    srfm: SRFM
    hificodec: HiFiCodec


@dataclass(frozen=True)
class Models:
    """The models of one variant.

    Attributes:
        flow: None for a variant whose sound is WavTokenizer's own.
    """

    wavtokenizer: WavTokenizer
    language_model: LanguageModel
    flow: Flow | None = None

    @classmethod
    def load(
        cls,
        variant: Variant,
        folder: Path,
        language_model: torch.dtype,
        srfm: torch.dtype,
        device: str,
    ) -> Models:
        """Open every component of a variant, these two in the dtypes given, the codecs in fp32.

        Raises: InputError for damaged weights or parts that do not fit together.
        """
        codec = torch.float32
        found = cls(
            open_component(folder, "wavtokenizer", codec, device),
            open_component(folder, "language_model", language_model, device),
            Flow(
                open_component(folder, "srfm", srfm, device),
                open_component(folder, "hificodec", codec, device),
            )
            if variant.flow
            else None,
        )
        slots, group = found.language_model.config.slots, found.wavtokenizer.group
        if slots != group:
            raise InputError(
                "slots",
                f"{slots} (language_model in {folder / 'config.json'})",
                f"its WavTokenizer has {group}; set it to that",
            )
        return found

    def required_flow(self, name: str) -> Flow:
        """The flow of a variant called `name`.

        Raises: InputError where it has none.
        """
        if self.flow is None:
            raise InputError("variant", name, "has no flow; choose another")
        return self.flow


def flow_dtype(dtype: str, device: str) -> torch.dtype:
    """What the flow computes in when the language model has this dtype: bf16 under fewer bits,
    where that is quicker (a GPU, or a CPU with matrix units), else fp32."""
    quick = torch.device(device).type != "cpu" or torch.cpu._is_amx_tile_supported()
    return torch.bfloat16 if dtype != "fp32" and quick else torch.float32


def require_device(name: str) -> None:
    """Raises: InputError when torch cannot compute there (no such name, build or hardware)."""
    try:
        torch.zeros(1, device=name).item()
    except (RuntimeError, AssertionError) as error:  # torch raises either, by device
        raise InputError(
            "device",
            name or "(empty)",
            f"cannot be used with this torch ({type(error).__name__}); 'cpu' works everywhere",
        ) from error
