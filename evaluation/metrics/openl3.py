"""OpenL3 (music, mel256, 512-d) as openl3 0.4.2 computes it with its kapre front end.

Windows of one second at 48 kHz; magnitude STFT (2048, hop 242), 256 mel bands, decibels below
each window's own maximum with a floor of 80 dB. Windows of several files share a batch.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import librosa
import numpy as np
import torch
from torch import Tensor

from core.errors import InputError
from evaluation.metrics.networks.openl3_network import OpenL3Network, read_keras_layers
from evaluation.metrics.weights import KnownWeights, Weights

SAMPLE_RATE = 48_000
WINDOW = 48_000  # samples of one window
CENTRE_ZEROS = 24_000  # put in front only, so that the first window is centred on sample 0
FFT, FFT_HOP, FFT_FRAMES = 2048, 242, 199
BANDS = 256
AMPLITUDE_FLOOR, DYNAMIC_RANGE_DB = 1e-10, 80.0
BATCH_WINDOWS = 4  # more windows leave the processor's cache and run slower

CHECKPOINT = KnownWeights(
    name="openl3",
    file="openl3_audio_mel256_music-v0_4_0.h5.gz",
    url="https://github.com/marl/openl3/raw/models/openl3_audio_mel256_music-v0_4_0.h5.gz",
    sha256=(  # packed, unpacked
        "e379f41e880b78e157c199ebddac80d3764e6a46282bcccdbe875bcf538f9afd",
        "624ee7b1dd5ff87e18073f66fd8b2052bebb8ac70210e9c0937c0c940c63e9d6",
    ),
    variable="STUDIO_OPENL3",
    licence="CC BY 4.0",
)


def cut_windows(audio: np.ndarray, hop_seconds: float = 0.5, center: bool = True) -> np.ndarray:
    """[samples at 48 kHz] -> [n, 48000] windows; the end is padded to a whole hop.

    A clip of T seconds gives 2 T windows with the defaults.
    """
    hop = int(hop_seconds * SAMPLE_RATE)
    front = CENTRE_ZEROS if center else 0
    length = front + len(audio)
    hops = max(0, -(-(length - WINDOW) // hop))
    padded = np.zeros(WINDOW + hops * hop, np.float32)
    padded[front:length] = audio
    return np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::hop]


class OpenL3:
    """The network with its front end.

    Args:
        weights: a checked file in openl3's Keras layout.
        device: where it runs.
    """

    def __init__(self, weights: Weights, device: str = "cpu") -> None:
        self.weights = weights
        self.device = torch.device(device)
        network = OpenL3Network(read_keras_layers(weights.path))
        network.to(self.device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.network = network.eval().requires_grad_(False)
        bank = librosa.filters.mel(
            sr=SAMPLE_RATE, n_fft=FFT, n_mels=BANDS, htk=False, norm="slaney"
        )
        self.bank = torch.from_numpy(bank.astype(np.float32)).to(self.device)  # [256, 1025]
        self.hann = torch.hann_window(FFT, periodic=True, device=self.device)

    @property
    def dimension(self) -> int:
        """Width of one channel's embedding."""
        return self.network.dimension

    def mel(self, windows: Tensor) -> Tensor:
        """[B, 48000] -> [B, 256, 199] dB below each window's maximum."""
        tail = FFT + (FFT_FRAMES - 1) * FFT_HOP - windows.shape[1]
        padded = torch.nn.functional.pad(windows, (0, tail))
        spectrum = torch.stft(
            padded, FFT, FFT_HOP, window=self.hann, center=False, return_complex=True
        )  # [B, 1025, 199]
        mel = self.bank @ spectrum.abs()  # [B, 256, 199]
        level = 10 * torch.log10(mel.clamp_min(AMPLITUDE_FLOOR))
        return (level - level.amax(dim=(1, 2), keepdim=True)).clamp_min(-DYNAMIC_RANGE_DB)

    def embed_windows(self, windows: np.ndarray) -> np.ndarray:
        """[n, 48000] -> [n, D] float32."""
        with torch.inference_mode():
            batch = torch.from_numpy(np.array(windows)).to(self.device)
            return self.network(self.mel(batch)).cpu().numpy()

    def embed(self, audio: np.ndarray, hop_seconds: float = 0.5, center: bool = True) -> np.ndarray:
        """[samples at 48 kHz] -> [n, D] float32."""
        return next(self.embed_many([audio], hop_seconds, center))

    def embed_many(
        self, signals: Iterable[np.ndarray], hop_seconds: float = 0.5, center: bool = True
    ) -> Iterator[np.ndarray]:
        """Embeddings of many clips, in order, batched across clips.

        Args:
            signals: each [samples] mono at 48 kHz.
        Yields: [n, D] float32 for each clip.
        Raises: InputError when a clip is not mono or is empty.
        """
        waiting: list[np.ndarray] = []  # windows not yet embedded
        done: list[np.ndarray] = []  # embeddings not yet given out
        counts: list[int] = []  # windows of the clips not yet given out
        for audio in signals:
            if audio.ndim != 1 or not len(audio):
                raise InputError("audio", f"shape {audio.shape}", "openl3 needs mono [samples]")
            windows = cut_windows(audio, hop_seconds, center)
            counts.append(len(windows))
            waiting.extend(windows)
            while len(waiting) >= BATCH_WINDOWS:
                done.extend(self.embed_windows(np.stack(waiting[:BATCH_WINDOWS])))
                del waiting[:BATCH_WINDOWS]
            while counts and len(done) >= counts[0]:
                count = counts.pop(0)
                yield np.stack(done[:count])
                del done[:count]
        if waiting:
            done.extend(self.embed_windows(np.stack(waiting)))
        for count in counts:
            yield np.stack(done[:count])
            del done[:count]
