"""Refusals that complain of numbers: which ones to leave out, so that the rest goes in one order.

A chunk is never halved: each part would mail a letter of its own.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence

from attrs import evolve

from ..errors import ApiError, BadRequest, Conflict, NotFound, SinchHostingError
from ..models import ImportedNumber, QualifiedNumber
from ..states import QualificationState
from .chunks import SkippedNumber

TMO_ELSEWHERE = "60135"
_FIELD = re.compile(r"(?:numbers|phone_?[nN]umbers?)(?:\[(\d+)\]|\.(\d+))?(?![a-zA-Z])")
_PHONE = re.compile(r"\+[0-9]{2,15}")
_NUMERAL = re.compile(r"\+?\d+")
_MAY_BE_TEXT_ENABLED = (
    QualificationState.ELIGIBLE,
    QualificationState.VERIFIED,
    QualificationState.HOSTING_FAILED,
)


def complains_of_numbers(refused: ApiError, numbers: Sequence[str]) -> bool:
    """Whether a refusal is about some of the numbers, and about nothing else."""
    if isinstance(refused, Conflict):
        return True
    if not isinstance(refused, (BadRequest, NotFound)):
        return False
    fields = [str(violation.get("field") or "") for violation in refused.field_violations]
    if fields:
        return all(_FIELD.match(field) for field in fields)
    return bool(_mentioned(refused.message, numbers))


def named_numbers(refused: ApiError, numbers: Sequence[str]) -> dict[str, str]:
    """The numbers that a refusal names, by place or as text, each with what it says of it."""
    named: dict[str, str] = {}
    for violation in refused.field_violations:
        said = str(violation.get("description") or refused.message)
        found = _FIELD.match(str(violation.get("field") or ""))
        place = (found.group(1) or found.group(2)) if found else None
        if place is not None and int(place) < len(numbers):
            named.setdefault(numbers[int(place)], said)
        for number in _mentioned(said, numbers):
            named.setdefault(number, said)
    for number in _mentioned(refused.message, numbers):
        named.setdefault(number, refused.message)
    return named


def _mentioned(text: str, numbers: Sequence[str]) -> list[str]:
    there = set(_PHONE.findall(text))
    return [number for number in numbers if number in there] if there else []


async def to_leave_out(
    refused: ApiError,
    numbers: Sequence[str],
    why_not: Callable[[str], Awaitable[SkippedNumber | None]],
) -> list[SkippedNumber]:
    """The numbers that an order has to do without after a refusal; none where it is no use.

    All are looked up at once, within the client's limits; what a look-up does not explain, and
    the refusal names, goes with the refusal's words. A look-up that fails explains nothing.
    """
    if not complains_of_numbers(refused, numbers):
        return []
    named = named_numbers(refused, numbers)
    looks = await asyncio.gather(*(_looked_up(number, why_not) for number in numbers))
    return [
        # By the number that was asked for, however the answer writes it.
        evolve(look, phone_number=number)
        if look is not None
        else SkippedNumber(phone_number=number, reason=f"refused: {named[number]}")
        for number, look in zip(numbers, looks, strict=True)
        if look is not None or number in named
    ]


async def _looked_up(
    number: str, why_not: Callable[[str], Awaitable[SkippedNumber | None]]
) -> SkippedNumber | None:
    try:
        return await why_not(number)
    except SinchHostingError:
        return None


def why_not_imported(number: ImportedNumber, *, migrate: bool) -> SkippedNumber | None:
    """Why a number that is imported already cannot be in an order."""
    elsewhere = _is_with_another_aggregator(number)
    if elsewhere and migrate:
        return None
    sms = number.sms_configuration
    reason = (
        f"already imported, with service plan {sms.service_plan_id or 'none'} "
        f"and campaign {sms.campaign_id or 'none'}"
    )
    if elsewhere:
        reason += "; T-Mobile answered 60135, which migrate_to_sinch_tmo=True is for"
    return SkippedNumber(phone_number=number.phone_number, reason=reason, can_migrate=elsewhere)


def _is_with_another_aggregator(number: ImportedNumber) -> bool:
    carriers = number.mno_configuration
    return TMO_ELSEWHERE in (carriers.sms_tmo.error_code, carriers.mms_tmo.error_code)


def why_not_qualified(number: QualifiedNumber) -> SkippedNumber | None:
    """Why a number that is in qualification cannot be text-enabled."""
    state = number.global_process_state
    if state in _MAY_BE_TEXT_ENABLED:
        return None
    why = f": {number.error}" if number.error else ""
    return SkippedNumber(phone_number=number.phone_number, reason=f"is {state.name}{why}")


def kind_of_refusal(error: Exception) -> tuple[int, str | None, str] | None:
    """What makes two refusals the same one: all but the numerals in them; `None` for others."""
    if not isinstance(error, ApiError) or not 400 <= error.status_code < 500:
        return None
    return error.status_code, error.status, _NUMERAL.sub("#", error.message)
