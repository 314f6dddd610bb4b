"""Opens the models that recipes name, each with weights that were found and checked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from core.errors import InputError, StudioError
from evaluation.metrics import clap, musicnn, openl3, passt
from evaluation.metrics.clap import Clap
from evaluation.metrics.encoders import audiobox, mert, mulan, muq, muq_eval
from evaluation.metrics.encoders.audiobox import Audiobox
from evaluation.metrics.encoders.mert import Mert
from evaluation.metrics.encoders.mulan import Mulan
from evaluation.metrics.encoders.muq import Muq
from evaluation.metrics.encoders.muq_eval import MuqEval
from evaluation.metrics.musicnn import MusicNN
from evaluation.metrics.openl3 import OpenL3
from evaluation.metrics.passt import Passt
from evaluation.metrics.weights import KnownWeights, Weights, find, locate

Model = OpenL3 | Passt | Clap | MusicNN | Audiobox | Mert | Muq | Mulan | MuqEval


def _nothing() -> None:
    """No parts beside the weights."""


@dataclass(frozen=True)
class _Downloaded:
    """A model whose weights are a file to be fetched.

    Attributes:
        check_parts: raises where parts of it are not in the Hugging Face cache.
        fetch_parts: downloads them.
    """

    checkpoint: KnownWeights
    build: Callable[[Weights, str], Model]
    check_parts: Callable[[], None] = _nothing
    fetch_parts: Callable[[], None] = _nothing


def _clap(kind: str) -> _Downloaded:
    return _Downloaded(
        clap.KINDS[kind].checkpoint,
        lambda weights, device: Clap(weights, kind, device),
        clap.check_hub_parts,
        clap.fetch_hub_parts,
    )


def _mert(kind: str) -> _Downloaded:
    return _Downloaded(
        mert.KINDS[kind].checkpoint, lambda weights, device: Mert(weights, kind, device)
    )


DOWNLOADED = {
    "openl3": _Downloaded(openl3.CHECKPOINT, OpenL3),
    "passt-10s": _Downloaded(passt.KINDS[10].checkpoint, lambda w, d: Passt(w, 10, d)),
    "passt-20s": _Downloaded(passt.KINDS[20].checkpoint, lambda w, d: Passt(w, 20, d)),
    "630k_fusion": _clap("630k_fusion"),
    "music_audioset": _clap("music_audioset"),
    "audiobox": _Downloaded(audiobox.CHECKPOINT, Audiobox),
    "mert-95m": _mert("mert-95m"),
    "mert-330m": _mert("mert-330m"),
    "muq": _Downloaded(muq.CHECKPOINT, Muq),
    "muq-mulan": _Downloaded(mulan.CHECKPOINT, Mulan, mulan.check_tokenizer, mulan.fetch_tokenizer),
    "muq-eval": _Downloaded(muq_eval.CHECKPOINT, MuqEval),
}


def open_model(
    name: str,
    path: Path | None = None,
    sha256: str | None = None,
    fetch: bool = False,
    device: str = "cpu",
) -> Model:
    """A checked model by the name that recipes give it.

    Args:
        name: "musicnn" or a key of DOWNLOADED.
        path: its weights; by default the model's variable, then `$STUDIO_MODELS/metrics`.
        sha256: the hash that the person vouches for, for weights that are not listed.
        fetch: whether absent weights may be downloaded.
        device: where it runs.
    Raises: InputError for an unknown name or wrong weights; FailureError, saying what to fetch
        and where to put it, when they are absent.
    """
    if name == "musicnn":
        return MusicNN(path, device)
    if name not in DOWNLOADED:
        raise InputError("model", name, f"choose one of musicnn, {', '.join(DOWNLOADED)}")
    chosen = DOWNLOADED[name]
    if fetch:
        chosen.fetch_parts()
    return chosen.build(locate(chosen.checkpoint, path, sha256, fetch), device)


def whereabouts(name: str) -> tuple[bool, str]:
    """Whether a model's weights lie here, and where; else what to fetch and where to put it.

    Nothing is hashed or loaded: that happens in `open_model`.
    """
    try:
        if name == "musicnn":
            return True, str(musicnn.place())
        DOWNLOADED[name].check_parts()
        return True, str(find(DOWNLOADED[name].checkpoint))
    except StudioError as error:
        return False, str(error)


def missing_parts(name: str, fetch: bool = False) -> list[str]:
    """What of a model is not here and cannot be fetched, one sentence each; nothing when all is
    well. Nothing is hashed or loaded.

    Args:
        fetch: whether absent weights may be downloaded; those whose hash nobody published are
            not, since they would be refused afterwards.
    """
    if name == "musicnn":
        here, text = whereabouts(name)
        return [] if here else [text]
    if name not in DOWNLOADED:
        return [f"model {name}: choose one of musicnn, {', '.join(DOWNLOADED)}"]
    known, missing = DOWNLOADED[name].checkpoint, []
    if not known.is_here and not (fetch and (known.sha256 or known.stated)):
        missing.append(known.instructions(fetch))
    if not fetch:
        try:
            DOWNLOADED[name].check_parts()
        except StudioError as error:
            missing.append(str(error))
    return missing
