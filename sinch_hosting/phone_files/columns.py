"""Finds the column of the phone numbers: by its name, by what it holds, or as the caller says.

It is the first well filled column whose header names phones. Columns of managers, parents, faxes
and bills come last. Where no header names phones, it is the column that holds numbers. Where two
columns could be meant, the file is refused, and `--column` has to say which.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

from .header_row import HEADER_ROWS, cell_at, unnamed_header
from .headers import Role, may_name_records, names_phones_plainly, rank, role
from .records import PhoneFileError, shorten
from .vocabulary import words

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterable, Sequence

_LISTED = 5
_UNSURE = 2
_NOT_BY_CONTENT = frozenset({Role.OTHER, Role.OTHER_PHONE})
_CHOOSE = "choose a column with --column, by its header, its number or its letter"


def listed(header: Sequence[str], columns: Sequence[int]) -> str:
    """Name columns for a person, each by its header and its number; at most five."""
    names = []
    for column in columns[:_LISTED]:
        title = shorten(cell_at(header, column))
        names.append(f"{title!r} (column {column + 1})" if title else f"column {column + 1}")
    if len(columns) > _LISTED:
        return f"{', '.join(names)} and {len(columns) - _LISTED} more"
    return " and ".join((", ".join(names[:-1]), names[-1]) if len(names) > 1 else names)


def choose_column(
    sample: Sequence[Sequence[str]], header: Sequence[str], numbers: Counter[int]
) -> int:
    """Return the phone column by its header's name, or else by what it holds.

    Args:
        sample: The table's first rows.
        header: The titles of the columns, `()` where no row names phones.
        numbers: How many phone numbers each column holds.

    Raises:
        PhoneFileError: No column, or no single one, could be it.
    """
    roles = {index: role(cell) for index, cell in enumerate(header)}
    own = [index for index, what in roles.items() if what is Role.PHONE]
    plain = [index for index in own if names_phones_plainly(header[index])]
    if (chosen := _by_name(header, plain, numbers)) is not None:
        return chosen
    others = [i for i, what in roles.items() if what is Role.OTHER_PHONE and numbers[i]]
    named = {*plain, *(i for i, what in roles.items() if what in _NOT_BY_CONTENT)}
    likely = [index for index in sorted(numbers) if index not in named]
    if likely:
        return _only(sample, header, likely, numbers)
    if own:
        return min(plain or own, key=lambda index: rank(header[index]))
    if len(others) == 1:
        return others[0]
    if others:
        raise PhoneFileError(
            f"{listed(header, others)} hold numbers of other people or machines, and no column "
            f"holds the rows' own; {_CHOOSE}"
        )
    if numbers:
        raise PhoneFileError(
            f"only {listed(header, sorted(numbers))} could hold phone numbers, and that is headed "
            f"as something else; {_CHOOSE}"
        )
    if Role.OTHER_PHONE in roles.values():
        return next(index for index, what in roles.items() if what is Role.OTHER_PHONE)
    raise PhoneFileError(_nothing_found(roles.values()))


def _by_name(header: Sequence[str], named: Sequence[int], numbers: Counter[int]) -> int | None:
    """Return the first well filled column of those that most surely hold the rows' own numbers."""
    best = min((rank(header[index]) for index in named), default=0)
    first = [index for index in named if rank(header[index]) == best]
    filled = [index for index in first if numbers[index]]
    most = max((numbers[index] for index in filled), default=0)
    for index in filled:
        if numbers[index] * 2 >= most:
            if best == _UNSURE and len(filled) > 1:
                raise PhoneFileError(
                    f"{listed(header, filled)} could each be the rows' own numbers; {_CHOOSE}"
                )
            _refuse_twins(header, filled, index)
            return index
    return None


def _refuse_twins(header: Sequence[str], columns: Sequence[int], chosen: int) -> None:
    """Refuse two columns with the same title: nothing says whose numbers each one holds."""
    twins = [index for index in columns if words(header[index]) == words(header[chosen])]
    if len(twins) > 1:
        raise PhoneFileError(
            f"{listed(header, twins)} are headed alike; choose a column with --column, "
            "by its number or its letter"
        )


def _only(
    sample: Sequence[Sequence[str]],
    header: Sequence[str],
    likely: Sequence[int],
    numbers: Counter[int],
) -> int:
    """Return the one column that holds numbers, where no header names it; refuse two alike."""
    rows = (row for index in likely if (row := unnamed_header(sample, index)) is not None)
    head = header or next((sample[row] for row in rows), ())
    fit = [
        index
        for index in likely
        if role(cell_at(head, index)) is not Role.OTHER
        and not (may_name_records(cell_at(head, index)) and _is_bare(sample, index))
    ]
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
    if most == 1 and len(filled) <= 2 and not head:
        raise PhoneFileError(
            f"row {filled[-1]} holds {len(rivals)} numbers side by side, in "
            f"{listed(head, rivals)}; put each number in a row of its own"
        )
    raise PhoneFileError(
        f"{listed(head, rivals)} could each be the phone numbers, and no header names one; "
        f"{_CHOOSE}"
    )


def _is_bare(sample: Sequence[Sequence[str]], column: int) -> bool:
    """Return whether a column has digits alone, and no sign of a phone number, such as a hyphen."""
    return not any(re.search(r"\d[\s().-]+\d|\A\s*\+", cell_at(row, column)) for row in sample)


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


def asked_column(
    sample: Sequence[Sequence[str]], header_row: int | None, column: str | int
) -> tuple[int | None, int]:
    """Return the header row and the index of the column with this name, number or letter."""
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
    """Return a header's text, however it is spaced and cased."""
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
