"""Bar charts of a table, as SVG: one for each unit of its figures."""

from __future__ import annotations

import re
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from benchmarks._table import Table

_FIGURE = re.compile(r"(\d[\d,]*(?:\.\d+)?) ?([^(,;]*)")
Bars = list[tuple[str, float]]


class NoMatplotlib(RuntimeError):
    """`matplotlib` is not installed."""


def write_plot(name: str, table: Table, folder: Path) -> Path | None:
    """Draw the table's column of figures; `None` for a table that has none.

    Raises:
        NoMatplotlib: the extra `bench` is not installed.
    """
    if not bars_by_unit(table):
        return None
    try:
        matplotlib = import_module("matplotlib")
    except ImportError:
        raise NoMatplotlib('--plots needs matplotlib: pip install "sinch-hosting[bench]"') from None
    matplotlib.use("svg")
    matplotlib.rcParams.update({"svg.hashsalt": name, "font.size": 9})
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.svg"
    _draw(import_module("matplotlib.pyplot"), table, path)
    return path


def bars_by_unit(table: Table) -> dict[str, Bars]:
    """The figures of the table's column with what tells their rows apart, by their unit."""
    column = _column(table)
    found: dict[str, Bars] = {}
    for row in table.rows:
        figure = _FIGURE.match(row[column])
        if figure:
            label = _label(table, row, column)
            value = float(figure[1].replace(",", ""))
            found.setdefault(figure[2].strip(), []).append((label, value))
    return found


def _column(table: Table) -> int:
    """The column that the table names, or the first one whose cells are all figures."""
    if table.plot is not None:
        return list(table.columns).index(table.plot)
    for at in range(1, len(table.columns)):
        if all(_FIGURE.match(row[at]) for row in table.rows):
            return at
    return min(1, len(table.columns) - 1)


def _label(table: Table, row: Sequence[str], column: int) -> str:
    """The row's name; where other rows have the same, with the cells that differ."""
    same = [other for other in table.rows if other[0] == row[0]]
    cells = [row[at] for at in range(1, column) if len({other[at] for other in same}) > 1]
    return ", ".join([row[0], *cells])


def _draw(pyplot: Any, table: Table, path: Path) -> None:
    groups = bars_by_unit(table)
    heights = [1 + len(bars) for bars in groups.values()]
    figure, all_axes = pyplot.subplots(
        len(groups),
        squeeze=False,
        figsize=(9, 0.8 + 0.3 * sum(heights)),
        height_ratios=heights,
        layout="constrained",
    )
    figure.suptitle(table.title)
    for axes, (unit, bars) in zip(all_axes[:, 0], groups.items(), strict=True):
        _draw_bars(axes, bars)
        axes.set_xlabel(f"{table.columns[_column(table)]} {unit}".strip())
    figure.savefig(path, format="svg", metadata={"Date": None})
    pyplot.close(figure)


def _draw_bars(axes: Any, bars: Bars) -> None:
    figures = [value for _, value in bars]
    drawn = axes.barh(range(len(bars)), figures, color="#2563eb")
    axes.bar_label(drawn, labels=[f"{value:g}" for value in figures], padding=3)
    axes.set_yticks(range(len(bars)), [label for label, _ in bars])
    axes.invert_yaxis()
    smallest = min((value for value in figures if value > 0), default=1)
    if max(figures) > 50 * smallest:
        axes.set_xscale("log")
    axes.margins(x=0.12)
    axes.spines[["top", "right"]].set_visible(False)
