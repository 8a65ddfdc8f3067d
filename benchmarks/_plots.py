"""A bar chart of a table, as SVG."""

from __future__ import annotations

import re
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from benchmarks._table import Table

_NUMBER = re.compile(r"\d[\d,]*(\.\d+)?")


class NoMatplotlib(RuntimeError):
    """`matplotlib` is not installed."""


def write_plot(name: str, table: Table, folder: Path) -> Path | None:
    """Draw the table's column of figures; `None` for a table that has none.

    Raises:
        NoMatplotlib: the extra `bench` is not installed.
    """
    column = _column(table)
    bars = [(_label(table, row, column), _figure(row[column])) for row in table.rows]
    shown = [(label, figure) for label, figure in bars if figure is not None]
    if not shown:
        return None
    try:
        matplotlib = import_module("matplotlib")
    except ImportError:
        raise NoMatplotlib('--plots needs matplotlib: pip install "sinch-hosting[bench]"') from None
    matplotlib.use("svg")
    matplotlib.rcParams.update({"svg.hashsalt": name, "font.size": 9})
    path = folder / f"{name}.svg"
    folder.mkdir(parents=True, exist_ok=True)
    _draw(import_module("matplotlib.pyplot"), table, table.columns[column], shown, path)
    return path


def _column(table: Table) -> int:
    """The column that the table names, or the first one whose cells are all figures."""
    if table.plot is not None:
        return list(table.columns).index(table.plot)
    for at in range(1, len(table.columns)):
        if all(_NUMBER.match(row[at]) for row in table.rows):
            return at
    return min(1, len(table.columns) - 1)


def _figure(cell: str) -> float | None:
    found = _NUMBER.match(cell)
    return float(found[0].replace(",", "")) if found else None


def _label(table: Table, row: Sequence[str], column: int) -> str:
    """What tells the rows apart: the text before the figure."""
    names = [row[0]]
    firsts = [other[0] for other in table.rows]
    if firsts.count(row[0]) > 1:
        names += [cell for at, cell in enumerate(row[1:column], 1) if _varies(table, row, at)]
    return ", ".join(names)


def _varies(table: Table, row: Sequence[str], at: int) -> bool:
    return len({other[at] for other in table.rows if other[0] == row[0]}) > 1


def _draw(
    pyplot: Any, table: Table, figure_name: str, bars: list[tuple[str, float]], path: Path
) -> None:
    figure, axes = pyplot.subplots(figsize=(9, 1.2 + 0.28 * len(bars)), layout="constrained")
    labels = [label for label, _ in bars]
    figures = [value for _, value in bars]
    drawn = axes.barh(range(len(bars)), figures, color="#2563eb")
    axes.bar_label(drawn, labels=[f"{value:g}" for value in figures], padding=3)
    axes.set_yticks(range(len(bars)), labels)
    axes.invert_yaxis()
    smallest = min((value for value in figures if value > 0), default=1)
    if max(figures) > 50 * smallest:
        axes.set_xscale("log")
    axes.set_xlabel(figure_name)
    axes.set_title(table.title, loc="left")
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, format="svg", metadata={"Date": None})
    pyplot.close(figure)
