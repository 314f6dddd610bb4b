"""Benchmarks from the page: what is to be measured, their records and reports.

A benchmark may hold the processor for hours and reads folders of this machine. So it is for
whoever knows the admin token or, while none is set, sits at the machine that the studio runs on;
it runs in a process of its own at the lowest priority, one for all people, and never keeps people
waiting for music.
"""

from studio.benchmark.permission import require_permission
from studio.benchmark.requests import (
    BenchmarkRequest,
    ComparisonRequest,
    FolderRequest,
    PlanRequest,
)
from studio.benchmark.runs import BenchmarkRun, Benchmarks

__all__ = [
    "BenchmarkRequest",
    "BenchmarkRun",
    "Benchmarks",
    "ComparisonRequest",
    "FolderRequest",
    "PlanRequest",
    "require_permission",
]
