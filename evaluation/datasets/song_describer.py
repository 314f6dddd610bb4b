"""Song Describer (Manco et al., 2023): 1106 captions of 706 tracks of up to 2 minutes."""

from __future__ import annotations

from pathlib import Path

from evaluation.datasets.audio_folder import AudioFolder
from evaluation.datasets.item import Dataset, Item
from evaluation.datasets.table import read_rows, seconds, tri_state

COLUMNS = {
    "caption_id": ("caption_id",),
    "track_id": ("track_id",),
    "caption": ("caption",),
    "is_valid_subset": ("is_valid_subset",),
    "path": ("path",),
    "duration": ("duration",),
}
LONGEST_AUDIO = 120.0  # `duration` is the original track's; the files end here


def read_song_describer(table: Path, audio: Path | None = None) -> Dataset:
    """Song Describer from its CSV.

    Generated files are named by caption id; references by track id, as the archive names them
    (`<track_id>.2min.mp3`, in folders of two digits or flat). `is_valid_subset` has three states.

    Args:
        table: `song_describer.csv`.
        audio: folder of the tracks; None when there is none.
    Returns: one item a caption, in file order; captions of a track share its reference.
    """
    folder = AudioFolder(audio) if audio else None
    items = []
    for row in read_rows(table, COLUMNS):
        track, stated = row["track_id"], seconds(row["duration"])
        kept = [name for name in row if name not in ("caption", "caption_id", "is_valid_subset")]
        items.append(
            Item(
                id=row["caption_id"],
                caption=row["caption"],
                reference=folder.find(track) if folder else None,
                reference_id=track,
                seconds=None if stated is None else min(stated, LONGEST_AUDIO),
                flags={"is_valid_subset": tri_state(row["is_valid_subset"])},
                details={name: row[name] for name in kept},
            )
        )
    return Dataset("Song Describer", tuple(items))
