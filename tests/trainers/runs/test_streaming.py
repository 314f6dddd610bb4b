"""Shards that stream: from disk a few at a time, and over the net, whatever the connection does."""

from __future__ import annotations

import dataclasses
import functools
import http.server
import io
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
import webdataset

from core.errors import FailureError, InputError
from tests.trainers import tiny
from trainers.data import shards as shards_module
from trainers.data.reading import Reader
from trainers.data.shards import read_pieces, shards_of, write_pieces
from trainers.runs import config as run_config
from trainers.runs.loop import Loop

SHARDS, OPEN, STEPS = 5, 2, 3


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    """Five shards of four pieces, each with a piece that is held out."""
    folder = tmp_path_factory.mktemp("streaming") / "shards"
    tiny.shards(folder)
    for old in folder.glob("*.tar"):
        old.unlink()
    for number in range(SHARDS):
        made = [
            shards_module.TokenizedPiece(
                f"{number}-{p.id}", p.split, p.captions, p.sections, p.tokens, p.latents, {}
            )
            for p in tiny.pieces(4)
        ]
        write_pieces(folder, made, f"part-{number}")
    return folder


class Handler(http.server.SimpleHTTPRequestHandler):
    """Serves shards; breaks off in the middle of the first answers, as many as `breaks` says."""

    breaks, asked = 0, []
    refusals: list[tuple[int, str]] = []  # status and Retry-After of the next answers

    def do_GET(self) -> None:
        Handler.asked.append(self.path)
        if Handler.refusals:
            status, after = Handler.refusals.pop(0)
            self.send_response(status)
            if after:
                self.send_header("Retry-After", after)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        path = Path(self.directory) / self.path.lstrip("/")
        if Handler.breaks and path.is_file():
            Handler.breaks -= 1
            content = path.read_bytes()
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content[: len(content) // 2])
            self.close_connection = True
            return
        super().do_GET()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def address(place, monkeypatch) -> Iterator[str]:
    monkeypatch.setattr(shards_module, "FIRST_WAIT_SECONDS", 0.05)
    Handler.breaks, Handler.asked, Handler.refusals = 0, [], []
    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(Handler, directory=str(place))
    )
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/part-{{0..{SHARDS - 1}}}-00000.tar"
    server.shutdown()
    server.server_close()


def reader(place: Path | str) -> Reader:
    return Reader(place, open_shards=OPEN, steps_per_shard=STEPS, seed=7)


def drawn_from(one: Reader, step: int) -> list[str]:
    return [piece.id for piece in one.at(step).pieces]


def test_few_shards_are_open_and_every_round_has_all(place):
    one = reader(place)
    steps = range(SHARDS * STEPS)
    opened = [{name.split("-")[0] for name in drawn_from(one, step)} for step in steps]
    assert all(len(shards) <= OPEN for shards in opened)
    assert set().union(*opened) == {str(n) for n in range(SHARDS)}
    assert all(opened[step] == opened[step - step % STEPS] for step in steps)


def test_what_a_step_draws_from_depends_on_the_step_alone(place):
    walked = reader(place)
    found = [drawn_from(walked, step) for step in range(23)]
    for step in (22, 4, 11):  # in any order, as after a resume
        assert drawn_from(reader(place), step) == found[step]


def test_shards_of_the_net_are_those_of_the_disk(place, address):
    Handler.breaks = 2
    over_the_net = read_pieces(address, latents=True)
    here = read_pieces(place, latents=True)
    assert [p.id for p in over_the_net] == [p.id for p in here]
    assert all(
        (a.tokens == b.tokens).all() and (a.latents == b.latents).all()
        for a, b in zip(over_the_net, here)
    )
    assert len(Handler.asked) == SHARDS + 2  # each once, and twice again


@pytest.mark.timing
def test_a_connection_that_never_holds_is_one_clear_error_after_the_time_allowed(address):
    Handler.breaks = 10**6
    began = time.monotonic()
    with pytest.raises(FailureError, match="cannot be fetched.*retry_minutes"):
        read_pieces(address, retry_seconds=1.0)
    assert time.monotonic() - began < 5 and 3 <= len(Handler.asked) <= 20  # later and later
    Handler.breaks, Handler.asked = 0, []
    with pytest.raises(FailureError, match="404"):  # and what is not there is not asked for again
        read_pieces(address.replace("part-", "other-"))
    assert len(Handler.asked) == 1


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
def test_what_a_server_may_do_later_is_asked_for_again(place, address, status, capsys):
    Handler.refusals = [(status, ""), (status, "0")]
    assert len(read_pieces(address, retry_seconds=20)) == len(read_pieces(place))
    assert len(Handler.asked) == SHARDS + 2
    assert f"HTTP {status}" in capsys.readouterr().err


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410])
def test_what_it_will_never_do_is_not(address, status):
    Handler.refusals = [(status, "")]
    with pytest.raises(FailureError, match=str(status)):
        read_pieces(address, retry_seconds=20)
    assert len(Handler.asked) == 1


def test_the_server_says_when(address):
    Handler.refusals = [(503, "1")]
    began = time.monotonic()
    read_pieces(address, retry_seconds=20)
    assert time.monotonic() - began >= 1.0
    Handler.refusals = [(429, "3600")]  # longer than allowed: told at once
    with pytest.raises(FailureError, match="429"):
        read_pieces(address, retry_seconds=20)


def test_shards_of_another_codec_are_refused(tmp_path):
    for number, digest in enumerate(("aaa", "bbb")):
        made = [dataclasses.replace(p, codecs={"wavtokenizer": digest}) for p in tiny.pieces(4)]
        write_pieces(tmp_path, made, f"part-{number}")
    with pytest.raises(InputError, match="another wavtokenizer .*bbb.*aaa"):
        Reader(tmp_path)


def test_shards_of_any_file_system(place):
    import fsspec

    memory = fsspec.filesystem("memory")
    for shard in shards_of(place):
        memory.pipe_file(f"/music/{Path(shard).name}", Path(shard).read_bytes())
    found = read_pieces(f"memory://music/part-{{0..{SHARDS - 1}}}-00000.tar")
    assert [p.id for p in found] == [p.id for p in read_pieces(place)]
    with pytest.raises(InputError, match="cannot be opened"):
        read_pieces("no-such-system://bucket/part-0.tar")


def test_wrong_places_are_named(tmp_path, address):
    with pytest.raises(InputError, match="end in .tar"):
        shards_of("https://example.org/pieces.zip")
    with pytest.raises(InputError, match="hf://datasets/OWNER/NAME"):
        read_pieces("hf://datasets/pieces.tar")
    (tmp_path / "broken.tar").write_bytes(b"no archive" * 100)
    with pytest.raises(InputError, match="is damaged"):
        read_pieces(tmp_path)


def test_the_hubs_shards_have_an_address(monkeypatch):
    found = shards_module._resolved("hf://datasets/someone/music@v1/train/pieces-00000.tar")[0]
    assert found.endswith("/datasets/someone/music/resolve/v1/train/pieces-00000.tar")


def test_a_run_over_the_net_is_stopped_and_resumed(place, address, tmp_path, monkeypatch):
    monkeypatch.setenv("STUDIO_WORK", str(tmp_path))
    data = {"shards": address, "text_tokenizer": str(place / "tokenizer.json")}
    streaming = {"open_shards": OPEN, "steps_per_shard": STEPS}

    def trained(name: str, *halves: int) -> dict[str, torch.Tensor]:
        for steps in halves:
            run = run_config.read(
                tiny.write(
                    tmp_path / "run.yaml",
                    tiny.LANGUAGE_MODEL,
                    data,
                    training=streaming,
                    loop={"steps": steps},
                )
            )
            loop = Loop(run_config.task_of(run), run.loop, tmp_path / name, run.raw)
            loop.run()
        return loop.task.model.state_dict()

    straight, resumed = trained("straight", 11), trained("resumed", 4, 11)
    assert all(torch.equal(straight[name], resumed[name]) for name in straight)


def test_fewer_pieces_in_the_same_folder_leave_none_of_the_old(tmp_path, monkeypatch):
    monkeypatch.setattr(shards_module, "PIECES_PER_SHARD", 3)
    made = tiny.pieces(8)
    write_pieces(tmp_path, made, "pieces")
    write_pieces(tmp_path, made[:2], "pieces")
    assert [p.id for p in read_pieces(tmp_path, False)] == [p.id for p in made[:2]]


@pytest.mark.parametrize("name", ["../escaped", "a/b", "..", "a\\b"])
def test_an_id_that_could_name_a_file_elsewhere_is_refused(tmp_path, name):
    # Samples are written under a piece's id, and shards may be anybody's.
    about = {"id": name, "split": "train", "captions": ["x"], "sections": [], "facts": {}}
    with webdataset.TarWriter(str(tmp_path / "pieces-00000.tar")) as sink:
        tokens = io.BytesIO()
        np.save(tokens, np.zeros(75, np.uint16))
        sink.write(
            {"__key__": "key", "json": json.dumps(about).encode(), "tokens.npy": tokens.getvalue()}
        )
    with pytest.raises(InputError, match="is no file name"):
        read_pieces(tmp_path, False)


def test_pieces_shorter_than_a_crop_are_left_out(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("STUDIO_WORK", str(tmp_path))
    write_pieces(
        tmp_path / "shards",
        [
            *tiny.pieces(4),
            *(dataclasses.replace(p, id=f"short {p.id}") for p in tiny.pieces(3, seconds=0.2)),
        ],
        "pieces",
    )
    run = run_config.read(
        tiny.write(tmp_path / "run.yaml", tiny.SRFM, tiny.data_of(tmp_path, "srfm"))
    )
    Loop(run_config.task_of(run), run.loop, tmp_path / "run", run.raw).run()
    assert "left out: 3 of 7 pieces are shorter than a crop" in capsys.readouterr().err
