"""Raters at once on a server that is killed in the middle: the small version of check-raters."""

from __future__ import annotations

import pytest

from evaluation.listening.checks.check_raters import CheckSize, check_database
from evaluation.listening.checks.loopback_postgres import loopback_postgres, postgres_programs

SMALL = CheckSize(raters=8, systems=3, items=4, trials=5, servers=1)


def test_nothing_is_lost_on_sqlite(tmp_path):
    lines = check_database(f"sqlite:///{tmp_path / 'answers.sqlite'}", tmp_path, SMALL)
    assert len(lines) == 2


@pytest.mark.skipif(
    postgres_programs() is None, reason="PostgreSQL's programs (initdb, pg_ctl) are not installed"
)
def test_nothing_is_lost_on_postgresql(tmp_path):
    with loopback_postgres() as url:
        assert len(check_database(url, tmp_path, SMALL)) == 2
