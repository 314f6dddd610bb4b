"""Stored answers, on SQLite and on a real PostgreSQL: once each, in order, for good."""

from __future__ import annotations

import dataclasses
import threading

import pytest
import sqlalchemy as sa

from core.errors import FailureError, InputError
from evaluation.listening.checks.loopback_postgres import loopback_postgres, postgres_programs
from evaluation.listening.checks.sample_study import write_sample_study
from evaluation.listening.clips.preparation import prepare
from evaluation.listening.design.assignment import cells
from evaluation.listening.service import RatingService
from evaluation.listening.store.backup import backup, restore
from evaluation.listening.store.records import new_token
from evaluation.listening.store.schema import metadata, rater_table, schema_version
from evaluation.listening.store.storage import Store

NASTY = [
    "'; DROP TABLE answer; --",
    "<script>alert(1)</script>",
    "=1+1",
    "nul\x00 \ud800 end",
    "../../etc/passwd",
    "日本語",
]


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    return write_sample_study(
        tmp_path_factory.mktemp("study"), systems=2, items=3, trials=4, axes=["quality", "overall"]
    )


@pytest.fixture(scope="module")
def prepared(study):
    return prepare(study, study.folder / "prepared")


@pytest.fixture(scope="module")
def postgres():
    if postgres_programs() is None:
        yield None
        return
    with loopback_postgres() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request, tmp_path):
    if request.param == "sqlite":
        store = Store(f"sqlite:///{tmp_path / 'answers.sqlite'}")
    else:
        url = request.getfixturevalue("postgres")
        if url is None:
            pytest.skip("PostgreSQL's programs (initdb, pg_ctl) are not installed")
        engine = sa.create_engine(url)
        metadata.drop_all(engine)
        engine.dispose()
        store = Store(url)
    yield store
    store.close()


@pytest.fixture
def service(study, prepared, store):
    return RatingService(study, prepared, store)


SCORES = {"quality": 4, "overall": 2}


def finish(service, token, scores=None):
    view = service.start(token, True)
    while view.state == "trial":
        view = service.answer(token, view.trial.id, scores or SCORES)
    return view


def test_from_link_to_completion_code_and_back_to_the_same_trial(service):
    token = new_token()
    first = service.start(token, True)
    assert (first.trial.position, first.trial.total) == (1, 4)
    second = service.answer(token, first.trial.id, SCORES)
    assert second.stored and second.trial.position == 2
    assert service.start(token, True).trial == service.view(token).trial == second.trial
    end = finish(service, token)
    assert end.state == "finished" and len(end.completion_code) == 8
    assert service.view(token).completion_code == end.completion_code


def test_a_repeated_request_adds_nothing_and_changes_nothing(service, study):
    token = new_token()
    trial = service.start(token, True).trial
    service.answer(token, trial.id, SCORES, "first", {"heard": [0.9]})
    again = service.answer(token, trial.id, {"quality": 1, "overall": 1}, "second")
    assert not again.stored and again.trial.position == 2
    answers = service.store.answers(study.name)
    assert [(a.scores, a.comment, a.listening) for a in answers] == [
        (SCORES, "first", {"heard": [0.9]})
    ]


def test_the_database_itself_refuses_to_change_an_answer(service):
    token = new_token()
    service.answer(token, service.start(token, True).trial.id, SCORES)
    with pytest.raises(sa.exc.DBAPIError, match="append-only"):
        with service.store.engine.begin() as connection:
            connection.execute(sa.text("UPDATE answer SET scores = '{}'"))


def test_answers_come_in_order_and_only_from_their_rater(service):
    mine, other = new_token(), new_token()
    trial, foreign = service.start(mine, True).trial, service.start(other, True).trial
    later = service.store.trials(service.store.seat(service.study, mine).rater_id)[2]
    with pytest.raises(InputError, match="answer trial 1 first"):
        service.answer(mine, later.id, SCORES)
    with pytest.raises(InputError, match="not one of this rater's"):
        service.answer(mine, foreign.id, SCORES)
    assert service.view(mine).trial == trial


@pytest.mark.parametrize(
    "scores",
    [
        {},
        {"quality": 3},
        {"quality": 0, "overall": 1},
        {"quality": 6, "overall": 1},
        {"quality": 3.0, "overall": 1},
        {"quality": True, "overall": 1},
        {"quality": 3, "overall": 1, "more": 1},
        {"quality": "3", "overall": 1},
        None,
    ],
)
def test_scores_outside_the_scale_are_refused(service, scores):
    token = new_token()
    trial = service.start(token, True).trial
    with pytest.raises(InputError):
        service.answer(token, trial.id, scores)
    assert service.view(token).trial == trial


def test_no_seat_without_consent_or_with_another_link(service, study):
    with pytest.raises(InputError, match="consent"):
        service.start(new_token(), False)
    for token in ("", "short", "x" * 200, "'; --" * 8, None):
        with pytest.raises(InputError, match="link"):
            service.start(token, True)
    with pytest.raises(InputError, match="not known"):
        service.view(new_token())
    assert service.store.raters(study.name) == []


def test_withdrawing_deletes_the_answers_and_frees_the_trials(service, study):
    leaving = new_token()
    finish(service, leaving)
    service.note(leaving, "p1", "pause")
    assert service.withdraw(leaving) == service.withdraw(leaving)
    assert service.start(leaving, True).state == "withdrawn"
    with pytest.raises(InputError):
        service.answer(leaving, "x", SCORES)
    assert service.store.answers(study.name) == []
    for _ in range(3):
        finish(service, new_token())
    counts = {cell: 0 for cell in cells(study)}
    for answer in service.store.answers(study.name):
        counts[answer.trial.cell] += 1
    assert set(counts.values()) == {2}


def test_trials_of_a_rater_who_fell_silent_go_to_others(service, study):
    silent = new_token()
    service.answer(silent, service.start(silent, True).trial.id, SCORES)
    with service.store.engine.begin() as connection:
        connection.execute(
            rater_table.update().values(seen_at=rater_table.c.seen_at - 60 * study.seat_minutes - 1)
        )
    for _ in range(4):
        finish(service, new_token())
    counts = {cell: 0 for cell in cells(study)}
    for answer in service.store.answers(study.name):
        counts[answer.trial.cell] += 1
    assert max(counts.values()) - min(counts.values()) <= 1
    assert finish(service, silent).state == "finished"


def test_raters_who_join_at_once_get_even_lists(service, study):
    tokens = [token for token in (new_token() for _ in range(6)) for _ in range(2)]
    errors = []

    def join(token):
        try:
            service.start(token, True)
        except Exception as error:  # noqa: BLE001 - shown by the assertion below
            errors.append(error)

    threads = [threading.Thread(target=join, args=(token,)) for token in tokens]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    raters = service.store.raters(study.name)
    assert [rater.number for rater in raters] == [1, 2, 3, 4, 5, 6]
    counts = {cell: 0 for cell in cells(study)}
    for rater in raters:
        for stored in service.store.trials(rater.rater_id):
            counts[stored.trial.cell] += 1
    assert set(counts.values()) == {4}


def test_a_link_is_not_in_the_database_and_no_column_holds_a_person(service):
    token = new_token()
    finish(service, token)
    with service.store.engine.connect() as connection:
        for table in metadata.sorted_tables:
            for row in connection.execute(sa.select(table)):
                assert token not in str(row)
    columns = {column.name for table in metadata.sorted_tables for column in table.columns}
    assert not columns & {"ip", "address", "user_agent", "email"}


def test_nasty_comments_come_back_as_text(service, study):
    token = new_token()
    view = service.start(token, True)
    for comment in NASTY[:4]:
        view = service.answer(token, view.trial.id, SCORES, comment)
    stored = [answer.comment for answer in service.store.answers(study.name)]
    assert stored == [*NASTY[:3], "nul  end"]


@pytest.mark.parametrize(
    "listening",
    [
        {"heard": [2]},
        {"heard": "all"},
        {"address": "1.2.3.4"},
        {"events": ["x" * 20_000]},
        {"heard": [float("nan")]},
    ],
)
def test_a_listening_log_of_another_shape_is_refused(service, listening):
    token = new_token()
    trial = service.start(token, True).trial
    with pytest.raises(InputError):
        service.answer(token, trial.id, SCORES, "", listening)


def test_only_names_of_clips_lead_to_files(service):
    trial = service.start(new_token(), True).trial
    assert service.clip(trial.clips[0])[:4] == b"RIFF"
    file = service.prepared.clips[0].name  # what lies in the folder has no address of its own
    for name in ("../key.json", "/etc/passwd", "", "key.json", file, "0" * 17 + ".wav", None):
        with pytest.raises(InputError, match="not a clip"):
            service.clip(name)


def test_a_changed_study_is_refused_once_opened(service, study, prepared):
    changed = dataclasses.replace(study, seed=study.seed + 1)
    with pytest.raises(InputError, match="differs in seed"):
        service.store.open_study(changed)
    with pytest.raises(InputError, match="another version"):
        RatingService(changed, prepared, service.store)


def test_a_backup_moves_to_another_database_and_goes_on_there(service, study, prepared, tmp_path):
    done, halfway = new_token(), new_token()
    code = finish(service, done).completion_code
    trial = service.answer(halfway, service.start(halfway, True).trial.id, SCORES, "日本語").trial
    rows = backup(service.store, tmp_path / "backup.jsonl")
    other = Store(f"sqlite:///{tmp_path / 'other.sqlite'}")
    assert restore(tmp_path / "backup.jsonl", other) == rows
    moved = RatingService(study, prepared, other)
    assert other.answers(study.name) == service.store.answers(study.name)
    assert moved.view(done).completion_code == code
    assert moved.view(halfway).trial == trial
    assert finish(moved, halfway).state == "finished"
    with pytest.raises(InputError, match="empty"):
        restore(tmp_path / "backup.jsonl", other)
    if service.store.engine.dialect.name == "postgresql":
        backup(other, tmp_path / "back.jsonl")
        service.store.close()
        metadata.drop_all(service.store.engine)
        again = Store(service.store.url.render_as_string(hide_password=False))
        restore(tmp_path / "back.jsonl", again)
        assert again.answers(study.name) == other.answers(study.name)
        assert finish(RatingService(study, prepared, again), new_token()).state == "finished"
        again.close()
    other.close()


def test_a_damaged_backup_is_refused(service, tmp_path):
    finish(service, new_token())
    path = tmp_path / "backup.jsonl"
    backup(service.store, path)
    path.write_bytes(path.read_bytes().replace(b'\\"quality\\": 4', b'\\"quality\\": 5', 1))
    other = Store(f"sqlite:///{tmp_path / 'other.sqlite'}")
    with pytest.raises(InputError, match="damaged"):
        restore(path, other)
    other.close()


def test_another_schema_version_is_refused(store):
    with store.engine.begin() as connection:
        connection.execute(schema_version.update().values(version=99))
    with pytest.raises(FailureError, match="99"):
        Store(store.url.render_as_string(hide_password=False))


@pytest.mark.parametrize("url", ["mysql://x/y", "sqlite://", "nonsense", "sqlite:///:memory:"])
def test_databases_that_cannot_serve_are_refused(url):
    with pytest.raises(InputError):
        Store(url)
