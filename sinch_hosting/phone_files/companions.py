"""The columns beside the phone column that say more about its numbers.

A column of countries or calling codes can say that ten digits are no US or Canadian number:
2079460958 is in Maine, and with 44 beside it in London. A column of area codes completes
numbers of seven digits, and a column of types marks the fax numbers.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import TYPE_CHECKING

import attrs

from .cells import NO_AREA_CODE, NOTHING, Cell, understand
from .headers import Role, role, type_header_of, words
from .notation import states_country
from .numbering import REGIONS, country_of, is_calling_code, is_country, judge
from .records import shorten

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

# The names of the US, its territories and Canada, without signs and accents.
_OURS = frozenset(
    {
        *(region.casefold() for region in REGIONS),
        "usa",
        "united states",
        "united states of america",
        "the united states",
        "america",
        "etats unis",
        "les etats unis",
        "estados unidos",
        "eeuu",
        "ee uu",
        "e u a",
        "eua",
        "eu",
        "vereinigte staaten",
        "u s",
        "u s a",
        "us of a",
        "can",
        "canada",
        "kanada",
        "pri",
        "gum",
        "vir",
        "asm",
        "mnp",
        "puerto rico",
        "guam",
        "u s virgin islands",
        "us virgin islands",
        "virgin islands us",
        "virgin islands u s",
        "united states virgin islands",
        "usvi",
        "american samoa",
        "northern mariana islands",
        "northern marianas",
        "saipan",
        "us and canada",
        "us canada",
        "usa canada",
        "north america",
        "us ca",
        "840",
        "124",
    }
)
_UNSAID = frozenset({"", "n a", "na", "none", "null", "nil", "unknown", "tbd", "nan", "x"})
_AREA_CODE = re.compile(r"\s*(?:\+?1[\s.-]*)?\(?([2-9]\d{2})\)?(?:\.0+)?\s*", re.ASCII)
_FAX = re.compile(r"fax|pager|beeper|t[e\u00e9]l[e\u00e9]cop", re.IGNORECASE)
_SPECIFIC = frozenset({"country", "code", "region", "phone", "number", "pays", "pais", "name"})


@attrs.frozen
class Companions:
    """The indexes of the columns that are read together with the phone column."""

    countries: tuple[int, ...] = ()
    area_code: int | None = None
    type_: int | None = None
    header: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.countries) or self.area_code is not None or self.type_ is not None

    @property
    def columns(self) -> tuple[int, ...]:
        """All of them, in the order in which they are asked."""
        return (*self.countries, *(c for c in (self.area_code, self.type_) if c is not None))

    def judge(self, raw: str, cells: Sequence[str]) -> Cell:
        """What a phone cell holds, seen together with the rest of its row."""
        cell = understand(raw)
        if cell is NOTHING:
            return cell
        if cell is NO_AREA_CODE and self.area_code is not None:
            area = _AREA_CODE.fullmatch(_at(cells, self.area_code))
            cell = understand(f"{area[1]} {_seven(raw)}") if area else cell
        if not self.countries and self.type_ is None:
            return cell
        return self._refusal(raw, cells, cell) or cell

    def _refusal(self, raw: str, cells: Sequence[str], cell: Cell) -> Cell | None:
        if self.type_ is not None and _FAX.search(kind := _at(cells, self.type_)):
            return Cell(f"the column of types says {shorten(kind)!r}")
        for index in self.countries:
            if (country := foreign_country(_at(cells, index))) is None or states_country(raw):
                continue
            title = _at(self.header, index).strip()
            column = repr(shorten(title)) if title else str(index + 1)
            return Cell(
                f"column {column} says {country}, not the US or Canada; "
                "a number that is American all the same needs its +1",
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
    if not header:
        return Companions(countries=_countries_by_content(rows, column))
    roles = {index: role(cell) for index, cell in enumerate(header) if index != column}
    area = [index for index, what in roles.items() if what is Role.AREA_CODE]
    return Companions(
        countries=(
            *_of_this_phone(header, column, [i for i in roles if roles[i] is Role.COUNTRY]),
            *(
                index
                for index, what in roles.items()
                if what is Role.CALLING_CODE and _mostly(_is_code, rows, index)
            ),
        ),
        area_code=area[0] if area and _mostly(_is_area_code, rows, area[0]) else None,
        type_=type_header_of(header, column),
        header=tuple(header),
    )


@lru_cache(maxsize=4096)
def foreign_country(cell: str) -> str | None:
    """The country that a cell of a country column names; `None` for the US, Canada or none."""
    folded = unicodedata.normalize("NFKD", cell).encode("ascii", "ignore").decode().casefold()
    digits = re.sub(r"\D", "", re.sub(r"\.0+\s*\Z", "", folded))
    name = " ".join(re.findall(r"[a-z]+|\d+", folded))
    if not digits:
        if cell.strip() and not name.strip():
            return None if cell.strip().isascii() else repr(shorten(cell))
        return None if name in _UNSAID or name in _OURS else repr(shorten(cell))
    digits = re.sub(r"\A(?:00|011)(?=[1-9])", "", digits)
    if digits == "1" or name in _OURS:
        return None
    if len(digits) == 4 and digits[0] == "1":
        verdict = judge(f"{digits[1:]}2345678")
        return None if verdict.region or verdict.kind else repr(shorten(cell))
    return country_of(int(digits)) if is_calling_code(digits) else repr(shorten(cell))


def _of_this_phone(header: Sequence[str], column: int, countries: list[int]) -> list[int]:
    """The countries that share a word with the phone's header: `Business Phone`'s, not `Home`'s."""
    mine = frozenset(words(header[column])) - _SPECIFIC
    shared = [i for i in countries if mine & (frozenset(words(header[i])) - _SPECIFIC)]
    return shared or countries


def _countries_by_content(rows: Sequence[Sequence[str]], column: int) -> tuple[int, ...]:
    """A column without a header that holds nothing but countries, ours among them."""
    width = max(map(len, rows), default=0)
    found = []
    for index in range(width):
        cells = [_at(row, index).strip() for row in rows if _at(row, column).strip()]
        said = {cell for cell in cells if cell}
        if index == column or len(said) < 2 or len(said) > len(cells) / 2 + 1:
            continue
        # Bare codes are only taken for such where they stand right before the numbers.
        bare = index == column - 1
        codes = all(
            is_calling_code(re.sub(r"\A\+|\.0\Z", "", cell)) and (bare or cell[0] == "+")
            for cell in said
        )
        names = all(is_country(cell) or foreign_country(cell) is None for cell in said)
        if (codes and said & {"1", "+1", "1.0"}) or (names and said & {"US", "USA", "us", "usa"}):
            found.append(index)
    return tuple(found)


def _mostly(fits: Callable[[str], bool], rows: Iterable[Sequence[str]], column: int) -> bool:
    cells = [cell for row in rows if (cell := _at(row, column).strip())]
    return sum(map(fits, cells)) * 2 >= len(cells) > 0


def _is_code(cell: str) -> bool:
    digits = re.sub(r"\.0+\Z|\D", "", cell)
    return is_calling_code(digits) or (len(digits) == 4 and digits[0] == "1")


def _is_area_code(cell: str) -> bool:
    return _AREA_CODE.fullmatch(cell) is not None


def _seven(raw: str) -> str:
    return re.sub(r"\A[^\d]*1[\s.-]+(?=\d{3}[\s.-]?\d{4}\Z)", "", raw.strip())


def _at(cells: Sequence[str], index: int) -> str:
    return cells[index] if index < len(cells) else ""
