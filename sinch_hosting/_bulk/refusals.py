"""Refusals that are about numbers: which ones to leave out, so that the others go in one order.

A chunk is never divided, since each part would mail its own letter.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime

from attrs import evolve, frozen

from .._session.orders_api import Place
from ..errors import (
    ApiError,
    AuthenticationFailed,
    Conflict,
    PermissionDenied,
    SinchHostingError,
)
from ..models import ImportedNumber, QualifiedNumber
from ..states import QualificationState
from .chunks import SkippedNumber
from .order_numbers import is_long_ago

TMO_ELSEWHERE = "60135"
_FIELD = re.compile(r"(?:numbers|phone_?[nN]umbers?)(?:\[(\d+)\]|\.(\d+))?(?![a-zA-Z])")
_PHONE = re.compile(r"\+[0-9]{2,15}")
_NUMERAL = re.compile(r"\+?\d+")
_MAY_BE_TEXT_ENABLED = (
    QualificationState.ELIGIBLE,
    QualificationState.VERIFIED,
    QualificationState.HOSTING_FAILED,
)
_OF_AN_ORDER = (QualificationState.HOSTING_IN_PROGRESS, QualificationState.HOSTING_DONE)
_MAY_BE_ABOUT_NUMBERS = (400, 404, 422)
_SAME_REFUSALS = 3
MAY_BE_OWN_ORDER = (
    "It may be refused because of itself: where a proxy sent it twice, the first one may have "
    "been carried out. Look for the order before you send it again; with job= that is done."
)


@frozen
class Obstacle:
    """A number that keeps an order from being created, and why."""

    skipped: SkippedNumber
    may_be_own: bool = True
    """Whether the order that was just refused may be the cause, if a proxy sent it twice."""
    since: datetime | None = None
    """A time by which it was so already, where that is known."""

    def was_there_before(self, latest: datetime | None) -> bool:
        """Whether it is certain that the order just sent is not the cause."""
        return not self.may_be_own or is_long_ago(self.since, latest)


WhyNot = Callable[[str], Awaitable[Obstacle | None]]


def complains_of_numbers(refused: SinchHostingError, numbers: Sequence[str]) -> bool:
    """Whether a refusal is only about some of the numbers."""
    if isinstance(refused, Conflict):
        return True
    if not isinstance(refused, ApiError) or refused.status_code not in _MAY_BE_ABOUT_NUMBERS:
        return False
    fields = [str(violation.get("field") or "") for violation in refused.field_violations]
    if fields:
        return all(_FIELD.match(field) for field in fields)
    return bool(_mentioned(refused.message, numbers))


def named_numbers(refused: ApiError, numbers: Sequence[str]) -> dict[str, str]:
    """Return the numbers that a refusal names, by index or as text, each with its reason."""
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


async def obstacles(refused: ApiError, numbers: Sequence[str], why_not: WhyNot) -> list[Obstacle]:
    """Return the numbers to leave out of an order after a refusal; none where that does not help.

    All numbers are looked up at once, within the client's limits. For a number that the refusal
    names and no look-up explains, the reason is the text of the refusal. A look-up that fails
    explains nothing.
    """
    if not complains_of_numbers(refused, numbers):
        return []
    named = named_numbers(refused, numbers)
    looks = await asyncio.gather(*(_looked_up(number, why_not) for number in numbers))
    return [
        # With the number as it was asked for; the answer may write it in another way.
        evolve(look, skipped=evolve(look.skipped, phone_number=number))
        if look is not None
        else Obstacle(SkippedNumber(phone_number=number, reason=f"refused: {named[number]}"))
        for number, look in zip(numbers, looks, strict=True)
        if look is not None or number in named
    ]


def may_be_own_order(refused: ApiError, found: Sequence[Obstacle], latest: datetime | None) -> bool:
    """Whether an order may be refused because it exists: a proxy may have sent it twice.

    That is impossible where one of its numbers was taken before: then both would have been
    refused. `latest` is a time that has passed at the service.
    """
    is_about_numbers = isinstance(refused, Conflict) or bool(found)
    return is_about_numbers and not any(o.was_there_before(latest) for o in found)


async def _looked_up(number: str, why_not: WhyNot) -> Obstacle | None:
    try:
        return await why_not(number)
    except SinchHostingError:
        return None


def why_not_imported(number: ImportedNumber, place: Place, *, migrate: bool) -> Obstacle | None:
    """Return why an imported number cannot be in an order of a place; `None` where it can."""
    elsewhere = _is_with_another_aggregator(number)
    if elsewhere and migrate:
        return None
    sms = number.sms_configuration
    plan = number.pending_service_plan_id or sms.service_plan_id or "none"
    campaign = number.pending_campaign_id or sms.campaign_id or "none"
    reason = f"already imported, with service plan {plan} and campaign {campaign}"
    if elsewhere:
        reason += "; T-Mobile answered 60135, which migrate_to_sinch_tmo=True is for"
    return Obstacle(
        SkippedNumber(phone_number=number.phone_number, reason=reason, can_migrate=elsewhere),
        may_be_own=_is_of(number, place),
        since=_unchanged_since(number),
    )


def _is_of(number: ImportedNumber, place: Place) -> bool:
    """Whether an order of a place may have imported a number, as far as its links show."""
    sms, coming = number.sms_configuration, number.sms_configuration.scheduled_provisioning
    plans = {sms.service_plan_id, coming.service_plan_id} - {None, ""}
    campaigns = {sms.campaign_id, coming.campaign_id} - {None, ""}
    is_elsewhere = (bool(plans) and place.service_plan_id not in plans) or (
        bool(campaigns) and place.campaign_id not in campaigns
    )
    return not is_elsewhere


def _unchanged_since(number: ImportedNumber) -> datetime | None:
    """Return the earliest time that a number shows; it was imported by then."""
    moments = (
        number.sms_configuration.scheduled_provisioning.last_updated_time,
        number.sms_provisioning.update_time,
        number.campaign_provisioning.update_time,
    )
    return min(filter(None, moments), default=None)


def _is_with_another_aggregator(number: ImportedNumber) -> bool:
    carriers = number.mno_configuration
    return TMO_ELSEWHERE in (carriers.sms_tmo.error_code, carriers.mms_tmo.error_code)


def why_not_qualified(number: QualifiedNumber) -> Obstacle | None:
    """Return why a number in qualification cannot be text-enabled; `None` where it can."""
    state = number.global_process_state
    if state in _MAY_BE_TEXT_ENABLED:
        return None
    why = f": {number.error}" if number.error else ""
    return Obstacle(
        SkippedNumber(phone_number=number.phone_number, reason=f"is {state.name}{why}"),
        may_be_own=state in _OF_AN_ORDER,
        since=number.updated_time,
    )


class FirstRefusals:
    """The refusals of a run before its first success; a repeated one stops the run."""

    def __init__(self) -> None:
        self._kinds: list[tuple[int, str | None, str]] | None = []

    def succeeded(self) -> None:
        """From now on a refusal concerns only its own chunk."""
        self._kinds = None

    def stops_run(self, error: Exception) -> bool:
        """Add a refusal; return whether the account, or one repeated reason, is its cause."""
        kind = kind_of_refusal(error)
        if kind is None or self._kinds is None:
            return False
        self._kinds.append(kind)
        last = self._kinds[-_SAME_REFUSALS:]
        is_account = isinstance(error, (AuthenticationFailed, PermissionDenied))
        return is_account or (len(last) == _SAME_REFUSALS and len(set(last)) == 1)


def kind_of_refusal(error: Exception) -> tuple[int, str | None, str] | None:
    """Return what two equal refusals share: all but the digits; `None` for other errors."""
    if not isinstance(error, ApiError) or not 400 <= error.status_code < 500:
        return None
    return error.status_code, error.status, _NUMERAL.sub("#", error.message)
