"""`python -m evaluation COMMAND`: measure; every command has `--help`."""

from __future__ import annotations

import importlib
import sys

from core.errors import StudioError, of_system

COMMANDS = {
    "run": "evaluation.commands.run",
    "score": "evaluation.commands.score",
    "diff": "evaluation.commands.diff",
    "reference": "evaluation.commands.reference",
    "picture": "evaluation.commands.picture",
    "coverage": "evaluation.checks.coverage",
    "full-size": "evaluation.checks.full_size",
    "openl3-speed": "evaluation.checks.openl3_speed",
    "nano": "evaluation.nano.command",
    "listening": "evaluation.listening.command",
    "musicality": "evaluation.musicality.command",
}


def main(argv: list[str]) -> int:
    """Dispatch to a command; a StudioError becomes one line on stderr and its exit code."""
    if not argv or argv[0] not in COMMANDS:
        print(f"{__doc__}\ncommands: {', '.join(COMMANDS)}", file=sys.stderr)
        return 2
    try:
        return int(importlib.import_module(COMMANDS[argv[0]]).main(argv[1:]) or 0)
    except (StudioError, OSError) as error:
        told = of_system(error) if isinstance(error, OSError) else error
        print(f"error: {told}", file=sys.stderr)
        return told.exit_code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
