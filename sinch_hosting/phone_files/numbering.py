"""The North American numbering plan: what ten digits are, by the patterns of `phonenumbers`.

`phonenumbers` takes about 150 microseconds to parse and judge a number. Its metadata are
regular expressions, one for each country and kind of number. Here they are joined into one
pattern, in the order in which `phonenumbers` tries them, so that a number is judged in a few
microseconds and the metadata stay the only source. A test compares both over the whole plan.

This module and `cells` are the only ones that import `phonenumbers`; it needs the `[files]`
extra.
"""

from __future__ import annotations

import re
from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING, Literal

import attrs

try:
    import phonenumbers
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        "reading files of phone numbers needs the package 'phonenumbers': "
        "pip install 'sinch-hosting[files]'",
        name="phonenumbers",
    ) from error

if TYPE_CHECKING:
    from collections.abc import Iterator

Region = Literal["US", "CA"]


class NumberKind(StrEnum):
    """Which of the two ways of text-enabling fits a number."""

    LOCAL = "local"
    TOLL_FREE = "toll_free"


# An order has one region, and the US territories count as US.
REGIONS: dict[str, Region] = {
    "US": "US",
    "AS": "US",
    "GU": "US",
    "MP": "US",
    "PR": "US",
    "VI": "US",
    "CA": "CA",
}
# The other countries under +1.
_NEIGHBOURS = {
    "AG": "Antigua and Barbuda",
    "AI": "Anguilla",
    "BB": "Barbados",
    "BM": "Bermuda",
    "BS": "the Bahamas",
    "DM": "Dominica",
    "DO": "the Dominican Republic",
    "GD": "Grenada",
    "JM": "Jamaica",
    "KN": "Saint Kitts and Nevis",
    "KY": "the Cayman Islands",
    "LC": "Saint Lucia",
    "MS": "Montserrat",
    "SX": "Sint Maarten",
    "TC": "the Turks and Caicos Islands",
    "TT": "Trinidad and Tobago",
    "VC": "Saint Vincent and the Grenadines",
    "VG": "the British Virgin Islands",
}
# The calling codes that turn up most in files of North American numbers.
_COUNTRIES = {
    33: "France",
    34: "Spain",
    44: "the United Kingdom",
    49: "Germany",
    52: "Mexico",
    55: "Brazil",
    57: "Colombia",
    61: "Australia",
    63: "the Philippines",
    81: "Japan",
    86: "China",
    91: "India",
}

# In the order in which phonenumbers asks; the first pattern that fits decides.
_KINDS: dict[str, NumberKind | str] = {
    "premium_rate": "a premium-rate number cannot be text-enabled",
    "toll_free": NumberKind.TOLL_FREE,
    "shared_cost": "a shared-cost number cannot be text-enabled",
    "voip": NumberKind.LOCAL,
    "personal_number": "a personal number (500 and the like) cannot be text-enabled",
    "pager": "a pager's number cannot be text-enabled",
    "uan": "a company-wide access number cannot be text-enabled",
    "voicemail": "a voicemail access number cannot be text-enabled",
    "fixed_line": NumberKind.LOCAL,
    "mobile": NumberKind.LOCAL,
}


@attrs.frozen
class Verdict:
    """What ten digits are: usable, with kind and region, or not, with the reason."""

    reason: str = ""
    kind: NumberKind | None = None
    region: Region | None = None
    exists: bool = True
    """Whether the plan has such a number, in whichever of its countries."""


def judge(digits: str) -> Verdict:
    """Return what the ten digits of a North American number are.

    Args:
        digits: Area code, exchange and line, without the country code 1.

    Returns:
        The verdict: equal ones are one object.
    """
    pattern, verdicts = _plan()
    found = pattern.fullmatch(digits)
    verdict = verdicts[found.lastgroup or ""] if found else None
    return verdict or _unknown(digits[:3], digits[3])


def country_of(calling_code: int) -> str:
    """Name the country of a calling code for a person, such as `Mexico (+52)`."""
    name = _COUNTRIES.get(calling_code)
    return f"{name} (+{calling_code})" if name else f"country +{calling_code}"


def is_calling_code(digits: str) -> bool:
    """Return whether a country's numbers begin with these digits after the plus."""
    return digits.isdecimal() and int(digits) in phonenumbers.COUNTRY_CODE_TO_REGION_CODE


def is_country(letters: str) -> bool:
    """Return whether two letters are a country's code, such as `MX`."""
    return letters.upper() in phonenumbers.SUPPORTED_REGIONS


@cache
def _plan() -> tuple[re.Pattern[str], dict[str, Verdict | None]]:
    verdicts: dict[str, Verdict | None] = {}
    alternatives = []
    for name, pattern, verdict in _alternatives():
        verdicts[name] = verdict
        alternatives.append(f"(?P<{name}>{pattern})")
    return re.compile("|".join(alternatives), re.ASCII), verdicts


def _alternatives() -> Iterator[tuple[str, str, Verdict | None]]:
    """Give every country and kind as a pattern of its own, in the order of `phonenumbers`."""
    for country in phonenumbers.COUNTRY_CODE_TO_REGION_CODE[1]:
        metadata = phonenumbers.PhoneMetadata.metadata_for_region(country)
        if metadata is None or (general := _pattern(metadata.general_desc)) is None:
            continue
        leading = f"(?={metadata.leading_digits})" if metadata.leading_digits else ""
        for kind, meaning in _KINDS.items():
            if (pattern := _pattern(getattr(metadata, kind))) is not None:
                guarded = rf"(?=(?:{general})\Z){leading}(?:{pattern})"
                yield f"{country}_{kind}", guarded, _verdict(country, meaning)
        if leading:  # digits of an area code alone are no number of another country, either
            foreign = attrs.evolve(_verdict(country, ""), exists=False)
            usual = rf"{leading}\d{{3}}[2-9]\d{{6}}"
            yield f"{country}_other", usual, foreign if country in _NEIGHBOURS else None
            yield f"{country}_odd", rf"{leading}\d{{10}}", None


def _pattern(description: phonenumbers.PhoneNumberDesc | None) -> str | None:
    if description is None or not description.national_number_pattern:
        return None
    lengths = description.possible_length
    return description.national_number_pattern if not lengths or 10 in lengths else None


def _verdict(country: str, meaning: NumberKind | str) -> Verdict:
    region = REGIONS.get(country)
    if region is None:
        return Verdict(f"a number of {_NEIGHBOURS.get(country, country)}, not the US or Canada")
    if isinstance(meaning, NumberKind):
        return Verdict("", meaning, region)
    return Verdict(meaning)


@cache
def _unknown(area_code: str, exchange: str) -> Verdict:
    if area_code[0] in "01":
        why = f"no area code begins with {area_code[0]}"
    elif exchange in "01":
        why = f"no number has a {exchange} after its area code"
    else:
        why = f"numbers of area code {area_code} like this one are not known to be in use"
    return Verdict(why, exists=False)
