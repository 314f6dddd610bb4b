"""A PostgreSQL of one's own on loopback, for checks: started, used, stopped, removed."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from core.errors import FailureError

_PLACES = ("/usr/lib/postgresql/*/bin", "/usr/local/pgsql/bin", "/opt/homebrew/opt/postgresql*/bin")
SERVER_USER = "postgres"
DATABASE = "app"


def postgres_programs() -> Path | None:
    """The folder of initdb and pg_ctl, newest version first; None where there is none."""
    on_path = shutil.which("initdb")
    folders = [Path(on_path).resolve().parent] if on_path else []
    for place in _PLACES:
        folders += sorted(Path("/").glob(place.lstrip("/")), reverse=True)
    return next(
        (
            folder
            for folder in folders
            if (folder / "initdb").is_file() and (folder / "pg_ctl").is_file()
        ),
        None,
    )


def free_port() -> int:
    """A loopback port nobody listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def loopback_postgres() -> Iterator[str]:
    """The URL of an empty database of a fresh server, without passwords: for checks only.

    Raises: FailureError when the programs are absent or the server does not start.
    """
    programs = postgres_programs()
    if programs is None:
        raise FailureError("PostgreSQL", "", "is not installed: apt-get install postgresql")
    folder = Path(tempfile.mkdtemp(prefix="postgres-", dir="/tmp"))
    is_root = os.geteuid() == 0
    if is_root:  # initdb refuses root
        shutil.chown(folder, SERVER_USER, SERVER_USER)
    prefix = ["runuser", "-u", SERVER_USER, "--"] if is_root else []
    port, data = free_port(), folder / "data"
    control = [*prefix, str(programs / "pg_ctl"), "-D", str(data), "-w"]
    try:
        _run(
            [*prefix, str(programs / "initdb"), "-D", str(data), "-U", SERVER_USER]
            + "-A trust -E UTF8 --locale=C.UTF-8 --no-sync".split()
        )
        listening = "-c listen_addresses=127.0.0.1 -c max_connections=200"
        options = f"{listening} -p {port} -k {folder} -F"
        _run([*control, "-l", str(folder / "log"), "-o", options, "start"])
        try:
            _run(
                [*prefix, str(programs / "psql"), "-h", "127.0.0.1", "-p", str(port)]
                + ["-U", SERVER_USER, "-q", "-c", f"CREATE DATABASE {DATABASE}"]
            )
            yield f"postgresql+psycopg://{SERVER_USER}@127.0.0.1:{port}/{DATABASE}"
        finally:
            _run([*control, "stop", "-m", "immediate"])
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _run(command: list[str]) -> None:
    # Output goes to a file: the started server keeps the descriptors open.
    with tempfile.TemporaryFile() as output:
        done = subprocess.run(
            command,
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
        )
        if done.returncode:
            output.seek(0)
            raise FailureError(
                "PostgreSQL",
                Path(command[-1]).name,
                output.read().decode(errors="replace").strip()[-300:],
            )
