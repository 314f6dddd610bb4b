"""Records the small golden vectors: python tests/golden/record_vectors.py FULL

FULL is the folder of vectors that the official code made (weights of 40 MB). The small folder
holds the same sizes, keys and cases without the weights: they are drawn from a seed
(`seeded_weights`) when a test starts. The language model's folder entries are copied as they are.
What the other components give for the drawn weights is recorded from this project's code, after the
same code, in the same run, has passed every official vector of FULL. So a clone that agrees with
the small folder computes what agreed with the official code.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

HERE = Path(__file__).resolve().parent
SMALL = HERE / "vectors" / "official"
RECORDED = ("flow", "music_tokenizer", "wavtokenizer")
PASSES = 4  # an output may be another check's input


class Recorder:
    """A pytest plugin: what a check compares with a vector replaces that vector."""

    def __init__(self, folder: Path) -> None:
        import golden_folder

        self.folder = folder
        self.vectors = {name: golden_folder.official_vectors(name) for name in RECORDED}
        self.changed: set[str] = set()
        torch.testing.assert_close = self.close
        self._equal, torch.equal = torch.equal, self.equal

    def record(self, found: torch.Tensor, expected: torch.Tensor) -> bool:
        storage = expected.untyped_storage().data_ptr()
        for name, vectors in self.vectors.items():
            for key, value in vectors.items():
                if value.untyped_storage().data_ptr() == storage and value.numel() == found.numel():
                    dict.__setitem__(
                        vectors,
                        key,
                        found.detach().to(value.dtype).reshape(value.shape).contiguous().clone(),
                    )
                    self.changed.add(f"{name}/{key}")
                    return True
        return False

    def close(self, found: torch.Tensor, expected: torch.Tensor, **_: Any) -> None:
        self.record(found, expected)

    def equal(self, found: torch.Tensor, expected: torch.Tensor) -> bool:
        return self.record(found, expected) or self._equal(found, expected)

    def pytest_sessionfinish(self) -> None:
        for name, vectors in self.vectors.items():
            save_file(dict(vectors), self.folder / f"{name}.safetensors")
        print(f"\nrecorded {len(self.changed)} vectors")


def check(folder: Path, plugin: bool = False) -> None:
    """Run the official golden tests on a folder; raises CalledProcessError when one fails."""
    tests = ["-m", "pytest", "-q", "-p", "no:cacheprovider", str(HERE / "test_official.py")]
    command = [sys.executable, *([__file__, "--record"] if plugin else tests)]
    subprocess.run(command, check=True, env={**os.environ, "GOLDEN_OFFICIAL": str(folder)})


def main(full: Path) -> None:
    import seeded_weights

    check(full)
    shutil.rmtree(SMALL, ignore_errors=True)
    SMALL.mkdir(parents=True)
    for name in ("config.json", "inspiremusic.yaml", "llm.pt", "llm.safetensors"):
        shutil.copy(full / name, SMALL / name)
    for name in ("music_tokenizer/config.json", "wavtokenizer/config.yaml"):
        (SMALL / name).parent.mkdir()
        shutil.copy(full / name, SMALL / name)
    for name in RECORDED:
        shutil.copy(full / f"{name}.safetensors", SMALL / f"{name}.safetensors")
    seeded_weights.describe(full, SMALL)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "official"
        seeded_weights.build(SMALL, folder)
        for _ in range(PASSES):
            check(folder, plugin=True)
        check(folder)
        for name in RECORDED:
            save_file(load_file(folder / f"{name}.safetensors"), SMALL / f"{name}.safetensors")


if __name__ == "__main__":
    sys.path.insert(0, str(HERE))
    sys.path.insert(0, str(HERE.parents[1]))
    if sys.argv[1] == "--record":
        recorder = Recorder(Path(os.environ["GOLDEN_OFFICIAL"]))
        arguments = ["-q", "-x", "-p", "no:cacheprovider", str(HERE / "test_official.py")]
        raise SystemExit(pytest.main(arguments, plugins=[recorder]))
    main(Path(sys.argv[1]))
