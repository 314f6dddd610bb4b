"""`python -m core generate|continue|reconstruct|variants`: see `--help` of each."""

import sys

from core.command import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
