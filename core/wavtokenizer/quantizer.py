"""Features to one code a frame: Euclidean EMA codebook, or unit vectors in a few dimensions."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn

from core.nn.codebook import draw, k_means, nearest
from core.wavtokenizer.config import WavTokenizerConfig

DECAY = 0.99  # of the running counts and sums: a memory of about 100 steps
LAPLACE = 1e-5  # keeps the mean of an unused code finite


@dataclass(frozen=True)
class QuantizedFeatures:
    """What a quantizer gives for features [B, D, N].

    Attributes:
        tokens: [B, N] int64; None where quantization was passed over.
        features: [B, D, N] with the gradient passed straight through.
        loss: scalar, codebook and commitment terms.
    """

    tokens: Tensor | None
    features: Tensor
    loss: Tensor


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

    codebook: Tensor
    sums: Tensor
    usage: Tensor
    initialised: Tensor

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

    def forward(self, features: Tensor, quantize: bool = True) -> QuantizedFeatures:
        """[B, D, N] -> QuantizedFeatures; in training the codebook follows its members."""
        if not quantize:
            return QuantizedFeatures(None, features, features.new_zeros(()))
        tokens = self.encode(features.detach())
        codes = self.embed(tokens)
        loss = self.commitment * F.mse_loss(features, codes)
        if self.training:
            self._follow(features.detach().transpose(1, 2).flatten(0, 1), tokens.flatten())
        return QuantizedFeatures(tokens, features + (codes - features).detach(), loss)

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
    def restart_dead_codes(
        self, features: Tensor, below: float = 0.1, generator: Generator | None = None
    ) -> int:
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

    With S slots, S consecutive frames are projected together to S directions; token n takes the
    direction of slot n mod S and one of the codes [slot * codes / S, (slot + 1) * codes / S).
    """

    usage: Tensor

    def __init__(self, config: WavTokenizerConfig) -> None:
        super().__init__()
        self.commitment, self.slots, self.code_dim = (
            config.commitment,
            config.slots,
            config.code_dim,
        )
        wide, narrow = config.slots * config.feature_dim, config.slots * config.code_dim
        self.project_in = nn.Linear(wide, narrow)
        # Without it all directions start in one narrow cone and share a few codes.
        self.spread = nn.BatchNorm1d(narrow, affine=False)
        self.project_out = nn.Linear(narrow, wide)
        self.codebook = nn.Parameter(torch.empty(config.codebook_size, config.code_dim))
        nn.init.normal_(self.codebook)
        # A unit vector's entries are 1/sqrt(code_dim): this gain brings the output back to
        # spread 1; zero biases keep the direction free of a common offset.
        nn.init.normal_(self.project_out.weight, std=config.slots**-0.5)
        nn.init.zeros_(self.project_out.bias)
        nn.init.zeros_(self.project_in.bias)
        self.register_buffer("usage", torch.ones(config.codebook_size))

    def _directions(self, features: Tensor) -> Tensor:
        """[B, D, N] -> unit vectors [B, M, S, code_dim] in float32, M = ceil(N / S)."""
        missing = -features.shape[2] % self.slots
        if missing:
            features = torch.cat((features, features[:, :, -1:].expand(-1, -1, missing)), 2)
        grouped = features.transpose(1, 2).unflatten(1, (-1, self.slots)).flatten(2)
        narrow = self.project_in(grouped).transpose(1, 2)  # [B, S * code_dim, M]
        narrow = self.spread(narrow.to(self._statistics_dtype())).transpose(1, 2)
        return F.normalize(narrow.float().unflatten(2, (self.slots, self.code_dim)), dim=-1)

    def _statistics_dtype(self) -> torch.dtype:
        mean = self.spread.running_mean
        assert mean is not None
        return mean.dtype

    def _features(self, directions: Tensor, frames: int) -> Tensor:
        """[B, M, S, code_dim] -> [B, D, frames]."""
        wide = self.project_out(directions.flatten(2).to(self.project_out.weight.dtype))
        return wide.unflatten(2, (self.slots, -1)).flatten(1, 2)[:, :frames].transpose(1, 2)

    def _codes(self) -> Tensor:
        """Unit vectors [S, codes / S, code_dim]."""
        return F.normalize(self.codebook.float(), dim=-1).unflatten(0, (self.slots, -1))

    def _nearest(self, directions: Tensor) -> Tensor:
        """[B, M, S, code_dim] -> tokens [B, M, S]."""
        found = [
            nearest(directions[:, :, slot], codes) + slot * len(codes)
            for slot, codes in enumerate(self._codes())
        ]
        return torch.stack(found, 2)

    def encode(self, features: Tensor) -> Tensor:
        """[B, D, N] -> tokens [B, N]."""
        return self._nearest(self._directions(features)).flatten(1)[:, : features.shape[2]]

    def embed(self, tokens: Tensor) -> Tensor:
        """Tokens [B, N], from slot 0 on -> [B, D, N]."""
        missing = -tokens.shape[1] % self.slots
        share = len(self.codebook) // self.slots
        rest = torch.arange(self.slots - missing, self.slots, device=tokens.device) * share
        whole = torch.cat((tokens, rest.expand(len(tokens), -1)), 1).unflatten(1, (-1, self.slots))
        codes = F.normalize(F.embedding(whole, self.codebook).float(), dim=-1)
        return self._features(codes, tokens.shape[1])

    def forward(self, features: Tensor, quantize: bool = True) -> QuantizedFeatures:
        """[B, D, N] -> QuantizedFeatures. Unquantized features still pass the narrow projection."""
        directions, frames = self._directions(features), features.shape[2]
        if not quantize:
            whole = self._features(directions, frames)
            return QuantizedFeatures(None, whole, whole.new_zeros(()))
        with torch.no_grad():
            tokens = self._nearest(directions)  # [B, M, S]
        codes = F.normalize(F.embedding(tokens, self.codebook).float(), dim=-1)
        to_codebook = (directions.detach() - codes).square().sum(-1).mean()
        to_encoder = (directions - codes.detach()).square().sum(-1).mean()
        if self.training:
            with torch.no_grad():
                counts = _counts(tokens, len(self.usage), self.usage)
                self.usage.lerp_(counts, 1 - DECAY)
        straight = directions + (codes - directions).detach()
        return QuantizedFeatures(
            tokens.flatten(1)[:, :frames],
            self._features(straight, frames),
            to_codebook + self.commitment * to_encoder,
        )

    @torch.no_grad()
    def initialise_codebook(self, features: Tensor, generator: Generator | None = None) -> None:
        """Start from the k-means centres of projected encoder outputs [B, D, N]."""
        members = self._directions(features).flatten(0, 1)  # [B * M, S, code_dim]
        share = len(self.codebook) // self.slots
        centres = torch.cat([k_means(part, share, generator) for part in members.unbind(1)])
        self.codebook.copy_(F.normalize(centres, dim=-1))
        self.usage.fill_(len(members) / share)

    @torch.no_grad()
    def restart_dead_codes(
        self, features: Tensor, below: float = 0.1, generator: Generator | None = None
    ) -> int:
        """Put codes used less than `below` times the mean onto encoder outputs [B, D, N].

        Returns: number of codes restarted.
        """
        members = self._directions(features).flatten(0, 1)  # [B * M, S, code_dim]
        dead = _dead(self.usage, below)
        share = len(self.codebook) // self.slots
        for slot, part in enumerate(members.unbind(1)):
            own = dead[(dead >= slot * share) & (dead < (slot + 1) * share)]
            self.codebook[own] = draw(part, len(own), generator).to(self.codebook.dtype)
        self.usage[dead] = self.usage.mean().clone()
        return len(dead)
