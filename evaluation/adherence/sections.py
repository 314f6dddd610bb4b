"""Where sections begin: peaks of novelty.

Novelty is Foote's (2000): a checkerboard kernel along the diagonal of the self-similarity of what
is heard.
"""

from __future__ import annotations

from collections.abc import Sequence

import librosa
import numpy as np

from core import audio
from core.audio import Sound

TOLERANCE = 2.0  # seconds
RATE = 16000
FRAME_SECONDS = 0.5
KERNEL_SECONDS = 6.0  # to each side
EDGE_SECONDS = 3.0  # no peak is looked for so near to an end
APART_SECONDS = 4.0


def hits(asked: Sequence[float], peaks: Sequence[float]) -> list[bool]:
    """For each asked boundary whether a peak of its own lies within the tolerance."""
    left, found = list(peaks), []
    for boundary in asked:
        near = min(left, key=lambda peak: abs(peak - boundary), default=np.inf)
        found.append(abs(near - boundary) <= TOLERANCE)
        if found[-1]:
            left.remove(near)
    return found


def boundaries(sound: Sound, count: int) -> list[float]:
    """The `count` strongest novelty peaks in seconds, in order of time."""
    return peaks_of(features(audio.resample(sound.mono(), sound.sample_rate, RATE)), count)


def peaks_of(frames: np.ndarray, count: int) -> list[float]:
    """The same from `features`."""
    curve = novelty(frames)
    edge, apart = (round(s / FRAME_SECONDS) for s in (EDGE_SECONDS, APART_SECONDS))
    curve[:edge] = curve[len(curve) - edge :] = -np.inf
    peaks: list[int] = []
    for _ in range(count):
        best = int(curve.argmax())
        if not np.isfinite(curve[best]):
            break
        peaks.append(best)
        curve[max(0, best - apart + 1) : best + apart] = -np.inf
    return [peak * FRAME_SECONDS for peak in sorted(peaks)]


def features(samples: np.ndarray) -> np.ndarray:
    """[T] at 16 kHz -> [frames, 40 + 12 + 1]: timbre (log mel), chroma and onset density of each
    half second, each column standardised and each group of equal weight."""
    hop = 400  # 25 ms
    mel = np.log10(
        librosa.feature.melspectrogram(y=samples, sr=RATE, n_fft=1024, hop_length=hop, n_mels=40)
        + 1e-6
    )
    chroma = librosa.feature.chroma_stft(y=samples, sr=RATE, n_fft=4096, hop_length=hop, tuning=0.0)
    onsets = librosa.onset.onset_strength(S=10 * mel, sr=RATE)[None]
    each = round(FRAME_SECONDS * RATE / hop)
    groups = []
    for group in (mel, chroma, onsets):
        count = group.shape[1] // each
        means = group[:, : count * each].reshape(len(group), count, each).mean(axis=2).T
        scaled = (means - means.mean(axis=0)) / np.maximum(means.std(axis=0), 1e-6)
        groups.append(scaled / np.sqrt(scaled.shape[1]))  # [count, D]
    return np.concatenate([g[: min(map(len, groups))] for g in groups], axis=1)


def novelty(frames: np.ndarray) -> np.ndarray:
    """[N, D] -> [N]: Gaussian checkerboard kernel on minus squared distances; entry n compares
    what comes before frame n with what comes from it on."""
    squares = ((frames[:, None] - frames[None]) ** 2).sum(axis=2)  # [N, N]
    reach = round(KERNEL_SECONDS / FRAME_SECONDS)
    at = np.arange(-reach, reach) + 0.5
    taper = np.exp(-0.5 * (at / (0.5 * reach)) ** 2)
    kernel = np.outer(np.sign(at) * taper, np.sign(at) * taper)
    padded = np.pad(-squares, reach, mode="edge")
    return np.array(
        [(kernel * padded[n : n + 2 * reach, n : n + 2 * reach]).sum() for n in range(len(frames))]
    )
