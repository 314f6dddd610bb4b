"""What a person must know of a variant before choosing it."""

from __future__ import annotations

from core import variants
from core.variants import Variant
from studio.library.library import folder_bytes

BYTES_A_PARAMETER = 4  # fp32
SPARE = 1.3  # activations and caches beside the weights


def sentence(variant: Variant) -> str:
    """What a model is for, in one plain sentence."""
    if variant.note:
        return f"{variant.note[:1].upper()}{variant.note[1:]}."
    size = "Small and fast, shipped with the studio" if variant.hub is None else "Large"
    length = "pieces of several minutes" if variant.context_seconds > 60 else "short pieces"
    quality = (
        f"{variant.sample_rate // 1000} kHz sound"
        if variant.flow
        else f"{variant.sample_rate // 1000} kHz sound in one step, quickest of all"
    )
    return f"{size}: {length}, {quality}."


def is_choice(variant: Variant) -> bool:
    """Whether it can be made ready here: it is installed, or the hub has it."""
    return variants.installed(variant) or variant.hub is not None


def needed_bytes(variant: Variant) -> int | None:
    """Memory to run it: as Table 1 counts its weights, or as they lie on disk; None: unknown."""
    if variant.parameters.endswith("B"):
        return round(SPARE * BYTES_A_PARAMETER * float(variant.parameters[:-1]) * 1e9)
    if variants.installed(variant):
        return round(SPARE * folder_bytes(variants.folder_of(variant)))
    return None


def fit_of(variant: Variant, free: float) -> str:
    """ "fits" or "does not fit" into `free` bytes of memory; "" when unknown."""
    needed = needed_bytes(variant)
    if needed is None:
        return ""
    return "fits" if needed < free else "does not fit"
