"""A training run as one yaml file: what is taught, from which data, by which loop.

    task: wavtokenizer
    data: {folder: $STUDIO_WORK/store-24000}    # variables are filled in; any task may have
                                                # start_from: FOLDER with weights to begin with
    model: {...}                        # the component's own config
    training: {...}                     # the task's config
    loop: {...}                         # trainers.loop.LoopConfig
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from torch import nn

from core.checkpoints import studio_layout
from core.checkpoints.studio_layout import config_from_json
from core.errors import InputError
from core.workspace import work_folder
from trainers.loop import LoopConfig, Task


@dataclass(frozen=True)
class RunConfig:
    """The parsed file; `raw` is kept for the record."""

    task: str
    data: dict[str, Path]
    model: dict[str, Any]
    training: dict[str, Any]
    loop: LoopConfig
    raw: dict[str, Any]


def read(path: Path) -> RunConfig:
    """Raises: InputError for a missing or unreadable file, or unknown settings."""
    if not path.is_file():
        raise InputError("training config", path, "does not exist")
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
        unknown = set(raw) - {"task", "data", "model", "training", "loop"}
    except (yaml.YAMLError, TypeError) as error:
        raise InputError("training config", path.name, f"is not readable yaml ({error})") from error
    if unknown:
        raise InputError("training config", sorted(unknown)[0], "is not a part of it; known are "
                         "task, data, model, training, loop")
    if raw.get("task") not in _TASKS:
        raise InputError("task", raw.get("task"), "must be one of " + ", ".join(_TASKS))
    if not isinstance(raw.get("data"), dict):
        raise InputError("data", raw.get("data"), "must name folders, like {folder: PATH}")
    folders = {name: folder(value) for name, value in raw["data"].items()}
    return RunConfig(raw["task"], folders, raw.get("model") or {}, raw.get("training") or {},
                     config_from_json(LoopConfig, raw.get("loop") or {}), raw)


def folder(text: str) -> Path:
    """A path with $STUDIO_WORK and ~ filled in."""
    os.environ.setdefault("STUDIO_WORK", str(work_folder()))
    return Path(os.path.expandvars(text)).expanduser()


def task_of(run: RunConfig) -> Task:
    """The task a run describes, its model freshly initialised."""
    task = _TASKS[run.task](run)
    if "start_from" in run.data:
        _start_from(run.data["start_from"], run.task, task.model)
    return task


def _start_from(folder: Path, component: str, model: nn.Module) -> None:
    """Begin with the weights of a folder; tensors of another shape (another codebook, say) begin
    fresh and are named."""
    own = model.state_dict()
    given = studio_layout.load(folder, component).state_dict()
    kept = {k: v for k, v in given.items() if k in own and own[k].shape == v.shape}
    fresh = [name for name in own if name not in kept]
    if not kept:
        raise InputError("start_from", folder, "no tensor fits the sizes of this config")
    if fresh:
        print(f"begun fresh, not from {folder}: {', '.join(fresh)}", file=sys.stderr)
    model.load_state_dict(kept, strict=False)


def _codec(run: RunConfig) -> Task:
    from trainers.audio_store import AudioStore
    from trainers.codec import CodecTaskConfig
    from trainers.hificodec import HiFiCodecTask
    from trainers.wavtokenizer import WavTokenizerTask

    kind = {"wavtokenizer": WavTokenizerTask, "hificodec": HiFiCodecTask}[run.task]
    return kind(_model(run), config_from_json(CodecTaskConfig, run.training),
                AudioStore(run.data["folder"]))


def _language_model(run: RunConfig) -> Task:
    from trainers.language_model import LanguageModelTask, LanguageModelTaskConfig
    from trainers.shards import read_pieces

    return LanguageModelTask(_model(run), config_from_json(LanguageModelTaskConfig, run.training),
                             read_pieces(run.data["shards"]), run.data["text_tokenizer"])


def _srfm(run: RunConfig) -> Task:
    from trainers.shards import read_pieces
    from trainers.srfm import SRFMTask, SRFMTaskConfig

    return SRFMTask(_model(run), config_from_json(SRFMTaskConfig, run.training),
                    read_pieces(run.data["shards"], latents=True))


def _model(run: RunConfig) -> Any:
    return config_from_json(studio_layout.component_class(run.task)[1], run.model)


_TASKS = {"wavtokenizer": _codec, "hificodec": _codec, "language_model": _language_model,
          "srfm": _srfm}
