"""What `sinch-hosting start` reads of the account: what would be refused, before it happens."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING

from attrs import frozen

from .._explaining import or_none
from ..errors import SinchHostingError
from ..states import QualificationState
from .errors import ExitCode, Failed, message_of
from .many import Each
from .settings import open_client

if TYPE_CHECKING:
    from .. import ImportedNumber, QualifiedNumber, SinchHosting
    from .settings import Settings
    from .start_answers import Answers

_LOOKED_AT = 100
"""Numbers that are looked up at most."""
_READY = (QualificationState.ELIGIBLE, QualificationState.VERIFIED)


@frozen(kw_only=True)
class _Seen:
    """What the account holds of a number."""

    number: str
    imported: ImportedNumber | None
    qualified: QualifiedNumber | None

    @property
    def place(self) -> str:
        """Where it is imported."""
        if self.imported is None:
            return "not imported"
        sms = self.imported.sms_configuration
        coming = sms.scheduled_provisioning  # what was asked for may not be in force yet
        plan = sms.service_plan_id or coming.service_plan_id or "none"
        return f"plan {plan}, campaign {sms.campaign_id or coming.campaign_id or 'none'}"

    @property
    def state(self) -> str:
        """Its state in qualification."""
        return "" if self.qualified is None else self.qualified.global_process_state.name


async def look_at_account(settings: Settings, answers: Answers) -> tuple[Answers, list[str]]:
    """Return the answers without the numbers that would be refused, and what was seen.

    An account that cannot be read changes nothing.

    Raises:
        Failed: All numbers would be refused.
    """
    try:
        async with open_client(settings) as sinch:
            if answers.goal == "status":
                return answers, [await _order(sinch, answers.order_id)]
            seen = await _numbers(sinch, answers.numbers[:_LOOKED_AT])
    except SinchHostingError as error:
        return answers, [f"the account could not be read: {message_of(error)}"]
    notes, refused = list[str](), list[str]()
    for one in seen:
        is_refused, note = _judged(one, answers)
        if note:
            notes.append(f"{one.number}: {note}")
        if is_refused:
            refused.append(one.number)
    if len(answers.numbers) > _LOOKED_AT:
        notes.append(f"only the first {_LOOKED_AT} numbers were looked up")
    left = answers.without(refused)
    if not left.numbers:
        raise Failed(
            "; ".join(notes[:5]),
            ExitCode.NOT_ALL,
            "nothing is left to do; sinch-hosting numbers explain says where a number stands",
        )
    if refused:
        notes.append(f"{len(refused)} numbers are left out")
    return left, notes


async def _order(sinch: SinchHosting, order_id: str) -> str:
    order = await sinch.hosting_orders.get(order_id)
    waiting = order.waiting_on
    return f"order {order_id} is {order.state.name}" + (
        f", and waits for {waiting.who}" if waiting is not None else ""
    )


async def _numbers(sinch: SinchHosting, numbers: tuple[str, ...]) -> list[_Seen]:
    async def look(number: str) -> _Seen:
        return _Seen(
            number=number,
            imported=await or_none(sinch.imported_numbers.get(number)),
            qualified=await or_none(sinch.qualified_numbers.get(number)),
        )

    each = Each(numbers, look)
    async with aclosing(each.results()) as results:
        found = {one.number: one async for one in results}
    for _, error in each.failed:
        raise error
    return [found[number] for number in numbers]


def _judged(seen: _Seen, answers: Answers) -> tuple[bool, str]:
    """Return whether a number would be refused, and what is to be said of it."""
    if answers.goal in ("import", "text-enable"):
        return _judged_new(seen, answers)
    if answers.goal in ("relink", "delete"):
        if seen.imported is None:
            return True, "is not imported: there is nothing to change (404)"
        return False, f"is on {seen.place}"
    if seen.qualified is None:
        is_refused = answers.goal == "challenge"
        return (
            is_refused,
            "is not in qualification: it cannot be called (404)" if is_refused else "",
        )
    return False, f"is in qualification already, {seen.state}; it goes on from there"


def _judged_new(seen: _Seen, answers: Answers) -> tuple[bool, str]:
    """Judge a number that is to be imported or text-enabled."""
    if seen.imported is not None:
        done = "importing it again" if answers.goal == "import" else "text-enabling it"
        return True, f"is imported already ({seen.place}): {done} is refused (409)"
    if answers.goal == "import":
        return False, f"is in qualification, {seen.state}" if seen.qualified else ""
    if seen.qualified is None:
        return False, "is not in qualification, and refused as it is; take --goal onboard"
    if seen.qualified.global_process_state not in _READY:
        return False, f"is {seen.state} in qualification; it has to be VERIFIED first"
    return False, ""
