"""Blinded listening tests: from a study file to tables one may print.

`read_study` -> `prepare` -> `RaterDesk` (what a rater's page talks to) -> `results` -> export.
No page in here: the studio shows what this room computes.
"""

from evaluation.listening.command import default_database
from evaluation.listening.desk import RaterDesk, RaterView, StudyView, TrialView
from evaluation.listening.export import result_files
from evaluation.listening.persistence import persistence_warning
from evaluation.listening.power import (
    ITEMS,
    RATERS,
    Spread,
    difference_power,
    power_table,
    raters_needed,
)
from evaluation.listening.preparation import Prepared, prepare, prepared_folder, read_prepared
from evaluation.listening.result_report import report_tables, screening_table
from evaluation.listening.result_tables import (
    PaperTable,
    Progress,
    ResultTable,
    ResultTables,
    progress,
    results,
)
from evaluation.listening.storage import Store, new_token
from evaluation.listening.study import Study
from evaluation.listening.study_file import read_study

__all__ = [
    "ITEMS",
    "RATERS",
    "PaperTable",
    "Prepared",
    "Progress",
    "RaterDesk",
    "RaterView",
    "ResultTable",
    "ResultTables",
    "Spread",
    "Store",
    "Study",
    "StudyView",
    "TrialView",
    "default_database",
    "difference_power",
    "new_token",
    "persistence_warning",
    "power_table",
    "prepare",
    "prepared_folder",
    "progress",
    "raters_needed",
    "read_prepared",
    "read_study",
    "report_tables",
    "result_files",
    "results",
    "screening_table",
]
