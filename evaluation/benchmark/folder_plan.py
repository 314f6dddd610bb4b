"""The plan of folders of music against a folder of real clips, or statistics of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from core.errors import InputError
from evaluation.benchmark.plan import DatasetChoice, DatasetKind, Plan, System, Task
from evaluation.datasets import audio_files_of
from evaluation.suite import recipe

TEXT_TO_MUSIC = Task("text-to-music")


def folder_plan(
    generated: Sequence[Path],
    reference: Path | None,
    captions: Path | None,
    recipe_name: str,
    kind: DatasetKind = "folder",
    names: Sequence[str] = (),
    task: Task = TEXT_TO_MUSIC,
) -> Plan:
    """Compare files named by the ids of a table of captions.

    Args:
        generated: one folder a system.
        reference: folder of real clips, or a file of their statistics; None measures what needs
            neither.
        captions: the table, read as `kind`; None takes the files of the first folder as items.
        names: of the systems in the table; by default their folders'.
    Raises: InputError for a folder that is none, a pickle among them, or unequal counts of names.
    """
    if names and len(names) != len(generated):
        raise InputError("names", len(names), f"give {len(generated)}, one for each folder")
    statistics = reference if reference is not None and reference.is_file() else None
    folders = [("generated", folder) for folder in generated]
    if reference is not None and statistics is None:
        folders.append(("reference", reference))
    for side, folder in folders:
        if not folder.is_dir():
            raise InputError(f"{side} folder", folder, "no such folder")
    real = audio_files_of(reference.resolve()) if reference and not statistics else None
    titles = names or [folder.resolve().name for folder in generated]
    systems = tuple(
        System(title, task, folder=audio_files_of(folder.resolve()))
        for title, folder in zip(titles, generated)
    )
    table: Path | None = captions.resolve() if captions else systems[0].folder
    assert table is not None
    return Plan(
        name="score-" + "-".join(system.slug for system in systems)[:80],
        title=f"{', '.join(titles)} against {reference.name if reference else 'captions'}",
        dataset=DatasetChoice(
            kind if captions else "files",
            table,
            real,
            statistics=statistics.resolve() if statistics else None,
        ),
        recipe=recipe(recipe_name),
        systems=systems,
    )
