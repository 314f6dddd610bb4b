"""Models fetched from the hub in the background, one at a time, with what has come so far."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import constants

from core import variants
from core.errors import FailureError, InputError, StudioError
from core.variants import Variant
from studio.library.library import folder_bytes


@dataclass(frozen=True)
class DownloadState:
    """`received`: bytes of this model in the cache, of `total` (0 until the hub has said);
    `error`: why it ended, if it failed."""

    running: bool
    received: int
    total: int
    error: StudioError | None


class ModelDownloads:
    """Starts downloads and tells how far they are."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: str | None = None
        self._ended: dict[str, StudioError | None] = {}
        self._total = 0  # bytes of the running or last one

    def start(self, variant: Variant) -> None:
        """Fetch a variant's weights in the background.

        Raises: InputError when there is nothing to fetch, or another model is on its way.
        """
        if variants.installed(variant):
            raise InputError("model", variant.title, "is on this machine already")
        if variant.hub is None:
            raise InputError(
                "model",
                variant.title,
                "is not on the hub; it comes with the studio once it is trained",
            )
        with self._lock:
            if self._running is not None:
                raise InputError("model", self._running, "is being downloaded; wait for it first")
            self._running, self._total = variant.name, 0
            self._ended.pop(variant.name, None)
        threading.Thread(
            target=self._fetch, args=(variant,), daemon=True, name="studio-download"
        ).start()

    def _fetch(self, variant: Variant) -> None:
        error: StudioError | None = FailureError(
            "download", variant.title, "broke off; the studio's log says why"
        )
        try:
            variants.folder_of(variant, self._expect)
            error = None
        except StudioError as caught:
            error = caught
        finally:  # whatever it was, the next download must not wait for this one
            with self._lock:
                self._running, self._ended[variant.name] = None, error

    def _expect(self, size: int) -> None:
        with self._lock:
            self._total = size

    def state(self, variant: Variant) -> DownloadState | None:
        """How far this variant is; None when it was never asked for."""
        with self._lock:
            if self._running != variant.name and variant.name not in self._ended:
                return None
            running, error = self._running == variant.name, self._ended.get(variant.name)
            total = self._total if running else 0
        folder = f"models--{(variant.hub or '').replace('/', '--')}"
        blobs = Path(constants.HF_HUB_CACHE) / folder / "blobs"
        return DownloadState(running, folder_bytes(blobs), total, error)
