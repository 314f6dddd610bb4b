"""The page's requests as named endpoints, for programs."""

from __future__ import annotations

import json
import urllib.error
import urllib.request

import mutagen
import numpy as np
import pytest
import soundfile
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError

from studio.people import person_at


@pytest.fixture(scope="module")
def client(studio_address) -> Client:
    return Client(studio_address, verbose=False, analytics_enabled=False)


def test_generate_and_continue_by_name(client, studio_folder):
    file, about = client.predict("calm solo piano", 1, "nano-no-flow", "11",
                                 api_name="/generate")
    samples, rate = soundfile.read(file)
    assert len(samples) == rate and about["seed"] == 11 and np.abs(samples).max() > 0.01
    assert "AI-generated" in str(mutagen.File(file).tags)

    longer, about = client.predict(handle_file(file), "", 1, start=0, end=1, seed="12",
                                   variant="nano-no-flow", api_name="/continue")
    assert abs(soundfile.info(longer).duration - about["join_seconds"] - 1) < 0.001
    assert about["request"]["audio"] == {"start": 0, "end": 1, "only_new": False}
    # The caller has no cookie, so no History in which it could ever be found or deleted.
    kept = studio_folder / "studio/people" / person_at("127.0.0.1")
    assert [path for kind in ("results", "uploads") for path in (kept / kind).iterdir()] == []


def test_every_setting_of_a_request_can_be_named(client):
    asked = {"sections": "intro:0-0.4, verse:0.4-1", "guidance": 2.5, "top_k": 100,
             "temperature": 0.9, "preset": "draft", "steps": 3, "top_p": 0.8, "min_seconds": 0.5}
    _, about = client.predict("a tune", 1, "nano-no-flow", "5", api_name="/generate", **asked)
    made = about["request"]
    assert {name: made[name] for name in asked if name != "sections"} == {
        name: value for name, value in asked.items() if name != "sections"}
    assert [(s["structure"], s["start"], s["end"]) for s in made["sections"]] == [
        ("intro", 0, 0.4), ("verse", 0.4, 1)]


def test_wrong_requests_get_one_clear_line(client):
    with pytest.raises(AppError, match="describe the music"):
        client.predict("", 1, api_name="/generate")
    with pytest.raises(AppError, match="is unknown; choose one of"):
        client.predict("x", 1, "/etc", api_name="/generate")
    with pytest.raises(AppError, match="preset loud: must be one of"):
        client.predict("x", 1, preset="loud", api_name="/generate")
    with pytest.raises(AppError, match="steps 2.5: must be a whole number"):
        client.predict("x", 1, steps=2.5, api_name="/generate")


def test_health_and_strangers(studio_address):
    with urllib.request.urlopen(studio_address + "/health") as answer:
        health = json.load(answer)
    assert health["status"] in ("ok", "starting") and "prompt" not in str(health)
    with pytest.raises(urllib.error.HTTPError, match="401"):
        urllib.request.urlopen(studio_address + "/studio/results")
