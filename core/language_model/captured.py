"""A decoding step captured as a CUDA graph, so that a GPU does not wait for Python."""

from __future__ import annotations

import logging
from dataclasses import dataclass

import torch
from torch import Tensor

from core.language_model.cache import BucketCache
from core.language_model.step import DecodeState

LOG = logging.getLogger(__name__)
WARM_UPS = 2  # runs before capture, in which libraries allocate what they keep


@dataclass(frozen=True)
class _Graph:
    graph: torch.cuda.CUDAGraph
    drawn: Tensor
    log_probabilities: Tensor


class CapturedStep:
    """Runs steps over a BucketCache: one graph per shape on CUDA; as they are elsewhere, and
    where capture fails."""

    def __init__(self, step: DecodeState, cache: BucketCache, capture: bool = True) -> None:
        self._step, self._cache = step, cache
        self._graphs: dict[tuple[int | bool, ...], _Graph] = {}
        self._tensors = (0, 0)
        self.capturing = capture and step.packed.device.type == "cuda"

    def run(self, count: int, scores: bool) -> tuple[Tensor, Tensor]:
        """Tokens [count, lanes]; log-probabilities [count, lanes, V + 1], empty unless wanted."""
        drawn, kept = [], []
        for _ in range(count):
            self._once()
            drawn.append(self._step.drawn.clone())
            if scores:
                kept.append(self._step.log_probabilities.clone())
        return torch.stack(drawn), torch.stack(kept) if kept else torch.zeros(0)

    def _once(self) -> None:
        graph = self._graph() if self.capturing else None
        if graph is None:
            self._step.draw()
            self._step.advance()
            return
        graph.graph.replay()
        self._step.drawn, self._step.log_probabilities = graph.drawn, graph.log_probabilities

    def _graph(self) -> _Graph | None:
        """The graph of the present shapes; graphs over tensors that are gone are dropped."""
        tensors = (self._cache.version, self._step.tables[0].data_ptr())
        if tensors != self._tensors:
            self._tensors = tensors
            self._graphs.clear()
        key = (self._cache.bucket, *self._step.shape_key())
        if key not in self._graphs:
            made = self._capture()
            if made is None:
                return None
            self._graphs[key] = made
        return self._graphs[key]

    def _capture(self) -> _Graph | None:
        saved = self._step.snapshot()
        try:
            current, side = torch.cuda.current_stream(), torch.cuda.Stream()
            side.wait_stream(current)
            with torch.cuda.stream(side):
                for _ in range(WARM_UPS):
                    self._step.draw()
                    self._step.advance()
                    self._step.restore(saved)
            current.wait_stream(side)
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph):
                self._step.draw()
                self._step.advance()
        except RuntimeError as error:
            LOG.warning("decoding steps cannot be captured here and run one by one: %s", error)
            self.capturing = False
            self._step.restore(saved)
            return None
        return _Graph(graph, self._step.drawn, self._step.log_probabilities)
