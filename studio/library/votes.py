"""Votes on two of one's own pieces, given blind in Compare: a personal study of one rater.

people/PERSON/votes/ID.json    both requests, what was chosen, how much of each was heard
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Mapping
from typing import Any

from core.errors import InputError
from core.files import write_text
from evaluation.listening import BOTH_BAD, ArenaTable, arena, csv_text
from studio.library import downloads
from studio.library.comparison import differing
from studio.library.library import PERSON, Library, Record

CHOICES = {"first": -1, "tie": 0, "second": 1, "both_bad": BOTH_BAD}
MOST_VOTES = 2000  # of one person
LEAST_HEARD = 0.5  # share of each piece, as of a clip in a study
OTHER_MUSIC = ("prompt", "seed", "seconds", "sections", "audio")  # settings that make no system
NOTE = (
    "Your own votes: one listener, so no interval. To claim something about others, make a "
    "listening study of it in Results."
)
COLUMNS = ("at", "first", "second", "choice", "first_request", "second_request")


class Votes:
    """Everybody's votes; nobody sees another's."""

    def __init__(self, library: Library) -> None:
        self._library = library

    def keep(self, person: str, given: Mapping[str, Any]) -> None:
        """Store one vote.

        Args:
            given: "first" and "second" are results of this person in the order A, B; "choice"
                is one of CHOICES; "heard" the share of each that was played.

        Raises: InputError for another's piece, one and the same, an unknown choice, or a piece
            that was not heard.
        """
        pair = [str(given.get(side, "")) for side in ("first", "second")]
        choice, heard = given.get("choice"), given.get("heard")
        if not isinstance(choice, str) or choice not in CHOICES:
            raise InputError("choice", choice, f"give one of {', '.join(CHOICES)}")
        if pair[0] == pair[1]:
            raise InputError("vote", "on one piece", "name two different results")
        if (
            not isinstance(heard, list)
            or len(heard) != len(pair)
            or not all(isinstance(x, int | float) and LEAST_HEARD <= x <= 1 for x in heard)
        ):
            raise InputError("heard", heard, f"hear {100 * LEAST_HEARD:g} % of each piece first")
        records = [self._library.record(person, identity) for identity in pair]
        vote = {
            "at": time.time(),
            "choice": choice,
            "heard": heard,
            "ids": pair,
            "requests": [downloads.request_without_paths(record) for record in records],
            "systems": _systems(records),
        }
        folder = self._library.folder / person / "votes"
        folder.mkdir(parents=True, exist_ok=True)
        if sum(1 for _ in folder.glob("*.json")) >= MOST_VOTES:
            raise InputError("votes", MOST_VOTES, "are kept at most; delete yours to go on")
        write_text(folder / f"{secrets.token_hex(12)}.json", json.dumps(vote))

    def summary(self, person: str) -> dict[str, Any]:
        """Wins, ties and losses by what was compared; votes between equal settings count in
        `votes` alone."""
        votes = self._all(person)
        rows = [
            (
                person,
                vote["requests"][0].get("prompt", ""),
                *vote["systems"],
                CHOICES[vote["choice"]],
            )
            for vote in votes
            if vote["systems"][0] != vote["systems"][1]
        ]
        strengths = arena(ArenaTable.of(rows)).strengths if rows else []
        names = ("system", "wins", "ties", "losses", "both_bad")
        table = [{name: getattr(one, name) for name in names} for one in strengths]
        return {"votes": len(votes), "rows": table, "note": NOTE}

    def csv(self, person: str) -> str:
        """Every vote with both requests, oldest first."""
        return csv_text(
            COLUMNS,
            [
                (
                    vote["at"],
                    *vote["systems"],
                    vote["choice"],
                    *(json.dumps(request, sort_keys=True) for request in vote["requests"]),
                )
                for vote in self._all(person)
            ],
        )

    def delete(self, person: str) -> None:
        """Delete all votes of a person."""
        for path in self._files(person):
            path.unlink(missing_ok=True)

    def _files(self, person: str) -> list[Any]:
        if not PERSON.fullmatch(person):
            return []
        return list((self._library.folder / person / "votes").glob("*.json"))

    def _all(self, person: str) -> list[dict[str, Any]]:
        found = []
        for path in self._files(person):
            try:
                found.append(json.loads(path.read_text(encoding="utf-8")))
            except (OSError, ValueError):  # deleted meanwhile
                continue
        return sorted(found, key=lambda vote: vote["at"])


def _systems(records: list[Record]) -> list[str]:
    """What each piece stands for: its variant, and the other settings in which they differ."""
    names = [str(record.request.get("variant", "")) for record in records]
    for row in differing(records):
        setting = row["setting"].replace("-", "_")
        if setting != "variant" and setting not in OTHER_MUSIC:
            for side, value in enumerate(row["values"]):
                names[side] += f", {row['setting']} {value}"
    return names
