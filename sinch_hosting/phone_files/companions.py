"""The other columns that say more about the numbers of the phone column.

A column of countries or calling codes can say that ten digits are no US or Canadian number:
2079460958 is in Maine, and with 44 beside it in London. A column of area codes completes
numbers of seven digits, one of types marks the fax numbers, and one of last numbers makes
ranges of the first ones.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import attrs

from .cells import A_RANGE, NO_AREA_CODE, NOTHING, Cell, understand
from .countries import (
    foreign_country,
    looks_like_calling_code,
    looks_like_country,
    says_ours,
)
from .header_row import cell_at
from .headers import (
    Role,
    may_be_countries,
    names_a_code,
    names_abroad,
    range_end_of,
    role,
    type_header_of,
)
from .notation import states_country
from .records import shorten
from .vocabulary import words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

_OURS_ALL_THE_SAME = "if the number is a US or Canadian one, write it with +1"
_AREA_CODE = re.compile(r"\s*(?:\+?1[\s.-]*)?\(?([2-9]\d{2})\)?(?:\.0+)?\s*", re.ASCII)
_COUNTRY_CODE = re.compile(r"\A[^\d]*1[\s.-]+(?=\d{3}[\s.-]?\d{4}\Z)")
_FAX = re.compile(r"fax|pager|beeper|t[e\u00e9]l[e\u00e9]c(?:op|\b)", re.IGNORECASE)
_SPECIFIC = frozenset({"country", "code", "region", "phone", "number", "pays", "pais", "name"})


@attrs.frozen
class Companions:
    """The indexes of the columns that are read together with the phone column."""

    countries: tuple[int, ...] = ()
    area_code: int | None = None
    type_: int | None = None
    range_end: int | None = None
    header: tuple[str, ...] = ()
    abroad: str = ""
    """The phone column's own header where it names another country: `UK Phone`."""

    def __bool__(self) -> bool:
        return bool(self.columns or self.abroad)

    @property
    def columns(self) -> tuple[int, ...]:
        """All of them, in the order in which they are read."""
        others = (self.area_code, self.type_, self.range_end)
        return (*self.countries, *(index for index in others if index is not None))

    def judge(self, raw: str, cells: Sequence[str]) -> Cell:
        """Return what a phone cell holds, with what the rest of its row says of it."""
        cell = understand(raw)
        if cell is NOTHING:
            return cell
        if cell is NO_AREA_CODE and self.area_code is not None:
            area = _AREA_CODE.fullmatch(cell_at(cells, self.area_code))
            seven = _COUNTRY_CODE.sub("", raw.strip())
            cell = understand(f"{area[1]} {seven}") if area else cell
        return self._refusal(raw, cells, cell) or cell

    def _refusal(self, raw: str, cells: Sequence[str], cell: Cell) -> Cell | None:
        if self.type_ is not None and _FAX.search(kind := cell_at(cells, self.type_)):
            return Cell(f"the column of types says {shorten(kind)!r}")
        if self.range_end is not None and cell.phone_number is not None:
            last = understand(cell_at(cells, self.range_end)).phone_number
            if last not in {None, cell.phone_number}:
                return A_RANGE
        if self.abroad and not states_country(raw):
            return Cell(f"the header says {self.abroad!r}; {_OURS_ALL_THE_SAME}")
        for index in self.countries:
            if (country := foreign_country(cell_at(cells, index))) is None or states_country(raw):
                continue
            title = cell_at(self.header, index).strip()
            column = repr(shorten(title)) if title else str(index + 1)
            return Cell(
                f"column {column} says {country}, not the US or Canada; {_OURS_ALL_THE_SAME}",
                is_number=cell.is_number,
            )
        return None


def find_companions(
    header: Sequence[str], rows: Sequence[Sequence[str]], column: int
) -> Companions:
    """Find the columns that belong to the phone column.

    Args:
        header: The header's cells, empty where there is none.
        rows: A sample of the rows under it.
        column: The phone column's index.
    """
    roles = {index: role(cell) for index, cell in enumerate(header) if index != column}
    area = [index for index, what in roles.items() if what is Role.AREA_CODE]
    countries = [
        *_of_this_phone(header, column, [i for i in roles if roles[i] is Role.COUNTRY]),
        *(
            index
            for index, what in roles.items()
            if what is Role.CALLING_CODE and _mostly(looks_like_calling_code, rows, index)
        ),
        *_countries_by_content(header, rows, column),
    ]
    return Companions(
        countries=tuple(dict.fromkeys(countries)),
        area_code=area[0] if area and _mostly(_AREA_CODE.fullmatch, rows, area[0]) else None,
        type_=type_header_of(header, column) if header else None,
        range_end=range_end_of(header, column),
        header=tuple(header),
        abroad=shorten(header[column]) if names_abroad(cell_at(header, column)) else "",
    )


def _of_this_phone(header: Sequence[str], column: int, countries: list[int]) -> list[int]:
    """Return the country columns that share a word with the phone's header, such as `Business`."""
    mine = frozenset(words(cell_at(header, column))) - _SPECIFIC
    shared = [i for i in countries if mine & (frozenset(words(header[i])) - _SPECIFIC)]
    return shared or countries


def _countries_by_content(
    header: Sequence[str], rows: Sequence[Sequence[str]], column: int
) -> Iterator[int]:
    """Return columns of nothing but countries, the US or Canada among them, by any header."""
    for index in range(max(map(len, rows), default=0)):
        title = cell_at(header, index)
        if index == column or role(title) is Role.COUNTRY or not may_be_countries(title):
            continue
        said = {cell for row in rows if (cell := cell_at(row, index).strip())}
        # Bare codes are only taken for such where they stand right before the numbers.
        bare = index == column - 1 and (not title.strip() or names_a_code(title))
        codes = all(looks_like_calling_code(cell) and (bare or cell[0] == "+") for cell in said)
        names = all(map(looks_like_country, said)) and any(map(says_ours, said))
        ours = not said.isdisjoint({"1", "+1", "1.0"}) or names_a_code(title, surely=True)
        if (names and len(said) > 1) or (codes and ours and said - {"1", "+1", "1.0"}):
            yield index


def _mostly(fits: Callable[[str], object], rows: Iterable[Sequence[str]], column: int) -> bool:
    cells = [cell for row in rows if (cell := cell_at(row, column).strip())]
    return sum(1 for cell in cells if fits(cell)) * 2 >= len(cells) > 0
