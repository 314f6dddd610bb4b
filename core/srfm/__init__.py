"""Super-resolution flow matching: tokens at 75 Hz -> codec latents at 150 Hz (or 75 Hz)."""

from core.srfm.config import NANO_SRFM, SRFMConfig
from core.srfm.flow import PRESETS, Preset
from core.srfm.model import SRFM, FlowStep
from core.srfm.noise import FrameNoise
from core.srfm.windows import WindowPlan, WindowStream, generate_windows

__all__ = [
    "NANO_SRFM",
    "PRESETS",
    "SRFM",
    "FlowStep",
    "FrameNoise",
    "Preset",
    "SRFMConfig",
    "WindowPlan",
    "WindowStream",
    "generate_windows",
]
