"""Waits for numbers: their goals, and the numbers as they are before they were read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from .._polling import waits
from .._polling.sources import IMPORTED_NUMBERS, QUALIFIED_NUMBERS
from .._polling.waits import Goal
from ..errors import InvalidRequest, NumberFailed
from ..models import ImportedNumber, QualifiedNumber, SmsConfiguration
from ..models import _checks as check
from ..models._guidance import advice_on_failed
from ..states import QualificationState, has_reached, parse_state
from .number_links import is_free, is_provisioned, is_settled

if TYPE_CHECKING:
    from .._polling.watcher import Watcher

PROVISIONED = Goal(source=IMPORTED_NUMBERS, is_over=is_provisioned, wanted="provisioned")
FREE = Goal(source=IMPORTED_NUMBERS, is_over=is_free, wanted="to be free")
SETTLED = Goal(source=IMPORTED_NUMBERS, is_over=is_settled, wanted="to have no change pending")


def unread_import(
    phone_number: str, service_plan_id: str | None = None, campaign_id: str | None = None
) -> ImportedNumber:
    """Return an imported number that was not read yet, with its likely plan and campaign."""
    place = SmsConfiguration(service_plan_id=service_plan_id, campaign_id=campaign_id)
    return ImportedNumber(phone_number=phone_number, sms_configuration=place)


def unread_qualified(phone_numbers: Iterable[str]) -> list[QualifiedNumber]:
    """Return numbers in qualification that were not read yet."""
    return [
        QualifiedNumber(phone_number=check.check_phone_number(number)) for number in phone_numbers
    ]


def qualification_goal(states: Sequence[QualificationState | str]) -> Goal[QualifiedNumber]:
    """Return what `qualified_numbers.wait_until` waits for: a state, or a later one."""
    if not states:
        raise InvalidRequest(field="states", value=states, rule="at least one state")
    wanted = [parse_state(QualificationState, state, "states") for state in states]
    return Goal(
        source=QUALIFIED_NUMBERS,
        is_over=lambda number: _is_over(number, wanted),
        wanted=" or ".join(state.name for state in wanted),
    )


def _is_over(number: QualifiedNumber, wanted: Iterable[QualificationState]) -> bool:
    here = number.global_process_state
    for state in wanted:
        if here == state:
            return True
        # NOT_ELIGIBLE stands where ELIGIBLE does, and does not count as having passed it.
        if has_reached(here, state) and not (here.is_failure and has_reached(state, here)):
            return True
    if here.is_failure:
        why = f": {number.error}" if number.error else ""
        raise NumberFailed(number, f"is {here.name}{why}", advice_on_failed(here))
    return False


async def wait_until_provisioned(
    watcher: Watcher, phone_number: str, timeout: float | None
) -> ImportedNumber:
    """Do what `imported_numbers.wait_until_provisioned` does."""
    check.check_phone_number(phone_number)
    return await waits.wait_until(
        watcher, PROVISIONED, unread_import(phone_number), timeout=timeout
    )


async def wait_all_provisioned(
    watcher: Watcher,
    phone_numbers: Iterable[str],
    place: tuple[str | None, str | None],
    timeout: float | None,
    *,
    return_exceptions: bool,
) -> Sequence[ImportedNumber | Exception]:
    """Do what `imported_numbers.wait_all_provisioned` does; a place is a plan and a campaign."""
    numbers = [unread_import(number, *place) for number in waits.many_numbers(phone_numbers)]
    results = await waits.wait_all(watcher, PROVISIONED, numbers, timeout=timeout)
    return waits.unless_failed(results, "numbers", return_exceptions=return_exceptions)


async def wait_until_qualified(
    watcher: Watcher,
    phone_number: str,
    states: Sequence[QualificationState | str],
    timeout: float | None,
) -> QualifiedNumber:
    """Do what `qualified_numbers.wait_until` does."""
    goal = qualification_goal(states)
    (number,) = unread_qualified([phone_number])
    return await waits.wait_until(watcher, goal, number, timeout=timeout)


async def wait_all_qualified(
    watcher: Watcher,
    phone_numbers: Iterable[str],
    states: Sequence[QualificationState | str],
    timeout: float | None,
    *,
    return_exceptions: bool,
) -> Sequence[QualifiedNumber | Exception]:
    """Do what `qualified_numbers.wait_all` does."""
    goal = qualification_goal(states)
    numbers = unread_qualified(waits.many_numbers(phone_numbers))
    results = await waits.wait_all(watcher, goal, numbers, timeout=timeout)
    return waits.unless_failed(results, "numbers", return_exceptions=return_exceptions)
