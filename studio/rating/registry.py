"""The listening studies that this studio serves: folders under $STUDIO_WORK/studies."""

from __future__ import annotations

import logging
import re
import threading
from pathlib import Path

from core.errors import FailureError, InputError
from core.workspace import work_folder
from evaluation.listening import (
    Prepared,
    RatingService,
    Store,
    Study,
    default_database,
    persistence_warning,
    prepared_folder,
    read_prepared,
    read_study,
)
from studio.credentials import DATABASE, credential

STUDY_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")
log = logging.getLogger("studio.rating")


class Studies:
    """Opens a study when it is first asked for, and keeps it as it was then.

    `studies/NAME` holds study.yaml. Its clips lie in `studies/NAME/prepared` or where
    `python -m evaluation listening prepare` put them.
    """

    def __init__(self) -> None:
        self.folder = work_folder() / "studies"
        self._desks: dict[str, RatingService] = {}
        self._opening = threading.Lock()

    def names(self) -> list[str]:
        """Every study there is, open or not."""
        return sorted(path.parent.name for path in self.folder.glob("*/study.yaml"))

    def desk(self, name: str) -> RatingService:
        """The desk of an open study.

        Raises: InputError for what is none, FailureError when it could be opened another time;
            neither tells a stranger the reason, the log has it.
        """
        try:
            return self.researchers_desk(name)
        except InputError as error:
            log.warning("study %r is not open: %s", name, error)
        except FailureError as error:
            log.warning("study %r cannot be opened: %s", name, error)
            raise FailureError("study", "", "cannot be opened now; try again in a moment") from None
        raise InputError("study", "", "is not open")

    def researchers_desk(self, name: str) -> RatingService:
        """As `desk`, but the error says what is wrong."""
        if not isinstance(name, str) or not STUDY_NAME.fullmatch(name):
            raise InputError("study", name, "is no name of a study")
        with self._opening:
            if name not in self._desks:
                self._desks[name] = self._open(name)
            return self._desks[name]

    def _open(self, name: str) -> RatingService:
        study = read_study(self.folder / name / "study.yaml")
        if study.name != name:
            raise InputError("study name", study.name, f"must be that of its folder, {name}")
        prepared = require_blind(_prepared(study, self.folder / name / "prepared"))
        database = credential(DATABASE) or default_database(study)
        warning = persistence_warning(database)
        if warning:
            log.warning("study %s: %s", name, warning)
        return RatingService(study, prepared, Store(database))


def _prepared(study: Study, inside: Path) -> Prepared:
    return read_prepared(study, inside if inside.is_dir() else prepared_folder(study))


def require_blind(prepared: Prepared) -> Prepared:
    """The same clips. Raises: InputError for a preview, whose names tell whose clips they are."""
    if not prepared.is_blind:
        raise InputError(
            "prepared clips",
            prepared.folder,
            "are a preview with telling names; "
            "run `python -m evaluation listening prepare STUDY` and serve those",
        )
    return prepared
