"""`sinch-hosting numbers audit`: which numbers of a file are not where they should be."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import aclosing
from typing import TYPE_CHECKING

from attrs import frozen

from .._explaining import trouble
from ..errors import NotFound
from ..workflows.groups import is_toll_free
from .errors import ExitCode
from .many import Each
from .messages import tell
from .number_input import read_records
from .options import ACCOUNT, PAGE_SIZE, PLACE, SOURCE, Account, NumberSource, Place
from .output import Column, View, print_many
from .settings import open_client, read_settings

if TYPE_CHECKING:
    from .. import ImportedNumber, SinchHosting
    from ..phone_files import PhoneRecord


@frozen(kw_only=True)
class Drift:
    """A number that is not where it should be."""

    phone_number: str
    drift: str
    """`gone`, `other plan`, `campaign lost`, `other campaign`, `failed` or `pending`."""
    detail: str
    what_to_do: str


_DRIFTS: View[Drift] = View(
    columns=(
        Column("number", lambda drift: drift.phone_number, is_id=True),
        Column("drift", lambda drift: drift.drift),
        Column("detail", lambda drift: drift.detail),
        Column("what to do", lambda drift: drift.what_to_do),
    ),
    key=lambda drift: drift.phone_number,
)


async def audit(
    numbers: list[str],
    /,
    *,
    place: Place = PLACE,
    source: NumberSource = SOURCE,
    account: Account = ACCOUNT,
) -> int:
    """Compare a file of numbers with the account.

    Prints the numbers that are not as they should be: gone, on another service plan or campaign,
    on no campaign, or failed at a carrier. The exit code is 1 if there is such a number, so you
    can run it every night.

    Example: `sinch-hosting numbers audit fleet.csv --plan PLAN --campaign CAMPAIGN`

    Args:
        numbers: Numbers, files of numbers, or `-` for standard input.
    """
    settings = read_settings(account)
    plan, campaign = settings.plan(place), settings.campaign(place)
    records = read_records(numbers, source)
    async with open_client(settings) as sinch:
        drifts = await print_many(_drifts(sinch, records, plan, campaign), _DRIFTS, account)
    tell(f"{len(records)} numbers, {len(drifts)} of them are not where they should be")
    return ExitCode.NOT_ALL if drifts else ExitCode.DONE


async def _drifts(
    sinch: SinchHosting, records: Iterable[PhoneRecord], plan: str, campaign: str
) -> AsyncIterator[Drift]:
    """Give the differences: first from the lists, then of the numbers that no list holds."""
    wanted = {
        str(record.phone_number): "" if is_toll_free(record) else campaign for record in records
    }
    seen: set[str] = set()
    for its_campaign in sorted(set(wanted.values())):
        listed = sinch.imported_numbers.list(
            service_plan_id=plan, campaign_id=its_campaign, page_size=PAGE_SIZE
        )
        async for number in listed:
            if wanted.get(number.phone_number) == its_campaign:
                seen.add(number.phone_number)
                if (drift := drift_of(number, plan, its_campaign)) is not None:
                    yield drift
    missing = [number for number in wanted if number not in seen]
    each = Each(missing, sinch.imported_numbers.get)
    async with aclosing(each.results()) as found:
        async for number in found:
            seen.add(number.phone_number)
            drift = drift_of(number, plan, wanted.get(number.phone_number, campaign))
            if drift is not None:
                yield drift
    for phone_number, error in each.failed:
        if not isinstance(error, NotFound):
            raise error
        yield Drift(
            phone_number=phone_number,
            drift="gone",
            detail="it is not imported",
            what_to_do="onboard it, or see numbers explain",
        )


def drift_of(number: ImportedNumber, plan: str, campaign: str) -> Drift | None:
    """Return how an imported number differs from what it should be; `None` if it does not."""
    sms = number.sms_configuration
    coming = sms.scheduled_provisioning
    move = "numbers relink moves it; it is without service meanwhile"
    drift, detail, what_to_do = "", "", ""
    if sms.service_plan_id != plan:
        drift, detail, what_to_do = "other plan", f"service plan {sms.service_plan_id}", move
        if not sms.service_plan_id:
            detail = "on no service plan"
        if coming.service_plan_id == plan:
            drift, what_to_do = "pending", "wait: the service is about to change it"
    elif campaign and not sms.campaign_id and coming.campaign_id != campaign:
        drift, detail, what_to_do = "campaign lost", "on no campaign", move
    elif campaign and sms.campaign_id != campaign:
        drift, detail, what_to_do = "other campaign", f"campaign {sms.campaign_id}", move
        if coming.campaign_id == campaign:
            drift, what_to_do = "pending", "wait: the service is about to change it"
    elif failed := trouble(number):
        drift, detail, what_to_do = "failed", failed, "see numbers explain"
    if not drift:
        return None
    return Drift(
        phone_number=number.phone_number, drift=drift, detail=detail, what_to_do=what_to_do
    )
