"""A training run as one yaml file: what is trained, from which data, by which loop.

    task: language_model
    data: {...}                         # see below; variables are filled in
    model: {...}                        # the component's own config; may be left out: start_from's
    training: {...}                     # the task's config
    loop: {...}                         # trainers.runs.loop_config.LoopConfig

data, codecs: `folder` of an audio store, and with `symbolic` the `corpus` it was made of. Language
model and SRFM: `shards`, a folder or addresses (see trainers.data.shards); `text_tokenizer`, a file
beside its like (language model). Every task: `start_from`, a model folder of either layout, or a
run's best or last, with weights to begin with. Language model: `qwen`, a folder of Qwen2.5 whose
blocks and text table are taken. `wavtokenizer` or `hificodec`: folder of the codec by which samples
are made (start_from's, where it has one); a folder that is absent costs the samples alone.
"""

from __future__ import annotations

import dataclasses
import os
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from core.checkpoints import opening, studio_layout
from core.checkpoints.assembly import empty
from core.checkpoints.studio_layout import config_from_json
from core.errors import InputError
from core.workspace import work_folder
from trainers.data.reading import Reader
from trainers.data.shards import TokenizedPiece, is_address
from trainers.language_model_config import RENAMED
from trainers.qwen import from_qwen
from trainers.runs import loop_config
from trainers.runs.loop_config import LoopConfig, TrainingTask
from trainers.runs.schema import Document, checked

PARTS = ("task", "data", "model", "training", "loop")
DATA = {  # what the `data` of a task may name, and must
    "wavtokenizer": (("folder", "corpus", "start_from"), "folder"),
    "hificodec": (("folder", "start_from"), "folder"),
    "language_model": (
        ("shards", "text_tokenizer", "wavtokenizer", "qwen", "start_from"),
        "shards",
    ),
    "srfm": (("shards", "hificodec", "start_from"), "shards"),
}

if TYPE_CHECKING:
    from trainers.codec import CodecTask
    from trainers.losses.symbolic import CorpusTargets


@dataclass(frozen=True)
class RunConfig:
    """The parsed file; `raw` is kept for the record. `training` has today's names."""

    task: str
    data: dict[str, Path | str]
    model: dict[str, Any]
    training: dict[str, Any]
    loop: LoopConfig
    raw: dict[str, Any]

    def place(self, name: str) -> Path:
        """A folder or file of `data`.

        Raises: InputError for an address where a folder is needed.
        """
        found = self.data[name]
        if isinstance(found, str):
            raise InputError(f"data.{name}", found, "must be a folder on this machine")
        return found


def read(path: Path) -> RunConfig:
    """Raises: InputError for a missing or unreadable file, or settings that are unknown, of the
    wrong type or out of range, each with its line."""
    document = Document(path)
    raw: dict[str, Any] = document.data
    for name in raw:
        if name not in PARTS:
            document.unknown((), name, PARTS)
    task = raw.get("task")
    if not isinstance(task, str) or task not in _TASKS:
        document.add(("task",), task, "must be one of " + ", ".join(_TASKS))
        document.require_right()
    assert isinstance(task, str)
    loop = checked(document, ("loop",), LoopConfig, raw.get("loop"), loop_config.RENAMED)
    kind, renamed = _training_class(task), _RENAMED.get(task, {})
    training = checked(document, ("training",), kind, raw.get("training"), renamed)
    data = _data(document, task, raw.get("data"))
    model = raw.get("model") or {}
    if model or "start_from" not in data:
        sizes = checked(document, ("model",), studio_layout.component_class(task)[1], model)
        if sizes is not None:
            _require_buildable(document, task, sizes)
    document.require_right()
    given = {renamed.get(k, k): v for k, v in (raw.get("training") or {}).items()}
    values = {name: _plain(getattr(training, name)) for name in given}
    return RunConfig(task, data, model, values, loop, raw)


def _plain(value: Any) -> Any:
    return dataclasses.asdict(value) if dataclasses.is_dataclass(value) else value  # type: ignore[arg-type]


def _data(document: Document, task: str, given: Any) -> dict[str, Path | str]:
    known, needed = DATA[task]
    if not isinstance(given, dict):
        document.add(("data",), given, "must name folders, like {" + needed + ": PATH}")
        return {}
    found: dict[str, Path | str] = {}
    for name, value in given.items():
        if name not in known:
            document.unknown(("data",), name, known)
        elif not isinstance(value, str) or not value.strip():
            document.add(("data", name), value, "must be a path, or an address of shards")
        elif is_address(value) and name != "shards":
            document.add(("data", name), value, "must be a folder on this machine")
        else:
            found[name] = value if is_address(value) else folder(value)
    if needed not in given:
        document.add(("data",), "", f"{needed} is missing")
    return found


def _require_buildable(document: Document, task: str, sizes: Any) -> None:
    """Note sizes of which no model can be made."""
    for field in dataclasses.fields(sizes):
        value = getattr(sizes, field.name)
        if isinstance(value, int | float) and value < 0:
            document.add(("model", field.name), value, "must not be negative")
            return
    try:
        with warnings.catch_warnings(), torch.device("meta"):
            warnings.simplefilter("ignore")
            empty(task, sizes)
    except InputError as error:
        document.add(("model", error.name), error.value, error.hint)
    except Exception as error:  # whatever a constructor says of sizes that do not fit
        told = " ".join(str(error).split())[:150] or type(error).__name__
        document.add(("model",), "", f"these sizes do not go together ({told})")


def folder(text: str) -> Path:
    """A path with $STUDIO_WORK and ~ filled in."""
    os.environ.setdefault("STUDIO_WORK", str(work_folder()))
    return Path(os.path.expandvars(text)).expanduser()


def config_of(run: RunConfig) -> Any:
    """The component's config: as the file says, else of the folder it starts from."""
    if run.model or "start_from" not in run.data:
        return config_from_json(studio_layout.component_class(run.task)[1], run.model)
    return opening.config_of(run.place("start_from"), run.task)


def training_of(run: RunConfig) -> Any:
    """The task's config; without a seed of its own it takes the loop's."""
    return config_from_json(_training_class(run.task), {"seed": run.loop.seed, **run.training})


def task_of(run: RunConfig) -> TrainingTask:
    """The task a run describes: its model as initialised, or with the weights it starts from."""
    return _TASKS[run.task](run)


def _training_class(task: str) -> type:
    if task == "language_model":
        from trainers.language_model_config import LanguageModelTaskConfig

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
        return from_qwen(run.place("qwen"), config_of(run), training_of(run).seed)
    if "start_from" not in run.data:
        return {}
    place = run.place("start_from")
    given = opening.open_component(place, run.task).state_dict()
    own = empty(run.task, config_of(run)).state_dict()
    kept = {k: v for k, v in given.items() if k in own and own[k].shape == v.shape}
    fresh = [name for name in own if name not in kept]
    if not kept:
        raise InputError("start_from", place, "no tensor fits the sizes of this config")
    if fresh:
        print(f"begun fresh, not from {place}: {', '.join(fresh)}", file=sys.stderr)
    return kept


def _codec(run: RunConfig) -> CodecTask:
    from trainers.data.audio_store import AudioStore
    from trainers.hificodec import HiFiCodecTask
    from trainers.wavtokenizer import WavTokenizerTask

    model, training = config_of(run), training_of(run)
    store = AudioStore(run.place("folder"))
    task: CodecTask
    if run.task == "wavtokenizer":
        task = WavTokenizerTask(model, training, store, _symbolic(run, model, training.symbolic))
    elif training.symbolic:
        raise InputError("symbolic", training.symbolic, "is for a WavTokenizer; leave it out")
    else:
        task = HiFiCodecTask(model, training, store)
    if start := _start(run):
        task.begin_with(start)
    return task


def _symbolic(run: RunConfig, model: Any, weight: float) -> CorpusTargets | None:
    from trainers.losses.symbolic import CorpusTargets
    from trainers.wavtokenizer import SYMBOLIC

    if not weight:
        return None
    if "corpus" not in run.data:
        raise InputError("data", "corpus", "is missing; symbolic targets come from a corpus folder")
    return CorpusTargets(run.place("corpus"), model.sample_rate / model.hop, SYMBOLIC)


def _language_model(run: RunConfig) -> TrainingTask:
    from trainers.language_model import LanguageModelTask

    if "text_tokenizer" in run.data:
        folder = run.place("text_tokenizer").parent
    elif "start_from" in run.data:
        folder = run.place("start_from")
    else:
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


def _srfm(run: RunConfig) -> TrainingTask:
    from trainers.srfm import SRFMTask, whole_tokens

    training = training_of(run)

    def long_enough(piece: TokenizedPiece) -> bool:
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
    long_enough: Callable[[TokenizedPiece], bool] = lambda piece: True,
) -> Reader:
    return Reader(
        run.data["shards"],
        latents,
        training.open_shards,
        training.steps_per_shard,
        training.seed,
        long_enough,
        60 * training.retry_minutes,
    )


def _sound(run: RunConfig, component: str) -> Any:
    """The codec that decodes samples: of the folder named so, or the one the run starts from."""
    if component not in run.data:
        if "start_from" not in run.data:
            return None
        place = run.place("start_from")
        if component not in opening.components_of(place):
            return None
    elif not (place := run.place(component)).is_dir():
        print(f"no samples: {component}'s folder {place} is not there", file=sys.stderr)
        return None
    return opening.open_component(place, component)


_RENAMED = {"language_model": RENAMED, "srfm": RENAMED}
_TASKS: dict[str, Callable[[RunConfig], Any]] = {
    "wavtokenizer": _codec,
    "hificodec": _codec,
    "language_model": _language_model,
    "srfm": _srfm,
}
