"""MusicCaps (Agostinelli et al., MusicLM, 2023): 5521 captions of 10 s YouTube clips.

The audio is not distributed and clips vanish, so what is missing is always reported.
"""

from __future__ import annotations

import ast
from pathlib import Path

from core.errors import InputError
from evaluation.datasets.audio_folder import AudioFolder
from evaluation.datasets.item import Dataset, Item
from evaluation.datasets.table import read_rows, seconds, tri_state

COLUMNS = {
    "ytid": ("ytid", "youtube_id", "id"),
    "start_s": ("start_s",),
    "end_s": ("end_s",),
    "audioset_positive_labels": ("audioset_positive_labels",),
    "aspect_list": ("aspect_list",),
    "caption": ("caption",),
    "is_balanced_subset": ("is_balanced_subset",),
    "is_audioset_eval": ("is_audioset_eval",),
}
FLAGS = ("is_balanced_subset", "is_audioset_eval")


def aspects(item: Item) -> list[str]:
    """The item's aspect list; it is stored as a Python list in text.

    Raises: InputError when it is not a list of texts.
    """
    text = item.details["aspect_list"]
    try:
        found = ast.literal_eval(text)
    except (ValueError, SyntaxError, RecursionError, MemoryError) as error:
        raise InputError("aspect_list", text, f"item {item.id}: write a list") from error
    if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
        raise InputError("aspect_list", text, f"item {item.id}: write a list of texts")
    return found


def read_musiccaps(table: Path, audio: Path | None = None) -> Dataset:
    """MusicCaps from its public CSV.

    Args:
        table: `musiccaps-public.csv`.
        audio: folder of `<ytid>.<extension>`, 10 s each; None when there is none.
    Returns: items named by `ytid`, in file order.
    Raises: InputError naming the row or id that is wrong.
    """
    folder = AudioFolder(audio) if audio else None
    items = []
    for row in read_rows(table, COLUMNS):
        name = row["ytid"]
        start, end = seconds(row["start_s"]), seconds(row["end_s"])
        if start is None or end is None or end <= start:
            raise InputError("span", f"{row['start_s']}..{row['end_s']}", f"fix item {name}")
        kept = ("start_s", "audioset_positive_labels", "aspect_list")
        items.append(
            Item(
                id=name,
                caption=row["caption"],
                reference=folder.find(name) if folder else None,
                reference_id=name,
                seconds=end - start,
                flags={flag: tri_state(row[flag]) for flag in FLAGS},
                details={column: row[column] for column in kept},
            )
        )
    return Dataset("MusicCaps", tuple(items))
