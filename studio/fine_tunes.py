"""Fine-tunes from the page: music comes in, is prepared, and a model learns it.

Each has a name, which is that of the prepared folder, of the run and of the new model. Preparing
and training are jobs of `studio.jobs`; where a fine-tune stands is read from what they wrote.
"""

from __future__ import annotations

import contextlib
import csv
import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import InputError
from core.workspace import work_folder
from studio.jobs.job import FAILED, Job
from studio.jobs.kinds import FINE_TUNE
from studio.jobs.service import JobService
from studio.library.training_music import TrainingMusic
from trainers.fine_tuning import control
from trainers.fine_tuning.control import FineTuneStatus

NOTE = "job.json"  # the last job and whose it is


@dataclass(frozen=True)
class Found:
    """A prepared piece: its file as it was dropped, its first caption, where that is from."""

    file: str
    caption: str
    origin: str
    seconds: float
    split: str


@dataclass(frozen=True)
class FineTuneState:
    """Where a fine-tune stands.

    Attributes:
        busy: whether a job of it waits or runs, or its training is still saving.
        text: what it does, or why its last job failed.
        failed: whether that failed.
        pieces, left_out: of the prepared folder, none while it is being prepared; left_out are
            (file, reason).
        training: None before the first training.
    """

    name: str
    busy: bool
    text: str
    failed: bool
    pieces: tuple[Found, ...]
    left_out: tuple[tuple[str, str], ...]
    training: FineTuneStatus | None


class FineTunes:
    """All fine-tunes of this machine.

    Args:
        folder: where dropped music is kept.
        most_bytes: of one set of dropped music, unpacked.
    """

    def __init__(self, folder: Path, most_bytes: int, service: JobService) -> None:
        self.music, self._service = TrainingMusic(folder, most_bytes), service

    def names(self) -> list[str]:
        """Those that were begun here, the last one first."""
        notes = list(self.music.folder.glob(f"*/{NOTE}"))
        return [path.parent.name for path in sorted(notes, key=lambda p: -p.stat().st_mtime)]

    def take(self, person: str, name: str, files: Sequence[Path], folder: str) -> None:
        """Keep dropped files, or take a folder of this machine, and prepare it.

        Raises: InputError for nothing, for both, for no folder, or while a job of it is active.
        """
        place = self._free(name)
        if folder.strip() and files:
            raise InputError("music", folder, "was dropped too; give one of the two")
        if folder.strip():
            music = Path(folder.strip()).expanduser()
            if not music.is_dir():
                raise InputError("folder", folder, "is no folder on this studio's machine")
        else:
            music = self.music.take(name, files)
        place.mkdir(parents=True, exist_ok=True)
        (place / "captions.csv").unlink(missing_ok=True)  # of other music
        self._queue(person, name, {"music": str(music.resolve()), "captions": ""})

    def caption(self, person: str, name: str, captions: Sequence[tuple[str, str]]) -> None:
        """Prepare the music again with these captions, one for each file.

        Raises: InputError for a file that is not in it, or an empty caption.
        """
        self._free(name)
        asked = self._asked(name)
        if "source" not in asked:
            raise InputError("music", name, "was not prepared here; drop it first")
        known = {piece.file for piece in _pieces(name)}
        for file, caption in captions:
            if file not in known:
                raise InputError("captions", file, "is no piece of it; write FILE | CAPTION")
            if not caption:
                raise InputError("captions", file, "has an empty caption; say what is heard")
        table = self.music.write_captions(name, captions)
        self._queue(person, name, {"music": asked["source"], "captions": str(table)})

    def train(self, person: str, name: str, **choices: Any) -> None:
        """Start training, or resume it. `choices`: see `studio.jobs.fine_tuning`.

        Raises: InputError when there is nothing prepared, or a job of it is active.
        """
        self._free(name)
        if not _pieces(name):
            raise InputError("music", name, "is not prepared yet")
        self._queue(person, name, {"corpus": name, **choices})

    def stop(self, name: str) -> None:
        """Ask its job to stop; training saves first. Raises: InputError when nothing runs."""
        job, asked = self._job(name), self._asked(name)
        training = self._watch(name)
        if job is not None and job.active:
            self._service.cancel(asked["person"], job.id)
        elif training is not None and training.state == "running":
            with contextlib.suppress(InputError):  # it is still saving
                control.stop(name, 0.0)
        else:
            raise InputError("fine-tuning", name, "does not run")

    def state(self, name: str) -> FineTuneState:
        """Where it stands. Raises: InputError for a name that cannot be used."""
        self.music.place(name)
        job, training = self._job(name), self._watch(name)
        runs = training is not None and training.state == "running"
        active = job is not None and job.active
        text, failed = "", False
        if job is not None and (active or job.state == FAILED):
            text, failed = str(job.error or job.stage), job.state == FAILED
        elif runs:
            text = "saving"
        # The folder is written several times until its test split holds enough clips.
        preparing = active and job is not None and "music" in job.request
        pieces, left_out = ((), ()) if preparing else (_pieces(name), _left_out(name))
        return FineTuneState(name, active or runs, text, failed, pieces, left_out, training)

    def _free(self, name: str) -> Path:
        place, job = self.music.place(name), self._job(name)
        if job is not None and job.active:
            raise InputError("fine-tuning", name, "is under way; stop it first")
        return place

    def _queue(self, person: str, name: str, request: dict[str, Any]) -> None:
        place, identity = self.music.place(name), secrets.token_hex(12)
        source = request.get("music") or self._asked(name).get("source", "")
        note = {"id": identity, "person": person, "source": source}
        place.mkdir(parents=True, exist_ok=True)
        self._service.submit(person, {"name": name, **request}, identity, place / "job", FINE_TUNE)
        (place / NOTE).write_text(json.dumps(note), encoding="utf-8")

    def _asked(self, name: str) -> dict[str, str]:
        try:
            return json.loads((self.music.place(name) / NOTE).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}

    def _job(self, name: str) -> Job | None:
        return self._service.find(self._asked(name).get("id", ""), FINE_TUNE)

    def _watch(self, name: str) -> FineTuneStatus | None:
        try:
            return control.watch(name)
        except InputError:
            return None


def _rows(path: Path) -> list[dict[str, str]]:
    if not path.is_file():
        return []
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _pieces(name: str) -> tuple[Found, ...]:
    rows = _rows(work_folder() / name / "corpus.csv")
    return tuple(
        Found(
            row["source"],
            " ".join(row["caption"].split()),
            row["caption_source"],
            float(row["duration_s"]),
            row["split"],
        )
        for row in sorted(rows, key=lambda row: row["source"])
    )


def _left_out(name: str) -> tuple[tuple[str, str], ...]:
    rows = _rows(work_folder() / name / "remarks.csv")
    return tuple((r["file"], r["reason"]) for r in rows if r["outcome"] == "left out")
