"""Named recipes: frozen sets of choices, printed with every result and hashed into every cache.

`paper` is what the InspireMusic repository's own metrics compute, `sam-2024` is
stable-audio-metrics at commit fd55536, `audiocraft-2023` is audiocraft's metrics at 896ec7c,
`strict` is ours for numbers that must repeat, `offline` runs anywhere on musicnn.
"""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.metadata
import json
from dataclasses import dataclass

from core.errors import InputError
from evaluation.metrics import kl, musicnn
from evaluation.metrics.choices import (
    BootstrapChoice,
    ClapChoice,
    ContinuationChoice,
    DistanceChoice,
    KLChoice,
)

PACKAGES = ("laion-clap", "hear21passt", "musicnn", "torch", "transformers", "librosa", "soxr")
BOTH = ("generated||reference", "reference||generated")


@dataclass(frozen=True)
class Recipe:
    """All choices of one way of measuring.

    Attributes:
        name: how plans and tables call it.
        source: whose numbers it reproduces.
        assumed: choices that its source does not state and that are taken as SAM's.
        note: what a reader of its numbers must know.
        distance, kl, clap: the metrics; None leaves one out.
        bootstrap: how intervals are made.
        smallest_share: a mean over fewer items of the expected needs a flag.
        equal_clips: whether distances between unequal numbers of clips need a flag.
        continuation: set when a prompt is continued.
    """

    name: str
    source: str
    assumed: tuple[str, ...]
    note: str
    distance: DistanceChoice | None
    kl: KLChoice | None
    clap: ClapChoice | None
    bootstrap: BootstrapChoice = BootstrapChoice()
    smallest_share: float = 0.95
    equal_clips: bool = True
    continuation: ContinuationChoice | None = None

    def as_dict(self) -> dict:
        """JSON-able fields, nested."""
        return dataclasses.asdict(self)

    @property
    def digest(self) -> str:
        """Hex hash over every field; part of cache keys."""
        text = json.dumps(self.as_dict(), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def describe(self) -> str:
        """One `field: value` line for every choice."""
        lines = []

        def walk(prefix: str, value: object) -> None:
            if isinstance(value, dict):
                for key, inner in value.items():
                    walk(f"{prefix}.{key}" if prefix else key, inner)
            else:
                shown = ", ".join(map(str, value)) if isinstance(value, tuple) else value
                lines.append(f"{prefix}: {shown}")

        walk("", self.as_dict())
        return "\n".join([*lines, f"digest: {self.digest}"])

    def continuing(self, continuation: ContinuationChoice) -> Recipe:
        """This recipe for continued prompts, under a name that says so."""
        heard = "with" if continuation.hears_prompt else "without"
        name = (
            f"{self.name}, continuation {heard} {continuation.prompt_seconds:g} s prompt, "
            f"real clip {continuation.reference_span}"
        )
        return dataclasses.replace(self, name=name, continuation=continuation)


SAM_OPENL3 = DistanceChoice(
    name="FD-openl3",
    model="openl3",
    channels=2,
    peak_db=-1.0,
    rates=("native", "44100", "48000"),
    resamplers=("soxr HQ", "resampy 0.2.2 kaiser_best"),
    hop_seconds=0.5,
    center=True,
    front_end="kapre mel256",
    dimension=1024,
    kad=False,
)
SAM_PASST = KLChoice(
    name="KL-PaSST",
    model="passt-10s",
    directions=("generated||reference",),
    windows="sam",
    window_seconds=10,
    step_seconds=5,
    pooling="mean",
    average="clips",
    peak_db=-1.0,
    rate=32_000,
    resampler="soxr HQ",
    epsilon=kl.EPSILON,
    classes=527,
)
SAM_CLAP = ClapChoice(
    name="CLAP",
    checkpoint="630k_fusion",
    above_ten_seconds="random crops",
    seed=0,
    peak_db=-1.0,
    int16=True,
    resampler="soxr HQ",
    text_tokens=77,
)

SAM = Recipe(
    name="sam-2024",
    source="stable-audio-metrics fd55536, its stereo (batched) path",
    assumed=(),
    note="CLAP hears random crops above 10 s; here each item has its own fixed seed",
    distance=SAM_OPENL3,
    kl=SAM_PASST,
    clap=SAM_CLAP,
)
PAPER = Recipe(
    name="paper",
    source="the InspireMusic repository's metrics (arXiv 2503.00084)",
    assumed=(
        "assumed as SAM: channels",
        "assumed as SAM: windows and pooling of KL-PaSST",
        "assumed as SAM: level before the models",
        "assumed as SAM: crops above 10 s",
        "assumed as SAM: reference set and its number of clips",
    ),
    note="the paper names no windows, channels or seeds; its own CLAP default is 90.14",
    distance=SAM_OPENL3,
    kl=SAM_PASST,
    clap=dataclasses.replace(SAM_CLAP, checkpoint="music_audioset"),
)
AUDIOCRAFT = Recipe(
    name="audiocraft-2023",
    source="audiocraft 896ec7c, metrics/kld.py and clap_consistency.py",
    assumed=("resampler: soxr HQ where audiocraft uses julius",),
    note="KL is over segments, long clips weigh more; its FAD on VGGish is not computed here",
    distance=None,
    kl=dataclasses.replace(
        SAM_PASST,
        model="passt-20s",
        directions=("reference||generated", "generated||reference"),
        windows="audiocraft",
        window_seconds=20,
        step_seconds=20,
        pooling="segments",
        average="segments",
        peak_db=None,
    ),
    clap=dataclasses.replace(SAM_CLAP, checkpoint="music_audioset", peak_db=None, int16=False),
)
STRICT = Recipe(
    name="strict",
    source="this project",
    assumed=(),
    note="nothing random: CLAP is the mean over all 10 s windows",
    distance=dataclasses.replace(SAM_OPENL3, kad=True),
    kl=dataclasses.replace(SAM_PASST, directions=BOTH),
    clap=dataclasses.replace(
        SAM_CLAP, checkpoint="music_audioset", above_ten_seconds="all windows"
    ),
)
OFFLINE = Recipe(
    name="offline",
    source="this project, on the published MSD_musicnn weights",
    assumed=(),
    note=f"{musicnn.NOTE}; FD-musicnn and KL-musicnn are not the paper's metrics",
    distance=DistanceChoice(
        name="FD-musicnn",
        model="musicnn",
        channels=1,
        peak_db=None,
        rates=("native", "16000"),
        resamplers=("soxr HQ",),
        hop_seconds=musicnn.PATCH_FRAMES * musicnn.HOP / musicnn.SAMPLE_RATE,
        center=False,
        front_end="96 mel bands, log10(10000 S + 1), float32",
        dimension=200,
        kad=True,
    ),
    kl=KLChoice(
        name="KL-musicnn",
        model="musicnn",
        directions=BOTH,
        windows="musicnn",
        window_seconds=musicnn.PATCH_FRAMES * musicnn.HOP / musicnn.SAMPLE_RATE,
        step_seconds=musicnn.PATCH_FRAMES * musicnn.HOP / musicnn.SAMPLE_RATE,
        pooling="mean",
        average="clips",
        peak_db=None,
        rate=musicnn.SAMPLE_RATE,
        resampler="soxr HQ",
        epsilon=kl.EPSILON,
        classes=len(musicnn.TAG_NAMES),
    ),
    clap=None,
)
RECIPES = {recipe.name: recipe for recipe in (PAPER, SAM, AUDIOCRAFT, STRICT, OFFLINE)}


def recipe(name: str) -> Recipe:
    """The recipe of that name.

    Raises: InputError listing the names there are.
    """
    if name not in RECIPES:
        raise InputError("recipe", name, f"choose one of {', '.join(RECIPES)}")
    return RECIPES[name]


def package_versions() -> dict[str, str]:
    """Versions of the packages that move a metric's value; "absent" where not installed."""

    def version(package: str) -> str:
        try:
            return importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            return "absent"

    return {package: version(package) for package in PACKAGES}
