"""The warning before answers are written where they will not last."""

from __future__ import annotations

import pytest

from evaluation.listening.store.persistence import persistence_warning

MOUNTS = "overlay / overlay rw\ntmpfs /tmp tmpfs rw\n/dev/sda1 /home ext4 rw\n"


@pytest.mark.parametrize(
    "path, environment, mounts, lost",
    [
        ("/home/x/a.sqlite", {}, MOUNTS, False),
        ("/tmp/a.sqlite", {}, MOUNTS, True),
        ("/srv/a.sqlite", {}, MOUNTS, True),
        ("/data/a.sqlite", {"SPACE_ID": "me/space"}, MOUNTS, True),
        ("/data/a.sqlite", {"SPACE_ID": "me/space"}, MOUNTS + "/dev/nvme1 /data ext4 rw\n", False),
        ("/home/x/a.sqlite", {"SPACE_ID": "me/space"}, MOUNTS, True),
    ],
)
def test_a_disk_that_does_not_last_is_warned_of(path, environment, mounts, lost):
    warning = persistence_warning(f"sqlite:///{path}", environment, mounts)
    assert (warning is not None) == lost
    assert persistence_warning("postgresql://u@h/d", environment, mounts) is None
