"""Data on standard output: tables for people, JSON, CSV and bare lines for programs."""

from __future__ import annotations

import csv
import json
import shutil
import sys
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Mapping, Sequence
from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING, Generic, TypeVar

import attrs
from attrs import frozen

from .._reports import harmless
from .durations import local_time
from .errors import BadInput
from .messages import tell

if TYPE_CHECKING:
    from .options import Format, Output

T = TypeVar("T")
_HIDDEN = ("hmac_secret",)


def chosen_format(output: Output) -> Format:
    """Return the format that was asked for; by default a table only for a terminal.

    Raises:
        BadInput: The command was started with standard output closed.
    """
    if sys.stdout is None:
        raise BadInput("standard output is closed; leave it open, or send it to a file")
    return output.format or ("table" if sys.stdout.isatty() else "jsonl")


def as_json(value: object) -> object:
    """Return a model as JSON has it: names in snake_case, states as on the wire, no secret."""
    kind = type(value)
    if attrs.has(kind):
        found = {
            attribute.name: as_json(getattr(value, attribute.name))
            for attribute in attrs.fields(kind)
            if not attribute.name.startswith("_") and attribute.name not in _HIDDEN
        }
        extra = getattr(value, "extra", None)
        return {**found, "extra": as_json(extra)} if extra else found
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(name): as_json(inner) for name, inner in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [as_json(inner) for inner in value]
    return value if isinstance(value, (str, int, float, bool, type(None))) else str(value)


@frozen
class Column(Generic[T]):
    """One column: its head, what it shows of an item, and whether that must never be cut."""

    head: str
    value: Callable[[T], object]
    is_id: bool = False


@frozen(kw_only=True)
class View(Generic[T]):
    """How items of a kind are shown."""

    columns: tuple[Column[T], ...]
    key: Callable[[T], str]
    """What `--format lines` prints of one: a phone number, or an order's id."""
    as_json: Callable[[T], object] = as_json


def as_object(value: object) -> dict[str, object]:
    """Return an object of an attrs class as `as_json` does."""
    found = as_json(value)
    assert isinstance(found, dict)  # noqa: S101 - of an attrs class
    return found


def print_json(value: object, output: Output) -> None:
    """Print a value as JSON: indented for `--format json`, else in one line."""
    print_text(json.dumps(value, indent=1 if output.format == "json" else None))


async def print_many(
    items: AsyncIterable[T] | Iterable[T], view: View[T], output: Output
) -> list[T]:
    """Print items as they come; a table, and JSON as a whole, at the end.

    What came before a failure is printed, too. Returns the items.
    """
    format, printed = chosen_format(output), list[T]()
    if format == "csv":
        _write_row([column.head for column in view.columns])
    try:
        async for item in _each(items):
            printed.append(item)
            if format not in ("json", "table"):
                _print_line(item, view, format)
                sys.stdout.flush()
    finally:
        if format == "json":
            print_text(json.dumps([view.as_json(item) for item in printed], indent=1))
        elif format == "table":
            print_table(view, printed)
            if not printed:
                tell("none")
    return printed


def print_one(item: T, view: View[T], output: Output) -> None:
    """Print one item: for people as a list of its columns, for programs whole."""
    match chosen_format(output):
        case "table":
            _print_upright(view, [item])
        case "json":
            print_text(json.dumps(view.as_json(item), indent=1))
        case format:
            if format == "csv":
                _write_row([column.head for column in view.columns])
            _print_line(item, view, format)


def _print_line(item: T, view: View[T], format: Format) -> None:
    """Print an item in one of the formats that have a line for each."""
    match format:
        case "lines":
            print_text(view.key(item))
        case "csv":
            _write_row([_csv_cell(column.value(item)) for column in view.columns])
        case _:
            print_text(json.dumps(view.as_json(item)))


def _write_row(cells: Sequence[str]) -> None:
    csv.writer(sys.stdout, lineterminator="\n").writerow(cells)


def _csv_cell(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    return harmless("" if value is None else str(value))


async def _each(items: AsyncIterable[T] | Iterable[T]) -> AsyncIterator[T]:
    if isinstance(items, AsyncIterable):
        async for item in items:
            yield item
    else:
        for item in items:
            yield item


def print_text(text: str) -> None:
    """Print text and a line end to standard output.

    Raises:
        BadInput: The command was started with standard output closed.
    """
    if sys.stdout is None:
        raise BadInput("standard output is closed; leave it open, or send it to a file")
    sys.stdout.write(f"{text}\n")


# ------------------------------------------------------------------ tables


def _cell(value: object) -> str:
    return printable(
        local_time(value) if isinstance(value, datetime) else "" if value is None else str(value)
    )


def print_table(view: View[T], items: Sequence[T]) -> None:
    """Print a table: framed on a terminal, aligned columns elsewhere; ids are never cut.

    Where a terminal is too narrow for the ids, each item is a list of its columns.
    """
    if not items:
        return
    rows = [[_cell(column.value(item)) for column in view.columns] for item in items]
    if not (sys.stdout is not None and sys.stdout.isatty()):
        _print_aligned([[column.head for column in view.columns], *rows])
    elif _fits(view, rows):
        _print_framed(view, rows)
    else:
        _print_upright(view, items)


_NARROWEST = 8
"""Columns of text that can be folded are at least so wide."""


def _fits(view: View[T], rows: Sequence[Sequence[str]]) -> bool:
    widest = [max(len(row[index]) for row in rows) for index in range(len(view.columns))]
    needed = sum(
        max(len(column.head), width if column.is_id else min(width, _NARROWEST)) + 3
        for column, width in zip(view.columns, widest, strict=True)
    )
    return needed + 1 <= shutil.get_terminal_size().columns


def _print_framed(view: View[T], rows: Iterable[Sequence[str]]) -> None:
    from rich.console import Console  # noqa: PLC0415 - only a table on a terminal needs it
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    table = Table()
    for column in view.columns:
        table.add_column(column.head, no_wrap=column.is_id, overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row))
    Console(highlight=False, markup=False, emoji=False).print(table)


def _print_aligned(lines: Sequence[Sequence[str]]) -> None:
    from rich.cells import cell_len, set_cell_size  # noqa: PLC0415

    widths = [max(map(cell_len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        padded = (set_cell_size(cell, width) for cell, width in zip(line, widths, strict=True))
        print_text("  ".join(padded).rstrip())


def _print_upright(view: View[T], items: Sequence[T]) -> None:
    """Print each item as lines of a column's head and what it shows, empty ones left out."""
    widest = max(len(column.head) for column in view.columns)
    for place, item in enumerate(items):
        if place:
            print_text("")
        for column in view.columns:
            shown = _cell(column.value(item))
            if shown:
                print_text(f"{column.head:<{widest}}  {shown}")


def printable(text: str) -> str:
    """Return text that is safe to print: what moves a cursor or breaks a line is replaced."""
    return "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in text)
