"""Files and databases of the first format still open; what is pinned, and what may change."""

from __future__ import annotations

import csv
import dataclasses
import io
import re
import shutil
import sqlite3
import threading
from pathlib import Path

import pytest
import yaml

from core.errors import InputError
from evaluation.listening.checks.sample_study import write_sample_study
from evaluation.listening.clips.preparation import prepare, read_prepared
from evaluation.listening.command import main
from evaluation.listening.design.study_file import read_study
from evaluation.listening.service import RatingService
from evaluation.listening.store import people
from evaluation.listening.store.backup import restore
from evaluation.listening.store.records import new_token
from evaluation.listening.store.registration import set_state, stored_study
from evaluation.listening.store.storage import Store
from evaluation.listening.tables.answer_files import payment_csv
from evaluation.listening.tables.export import result_files
from evaluation.listening.tables.result_tables import results

FIRST_FORMAT = Path(__file__).parent / "first_format"  # written by the program of that time
SYSTEMS = ("system-a", "system-b")
TOKEN = "first-format-token-00002"  # answered two of its trials


@pytest.fixture
def first_format(tmp_path):
    """Study file, prepared clips and SQLite database as the first format left them."""
    for name in ("study.yaml", "items.csv"):
        shutil.copy(FIRST_FORMAT / name, tmp_path)
    clips = tmp_path / "prepared" / "clips"
    clips.mkdir(parents=True)
    shutil.copy(FIRST_FORMAT / "key.json", tmp_path / "prepared")
    made = write_sample_study(tmp_path / "other", 2, 2, 2)
    sound = next((prepare(made, tmp_path / "made").folder / "clips").glob("*.wav"))
    for name in set(_names((FIRST_FORMAT / "key.json").read_text())):
        shutil.copy(sound, clips / name)
    database = tmp_path / "answers.sqlite"
    with sqlite3.connect(database) as connection:
        connection.executescript((FIRST_FORMAT / "answers.sql").read_text())
    connection.close()
    return tmp_path


def _names(text):
    return re.findall(r"[0-9a-f]{24}\.wav", text)


def test_a_study_of_the_first_format_opens_goes_on_and_may_change_its_title(first_format):
    study = read_study(first_format)
    store = Store(f"sqlite:///{first_format / 'answers.sqlite'}")
    service = RatingService(study, read_prepared(study, first_format / "prepared"), store)
    assert service.text_version == 1
    before = store.answers(study.name)
    assert len(before) == 6 + 6 + 2 and {a.text_version for a in before} == {1}
    changed = dataclasses.replace(study, title="Another title", consent="Another consent.")
    later = RatingService(changed, read_prepared(changed, first_format / "prepared"), store)
    assert later.text_version == 2
    view = later.view(TOKEN)
    assert view.trial.position == 3 and later.clip(view.trial.clips[0])[:4] == b"RIFF"
    while view.state == "trial":
        view = later.answer(TOKEN, view.trial.id, {"quality": 0, "overall": 1})
    answers = store.answers(study.name)
    assert answers[: len(before)] == before
    assert {a.text_version for a in answers[len(before) :]} == {2}
    assert RatingService(study, later.prepared, store).text_version == 1  # back to the old texts
    store.close()


def test_a_backup_of_the_first_format_is_restored(tmp_path):
    store = Store(f"sqlite:///{tmp_path / 'answers.sqlite'}")
    assert restore(FIRST_FORMAT / "backup.jsonl", store) > 20
    study = read_study(FIRST_FORMAT)
    assert store.open_study(study) == 1
    assert len(store.answers(study.name)) == 14
    store.close()


def test_a_database_of_the_second_version_is_brought_up_with_its_answers(opened, tmp_path):
    study, prepared, store = opened
    finish(RatingService(study, prepared, store), new_token())
    before = store.answers(study.name)
    store.close()
    with sqlite3.connect(tmp_path / "answers.sqlite") as connection:
        connection.execute("ALTER TABLE trial DROP COLUMN conditions")
        connection.execute("UPDATE schema_version SET version = 2")
    connection.close()
    again = Store(f"sqlite:///{tmp_path / 'answers.sqlite'}")
    assert again.answers(study.name) == before and len(before) == 4
    again.close()


@pytest.mark.parametrize(
    "name, digest",
    [
        ("demo-mos", "2110db470df27553fc441d95e262b746190d414e257bb05afbba670094cef4c5"),
        ("demo-pairs", "167f05e6852b358ea02809363106af70e10ee91e464aeb563ba80c83d184ed63"),
    ],
)
def test_the_demo_keeps_its_digest_so_that_installed_studios_keep_their_answers(name, digest):
    assets = Path(__file__).resolve().parents[3] / "assets" / "studies"
    assert read_study(assets / name).digest == digest


@pytest.fixture
def opened(tmp_path):
    study = write_sample_study(
        tmp_path, systems=2, items=3, trials=4, axes=["quality", "overall"], title="First title"
    )
    prepared = prepare(study, tmp_path / "prepared")
    store = Store(f"sqlite:///{tmp_path / 'answers.sqlite'}")
    yield study, prepared, store
    store.close()


SCORES = {"quality": 4, "overall": 2}


def finish(service, token, scores=SCORES, comment=""):
    view = service.start(token, True)
    while view.state == "trial":
        heard = {"heard": [1.0] * len(view.trial.clips)}
        view = service.answer(token, view.trial.id, scores, comment, heard)
    return view


def rewritten(study, **entries):
    """The study of the same file with other entries."""
    path = study.folder / "study.yaml"
    content = yaml.safe_load(path.read_text())
    content.update(entries)
    path.write_text(yaml.safe_dump(content, sort_keys=False))
    return read_study(path)


@pytest.mark.parametrize(
    "entries",
    [
        {"title": "Another"},
        {"consent": "Another"},
        {"language": {"next": "Weiter"}},
        {"systems": {name: {"folder": name, "label": f"{name}!"} for name in SYSTEMS}},
    ],
)
def test_texts_may_change_and_every_answer_knows_which_it_saw(opened, entries):
    study, prepared, store = opened
    finish(RatingService(study, prepared, store), new_token())
    changed = rewritten(study, **entries)
    service = RatingService(changed, read_prepared(changed, prepared.folder), store)
    finish(service, new_token())
    assert [a.text_version for a in store.answers(study.name)] == [1] * 4 + [2] * 4
    files = result_files(changed, store, results(changed, store))
    rows = list(csv.DictReader(io.StringIO(files["answers.csv"])))
    assert {row["text_version"] for row in rows} == {"1", "2"}


@pytest.mark.parametrize(
    "entries",
    [
        {"seed": 99},
        {"axes": ["overall"]},
        {"systems": {"system-a": {"folder": "system-a"}, "other": {"folder": "system-b"}}},
        {"method": "CCR", "baseline": "system-a", "trials_per_rater": 3},
        {"screening": {"min_heard": 0.9}},
    ],
)
def test_the_design_is_pinned_and_answers_still_come_out(opened, entries, capsys):
    study, prepared, store = opened
    finish(RatingService(study, prepared, store), new_token())
    changed = rewritten(study, **entries)
    with pytest.raises(InputError, match="new name") as error:
        store.open_study(changed)
    assert set(entries) & set(str(error.value).replace(",", " ").split())
    assert stored_study(store.engine, study.name).digest == study.digest
    out, database = study.folder / "out", f"sqlite:///{study.folder / 'answers.sqlite'}"
    assert main(["export", str(study.folder), "--out", str(out), "--database", database]) == 0
    assert "stored study" in capsys.readouterr().err
    assert (out / "answers.csv").read_text().count("\n") == 1 + 4 * 2


def test_withdrawing_leaves_nothing_in_the_log_of_writes(opened):
    study, prepared, store = opened
    service = RatingService(study, prepared, store)
    token = new_token()
    finish(service, token, comment="words that nobody else would write")
    files = list(study.folder.glob("answers.sqlite*"))
    assert any(b"nobody else would write" in path.read_bytes() for path in files)
    reader = sqlite3.connect(study.folder / "answers.sqlite", check_same_thread=False)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM answer").fetchone()  # somebody computes results
    leaving = threading.Timer(0.5, reader.close)
    leaving.start()
    service.withdraw(token)
    for path in study.folder.glob("answers.sqlite*"):
        assert b"nobody else would write" not in path.read_bytes(), path.name


def test_a_paused_study_lets_raters_finish_and_a_closed_one_does_not(opened):
    study, prepared, store = opened
    service, token = RatingService(study, prepared, store), new_token()
    first = service.start(token, True)
    set_state(store.engine, study.name, "paused")
    with pytest.raises(InputError, match="paused"):
        service.start(new_token(), True)
    second = service.answer(token, first.trial.id, SCORES)
    set_state(store.engine, study.name, "closed")
    with pytest.raises(InputError, match="closed"):
        service.answer(token, second.trial.id, SCORES)
    set_state(store.engine, study.name, "open")
    assert finish(service, token).state == "finished"


def test_invited_links_let_one_rater_in_each_and_can_be_revoked(opened):
    study, prepared, store = opened
    invited = dataclasses.replace(
        study, recruitment=dataclasses.replace(study.recruitment, invited_only=True)
    )
    service = RatingService(invited, prepared, store)
    used, unused = people.invite(store.engine, study.name, 2, "class of May")
    with pytest.raises(InputError, match="invitation"):
        service.start(new_token(), True)
    assert finish(service, used).state == "finished"
    assert people.revoke(store.engine, study.name, "class of May") == 1
    with pytest.raises(InputError, match="invitation"):
        service.start(unused, True)
    assert service.view(used).state == "finished"
    found = people.invitations(store.engine, study.name)
    assert sorted((one.joined, one.revoked) for one in found) == [(False, True), (True, False)]


def test_a_platforms_ids_stay_apart_from_answers_and_pay_the_rater(opened):
    study, prepared, store = opened
    prolific = dataclasses.replace(
        study,
        recruitment=dataclasses.replace(
            study.recruitment, platform="prolific", completed="C0MPLETE", withdrawn="G0NE"
        ),
    )
    service, token = RatingService(prolific, prepared, store), new_token()
    person = {"participant": "5f1e0000aaaa", "study": "st1", "session": "se1"}
    view = service.start(token, True, person)
    with pytest.raises(InputError, match="takes part already"):
        service.start(new_token(), True, person)
    while view.state == "trial":
        view = service.answer(token, view.trial.id, SCORES)
    assert view.return_url == "https://app.prolific.com/submissions/complete?cc=C0MPLETE"
    files = result_files(prolific, store, results(prolific, store))
    assert not any("5f1e0000aaaa" in text for text in files.values())
    (row,) = csv.DictReader(io.StringIO(payment_csv(prolific, store)))
    assert (row["participant"], row["session_id"], row["state"]) == (
        "5f1e0000aaaa",
        "se1",
        "finished",
    )
    gone = service.withdraw(token)
    assert gone.return_url.endswith("cc=G0NE")
    assert people.participants(store.engine, study.name) == []
    for bad in ("' OR 1=1 --", "x" * 100):
        with pytest.raises(InputError, match="platform"):
            service.start(new_token(), True, {"participant": bad})


def test_who_fails_the_attention_checks_goes_back_with_the_screened_out_code(tmp_path):
    study = write_sample_study(
        tmp_path,
        systems=2,
        items=3,
        trials=3,
        axes=["overall"],
        controls={"attention": 1},
        recruitment={"platform": "prolific", "completed": "GOOD", "screened_out": "BAD"},
    )
    store = Store(f"sqlite:///{tmp_path / 'answers.sqlite'}")
    service = RatingService(study, prepare(study, tmp_path / "prepared"), store)
    for wanted, shift in (("GOOD", 0), ("BAD", 1)):
        token = new_token()
        view = service.start(token, True)
        while view.state == "trial":
            trial = store.trial(study.name, view.trial.id)
            right = int(trial.item) if trial.kind == "attention" else 3
            score = 1 + (right - 1 + shift) % 5
            view = service.answer(token, view.trial.id, {"overall": score})
        assert view.return_url.endswith(f"cc={wanted}") and view.completion_code == wanted
    store.close()


def test_one_rater_is_taken_out_and_the_answers_stay_marked(opened):
    study, prepared, store = opened
    service = RatingService(study, prepared, store)
    for _ in range(3):
        finish(service, new_token())
    out = store.raters(study.name)[1].rater_id
    assert people.remove(store.engine, study.name, out) == [out]
    with pytest.raises(InputError, match="not known"):
        people.remove(store.engine, study.name, "nobody")
    found = results(study, store)
    assert found.everyone.n_raters == found.screened.n_raters == 2
    verdict = next(v for v in found.verdicts if v.rater_id == out)
    assert verdict.reasons[0] == "removed by the researcher"
    rows = list(csv.DictReader(io.StringIO(result_files(study, store, found)["answers.csv"])))
    assert {row["rater"] for row in rows if row["removed"] == "1"} == {out}
    assert len(rows) == 3 * 4 * 2
