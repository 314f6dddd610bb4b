"""What kinds of jobs there are, on which resource each runs, and how many of them may wait."""

from __future__ import annotations

from dataclasses import dataclass

MODEL, BACKGROUND, NETWORK = "model", "background", "network"
FOREVER = float("inf")


@dataclass(frozen=True)
class Kind:
    """One kind of job.

    Attributes:
        name: as stored with each job.
        resource: what its jobs compete for: MODEL (one worker a device, which keeps its models),
            BACKGROUND (one process at the lowest priority) or NETWORK.
        runner: "module:class" of the `Runner` that makes them, imported in the worker alone.
        person_jobs, all_jobs: how many of one person, of all, may wait or run.
        stall_seconds: without a word for so long, a worker is ended and started again.
        remade: whether a job is made again, once, when its worker was killed.
        hint: what a person can do when its worker was killed.
    """

    name: str
    resource: str
    runner: str
    person_jobs: int
    all_jobs: int
    stall_seconds: float = FOREVER
    remade: bool = True
    hint: str = "it has been started again; ask once more"


GENERATION = Kind(
    "generation",
    MODEL,
    "studio.jobs.generation:GenerationRunner",
    8,
    200,
    stall_seconds=300.0,
    hint="it has been started again, press Generate once more",
)
BENCHMARK = Kind(
    "benchmark",
    BACKGROUND,
    "studio.benchmark.running:BenchmarkRunner",
    2,
    10,
    remade=False,
    hint="out of memory? What was made is kept, so it can go on",
)
FINE_TUNE = Kind(
    "fine-tune",
    BACKGROUND,
    "studio.jobs.fine_tuning:FineTuneRunner",
    2,
    10,
    remade=False,
    hint="out of memory? What was learnt is kept, so it can go on",
)
DOWNLOAD = Kind(
    "download",
    NETWORK,
    "studio.jobs.downloads:DownloadRunner",
    1,
    1,
    hint="start the download once more; it goes on with what it has",
)
KINDS = {kind.name: kind for kind in (GENERATION, BENCHMARK, FINE_TUNE, DOWNLOAD)}
