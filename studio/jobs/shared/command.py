"""`inspiremusic worker`: make jobs of a page that runs elsewhere."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
import threading

from core.errors import FailureError, InputError, StudioError
from studio import log
from studio.credentials import JOBS_DATABASE, credential, leave_environment
from studio.settings import Settings


def parser() -> argparse.ArgumentParser:
    """The command's options; what is left out is read from the studio's settings."""
    made = argparse.ArgumentParser("inspiremusic worker", description=__doc__)
    made.add_argument("--database", help=f"postgresql://... [${JOBS_DATABASE}]")
    made.add_argument("--storage", help="folder, or s3://BUCKET/PREFIX [$STUDIO_STORAGE]")
    made.add_argument("--devices", help="as cuda:0,cuda:1 [$STUDIO_DEVICES]")
    return made


def main(argv: list[str]) -> int:
    """Make jobs until SIGTERM. Returns the exit code."""
    args = parser().parse_args(argv)
    leave_environment()
    log.configure()
    try:
        settings = Settings.from_environment()
        database = args.database or credential(JOBS_DATABASE)
        storage = args.storage or settings.storage
        if not database:
            raise InputError("database", "(empty)", "give --database postgresql://...")
        if not storage:
            raise InputError(
                "storage",
                "(empty)",
                "give --storage, the folder or address that the page has as STUDIO_STORAGE",
            )
        _run(database, storage, args.devices or "", settings)
    except StudioError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    return 0


def _run(database: str, storage: str, devices: str, settings: Settings) -> None:
    from sqlalchemy.exc import SQLAlchemyError

    from studio.jobs.shared.machine import MachineConfig, run

    named = tuple(filter(None, (d.strip() for d in devices.split(",")))) or settings.device_list
    config = MachineConfig(
        database, storage, named, settings.batch, settings.threads, settings.drain_seconds
    )
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        asyncio.run(run(config, stop))
    except SQLAlchemyError as error:
        reason = str(error.__cause__ or error).splitlines()[0]
        raise FailureError("database", "", f"cannot be used ({reason})") from error
