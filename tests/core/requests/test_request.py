"""The request: what is refused, what is resolved, and that it can be replayed."""

from __future__ import annotations

import json

import pytest

from core.errors import InputError
from core.requests.request import GenerationRequest, Section, parse_sections


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"prompt": "  "}, "prompt"),
        ({"prompt": "x" * 10_000}, "too long"),
        ({"seconds": 0}, "seconds"),
        ({"seconds": -3}, "seconds"),
        ({"seconds": float("nan")}, "seconds"),
        ({"seconds": 100_000}, "seconds"),
        ({"seed": -1}, "seed"),
        ({"seed": 2**63}, "seed"),
        ({"preset": "fine"}, "preset"),
        ({"top_k": 0}, "top-k"),
        ({"top_p": 0.0}, "top-p"),
        ({"temperature": -1.0}, "temperature"),
        ({"min_seconds": 11.0}, "min-seconds"),
        ({"compat": "other"}, "compat"),
        ({"dtype": "int4"}, "dtype"),
        ({"sections": (Section("solo", 0, 10),)}, "section"),
        ({"sections": (Section("verse", 0, 5),)}, "sections"),
        ({"sections": (Section("verse", 0, 5), Section("outro", 6, 10))}, "section"),
    ],
)
def test_wrong_input_is_named(changes, word):
    with pytest.raises(InputError, match=word):
        GenerationRequest(**{"prompt": "calm piano", "seconds": 10.0, **changes})


def test_seed_is_resolved_once_and_kept():
    request = GenerationRequest("calm piano", 10.0)
    assert request.seed is not None
    again = GenerationRequest.from_dict(json.loads(json.dumps(request.as_dict())))
    assert again == request
    assert GenerationRequest("calm piano", 10.0).seed != request.seed


def test_unknown_fields_are_refused():
    with pytest.raises(InputError, match="lyrics"):
        GenerationRequest.from_dict({"prompt": "x", "seconds": 1.0, "lyrics": "la"})


def test_sections_from_text_and_never_from_a_file(tmp_path, monkeypatch):
    plan = (Section("intro", 0, 10), Section("verse", 10, 30.5))
    assert parse_sections("intro:0-10, verse : 10 - 30.5") == plan
    assert parse_sections("intro:0-10\nverse:10-30.5\n") == plan
    assert parse_sections(" ") == ()
    monkeypatch.chdir(tmp_path)
    (tmp_path / "plan").write_text("intro:0-10")
    for wrong in ("plan", "intro", "intro:0", "intro:a-b", "verse:nan-3", "verse:-1-3"):
        with pytest.raises(InputError):
            parse_sections(wrong)
