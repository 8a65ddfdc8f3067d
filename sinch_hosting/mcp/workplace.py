"""What the tools work with: a client, an account, and what this machine keeps."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import cast

from attrs import Factory, evolve, field, frozen

from ..client import SinchHosting
from ..errors import InvalidRequest
from ..models import _checks as check
from ..phone_files import PhoneRecord, Region, read_phone_bytes
from ..workflows.groups import NumberGroup, groups_of, is_toll_free
from .plans import Plans

__all__ = ["Workplace", "batches_of"]


async def _no_orders(number: str) -> AsyncIterator[str]:
    """Give no order: nothing is kept on this machine."""
    none: tuple[str, ...] = ()
    for order_id in none:
        yield order_id


@frozen(kw_only=True)
class Workplace:
    """What the tools work with."""

    sinch: SinchHosting
    project_id: str
    ledger_of: Callable[[str], Path]
    """Returns the path of a job's ledger."""
    keep_job: Callable[[str, Sequence[str], str, str], None] = lambda *_: None
    """Notes a job with its numbers, service plan and campaign, for `sinch-hosting jobs`."""
    known_orders: Callable[[str], AsyncIterator[str]] = _no_orders
    """Gives the ids of the orders that this machine knows for a number."""
    service_plan_id: str | None = None
    """The service plan where a tool is given none."""
    campaign_id: str | None = None
    """The campaign where a tool is given none."""
    folders: tuple[Path, ...] = ()
    """Where files of numbers may be read."""
    allow_changes: bool = False
    settle: float | None = None
    """Seconds between the two looks of a job for earlier orders."""
    clock: Callable[[], float] = time.monotonic
    plans: Plans = field(
        init=False, default=Factory(lambda self: Plans(self.clock), takes_self=True)
    )
    """The plans that were shown."""

    def plan_id(self, given: str | None) -> str:
        """Return the service plan that was given, or the account's.

        Raises:
            InvalidRequest: There is neither.
        """
        found = given or self.service_plan_id
        if not found:
            raise InvalidRequest(
                field="service_plan_id", value=given, rule="give one: none is set for the account"
            )
        return check.check_text(found, "service_plan_id")

    def campaign(self, given: str | None) -> str:
        """Return the campaign that was given, or the account's; `""` is none."""
        found = self.campaign_id or "" if given is None else given
        return check.check_any_text(found, "campaign_id")


def batches_of(numbers: Sequence[str], region_code: str | None) -> list[NumberGroup]:
    """Return numbers by region and kind, each once, sorted.

    Args:
        numbers: In E.164.
        region_code: `US` or `CA` for toll-free numbers; local ones have their own.

    Raises:
        InvalidRequest: One is no number of the US or Canada, or of another region.
    """
    check.optional(region_code, check.check_region, "region_code")
    wanted = sorted(set(check.check_phone_numbers(sorted(set(numbers)), "numbers", at_most=None)))
    sheet = read_phone_bytes("\n".join(["Phone", *wanted]).encode(), name="numbers")
    for refused in sheet.rejected:
        raise InvalidRequest(field="numbers", value=refused.raw, rule=f"is {refused.reason}")
    return groups_of(_in_region(record, region_code) for record in sheet.accepted)


def _in_region(record: PhoneRecord, wanted: str | None) -> PhoneRecord:
    """Return a record in the region that is wanted, which toll-free numbers alone can change."""
    if wanted is None or record.region == wanted:
        return record
    if not is_toll_free(record):
        raise InvalidRequest(
            field="region_code", value=wanted, rule=f"{record.phone_number} is of {record.region}"
        )
    return evolve(record, region=cast("Region", wanted))  # it was checked
