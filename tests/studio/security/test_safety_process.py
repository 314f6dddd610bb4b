"""The started program: its environment, its streams, its proxies."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import psutil
import pytest

REPOSITORY = Path(__file__).resolve().parents[3]
SECRETS = {"STUDIO_ADMIN_TOKEN": "only-the-operator-knows", "HF_TOKEN": "hf_secret"}


@pytest.fixture(scope="module")
def started(tmp_path_factory):
    """A studio with secrets, a SOCKS proxy in its environment, a subpath and closed streams."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    environment = {
        **os.environ,
        **SECRETS,
        "STUDIO_DATABASE": "sqlite:////tmp/database-with-password",
        "STUDIO_WORK": str(tmp_path_factory.mktemp("work")),
        "STUDIO_UPLOAD_MB": "1",
        "STUDIO_ROOT_PATH": "/music/",
        "ALL_PROXY": "socks5://127.0.0.1:9",
    }
    command = f'exec "{sys.executable}" app.py --port {port} <&- >&- 2>&-'
    process = subprocess.Popen(["bash", "-c", command], cwd=REPOSITORY, env=environment)
    address = f"http://127.0.0.1:{port}"
    until = time.monotonic() + 300
    while True:
        assert process.poll() is None and time.monotonic() < until
        try:
            httpx.get(address + "/health", trust_env=False)
            break
        except httpx.TransportError:
            time.sleep(0.3)
    with httpx.Client(base_url=address, trust_env=False, timeout=60) as web:
        yield process, web
    process.terminate()
    process.wait(60)


def test_no_secret_is_in_the_environment_of_the_page_or_its_children(started):
    process, web = started
    whole = psutil.Process(process.pid)
    found = [whole, *whole.children(recursive=True)]
    assert len(found) > 1
    for one in found:
        environ = Path(f"/proc/{one.pid}/environ").read_bytes()
        for secret in (*SECRETS.values(), "database-with-password"):
            assert secret.encode() not in environ, one.name()
    right = web.get("/rate/results/x", headers={"X-Admin-Token": SECRETS["STUDIO_ADMIN_TOKEN"]})
    wrong = web.get("/rate/results/x", headers={"X-Admin-Token": "wrong"})
    assert "not right" not in right.text and "not right" in wrong.text


def test_closed_streams_are_nobodys_socket(started):
    """What is written to them must not go to the first visitor whose connection gets the number."""
    process, web = started
    for number in (0, 1, 2):
        assert os.readlink(f"/proc/{process.pid}/fd/{number}") == os.devnull
    assert web.get("/health").status_code == 200


def test_a_socks_proxy_in_the_environment_hinders_nothing(started):
    process, web = started
    assert b"ALL_PROXY=socks5://" in Path(f"/proc/{process.pid}/environ").read_bytes()
    session = {"data": [None] * 12, "fn_index": 0, "session_hash": "socks"}
    assert web.post("/gradio_api/queue/join", json=session).status_code == 200
    said = web.get("/gradio_api/queue/data?session_hash=socks").text
    assert "seconds None: must be" in said, said  # it got through to the request itself


def test_nobody_is_believed_to_come_from_elsewhere(started):
    _, web = started
    found = [
        web.post(
            "/gradio_api/upload",
            files={"files": ("a.wav", bytes(900_000))},
            headers={"X-Forwarded-For": f"10.0.0.{i}"},
        ).status_code
        for i in range(4)
    ]
    assert found == [200, 200, 200, 429]


def test_a_page_behind_a_subpath_names_it(started):
    _, web = started
    assert web.get("/config").json()["root"].endswith("/music")
    page = web.get("/").text
    assert json.dumps("/studio/web/main.js") not in page and "studio/web/main.js" in page


def test_aborted_uploads_leave_no_trace(started, tmp_path):
    process, web = started
    port = web.base_url.port
    before = psutil.Process(process.pid).num_fds()
    for _ in range(50):
        with socket.create_connection(("127.0.0.1", port)) as one:
            one.sendall(
                b"POST /studio/uploads HTTP/1.1\r\nHost: localhost\r\nX-Studio: 1\r\n"
                b"Cookie: studio_person=" + b"k" * 43 + b"\r\nContent-Length: 500000\r\n\r\n12345"
            )
    until = time.monotonic() + 30
    while psutil.Process(process.pid).num_fds() > before + 5 and time.monotonic() < until:
        time.sleep(0.2)
    assert psutil.Process(process.pid).num_fds() <= before + 5
    assert web.get("/health").status_code == 200
