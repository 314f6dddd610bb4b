"""Blinded listening tests: from a study file to tables one may print.

`read_study` -> `prepare` -> `RatingService` (what a rater's page talks to) -> `results` -> export.
No page in here: the studio shows what this room computes.
"""

from evaluation.listening.clips.preparation import Prepared, prepare, prepared_folder, read_prepared
from evaluation.listening.command import default_database
from evaluation.listening.design.assignment import Trial, cells, plan_trials
from evaluation.listening.design.language import languages
from evaluation.listening.design.power import (
    ITEMS,
    RATERS,
    Spread,
    difference_power,
    power_table,
    raters_needed,
)
from evaluation.listening.design.study import ARENA, BOTH_BAD, CCR, METHOD_NAMES, MOS, MUSHRA, Study
from evaluation.listening.design.study_file import read_study, study_from
from evaluation.listening.service import RaterView, RatingService, StudyView, TrialView
from evaluation.listening.statistics import ArenaTable, MeanInterval, arena
from evaluation.listening.store.people import invitations, invite, remove, revoke
from evaluation.listening.store.persistence import persistence_warning
from evaluation.listening.store.records import new_token
from evaluation.listening.store.registration import CLOSED, OPEN, PAUSED, set_state, state_of
from evaluation.listening.store.storage import Store
from evaluation.listening.tables.answer_files import csv_text, payment_csv
from evaluation.listening.tables.export import result_files
from evaluation.listening.tables.honest_raters import honest_losses, losses_text
from evaluation.listening.tables.paper_tables import PaperTable
from evaluation.listening.tables.result_report import headphone_text, report_tables, screening_table
from evaluation.listening.tables.result_tables import (
    ResultTable,
    ResultTables,
    StudyProgress,
    contrast_label,
    contrasts,
    progress,
    results,
)

__all__ = [
    "ARENA",
    "ArenaTable",
    "BOTH_BAD",
    "arena",
    "csv_text",
    "CCR",
    "CLOSED",
    "METHOD_NAMES",
    "MOS",
    "MUSHRA",
    "MeanInterval",
    "OPEN",
    "PAUSED",
    "cells",
    "contrast_label",
    "contrasts",
    "headphone_text",
    "honest_losses",
    "plan_trials",
    "study_from",
    "invitations",
    "invite",
    "languages",
    "losses_text",
    "payment_csv",
    "remove",
    "revoke",
    "set_state",
    "state_of",
    "ITEMS",
    "RATERS",
    "PaperTable",
    "Prepared",
    "StudyProgress",
    "RatingService",
    "RaterView",
    "ResultTable",
    "ResultTables",
    "Spread",
    "Store",
    "Study",
    "StudyView",
    "Trial",
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
