"""What teaching either codec has in common (paper section 3.5, "Training of Audio Tokenizers")."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from core import audio
from core.checkpoints import studio_layout
from core.errors import InputError
from core.hificodec import HiFiCodec
from core.nn.vocos import MagnitudeHead
from core.wavtokenizer import WavTokenizer
from trainers.data.audio_store import AudioStore, StoredPiece
from trainers.data.reading import sizes
from trainers.losses.discriminators import Discriminators, DiscriminatorsConfig
from trainers.losses.spectral_loss import RESOLUTIONS, MagnitudeDistance, MultiResolutionMel
from trainers.runs.precision import Precision, autocast
from trainers.runs.processes import Processes
from trainers.runs.sample_metrics import SamplePair, clip_places, musicnn_figures
from trainers.runs.schema import AT_LEAST_ONE, NOT_NEGATIVE, POSITIVE, SHARE, Bounds, setting

SAMPLE_SECONDS = 8.0
LOWEST_CUT = 8000.0  # Hz
SAMPLES = 2
OF_RESOLUTIONS = Bounds(
    lambda v: 1 <= v <= len(RESOLUTIONS), f"must be from 1 to {len(RESOLUTIONS)}"
)


@dataclass(frozen=True)
class CodecTaskConfig:
    """How a codec is trained.

    Attributes:
        batch, crop_seconds: shape of a step.
        unquantized_steps: first steps without the codebook, which then starts from data
            (on from step 0 it collapses). None where `start_from` gives the whole codebook.
        quantizer_weight: of the codebook and commitment loss beside the mel distance.
        resolutions: mel resolutions drawn a step (of four); all in validation. A magnitude head
            is compared by its magnitudes instead.
        decoder_only: encoder and codes stay as they are and only the decoder learns, so that a
            language model (or SRFM) may learn the same tokens (latents) meanwhile.
        adversarial_from: step at which discriminators begin to judge the sound; None: never.
        adversarial_weight, feature_weight: of their losses beside the mel distance.
        low_passed: share of crops that lose everything above a frequency between LOWEST_CUT and
            the top, as lossy files have; a codec that never met such a band garbles the rest.
        symbolic: weight of the auxiliary loss of linear heads that read, from what WavTokenizer's
            decoder is given, which pitch classes sound, the lowest note, what begins, and the part
            of the beat (`trainers.losses.symbolic`). They are not kept. `data.corpus` names the
            corpus.
        bf16: autocast; `auto`: where the device computes it fast (`trainers.runs.precision`).
        validation_crops: held-out crops a validation.
        metric_clips: held-out clips that musicnn hears, real and reconstructed, with the samples
            (FD-musicnn, KL-musicnn); 0: none.
    """

    batch: int = setting(8, AT_LEAST_ONE)
    crop_seconds: float = setting(0.85, POSITIVE)
    unquantized_steps: int = setting(300, NOT_NEGATIVE)
    quantizer_weight: float = setting(1.0, NOT_NEGATIVE)
    resolutions: int = setting(2, OF_RESOLUTIONS)
    decoder_only: bool = False
    adversarial_from: int | None = setting(None, NOT_NEGATIVE)
    adversarial_weight: float = setting(0.05, NOT_NEGATIVE)
    feature_weight: float = setting(0.1, NOT_NEGATIVE)
    low_passed: float = setting(0.0, SHARE)
    symbolic: float = setting(0.0, NOT_NEGATIVE)
    bf16: Precision = "auto"
    validation_crops: int = setting(32, AT_LEAST_ONE)
    metric_clips: int = setting(0, NOT_NEGATIVE)
    seed: int = setting(0, NOT_NEGATIVE)


class CodecTask:
    """A trainers.runs.loop_config.TrainingTask; a codec's own file says how it reconstructs."""

    component: str
    codebook: str  # how the names of its codebooks' tensors begin
    watched = "mel"
    losses_change = True

    def __init__(
        self,
        model: WavTokenizer | HiFiCodec,
        decoder: list[nn.Module],
        head: nn.Module | None,
        config: CodecTaskConfig,
        store: AudioStore,
    ) -> None:
        """`decoder`: the modules that learn when `decoder_only`; `head`: the last of them where
        it works at the frame rate."""
        self.config, self.store = config, store
        self.model: WavTokenizer | HiFiCodec = model
        self.codebook_learnt = config.decoder_only
        self.device = torch.device("cpu")
        self.averaged = (self.component,)
        self.modules: dict[str, nn.Module] = {self.component: model}
        trained: list[nn.Module] = decoder if config.decoder_only else [model]
        self.groups = {"generator": [p for m in trained for p in m.parameters()]}
        if config.adversarial_from is not None:
            self.judges = Discriminators(DiscriminatorsConfig())
            self.modules["discriminators"] = self.judges
            self.groups["discriminators"] = list(self.judges.parameters())
        self.distance = MultiResolutionMel(model.sample_rate)
        self.magnitudes = None
        if isinstance(head, MagnitudeHead):
            self.magnitudes = MagnitudeDistance(head.bands)
            if config.adversarial_from is not None:
                raise InputError(
                    "adversarial_from",
                    config.adversarial_from,
                    "discriminators "
                    "judge sound, and a magnitude head is not trained through sound; "
                    "leave it out",
                )
        self.frames = round(config.crop_seconds * model.sample_rate / model.hop) * model.hop
        self.train, self.held_out = store.of("train"), store.of("validation")
        for split, pieces in (("train", self.train), ("validation", self.held_out)):
            if not pieces:
                raise InputError(
                    "audio store", split, "no piece is of this split; prepare more music"
                )

    def place(self, processes: Processes, shard: bool) -> None:
        """See trainers.runs.loop_config.TrainingTask. Codebooks follow the batch they see, so all
        of it is seen by one process.

        Raises: InputError for several processes.
        """
        if processes.count > 1 or shard:
            raise InputError(
                "processes",
                processes.count,
                "a codec's trainer runs in one; the language model's and the SRFM's run in many",
            )
        self.device = processes.device
        for module in (*self.modules.values(), self.distance, self.magnitudes):
            if module is not None:
                module.to(self.device)

    def identity(self) -> dict[str, str]:
        """See trainers.runs.loop_config.TrainingTask."""
        return sizes(self.model.config)

    def begin_with(self, weights: dict[str, Tensor]) -> None:
        """Load what another codec learnt, as many tensors as there are; a whole codebook stays in
        use, so that tokens keep their meaning."""
        own = self.model.state_dict()
        self.model.load_state_dict(weights, strict=False)
        if all(name in weights for name in own if name.startswith(self.codebook)):
            self.codebook_learnt = True

    def reconstruct(
        self, real: Tensor, quantize: bool, step: int
    ) -> tuple[Tensor, Tensor, dict[str, float]]:
        """(decoded, quantizer loss, figures) of real sound [B, 1, T], in training; decoded is
        sound [B, 1, T], or the log-magnitudes [B, N, bins] of a magnitude head."""
        raise NotImplementedError

    def begin_quantizing(self, step: int) -> None:
        """Called once, before the first quantized step."""

    def validation_figures(self, real: Tensor) -> tuple[Tensor, dict[str, float]]:
        """(reconstruction, figures of code use) of held-out sound [B, 1, T]."""
        raise NotImplementedError

    def places(self, step: int) -> tuple[list[tuple[StoredPiece, int]], torch.Generator]:
        """(piece, first sample) of one step's training crops, and the generator that drew them."""
        generator = torch.Generator().manual_seed(self.config.seed * 7919 + step)
        places = self.store.draw(self.train, self.config.batch, self.frames, generator)
        return places, generator

    def batch(self, step: int) -> Tensor:
        """Training crops [B, 1, T] of one step."""
        places, generator = self.places(step)
        drawn = self.store.crops(places, self.frames)
        if self.config.low_passed:
            drawn = low_passed(drawn, self.config.low_passed, self.store.sample_rate, generator)
        return drawn.to(self.device)

    def losses(self, step: int) -> Iterator[tuple[str, Tensor, dict[str, float]]]:
        """Distance of the reconstruction, the quantizer's own loss, and what the discriminators
        say."""
        config = self.config
        quantize = self.codebook_learnt or step >= config.unquantized_steps
        if not self.codebook_learnt and step == config.unquantized_steps:
            self.begin_quantizing(step)
        real = self.batch(step)
        with self.precision():
            made, loss, logs = self.reconstruct(real, quantize, step)
        made = made.float()  # distances and discriminators are not computed in bf16
        if self.magnitudes is not None:
            distance = self.magnitudes(made, real)
            logs["magnitude"] = float(distance.detach())
        else:
            among = torch.randperm(len(RESOLUTIONS))[: config.resolutions]
            distance = self.distance(made, real, tuple(among.tolist()))
            logs["mel"] = float(distance.detach())
        loss = loss + distance
        judging = config.adversarial_from is not None and step >= config.adversarial_from
        if judging:
            judged = self.judges.generator_losses(real, made)
            loss = loss + config.adversarial_weight * judged.adversarial
            loss = loss + config.feature_weight * judged.feature_matching
        yield "generator", loss, logs
        if judging:
            yield "discriminators", self.judges.loss(real, made.detach()), {}

    def precision(self) -> contextlib.AbstractContextManager:
        """bf16 autocast where the config asks for it."""
        return autocast(self.config.bf16, self.device)

    def validate(self) -> dict[str, float]:
        """Mel distance and code use on fixed held-out crops."""
        generator = torch.Generator().manual_seed(1)
        real = self.store.batch(self.held_out, self.config.validation_crops, self.frames, generator)
        real = real.to(self.device)
        made, figures = self.validation_figures(real)
        return {"mel": float(self.distance(made, real)), **figures}

    def write_samples(self, folder: Path) -> dict[str, float]:
        """Two held-out pieces, real and reconstructed; what musicnn hears in these and more."""
        rate, pairs = self.store.sample_rate, []
        length = round(SAMPLE_SECONDS * rate) // self.model.hop * self.model.hop
        places = clip_places(
            [entry.frames for entry in self.held_out],
            max(SAMPLES, self.config.metric_clips),
            length,
        )
        for number, (place, start) in enumerate(places):
            entry = self.held_out[place]
            real = self.store.crop(entry, start, length)
            sound = torch.from_numpy(real)[None, None].to(self.device)  # [1, 1, T]
            made = self.validation_figures(sound)[0][0, 0].clamp(-1, 1).cpu().numpy()
            pairs.append(SamplePair(made, real))
            if number < SAMPLES and not start:
                audio.write(folder / f"{entry.id}-real.flac", real, rate)
                audio.write(folder / f"{entry.id}-made.flac", made, rate)
        return musicnn_figures(pairs, rate) if self.config.metric_clips else {}

    def export(self, folder: Path) -> None:
        """The component in the studio's layout."""
        studio_layout.save(folder, self.component, self.model)


def low_passed(crops: Tensor, share: float, rate: int, generator: torch.Generator) -> Tensor:
    """Crops [B, 1, T], about `share` of them without what lies above a random frequency."""
    cut = torch.rand(len(crops), generator=generator) < share
    low = min(LOWEST_CUT, rate / 4)
    edges = low + (rate / 2 - low) * torch.rand(len(crops), generator=generator)
    edges = torch.where(cut, edges, torch.full_like(edges, rate))  # Hz
    spectra = torch.fft.rfft(crops)  # [B, 1, T / 2 + 1]
    frequencies = torch.fft.rfftfreq(crops.shape[-1], 1 / rate)
    spectra[(frequencies > edges[:, None])[:, None]] = 0
    return torch.fft.irfft(spectra, crops.shape[-1])
