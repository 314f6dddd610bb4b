"""Notes of a sound by basic-pitch's network (Bittner et al. 2022, Apache-2.0) on onnxruntime.

Its weights ship in `assets/basic_pitch`. A frame's rows are MIDI pitches 21 to 108.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np

from core import audio
from core.errors import FailureError, InputError
from core.variants import ASSETS
from evaluation.metrics.weights import sha256_of

RATE, HOP = 22050, 256
FRAME_RATE = RATE / HOP  # Hz
LOWEST, PITCHES = 21, 88  # MIDI pitch of row 0 (A0)
SOUNDS, BEGINS = 0.3, 0.4  # least activation of a sounding note and of an onset
WINDOW = 2 * RATE - HOP  # samples that the network hears at once
LOST = 15  # frames at either end of a window that are not used
STEP = WINDOW - 2 * LOST * HOP  # samples between windows
WEIGHTS = ASSETS / "basic_pitch" / "nmp.onnx"
WEIGHTS_SHA256 = "2c3c1d144bfa61ad236e92e169c13535c880469a12a047d4e73451f2c059a0ec"


@dataclass(frozen=True)
class Transcription:
    """What the network hears, FRAME_RATE frames a second.

    Attributes:
        notes: activation of every sounding pitch, float32 [N, 88] in 0..1.
        onsets: of every beginning note, the same shape.
    """

    notes: np.ndarray
    onsets: np.ndarray

    @property
    def roll(self) -> np.ndarray:
        """Pitches that sound, bool [N, 88]."""
        return self.notes > SOUNDS


def transcribe(samples: np.ndarray, rate: int) -> Transcription:
    """The notes of mono sound [T].

    Raises: FailureError without onnxruntime; InputError where the weights are not the shipped file.
    """
    sound = audio.resample(samples, rate, RATE)
    frames = len(sound) // HOP
    padded = np.concatenate([np.zeros(LOST * HOP, np.float32), sound])
    starts = range(0, max(1, len(sound)), STEP)
    windows = np.stack([np.pad(w, (0, WINDOW - len(w))) for w in _cut(padded, starts)])
    heard = _network().run(
        ["StatefulPartitionedCall:1", "StatefulPartitionedCall:2"],
        {"serving_default_input_2:0": windows[..., None].astype(np.float32)},
    )
    # A window's frames begin at its own samples, which are no whole number of hops apart.
    at = np.arange(frames) * HOP
    window = at // STEP
    frame = np.minimum(
        np.round((at - window * STEP) / HOP).astype(int) + LOST, len(heard[0][0]) - 1
    )
    notes, onsets = (np.asarray(h)[window, frame] for h in heard)
    return Transcription(notes, onsets)


def _cut(padded: np.ndarray, starts: range) -> list[np.ndarray]:
    return [padded[start : start + WINDOW] for start in starts]


@functools.cache
def _network() -> Any:
    try:
        import onnxruntime
    except ImportError as error:
        raise FailureError("onnxruntime", "is not installed", "pip install onnxruntime") from error
    if not WEIGHTS.is_file() or sha256_of(WEIGHTS) != WEIGHTS_SHA256:
        raise InputError("basic-pitch", WEIGHTS, "not the shipped file; check the project out anew")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(str(WEIGHTS), options, providers=["CPUExecutionProvider"])
