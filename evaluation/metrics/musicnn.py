"""musicnn: 50 music tags and a 200-d embedding, from real weights that pip can install.

It hears 16 kHz mono, so everything above 8 kHz and all of stereo is outside its hearing; its
numbers are always named FD-musicnn and KL-musicnn and stand beside the paper's metrics, never
for them. It has no "not music" tag.
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path

import librosa
import numpy as np
import torch
from safetensors.torch import load_file

from core.errors import FailureError, InputError
from core.variants import ASSETS
from evaluation.metrics.networks.musicnn_network import BANDS, MusicNNNetwork, state_from_checkpoint
from evaluation.metrics.networks.tensor_bundle import read_bundle
from evaluation.metrics.weights import KnownWeights, Weights, check, sha256_of

SAMPLE_RATE = 16_000
FFT, HOP = 512, 256
PATCH_FRAMES = 187
BATCH_PATCHES = 16
NOTE = "musicnn hears 16 kHz mono"
INSTALL = "pip install --no-deps musicnn==0.1.0"

CHECKPOINT = KnownWeights(
    name="musicnn",
    file=".data-00000-of-00001",
    url="https://pypi.org/project/musicnn/0.1.0/ (MSD_musicnn)",
    sha256=("8579734ee6388f799ed0def4bbd0d1fdcbeaf213ef2a9dc860917bd76a303de6",),
    variable="STUDIO_MUSICNN",
    licence="ISC",
)
SHIPPED = ASSETS / "musicnn" / "musicnn.safetensors"  # the same weights, converted
SHIPPED_SHA256 = "f2f57f13e33a3c565268b99b0d603a12566b15489c45f1b7ef15303172bceb6e"
INDEX_SHA256 = "87f3e0f3550c8d3bafc840374003e5c8af5eeb5ecf6add61af09a7822d3282c8"

TAG_NAMES = (
    "rock", "pop", "alternative", "indie", "electronic", "female vocalists", "dance", "00s",
    "alternative rock", "jazz", "beautiful", "metal", "chillout", "male vocalists",
    "classic rock", "soul", "indie rock", "Mellow", "electronica", "80s", "folk", "90s",
    "chill", "instrumental", "punk", "oldies", "blues", "hard rock", "ambient", "acoustic",
    "experimental", "female vocalist", "guitar", "Hip-Hop", "70s", "party", "country",
    "easy listening", "sexy", "catchy", "funk", "electro", "heavy metal", "Progressive rock",
    "60s", "rnb", "indie pop", "sad", "House", "happy",
)  # fmt: skip


@dataclass(frozen=True)
class MusicNNOutput:
    """What musicnn hears in each patch of a clip.

    Attributes:
        logits: [n, 50] float32 before the sigmoid.
        penultimate: [n, 200] float32.
        starts: [n] first frame of each patch (frames of 256 samples at 16 kHz).
    """

    logits: np.ndarray
    penultimate: np.ndarray
    starts: np.ndarray

    @property
    def tags(self) -> np.ndarray:
        """[n, 50] float32 in 0..1, independent of each other."""
        return (1 / (1 + np.exp(-self.logits.astype(np.float64)))).astype(np.float32)


def log_mel(audio: np.ndarray) -> np.ndarray:
    """[samples at 16 kHz] -> [frames, 96] float32: log10(10000 S + 1), S the mel power.

    float32 throughout: the original casts S to float16, which overflows above 6.55 once it is
    multiplied by 10000, so loud music gets wrong tags there.
    """
    power = librosa.feature.melspectrogram(
        y=audio, sr=SAMPLE_RATE, n_fft=FFT, hop_length=HOP, n_mels=BANDS
    )
    return np.log10(10000 * power.T.astype(np.float32) + 1)


def patch_starts(frames: int, hop_frames: int = PATCH_FRAMES) -> range:
    """First frames of the whole patches in a clip; the tail is dropped."""
    return range(0, frames - PATCH_FRAMES + 1, hop_frames)


def package_folder() -> Path:
    """The checkpoint's folder inside the musicnn package.

    Raises: FailureError saying what to install.
    """
    spec = importlib.util.find_spec("musicnn")
    if spec is None or not spec.submodule_search_locations:
        raise FailureError("musicnn weights", "absent", INSTALL)
    return Path(spec.submodule_search_locations[0]) / "MSD_musicnn"


def place() -> Path:
    """Where the weights lie: the shipped file, else the checkpoint inside the musicnn package.

    Raises: FailureError saying what to install.
    """
    return SHIPPED if SHIPPED.is_file() else package_folder()


class MusicNN:
    """The published MSD_musicnn tagger.

    Args:
        folder: folder of a checkpoint as published; by default see `place`.
        device: where it runs.
    Raises: FailureError saying what to install when the weights are absent; InputError when
        they are not the published ones.
    """

    names = TAG_NAMES

    def __init__(self, folder: Path | None = None, device: str = "cpu") -> None:
        found = folder or place()
        self.weights, state = _shipped(found) if found == SHIPPED else _published(found)
        self.network = MusicNNNetwork()
        self.network.load_state_dict(state)
        self.device = torch.device(device)
        self.network.eval().requires_grad_(False).to(self.device)

    def hear(self, audio: np.ndarray, hop_frames: int = PATCH_FRAMES) -> MusicNNOutput:
        """Tags and embedding of every 187-frame patch (3 s).

        Args:
            audio: [samples] float, mono, 16 kHz.
            hop_frames: frames between patches; 187 = no overlap, 14 = the original's 0.25 s.
        Raises: InputError when the audio is not mono or shorter than one patch.
        """
        audio = np.asarray(audio, np.float32)
        if audio.ndim != 1:
            raise InputError("audio", f"shape {audio.shape}", "musicnn needs mono [samples]")
        if len(audio) < (PATCH_FRAMES - 1) * HOP:
            seconds = f"{len(audio) / SAMPLE_RATE:.2f} s"
            needed = (PATCH_FRAMES - 1) * HOP / SAMPLE_RATE
            raise InputError("audio", seconds, f"musicnn needs at least {needed:.2f} s at 16 kHz")
        mel = log_mel(audio)  # [frames, 96]
        starts = patch_starts(len(mel), hop_frames)
        patches = torch.from_numpy(np.stack([mel[s : s + PATCH_FRAMES] for s in starts]))
        outputs = []
        with torch.inference_mode():
            for batch in patches.split(BATCH_PATCHES):  # [b, 187, 96]
                outputs.append(self.network(batch.to(self.device)))
        logits, penultimate = (torch.cat(part).cpu().numpy() for part in zip(*outputs))
        return MusicNNOutput(logits, penultimate, np.asarray(starts))

    def tags(self, audio: np.ndarray, hop_frames: int = PATCH_FRAMES) -> np.ndarray:
        """[samples at 16 kHz] -> [n, 50] float32 probabilities, one row a patch (`names`)."""
        return self.hear(audio, hop_frames).tags

    def penultimate(self, audio: np.ndarray, hop_frames: int = PATCH_FRAMES) -> np.ndarray:
        """[samples at 16 kHz] -> [n, 200] float32, one row a patch."""
        return self.hear(audio, hop_frames).penultimate


def _shipped(path: Path) -> tuple[Weights, dict[str, torch.Tensor]]:
    if sha256_of(path) != SHIPPED_SHA256:
        raise InputError(
            "musicnn weights", path, "not the shipped file; check the project out anew"
        )
    return Weights(path, CHECKPOINT.sha256[0], official=True), load_file(path)


def _published(folder: Path) -> tuple[Weights, dict[str, torch.Tensor]]:
    data, index = folder / CHECKPOINT.file, folder / ".index"
    if not (data.is_file() and index.is_file()):
        raise FailureError("musicnn weights", folder, INSTALL)
    weights = check(CHECKPOINT, data)
    if sha256_of(index) != INDEX_SHA256:
        raise InputError("musicnn weights", index, f"not the published index; {INSTALL}")
    return weights, state_from_checkpoint(read_bundle(index, data))
