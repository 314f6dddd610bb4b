"""What a program gets from the rater's routes: its own study, once, and no reason to hope."""

from __future__ import annotations

import csv
import io
import json
import zipfile

import pytest
from fastapi.testclient import TestClient
from rating_visit import TOKEN, open_study, rating_app, work_folder_of_its_own

from core.errors import FailureError, InputError
from evaluation.listening import new_token, prepare
from evaluation.listening.checks.sample_study import write_sample_study
from studio.rating import AdminGate, Studies
from studio.rating import limits as limits_module
from studio.rating.limits import RatingLimits

FORMULA = '=HYPERLINK("http://x")<script>alert(1)</script>\'; DROP TABLE answer; --'


@pytest.fixture(scope="module")
def studies(tmp_path_factory):
    with work_folder_of_its_own(tmp_path_factory.mktemp("rating")) as work:
        open_study(work, "open", axes=["overall"], title="</script><script>alert(1)</script>")
        open_study(work, "other", axes=["quality"], title="the other study")
        folder = work / "studies" / "preview"
        folder.mkdir()
        prepare(
            write_sample_study(folder, 2, 3, 3, name="preview"), folder / "prepared", blind=False
        )
        yield Studies()


@pytest.fixture(scope="module")
def client(studies):
    return TestClient(rating_app(studies))


def ask(client, path, **content):
    return client.post(f"/listening_{path}", json={"study": "open", **content})


def test_page_carries_its_own_study_alone(client):
    page = client.get("/rate?study=open").text
    config = json.loads(page.split('id="study">')[1].split("</script>")[0])
    assert config["name"] == "open" and [axis["name"] for axis in config["axes"]] == ["overall"]
    assert "<script>alert" not in page
    for foreign in ("the other study", "system-", "gradio", "item-0"):
        assert foreign not in page.lower()


@pytest.mark.parametrize(
    "name",
    [
        "preview",
        "none",
        "",
        "../studies/open",
        "open/../open",
        "<b>x</b>",
        "open\x00",
        "a" * 200,
        "' OR 1=1 --",
    ],
)
def test_what_is_no_open_study_is_closed(client, name):
    answer = client.get("/rate", params={"study": name})
    assert answer.status_code == 404 and "not open" in answer.text
    assert not name or name not in answer.text.replace("studies", "")
    refused = client.post(
        "/listening_start", json={"study": name, "token": new_token(), "consent": True}
    )
    assert refused.status_code == 400 and refused.json()["error"] == "study: is not open"


def test_a_database_that_is_away_closes_no_study(studies, monkeypatch, tmp_path):
    clip = studies.service("open").study_view().level_clip
    monkeypatch.setenv("STUDIO_DATABASE", f"sqlite:///{tmp_path}")  # a folder
    later = Studies()
    with pytest.raises(FailureError, match="try again") as error:
        later.service("open")
    assert str(tmp_path) not in str(error.value)
    client = TestClient(rating_app(later))
    page = client.get("/rate?study=open")
    assert page.status_code == 503 and "try again in a moment" in page.text
    assert client.get(f"/rate/clips/open/{clip}").status_code == 503
    answer = ask(client, "answer", token=new_token(), trial_id="x", scores={"overall": 4})
    assert answer.status_code == 503 and answer.json()["name"] == "failure"  # is sent again
    monkeypatch.delenv("STUDIO_DATABASE")
    assert client.get("/rate?study=open").status_code == 200
    assert client.get(f"/rate/clips/open/{clip}").status_code == 200


def test_a_replayed_request_adds_nothing(client, studies):
    token, store = new_token(), studies.service("open").store
    assert ask(client, "view", token=token).json()["name"] == "link"
    assert ask(client, "start", token=token, consent=False).status_code == 400
    first = ask(client, "start", token=token, consent=True).json()
    assert ask(client, "start", token=token, consent=True).json() == first
    given = {"token": token, "trial_id": first["trial"]["id"], "scores": {"overall": 4}}
    then = ask(client, "answer", **given).json()
    again = ask(client, "answer", **given | {"scores": {"overall": 1}}).json()
    assert then["stored"] and not again["stored"] and again["trial"] == then["trial"]
    (kept,) = store.answers("open")
    assert dict(kept.scores) == {"overall": 4}
    assert ask(client, "withdraw", token=token).json()["state"] == "withdrawn"
    assert ask(client, "withdraw", token=token).json()["state"] == "withdrawn"
    assert store.answers("open") == []


@pytest.mark.parametrize(
    "change",
    [
        {"scores": {"overall": 9}},
        {"scores": {}},
        {"scores": "4"},
        {"scores": {"overall": True}},
        {"trial_id": ["x"]},
        {"trial_id": "' OR 1=1 --"},
        {"token": "short"},
        {"token": None},
        {"comment": "x" * 5000},
        {"comment": 3},
        {"listening": [1]},
        {"listening": {"heard": [7]}},
        {"scores": {"overall": "\ud800"}},
    ],
)
def test_wrong_answers_are_refused(client, studies, change):
    token = new_token()
    trial = ask(client, "start", token=token, consent=True).json()["trial"]["id"]
    content = {"study": "open", "token": token, "trial_id": trial, "scores": {"overall": 4}}
    answer = client.post("/listening_answer", content=json.dumps(content | change))
    assert answer.status_code == 400 and "/" not in answer.json()["error"]
    assert studies.service("open").store.answers("open") == []


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"[" * 5000, b"x" * 100_000, b"\xff"])
def test_a_body_that_is_no_object_is_refused(client, body):
    assert client.post("/listening_start", content=body).status_code == 400


def test_only_clips_are_served(client, studies):
    service = studies.service("open")
    name = service.study_view().level_clip
    assert client.get(f"/rate/clips/open/{name}").status_code == 200
    assert client.get(f"/rate/clips/other/{name}").status_code == 404
    for path in (
        "../key.json",
        "..%2fkey.json",
        "%2e%2e/key.json",
        "%2e%2e%2fkey.json",
        "..%5ckey.json",
        "key.json",
        "%2fetc%2fpasswd",
        f"{name}%00",
        f"./../{name}x",
    ):
        answer = client.get(f"/rate/clips/open/{path}")
        assert answer.status_code == 404 and b"study_digest" not in answer.content


def test_results_need_the_token_and_tricks_come_out_harmless(client, studies):
    token = new_token()
    view = ask(client, "start", token=token, consent=True).json()
    ask(
        client,
        "answer",
        token=token,
        trial_id=view["trial"]["id"],
        scores={"overall": 4},
        comment=FORMULA,
    )
    for headers in ({}, *({"X-Admin-Token": TOKEN[:-n]} for n in range(1, 5))):
        for name in ("open", "none"):
            answer = client.get(f"/rate/results/{name}", headers=headers)
            assert answer.status_code == 400 and answer.json()["name"] == "admin token"
    packed = client.get("/rate/results/open", headers={"X-Admin-Token": TOKEN})
    with zipfile.ZipFile(io.BytesIO(packed.content)) as archive:
        rows = list(csv.DictReader(io.StringIO(archive.read("answers.csv").decode())))
    assert rows[0]["comment"] == "'" + FORMULA


def test_gate_opens_for_the_token_alone():
    now = [0.0]
    gate = AdminGate(TOKEN, lambda: now[0], lambda seconds: None)
    for i in range(5):
        gate.check(TOKEN, "a")
        for _ in range(3):  # the same one again is no further guess
            with pytest.raises(InputError, match="not right"):
                gate.check(f"{TOKEN}{min(i, 3)}", "b")
    with pytest.raises(InputError, match="not right"):
        gate.check(TOKEN + "x", "b")
    with pytest.raises(InputError, match="too often"):
        gate.check(TOKEN + "y", "b")
    gate.check(TOKEN, "b")
    now[0] += 61
    with pytest.raises(InputError, match="not right"):
        gate.check(TOKEN + "y", "b")
    for closed in ("", "short"):
        with pytest.raises(InputError, match="not right"):
            AdminGate(closed).check(closed, "a")


def test_a_class_behind_one_address_joins_and_a_flood_does_not():
    now = [0.0]
    limits = RatingLimits(lambda: now[0])
    for _ in range(200):  # a lecture hall: everybody joins, everybody says a lot
        limits.join("open", "a")
        limits.comment("open", "a", 2000)
    with pytest.raises(InputError, match="within the hour"):
        for _ in range(200):
            limits.join("open", "a")
    with pytest.raises(InputError, match="within the hour"):
        limits.comment("open", "a", 2000)
    limits.join("open", "b")
    with pytest.raises(InputError, match="within the hour"):
        for address in range(4000):  # from everywhere, into one study
            limits.join("open", str(address))
    limits.join("other", "c")
    now[0] += 3601
    limits.join("open", "a")


def test_joining_over_the_limit_is_refused_by_the_route(studies, monkeypatch):
    monkeypatch.setattr(limits_module, "JOINS_PER_ADDRESS", 2)
    client = TestClient(rating_app(studies))
    answers = [ask(client, "start", token=new_token(), consent=True) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 400]
    assert "later" in answers[-1].json()["error"]
