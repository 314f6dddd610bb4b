"""The worker process: owns the models, takes one task after the other over a pipe."""

from __future__ import annotations

import os
import signal
from multiprocessing.connection import Connection
from typing import Any

from core.errors import Cancelled, FailureError, StudioError
from studio.jobs.executor import Task


def serve(connection: Connection, stop: Any, threads: int) -> None:
    """Body of the process. `stop` is a shared integer: the number of the task to end.

    Sends ("event", Event, loaded variants) and, when a task ends early,
    ("cancelled", None, ...) or ("error", StudioError, ...).
    Returns when the other end of the pipe closes.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the studio closes the pipe when it stops
    if threads:
        os.environ["OMP_NUM_THREADS"] = str(threads)
    from studio.jobs.making import Maker

    maker = Maker()
    connection.send(("ready", None, ()))
    while True:
        try:
            task = connection.recv()
            _run(maker, task, connection, stop)
        except (EOFError, BrokenPipeError, ConnectionResetError):
            return


def _run(maker: Any, task: Task, connection: Connection, stop: Any) -> None:
    try:
        for event in maker.make(task, lambda: stop.value == task.number):
            connection.send(("event", event, maker.loaded))
    except (BrokenPipeError, ConnectionResetError):
        raise
    except Cancelled:
        connection.send(("cancelled", None, maker.loaded))
    except StudioError as error:
        connection.send(("error", error, maker.loaded))
    except Exception as error:  # whatever one job does, the models stay loaded for the next
        shown = " ".join(str(error).split())[:160] or type(error).__name__
        failure = FailureError("job", shown, "could not be made; try again, or a shorter piece")
        connection.send(("error", failure, maker.loaded))
