"""Sound to shards: many processes, resumable, from folders and WebDataset, to any place."""

from __future__ import annotations

import dataclasses
import io
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
import webdataset

from core.errors import InputError
from tests.trainers import tiny
from trainers.__main__ import main
from trainers.data import audio_store, extraction, extraction_sources
from trainers.data.places import ShardTarget
from trainers.data.shards import read_pieces
from trainers.preparation.workers import run_each

RATE = 24_000


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """A corpus of six pieces and a tiny model."""
    folder = tmp_path_factory.mktemp("extraction")
    tiny.shards(folder / "text")
    tiny.model_folder(folder / "model", folder / "text/tokenizer.json")
    (folder / "corpus").mkdir()
    for n in range(6):
        sound = 0.3 * np.sin(2 * np.pi * (110 + 30 * n) * np.arange((1 + n % 2) * RATE) / RATE)
        soundfile.write(folder / f"corpus/p{n}.flac", sound, RATE)
        about = {
            "id": f"p{n}",
            "split": "validation" if n == 5 else "train",
            "captions": [f"tone {n}"],
            "sections": [{"structure": "verse", "start_s": 0.0, "end_s": 1.0}],
            "duration_s": 1.0,
        }
        (folder / f"corpus/p{n}.json").write_text(json.dumps(about))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STUDIO_WORK", str(folder))
        yield folder


def extract(work: Path, source: object, out: object, *options: str) -> dict:
    given = ["extract", str(source), str(out), "--wavtokenizer", str(work / "model"), *options]
    assert main(given) == 0
    return {p.id: p for p in read_pieces(Path(str(out)))}


def test_tokens_carry_their_codec_and_a_second_run_makes_nothing(work, tmp_path, capsys):
    first = extract(work, work / "corpus", tmp_path, "--text-entries", "300")
    assert sorted(first) == [f"p{n}" for n in range(6)] and (tmp_path / "tokenizer.json").is_file()
    digest = extraction.codec_digest(work / "model", "wavtokenizer")
    assert all(p.codecs == {"wavtokenizer": digest} for p in first.values())
    shard = tmp_path / "pieces-00000.tar"
    stamp = shard.stat().st_mtime_ns
    extract(work, work / "corpus", tmp_path)
    assert shard.stat().st_mtime_ns == stamp
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["pieces"] == 0


def test_batches_workers_and_parts_give_the_same_tokens(work, tmp_path, monkeypatch):
    one = extract(work, work / "corpus", tmp_path / "one")
    for name, options in (("batch", ("--batch", "4")), ("workers", ("--workers", "2"))):
        other = extract(work, work / "corpus", tmp_path / name, *options)
        assert all(np.array_equal(one[n].tokens, other[n].tokens) for n in one)
    monkeypatch.setattr(extraction_sources, "PIECES_PER_SHARD", 2)
    for part in ("1/2", "0/2"):  # two machines
        extract(work, work / "corpus", tmp_path / "parts", "--part", part)
    found = {p.id: p for p in read_pieces(tmp_path / "parts")}
    assert len(list((tmp_path / "parts").glob("*.tar"))) == 3
    assert all(np.array_equal(one[n].tokens, found[n].tokens) for n in one)


def test_a_stopped_extraction_keeps_what_it_had(work, tmp_path, monkeypatch):
    encoded = []
    encode = extraction.encode

    def broken(model, samples, device="cpu"):
        if len(encoded) == 3:
            raise KeyboardInterrupt
        encoded.append(1)
        return encode(model, samples, device)

    monkeypatch.setattr(extraction, "encode", broken)
    with pytest.raises(KeyboardInterrupt):
        main(
            ["extract", str(work / "corpus"), str(tmp_path), "--wavtokenizer", str(work / "model")]
        )
    assert not list(tmp_path.glob("*.tar"))
    calls = []
    monkeypatch.setattr(extraction, "encode", lambda *a, **k: (calls.append(1), encode(*a, **k))[1])
    extract(work, work / "corpus", tmp_path)
    assert len(calls) == 3  # the other three were there


def test_an_old_shard_stands_until_the_new_one_does(work, tmp_path, monkeypatch):
    extract(work, work / "corpus", tmp_path)
    before = (tmp_path / "pieces-00000.tar").read_bytes()
    about = work / "corpus/p0.json"
    kept = about.read_text()
    about.write_text(kept.replace("tone 0", "a deeper tone"))
    try:

        def broken(*_, **__):
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(extraction, "write_shard", broken)
            with pytest.raises(KeyboardInterrupt):
                extract(work, work / "corpus", tmp_path)
        assert (tmp_path / "pieces-00000.tar").read_bytes() == before
        assert extract(work, work / "corpus", tmp_path)["p0"].captions == ("a deeper tone",)
    finally:
        about.write_text(kept)


def test_webdataset_in_and_any_file_system_out(work, tmp_path):
    for number in range(2):
        with webdataset.TarWriter(str(tmp_path / f"in-{number}.tar")) as sink:
            for n in range(2):
                data = io.BytesIO()
                tone = 0.2 * np.sin(np.arange(RATE) * (n + 1) / 20)
                soundfile.write(data, tone, RATE, format="FLAC")
                sample = {"__key__": f"{number}-{n}", "flac": data.getvalue()}
                known = {"json": json.dumps({"caption": "a tone", "split": "train"}).encode()}
                sink.write(sample | (known if n else {"txt": b"a deep tone"}))
    out = f"memory://extraction-{os.getpid()}"
    model = str(work / "model")
    assert main(["extract", str(tmp_path), out, "--wavtokenizer", model]) == 0
    place = ShardTarget(out)
    assert place.names(".tar") == ["in-0.tar", "in-1.tar"]
    found = {p.id: p for p in read_pieces(f"{out}/in-{{0..1}}.tar")}
    assert found["0-0"].captions == ("a deep tone",) and found["1-1"].captions == ("a tone",)
    assert all(70 <= len(p.tokens) <= 80 for p in found.values())


def test_a_store_goes_on_where_it_was(work, tmp_path, monkeypatch):
    monkeypatch.setattr(audio_store, "INDEX_SECONDS", 0.0)
    files = audio_store.corpus_files(work / "corpus")
    read = []
    whole = audio_store.audio.read

    def broken(path, *more):
        if len(read) == 3:
            raise KeyboardInterrupt
        read.append(path)
        return whole(path, *more)

    with monkeypatch.context() as patch:
        patch.setattr(audio_store.audio, "read", broken)
        with pytest.raises(KeyboardInterrupt):
            audio_store.build(files, RATE, tmp_path)
    assert len(audio_store.AudioStore(tmp_path).entries) == 3
    again = []
    monkeypatch.setattr(
        audio_store.audio, "read", lambda path, *m: (again.append(path), whole(path, *m))[1]
    )
    made = audio_store.build(files, RATE, tmp_path)
    assert len(again) == 3 and len(made.entries) == 6


def test_workers_end_with_their_parent(tmp_path):
    script = (
        "import os, time, sys\n"
        "from trainers.preparation.workers import run_each\n"
        "def work(n):\n"
        "    open(f'{sys.argv[1]}/{os.getpid()}', 'w').close()\n"
        "    time.sleep(600)\n"
        "if __name__ == '__main__':\n"
        "    list(run_each(work, [1, 2], 2))\n"
    )
    (tmp_path / "script.py").write_text(script)
    place = tmp_path / "pids"
    place.mkdir()
    root = Path(__file__).parents[2]
    child = subprocess.Popen(
        [sys.executable, str(tmp_path / "script.py"), str(place)],
        env={**os.environ, "PYTHONPATH": str(root)},
    )
    until = time.monotonic() + 60
    while len(list(place.iterdir())) < 2 and time.monotonic() < until:
        time.sleep(0.1)
    pids = [int(path.name) for path in place.iterdir()]
    assert len(pids) == 2
    child.kill()
    child.wait()
    until = time.monotonic() + 20
    while any(Path(f"/proc/{pid}").exists() for pid in pids) and time.monotonic() < until:
        time.sleep(0.2)
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)


def test_a_worker_that_dies_costs_its_own_item():
    assert dict(run_each(_die_at_two, [1, 2, 3], 2)) == {1: 1, 2: None, 3: 3}


def _die_at_two(number: int) -> int:
    if number == 2:
        os._exit(1)
    return number


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"workers": 0}, "at least 1"),
        ({"batch": 0}, "at least 1"),
        ({"part": 2, "parts": 2}, "I/N"),
        ({"device": "cuda"}, "no GPU|one process"),
    ],
)
def test_wrong_options_are_named(change, told):
    with pytest.raises(InputError, match=told):
        dataclasses.replace(extraction.ExtractionOptions(Path("x")), **change)
