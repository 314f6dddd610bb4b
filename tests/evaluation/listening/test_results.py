"""From answers to tables: screening, results, layout, export and commands."""

from __future__ import annotations

import csv
import io
import random

import pandas
import pytest
import yaml

from core.errors import InputError
from evaluation.listening.checks.sample_study import write_sample_study
from evaluation.listening.clips.preparation import prepare
from evaluation.listening.command import main
from evaluation.listening.service import RatingService
from evaluation.listening.statistics import METHOD
from evaluation.listening.store.records import new_token
from evaluation.listening.store.storage import Store
from evaluation.listening.tables.answer_files import csv_text
from evaluation.listening.tables.dataset_folder import write_dataset
from evaluation.listening.tables.export import result_files
from evaluation.listening.tables.printing import results_text
from evaluation.listening.tables.result_report import report_tables
from evaluation.listening.tables.result_tables import results
from evaluation.report import safe_cell

QUALITY = {"system-a": 2, "system-b": 3, "system-c": 4}


def run_study(folder, answer, raters, **entries):
    """Raters 0..n-1 answer every trial with `answer(rater, stored trial) -> scores`."""
    study = write_sample_study(folder, **entries)
    service = RatingService(
        study, prepare(study, folder / "prepared"), Store(f"sqlite:///{folder / 'answers.sqlite'}")
    )
    for rater in range(raters):
        token = new_token()
        view = service.start(token, True)
        seat = service.store.seat(study, token)
        for stored in service.store.trials(seat.rater_id):
            assert stored.id == view.trial.id
            score = answer(rater, stored.trial)
            view = service.answer(
                token,
                stored.id,
                {axis.name: score for axis in study.axes},
                '=HYPERLINK("x")' if rater == 0 else "",
                {"heard": [1.0] * len(view.trial.clips)},
            )
        assert view.state == "finished"
    return study, service.store


def rating(rater, trial):
    """Rater 0 fails the attention check; all others know the systems apart."""
    if trial.kind == "attention":
        return 1 + int(trial.item) % 5 if rater == 0 else int(trial.item)
    if trial.kind == "anchor":
        return 1
    chance = random.Random(f"{rater}/{trial.system}/{trial.item}").choice((-1, 0, 0, 1))
    return min(5, max(1, QUALITY.get(trial.system, 5) + chance))


@pytest.fixture(scope="module")
def ratings(tmp_path_factory):
    return run_study(
        tmp_path_factory.mktemp("mos"),
        rating,
        6,
        systems=3,
        items=5,
        trials=15,
        controls={"anchors": 1, "attention": 1},
        axes=["quality", "overall"],
        ablation={"system-c": "full", "system-a": "w/o flow-matching"},
    )


def test_tables_with_and_without_screening(ratings):
    found = results(*ratings)
    assert [verdict.kept for verdict in found.verdicts] == [False] + [True] * 5
    assert "attention" in found.verdicts[0].reasons[0]
    assert (found.everyone.n_raters, found.screened.n_raters) == (6, 5)
    by_cell = {(mean.system, mean.axis): mean.interval for mean in found.screened.means}
    assert set(by_cell) == {(s, a) for s in QUALITY for a in ("quality", "overall")}
    for (system, _), interval in by_cell.items():
        assert (interval.n, interval.n_raters, interval.n_items) == (25, 5, 5)
        assert interval.mean == pytest.approx(QUALITY[system], abs=0.4)
    best = next(
        pair
        for pair in found.screened.pairs
        if pair.system_b == "system-c" and pair.system_a == "system-a" and pair.axis == "quality"
    )
    assert (
        best.interval.hi_95 < 0 and best.interval.p <= best.p_adjusted_axis <= best.p_adjusted_all
    )
    assert found.screened.agreement["quality"].alpha_ordinal > 0.4


def test_controls_stay_out_of_the_means(ratings):
    found = results(*ratings)
    assert {mean.system for mean in found.everyone.means} == set(QUALITY)
    assert {mean.system for mean in found.everyone.controls} == {"anchor"}
    assert found.everyone.n_answers == 6 * 15
    assert sum(sum(d.counts) for d in found.everyone.distributions) == 6 * 15 * 2


def test_layout_of_the_papers_tables(ratings):
    table, ablation = results(*ratings).paper[:2]
    assert "Table 6" in table.title and "Table 8" in ablation.title
    assert table.columns == ("Model", "Audio quality", "Overall", "raters", "items", "ratings")
    assert [row[0] for row in table.rows] == list(QUALITY)
    assert [row[0] for row in ablation.rows] == ["full", "w/o flow-matching"]
    assert all("±" in cell for row in table.rows for cell in row[1:3])


def test_the_papers_layout_tells_sizes_and_method(ratings):
    study, store = ratings
    found = results(study, store)
    rows = list(csv.reader(io.StringIO(result_files(study, store, found)["paper_tables.csv"])))
    for table in found.paper:
        raters = "6" if table.title.endswith("all raters") else "5"
        sizes = (raters, "5", str(5 * int(raters)))
        assert [row[3:] for row in table.rows] == [sizes] * len(table.rows)
        assert METHOD in table.note and "95 %" in table.note and "not what the paper" in table.note
        written = [row[1:] for row in rows if row[0] == table.title]
        assert written == [list(row) for row in (table.columns, *table.rows, ("note", table.note))]
    shown = [
        one for one in report_tables(study, found, screened=False) if "layout" in one.title.lower()
    ]
    assert len(shown) == 2 and all(METHOD in " ".join(one.notes) for one in shown)
    text = results_text(study, found)
    assert text.count("not what the paper") == 4  # two tables each of all and screened raters


def comparing(rater, trial):
    if trial.kind == "attention":
        return int(trial.item)
    if trial.kind == "identical":
        return 3 if rater == 2 else rater % 2
    better = {"system-b": 1, "system-c": 2}[trial.system]
    return better if trial.system_second else -better


def test_pairs_are_turned_to_system_minus_baseline(tmp_path):
    study, store = run_study(
        tmp_path,
        comparing,
        4,
        systems=3,
        items=4,
        trials=8,
        method="CCR",
        baseline="system-a",
        axes=["overall"],
        controls={"identical_pairs": 2, "attention": 1},
    )
    found = results(study, store)
    result = found.everyone.comparisons["overall"]
    assert [(s.system, s.interval.mean, s.wins) for s in result.systems] == [
        ("system-b", 1.0, 16),
        ("system-c", 2.0, 16),
    ]
    assert abs(result.order_all.mean) <= 0.5
    noted = {
        (row.labels[1], row.cells[-1].text)
        for table in report_tables(study, found, screened=False)
        if "order" in table.title.lower()
        for row in table.rows
    }
    assert noted == {
        *((study.label(name), one.note) for name, one in result.order_by_system.items()),
        ("all systems", result.order_all.note),
    }
    assert any(note for _, note in noted)  # one of them could not be computed as the rule says
    assert result.controls.n == 8 and sum(result.controls.rater_passes.values()) == 3
    assert [verdict.kept for verdict in found.verdicts] == [True, True, False, True]
    assert found.paper == [] and "CCR" in found.method
    files = result_files(study, store, found)
    compared = list(csv.DictReader(io.StringIO(files["comparisons.csv"])))
    assert sum(int(r["n_system_second"]) for r in compared if r["raters"] == "all") == 16
    table = csv.DictReader(io.StringIO(files["answers.csv"]))
    for row in table:
        if row["kind"] == "main":
            assert {row["first"], row["second"]} == {row["system"], "system-a"}
            assert int(row["signed"]) > 0
            assert int(row["score"]) == int(row["signed"]) * (
                1 if row["second"] == row["system"] else -1
            )


WORTH = {"system-a": 0, "system-b": 1, "system-c": 2}


def preferring(rater, trial):
    """The better of two, most of the time; a tie or both bad now and then."""
    if trial.kind == "attention":
        return int(trial.item)
    chance = random.Random(f"{rater}/{trial}").random()
    better = 1 if WORTH[trial.system] > WORTH[trial.other] else -1
    if chance < 0.15:
        return 0
    return (better if chance < 0.8 else -better) * (1 if trial.system_second else -1)


def test_every_two_systems_are_compared_without_a_baseline(tmp_path):
    study, store = run_study(
        tmp_path,
        preferring,
        6,
        systems=3,
        items=5,
        trials=15,
        method="CCR",
        pairs="all",
        axes=["overall"],
    )
    found = results(study, store)
    names = [one.system for one in found.everyone.comparisons["overall"].systems]
    assert names == ["system-a vs system-b", "system-a vs system-c", "system-b vs system-c"]
    assert all(one.interval.mean < 0 for one in found.everyone.comparisons["overall"].systems)
    assert (found.progress.fewest, found.progress.most) == (6, 6)
    files = result_files(study, store, found)
    for row in csv.DictReader(io.StringIO(files["answers.csv"])):
        assert {row["first"], row["second"]} == {row["system"], row["baseline"]}
    assert "Compared in pairs" in results_text(study, found)


def test_an_arena_orders_its_systems(tmp_path):
    def voting(rater, trial):
        return 2 if random.Random(f"x{rater}/{trial}").random() < 0.1 else preferring(rater, trial)

    study, store = run_study(tmp_path, voting, 8, systems=3, items=5, trials=15, method="ARENA")
    found = results(study, store)
    arena = found.everyone.arenas["overall"]
    assert [one.system for one in arena.strengths] == ["system-c", "system-b", "system-a"]
    assert all(one.half_95 > 0 for one in arena.strengths)
    assert arena.n == 8 * 15 and sum(one.both_bad for one in arena.strengths) > 0
    assert "strength" in results_text(study, found)
    rows = list(csv.DictReader(io.StringIO(result_files(study, store, found)["arena.csv"])))
    assert len(rows) == 6 and float(rows[0]["strength"]) > float(rows[2]["strength"])


def test_answers_of_pairs_name_what_was_heard(tmp_path):
    study, store = run_study(
        tmp_path,
        comparing,
        6,
        systems=3,
        items=5,
        trials=4,
        method="CCR",
        baseline="system-a",
        axes=["overall"],
        training_items=["item-00", "item-01"],
        controls={"identical_pairs": 1, "attention": 1},
    )
    text = result_files(study, store, results(study, store))["answers.csv"]
    by_kind: dict[str, list[dict[str, str]]] = {}
    for row in csv.DictReader(io.StringIO(text)):
        by_kind.setdefault(row["kind"], []).append(row)
    assert {kind: len(rows) for kind, rows in by_kind.items()} == {
        "training": 12,
        "main": 24,
        "identical": 6,
        "attention": 6,
    }
    for row in (*by_kind["training"], *by_kind["main"]):
        assert {row["first"], row["second"]} == {row["system"], "system-a"}
        assert row["baseline"] == "system-a"
        assert int(row["signed"]) == {"system-b": 1, "system-c": 2}[row["system"]]
    assert any(row["score"] != row["signed"] for row in by_kind["training"])
    for row in by_kind["identical"]:
        assert row["first"] == row["second"] == row["system"] and not row["baseline"]
    for row in by_kind["attention"]:
        assert row["first"] == row["second"] == row["system"] == row["baseline"] == ""


def test_a_study_without_answers_and_one_with_a_single_rater_have_results(tmp_path):
    study, store = run_study(tmp_path, rating, 0, systems=2, items=3, trials=6)
    assert "raters 0" in results_text(study, results(study, store))
    service = RatingService(study, prepare(study, tmp_path / "prepared"), store)
    token = new_token()
    view = service.start(token, True)
    while view.state == "trial":
        view = service.answer(token, view.trial.id, {axis.name: 3 for axis in study.axes})
    assert "n too small" in results_text(study, results(study, store))


def test_export_runs_no_formula_and_keeps_numbers(ratings):
    study, store = ratings
    files = result_files(study, store, results(study, store))
    rows = list(csv.DictReader(io.StringIO(files["answers.csv"])))
    assert len(rows) == 6 * (15 + 1 + 1) * 2
    assert {row["comment"] for row in rows} == {"", '\'=HYPERLINK("x")'}
    assert {row["passed_screening"] for row in rows} == {"0", "1"}
    assert all(len(list(csv.reader(io.StringIO(text)))) > 0 for text in files.values())


def test_answers_become_a_dataset_folder_that_reads_back(ratings, tmp_path):
    study, store = ratings
    found = results(study, store)
    card, data = write_dataset(tmp_path / "dataset", study, store, found)
    head = yaml.safe_load(card.read_text().split("---")[1])
    assert head["configs"][0]["data_files"] == data.relative_to(tmp_path / "dataset").as_posix()
    table = pandas.read_parquet(data)
    rows = list(csv.DictReader(io.StringIO(result_files(study, store, found)["answers.csv"])))
    assert len(table) == len(rows)
    assert table["score"].tolist() == [int(row["score"]) for row in rows]
    assert table["rater"].tolist() == [row["rater"] for row in rows]
    assert table["least_heard"].min() == 1.0
    with pytest.raises(InputError, match="not empty"):
        write_dataset(tmp_path / "dataset", study, store, found)


@pytest.mark.parametrize(
    "text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "  =1", "\n=1", "＝1", "|x"]
)
def test_a_text_that_would_be_a_formula_is_quoted(text):
    assert safe_cell(text) == "'" + text
    written = io.StringIO(csv_text(["a"], [[text]]), newline="")
    assert list(csv.reader(written))[1] == ["'" + text]


@pytest.mark.parametrize("value", [-3, -0.5, "plain", "a=b", ""])
def test_numbers_and_plain_text_stay(value):
    assert safe_cell(value) == value


def test_commands_from_check_to_restore(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("STUDIO_WORK", str(tmp_path / "work"))
    monkeypatch.delenv("STUDIO_DATABASE", raising=False)
    folder = tmp_path / "study"
    folder.mkdir()
    study = write_sample_study(folder, systems=2, items=3, trials=6)
    assert main(["check", str(folder)]) == 0
    assert main(["report", str(folder)]) == 2  # nobody answered yet
    assert main(["prepare", str(folder / "study.yaml")]) == 0
    assert main(["preview", str(folder), "--out", str(tmp_path / "preview")]) == 0
    assert "main--system-a--item-00.wav" in capsys.readouterr().out
    database = tmp_path / "work" / "listening" / "sample" / "answers.sqlite"
    service = RatingService(study, prepare(study, database.parent), Store(f"sqlite:///{database}"))
    token = new_token()
    view = service.start(token, True)
    while view.state == "trial":
        view = service.answer(token, view.trial.id, {axis.name: 3 for axis in study.axes})
    assert main(["report", str(folder)]) == 0
    assert main(["export", str(folder), "--out", str(tmp_path / "tables")]) == 0
    assert (tmp_path / "tables" / "answers.csv").read_text().count("\n") == 1 + 6 * 4
    assert main(["backup", str(folder), str(tmp_path / "b.jsonl")]) == 0
    other = f"sqlite:///{tmp_path / 'other.sqlite'}"
    assert main(["restore", str(folder), str(tmp_path / "b.jsonl"), "--database", other]) == 0
    assert len(Store(other).answers("sample")) == 6
    assert main(["power"]) == 0
    assert main(["simulate", "--runs", "200"]) == 0
    assert "naive" in capsys.readouterr().out
    assert main(["check", str(tmp_path / "nowhere")]) == 2
    assert capsys.readouterr().err.count("\n") == 1
