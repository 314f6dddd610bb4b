"""What a call, a file or a form says is what the request holds, for every declared field."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from core import command
from core.errors import InputError
from core.generation import commands as generating
from core.requests.batch_file import read_prompts
from core.requests.fields import KINDS, PARTS, PLACES, RequestField
from core.requests.request import FIELDS, GenerationRequest, parse_sections

SETTABLE = [f for f in FIELDS.values() if f.kind in KINDS and f.name not in ("prompt", "seconds")]
words = st.text(
    st.characters(blacklist_categories=("Cs", "Cc"), blacklist_characters=","), min_size=1
)


def values(spec: RequestField) -> st.SearchStrategy[Any]:
    """Every value that the field may hold."""
    if spec.kind == "number":
        return st.floats(max(spec.low, -1e6), min(spec.high, 1e6), allow_nan=False)
    if spec.kind == "whole":
        return st.integers(int(spec.low), int(spec.high))
    if spec.kind == "choice":
        return st.sampled_from(spec.choices)
    if spec.kind == "flag":
        return st.booleans()
    if spec.kind == "words":
        texts = words.map(str.strip).filter(bool).filter(lambda w: len(w) <= spec.longest)
        return st.lists(texts, min_size=1, max_size=4).map(tuple)
    return words.map(str.strip).filter(bool)


def typed(spec: RequestField, value: Any) -> str:
    """The value as a person types it."""
    if spec.kind == "flag":
        return "yes" if value else "no"
    return ", ".join(value) if spec.kind == "words" else str(value)


chosen = st.fixed_dictionaries({}, optional={f.name: values(f) for f in SETTABLE})


@settings(max_examples=200, deadline=None)
@given(chosen, st.floats(0.1, 480))
def test_what_is_said_is_what_the_request_holds(said, seconds):
    """By keyword, as JSON, as text, and through the command line: the same request."""
    said = {"prompt": "calm piano", "seconds": seconds, "seed": 1, **said}
    try:
        held = GenerationRequest(**said)
    except InputError:
        assume(False)
    for name, value in said.items():
        assert getattr(held, name) == value
    assert GenerationRequest.from_dict(json.loads(json.dumps(said))) == held
    as_text = {name: typed(FIELDS[name], value) for name, value in said.items()}
    assert GenerationRequest.from_dict(as_text) == held
    options = [f"{FIELDS[name].option}={text}" for name, text in as_text.items()]
    args = command._parser().parse_args(["generate", "--out", "x.wav", *options])
    assert GenerationRequest.from_dict(generating._settings(args)) == held
    assert GenerationRequest.from_dict(json.loads(json.dumps(held.as_dict()))) == held


def test_every_field_is_declared_whole():
    assert list(FIELDS) == [*GenerationRequest.__dataclass_fields__]
    for spec in FIELDS.values():
        assert spec.kind in KINDS + PARTS and spec.place in PLACES
        assert spec.label and spec.help and spec.help[0].islower() | spec.help.startswith("'")


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("seconds", "soon"),
        ("seconds", float("inf")),
        ("seconds", True),
        ("seed", "7.5"),
        ("seed", "٣x"),
        ("seed", 1.5),
        ("top_k", "1e3"),
        ("guidance", math.nan),
        ("preset", "finest"),
        ("key", "H minor"),
        ("tempo", 1000),
        ("drums", "perhaps"),
        ("instruments", 5),
        ("instruments", ",".join("abcdefghijklmno")),
        ("prompt", "half \ud83d of a face"),
        ("negative", "\udfff"),
        ("variant", "\udc00"),
        ("prompt", 5),
        ("best_of", 0),
        ("keep", 2),
        ("sections", "0-99"),
        ("sections", "verse:0-99"),
        ("audio", {"file": "x"}),
        ("edit", {}),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line_by_name(name, wrong):
    with pytest.raises(InputError) as caught:
        GenerationRequest.from_dict({"prompt": "calm piano", "seconds": 5, name: wrong})
    said = str(caught.value)
    assert name.replace("_", "-").rstrip("s") in said and "\n" not in said
    said.encode()  # an error about a surrogate holds none


def test_empty_values_take_the_default():
    for empty in ("", "  ", None):
        made = GenerationRequest.from_dict(
            {"prompt": "x", "seconds": 5, "seed": 3, **{f.name: empty for f in SETTABLE[2:]}}
        )
        assert made == GenerationRequest("x", 5.0, made.variant, seed=made.seed)


def test_sections_are_the_same_as_text_and_as_records():
    plan = "intro:0-2, verse:2-5"
    made = GenerationRequest.from_dict({"prompt": "x", "seconds": 5, "sections": plan})
    assert made.sections == parse_sections(plan)
    assert GenerationRequest.from_dict(made.as_dict()) == made


def test_a_key_may_be_spelled_either_way():
    spellings = {GenerationRequest("x", 1.0, key=k).key for k in ("Db minor", "c# Minor")}
    assert spellings == {"C# minor"}


def test_a_negative_prompt_needs_guidance():
    for changes in ({"guidance": 1.0}, {"guidance": -1.0}, {"compat": "official"}):
        with pytest.raises(InputError, match="negative"):
            GenerationRequest("x", 1.0, negative="drums", **changes)


def test_a_length_of_nobody_is_refused():
    with pytest.raises(InputError, match="seconds"):
        GenerationRequest("calm piano")


def test_a_table_s_columns_set_fields_of_each_row(tmp_path):
    table = tmp_path / "prompts.csv"
    table.write_text(
        "id,caption,seconds,top-k,tempo,mood\none,rock,2,5,,loud\ntwo,jazz,,,90,soft\n"
    )
    rows = read_prompts(table)
    assert rows == [
        ("one", {"prompt": "rock", "seconds": "2", "top_k": "5"}),
        ("two", {"prompt": "jazz", "tempo": "90"}),
    ]
    made = generating._row_request("one", {"seconds": "9", **rows[0][1]})
    assert (made.seconds, made.top_k, made.tempo) == (2.0, 5, None)
    with pytest.raises(InputError, match=r"tempo many \(id two\)"):
        generating._row_request("two", {"prompt": "x", "seconds": "1", "tempo": "many"})
