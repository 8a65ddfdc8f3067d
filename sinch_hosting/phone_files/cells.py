"""One cell of a phone file: every way people write a US or Canadian number.

This is the only module that imports `phonenumbers`; it needs the `[cli]` extra.
"""

from __future__ import annotations

import re
import unicodedata
from enum import StrEnum
from functools import lru_cache
from typing import Literal
from urllib.parse import unquote

import attrs

try:
    import phonenumbers
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        "reading phone-number files needs the package 'phonenumbers': "
        "pip install 'sinch-hosting[cli]'",
        name="phonenumbers",
    ) from error

Region = Literal["US", "CA"]


class NumberKind(StrEnum):
    """Which of the two ways of text-enabling a number takes."""

    LOCAL = "local"
    TOLL_FREE = "toll_free"


# An order has one region, and the US territories count as US.
_REGIONS: dict[str, Region] = {
    "US": "US",
    "AS": "US",
    "GU": "US",
    "MP": "US",
    "PR": "US",
    "VI": "US",
    "CA": "CA",
}
_Type = phonenumbers.PhoneNumberType
_KINDS = {
    _Type.FIXED_LINE: NumberKind.LOCAL,
    _Type.MOBILE: NumberKind.LOCAL,
    _Type.FIXED_LINE_OR_MOBILE: NumberKind.LOCAL,
    _Type.VOIP: NumberKind.LOCAL,
    _Type.TOLL_FREE: NumberKind.TOLL_FREE,
}
_MISFITS = {
    phonenumbers.ValidationResult.TOO_LONG: "too long for a US or Canadian number",
    phonenumbers.ValidationResult.TOO_SHORT: "too short: ten digits are needed",
    phonenumbers.ValidationResult.IS_POSSIBLE_LOCAL_ONLY: "the area code is missing",
}
_MARKS = "'\"`\u00b4\u2018\u2019\u201c\u201d"
_MIDDLE_DOTS = str.maketrans(dict.fromkeys("\u00b7\u2022\u2219\u2027_", "-"))
_TERMINAL_ESCAPE = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")
_FORMULA = re.compile(r'="?([^"]*)"?')
_WHOLE_FLOAT = re.compile(r"(\+?\d{10,})[.,]0+")
_SCIENTIFIC = re.compile(r"\+?(\d)(?:[.,](\d*))?e\+?(\d{1,2})", re.IGNORECASE)
_URI = re.compile(r"(?:tel|callto|sms|smsto):(?://)?", re.IGNORECASE)
_LABEL = (
    r"(?:business|canada|cell|cellular|cellphone|direct|home|main|mobile|no|number|office|"
    r"phone|sms|tel|telephone|text|toll[ -]?free|us|usa|voice|work|[chmoptw])"
)
_LEADING_LABEL = re.compile(rf"\A(?:{_LABEL}\b[\s.:/#=-]*)+(?=[+(\[\d])", re.IGNORECASE)
_TRAILING_LABEL = re.compile(
    rf"(?<=\d)\s*(?:\(\s*{_LABEL}\s*\)|\[\s*{_LABEL}\s*\]|\s{_LABEL})\Z", re.IGNORECASE
)
_FRENCH_EXTENSION = re.compile(r"\bposte\b", re.IGNORECASE)
_GROUPS = re.compile(r"(?<=\d),(?=\d)")
_INTERNATIONAL = re.compile(r"\A\(?\+?00[\s().-]*(?=[1-9])")
# Letters spell a number only after an area code. Words apart are read where the number is
# marked as one by its `1-`, parentheses or hyphen: "1234 Oak Blvd" spells one by accident.
_VANITY = re.compile(
    r"(?:\+?1[\s.-]+\(?\d{3}\)?|\+1\d{3}|\(\d{3}\)|\d{3}[.-])[\s.-]*[a-z\d]+(?:[\s.-]+[a-z\d]+)*"
    r"|1?\d{3}[\s-]?[a-z\d]+(?:[.-]+[a-z\d]+)*",
    re.IGNORECASE,
)

# "202-555-0138 or 0139", "202-555-0138/39": what follows is another number, if a short one.
_WORD_BETWEEN = re.compile(r"(?<![^\W\d_])(?:or|and|ou|et)(?![^\W\d_])", re.IGNORECASE)
_SIGN_BETWEEN = re.compile(r"[&/|\\]")
_EXIT_CODE = re.compile(r"\A\D*011")
_DIGITS_BEFORE_WORD, _DIGITS_BEFORE_SIGN = 7, 10  # signs separate groups of digits, too


@attrs.frozen
class Cell:
    """What a cell holds: a number with its kind and region, or a reason why not."""

    reason: str = ""
    phone_number: str | None = None
    kind: NumberKind | None = None
    region: Region | None = None
    is_number: bool = False
    """Whether it makes its column a phone column: usable or not, but numbers and no words."""


NOTHING = Cell("no number in this row")
_SEVERAL = Cell("several numbers in one cell; give each its own row", is_number=True)
_SEVERAL_AND_WORDS = attrs.evolve(_SEVERAL, is_number=False)
_LONGEST_CELL = 250  # what phonenumbers reads


@lru_cache(maxsize=8192)  # a sampled cell is asked once a delimiter, once a column, once a row
def understand(raw: str) -> Cell:
    """What a cell holds, however it is written."""
    text = _plain(raw)
    if not text:
        return NOTHING
    if len(text) > _LONGEST_CELL:
        return Cell("not a phone number")
    exact = _exact(text)
    if exact is None:
        return Cell("shortened by the spreadsheet, digits are lost; format the column as text")
    text = _dialled(exact)
    if _goes_on_with_another(text):
        return _SEVERAL if _how_many(text) else _SEVERAL_AND_WORDS
    try:
        number = phonenumbers.parse(text, "US")
    except phonenumbers.NumberParseException as error:
        return _unreadable(text, error)
    return _judge(text, number)


def _plain(raw: str) -> str:
    """Drop what cannot be seen or means nothing: odd spaces, direction marks, colours, quotes."""
    folded = unicodedata.normalize("NFKC", _TERMINAL_ESCAPE.sub("", raw))
    visible = "".join(sign for sign in folded if unicodedata.category(sign) != "Cf")
    text = " ".join(visible.split()).strip(_MARKS + " ")
    formula = _FORMULA.fullmatch(text)
    return (formula[1] if formula else text).strip(_MARKS + " ")


def _exact(text: str) -> str | None:
    """Undo a spreadsheet's number formats; `None` where it has rounded digits away."""
    if (whole := _WHOLE_FLOAT.fullmatch(text)) is not None:
        return whole[1]
    if (scientific := _SCIENTIFIC.fullmatch(text)) is None:
        return text
    leading, decimals, exponent = scientific[1], scientific[2] or "", int(scientific[3])
    # Zeros left out at the end and digits rounded away look alike: nothing may be put back.
    return leading + decimals if len(decimals) == exponent else None


def _dialled(text: str) -> str:
    """Leave what is dialled: no scheme, no label, and a plus for the prefix `00`."""
    if (scheme := _URI.match(text)) is not None:
        text = unquote(text[scheme.end() :])
    text = _TRAILING_LABEL.sub("", _LEADING_LABEL.sub("", text))
    text = _FRENCH_EXTENSION.sub("ext", text.translate(_MIDDLE_DOTS))
    return _INTERNATIONAL.sub("+", _GROUPS.sub(" ", text))


def _goes_on_with_another(text: str) -> bool:
    """Whether digits follow a whole number and an "or" or a sign that means as much."""
    number = _EXIT_CODE.sub("", text.partition(";")[0])
    return any(
        _digits(number[: between.start()]) >= needed and _digits(number[between.end() :])
        for pattern, needed in (
            (_WORD_BETWEEN, _DIGITS_BEFORE_WORD),
            (_SIGN_BETWEEN, _DIGITS_BEFORE_SIGN),
        )
        for between in pattern.finditer(number)
    )


def _digits(text: str) -> int:
    return sum(sign.isdigit() for sign in text)


def _unreadable(text: str, error: phonenumbers.NumberParseException) -> Cell:
    if _how_many(text) > 1:
        return _SEVERAL
    if error.error_type == phonenumbers.NumberParseException.INVALID_COUNTRY_CODE:
        return Cell("no country has this prefix")
    if error.error_type == phonenumbers.NumberParseException.TOO_LONG:
        return Cell("too long for a phone number")
    return Cell("not a phone number")


def _how_many(text: str) -> int:
    if _digits(text) < 10:
        return 0
    return sum(1 for _ in phonenumbers.PhoneNumberMatcher(text, "US"))


def _judge(text: str, number: phonenumbers.PhoneNumber) -> Cell:
    if number.extension:
        return _extended(text, number.extension)
    # After a semicolon stand a URI's parameters.
    letters = any(sign.isalpha() for sign in text.partition(";")[0])
    if letters:
        if not _spells_a_number(text):
            return Cell("other text beside the number" if _how_many(text) else "not a phone number")
        # A vanity word may be longer than what is dialled: 1-800-CONTACTS.
        phonenumbers.truncate_too_long_number(number)
    valid = phonenumbers.is_valid_number(number)
    if number.country_code != 1:
        return _abroad(f"country +{number.country_code}", is_number=valid)
    return _classify(number, is_number=not letters) if valid else _misfit(number)


def _spells_a_number(text: str) -> bool:
    """Whether letters are among the ten that are dialled, and nothing but letters is cut off."""
    if _VANITY.fullmatch(text) is None:
        return False
    keys = re.sub(r"[^a-z\d]", "", text.casefold()).removeprefix("1")
    dialled, cut = keys[:10], keys[10:]
    return not dialled.isdigit() and not _digits(cut)


def _extended(text: str, extension: str) -> Cell:
    if _how_many(text) > 1 or len(extension) >= 7:
        return _SEVERAL
    return Cell(
        f"has the extension {extension}; only a whole line can be text-enabled", is_number=True
    )


def _abroad(country: str, *, is_number: bool) -> Cell:
    return Cell(f"a number of {country}; only US and Canadian ones", is_number=is_number)


def _misfit(number: phonenumbers.PhoneNumber) -> Cell:
    possible = phonenumbers.is_possible_number_with_reason(number)
    return Cell(_MISFITS.get(possible, "no such number exists in the US or Canada"))


def _classify(number: phonenumbers.PhoneNumber, *, is_number: bool) -> Cell:
    country = phonenumbers.region_code_for_number(number)
    region = _REGIONS.get(country or "")
    if region is None:
        return _abroad(str(country), is_number=is_number)
    type_ = phonenumbers.number_type(number)
    kind = _KINDS.get(type_)
    if kind is None:
        name = phonenumbers.PhoneNumberType.to_string(type_).lower().replace("_", " ")
        return Cell(
            f"a {name.removesuffix(' number')} number cannot be text-enabled", is_number=is_number
        )
    e164 = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return Cell("", e164, kind, region, is_number=is_number)
