"""A page as blocks: words, numbers and charts, independent of how they are rendered.

Every label, name and reason in here is untrusted text; a renderer must escape it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np

from backtests.analysis.registry import Definition
from backtests.document.formats import Format, Value, formatted

if TYPE_CHECKING:  # it takes time to import, which words and tables do without
    from datafeeds.market import Array, Dates

Align = Literal["left", "right"]
Dash = Literal["solid", "dashed", "dotted", "dashdot", "longdash", "sparse"]
Tone = Literal["plain", "lead", "note", "warning"]
Outcome = Literal["pass", "warn", "fail"]


@dataclass(frozen=True)
class Cell:
    """A value and how to show it.

    Attributes
    ----------
    value : float, int, str, datetime64 or None
    form : Format
        See `backtests.document.formats.formatted`.
    shade : int
        Background from -5 (strong loss) to 5 (strong gain); the number itself stays readable as text.
    link : str
        Relative path of the file that it leads to, or empty.
    framed : bool
        Whether a frame sets it apart, such as the place of the best.
    """

    value: Value
    form: Format = "text"
    shade: int = 0
    link: str = ""
    framed: bool = False

    @property
    def text(self) -> str:
        """The value as readers see it."""
        return formatted(self.value, self.form)


@dataclass(frozen=True)
class Column:
    """A table's column.

    Attributes
    ----------
    label : str
        Empty for the name of its definition.
    align : {"left", "right"}
    term : str
        Key of the definition of what stands in it, or empty.
    strong : bool
        Whether it holds the strategy's own numbers.
    """

    label: str
    align: Align = "right"
    term: str = ""
    strong: bool = False


@dataclass(frozen=True)
class Row:
    """A table's row.

    Attributes
    ----------
    cells : tuple of Cell
        One a column; the first names the row.
    term : str
        Key of the definition of what stands in the row, or empty.
    group : bool
        Whether a thin rule above sets it apart from the rows before.
    """

    cells: tuple[Cell, ...]
    term: str = ""
    group: bool = False

    @classmethod
    def of(cls, *cells: Cell | str) -> Row:
        """A row of cells, or of words."""
        return cls(tuple(Cell(each) if isinstance(each, str) else each for each in cells))


@dataclass(frozen=True)
class Table:
    """Numbers in rows and columns.

    Attributes
    ----------
    caption : str
    columns : tuple of Column
    rows : tuple of Row
    note : str
        A sentence below the table, or empty.
    dense : bool
        Small type and narrow cells, for heat maps.
    """

    LONG: ClassVar[int] = 30

    caption: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    note: str = ""
    dense: bool = False

    @property
    def long(self) -> bool:
        """Whether the table may break across pages."""
        return len(self.rows) > self.LONG


@dataclass(frozen=True, eq=False)
class HeatMap:
    """A number for every pair of two things' values, the higher the darker.

    Attributes
    ----------
    caption : str
    across, down : str
        What varies along the columns and along the rows; `down` is empty where nothing does.
    columns, rows : tuple of str
        Their values.
    values : ndarray, shape (rows, columns)
        NaN where there is none.
    form : Format
    low, high : float
        Ends of the scale of shades.
    framed : (int, int), optional
        Row and column of the place that a frame sets apart.
    note : str
    """

    STEPS: ClassVar[int] = 5

    caption: str
    across: str
    down: str
    columns: tuple[str, ...]
    rows: tuple[str, ...]
    values: Array
    form: Format
    low: float
    high: float
    framed: tuple[int, int] | None = None
    note: str = ""

    @property
    def table(self) -> Table:
        """The map as a table of shaded numbers: every rendering shows it so, and it reads without colour."""
        corner = f"{self.down} ↓ {self.across} →" if self.down else f"{self.across} →"
        rows = tuple(
            Row((Cell(label), *(self._cell(row, column) for column in range(len(self.columns)))))
            for row, label in enumerate(self.rows)
        )
        columns = (Column(corner, "left"), *(Column(label) for label in self.columns))
        return Table(self.caption, columns, rows, self.note, dense=True)

    def _cell(self, row: int, column: int) -> Cell:
        value = float(self.values[row, column])
        share = (value - self.low) / (self.high - self.low) if self.high > self.low else 0.0
        step = round(share * self.STEPS) if np.isfinite(share) else 0
        return Cell(value, self.form, step, framed=(row, column) == self.framed)


@dataclass(frozen=True)
class Paragraph:
    """Plain sentences."""

    text: str
    tone: Tone = "plain"


@dataclass(frozen=True)
class Bullets:
    """A short list under a heading."""

    title: str
    items: tuple[str, ...]
    tone: Tone = "plain"


@dataclass(frozen=True)
class Fact:
    """A named piece of text, such as the market's source."""

    name: str
    text: str


@dataclass(frozen=True)
class Facts:
    """Named pieces of text."""

    items: tuple[Fact, ...]


@dataclass(frozen=True)
class Highlight:
    """One number that matters, with the primary benchmark's beside it.

    Attributes
    ----------
    term : str
        Key of its definition.
    cell : Cell
    comparison : str
        Such as ``"S&P 500 9.8%"``, or empty.
    """

    term: str
    cell: Cell
    comparison: str = ""


@dataclass(frozen=True)
class Highlights:
    """The few numbers of the first screen."""

    items: tuple[Highlight, ...]


@dataclass(frozen=True)
class Check:
    """One line of a scorecard.

    Attributes
    ----------
    what : str
        What was looked at.
    outcome : {"pass", "warn", "fail"}
    said : str
        What came out.
    """

    what: str
    outcome: Outcome
    said: str


@dataclass(frozen=True)
class Scorecard:
    """What was checked, and what came out, at a glance.

    Raises
    ------
    ValueError
        If it has more than `MOST` lines: then it is a table.
    """

    MOST: ClassVar[int] = 10

    title: str
    checks: tuple[Check, ...]

    def __post_init__(self) -> None:
        if len(self.checks) > self.MOST:
            raise ValueError(f"a scorecard has at most {self.MOST} lines, this one {len(self.checks)}")


@dataclass(frozen=True)
class Signature:
    """Room to sign on paper; not shown on screen.

    Attributes
    ----------
    text : str
        What is signed.
    places : tuple of str
        What is written on each line.
    """

    text: str
    places: tuple[str, ...] = ("Name", "Date", "Signature")


@dataclass(frozen=True, eq=False)
class Line:
    """One line of a chart, or one layer of an area chart.

    Attributes
    ----------
    label : str
    dates : ndarray of datetime64[D], shape (points,)
    values : ndarray, shape (points,)
        NaN where there is nothing to draw.
    slot : int
        Position in the palette, from 0.
    dash : str
        Tells lines apart without colour.
    on_request : bool
        Whether it is drawn only when a reader asks for it, and so never on paper.
    """

    label: str
    dates: Dates
    values: Array
    slot: int = 0
    dash: Dash = "solid"
    on_request: bool = False


DASHES: tuple[Dash, ...] = ("solid", "dashed", "dotted", "dashdot", "longdash", "sparse")


def lines(labels: Sequence[str], dates: Dates, values: Sequence[Array]) -> tuple[Line, ...]:
    """One line a label, told apart by colour and by dash."""
    return tuple(
        Line(label, dates, each, slot, DASHES[slot % len(DASHES)])
        for slot, (label, each) in enumerate(zip(labels, values, strict=True))
    )


@dataclass(frozen=True, eq=False)
class Marks:
    """Points on a chart, such as decisions.

    Attributes
    ----------
    label : str
    dates : ndarray of datetime64[D], shape (points,)
    values : ndarray, shape (points,)
    slot : int
    """

    label: str
    dates: Dates
    values: Array
    slot: int = 0


@dataclass(frozen=True, eq=False)
class Shade:
    """Stretches of time shaded behind a chart's lines.

    Attributes
    ----------
    label : str
    spans : tuple of (datetime64[D], datetime64[D])
        First and last day of each.
    """

    label: str
    spans: tuple[tuple[np.datetime64, np.datetime64], ...]


@dataclass(frozen=True, eq=False)
class LineChart:
    """Lines over time.

    Attributes
    ----------
    lines : tuple of Line
        The first is drawn on top and strongest.
    form : Format
        Of the values on the vertical axis.
    log : bool
        Whether the vertical axis is logarithmic.
    fill : bool
        Whether the area between the first line and zero is tinted.
    rule : float or None
        Value of a thin horizontal line, such as 0.
    least : float
        Smallest span of the vertical axis, so that noise does not fill the chart.
    marks : tuple of Marks
    shade : Shade or None
    rebase : bool
        Whether readers may look at all lines relative to any one of them, and choose the scale.
    """

    lines: tuple[Line, ...]
    form: Format
    log: bool = False
    fill: bool = False
    rule: float | None = None
    least: float = 0.0
    marks: tuple[Marks, ...] = ()
    shade: Shade | None = None
    rebase: bool = False

    @property
    def shown(self) -> tuple[Line, ...]:
        """The lines that are drawn without asking."""
        return tuple(line for line in self.lines if not line.on_request)


@dataclass(frozen=True, eq=False)
class AreaChart:
    """Shares of a whole over time, stacked from the first layer up."""

    layers: tuple[Line, ...]


@dataclass(frozen=True, eq=False)
class Figure:
    """A chart with its words.

    Attributes
    ----------
    key : str
        Unique in the document; letters, digits and hyphens.
    chart : LineChart or AreaChart
    caption : str
        What it shows, and in which unit.
    alt : str
        What a reader who can't see it must know.
    small : bool
        Whether it is drawn for half a page's width or less.
    """

    key: str
    chart: LineChart | AreaChart
    caption: str
    alt: str
    small: bool = False


@dataclass(frozen=True)
class Move:
    """The change of one weight in a decision."""

    symbol: str
    before: float
    after: float


@dataclass(frozen=True)
class LogEntry:
    """One decision.

    Attributes
    ----------
    session : datetime64[D]
        Session at whose close it was made.
    turnover : float
        Half the sum of absolute weight changes, cash included.
    moves : tuple of Move
        Changes of weight worth listing, from what was held to what was asked for, the largest first.
    reasons : tuple of str
    """

    session: np.datetime64
    turnover: float
    moves: tuple[Move, ...]
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class Unchanged:
    """Decisions in a row without a change of weight worth listing.

    Attributes
    ----------
    first, last : datetime64[D]
        Sessions of the first and the last of them.
    count : int
    """

    first: np.datetime64
    last: np.datetime64
    count: int

    @property
    def text(self) -> str:
        """What stands in place of them."""
        if self.count == 1:
            return "changed no weight to speak of"
        return f"to {formatted(self.last, 'date')}: {self.count} decisions changed no weight to speak of"


@dataclass(frozen=True)
class DecisionLog:
    """Decisions of one year; those that changed nothing are folded."""

    title: str
    entries: tuple[LogEntry | Unchanged, ...]


@dataclass(frozen=True)
class Glossary:
    """Definitions in full."""

    definitions: tuple[Definition, ...]


@dataclass(frozen=True)
class Details:
    """Blocks behind a summary that opens them.

    Attributes
    ----------
    summary : str
    blocks : tuple of Block
    paper : bool
        Whether paper has them: open in an appendix, else behind the last section. If not, paper has the
        summary alone, and says where the rest is.
    """

    summary: str
    blocks: tuple[Block, ...]
    paper: bool = True


@dataclass(frozen=True)
class Beside:
    """Blocks next to each other where there is room, such as small multiples."""

    blocks: tuple[Block, ...]


Block = (
    Paragraph
    | Bullets
    | Facts
    | Highlights
    | Scorecard
    | Signature
    | Table
    | HeatMap
    | Figure
    | DecisionLog
    | Glossary
    | Details
    | Beside
)


def every_block(blocks: Iterable[Block]) -> Iterator[Block]:
    """Each block, and after it those inside it."""
    for block in blocks:
        yield block
        if isinstance(block, Details | Beside):
            yield from every_block(block.blocks)


@dataclass(frozen=True)
class Section:
    """A part of the document under one heading.

    Attributes
    ----------
    key : str
        Unique in the document; letters, digits and hyphens.
    title : str
    blocks : tuple of Block
    appendix : bool
        Whether it is for looking up, not for reading: on paper it follows the list of appendices.
    """

    key: str
    title: str
    blocks: tuple[Block, ...]
    appendix: bool = False


@dataclass(frozen=True)
class Document:
    """The whole document.

    Attributes
    ----------
    title, subtitle : str
    sections : tuple of Section
    definitions : mapping of str to Definition
        Of every term used in the document.
    footer : str
        What identifies the run, for the foot of each page.
    annual : bool
        Whether statistics are annualised; a definition's short term is shown if not.
    kind : str
        What it is, above the title.
    wide : bool
        Whether it takes more of a wide screen, for tables of many columns.
    """

    title: str
    subtitle: str
    sections: tuple[Section, ...]
    definitions: Mapping[str, Definition] = field(default_factory=dict)
    footer: str = ""
    annual: bool = True
    kind: str = ""
    wide: bool = False

    @property
    def figures(self) -> tuple[Figure, ...]:
        """Every chart of the document."""
        blocks = every_block(block for section in self.sections for block in section.blocks)
        return tuple(block for block in blocks if isinstance(block, Figure))

    def heading(self, column: Column) -> str:
        """What stands above a column: its own label, or the term that it has a definition of."""
        return column.label or self.term(column.term)

    def term(self, key: str) -> str:
        """Return what readers see for the definition `key`."""
        definition = self.definitions[key]
        return definition.term if self.annual or not definition.short_term else definition.short_term
