"""`bench load`: what loading a full-size released folder costs in memory.

A 0.5B folder with random weights is written once, in the released layout, into the work folder.
A fresh process imports everything, then loads it, then makes 2 s at 48 kHz through language
model, SRFM and HiFi-Codec. A thread of it samples RssAnon of /proc/self/status (memory that
belongs to the process alone; pages mapped from the checkpoint are not in it) every 2 ms.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import torch

from core.checkpoints import opening
from core.checkpoints.assembly import COMPONENTS, component_class, empty
from core.checkpoints.official import writer as official_writer
from core.errors import FailureError
from core.hificodec import HiFiCodecConfig
from core.language_model import DecodeRequest, LanguageModelConfig, decode
from core.srfm import SRFMConfig
from core.wavtokenizer import WavTokenizerConfig
from core.workspace import claim_machine, work_folder

REPOSITORY = Path(__file__).resolve().parents[2]
SECONDS, RATE = 2.0, 48000
LIMIT = 1.15  # peak anonymous memory of loading over bytes of the weights
SPREAD = 0.02  # of the random weights
SAMPLE_SECONDS = 0.002
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}

# InspireMusic-Base: Qwen2.5-0.5B blocks; the other three are released in one size, the default.
BASE = {
    "language_model": LanguageModelConfig(
        hidden=896,
        layers=24,
        heads=14,
        kv_heads=2,
        head_dim=64,
        mlp=4864,
        text_vocabulary=151936,
        audio_vocabulary=4096,
    ),
    "wavtokenizer": WavTokenizerConfig(),
    "srfm": SRFMConfig(),
    "hificodec": HiFiCodecConfig(),
}


def arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `bench load`."""
    parser.add_argument("--dtype", choices=DTYPES, default="bf16", help="of the language model")
    parser.add_argument("--folder", type=Path, help="a model folder to load instead")


def run(args: argparse.Namespace) -> None:
    """Write, load in a fresh process, print. FailureError when loading took more than it may."""
    folder = args.folder or random_folder(work_folder() / "bench" / "InspireMusic-Base-random")
    with claim_machine():
        child = subprocess.run(
            [
                sys.executable,
                "-m",
                "core.checkpoints.load_bench",
                str(folder.resolve()),
                args.dtype,
            ],
            cwd=REPOSITORY,
            stdout=subprocess.PIPE,
            text=True,
            check=False,
        )
    if child.returncode:
        raise FailureError(
            "bench load", folder.name, f"its process ended with code {child.returncode}; see above"
        )
    found = json.loads(child.stdout)
    if args.json:
        print(json.dumps(found))
    else:
        print(
            f"weights {found['weights_bytes'] / 1e6:.0f} MB ({args.dtype} language model, rest "
            f"fp32), loaded in {found['load_seconds']:.2f} s\n"
            f"anonymous memory over imports: peak while loading "
            f"{found['load_peak_bytes'] / 1e6:.0f} MB = {found['ratio']:.3f} x weights "
            f"(limit {LIMIT}), peak with music {found['music_peak_bytes'] / 1e6:.0f} MB\n"
            f"{found['seconds']:.2f} s at {RATE} Hz made in {found['music_seconds']:.1f} s"
        )
    if found["ratio"] > LIMIT:
        raise FailureError(
            "bench load",
            f"{found['ratio']:.3f}",
            f"x the weights' bytes, at most {LIMIT} is allowed",
        )


def random_folder(folder: Path, configs: dict[str, Any] | None = None) -> Path:
    """A released folder with random weights of these sizes (default: BASE), written once."""
    if folder.is_dir():
        return folder
    configs = configs or BASE
    part = folder.with_name(folder.name + ".part")
    part.mkdir(parents=True, exist_ok=True)
    official_writer.write(part, configs, lambda c: random_tensors(c, configs[c]))
    return part.rename(folder)


def random_tensors(component: str, config: Any) -> dict[str, torch.Tensor]:
    """Small normal numbers in every shape of the component; norms and scales stay near 1."""
    generator = torch.Generator().manual_seed(0)
    found = {}
    for name, value in empty(component, config).state_dict().items():
        tensor = torch.randn(value.shape, generator=generator).mul_(SPREAD)
        scale = value.ndim <= 1 and name.endswith("weight") or name.endswith("weight_g")
        found[name] = tensor.add_(1.0) if scale else tensor
    return found


class _AnonymousMemory:
    """Watches RssAnon in a thread; `peak()` gives bytes over the start and begins anew."""

    def __init__(self) -> None:
        self._start = self._peak = self._now()
        threading.Thread(target=self._watch, daemon=True).start()

    @staticmethod
    def _now() -> int:
        status = Path("/proc/self/status").read_text()
        found = re.search(r"RssAnon:\s+(\d+) kB", status)
        assert found is not None  # Linux writes it for every process
        return int(found.group(1)) * 1024

    def _watch(self) -> None:
        while True:
            self._peak = max(self._peak, self._now())
            time.sleep(SAMPLE_SECONDS)

    def peak(self) -> int:
        found = max(self._peak, self._now()) - self._start
        self._peak = 0
        return found


def measure(folder: Path, dtype: str) -> dict[str, Any]:
    """Load and make music in this process."""
    for component in COMPONENTS:
        component_class(component)  # imports come before the count
    memory = _AnonymousMemory()
    began = time.perf_counter()
    models = {
        c: opening.open_component(
            folder, c, DTYPES[dtype] if c == "language_model" else torch.float32
        )
        for c in COMPONENTS
    }
    loaded = time.perf_counter()
    load_peak = memory.peak()
    weights = sum(
        value.nbytes for model in models.values() for value in model.state_dict().values()
    )
    audio = make_music(models)
    return {
        "folder": folder.name,
        "dtype": dtype,
        "weights_bytes": weights,
        "load_peak_bytes": load_peak,
        "ratio": round(load_peak / weights, 4),
        "load_seconds": round(loaded - began, 3),
        "music_peak_bytes": memory.peak(),
        "seconds": audio.shape[-1] / RATE,
        "sample_rate": models["hificodec"].sample_rate,
        "music_seconds": round(time.perf_counter() - loaded, 2),
    }


@torch.inference_mode()
def make_music(models: dict[str, Any]) -> torch.Tensor:
    """SECONDS of sound [1, 1, T] from random ids: tokens, latents, waveform."""
    wavtokenizer, codec = models["wavtokenizer"], models["hificodec"]
    count = round(SECONDS * wavtokenizer.sample_rate / wavtokenizer.hop)
    request = DecodeRequest(
        text_ids=tuple(range(10)), sections=((0, 0.0, SECONDS),), max_tokens=count, min_tokens=count
    )
    tokens = torch.tensor(
        [[step.tokens[0] for step in decode(models["language_model"], [request])]]
    )  # [1, N]
    frames = round(SECONDS * codec.sample_rate / codec.hop)
    noise = torch.randn(1, codec.latent_dim, frames, generator=torch.Generator().manual_seed(0))
    latents = models["srfm"].generate(tokens, frames=frames, noise=noise)  # [1, D, frames]
    return codec.decode(latents)


if __name__ == "__main__":
    print(json.dumps(measure(Path(sys.argv[1]), sys.argv[2])))
