"""Requests that a form would never send: one line each, and never an error of the server."""

from __future__ import annotations

import numpy as np
import pytest

from core import audio
from core.errors import InputError, StudioError
from core.requests.request import FIELDS, GenerationRequest
from studio import context
from studio.api import forms, sound_routes
from studio.jobs.batches import prompts_of
from studio.library import uploads
from studio.settings import Settings

ANNE = "a" * 32


@pytest.fixture
def studio(tmp_path, monkeypatch):
    monkeypatch.setenv("STUDIO_WORK", str(tmp_path))
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "gradio"))
    monkeypatch.setattr(context.variants, "installed", lambda variant: True)
    monkeypatch.setattr(context.Studio, "_warm_up", lambda studio: None)
    monkeypatch.setattr(context, "_workers", lambda settings, service: {})
    opened = context.Studio(Settings(drain_seconds=0.0))
    yield opened
    opened.queue.close()


ODD = (
    None, "", 0, -1, 10**30, 10**400, 1e308, float("inf"), float("nan"), True, "x", "9" * 5000,
    "1e999", "nan", "-inf", "\u0663", "\u00b2", "9" * 400 + ":1", "5-", "1-2-3", "nan-nan", [], [1],
    ["a"] * 1000, {}, {"a": 1}, [{"structure": "intro", "start": "a", "end": None}],
    [{"structure": [], "start": 0, "end": 1}], [{"structure": "intro", "start": 0, "end": 10**400}],
    "\0", "\ud800", "a" * 100_000, "../../etc/passwd", "intro:0-1" + ",intro:1-2" * 1000,
    "0" * 24 + ".wav/../x", {"redo": None}, {"redo": ["a", "b"]}, {"redo_from": "x"},
    {"path": None},
)  # fmt: skip


def test_no_value_of_a_form_is_an_error_of_the_server(studio, tmp_path):
    file = audio.write(tmp_path / "a.wav", np.full(96000, 0.1, np.float32), 24000)
    upload = uploads.accept(studio.library, ANNE, file, 20.0, set())["upload"]
    plain = {"prompt": "a", "seconds": "2"}
    for base in (plain, {**plain, "upload": upload}, {**plain, "upload": upload, "redo": "1-2"}):
        for name in (*FIELDS, *forms.EXTRAS):
            for value in ODD:
                try:
                    forms.read(studio, ANNE, {**base, name: value})
                except (forms.FormErrors, StudioError):
                    pass
    for name in FIELDS:
        for value in ODD:
            try:
                GenerationRequest.from_dict({**plain, "seconds": 2, name: value})
            except StudioError:
                pass


def test_a_table_of_prompts_that_cannot_be_read_is_one_line():
    with pytest.raises(InputError, match="cannot be read as a table"):
        prompts_of('"' + "a" * 200_000)
    assert prompts_of("one\rtwo") == ["one", "two"]


@pytest.mark.parametrize(
    "fields", [{"steps": 1000}, {"seconds": 400.0, "best_of": 16}, {"seconds": 481.0}]
)
def test_one_request_may_not_hold_the_models_for_hours(studio, fields):
    given = {"seconds": 100.0, **fields}
    try:
        request = GenerationRequest("a tune", variant="nano", seed=1, **given)
    except InputError:  # the program's own limit
        return
    with pytest.raises(InputError, match="steps|best-of|seconds"):
        studio.submit(ANNE, request)
    assert studio.queue.length == 0


@pytest.mark.parametrize(
    "asked", ["bytes=" + "9" * 5000 + "-", "bytes=0-" + "9" * 5000, "bytes=x-"]
)
def test_an_odd_range_is_no_range(asked):
    assert sound_routes.RANGE.fullmatch(asked) is None


def test_the_outline_of_int16_samples_is_that_of_their_levels():
    samples = (np.sin(np.arange(48000) / 9) * 16384).astype("<i2")
    assert sound_routes._outline(samples, 10) == [50] * 10
    assert sound_routes._outline(np.array([-32768, 32767], "<i2"), 2) == [100, 100]
    assert sound_routes._outline(samples[:3], 8)[0] == 0
