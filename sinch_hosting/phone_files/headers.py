"""What a column's header says: whose numbers are under it, or what else.

The words of a header decide (`vocabulary`). Nothing is guessed from words that are not known.
"""

from __future__ import annotations

import re
from collections import Counter
from enum import Enum
from functools import lru_cache
from typing import TYPE_CHECKING

from .cells import NO_AREA_CODE, may_hold_number, understand
from .countries import ABROAD
from .vocabulary import (
    AREA_CODES,
    CALLING_WORDS,
    CODE_WORDS,
    COUNTRY_WORDS,
    ENDS,
    KINDS_OF_NUMBER,
    MACHINES,
    NO_COUNTRY_OF_A_PHONE,
    NUMBER_WORDS,
    OTHER_THINGS,
    OTHER_WORDS,
    OWN_WORDS,
    PERHAPS_RECORDS,
    PHONE_WORDS,
    PREPOSITIONS,
    SOMEBODY_ELSE,
    SURE_CODES,
    words,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class Role(Enum):
    """What a column is for."""

    PHONE = "the rows' own numbers"
    OTHER_PHONE = "numbers of somebody or something else: come last"
    COUNTRY = "the country's name or code"
    CALLING_CODE = "the digits after the plus"
    AREA_CODE = "the area code of seven-digit numbers"
    OTHER = "something that may look like a number: an order, an account"
    UNKNOWN = "nothing that is known here"


# What a cell must have at least to be looked at as a label.
_LABEL = re.compile(
    r":\s*\Z|fax|phone|t[e\u00e9]l|cell|cel\b|mobil|m[o\u00f3]vil|pager|beeper|number",
    re.IGNORECASE,
)
_FILLERS = frozenset({"value", "number", "no", "num"})
_MOST_WORDS = 14


@lru_cache(maxsize=4096)
def role(cell: str) -> Role:
    """Return what the column under a header is for."""
    said = words(cell)
    known = frozenset(said)
    if not said or len(said) > _MOST_WORDS:
        return Role.UNKNOWN
    if (beside := _role_beside_phones(said, known)) is not None:
        return beside
    somebody_else = not SOMEBODY_ELSE.isdisjoint(known)
    if names_phones(cell):
        return Role.OTHER_PHONE if somebody_else or names_abroad(cell) else Role.PHONE
    if somebody_else and not known & (OTHER_THINGS - SOMEBODY_ELSE):
        return Role.OTHER_PHONE
    if len(said) <= 4 and not known & PHONE_WORDS and known & OTHER_THINGS:
        return Role.OTHER
    return Role.UNKNOWN


def _role_beside_phones(said: tuple[str, ...], known: frozenset[str]) -> Role | None:
    """Return the role of a column that says more about the phone column's numbers."""
    if said in AREA_CODES:
        return Role.AREA_CODE
    if said == ("land",) or (known & COUNTRY_WORDS and len(said) <= 5):
        other = NO_COUNTRY_OF_A_PHONE | (SOMEBODY_ELSE - {"billing", "bill", "other"})
        return Role.UNKNOWN if known & other else Role.COUNTRY
    if known & CALLING_WORDS and known & CODE_WORDS and len(said) <= 4:
        other = NO_COUNTRY_OF_A_PHONE | {"area"}
        return Role.UNKNOWN if known & other else Role.CALLING_CODE
    return None


def names_phones_plainly(cell: str) -> bool:
    """Return whether a header names phones with a word for them, and not with "number" alone."""
    return not NUMBER_WORDS.issuperset(words(cell))


def names_phones(cell: str) -> bool:
    """Return whether a header names phones, of anybody, and not something about phones."""
    outside = words(re.sub(r"\([^()]*\)|\[[^\]]*\]", " ", cell))
    said = outside or words(cell)
    for position, word in enumerate(said):
        if word in PREPOSITIONS and position:
            said = said[:position]
            break
    known = frozenset(said)
    if not said or len(said) > _MOST_WORDS or known & OTHER_WORDS:
        return False
    if known & PHONE_WORDS:
        return True
    if known & OTHER_THINGS or not known & NUMBER_WORDS:
        return False
    return len(said) == 1 or bool(known & KINDS_OF_NUMBER)


def rank(cell: str) -> int:
    """Return how surely a header means each row's own main number: 0 is most, 2 is least."""
    said = words(cell)
    own = PHONE_WORDS | NUMBER_WORDS | KINDS_OF_NUMBER | OWN_WORDS
    if not all(word in own or word.isdecimal() for word in said):
        return 2
    return int(any(word.isdecimal() and 2 <= int(word[:4]) <= 9 for word in said))


def may_name_records(cell: str) -> bool:
    """Return whether bare digits under a header may be numbers of records, such as customers."""
    return not PERHAPS_RECORDS.isdisjoint(words(cell))


def names_abroad(cell: str) -> bool:
    """Return whether a phone header names another country: `UK Phone`."""
    return not ABROAD.isdisjoint(words(cell))


def may_be_countries(cell: str) -> bool:
    """Return whether countries under a header could be those of the phone numbers."""
    return NO_COUNTRY_OF_A_PHONE.isdisjoint(words(cell))


def names_a_code(cell: str, *, surely: bool = False) -> bool:
    """Return whether a header could stand over calling codes: `Code`; surely so: `CC`, `Prefix`."""
    return not (SURE_CODES if surely else CODE_WORDS | SURE_CODES).isdisjoint(words(cell))


def calls_it_otherwise(label: str) -> bool:
    """Return whether the cell before a number says that it is somebody else's, or no phone number.

    `Fax`, `Manager phone` and `Account:` do; `Support` may be the name of a line.
    """
    if not _LABEL.search(label[:60]):
        return False
    said, what = words(label), role(label)
    if label.rstrip().endswith(":"):
        return what in {Role.OTHER, Role.OTHER_PHONE}
    machine = len(said) <= 3 and not MACHINES.isdisjoint(said)
    return what is Role.OTHER_PHONE and (machine or names_phones(label))


def range_end_of(header: Sequence[str], column: int) -> int | None:
    """Return the column that gives the last number of a range: `TN End` beside `TN`."""
    for index, cell in enumerate(header):
        said = frozenset(words(cell))
        if index != column and said & ENDS and (names_phones(cell) or said & {"range", "number"}):
            return index
    return None


def type_header_of(header: Sequence[str], column: int) -> int | None:
    """Return the column that gives the type of the numbers in another one: `Phone 1 - Type`."""
    stem = [word for word in words(header[column]) if word not in _FILLERS]
    for index, cell in enumerate(header):
        said = words(cell)
        if index != column and "type" in said and [w for w in said if w != "type"] == stem:
            return index
    return None


def count_numbers(rows: Iterable[Sequence[str]], *, local: bool = False) -> Counter[int]:
    """Return how many cells of each column hold a phone number.

    Args:
        rows: The rows to count in.
        local: Whether seven digits count as well, for there is a column of area codes.
    """
    numbers: Counter[int] = Counter()
    for row in rows:
        for index, cell in enumerate(row):
            if may_hold_number(cell):
                numbers[index] += understand(cell).is_number
            elif local and len(cell) >= 7 and understand(cell) is NO_AREA_CODE:
                numbers[index] += 1
    return +numbers
