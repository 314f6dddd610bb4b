"""The sentence that joins the models: generate, continue, reconstruct; whole or streamed."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from core import audio, variants
from core.audio import Limiter, Sound
from core.checkpoints import opening
from core.conditioning import TextTokenizer, conditioning
from core.errors import Cancelled, FailureError, InputError
from core.language_model import DecodeRequest, decode
from core.mastering import Mastering
from core.rendering import WavTokenizerSound
from core.request import MIN_PROMPT_AUDIO_SECONDS, GenerationRequest

JOIN_TOKENS = 5  # 67 ms of equal-power cross-fade from the prompt to what was decoded
EDGE_FADE_SECONDS = 0.005  # no click at the first and last sample
OFFICIAL_FADE_OUT_SECONDS = 1.0
OFFICIAL_PROMPT_SECONDS = 5.0
OFFICIAL_LEAST_SHARE = 0.9  # of the asked length before the end token is allowed
TOKENS_A_TURN = 15  # 0.2 s of music between two looks at `should_stop`


@dataclass(frozen=True)
class Progress:
    """How far a job is: `stage`, `fraction` of it done, estimated `seconds_left`."""

    stage: str
    fraction: float
    seconds_left: float


@dataclass(frozen=True)
class AudioChunk:
    """The next samples of a result, float32 [T], in order and without gaps."""

    samples: np.ndarray
    sample_rate: int


@dataclass(frozen=True)
class GenerationResult:
    """A finished piece.

    Attributes:
        samples: float32 [T], mono; the chunks of the stream joined.
        sample_rate: Hz.
        tokens: WavTokenizer tokens of the new music, int64 [N].
        request: what was asked, seed resolved.
        model: which weights made it.
        stages: compute seconds by stage (load, language_model, srfm, vocoder).
        join_seconds: where the new music begins in `samples` (0 without a prompt in front).
    """

    samples: np.ndarray
    sample_rate: int
    tokens: np.ndarray
    request: GenerationRequest
    model: dict[str, Any]
    stages: dict[str, float]
    join_seconds: float = 0.0

    @property
    def seconds(self) -> float:
        return len(self.samples) / self.sample_rate

    @property
    def rtf(self) -> float:
        """Compute seconds a second of new music, loading left out."""
        new = max(self.seconds - self.join_seconds, 1e-9)
        return sum(v for k, v in self.stages.items() if k != "load") / new

    def as_dict(self) -> dict[str, Any]:
        """The result without its sound, as the command line prints it."""
        return {"request": self.request.as_dict(), "variant": self.request.variant,
                "sample_rate": self.sample_rate, "channels": 1,
                "seconds": round(self.seconds, 6), "tokens": len(self.tokens),
                "seed": self.request.seed,
                "stages": {k: round(v, 4) for k, v in self.stages.items()},
                "rtf": round(self.rtf, 4), "peak_memory_bytes": peak_memory_bytes(),
                "model": self.model}


def peak_memory_bytes() -> int:
    """Largest resident memory of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


@dataclass
class _Job:
    """One run's bookkeeping."""

    request: GenerationRequest
    total_tokens: int
    prompt: np.ndarray  # tokens [P]
    front: np.ndarray  # sound of the prompt at the output rate, [T]
    stages: dict[str, float] = field(default_factory=dict)

    def spend(self, stage: str, began: float) -> None:
        """Book the time since `began` under `stage`."""
        self.stages[stage] = self.stages.get(stage, 0.0) + time.perf_counter() - began


class Pipeline:
    """The loaded models of one variant. Not thread-safe: one job at a time."""

    def __init__(self, variant: variants.Variant, folder: Path, models: dict[str, torch.nn.Module],
                 tokenizer: TextTokenizer, load_seconds: float) -> None:
        self.variant, self.folder, self.models = variant, folder, models
        self.tokenizer, self.load_seconds = tokenizer, load_seconds
        self.wavtokenizer = models["wavtokenizer"]
        self.language_model = models["language_model"]
        self.token_rate = self.wavtokenizer.sample_rate / self.wavtokenizer.hop  # tokens a second
        self.model = {"folder": folder.name, **opening.about(folder),
                      "text_tokenizer": tokenizer.source}

    @classmethod
    def load(cls, name: str, dtype: str = "fp32", device: str = "cpu") -> Pipeline:
        """Load a variant by name.

        Raises: InputError for an unknown or missing variant, or damaged weights.
        """
        began = time.perf_counter()
        variant = variants.get(name)
        folder = variants.folder_of(variant)
        language = torch.bfloat16 if dtype == "bf16" else torch.float32
        models = {c: opening.open_component(
                      folder, c, language if c == "language_model" else torch.float32, device)
                  for c in variant.components}
        tokenizer = opening.text_tokenizer(folder)
        return cls(variant, folder, models, tokenizer, time.perf_counter() - began)

    def generate(self, request: GenerationRequest) -> GenerationResult:
        """Text (or audio, with `request.audio`) in, the whole piece out."""
        for event in self.stream(request):
            if isinstance(event, GenerationResult):
                return event
        raise FailureError("generation", request.variant, "ended without a result")

    def stream(self, request: GenerationRequest, should_stop: Callable[[], bool] = lambda: False,
               ) -> Iterator[Progress | AudioChunk | GenerationResult]:
        """The same piece while it is made: progress and sound as they come, the result last.

        Raises: Cancelled soon after `should_stop()` turns true (at the next model call).
        """
        began = time.perf_counter()
        yield Progress("preparing", 0.0, 0.0)
        job = self._prepare(request)
        job.stages["load"] = self.load_seconds
        mastering = self._mastering(job)
        sound = self._sound(job, JOIN_TOKENS if mastering.overlap else 0)
        for samples in mastering.start():
            yield AudioChunk(samples, self.variant.sample_rate)
        tokens: list[np.ndarray] = []
        done, first = 0, time.perf_counter()
        for fresh, pieces in self._pieces(job, sound, began):
            if should_stop():
                raise Cancelled
            if fresh is not None:
                tokens.append(fresh)
                done += len(fresh)
            for samples in mastering.add(pieces):
                yield AudioChunk(samples, self.variant.sample_rate)
            fraction = done / job.total_tokens
            left = (time.perf_counter() - first) * (1 - fraction) / max(fraction, 1e-6)
            yield Progress("making music" if fraction < 1 else "finishing", fraction, left)
        for samples in mastering.finish():
            yield AudioChunk(samples, self.variant.sample_rate)
        yield GenerationResult(mastering.joined(), self.variant.sample_rate,
                               np.concatenate(tokens), request, self.model, job.stages,
                               mastering.join_seconds)

    def _pieces(self, job: _Job, sound: WavTokenizerSound, began: float,
                ) -> Iterator[tuple[np.ndarray | None, np.ndarray]]:
        """(new tokens or None, new sound [T], maybe empty) after every model call, timed."""
        silence = np.zeros(0, np.float32)
        for fresh in self._tokens(job):
            job.spend("language_model", began)
            yield fresh, silence
            began = time.perf_counter()
            for piece in sound.feed(fresh):
                job.spend(sound.stage, began)
                yield None, piece
                began = time.perf_counter()
        for piece in sound.flush():
            job.spend(sound.stage, began)
            yield None, piece
            began = time.perf_counter()

    def _mastering(self, job: _Job) -> Mastering:
        request, rate = job.request, self.variant.sample_rate
        audible = request.audio is not None and not request.audio.only_new
        front = job.front if audible else np.zeros(0, np.float32)
        token = self.wavtokenizer.hop / self.wavtokenizer.sample_rate  # seconds
        overlap = round(JOIN_TOKENS * token * rate) if audible else 0
        fade_out = OFFICIAL_FADE_OUT_SECONDS if request.compat else EDGE_FADE_SECONDS
        return Mastering(rate, front, overlap, round(request.seconds * rate), EDGE_FADE_SECONDS,
                         min(fade_out, request.seconds))

    def reconstruct(self, sound: Sound, through: str) -> Sound:
        """Sound through a codec and back: what the models can keep of it.

        Args:
            through: "wavtokenizer" (24 kHz tokens and back), "hificodec" (48 kHz latents and
                back) or "srfm" (24 kHz tokens, super-resolved).
        """
        audio.require_sounding(sound, "audio", 0.1)
        if through != "wavtokenizer":
            raise InputError("through", through, "must be one of wavtokenizer")
        tokens = self._encode(sound)
        renderer = WavTokenizerSound(self.wavtokenizer, np.zeros(0, np.int64))
        pieces = [*renderer.feed(tokens), *renderer.flush()]
        limiter = Limiter(renderer.sample_rate)
        made = np.concatenate([limiter.feed(np.concatenate(pieces)), limiter.flush()])
        return Sound(made[None, :round(sound.seconds * renderer.sample_rate)],
                     renderer.sample_rate)

    def _encode(self, sound: Sound) -> np.ndarray:
        """Tokens [N] of a sound of any rate and channel count."""
        rate = self.wavtokenizer.sample_rate
        mono = audio.resample(sound.mono(), sound.sample_rate, rate)
        with torch.inference_mode():
            return self.wavtokenizer.encode(torch.from_numpy(mono)[None, None])[0].numpy()

    def _prepare(self, request: GenerationRequest) -> _Job:
        if request.variant != self.variant.name:
            raise InputError("variant", request.variant, f"but {self.variant.name} is loaded")
        total = int(np.ceil(request.seconds * self.token_rate - 1e-9))
        empty = np.zeros(0, np.int64), np.zeros(0, np.float32)
        prompt, front = self._audio_prompt(request) if request.audio is not None else empty
        return _Job(request, total, prompt, front)

    def _audio_prompt(self, request: GenerationRequest) -> tuple[np.ndarray, np.ndarray]:
        """(tokens [P], sound at the output rate [T]); whole tokens, cut at the beginning."""
        assert request.audio is not None
        sound = audio.read(request.audio.path, request.audio.start, request.audio.end)
        audio.require_sounding(sound, "prompt audio", MIN_PROMPT_AUDIO_SECONDS)
        if request.compat == "official":
            keep = round(OFFICIAL_PROMPT_SECONDS * sound.sample_rate)
            sound = Sound(sound.samples[:, :keep], sound.sample_rate)
        rate, hop = self.wavtokenizer.sample_rate, self.wavtokenizer.hop
        count = int(sound.seconds * rate / hop)
        front = audio.resample(sound.mono(), sound.sample_rate, self.variant.sample_rate)
        front = front[len(front) - round(count * hop * self.variant.sample_rate / rate):]
        tail = round(count * hop * sound.sample_rate / rate)
        return self._encode(Sound(sound.samples[:, -tail:], sound.sample_rate))[:count], front

    def _tokens(self, job: _Job) -> Iterator[np.ndarray]:
        """The language model's tokens in small arrays, `total_tokens` in all (or fewer when a
        natural end is allowed)."""
        fresh: list[int] = []
        for step in decode(self.language_model, [self._decode_request(job)],
                           compat=job.request.compat):
            token = step.tokens[0]
            if token is not None:
                fresh.append(token)
            if len(fresh) == TOKENS_A_TURN or (step.ended[0] and fresh):
                yield np.array(fresh, np.int64)
                fresh = []

    def _decode_request(self, job: _Job) -> DecodeRequest:
        request = job.request
        given = conditioning(request, self.tokenizer, self.variant.default_structure,
                             len(job.prompt) / self.token_rate)
        least = job.total_tokens
        if request.min_seconds is not None:
            least = round(request.min_seconds * self.token_rate)
        elif request.compat == "official":
            least = int(OFFICIAL_LEAST_SHARE * request.seconds * self.token_rate)
        return DecodeRequest(
            given.text_ids, given.sections, job.total_tokens, least, tuple(job.prompt.tolist()),
            request.guidance, request.top_k, request.top_p, request.temperature, request.seed)

    def _sound(self, job: _Job, overlap: int) -> WavTokenizerSound:
        """The decoder of this variant, about to sound from `overlap` tokens before the join."""
        kept = len(job.prompt) - overlap
        sound = WavTokenizerSound(self.wavtokenizer, job.prompt[:kept])
        sound.hold(job.prompt[kept:])
        return sound

