"""Makes a study in the studio's folder: writes its file, generates what is asked for, prepares.

The study file stays what `read_study` reads; systems that are variants to generate become folders
`generated/SYSTEM` of the study, and `generate.json` beside the file says by what.
"""

from __future__ import annotations

import csv
import io
import json
import logging
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

import core
from core import variants
from core.errors import FailureError, InputError, StudioError
from evaluation.listening import (
    ARENA,
    CCR,
    MOS,
    MUSHRA,
    PAUSED,
    Study,
    cells,
    honest_losses,
    losses_text,
    prepare,
    read_study,
    set_state,
    study_from,
)
from studio.rating.registry import STUDY_NAME, Studies

CODES = ("completed", "screened_out", "withdrawn")
VARIANT, FOLDER, RUN = "variant", "folder", "run"
GENERATE_SECONDS = 3600.0  # for one system
MOST_PROMPTS = 200
log = logging.getLogger("studio.rating")


@dataclass(frozen=True)
class StudyForm:
    """What the page's form holds. `systems`: lines `NAME: variant|folder|run WHAT`; `prompts`:
    one a line."""

    name: str
    title: str
    method: str
    systems: str
    prompts: str
    baseline: str = ""
    seconds: float = 10.0
    trials: int = 6
    attention: int = 1
    controls: int = 0  # anchors for MOS, identical pairs for CCR
    is_public: bool = False
    platform: str = ""  # "", "invited", "prolific" or "mturk"
    completed: str = ""
    screened_out: str = ""
    withdrawn: str = ""
    consent: str = ""
    language: str = "en"
    reference: str = ""  # folder of the originals, for MUSHRA
    headphone_test: bool = False


def draft(form: StudyForm) -> str:
    """The study file of a form, to be read over and changed.

    Raises: InputError for lines that are no systems or prompts.
    """
    systems = {}
    for line in _lines("systems", form.systems):
        name, _, rest = line.partition(":")
        kind, _, what = rest.strip().partition(" ")
        if kind not in (VARIANT, FOLDER, RUN) or not what.strip():
            raise InputError("systems", line, "write NAME: variant|folder|run WHAT, one a line")
        systems[name.strip()] = {kind: what.strip()}
    prompts = _lines("prompts", form.prompts)
    if len(prompts) > MOST_PROMPTS:
        raise InputError("prompts", len(prompts), f"give at most {MOST_PROMPTS}")
    content: dict[str, Any] = {
        "name": form.name.strip(),
        "title": form.title.strip() or form.name.strip(),
        "task": "text-to-music",
        "method": form.method,
        "seed": 1,
        "systems": systems,
        "prompts": prompts,
        "trials_per_rater": int(form.trials),
        "clip": {"seconds": float(form.seconds)},
        "public": form.is_public,
    }
    if form.method == CCR:
        content |= (
            {"baseline": form.baseline.strip()} if form.baseline.strip() else {"pairs": "all"}
        )
    content |= _controls(form)
    if form.headphone_test:
        content["headphone_test"] = True
    if form.language != "en":
        content["language"] = form.language
    if form.platform == "invited":
        content["recruitment"] = {"invited_only": True}
    elif form.platform:
        codes = {name: getattr(form, name).strip() for name in CODES}
        given = {name: code for name, code in codes.items() if code}
        content["recruitment"] = {"platform": form.platform, **given}
    if form.consent.strip():
        content["consent"] = form.consent.strip()
    return yaml.safe_dump(content, sort_keys=False, allow_unicode=True)


def _controls(form: StudyForm) -> dict[str, Any]:
    """The section of controls that the method takes; empty without any."""
    if form.method == MUSHRA:
        return {"controls": {"reference": form.reference.strip()}}
    if form.method == ARENA:
        return {}
    of_method = "anchors" if form.method == MOS else "identical_pairs"
    counts = {"attention": int(form.attention), of_method: int(form.controls)}
    counts = {name: count for name, count in counts.items() if count}
    return {"controls": counts} if counts else {}


def _lines(name: str, text: str) -> list[str]:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not lines:
        raise InputError(name, "", "write one a line")
    return lines


class StudyMaker:
    """Writes and prepares studies, one at a time, and says how far it is."""

    def __init__(self, studies: Studies) -> None:
        self.studies = studies
        self._said: dict[str, str] = {}
        self._working = threading.Lock()

    def status(self, name: str) -> str:
        """What was last said of a study's preparation; empty where nothing was."""
        return self._said.get(name, "")

    def check(self, text: str) -> str:
        """What a file would make: size, and what its rules would cost. Raises: InputError."""
        study, _ = self._read(text)
        count = len(cells(study))
        return (
            f"{study.name}: {study.method}, {len(study.systems)} systems, {len(study.items)} "
            f"prompts; every clip or pair is heard once for every "
            f"{count / study.trials_per_rater:.1f} raters\n" + losses_text(honest_losses(study))
        )

    def make(self, text: str) -> str:
        """Write a study's file and prepare it in the background. Returns: its name.

        Raises: InputError for a wrong file, or a name that is taken by a prepared study;
            FailureError while another is being made.
        """
        study, generate = self._read(text)
        folder = self.studies.folder / study.name
        if (folder / "prepared").exists() or study.name in self.studies.shipped():
            raise InputError("name", study.name, "is taken; a prepared study keeps its file")
        if not self._working.acquire(blocking=False):
            raise FailureError("study", "", "another is being made; wait until it is done")
        try:
            self._write(folder, text, generate)
            self._said[study.name] = "waiting"
            thread = threading.Thread(
                target=self._finish, args=(study.name, folder, generate), daemon=True
            )
            thread.start()
        except BaseException:
            self._working.release()
            raise
        return study.name

    def _read(self, text: str) -> tuple[Study, dict[str, str]]:
        """The study of a file's text, and {system: variant} to be generated."""
        content = _parsed(text)
        name = content.get("name")
        if not isinstance(name, str) or not STUDY_NAME.fullmatch(name):
            raise InputError("name", name, "use letters, digits, '.', '_' and '-'")
        folder = self.studies.folder / name
        generate = _variants(content)
        for variant in generate.values():
            if variant not in variants.known() or not variants.installed(variants.get(variant)):
                raise InputError("variant", variant, "is not installed here; see Models")
        written, items = _as_file(content)
        if items is None:
            return study_from(written, folder), generate
        # Nothing is written yet: the items are read from a file of the same rows elsewhere.
        with tempfile.TemporaryDirectory(prefix="study-") as elsewhere:
            (Path(elsewhere) / "items.csv").write_text(items, encoding="utf-8")
            return replace(study_from(written, Path(elsewhere)), folder=folder), generate

    def _write(self, folder: Path, text: str, generate: Mapping[str, str]) -> None:
        content, items = _as_file(_parsed(text))
        folder.mkdir(parents=True, exist_ok=True)
        if items is not None:
            (folder / "items.csv").write_text(items, encoding="utf-8")
        file = yaml.safe_dump(content, sort_keys=False, allow_unicode=True)
        (folder / "generate.json").write_text(json.dumps(generate, indent=1), encoding="utf-8")
        (folder / "study.yaml").write_text(file, encoding="utf-8")

    def _finish(self, name: str, folder: Path, generate: Mapping[str, str]) -> None:
        try:
            self._generate(name, folder, generate)
            self._said[name] = "preparing clips"
            prepare(read_study(folder), folder / "prepared")
            service = self.studies.researchers_service(name)
            set_state(service.store.engine, name, PAUSED)
            self._said[name] = "ready, and paused: preview it, then open it"
        except StudioError as error:
            self._said[name] = f"failed: {error}"
        except Exception as error:
            log.exception("study %s could not be made", name)
            self._said[name] = f"failed: {type(error).__name__}; the log has more"
        finally:
            self._working.release()

    def _generate(self, name: str, folder: Path, generate: Mapping[str, str]) -> None:
        """Every variant's clips by `python -m core generate`, in a process of its own."""
        study = read_study(folder)
        prompts = io.StringIO()
        writer = csv.writer(prompts, lineterminator="\n")
        writer.writerow(("id", "prompt"))
        writer.writerows((item.id, item.caption) for item in study.items)
        (folder / "prompts.csv").write_text(prompts.getvalue(), encoding="utf-8")
        for system, variant in generate.items():
            self._said[name] = f"generating {len(study.items)} clips of {system}"
            command = [
                *(sys.executable, "-m", "core", "generate", "--prompts", "prompts.csv"),
                *("--variant", variant, "--seed", str(study.seed)),
                *("--seconds", str(study.clip.start + study.clip.seconds)),
                *("--out", f"generated/{system}"),
            ]
            (folder / "generated" / system).mkdir(parents=True, exist_ok=True)
            _run(command, folder)


def _run(command: list[str], folder: Path) -> None:
    root = Path(core.__file__).resolve().parents[1]
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(root)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            timeout=GENERATE_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise FailureError("generation", "", f"took over {GENERATE_SECONDS:g} s") from error
    if done.returncode:
        last = done.stderr.decode(errors="replace").strip().splitlines()[-1:]
        raise FailureError("generation", "", " ".join(last) or "failed")


def _parsed(text: str) -> dict[str, Any]:
    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        told = " ".join(str(error).split())
        raise InputError("study file", "", f"is not YAML: {told}") from error
    if not isinstance(content, dict):
        raise InputError("study file", "", "is not a mapping of names to values")
    return content


def _variants(content: Mapping[str, Any]) -> dict[str, str]:
    systems = content.get("systems")
    if not isinstance(systems, dict):
        raise InputError("systems", systems, "is not a mapping of names to values")
    return {
        str(name): str(given[VARIANT])
        for name, given in systems.items()
        if isinstance(given, dict) and VARIANT in given
    }


def _as_file(content: Mapping[str, Any]) -> tuple[dict[str, Any], str | None]:
    """The content as a study file has it, and the text of items.csv where it lists prompts."""
    content = dict(content)
    systems = {}
    for name, given in content["systems"].items():
        given = dict(given) if isinstance(given, dict) else given
        if isinstance(given, dict) and VARIANT in given:
            del given[VARIANT]
            given[FOLDER] = f"generated/{name}"
        systems[name] = given
    content["systems"] = systems
    prompts = content.pop("prompts", None)
    if prompts is None:
        return content, None
    if not isinstance(prompts, list):
        raise InputError("prompts", prompts, "is not a list")
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(("id", "caption"))
    writer.writerows((f"item-{number:03}", str(text)) for number, text in enumerate(prompts, 1))
    content["items"] = "items.csv"
    return content, stream.getvalue()
