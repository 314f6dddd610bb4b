"""The listening test's statistics against numbers made by other packages.

Systems, axes, items and raters are read from the files; tolerance 1e-8 absolute, counts
exact, and 0.01 for the one source that rounds (bounds of the ICC).
"""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path

import golden_folder
import pytest

from evaluation.listening.statistics import (
    ComparisonTable,
    RatingTable,
    compare,
    mean_interval,
    paired_differences,
    rater_agreement,
    system_means,
)

FOLDER = golden_folder.metrics() / "stats"
TOLERANCE = 1e-8
ROUNDED = 0.01
INTERVAL = {
    "n": "n",
    "n_pairs": "n",
    "n_raters": "n_raters",
    "n_items": "n_items",
    "n_rater_item_cells": "n_cells",
    "mean": "mean",
    "sd": "sd",
    "naive_half": "naive_half",
    "naive_lo": "naive_lo",
    "naive_hi": "naive_hi",
    "V_raters": "v_raters",
    "V_items": "v_items",
    "V_resid": "v_cells",
    "V_rater_item_cells": "v_cells",
    "V": "variance",
    "se": "se",
    "df": "df",
    "half": "half",
    "lo": "lo",
    "hi": "hi",
}
POOLED = "__all_axes_pooled_units__"


def rows(name: str) -> list[dict[str, str]]:
    with open(FOLDER / name, newline="") as stream:
        found = list(csv.DictReader(stream))
    assert found, f"{name} holds no row"
    return found


def expected(name: str) -> dict:
    return json.loads((FOLDER / name).read_text())


def assert_close(got: object, want: object, where: str, tolerance: float = TOLERANCE) -> None:
    if want in (None, "") or math.isnan(float(want)):
        assert got is None, f"{where}: {got} where nothing can be said"
        return
    assert got is not None, f"{where}: nothing reported, {want} expected"
    assert math.isclose(float(got), float(want), rel_tol=0, abs_tol=tolerance), (
        f"{where}: {got} instead of {want}"
    )


def assert_interval(interval, want: dict, where: str, also: set[str]) -> None:
    """Every key of `want` is checked, or named in `also` as checked by the caller."""
    unknown = set(want) - set(INTERVAL) - also
    assert not unknown, f"{where}: keys this test does not know: {sorted(unknown)}"
    for key in set(want) & set(INTERVAL):
        assert_close(getattr(interval, INTERVAL[key]), want[key], f"{where} {key}")


@pytest.fixture(scope="module")
def ratings() -> RatingTable:
    return RatingTable.of(
        [
            (row["rater"], row["item"], row["system"], row["axis"], float(row["score"]))
            for row in rows("ratings.csv")
        ]
    )


def test_mean_of_every_system_and_axis(ratings):
    want = {(row["system"], row["axis"]): row for row in rows("expected_cells.csv")}
    got = {(mean.system, mean.axis): mean.interval for mean in system_means(ratings)}
    assert set(got) == set(want)
    for cell, row in want.items():
        assert_interval(got[cell], row, str(cell), also={"system", "axis"})


def test_every_paired_difference(ratings):
    want = {
        (row["axis"], row["system_a"], row["system_b"]): row for row in rows("expected_pairs.csv")
    }
    got = {(pair.axis, pair.system_a, pair.system_b): pair for pair in paired_differences(ratings)}
    assert set(got) == set(want)
    for key, row in want.items():
        pair, where = got[key], str(key)
        mean, half = pair.rater_means.mean, pair.rater_means.half
        others = {
            "rater_mean_of_means": mean,
            "rater_t_half": half,
            "rater_t_lo": mean - half,
            "rater_t_hi": mean + half,
            "wilcoxon_n_nonzero": pair.test.n_nonzero,
            "wilcoxon_W": pair.test.statistic,
            "p_exact": pair.test.p_exact,
            "p_normal_approx_nocorrection": pair.test.p_normal,
            "p_holm_within_axis": pair.p_holm_axis,
            f"p_holm_all{len(want)}": pair.p_holm_all,
        }
        assert_interval(
            pair.interval,
            row,
            where,
            also={"axis", "system_a", "system_b", "wilcoxon_ties", *others},
        )
        for column, value in others.items():
            assert_close(value, row[column], f"{where} {column}")
        assert str(pair.test.ties) == row["wilcoxon_ties"], where


def test_agreement_on_every_axis_and_pooled(ratings):
    want = expected("expected_agreement.json")
    assert set(want) - {POOLED} == set(ratings.axes.tolist())
    for axis, row in want.items():
        part = ratings if axis == POOLED else ratings.select(ratings.axes == axis)
        units = [f"{a}|{i}|{s}" for a, i, s in zip(part.axes, part.items, part.systems)]
        got = rater_agreement(part.raters, units, part.scores)
        known = {
            "n_raters": got.n_raters,
            "n_units": got.n_units,
            "n_ratings": got.n_ratings,
            "alpha_ordinal": got.alpha_ordinal,
            "alpha_interval": got.alpha_interval,
            "icc_n_complete_units": got.icc.n_complete_units,
            "icc2_1": got.icc.single,
            "icc2_k": got.icc.average,
        }
        rounded = {
            "icc2_1_ci95_pingouin": got.icc.single_ci,
            "icc2_k_ci95_pingouin": got.icc.average_ci,
        }
        assert set(row) == set(known) | set(rounded), f"{axis}: keys this test does not know"
        for key, value in known.items():
            assert_close(value, row[key], f"{axis} {key}")
        for key, bounds in rounded.items():
            for value, bound in zip(bounds or (None, None), row[key], strict=True):
                assert_close(value, bound, f"{axis} {key}", ROUNDED)


@pytest.fixture(scope="module")
def comparison():
    table = [
        (
            row["rater"],
            row["item"],
            row["system"],
            row["second"] == row["system"],
            bool(int(row["is_control"])),
            float(row["score"]),
        )
        for row in rows("ccr.csv")
    ]
    return compare(ComparisonTable.of(table))


def test_systems_against_the_baseline(comparison):
    file = expected("expected_ccr.json")
    assert {row["baseline"] for row in rows("ccr.csv") if row["is_control"] == "0"} == {
        file["baseline"]
    }
    got = {system.system: system for system in comparison.systems}
    assert set(got) == set(file["systems"])
    for name, row in file["systems"].items():
        system = got[name]
        others = {
            "rater_mean_of_means": system.rater_means.mean,
            "rater_t_half": system.rater_means.half,
            "wins": system.wins,
            "ties": system.ties,
            "losses": system.losses,
            "win_share": system.win_share,
            "tie_share": system.tie_share,
            "loss_share": system.loss_share,
            "n_system_second": system.n_system_second,
            "wilcoxon_W": system.test.statistic,
            "p_exact": system.test.p_exact,
            "wilcoxon_n_nonzero": system.test.n_nonzero,
            "p_holm_over_systems": system.p_holm,
        }
        assert_interval(system.interval, row, name, also={"wilcoxon_ties", *others})
        for key, value in others.items():
            assert_close(value, row[key], f"{name} {key}")
        assert system.test.ties is row["wilcoxon_ties"]


def test_order_effect(comparison):
    want = expected("expected_ccr.json")["order_effect"]
    got = {**comparison.order_by_system, "all": comparison.order_all}
    assert set(got) == set(want)
    for name, row in want.items():
        assert_interval(got[name], row, f"order {name}", also={"note"})


def test_identical_pairs(comparison):
    want, got = expected("expected_ccr.json")["controls"], comparison.controls
    known = {
        "n": got.n,
        "mean_raw": got.mean,
        "share_zero": got.share_zero,
        "share_abs_le_1": got.share_within,
    }
    assert set(want) == {*known, "per_rater_pass_all"}
    for key, value in known.items():
        assert_close(value, want[key], key)
    assert got.rater_passes == want["per_rater_pass_all"]


EDGES = sorted(path.stem for path in Path(FOLDER).glob("edge_*.csv"))


def test_there_is_an_edge_case():
    assert EDGES


@pytest.mark.parametrize("edge", EDGES)
def test_negative_variance_is_said_and_leaves_no_false_interval(edge):
    want, table = expected(f"{edge}.json"), rows(f"{edge}.csv")
    got = mean_interval(
        [float(row["score"]) for row in table],
        [row["rater"] for row in table],
        [row["item"] for row in table],
    )
    assert_interval(got, want, edge, also={"note"})
    assert got.variance < 0
    assert got.note
    assert got.half is None or (math.isfinite(got.half) and got.half > 0)
