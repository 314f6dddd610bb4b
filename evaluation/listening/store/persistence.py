"""Says before a study starts whether its answers would outlive a restart."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from evaluation.listening.store.schema import database_url

MOUNTS = Path("/proc/mounts")
SPACE_DISK = Path("/data")  # where a Hugging Face Space mounts its persistent disk
MEMORY_FILESYSTEMS = {"tmpfs", "ramfs", "devtmpfs"}
CONTAINER_FILESYSTEMS = {"overlay", "aufs"}


def persistence_warning(
    url: str, environment: Mapping[str, str] | None = None, mounts: str | None = None
) -> str | None:
    """A sentence on why the database at `url` may not last; None where nothing speaks against it.

    Args:
        environment: by default os.environ; SPACE_ID marks a Hugging Face Space.
        mounts: text of /proc/mounts, by default of this machine.
    """
    parsed = database_url(url)
    if parsed.drivername != "sqlite":
        return None
    environment = os.environ if environment is None else environment
    if mounts is None:
        mounts = MOUNTS.read_text() if MOUNTS.is_file() else ""
    path = Path(str(parsed.database)).resolve()
    place, kind = _filesystem(path, mounts)
    if environment.get("SPACE_ID"):
        mounted = any(
            line.split()[1] == str(SPACE_DISK)
            for line in mounts.splitlines()
            if len(line.split()) > 2
        )
        if not (mounted and path.is_relative_to(SPACE_DISK)):
            return (
                f"answers in {path} are LOST whenever this Space restarts: give the Space "
                f"persistent storage and a database under {SPACE_DISK}, or PostgreSQL"
            )
    if kind in MEMORY_FILESYSTEMS:
        return (
            f"answers in {path} are LOST at the next restart: {place} is memory ({kind}); "
            "name a database on a disk, or PostgreSQL"
        )
    if kind in CONTAINER_FILESYSTEMS:
        return (
            f"answers in {path} are LOST when this container is removed: {place} is its own "
            f"layer ({kind}); name a database on a mounted volume, or PostgreSQL"
        )
    return None


def _filesystem(path: Path, mounts: str) -> tuple[str, str]:
    """Mount point and kind of the filesystem that holds `path` (or will)."""
    best, kind = "", ""
    for line in mounts.splitlines():
        fields = line.split()
        if len(fields) < 3:
            continue
        place = fields[1].replace("\\040", " ")
        # The last of several mounts on one point is the one that is seen.
        if path.is_relative_to(place) and len(place) >= len(best):
            best, kind = place, fields[2]
    return best, kind
