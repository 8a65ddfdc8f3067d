"""Where a table's numbers are, and what each row of it holds."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

import attrs

from .cells import Cell, may_hold_number, understand
from .columns import asked_column, choose_column, listed
from .companions import Companions, find_companions
from .header_row import cell_at, is_heading_row, named_header, titles_of, unnamed_header
from .headers import Role, calls_it_otherwise, count_numbers, names_phones, role
from .records import PhoneFileError, shorten

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable, Iterator, Sequence

_SAMPLE_ROWS = 200
_ABOVE = Cell("stands above the table and is not part of it")
_NOTHING_ABOVE = Cell("nothing in the phone column, above the table")
_SHIFTED = Cell(
    "the row has more cells than the header, so its columns may be shifted; "
    "put the cell that holds the delimiter in quotation marks"
)
_ANY_WIDTH = 1 << 30
_HEADER_AGAIN = Cell("the header once more")
_COMMENT = Cell("a comment: the row begins with #")


@attrs.frozen(kw_only=True)
class Layout:
    """Where a table's phone numbers are.

    Attributes:
        header_row: The header's index, `None` where there is none.
        header: The header's cells, `()` where there is none.
        column: The phone column's index.
        other_columns: The indexes of further columns with phone numbers.
        companions: The columns that say more about the numbers.
        has_comments: Whether rows that begin with `#` are comments.
    """

    header_row: int | None
    header: tuple[str, ...]
    column: int
    other_columns: tuple[int, ...] = ()
    companions: Companions = Companions()
    has_comments: bool = False

    def entries(self, rows: Iterator[Sequence[str]]) -> Iterator[tuple[int, str, Cell]]:
        """Give each row's number, counted from 1, its phone cell, and what that holds."""
        column, first = self.column, 0 if self.header_row is None else self.header_row + 1
        judge = self._judge if self.companions or self.has_comments else None
        watch = _Watch(self.header, column)
        width = len(self.header) or _ANY_WIDTH
        for row, cells in enumerate(rows):
            raw = cells[column] if column < len(cells) else ""
            if row < first:
                if row < first - 1:
                    yield row + 1, raw, _ABOVE if raw.strip() else _NOTHING_ABOVE
                continue
            cell = understand(raw) if judge is None else judge(raw, cells)
            if len(cells) > width and _is_shifted(cells, column, width):
                cell = _SHIFTED
            if cell.phone_number is None:
                cell = watch.without_number(row + 1, raw, cells) or cell
            else:
                watch.after_blank = False
                if watch.refusal is not None:
                    cell = watch.refusal
                elif column and calls_it_otherwise(cells[column - 1]):
                    cell = Cell(f"the cell before it says {shorten(cells[column - 1])!r}")
            yield row + 1, raw, cell

    @property
    def notes(self) -> Iterator[str]:
        """Return what a person should know about how the table was read."""
        if self.header_row:
            rows = "row 1 stands" if self.header_row == 1 else f"rows 1 to {self.header_row} stand"
            yield f"{rows} above the header; no number was taken from there"
        if self.companions.columns:
            beside = listed(self.header, self.companions.columns)
            yield f"the numbers were read together with {beside}"

    def _judge(self, raw: str, cells: Sequence[str]) -> Cell:
        if self.has_comments and cells and cells[0].startswith("#") and cells[0][1:2] != "":
            return _COMMENT
        return self.companions.judge(raw, cells)


def _is_shifted(cells: Sequence[str], column: int, width: int) -> bool:
    """Return whether a row with too many cells has its number, or another one, further right."""
    filled = max((at for at, text in enumerate(cells, 1) if text.strip()), default=0)
    return filled > width and may_hold_number(cell_at(cells, column + filled - width))


class _Watch:
    """Notices where another table begins under the first one.

    It may have somebody else's numbers, or accounts, in the same column. Its header says so.
    """

    def __init__(self, header: Sequence[str], column: int) -> None:
        self._header = header
        self._title = cell_at(header, column)
        self.refusal: Cell | None = None
        """Why no number is taken from here on."""
        self.after_blank = False

    def without_number(self, row: int, raw: str, cells: Sequence[str]) -> Cell | None:
        """Return what a row without a number is where it is a header; else `None`."""
        after_blank, self.after_blank = self.after_blank, not any(map(str.strip, cells))
        if self.after_blank or not self._header:
            return None
        if raw and raw == self._title:
            self.refusal = None
            return _HEADER_AGAIN
        again = any(text and text == cell_at(self._header, at) for at, text in enumerate(cells))
        if not (again or after_blank) or not is_heading_row(cells):
            return None
        what = role(raw)
        if what is Role.PHONE:
            self.refusal = None
            return _HEADER_AGAIN
        if (what is Role.OTHER_PHONE and (again or names_phones(raw))) or what is Role.OTHER:
            reason = f"in another table, which begins in row {row} under {shorten(raw)!r}"
            self.refusal = Cell(reason)
        return self.refusal


def find_layout(rows: Callable[[], Iterator[Sequence[str]]], column: str | int | None) -> Layout:
    """Find the header, the phone column and what belongs to it.

    Args:
        rows: Goes through the table's rows from the first one.
        column: The column that was asked for, or `None`.

    Raises:
        PhoneFileError: No column, or no single one, holds the phone numbers.
    """
    table = rows()
    sample = list(islice(table, _SAMPLE_ROWS))
    header_row = named_header(sample)
    header = titles_of(sample, header_row)
    data = sample[header_row + 1 :] if header_row is not None else sample
    local = any(role(cell) is Role.AREA_CODE for cell in header)
    numbers = count_numbers(data, local=local)
    if not numbers:
        numbers = count_numbers(table, local=local)
    if column is not None:
        asked_row, chosen = asked_column(sample, header_row, column)
        header_row = asked_row if asked_row is not None else header_row
    else:
        chosen = choose_column(sample, header, numbers)
    over = cell_at(sample[header_row], chosen) if header_row is not None else ""
    if header_row is None or (over.strip() and role(over) is Role.UNKNOWN and column is None):
        header_row = unnamed_header(sample, chosen)
    if header_row is not None and len(sample) == header_row + 1:
        raise PhoneFileError("has a header and no rows under it; add the numbers")
    return _complete(sample, header_row, chosen, numbers)


def _complete(
    sample: Sequence[Sequence[str]], header_row: int | None, column: int, numbers: Counter[int]
) -> Layout:
    header = tuple(sample[header_row]) if header_row is not None else ()
    data = sample[header_row + 1 :] if header_row is not None else sample
    companions = find_companions(header, data, column)
    enough = numbers[column] / 10
    first = next((row[0].strip() for row in sample if row and row[0].strip()), "")
    return Layout(
        header_row=header_row,
        header=header,
        column=column,
        other_columns=tuple(
            index
            for index in sorted(numbers)
            if index != column and numbers[index] > enough and index not in companions.columns
        ),
        companions=companions,
        has_comments=first.startswith("#") and len(first) > 1 and first[1:2] not in "0123456789(+",
    )
