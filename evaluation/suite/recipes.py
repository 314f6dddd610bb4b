"""Named recipes: frozen lists of metrics with their choices, printed with every result.

`paper` is what the InspireMusic repository's own metrics compute, `sam-2024` is
stable-audio-metrics at commit fd55536, `audiocraft-2023` is audiocraft's metrics at 896ec7c,
`strict` is ours for numbers that must repeat, `offline` runs anywhere on musicnn, `clap`, `mert`
and `muq` hold set distances on these models, `kadtk` gives that toolkit's number, `reference-free`
what needs no real clips. `adherence` says whether what was asked for is heard, `musicality` whether
it is in tune, in time and in key.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

from core.errors import InputError
from evaluation.embeddings import (
    AudioboxRatings,
    ClapEmbedding,
    ClapFrames,
    HearingEmbedding,
    HiddenStates,
    MulanEmbedding,
    MuqEvalRatings,
    MusicnnEmbedding,
    OpenL3Embedding,
    PasstEmbedding,
)
from evaluation.embeddings import digest as embedding_digest
from evaluation.metrics import musicnn
from evaluation.metrics.kl import Direction
from evaluation.suite.adherence import Recognised, SectionAdherence, TempoAdherence, TempoKept
from evaluation.suite.frechet import FrechetDistance
from evaluation.suite.frechet_infinity import FrechetInfinity
from evaluation.suite.kadtk import ToolkitKernelDistance
from evaluation.suite.kernel import KernelDistance
from evaluation.suite.kl import KLDivergence
from evaluation.suite.mauve import MauveDivergence
from evaluation.suite.metric import Metric, read_metrics
from evaluation.suite.musicality import (
    NoteAgreement,
    OnsetCorrelation,
    PitchClassEntropy,
    SoundFigure,
    TimeInKey,
)
from evaluation.suite.ratings import PredictedRatings
from evaluation.suite.recipe_type import Recipe
from evaluation.suite.text import TextSimilarity

BOTH: tuple[Direction, ...] = ("generated||reference", "reference||generated")


SAM_OPENL3 = OpenL3Embedding()
SAM_CLAP = ClapEmbedding()
MUSIC_CLAP = ClapEmbedding(checkpoint="music_audioset")
MUSICNN = MusicnnEmbedding()
CLAP_FRAMES = ClapFrames()
MERT = HiddenStates("mert-95m", layer=12)
MUQ = HiddenStates("muq", layer=12)

SAM = Recipe(
    name="sam-2024",
    source="stable-audio-metrics fd55536, its stereo (batched) path",
    assumed=(),
    note="CLAP embeds random crops above 10 s; here each item has its own fixed seed",
    metrics=(
        FrechetDistance("FD-openl3", SAM_OPENL3),
        KLDivergence("KL-PaSST", PasstEmbedding()),
        TextSimilarity("CLAP", SAM_CLAP),
    ),
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
    metrics=(
        FrechetDistance("FD-openl3", SAM_OPENL3),
        KLDivergence("KL-PaSST", PasstEmbedding()),
        TextSimilarity("CLAP", MUSIC_CLAP),
    ),
)
AUDIOCRAFT = Recipe(
    name="audiocraft-2023",
    source="audiocraft 896ec7c, metrics/kld.py and clap_consistency.py",
    assumed=("resampler: soxr HQ where audiocraft uses julius",),
    note="KL is over segments, long clips weigh more; its FAD on VGGish is not computed here",
    metrics=(
        KLDivergence(
            "KL-PaSST",
            PasstEmbedding(
                model="passt-20s",
                windows="audiocraft",
                window_seconds=20,
                step_seconds=20,
                peak_db=None,
            ),
            directions=("reference||generated", "generated||reference"),
            pooling="segments",
            average="segments",
        ),
        TextSimilarity("CLAP", dataclasses.replace(MUSIC_CLAP, peak_db=None, int16=False)),
    ),
)
STRICT = Recipe(
    name="strict",
    source="this project",
    assumed=(),
    note="nothing random: CLAP is the mean over all 10 s windows",
    metrics=(
        FrechetDistance("FD-openl3", SAM_OPENL3),
        KernelDistance("KAD-openl3", SAM_OPENL3),
        KLDivergence("KL-PaSST", PasstEmbedding(), directions=BOTH),
        TextSimilarity("CLAP", dataclasses.replace(MUSIC_CLAP, above_ten_seconds="all windows")),
    ),
)
OFFLINE = Recipe(
    name="offline",
    source="this project, on the published MSD_musicnn weights",
    assumed=(),
    note=f"{musicnn.NOTE}; FD-musicnn and KL-musicnn are not the paper's metrics",
    metrics=(
        FrechetDistance("FD-musicnn", MUSICNN),
        KernelDistance("KAD-musicnn", MUSICNN),
        KLDivergence("KL-musicnn", MUSICNN, directions=BOTH),
    ),
)
CLAP_SETS = Recipe(
    name="clap",
    source="this project, on LAION-CLAP music_audioset",
    assumed=(),
    note="set distances on CLAP embeddings of 10 s windows without overlap; nothing random",
    metrics=(
        FrechetDistance("FAD-CLAP", CLAP_FRAMES),
        FrechetInfinity("FAD-inf-CLAP", CLAP_FRAMES),
        KernelDistance("KAD-CLAP", CLAP_FRAMES),
        TextSimilarity("CLAP", dataclasses.replace(MUSIC_CLAP, above_ten_seconds="all windows")),
    ),
)
KADTK = Recipe(
    name="kadtk",
    source="kadtk 1.1.0 with clap-laion-music",
    assumed=("resampler: soxr HQ where kadtk uses torchaudio or SoX, through 16 bits",),
    note="windows of 10 s every second, overlapping; see the column's note",
    metrics=(
        ToolkitKernelDistance(
            "KAD-kadtk-CLAP", dataclasses.replace(CLAP_FRAMES, step_seconds=1, pad_last=True)
        ),
    ),
    equal_clips=False,
)
MERT_SETS = Recipe(
    name="mert",
    source="this project, on MERT v1 95M; MAD as mad_metric 0.0.6, on MERT v1 330M",
    assumed=(),
    note=(
        "rows are the means of seconds in windows of 10 s where fadtk takes every frame of a clip; "
        "MAD hears at most 30 s at once"
    ),
    metrics=(
        FrechetDistance("FAD-MERT", MERT),
        FrechetInfinity("FAD-inf-MERT", MERT),
        KernelDistance("KAD-MERT", MERT),
        MauveDivergence(
            "MAD", HiddenStates("mert-330m", layer=24, pooling="maximum", window_seconds=30)
        ),
    ),
)
MUQ_SETS = Recipe(
    name="muq",
    source="this project, on MuQ-large-msd-iter",
    assumed=(),
    note="rows are the means of seconds in windows of 10 s, of the last layer",
    metrics=(
        FrechetDistance("FAD-MuQ", MUQ),
        FrechetInfinity("FAD-inf-MuQ", MUQ),
        KernelDistance("KAD-MuQ", MUQ),
    ),
)
REFERENCE_FREE = Recipe(
    name="reference-free",
    source="muq 0.1.0, audiobox-aesthetics 0.0.4, MuQ-Eval A1",
    assumed=(
        "resampler: soxr HQ where the packages use torchaudio",
        "MuQ-MuLan: the layers above start from MuQ's last, the package's default",
        "MuQ-Eval: the mean over windows of 10 s where its authors take the middle 10 s",
    ),
    note="no real clips are needed; the models' ratings are not those of people",
    metrics=(
        TextSimilarity("MuQ-MuLan", MulanEmbedding()),
        PredictedRatings("Audiobox", AudioboxRatings()),
        PredictedRatings("MuQ-Eval", MuqEvalRatings()),
    ),
)
CHROMA = HearingEmbedding()
ADHERENCE = Recipe(
    name="adherence",
    source="this project; the measures of nano's card",
    assumed=(),
    note="facts from the table's columns or the captions; recognisers learn from the real clips",
    metrics=(
        Recognised("style", MUSICNN, "style"),
        Recognised("drums", MUSICNN, "drums"),
        Recognised("key", CHROMA, "key"),
        TempoAdherence(),
        SectionAdherence(),
        TempoKept(),
        Recognised("key of the real clip", CHROMA, "key", kept=True),
    ),
)
MUSICALITY = Recipe(
    name="musicality",
    source="this project; notes by basic-pitch 0.4.0",
    assumed=(),
    note="the real clips' own figures are the ceiling: score them as a system too",
    metrics=(
        SoundFigure("in tune", "in_tune"),
        SoundFigure("pulse", "pulse"),
        TimeInKey(),
        PitchClassEntropy(),
        NoteAgreement("note F1", "note F1"),
        NoteAgreement("pitch-class F1", "pitch-class F1"),
        NoteAgreement("chords", "chords"),
        OnsetCorrelation(),
    ),
)
_ALL = (
    PAPER, SAM, AUDIOCRAFT, STRICT, OFFLINE, CLAP_SETS, KADTK, MERT_SETS, MUQ_SETS, REFERENCE_FREE,
    ADHERENCE, MUSICALITY,
)  # fmt: skip
RECIPES = {recipe.name: recipe for recipe in _ALL}


def recipe(name: str) -> Recipe:
    """The recipe of that name.

    Raises: InputError listing the names there are.
    """
    if name not in RECIPES:
        raise InputError("recipe", name, f"choose one of {', '.join(RECIPES)}")
    return RECIPES[name]


def metrics_of(text: str | Path) -> tuple[Metric, ...]:
    """The recipes' metric of that name, or the metrics of a person's own Python file, which is run
    as a program.

    Raises: InputError for a name that no metric has, or that differs between recipes.
    """
    found = {
        embedding_digest(metric): (metric, one.name)
        for one in RECIPES.values()
        for metric in one.metrics
        if metric.name == str(text)
    }
    if len(found) > 1:
        names = ", ".join(name for _, name in found.values())
        raise InputError("metric", text, f"is not the same in {names}: choose one of these recipes")
    if found:
        return tuple(metric for metric, _ in found.values())
    if Path(text).suffix != ".py":
        known = dict.fromkeys(metric.name for one in RECIPES.values() for metric in one.metrics)
        raise InputError("metric", text, f"name a Python file or one of {', '.join(known)}")
    return read_metrics(Path(text))
