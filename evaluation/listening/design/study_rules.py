"""What a study must hold to before anyone hears it."""

from __future__ import annotations

import re

from core.errors import InputError
from evaluation.listening.design.study import (
    ARENA,
    CCR,
    CONTINUATION,
    CONTROL_LABELS,
    MUSHRA,
    RANGES,
    TEXT_TO_MUSIC,
    Study,
)

LONGEST_CLIP = 60.0
SHORTEST_CLIP = 1.0  # loudness is measured over blocks of 0.4 s
PLATFORMS = ("", "prolific", "mturk")
MOST_CONDITIONS = 12  # on one MUSHRA screen (BS.1534-3)
_CODE = re.compile(r"[A-Za-z0-9_-]{1,40}")
RATES = (16000, 22050, 24000, 32000, 44100, 48000)


def require_sound_study(study: Study) -> None:
    """Raises: InputError that names the first entry that does not fit the others."""
    _require_design(study)
    _require_clip(study)
    _require_controls(study)
    _require_mushra(study)
    _require_screening(study)
    _require_axes(study)
    _require_recruitment(study)


def _require_design(study: Study) -> None:
    names = [system.name for system in study.systems]
    if study.baseline is not None and study.baseline not in names:
        raise InputError(
            "baseline",
            study.baseline,
            f"a CCR study compares with one of its systems: {', '.join(names)}",
        )
    if study.method != CCR and study.baseline is not None:
        raise InputError("baseline", study.baseline, "belongs to method CCR only")
    if study.method == ARENA and len(names) < 3:
        raise InputError("systems", ", ".join(names), "an arena compares three or more")
    if not study.contrasts:
        raise InputError(
            "systems", ", ".join(names), "name one to score and, for CCR, another as baseline"
        )
    if not study.items:
        raise InputError("items", "none", "give at least one item that is not for training")
    cells = len(study.contrasts) * len(study.items)
    if not 1 <= study.trials_per_rater <= cells:
        raise InputError(
            "trials_per_rater",
            study.trials_per_rater,
            f"give 1 to {cells} (systems, pairs or MUSHRA screens x items), so that no rater "
            "hears a trial twice",
        )
    if (study.task == CONTINUATION) != (study.continuation is not None):
        raise InputError(
            "continuation", study.task, "a continuation study, and only that, has this section"
        )
    for name, _ in study.ablation:
        if name not in names:
            raise InputError("ablation", name, "is not a system of this study")
    if not 0 <= study.min_heard <= 1:
        raise InputError("min_heard", study.min_heard, "give a share from 0 to 1")
    if study.seat_minutes <= 0:
        raise InputError("seat_minutes", study.seat_minutes, "give more than 0")


def _require_clip(study: Study) -> None:
    clip = study.clip
    if not SHORTEST_CLIP <= clip.seconds <= LONGEST_CLIP:
        raise InputError(
            "clip seconds", clip.seconds, f"give {SHORTEST_CLIP:g} to {LONGEST_CLIP:g}"
        )
    if clip.start < 0:
        raise InputError("clip start", clip.start, "give 0 or more")
    if not 0 <= clip.fade <= clip.seconds / 4:
        raise InputError("clip fade", clip.fade, "give 0 to a quarter of the clip")
    if clip.sample_rate not in RATES:
        raise InputError(
            "clip sample_rate", clip.sample_rate, f"choose one of {', '.join(map(str, RATES))}"
        )
    if clip.channels not in (1, 2):
        raise InputError("clip channels", clip.channels, "give 1 or 2")
    if not -40 <= clip.loudness <= -10:
        raise InputError("clip loudness", clip.loudness, "give -40 to -10 LUFS")
    if study.continuation and not 0.5 <= study.continuation.prompt_seconds <= LONGEST_CLIP:
        raise InputError(
            "prompt_seconds",
            study.continuation.prompt_seconds,
            f"give 0.5 (its loudness is measured) to {LONGEST_CLIP:g}",
        )


def _require_controls(study: Study) -> None:
    controls = study.controls
    if not study.is_pairs and controls.identical_pairs:
        raise InputError(
            "controls identical_pairs", controls.identical_pairs, "belong to method CCR"
        )
    if study.method == ARENA and (controls.attention or controls.identical_pairs):
        raise InputError(
            "controls",
            f"{controls.attention}, {controls.identical_pairs}",
            "attention checks and identical pairs have no answer in an arena; leave them out",
        )
    if study.is_pairs and (controls.anchors or controls.references):
        raise InputError(
            "controls anchors and references",
            f"{controls.anchors}, {controls.references}",
            "belong to method MOS",
        )
    if controls.references and not controls.reference:
        raise InputError("controls reference", None, "name the folder of the reference clips")
    if max(controls.identical_pairs, controls.anchors, controls.references) > len(study.items):
        raise InputError("controls", len(study.items), "fewer items than controls of one kind")
    if not 100 <= controls.anchor_cutoff < study.clip.sample_rate / 2:
        raise InputError(
            "controls anchor_cutoff",
            controls.anchor_cutoff,
            "give 100 hertz to half the sample rate",
        )


def _require_mushra(study: Study) -> None:
    if study.method != MUSHRA:
        return
    controls, names = study.controls, [system.name for system in study.systems]
    if study.task != TEXT_TO_MUSIC:
        raise InputError("task", study.task, f"MUSHRA compares whole clips: {TEXT_TO_MUSIC}")
    if not controls.reference:
        raise InputError(
            "controls reference", None, "MUSHRA needs the folder of the original clips"
        )
    if controls.attention or controls.anchors or controls.references:
        raise InputError(
            "controls",
            f"{controls.attention}, {controls.anchors}, {controls.references}",
            "a MUSHRA screen has its own reference and anchors; name only `reference: DIR`",
        )
    taken = [name for name in names if name in CONTROL_LABELS]
    if taken:
        raise InputError("system", taken[0], "is a name of MUSHRA's controls; choose another")
    if len(study.conditions) > MOST_CONDITIONS:
        most = MOST_CONDITIONS - len(CONTROL_LABELS)
        raise InputError("systems", len(names), f"one MUSHRA screen takes at most {most}")
    if len(study.axes) != 1:
        raise InputError("axes", len(study.axes), "MUSHRA asks one question; name one axis")


def _require_screening(study: Study) -> None:
    rules = study.screening
    shares = {
        "min_answered": rules.min_answered,
        "min_attention": rules.min_attention,
        "min_identical": rules.min_identical,
        "min_heard": rules.min_heard,
        "max_same": rules.max_same,
        "max_reference_below": rules.max_reference_below,
        "max_anchor_above": rules.max_anchor_above,
    }
    for name, share in shares.items():
        if share is not None and not 0 <= share <= 1:
            raise InputError(f"screening {name}", share, "give a share from 0 to 1")
    if rules.anchor_tolerance < 0:
        raise InputError(
            "screening anchor_tolerance", rules.anchor_tolerance, "give 0 or more steps"
        )
    if rules.min_correlation is not None and not -1 <= rules.min_correlation <= 1:
        raise InputError("screening min_correlation", rules.min_correlation, "give -1 to 1")


def _require_axes(study: Study) -> None:
    names = [axis.name for axis in study.axes]
    if len(set(names)) < len(names):
        raise InputError("axes", ", ".join(names), "name each axis once")
    low, high = study.scale
    words = RANGES if study.method == MUSHRA else high - low + 1
    for axis in study.axes:
        if len(axis.points) != words:
            raise InputError(
                f"points of axis {axis.name}",
                len(axis.points),
                f"give {words} words, for {low} to {high}",
            )


def _require_recruitment(study: Study) -> None:
    recruitment = study.recruitment
    if recruitment.platform not in PLATFORMS:
        raise InputError(
            "recruitment platform", recruitment.platform, "choose prolific or mturk, or none"
        )
    for name in ("completed", "screened_out", "withdrawn"):
        code = getattr(recruitment, name)
        if code and not _CODE.fullmatch(code):
            raise InputError(f"recruitment {name}", code, "use 1 to 40 letters, digits, '-', '_'")
