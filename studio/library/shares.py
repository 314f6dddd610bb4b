"""Links to single pieces: opaque, revocable, and valid for a while.

shares/TOKEN.json    {"person", "result", "until"}
"""

from __future__ import annotations

import json
import os
import re
import secrets
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from core.errors import InputError
from studio.library.library import Library, Record

TOKEN = re.compile(r"[A-Za-z0-9_-]{32}")
VALID_SECONDS = 30 * 86400.0


@dataclass(frozen=True)
class Share:
    """A link: whose piece it opens, and until when (seconds since 1970)."""

    person: str
    result: str
    until: float


class Shares:
    """All links of a studio, one file each, in a folder beside people's music."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._folder = library.folder.parent / "shares"

    def create(self, person: str, identity: str) -> tuple[str, Share]:
        """(token, share): the link that is there already, or a new one.

        Raises: InputError when this person has no such result.
        """
        self._library.record(person, identity)
        for token, share in self._all():
            if (share.person, share.result) == (person, identity):
                return token, share
        token = secrets.token_urlsafe(24)
        share = Share(person, identity, time.time() + VALID_SECONDS)
        self._folder.mkdir(parents=True, exist_ok=True)
        fresh = self._folder / f"{token}.new"
        fresh.write_text(json.dumps(asdict(share)), encoding="utf-8")
        os.replace(fresh, self._folder / f"{token}.json")
        return token, share

    def revoke(self, person: str, identity: str) -> None:
        """Make every link to this person's result invalid."""
        for token, share in self._all():
            if (share.person, share.result) == (person, identity):
                (self._folder / f"{token}.json").unlink(missing_ok=True)

    def find(self, token: str) -> tuple[Record, Path]:
        """The record and the sound that a link opens.

        Raises: InputError for a link that is unknown, revoked or over, or whose piece is deleted.
        """
        try:
            if not TOKEN.fullmatch(token):
                raise ValueError(token)
            share = Share(**json.loads((self._folder / f"{token}.json").read_text("utf-8")))
            if share.until < time.time():
                raise ValueError(token)
            record = self._library.record(share.person, share.result)
            return record, self._library.sound(share.person, share.result)
        except (OSError, ValueError, TypeError, InputError) as error:
            raise InputError("link", "", "is not valid, or no longer") from error

    def _all(self) -> list[tuple[str, Share]]:
        found = []
        for path in self._folder.glob("*.json"):
            try:
                share = Share(**json.loads(path.read_text("utf-8")))
            except (OSError, ValueError, TypeError):
                continue
            if share.until < time.time():
                path.unlink(missing_ok=True)
            else:
                found.append((path.stem, share))
        return found
