"""Makes a system's music, item by item, and goes on where a stopped run was."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from core import audio, variants
from core.checkpoints import opening
from core.errors import Cancelled, InputError
from core.files import write_text
from core.pipeline import BATCH, Pipeline
from core.requests.request import AudioPrompt, GenerationRequest
from core.result import GenerationResult
from evaluation.benchmark.plan import System
from evaluation.benchmark.progress import Counter
from evaluation.datasets import Item
from evaluation.datasets.item import item_seed

SETTINGS = "settings.json"
RECORDS = "records"


class PipelineKeeper:
    """Holds the pipeline that was loaded last: systems of one variant stand together in plans."""

    def __init__(self, device: str = "cpu") -> None:
        self.device = device
        self._key: tuple[str, str, str] | None = None
        self._pipeline: Pipeline | None = None
        self.model = functools.cache(model_of)  # of a variant by name, read once

    def get(self, request: GenerationRequest) -> Pipeline:
        """The pipeline that this request needs."""
        key = (str(request.variant), request.dtype, request.device)
        if self._pipeline is None or key != self._key:
            self._pipeline = None  # two do not fit at once
            self._key, self._pipeline = key, Pipeline.load(*key)
        return self._pipeline


def item_request(system: System, item: Item, device: str) -> GenerationRequest:
    """What is asked for one item.

    Raises: InputError when a continuation has no real clip to begin from.
    """
    seed = item_seed(int(system.generation.get("seed") or 0), item.id)
    continuation = system.task.continuation
    more: dict[str, Any] = {"seed": seed, "device": device}
    if continuation is not None:
        prompt = AudioPrompt(
            str(item.reference),
            0.0,
            continuation.prompt_seconds,
            only_new=not continuation.files_hold_prompt,
        )
        more["audio"] = prompt.__dict__
    return system.request(item.caption, **more)


def record_of(folder: Path, name: str) -> Path:
    """Where the request and timings of an item lie; written after its sound."""
    return folder / RECORDS / f"{name}.json"


def is_made(folder: Path, name: str) -> bool:
    """Whether an item's sound and record are both there."""
    return (folder / f"{name}.wav").is_file() and record_of(folder, name).is_file()


def model_of(name: str) -> dict[str, Any]:
    """What tells a variant's music from another's: what its folder says, and its content's hash.

    Raises: InputError for a variant that is not here.
    """
    folder = variants.folder_of(variants.get(name))
    return {
        "folder": folder.name,
        **opening.about(folder),
        "weights_sha256": opening.fingerprint(folder),
    }


def require_same(folder: Path, name: str, request: GenerationRequest) -> None:
    """Raises: InputError when an item that is there was made from another request, e.g. from
    another caption."""
    kept = json.loads(record_of(folder, name).read_text(encoding="utf-8"))["request"]
    asked = json.loads(json.dumps(request.as_dict()))
    unasked = json.loads(json.dumps(GenerationRequest("defaults", 1.0).as_dict()))
    for plain in (kept, asked):
        plain.pop("device", None)  # where it is made, and where its prompt lies, may change
        (plain.get("audio") or {}).pop("path", None)
    # A field that an older record does not know had its default.
    different = [k for k in asked if asked[k] != kept.get(k, unasked.get(k))]
    if different:
        raise InputError(
            "generated clip",
            f"{folder / name}.wav",
            "was made from another "
            f"{', '.join(different)}; delete the folder or give another --out",
        )


def keep_settings(folder: Path, system: System, model: dict[str, Any]) -> None:
    """Write what makes this folder's music, or refuse to mix it with another's.

    Raises: InputError when the folder was begun with other settings or weights.
    """
    continuation = system.task.continuation
    settings = {
        "variant": system.variant,
        "generation": dict(system.generation),
        "prompt_seconds": continuation.prompt_seconds if continuation else None,
        "files_hold_prompt": bool(continuation and continuation.files_hold_prompt),
        "model": model,
    }
    text = json.dumps(settings, indent=1, sort_keys=True, default=str)
    path = folder / SETTINGS
    if path.is_file() and path.read_text(encoding="utf-8") != text:
        hint = "was begun with other settings or weights; delete it or give another --out"
        raise InputError("generated folder", folder, hint)
    (folder / RECORDS).mkdir(parents=True, exist_ok=True)
    write_text(path, text)


def made_with(folder: Path) -> dict[str, str]:
    """The settings that `keep_settings` wrote, as text for a manifest; empty when foreign."""
    path = folder / SETTINGS
    if not path.is_file():
        return {}
    stored = json.loads(path.read_text(encoding="utf-8"))
    return {
        key: value if isinstance(value, str) else json.dumps(value, sort_keys=True)
        for key, value in stored.items()
    }


def generate(
    system: System,
    items: Sequence[Item],
    folder: Path,
    keeper: PipelineKeeper,
    counter: Counter,
    should_stop: Callable[[], bool],
) -> None:
    """Make what is not there of these items, as `<id>.wav`, a few decoded together.

    Raises: Cancelled after `should_stop()`; InputError for settings that do not fit.
    """
    waiting = [item for item in items if not is_made(folder, item.id)]
    if waiting or variants.installed(variants.get(str(system.variant))):
        keep_settings(folder, system, keeper.model(system.variant))
    for item in items:
        if is_made(folder, item.id):
            require_same(folder, item.id, item_request(system, item, keeper.device))
    for start in range(0, len(waiting), BATCH):
        if should_stop():
            raise Cancelled
        together = waiting[start : start + BATCH]
        requests = [item_request(system, item, keeper.device) for item in together]
        pipeline = keeper.get(requests[0])
        for number, event in pipeline.stream_batch(requests, should_stop):
            if isinstance(event, GenerationResult):
                name = together[number].id
                audio.write(folder / f"{name}.wav", event.channels, event.sample_rate)
                write_text(record_of(folder, name), json.dumps(event.as_dict()))
                counter.step()
