"""A training run as one yaml file: what is taught, from which data, by which loop.

    task: language_model
    data: {...}                         # see below; variables are filled in
    model: {...}                        # the component's own config; may be left out: start_from's
    training: {...}                     # the task's config
    loop: {...}                         # trainers.loop.LoopConfig

data, codecs: `folder` of an audio store. Language model and SRFM: `shards`, a folder or addresses
(see trainers.shards); `text_tokenizer`, a file beside its like (language model). Every task:
`start_from`, a model folder of either layout, or a run's best or last, with weights to begin with.
Language model: `qwen`, a folder of Qwen2.5 whose blocks and text table are taken. `wavtokenizer` or
`hificodec`: folder of the codec by which samples are made (start_from's, where it has one); a
folder that is absent costs the samples alone.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from torch import Tensor, nn

from core.checkpoints import opening, studio_layout
from core.checkpoints.assembly import empty
from core.checkpoints.studio_layout import config_from_json
from core.errors import InputError
from core.workspace import work_folder
from trainers.loop import LoopConfig, Task
from trainers.qwen import from_qwen
from trainers.reading import Reader
from trainers.shards import Piece, is_address


@dataclass(frozen=True)
class RunConfig:
    """The parsed file; `raw` is kept for the record."""

    task: str
    data: dict[str, Path | str]
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
        raise InputError(
            "training config",
            sorted(unknown)[0],
            "is not a part of it; known are task, data, model, training, loop",
        )
    if raw.get("task") not in _TASKS:
        raise InputError("task", raw.get("task"), "must be one of " + ", ".join(_TASKS))
    if not isinstance(raw.get("data"), dict):
        raise InputError("data", raw.get("data"), "must name folders, like {folder: PATH}")
    folders = {
        name: value if is_address(value) else folder(value) for name, value in raw["data"].items()
    }
    return RunConfig(
        raw["task"],
        folders,
        raw.get("model") or {},
        raw.get("training") or {},
        config_from_json(LoopConfig, raw.get("loop") or {}),
        raw,
    )


def folder(text: str) -> Path:
    """A path with $STUDIO_WORK and ~ filled in."""
    os.environ.setdefault("STUDIO_WORK", str(work_folder()))
    return Path(os.path.expandvars(text)).expanduser()


def config_of(run: RunConfig) -> Any:
    """The component's config: as the file says, else of the folder it starts from."""
    if run.model or "start_from" not in run.data:
        return config_from_json(studio_layout.component_class(run.task)[1], run.model)
    return opening.config_of(run.data["start_from"], run.task)


def training_of(run: RunConfig) -> Any:
    """The task's config; without a seed of its own it takes the loop's."""
    return config_from_json(_training_class(run.task), {"seed": run.loop.seed, **run.training})


def task_of(run: RunConfig) -> Task:
    """The task a run describes: its model as initialised, or with the weights it starts from."""
    return _TASKS[run.task](run)


def _training_class(task: str) -> type:
    if task == "language_model":
        from trainers.language_model import LanguageModelTaskConfig

        return LanguageModelTaskConfig
    if task == "srfm":
        from trainers.srfm import SRFMTaskConfig

        return SRFMTaskConfig
    from trainers.codec import CodecTaskConfig

    return CodecTaskConfig


def _start(run: RunConfig) -> dict[str, Tensor]:
    """Weights to begin with, in fp32; tensors of another shape (another codebook, say) begin fresh
    and are named."""
    if "qwen" in run.data:
        return from_qwen(run.data["qwen"], config_of(run), training_of(run).seed)
    if "start_from" not in run.data:
        return {}
    place = run.data["start_from"]
    given = opening.open_component(place, run.task).state_dict()
    own = empty(run.task, config_of(run)).state_dict()
    kept = {k: v for k, v in given.items() if k in own and own[k].shape == v.shape}
    fresh = [name for name in own if name not in kept]
    if not kept:
        raise InputError("start_from", place, "no tensor fits the sizes of this config")
    if fresh:
        print(f"begun fresh, not from {place}: {', '.join(fresh)}", file=sys.stderr)
    return kept


def _codec(run: RunConfig) -> Task:
    from trainers.audio_store import AudioStore
    from trainers.hificodec import HiFiCodecTask
    from trainers.wavtokenizer import WavTokenizerTask

    kind = {"wavtokenizer": WavTokenizerTask, "hificodec": HiFiCodecTask}[run.task]
    task = kind(config_of(run), training_of(run), AudioStore(run.data["folder"]))
    if start := _start(run):
        task.begin_with(start)
    return task


def _language_model(run: RunConfig) -> Task:
    from trainers.language_model import LanguageModelTask

    tokenizer = run.data.get("text_tokenizer")
    folder = tokenizer.parent if tokenizer else run.data.get("start_from")
    if folder is None:
        raise InputError("data", "text_tokenizer", "is missing; tokenise writes one beside shards")
    training = training_of(run)
    return LanguageModelTask(
        config_of(run),
        training,
        _pieces(run, training),
        folder,
        _start(run),
        _sound(run, "wavtokenizer"),
    )


def _srfm(run: RunConfig) -> Task:
    from trainers.srfm import SRFMTask, whole_tokens

    training = training_of(run)

    def long_enough(piece: Piece) -> bool:
        return whole_tokens(piece, training.ratio) >= training.crop_tokens

    own_statistics = bool(run.model) or "start_from" not in run.data
    pieces = _pieces(run, training, True, long_enough)
    return SRFMTask(
        config_of(run), training, pieces, _start(run), own_statistics, _sound(run, "hificodec")
    )


def _pieces(
    run: RunConfig,
    training: Any,
    latents: bool = False,
    long_enough: Callable[[Piece], bool] = lambda piece: True,
) -> Reader:
    return Reader(
        run.data["shards"],
        latents,
        training.open_shards,
        training.steps_a_shard,
        training.seed,
        long_enough,
    )


def _sound(run: RunConfig, component: str) -> nn.Module | None:
    """What samples are heard through: of the folder named so, or the one the run starts from."""
    place = run.data.get(component)
    if place is None:
        place = run.data.get("start_from")
        if place is None or component not in opening.components_of(place):
            return None
    elif not Path(place).is_dir():
        print(f"no samples: {component}'s folder {place} is not there", file=sys.stderr)
        return None
    return opening.open_component(place, component)


_TASKS = {
    "wavtokenizer": _codec,
    "hificodec": _codec,
    "language_model": _language_model,
    "srfm": _srfm,
}
