"""What is heard in a clip: musicnn's embedding and tags, chroma, and tempo.

Everything is heard at 16 kHz mono, so 24 kHz and 48 kHz systems are judged alike.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import librosa
import numpy as np

from core import audio
from core.audio import Sound
from core.files import replacing
from evaluation.metrics.musicnn import SAMPLE_RATE, MusicNN
from evaluation.source import source_digest

TEMPO_HOP = 160  # 10 ms
CHROMA_HOP = 512
BASS_OCTAVES = 2  # from C1 to B2
CODE = ("evaluation/adherence/clip_features.py", "evaluation/metrics/musicnn.py", "core/audio.py")


@dataclass(frozen=True)
class ClipFeatures:
    """One clip as the measures hear it.

    Attributes:
        patches: musicnn penultimate, float32 [n, 200], one row each 3 s.
        tags: musicnn tag probabilities, mean over patches, float32 [50].
        chroma: shares of the 12 pitch classes in all octaves, then in the bass, float32 [24].
        tempo: beats a minute, up to a factor of 2.
    """

    patches: np.ndarray
    tags: np.ndarray
    chroma: np.ndarray
    tempo: float

    @property
    def embedding(self) -> np.ndarray:
        """Mean over patches, [200]."""
        return self.patches.mean(axis=0)


def tempo_of(samples: np.ndarray) -> float:
    """Beats a minute of [T] at 16 kHz: the strongest period of the onset strength, log-normal
    prior around 120 (librosa.feature.tempo)."""
    onsets = librosa.onset.onset_strength(y=samples, sr=SAMPLE_RATE, hop_length=TEMPO_HOP)
    return float(
        librosa.feature.tempo(onset_envelope=onsets, sr=SAMPLE_RATE, hop_length=TEMPO_HOP)[0]
    )


def chroma_of(samples: np.ndarray) -> np.ndarray:
    """[T] at 16 kHz -> [24]: mean energy of each pitch class, all octaves and bass, each summing
    to 1."""
    magnitudes = np.abs(
        librosa.cqt(
            samples,
            sr=SAMPLE_RATE,
            hop_length=CHROMA_HOP,
            fmin=librosa.note_to_hz("C1"),
            n_bins=84,
            tuning=0.0,
        )
    )
    octaves = magnitudes.mean(axis=1).reshape(7, 12)  # mean over time
    parts = octaves.sum(axis=0), octaves[:BASS_OCTAVES].sum(axis=0)
    return np.concatenate([p / max(p.sum(), 1e-9) for p in parts]).astype(np.float32)


class Hearing:
    """Hears clips, each of them once: what was heard lies in `folder`, named by the sound and by
    the code that hears."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._model: MusicNN | None = None

    def hear(self, sound: Sound) -> ClipFeatures:
        """Raises: InputError for a clip of less than one musicnn patch (3 s)."""
        name = hashlib.sha256(
            sound.samples.tobytes()
            + str(sound.sample_rate).encode()
            + source_digest(*CODE).encode()
        )
        path = self.folder / f"{name.hexdigest()[:32]}.npz"
        if not path.is_file():
            self._write(path, self._listen(sound))
        with np.load(path) as kept:
            return ClipFeatures(kept["patches"], kept["tags"], kept["chroma"], float(kept["tempo"]))

    def _listen(self, sound: Sound) -> ClipFeatures:
        if self._model is None:
            self._model = MusicNN()
        samples = audio.resample(sound.mono(), sound.sample_rate, SAMPLE_RATE)
        heard = self._model.hear(samples)
        return ClipFeatures(
            heard.penultimate, heard.tags.mean(axis=0), chroma_of(samples), tempo_of(samples)
        )

    def _write(self, path: Path, heard: ClipFeatures) -> None:
        with replacing(path) as part, open(part, "wb") as file:
            np.savez(
                file, patches=heard.patches, tags=heard.tags, chroma=heard.chroma, tempo=heard.tempo
            )
