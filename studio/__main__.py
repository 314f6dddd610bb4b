"""`python -m studio NAME`: long checks of the running studio, its pictures, and `worker`."""

import sys
from collections.abc import Sequence

from studio.checks import command as checks
from studio.jobs.shared import command as worker


def main(argv: Sequence[str]) -> int:
    """Run one command; returns its exit code."""
    if argv[:1] == ["worker"]:
        return worker.main(list(argv[1:]))
    return checks.main(list(argv))


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
