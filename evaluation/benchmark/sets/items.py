"""The items of a plan, in the order in which they are drawn once and for all."""

from __future__ import annotations

import random
from collections.abc import Sequence

from core.errors import InputError
from evaluation.benchmark.plan import DatasetChoice, System
from evaluation.datasets import (
    Dataset,
    Item,
    read_audio_files,
    read_captioned_folder,
    read_ids,
    read_musiccaps,
    read_song_describer,
)

READERS = {
    "folder": read_captioned_folder,
    "musiccaps": read_musiccaps,
    "song-describer": read_song_describer,
    "files": read_audio_files,
}


def chosen_items(choice: DatasetChoice) -> Dataset:
    """The plan's items; a limit draws that many, whether or not their audio is here.

    Raises: InputError naming the table, column or id that is wrong.
    """
    dataset = READERS[choice.kind](choice.table, choice.audio)
    for column, value in choice.having.items():
        dataset = dataset.having(column, value)
    for flag, state in choice.flags.items():
        dataset = dataset.where(flag, state)
    if choice.ids is not None:
        dataset = dataset.among(read_ids(choice.ids), choice.ids.stem)
    if choice.limit is None:
        return dataset
    if not 1 <= choice.limit <= len(dataset.items):
        hint = f"{dataset.name} has {len(dataset.items)} items"
        raise InputError("limit", choice.limit, hint)
    drawn = random.Random(choice.seed).sample(dataset.items, choice.limit)
    return Dataset(f"{dataset.name}, {choice.limit} drawn by seed {choice.seed}", tuple(drawn))


def items_of(system: System, items: Sequence[Item]) -> list[Item]:
    """What this system is compared on.

    Raises: InputError when its limit is more than there are.
    """
    if system.limit is not None and not 2 <= system.limit <= len(items):
        raise InputError("limit", system.limit, f"{system.title}: 2 to {len(items)} items")
    return list(items[: system.limit])
