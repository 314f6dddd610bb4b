"""The sentence that joins the models: generate, continue, reconstruct; whole or streamed."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch

from core import audio, variants
from core.audio import Sound
from core.checkpoints import opening
from core.checkpoints.adapters import loras_of
from core.checkpoints.lora import add_loras
from core.errors import FailureError, InputError
from core.generation.batching import MOST_REQUESTS, SHARED, FailedRequest, RunningBatch
from core.generation.conditioning import TextTokenizer, conditioning, encode_text
from core.generation.job import Event, GenerationJob
from core.generation.mastering import Mastering
from core.generation.rendering import CascadeRenderer, Renderer, SRFMRenderer, WavTokenizerRenderer
from core.generation.threads import (
    InlineRendering,
    OneThread,
    Rendering,
    RenderThreads,
    ThreadedRendering,
)
from core.language_model import DecodeRequest, PackedModel
from core.language_model.precision import thread_count
from core.models import Flow, Models, flow_dtype, require_device
from core.requests.caption import CaptionTemplate
from core.requests.request import MIN_PROMPT_AUDIO_SECONDS, GenerationRequest
from core.result import GenerationResult
from core.srfm import PRESETS

JOIN_SECONDS = 0.06  # at least, cross-faded at equal power from the prompt to what was decoded
EDGE_FADE_SECONDS = 0.005  # no click at the first and last sample
OFFICIAL_FADE_OUT_SECONDS = 1.0
OFFICIAL_PROMPT_SECONDS = 5.0
OFFICIAL_LEAST_SHARE = 0.9  # of the asked length before the end token is allowed
OFFICIAL_LATENTS_PER_TOKEN = 2  # of 24 kHz models too: their music comes at half its tempo
SRFM_HISTORY_SECONDS = 2.0  # of an audio prompt, as context of the first window
ENCODED_TOKENS = 2250  # 30 s of sound pass through the encoder at a time
BATCH = 4  # requests that decode together where many are asked


class Pipeline:
    """The loaded models of one variant. Not thread-safe: one job at a time."""

    def __init__(
        self,
        variant: variants.Variant,
        folder: Path,
        models: Models,
        tokenizer: TextTokenizer,
        decoder: PackedModel,
        load_seconds: float,
    ) -> None:
        self.variant, self.folder, self.models = variant, folder, models
        self.tokenizer, self.decoder, self.load_seconds = tokenizer, decoder, load_seconds
        self.one_thread = decoder.small and decoder.device.type == "cpu"
        self.threads = torch.get_num_threads()
        self._render_threads: RenderThreads | None = None
        self.captions = CaptionTemplate.of_folder(folder)
        self.wavtokenizer, self.language_model = models.wavtokenizer, models.language_model
        self.lora: tuple[str, ...] = ()  # as the requests that it makes name them
        self.token_rate = self.wavtokenizer.sample_rate / self.wavtokenizer.hop  # tokens a second
        self.model = {
            "folder": folder.name,
            **opening.about(folder),
            "text_tokenizer": tokenizer.source,
        }

    @classmethod
    def load(
        cls, name: str, dtype: str = "fp32", device: str = "cpu", lora: Sequence[str] = ()
    ) -> Pipeline:
        """Load a variant by name.

        Args:
            dtype: of the language model (see `core.language_model.precision`), and of the flow
                (see `flow_dtype`). On a CPU `language_model` keeps its embeddings alone.
            lora: adapters added to the language model, NAME:STRENGTH or FOLDER:STRENGTH.

        Raises: InputError for an unknown or missing variant, a device that cannot be used, damaged
            weights, parts that do not fit together, or int8 where no kernel for it exists.
        """
        began = time.perf_counter()
        variant, loras = variants.get(name), loras_of(lora)
        require_device(device)
        folder = variants.folder_of(variant)
        held = torch.float32 if dtype == "fp32" else torch.bfloat16
        models = Models.load(variant, folder, held, flow_dtype(dtype, device), device)
        add_loras(models.language_model, loras)  # before its weights are packed
        tokenizer = opening.text_tokenizer(folder)
        decoder = PackedModel(models.language_model, dtype, release=True)
        made = cls(variant, folder, models, tokenizer, decoder, time.perf_counter() - began)
        made.lora = tuple(lora)
        if loras:
            made.model["loras"] = [each.told for each in loras]
        return made

    @property
    def flow(self) -> Flow:
        """SRFM and HiFi-Codec. Raises: InputError where the variant has none."""
        return self.models.required_flow(self.variant.name)

    @property
    def join_tokens(self) -> int:
        """Tokens that sound both in the prompt and in the new music: whole groups."""
        group = self.wavtokenizer.group
        return math.ceil(JOIN_SECONDS * self.token_rate / group) * group

    def generate(self, request: GenerationRequest) -> GenerationResult:
        """Text (or audio, with `request.audio`) in, the whole piece (or edited piece) out."""
        return self.generate_batch([request])[0]

    def generate_kept(self, request: GenerationRequest) -> list[GenerationResult]:
        """The `keep` pieces that are kept of `best_of`, the best first."""
        return [e for e in self.stream(request) if isinstance(e, GenerationResult)]

    def generate_batch(self, requests: Sequence[GenerationRequest]) -> list[GenerationResult]:
        """Several pieces, decoded together; each is what `generate` makes of it alone (equal
        tokens in fp32 and int8)."""
        found: dict[int, GenerationResult] = {}
        for number, event in self.stream_batch(requests):
            if isinstance(event, GenerationResult):
                found.setdefault(number, event)  # the best, where several are kept
        if len(found) < len(requests):
            raise FailureError("generation", self.variant.name, "ended without a result")
        return [found[number] for number in range(len(requests))]

    def stream(
        self, request: GenerationRequest, should_stop: Callable[[], bool] = lambda: False
    ) -> Iterator[Event]:
        """The same piece while it is made: progress and sound as they come, the result last.

        A request that keeps several of its candidates gives a result for each, the best first;
        the sound is that of the best.

        Raises: Cancelled soon after `should_stop()` turns true (at the next model call).
        """
        from core.generation import best_of, editing

        if request.goes_alone:
            self._check_together([request])
            make = best_of.stream if request.edit is None else editing.stream
            yield from make(self, request, should_stop)
            return
        for _, event in self.stream_batch([request], should_stop):
            yield event

    def stream_batch(
        self, requests: Sequence[GenerationRequest], should_stop: Callable[[], bool] = lambda: False
    ) -> Iterator[tuple[int, Event]]:
        """(number of the request, event): several pieces at once, any lengths and settings but
        one variant, dtype, device and compat.

        Raises: Cancelled soon after `should_stop()` turns true, for all; InputError for requests
            that cannot go together.
        """
        self._check_together(requests)
        if any(request.goes_alone for request in requests):
            for number, request in enumerate(requests):
                for event in self.stream(request, should_stop):
                    yield number, event
            return
        waiting = list(enumerate(requests))
        batch = RunningBatch[int](self, MOST_REQUESTS)
        while waiting or batch:
            while waiting and batch.admits(waiting[0][1]):
                number, request = waiting.pop(0)
                batch.join(number, request, should_stop)
            for key, made in batch.turn():
                if isinstance(made, FailedRequest):
                    raise made.error
                yield key, made

    def _check_together(self, requests: Sequence[GenerationRequest]) -> None:
        if not requests:
            raise InputError("requests", "[]", "at least one is needed")
        if requests[0].lora != self.lora:
            raise InputError(
                "lora",
                ", ".join(requests[0].lora) or "(none)",
                f"but the model is loaded with {', '.join(self.lora) or 'none'}",
            )
        for name in SHARED:
            for request in requests:
                if getattr(request, name) != getattr(requests[0], name):
                    raise InputError(
                        name,
                        getattr(request, name),
                        f"differs from {getattr(requests[0], name)} in the same batch",
                    )

    @property
    def render_threads(self) -> RenderThreads | None:
        """Threads that make sound beside the decoding; None where one thread must do, or a stage
        uses them all."""
        if self.one_thread and self._render_threads is None and self.threads > 1:
            self._render_threads = RenderThreads(self.threads)
        return self._render_threads

    def computing(self) -> contextlib.AbstractContextManager[None]:
        """Within it, one thread computes where the models are too small to share."""
        return thread_count(1) if self.one_thread else contextlib.nullcontext()

    def begin(self, job: GenerationJob, threads: RenderThreads | None = None) -> Iterator[Event]:
        """Connect a job with its renderer, on these threads or the caller's, and its mastering;
        the prompt's own sound."""
        mastering = self._mastering(job)
        split = len(job.prompt) - (self.join_tokens if mastering.overlap else 0)
        check = job.check if threads is None else job.check_stopped
        renderer = self.renderer(job.request, job.prompt[:split], check)
        rendering: Rendering = (
            InlineRendering(renderer) if threads is None else ThreadedRendering(renderer, threads)
        )
        yield from job.start(rendering, mastering, job.prompt[split:])

    def renderer(
        self, request: GenerationRequest, history: np.ndarray, check: Callable[[], None]
    ) -> Renderer:
        """The way from tokens to sound of this variant, with `history` as its context."""
        made = self._renderer(request, history, check)
        return OneThread(made) if self.one_thread else made

    def _renderer(
        self, request: GenerationRequest, history: np.ndarray, check: Callable[[], None]
    ) -> Renderer:
        if not self.variant.flow:
            return WavTokenizerRenderer(self.wavtokenizer, history)
        whole_history = history
        official = request.compat == "official"  # whose flow sees the new tokens alone, all at once
        context = 0 if official else round(SRFM_HISTORY_SECONDS * self.token_rate)
        history = history[len(history) - min(context, len(history)) :]
        steps = request.steps or PRESETS[request.preset]
        ratio = OFFICIAL_LATENTS_PER_TOKEN if official else self.variant.latents_per_token
        srfm, codec = self.flow.srfm, self.flow.hificodec
        flow = SRFMRenderer(srfm, codec, history, ratio, request.seed, steps, check, whole=official)
        if self.variant.sound != variants.CASCADE:
            return flow
        return CascadeRenderer(WavTokenizerRenderer(self.wavtokenizer, whole_history), flow)

    def _mastering(self, job: GenerationJob) -> Mastering:
        request, rate = job.request, self.variant.sample_rate
        official = request.compat == "official"  # which never hands the prompt back
        prompt = None if official else request.audio
        audible = prompt is not None and not prompt.only_new
        front = job.front if audible else np.zeros(0, np.float32)
        token = self.wavtokenizer.hop / self.wavtokenizer.sample_rate  # seconds
        # Also where only new music is wanted, so that it is the same music.
        overlap = round(self.join_tokens * token * rate) if prompt else 0
        fade_in, fade_out = (
            (0.0, OFFICIAL_FADE_OUT_SECONDS) if official else (EDGE_FADE_SECONDS, EDGE_FADE_SECONDS)
        )
        return Mastering(
            rate,
            front,
            overlap,
            round(request.seconds * rate),
            fade_in,
            min(fade_out, request.seconds),
        )

    def reconstruct(self, sound: Sound, through: str) -> Sound:
        """Sound through a codec and back: what the models can keep of it.

        Args:
            through: "wavtokenizer" (24 kHz tokens and back), "hificodec" (48 kHz latents and
                back) or "srfm" (24 kHz tokens, super-resolved).
        """
        from core.generation import reconstruction

        return reconstruction.reconstruct(self, sound, through)

    def encode(self, sound: Sound) -> np.ndarray:
        """Tokens [N] of a sound of any rate and channel count."""
        rate = self.wavtokenizer.sample_rate
        mono = audio.resample(sound.mono(), sound.sample_rate, rate)
        with self.computing(), torch.inference_mode():
            tokens = self.wavtokenizer.encode_in_chunks(
                torch.from_numpy(mono)[None, None], ENCODED_TOKENS
            )  # [1, N]
        return tokens[0].numpy()

    def prepare(self, request: GenerationRequest, should_stop: Callable[[], bool]) -> GenerationJob:
        if request.variant != self.variant.name:
            raise InputError("variant", request.variant, f"but {self.variant.name} is loaded")
        sent = self.captions.write(request)
        for name, text in (("prompt", sent), ("negative", request.negative)):
            encode_text(name, text, self.tokenizer)  # refused before anything is computed
        wanted = request.seconds * self.token_rate
        total = int(wanted) if request.compat == "official" else int(np.ceil(wanted - 1e-9))
        empty = np.zeros(0, np.int64), np.zeros(0, np.float32)
        prompt, front = self._audio_prompt(request) if request.audio is not None else empty
        return GenerationJob(request, sent, total, prompt, front, should_stop)

    def _audio_prompt(self, request: GenerationRequest) -> tuple[np.ndarray, np.ndarray]:
        """(tokens [P], sound at the output rate [T]); the tokens are whole groups that end where
        the sound ends."""
        assert request.audio is not None
        sound = audio.read(request.audio.path, request.audio.start, request.audio.end)
        audio.require_sounding(sound, "prompt audio", MIN_PROMPT_AUDIO_SECONDS)
        if request.compat == "official":
            keep = round(OFFICIAL_PROMPT_SECONDS * sound.sample_rate)
            sound = Sound(sound.samples[:, :keep], sound.sample_rate)
        rate, hop = self.wavtokenizer.sample_rate, self.wavtokenizer.hop
        count = int(sound.seconds * rate / hop)
        count -= count % self.wavtokenizer.group  # what follows begins a new group
        front = audio.resample(sound.mono(), sound.sample_rate, self.variant.sample_rate)
        tail = round(count * hop * sound.sample_rate / rate)
        return self.encode(Sound(sound.samples[:, -tail:], sound.sample_rate))[:count], front

    def decode_request(self, job: GenerationJob) -> DecodeRequest:
        request = job.request
        given = conditioning(
            request,
            self.tokenizer,
            self.variant.default_structure,
            len(job.prompt) / self.token_rate,
            job.sent,
        )
        least = job.total_tokens
        if request.min_seconds is not None:
            asked = round(request.min_seconds * self.token_rate)
            least = min(max(asked, 1), job.total_tokens)  # a piece of no tokens has no sound
        elif request.compat == "official":
            least = int(OFFICIAL_LEAST_SHARE * request.seconds * self.token_rate)
        return DecodeRequest(
            given.text_ids,
            given.sections,
            job.total_tokens,
            least,
            tuple(job.prompt.tolist()),
            request.guidance,
            request.top_k,
            request.top_p,
            request.temperature,
            request.seed,
            given.negative_ids,
        )
