"""PaSST class logits over AudioSet's 527 classes, through the hear21passt package.

Source: Koutini et al., "Efficient training of audio transformers with Patchout" (2022). The
10 s model is the one stable-audio-metrics uses; audiocraft's default is the 20 s one.
"""

from __future__ import annotations

import contextlib
import io
import pickle
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from core.compatibility import ready_torchaudio, ready_torchvision
from core.errors import InputError
from evaluation.metrics.preparation import PASST_RATE
from evaluation.metrics.weights import KnownWeights, Weights
from evaluation.metrics.windows import Window

CLASSES = 527
RELEASES = "https://github.com/kkoutini/PaSST/releases/download"


@dataclass(frozen=True)
class PasstKind:
    """One published PaSST: the longest clip it hears and its weights."""

    seconds: int
    arch: str
    frames: int
    checkpoint: KnownWeights


KINDS = {
    10: PasstKind(
        seconds=10,
        arch="passt_s_swa_p16_128_ap476",
        frames=998,
        checkpoint=KnownWeights(
            name="PaSST 10 s",
            file="passt-s-f128-p16-s10-ap.476-swa.pt",
            url=f"{RELEASES}/v0.0.1-audioset/passt-s-f128-p16-s10-ap.476-swa.pt",
            sha256=("302903fa8c4aee817b11dc982da0b29aaf8d11a3e722420476d0a12c9db70c2c",),
            variable="STUDIO_PASST",
            licence="Apache-2.0",
        ),
    ),
    20: PasstKind(
        seconds=20,
        arch="passt_20sec",
        frames=2000,
        checkpoint=KnownWeights(
            name="PaSST 20 s",
            file="passt-s-f128-20sec-p16-s10-ap.474-swa.pt",
            url=f"{RELEASES}/v0.0.5/passt-s-f128-20sec-p16-s10-ap.474-swa.pt",
            sha256=(),
            variable="STUDIO_PASST_20S",
            licence="Apache-2.0",
        ),
    ),
}


def build_passt(kind: PasstKind) -> Any:
    """hear21passt's model without weights of its own: [B, samples at 32 kHz] -> [B, 527]."""
    ready_torchvision()
    ready_torchaudio()
    from hear21passt.models.passt import get_model
    from hear21passt.models.preprocess import AugmentMelSTFT
    from hear21passt.wrapper import PasstBasicWrapper

    with contextlib.redirect_stdout(io.StringIO()):  # it prints the whole model
        mel = AugmentMelSTFT(
            n_mels=128, sr=PASST_RATE, win_length=800, hopsize=320, n_fft=1024, freqm=48,
            timem=192, htk=False, fmin=0.0, fmax=None, norm=1, fmin_aug_range=10,
            fmax_aug_range=2000,
        )  # fmt: skip
        net = get_model(arch=kind.arch, pretrained=False, n_classes=CLASSES, input_tdim=kind.frames)
    window = kind.seconds * 1000
    return PasstBasicWrapper(mel=mel, net=net, max_model_window=window, mode="logits")


class Passt:
    """PaSST with checked weights.

    Args:
        weights: a checked file of the published state.
        seconds: 10 or 20, the longest window this model hears.
        device: where it runs.
    """

    def __init__(self, weights: Weights, seconds: int = 10, device: str = "cpu") -> None:
        self.weights, self.seconds = weights, seconds
        self.device = torch.device(device)
        model = build_passt(KINDS[seconds])
        try:
            state = torch.load(weights.path, map_location="cpu", weights_only=True)
            model.net.load_state_dict(state)
        except (RuntimeError, TypeError, pickle.UnpicklingError) as error:
            hint = f"not this model's; see {KINDS[seconds].checkpoint.url}"
            raise InputError("PaSST weights", weights.path, hint) from error
        self.model = model.eval().requires_grad_(False).to(self.device)

    def _forward(self, batch: Tensor) -> Tensor:
        # hear21passt draws from the global generator even in eval mode, and prints its shapes
        quiet = contextlib.redirect_stdout(io.StringIO())
        with torch.inference_mode(), torch.random.fork_rng(), quiet:
            return self.model(batch.to(self.device)).cpu()

    def logits(self, audio: np.ndarray, windows: list[Window]) -> np.ndarray:
        """Logits of each window of a clip.

        Args:
            audio: [samples] float32, mono, 32 kHz.
            windows: from `sam_windows` or `audiocraft_windows`.
        Returns: [windows, 527] float32.
        Raises: InputError when a window is longer than the model's positions reach.
        """
        longest = self.seconds * PASST_RATE
        rows = []
        for window in windows:
            cut = window.cut(audio)
            if len(cut) > longest:
                seconds = f"{len(cut) / PASST_RATE:.1f} s"
                raise InputError("window", seconds, f"this PaSST hears at most {self.seconds} s")
            rows.append(self._forward(torch.from_numpy(cut)[None]).numpy())
        return np.concatenate(rows)
