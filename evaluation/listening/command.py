"""`python -m evaluation listening ...`: from a study file to tables."""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from core.errors import InputError, StudioError
from core.workspace import work_folder
from evaluation.listening.checks.check_raters import check_raters
from evaluation.listening.clips.preparation import (
    Prepared,
    prepare,
    prepared_folder,
    require_comparable,
)
from evaluation.listening.design import simulation, study_file
from evaluation.listening.design.assignment import cells, plan_trials
from evaluation.listening.design.power import Spread, power_text
from evaluation.listening.design.study import MOS, Study
from evaluation.listening.design.study_file import read_study
from evaluation.listening.service import RatingService
from evaluation.listening.store import people
from evaluation.listening.store.backup import backup, restore
from evaluation.listening.store.persistence import persistence_warning
from evaluation.listening.store.records import new_token
from evaluation.listening.store.registration import STATES, set_state, stored_study
from evaluation.listening.store.schema import database_url
from evaluation.listening.store.storage import Store
from evaluation.listening.tables.answer_files import payment_csv
from evaluation.listening.tables.dataset_folder import write_dataset
from evaluation.listening.tables.export import result_files, write_export
from evaluation.listening.tables.honest_raters import honest_losses, losses_text
from evaluation.listening.tables.printing import results_text
from evaluation.listening.tables.result_tables import results

DATABASE_VARIABLE = "STUDIO_DATABASE"


def default_database(study: Study) -> str:
    """$STUDIO_DATABASE, else a SQLite file in the study's folder of the work folder."""
    return (
        os.environ.get(DATABASE_VARIABLE)
        or f"sqlite:///{prepared_folder(study) / 'answers.sqlite'}"
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command. Returns: the exit status (2 wrong input, 1 failure)."""
    arguments = _parser().parse_args(argv)
    try:
        return arguments.run(arguments) or 0
    except StudioError as error:
        print(error, file=sys.stderr)
        return error.exit_code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m evaluation listening",
        description=__doc__,
        epilog=study_file.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, run, text in (
        ("check", _check, "read a study and all its clips, write nothing"),
        ("prepare", _prepare, "make the clips raters hear"),
        ("preview", _preview, "make clips with telling names and show one rater's list"),
        ("raters", _people, "open, pause, close; invited links; one rater out; who is to be paid"),
        ("export", _export, "answers and tables as CSV"),
        ("report", _report, "tables as text"),
        ("backup", _backup, "the study's whole database into one file"),
        ("restore", _restore, "a backup into the study's empty database"),
    ):
        command = commands.add_parser(name, help=text, description=text)
        command.set_defaults(run=run)
        command.add_argument("study", type=Path, metavar="STUDY", help="study.yaml or its folder")
        command.add_argument(
            "--database",
            help="sqlite:///FILE or postgresql://...; default "
            f"${DATABASE_VARIABLE}, else SQLite in the work folder",
        )
        if name in ("export", "preview"):
            command.add_argument("--out", type=Path, required=True, metavar="DIR")
        if name == "export":
            command.add_argument(
                "--dataset", type=Path, metavar="DIR", help="also as a Hugging Face dataset folder"
            )
        if name == "raters":
            _add_people_options(command)
        if name in ("backup", "restore"):
            command.add_argument("file", type=Path, metavar="FILE")
    simulate = commands.add_parser("simulate", help="coverage of the reported intervals")
    simulate.add_argument("--runs", type=int, default=simulation.RUNS)
    simulate.add_argument("--seed", type=int, default=simulation.SEED)
    simulate.set_defaults(run=_simulate)
    power = commands.add_parser("power", help="raters and items that a difference needs")
    power.add_argument("--difference", type=float, default=0.2)
    for field in dataclasses.fields(Spread):
        power.add_argument(
            f"--sd-{field.name.replace('_', '-')}",
            dest=field.name,
            type=float,
            default=field.default,
        )
    power.set_defaults(run=_power)
    check = commands.add_parser(
        "check-raters",
        help="many raters at once on both databases, with servers killed in the middle",
    )
    check.add_argument("--raters", type=int, default=100)
    check.set_defaults(run=lambda arguments: check_raters(arguments.raters))
    return parser


def _add_people_options(command: argparse.ArgumentParser) -> None:
    command.add_argument("--state", choices=STATES, help="what the study is from now on")
    command.add_argument("--invite", type=int, metavar="N", help="make N links for one rater each")
    command.add_argument("--batch", default="links", help="name of these links (default: links)")
    command.add_argument("--address", default="", help="of the studio, put before the links")
    command.add_argument("--revoke", metavar="BATCH", help="close a batch's links nobody used")
    command.add_argument("--remove", metavar="ID", help="a rater or participant to take out")
    command.add_argument("--payment", action="store_true", help="ids and codes as CSV")


def _database(arguments: argparse.Namespace, study: Study) -> str:
    return arguments.database or default_database(study)


def _answered(arguments: argparse.Namespace) -> tuple[Study, Store]:
    """A study that was opened already, and its database.

    Where the file differs from what raters were given, the stored study is taken and it is said.
    """
    study = read_study(arguments.study)
    url = _database(arguments, study)
    parsed = database_url(url)
    if parsed.drivername == "sqlite" and not Path(str(parsed.database)).is_file():
        raise InputError(
            "database",
            parsed.database,
            "does not exist; nobody answered yet, or name it with --database",
        )
    store = Store(url)
    try:
        store.open_study(study)
    except InputError as error:
        stored = stored_study(store.engine, study.name)
        if stored is None:
            raise
        print(f"WARNING: {error}; going on with the stored study", file=sys.stderr)
        study = stored
    return study, store


def _warn(url: str) -> None:
    warning = persistence_warning(url)
    if warning:
        print(f"WARNING: {warning}", file=sys.stderr)


def _check(arguments: argparse.Namespace) -> None:
    study = read_study(arguments.study)
    require_comparable(study)
    _warn(_database(arguments, study))
    count, trials = len(cells(study)), study.trials_per_rater
    print(
        f"{study.name}: {study.method}, {study.task}, {len(study.systems)} systems, "
        f"{len(study.items)} items, {count} cells, {trials} main trials a rater: "
        f"every cell once for every {count / trials:.1f} raters"
    )
    if study.method == MOS and trials % len(study.compared):
        print(
            f"advice: trials_per_rater {trials} is no multiple of {len(study.compared)} "
            "systems, so some (rater, item) will lack a system and drop out of differences"
        )
    print(losses_text(honest_losses(study)))
    print(f"study digest {study.digest}")


def _prepare(arguments: argparse.Namespace) -> None:
    study = read_study(arguments.study)
    _warn(_database(arguments, study))
    made = prepare(study)
    print(f"{len(made.clips)} clips at {made.target:.2f} LUFS in {made.folder}")
    served = studies_folder() / study.name
    here = served.is_dir() and served.samefile(study.folder)
    place = "" if here else f"put the study's folder at {served}, then "
    print(f"next: {place}start the studio (make studio); raters open /rate?study={study.name}")


def studies_folder() -> Path:
    """Where the studio looks for studies, a folder each."""
    return work_folder() / "studies"


def _people(arguments: argparse.Namespace) -> None:
    study = read_study(arguments.study)
    store = Store(_database(arguments, study))
    store.open_study(study)
    if arguments.state:
        set_state(store.engine, study.name, arguments.state)
        print(f"{study.name} is {arguments.state}")
    if arguments.invite:
        for token in people.invite(store.engine, study.name, arguments.invite, arguments.batch):
            print(f"{arguments.address.rstrip('/')}/rate?study={study.name}#{token}")
    if arguments.revoke:
        print(f"{people.revoke(store.engine, study.name, arguments.revoke)} links revoked")
    if arguments.remove:
        removed = people.remove(store.engine, study.name, arguments.remove)
        print(f"removed: {', '.join(removed)}; the answers stay in the export, marked")
    if arguments.payment:
        print(payment_csv(study, store), end="")


def _preview(arguments: argparse.Namespace) -> None:
    study = read_study(arguments.study)
    if arguments.out.exists() and any(arguments.out.iterdir()):
        raise InputError("folder", arguments.out, "is not empty; name a new one")
    made: Prepared = prepare(study, arguments.out, blind=False)
    for position, trial in enumerate(plan_trials(study, made, {}, 1), start=1):
        heard = " ".join((trial.first, trial.second, *trial.conditions))
        print(f"{position:3} {trial.kind:9} {heard}")
    # In a database of its own, thrown away, so that the study's balance stays untouched.
    scratch = arguments.out / "preview"
    store = Store(f"sqlite:///{scratch / 'answers.sqlite'}")
    try:
        view = RatingService(study, made, store).start(new_token(), consent=True)
        print(json.dumps(dataclasses.asdict(view), ensure_ascii=False))
    finally:
        store.close()
        shutil.rmtree(scratch)
    print(f"{len(made.clips)} clips with telling names in {made.folder}; never serve these")


def _export(arguments: argparse.Namespace) -> None:
    study, store = _answered(arguments)
    found = results(study, store)
    paths = write_export(arguments.out, result_files(study, store, found))
    if arguments.dataset:
        paths += write_dataset(arguments.dataset, study, store, found)
    for path in paths:
        print(path)


def _report(arguments: argparse.Namespace) -> None:
    study, store = _answered(arguments)
    print(results_text(study, results(study, store)))


def _backup(arguments: argparse.Namespace) -> None:
    _, store = _answered(arguments)
    print(f"{backup(store, arguments.file)} rows")


def _restore(arguments: argparse.Namespace) -> None:
    study = read_study(arguments.study)
    url = _database(arguments, study)
    _warn(url)
    print(f"{restore(arguments.file, Store(url))} rows")


def _simulate(arguments: argparse.Namespace) -> None:
    if arguments.runs < 1:
        raise InputError("runs", arguments.runs, "give at least 1")
    found = [
        simulation.simulate(setting, arguments.runs, arguments.seed)
        for setting in simulation.SETTINGS
    ]
    print(simulation.simulation_text(found, arguments.seed))


def _power(arguments: argparse.Namespace) -> None:
    spread = Spread(arguments.rater_system, arguments.item_system, arguments.noise)
    print(power_text(arguments.difference, spread))
