"""The one renderer: files are well formed, and nothing from outside becomes markup."""

from __future__ import annotations

import csv
import json
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import soundfile

from core.errors import InputError
from evaluation.report import (
    Cell,
    Column,
    PlayableClip,
    PlayableItem,
    Points,
    Report,
    Row,
    Table,
    escape_latex,
    write_report,
)

EVIL = "<script>alert(1)</script>'\" & 50% $x_1$"
VOID = {"meta", "br", "wbr", "link", "img", "input"}


class Reader(HTMLParser):
    """Collects tags, and complains when they do not close in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.scripts: list[str] = []
        self.players: list[dict[str, str | None]] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        if tag not in VOID:
            self.open.append(tag)
        if tag == "audio":
            self.players.append(dict(attributes))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "script":
            self.scripts.append(data)


@pytest.fixture
def report(tmp_path: Path) -> Report:
    sound = tmp_path / "clip.wav"
    soundfile.write(sound, 0.1 * np.random.default_rng(0).normal(size=(44_100, 2)), 44_100)
    columns = (Column("FD", "lower", 2), Column("FD, published", note="other test set"))
    rows = (
        Row((EVIL, "=1+1"), (Cell(1.234, 1.0, 1.5), Cell(3.0))),
        Row(("plain", ""), (Cell(text="not run"), Cell())),
    )
    return Report(
        title=EVIL,
        summary=(EVIL,),
        tables=(Table(EVIL, ("system", "label"), columns, rows, "a note"),),
        facts={EVIL: EVIL},
        rows=({"system": EVIL, "label": "=1+1", "value": -1.5},),
        item_rows=({"item": "-dash", "FD": 2.0},),
        data={"system": EVIL},
        points=(Points("FD", EVIL, {EVIL: 1.0, "other": 2.0}),),
        items=(
            PlayableItem(EVIL, EVIL, (PlayableClip(EVIL, sound, 0.0, 0.5),), {EVIL: {"FD": 1.0}}),
        ),
    )


def test_page_is_well_formed_and_escaped(report: Report, tmp_path: Path) -> None:
    files = write_report(report, tmp_path / "out")
    text = files.page.read_text(encoding="utf-8")
    assert "<script>alert" not in text
    reader = Reader()
    reader.feed(text)
    assert reader.open == []
    assert not any("alert(1)</script>" in script for script in reader.scripts)
    player = reader.players[0]
    assert player["data-item"] == player["data-system"] == EVIL
    clip = files.page.parent / str(player["src"])
    assert clip.is_file() and clip.parent.name == "clips"
    assert soundfile.info(clip).duration == pytest.approx(0.5, abs=0.1)
    assert (files.page.parent / "plotly.min.js").stat().st_size > 1_000_000
    for shown in ("1.23", "[1.00, 1.50]", "other test set", "not run"):
        assert shown in text


def test_csv_json_and_markdown(report: Report, tmp_path: Path) -> None:
    files = write_report(report, tmp_path / "out")
    with open(files.csv, newline="", encoding="utf-8") as file:
        [row] = csv.DictReader(file)
    assert row == {"system": EVIL, "label": "'=1+1", "value": "-1.5"}
    assert "'-dash" in files.items.read_text(encoding="utf-8")
    assert json.loads(files.json.read_text(encoding="utf-8")) == report.data
    lines = files.text.read_text(encoding="utf-8").splitlines()
    widths = {line.replace("\\|", "").count("|") for line in lines if line.startswith("|")}
    assert widths == {5}


def test_latex_escapes(report: Report, tmp_path: Path) -> None:
    files = write_report(report, tmp_path / "out")
    latex = files.latex.read_text(encoding="utf-8")
    assert escape_latex(EVIL) in latex
    assert escape_latex("a_b\\c{d}~^#") == (
        r"a\_b\textbackslash{}c\{d\}\textasciitilde{}\textasciicircum{}\#"
    )
    body = latex.split("\\midrule")[1].split("\\bottomrule")[0].strip().splitlines()
    for line in body:
        assert line.endswith(r"\\")
        assert line.replace(r"\&", "").count("&") == 3
    assert latex.count("{") - latex.count(r"\{") == latex.count("}") - latex.count(r"\}")


def test_same_report_twice_gives_the_same_figures(report: Report, tmp_path: Path) -> None:
    one, two = (write_report(report, tmp_path / name) for name in ("one", "two"))
    for kind in ("page", "csv", "items", "json", "latex", "text"):
        assert getattr(one, kind).read_bytes() == getattr(two, kind).read_bytes()


def test_rows_must_fit_their_table() -> None:
    with pytest.raises(InputError, match="table row"):
        Table("t", ("a",), (Column("b"),), (Row(("x", "y"), (Cell(1.0),)),))
