"""Holds the machine while tests run, so that background training pauses; one thread a worker."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
if "PYTEST_XDIST_WORKER" in os.environ:  # as many workers as cores: more threads only wait
    os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(scope="session", autouse=True)
def _machine() -> Iterator[None]:
    from core.workspace import claim_machine

    with claim_machine():
        yield
