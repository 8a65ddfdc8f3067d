"""What a cell of a country column says: the US or Canada, another country, or nothing."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from .numbering import REGIONS, country_of, is_calling_code, is_country, judge
from .records import shorten

# fmt: off
# The names of the US, its territories and Canada, without signs and accents.
_PLAINLY_OURS = frozenset({
    "us", "usa", "u s", "u s a", "united states", "united states of america",
    "the united states", "america", "us of a", "canada", "kanada", "etats unis",
    "les etats unis", "estados unidos", "eeuu", "ee uu", "eua", "e u a", "vereinigte staaten",
    "us and canada", "us canada", "usa canada", "north america", "us ca", "puerto rico", "guam",
    "u s virgin islands", "us virgin islands", "usvi", "united states virgin islands",
    "virgin islands us", "virgin islands u s", "american samoa", "northern mariana islands",
    "northern marianas", "saipan",
})
# These say something else in another column: California, the European Union, a verb.
_OURS = _PLAINLY_OURS | {
    *(region.casefold() for region in REGIONS),
    "can", "pri", "gum", "vir", "asm", "mnp", "eu", "840", "124",
}
_UNSAID = frozenset({"", "n a", "na", "none", "null", "nil", "unknown", "tbd", "nan", "x"})
# Names that make another country's column of `UK Phone`, and a country column of `Market`.
ABROAD = frozenset({
    "uk", "gb", "britain", "england", "scotland", "wales", "ireland", "kingdom", "mexico", "mex",
    "mexique", "india", "inde", "france", "germany", "deutschland", "allemagne", "alemania",
    "spain", "espana", "espagne", "italy", "italia", "italie", "portugal", "brazil", "brasil",
    "colombia", "argentina", "chile", "peru", "china", "chine", "japan", "japon", "australia",
    "philippines", "filipinas", "jamaica", "bahamas", "dominican", "dominicana", "haiti", "cuba",
    "guatemala", "honduras", "salvador", "europe", "emea", "apac", "latam", "asia", "africa",
    "overseas", "foreign", "abroad", "international", "intl", "poland", "netherlands", "israel",
    "switzerland", "austria", "belgium", "belgique", "sweden", "norway", "denmark", "turkey",
})
# fmt: on


@lru_cache(maxsize=4096)
def foreign_country(cell: str) -> str | None:
    """Return the country that a cell names; `None` for the US, for Canada, and for no country."""
    folded = _folded(cell)
    name = " ".join(re.findall(r"[a-z]+|\d+", folded))
    digits = re.sub(r"\D", "", re.sub(r"\.0+\s*\Z", "", folded))
    if not digits:
        ours = name in _OURS or (name in _UNSAID and (bool(name) or cell.isascii()))
        return None if ours or not cell.strip() else repr(shorten(cell))
    digits = re.sub(r"\A(?:00|011)(?=[1-9])", "", digits)
    if digits == "1" or name in _OURS:
        return None
    if len(digits) == 4 and digits[0] == "1":
        return None if judge(f"{digits[1:]}2345678").region else repr(shorten(cell))
    return country_of(int(digits)) if is_calling_code(digits) else repr(shorten(cell))


def says_ours(cell: str) -> bool:
    """Return whether a cell names the US or Canada, and can mean nothing else."""
    return " ".join(re.findall(r"[a-z]+", _folded(cell))) in _PLAINLY_OURS


def looks_like_country(cell: str) -> bool:
    """Return whether a cell could stand in a column of countries."""
    text = cell.strip()
    if says_ours(text) or not ABROAD.isdisjoint(re.findall("[a-z]+", _folded(text))):
        return True
    return is_country(text) or re.fullmatch("[A-Z]{3}", text) is not None


def looks_like_calling_code(cell: str) -> bool:
    """Return whether a cell could be a calling code: `44`, `+1`, `1-876`, `1.0`."""
    digits = re.sub(r"\.0+\Z|\D", "", cell.strip())
    return is_calling_code(digits) or (len(digits) == 4 and digits[0] == "1")


def _folded(cell: str) -> str:
    return unicodedata.normalize("NFKD", cell).encode("ascii", "ignore").decode().casefold()
