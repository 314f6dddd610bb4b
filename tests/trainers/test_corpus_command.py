"""The corpus command: resumed, indexed, and what it misses."""

from __future__ import annotations

import csv
import json

import pytest
import soundfile

from core.errors import InputError
from tests.trainers.test_corpus import needs_fluidsynth
from trainers.corpus import SAMPLE_RATE, compose
from trainers.corpus.command import main
from trainers.corpus.folder import entry


@needs_fluidsynth
def test_command_resumes_and_writes_the_index(tmp_path, capsys):
    options = ["--out", str(tmp_path), "--seconds", "20", "--seed", "3"]
    assert main([*options, "--pieces", "2"]) == 0
    first = {path.name: path.stat().st_mtime_ns for path in tmp_path.glob("*.flac")}
    assert len(first) == 2
    kept = sorted(tmp_path.glob("*.flac"))[0]
    before = kept.read_bytes()
    kept.unlink()
    scores = {path: path.read_bytes() for path in tmp_path.glob("*.notes.npy")}
    assert len(scores) == 2
    next(iter(scores)).unlink()  # as of a corpus that was made before scores were kept
    capsys.readouterr()
    assert main([*options, "--pieces", "3"]) == 0
    summary = json.loads(capsys.readouterr().out)
    assert summary["pieces"] == 3 and sum(summary["styles"].values()) == 3
    assert kept.read_bytes() == before
    untouched = [name for name in first if name != kept.name]
    assert all((tmp_path / name).stat().st_mtime_ns == first[name] for name in untouched)
    rows = list(csv.DictReader(open(tmp_path / "corpus.csv", newline="")))
    records = [json.loads(line) for line in (tmp_path / "corpus.jsonl").read_text().splitlines()]
    assert [row["id"] for row in rows] == [record["id"] for record in records]
    for row, record in zip(rows, records):
        info = soundfile.info(tmp_path / row["path"])
        assert (info.samplerate, info.channels, info.frames) == (SAMPLE_RATE, 1, 20 * SAMPLE_RATE)
        assert row["caption"] in record["captions"]
        assert record == json.loads(json.dumps(entry(compose(record["seed"], seconds=20.0))))
    assert all(path.read_bytes() == score for path, score in scores.items())
    assert not list(tmp_path.glob(".*"))


def test_command_names_what_is_missing(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError, match="apt-get install fluidsynth"):
        main(["--out", str(tmp_path), "--pieces", "1"])
