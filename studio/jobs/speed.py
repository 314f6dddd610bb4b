"""How long a job will take, learnt from the jobs before it."""

from __future__ import annotations

from core.requests.request import GenerationRequest

FIRST_GUESS = 1.5  # compute seconds a second of music, before anything was measured
FIXED_SECONDS = 0.3  # a job's cost whatever its length
NEWEST_WEIGHT = 0.4
SHARE_OF_NEIGHBOUR = 0.5  # by which each neighbour in a batch slows a job, before it was measured


class Speed:
    """Wall seconds a second of music, for each variant, preset and number of jobs at once."""

    def __init__(self) -> None:
        self._rates: dict[tuple[str, str], dict[int, float]] = {}

    def learn(self, request: GenerationRequest, took: float, together: float = 1.0) -> None:
        """Take a finished job into account.

        Args:
            took: wall time in seconds, loading left out.
            together: how many jobs its worker made meanwhile, on average, itself included.
        """
        rates = self._rates.setdefault((str(request.variant), request.preset), {})
        count = max(1, round(together))
        rate = max(1e-3, (took - FIXED_SECONDS) / request.seconds)
        before = rates.get(count)
        rates[count] = (
            rate if before is None else NEWEST_WEIGHT * rate + (1 - NEWEST_WEIGHT) * before
        )

    def seconds(self, request: GenerationRequest, together: int = 1) -> float:
        """Wall time that the request should take beside `together` - 1 others."""
        rates = self._rates.get((str(request.variant), request.preset), {})
        if together in rates:
            rate = rates[together]
        else:
            near = min(rates, key=lambda count: abs(count - together), default=1)
            rate = rates.get(near, FIRST_GUESS) * _slowed(together) / _slowed(near)
        return FIXED_SECONDS + rate * request.seconds


def _slowed(together: int) -> float:
    return 1 + SHARE_OF_NEIGHBOUR * (together - 1)
