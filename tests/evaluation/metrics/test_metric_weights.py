"""Weights: found by path, variable, folder or download; used only when their hash is known."""

from __future__ import annotations

import hashlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from core.errors import FailureError, InputError
from evaluation.metrics.download import download
from evaluation.metrics.weights import KnownWeights, check, locate

CONTENT = bytes(range(256)) * 5000
DIGEST = hashlib.sha256(CONTENT).hexdigest()


class Ranges(BaseHTTPRequestHandler):
    """Serves CONTENT, from the byte asked for."""

    asked: list[str | None] = []

    def do_GET(self):  # noqa: N802, the base class names it
        wanted = self.headers.get("Range")
        self.asked.append(wanted)
        begin = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted else 0
        if begin >= len(CONTENT):
            self.send_error(416)
            return
        self.send_response(206 if wanted else 200)
        self.send_header("Content-Length", str(len(CONTENT) - begin))
        self.end_headers()
        self.wfile.write(CONTENT[begin:])

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    Ranges.asked = []
    with ThreadingHTTPServer(("127.0.0.1", 0), Ranges) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}/weights.bin"
        running.shutdown()


def known(url: str, sha256: tuple[str, ...] = (DIGEST,)) -> KnownWeights:
    return KnownWeights("some model", "weights.bin", url, sha256, "STUDIO_TEST_WEIGHTS", "MIT")


@pytest.fixture(autouse=True)
def _models(tmp_path, monkeypatch):
    monkeypatch.setenv("STUDIO_MODELS", str(tmp_path / "models"))
    monkeypatch.delenv("STUDIO_TEST_WEIGHTS", raising=False)
    monkeypatch.delenv("STUDIO_TEST_WEIGHTS_SHA256", raising=False)


def test_download_resumes_and_reports_progress(server, tmp_path):
    target, seen = tmp_path / "deep" / "weights.bin", []
    target.parent.mkdir()
    (tmp_path / "deep" / "weights.bin.part").write_bytes(CONTENT[:1000])
    download(server, target, (DIGEST,), lambda done, total: seen.append((done, total)))
    assert target.read_bytes() == CONTENT
    assert Ranges.asked == ["bytes=1000-"]
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert not list(target.parent.glob("*.part"))


def test_a_whole_part_is_not_fetched_again(server, tmp_path):
    (tmp_path / "weights.bin.part").write_bytes(CONTENT)
    assert download(server, tmp_path / "weights.bin", (DIGEST,)).read_bytes() == CONTENT


def test_a_wrong_hash_leaves_nothing(server, tmp_path):
    with pytest.raises(FailureError, match="sha256"):
        download(server, tmp_path / "weights.bin", ("0" * 64,))
    assert not list(tmp_path.glob("weights.bin*"))


def test_offline_it_says_what_to_fetch_and_where_to_put_it(tmp_path):
    url = "http://127.0.0.1:9/weights.bin"  # the discard port: nobody answers
    with pytest.raises(FailureError) as error:
        locate(known(url), fetch=True)
    assert url in str(error.value)
    assert str(tmp_path / "models" / "metrics" / "weights.bin") in error.value.hint
    with pytest.raises(FailureError, match="STUDIO_TEST_WEIGHTS"):
        locate(known(url))


def test_path_then_variable_then_folder(server, tmp_path, monkeypatch):
    assert locate(known(server), fetch=True).path == known(server).place
    mine = tmp_path / "mine.bin"
    mine.write_bytes(CONTENT)
    monkeypatch.setenv("STUDIO_TEST_WEIGHTS", str(mine))
    assert locate(known(server)).path == mine
    with pytest.raises(InputError, match="no such file"):
        locate(known(server), path=tmp_path / "absent.bin")


def test_unknown_weights_are_refused_until_someone_vouches(tmp_path, monkeypatch):
    random = tmp_path / "random.bin"
    random.write_bytes(b"random weights")
    digest = hashlib.sha256(b"random weights").hexdigest()
    for hashes in ((DIGEST,), ()):
        with pytest.raises(InputError, match="STUDIO_TEST_WEIGHTS_SHA256"):
            check(known("http://x", hashes), random)
    monkeypatch.setenv("STUDIO_TEST_WEIGHTS_SHA256", digest)
    assert check(known("http://x"), random).official is False
    with pytest.raises(InputError, match="not 0000"):
        check(known("http://x"), random, stated="0" * 64)
