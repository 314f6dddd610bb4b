"""The plan of a folder of music against a folder of real clips."""

from __future__ import annotations

from pathlib import Path

from core.errors import InputError
from evaluation.benchmark.plan import DatasetChoice, DatasetKind, Plan, System, Task
from evaluation.datasets import load_reference_arrays
from evaluation.suite import recipe

TEXT_TO_MUSIC = Task("text-to-music")


def folder_plan(
    generated: Path,
    reference: Path,
    captions: Path,
    recipe_name: str,
    kind: DatasetKind = "folder",
    name: str | None = None,
    task: Task = TEXT_TO_MUSIC,
) -> Plan:
    """Compare files named by the ids of a CSV of captions.

    Args:
        captions: the CSV, read as `kind`.
        name: of the system in the table; by default the folder's.
    Raises: InputError for a folder that is none, a pickle among them.
    """
    if reference.is_file():
        load_reference_arrays(reference)  # says so when it is a pickle
        raise InputError("reference", reference, "is a file; give the folder of real clips")
    for side, folder in (("generated", generated), ("reference", reference)):
        if not folder.is_dir():
            raise InputError(f"{side} folder", folder, "no such folder")
    system = System(name or generated.resolve().name, task, folder=generated.resolve())
    return Plan(
        name=f"score-{system.slug}",
        title=f"{system.name} against {reference.name}",
        dataset=DatasetChoice(kind, captions, reference.resolve()),
        recipe=recipe(recipe_name),
        systems=(system,),
    )
