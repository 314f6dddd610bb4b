"""How a clip is cut into the windows that PaSST hears, exactly as two toolkits do it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

SAM_WINDOW_SECONDS, SAM_STEP_SECONDS, SAM_UNPADDED_SECONDS = 10, 5, 1.5
AUDIOCRAFT_MIN_SECONDS = 0.15


@dataclass(frozen=True)
class Window:
    """Samples [start, end) of a clip, followed by `zeros` zeros."""

    start: int
    end: int
    zeros: int

    def cut(self, audio: np.ndarray) -> np.ndarray:
        """[samples] -> [end - start + zeros]."""
        return np.pad(audio[self.start : self.end], (0, self.zeros))


def sam_windows(samples: int, rate: int) -> list[Window]:
    """Windows of 10 s every 5 s (stable-audio-metrics, `return_probabilities`).

    A last piece longer than 1.5 s is padded with zeros to 10 s; a shorter one is fed as it is,
    short, although the original's comment says that it is discarded.
    """
    window, step = SAM_WINDOW_SECONDS * rate, SAM_STEP_SECONDS * rate
    windows = []
    for start in range(0, max(step, samples - step), step):
        end = min(start + window, samples)
        short = end - start <= SAM_UNPADDED_SECONDS * rate
        windows.append(Window(start, end, 0 if short else window - (end - start)))
    return windows


def audiocraft_windows(
    samples: int, rate: int, seconds: float, shortest: float = AUDIOCRAFT_MIN_SECONDS
) -> list[Window]:
    """Windows of `seconds` without overlap or padding (audiocraft, `_process_audio`).

    A tail of `shortest` seconds or less is dropped.
    """
    window = int(seconds * rate)
    pieces = ((start, min(start + window, samples)) for start in range(0, samples, window))
    return [Window(start, end, 0) for start, end in pieces if end - start > shortest * rate]


def consecutive(
    audio: np.ndarray, rate: int, seconds: float, shortest: float = 1.0
) -> list[Window]:
    """Windows without overlap or padding; a tail under `shortest` seconds is left out unless alone.

    Args:
        seconds: length of a window; 0 takes the whole clip.
    """
    length = round(seconds * rate) or len(audio)
    starts = range(0, len(audio), length)
    return [
        Window(start, min(start + length, len(audio)), 0)
        for start in starts
        if start == 0 or len(audio) - start >= shortest * rate
    ]
