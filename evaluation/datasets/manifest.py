"""A manifest beside audio files: which side of a comparison they are, and their hashes."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from core.errors import InputError
from core.files import write_text
from evaluation.datasets.inspection import AudioFacts, FolderReport

FILE = "manifest.json"
Side = Literal["generated", "reference"]


@dataclass(frozen=True)
class Manifest:
    """What was written about a folder.

    Attributes:
        side: "generated" or "reference".
        made_with: request, model and seed of generated files, as text; may be empty.
        files: id -> facts.
    """

    side: Side
    made_with: dict[str, str]
    files: dict[str, AudioFacts]


def write_manifest(report: FolderReport, side: Side, made_with: dict[str, str]) -> Path:
    """Write `manifest.json` into the inspected folder, whole or not at all."""
    files = {name: asdict(facts) for name, facts in report.facts.items()}
    text = json.dumps({"side": side, "made_with": made_with, "files": files}, indent=1)
    target = report.folder / FILE
    write_text(target, text)
    return target


def read_manifest(folder: Path) -> Manifest | None:
    """The folder's manifest, or None when it has none of ours.

    Raises: InputError when it is there but cannot be read.
    """
    path = folder / FILE
    if not path.is_file():
        return None
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(stored, dict) or stored.get("side") not in ("generated", "reference"):
            return None  # another program's manifest.json
        files = {name: AudioFacts(**facts) for name, facts in stored["files"].items()}
        return Manifest(stored["side"], stored["made_with"], files)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise InputError("manifest", path, "is damaged; delete it or make it again") from error


def changed_files(manifest: Manifest, report: FolderReport) -> list[str]:
    """Ids whose file is no longer the one in the manifest."""
    return [
        name
        for name, facts in report.facts.items()
        if name in manifest.files and manifest.files[name].sha256 != facts.sha256
    ]
