"""Jobs made on a Space with ZeroGPU. UNTESTED: no such Space was at hand.

The GPU is asked for as long as the job's music needs, so that short jobs use little of a
person's daily quota.
"""

from __future__ import annotations

from collections.abc import Generator

from core.errors import Cancelled, FailureError
from core.request import GenerationRequest
from studio.jobs.executor import Event, ExecutorState, Task

START_SECONDS = 20
SECONDS_PER_MUSIC_SECOND = 2.0
LONGEST_SECONDS = 300


def gpu_seconds(request: GenerationRequest) -> int:
    """GPU time to ask for: the start, and a share for every second of music."""
    return min(LONGEST_SECONDS, round(START_SECONDS + SECONDS_PER_MUSIC_SECOND * request.seconds))


class ZeroGpuExecutor:
    """Runs each task in a call decorated with `spaces.GPU`."""

    def __init__(self) -> None:
        try:
            import spaces
        except ImportError as error:
            raise FailureError(
                "package", "spaces", "is missing; it exists on a Space with ZeroGPU"
            ) from error
        from studio.jobs.making import Maker

        maker = Maker()

        @spaces.GPU(duration=lambda task: gpu_seconds(task.request))
        def make(task: Task) -> Generator[Event, None, None]:
            yield from maker.make(task, lambda: False)

        self._make, self._maker, self._stopped = make, maker, 0

    def run(self, task: Task) -> Generator[Event, None, None]:
        """See `Executor.run`. A stop takes effect at the next event."""
        for event in self._make(task):
            if self._stopped == task.number:
                raise Cancelled
            yield event

    def stop(self, number: int) -> None:
        self._stopped = number

    def state(self) -> ExecutorState:
        return ExecutorState("zero-gpu", True, self._maker.loaded, 0)

    def close(self) -> None:
        """Nothing to free: the GPU is held only while a task runs."""
