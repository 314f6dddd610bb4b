"""Every golden vector of the official models, component by component.

The checks live in `official_<component>.py` beside this file; here they are collected.
"""

from __future__ import annotations

import pytest
from golden_folder import official

pytest.register_assert_rewrite("official_wavtokenizer", "official_hificodec",
                               "official_language_model", "official_srfm")
FOLDER = official()

from official_hificodec import *  # noqa: E402, F403
from official_language_model import *  # noqa: E402, F403
from official_srfm import *  # noqa: E402, F403
from official_wavtokenizer import *  # noqa: E402, F403
