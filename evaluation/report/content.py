"""What a report says, before anything is rendered."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from core.errors import InputError

Better = Literal["lower", "higher", ""]
SMALLEST_P = 0.001
ARROWS = {"lower": "↓", "higher": "↑", "": ""}


@dataclass(frozen=True)
class Column:
    """A column of figures.

    Attributes:
        name: as its head shows it.
        better: which way is better; "" for figures that are not compared.
        digits: decimals shown.
        note: printed under the table, e.g. "other test set" for published values.
        charted: whether it gets a chart of its intervals.
        p_value: whether its figures are p values, shown as "< .001" where they are.
    """

    name: str
    better: Better = ""
    digits: int = 3
    note: str = ""
    charted: bool = True
    p_value: bool = False

    def figure(self, value: float) -> str:
        """The value as it is shown."""
        if self.p_value:
            return "< .001" if value < SMALLEST_P else f"{value:.3f}"
        return f"{value:.{self.digits}f}"

    @property
    def head(self) -> str:
        """Name with its arrow."""
        return f"{self.name} {ARROWS[self.better]}".strip()


@dataclass(frozen=True)
class Cell:
    """One figure, or a text where there is none.

    Attributes:
        value: the estimate; None leaves only the text.
        low, high: ends of its interval, both or neither.
        text: shown instead of a value, or behind it.
    """

    value: float | None = None
    low: float | None = None
    high: float | None = None
    text: str = ""

    def parts(self, column: Column) -> tuple[str, str]:
        """`0.378 text` and `[0.351, 0.402]`, the second maybe empty."""
        value = "" if self.value is None else column.figure(self.value)
        interval = ""
        if self.low is not None and self.high is not None:
            interval = f"[{column.figure(self.low)}, {column.figure(self.high)}]"
        return f"{value} {self.text}".strip() or "–", interval

    def shown(self, column: Column) -> str:
        """Both on one line."""
        return " ".join(self.parts(column)).strip()


@dataclass(frozen=True)
class Row:
    """Labels on the left, one cell a column."""

    labels: tuple[str, ...]
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class Table:
    """One table.

    Attributes:
        labels: heads of the label columns.
        note: a sentence under it.
    """

    title: str
    labels: tuple[str, ...]
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    note: str = ""

    def __post_init__(self) -> None:
        for row in self.rows:
            if (len(row.labels), len(row.cells)) != (len(self.labels), len(self.columns)):
                sizes = f"{len(row.labels)} labels, {len(row.cells)} cells"
                raise InputError("table row", sizes, "give one for each column")

    @property
    def notes(self) -> tuple[str, ...]:
        """Its own note, then those of its columns."""
        named = tuple(f"{column.name}: {column.note}" for column in self.columns if column.note)
        return ((self.note,) if self.note else ()) + named


@dataclass(frozen=True)
class Points:
    """One value an item, of one system in one metric."""

    metric: str
    system: str
    values: dict[str, float]


@dataclass(frozen=True)
class PlayableClip:
    """A file that can be played: who made it, and the seconds heard (None: to its end)."""

    label: str
    file: Path
    start: float = 0.0
    seconds: float | None = None


@dataclass(frozen=True)
class PlayableItem:
    """An item with everybody's sound for it, and what each scored."""

    id: str
    caption: str
    clips: tuple[PlayableClip, ...]
    scores: dict[str, dict[str, float]] = field(default_factory=dict)  # label -> metric -> value


@dataclass(frozen=True)
class Report:
    """Everything a report shows.

    Attributes:
        summary: sentences at the top.
        facts: name -> value: recipe, versions, hashes.
        rows: the same figures in long form for the CSV, all with the same keys.
        item_rows: scores of every item, likewise.
        data: what the JSON holds.
    """

    title: str
    summary: tuple[str, ...]
    tables: tuple[Table, ...]
    facts: dict[str, str]
    rows: tuple[dict[str, Any], ...]
    data: dict[str, Any]
    item_rows: tuple[dict[str, Any], ...] = ()
    points: tuple[Points, ...] = ()
    items: tuple[PlayableItem, ...] = ()
