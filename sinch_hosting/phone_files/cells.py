"""One cell of a phone file: what it holds, however a US or Canadian number is written.

Most cells of most files are ten digits with the usual signs between them. One pattern knows
those. Everything else is read in a slower way: what does not belong to the number is removed
(`notation`), and `phonenumbers` parses the rest.
"""

from __future__ import annotations

import re
from functools import lru_cache

import attrs
import phonenumbers

from .notation import dialled, exact, has_fraction, plain
from .numbering import NumberKind, Region, country_of, judge
from .text_repair import is_damaged

_MISFITS = {
    phonenumbers.ValidationResult.TOO_LONG: "too long for a US or Canadian number",
    phonenumbers.ValidationResult.TOO_SHORT: "too short: ten digits are needed",
}
_USUAL = re.compile(
    r"\s*(?:\+?1[-. ]?)?(?:\((\d{3})\) ?-?|(\d{3})[-. ]?)(\d{3})[-. ]?(\d{4})\s*", re.ASCII
)
# Letters spell a number only after an area code. Words apart are read where the number is
# marked as one by its `1-`, parentheses or hyphen: "1234 Oak Blvd" spells one by accident.
_VANITY = re.compile(
    r"(?:\+?1[\s.-]+\(?\d{3}\)?|\+1\d{3}|\(\d{3}\)|\d{3}[.-])[\s.-]*[a-z\d]+(?:[\s.-]+[a-z\d]+)*"
    r"|1?\d{3}[\s-]?[a-z\d]+(?:[.-]+[a-z\d]+)*",
    re.IGNORECASE,
)
_KEYS = str.maketrans("abcdefghijklmnopqrstuvwxyz", "22233344455566677778889999")
_BOTH_WAYS = re.compile(r"(.*?\d.*?)\s*(?:\(([^()]*)\)|\[([^\]]*)\]|[/=,|]\s*([^/=,|]*))")

# "202-555-0138 or 0139", "202-555-0138/39": what follows is another number, if a short one.
_WORD_BETWEEN = re.compile(r"(?<![^\W\d_])(?:or|and|ou|et|y|o|und|oder)(?![^\W\d_])", re.IGNORECASE)
_SIGN_BETWEEN = re.compile(r"[&/|\\]")
_EXIT_CODE = re.compile(r"\A\D*011")
_DIGITS_BEFORE_WORD, _DIGITS_BEFORE_SIGN = 7, 10  # signs separate groups of digits, too
# "202-555-0100 - 202-555-0109", "202-555-0100 to 0109", "202-555-0100-09", "202-555-01XX".
_RANGE = re.compile(
    r"(?P<first>\+?\(?\d[\d\s().-]*\d)\s*"
    r"(?:(?:-|\u2013|\u2014|~|>|->|\.\.+|\+(?=\d{1,4}\Z))"
    r"|\b(?:to|thru|through|until|bis|hasta|al?|\u00e0)\b)\s*"
    r"(?P<last>\+?\(?\d[\d\s().-]*)",
    re.IGNORECASE,
)
_MASKED = re.compile(r"\+?[\d\s().-]*\d{3}[\s().-]*\d{0,3}(?:[x*?n]{2,4})", re.IGNORECASE)
_WITHOUT_AREA_CODE = re.compile(r"\+?1[\s.-]+\d{3}[\s.-]?\d{4}")
_FAX = re.compile(
    r"fax|facsimile|t[e\u00e9]l[e\u00e9]c(?:op|\b)|\b(?:pager|beeper)\b", re.IGNORECASE
)
_LONGEST_CELL = 250  # what phonenumbers reads
_LONGEST_MARKUP = 4_000


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
NO_AREA_CODE = Cell("the area code is missing")
_NOT_A_NUMBER = Cell("not a phone number")
_DAMAGED = Cell("damaged text, its encoding is lost; export the file again as CSV UTF-8")
_ROUNDED = Cell("shortened by the spreadsheet, digits are lost; format the column as text")
_OTHER_TEXT = Cell("other text beside the number")
_A_FAX = Cell("marked as a fax or a pager, not as a phone")
_SEVERAL = Cell("several numbers in one cell; give each its own row", is_number=True)
_SEVERAL_AND_WORDS = attrs.evolve(_SEVERAL, is_number=False)
A_RANGE = Cell("a range of numbers; give each number its own row", is_number=True)


def understand(raw: str) -> Cell:
    """Return what a cell holds, however it is written."""
    if (usual := _USUAL.fullmatch(raw)) is not None:
        return _ten_digits(f"{usual[1] or usual[2]}{usual[3]}{usual[4]}")
    return _understand_slowly(raw)


def may_hold_number(raw: str) -> bool:
    """Return whether a cell has digits enough to make its column a phone column."""
    return len(raw) >= 10 and sum(map(str.isdigit, raw[:_LONGEST_MARKUP])) >= 10


@lru_cache(maxsize=8192)  # one cell may be read for each delimiter, for its column and for its row
def _understand_slowly(raw: str) -> Cell:
    if len(raw) > _LONGEST_MARKUP:
        return _NOT_A_NUMBER
    text = plain(raw)
    if not text:
        return NOTHING
    if len(text) > _LONGEST_CELL:
        return _NOT_A_NUMBER
    if (whole := exact(text)) is None:
        return _ROUNDED
    text = dialled(whole)
    if (usual := _USUAL.fullmatch(text)) is not None:
        return _ten_digits(f"{usual[1] or usual[2]}{usual[3]}{usual[4]}")
    cell = _read(text)
    return _DAMAGED if cell.phone_number is None and is_damaged(text) else cell


def _ten_digits(digits: str, *, letters: bool = False) -> Cell:
    verdict = judge(digits)
    is_number = verdict.exists and not letters
    if verdict.kind is None:
        return Cell(verdict.reason, is_number=is_number)
    return Cell("", f"+1{digits}", verdict.kind, verdict.region, is_number=is_number)


def _read(text: str) -> Cell:
    """Read what is not written as usual: several numbers, a word, a number of another country."""
    if (twice := _BOTH_WAYS.fullmatch(text)) is not None and (same := _same_twice(twice)):
        return _ten_digits(same, letters=True)
    if has_fraction(text):
        return Cell("a number with decimals, not a phone number")
    if _is_range(text):
        return A_RANGE
    if _goes_on_with_another(text):
        return _SEVERAL if _how_many(text) else _SEVERAL_AND_WORDS
    try:
        number = phonenumbers.parse(text, "US")
    except phonenumbers.NumberParseException as error:
        return _unreadable(text, error)
    return _judge(text, number)


def _same_twice(halves: re.Match[str]) -> str | None:
    """Return the ten digits of a number that is written twice: in letters and in digits."""
    first, second = (half for half in halves.groups() if half is not None)
    spelled, written = (first, second) if _has_letters(first) else (second, first)
    if not _has_letters(spelled) or _has_letters(written):
        return None
    keys = re.sub(r"\D", "", spelled.casefold().translate(_KEYS)).removeprefix("1")
    digits = re.sub(r"\D", "", written).removeprefix("1")
    longer, shorter = (digits, keys) if len(digits) == 10 else (keys[:10], digits)
    cut = shorter[:10]
    if len(longer) != 10 or len(cut) < 4:
        return None
    return longer if longer.endswith(cut) or (len(shorter) > 7 and longer == cut) else None


def _is_range(text: str) -> bool:
    """Return whether a text is the first and last of several numbers, or leaves digits out."""
    if _MASKED.fullmatch(text) is not None:
        return True
    found = _RANGE.fullmatch(text)
    if found is None:
        return False
    first = _digits(found["first"])
    begins = re.sub(r"\D", "", found["first"])
    whole = first == 10 or (first == 11 and begins.startswith("1"))
    return whole and 1 <= _digits(found["last"]) <= 11


def _goes_on_with_another(text: str) -> bool:
    """Return whether more digits follow a whole number, after "or" or a sign that means it."""
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


def _has_letters(text: str) -> bool:
    return any(sign.isalpha() for sign in text)


def _unreadable(text: str, error: phonenumbers.NumberParseException) -> Cell:
    if _how_many(text) > 1 or _are_glued(text):
        return _SEVERAL
    if error.error_type == phonenumbers.NumberParseException.INVALID_COUNTRY_CODE:
        return Cell("no country has this prefix")
    if error.error_type == phonenumbers.NumberParseException.TOO_LONG:
        return Cell("too long for a phone number")
    return _NOT_A_NUMBER


def _how_many(text: str) -> int:
    if _digits(text) < 10:
        return 0
    return sum(1 for _ in phonenumbers.PhoneNumberMatcher(text, "US"))


def _are_glued(text: str) -> bool:
    """Return whether a text is two or more whole numbers with nothing between them."""
    digits = re.sub(r"\D", "", text)
    for length, area in ((10, 0), (11, 1)):
        parts = [digits[at + area : at + length] for at in range(0, len(digits), length)]
        if len(parts) > 1 and all(len(part) == 10 and judge(part).exists for part in parts):
            return True
    return False


def _judge(text: str, number: phonenumbers.PhoneNumber) -> Cell:
    if number.extension:
        return _extended(text, number.extension)
    # After a semicolon stand a URI's parameters.
    letters = _has_letters(text.partition(";")[0])
    if letters:
        if not _spells_a_number(text):
            return _with_words(text)
        # A vanity word may be longer than what is dialled: 1-800-CONTACTS.
        phonenumbers.truncate_too_long_number(number)
    if number.country_code != 1:
        country = country_of(number.country_code or 0)
        valid = phonenumbers.is_valid_number(number)
        return Cell(f"a number of {country}, not the US or Canada", is_number=valid)
    return _american(text, number, letters=letters)


def _american(text: str, number: phonenumbers.PhoneNumber, *, letters: bool) -> Cell:
    digits = phonenumbers.national_significant_number(number)
    if len(digits) == 10:
        return _ten_digits(digits, letters=letters)
    if len(digits) == 7 or _WITHOUT_AREA_CODE.fullmatch(text):
        return NO_AREA_CODE
    if _how_many(text) > 1 or _are_glued(text):
        return _SEVERAL
    if text[0] == "0":
        return Cell("begins with 0, as no US or Canadian number does")
    possible = phonenumbers.is_possible_number_with_reason(number)
    return Cell(_MISFITS.get(possible, "not a US or Canadian number"))


def _with_words(text: str) -> Cell:
    if not _how_many(text):
        return _NOT_A_NUMBER
    return _A_FAX if _FAX.search(text) else _OTHER_TEXT


def _spells_a_number(text: str) -> bool:
    """Return whether some of the ten signs that are dialled are letters, and so all later ones."""
    if _VANITY.fullmatch(text.rstrip("?!. ")) is None:
        return False
    keys = re.sub(r"[^a-z\d]", "", text.casefold()).removeprefix("1")
    spelled, cut = keys[:10], keys[10:]
    return not spelled.isdigit() and not _digits(cut)


def _extended(text: str, extension: str) -> Cell:
    if _how_many(text) > 1 or len(extension) >= 7:
        return _SEVERAL
    return Cell(
        f"an extension ({extension}) cannot be text-enabled, only a whole line", is_number=True
    )
