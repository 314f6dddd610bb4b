"""The Benchmark tab in a real browser: a folder measured, a plan stopped, reports kept apart."""

from __future__ import annotations

import io
import json
import re
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import psutil
import pytest
import soundfile
from starlette.requests import Request
from studio_visit import Visit

from core.errors import InputError
from core.pipeline import BATCH
from studio.benchmark import Benchmarks, require_permission
from studio.rating import AdminGate

RATE = 16_000
WAIT_SECONDS = 900  # a benchmark gets what the rest of the machine leaves
CLIPS = BATCH + 2  # more than are made together
PERSON, OTHER = "a" * 32, "b" * 32


@pytest.fixture
def clips(tmp_path):
    """Folders `made` and `real` of CLIPS clips, with captions."""
    draw = np.random.default_rng(0)
    for side, noise in (("made", 0.1), ("real", 0.01)):
        (tmp_path / side).mkdir()
        for i in range(CLIPS):
            pitch = 220 + 110 * i
            tone = 0.3 * np.sin(2 * np.pi * pitch * np.arange(7 * RATE) / RATE)
            sound = tone + noise * draw.normal(size=len(tone))
            soundfile.write(tmp_path / side / f"clip{i}.wav", sound, RATE)
    lines = ["id,caption", *(f"clip{i},a <b>tone</b> {i}" for i in range(CLIPS))]
    (tmp_path / "captions.csv").write_text("\n".join(lines))
    return tmp_path


def _open(visit: Visit) -> None:
    visit.page.set_default_timeout(1000 * WAIT_SECONDS)
    visit.tab("Benchmark")
    visit.page.click("#benchmark-open")
    visit.page.wait_for_selector("#benchmark-start")


def _fill(visit: Visit, **fields) -> None:
    for name, value in fields.items():
        visit.page.fill(f"#benchmark-{name} :is(input, textarea)", str(value))


def _choose(visit: Visit, field: str, option: str) -> None:
    visit.page.click(f"#benchmark-{field} input")
    visit.page.get_by_role("option", name=option, exact=True).click()


def _state(visit: Visit, state: str) -> None:
    visit.page.wait_for_selector(f"#benchmark-state [data-state={state}]")


def _overview(visit: Visit) -> str:
    """The report's tables, once they stand there."""
    overview = visit.page.locator("#benchmark-overview")
    overview.get_by_text(f"{CLIPS} of {CLIPS}").first.wait_for()
    return overview.inner_text()


@contextmanager
def _held(processes: list[psutil.Process]) -> Iterator[None]:
    """These processes stand still meanwhile, so that a fast machine is no faster than the page."""
    for process in processes:
        process.suspend()
    try:
        yield
    finally:
        for process in processes:
            process.resume()


def _made(folder: Path) -> dict[Path, int]:
    """Finished clips of the benchmark that runs: their records, and when those were written."""
    return {
        path: path.stat().st_mtime_ns
        for path in folder.glob("studio/benchmarks/*/*/generated/*/records/*.json")
    }


def test_a_folder_is_measured_and_its_report_is_the_persons_own(browser, studio_address, clips):
    with Visit(browser, studio_address) as visit, Visit(browser, studio_address) as stranger:
        _open(visit)
        visit.page.get_by_label("a folder of music").check()
        visit.page.wait_for_selector("#benchmark-generated")
        visit.page.click("#benchmark-start")
        visit.page.locator("#benchmark-error-form").get_by_text("is needed").wait_for()
        _fill(visit, generated=clips / "made", audio=clips / "real", table=clips / "captions.csv")
        _choose(visit, "recipe", "strict")
        visit.page.click("#benchmark-look")
        missing = visit.page.locator("#benchmark-needs tr[data-here='0']").first
        missing.wait_for()
        told = visit.page.locator("#benchmark-needs").inner_text()
        assert "fetch https://" in told and "put it at" in told
        assert f"{CLIPS} of {CLIPS}" in told
        _choose(visit, "recipe", "offline")
        visit.page.click("#benchmark-start")
        _state(visit, "done")
        shown = _overview(visit)
        assert "FD-musicnn" in shown and "recipe offline" in shown
        link = visit.page.get_by_role("link", name="Report with charts").get_attribute("href")
        packed = link.replace("report/index.html", "report.zip")
        with zipfile.ZipFile(io.BytesIO(visit.get(packed).body())) as files:
            results = json.loads(files.read("results.json"))
            assert {"index.html", "report.csv", "items.csv", "report.tex"} <= set(files.namelist())
        [fd] = [m for m in results["systems"][0]["metrics"] if m["name"] == "FD-musicnn"]
        assert fd["low"] <= fd["estimate"] <= fd["high"]
        assert f"{fd['estimate']:.3f}" in shown
        report = visit.get(link)
        assert report.ok and "<b>tone" not in report.text()
        clip = link.replace("index.html", "clips/000-00.mp3")
        assert visit.get(clip).ok
        for path in (link, packed, clip):
            assert stranger.get(path).status == 404
        for path in ("results.json", "..%2f..%2frecord.json", "%2e%2e/record.json"):
            assert visit.get(link.replace("index.html", path)).status == 404
        _open(stranger)
        assert stranger.page.locator("#benchmark-chosen input").input_value() == ""
        assert visit.foreign == []


def test_a_plan_is_stopped_goes_on_and_is_deleted(browser, studio_process, studio_folder, clips):
    server, address = psutil.Process(studio_process[0].pid), studio_process[1]
    plan = clips / "plan.yaml"
    plan.write_text(
        "recipe: offline\n"
        "dataset: {kind: folder, table: captions.csv, audio: real}\n"
        "generation: {seconds: 4, seed: 1}\n"
        "systems: [{name: nano, variant: nano-no-flow}]\n"
    )
    with Visit(browser, address) as visit:
        _open(visit)
        _fill(visit, plan=plan)
        visit.page.keyboard.press("Enter")
        others = set(server.children(recursive=True))
        visit.page.click("#benchmark-start")
        until = time.monotonic() + WAIT_SECONDS
        while len(_made(studio_folder)) < 2:  # the page has been told of all but the last
            assert time.monotonic() < until
            time.sleep(0.01)
        with _held(list(set(server.children(recursive=True)) - others)):
            visit.page.get_by_text(
                re.compile(rf"generate nano, text-to-music: [1-9] of {CLIPS}")
            ).wait_for()
            visit.page.click("#benchmark-stop")
            visit.page.locator("#benchmark-state").get_by_text("stopping").wait_for()
        _state(visit, "cancelled")
        before = _made(studio_folder)
        assert 2 <= len(before) < CLIPS
        visit.page.click("#benchmark-again")
        _state(visit, "done")
        _overview(visit)
        after = _made(studio_folder)
        assert len(after) == CLIPS and before.items() <= after.items()  # none is made twice
        visit.page.click("#benchmark-delete")
        visit.page.wait_for_function("!document.querySelector('#benchmark-state .card')")


def _request(client: str, host: str, **headers: str) -> Request:
    sent = {"host": host, **{name.replace("_", "-"): value for name, value in headers.items()}}
    return Request(
        {
            "type": "http",
            "client": (client, 1),
            "headers": [(name.encode(), value.encode()) for name, value in sent.items()],
        }
    )


def test_only_this_machine_or_the_token_may_start():
    here = [
        _request("127.0.0.1", host) for host in ("127.0.0.1:7860", "localhost:7860", "[::1]:7860")
    ]
    elsewhere = [
        _request("10.0.0.7", "127.0.0.1"),
        _request("127.0.0.1", "evil.example:7860"),
        _request("127.0.0.1", "localhost", x_forwarded_for="10.0.0.7"),
    ]
    none_set, too_short, gate = (AdminGate(t) for t in ("", "short", "a-token-that-is-long"))
    for request in here:
        require_permission(none_set, "", request)
    for request in elsewhere:
        with pytest.raises(InputError, match="admin token"):
            require_permission(none_set, "", request)
    for request in (*here, *elsewhere):  # a proxy here that does not say so looks local
        for closed, token in ((gate, "wrong"), (too_short, "short")):
            with pytest.raises(InputError, match="admin token"):
                require_permission(closed, token, request)
        require_permission(gate, "a-token-that-is-long", request)


def test_a_run_broken_off_is_kept_and_nobody_elses(tmp_path):
    folder = tmp_path / PERSON / ("0" * 24)
    folder.mkdir(parents=True)
    (folder / "record.json").write_text(
        json.dumps(
            {
                "id": "0" * 24,
                "created": 1.0,
                "title": "plan x",
                "state": "running",
                "asked": {"kind": "PlanAsked", "plan": "x"},
            }
        )
    )
    benchmarks = Benchmarks(tmp_path)
    [run] = benchmarks.runs(PERSON)
    assert run.state == "cancelled" and "go on" in run.text
    assert benchmarks.runs(OTHER) == []
    for act in (benchmarks.run, benchmarks.report, benchmarks.go_on, benchmarks.delete):
        with pytest.raises(InputError):
            act(OTHER, "0" * 24)
