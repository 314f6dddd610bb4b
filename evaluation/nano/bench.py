"""What every part of the measurement shares: models, corpora, and clips that are made once.

A clip is named by the hash of the weights and of its request, so a killed run goes on where it
was, parts share clips, and new weights never meet old clips. Code that decodes otherwise than
before wants another --cache.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from core import audio, variants
from core.audio import Sound
from core.checkpoints import opening
from core.errors import InputError
from core.files import write_text
from core.generation.rendering import WavTokenizerRenderer
from core.pipeline import BATCH, Pipeline
from core.requests.request import GenerationRequest
from evaluation.adherence.clip_features import ClipFeatures, Hearing
from evaluation.adherence.recognition import KeyRecogniser, LabelRecogniser, key_of
from evaluation.nano.pieces import ReferencePiece, read_pieces
from evaluation.source import source_digest

SECONDS = 10.0
CLIPS_A_PIECE = 2
TRAINING_PIECES = 30  # at most, a style
RECONSTRUCTED = 60  # held-out clips that pass through each codec
CODE = (
    "core",
    "evaluation/adherence",
    "evaluation/metrics",
    "evaluation/nano",
)  # that figures come from


@dataclass(frozen=True)
class Setting:
    """What is measured, and on what.

    Attributes:
        variant: variant or model folder.
        corpus: folder the models were trained on; recognisers learn from its training split.
        held_out: corpus folder of other seeds.
        real: folders of real music.
        captions: folder of `musiccaps-public.csv` and `song_describer.csv`.
        clips: at most so many clips in each place, for a pilot; None: full size.
        seed: of draws, and of the first generated clip.
        steps: of the SRFM's ODE; None: the standard preset.
    """

    variant: str
    corpus: Path
    held_out: Path
    real: tuple[Path, ...]
    captions: Path
    clips: int | None
    seed: int
    steps: int | None = None

    def as_dict(self) -> dict[str, Any]:
        """Plain data; folders by name, since the rest of a path is one machine's."""
        told = asdict(self)
        told.update(
            corpus=self.corpus.name,
            held_out=self.held_out.name,
            real=[folder.name for folder in self.real],
            captions=self.captions.name,
        )
        return told


@dataclass(frozen=True)
class Made:
    """A generated clip: its sound [1, T], its tokens [N], where new music begins (s)."""

    sound: Sound
    tokens: np.ndarray
    join_seconds: float


class Bench:
    """Models, corpora and the cache of one measurement."""

    def __init__(self, setting: Setting, cache: Path) -> None:
        self.setting, self.cache = setting, cache
        self.hearing = Hearing(cache / "heard")
        (cache / "clips").mkdir(parents=True, exist_ok=True)

    def at_most(self, full: int) -> int:
        """`full`, or fewer in a pilot."""
        return full if self.setting.clips is None else min(full, self.setting.clips)

    @cached_property
    def pipeline(self) -> Pipeline:
        return Pipeline.load(self.setting.variant)

    @cached_property
    def weights(self) -> str:
        """Hash of everything in the model folder that decides its sound."""
        return opening.fingerprint(variants.folder_of(variants.get(self.setting.variant)))

    @cached_property
    def held_out(self) -> list[ReferencePiece]:
        """Every held-out piece. Raises: InputError when one's seed is in the training corpus."""
        pieces = read_pieces(self.setting.held_out, None)
        trained_on = {p.facts["seed"] for p in read_pieces(self.setting.corpus, None)}
        known = [p.id for p in pieces if p.facts["seed"] in trained_on]
        if known:
            raise InputError(
                "held-out corpus",
                self.setting.held_out,
                f"holds {known[0]}, which is in the training corpus; render it with --seed 100000",
            )
        return pieces

    def pieces(self, full: int) -> list[ReferencePiece]:
        """The first held-out pieces, `full` of them or as many as a pilot wants."""
        return self.held_out[: self.at_most(full)]

    def generated(
        self, requests: Sequence[GenerationRequest], label: str = "generating", flow: bool = True
    ) -> Iterator[Made]:
        """The clips of all requests, in order. What is not in the cache is made, a few at a time.

        Args:
            flow: False renders the same tokens with WavTokenizer's own decoder.
        """
        for number, request in enumerate(self.told(requests, label)):
            if number % BATCH == 0:
                self._make(requests[number : number + BATCH])
            made = self._read(self._clip(self._asked(request)))
            yield made if flow else self._without_flow(request, made.tokens)

    def _make(self, requests: Sequence[GenerationRequest]) -> None:
        absent = [r for r in requests if not self._clip(self._asked(r)).is_file()]
        for request, result in zip(absent, self.pipeline.generate_batch(absent) if absent else []):
            self._write(
                self._clip(self._asked(request)),
                result.samples,
                result.sample_rate,
                tokens=result.tokens,
                join=result.join_seconds,
            )

    def _without_flow(self, request: GenerationRequest, tokens: np.ndarray) -> Made:
        path = self._clip(self._asked(request) + " without flow")
        if not path.is_file():
            sound = without_flow(self.pipeline, tokens, request.seconds)
            self._write(path, sound.samples[0], sound.sample_rate, tokens=tokens, join=0.0)
        return self._read(path)

    def _asked(self, request: GenerationRequest) -> str:
        return json.dumps({**request.as_dict(), "weights": self.weights}, sort_keys=True)

    def request(
        self, prompt: str, number: int = 0, seconds: float = SECONDS, **more: Any
    ) -> GenerationRequest:
        """A request with the command line's defaults and the setting's seed + number."""
        return GenerationRequest(
            prompt,
            seconds,
            variant=self.pipeline.variant.name,
            seed=self.setting.seed + number,
            steps=self.setting.steps,
            **more,
        )

    def through(self, sound: Sound, codec: str) -> Sound:
        """A sound through a codec and back (`Pipeline.reconstruct`), cached."""
        asked = (
            f"{codec} {self.weights} {self.setting.steps} {sound.sample_rate} "
            + hashlib.sha256(sound.samples.tobytes()).hexdigest()
        )
        path = self._clip(asked)
        if not path.is_file():
            made = self.pipeline.reconstruct(sound, codec)
            self._write(path, made.samples[0], made.sample_rate, tokens=np.zeros(0), join=0.0)
        return self._read(path).sound

    @property
    def codecs(self) -> tuple[str, ...]:
        """What a sound can pass through in this variant."""
        whole = ("wavtokenizer", "hificodec", "srfm")
        return whole if self.pipeline.variant.flow else whole[:1]

    def heard(self, sounds: Sequence[Sound], label: str) -> list[ClipFeatures]:
        """What is heard in every sound, with progress on stderr."""
        return [self.hearing.hear(s) for s in self.told(sounds, f"hearing {label}")]

    def told(self, items: Sequence[Any], label: str) -> Any:
        """The items, their count told on stderr now and then."""
        for number, item in enumerate(items):
            if number % 20 == 0:
                print(f"  {label}: {number} of {len(items)}", file=sys.stderr, flush=True)
            yield item

    @cached_property
    def training(self) -> tuple[list[ClipFeatures], list[ReferencePiece]]:
        """What recognisers of every style's music learn from, see `training_clips`."""
        return self.training_clips(None)

    def training_clips(
        self, styles: Sequence[str] | None
    ) -> tuple[list[ClipFeatures], list[ReferencePiece]]:
        """Training clips of these styles (None: of all) as heard, and each clip's piece. A pilot
        uses them all: they are heard once for all weights."""
        count: dict[str, int] = {}
        chosen = []
        for piece in read_pieces(self.setting.corpus, "train"):
            if styles is not None and piece.style not in styles:
                continue
            count[piece.style] = count.get(piece.style, 0) + 1
            if count[piece.style] <= TRAINING_PIECES:
                chosen.append(piece)
        clips = [(p, start) for p in chosen for start in training_starts(p)]
        heard = [
            self.hearing.hear(p.sound(start, SECONDS))
            for p, start in self.told(clips, "hearing training clips")
        ]
        return heard, [p for p, _ in clips]

    @cached_property
    def style_recogniser(self) -> LabelRecogniser:
        heard, pieces = self.training
        return LabelRecogniser(heard, [p.style for p in pieces])

    @cached_property
    def drum_recogniser(self) -> LabelRecogniser:
        heard, pieces = self.training
        return LabelRecogniser(heard, [drums_word(p) for p in pieces], balanced=True)

    @cached_property
    def key_recogniser(self) -> KeyRecogniser:
        heard, pieces = self.training
        return KeyRecogniser(heard, [key_of(p.facts["key"], p.facts["mode"]) for p in pieces])

    def part(self, name: str, measure: Callable[[Bench], dict[str, Any]]) -> dict[str, Any]:
        """A part's figures, from the cache when weights, setting, code and the folders' files are
        the same."""
        setting = self.setting
        folders = (setting.corpus, setting.held_out, setting.captions, *setting.real)
        asked = json.dumps(
            [
                name,
                self.weights,
                setting.as_dict(),
                source_digest(*CODE),
                [_contents(folder) for folder in folders],
            ]
        )
        path = self.cache / "parts" / f"{name}-{_short(asked)}.json"
        if not path.is_file():
            figures = measure(self)
            path.parent.mkdir(exist_ok=True)
            write_text(path, json.dumps(figures))
        return json.loads(path.read_text())

    def _clip(self, asked: str) -> Path:
        return self.cache / "clips" / f"{_short(asked)}.flac"

    def _write(
        self, path: Path, samples: np.ndarray, rate: int, tokens: np.ndarray, join: float
    ) -> None:
        np.savez(path.with_suffix(".npz"), tokens=tokens, join=join)
        audio.write(path, samples, rate)  # last, and whole: with it the clip is there

    def _read(self, path: Path) -> Made:
        with np.load(path.with_suffix(".npz")) as kept:
            return Made(audio.read(path), kept["tokens"], float(kept["join"]))


def _contents(folder: Path) -> list[tuple[str, int]]:
    """Every file of a folder with its size."""
    return sorted((str(path), path.stat().st_size) for path in folder.rglob("*") if path.is_file())


def without_flow(pipeline: Pipeline, tokens: np.ndarray, seconds: float) -> Sound:
    """Tokens as WavTokenizer's own decoder sounds them, 24 kHz."""
    renderer = WavTokenizerRenderer(pipeline.wavtokenizer, np.zeros(0, np.int64))
    pieces = [piece for _, piece in (*renderer.feed(tokens), *renderer.flush())]
    limiter = audio.Limiter(renderer.sample_rate)
    sound = np.concatenate([limiter.feed(np.concatenate(pieces)), limiter.flush()])
    return Sound(sound[None, : round(seconds * renderer.sample_rate)], renderer.sample_rate)


def training_starts(piece: ReferencePiece) -> list[float]:
    """Where a training piece's clips begin: its first verse, and half of what is left after it."""
    first = piece.verse(SECONDS)
    last = max(first, piece.facts["duration_s"] - SECONDS - 0.1)
    return [first, (first + last) / 2][:CLIPS_A_PIECE]


def drums_word(piece: ReferencePiece) -> str:
    """ "drums" or "no drums"."""
    return "drums" if piece.facts["has_drums"] else "no drums"


def _short(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:24]
