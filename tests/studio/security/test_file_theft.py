"""No visitor reads a file of the server, through whatever input, name or route."""

from __future__ import annotations

import http.client
import json
import os
import re
import uuid
from pathlib import Path

import gradio as gr
import httpx
import pytest
from gradio.components.api_component import Api

from core.errors import InputError
from studio import context, page
from studio.api import input_guard, route_guard
from studio.settings import Settings

SECRET = "only-the-operator-knows-this-line"


@pytest.fixture(scope="module")
def web(studio_address):
    with httpx.Client(base_url=studio_address, timeout=120) as client:
        yield client


@pytest.fixture(scope="module")
def secret_file(studio_folder) -> Path:
    file = studio_folder / "secret.txt"
    file.write_text(SECRET)
    return file


@pytest.fixture(scope="module")
def config(web) -> dict:
    return web.get("/config").json()


def file_data(path: object) -> dict:
    return {"path": str(path), "meta": {"_type": "gradio.FileData"}}


def hidden_ways(path: object) -> list:
    one = file_data(path)
    return [one, [one], [[one]], {"value": one}, {"a": {"b": [one]}}]


def finish(web: httpx.Client, dependency: int, data: list) -> str:
    """All that the queue says of one call by its index."""
    session = uuid.uuid4().hex
    joined = web.post(
        "/gradio_api/queue/join",
        json={"data": data, "fn_index": dependency, "session_hash": session},
    )
    if joined.status_code != 200:
        return joined.text
    said = ""
    with web.stream("GET", f"/gradio_api/queue/data?session_hash={session}") as lines:
        for line in lines.iter_lines():
            said += line
            if '"process_completed"' in line or '"unexpected_error"' in line:
                break
    return said


def inputs_of(config: dict):
    kinds = {each["id"]: each["type"] for each in config["components"]}
    for dependency in config["dependencies"]:
        for place, component in enumerate(dependency["inputs"]):
            if kinds[component] != "state":  # the server's own
                yield dependency, place, kinds[component]


def test_every_input_of_every_endpoint_refuses_a_file(web, config, secret_file, studio_folder):
    """By index, against the process that `python app.py` starts."""
    tried = 0
    for dependency, place, _ in inputs_of(config):
        for value in hidden_ways(secret_file)[:2] if place else hidden_ways(secret_file):
            data: list = [None] * len(dependency["inputs"])
            data[place] = value
            said = finish(web, dependency["id"], data)
            assert '"success":false' in said.replace(" ", "") or "must" in said, (dependency, said)
            assert SECRET not in said and "/file=" not in said
            tried += 1
    assert tried > 150
    kept = [p for p in (studio_folder / "gradio").rglob("*") if p.is_file()]
    assert all(SECRET not in p.read_text(errors="replace") for p in kept)


@pytest.mark.parametrize(
    "name", ["generate", "continue", "listening_start", "listening_answer", "listening_withdraw"]
)
def test_named_endpoints_refuse_files_devices_and_pipes(web, config, name, secret_file, tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    dependency = next(d for d in config["dependencies"] if d["api_name"] == name)
    for path in (
        secret_file,
        "/etc/passwd",
        "/proc/self/environ",
        "/dev/zero",
        pipe,
        "http://127.0.0.1:1/x",
        "/dev/stdin",
    ):
        for place in range(len(dependency["inputs"])):
            data: list = [None] * len(dependency["inputs"])
            data[place] = file_data(path)
            asked = web.post(f"/gradio_api/call/{name}", json={"data": data})
            assert asked.status_code == 200, asked.text
            with web.stream("GET", f"/gradio_api/call/{name}/{asked.json()['event_id']}") as said:
                text = "".join(said.iter_text())
            assert "event: error" in text and "/file=" not in text, (path, place, text)
        assert web.get("/health").status_code == 200


def test_an_upload_is_taken_by_the_file_input_alone(web, config, studio_folder):
    """Also by no text field, and not through a link that leads out of the folder."""
    uploaded = web.post("/gradio_api/upload", files={"files": ("x.txt", b"my own words")}).json()
    mine = Path(uploaded[0])
    link = mine.parent / "link.txt"
    link.symlink_to("/etc/hostname")
    dependency = next(d for d in config["dependencies"] if d["api_name"] == "continue")
    labels = {c["id"]: c["props"].get("label") for c in config["components"]}
    for place, component in enumerate(dependency["inputs"]):
        data: list = [None] * len(dependency["inputs"])
        data[place] = file_data(mine)
        said = finish(web, dependency["id"], data)
        if labels[component] == "audio":
            assert "not sound that can be read" in said  # it got through to the reader of sound
            data[place] = file_data(link)
            said = finish(web, dependency["id"], data)
        assert "must be" in said and "/file=" not in said, said


def test_what_a_component_may_be_given():
    for kind in (gr.Textbox, gr.Number, gr.Dropdown, gr.Checkbox, gr.Slider, gr.Radio):
        component = kind(label="field", render=False)
        for value in ("text", 1, 2.5, True, None, ["a", "b"]):
            input_guard.require_kind(component, value)
        for value in hidden_ways("/etc/passwd"):
            with pytest.raises(InputError, match="field"):
                input_guard.require_kind(component, value)
    api = Api(None, {}, "a value")
    input_guard.require_kind(api, {"quality": 4, "notes": ["a", {"b": 1}]})
    with pytest.raises(InputError, match="file"):
        input_guard.require_kind(api, {"quality": [file_data("/etc/passwd")]})


@pytest.fixture(scope="module")
def application(tmp_path_factory):
    patch = pytest.MonkeyPatch()
    patch.setenv("STUDIO_WORK", str(tmp_path_factory.mktemp("work")))
    patch.setattr(context, "_workers", lambda settings, service: {})
    studio = context.Studio(Settings())
    yield page.application(studio)
    patch.undo()


def routes(router, prefix: str = ""):
    """(method, path) of every route below, with a word for each parameter."""
    for route in router.routes:
        path = prefix + getattr(route, "path", "")
        inner = getattr(route, "app", None) or getattr(route, "original_router", None)
        for method in getattr(route, "methods", None) or ():
            yield method, re.sub(r"\{[^}]*\}", "word", path)
        if getattr(inner, "routes", None):
            yield from routes(inner, path)


# Of the installed Gradio: known, used by nothing on the page, and closed.
CLOSED = re.compile(
    r"/(login|logout|openapi\.json|pwa_icon|monitoring).*"
    r"|/gradio_api/(upload_progress|user|login_check|token|dev/reload|deep_link|runs|run-history|custom_component"
    r"|proxy=|stream|queue/status|run/|api/|component_server|process_recording|vibe|undo-vibe|profiling|logo|app_id_check).*"
    r"|/(svelte|assets|static)/.*"
)


def test_every_route_of_the_installed_gradio_is_known(application):
    """An upgrade that brings a route fails here until somebody has looked at it."""
    found = set(routes(application))
    assert len(found) > 60
    for method, path in found:
        assert route_guard.allowed(method, path) or CLOSED.fullmatch(path), (method, path)
    closed = {path for method, path in found if not route_guard.allowed(method, path)}
    assert {"/gradio_api/process_recording", "/monitoring/summary"} <= closed


def test_what_cannot_be_the_name_of_a_file_is_not_found(web):
    """Gradio asks the disk for it, and the answer was an error with a trace in the log."""
    for base in ("/static/", "/assets/", "/svelte/", "/studio/web/", "/gradio_api/file="):
        for name in ("a" * 5000, "a%00b"):
            assert web.get(base + name).status_code == 404, (base, name[:9])


def test_routes_nobody_uses_are_closed(web):
    for path in (
        "/monitoring",
        "/monitoring/summary",
        "/openapi.json",
        "/gradio_api/vibe-code/",
        "/gradio_api/proxy=http://127.0.0.1/x",
        "/docs",
        "/gradio_api/deep_link",
    ):
        assert web.get(path).status_code == 404, path
    for path in ("/gradio_api/process_recording", "/gradio_api/vibe-edit", "/login"):
        assert web.post(path, files={"x": b"y"}).status_code == 404, path


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200),
        ("127.0.0.1:7860", 200),
        ("[::1]:80", 200),
        ("192.168.7.8", 200),
        ("evil.example", 421),
        ("localhost.evil.example", 421),
        ("", 421),
        ("a@localhost:x", 421),
    ],
)
def test_a_foreign_host_name_is_refused(studio_address, host, status):
    connection = http.client.HTTPConnection(studio_address.removeprefix("http://"), timeout=60)
    connection.putrequest("GET", "/health", skip_host=True)
    connection.putheader("Host", host)
    connection.endheaders()
    assert connection.getresponse().status == status
    connection.close()


def test_a_space_is_known_by_its_own_name(monkeypatch):
    hosts = Settings.from_environment({"SPACE_ID": "a/b", "SPACE_HOST": "a-b.hf.space"}).host_names
    guard = route_guard.RouteGuard(None, hosts)
    known = [
        guard._known_host({"headers": [(b"host", name)]})
        for name in (b"a-b.hf.space", b"c.hf.space", b"localhost")
    ]
    assert known == [True, False, True]
    named = Settings.from_environment({"STUDIO_HOSTS": "music.example, *.lab.example"}).host_names
    guard = route_guard.RouteGuard(None, named)
    known = [
        guard._known_host({"headers": [(b"host", name)]})
        for name in (b"music.example", b"a.lab.example:80", b"lab.example", b"b.example")
    ]
    assert known == [True, True, False, False]


def test_config_names_no_file_of_the_server(config):
    assert json.dumps(config).count("/root/") == 0
