"""The documents: every block of commands runs, every link leads somewhere, the site builds."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
PAGES = [
    REPOSITORY / "README.md",
    *sorted(REPOSITORY.glob("*.md")),
    *sorted((REPOSITORY / "docs").rglob("*.md")),
]
PAGES = [page for page in dict.fromkeys(PAGES) if "experiments" not in page.parts]
BLOCK = re.compile(
    r"(?:<!-- not run: (?P<reason>[^>]+) -->\n)?^```(?P<language>sh|python)\n(?P<code>.*?)^```$",
    re.DOTALL | re.MULTILINE,
)
SECONDS = 300


@dataclass(frozen=True)
class Block:
    """One block of a page; `reason` says why it is not run."""

    language: str
    code: str
    reason: str | None


def blocks(page: Path) -> list[Block]:
    return [Block(m["language"], m["code"], m["reason"]) for m in BLOCK.finditer(page.read_text())]


# The guide to listening tests has a test of its own, which answers as raters would.
OWN_TEST = REPOSITORY / "docs" / "listening-test.md"
RUN = [page for page in PAGES if page != OWN_TEST and any(not b.reason for b in blocks(page))]


def name(page: Path) -> str:
    return str(page.relative_to(REPOSITORY))


def test_all_fences_are_recognised():
    """A block that the pattern misses would never be run."""
    for page in PAGES:
        opened = len(re.findall(r"^\s*```(?:sh|python|bash|shell|py)\b", page.read_text(), re.M))
        assert opened == len(blocks(page)), name(page)


@pytest.mark.parametrize("page", RUN, ids=name)
def test_blocks_run_in_order(page, tmp_path):
    """Each page's blocks share one folder, as a reader's would."""
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(REPOSITORY),
        "STUDIO_WORK": str(tmp_path / "work"),
        "OMP_NUM_THREADS": "2",
    }
    folder = tmp_path / "here"
    folder.mkdir()
    (folder / "trainers").symlink_to(REPOSITORY / "trainers")
    for block in (b for b in blocks(page) if not b.reason):
        command = (
            ["bash", "-euo", "pipefail", "-c", block.code]
            if block.language == "sh"
            else [sys.executable, "-c", block.code]
        )
        ran = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, timeout=SECONDS
        )
        assert ran.returncode == 0, f"{block.code}\n{ran.stdout}\n{ran.stderr}"


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text()):
        if not re.match(r"[a-z]+:", target):
            assert (page.parent / target).exists(), target


def test_the_site_builds(tmp_path):
    """mkdocs in strict mode: every page of the navigation exists and every link resolves."""
    built = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path)],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        env={**os.environ, "DISABLE_MKDOCS_2_WARNING": "true", "NO_MKDOCS_2_WARNING": "1"},
    )
    assert built.returncode == 0, built.stdout + built.stderr
    assert (tmp_path / "reference" / "index.html").read_text().count("GenerationRequest") > 3
