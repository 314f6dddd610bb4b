"""The notebook in docs runs from its first cell to its last."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

NOTEBOOK = Path(__file__).parents[2] / "docs" / "evaluate.ipynb"


def test_the_notebook_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STUDIO_WORK", str(tmp_path / "work"))
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    names: dict = {}
    for number, cell in enumerate(cells):
        if cell["cell_type"] == "code":
            exec(compile("".join(cell["source"]), f"cell {number}", "exec"), names)  # noqa: S102
    shown = capsys.readouterr().out
    assert r"\label{tab:objective}" in shown and "ours" in shown
    assert list(names["one"].table.metric)[:2] == ["FD-musicnn", "KAD-musicnn"]
    values = names["both"].pairs.set_index("metric")
    assert values.value_first["FD-musicnn"] < values.value_second["FD-musicnn"]
