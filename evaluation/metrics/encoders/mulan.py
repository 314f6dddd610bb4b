"""MuQ-MuLan: music and captions in one space.

Source: Zhu et al., "MuQ" (2025), section 4; the network of muq 0.1.0: a few more layers on MuQ for
audio and on XLM-RoBERTa for captions, their means projected onto the unit sphere.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from huggingface_hub import hf_hub_download, try_to_load_from_cache
from huggingface_hub.errors import EntryNotFoundError
from torch import Tensor, nn

from core.errors import FailureError, InputError
from evaluation.metrics.encoders.checkpoint import below, fill, read_state, ready_transformers
from evaluation.metrics.encoders.muq import OF_TRAINING as MUQ_TRAINING
from evaluation.metrics.encoders.muq import PUBLISHED, RATE, MuqNetwork, MuqSizes
from evaluation.metrics.weights import KnownWeights, Weights

WINDOW_SECONDS = 10
TOKENIZER, TOKENIZER_FILE = "xlm-roberta-base", "tokenizer.json"
TOKENS = 250_002
LONGEST = 512  # tokens of a caption that XLM-RoBERTa has positions for
SIMILARITY_SCALE = 8.0
MUQ_PREFIX = "mulan.audio.model.model."
CHECKPOINT = KnownWeights(
    name="MuQ-MuLan",
    file="MuQ-MuLan-large.bin",
    url="https://huggingface.co/OpenMuQ/MuQ-MuLan-large/resolve/main/pytorch_model.bin",
    sha256=("5fe234bbc5f183a9f4275fb292f54a30cb3a8ce75f82f1a43410ee6044d71d59",),
    variable="STUDIO_MUQ_MULAN",
    licence="CC-BY-NC-4.0",
)
UNUSED = rf"audio\.(aggregator\.|model\.({MUQ_TRAINING}))|contrast|multi_layer|.*position_ids$"


@dataclass(frozen=True)
class TowerSizes:
    """Of the layers above either model: width, number, heads and the width of each."""

    width: int = 768
    layers: int = 8
    heads: int = 8
    head_width: int = 64

    @classmethod
    def of(cls, state: Mapping[str, Tensor], side: str) -> TowerSizes:
        """Read off the tensors of "audio" or "text", which may have no layers.

        Raises: InputError for another network's state.
        """
        latents = state.get(f"mulan.{side}_to_latents.weight")
        if latents is None:
            raise InputError("MuQ-MuLan weights", f"{side} tower", "the state lacks it")
        own = below(state, f"mulan.{side}.transformer.layers.")
        count = len([key for key in own if key.endswith(".0.norm.learned_gamma")])
        if not count:
            return cls(latents.shape[1], 0)
        head_width = len(own["0.0.q_scale"])
        return cls(latents.shape[1], count, len(own["0.0.to_q.weight"]) // head_width, head_width)


@dataclass(frozen=True)
class MulanSizes:
    """Of the published network; tests make it smaller.

    Attributes:
        muq: of MuQ below it.
        audio, text: of the layers above MuQ and above XLM-RoBERTa.
        latent: of the common space.
        bert_width, bert_layers, bert_heads, bert_inner, tokens: of XLM-RoBERTa.
    """

    muq: MuqSizes = PUBLISHED
    audio: TowerSizes = TowerSizes()
    text: TowerSizes = TowerSizes()
    latent: int = 512
    bert_width: int = 768
    bert_layers: int = 12
    bert_heads: int = 12
    bert_inner: int = 3072
    tokens: int = TOKENS


class _Norm(nn.Module):
    """Layer norm without a bias."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.learned_gamma = nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.layer_norm(x, x.shape[-1:], self.learned_gamma)


class _Attention(nn.Module):
    """Attention between unit vectors: queries and keys are normalised, then scaled."""

    def __init__(self, width: int, heads: int, head_width: int) -> None:
        super().__init__()
        self.heads, inner = heads, heads * head_width
        self.norm = _Norm(width)
        self.to_q = nn.Linear(width, inner, bias=False)
        self.to_kv = nn.Linear(width, 2 * inner, bias=False)
        self.q_scale = nn.Parameter(torch.ones(head_width))
        self.k_scale = nn.Parameter(torch.ones(head_width))
        self.to_out = nn.Sequential(nn.Linear(inner, width, bias=False))

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm(x)
        query, key, value = (
            part.unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for part in (self.to_q(x), *self.to_kv(x).chunk(2, dim=-1))
        )
        query = nn.functional.normalize(query, dim=-1) * self.q_scale
        key = nn.functional.normalize(key, dim=-1) * self.k_scale
        found = nn.functional.scaled_dot_product_attention(
            query, key, value, scale=SIMILARITY_SCALE
        )
        return self.to_out(found.transpose(1, 2).flatten(2))


class _Gated(nn.Module):
    """[..., 2 d] -> [..., d]: one half through a GELU times the other."""

    def forward(self, x: Tensor) -> Tensor:
        value, gate = x.chunk(2, dim=-1)
        return nn.functional.gelu(gate) * value


def _feed_forward(width: int) -> nn.Sequential:
    inner = int(width * 4 * 2 / 3)
    return nn.Sequential(
        _Norm(width),
        nn.Linear(width, 2 * inner, bias=False),
        _Gated(),
        nn.Identity(),  # dropout
        nn.Linear(inner, width, bias=False),
    )


class _Layers(nn.Module):
    """Attention and feed-forward, each added to what enters it."""

    def __init__(self, sizes: TowerSizes) -> None:
        super().__init__()
        width = sizes.width
        self.layers = nn.ModuleList(
            nn.ModuleList([_Attention(width, sizes.heads, sizes.head_width), _feed_forward(width)])
            for _ in range(sizes.layers)
        )

    def forward(self, x: Tensor) -> Tensor:
        for parts in self.layers:
            for part in parts:  # type: ignore[attr-defined]  # a ModuleList
                x = part(x) + x
        return x


class _Tower(nn.Module):
    """A model, a projection where widths differ, and the layers above."""

    def __init__(self, model: nn.Module, inputs: int, sizes: TowerSizes, projects: bool) -> None:
        super().__init__()
        self.model: Any = model
        self.transformer = _Layers(sizes)
        self.proj = nn.Linear(inputs, sizes.width) if projects else nn.Identity()

    def above(self, hidden: Tensor) -> Tensor:
        """[B, T, inputs] -> [B, width]."""
        return self.transformer(self.proj(hidden)).mean(dim=1)


class MulanNetwork(nn.Module):
    """Audio and tokens to unit vectors."""

    def __init__(self, sizes: MulanSizes = MulanSizes()) -> None:
        super().__init__()
        ready_transformers()
        from transformers import XLMRobertaConfig, XLMRobertaModel

        config = XLMRobertaConfig(
            vocab_size=sizes.tokens,
            hidden_size=sizes.bert_width,
            num_hidden_layers=sizes.bert_layers,
            num_attention_heads=sizes.bert_heads,
            intermediate_size=sizes.bert_inner,
            max_position_embeddings=LONGEST + 2,
            type_vocab_size=1,
            layer_norm_eps=1e-5,
        )
        bert, projects = XLMRobertaModel(config), sizes.bert_width != sizes.text.width
        self.audio = _Tower(MuqNetwork(sizes.muq), sizes.muq.width, sizes.audio, projects=True)
        self.text = _Tower(bert, sizes.bert_width, sizes.text, projects)
        self.audio_to_latents = nn.Linear(sizes.audio.width, sizes.latent)
        self.text_to_latents = nn.Linear(sizes.text.width, sizes.latent)

    def hear(self, audio: Tensor) -> Tensor:
        """[B, samples at 24 kHz] -> [B, latent]."""
        latents = self.audio_to_latents(self.audio.above(self.audio.model(audio)[-1]))
        return nn.functional.normalize(latents, dim=-1)

    def read(self, tokens: Tensor) -> Tensor:
        """[B, T] tokens without padding -> [B, latent]."""
        hidden = self.text.model(input_ids=tokens).last_hidden_state
        return nn.functional.normalize(self.text_to_latents(self.text.above(hidden)), dim=-1)


def check_tokenizer() -> None:
    """Raises: FailureError saying what to fetch where XLM-RoBERTa's tokenizer is not here."""
    if not isinstance(try_to_load_from_cache(TOKENIZER, TOKENIZER_FILE), str):
        hint = f"run `hf download {TOKENIZER} {TOKENIZER_FILE}` with a network, or copy that cache"
        raise FailureError("MuQ-MuLan text model", f"{TOKENIZER}/{TOKENIZER_FILE} absent", hint)


def fetch_tokenizer() -> None:
    """Download it into the Hugging Face cache.

    Raises: FailureError when it cannot be had.
    """
    try:
        hf_hub_download(TOKENIZER, TOKENIZER_FILE)
    except (OSError, EntryNotFoundError) as error:
        hint = f"offline? run `hf download {TOKENIZER} {TOKENIZER_FILE}` elsewhere, copy its cache"
        raise FailureError("MuQ-MuLan text model", TOKENIZER_FILE, hint) from error


def windows(audio: np.ndarray) -> list[np.ndarray]:
    """Pieces of 10 s of [samples at 24 kHz]; the last one goes on with the clip's beginning."""
    length = WINDOW_SECONDS * RATE
    pieces = [audio[start : start + length] for start in range(0, len(audio), length)]
    if len(pieces[-1]) < length:
        pieces[-1] = np.concatenate([pieces[-1], audio[: length - len(pieces[-1])]])
    return pieces


class Mulan:
    """MuQ-MuLan with checked weights and tokenizer.

    Args:
        weights: a checked file of the published state.
        device: where it runs.
    Raises: FailureError or InputError when anything of it is not what it should be.
    """

    def __init__(
        self, weights: Weights, device: str = "cpu", sizes: MulanSizes = MulanSizes()
    ) -> None:
        from tokenizers import Tokenizer

        check_tokenizer()
        path = str(try_to_load_from_cache(TOKENIZER, TOKENIZER_FILE))
        self.tokenizer = Tokenizer.from_file(path)
        if self.tokenizer.get_vocab_size() != sizes.tokens:
            found = f"{self.tokenizer.get_vocab_size()} tokens"
            raise InputError("MuQ-MuLan tokenizer", path, f"{found}, not {sizes.tokens}")
        self.tokenizer.no_padding()
        self.tokenizer.enable_truncation(LONGEST)
        self.weights, self.device = weights, torch.device(device)
        state = read_state(weights.path, CHECKPOINT.name)
        audio, text = (TowerSizes.of(state, side) for side in ("audio", "text"))
        self.network = MulanNetwork(dataclasses.replace(sizes, audio=audio, text=text))
        # MuQ's own module holds its network below `model.`, as the tower does
        muq = {f"audio.model.{key}": value for key, value in below(state, MUQ_PREFIX).items()}
        rest = {
            key.removeprefix("mulan."): value
            for key, value in state.items()
            if not key.startswith(MUQ_PREFIX)
        }
        fill(self.network, {**rest, **muq}, weights.path, CHECKPOINT.name, UNUSED)
        self.network.to(self.device)

    def text(self, captions: Sequence[str]) -> np.ndarray:
        """[n] captions -> [n, 512] float32, one after another: muq's own batches change a
        caption's embedding with its neighbours' lengths."""
        with torch.inference_mode():
            rows = [
                self.network.read(
                    torch.tensor([self.tokenizer.encode(caption).ids]).to(self.device)
                )
                for caption in captions
            ]
        return torch.cat(rows).cpu().numpy()

    def audio(self, signal: np.ndarray) -> np.ndarray:
        """[samples at 24 kHz mono] -> [512] float32: the mean over windows of 10 s."""
        with torch.inference_mode():
            heard = [
                self.network.hear(torch.from_numpy(piece)[None].to(self.device))
                for piece in windows(signal)
            ]
        return torch.cat(heard).mean(dim=0).cpu().numpy()
