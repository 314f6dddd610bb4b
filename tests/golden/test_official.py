"""Every golden vector of the official models, component by component.

The checks live in `official_<component>.py` beside this file; here they are collected.
"""

from __future__ import annotations

import pytest
from golden_folder import official, official_vectors

pytest.register_assert_rewrite(
    "official_wavtokenizer", "official_hificodec", "official_language_model", "official_srfm"
)
FOLDER = official()

from official_hificodec import *  # noqa: E402, F403
from official_language_model import *  # noqa: E402, F403
from official_srfm import *  # noqa: E402, F403
from official_wavtokenizer import *  # noqa: E402, F403


def test_every_tensor_of_the_folder_was_checked(request: pytest.FixtureRequest) -> None:
    """Runs last: no field of any golden file may go unread."""
    options = request.config.option
    if (
        options.keyword
        or options.markexpr
        or getattr(options, "lf", False)
        or "::" in "".join(request.config.args)
    ):
        pytest.skip("only a part of the golden tests was selected")
    files = sorted(FOLDER.glob("*.safetensors"))
    assert files
    for path in files:
        vectors = official_vectors(path.stem)
        assert sorted(vectors.keys() - vectors.names_read) == [], path.name
