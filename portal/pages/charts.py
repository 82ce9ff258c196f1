"""Charts as shapes for an SVG template: places in percent of the width and in pixels of a fixed height.

Percentages let a chart fill its card at any width without scaling its text, and need no inline style.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

HEIGHT = 150  # of the plot, in pixels
GAP = 0.25  # between two bars, as a part of a bar's place
SPLIT = 1.0  # between the parts of a bar, in pixels
NOTE = 0.2  # the width that a note takes, as a part of the whole
LEAST = 2.0  # the height of a small part, so that it is seen


@dataclass(frozen=True)
class Part:
    """A part of a bar: `kind` is its class."""

    kind: str
    value: int


@dataclass(frozen=True)
class Column:
    """The values of one bar, from the bottom to the top."""

    at: datetime  # what the bar begins with
    parts: tuple[Part, ...]
    url: str = ""  # of what the bar counts
    ends: datetime | None = None
    is_running: bool = False  # not over yet
    is_chosen: bool = False

    @property
    def total(self) -> int:
        return sum(part.value for part in self.parts)

    def value(self, kind: str) -> int:
        return sum(part.value for part in self.parts if part.kind == kind)


@dataclass(frozen=True)
class Rectangle:
    kind: str
    x: str
    width: str
    y: str
    height: str


NOTHING = Rectangle("", "0", "0", str(HEIGHT), "0")


@dataclass(frozen=True)
class Bar:
    column: Column
    x: str
    width: str
    rectangles: tuple[Rectangle, ...]


@dataclass(frozen=True)
class GridLine:
    value: int
    y: str


@dataclass(frozen=True)
class Note:
    """A value written at its bar."""

    text: str
    x: str
    y: str
    anchor: str  # "start" or "end"


@dataclass(frozen=True)
class BarChart:
    bars: tuple[Bar, ...]
    lines: tuple[GridLine, ...]
    note: Note | None
    height: int = HEIGHT

    @property
    def is_linked(self) -> bool:
        return any(bar.column.url for bar in self.bars)


def bar_chart(
    columns: Sequence[Column], *, noted: str = "", word: str = "", height: int = HEIGHT, has_axis: bool = True
) -> BarChart:
    """Place stacked bars.

    Args:
        columns: the bars from left to right.
        noted: the kind of part whose highest value is written at its bar; "" for none.
        word: the word behind that value.
        height: of the plot, in pixels.
        has_axis: whether the values can be read, so that the axis ends with a round number.
    """
    highest = max((column.total for column in columns), default=0)
    top = nice_top(highest) if has_axis else max(highest, 4)
    place = 100 / max(len(columns), 1)
    bars = tuple(_bar(column, number * place, place, top, height) for number, column in enumerate(columns))
    step = top // 4
    lines = tuple(GridLine(value, f"{height * (1 - value / top):.1f}") for value in range(0, top + 1, step))
    return BarChart(bars, lines, _note(bars, noted, word) if noted else None, height)


def _bar(column: Column, left: float, place: float, top: int, height: int) -> Bar:
    x, width = f"{left + place * GAP / 2:.3f}%", f"{place * (1 - GAP):.3f}%"
    rectangles: list[Rectangle] = []
    y = float(height)
    for part in column.parts:
        if part.value:
            bottom = y - SPLIT if rectangles else y
            y = max(y - max(height * part.value / top, LEAST), 0)
            rectangles.append(Rectangle(part.kind, x, width, f"{y:.1f}", f"{max(bottom - y, SPLIT):.1f}"))
    return Bar(column, x, width, tuple(rectangles))


def _note(bars: Sequence[Bar], kind: str, word: str) -> Note | None:
    """Write the highest value of a kind above its bar and those beside it, towards the middle of the chart."""
    if not bars:
        return None
    values = [bar.column.value(kind) for bar in bars]
    value = max(values)
    at = values.index(value)
    if not value:
        return None
    is_left = at < len(bars) / 2
    under = max(round(len(bars) * NOTE), 1)
    covered = bars[at : at + under] if is_left else bars[max(at - under + 1, 0) : at + 1]
    top = min(float(rectangle.y) for each in covered for rectangle in each.rectangles or (NOTHING,))
    edge = (at + (0 if is_left else 1)) * 100 / len(bars)
    return Note(f"{value:,} {word}", f"{edge:.3f}%", f"{max(top - 5, 10):.1f}", "start" if is_left else "end")


def nice_top(highest: int) -> int:
    """Return the top of an axis with four equal whole steps: 4, 8, 20, 40, 80, 200, …"""
    tops = (4 * step * int(10**power) for power in range(19) for step in (1, 2, 5))
    return next(top for top in tops if top >= highest)


@dataclass(frozen=True)
class Line:
    """A line through values, with the surface below it, in a box of 100 by 100."""

    points: str
    surface: str
    peak: int


def line(values: Sequence[int]) -> Line:
    """Place a line through values from left to right."""
    peak = max(values, default=0)
    step = 100 / max(len(values) - 1, 1)
    points = " ".join(
        f"{number * step:.2f},{96 - 92 * value / max(peak, 1):.2f}" for number, value in enumerate(values)
    )
    return Line(points, f"0,100 {points} 100,100" if points else "", peak)
