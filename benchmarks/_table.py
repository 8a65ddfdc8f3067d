"""What a benchmark returns: a table of text, and the statistics that go into one."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from attrs import field, frozen


@frozen
class Table:
    """The result of one benchmark; numbers stand right, text stands left."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    notes: Sequence[str] = field(default=(), kw_only=True)
    plot: str | None = field(default=None, kw_only=True)
    """The column that a plot draws; by default the first one that is all figures."""

    def __str__(self) -> str:
        lines = [self.columns, *self.rows]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        shown = [self._line(line, widths) for line in lines]
        rule = "  ".join("-" * width for width in widths)
        return "\n".join([self.title, "", shown[0], rule, *shown[1:], *("", *self.notes)]).rstrip()

    def _line(self, cells: Sequence[str], widths: Sequence[int]) -> str:
        numbers = [all(row[at][:1].isdigit() for row in self.rows) for at in range(len(cells))]
        aligned = [
            cell.rjust(width) if number else cell.ljust(width)
            for cell, width, number in zip(cells, widths, numbers, strict=True)
        ]
        return "  ".join(aligned).rstrip()


def ratios(measured: Sequence[float], against: Sequence[float]) -> list[float]:
    """The ratio of each pair that was measured side by side."""
    return [mine / other for mine, other in zip(measured, against, strict=True)]


def show_ratio(measured: Sequence[float], against: Sequence[float]) -> str:
    """The median of the pairs' ratios, with two decimals."""
    return f"{median(ratios(measured, against)):.2f}"


def show_spread(measured: Sequence[float], against: Sequence[float]) -> str:
    """Between which ratios the middle half of the pairs lies."""
    ordered = sorted(ratios(measured, against))
    quarter = len(ordered) // 4
    return f"{ordered[quarter]:.2f}-{ordered[-1 - quarter]:.2f}"
