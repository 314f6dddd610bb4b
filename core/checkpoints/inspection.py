"""What a model folder holds, without loading it: components, sizes, keys, memory."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from core.checkpoints import opening, studio_layout, torch_file
from core.checkpoints.assembly import COMPONENTS, differences, empty
from core.checkpoints.official.layout import OFFICIAL
from core.errors import InputError
from core.language_model import LanguageModelConfig, cache_bytes

MUSIC_TOKENS = 30 * 75  # in the language model's context, for the memory estimate
CACHE_ROWS = 2  # with and without conditions


@dataclass(frozen=True)
class ComponentReport:
    """One component of a folder.

    Attributes:
        name: of the component.
        file: its weights, relative to the folder.
        parameters: numbers inference uses, buffers included.
        dtypes: stored dtype -> tensors.
        rate: what it works at, in words.
        missing: our names of tensors the sizes ask for and the file lacks.
        unexpected: tensors of the file that are neither used nor known to be unused.
        wrong_shape: tensors whose shape the sizes contradict, with what is wrong.
        unused: number of tensors that are known and never read.
        trouble: why the component cannot be opened at all, "" when it can.
    """

    name: str
    file: str
    parameters: int = 0
    dtypes: dict[str, int] | None = None
    rate: str = ""
    missing: tuple[str, ...] = ()
    unexpected: tuple[str, ...] = ()
    wrong_shape: tuple[str, ...] = ()
    unused: int = 0
    trouble: str = ""

    @property
    def whole(self) -> bool:
        return not (self.missing or self.unexpected or self.wrong_shape or self.trouble)


@dataclass(frozen=True)
class CheckpointReport:
    """A folder: its layout, its components, its text tokenizer and the memory it takes.

    Attributes:
        memory_bytes: arithmetic of the language model -> weights of all components (the others
            in fp32) and its key-value cache for 30 s of music. Tensors that are stored in the
            dtype they are used in stay mapped from disk and take no memory of their own.
    """

    folder: str
    layout: str
    components: tuple[ComponentReport, ...]
    text_tokenizer: str
    memory_bytes: dict[str, int]

    @property
    def whole(self) -> bool:
        return all(component.whole for component in self.components)

    def as_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {
            **asdict(self),
            "whole": self.whole,
            "components": [{**asdict(c), "whole": c.whole} for c in self.components],
        }


def inspect(folder: Path) -> CheckpointReport:
    """Look at every component that has a weights file in the folder.

    Raises: InputError when it is no model folder. A damaged component is reported, not raised.
    """
    layout = opening.layout_of(folder)
    reports, configs = [], {}
    for component in COMPONENTS:
        file = _weights_file(layout, component)
        if not (folder / file).is_file():
            continue
        try:
            configs[component] = opening.config_of(folder, component)
            reports.append(_component(folder, layout, component, file, configs[component]))
        except InputError as error:
            reports.append(ComponentReport(component, file, trouble=str(error)))
    try:
        tokenizer = opening.text_tokenizer(folder)
        text = f"{tokenizer.source}, {tokenizer.size} ids"
    except InputError as error:
        text = str(error)
    return CheckpointReport(
        folder.name, layout, tuple(reports), text, _memory(reports, configs.get("language_model"))
    )


def _weights_file(layout: str, component: str) -> str:
    if layout == opening.STUDIO:
        return f"{component}.safetensors"
    return str(Path(OFFICIAL[component].folder) / OFFICIAL[component].file)


def _component(
    folder: Path, layout: str, component: str, file: str, config: Any
) -> ComponentReport:
    if layout == opening.STUDIO:
        used, extra, unused = studio_layout.tensors(folder / file), list[str](), 0
    else:
        used, extra, unused = _official_tensors(folder / file, component)
    module = empty(component, config)
    found = differences(module, used)
    missing = [name for name, trouble in found if trouble == "is missing"]
    unexpected = extra + [
        name for name, _ in found if name in used and name not in module.state_dict()
    ]
    shapes = [
        f"{name} {trouble}"
        for name, trouble in found
        if name not in missing and name not in unexpected
    ]
    dtypes = Counter(str(value.dtype).removeprefix("torch.") for value in used.values())
    return ComponentReport(
        component,
        file,
        sum(value.numel() for value in used.values()),
        dict(dtypes),
        _rate(component, config, module),
        tuple(missing),
        tuple(unexpected),
        tuple(shapes),
        unused,
    )


def _official_tensors(path: Path, component: str) -> tuple[dict[str, Tensor], list[str], int]:
    """(used tensors under our names, unknown keys, number of known-unused ones)."""
    table = OFFICIAL[component].table
    used, unknown, unused = {}, [], 0
    for key, value in table.tensors(torch_file.read(path), path).items():
        try:
            ours = table.MAP.our_name(key)
        except InputError:
            unknown.append(key)
            continue
        if ours is None:
            unused += 1
        else:
            used[ours] = value
    return used, unknown, unused


def _rate(component: str, config: Any, module: nn.Module) -> str:
    if component in ("wavtokenizer", "hificodec"):
        unit = "tokens" if component == "wavtokenizer" else "latents"
        return f"{config.sample_rate} Hz, {config.sample_rate / config.hop:g} {unit}/s"
    if component == "srfm":
        return f"{config.token_rate} tokens/s in, latents of {config.latent_dim} channels out"
    return f"{config.audio_vocabulary} audio tokens, {config.text_vocabulary} text ids"


def _memory(reports: list[ComponentReport], config: LanguageModelConfig | None) -> dict[str, int]:
    numbers = {report.name: report.parameters for report in reports}
    language = numbers.pop("language_model", 0)
    memory = {}
    for name, dtype in (("fp32", torch.float32), ("bf16", torch.bfloat16)):
        cache = 0 if config is None else cache_bytes(config, MUSIC_TOKENS, CACHE_ROWS, dtype)
        memory[name] = language * dtype.itemsize + 4 * sum(numbers.values()) + cache
    return memory
