"""Reading a file of numbers: from its bytes to one record for every row."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import attrs

from . import formats
from .cells import NOTHING, Cell
from .delimited import Table, open_delimited
from .encodings import SAMPLE, beginning, find_encoding, lines
from .layout import find_layout
from .records import PhoneFileError, PhoneRecord, PhoneSheet, RecordOutcome
from .vcards import HEADER, read_vcards
from .workbooks import open_workbook

_Entry = tuple[int, str, Cell]
"""A row's number, its phone cell, and what that holds."""


_Reading = tuple[PhoneSheet, Callable[[], Iterable[_Entry]]]
"""A sheet without its records, and what gives its rows: their format is known by then."""


def read_phone_file(
    path: str | Path, *, column: str | int | None = None, sheet: str | int | None = None
) -> PhoneSheet:
    """Read a file of phone numbers. Safe to repeat.

    It reads text with a delimiter (CSV, TSV) in the encodings of Windows, Mac and DOS,
    workbooks (.xlsx, .xlsb, .xls, .ods) and contact cards (.vcf). Nothing is sent anywhere.

    Args:
        path: The file.
        column: The phone column's header text (case and spaces are ignored), its number
            counted from 1, or its letter as Excel names columns; without it the column is
            found by its header's name or by its content. It is needed where several columns
            could be meant. Of contact cards it is the kind of number: `cell`, `work`, `TEL`.
        sheet: The workbook's sheet, by its name or its number counted from 1. It is needed
            where several sheets are filled.

    Returns:
        The sheet, with one record for every row.

    Raises:
        PhoneFileError: The file is missing, a directory, unreadable, empty or no table, or
            has no phone column, or several that could be it, or several sheets.
    """
    with _opened(path) as stream, _named(str(path)):
        return _with_records(_look_into(stream, str(path), column, sheet))


def read_phone_bytes(
    data: bytes,
    *,
    name: str = "the file",
    column: str | int | None = None,
    sheet: str | int | None = None,
) -> PhoneSheet:
    """Read the bytes of a file of phone numbers; see `read_phone_file`.

    Args:
        data: The whole file.
        name: What errors and summaries call it.
        column: As for `read_phone_file`.
        sheet: As for `read_phone_file`.

    Returns:
        The sheet, with one record for every row.

    Raises:
        PhoneFileError: The bytes are empty or no table, or have no phone column, or several
            that could be it, or several sheets.
    """
    with _named(name):
        return _with_records(_look_into(io.BytesIO(data), name, column, sheet))


def iter_phone_file(
    path: str | Path, *, column: str | int | None = None, sheet: str | int | None = None
) -> Iterator[PhoneRecord]:
    """Read a file of phone numbers row by row, without keeping the records.

    It is for files of millions of rows: only the numbers themselves are remembered, to find
    duplicates. The file is opened at the first step, and stays open until the last one. A
    quotation mark that is never closed is found at its row, when the rows before it have been
    given; `read_phone_file` gives all rows or none.

    Args:
        path: As for `read_phone_file`.
        column: As for `read_phone_file`.
        sheet: As for `read_phone_file`.

    Yields:
        One record for every row except the header, in the file's order.

    Raises:
        PhoneFileError: As for `read_phone_file`, when the records are asked for.
    """
    with _opened(path) as stream, _named(str(path)):
        _, entries = _look_into(stream, str(path), column, sheet)
        yield from _records(entries())


@contextmanager
def _opened(path: str | Path) -> Iterator[BinaryIO]:
    try:
        stream = Path(path).open("rb")  # noqa: SIM115 - closed below
    except FileNotFoundError as error:
        raise PhoneFileError(f"{path}: there is no such file; check the path") from error
    except IsADirectoryError as error:
        raise PhoneFileError(f"{path}: is a directory; name a CSV file in it") from error
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise PhoneFileError(f"{path}: cannot be read: {why}") from error
    with stream:
        yield stream if stream.seekable() else io.BytesIO(stream.read())


@contextmanager
def _named(name: str) -> Iterator[None]:
    """Put the file's name before the errors about it."""
    try:
        yield
    except PhoneFileError as error:
        raise PhoneFileError(f"{name}: {error}") from error.__cause__
    except OSError as error:
        raise PhoneFileError(f"{name}: cannot be read: {error.strerror or error}") from error


def _look_into(
    stream: BinaryIO, name: str, column: str | int | None, sheet: str | int | None
) -> _Reading:
    """Find out what a file is, and how its rows are read."""
    head = stream.read(SAMPLE)
    if (kind := formats.workbook_kind(stream, head)) is not None:
        return _of_table(open_workbook(stream, kind, sheet), name, column)
    formats.refuse_binary(head)
    encoding = find_encoding(stream)
    sample = beginning(stream, encoding)
    if sheet is not None:
        raise PhoneFileError("is no workbook, so it has no sheets; leave --sheet out")
    if formats.VCARD.match(sample):
        cards = read_vcards(lines(stream, encoding), column)
        found = PhoneSheet(
            name=name,
            encoding=encoding.codec,
            delimiter="",
            header=HEADER,
            column=HEADER.index("TEL"),
            other_columns=(),
            records=(),
            notes=(cards.note,),
        )
        return found, lambda: cards.entries
    formats.refuse_markup(sample)
    return _of_table(open_delimited(stream, encoding), name, column)


def _of_table(table: Table, name: str, column: str | int | None) -> _Reading:
    layout = find_layout(table.rows, column)
    found = PhoneSheet(
        name=name,
        encoding=table.encoding,
        delimiter=table.delimiter,
        header=None if layout.header_row is None else layout.header,
        column=layout.column,
        other_columns=layout.other_columns,
        records=(),
        sheet=table.sheet,
        notes=(*table.notes, *layout.notes),
    )
    return found, lambda: layout.entries(table.rows())


def _with_records(reading: _Reading) -> PhoneSheet:
    sheet, entries = reading
    return attrs.evolve(sheet, records=tuple(_records(entries())))


def _records(entries: Iterable[_Entry]) -> Iterator[PhoneRecord]:
    first_rows: dict[str, int] = {}
    for row, raw, cell in entries:
        if cell.phone_number is None:
            blank = cell is NOTHING or not raw.strip()
            outcome = RecordOutcome.BLANK if blank else RecordOutcome.REJECTED
            yield PhoneRecord(row=row, raw=raw, outcome=outcome, reason=cell.reason)
            continue
        first = first_rows.setdefault(cell.phone_number, row)
        yield PhoneRecord(
            row=row,
            raw=raw,
            outcome=RecordOutcome.ACCEPTED if first == row else RecordOutcome.DUPLICATE,
            reason="" if first == row else f"the same number as row {first}",
            phone_number=cell.phone_number,
            kind=cell.kind,
            region=cell.region,
        )
