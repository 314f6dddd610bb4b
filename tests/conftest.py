"""Holds the machine while tests run, so that background training pauses."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")


@pytest.fixture(scope="session", autouse=True)
def _machine() -> Iterator[None]:
    from core.workspace import claim_machine

    with claim_machine():
        yield
