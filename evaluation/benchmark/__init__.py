"""The benchmark: a plan becomes music, embeddings (kept), scores and a report; every number
carries its recipe, its interval and its n, and a stopped run goes on to the same numbers."""

from evaluation.benchmark.difference import Difference, all_pairs, difference
from evaluation.benchmark.difference_report import difference_report
from evaluation.benchmark.folder_plan import folder_plan
from evaluation.benchmark.plan import DatasetChoice, Plan, System, Task
from evaluation.benchmark.plan_file import read_plan, shipped_plans
from evaluation.benchmark.preflight import Needed, needed
from evaluation.benchmark.progress import Step
from evaluation.benchmark.reporting import run_report, run_table
from evaluation.benchmark.results import RunResult, SystemResult
from evaluation.benchmark.runner import Run, RunOptions
from evaluation.suite import MetricResult

__all__ = [
    "DatasetChoice",
    "Difference",
    "MetricResult",
    "Needed",
    "Plan",
    "Run",
    "RunOptions",
    "RunResult",
    "Step",
    "System",
    "SystemResult",
    "Task",
    "all_pairs",
    "difference",
    "difference_report",
    "folder_plan",
    "needed",
    "read_plan",
    "run_report",
    "run_table",
    "shipped_plans",
]
