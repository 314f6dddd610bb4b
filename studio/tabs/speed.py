"""How long a job will take, learnt from the jobs before it."""

from __future__ import annotations

from core.request import GenerationRequest

FIRST_GUESS = 1.5  # compute seconds a second of music, before anything was measured
FIXED_SECONDS = 0.3  # a job's cost whatever its length
NEWEST_WEIGHT = 0.4


class Speed:
    """Compute seconds a second of music, for each variant and preset."""

    def __init__(self) -> None:
        self._rates: dict[tuple[str, str], float] = {}

    def learn(self, request: GenerationRequest, took: float) -> None:
        """Take a finished job into account; `took` is wall time in seconds, loading left out."""
        key = request.variant, request.preset
        rate = max(1e-3, (took - FIXED_SECONDS) / request.seconds)
        before = self._rates.get(key)
        self._rates[key] = (
            rate if before is None else (NEWEST_WEIGHT * rate + (1 - NEWEST_WEIGHT) * before)
        )

    def seconds(self, request: GenerationRequest) -> float:
        """Wall time that the request should take."""
        rate = self._rates.get((request.variant, request.preset), FIRST_GUESS)
        return FIXED_SECONDS + rate * request.seconds
