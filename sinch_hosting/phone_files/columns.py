"""Which column holds the phone numbers, and what is read together with it."""

from __future__ import annotations

import re
import unicodedata
from itertools import islice
from typing import TYPE_CHECKING

import attrs

from .cells import Cell, understand
from .companions import Companions, find_companions
from .headers import Role, count_numbers, names_phones_plainly, role, words
from .headings import HEADER_ROWS, cell_at, named_header, unnamed_header
from .records import PhoneFileError, shorten

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable, Iterable, Iterator, Sequence

_SAMPLE_ROWS = 200
_LISTED = 5
_CHOOSE = "choose a column with --column, by its header, its number or its letter"
_ABOVE = Cell("stands above the table, so it is no row of it")
_NOTHING_ABOVE = Cell("nothing in the phone column, above the table")
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
        column, header_row = self.column, self.header_row
        judge = self._judge if self.companions or self.has_comments else None
        title = cell_at(self.header, column)
        for row, cells in enumerate(rows):
            raw = cells[column] if column < len(cells) else ""
            if header_row is not None and row <= header_row:
                if row < header_row:
                    yield row + 1, raw, _ABOVE if raw.strip() else _NOTHING_ABOVE
                continue
            cell = understand(raw) if judge is None else judge(raw, cells)
            if cell.phone_number is None:
                if raw and raw == title:
                    cell = _HEADER_AGAIN
            elif column and cells[column - 1].endswith(":"):
                cell = _labelled(cells[column - 1]) or cell
            yield row + 1, raw, cell

    @property
    def notes(self) -> Iterator[str]:
        """What a person should know about how the table was taken."""
        if self.header_row:
            rows = "row 1 stands" if self.header_row == 1 else f"rows 1 to {self.header_row} stand"
            yield f"{rows} above the header; no number was taken from there"
        if self.companions:
            beside = listed(self.header, self.companions.columns)
            yield f"the numbers were read together with {beside}"

    def _judge(self, raw: str, cells: Sequence[str]) -> Cell:
        if self.has_comments and cells and cells[0].startswith("#") and cells[0][1:2] != "":
            return _COMMENT
        return self.companions.judge(raw, cells)


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
    header = sample[header_row] if header_row is not None else ()
    data = sample[header_row + 1 :] if header_row is not None else sample
    local = any(role(cell) is Role.AREA_CODE for cell in header)
    numbers = count_numbers(data, local=local)
    if not numbers:
        numbers = count_numbers(table, local=local)
    if column is not None:
        asked_row, chosen = _asked_column(sample, header_row, column)
        header_row = asked_row if asked_row is not None else header_row
    else:
        chosen = _choose(sample, header, numbers)
    over = cell_at(sample[header_row], chosen) if header_row is not None else ""
    if header_row is None or (over.strip() and role(over) is Role.UNKNOWN and column is None):
        header_row = unnamed_header(sample, chosen)
    if header_row is not None and len(sample) == header_row + 1:
        raise PhoneFileError("has a header and no rows under it; add the numbers")
    return _complete(sample, header_row, chosen, numbers)


def listed(header: Sequence[str], columns: Sequence[int]) -> str:
    """Columns for a person: header and number of each, five of them at most."""
    names = []
    for column in columns[:_LISTED]:
        title = shorten(cell_at(header, column))
        names.append(f"{title!r} (column {column + 1})" if title else f"column {column + 1}")
    if len(columns) > _LISTED:
        return f"{', '.join(names)} and {len(columns) - _LISTED} more"
    return " and ".join((", ".join(names[:-1]), names[-1]) if len(names) > 1 else names)


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


def _choose(sample: Sequence[Sequence[str]], header: Sequence[str], numbers: Counter[int]) -> int:
    """The phone column by its header's name, or else by what it holds."""
    roles = {index: role(cell) for index, cell in enumerate(header)}
    own = [index for index, what in roles.items() if what is Role.PHONE]
    plain = [index for index in own if names_phones_plainly(header[index])]
    most = max((numbers[index] for index in own), default=0)
    for index in plain:
        if most and numbers[index] * 2 >= most:
            return index
    others = [i for i, what in roles.items() if what is Role.OTHER_PHONE and numbers[i]]
    likely = [i for i in sorted(numbers) if roles.get(i) not in {Role.OTHER, Role.OTHER_PHONE}]
    if likely:
        return _only(sample, header, likely, numbers)
    if own:
        return (plain or own)[0]
    if others:
        return _only_other(header, others)
    if numbers:
        raise PhoneFileError(
            f"only {listed(header, sorted(numbers))} could hold phone numbers, and that is headed "
            f"as something else; {_CHOOSE}"
        )
    named = [index for index, what in roles.items() if what is Role.OTHER_PHONE]
    if named:
        return named[0]
    raise PhoneFileError(_nothing_found(roles.values()))


def _only(
    sample: Sequence[Sequence[str]],
    header: Sequence[str],
    likely: Sequence[int],
    numbers: Counter[int],
) -> int:
    """The one column that holds the numbers, as no header names it; two alike are refused."""
    head = header or _unnamed_titles(sample, likely)
    fit = [index for index in likely if role(cell_at(head, index)) is not Role.OTHER]
    own = [index for index in fit if role(cell_at(head, index)) is not Role.OTHER_PHONE] or fit
    if not own:
        raise PhoneFileError(
            f"only {listed(head, likely)} could hold phone numbers, and that is headed "
            f"as something else; {_CHOOSE}"
        )
    most = max(numbers[index] for index in own)
    rivals = [index for index in own if numbers[index] * 2 >= most]
    if len(rivals) == 1:
        return rivals[0]
    filled = [row for row, cells in enumerate(sample, 1) if any(map(str.strip, cells))]
    if most == 1 and len(filled) <= 2 and not header:
        raise PhoneFileError(
            f"row {filled[-1]} holds {len(rivals)} numbers side by side, in "
            f"{listed(head, rivals)}; put each number in a row of its own"
        )
    raise PhoneFileError(
        f"{listed(head, rivals)} could each be the phone numbers, and no header names one; "
        f"{_CHOOSE}"
    )


def _unnamed_titles(sample: Sequence[Sequence[str]], likely: Sequence[int]) -> Sequence[str]:
    row = next((row for i in likely if (row := unnamed_header(sample, i)) is not None), None)
    return () if row is None else sample[row]


def _only_other(header: Sequence[str], others: Sequence[int]) -> int:
    if len(others) == 1:
        return others[0]
    raise PhoneFileError(
        f"{listed(header, others)} hold numbers of other people or machines, and no column "
        f"holds the rows' own; {_CHOOSE}"
    )


def _nothing_found(roles: Iterable[Role]) -> str:
    if Role.AREA_CODE in roles:
        return (
            "no column holds whole phone numbers: the area code has a column of its own; "
            "join it and the rest of the number in one column headed 'Phone'"
        )
    return (
        "no column holds US or Canadian phone numbers; "
        "head the right one with 'Phone', or check that this is the right file"
    )


def _asked_column(
    sample: Sequence[Sequence[str]], header_row: int | None, column: str | int
) -> tuple[int | None, int]:
    """The header row and the index of a column that was asked for by name, number or letter."""
    widest = max((len(row) for row in sample), default=0)
    if isinstance(column, str) and not (column.isdecimal() and 0 < int(column) <= widest):
        found = _by_title(sample, header_row, column)
        if found is not None:
            return found
        letters = column.strip().upper()
        if re.fullmatch("[A-Z]{1,3}", letters) and (index := _letter_index(letters)) < widest:
            return None, index
        if not column.isdecimal():
            raise PhoneFileError(_no_such_column(sample, header_row, column))
    index = int(column) - 1
    if not 0 <= index < widest:
        raise PhoneFileError(f"has no column {column}; its columns are 1 to {widest}")
    return None, index


def _by_title(
    sample: Sequence[Sequence[str]], header_row: int | None, column: str
) -> tuple[int, int] | None:
    order = range(min(len(sample), HEADER_ROWS))
    rows = [*([] if header_row is None else [header_row]), *order]
    for same in (_spelled, words):
        wanted = same(column)
        for row in rows if wanted else ():
            found = [index for index, cell in enumerate(sample[row]) if same(cell) == wanted]
            if len(found) > 1:
                raise PhoneFileError(
                    f"{len(found)} columns are headed {shorten(column)!r}: "
                    f"{listed((), found)}; choose one by its number"
                )
            if found:
                return row, found[0]
    return None


def _spelled(cell: str) -> str:
    """A header's text, however it is spaced and cased."""
    return " ".join(unicodedata.normalize("NFKC", cell).casefold().split())


def _letter_index(letters: str) -> int:
    index = 0
    for letter in letters:
        index = index * 26 + ord(letter) - ord("A") + 1
    return index - 1


def _no_such_column(sample: Sequence[Sequence[str]], header_row: int | None, column: str) -> str:
    row = header_row or 0
    cells = [repr(shorten(cell)) for cell in sample[row]]
    more = f" and {len(cells) - _LISTED} more" if len(cells) > _LISTED else ""
    which = "first row" if row == 0 else f"row {row + 1}"
    return (
        f"no column is headed {shorten(column)!r}; "
        f"its {which} has {', '.join(cells[:_LISTED])}{more}"
    )


def _labelled(label: str) -> Cell | None:
    """Why a number is not taken whose own row calls it something else: `Account:`."""
    if role(label) in {Role.OTHER, Role.OTHER_PHONE}:
        return Cell(f"the cell before it says {shorten(label)!r}")
    return None
