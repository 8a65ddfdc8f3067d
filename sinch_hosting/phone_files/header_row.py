"""Where a table begins: its header row, and the title that may stand over it.

A title block often has a number of its own, such as an account's or the company's. Nothing
above the header is data, and a row with a number in it is never taken for the header.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .cells import NO_AREA_CODE, understand
from .headers import Role, names_phones, role
from .vocabulary import words

if TYPE_CHECKING:
    from collections.abc import Sequence

HEADER_ROWS = 30
_DIGITS_OF_A_NUMBER = 7
_MOST_NUMBERS_OF_A_TITLE = 3
_PLACEHOLDERS = frozenset(
    {"", "n a", "na", "tbc", "none", "null", "nil", "nan", "unknown", "tbd", "tba", "pending"}
)
_BILLING = frozenset({"billing", "bill", "btn", "fax"})


def named_header(rows: Sequence[Sequence[str]]) -> int | None:
    """Return the index of the row whose cells name phones; `None` where no row does so."""
    best: int | None = None
    numbered: list[Sequence[str]] = []
    for index, row in enumerate(rows[:HEADER_ROWS]):
        if any(_holds_number(cell) for cell in row):
            if best is not None and _is_data(row, rows[best]):
                break
            numbered.append(row)
        elif any(map(names_phones, row)):
            few = len(numbered) <= _MOST_NUMBERS_OF_A_TITLE
            above = all(_is_title(title, row, few=few) for title in numbered)
            if above and (best is None or _rank(row) > _rank(rows[best])):
                best = index
    return best


def unnamed_header(rows: Sequence[Sequence[str]], column: int) -> int | None:
    """Return the index of a header that names no phones: the first row of words above."""
    filled = max((_filled(row) for row in rows[:HEADER_ROWS]), default=0)
    for index, row in enumerate(rows[:HEADER_ROWS]):
        if any(_holds_number(cell) for cell in row):
            if column < len(row) and _holds_number(row[column]) and not _is_labelled(row, column):
                return None
        elif _is_heading(cell_at(row, column)) and _filled(row) >= min(2, filled):
            return index
        elif _filled(row) >= min(2, filled) and cell_at(row, column).strip():
            return None
    return None


def titles_of(rows: Sequence[Sequence[str]], header_row: int | None) -> Sequence[str]:
    """Return the titles of the columns, with the title above them where that says whose they are.

    Under `Emergency contact` over two columns, `Phone` is somebody else's phone.
    """
    if header_row is None:
        return ()
    header = rows[header_row]
    over = rows[header_row - 1] if header_row else ()
    if not is_heading_row(over):
        return header
    group, titles = "", []
    for column, title in enumerate(header):
        group = cell_at(over, column).strip() or group
        told = group and (role(group) is Role.OTHER_PHONE or list(header).count(title) > 1)
        titles.append(f"{group}: {title}" if told and title.strip() else title)
    return titles


def is_heading_row(row: Sequence[str]) -> bool:
    """Return whether a row could be a header: two cells or more, and none with a number."""
    return _filled(row) >= 2 and not any(map(_holds_number, row))


def _holds_number(cell: str) -> bool:
    """Return whether a cell has as many digits as a phone number; no header has so many."""
    return len(cell) >= _DIGITS_OF_A_NUMBER and (
        sum(map(str.isdigit, cell[:2_000])) >= _DIGITS_OF_A_NUMBER
    )


def cell_at(cells: Sequence[str], column: int) -> str:
    """Return a row's cell, `""` where the row is too short."""
    return cells[column] if column < len(cells) else ""


def _is_heading(cell: str) -> bool:
    text = cell.strip()
    if " ".join(words(text)) in _PLACEHOLDERS:
        return bool(text) and not text.isascii()
    return not text[:1].isdigit() and sum(map(str.isdigit, text)) <= 2


def _is_data(row: Sequence[str], header: Sequence[str]) -> bool:
    """Return whether a row has a number where the header names phones."""
    held = (understand(cell_at(row, at)) for at, title in enumerate(header) if names_phones(title))
    return any(cell.is_number or cell is NO_AREA_CODE for cell in held)


def _is_title(row: Sequence[str], header: Sequence[str], *, few: bool) -> bool:
    """Return whether a row with a number belongs to the title over the header.

    A title has few numbers, in rows that are narrower than the table. More of them are data,
    unless they have labels.
    """
    if few and _filled(row) < _filled(header):
        return True
    return any(
        _is_labelled(row, column) or any(map(names_phones, row[:column]))
        for column, cell in enumerate(row)
        if _holds_number(cell)
    )


def _is_labelled(row: Sequence[str], column: int) -> bool:
    """Return whether a number has a label, in its own cell or in the one before it."""
    cell = understand(row[column])
    if cell.phone_number is None and not cell.is_number:
        return True
    before = next((text for text in reversed(row[:column]) if text.strip()), "")
    label = role(before)
    return (
        before.strip().endswith(":")
        or label is Role.OTHER
        or (label is Role.OTHER_PHONE and not _BILLING.isdisjoint(words(before)))
    )


def _rank(row: Sequence[str]) -> tuple[int, int]:
    """Return a header's rank: more cells are better, then fewer words."""
    named = [len(words(cell)) for cell in row if names_phones(cell)]
    return _filled(row), -min(named, default=0)


def _filled(row: Sequence[str]) -> int:
    return sum(1 for cell in row if cell.strip())
