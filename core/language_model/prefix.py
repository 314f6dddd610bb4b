"""A request's sequences: with its conditions, and without them for guidance."""

from __future__ import annotations

import torch
from torch import Tensor

from core.errors import InputError
from core.language_model.batch import LanguageModelBatch, LanguageModelExample, SectionTimes
from core.language_model.conditions import sections_within
from core.language_model.config import LanguageModelConfig
from core.language_model.model import LanguageModel
from core.language_model.request import DecodeRequest


def check_ids(config: LanguageModelConfig, request: DecodeRequest) -> None:
    """Raise InputError when an id of the request lies outside the model's tables."""
    for name, ids, rows in (
        ("text id", request.text_ids, config.text_vocabulary),
        ("text id", request.negative_ids, config.text_vocabulary),
        ("audio token", request.prompt, config.audio_vocabulary),
        ("structure id", [s[0] for s in request.sections], config.structures),
    ):
        wrong = [i for i in ids if not 0 <= i < rows]
        if wrong:
            raise InputError(name, wrong[0], f"this model knows 0..{rows - 1}")


class Prefix:
    """The sequences of one request's rows: conditional first, unconditional second if guided.

    By default the unconditional row is what condition dropout teaches: the same times,
    structures and audio, and no text positions at all; a negative prompt's ids stand there
    instead. `official` gives the released inference
    instead: text ids and audio prompt all 0 in equal length, and random vectors (uniform in
    [0, 1)) for times and structures, here drawn from the request's seed unless given.
    """

    def __init__(
        self,
        model: LanguageModel,
        request: DecodeRequest,
        official: bool,
        random_vectors: Tensor | None = None,
    ) -> None:
        self.model, self.request = model, request
        self.blank_audio = official
        self.texts = [request.text_ids]
        self.vectors: list[Tensor | None] = [None]
        if request.guided:
            blank = (0,) * len(request.text_ids) if official else request.negative_ids
            self.texts.append(blank)
            self.vectors.append(self._random_vectors(random_vectors) if official else None)
        self.lengths = [2 + 3 * len(request.sections) + len(t) for t in self.texts]

    def _random_vectors(self, given: Tensor | None) -> Tensor:
        shape = (1, 3, len(self.request.sections), self.model.config.hidden)
        if given is None:
            generator = torch.Generator().manual_seed(self.request.seed % 2**63)
            given = torch.rand(shape, generator=generator).half()
        weight = self.model.structure_embedding.weight
        return given.reshape(shape).to(weight.device, weight.dtype)

    def left_behind(self, generated: int, keep: int) -> int:
        """Audio tokens out of context when about the last `keep` stay: whole groups."""
        before = max(0, len(self.request.prompt) + generated - keep)
        return before - before % self.model.config.token_group

    def inputs(self, generated: list[int], before: int) -> list[Tensor]:
        """Each row's embedded sequence [P, hidden]: prefix, then the audio tokens that follow the
        first `before`."""
        sections = self._plan(before)
        rows = []
        for row, (text, vectors) in enumerate(zip(self.texts, self.vectors)):
            prompt = self.request.prompt
            if row and self.blank_audio:
                prompt = (0,) * len(prompt)
            example = LanguageModelExample(text, [*prompt, *generated][before:], sections)
            batch = LanguageModelBatch.pad([example]).to(self.model.head.weight.device)
            rows.append(self.model.embed(batch, vectors).inputs[0])
        return rows

    def _plan(self, before: int) -> tuple[SectionTimes, ...]:
        """The sections that a context starting after `before` tokens can reach, counted from its
        start: what a training crop of the context's length would have been told."""
        reach, rate = self.model.config.context_tokens, self.model.config.token_rate
        whole = len(self.request.prompt) + self.request.max_tokens
        if reach is None or whole <= reach or self.blank_audio:
            return self.request.sections
        return sections_within(self.request.sections, before / rate, (before + reach) / rate)
