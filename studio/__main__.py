"""`python -m studio NAME`: long checks of the running studio, its pictures, and `worker`."""

import sys

from studio.checks import command as checks
from studio.jobs.shared import command as worker

if __name__ == "__main__":
    if sys.argv[1:2] == ["worker"]:
        raise SystemExit(worker.main(sys.argv[2:]))
    raise SystemExit(checks.main(sys.argv[1:]))
