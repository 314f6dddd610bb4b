"""`python -m trainers COMMAND`: each command says what it does under --help."""

from __future__ import annotations

import sys

from core.errors import StudioError, of_system


def main(argv: list[str]) -> int:
    """Dispatch to a command; a StudioError becomes one line on stderr and its exit code."""
    from trainers import bench, command, estimate
    from trainers.corpus import command as corpus
    from trainers.data import extraction_command
    from trainers.fine_tuning import command as fine_tuning
    from trainers.gpu import command as gpu
    from trainers.preparation import command as preparation
    from trainers.runs import report as run_report

    commands = {
        "corpus": corpus.main,
        "prepare": preparation.main,
        "fine-tune": fine_tuning.main,
        "store": command.store,
        "tokenise": extraction_command.tokenise,
        "extract": extraction_command.extract,
        "train": command.train,
        "assemble": command.assemble,
        "report": run_report.main,
        "bench": bench.main,
        "gpu-pack": gpu.gpu_pack,
        "gpu-join": gpu.gpu_join,
        "estimate": estimate.main,
        "plan": estimate.main,  # its earlier name
    }
    if not argv or argv[0] not in commands:
        print(__doc__.strip() if __doc__ else "", file=sys.stderr)
        print("commands: " + ", ".join(commands), file=sys.stderr)
        return 2
    try:
        return int(commands[argv[0]](argv[1:]) or 0)
    except (StudioError, OSError) as error:
        told = of_system(error) if isinstance(error, OSError) else error
        print(f"error: {told}", file=sys.stderr)
        return told.exit_code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
