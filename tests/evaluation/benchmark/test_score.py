"""`score` and `diff` end to end on musicnn, and what they refuse by name."""

from __future__ import annotations

import csv
import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image

from core.errors import InputError
from evaluation.__main__ import main
from evaluation.benchmark import RunResult, difference, needed, read_plan
from evaluation.benchmark.generation import item_request
from evaluation.benchmark.sets.items import chosen_items
from evaluation.datasets import inspect_folder, write_manifest
from evaluation.datasets.item import item_seed

RATE = 16_000
IDS = ("-one", "two", "three", "four")


def _clip(seed: int, noise: float) -> np.ndarray:
    draw = np.random.default_rng(seed)
    times = np.arange(6 * RATE + RATE // 8) / RATE
    tone = np.sign(np.sin(2 * np.pi * (110 * (1 + seed)) * times)) * (np.sin(4 * times) > 0)
    return (0.2 * tone + noise * draw.normal(size=len(times))).astype(np.float32)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Real clips, close ones and noisy ones, with captions."""
    folder = tmp_path_factory.mktemp("clips")
    for side, noise in (("real", 0.01), ("close", 0.02), ("noisy", 0.3)):
        (folder / side).mkdir()
        for number, name in enumerate(IDS):
            soundfile.write(folder / side / f"{name}.wav", _clip(number, noise), RATE)
    _captions(folder / "captions.csv", IDS)
    return folder


def _captions(path: Path, ids: tuple[str, ...]) -> None:
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "caption"])
        writer.writerows([name, f"a <b>tone</b> called {name}"] for name in ids)


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("work")


@pytest.fixture(autouse=True)
def _own_work(work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STUDIO_WORK", str(work))


def score(
    generated: Path,
    made: Path,
    out: Path,
    *more: str,
    captions: str = "captions.csv",
    real: str = "real",
) -> RunResult:
    code = main(
        [
            "score",
            "--generated",
            str(generated),
            "--reference",
            str(made / real),
            "--captions",
            str(made / captions),
            "--recipe",
            "offline",
            "--name",
            "ours",
            "--out",
            str(out),
            "--playable",
            "1",
            *more,
        ]
    )
    assert code == 0
    return RunResult.read(out / "offline")


def test_scores_carry_recipe_interval_and_n(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    result = score(made / "close", made, tmp_path)
    [system] = result.systems
    assert (system.counts, system.expected, system.missing) == ("4 of 4", 4, ())
    names = [metric.name for metric in system.metrics]
    assert names == ["FD-musicnn", "KAD-musicnn", "KL-musicnn", "KL-musicnn reference||generated"]
    for metric in system.metrics:
        assert metric.low <= metric.estimate <= metric.high
        assert metric.clips == 4
    kl = system.metric("KL-musicnn")
    assert np.mean(list(kl.per_item.values())) == pytest.approx(kl.estimate)
    shown = capsys.readouterr()
    assert "4 of 4" in shown.out and '"digest"' not in shown.err
    assert "16 kHz mono" in shown.out  # the recipe is printed
    assert "embed" in shown.err
    for name in ("index.html", "report.csv", "report.json", "report.tex", "items.csv"):
        assert (tmp_path / "offline" / name).stat().st_size > 0
    page = (tmp_path / "offline" / "index.html").read_text(encoding="utf-8")
    assert "<b>tone" not in page and "&lt;b&gt;tone" in page


def test_noise_scores_worse_and_the_difference_is_paired(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    one = score(made / "close", made, tmp_path / "close")
    two = score(made / "noisy", made, tmp_path / "noisy")
    found = {each.metric: each for each in difference(one, two, swaps=49)}
    for name in ("FD-musicnn", "KL-musicnn"):
        assert found[name].value_first < found[name].value_second
        assert found[name].items == 4
        assert found[name].p <= found[name].p_holm <= 1
    assert found["KL-musicnn"].interval.estimate == pytest.approx(
        found["KL-musicnn"].value_first - found["KL-musicnn"].value_second
    )
    same = difference(one, one, swaps=9)
    assert all(each.p == 1 for each in same)
    capsys.readouterr()
    assert (
        main(
            [
                "diff",
                str(tmp_path / "close" / "offline"),
                str(tmp_path / "noisy" / "offline"),
                "--swaps",
                "9",
                "--out",
                str(tmp_path / "diff"),
                "--json",
            ]
        )
        == 0
    )
    assert len(json.loads(capsys.readouterr().out)["differences"]) == len(found)
    assert (tmp_path / "diff" / "index.html").is_file()


def refused(capsys: pytest.CaptureFixture, *arguments: object) -> str:
    """The one line with which `score` refuses (exit 2)."""
    assert main(["score", *map(str, arguments), "--recipe", "offline"]) == 2
    return capsys.readouterr().err.splitlines()[-1]


def test_missing_files_are_named_and_need_a_flag(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    part = tmp_path / "part"
    shutil.copytree(made / "close", part)
    (part / "two.wav").unlink()
    given = (
        "--generated",
        part,
        "--reference",
        made / "real",
        "--captions",
        made / "captions.csv",
        "--out",
        tmp_path / "out",
    )
    line = refused(capsys, *given)
    assert "3 of 4" in line and "two" in line
    result = score(part, made, tmp_path / "out", "--incomplete")
    [system] = result.systems
    assert system.missing == ("two",)
    assert "INCOMPLETE" in system.counts
    assert any("missing file" in problem for problem in system.problems)


def test_swapped_sides_are_refused(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    ours = tmp_path / "ours"
    shutil.copytree(made / "close", ours)
    write_manifest(inspect_folder(ours), "generated", {})
    line = refused(
        capsys,
        "--generated",
        made / "real",
        "--reference",
        ours,
        "--captions",
        made / "captions.csv",
        "--out",
        tmp_path / "out",
    )
    assert "swapped sides" in line


def test_repeated_ids_are_refused(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    _captions(tmp_path / "twice.csv", ("two", "two", "three"))
    line = refused(
        capsys,
        "--generated",
        made / "close",
        "--reference",
        made / "real",
        "--captions",
        tmp_path / "twice.csv",
    )
    assert "two" in line and "more than once" in line
    both = tmp_path / "both"
    shutil.copytree(made / "close", both)
    shutil.copy(both / "two.wav", both / "two.flac")
    line = refused(
        capsys,
        "--generated",
        both,
        "--reference",
        made / "real",
        "--captions",
        made / "captions.csv",
        "--out",
        tmp_path / "out",
    )
    assert "both carry the id two" in line


def test_identical_folders_are_refused(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    line = refused(
        capsys,
        "--generated",
        made / "real",
        "--reference",
        made / "real",
        "--captions",
        made / "captions.csv",
        "--out",
        tmp_path / "out",
    )
    assert "identical files" in line


def test_pickled_reference_is_refused(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    stored = tmp_path / "reference.npz"
    stored.write_bytes(b"\x80\x04.")
    line = refused(
        capsys,
        "--generated",
        made / "close",
        "--reference",
        stored,
        "--captions",
        made / "captions.csv",
    )
    assert "reference is a pickle" in line


def test_differences_need_the_same_real_clips_spans_and_weights(made: Path, tmp_path: Path) -> None:
    one = score(made / "close", made, tmp_path / "one")
    two = score(made / "close", made, tmp_path / "two", real="noisy")
    with pytest.raises(InputError, match="real clips"):
        difference(one, two)
    [system] = one.systems
    elsewhere = dataclasses.replace(system, spans="generated whole, real clip from 2 s on")
    with pytest.raises(InputError, match="spans scored.*from 2 s on"):
        difference(one, dataclasses.replace(one, systems=(elsewhere,)))
    with pytest.raises(InputError, match="metric weights.*musicnn"):
        difference(one, dataclasses.replace(one, weights={"musicnn": "0" * 64}))
    with pytest.raises(InputError, match="packages numpy .* and 0.1: differ"):
        difference(one, dataclasses.replace(one, versions=one.versions | {"numpy": "0.1"}))


def test_continuation_requests_begin_from_the_real_clip(made: Path, tmp_path: Path) -> None:
    plan = tmp_path / "plan.yaml"
    plan.write_text(
        "recipe: offline\n"
        f"dataset: {{kind: folder, table: {made / 'captions.csv'}, audio: {made / 'real'}}}\n"
        "tasks: {continuation: {reference_start: 2, continuation: {prompt_seconds: 2,"
        " files_hold_prompt: false, hears_prompt: false}}}\n"
        "systems: [{name: ours, variant: nano-no-flow, generation: {seconds: 3, seed: 1}}]\n",
        encoding="utf-8",
    )
    read = read_plan(plan)
    [system] = read.systems
    items = chosen_items(read.dataset).items
    request = item_request(system, items[0], "cpu")
    assert request.audio.path == str(made / "real" / "-one.wav")
    assert (request.audio.start, request.audio.end, request.audio.only_new) == (0.0, 2, True)
    assert request.seed == item_seed(1, "-one") != item_seed(1, "two")
    heard, real = system.task.spans
    assert (heard.begin, real.begin) == (0.0, 2)


def test_a_plan_says_what_it_needs_before_it_runs(made: Path, tmp_path: Path) -> None:
    (made / "real" / "four.wav").rename(tmp_path / "four.wav")
    plan = tmp_path / "plan.yaml"
    systems = [
        {"name": "close", "folder": str(made / "close")},
        {"name": "gone", "folder": str(made / "gone")},
        {"name": "nano", "variant": "nano"},
    ]
    try:
        plan.write_text(
            json.dumps(
                {
                    "recipe": "offline",
                    "systems": systems,
                    "generation": {"seconds": 10},
                    "dataset": {
                        "kind": "folder",
                        "table": str(made / "captions.csv"),
                        "audio": str(made / "real"),
                    },
                }
            ),
            encoding="utf-8",
        )
        found = {each.name.split(",")[0]: each for each in needed(read_plan(plan))}
    finally:
        (tmp_path / "four.wav").rename(made / "real" / "four.wav")
    assert found["musicnn"].kind == "weights" and found["musicnn"].here
    [dataset] = [each for each in found.values() if each.kind == "dataset"]
    assert dataset.here and "3 of 4" in dataset.text
    assert found["close"].here and "4 of 4 clips" in found["close"].text
    assert not found["gone"].here and str(made / "gone") in found["gone"].text
    assert found["nano"].here


@pytest.mark.skipif(shutil.which("chromium") is None, reason="needs Debian's chromium")
def test_a_report_becomes_a_picture(made: Path, tmp_path: Path) -> None:
    score(made / "close", made, tmp_path)
    page = str(tmp_path / "offline")
    assert main(["picture", page, str(tmp_path / "page.png")]) == 0
    with Image.open(tmp_path / "page.png") as shown:
        pixels = np.asarray(shown.convert("L"))
    assert pixels.shape == (900, 1280)
    assert pixels.std() > 10  # something stands on it
    assert main(["picture", page, str(tmp_path / "top.png"), "--height", "300"]) == 0
    assert Image.open(tmp_path / "top.png").size == (1280, 300)
    assert main(["picture", str(tmp_path / "absent"), str(tmp_path / "no.png")]) == 2
    assert not (tmp_path / "no.png").exists()
