"""Where real people put it: behind nginx under a subpath, and on a disk that cannot be written."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest
from starlette.requests import Request
from studio_visit import Visit

from studio.benchmark.permission import is_local

REPOSITORY = Path(__file__).resolve().parents[3]
NGINX = shutil.which("nginx") or "/usr/sbin/nginx"
CONFIG = """
daemon off; master_process off; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{}}
http {{
  access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  server {{
    listen 127.0.0.1:{front}; client_max_body_size 100m;
    location /music/ {{
      proxy_pass http://127.0.0.1:{back}/; proxy_http_version 1.1; proxy_buffering off;
      proxy_set_header Host $http_host; proxy_set_header X-Forwarded-For $remote_addr;
    }}
    location /plain/ {{ proxy_pass http://127.0.0.1:{back}/; }}
  }}
}}
"""


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@pytest.fixture(scope="module")
def behind_nginx(tmp_path_factory):
    """The address of a studio behind nginx, under /music, as `python app.py` starts it."""
    if not os.path.exists(NGINX):
        pytest.skip("nginx is not installed")
    folder, front, back = tmp_path_factory.mktemp("nginx"), free_port(), free_port()
    (folder / "nginx.conf").write_text(CONFIG.format(folder=folder, front=front, back=back))
    environment = {
        **os.environ,
        "STUDIO_WORK": str(folder / "work"),
        "STUDIO_ROOT_PATH": "/music",
        "STUDIO_TRUSTED_PROXIES": "127.0.0.1",
        "STUDIO_VARIANT": "nano-no-flow",
        "STUDIO_ADMIN_TOKEN": "",
    }
    studio = subprocess.Popen(
        [sys.executable, "app.py", "--port", str(back)], cwd=REPOSITORY, env=environment
    )
    nginx = subprocess.Popen([NGINX, "-p", str(folder), "-c", str(folder / "nginx.conf")])
    address, until = f"http://127.0.0.1:{front}", time.monotonic() + 300
    while True:
        assert studio.poll() is None and nginx.poll() is None and time.monotonic() < until
        try:
            if httpx.get(address + "/music/health").status_code == 200:
                break
        except httpx.TransportError:
            pass
        time.sleep(0.3)
    yield address
    for process in (nginx, studio):
        process.terminate()
        process.wait(60)


def test_music_is_made_and_heard_under_a_subpath(behind_nginx, browser):
    """In a real browser, which asks for nothing outside of the subpath."""
    with Visit(browser, f"{behind_nginx}/music") as visit:
        visit.ask_for("a calm tune", 1)
        identity = visit.result()
        samples, rate = visit.sound(f"/studio/results/{identity}/sound.wav")
        assert len(samples) == rate
        assert visit.get(f"/studio/results/{identity}/play.mp3").ok
        token = visit.context.request.post(
            f"{visit.address}/studio/results/{identity}/share", headers={"X-Studio": "1"}
        ).json()["url"]
        visit.page.goto(f"{visit.address}/{token}")
        heard = visit.page.locator("audio").evaluate(
            "(a) => new Promise((done) => { a.oncanplay = () => done(a.duration); a.load(); })"
        )
        assert heard == pytest.approx(1.0, abs=0.1)
        assert visit.foreign == []


def test_the_named_endpoints_answer_under_a_subpath(behind_nginx):
    with httpx.Client(base_url=f"{behind_nginx}/music", timeout=120) as web:
        data = {"data": ["a tune", 1.0]}
        event = web.post("/gradio_api/call/generate", json=data).json()["event_id"]
        said = web.get(f"/gradio_api/call/generate/{event}").text
        assert "event: complete" in said
        url = said.split('"url": "')[1].split('"')[0]
        assert url.startswith(f"{behind_nginx}/music/") or url.startswith("/music/"), url
        path = url.removeprefix(behind_nginx)
        assert httpx.get(behind_nginx + path).content[:4] == b"RIFF"


def asked(version="1.1", client="127.0.0.1", **headers) -> Request:
    pairs = {"host": "127.0.0.1:7860", **{k.replace("_", "-"): v for k, v in headers.items()}}
    return Request(
        {
            "type": "http",
            "http_version": version,
            "client": (client, 1),
            "headers": [(k.encode(), v.encode()) for k, v in pairs.items()],
        }
    )


@pytest.mark.parametrize(
    ("request_", "local"),
    [
        (asked(), True),
        (asked(sec_fetch_site="same-origin", origin="http://127.0.0.1:7860"), True),
        (asked("1.0"), False),  # nginx, told nothing but where to pass it on
        (asked(via="1.1 proxy"), False),
        (asked(x_forwarded_for="10.0.0.1"), False),
        (asked(client="10.0.0.1"), False),
        (asked(sec_fetch_site="cross-site"), False),  # a foreign page in a browser here
        (asked(origin="http://evil.example"), False),
        (asked(host="evil.example"), False),
    ],
)
def test_who_counts_as_sitting_at_this_machine(request_, local, monkeypatch):
    for name in ("SPACE_ID", "STUDIO_TRUSTED_PROXIES", "STUDIO_ROOT_PATH", "STUDIO_HOSTS"):
        monkeypatch.delenv(name, raising=False)
    assert is_local(request_) is local


def test_a_studio_that_is_told_of_a_proxy_takes_nobody_for_local(monkeypatch):
    monkeypatch.setenv("STUDIO_TRUSTED_PROXIES", "127.0.0.1")
    assert not is_local(asked())


def test_a_visitor_through_plain_nginx_is_not_the_operator(behind_nginx):
    page = f"{behind_nginx}/plain"
    config = httpx.get(f"{page}/config").json()
    labels = {each["id"]: each["props"] for each in config["components"]}
    asked_for = [
        d for d in config["dependencies"]
        if [labels[i].get("label") for i in d["inputs"]] == ["Admin token"]
    ]  # fmt: skip
    assert len(asked_for) > 2
    told = SimpleNamespace(text="")
    for dependency in asked_for:
        body = {"data": [""], "fn_index": dependency["id"], "session_hash": "plain"}
        httpx.post(f"{page}/gradio_api/queue/join", json=body)
        told.text += httpx.get(f"{page}/gradio_api/queue/data?session_hash=plain", timeout=60).text
    assert told.text.count("is not right") >= len(asked_for)


@pytest.fixture
def read_only(tmp_path):
    """A folder that nobody can write to: a disk that is mounted so, as root could otherwise."""
    if os.geteuid():
        tmp_path.chmod(0o500)
        yield tmp_path
        tmp_path.chmod(0o700)
        return
    mount = ["mount", "-t", "tmpfs", "-o", "ro", "tmpfs", str(tmp_path)]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("nothing can be mounted here")
    yield tmp_path
    subprocess.run(["umount", "-l", str(tmp_path)], check=True)


@pytest.mark.parametrize("below", ["", "new/folder"])
def test_a_work_folder_that_cannot_be_written_is_said_in_one_line(read_only, below):
    environment = {**os.environ, "STUDIO_WORK": str(read_only / below)}
    command = [sys.executable, "app.py", "--port", str(free_port())]
    ended = subprocess.run(
        command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, timeout=120
    )
    lines = ended.stderr.strip().splitlines()
    assert ended.returncode == 2 and len(lines) == 1, ended.stderr
    assert "STUDIO_WORK" in lines[0] and "cannot be written" in lines[0], lines
