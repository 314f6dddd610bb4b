"""What the web process may carry."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
BUILD = """
import sys
from studio import context, page
from studio.settings import Settings
page.application(context.Studio(Settings()))
print(sorted({name.partition('.')[0] for name in sys.modules} & {'torch', 'transformers'}))
"""


def test_the_page_is_built_without_torch(tmp_path):
    """Models and their 400 MB of libraries belong to the worker process."""
    built = subprocess.run(
        [sys.executable, "-c", BUILD],
        cwd=REPOSITORY,
        text=True,
        check=True,
        env={**os.environ, "STUDIO_WORK": str(tmp_path)},
        capture_output=True,
    )
    assert built.stdout.strip() == "[]"
