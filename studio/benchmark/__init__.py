"""Benchmarks from the page: what is asked, one process at a time that runs it, its reports.

A benchmark may hold the processor for hours and reads folders of this machine. So it is for
whoever knows the admin token or, while none is set, sits at the machine that the studio runs on;
it runs in a process of its own at the lowest priority, one for all people, and never in the queue
in which people wait for music.
"""

from studio.benchmark.asked import Asked, ComparisonAsked, FolderAsked, PlanAsked
from studio.benchmark.desk import BenchmarkDesk, BenchmarkRun
from studio.benchmark.permission import require_permission

__all__ = [
    "Asked",
    "BenchmarkDesk",
    "BenchmarkRun",
    "ComparisonAsked",
    "FolderAsked",
    "PlanAsked",
    "require_permission",
]
