"""Every model of the paper's Table 1, its ablations, nano, and own ones: a frozen record each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from core.checkpoints import hub
from core.checkpoints.contents import OFFICIAL, PLACES, components_of, layout_of, read_config
from core.errors import InputError
from core.workspace import models_folder

ASSETS = Path(__file__).resolve().parents[1] / "assets"

# How tokens become sound (paper section 3.3, Tables 2 and 8).
WAVTOKENIZER = "wavtokenizer"  # WavTokenizer's own decoder, 24 kHz ("w/o flow")
SRFM_48K = "srfm-48khz"  # tokens -> 150 Hz latents -> 48 kHz
SRFM_24K = "srfm-24khz"  # tokens -> 75 Hz latents -> 24 kHz ("w/o super-resolution")
CASCADE = "cascade"  # WavTokenizer's 24 kHz sound, encoded again, then super-resolved

SOUNDING = ("wavtokenizer", "hificodec")  # components that have a sample rate


@dataclass(frozen=True)
class Variant:
    """One model as people choose it.

    Attributes:
        name: slug for the page, the command line and the API.
        title: name in the paper.
        folder: model folder, by name in the models folder, or "assets/..." when shipped.
        hub: repository on the Hugging Face hub, None for our own.
        sound: how tokens become sound (the four constants above).
        sample_rate: of the result, Hz.
        parameters: as Table 1 prints them, or counted for our own.
        context_seconds: music the language model was trained to see at once; longer pieces slide.
        default_structure: structure of a request without sections.
        note: what a person should know before choosing it.
    """

    name: str
    title: str
    folder: str
    hub: str | None
    sound: str
    sample_rate: int
    parameters: str
    context_seconds: float
    default_structure: str = "intro"
    note: str = ""

    @property
    def flow(self) -> bool:
        """Table 1, column Flow Matching."""
        return self.sound != WAVTOKENIZER

    @property
    def super_resolution(self) -> bool:
        """Table 1, column Super Resolution."""
        return self.sound in (SRFM_48K, CASCADE)

    @property
    def latents_per_token(self) -> int:
        """150 Hz latents for 48 kHz, 75 Hz latents for 24 kHz, over 75 tokens a second."""
        return 2 if self.super_resolution else 1

    @property
    def components(self) -> tuple[str, ...]:
        """What must be loaded to make music with it."""
        needed = ("wavtokenizer", "language_model")
        return needed + ("srfm", "hificodec") if self.flow else needed


def _nano(
    name: str,
    title: str,
    sound: str,
    rate: int,
    folder: str = "assets/nano",
    parameters: str = "18M",
    **more: Any,
) -> Variant:
    return Variant(
        name,
        title,
        folder,
        None,
        sound,
        rate,
        parameters,
        context_seconds=30.0,
        default_structure="verse",
        **more,
    )


def _official(slug: str, hub: str, sound: str, size: str, long: bool = False) -> Variant:
    suffix = {WAVTOKENIZER: "-no-flow", SRFM_24K: "-24khz", CASCADE: "-cascade"}.get(sound, "")
    title = "InspireMusic-" + slug.upper().replace("LONG", "Long").replace("B-", "B-")
    title += {WAVTOKENIZER: " (w/o flow)", SRFM_24K: "-24kHz", CASCADE: " (cascade)"}.get(sound, "")
    rate = 48000 if sound in (SRFM_48K, CASCADE) else 24000
    return Variant(
        f"inspiremusic-{slug}{suffix}",
        title,
        hub,
        f"FunAudioLLM/{hub}",
        sound,
        rate,
        size,
        context_seconds=480.0 if long else 30.0,
    )


VARIANTS: dict[str, Variant] = {
    v.name: v
    for v in (
        _nano("nano", "nano", SRFM_48K, 48000),
        _nano("nano-no-flow", "nano (w/o flow)", WAVTOKENIZER, 24000, parameters="7M"),
        _nano(
            "nano-24khz",
            "nano-24kHz",
            SRFM_24K,
            24000,
            "assets/nano-24khz",
            "–",
            note="its flow and its 24 kHz codec are not trained yet",
        ),
        _nano(
            "nano-cascade",
            "nano (cascade)",
            CASCADE,
            48000,
            note="ablation: nano without flow, its 24 kHz sound super-resolved afterwards",
        ),
        _nano(
            "nano-long",
            "nano-Long",
            SRFM_48K,
            48000,
            note="nano with a sliding context; no weights of its own",
        ),
        _official("0.5b", "InspireMusic-Base", SRFM_48K, "0.8B"),
        _official("0.5b", "InspireMusic-Base-24kHz", SRFM_24K, "0.8B"),
        _official("0.5b", "InspireMusic-Base", WAVTOKENIZER, "0.5B"),
        _official("1.5b", "InspireMusic-1.5B", SRFM_48K, "1.8B"),
        _official("1.5b", "InspireMusic-1.5B-24kHz", SRFM_24K, "1.8B"),
        _official("1.5b", "InspireMusic-1.5B", WAVTOKENIZER, "1.5B"),
        _official("1.5b-long", "InspireMusic-1.5B-Long", SRFM_48K, "1.8B", long=True),
        _official("1.5b-long", "InspireMusic-1.5B-Long", WAVTOKENIZER, "1.5B", long=True),
        replace(
            _official("1.5b-long", "InspireMusic-1.5B-Long", CASCADE, "1.8B", long=True),
            note="Table 2: 1.5B-Long without flow, its 24 kHz sound super-resolved afterwards",
        ),
        replace(
            _official("1.5b-long", "InspireMusic-1.5B-Long-24kHz", SRFM_24K, "1.8B", long=True),
            hub=None,
            note="Tables 8 and 9, without super-resolution. Never released as one "
            "folder: take InspireMusic-1.5B-24kHz and put llm.pt of InspireMusic-1.5B-Long in it",
        ),
    )
}


def known() -> dict[str, Variant]:
    """VARIANTS, then own models: the folders of the models folder with a config of this project
    that names at least a WavTokenizer and a language model. Imports no torch."""
    place = models_folder()
    folders = sorted(place.iterdir()) if place.is_dir() else []
    own = (_own(folder.name) for folder in folders)
    return {**VARIANTS, **{variant.name: variant for variant in own if variant}}


def _own(name: str) -> Variant | None:
    """The own model of this name, or None: a released folder, or no model folder of ours."""
    folder = models_folder() / name
    if name in VARIANTS or name.startswith(".") or not (folder / "config.json").is_file():
        return None
    try:
        return _of_config(name, folder) if layout_of(folder) != OFFICIAL else None
    except InputError:
        return None


def local_folder(variant: Variant) -> Path | None:
    """Where the variant's weights lie on this machine: models folder, else Hugging Face cache."""
    if variant.folder.startswith("assets/"):
        return ASSETS.parent / variant.folder
    placed = models_folder() / variant.folder
    if placed.is_dir() or variant.hub is None:
        return placed
    return hub.cached(variant.hub, _official_files(variant))


def folder_of(variant: Variant, expect: Callable[[int], None] = lambda size: None) -> Path:
    """Where the variant's weights lie, downloaded first when the hub has them and we do not.

    `expect` is told a download's size in bytes before it begins.

    Raises: InputError that says what to fetch and where to put it, when neither works.
    """
    folder = local_folder(variant)
    if folder is None and variant.hub is not None:
        folder = hub.fetch(
            variant.hub, _official_files(variant), models_folder() / variant.folder, expect
        )
    if folder is None or not folder.is_dir():
        raise InputError(
            "variant",
            variant.name,
            f"is not installed; put its folder at {folder}"
            + (f" ({variant.note})" if variant.note and not variant.hub else ""),
        )
    return folder


def installed(variant: Variant) -> bool:
    """Whether all of its components' weights are on this machine."""
    folder = local_folder(variant)
    try:
        return folder is not None and set(variant.components) <= set(components_of(folder))
    except InputError:
        return False


def default() -> str:
    """The variant of a request that names none: nano, or nano without flow where only that is."""
    whole = local_folder(VARIANTS["nano"])
    return "nano" if whole and installed(VARIANTS["nano"]) else "nano-no-flow"


def _official_files(variant: Variant) -> tuple[str, ...]:
    names = [name for component in variant.components for name in PLACES[component].files]
    return tuple(dict.fromkeys(names))  # once each, in order


def get(name: str) -> Variant:
    """The variant of this name, or the model in this folder (of either layout).

    Raises: InputError naming the known ones.
    """
    if name in VARIANTS:
        return VARIANTS[name]
    own = _own(name) if Path(name).name == name else None
    if own is not None:
        return own
    if name and Path(name).is_dir():
        return _in_folder(name)
    raise InputError(
        "variant",
        name or "(empty)",
        "is unknown; give a model folder or choose one of " + ", ".join(known()),
    )


def _in_folder(name: str) -> Variant:
    """A folder's variant: the released one of the folder's name, else what its parts allow."""
    folder = Path(name).resolve()
    held = components_of(folder)
    released = next((v for v in VARIANTS.values() if v.hub and v.folder == folder.name), None)
    if released is not None and set(released.components) <= set(held):
        return replace(released, name=name, folder=str(folder), hub=None)
    if layout_of(folder) != OFFICIAL:
        return _of_config(name, folder)
    from core.checkpoints.opening import config_of  # imports torch, which names need not

    rates = {part: config_of(folder, part).sample_rate for part in held if part in SOUNDING}
    return _of_rates(name, folder, held, rates)


def _of_config(name: str, folder: Path) -> Variant:
    """The variant of a model folder of ours, as its config.json says.

    Raises: InputError for a config that names too little for music.
    """
    config = read_config(folder)
    parts = config.get("components")
    if not isinstance(parts, dict) or not {"wavtokenizer", "language_model"} <= set(parts):
        raise InputError(
            "model folder",
            folder,
            "its config.json names no wavtokenizer or no language_model; assemble both",
        )
    sounding = {
        part: sizes.get("sample_rate")
        for part, sizes in parts.items()
        if part in SOUNDING and isinstance(sizes, dict)
    }
    rates = {part: rate for part, rate in sounding.items() if isinstance(rate, int)}
    if rates.keys() != sounding.keys() or "wavtokenizer" not in rates:
        raise InputError("model folder", folder, "its config.json states no sample rate")
    about = config.get("about")
    base = about.get("base") if isinstance(about, dict) else None
    made = _of_rates(name, folder, tuple(parts), rates)
    begun = VARIANTS.get(base) if isinstance(base, str) else None
    if begun is None:
        return made
    return replace(
        made,
        context_seconds=begun.context_seconds,
        default_structure=begun.default_structure,
        note=f"fine-tuned from {begun.title}",
    )


def _of_rates(name: str, folder: Path, held: tuple[str, ...], rates: dict[str, int]) -> Variant:
    sound, rate = WAVTOKENIZER, rates["wavtokenizer"]
    if {"srfm", "hificodec"} <= set(held):
        rate = rates["hificodec"]
        sound = SRFM_48K if rate == 48000 else SRFM_24K
    return Variant(
        name, folder.name, str(folder), None, sound, rate, "see the folder", context_seconds=30.0
    )
