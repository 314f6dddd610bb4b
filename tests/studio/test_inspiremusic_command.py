"""The one command: every name leads to a room, and what is missing is said with its remedy."""

from __future__ import annotations

import importlib
import json
import sys

import pytest

from core import command
from studio import inspiremusic


def test_every_command_of_core_is_reached_and_no_other(monkeypatch):
    commands = command._parser()._subparsers._group_actions[0].choices
    assert set(inspiremusic.CORE) == set(commands)
    seen = []
    monkeypatch.setattr(command, "main", lambda argv: seen.append(argv) or 0)
    for name in inspiremusic.CORE:
        assert inspiremusic.main([name, "--x"]) == 0
    assert seen == [[name, "--x"] for name in inspiremusic.CORE]


@pytest.mark.parametrize("name", [n for n in inspiremusic.ROOMS if n != "worker"])
def test_every_room_has_a_main(name):
    module, _, _ = inspiremusic.ROOMS[name]
    assert callable(importlib.import_module(module).main)


@pytest.mark.parametrize(
    ("argv", "passed"),
    [
        (["train", "my.yaml", "--steps", "3"], ["train", "my.yaml", "--steps", "3"]),
        (["train", "corpus", "--seed", "1"], ["corpus", "--seed", "1"]),
        (["evaluate", "run", "plan"], ["run", "plan"]),
        (["listen", "check", "study"], ["listening", "check", "study"]),
    ],
)
def test_the_rooms_get_the_words_they_expect(monkeypatch, argv, passed):
    module, _, _ = inspiremusic.ROOMS[argv[0]]
    seen = []
    monkeypatch.setattr(importlib.import_module(module), "main", lambda given: seen.append(given))
    assert inspiremusic.main(argv) == 0
    assert seen == [passed]


def test_an_unknown_command_and_help(capsys):
    assert inspiremusic.main(["sing"]) == 2
    assert "command sing" in capsys.readouterr().err
    for argv in ([], ["--help"]):
        assert inspiremusic.main(argv) == 0
        shown = capsys.readouterr().out
        assert all(name in shown for name in (*inspiremusic.CORE, *inspiremusic.ROOMS))


def test_a_missing_extra_is_named(monkeypatch, capsys):
    for name in [n for n in sys.modules if n.split(".")[0] == "trainers"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "webdataset", None)
    assert inspiremusic.main(["train", "my.yaml", "--json"]) == 1
    said = capsys.readouterr()
    assert "[training]" in said.err and said.err.count("\n") == 1
    assert json.loads(said.out)["error"]["value"] == "webdataset"
