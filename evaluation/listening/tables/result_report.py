"""Results as tables of evaluation's report, for a page, a text or LaTeX."""

from __future__ import annotations

from evaluation.listening.clips.headphones import ORDERS, PASS
from evaluation.listening.design.study import Study
from evaluation.listening.statistics import (
    ARENA_METHOD,
    FEWEST_UNITS,
    TEST,
    MeanInterval,
    PairedDifference,
    SystemComparison,
)
from evaluation.listening.tables.paper_tables import PaperTable
from evaluation.listening.tables.result_tables import ResultTable, ResultTables, contrast_label
from evaluation.listening.tables.screening import RaterFigures
from evaluation.report import Cell, Column, Row, Table

_SIZES = tuple(Column(name, digits=0, charted=False) for name in ("raters", "items", "ratings"))
_NOTE = Column("note", charted=False)
SCALE_OF_PAIRS = "-3 to +3, system minus"
_FIXED = "Test with these items fixed"
_FIXED_NOTE = (
    "Wilcoxon signed rank on the raters' means: whether raters in general prefer one system on "
    "exactly these items. It says nothing about other items, and calls equal systems different "
    "too often where systems suit some items better than others."
)


def _p(name: str) -> Column:
    return Column(name, digits=4, charted=False)


_TESTS = (_p("p"), _p("Holm, in axis"), _p("Holm, all"))


def report_tables(study: Study, found: ResultTables, screened: bool) -> list[Table]:
    """Every table of one set of raters: all of them, or those who passed screening."""
    table = found.screened if screened else found.everyone
    raters = "screened raters" if screened else "all raters"
    head = _Head(study, f"{found.method}, {raters}", found.interval_method, found.naive_method)
    made = [
        head.means("Mean by system", table.means),
        head.pairs(table),
        head.fixed_items(table),
        head.comparisons(table),
        head.fixed_items_comparisons(table),
        head.arena(table),
        head.order(table),
        head.means("Hidden controls", table.controls),
        head.identical(table),
        head.agreement(table),
    ]
    paper = [_paper(one) for one in found.paper if one.title.endswith(f", {raters}")]
    return [one for one in (*made, *paper) if one.rows]


def screening_table(found: ResultTables) -> Table:
    """Every rater before the rules that were fixed with the study."""
    columns = (
        Column("kept", charted=False),
        *(
            Column(name, digits=2, charted=False)
            for name in (
                "answered",
                "attention right",
                "identical within 1",
                "heard",
                "anchor gap",
                "correlation",
                "largest share of one score",
                "hidden reference below 90",
                "7 kHz anchor above 90",
                "headphone tones right of 6",
            )
        ),
        Column("why left out", charted=False),
    )
    return Table(
        "Screening, by rules fixed before the first answer",
        ("rater",),
        columns,
        tuple(_verdict(verdict) for verdict in found.verdicts),
        headphone_text(found),
    )


def headphone_text(found: ResultTables) -> str:
    """Share of raters who passed the headphone test; empty where nobody took it."""
    taken = [one.headphones for one in found.verdicts if one.headphones is not None]
    if not taken:
        return ""
    passed = sum(right >= PASS for right in taken)
    return (
        f"Headphone test: {passed} of {len(taken)} raters passed "
        f"({100 * passed / len(taken):.0f} %), with {PASS} or more of {len(ORDERS)} right."
    )


def _verdict(verdict: RaterFigures) -> Row:
    figures = (
        verdict.answered,
        verdict.attention,
        verdict.identical,
        verdict.heard,
        verdict.anchor_gap,
        verdict.correlation,
        verdict.same,
        verdict.reference_below,
        verdict.anchor_above,
        verdict.headphones,
    )
    return Row(
        (verdict.rater_id,),
        (
            Cell(text="yes" if verdict.kept else "no"),
            *(Cell(value) for value in figures),
            Cell(text="; ".join(verdict.reasons)),
        ),
    )


def _paper(table: PaperTable) -> Table:
    """Tables 6 to 9 of the paper."""
    columns = tuple(Column(name, charted=False) for name in table.columns[1:])
    rows = tuple(Row(row[:1], tuple(Cell(text=text) for text in row[1:])) for row in table.rows)
    return Table(
        table.title[:1].upper() + table.title[1:], table.columns[:1], columns, rows, table.note
    )


class _Head:
    """What all tables of one set of raters share: the study, whom, and the intervals' names."""

    def __init__(self, study: Study, whom: str, method: str, naive: str) -> None:
        self.study, self.whom = study, whom
        self.interval = (
            Column("mean [95 %]", digits=2, note=method),
            Column("naive ±", digits=2, note=naive, charted=False),
            *_SIZES,
        )
        self.axes = {axis.name: axis.label for axis in study.axes}

    def table(
        self,
        title: str,
        labels: tuple[str, ...],
        columns: tuple[Column, ...],
        rows: list[Row],
        note: str = "",
    ) -> Table:
        return Table(f"{title}: {self.whom}", labels, columns, tuple(rows), note)

    def ordered(self, found: list) -> list:
        """The same, axis by axis as the study lists them."""
        order = list(self.axes)
        return sorted(found, key=lambda one: order.index(one.axis))

    def means(self, title: str, means: list) -> Table:
        return self.table(
            title,
            ("axis", "system"),
            (*self.interval, _NOTE),
            [
                Row(
                    (self.axes[mean.axis], self.study.label(mean.system)),
                    (*_interval(mean.interval), Cell(text=mean.interval.note)),
                )
                for mean in self.ordered(means)
            ],
        )

    def _difference(self, pair: PairedDifference) -> tuple[str, str]:
        labels = (self.study.label(name) for name in (pair.system_a, pair.system_b))
        return self.axes[pair.axis], " − ".join(labels)

    def pairs(self, table: ResultTable) -> Table:
        rows = [
            Row(self._difference(pair), _tested(pair.interval, pair))
            for pair in self.ordered(table.pairs)
        ]
        note = f"Per (rater, item) that has both systems. p: {TEST}."
        columns = (*self.interval, *_TESTS, _NOTE)
        return self.table("Paired differences", ("axis", "difference"), columns, rows, note)

    def fixed_items(self, table: ResultTable) -> Table:
        rows = [
            Row(
                self._difference(pair),
                (Cell(pair.test.p_exact), Cell(pair.p_holm_axis), Cell(pair.p_holm_all)),
            )
            for pair in self.ordered(table.pairs)
        ]
        return self.table(_FIXED, ("axis", "difference"), _TESTS, rows, _FIXED_NOTE)

    def _compared(self, axis: str, one: SystemComparison) -> tuple[str, str]:
        return self.axes[axis], contrast_label(self.study, one.system)

    def comparisons(self, table: ResultTable) -> Table:
        columns = (
            *self.interval,
            Column("win / tie / loss", charted=False),
            Column("system second", digits=0, charted=False),
            *_TESTS,
            _NOTE,
        )
        rows = []
        for axis, result in table.comparisons.items():
            for one in result.systems:
                interval, tests = _interval(one.interval), _tested(one.interval, one)[5:]
                outcomes = Cell(text=_outcomes(one.wins, one.ties, one.losses))
                cells = (*interval, outcomes, Cell(one.n_system_second), *tests)
                rows.append(Row(self._compared(axis, one), cells))
        is_baseline = self.study.baseline is not None
        other = self.study.label(str(self.study.baseline)) if is_baseline else "the other system"
        title = "Compared with the baseline" if is_baseline else "Compared in pairs"
        note = f"{SCALE_OF_PAIRS} {other}. p: {TEST}."
        return self.table(title, ("axis", "system"), columns, rows, note)

    def fixed_items_comparisons(self, table: ResultTable) -> Table:
        rows = [
            Row(self._compared(axis, one), (Cell(one.test.p_exact), Cell(one.p_holm)))
            for axis, result in table.comparisons.items()
            for one in result.systems
        ]
        return self.table(_FIXED, ("axis", "system"), _TESTS[:2], rows, _FIXED_NOTE)

    def arena(self, table: ResultTable) -> Table:
        columns = (
            Column("strength [95 %]", digits=0, note=ARENA_METHOD),
            *(Column(n, digits=0, charted=False) for n in ("wins", "ties", "losses", "both bad")),
            _NOTE,
        )
        rows = []
        for axis, result in table.arenas.items():
            for one in result.strengths:
                low = high = None
                if one.strength is not None and one.half_95 is not None:
                    low, high = one.strength - one.half_95, one.strength + one.half_95
                counts = (one.wins, one.ties, one.losses, one.both_bad)
                cells = (Cell(one.strength, low, high), *map(Cell, counts), Cell(text=one.note))
                rows.append(Row((self.axes[axis], self.study.label(one.system)), cells))
        votes = [
            f"{self.axes[axis]}: {r.n} votes of {r.n_raters} raters on {r.n_items} items"
            for axis, r in table.arenas.items()
        ]
        return self.table("Arena", ("axis", "system"), columns, rows, "; ".join(votes))

    def order(self, table: ResultTable) -> Table:
        rows = [
            Row(
                (self.axes[axis], contrast_label(self.study, name)),
                (*_interval(interval), Cell(interval.p), Cell(text=interval.note)),
            )
            for axis, result in table.comparisons.items()
            for name, interval in (
                *result.order_by_system.items(),
                *((("all systems", result.order_all),) if result.order_all else ()),
            )
        ]
        return self.table(
            "Order effect",
            ("axis", "system"),
            (*self.interval, _p("p"), _NOTE),
            rows,
            "Mean of the scores as given; above 0 favours what is heard second.",
        )

    def identical(self, table: ResultTable) -> Table:
        columns = (
            Column("pairs", digits=0, charted=False),
            Column("mean", charted=False),
            Column("share 0", charted=False),
            Column("share within 1", charted=False),
        )
        rows = [
            Row(
                (self.axes[axis],),
                (Cell(c.n), Cell(c.mean), Cell(c.share_zero), Cell(c.share_within)),
            )
            for axis, result in table.comparisons.items()
            if (c := result.controls)
        ]
        return self.table("Identical pairs", ("axis",), columns, rows)

    def agreement(self, table: ResultTable) -> Table:
        columns = (
            Column("Krippendorff alpha, ordinal", charted=False),
            Column("ICC(2,1) [95 %]", digits=2, charted=False),
            Column("ICC(2,k) [95 %]", digits=2, charted=False),
            Column("complete clips", digits=0, charted=False),
        )
        rows = [
            Row(
                (self.axes[axis],),
                (
                    Cell(a.alpha_ordinal),
                    Cell(a.icc.single, *(a.icc.single_ci or (None, None))),
                    Cell(a.icc.average, *(a.icc.average_ci or (None, None))),
                    Cell(a.icc.n_complete_units),
                ),
            )
            for axis, a in table.agreement.items()
        ]
        return self.table(
            "Agreement of raters",
            ("axis",),
            columns,
            rows,
            f"ICC over clips that every rater scored, from {FEWEST_UNITS} clips on.",
        )


def _interval(interval: MeanInterval) -> tuple[Cell, ...]:
    naive = "" if interval.naive_half is None else f"± {interval.naive_half:.2f}"
    return (
        Cell(interval.mean, interval.lo_95, interval.hi_95),
        Cell(text=naive),
        Cell(interval.n_raters),
        Cell(interval.n_items),
        Cell(interval.n),
    )


def _tested(interval: MeanInterval, row: PairedDifference | SystemComparison) -> tuple[Cell, ...]:
    """Interval, sizes, and the one verdict: p and its corrections, and how the interval came."""
    tests = (interval.p, row.p_adjusted_axis, row.p_adjusted_all)
    return (*_interval(interval), *map(Cell, tests), Cell(text=interval.note))


def _outcomes(*counts: int) -> str:
    whole = max(1, sum(counts))
    return " / ".join(f"{100 * count / whole:.0f} %" for count in counts)
