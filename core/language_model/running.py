"""Continuous batching of the language model: requests join and leave between steps."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from core.errors import InputError
from core.language_model.cache import BucketCache, ExactCache
from core.language_model.captured import CapturedStep
from core.language_model.lane import Lane
from core.language_model.packed import PackedModel
from core.language_model.precision import MOST_ROWS
from core.language_model.prefix import Prefix, check_ids
from core.language_model.request import DecodeRequest
from core.language_model.step import DecodeState

STRIDE = 16  # steps between two looks at the tokens, where a look makes a device wait


@dataclass(frozen=True)
class BatchStep:
    """What one step gave.

    Attributes:
        tokens: of the lanes that were going on; None where one ended without a token.
        ended: lanes whose end has come.
        log_probabilities: their rows [lanes, V + 1], see `StepTokens`; None unless wanted.
    """

    tokens: dict[Lane, int | None]
    ended: frozenset[Lane]
    log_probabilities: Tensor | None


class DecodeBatch:
    """Requests of one model that decode together; each keeps the tokens it would have alone.

    Attributes:
        lanes: the requests in it. A lane leaves by itself when it ends.
        stride: steps worth asking for at once.
    """

    def __init__(
        self,
        packed: PackedModel,
        *,
        official: bool = False,
        buckets: bool | None = None,
        scores: bool = False,
        capture: bool = True,
    ) -> None:
        """
        Args:
            official: the released unconditional row (see `Prefix`).
            buckets: shapes that stay the same for many steps, so that a GPU's step can be captured
                (see `cache`); None: on a GPU.
            scores: hand back the log-probabilities too.
            capture: make CUDA graphs of steps with buckets, where there is CUDA.
        """
        self.packed, self.official, self.scores = packed, official, scores
        self.lanes: list[Lane] = []
        if buckets is None:
            buckets = packed.device.type != "cpu"
        about = packed.config, packed.precision.cache, packed.device
        self._buckets = BucketCache(*about, MOST_ROWS) if buckets else None
        self._cache = self._buckets or ExactCache(*about)
        self._step = DecodeState(packed, self._cache, MOST_ROWS if buckets else None)
        self._captured = CapturedStep(self._step, self._buckets, capture) if self._buckets else None
        self.stride = STRIDE if buckets else 1

    @property
    def captures(self) -> bool:
        """Whether steps run as CUDA graphs."""
        return self._captured is not None and self._captured.capturing

    @property
    def rows(self) -> int:
        """Rows in use."""
        return sum(lane.rows for lane in self.lanes)

    def admits(self, request: DecodeRequest) -> bool:
        """Whether there are rows left for it (MOST_ROWS where shapes are fixed)."""
        return self._buckets is None or self.rows + 1 + request.guided <= MOST_ROWS

    @torch.inference_mode()
    def join(self, request: DecodeRequest, random_vectors: Tensor | None = None) -> Lane:
        """Read a request's prefix; it takes part in the next step.

        Args:
            random_vectors: of the official unconditional row, see `decode`.

        Raises: InputError for an unknown id, or a batch without room.
        """
        check_ids(self.packed.config, request)
        if not self.admits(request):
            raise InputError("batch", f"{self.rows} rows", f"holds at most {MOST_ROWS}")
        prefix = Prefix(self.packed.model, request, self.official, random_vectors)
        lane = Lane(prefix, self.packed.config.context_tokens)
        states = self._states()
        self._cache.arrange([*self.lanes, lane])
        try:
            states[lane] = self._step.read(lane)
        except BaseException:
            self._cache.arrange(self.lanes)
            raise
        self.lanes.append(lane)
        self._step.arrange(self.lanes, [states[one] for one in self.lanes])
        return lane

    @torch.inference_mode()
    def leave(self, lane: Lane) -> None:
        """Take a request out; its neighbours go on."""
        self._keep([other for other in self.lanes if other is not lane])

    def _keep(self, lanes: list[Lane]) -> None:
        if len(lanes) == len(self.lanes):
            return
        states = self._states()
        self.lanes = lanes
        self._cache.arrange(lanes)
        if lanes:
            self._step.arrange(lanes, [states[lane] for lane in lanes])

    def _states(self) -> dict[Lane, tuple[Tensor, Tensor]]:
        """Logits [rows, V + 1] and positions [rows] of every lane."""
        states, row = {}, 0
        for lane in self.lanes:
            own = slice(row, row + lane.rows)
            states[lane] = self._step.logits[own].clone(), self._step.positions[own].clone()
            row += lane.rows
        return states

    @torch.inference_mode()
    def steps(self, count: int = 1) -> list[BatchStep]:
        """Up to `count` steps of every lane, fewer where a lane needs a new context or all end."""
        with self.packed.threads():
            return self._together(count) if self._buckets else self._one_by_one(count)

    def _one_by_one(self, count: int) -> list[BatchStep]:
        steps: list[BatchStep] = []
        while self.lanes and len(steps) < count:
            self._step.draw()
            drawn, lanes = self._step.drawn, self.lanes
            steps.append(self._take(drawn.tolist(), self._step.log_probabilities))
            self._keep([lane for lane in lanes if not lane.ended])
            if len(self.lanes) < len(lanes):
                going = [number for number, lane in enumerate(lanes) if not lane.ended]
                self._step.drawn = drawn[going]
            full = [lane for lane in self.lanes if lane.full]
            if len(full) < len(self.lanes):
                self._step.advance()
            self._went_on(full)
        return steps

    def _together(self, count: int) -> list[BatchStep]:
        """The same with the host looking at the tokens once, at the end."""
        assert self._buckets is not None and self._captured is not None
        if not self.lanes:
            return []
        left = max(lane.request.max_tokens - len(lane.generated) for lane in self.lanes)
        # A lane that is full gets a new context after the step that finds it so.
        count = min(count, left, 1 + min(lane.window - lane.held for lane in self.lanes))
        longest = max(lane.capacity - lane.window + lane.held for lane in self.lanes)
        self._buckets.reach(longest + count)
        drawn, scores = self._captured.run(count, self.scores)
        steps: list[BatchStep] = []
        full: list[Lane] = []
        for number, tokens in enumerate(drawn.tolist()):
            steps.append(self._take(tokens, scores[number] if self.scores else None))
            full = [lane for lane in self.lanes if lane.full and not lane.ended]
            for lane in self.lanes:
                lane.held += not lane.full
        self._keep([lane for lane in self.lanes if not lane.ended])
        self._renew(full)
        return steps

    def _take(self, tokens: list[int], scores: Tensor | None) -> BatchStep:
        end = self.packed.config.end_token
        going = [number for number, lane in enumerate(self.lanes) if not lane.ended]
        taken = {self.lanes[n]: self.lanes[n].take(tokens[n], end) for n in going}
        ended = frozenset(lane for lane in self.lanes if lane.ended)
        return BatchStep(
            taken, ended, scores[going] if self.scores and scores is not None else None
        )

    def _went_on(self, full: list[Lane]) -> None:
        for lane in self.lanes:
            lane.held += lane not in full
        self._renew(full)

    def _renew(self, full: list[Lane]) -> None:
        """New contexts for lanes whose window was full when their last token came."""
        row = 0
        for lane in self.lanes:
            if lane in full:
                logits, positions = self._step.read(lane)
                self._step.logits[row : row + lane.rows] = logits
                self._step.positions[row : row + lane.rows] = positions
            row += lane.rows
