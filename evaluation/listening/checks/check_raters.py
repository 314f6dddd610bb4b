"""Many raters at once, on both databases, while the serving processes are killed.

Holds: every trial is answered once, nothing that was acknowledged is lost, cells are filled
within one of ideal, also after some raters withdrew and others took their place.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from core.errors import FailureError
from evaluation.listening.checks.loopback_postgres import free_port, loopback_postgres
from evaluation.listening.checks.sample_study import write_sample_study
from evaluation.listening.checks.simulated_raters import (
    Acknowledged,
    LoopbackClient,
    RaterClient,
    SimulatedRater,
)
from evaluation.listening.clips.preparation import prepare
from evaluation.listening.clips.wanted import MAIN
from evaluation.listening.design.assignment import cells
from evaluation.listening.design.study import Study
from evaluation.listening.store.storage import Store

WITHDRAWN_SHARE = 0.1
TIMEOUT_SECONDS = 600
REPOSITORY = Path(__file__).resolve().parents[3]


@dataclass(frozen=True)
class CheckSize:
    """How many raters, of what study, on how many serving processes.

    All of these are killed after a third of the answers, the first of several once more after
    two thirds, while the others go on.
    """

    raters: int = 100
    systems: int = 5
    items: int = 7
    trials: int = 12
    servers: int = 2


ServerCommand = Callable[[Study, str, int], list[str]]  # study, database URL, port


def server_command(study: Study, database: str, port: int) -> list[str]:
    """The command that serves a study on a loopback port."""
    return [
        sys.executable,
        "-m",
        "evaluation.listening.checks.loopback_server",
        str(study.folder),
        str(study.folder / "prepared"),
        database,
        str(port),
    ]


class Servers:
    """Serving processes on fixed ports that can be killed and started again."""

    def __init__(self, commands: list[list[str]]) -> None:
        self.commands = commands
        self.processes = [self._start(command) for command in commands]

    def _start(self, command: list[str]) -> subprocess.Popen:
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        return subprocess.Popen(command, cwd=REPOSITORY, env=environment)

    def kill(self, which: range) -> None:
        """SIGKILL, then start again."""
        for index in which:
            self.processes[index].send_signal(signal.SIGKILL)
            self.processes[index].wait()
        for index in which:
            self.processes[index] = self._start(self.commands[index])

    def stop(self) -> None:
        for process in self.processes:
            process.kill()
            process.wait()


@contextlib.contextmanager
def _serving(commands: list[list[str]]) -> Iterator[Servers]:
    servers = Servers(commands)
    try:
        yield servers
    finally:
        servers.stop()


def _wave(
    study: Study,
    ports: list[int],
    raters: int,
    acknowledged: Acknowledged,
    kills: list[tuple[float, Callable[[], None]]],
) -> list[SimulatedRater]:
    """Let raters answer to the end; each kill happens at its share of the expected answers."""
    deadline = time.monotonic() + TIMEOUT_SECONDS
    clients: list[RaterClient] = [LoopbackClient(port, study.name) for port in ports]
    before = len(acknowledged.answers)
    crowd = [
        SimulatedRater(study, clients, before + number, acknowledged, deadline)
        for number in range(raters)
    ]
    for rater in crowd:
        rater.start()
    for share, kill in kills:
        wanted = before + share * raters * study.trials_per_rater
        while len(acknowledged.answers) < wanted and any(rater.is_alive() for rater in crowd):
            time.sleep(0.01)
        kill()
    for rater in crowd:
        rater.join(max(0.0, deadline - time.monotonic()) + 1)
    if acknowledged.errors:
        raise FailureError("raters", len(acknowledged.errors), acknowledged.errors[0])
    return crowd


def _require(holds: bool, name: str, value: object, hint: str) -> None:
    if not holds:
        raise FailureError(name, value, hint)


def _verify(study: Study, store: Store, acknowledged: Acknowledged, seats: int) -> str:
    """Compare what is stored with what was acknowledged. Returns: the figures in a line."""
    answers, raters = store.answers(study.name), store.raters(study.name)
    stored = {answer.trial_id: dict(answer.scores) for answer in answers}
    _require(len(stored) == len(answers), "answers", len(answers), "some trial has two")
    lost = [
        trial for trial, (_, scores) in acknowledged.answers.items() if stored.get(trial) != scores
    ]
    _require(not lost, "acknowledged answers", len(lost), "are lost or changed")
    _require(
        set(stored) == set(acknowledged.answers),
        "answers",
        len(set(stored) - set(acknowledged.answers)),
        "were stored that nobody sent",
    )
    _require(len(raters) == seats, "seats", len(raters), f"{seats} raters joined")
    here = [rater for rater in raters if rater.withdrawn_at is None]
    unfinished = [
        rater for rater in here if rater.answered != rater.given or rater.finished_at is None
    ]
    _require(not unfinished, "raters", len(unfinished), "have no answer for some trial")
    counts = Counter(a.trial.cell for a in answers if a.trial.kind == MAIN)
    ideal = sum(counts.values()) / len(cells(study))
    filled = [counts.get(cell, 0) for cell in cells(study)]
    _require(
        max(abs(count - ideal) for count in filled) <= 1,
        "balance",
        f"{min(filled)} to {max(filled)}",
        f"is not within one of {ideal:.2f}",
    )
    return (
        f"{len(here)} raters, {len(answers)} answers, none twice, none lost; cells "
        f"{min(filled)} to {max(filled)}, ideal {ideal:.2f}"
    )


def check_database(
    url: str, folder: Path, size: CheckSize, command: ServerCommand = server_command
) -> list[str]:
    """Run both waves on one database, with a study made in `folder`. Returns: lines to print.

    Raises: FailureError when something does not hold.
    """
    study = write_sample_study(
        folder, size.systems, size.items, size.trials, controls={"attention": 1, "anchors": 1}
    )
    prepare(study, folder / "prepared")
    ports = [free_port() for _ in range(size.servers)]
    acknowledged, store = Acknowledged(), Store(url)
    try:
        with _serving([command(study, url, port) for port in ports]) as servers:
            kills = [(1 / 3, lambda: servers.kill(range(size.servers)))]
            if size.servers > 1:
                kills.append((2 / 3, lambda: servers.kill(range(1))))
            crowd = _wave(study, ports, size.raters, acknowledged, kills)
            lines = [_verify(study, store, acknowledged, size.raters)]
            leaving = crowd[: max(1, round(WITHDRAWN_SHARE * size.raters))]
            for rater in leaving:
                LoopbackClient(ports[-1], study.name).withdraw(rater.token)
            gone = {rater.token for rater in leaving}
            acknowledged.answers = {
                trial: sent for trial, sent in acknowledged.answers.items() if sent[0] not in gone
            }
            _wave(study, ports, len(leaving), acknowledged, [])
            lines.append(
                f"{len(leaving)} withdrew, {len(leaving)} joined: "
                + _verify(study, store, acknowledged, size.raters + len(leaving))
            )
    finally:
        store.close()
    return lines


def check_raters(raters: int = 100, command: ServerCommand = server_command) -> int:
    """The whole check, printed. Returns: 0. Raises: FailureError when something does not hold."""
    size = CheckSize(raters=raters)
    with tempfile.TemporaryDirectory(prefix="listening-") as name:
        # A folder of studies, as the studio looks for them.
        sqlite, postgres = (Path(name) / kind / "studies" / "sample" for kind in ("a", "b"))
        for folder in (sqlite, postgres):
            folder.mkdir(parents=True)
        _timed("SQLite", f"sqlite:///{sqlite / 'answers.sqlite'}", sqlite, size, command)
        with loopback_postgres() as url:
            _timed("PostgreSQL", url, postgres, size, command)
    return 0


def _timed(name: str, url: str, folder: Path, size: CheckSize, command: ServerCommand) -> None:
    began = time.monotonic()
    for line in check_database(url, folder, size, command):
        print(f"{name}: {line}", flush=True)
    print(
        f"{name}: {time.monotonic() - began:.0f} s, {size.servers} servers, SIGKILL of all at "
        "a third and of one at two thirds",
        flush=True,
    )
