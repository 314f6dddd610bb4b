"""Features to one code a frame: Euclidean EMA codebook, or unit vectors in a few dimensions."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn

from core.wavtokenizer.config import WavTokenizerConfig
from core.wavtokenizer.kmeans import draw, k_means, nearest

DECAY = 0.99  # of the running counts and sums: a memory of about 100 steps
LAPLACE = 1e-5  # keeps the mean of an unused code finite


@dataclass(frozen=True)
class Quantized:
    """What a quantizer gives for features [B, D, N].

    Attributes:
        tokens: [B, N] int64; None where quantization was passed over.
        features: [B, D, N] with the gradient passed straight through.
        loss: scalar, codebook and commitment terms.
    """

    tokens: Tensor | None
    features: Tensor
    loss: Tensor


@dataclass(frozen=True)
class CodebookUsage:
    """How much of a codebook some tokens use.

    Attributes:
        codes: number of distinct codes.
        perplexity: exp of the entropy of their frequencies; codebook_size at best.
    """

    codes: int
    perplexity: float


def codebook_usage(tokens: Tensor, codebook_size: int) -> CodebookUsage:
    """Usage of a codebook by tokens of any shape."""
    counts = torch.bincount(tokens.flatten(), minlength=codebook_size).double()
    shares = counts[counts > 0] / counts.sum()
    entropy = -(shares * shares.log()).sum()
    return CodebookUsage(int((counts > 0).sum()), float(entropy.exp()))


def _counts(tokens: Tensor, codebook_size: int, like: Tensor) -> Tensor:
    return torch.bincount(tokens.flatten(), minlength=codebook_size).to(like.dtype)


def _dead(usage: Tensor, below: float) -> Tensor:
    """Indices of codes used less than `below` times the mean."""
    return (usage < below * usage.mean()).nonzero()[:, 0]


class EuclideanQuantizer(nn.Module):
    """Nearest code by Euclidean distance; the codebook is a running mean of its members.

    Official kind (EnCodec's EuclideanCodebook). `usage` and `sums` are the running counts and
    sums of members, `initialised` the official flag.
    """

    def __init__(self, config: WavTokenizerConfig) -> None:
        super().__init__()
        self.commitment = config.commitment
        codebook = torch.empty(config.codebook_size, config.feature_dim)
        nn.init.kaiming_uniform_(codebook)
        self.register_buffer("codebook", codebook)
        self.register_buffer("sums", codebook.clone())
        self.register_buffer("usage", torch.zeros(config.codebook_size))
        self.register_buffer("initialised", torch.zeros(1))

    def encode(self, features: Tensor) -> Tensor:
        """[B, D, N] -> tokens [B, N]."""
        return nearest(features.transpose(1, 2), self.codebook)

    def embed(self, tokens: Tensor) -> Tensor:
        """Tokens [B, N] -> [B, D, N]."""
        return F.embedding(tokens, self.codebook).transpose(1, 2)

    def forward(self, features: Tensor, quantize: bool = True) -> Quantized:
        """[B, D, N] -> Quantized; in training the codebook follows its members."""
        if not quantize:
            return Quantized(None, features, features.new_zeros(()))
        tokens = self.encode(features.detach())
        codes = self.embed(tokens)
        loss = self.commitment * F.mse_loss(features, codes)
        if self.training:
            self._follow(features.detach().transpose(1, 2).flatten(0, 1), tokens.flatten())
        return Quantized(tokens, features + (codes - features).detach(), loss)

    @torch.no_grad()
    def _follow(self, members: Tensor, tokens: Tensor) -> None:
        members = members.to(self.sums.dtype)  # [B * N, D]
        sums = torch.zeros_like(self.sums).index_add_(0, tokens, members)
        self.usage.lerp_(_counts(tokens, len(self.usage), self.usage), 1 - DECAY)
        self.sums.lerp_(sums, 1 - DECAY)
        total = self.usage.sum()
        smoothed = (self.usage + LAPLACE) / (total + len(self.usage) * LAPLACE) * total
        self.codebook.copy_(self.sums / smoothed[:, None])

    @torch.no_grad()
    def initialise_codebook(self, features: Tensor, generator: Generator | None = None) -> None:
        """Start from the k-means centres of encoder outputs [B, D, N]."""
        members = features.transpose(1, 2).flatten(0, 1).to(self.codebook.dtype)
        self.codebook.copy_(k_means(members, len(self.codebook), generator))
        self.usage.fill_(1.0)
        self.sums.copy_(self.codebook)
        self.initialised.fill_(1.0)

    @torch.no_grad()
    def restart_dead_codes(self, features: Tensor, below: float = 0.1,
                           generator: Generator | None = None) -> int:
        """Put codes used less than `below` times the mean onto encoder outputs [B, D, N].

        Returns: number of codes restarted.
        """
        dead = _dead(self.usage, below)
        members = features.transpose(1, 2).flatten(0, 1).to(self.codebook.dtype)
        usage = self.usage.mean().clone()
        self.codebook[dead] = draw(members, len(dead), generator)
        self.sums[dead] = self.codebook[dead] * usage
        self.usage[dead] = usage
        return len(dead)


class FactorisedQuantizer(nn.Module):
    """Nearest unit vector of code_dim, between two projections; the codebook learns by gradient.

    Improved VQGAN's factorised, l2-normalised codes, centred and scaled before they become
    directions (by batch in training, by running statistics in `eval`: tokens that are kept must
    come from a model in `eval`). `usage` is the running count of members.
    """

    def __init__(self, config: WavTokenizerConfig) -> None:
        super().__init__()
        self.commitment = config.commitment
        self.project_in = nn.Linear(config.feature_dim, config.code_dim)
        # Without it all directions start in one narrow cone and share a few codes.
        self.spread = nn.BatchNorm1d(config.code_dim, affine=False)
        self.project_out = nn.Linear(config.code_dim, config.feature_dim)
        self.codebook = nn.Parameter(torch.empty(config.codebook_size, config.code_dim))
        nn.init.normal_(self.codebook)
        # A unit vector's entries are 1/sqrt(code_dim): this gain brings the output back to
        # spread 1; zero biases keep the direction free of a common offset.
        nn.init.normal_(self.project_out.weight)
        nn.init.zeros_(self.project_out.bias)
        nn.init.zeros_(self.project_in.bias)
        self.register_buffer("usage", torch.ones(config.codebook_size))

    def _directions(self, features: Tensor) -> Tensor:
        """[B, D, N] -> unit vectors [B, N, code_dim] in float32."""
        narrow = self.project_in(features.transpose(1, 2)).transpose(1, 2)  # [B, code_dim, N]
        narrow = self.spread(narrow.to(self.spread.running_mean.dtype)).transpose(1, 2)
        return F.normalize(narrow.float(), dim=-1)

    def _codes(self) -> Tensor:
        return F.normalize(self.codebook.float(), dim=-1)

    def encode(self, features: Tensor) -> Tensor:
        """[B, D, N] -> tokens [B, N]."""
        return nearest(self._directions(features), self._codes())

    def embed(self, tokens: Tensor) -> Tensor:
        """Tokens [B, N] -> [B, D, N]."""
        codes = F.normalize(F.embedding(tokens, self.codebook).float(), dim=-1)
        return self.project_out(codes.to(self.codebook.dtype)).transpose(1, 2)

    def forward(self, features: Tensor, quantize: bool = True) -> Quantized:
        """[B, D, N] -> Quantized. Unquantized features still pass the narrow projection."""
        directions = self._directions(features)  # [B, N, code_dim]
        if not quantize:
            whole = self.project_out(directions).transpose(1, 2)
            return Quantized(None, whole, whole.new_zeros(()))
        with torch.no_grad():
            tokens = nearest(directions, self._codes())
        codes = F.normalize(F.embedding(tokens, self.codebook).float(), dim=-1)
        to_codebook = (directions.detach() - codes).square().sum(-1).mean()
        to_encoder = (directions - codes.detach()).square().sum(-1).mean()
        if self.training:
            with torch.no_grad():
                counts = _counts(tokens, len(self.usage), self.usage)
                self.usage.lerp_(counts, 1 - DECAY)
        straight = directions + (codes - directions).detach()
        return Quantized(tokens, self.project_out(straight).transpose(1, 2),
                         to_codebook + self.commitment * to_encoder)

    @torch.no_grad()
    def initialise_codebook(self, features: Tensor, generator: Generator | None = None) -> None:
        """Start from the k-means centres of projected encoder outputs [B, D, N]."""
        members = self._directions(features).flatten(0, 1)
        centres = k_means(members, len(self.codebook), generator)
        self.codebook.copy_(F.normalize(centres, dim=-1))
        self.usage.fill_(features.shape[0] * features.shape[2] / len(self.usage))

    @torch.no_grad()
    def restart_dead_codes(self, features: Tensor, below: float = 0.1,
                           generator: Generator | None = None) -> int:
        """Put codes used less than `below` times the mean onto encoder outputs [B, D, N].

        Returns: number of codes restarted.
        """
        dead = _dead(self.usage, below)
        members = self._directions(features).flatten(0, 1)
        self.codebook[dead] = draw(members, len(dead), generator).to(self.codebook.dtype)
        self.usage[dead] = self.usage.mean().clone()
        return len(dead)
