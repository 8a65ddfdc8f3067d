"""Workbooks: .xlsx, .xlsb, .xls and .ods, by `python-calamine` (extra `[files]`).

Cells become the text that a spreadsheet shows when their columns are wide enough: whole
numbers with all their digits, dates as 2026-11-23, formulas as their result.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, BinaryIO

from .delimited import Table
from .records import PhoneFileError, shorten

if TYPE_CHECKING:
    from python_calamine import CalamineSheet, CalamineWorkbook

_Value = str | float | bool | date | time | timedelta
_LISTED = 5
_CHUNK = 1 << 22
_CHOOSE = "choose one with --sheet, by its name or its number"
# A formula that no program has worked out yet: what a script writes and nobody has opened.
_NO_RESULT = re.compile(
    rb'<c\b(?![^>]*\bt="str")[^>]*>\s*<f\b(?:[^>]*/>|[^>]*>[^<]*</f>)'
    rb"\s*(?:<v\s*/>|<v>\s*</v>)?\s*</c>"
)


def open_workbook(stream: BinaryIO, kind: str, sheet: str | int | None) -> Table:
    """Open one sheet of a workbook as a table.

    Args:
        stream: The file, seekable.
        kind: `xlsx`, `xlsb`, `xls` or `ods`, which the table has for its encoding.
        sheet: The sheet's name (case and spaces are ignored) or its number, counted from 1;
            without it the only visible sheet that is not empty.

    Raises:
        PhoneFileError: The workbook is damaged or has a password, or several sheets could be
            meant, or none is there.
    """
    chosen = _chosen_sheet(stream, kind, sheet)
    note = (
        "the workbook has formulas without a result: open it in a spreadsheet and save it again, "
        "for cells with such a formula were read as blank"
    )
    unfinished = kind == "xlsx" and _has_unfinished_formulas(stream)
    return Table(
        rows=lambda: _rows(chosen),
        encoding=kind,
        sheet=chosen.name,
        notes=(note,) if unfinished else (),
    )


def _chosen_sheet(stream: BinaryIO, kind: str, sheet: str | int | None) -> CalamineSheet:
    try:
        import python_calamine  # noqa: PLC0415 - only workbooks need it
    except ModuleNotFoundError as error:
        raise PhoneFileError(
            f"is a workbook (.{kind}), which needs the package 'python-calamine': "
            "pip install 'sinch-hosting[files]', or save the sheet as CSV"
        ) from error
    stream.seek(0)
    try:
        return _sheet_of(python_calamine.CalamineWorkbook.from_filelike(stream), sheet)
    except python_calamine.PasswordError as error:
        raise PhoneFileError(
            f"is a workbook (.{kind}) with a password: open it and save the sheet as CSV"
        ) from error
    except PhoneFileError:
        raise
    except BaseException as error:
        # A damaged file makes calamine's Rust code panic, which is no Exception in Python.
        is_panic = type(error).__name__ == "PanicException"
        if not is_panic and not isinstance(error, python_calamine.CalamineError):
            raise
        raise PhoneFileError(
            f"is a damaged workbook (.{kind}), or another document of an Office program: "
            "open it and save the sheet as CSV"
        ) from error


def _sheet_of(book: CalamineWorkbook, asked: str | int | None) -> CalamineSheet:
    names = [
        each.name for each in book.sheets_metadata if "WorkSheet" in str(each.typ)
    ] or book.sheet_names
    if asked is not None:
        return book.get_sheet_by_name(_asked(names, asked))
    visible = {each.name for each in book.sheets_metadata if str(each.visible).endswith(".Visible")}
    filled = [name for name in names if book.get_sheet_by_name(name).height]
    if not filled:
        raise PhoneFileError("is a workbook without a filled sheet; check that it is the right one")
    shown = [name for name in filled if name in visible] or filled
    if len(shown) > 1:
        raise PhoneFileError(f"has {len(shown)} sheets, {_listed(shown)}; {_CHOOSE}")
    return book.get_sheet_by_name(shown[0])


def _asked(names: list[str], asked: str | int) -> str:
    wanted = " ".join(str(asked).casefold().split())
    for name in names:
        if " ".join(name.casefold().split()) == wanted:
            return name
    if wanted.isdecimal() and 0 < int(wanted) <= len(names):
        return names[int(wanted) - 1]
    raise PhoneFileError(f"has no sheet {shorten(str(asked))!r}; it has {_listed(names)}")


def _listed(names: list[str]) -> str:
    shown = ", ".join(repr(shorten(name)) for name in names[:_LISTED])
    more = len(names) - _LISTED
    return f"{shown} and {more} more" if more > 0 else shown


def _rows(sheet: CalamineSheet) -> Iterator[list[str]]:
    """Give the rows from the sheet's first one on, though calamine leaves out empty columns."""
    left = [""] * (sheet.start[1] if sheet.start else 0)
    for row in sheet.iter_rows():
        yield [*left, *map(_shown, row)]


def _shown(value: _Value) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, float | int):
        return str(int(value)) if value == int(value) else repr(value)
    if isinstance(value, datetime):
        return value.isoformat(" ")
    return str(value)


def _has_unfinished_formulas(stream: BinaryIO) -> bool:
    stream.seek(0)
    with zipfile.ZipFile(stream) as archive:
        for name in archive.namelist():
            if name.startswith("xl/worksheets/") and name.endswith(".xml"):
                with archive.open(name) as part:
                    while chunk := part.read(_CHUNK):
                        if _NO_RESULT.search(chunk):
                            return True
    return False
