"""Time, memory and resuming of set distances at the size of MusicCaps.

`python -m evaluation full-size` makes items with real clips and the clips of two systems, measures
them as `run` does and compares the systems as `diff` does, each step in a process of its own. One
process is killed (SIGKILL) while it scores the second system and started again. What stands for a
model's frames is `StandIn`: random frames of OpenL3's size, or, with --music, musicnn's frames of
real clips, repeated and perturbed. Files hold nothing that is used.
"""

from __future__ import annotations

import argparse
import functools
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import soundfile

from core import audio
from core.errors import FailureError
from evaluation.benchmark import DatasetChoice, Plan, Run, RunOptions, RunResult, System, all_pairs
from evaluation.benchmark.folder_plan import TEXT_TO_MUSIC
from evaluation.datasets import AudioFolder
from evaluation.embeddings import Arrays, AudioClip
from evaluation.metrics import MusicNN
from evaluation.metrics.musicnn import SAMPLE_RATE
from evaluation.suite import (
    FrechetDistance,
    KernelDistance,
    KLDivergence,
    Metric,
    MetricData,
    MetricResult,
    Recipe,
)

SECONDS, MOST_MUSIC = 10.0, 300
SHIFT = {"real": 0.0, "one": 0.1, "two": 0.12}
FRAMES, WIDTH = 20, 1024  # OpenL3's of 10 s
STEPS = ("prepare", "fd", "kad", "kl", "diff")


@functools.cache
def _music(file: str) -> tuple[np.ndarray, np.ndarray]:
    with np.load(file) as stored:
        return stored["frames"], stored["logits"]


@dataclass(frozen=True)
class StandIn:
    """`frames` (with music also `logits`) of a clip by its number and side, drawn at random.

    Attributes:
        music: npz of musicnn's frames [clips, n, 200] and logits; "" draws frames of OpenL3's
            size with a falling spectrum. Clips of one number share half of what they are.
    """

    music: str = ""

    model: ClassVar[str] = ""
    version: ClassVar[int] = 1
    shortest_seconds: ClassVar[float] = 0.1
    keeps_stereo: ClassVar[bool] = False
    packages: ClassVar[tuple[str, ...]] = ()

    def variation(self, clip: AudioClip) -> str:
        """The file: all hold the same sound."""
        return f"{clip.file.parent.name}/{clip.id}"

    def embed(self, model: object, clips: Sequence[AudioClip]) -> Iterator[Arrays]:
        """Arrays of each clip."""
        for clip in clips:
            side, number = clip.file.parent.name, int(clip.id)
            draw = np.random.default_rng([list(SHIFT).index(side), number])
            yield (self._musical if self.music else self._random)(side, number, draw)

    def _random(self, side: str, number: int, draw: np.random.Generator) -> Arrays:
        scales = np.arange(1, WIDTH + 1) ** -0.5
        shared = np.random.default_rng([9, number]).normal(size=(1, WIDTH))
        clip = 0.7 * shared + 0.7 * draw.normal(size=(1, WIDTH))
        frames = 0.77 * clip + 0.63 * draw.normal(size=(FRAMES, WIDTH)) + SHIFT[side]
        return {"frames": (frames * scales).astype(np.float32)}

    def _musical(self, side: str, number: int, draw: np.random.Generator) -> Arrays:
        found = {}
        other, share = int(draw.integers(1 << 30)), SHIFT[side] + 0.2 * draw.random()
        for name, music in zip(("frames", "logits"), _music(self.music)):
            clip = (1 - share) * music[number % len(music)] + share * music[other % len(music)]
            noise = 0.1 * music.std(axis=(0, 1)) * draw.normal(size=clip.shape)
            found[name] = (clip + noise).astype(np.float32)
        return found


@dataclass(frozen=True)
class Level:
    """Mean of the frames: it costs nothing, so the step `prepare` is inspection and embedding."""

    embedding: StandIn
    name: str = "level"

    version: ClassVar[int] = 1
    needs_reference: ClassVar[bool] = True
    needs_equal_clips: ClassVar[bool] = False

    def score(self, data: MetricData) -> list[MetricResult]:
        """Its mean over clips."""
        values = {i.id: float(data.generated[i.id]["frames"].mean()) for i in data.items}
        return [MetricResult.of(self.name, self.name, "", data.mean(values), values)]


def _metric(step: str, music: str) -> Metric:
    frames = StandIn(music)
    found: dict[str, Metric] = {
        "prepare": Level(frames),
        "fd": FrechetDistance("FD", frames),
        "kad": KernelDistance("KAD", frames),
        "kl": KLDivergence("KL", frames),
    }
    return found[step]


def _child(step: str, folder: Path, music: str) -> int:
    """One step, in a process of its own; its figures as JSON on stdout."""
    names = [name for name in ("fd", "kad", "kl") if music or name != "kl"]
    if step == "diff":
        metrics = [_metric(name, music) for name in names]
        for name in (name for name in names if (folder / "run" / name).is_dir()):
            run = RunResult.read(folder / "run" / name)
            for one in all_pairs(run, metrics=metrics):
                interval = one.interval
                bounds = [interval.low, interval.high] if interval else []
                print(json.dumps([f"{one.metric} one - two, p {one.p:.3g}",
                                  one.value_first - one.value_second, *bounds]))  # fmt: skip
        return 0
    metric = _metric(step, music)
    systems = tuple(System(name, TEXT_TO_MUSIC, folder=folder / name) for name in SHIFT)[1:]
    plan = Plan(
        "full-size",
        "full size",
        DatasetChoice("files", folder / "one", folder / "real"),
        Recipe(step, "this project", (), "stand-ins for frames", (metric,)),
        systems,
    )
    finished = Run(plan, RunOptions(folder / "run", playable=0)).run()
    assert finished is not None
    for system in finished[0].systems:
        for found in system.metrics:
            print(
                json.dumps([f"{found.name} {system.name}", found.estimate, found.low, found.high])
            )
    return 0


def main(argv: list[str]) -> int:
    """Print a row for every step and its figures."""
    parser = argparse.ArgumentParser(
        "python -m evaluation full-size", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--clips", type=int, default=5521)
    parser.add_argument("--music", type=Path, metavar="DIR", help="real clips that musicnn hears")
    parser.add_argument("--folder", type=Path, help="keep everything here; steps can be continued")
    parser.add_argument("--steps", nargs="+", choices=STEPS, default=STEPS)
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    args = parser.parse_args(argv)
    if args.child:
        return _child(args.child[0], Path(args.child[1]), args.child[2])
    if args.folder:
        args.folder.mkdir(parents=True, exist_ok=True)
        _steps(args.folder, args)
        return 0
    with tempfile.TemporaryDirectory(prefix="full-size-") as made:
        _steps(Path(made), args)
    return 0


def _steps(folder: Path, args: argparse.Namespace) -> None:
    music = folder / "music.npz"
    if args.music and not music.is_file():
        _hear(args.music, music)
    for place, side in enumerate(SHIFT):
        (folder / side).mkdir(exist_ok=True)
        for number in range(args.clips):
            file = folder / side / f"{number}.wav"
            if not file.is_file():
                noise = np.random.default_rng([place, number]).normal(size=800) / 9
                soundfile.write(file, noise, 4000)
    size = "musicnn's frames of 10 s" if args.music else f"{FRAMES} frames of {WIDTH} dimensions"
    threads = os.environ.get("OMP_NUM_THREADS", str(os.cpu_count()))
    print(f"{args.clips} clips of two systems and their real clips, {size}; {threads} threads")
    print("| step | wall s | CPU s | peak GB | figures |\n| --- | --- | --- | --- | --- |")
    heard = str(music) if args.music else ""
    for step in args.steps:
        if step == "fd":
            _step("fd, killed (SIGKILL)", step, folder, heard, kill="two")
        if step != "kl" or heard:
            _step("fd, started again" if step == "fd" else step, step, folder, heard)


def _hear(folder: Path, target: Path) -> None:
    """Write musicnn's arrays of the first 10 s of the clips there."""
    model, found = MusicNN(), []
    for file in list(AudioFolder(folder).files.values())[:MOST_MUSIC]:
        sound = audio.read(file, 0, SECONDS)
        if sound.seconds >= SECONDS - 0.01:
            found.append(model.hear(audio.resample(sound.mono(), sound.sample_rate, SAMPLE_RATE)))
    arrays = {"frames": [one.penultimate for one in found], "logits": [one.logits for one in found]}
    np.savez(target, **{name: np.stack(each) for name, each in arrays.items()})
    print(f"{len(found)} clips of music")


def _step(title: str, step: str, folder: Path, music: str, kill: str = "") -> None:
    """Run one step in a process of its own and print its row; `kill` it while it scores that
    system."""
    command = [sys.executable, "-m", "evaluation", "full-size", "--child", step, str(folder), music]
    begun = time.monotonic()
    with open(folder / "figures", "w+", encoding="utf-8") as out:
        process = subprocess.Popen(
            command,
            env={**os.environ, "STUDIO_WORK": str(folder / "work")},
            stdout=out,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert process.stderr is not None
        told = []
        for line in process.stderr:
            told.append(line)
            if kill and line.startswith(f"score {kill}"):
                process.send_signal(signal.SIGKILL)
                break
        _, status, usage = os.wait4(process.pid, 0)
        process.stderr.close()
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        rows = [json.loads(line) for line in out]
    if process.returncode != (-signal.SIGKILL if kill else 0):
        raise FailureError(step, process.returncode, "".join(told[-5:]))
    figures = "; ".join(
        f"{name} {value:.4f}" + (f" [{ends[0]:.4f}, {ends[1]:.4f}]" if ends else "")
        for name, value, *ends in rows
    )
    seconds = f"{time.monotonic() - begun:.0f} | {usage.ru_utime + usage.ru_stime:.0f}"
    print(f"| {title} | {seconds} | {usage.ru_maxrss / 1e6:.2f} | {figures} |", flush=True)
