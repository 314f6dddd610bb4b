"""`inspiremusic COMMAND`: one command for everything that `python -m ROOM` does."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Sequence
from importlib import metadata

from core.errors import FailureError

CORE = (
    "generate",
    "continue",
    "edit",
    "verify",
    "reconstruct",
    "variants",
    "inspect",
    "convert",
    "bench",
)
# command -> module, arguments put before the person's, extra that brings what it imports.
# Modules are named, not imported: each command needs only its own libraries.
ROOMS: dict[str, tuple[str, tuple[str, ...], str]] = {
    "evaluate": ("evaluation.__main__", (), "evaluation"),
    "listen": ("evaluation.__main__", ("listening",), "evaluation"),
    "train": ("trainers.__main__", (), "training"),
    "studio": ("studio.command", (), "studio"),
    "worker": ("studio.jobs.shared.command", (), "studio"),
}
HELP = f"""usage: inspiremusic COMMAND ...

make music      {", ".join(CORE[:3])}
look at it      verify, reconstruct
models          variants, inspect, convert, bench
measure         evaluate (run, score, ...), listen (check, preview, export, report)
train           train CONFIG.yaml, train corpus|prepare|fine-tune|report ...
the page        studio, worker

Each command has --help."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command. Returns its exit code; 2 for a command that does not exist, 1 where the
    libraries that it needs are not installed."""
    name, *rest = list(sys.argv[1:] if argv is None else argv) or ["--help"]
    if name in ("--help", "-h"):
        print(HELP)
        return 0
    if name == "--version":
        print(metadata.version("inspiremusic-studio"))
        return 0
    if name in CORE:
        from core import command

        return command.main([name, *rest])
    if name not in ROOMS:
        print(f"error: command {name}: is unknown; see inspiremusic --help", file=sys.stderr)
        return 2
    return _room(name, rest)


def _room(name: str, rest: list[str]) -> int:
    module, before, extra = ROOMS[name]
    try:
        room = importlib.import_module(module)
        if name == "train" and rest and rest[0].endswith((".yaml", ".yml")):
            before = ("train",)
        return int(room.main([*before, *rest]) or 0)
    except ModuleNotFoundError as error:
        package = (error.name or "").split(".")[0]
        if package in ("core", "evaluation", "trainers", "studio", "assets", ""):
            raise
        known = FailureError(
            "package", package, f"is not installed; pip install 'inspiremusic-studio[{extra}]'"
        )
        print(f"error: {known}", file=sys.stderr)
        if "--json" in rest:
            print(json.dumps({"error": known.as_dict()}))
        return known.exit_code


if __name__ == "__main__":
    sys.exit(main())
