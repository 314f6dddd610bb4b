"""A released model by its hub name: from the Hugging Face cache, else downloaded and verified."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path

from huggingface_hub import constants, snapshot_download, try_to_load_from_cache
from huggingface_hub.errors import HfHubHTTPError

from core.errors import FailureError, InputError
from core.workspace import work_folder

# Wanted where the folder has them; anything else (model.safetensors repeats llm.pt) stays there.
OPTIONAL = (
    "tokenizer.json",
    "vocab.json",
    "merges.txt",
    "tokenizer_config.json",
    "generation_config.json",
    "README.md",
)
SPARE_DISK_BYTES = 500_000_000  # left free after a download
HTTP_ERROR: type[Exception] = HfHubHTTPError.__mro__[
    1
]  # of httpx or httpx2, by huggingface_hub's version


def cached(repository: str, names: Iterable[str]) -> Path | None:
    """The snapshot in the Hugging Face cache that holds every one of `names`; no network."""
    if _unfinished(repository).exists():
        return None
    first = None
    for name in names:
        found = try_to_load_from_cache(repository, name)
        if not isinstance(found, str):
            return None
        first = first or Path(found).parents[len(Path(name).parts) - 1]
    return first


def fetch(
    repository: str,
    names: tuple[str, ...],
    place: Path,
    expect: Callable[[int], None] = lambda size: None,
) -> Path:
    """Download what is missing of `names` (and the text tokenizer) into the Hugging Face cache.

    Progress goes to stderr; a broken download is resumed by the next call.

    Args:
        place: where a person may put the folder by hand, for the error.
        expect: told how many bytes the cache will hold of it, before they come.
    Raises: InputError when the hub cannot be reached, lacks a file, or disk or memory are too
        small; FailureError when the download breaks off or a hash is wrong.
    """
    by_hand = (
        f"is not on this machine; fetch {', '.join(names)} and tokenizer.json of "
        f"{constants.ENDPOINT}/{repository} and put them at {place}"
    )
    try:
        plan = snapshot_download(repository, allow_patterns=[*names, *OPTIONAL], dry_run=True)
    except (OSError, HTTP_ERROR) as error:
        raise InputError("model", repository, by_hand) from error
    lacking = [name for name in names if name not in {file.filename for file in plan}]
    if lacking:
        raise InputError(
            "model", repository, f"lacks {', '.join(lacking)} on the hub; is the name right?"
        )
    wanted = [file for file in plan if file.will_download]
    expect(sum(file.file_size or 0 for file in plan))
    _require_disk(repository, sum(file.file_size or 0 for file in wanted))
    _require_memory(repository, sum(f.file_size or 0 for f in plan if f.filename.endswith(".pt")))
    mark = _unfinished(repository)
    mark.parent.mkdir(parents=True, exist_ok=True)
    mark.touch()  # until the hashes are right, the cache does not count
    try:
        folder = Path(
            snapshot_download(
                repository,
                revision=plan[0].commit_hash,
                allow_patterns=[file.filename for file in plan],
            )
        )
    except (OSError, HTTP_ERROR) as error:
        raise FailureError(
            "download",
            repository,
            f"broke off ({_short(error)}); run it again, it goes on where it stopped",
        ) from error
    for file in plan:
        _verify(folder / file.filename)
    _remember_main(folder)
    mark.unlink()
    return folder


def _unfinished(repository: str) -> Path:
    return work_folder() / "downloads" / f"{repository.replace('/', '--')}.unverified"


def _remember_main(folder: Path) -> None:
    """Let the cache's `main` name this commit, as a download by branch would."""
    reference = folder.parents[1] / "refs" / "main"
    reference.parent.mkdir(exist_ok=True)
    reference.write_text(folder.name)


def _require_disk(repository: str, needed: int) -> None:
    place = Path(constants.HF_HUB_CACHE)
    store = place / f"models--{repository.replace('/', '--')}" / "blobs"
    begun = sum(part.stat().st_size for part in store.glob("*.incomplete"))
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    if needed - begun + SPARE_DISK_BYTES > free:
        raise InputError(
            "model",
            repository,
            f"needs {needed / 1e9:.1f} GB of disk at {place}, "
            f"{free / 1e9:.1f} GB are free; make room or set HF_HOME",
        )


def available_memory() -> int | None:
    """Bytes that can be used without swapping; None where the system does not say."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return None
    return next(
        (int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")), None
    )


def _require_memory(repository: str, needed: int) -> None:
    free = available_memory()
    if free is not None and needed > free:
        raise InputError(
            "model",
            repository,
            f"needs about {needed / 1e9:.1f} GB of memory, "
            f"{free / 1e9:.1f} GB are free; choose a smaller variant",
        )


def _verify(path: Path) -> None:
    """Compare a cached file with the hash that the hub gave, which names its blob.

    Raises: FailureError after the file was removed.
    """
    blob = path.resolve()
    expected = blob.name
    with open(blob, "rb") as file:
        if len(expected) == 64:  # large files: sha256
            found = hashlib.file_digest(file, "sha256").hexdigest()
        elif len(expected) == 40:  # small files: git's own hash
            header = f"blob {blob.stat().st_size}\0".encode()
            found = hashlib.sha1(header + file.read()).hexdigest()  # noqa: S324
        else:
            raise FailureError("download", path.name, "the hub gave no hash to check it by")
    if found != expected:
        path.unlink()
        blob.unlink(missing_ok=True)
        raise FailureError(
            "download",
            path.name,
            f"its hash is {found[:12]}..., the hub says "
            f"{expected[:12]}...; it was removed, run it again",
        )


def _short(error: Exception) -> str:
    return (" ".join(str(error).split()) or type(error).__name__)[:120]
