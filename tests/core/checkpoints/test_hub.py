"""Models by name: models folder, Hugging Face cache, or a download from a hub on loopback."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import threading
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from huggingface_hub import constants

from core import variants
from core.checkpoints import hub, opening
from core.errors import FailureError, InputError

REPOSITORY, COMMIT = "FunAudioLLM/InspireMusic-Base", "c" * 40
LARGE = (".pt", ".safetensors")


class Hub(ThreadingHTTPServer):
    """Speaks as much of the hub's protocol as a snapshot download needs.

    Attributes:
        files: name -> content.
        served: name -> bytes sent.
        break_after: once, drop the connection of the first large file after so many bytes.
        spoil: name of a file to send with one byte changed.
        starts: name -> first bytes of the range requests.
    """

    daemon_threads = True

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.files = {
            str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()
        }
        self.served: Counter = Counter()
        self.starts: dict[str, list[int]] = {}
        self.break_after = 0
        self.spoil = ""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def etag(self, name: str) -> str:
        content = self.files[name]
        if name.endswith(LARGE):
            return hashlib.sha256(content).hexdigest()
        return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()

    def listing(self) -> list[dict]:
        rows = []
        for name, content in self.files.items():
            row = {
                "type": "file",
                "path": name,
                "size": len(content),
                "oid": hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest(),
            }
            if name.endswith(LARGE):
                row["lfs"] = {"oid": self.etag(name), "size": len(content), "pointerSize": 134}
            rows.append(row)
        return rows


class _Answer(BaseHTTPRequestHandler):
    server: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        if path.startswith(f"/api/models/{REPOSITORY}/tree/"):
            return self.send_json(self.server.listing())
        if path.startswith(f"/api/models/{REPOSITORY}"):
            return self.send_json(
                {
                    "id": REPOSITORY,
                    "modelId": REPOSITORY,
                    "sha": COMMIT,
                    "private": False,
                    "tags": [],
                    "downloads": 0,
                    "likes": 0,
                    "siblings": [{"rfilename": name} for name in self.server.files],
                }
            )
        found = re.fullmatch(rf"/{REPOSITORY}/resolve/[^/]+/(.+)", path)
        if found and found.group(1) in self.server.files:
            return self.send_file(found.group(1))
        self.send_response(404)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def send_json(self, value: object) -> None:
        body = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def send_file(self, name: str) -> None:
        hub_, content = self.server, self.server.files[name]
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range") or "")
        first = int(asked.group(1)) if asked else 0
        body = content[first : int(asked.group(2)) + 1 if asked and asked.group(2) else None]
        if name == hub_.spoil:
            body = body[:-1] + bytes([body[-1] ^ 1])
        self.send_response(206 if asked else 200)
        if asked:
            self.send_header(
                "Content-Range", f"bytes {first}-{first + len(body) - 1}/{len(content)}"
            )
        self.send_header("ETag", f'"{hub_.etag(name)}"')
        self.send_header("X-Repo-Commit", COMMIT)
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "HEAD":
            return
        hub_.starts.setdefault(name, []).append(first)
        if hub_.break_after and name.endswith(LARGE) and len(body) > hub_.break_after:
            body, hub_.break_after = body[: hub_.break_after], 0
            self.close_connection = True
        hub_.served[name] += len(body)
        self.wfile.write(body)


@pytest.fixture
def server(official_folder, tmp_path, monkeypatch) -> Iterator[Hub]:
    """A hub with one model, an empty cache, and no models folder."""
    source = official_folder.rename(tmp_path / "published")
    (source / "tokenizer.json").write_text('{"not": "opened here"}')
    (source / "README.md").write_text("A model.\n")
    (source / "model.safetensors").write_bytes(bytes(100_000))
    served = Hub(source)
    threading.Thread(target=served.serve_forever, daemon=True).start()
    monkeypatch.setattr(constants, "ENDPOINT", served.url)
    monkeypatch.setattr(
        constants,
        "HUGGINGFACE_CO_URL_TEMPLATE",
        served.url + "/{repo_id}/resolve/{revision}/{filename}",
    )
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("STUDIO_MODELS", str(tmp_path / "models"))
    monkeypatch.setenv("STUDIO_WORK", str(tmp_path / "work"))
    yield served
    served.shutdown()
    served.server_close()


def test_a_variant_comes_by_name_and_is_found_again_offline(server, monkeypatch) -> None:
    variant = variants.get("inspiremusic-0.5b")
    assert not variants.installed(variant)
    folder = variants.folder_of(variant)
    assert server.served["model.safetensors"] == 0
    assert server.served["llm.pt"] == len(server.files["llm.pt"])
    for name in ("llm.pt", "music_tokenizer/config.json", "tokenizer.json"):
        assert (folder / name).read_bytes() == server.files[name]
    assert set(opening.components_of(folder)) == set(variant.components)

    server.shutdown()
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert variants.installed(variant)
    assert variants.folder_of(variant) == folder
    no_flow = variants.get("inspiremusic-0.5b-no-flow")  # shares its parent's folder
    assert variants.folder_of(no_flow) == folder


def test_without_flow_neither_flow_nor_codec_is_fetched(server) -> None:
    variant = variants.get("inspiremusic-0.5b-no-flow")
    variants.folder_of(variant)
    assert server.served["flow.pt"] == server.served["music_tokenizer/model.pt"] == 0
    assert variants.installed(variant)
    assert not variants.installed(variants.get("inspiremusic-0.5b"))
    before = server.served["llm.pt"]
    folder = variants.folder_of(variants.get("inspiremusic-0.5b"))  # only the rest comes
    assert (folder / "flow.pt").is_file()
    assert server.served["llm.pt"] == before


def test_a_broken_download_goes_on_where_it_stopped(server, monkeypatch) -> None:
    server.break_after = 20_000
    monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 4096)
    names = ("flow.pt",)
    try:
        folder = hub.fetch(REPOSITORY, names, Path("models"))
    except FailureError as error:
        assert "run it again" in str(error)
        folder = hub.fetch(REPOSITORY, names, Path("models"))
    assert (folder / "flow.pt").read_bytes() == server.files["flow.pt"]
    assert any(start > 0 for start in server.starts["flow.pt"])
    assert server.served["flow.pt"] < 2 * len(server.files["flow.pt"])


@pytest.mark.parametrize("name", ["llm.pt", "inspiremusic.yaml"])
def test_a_wrong_hash_is_refused_and_fetched_anew(server, name) -> None:
    server.spoil = name
    variant = variants.get("inspiremusic-0.5b-no-flow")
    with pytest.raises(FailureError, match=f"{name}.*hash"):
        variants.folder_of(variant)
    assert not variants.installed(variant)
    server.spoil = ""
    folder = variants.folder_of(variant)
    assert (folder / name).read_bytes() == server.files[name]


def test_a_model_that_lacks_a_file_is_named(server) -> None:
    del server.files["flow.pt"]
    with pytest.raises(InputError, match=r"lacks flow\.pt on the hub"):
        variants.folder_of(variants.get("inspiremusic-0.5b"))
    with pytest.raises(InputError, match="is not on this machine"):
        variants.folder_of(variants.get("inspiremusic-1.5b"))  # the hub does not know it


@pytest.mark.parametrize("offline", [True, False])
def test_offline_with_nothing_cached_says_what_to_fetch_and_where_to_put_it(
    server, monkeypatch, offline
) -> None:
    server.shutdown()
    server.server_close()
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", offline)
    with pytest.raises(InputError) as error:
        variants.folder_of(variants.get("inspiremusic-0.5b"))
    text = str(error.value)
    assert "\n" not in text
    for part in (
        "llm.pt",
        "flow.pt",
        "music_tokenizer/model.pt",
        "wavtokenizer/model.pt",
        "tokenizer.json",
        REPOSITORY,
        "models/InspireMusic-Base",
    ):
        assert part in text
    assert "model.safetensors" not in text


def test_disk_and_memory_are_checked_before_anything_is_fetched(server, monkeypatch) -> None:
    variant = variants.get("inspiremusic-0.5b")
    with monkeypatch.context() as patch:
        patch.setattr(hub, "SPARE_DISK_BYTES", 10**18)
        with pytest.raises(InputError, match="GB of disk"):
            variants.folder_of(variant)
    with monkeypatch.context() as patch:
        patch.setattr(hub, "available_memory", lambda: 1000)
        with pytest.raises(InputError, match="GB of memory"):
            variants.folder_of(variant)
    assert not server.served


def test_a_folder_put_by_hand_comes_first(server, tmp_path) -> None:
    shutil.copytree(tmp_path / "published", tmp_path / "models" / "InspireMusic-Base")
    variant = variants.get("inspiremusic-0.5b")
    assert variants.installed(variant)
    assert variants.folder_of(variant) == tmp_path / "models" / "InspireMusic-Base"
    assert not server.served
