"""Blind votes on one's own pieces: kept for that person alone, counted by what was compared."""

from __future__ import annotations

import csv
import io
import math
from types import SimpleNamespace

import numpy as np
import pytest
from fastapi import APIRouter, FastAPI
from fastapi.testclient import TestClient
from studio_visit import Visit

from core import audio
from core.errors import InputError
from core.requests.request import GenerationRequest
from studio.api import comparison_routes
from studio.api.asking import asking_person
from studio.library.discarded import discard_all, restore
from studio.library.library import Library
from studio.library.votes import Votes

ANNE, BEN = "a" * 32, "b" * 32
RATE = 8000


@pytest.fixture
def library(tmp_path):
    return Library(tmp_path / "people", 10**8, 3600.0)


def piece(library, person, variant="nano", **settings):
    identity, file = library.new_result(person, set())
    audio.write(file, np.full(RATE, 0.1, np.float32), RATE)
    request = GenerationRequest("a tune", 1.0, variant, **settings)
    library.keep(person, identity, request, {"seconds": 1.0})
    return identity


def vote(first, second, choice="first", heard=(1.0, 0.6)):
    return {"first": first, "second": second, "choice": choice, "heard": list(heard)}


def test_votes_are_counted_by_variant_and_by_settings_that_differ(library):
    votes = Votes(library)
    one, two = piece(library, ANNE), piece(library, ANNE, "nano-no-flow", seed=3)
    for choice, pair in (
        ("first", (one, two)),
        ("second", (two, one)),
        ("tie", (one, two)),
        ("both_bad", (two, one)),
        ("second", (one, two)),
    ):
        votes.keep(ANNE, vote(*pair, choice))
    rows = {row.pop("system"): row for row in votes.summary(ANNE)["rows"]}
    assert rows == {
        "nano": {"wins": 2, "ties": 1, "losses": 1, "both_bad": 1},
        "nano-no-flow": {"wins": 1, "ties": 1, "losses": 2, "both_bad": 1},
    }
    same = piece(library, ANNE, seed=9)  # another seed is no other system
    votes.keep(ANNE, vote(one, same))
    assert votes.summary(ANNE)["votes"] == 6 and len(votes.summary(ANNE)["rows"]) == 2
    strong = piece(library, ANNE, guidance=7.0)
    votes.keep(ANNE, vote(strong, one))
    assert any("guidance 7" in row["system"] for row in votes.summary(ANNE)["rows"])
    rows = list(csv.DictReader(io.StringIO(votes.csv(ANNE))))
    assert (
        len(rows) == 7 and rows[0]["choice"] == "first" and '"seed": 3' in rows[0]["second_request"]
    )


@pytest.mark.parametrize(
    "change",
    [
        {"choice": "A"},
        {"heard": [1.0, 0.4]},
        {"heard": [1.0]},
        {"heard": [1.0, math.nan]},
        {"heard": [1.0, 7.0]},
        {"second": "../" + "0" * 24},
        {"second": "0" * 24},
    ],
)
def test_what_is_no_vote_is_refused_and_nothing_is_kept(library, change):
    votes, one, two = Votes(library), piece(library, ANNE), piece(library, ANNE)
    with pytest.raises(InputError):
        votes.keep(ANNE, vote(one, two) | change)
    with pytest.raises(InputError):
        votes.keep(ANNE, vote(one, one))
    with pytest.raises(InputError):
        votes.keep(BEN, vote(one, two))  # not his music
    assert votes.summary(ANNE)["votes"] == votes.summary(BEN)["votes"] == 0


def test_nobody_sees_anothers_votes_and_they_go_with_the_music(library):
    app, router, asking = FastAPI(), APIRouter(prefix="/studio"), {"person": ANNE}
    comparison_routes.add(router, SimpleNamespace(library=library))
    app.include_router(router)
    app.dependency_overrides[asking_person] = lambda: asking["person"]
    client = TestClient(app)
    given = vote(piece(library, ANNE), piece(library, ANNE, "nano-no-flow"))
    assert client.post("/studio/votes", json=given).json()["votes"] == 1
    asking["person"] = BEN
    assert client.get("/studio/votes").json()["votes"] == 0
    assert client.get("/studio/votes.csv").text.count("\n") == 1
    asking["person"] = ANNE
    assert client.get("/studio/votes.csv").text.count("\n") == 2
    discard_all(library, ANNE, set())
    assert client.get("/studio/votes").json()["votes"] == 0
    restore(library, ANNE)
    assert client.get("/studio/votes").json()["votes"] == 1
    assert client.delete("/studio/votes").status_code == 204
    assert client.get("/studio/votes").json()["votes"] == 0


def test_a_blind_vote_is_kept_and_then_both_are_revealed(browser, studio_address):
    with Visit(browser, studio_address) as visit:
        page = visit.page
        page.locator("#create-variations").get_by_label("2", exact=True).check()
        visit.ask_for("funky bass", 2)
        visit.cards.first.get_by_label("Variation B").wait_for()
        visit.tab("Compare")
        boxes = page.locator(".choices input")
        boxes.nth(0).check()
        boxes.nth(1).check()
        page.check("#compare-blind")
        page.click("#compare-go")
        ballot = page.locator(".compare-vote")
        ballot.wait_for()
        assert page.get_by_role("button", name="A is better").is_disabled()  # nothing was heard
        assert "funky" not in page.inner_text("#compare-stage")
        for letter in "AB":
            page.get_by_role("button", name=letter, exact=True).click()
            page.click(".compare-play")
            page.locator(".compare-play", has_text="Pause").wait_for()
            page.locator(".compare-play", has_text="Play").wait_for()
        page.get_by_role("button", name="A is better").click()
        page.locator("#compare-votes h3", has_text="Your blind votes: 1").wait_for()
        assert "funky" in page.inner_text("#compare-stage") and ballot.count() == 0
        page.reload()
        visit.tab("Compare")
        page.locator("#compare-votes h3", has_text="Your blind votes: 1").wait_for()
