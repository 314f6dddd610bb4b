"""The listening studies that this studio serves: folders under $STUDIO_WORK/studies."""

from __future__ import annotations

import logging
import re
import threading
from dataclasses import dataclass
from pathlib import Path

from core.errors import FailureError, InputError, StudioError
from core.workspace import work_folder
from evaluation.listening import (
    METHOD_NAMES,
    OPEN,
    Prepared,
    RatingService,
    Store,
    Study,
    default_database,
    persistence_warning,
    prepare,
    prepared_folder,
    read_prepared,
    read_study,
    state_of,
)
from studio.credentials import DATABASE, credential

SHIPPED = Path(__file__).resolve().parents[2] / "assets" / "studies"
SECONDS_PER_SCORE = 4.0
STUDY_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")
log = logging.getLogger("studio.rating")


@dataclass(frozen=True)
class ListedStudy:
    """An open study in the list that everybody sees; minutes are an estimate."""

    name: str
    title: str
    method: str
    trials: int
    minutes: float
    is_public: bool
    is_demo: bool


class Studies:
    """Opens a study when it is first asked for, and keeps it as it was then.

    `studies/NAME` holds study.yaml. Its clips lie in `studies/NAME/prepared` or where
    `python -m evaluation listening prepare` put them. Studies of `assets/studies` are the
    demo: they are there from the first start on, and their clips are prepared when asked for.
    """

    def __init__(self) -> None:
        self.folder = work_folder() / "studies"
        self._services: dict[str, RatingService] = {}
        self._opening = threading.Lock()

    def names(self) -> list[str]:
        """Every study there is, open or not; the demo's last."""
        own = sorted(path.parent.name for path in self.folder.glob("*/study.yaml"))
        return own + [name for name in self.shipped() if name not in own]

    def is_shipped(self, name: str) -> bool:
        """Whether a study came with the program."""
        return not (self.folder / name / "study.yaml").is_file() and name in self.shipped()

    def shipped(self) -> list[str]:
        """Names of the demo's studies."""
        return sorted(path.parent.name for path in SHIPPED.glob("*/study.yaml"))

    def listed(self) -> list[ListedStudy]:
        """Open studies that anybody may join: those without invitation or platform."""
        found = []
        for name in self.names():
            try:
                service = self.researchers_service(name)
                state = state_of(service.store.engine, name)
            except StudioError as error:
                log.info("study %r is not listed: %s", name, error)
                continue
            study, recruitment = service.study, service.study.recruitment
            if state == OPEN and not recruitment.invited_only and not recruitment.platform:
                found.append(_listed(study, self.is_shipped(name)))
        return sorted(found, key=lambda one: (one.is_demo, one.title))

    def close(self, name: str) -> None:
        """Read a study anew when it is next asked for: its texts have changed."""
        with self._opening:
            self._services.pop(name, None)

    def service(self, name: str) -> RatingService:
        """The service of an open study.

        Raises: InputError for what is none, FailureError when it could be opened another time;
            neither tells a stranger the reason, the log has it.
        """
        try:
            return self.researchers_service(name)
        except InputError as error:
            log.warning("study %r is not open: %s", name, error)
        except FailureError as error:
            log.warning("study %r cannot be opened: %s", name, error)
            raise FailureError("study", "", "cannot be opened now; try again in a moment") from None
        raise InputError("study", "", "is not open")

    def researchers_service(self, name: str) -> RatingService:
        """As `service`, but the error says what is wrong."""
        if not isinstance(name, str) or not STUDY_NAME.fullmatch(name):
            raise InputError("study", name, "is no name of a study")
        with self._opening:
            if name not in self._services:
                self._services[name] = self._open(name)
            return self._services[name]

    def _open(self, name: str) -> RatingService:
        is_shipped = self.is_shipped(name)
        study = read_study((SHIPPED if is_shipped else self.folder) / name / "study.yaml")
        if study.name != name:
            raise InputError("study name", study.name, f"must be that of its folder, {name}")
        if is_shipped:
            prepared = prepare(study)
        else:
            prepared = require_blind(_prepared(study, self.folder / name / "prepared"))
        database = credential(DATABASE) or default_database(study)
        warning = persistence_warning(database)
        if warning:
            log.warning("study %s: %s", name, warning)
        return RatingService(study, prepared, Store(database))


def _listed(study: Study, is_demo: bool) -> ListedStudy:
    clips = len(study.conditions) + 1 if study.conditions else 2 if study.is_pairs else 1
    scores = len(study.conditions) or len(study.axes)
    seconds = clips * study.clip_seconds + SECONDS_PER_SCORE * scores
    trials = study.trials_per_rater + len(study.training_items)
    return ListedStudy(
        study.name,
        study.title,
        METHOD_NAMES[study.method],
        trials,
        round(trials * seconds / 60, 1),
        study.public,
        is_demo,
    )


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
