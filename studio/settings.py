"""The studio's settings: one frozen record, read from environment variables."""

from __future__ import annotations

import errno
import ipaddress
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from core import variants
from core.errors import InputError
from core.workspace import work_folder

EXECUTORS = ("worker", "zero-gpu")
MOST_BATCH = 16  # see core.generation.batching.MOST_REQUESTS, which imports torch
SPACE_PROXIES = "10.0.0.0/8"  # where a Space's requests come from


def _setting(variable: str, default: Any, help_text: str) -> Any:
    return field(default=default, metadata={"variable": variable, "help": help_text})


@dataclass(frozen=True)
class Settings:
    """Everything an operator may decide. Each field's variable stands in its metadata."""

    host: str = _setting("STUDIO_HOST", "127.0.0.1", "address to listen on")
    port: int = _setting("STUDIO_PORT", 7860, "port to listen on")
    hosts: str = _setting(
        "STUDIO_HOSTS",
        "",
        "host names by which the page is reached, with "
        "commas between; *.example.org for all below. localhost and IP "
        "addresses always are; on a Space its own name is",
    )
    proxies: str = _setting(
        "STUDIO_TRUSTED_PROXIES",
        "",
        "addresses or networks of proxies whose X-Forwarded-For is believed, with commas "
        "between; on a Space its own are",
    )
    root_path: str = _setting(
        "STUDIO_ROOT_PATH", "", "path under which a proxy shows the page, as /music; empty: /"
    )
    variant: str = _setting(
        "STUDIO_VARIANT", "", "variant chosen at first; empty: nano, or what is installed of it"
    )
    executor: str = _setting(
        "STUDIO_EXECUTOR",
        "worker",
        "worker (a process that owns the models) or zero-gpu (a Space with ZeroGPU; untested)",
    )
    device: str = _setting("STUDIO_DEVICE", "cpu", "torch device of the models")
    devices: str = _setting(
        "STUDIO_DEVICES",
        "",
        "devices with a worker each, as cuda:0,cuda:1; empty: one worker on STUDIO_DEVICE",
    )
    batch: int = _setting(
        "STUDIO_BATCH", 8, "pieces of one model that a worker makes together, at most"
    )
    storage: str = _setting(
        "STUDIO_STORAGE",
        "",
        "folder, or s3://BUCKET/PREFIX and the like, shared with workers on other machines",
    )
    drain_seconds: float = _setting(
        "STUDIO_DRAIN_SECONDS", 10.0, "time for running jobs to end when the studio is stopped"
    )
    threads: int = _setting("STUDIO_THREADS", 0, "CPU threads of the models; 0: all cores")
    max_seconds: float = _setting("STUDIO_MAX_SECONDS", 480.0, "longest piece a person may ask for")
    person_jobs: int = _setting("STUDIO_PERSON_JOBS", 8, "jobs of one person waiting or running")
    address_jobs: int = _setting(
        "STUDIO_ADDRESS_JOBS", 40, "jobs of all people at one network address, waiting or running"
    )
    person_megabytes: int = _setting("STUDIO_PERSON_MB", 500, "disk space of one person's music")
    keep_days: float = _setting("STUDIO_KEEP_DAYS", 30.0, "days until music is deleted")
    upload_megabytes: int = _setting("STUDIO_UPLOAD_MB", 100, "largest upload")
    upload_minutes: float = _setting("STUDIO_UPLOAD_MINUTES", 20.0, "longest upload")
    uploads_megabytes: int = _setting(
        "STUDIO_UPLOADS_MB", 2000, "all uploads together that no request has taken yet"
    )
    downloads: int = _setting("STUDIO_DOWNLOADS", 1, "1: visitors may download models; 0: not")

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Settings:
        """Raises: InputError naming the variable whose value cannot be used."""
        environment = os.environ if environment is None else environment
        values: dict[str, Any] = {}
        if environment.get("SPACE_ID"):
            values = {
                "host": "0.0.0.0",  # noqa: S104
                "hosts": environment.get("SPACE_HOST") or "*.hf.space",
                "proxies": SPACE_PROXIES,
            }
        for each in fields(cls):
            text = environment.get(each.metadata["variable"], "")
            if text:
                values[each.name] = _read(each.metadata["variable"], text, type(each.default))
        settings = cls(**values)
        if settings.executor not in EXECUTORS:
            raise InputError(
                "STUDIO_EXECUTOR", settings.executor, "must be one of " + ", ".join(EXECUTORS)
            )
        if settings.variant:
            variants.get(settings.variant)
        if not 1 <= settings.batch <= MOST_BATCH:
            raise InputError("STUDIO_BATCH", settings.batch, f"must be from 1 to {MOST_BATCH}")
        _networks(settings.proxies)
        path = settings.root_path.strip("/")
        return replace(settings, root_path=f"/{path}" if path else "")

    @property
    def host_names(self) -> tuple[str, ...]:
        """Names by which the page may be asked (see studio.route_guard.RouteGuard)."""
        return (*self.hosts.split(","), self.host)

    def is_proxy(self, address: str) -> bool:
        """Whether what this address forwards is believed."""
        try:
            return any(ipaddress.ip_address(address) in one for one in _networks(self.proxies))
        except ValueError:
            return False

    @property
    def device_list(self) -> tuple[str, ...]:
        """The device of each worker."""
        named = tuple(filter(None, (d.strip() for d in self.devices.split(","))))
        return named or (self.device,)

    @property
    def first_variant(self) -> str:
        """The variant chosen when the page opens: the asked one, or the first nano installed."""
        if self.variant:
            return self.variant
        nano = ("nano", "nano-no-flow")
        return next((n for n in nano if variants.installed(variants.get(n))), "nano")

    @property
    def folder(self) -> Path:
        """Where the studio keeps people's music and its jobs."""
        return _made(work_folder() / "studio")

    @property
    def temporary(self) -> Path:
        """Where uploads and downloads lie for an hour."""
        return _made(work_folder() / "temporary")


def _made(folder: Path) -> Path:
    """Raises: InputError where nothing can be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK):
            raise PermissionError(errno.EROFS, os.strerror(errno.EROFS))
        return folder
    except OSError as error:
        raise InputError(
            "STUDIO_WORK", folder.parent, f"cannot be written ({error.strerror}); name another"
        ) from error


def _networks(text: str) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    found = []
    for part in filter(None, (p.strip() for p in text.split(","))):
        try:
            found.append(ipaddress.ip_network(part))
        except ValueError as error:
            raise InputError(
                "STUDIO_TRUSTED_PROXIES", part, "must be an address or a network, as 10.0.0.0/8"
            ) from error
    return found


def _read(variable: str, text: str, kind: type) -> Any:
    try:
        value = kind(text)
    except ValueError as error:
        raise InputError(variable, text, f"must be a number ({kind.__name__})") from error
    if kind is not str and not 0 <= value < 1e9:
        raise InputError(variable, text, "must be 0 or more")
    return value


def help_lines() -> str:
    """The settings as --help shows them."""
    rows = [
        f"  {f.metadata['variable']:<24}{f.metadata['help']} [{f.default}]"
        for f in fields(Settings)
    ]
    rows.append(
        f"  {'STUDIO_WORK':<24}folder for all work in progress [~/.cache/inspiremusic-studio]"
    )
    rows.append(f"  {'STUDIO_MODELS':<24}folder of model folders [STUDIO_WORK/models]")
    rows.append(
        f"  {'STUDIO_SIGNING':<24}folder of certificate.pem and key.pem that sign downloads "
        "[made in STUDIO_WORK]"
    )
    rows.append(
        f"  {'STUDIO_ADMIN_TOKEN':<24}asked for in Results, Benchmark and Train, at "
        "least 16 characters [none: Results closed, the others for this machine alone]"
    )
    rows.append(
        f"  {'STUDIO_JOBS_DATABASE':<24}postgresql://... through which workers on other machines "
        "get jobs [none: jobs are made on this machine]"
    )
    rows.append(
        f"  {'STUDIO_DATABASE':<24}database of listening tests, sqlite:///FILE or "
        "postgresql://... [a file beside each study's clips]"
    )
    return "\n".join(rows)
