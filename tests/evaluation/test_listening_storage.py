"""Stored answers, on SQLite and on a real PostgreSQL: once each, in order, for good."""

from __future__ import annotations

import dataclasses
import threading

import pytest
import sqlalchemy as sa

from core.errors import FailureError, InputError
from evaluation.listening.assignment import cells
from evaluation.listening.backup import backup, restore
from evaluation.listening.desk import RaterDesk
from evaluation.listening.loopback_postgres import loopback_postgres, postgres_programs
from evaluation.listening.preparation import prepare
from evaluation.listening.sample_study import write_sample_study
from evaluation.listening.schema import metadata, rater_table, schema_version
from evaluation.listening.storage import Store, new_token

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
def desk(study, prepared, store):
    return RaterDesk(study, prepared, store)


SCORES = {"quality": 4, "overall": 2}


def finish(desk, token, scores=None):
    view = desk.start(token, True)
    while view.state == "trial":
        view = desk.answer(token, view.trial.id, scores or SCORES)
    return view


def test_from_link_to_completion_code_and_back_to_the_same_trial(desk):
    token = new_token()
    first = desk.start(token, True)
    assert (first.trial.position, first.trial.total) == (1, 4)
    second = desk.answer(token, first.trial.id, SCORES)
    assert second.stored and second.trial.position == 2
    assert desk.start(token, True).trial == desk.view(token).trial == second.trial
    end = finish(desk, token)
    assert end.state == "finished" and len(end.completion_code) == 8
    assert desk.view(token).completion_code == end.completion_code


def test_a_repeated_request_adds_nothing_and_changes_nothing(desk, study):
    token = new_token()
    trial = desk.start(token, True).trial
    desk.answer(token, trial.id, SCORES, "first", {"heard": [0.9]})
    again = desk.answer(token, trial.id, {"quality": 1, "overall": 1}, "second")
    assert not again.stored and again.trial.position == 2
    answers = desk.store.answers(study.name)
    assert [(a.scores, a.comment, a.listening) for a in answers] == [
        (SCORES, "first", {"heard": [0.9]})
    ]


def test_the_database_itself_refuses_to_change_an_answer(desk):
    token = new_token()
    desk.answer(token, desk.start(token, True).trial.id, SCORES)
    with pytest.raises(sa.exc.DBAPIError, match="append-only"):
        with desk.store.engine.begin() as connection:
            connection.execute(sa.text("UPDATE answer SET scores = '{}'"))


def test_answers_come_in_order_and_only_from_their_rater(desk):
    mine, other = new_token(), new_token()
    trial, foreign = desk.start(mine, True).trial, desk.start(other, True).trial
    later = desk.store.trials(desk.store.seat(desk.study, mine).rater_id)[2]
    with pytest.raises(InputError, match="answer trial 1 first"):
        desk.answer(mine, later.id, SCORES)
    with pytest.raises(InputError, match="not one of this rater's"):
        desk.answer(mine, foreign.id, SCORES)
    assert desk.view(mine).trial == trial


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
def test_scores_outside_the_scale_are_refused(desk, scores):
    token = new_token()
    trial = desk.start(token, True).trial
    with pytest.raises(InputError):
        desk.answer(token, trial.id, scores)
    assert desk.view(token).trial == trial


def test_no_seat_without_consent_or_with_another_link(desk, study):
    with pytest.raises(InputError, match="consent"):
        desk.start(new_token(), False)
    for token in ("", "short", "x" * 200, "'; --" * 8, None):
        with pytest.raises(InputError, match="link"):
            desk.start(token, True)
    with pytest.raises(InputError, match="not known"):
        desk.view(new_token())
    assert desk.store.raters(study.name) == []


def test_withdrawing_deletes_the_answers_and_frees_the_trials(desk, study):
    leaving = new_token()
    finish(desk, leaving)
    desk.note(leaving, "p1", "pause")
    assert desk.withdraw(leaving) == desk.withdraw(leaving)
    assert desk.start(leaving, True).state == "withdrawn"
    with pytest.raises(InputError):
        desk.answer(leaving, "x", SCORES)
    assert desk.store.answers(study.name) == []
    for _ in range(3):
        finish(desk, new_token())
    counts = {cell: 0 for cell in cells(study)}
    for answer in desk.store.answers(study.name):
        counts[answer.trial.system, answer.trial.item] += 1
    assert set(counts.values()) == {2}


def test_trials_of_a_rater_who_fell_silent_go_to_others(desk, study):
    silent = new_token()
    desk.answer(silent, desk.start(silent, True).trial.id, SCORES)
    with desk.store.engine.begin() as connection:
        connection.execute(
            rater_table.update().values(seen_at=rater_table.c.seen_at - 60 * study.seat_minutes - 1)
        )
    for _ in range(4):
        finish(desk, new_token())
    counts = {cell: 0 for cell in cells(study)}
    for answer in desk.store.answers(study.name):
        counts[answer.trial.system, answer.trial.item] += 1
    assert max(counts.values()) - min(counts.values()) <= 1
    assert finish(desk, silent).state == "finished"


def test_raters_who_join_at_once_get_even_lists(desk, study):
    tokens = [token for token in (new_token() for _ in range(6)) for _ in range(2)]
    errors = []

    def join(token):
        try:
            desk.start(token, True)
        except Exception as error:  # noqa: BLE001 - shown by the assertion below
            errors.append(error)

    threads = [threading.Thread(target=join, args=(token,)) for token in tokens]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    raters = desk.store.raters(study.name)
    assert [rater.number for rater in raters] == [1, 2, 3, 4, 5, 6]
    counts = {cell: 0 for cell in cells(study)}
    for rater in raters:
        for stored in desk.store.trials(rater.rater_id):
            counts[stored.trial.system, stored.trial.item] += 1
    assert set(counts.values()) == {4}


def test_a_link_is_not_in_the_database_and_no_column_holds_a_person(desk):
    token = new_token()
    finish(desk, token)
    with desk.store.engine.connect() as connection:
        for table in metadata.sorted_tables:
            for row in connection.execute(sa.select(table)):
                assert token not in str(row)
    columns = {column.name for table in metadata.sorted_tables for column in table.columns}
    assert not columns & {"ip", "address", "user_agent", "email"}


def test_nasty_comments_come_back_as_text(desk, study):
    token = new_token()
    view = desk.start(token, True)
    for comment in NASTY[:4]:
        view = desk.answer(token, view.trial.id, SCORES, comment)
    stored = [answer.comment for answer in desk.store.answers(study.name)]
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
def test_a_listening_log_of_another_shape_is_refused(desk, listening):
    token = new_token()
    trial = desk.start(token, True).trial
    with pytest.raises(InputError):
        desk.answer(token, trial.id, SCORES, "", listening)


def test_only_names_of_clips_lead_to_files(desk):
    trial = desk.start(new_token(), True).trial
    assert desk.clip_path(trial.clips[0]).is_file()
    for name in ("../key.json", "/etc/passwd", "", "key.json"):
        with pytest.raises(InputError, match="not a clip"):
            desk.clip_path(name)


def test_a_changed_study_is_refused_once_opened(desk, study, prepared):
    changed = dataclasses.replace(study, seed=study.seed + 1)
    with pytest.raises(InputError, match="changed since it was opened"):
        desk.store.open_study(changed)
    with pytest.raises(InputError, match="another version"):
        RaterDesk(changed, prepared, desk.store)


def test_a_backup_moves_to_another_database_and_goes_on_there(desk, study, prepared, tmp_path):
    done, halfway = new_token(), new_token()
    code = finish(desk, done).completion_code
    trial = desk.answer(halfway, desk.start(halfway, True).trial.id, SCORES, "日本語").trial
    rows = backup(desk.store, tmp_path / "backup.jsonl")
    other = Store(f"sqlite:///{tmp_path / 'other.sqlite'}")
    assert restore(tmp_path / "backup.jsonl", other) == rows
    moved = RaterDesk(study, prepared, other)
    assert other.answers(study.name) == desk.store.answers(study.name)
    assert moved.view(done).completion_code == code
    assert moved.view(halfway).trial == trial
    assert finish(moved, halfway).state == "finished"
    with pytest.raises(InputError, match="empty"):
        restore(tmp_path / "backup.jsonl", other)
    if desk.store.engine.dialect.name == "postgresql":
        backup(other, tmp_path / "back.jsonl")
        desk.store.close()
        metadata.drop_all(desk.store.engine)
        again = Store(desk.store.url.render_as_string(hide_password=False))
        restore(tmp_path / "back.jsonl", again)
        assert again.answers(study.name) == other.answers(study.name)
        assert finish(RaterDesk(study, prepared, again), new_token()).state == "finished"
        again.close()
    other.close()


def test_a_damaged_backup_is_refused(desk, tmp_path):
    finish(desk, new_token())
    path = tmp_path / "backup.jsonl"
    backup(desk.store, path)
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
