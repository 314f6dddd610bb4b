"""`python -m studio NAME`: long checks of the running studio, and its pictures."""

import sys

from studio.checks.command import main

if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
