"""Which clips a study needs, and the sound of each before it is written."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from core.audio import SILENCE_RMS, fade
from evaluation.listening.clips import clip as sound
from evaluation.listening.clips import headphones
from evaluation.listening.design import sources
from evaluation.listening.design.study import ANCHOR_CUTOFFS, MUSHRA, Study

MAIN, ANCHOR, REFERENCE, IDENTICAL, ATTENTION, LEVEL, PROMPT, HEADPHONES = (
    "main",
    "anchor",
    "reference",
    "identical",
    "attention",
    "level",
    "prompt",
    "headphones",
)


@dataclass(frozen=True)
class Wanted:
    """A clip to be made; `source` is None for beeps and noise."""

    kind: str
    system: str
    item: str
    source: Path | None

    @property
    def whose(self) -> tuple[str, str, str]:
        return self.kind, self.system, self.item


def wanted_clips(study: Study, prompts: Mapping[str, Path]) -> list[Wanted]:
    """Every clip of a study, in an order that `prepare` shuffles."""
    by_system = {system.name: sources.system_clips(study, system) for system in study.systems}
    references = sources.reference_clips(study)
    wanted = [
        Wanted(MAIN, system, item, path)
        for system, clips in by_system.items()
        for item, path in clips.items()
    ]
    wanted += [Wanted(PROMPT, "", item, path) for item, path in prompts.items()]
    wanted += [Wanted(REFERENCE, "", item, path) for item, path in references.items()]
    if study.method == MUSHRA:
        wanted += [
            Wanted(anchor, "", item, path)
            for anchor in ANCHOR_CUTOFFS
            for item, path in references.items()
        ]
    wanted += _controls(study, by_system, references)
    if study.controls.attention:
        wanted += [
            Wanted(ATTENTION, "", str(count), None) for count in range(1, study.scale[1] + 1)
        ]
    if study.headphone_test:
        wanted += [
            Wanted(HEADPHONES, "", str(index), None) for index in range(len(headphones.ORDERS))
        ]
    return [*wanted, Wanted(LEVEL, "", "", None)]


def _controls(
    study: Study, by_system: Mapping[str, Mapping[str, Path]], references: Mapping[str, Path]
) -> Iterator[Wanted]:
    """Anchors and identical pairs, each of a system that chance picks for the item."""
    chooser = random.Random(f"{study.seed}/controls")
    for item in study.items:
        system = chooser.choice(sorted(by_system))
        source = by_system[system][item.id]
        if study.controls.anchors:
            whose = "" if references else system
            yield Wanted(ANCHOR, whose, item.id, references.get(item.id, source))
        if study.controls.identical_pairs:
            yield Wanted(IDENTICAL, system, item.id, source)


def join_gain(study: Study, wanted: Wanted, prompts: Mapping[str, Path]) -> float | None:
    """The factor that brings a whole file's own prompt to the level of the prompt clip.

    None where the file holds no prompt, or either is silent.
    """
    holds_prompt = wanted.source is not None and wanted.kind != PROMPT
    if not holds_prompt or study.continuation is None or not study.continuation.whole:
        return None
    assert wanted.source is not None
    prompt, seconds = prompts[wanted.item], study.continuation.prompt_seconds
    heard = sound.rms(sound.read_end(prompt, seconds, study.clip))
    start = max(0.0, sound.seconds_of(prompt) - seconds)
    own = sound.rms(sound.read_cut(wanted.source, start, seconds, study.clip))
    return None if min(heard, own) < SILENCE_RMS else heard / own


def sound_of(study: Study, wanted: Wanted, prompts: Mapping[str, Path]) -> np.ndarray:
    """The clip before levelling, [channels, T]; a headphone trial has two channels always."""
    form = study.clip
    if wanted.kind == HEADPHONES:
        return headphones.tones(headphones.ORDERS[int(wanted.item)], form.sample_rate)
    if wanted.source is None:
        made = (
            sound.beeps(int(wanted.item), study.clip_seconds, form)
            if wanted.kind == ATTENTION
            else sound.level_noise(study.clip_seconds, form)
        )
        return fade(made, form.sample_rate, form.fade, form.fade)
    if wanted.kind == PROMPT:
        end = sound.read_end(wanted.source, study.prompt_seconds, form)
        return fade(end, form.sample_rate, form.fade, 0)
    start = form.start
    if study.continuation is not None and study.continuation.whole:
        start += sound.seconds_of(prompts[wanted.item])
    samples = sound.read_cut(wanted.source, start, form.seconds, form)
    samples = samples * (join_gain(study, wanted, prompts) or 1.0)
    cutoffs = {ANCHOR: study.controls.anchor_cutoff, **ANCHOR_CUTOFFS}
    if wanted.kind in cutoffs:
        samples = sound.low_pass(samples, cutoffs[wanted.kind], form.sample_rate)
    # A continuation goes on from its prompt.
    return fade(samples, form.sample_rate, 0 if study.continuation else form.fade, form.fade)


def measure(
    study: Study, wanted: list[Wanted], prompts: Mapping[str, Path]
) -> tuple[float, list[tuple[float, float]]]:
    """The loudness all can share without clipping, and each clip's loudness and peak."""
    measured = []
    for one in wanted:
        samples = sound_of(study, one, prompts)
        peak = float(np.max(np.abs(samples)))
        name = one.source.name if one.source else f"of the {one.kind} check"
        if join_gain(study, one, prompts) is not None:
            prompt = Wanted(PROMPT, "", one.item, prompts[one.item])
            samples = sound_of(study, prompt, prompts)
        measured.append((sound.loudness(samples, study.clip.sample_rate, name), peak))
    # Lowering everybody keeps clips equal; limiting the loud ones would change their sound.
    target = min(
        study.clip.loudness,
        *(level + 20 * np.log10(sound.PEAK_LIMIT / peak) for level, peak in measured),
    )
    return float(target), measured
