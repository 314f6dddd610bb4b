"""One request while it is written: its tokens and how much of them is in context."""

from __future__ import annotations

from torch import Tensor

from core.language_model.prefix import Prefix


class Lane:
    """A request in a batch.

    Attributes:
        rows: of the decoder: the conditional one, and the unconditional one with guidance.
        generated: new tokens so far.
        ended: nothing more will come.
        window: audio tokens in context at most.
        held: audio tokens in context now.
        capacity: positions that its longest row can take.
    """

    def __init__(self, prefix: Prefix, context_tokens: int | None) -> None:
        self.prefix, self.request = prefix, prefix.request
        self.rows = len(prefix.lengths)
        self.generated: list[int] = []
        self.ended = False
        total = len(self.request.prompt) + self.request.max_tokens
        self.window = min(context_tokens or total, total)
        self.held = 0
        self.capacity = max(prefix.lengths) + self.window
        self._refill = self.window if self.window == total else self.window // 2

    @property
    def full(self) -> bool:
        """Whether the next token needs a new context."""
        return self.held == self.window

    def context(self) -> list[Tensor]:
        """Each row's inputs [P, hidden], prefix and latest audio; they are in context now."""
        before = self.prefix.left_behind(len(self.generated), self._refill)
        self.held = len(self.request.prompt) + len(self.generated) - before
        return self.prefix.inputs(self.generated, before)

    def take(self, token: int, end_token: int) -> int | None:
        """Add a drawn token; None where it is the end, or comes after it."""
        if self.ended or token == end_token:
            self.ended = True
            return None
        self.generated.append(token)
        self.ended = len(self.generated) == self.request.max_tokens
        return token
