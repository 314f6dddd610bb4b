"""`from evaluation import score, compare`: folders to a table, items, a figure and LaTeX; a
person's own metric is one file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from core.errors import InputError
from evaluation import compare, score
from evaluation.__main__ import main
from evaluation.benchmark import RunResult, read_plan
from evaluation.suite import read_metrics

RATE = 16_000
IDS = [f"clip {number}" for number in range(6)]
OWN = '''
"""Loudness, as anybody might add it."""
from dataclasses import dataclass
import librosa, numpy as np
from evaluation.suite import MetricResult

@dataclass(frozen=True)
class Level:
    model = ""
    version = 1
    shortest_seconds = 0.1
    keeps_stereo = False
    packages = ()
    def variation(self, clip): return ""
    def embed(self, model, clips):
        for clip in clips:
            audio, _ = librosa.load(clip.file, sr=None)
            yield {"rms": np.array([np.sqrt(np.mean(audio**2))])}

@dataclass(frozen=True)
class Loudness:
    name: str = "Loudness"
    embedding: Level = Level()
    version = 1
    needs_reference = False
    needs_equal_clips = False
    def score(self, data):
        values = {i.id: float(20*np.log10(data.generated[i.id]["rms"][0])) for i in data.items}
        return [MetricResult.of(self.name, self.name, "", data.mean(values), values)]

METRIC = Loudness()
'''


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Real clips, and those of two systems."""
    made = tmp_path_factory.mktemp("clips")
    times = np.arange(4 * RATE) / RATE
    for side, noise in (("real", 0.01), ("near", 0.02), ("far", 0.3)):
        (made / side).mkdir()
        for number, name in enumerate(IDS):
            draw = np.random.default_rng(number + len(side))
            tone = np.sign(np.sin(2 * np.pi * 110 * (1 + number) * times))
            wave = 0.2 * tone + noise * draw.normal(size=len(times))
            soundfile.write(made / side / f"{name}.wav", wave.astype(np.float32), RATE)
    rows = "".join(f"{name}.wav,a tone\n" for name in IDS)
    (made / "captions.csv").write_text("file_name,text\n" + rows)
    (made / "own.py").write_text(OWN)
    return made


@pytest.fixture(autouse=True)
def _own_work(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STUDIO_WORK", str(tmp_path_factory.getbasetemp() / "api-work"))


def test_a_folder_becomes_a_table_items_a_figure_and_latex(folders: Path) -> None:
    found = score(str(folders / "near"), str(folders / "real"), str(folders / "captions.csv"))
    assert list(found.table["metric"])[:2] == ["FD-musicnn", "KAD-musicnn"]
    assert (found.table["low"] <= found.table["value"]).all()
    assert set(found.items["item"]) == set(IDS) and "KL-musicnn" in found.items
    assert len(found.figure("KL-musicnn").data) == 1
    with pytest.raises(InputError, match="choose one of"):
        found.figure("mos")
    text = found.latex("Mine.", "tab:mine")
    assert r"\caption{Mine.}" in text and r"\label{tab:mine}" in text
    assert (found.folder / "index.html").is_file()


def test_systems_are_compared_with_holm_over_all_pairs(folders: Path) -> None:
    systems = {"near": folders / "near", "far": folders / "far"}
    found = compare(systems, folders / "real")  # ids from the files
    assert list(found.pairs["metric"])[:2] == ["FD-musicnn", "KAD-musicnn"]
    assert (found.pairs["p_holm"] >= found.pairs["p"]).all()
    fd = found.pairs[found.pairs["metric"] == "FD-musicnn"].iloc[0]
    assert fd["value_first"] < fd["value_second"]
    near = next(line for line in found.latex().splitlines() if line.startswith("near"))
    assert r"\mathbf" in near


def test_without_real_clips_only_what_needs_none(folders: Path) -> None:
    with pytest.raises(InputError, match="FD-musicnn, KAD-musicnn, KL-musicnn compare"):
        score(folders / "near")


def test_an_own_metric_is_one_file(folders: Path, tmp_path: Path) -> None:
    [own] = read_metrics(folders / "own.py")
    found = score(folders / "near", folders / "real", metrics=[own])
    level = found.table.set_index("metric").loc["Loudness"]
    assert level["low"] < level["value"] < level["high"] and -20 < level["value"] < -10
    plan = tmp_path / "plan.yaml"
    plan.write_text(
        f"recipe: offline\nmetrics: ['{folders / 'own.py'}']\n"
        f"dataset: {{kind: folder, table: '{folders / 'captions.csv'}',"
        f" audio: '{folders / 'real'}'}}\n"
        f"systems: [{{name: near, folder: '{folders / 'near'}'}}]\n"
    )
    with pytest.raises(InputError, match="own metrics run on the command line only"):
        read_plan(plan)
    assert main(["run", str(plan), "--out", str(tmp_path / "out"), "--playable", "0"]) == 0
    [system] = RunResult.read(tmp_path / "out").systems
    assert system.metric("Loudness") is not None
    (tmp_path / "bad.py").write_text("METRIC = 3")
    with pytest.raises(InputError, match="METRIC = YourMetric"):
        read_metrics(tmp_path / "bad.py")


def test_nothing_is_overwritten_without_being_asked(
    folders: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    def run(real: str, *more: str) -> None:
        command = ["score", "--generated", str(folders / "near"), "--reference"]
        command += [str(folders / real), "--captions", str(folders / "captions.csv")]
        command += ["--recipe", "offline", "--playable", "0", "--out", str(tmp_path), *more]
        assert main(command) == 0

    run("real")
    first = (tmp_path / "offline" / "results.json").read_text()
    run("real")
    assert [path.name for path in tmp_path.iterdir()] == ["offline"]  # the same once more
    run("far")
    assert (tmp_path / "offline" / "results.json").read_text() == first
    assert (tmp_path / "offline-2" / "results.json").is_file()
    assert "--overwrite" in capsys.readouterr().err
    run("far", "--overwrite")
    assert (tmp_path / "offline" / "results.json").read_text() != first


def test_runs_that_differ_have_folders_of_their_own(folders: Path) -> None:
    one = score(folders / "near", folders / "real", folders / "captions.csv")
    two = score(folders / "near", folders / "far", folders / "captions.csv")
    assert one.folder != two.folder
    again = score(folders / "near", folders / "real", folders / "captions.csv")
    assert again.folder == one.folder


def test_a_clip_that_cannot_be_embedded_is_named_and_left_out(folders: Path) -> None:
    source = OWN.replace(
        "for clip in clips:", "for clip in clips:\n            assert '3' not in clip.id"
    )
    (folders / "picky.py").write_text(source)
    found = score(
        folders / "near", folders / "real", metrics=read_metrics(folders / "picky.py"),
        incomplete=True,
    )  # fmt: skip
    [system] = found.result.systems
    assert system.missing == ("clip 3",) and system.counts.startswith("5 of 6")
    assert any("cannot be embedded (generated, exclude) [1: clip 3]" in p for p in system.problems)
    assert len(found.items) == 5


def test_copies_of_the_real_clips_are_found_by_their_embedding(
    folders: Path, tmp_path: Path
) -> None:
    for name in IDS:
        wave, rate = soundfile.read(folders / "real" / f"{name}.wav")
        soundfile.write(tmp_path / f"{name}.wav", 0.999 * wave, rate, subtype="PCM_24")
    [system] = score(tmp_path, folders / "real").result.systems
    assert any(problem.startswith("near copies (both, mention) [6") for problem in system.problems)
    [system] = score(folders / "far", folders / "real").result.systems
    assert not any("near copies" in problem for problem in system.problems)


def test_a_metric_that_was_computed_is_not_computed_again(
    folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = score(folders / "near", folders / "real")

    def never(*_: object) -> None:
        raise AssertionError("computed again")

    monkeypatch.setattr("evaluation.suite.frechet.FrechetDistance.score", never)
    monkeypatch.setattr("evaluation.suite.kernel.KernelDistance.score", never)
    again = score(folders / "near", folders / "real")
    assert again.table.equals(first.table)
