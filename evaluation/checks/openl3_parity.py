"""Compares our OpenL3 port with the openl3 package on the same weights and audio.

`python -m evaluation.checks.openl3_parity FILE...` needs the extra requirements-openl3.txt
(TensorFlow and a download while it builds); nothing else in the project does.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from pathlib import Path
from typing import Any

import numpy as np

from core.errors import FailureError
from evaluation.metrics.openl3 import CHECKPOINT, SAMPLE_RATE, OpenL3
from evaluation.metrics.preparation import openl3_signals
from evaluation.metrics.weights import check

TOLERANCE = 1e-4  # both sides are given the same 48 kHz signal


def _package() -> Any:
    try:
        return importlib.import_module("openl3")
    except ImportError as error:
        hint = "pip install -r requirements-openl3.txt in an environment of its own"
        raise FailureError("openl3 package", "absent", hint) from error


def main() -> int:
    """Print the relative difference of each file; 1 when any is above the tolerance."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="+", type=Path)
    chosen = parser.parse_args()
    package = _package()
    choice = {"input_repr": "mel256", "content_type": "music", "embedding_size": 512}
    theirs = package.models.load_audio_embedding_model(**choice, frontend="kapre")
    path = Path(package.models.get_audio_embedding_model_path("mel256", "music"))
    ours = OpenL3(check(CHECKPOINT, path))
    worst = 0.0
    for file in chosen.files:
        [signal] = openl3_signals(file, channels=1)
        golden, _ = package.get_audio_embedding(
            signal, SAMPLE_RATE, model=theirs, hop_size=0.5, center=True, verbose=0
        )
        difference = np.linalg.norm(ours.embed(signal) - golden) / np.linalg.norm(golden)
        worst = max(worst, float(difference))
        print(f"{file.name}: {difference:.1e} relative, {len(golden)} windows")
    print(f"worst {worst:.1e}, tolerance {TOLERANCE:.0e}")
    return int(worst > TOLERANCE)


if __name__ == "__main__":
    sys.exit(main())
