"""What of a request can be heard, from its fields and from its words."""

from __future__ import annotations

import pytest

from core.errors import InputError
from core.requests.adherence import Asked, asked
from core.requests.request import GenerationRequest


@pytest.mark.parametrize(
    ("prompt", "found"),
    [
        ("groovy funk, drums, 105 BPM in Bb minor", Asked(105.0, ("Bb", "minor"), True, ("funk",))),
        ("hard rock without drums", Asked(drums=False, styles=("hard rock",))),
        ("swing trio; no percussion", Asked(drums=False, styles=("jazz",))),
        ("a storm over 1200bpm", Asked()),
        ("a minor incident in the rockery", Asked(key=("A", "minor"))),
        ("ein Stück in F♯ Major", Asked(key=("F♯", "major"))),
        ("dreamy", Asked()),
    ],
)
def test_words_say_what_is_listened_for(prompt, found):
    assert asked(prompt) == found


def test_fields_go_before_words():
    found = asked("house, 120 bpm, C major, no drums", 90.0, "D minor", True, ("piano", "guitar"))
    assert (found.tempo, found.key, found.drums) == (90.0, ("D", "minor"), True)
    assert set(found.styles) == {"house", "guitar"}


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"prompt": "house"}, "needs best-of"),
        ({"prompt": "dreamy", "best_of": 2}, "finds nothing to listen for"),
        ({"prompt": "house", "best_of": 2, "seconds": 4.0}, "at least 5 s"),
        ({"prompt": "house", "best_of": 2, "keep": 3}, "at most best-of"),
    ],
)
def test_what_cannot_be_chosen_so_is_refused(settings, told):
    with pytest.raises(InputError, match=told):
        GenerationRequest(**{"seconds": 10.0, "choose_by": "adherence", **settings})


def test_each_candidate_makes_its_piece_again_alone():
    from core.generation.candidates import requests_of

    whole = GenerationRequest("house", 10.0, seed=7, best_of=3, keep=2, choose_by="adherence")
    made = requests_of(whole)
    assert [r.seed for r in made] == [7, 8, 9] and not any(r.goes_alone for r in made)
