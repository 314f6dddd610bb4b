"""Several drawings of one request, and which of them the language model finds likeliest."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from core.language_model import DecodeRequest, PackedModel, decode
from core.language_model.prefix import Prefix
from core.requests.request import MAX_SEED, GenerationRequest

STEPS_A_TURN = 15  # 0.2 s of music between two looks at whether the person asked to stop


@dataclass(frozen=True)
class Drawn:
    """A candidate: its tokens [N], and their mean log-probability as they were drawn."""

    tokens: np.ndarray
    score: float


@dataclass(frozen=True)
class HeardFact:
    """One thing that a request asks for, as it is heard in a piece.

    Attributes:
        name: tempo, key, drums or style.
        asked, heard: in words.
        score: from 0 (not at all) to 1 (as asked).
    """

    name: str
    asked: str
    heard: str
    score: float


@dataclass(frozen=True)
class Choice:
    """Where a kept piece came among its candidates.

    Attributes:
        of: how many were made.
        rank: 1 is the best.
        score: by likelihood the mean log-probability of the scored tokens, nats a token; by
            adherence the mean score of what was heard, 0 to 1.
        scored: what the score is of.
        by: likelihood or adherence.
        heard: by adherence, each thing that was asked for.
    """

    of: int
    rank: int
    score: float
    scored: str
    by: str = "likelihood"
    heard: tuple[HeardFact, ...] = ()


def requests_of(request: GenerationRequest) -> list[GenerationRequest]:
    """One request a candidate, each with the next seed; each makes its piece again alone."""
    return [
        replace(
            request,
            seed=(request.seed + i) % (MAX_SEED + 1),
            best_of=1,
            keep=1,
            choose_by="likelihood",
        )
        for i in range(request.best_of)
    ]


def draw(
    decoder: PackedModel, requests: Sequence[DecodeRequest], together: int
) -> Iterator[tuple[float, Drawn | None]]:
    """(share of all tokens that is drawn, a candidate that is whole now), every few steps; the
    candidates in order, `together` of them decoded at once."""
    wanted, done = sum(r.max_tokens for r in requests), 0
    for start in range(0, len(requests), together):
        group = requests[start : start + together]
        tokens: list[list[int]] = [[] for _ in group]
        scores = [0.0] * len(group)
        steps = decode(decoder, group)
        while turn := list(itertools.islice(steps, STEPS_A_TURN)):
            for step in turn:
                for number, token in enumerate(step.tokens):
                    if token is not None:
                        tokens[number].append(token)
                        scores[number] += float(step.log_probabilities[number, token])
                        done += 1
            yield done / wanted, None
        for drawn, score in zip(tokens, scores):
            yield done / wanted, Drawn(np.array(drawn, np.int64), score / max(len(drawn), 1))


@torch.inference_mode()
def likelihood(decoder: PackedModel, request: DecodeRequest, after: np.ndarray) -> float:
    """Mean log-probability of the tokens `after` [F] behind the request's prompt, nats a token.

    The model sees the request's text and sections, and as much of the prompt as its context
    holds.
    """
    held = (*request.prompt, *after[:-1].tolist())
    whole = replace(request, prompt=held, max_tokens=1, min_tokens=0, guidance=1.0)
    prefix = Prefix(decoder.model, whole, official=False)
    reach = decoder.config.context_tokens or len(held) + 1
    inputs = prefix.inputs([], prefix.left_behind(0, reach))[0]  # [N, hidden]
    logits = decoder.teacher_forced_logits(inputs)[-len(after) :]  # [F, V + 1]
    said = logits.log_softmax(-1).gather(1, torch.from_numpy(after)[:, None].to(logits.device))
    return float(said.mean())


def best(scores: Sequence[float], keep: int) -> list[int]:
    """Numbers of the `keep` highest scores, the best first; the earlier one wins a tie."""
    return sorted(range(len(scores)), key=lambda number: -scores[number])[:keep]
