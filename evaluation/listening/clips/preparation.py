"""Makes the clips raters hear: equal in all but the music, under names that tell nothing.

`<folder>/clips` may be served; `<folder>/key.json` (which name is whose, gains) may not.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import random
import re
import secrets
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from core.errors import InputError
from core.workspace import work_folder
from evaluation.listening.clips import clip as sound
from evaluation.listening.clips.wanted import (
    IDENTICAL,
    MAIN,
    Wanted,
    join_gain,
    measure,
    sound_of,
    wanted_clips,
)
from evaluation.listening.design import sources
from evaluation.listening.design.study import CONTROL_LABELS, Study

CLIPS, KEY = "clips", "key.json"
FIXED_TIME = 946_684_800  # 2000-01-01: a file's date tells nothing
NAME_BYTES = 12
_BLIND_NAME = re.compile(rf"[0-9a-f]{{{2 * NAME_BYTES}}}\.wav")


@dataclass(frozen=True)
class ClipRecord:
    """One prepared clip and what only the researcher may know of it.

    `system` is empty for attention checks, whose `item` is the number of beeps, and for the
    noise of the level check; anchors and identical copies keep the system they were made of,
    MUSHRA's anchors have their own name as their kind. `item` of a headphone trial is its order.
    `loudness` is that of the source cut in LUFS, `gain_db` what was added, `peak` what results.
    In a continuation study an item's prompt is one clip, which is played before the new part of
    every system; where a file holds its own prompt, `join_db` fits it to the prompt clip, and
    `loudness` is the prompt clip's, so that the level goes on as the system made it.
    """

    name: str
    kind: str
    system: str
    item: str
    source: str
    source_sha256: str
    loudness: float
    gain_db: float
    peak: float
    join_db: float = 0.0

    @property
    def whose(self) -> tuple[str, str, str]:
        """Kind, system and item, which no two clips of a study share."""
        return self.kind, self.system, self.item


@dataclass(frozen=True)
class Prepared:
    """All clips of a study. `target` is the common loudness that was reached, in LUFS."""

    folder: Path
    study_digest: str
    target: float
    clips: tuple[ClipRecord, ...]

    def of_kind(self, kind: str) -> list[ClipRecord]:
        return [record for record in self.clips if record.kind == kind]

    @property
    def is_blind(self) -> bool:
        """Whether names tell nothing; those of a preview do, and its clips are sent as they are."""
        return all(_BLIND_NAME.fullmatch(record.name) for record in self.clips)

    def main_name(self, system: str, item: str) -> str:
        """File name of a system's clip of an item."""
        return next(record.name for record in self.clips if record.whose == (MAIN, system, item))

    def condition_name(self, condition: str, item: str) -> str:
        """File name of what a MUSHRA screen's condition plays: a system's clip, or a control."""
        whose = (condition, "", item) if condition in CONTROL_LABELS else (MAIN, condition, item)
        return next(record.name for record in self.clips if record.whose == whose)


def prepared_folder(study: Study) -> Path:
    """Where a study's clips lie by default: in the work folder, by the study's name."""
    return work_folder() / "listening" / study.name


def _file_name(one: Wanted, blind: bool) -> str:
    if blind:
        return f"{secrets.token_hex(NAME_BYTES)}.wav"
    return f"{one.kind}--{one.system}--{one.item}.wav"


def prepare(study: Study, folder: Path | None = None, blind: bool = True) -> Prepared:
    """Make every clip of a study, or read them back when they were made already.

    Not blind, names say what a clip is: for the researcher's own ears (`preview`) only.

    Raises: InputError for a missing, short, silent or unreadable clip, and when the folder
    holds clips of another version of the study.
    """
    folder = folder or prepared_folder(study)
    prompts = sources.prompt_clips(study)
    wanted = wanted_clips(study, prompts)
    hashes: dict[Path | None, str] = {
        one.source: _sha256(one.source) for one in wanted if one.source
    }
    if (folder / KEY).exists():
        made = read_prepared(study, folder)
        if {record.whose: record.source_sha256 for record in made.clips} != {
            one.whose: hashes.get(one.source, "") for one in wanted
        }:
            raise InputError(
                "prepared clips",
                folder,
                "were made of other sound files; give the changed study a new name",
            )
        return made
    target, measured = measure(study, wanted, prompts)
    folder.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(prefix=".clips-", dir=folder))
    os.chmod(unfinished, 0o755)
    try:
        records = _write_clips(study, unfinished, wanted, target, measured, hashes, blind)
        shutil.rmtree(folder / CLIPS, ignore_errors=True)
        os.replace(unfinished, folder / CLIPS)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    made = Prepared(folder, study.digest, target, records)
    _write_key(made)
    return made


def _write_clips(
    study: Study,
    folder: Path,
    wanted: Sequence[Wanted],
    target: float,
    measured: Sequence[tuple[float, float]],
    hashes: Mapping[Path | None, str],
    blind: bool,
) -> tuple[ClipRecord, ...]:
    """Write every clip at the common loudness. Returns: their records, in the order of `wanted`."""
    prompts = sources.prompt_clips(study)
    records: dict[int, ClipRecord] = {}
    order = list(range(len(wanted)))
    random.SystemRandom().shuffle(order)  # the order of files on disk tells nothing
    for index in order:
        one, (level, peak) = wanted[index], measured[index]
        gain = 10 ** ((target - level) / 20)
        path = folder / _file_name(one, blind)
        sound.write_wav(path, gain * sound_of(study, one, prompts), study.clip.sample_rate)
        if one.kind == IDENTICAL:
            path.write_bytes(sound.blinded_wav([path], path.name))
        os.utime(path, (FIXED_TIME, FIXED_TIME))
        records[index] = ClipRecord(
            path.name,
            one.kind,
            one.system,
            one.item,
            str(one.source or ""),
            hashes.get(one.source, ""),
            level,
            target - level,
            gain * peak,
            float(20 * np.log10(join_gain(study, one, prompts) or 1.0)),
        )
    return tuple(records[index] for index in range(len(wanted)))


def _write_key(made: Prepared) -> None:
    content = {
        "study_digest": made.study_digest,
        "target": made.target,
        "clips": [dataclasses.asdict(record) for record in made.clips],
    }
    part = made.folder / f"{KEY}.part"
    part.write_text(json.dumps(content, indent=1), encoding="utf-8")
    os.chmod(part, 0o600)
    os.replace(part, made.folder / KEY)


def read_prepared(study: Study, folder: Path | None = None) -> Prepared:
    """The clips `prepare` made.

    Raises: InputError when there are none, when they belong to another version of the study or
    when a file is gone.
    """
    folder = folder or prepared_folder(study)
    if not (folder / KEY).is_file():
        raise InputError(
            "prepared clips",
            folder,
            "do not exist; run `python -m evaluation listening prepare STUDY`",
        )
    content = json.loads((folder / KEY).read_text(encoding="utf-8"))
    if content["study_digest"] not in (study.digest, study.first_format_digest):
        raise InputError(
            "study",
            study.name,
            "changed after its clips were made; give the changed study a new name",
        )
    records = tuple(ClipRecord(**record) for record in content["clips"])
    gone = [record.name for record in records if not (folder / CLIPS / record.name).is_file()]
    if gone:
        raise InputError(
            "prepared clip",
            gone[0],
            f"and {len(gone) - 1} more are gone; restore them from a backup of the folder",
        )
    made = Prepared(folder, study.digest, content["target"], records)
    if content["study_digest"] != study.digest:
        _write_key(made)  # of the first format, whose digest changes with a title
    return made


def _sha256(path: Path) -> str:
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def require_comparable(study: Study) -> None:
    """Raises: InputError for any clip that could not be prepared, without writing any."""
    prompts = sources.prompt_clips(study)
    measure(study, wanted_clips(study, prompts), prompts)
