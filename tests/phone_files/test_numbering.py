"""The numbering plan as one pattern, against `phonenumbers` itself."""

from __future__ import annotations

import random

import phonenumbers
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sinch_hosting.phone_files import NumberKind, cells
from sinch_hosting.phone_files.numbering import REGIONS, country_of, is_calling_code, judge

KINDS = {
    phonenumbers.PhoneNumberType.FIXED_LINE: NumberKind.LOCAL,
    phonenumbers.PhoneNumberType.MOBILE: NumberKind.LOCAL,
    phonenumbers.PhoneNumberType.FIXED_LINE_OR_MOBILE: NumberKind.LOCAL,
    phonenumbers.PhoneNumberType.VOIP: NumberKind.LOCAL,
    phonenumbers.PhoneNumberType.TOLL_FREE: NumberKind.TOLL_FREE,
}
TEN_DIGITS = st.text("0123456789", min_size=10, max_size=10)


def slowly(digits: str) -> tuple[NumberKind | None, str | None, bool]:
    """What the functions of `phonenumbers` say: kind and region where usable, and existence."""
    number = phonenumbers.PhoneNumber(country_code=1, national_number=int(digits))
    if not phonenumbers.is_valid_number(number):
        return None, None, False
    region = REGIONS.get(phonenumbers.region_code_for_number(number) or "")
    kind = KINDS.get(phonenumbers.number_type(number))
    return (kind, region, True) if kind and region else (None, None, True)


def quickly(digits: str) -> tuple[NumberKind | None, str | None, bool]:
    """The same of the pattern."""
    verdict = judge(digits)
    return verdict.kind, verdict.region, verdict.exists


def plan() -> list[str]:
    """Every area code with the exchanges at the edges of the plan and some between."""
    chosen = random.Random(2026)
    exchanges = ("000", "099", "100", "199", "200", "211", "310", "555", "911", "976", "999")
    return [
        f"{area:03}{exchange}{chosen.randrange(10_000):04}"
        for area in range(200, 1_000)
        for exchange in (*exchanges, *(f"{chosen.randrange(200, 1_000)}" for _ in range(25)))
    ]


def test_the_pattern_and_phonenumbers_agree_over_the_whole_plan() -> None:
    """Each of the 800 area codes, with 36 exchanges: not one is judged otherwise."""
    differing = [digits for digits in plan() if quickly(digits) != slowly(digits)]

    assert differing == []


@settings(deadline=None)
@given(TEN_DIGITS.filter(lambda digits: digits[0] != "0"))
def test_any_ten_digits_are_judged_alike(digits: str) -> None:
    """Those that no plan has as well: nothing exists that phonenumbers does not know."""
    assert quickly(digits) == slowly(digits)


@settings(deadline=None)
@given(
    st.sampled_from(["202", "415", "514", "787", "876", "800", "900", "500", "310", "242"]),
    st.text("0123456789", min_size=7, max_size=7),
    st.sampled_from(
        [
            *("{a}{b}{c}", "1{a}{b}{c}", "+1{a}{b}{c}", "({a}) {b}-{c}", "{a}-{b}-{c}"),
            *("{a}.{b}.{c}", "1-{a}-{b}-{c}", "+1 ({a}) {b}-{c}", " {a} {b} {c} ", "({a}){b} {c}"),
        ]
    ),
)
def test_a_usual_notation_is_read_the_same_way_without_the_pattern(
    area: str, rest: str, notation: str
) -> None:
    """The short cut for usual cells gives what the parser of `phonenumbers` gives."""
    text = notation.format(a=area, b=rest[:3], c=rest[3:])
    parsed = phonenumbers.parse(text, "US")

    cell = cells.understand(text)

    digits = phonenumbers.national_significant_number(parsed)
    assert digits == area + rest
    kind, region, exists = slowly(digits)
    assert (cell.kind, cell.region, cell.is_number) == (kind, region, exists)
    assert cell.phone_number == (f"+1{digits}" if kind else None)


@pytest.mark.parametrize(
    ("digits", "reason"),
    [
        ("0005550100", "no area code begins with 0"),
        ("1235550100", "no area code begins with 1"),
        ("2020550100", "no number has a 0 after its area code"),
        ("8001008731", "no number has a 1 after its area code"),
        ("5555550100", "numbers of area code 555 like this one are not known to be in use"),
        ("8765550100", "a number of Jamaica, not the US or Canada"),
        ("2425550100", "a number of the Bahamas, not the US or Canada"),
        ("9005550100", "a premium-rate number cannot be text-enabled"),
    ],
)
def test_a_refused_number_has_a_reason_that_an_operator_understands(
    digits: str, reason: str
) -> None:
    """It says what is known, and claims no more: a new area code is "not known to be in use"."""
    assert judge(digits).reason == reason


def test_every_country_under_plus_one_has_a_name() -> None:
    """A reason names Jamaica, not JM, and a new release of the plan shows here."""
    for region in phonenumbers.COUNTRY_CODE_TO_REGION_CODE[1]:
        example = phonenumbers.example_number(region)
        reason = judge(phonenumbers.national_significant_number(example)).reason
        assert (region in REGIONS) is not reason.startswith("a number of ")
        assert f"of {region}," not in reason


def test_calling_codes_are_named_where_they_are_frequent() -> None:
    """The others are named by their number, which says enough."""
    assert country_of(52) == "Mexico (+52)"
    assert country_of(999) == "country +999"
    assert [is_calling_code(code) for code in ("1", "44", "2", "")] == [True, True, False, False]
