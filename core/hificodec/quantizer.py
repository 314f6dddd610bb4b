"""Group-residual vector quantization: four indices a frame."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from core.errors import InputError
from core.hificodec.config import HiFiCodecConfig
from core.nn.codebook import CodebookUsage, codebook_usage, k_means, nearest

USE_MEMORY = 0.98
ROWS_PER_CENTRE = 4


@dataclass(frozen=True)
class QuantizedLatents:
    """One quantizer pass.

    Attributes:
        latents: [B, D, N], the codebook vectors; gradients pass straight to the input.
        codes: [B, N, layers * groups], order layer 0 group 0, layer 0 group 1, layer 1 group 0...
        loss: scalar, codebook and commitment terms, mean over the residual layers.
    """

    latents: Tensor
    codes: Tensor
    loss: Tensor


class GroupResidualQuantizer(nn.Module):
    """HiFi-Codec's quantizer (Yang et al. 2023): channels split into groups, layers of residuals.

    With `restart_below` above 0 (training from scratch) codebooks start from the first batch seen
    in training mode, or from what `start_from` is given, and codes that fall out of use are moved
    onto data; the two buffers this needs exist only then.
    """

    use: Tensor  # [codebooks, codes], 1 = an even share
    started: Tensor  # bool

    def __init__(self, config: HiFiCodecConfig) -> None:
        super().__init__()
        self.config = config
        width = config.latent_dim // config.code_groups
        self.layers = nn.ModuleList(
            nn.ModuleList(nn.Embedding(config.codes, width) for _ in range(config.code_groups))
            for _ in range(config.residual_layers)
        )
        for book in self._books():
            nn.init.uniform_(book.weight, -1.0 / config.codes, 1.0 / config.codes)
        if config.restart_below > 0:
            self.register_buffer("use", torch.ones(config.codebooks, config.codes))
            self.register_buffer("started", torch.zeros((), dtype=torch.bool))

    def forward(self, latents: Tensor) -> QuantizedLatents:
        """Quantize [B, D, N]; in training mode also keep the codebooks alive (see the class)."""
        rows = latents.transpose(1, 2).flatten(0, 1)  # [B * N, D]
        if self.training and self.config.restart_below > 0 and not self.started:
            self.start_from(rows.detach())
        total, codes, losses = torch.zeros_like(rows), [], []
        for layer in range(self.config.residual_layers):
            residual = rows - total.detach()
            found = self._nearest(residual, layer)  # [B * N, groups]
            vectors = self._look_up(found, layer)
            losses.append(
                self.config.codebook_weight * F.mse_loss(vectors, residual.detach())
                + self.config.commitment_weight * F.mse_loss(residual, vectors.detach())
            )
            if self.training and self.config.restart_below > 0:
                self._revive(residual.detach(), found, layer)
            total = total + vectors.detach()
            codes.append(found)
        straight = (rows + (total - rows).detach()).unflatten(0, (latents.shape[0], -1))
        indices = torch.cat(codes, dim=1).unflatten(0, (latents.shape[0], -1))  # [B, N, codebooks]
        return QuantizedLatents(straight.transpose(1, 2), indices, torch.stack(losses).mean())

    def encode(self, latents: Tensor) -> Tensor:
        """[B, D, N] -> codes [B, N, layers * groups], int64."""
        residual = latents.transpose(1, 2).flatten(0, 1)  # [B * N, D]
        codes = []
        for layer in range(self.config.residual_layers):
            found = self._nearest(residual, layer)
            residual = residual - self._look_up(found, layer)
            codes.append(found)
        return torch.cat(codes, dim=1).unflatten(0, (latents.shape[0], -1))

    def embed(self, codes: Tensor) -> Tensor:
        """codes [B, N, layers * groups] -> [B, D, N]. InputError for another count of codebooks."""
        if codes.shape[-1] != self.config.codebooks:
            raise InputError(
                "codes",
                tuple(codes.shape),
                f"the last axis has to hold {self.config.codebooks} codebooks",
            )
        groups = self.config.code_groups
        layers = codes.split(groups, dim=-1)
        parts = [self._look_up(found, layer) for layer, found in enumerate(layers)]
        total = parts[0]  # [B, N, D]
        for part in parts[1:]:
            total = total + part
        return total.transpose(1, 2)

    @torch.no_grad()
    def start_from(self, rows: Tensor) -> None:
        """Set every codebook to k-means centres of encoder outputs `rows` [M, D].

        Best with several times more rows than codes; with fewer, the codes beyond M / 4 are
        single rows, shifted a little.
        """
        count = min(self.config.codes, max(1, len(rows) // ROWS_PER_CENTRE))
        residual = rows
        for layer in range(len(self.layers)):
            books = self._layer(layer)
            parts = residual.chunk(self.config.code_groups, dim=1)
            centres = [k_means(part, count) for part in parts]
            for book, part, found in zip(books, parts, centres):
                extra = part[
                    torch.randint(len(part), (self.config.codes - count,), device=part.device)
                ]
                extra = extra + 0.1 * part.std() * torch.randn_like(extra)
                book.weight.copy_(torch.cat([found, extra]))
            # against the centres alone: a code for every row would leave the next layer nothing
            residual = residual - torch.cat(
                [found[nearest(part, found)] for part, found in zip(parts, centres)], dim=1
            )
        self.mark_started()

    def mark_started(self) -> None:
        """The codebooks hold what was learnt; they are not to begin from the first batch."""
        if self.config.restart_below > 0:
            self.started.fill_(True)

    def _layer(self, layer: int) -> list[nn.Embedding]:
        """A layer's codebooks, one a group."""
        return list(cast(Iterable[nn.Embedding], self.layers[layer]))

    def _books(self) -> list[nn.Embedding]:
        return [book for layer in range(len(self.layers)) for book in self._layer(layer)]

    def _nearest(self, rows: Tensor, layer: int) -> Tensor:
        """[M, D] -> [M, groups], the euclidean nearest code in each group."""
        parts = rows.chunk(self.config.code_groups, dim=1)
        return torch.stack(
            [nearest(part, book.weight) for part, book in zip(parts, self._layer(layer))], dim=1
        )

    def _look_up(self, found: Tensor, layer: int) -> Tensor:
        """[..., groups] -> [..., D]."""
        return torch.cat(
            [book(found[..., group]) for group, book in enumerate(self._layer(layer))], dim=-1
        )

    @torch.no_grad()
    def _revive(self, residual: Tensor, found: Tensor, layer: int) -> None:
        """Track each code's use (1 = its even share) and move unused codes onto this batch."""
        parts = residual.chunk(self.config.code_groups, dim=1)
        for group, (book, part) in enumerate(zip(self._layer(layer), parts)):
            counts = torch.bincount(found[:, group], minlength=self.config.codes)
            use = self.use[layer * self.config.code_groups + group]
            use.lerp_(counts.to(use) * (self.config.codes / len(part)), 1 - USE_MEMORY)
            dead = (use < self.config.restart_below).nonzero().flatten()
            if len(dead):
                chosen = torch.randint(len(part), (len(dead),), device=part.device)
                # in place on .data: autograd holds this weight for the codebook term
                book.weight.data[dead] = part[chosen].to(book.weight.dtype)
                use[dead] = 1.0


def codebook_usages(codes: Tensor, size: int) -> tuple[CodebookUsage, ...]:
    """Usage of each codebook by codes [..., codebooks] with `size` codes in each."""
    return tuple(codebook_usage(column, size) for column in codes.unbind(-1))
