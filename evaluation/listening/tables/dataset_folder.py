"""A study's answers as a Hugging Face dataset folder: data/answers.parquet and its card."""

from __future__ import annotations

import io
from pathlib import Path

import pandas
import yaml

from core.errors import InputError
from evaluation.listening.design.study import METHOD_NAMES, Study
from evaluation.listening.store.storage import Store
from evaluation.listening.tables.answer_files import answers_csv
from evaluation.listening.tables.result_tables import ResultTables

CARD, DATA = "README.md", "data/answers.parquet"
TEXTS = ("rater", "item", "system", "baseline", "first", "second", "axis", "kind", "comment")


def write_dataset(folder: Path, study: Study, store: Store, found: ResultTables) -> list[Path]:
    """Write the folder, one row an answer and axis. Returns: the files' paths.

    Raters stand under their random ids; what a platform calls them is not in it.

    Raises: InputError when the folder holds other files.
    """
    if folder.exists() and any(folder.iterdir()):
        raise InputError("folder", folder, "is not empty; name a new one")
    kept = {verdict.rater_id for verdict in found.verdicts if verdict.kept}
    text = io.StringIO(answers_csv(study, store, kept))
    table = pandas.read_csv(
        text, dtype=dict.fromkeys(TEXTS, "string"), keep_default_na=False, na_values={"": []}
    )
    for name in ("least_heard", "place"):
        table[name] = pandas.to_numeric(table[name], errors="coerce")
    (folder / "data").mkdir(parents=True, exist_ok=True)
    table.to_parquet(folder / DATA, index=False)
    (folder / CARD).write_text(_card(study, found, len(table)), encoding="utf-8")
    return [folder / CARD, folder / DATA]


def _card(study: Study, found: ResultTables, rows: int) -> str:
    head = {
        "pretty_name": study.title,
        "tags": ["audio", "music", "listening-test", study.method.lower()],
        "size_categories": [
            "n<1K" if rows < 1000 else "1K<n<10K" if rows < 10_000 else "10K<n<100K"
        ],
        "configs": [{"config_name": "default", "data_files": DATA}],
    }
    systems = "\n".join(f"* `{system.name}`: {system.label}" for system in study.systems)
    questions = "\n".join(f"* `{axis.name}`: {axis.question}" for axis in study.axes)
    table = found.everyone
    return f"""---
{yaml.safe_dump(head, sort_keys=False, allow_unicode=True)}---

# {study.title}

Answers of a blinded listening test: {METHOD_NAMES[study.method]}, {study.task},
{table.n_raters} raters, {len(study.items)} items, {table.n_answers} main answers, {rows} rows (one
an answer and axis; training and controls too, see `kind`).

Systems:

{systems}

Questions, scored {study.scale[0]} to {study.scale[1]}:

{questions}

`score` is as given; `signed` is system minus baseline for pairs; `place` is that of the slider on a
MUSHRA screen, whose controls are `reference`, `anchor-3500` and `anchor-7000`. `passed_screening`
says who passed the rules fixed before the first answer, `removed` whom the researcher took out.
Raters are random ids. Design sha256 {study.digest}.
"""
