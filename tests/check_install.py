"""`make check-install`: a wheel is built and installed alone in an empty environment, where the
library makes music, the command works, and neither gradio nor scikit-learn is there.

It downloads what the core needs (torch among it), so it is no part of the tests.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tempfile
import venv
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("core", "evaluation", "trainers", "studio", "assets")
LIBRARY = """
import importlib.util, json, sys
from core import GenerationRequest, Pipeline
made = Pipeline.load("nano").generate(GenerationRequest("calm solo piano", 2.0, seed=7))
heavy = [n for n in ("gradio", "sklearn") if importlib.util.find_spec(n)]
print(json.dumps({"seconds": made.seconds, "rate": made.sample_rate, "heavy": heavy,
                  "where": importlib.util.find_spec("core").origin}))
"""


def run(*command: object, cwd: Path) -> str:
    """stdout of a command that must succeed."""
    done = subprocess.run(
        [str(part) for part in command], cwd=cwd, stdout=subprocess.PIPE, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"failed ({done.returncode}): {' '.join(map(str, command))}")
    return done.stdout


def check_contents(wheel: Path) -> int:
    """Raises: SystemExit when a tracked file of a package is not in the wheel."""
    tracked = run("git", "ls-files", *PACKAGES, cwd=ROOT).splitlines()
    wanted = {
        name
        for name in tracked
        if not name.startswith(("assets/screenshots/", "assets/candidates/"))
    }
    with zipfile.ZipFile(wheel) as archive:
        held = set(archive.namelist())
    if missing := sorted(wanted - held):
        raise SystemExit(f"not in the wheel: {', '.join(missing)}")
    return len(wanted)


def check_installed(wheel: Path, folder: Path) -> None:
    """Install it alone and use it."""
    venv.create(folder / "environment", with_pip=True)
    programs = folder / "environment" / ("Scripts" if sys.platform == "win32" else "bin")
    python, command = programs / "python", programs / "inspiremusic"
    pins = folder / "constraints.txt"  # the versions that are tested; extras are not allowed here
    text = (ROOT / "requirements.txt").read_text(encoding="utf-8")
    pins.write_text(re.sub(r"\[\w+\]", "", text), encoding="utf-8")
    run(python, "-m", "pip", "install", "-c", pins, wheel, cwd=folder)
    said = json.loads(run(python, "-c", LIBRARY, cwd=folder))
    assert (said["seconds"], said["rate"], said["heavy"]) == (2.0, 48000, []), said
    assert str(folder) in said["where"], said
    out = folder / "piece.wav"
    options = ("--prompt", "calm piano", "--seconds", "2", "--seed", "7", "--out", out, "--json")
    line = json.loads(run(command, "generate", *options, cwd=folder))
    assert line["seconds"] == 2.0 and out.stat().st_size > 100_000, line
    assert json.loads(run(command, "verify", out, "--json", cwd=folder))["provenance"] == "none"
    assert "nano" in run(command, "variants", cwd=folder)
    asked = (("studio", "studio"), ("evaluate run", "evaluation"), ("train my.yaml", "training"))
    for words, extra in asked:
        argv = [str(command), *words.split()]
        done = subprocess.run(argv, cwd=folder, capture_output=True, text=True, check=False)
        assert done.returncode == 1 and f"[{extra}]" in done.stderr, (words, done)


def build(folder: Path) -> Path:
    """The wheel, from nothing that an earlier build left behind."""
    for each in [ROOT / "build", *ROOT.glob("*.egg-info")]:
        shutil.rmtree(each, ignore_errors=True)
    command = ("-m", "pip", "wheel", "--quiet", "--no-deps", "-w", folder, ROOT)
    run(sys.executable, *command, cwd=folder)
    for each in [ROOT / "build", *ROOT.glob("*.egg-info")]:
        shutil.rmtree(each, ignore_errors=True)
    (wheel,) = folder.glob("*.whl")
    return wheel


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        wheel = build(folder)
        print(f"{wheel.name}: {check_contents(wheel)} files, {wheel.stat().st_size / 1e6:.1f} MB")
        check_installed(wheel, folder)
    print("installed alone: library and command work, without gradio and scikit-learn")


if __name__ == "__main__":
    main()
