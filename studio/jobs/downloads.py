"""Models fetched from the hub as jobs, one at a time, with what has come so far."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import constants

from core import variants
from core.errors import InputError, StudioError
from core.result import Progress
from core.variants import Variant
from studio.jobs.kinds import DOWNLOAD
from studio.jobs.protocol import Assignment, Finished, SingleRunner
from studio.jobs.service import JobService
from studio.library.library import folder_bytes

OPERATOR = "0" * 32  # whose jobs downloads are: everybody's


class DownloadRunner(SingleRunner):
    """Fetches the variant of a request; the assignment's file gets its size."""

    def run(
        self, assignment: Assignment, should_stop: Callable[[], bool]
    ) -> Iterator[Progress | Finished]:
        """See `SingleRunner.run`. A stop is heard by the service, which ends the process."""
        yield Progress("downloading", 0.0, 0.0)

        def expect(size: int) -> None:
            assignment.file.parent.mkdir(parents=True, exist_ok=True)
            assignment.file.write_text(json.dumps({"total": size}), encoding="utf-8")

        folder = variants.folder_of(variants.get(assignment.request["variant"]), expect)
        yield Finished({"folder": folder.name})


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

    def __init__(self, service: JobService, folder: Path) -> None:
        """`folder`: where the sizes of downloads are noted."""
        self._service, self._folder = service, folder

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
        running = self._service.of_person(OPERATOR, DOWNLOAD)
        if any(job["state"] in ("waiting", "running") for job in running):
            raise InputError("model", "", "another one is being downloaded; wait for it first")
        file = self._file(variant)
        file.unlink(missing_ok=True)
        self._service.submit(
            OPERATOR, {"variant": variant.name}, _identity(variant), file, DOWNLOAD
        )

    def state(self, variant: Variant) -> DownloadState | None:
        """How far this variant is; None when it was never asked for."""
        job = self._service.find(_identity(variant), DOWNLOAD)
        if job is None:
            return None
        try:
            total = json.loads(self._file(variant).read_text(encoding="utf-8"))["total"]
        except (OSError, ValueError, KeyError):
            total = 0
        folder = f"models--{(variant.hub or '').replace('/', '--')}"
        blobs = Path(constants.HF_HUB_CACHE) / folder / "blobs"
        return DownloadState(job.active, folder_bytes(blobs), total, job.error)

    def _file(self, variant: Variant) -> Path:
        return self._folder / f"{_identity(variant)}.json"


def _identity(variant: Variant) -> str:
    return hashlib.sha256(variant.name.encode()).hexdigest()[:24]
