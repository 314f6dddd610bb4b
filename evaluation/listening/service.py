"""What a rater's page asks and gets: the only door between raters and the study.

Everything handed out is a view made of fields that may be known; system names, kinds of trial
and sources never pass. A clip has another name in every trial, and other bytes: its last bits
are dithered by that name, so that neither tells which clips are the same. A page turns a view
into JSON with `dataclasses.asdict`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from core.errors import InputError
from evaluation.listening.answer_checks import (
    checked_comment,
    checked_headphones,
    checked_listening,
    checked_record,
    checked_scores,
    clean,
)
from evaluation.listening.clips import headphones
from evaluation.listening.clips.clip import blinded_wav
from evaluation.listening.clips.preparation import CLIPS, Prepared
from evaluation.listening.clips.wanted import ATTENTION, HEADPHONES, LEVEL, PROMPT
from evaluation.listening.design.assignment import TRAINING, Trial, plan_trials
from evaluation.listening.design.study import ARENA, MUSHRA, Study
from evaluation.listening.design.study_parts import Axis
from evaluation.listening.store.records import Seat, StoredTrial
from evaluation.listening.store.storage import Store

EVENT_KINDS = ("level_check", "pause", "resume", "play_failed", HEADPHONES)

TRIAL, FINISHED, WITHDRAWN = "trial", "finished", "withdrawn"
PROLIFIC_RETURN = "https://app.prolific.com/submissions/complete?cc={}"
_CLIP_NAME = re.compile(r"([0-9a-f]{16})([0-9]{1,2})\.wav")
_PLATFORM_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


@dataclass(frozen=True)
class StudyView:
    """What the page shows of a study before and around the trials.

    `level_clip` is noise at the loudness of all clips, to set the level and check headphones by.
    `words_on_scale`: whether the steps of the scale are words rather than numbers. `sliders`:
    whether a screen has a slider from 0 to 100 for every clip (MUSHRA). `is_public`: whether the
    page shows the results at the end.
    """

    name: str
    title: str
    consent: str
    language: dict[str, str]
    axes: tuple[Axis, ...]
    scale: tuple[int, int]
    pairs: bool
    words_on_scale: bool
    sliders: bool
    is_public: bool
    min_heard: float
    level_clip: str


@dataclass(frozen=True)
class TrialView:
    """One screen: opaque clip names (two for pairs, A then B), all of `seconds`.

    A MUSHRA screen has a clip for every slider, and the open `reference` beside them.

    `prompt_seconds` of a continuation's start are marked as the prompt. `instruction` is empty
    but for attention checks, which say openly what to answer.
    """

    id: str
    position: int
    total: int
    training: bool
    clips: tuple[str, ...]
    seconds: float
    prompt_seconds: float
    caption: str
    instruction: str
    reference: str = ""


@dataclass(frozen=True)
class RaterView:
    """Where a rater stands: a trial to answer, or finished with a code, or withdrawn.

    `stored` tells after an answer whether it was new; a repeated one is acknowledged as well.
    `return_url`: where the platform that sent the rater wants to be told; empty otherwise.
    `headphones`: clips of the headphone test that comes before the first trial, in the order
    in which they are to be judged; empty once it is done, and where the study has none.
    """

    state: str
    trial: TrialView | None = None
    completion_code: str = ""
    stored: bool = False
    return_url: str = ""
    headphones: tuple[str, ...] = ()


class RatingService:
    """Serves the raters of one study; keeps no state of its own, so any process may answer."""

    def __init__(self, study: Study, prepared: Prepared, store: Store) -> None:
        """Raises: InputError when study, clips and stored answers do not belong together."""
        if prepared.study_digest != study.digest:
            raise InputError(
                "prepared clips", prepared.folder, "belong to another version of the study"
            )
        self.text_version = store.open_study(study)
        self.study, self.prepared, self.store = study, prepared, store
        self._captions = {item.id: item.caption for item in (*study.items, *study.training_items)}
        self._level_clip = prepared.of_kind(LEVEL)[0].name
        self._tones = [
            name for _, name in sorted((int(c.item), c.name) for c in prepared.of_kind(HEADPHONES))
        ]
        self._names = set() if prepared.is_blind else {clip.name for clip in prepared.clips}
        self._prompts = {clip.item: clip.name for clip in prepared.of_kind(PROMPT)}

    def study_view(self) -> StudyView:
        """The page's configuration, the same for every rater."""
        study = self.study
        return StudyView(
            study.name,
            study.title,
            study.consent,
            dict(study.language),
            study.axes,
            study.scale,
            study.is_pairs,
            study.method == ARENA,
            study.method == MUSHRA,
            study.public,
            study.min_heard,
            self._level_clip,
        )

    def start(
        self, token: str, consent: bool, participant: Mapping[str, str] | None = None
    ) -> RaterView:
        """Join with a fresh link, or come back with a known one; safe to repeat.

        Args:
            participant: {"participant", "study", "session"} as the study's platform calls them.

        Raises: InputError without consent, for a token that is none or not invited, and for a
            participant who takes part already.
        """
        if consent is not True:
            raise InputError("consent", "not given", "nobody takes part without it")
        seat = self.store.join(
            self.study,
            token,
            lambda given, number: plan_trials(self.study, self.prepared, given, number),
            self._participant(participant),
        )
        return self._view(seat)

    def view(self, token: str) -> RaterView:
        """Where the rater of a link stands. Raises: InputError for an unknown link."""
        return self._view(self._seat(token))

    def answer(
        self,
        token: str,
        trial_id: str,
        scores: Mapping[str, int],
        comment: str = "",
        listening: Mapping[str, Any] | None = None,
    ) -> RaterView:
        """Store the answer of the trial that is next; returns what comes then.

        Idempotent per rater and trial: the first answer stands, a repeated request adds none.

        Args:
            scores: one whole number of the scale for every axis; of a MUSHRA screen for every
                clip, by its name.
            listening: {"heard": [share of each clip, 0..1], "events": [...]} as the page
                logged it; anything else in it is refused.

        Raises: InputError for what is missing, out of range or too long.
        """
        seat = self._seat(token)
        if not isinstance(trial_id, str):
            raise InputError("trial", trial_id, "is not one of this rater's")
        wanted = {axis.name: axis.name for axis in self.study.axes}
        if self.study.method == MUSHRA:
            trial = self.store.trial(self.study.name, trial_id)
            if trial is None:
                raise InputError("trial", trial_id, "is not one of this rater's")
            wanted = dict(zip(self._clips(trial_id, trial)[1:], trial.conditions))
        stored = self.store.answer(
            seat.rater_id,
            trial_id,
            checked_scores(scores, wanted, self.study.scale),
            checked_comment(comment),
            checked_listening(listening or {}),
            self.text_version,
        )
        return self._view(self._seat(token), stored)

    def note(
        self, token: str, key: str, kind: str, detail: Mapping[str, Any] | None = None
    ) -> None:
        """Store a pause, a resume, a level check, a clip that would not play or the answers of
        the headphone test ({"answers": six numbers 0 to 2}), once per key."""
        if kind not in EVENT_KINDS:
            raise InputError("event", kind, f"use {', '.join(EVENT_KINDS)}")
        if not isinstance(key, str) or not 1 <= len(key) <= 64 or not key.isascii():
            raise InputError("event key", key, "give 1 to 64 ASCII characters")
        record = checked_record(detail or {}, "event detail")
        if (kind == HEADPHONES) != (key == HEADPHONES):
            raise InputError("event key", key, f"is {HEADPHONES} for that test, and only for it")
        if kind == HEADPHONES:
            record = checked_headphones(record, len(self._tones))
        self.store.note(self._seat(token).rater_id, clean(key), kind, record)

    def withdraw(self, token: str) -> RaterView:
        """Delete the rater's answers; repeating it changes nothing."""
        self.store.withdraw(self._seat(token).rater_id)
        return self.view(token)

    def clip(self, name: str) -> bytes:
        """The WAV of a clip name from a view. Raises: InputError for any other name."""
        folder = self.prepared.folder / CLIPS
        if isinstance(name, str) and (
            name in (self._level_clip, *self._tones) or name in self._names
        ):
            return (folder / name).read_bytes()
        parts = _CLIP_NAME.fullmatch(name) if isinstance(name, str) else None
        trial = self.store.trial(self.study.name, parts[1]) if parts else None
        files = self._files(trial) if trial else ()
        file = files[int(parts[2])] if parts and int(parts[2]) < len(files) else None
        if trial is None or file is None:
            raise InputError("clip", name, "is not a clip of this study")
        prompt = None if trial.kind == ATTENTION else self._prompts.get(trial.item)
        return blinded_wav([folder / one for one in (prompt, file) if one], name)

    def _participant(self, given: Mapping[str, str] | None) -> tuple[str, str, str] | None:
        """Participant, study and session; None where nobody sent the rater."""
        if not given or not self.study.recruitment.platform:
            return None
        ids = [given.get(key, "") for key in ("participant", "study", "session")]
        if not ids[0]:
            return None
        for text in ids:
            if not isinstance(text, str) or (text and not _PLATFORM_ID.fullmatch(text)):
                raise InputError("participant", "", "is not an id of a platform")
        return ids[0], ids[1], ids[2]

    def _seat(self, token: str) -> Seat:
        seat = self.store.seat(self.study, token)
        if seat is None:
            raise InputError("link", "", "is not known; start the test again from its address")
        return seat

    def _view(self, seat: Seat, stored: bool = False) -> RaterView:
        recruitment = self.study.recruitment
        if seat.withdrawn:
            return RaterView(WITHDRAWN, return_url=self._return_url(recruitment.withdrawn))
        trials = self.store.trials(seat.rater_id)
        waiting = next((trial for trial in trials if not trial.answered), None)
        if waiting is not None:
            tones = () if stored else self._headphones(seat)
            view = self._trial_view(waiting, len(trials))
            return RaterView(TRIAL, view, "", stored, headphones=tones)
        code = recruitment.completed
        if recruitment.screened_out and not self._attentive(seat.rater_id):
            code = recruitment.screened_out
        return RaterView(
            FINISHED, None, code or seat.completion_code, stored, self._return_url(code)
        )

    def _headphones(self, seat: Seat) -> tuple[str, ...]:
        if not self._tones or self.store.was_noted(seat.rater_id, HEADPHONES):
            return ()
        order = headphones.trial_order(self.study.seed, seat.number)
        return tuple(self._tones[index] for index in order)

    def _files(self, trial: Trial) -> tuple[str, ...]:
        """Prepared files of a trial: one, two, or the open reference and every condition."""
        names = [self.prepared.condition_name(one, trial.item) for one in trial.conditions]
        return tuple(name for name in (trial.first, trial.second, *names) if name)

    def _clips(self, trial_id: str, trial: Trial) -> tuple[str, ...]:
        """Names of a trial's files for the page: opaque, but for a preview's."""
        files = self._files(trial)
        if self._names:
            return files
        return tuple(f"{trial_id}{side}.wav" for side in range(len(files)))

    def _attentive(self, rater_id: str) -> bool:
        """Whether the rater's attention checks suffice for the study's rule."""
        least = self.study.screening.min_attention
        shares = [
            all(score == int(answer.trial.item) for score in answer.scores.values())
            for answer in self.store.answers(self.study.name)
            if answer.rater_id == rater_id and answer.trial.kind == ATTENTION
        ]
        return least is None or not shares or sum(shares) / len(shares) >= least

    def _return_url(self, code: str) -> str:
        is_prolific = self.study.recruitment.platform == "prolific"
        return PROLIFIC_RETURN.format(code) if is_prolific and code else ""

    def _trial_view(self, stored: StoredTrial, total: int) -> TrialView:
        trial, language = stored.trial, dict(self.study.language)
        files = self._clips(stored.id, trial)
        reference, clips = (files[0], files[1:]) if trial.conditions else ("", files)
        is_check = trial.kind == ATTENTION
        instruction = language["attention_pair" if trial.second else "attention"]
        return TrialView(
            stored.id,
            stored.position,
            total,
            trial.kind == TRAINING,
            clips,
            self.study.clip_seconds,
            0.0 if is_check else self.study.prompt_seconds,
            "" if is_check else self._captions[trial.item],
            instruction if is_check else "",
            reference,
        )
