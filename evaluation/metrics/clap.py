"""CLAP embeddings of audio and text through the laion-clap package.

Source: Wu et al., "Large-scale contrastive language-audio pretraining" (2023). Never
`laion/larger_clap_music`: its text embeddings are nearly constant, which `check_texts_differ`
would catch.
"""

from __future__ import annotations

import contextlib
import io
import pickle
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from huggingface_hub import hf_hub_download, try_to_load_from_cache
from huggingface_hub.errors import EntryNotFoundError

from core.compatibility import ready_torchaudio, ready_torchvision
from core.errors import FailureError, InputError
from evaluation.metrics.clap_cosine import cosines
from evaluation.metrics.preparation import CLAP_RATE
from evaluation.metrics.weights import KnownWeights, Weights

HUB = "https://huggingface.co/lukewys/laion_clap/resolve/main"
TOKENIZER_LENGTH = 50_265
TEXT_BATCH = 64
MOST_ALIKE = 0.9
UNRELATED = ("a solo cello plays a slow lament", "distorted techno with a hammering kick drum")
HUB_PARTS = {
    "roberta-base": ("config.json", "vocab.json", "merges.txt", "model.safetensors"),
    "bert-base-uncased": ("vocab.txt",),
    "facebook/bart-base": ("vocab.json", "merges.txt"),
}
POSITION_IDS = "text_branch.embeddings.position_ids"


@dataclass(frozen=True)
class ClapKind:
    """One published CLAP: its audio tower, whether it fuses crops, and its weights."""

    audio_tower: str
    fusion: bool
    checkpoint: KnownWeights


def _published(file: str, sha256: tuple[str, ...], variable: str) -> KnownWeights:
    return KnownWeights(f"CLAP {file}", file, f"{HUB}/{file}", sha256, variable, "CC0-1.0")


KINDS = {
    "music_audioset": ClapKind(
        audio_tower="HTSAT-base",
        fusion=False,
        checkpoint=_published(
            "music_audioset_epoch_15_esc_90.14.pt",
            ("fae3e9c087f2909c28a09dc31c8dfcdacbc42ba44c70e972b58c1bd1caf6dedd",),
            "STUDIO_CLAP_MUSIC",
        ),
    ),
    "630k_fusion": ClapKind(
        audio_tower="HTSAT-tiny",
        fusion=True,
        checkpoint=_published("630k-audioset-fusion-best.pt", (), "STUDIO_CLAP_FUSION"),
    ),
}


def check_tokenizer(length: int) -> None:
    """Refuse the 5-token tokenizer that transformers hands out offline without an error."""
    if length != TOKENIZER_LENGTH:
        hint = f"expected {TOKENIZER_LENGTH} tokens; fetch roberta-base into the Hugging Face cache"
        raise FailureError("CLAP tokenizer", f"{length} tokens", hint)


def check_texts_differ(embeddings: np.ndarray) -> None:
    """Refuse text embeddings [2, d] of unrelated captions that point the same way."""
    likeness = float(cosines(embeddings[:1], embeddings[1:])[0])
    if not likeness < MOST_ALIKE:
        hint = f"unrelated captions must stay below {MOST_ALIKE}; these weights cannot read text"
        raise FailureError("CLAP text embeddings", f"cosine {likeness:.3f}", hint)


def check_hub_parts() -> None:
    """Refuse to start without the three tokenizers that laion-clap loads when imported.

    Raises: FailureError saying what to fetch, before anything waits for a network.
    """
    for repository, files in HUB_PARTS.items():
        for file in files:
            if not isinstance(try_to_load_from_cache(repository, file), str):
                hint = f"run `hf download {repository}` with a network, or copy that cache here"
                raise FailureError("CLAP text model", f"{repository}/{file} absent", hint)


def fetch_hub_parts() -> None:
    """Download what `check_hub_parts` asks for into the Hugging Face cache.

    Raises: FailureError naming what could not be fetched.
    """
    for repository, files in HUB_PARTS.items():
        for file in files:
            try:
                hf_hub_download(repository, file)
            except (OSError, EntryNotFoundError) as error:
                hint = f"offline? run `hf download {repository}` elsewhere and copy its cache here"
                raise FailureError("CLAP text model", f"{repository}/{file}", hint) from error


def _state(weights: Weights) -> dict[str, torch.Tensor]:
    """The checkpoint's tensors; its NumPy scalars are the only other things allowed in."""
    scalar = np.core.multiarray.scalar  # type: ignore[attr-defined]  # not in NumPy's stubs
    scalars = [scalar, np.dtype, type(np.dtype("f8")), type(np.dtype("i8"))]
    try:
        with torch.serialization.safe_globals(scalars):
            stored = torch.load(weights.path, map_location="cpu", weights_only=True)
    except (RuntimeError, pickle.UnpicklingError) as error:
        raise InputError("CLAP weights", weights.path, "holds more than tensors") from error
    tensors = stored.get("state_dict", stored)
    return {key.removeprefix("module."): value for key, value in tensors.items()}


def ten_second_windows(audio: np.ndarray, seconds: int = 10) -> Iterator[np.ndarray]:
    """Consecutive 10 s pieces of [samples at 48 kHz]; a tail under 1 s is left out unless alone."""
    window = seconds * CLAP_RATE
    for start in range(0, len(audio), window):
        piece = audio[start : start + window]
        if start == 0 or len(piece) >= CLAP_RATE:
            yield piece


@contextlib.contextmanager
def _numpy_seed(seed: int) -> Iterator[None]:
    """laion-clap draws its crops from numpy's global generator."""
    before = np.random.get_state()
    np.random.seed(seed)
    try:
        yield
    finally:
        np.random.set_state(before)


class Clap:
    """CLAP with checked weights, tokenizer and text tower.

    Args:
        weights: a checked file.
        kind: "music_audioset" or "630k_fusion".
        device: where it runs.
    Raises: FailureError or InputError when anything of it is not what it should be.
    """

    def __init__(self, weights: Weights, kind: str, device: str = "cpu") -> None:
        self.weights, self.kind = weights, KINDS[kind]
        check_hub_parts()
        ready_torchvision()
        ready_torchaudio()
        import laion_clap

        with contextlib.redirect_stdout(io.StringIO()):
            self.module = laion_clap.CLAP_Module(
                enable_fusion=self.kind.fusion, device=device, amodel=self.kind.audio_tower
            )
        check_tokenizer(len(self.module.tokenize))
        state = _state(weights)
        if POSITION_IDS not in self.module.model.state_dict():
            state.pop(POSITION_IDS, None)  # transformers no longer stores them
        try:
            self.module.model.load_state_dict(state)
        except RuntimeError as error:
            raise InputError("CLAP weights", weights.path, f"not a {kind} CLAP") from error
        self.module.eval().requires_grad_(False)
        check_texts_differ(self.text(UNRELATED))

    def text(self, captions: Sequence[str]) -> np.ndarray:
        """[n] captions -> [n, 512] float32; 77 tokens of each are read."""
        with torch.inference_mode():
            batches = [
                self.module.get_text_embedding(list(captions[at : at + TEXT_BATCH]))
                for at in range(0, len(captions), TEXT_BATCH)
            ]
        return np.concatenate(batches)

    def _embed(self, audio: np.ndarray) -> np.ndarray:
        # as a tensor, since arrays would go through int16 a second time
        batch = torch.from_numpy(np.ascontiguousarray(audio, np.float32))[None]
        return self.module.get_audio_embedding_from_data(batch, use_tensor=True)[0].cpu().numpy()

    def audio_with_random_crops(self, audio: np.ndarray, seed: int) -> np.ndarray:
        """[samples at 48 kHz] -> [512], as the package does it: above 10 s it hears RANDOM crops
        (one of 10 s, or three when it fuses), here drawn from `seed`."""
        with torch.inference_mode(), _numpy_seed(seed):
            return self._embed(audio)

    def audio_over_all_windows(self, audio: np.ndarray) -> np.ndarray:
        """[samples at 48 kHz] -> [512]: mean over all 10 s windows, nothing random."""
        with torch.inference_mode():
            return np.mean([self._embed(piece) for piece in ten_second_windows(audio)], axis=0)
