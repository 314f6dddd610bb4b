"""People's music on disk: one folder a person, one folder a result, names that tell nothing.

    people/PERSON/results/ID/sound.wav    24-bit, as made
    people/PERSON/results/ID/record.json  the request, how it was made, title, favourite
    people/PERSON/uploads/ID.SUFFIX       sound to be continued
    people/PERSON/outlines/ID.json        its length and peaks

PERSON is a hash of the key in the person's cookie, ID is random. Every method takes the person
first, and no path is ever built from more than these two checked names.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from core.errors import FailureError, InputError
from core.requests.request import GenerationRequest

ID = re.compile(r"[0-9a-f]{24}")
PERSON = re.compile(r"[0-9a-f]{32}")
TITLE_CHARACTERS = 80
LEAST_FREE_BYTES = 64 * 2**20
UNNAMED_SECONDS = 86400.0  # that an upload is kept without a result that goes on from it


@dataclass(frozen=True)
class Record:
    """What is kept of one result beside its sound.

    Attributes:
        request: as `GenerationRequest.as_dict`; an audio prompt's path is the upload's name.
        about: how it was made (sample_rate, seconds, stages, rtf, model, sha256, peaks,
            join_seconds).
    """

    id: str
    created: float
    title: str
    request: dict[str, Any]
    about: dict[str, Any]
    favourite: bool = False


class Library:
    """All results and uploads under one folder."""

    def __init__(self, folder: Path, person_bytes: int, keep_seconds: float) -> None:
        self.folder = folder
        self.person_bytes, self.keep_seconds = person_bytes, keep_seconds

    def _of(self, person: str, kind: str) -> Path:
        if not PERSON.fullmatch(person):
            raise InputError("person", "", "is not known; open the page again")
        return self.folder / person / kind

    def _result(self, person: str, identity: str) -> Path:
        if not ID.fullmatch(identity):
            raise _missing(identity)
        return self._of(person, "results") / identity

    def new_result(self, person: str, needed: set[str]) -> tuple[str, Path]:
        """(id, file to write) of a result about to be made.

        Args:
            needed: names of the uploads that jobs still need; of the others, old ones make room.

        Raises: FailureError when the disk or the person's share of it is full.
        """
        self._require_room(person, needed)
        identity = secrets.token_hex(12)
        folder = self._result(person, identity)
        try:
            folder.mkdir(parents=True)
        except OSError as error:
            raise FailureError(
                "disk", "", f"cannot be written ({error.strerror}); tell whoever runs this studio"
            ) from error
        return identity, folder / "sound.wav"

    def _require_room(self, person: str, needed: set[str]) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        if shutil.disk_usage(self.folder).free < LEAST_FREE_BYTES:
            raise FailureError(
                "disk of this studio", "", "is full; delete music you no longer need, or try later"
            )
        used = folder_bytes(self.folder / person)
        if used > self.person_bytes:
            used -= self._drop_uploads(person, used - self.person_bytes, needed)
        if used > self.person_bytes:
            raise FailureError(
                "your music",
                f"{used / 1e6:.0f} MB",
                "is more than the "
                f"{self.person_bytes / 1e6:.0f} MB kept for one person; delete "
                "some in History",
            )

    def _drop_uploads(self, person: str, excess: int, needed: set[str]) -> int:
        """Delete uploads that no record and no job names, oldest first and never the youngest,
        until `excess` bytes are free. Returns how many came free."""
        named, found = needed | self._named(person), []
        for path in self._of(person, "uploads").glob("*"):
            try:
                state = path.stat()
            except OSError:
                continue
            found.append((state.st_mtime_ns, state.st_size, path))
        freed = 0
        for _, size, path in sorted(found)[:-1]:
            if freed < excess and path.name not in named:
                self.delete_upload(person, path.name)
                freed += size
        return freed

    def keep(
        self, person: str, identity: str, request: GenerationRequest, about: dict[str, Any]
    ) -> Record:
        """Write the record of a finished result, which makes it show up in History."""
        plain = request.as_dict()
        if request.audio is not None:
            plain["audio"]["path"] = Path(request.audio.path).name
        title = request.prompt or "Continued music"
        record = Record(identity, time.time(), title[:TITLE_CHARACTERS], plain, about)
        self._write(person, record)
        return record

    def keep_beside(
        self,
        person: str,
        identity: str,
        file: Path,
        request: GenerationRequest,
        about: dict[str, Any],
    ) -> Record:
        """Keep a piece that was made together with a result, from a file in that one's folder.

        Raises: FailureError when it cannot be written.
        """
        other = secrets.token_hex(12)
        place = self._result(person, other)
        try:
            place.mkdir(parents=True)
            os.replace(self._result(person, identity) / file.name, place / "sound.wav")
        except OSError as error:
            raise FailureError("disk", "", f"cannot be written ({error.strerror})") from error
        return self.keep(person, other, request, about)

    def _write(self, person: str, record: Record) -> None:
        path = self._result(person, record.id) / "record.json"
        fresh = path.with_suffix(".new")
        try:
            fresh.write_text(json.dumps(asdict(record)), encoding="utf-8")
            os.replace(fresh, path)
        except OSError as error:
            raise FailureError("disk", "", f"cannot be written ({error.strerror})") from error

    def record(self, person: str, identity: str) -> Record:
        """Raises: InputError when this person has no such result."""
        try:
            text = (self._result(person, identity) / "record.json").read_text(encoding="utf-8")
            return Record(**json.loads(text))
        except (OSError, ValueError, TypeError) as error:
            raise _missing(identity) from error

    def records(self, person: str) -> list[Record]:
        """This person's results, youngest first."""
        found = []
        for path in self._of(person, "results").glob("*/record.json"):
            try:
                found.append(self.record(person, path.parent.name))
            except InputError:  # deleted meanwhile
                continue
        return sorted(found, key=lambda r: r.created, reverse=True)

    def sound(self, person: str, identity: str) -> Path:
        """The WAV file of a finished result of this person."""
        self.record(person, identity)
        return self._result(person, identity) / "sound.wav"

    def request(self, person: str, record: Record) -> GenerationRequest:
        """The request of a record, its audio prompt found again.

        Raises: InputError when the prompt's sound has been deleted.
        """
        request = GenerationRequest.from_dict(record.request)
        if request.audio is None:
            return request
        path = self.upload(person, request.audio.path)
        return replace(request, audio=replace(request.audio, path=str(path)))

    def change(
        self, person: str, identity: str, title: str | None = None, favourite: bool | None = None
    ) -> Record:
        """Rename or mark a result."""
        record = self.record(person, identity)
        if title is not None:
            title = " ".join(title.split())[:TITLE_CHARACTERS].encode("utf-8", "ignore").decode()
            if not title:
                raise InputError("name", "(empty)", "type at least one letter")
            record = replace(record, title=title)
        if favourite is not None:
            record = replace(record, favourite=favourite)
        self._write(person, record)
        return record

    def delete(self, person: str, identity: str) -> None:
        """Remove a result, finished or not; one that cannot be removed stays."""
        shutil.rmtree(self._result(person, identity), ignore_errors=True)

    def require_deleted(self, person: str, identity: str) -> None:
        """Raises: FailureError when a result is still there."""
        if self._result(person, identity).exists():
            raise FailureError(
                "delete",
                "",
                "did not work, the piece is still here; try again, or tell whoever "
                "runs this studio",
            )

    def new_upload(self, person: str, source: Path, suffix: str, needed: set[str]) -> str:
        """Copy a file of sound into the person's folder; returns its name. `needed` and errors
        as for `new_result`."""
        self._require_room(person, needed)
        name = f"{secrets.token_hex(12)}{suffix}"
        folder = self._of(person, "uploads")
        try:
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, folder / name)
        except OSError as error:
            (folder / name).unlink(missing_ok=True)
            raise FailureError("disk", "", f"cannot be written ({error.strerror})") from error
        return name

    def upload(self, person: str, name: str) -> Path:
        """Raises: InputError when this person has no such upload."""
        path = self._of(person, "uploads") / name
        stem, _, suffix = name.partition(".")
        if not (ID.fullmatch(stem) and suffix.isalnum() and path.is_file()):
            raise InputError("audio to continue", "", "is no longer kept; give it again")
        return path

    def delete_upload(self, person: str, name: str) -> None:
        """Remove an upload of this person's, if it is there."""
        for path in (self._of(person, "uploads") / name, self._outline(person, name)):
            path.unlink(missing_ok=True)

    def _outline(self, person: str, upload: str) -> Path:
        return self._of(person, "outlines") / f"{upload.partition('.')[0]}.json"

    def keep_outline(self, person: str, upload: str, about: dict[str, Any]) -> None:
        """Keep an upload's length and peaks; without room they are found again at each look."""
        path = self._outline(person, upload)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(about), encoding="utf-8")
        except OSError:
            path.unlink(missing_ok=True)

    def outline(self, person: str, upload: str) -> dict[str, Any] | None:
        """What was kept of an upload; None when nothing was."""
        try:
            return json.loads(self._outline(person, upload).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None

    def delete_all(self, person: str, needed: set[str]) -> None:
        """Remove everything of one person but what a job still needs, by name.

        Raises: FailureError that counts what could not be removed.
        """
        left = 0
        for record in self.records(person):
            self.delete(person, record.id)
            left += self._result(person, record.id).exists()
        for kind in ("uploads", "outlines"):
            for path in self._of(person, kind).glob("*"):
                if path.name not in needed and path.stem not in {n[:24] for n in needed}:
                    try:
                        path.unlink(missing_ok=True)
                    except OSError:
                        left += 1
        if left:
            raise FailureError(
                "delete",
                f"{left} files or pieces",
                "could not be deleted and are still here; "
                "try again, or tell whoever runs this studio",
            )

    def sweep(self, needed: set[str], now: float | None = None) -> int:
        """Delete what is older than `keep_seconds`, unfinished results, and uploads of the day
        before that no result names, but nothing that a job still needs (by name). Returns how
        many were deleted."""
        now = time.time() if now is None else now
        count = 0
        for path in self.folder.glob("*/*/*"):
            if path.name in needed:
                continue
            try:
                age = now - path.stat().st_mtime
                unfinished = path.is_dir() and not (path / "record.json").exists()
                old = age > self.keep_seconds or self._unnamed(path, age)
                if not old and not (unfinished and age > 3600):
                    continue
                if path.is_dir():
                    shutil.rmtree(path, ignore_errors=True)
                else:
                    path.unlink(missing_ok=True)
            except OSError:  # deleted meanwhile
                continue
            count += 1
        return count

    def _unnamed(self, path: Path, age: float) -> bool:
        """Whether it is an upload of the day before that no result goes on from."""
        is_old = path.parent.name == "uploads" and age > UNNAMED_SECONDS
        return is_old and path.name not in self._named(path.parents[1].name)

    def _named(self, person: str) -> set[str]:
        """Names of the uploads that this person's results go on from."""
        given = [r.request["audio"] for r in self.records(person) if r.request.get("audio")]
        return {audio["path"] for audio in given}


def folder_bytes(folder: Path) -> int:
    """Size of all files below a folder."""
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.stat().st_size
        except OSError:
            continue
    return total


def _missing(identity: str) -> InputError:
    shown = identity if ID.fullmatch(identity) else ""
    return InputError("result", shown, "is not among your music; it may have been deleted")
