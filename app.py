"""The Space's front door: settings in, studio out."""

import sys

from studio.command import main

if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
