"""Results as tables of evaluation's report, for a page, a text or LaTeX."""

from __future__ import annotations

from evaluation.listening.design.study import Study
from evaluation.listening.statistics import MeanInterval
from evaluation.listening.tables.result_tables import PaperTable, ResultTable, ResultTables
from evaluation.listening.tables.screening import Verdict
from evaluation.report import Cell, Column, Row, Table

_SIZES = tuple(Column(name, digits=0, charted=False) for name in ("raters", "items", "ratings"))
_NOTE = Column("note", charted=False)
SCALE_OF_PAIRS = "-3 to +3, system minus baseline"


def report_tables(study: Study, found: ResultTables, screened: bool) -> list[Table]:
    """Every table of one set of raters: all of them, or those who passed screening."""
    table = found.screened if screened else found.everyone
    raters = "screened raters" if screened else "all raters"
    head = _Head(study, f"{found.method}, {raters}", found.interval_method, found.naive_method)
    made = [
        head.means("Mean by system", table.means),
        head.pairs(table),
        head.comparisons(table),
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
            )
        ),
        Column("why left out", charted=False),
    )
    return Table(
        "Screening, by rules fixed before the first answer",
        ("rater",),
        columns,
        tuple(_verdict(verdict) for verdict in found.verdicts),
    )


def _verdict(verdict: Verdict) -> Row:
    figures = (
        verdict.answered,
        verdict.attention,
        verdict.identical,
        verdict.heard,
        verdict.anchor_gap,
        verdict.correlation,
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

    def pairs(self, table: ResultTable) -> Table:
        tests = (_p("Wilcoxon p"), _p("Holm, in axis"), _p("Holm, all"))
        return self.table(
            "Paired differences",
            ("axis", "difference"),
            (*self.interval, *tests, _NOTE),
            [
                Row(
                    (
                        self.axes[pair.axis],
                        f"{self.study.label(pair.system_a)} − {self.study.label(pair.system_b)}",
                    ),
                    (
                        *_interval(pair.interval),
                        Cell(pair.test.p_exact),
                        Cell(pair.p_holm_axis),
                        Cell(pair.p_holm_all),
                        Cell(text=pair.interval.note),
                    ),
                )
                for pair in self.ordered(table.pairs)
            ],
            "Per (rater, item) that has both systems; Wilcoxon signed rank on means of raters.",
        )

    def comparisons(self, table: ResultTable) -> Table:
        columns = (
            *self.interval,
            Column("win / tie / loss", charted=False),
            _p("Wilcoxon p"),
            _p("Holm, in axis"),
            _NOTE,
        )
        rows = [
            Row(
                (self.axes[axis], self.study.label(one.system)),
                (
                    *_interval(one.interval),
                    Cell(text=_outcomes(one.wins, one.ties, one.losses)),
                    Cell(one.test.p_exact),
                    Cell(one.p_holm),
                    Cell(text=one.interval.note),
                ),
            )
            for axis, result in table.comparisons.items()
            for one in result.systems
        ]
        return self.table(
            "Compared with the baseline",
            ("axis", "system"),
            columns,
            rows,
            f"{SCALE_OF_PAIRS} {self.study.label(str(self.study.baseline))}.",
        )

    def order(self, table: ResultTable) -> Table:
        rows = [
            Row((self.axes[axis], self.study.label(name)), _interval(interval))
            for axis, result in table.comparisons.items()
            for name, interval in (
                *result.order_by_system.items(),
                *((("all systems", result.order_all),) if result.order_all else ()),
            )
        ]
        return self.table(
            "Order effect",
            ("axis", "system"),
            self.interval,
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
        columns = tuple(
            Column(name, charted=False)
            for name in ("Krippendorff alpha, ordinal", "ICC(2,1)", "ICC(2,k)")
        ) + (Column("complete clips", digits=0, charted=False),)
        rows = [
            Row(
                (self.axes[axis],),
                (
                    Cell(a.alpha_ordinal),
                    Cell(a.icc.single),
                    Cell(a.icc.average),
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
            "ICC over clips that every rater scored.",
        )


def _p(name: str) -> Column:
    return Column(name, digits=4, charted=False)


def _interval(interval: MeanInterval) -> tuple[Cell, ...]:
    naive = "" if interval.naive_half is None else f"± {interval.naive_half:.2f}"
    return (
        Cell(interval.mean, interval.lo, interval.hi),
        Cell(text=naive),
        Cell(interval.n_raters),
        Cell(interval.n_items),
        Cell(interval.n),
    )


def _outcomes(*counts: int) -> str:
    whole = max(1, sum(counts))
    return " / ".join(f"{100 * count / whole:.0f} %" for count in counts)
