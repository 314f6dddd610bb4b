"""The guide's commands, one after the other, in an empty folder."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from core import variants
from evaluation.listening import RatingService, Store, new_token, read_prepared, read_study

ROOT = Path(__file__).resolve().parents[3]
GUIDE = ROOT / "docs" / "listening-test.md"


def answer_all(folder: Path, raters: int) -> None:
    """What raters do between the guide's steps 3 and 4."""
    study = read_study(folder)
    prepared = read_prepared(study)
    service = RatingService(
        study, prepared, Store(f"sqlite:///{prepared.folder / 'answers.sqlite'}")
    )
    for number in range(raters):
        token = new_token()
        view = service.start(token, True)
        while view.state == "trial":
            trial = service.store.trial(study.name, view.trial.id)
            is_check = trial.kind == "attention"
            score = int(trial.item) if is_check else 2 + (number + len(trial.item)) % 3
            scores = {axis.name: score for axis in study.axes}
            if trial.kind == "main":
                scores["quality"] = 4
            view = service.answer(token, view.trial.id, scores, "", {"heard": [1.0]})
    service.store.close()


def test_the_guide_leads_to_a_table(tmp_path, monkeypatch):
    if not all(variants.installed(variants.get(name)) for name in ("nano", "nano-no-flow")):
        pytest.skip("assets/nano holds no weights")
    monkeypatch.setenv("STUDIO_WORK", str(tmp_path / "work"))
    monkeypatch.delenv("STUDIO_DATABASE", raising=False)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    blocks = re.findall(r"^```sh\n(.*?)^```$", GUIDE.read_text(), re.M | re.S)
    assert len(blocks) == 6
    said = []
    for block in blocks:
        if "listening report" in block:
            answer_all(tmp_path / "my-study", 4)
        done = subprocess.run(
            ["bash", "-euc", block.replace("python ", f"{sys.executable} ")],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=400,
        )
        assert done.returncode == 0, f"{block}\n{done.stderr}"
        said.append(done.stdout)
    assert "all rules together" in said[1]
    assert said[2].count("/rate?study=my-study#") == 2
    assert "is paused" in said[3] and "participant,study_id" in said[3]
    assert "layout of table 6" in said[4].lower() and "Paired differences" in said[4]
    assert "MUSHRA, text-to-music, 1 systems, 3 items" in said[5]
    assert "max_reference_below" in said[5] and "loosen it" in said[5]  # three items are too few
    assert (tmp_path / "dataset" / "data" / "answers.parquet").is_file()


def test_the_guide_names_every_field_of_a_study_file():
    from evaluation.listening.design import study_file

    text = GUIDE.read_text()
    for entry in study_file._TOP:
        assert re.search(rf"`[^`]*\b{entry}\b[^`]*`", text), entry
