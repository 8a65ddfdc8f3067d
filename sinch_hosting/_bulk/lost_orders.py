"""Reconciling: looking later for the orders behind answers that were lost."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from attrs import frozen

from .._aio import Sleep
from .._session.orders_api import PAGE_SIZE, OrdersApi, Place
from ..errors import (
    BadRequest,
    InvalidRequest,
    JobChanged,
    OrderRejected,
    OutcomeUnknown,
    SinchHostingError,
)
from ..models import Order
from ..states import OrderType
from .chunks import Chunk, SkippedNumber
from .known_orders import (
    KnownOrders,
    NumbersDiffer,
    Tagged,
    missing_numbers,
    rests,
)
from .ledger import Ledger
from .ledger_records import ADOPTED, Entry, JobEntries
from .results import LEFT_OUT, BulkResult, ChunkOutcome, FailedChunk, UnknownChunk, result_of
from .tags import Tag, is_sub_job, numbers_digest, parse_tag

_LOOKS = 4
_OF_ONBOARDING = ("TextEnableQualifiedNumbers", "TextEnableTollFreeQualifiedNumbers")


@frozen
class LostOrder:
    """An order that may exist: its tag, where it would be listed, and what it would hold."""

    tag: Tag
    place: Place
    operation: str
    numbers: tuple[str, ...] = ()
    digest: str = ""
    """Of the numbers that were sent, where they themselves are not known."""
    entry: Entry | None = None


def sought_in(unknown: Iterable[UnknownChunk]) -> list[LostOrder]:
    """What to look for, given chunks of a result; raises `InvalidRequest` for one without a tag."""
    found = []
    for chunk in unknown:
        tag = parse_tag(chunk.tag or "")
        if tag is None or chunk.place is None:
            raise InvalidRequest(
                field="unknown",
                value=chunk,
                rule="has no tag to look for: only runs with job= can be reconciled",
            )
        found.append(LostOrder(tag, chunk.place, chunk.error.operation, chunk.numbers))
    return found


def sought_in_ledger(ledger: Ledger, job: str | None) -> list[LostOrder]:
    """What a ledger has in flight, of one job, of the groups of an onboarding, or of all."""
    jobs = dict(ledger.jobs)
    if job is not None:
        jobs = {name: jobs[name] for name in jobs if name == job} | sub_jobs_of(ledger, job)
        if not jobs:
            raise InvalidRequest(field="job", value=job, rule=f"is not in {ledger.path}")
    found = []
    for entries in jobs.values():
        place = Place(
            type=OrderType(str(entries.run.get("type"))),
            service_plan_id=str(entries.run.get("service_plan_id")),
            campaign_id=str(entries.run.get("campaign_id") or ""),
        )
        for entry in entries.chunks.values():
            tag = parse_tag(entry.tag)
            if entry.is_open and tag is not None:
                operation = str(entries.run.get("operation"))
                found.append(LostOrder(tag, place, operation, digest=entry.sent, entry=entry))
    return found


def sub_jobs_of(ledger: Ledger, job: str) -> dict[str, JobEntries]:
    """The jobs of a ledger that are groups of the onboarding `job`, by name."""
    return {
        name: entries
        for name, entries in ledger.jobs.items()
        if is_sub_job(name, job)
        and entries.run.get("operation") in _OF_ONBOARDING
        # Only an onboarding notes the numbers themselves; a single create of that name does not.
        and all(entry.listed or not entry.count for entry in entries.chunks.values())
    }


def check_known(sought: Iterable[LostOrder], ledger: Ledger) -> None:
    """Raise `InvalidRequest` where a ledger is not the one of what is looked for."""
    foreign = {one.tag.job for one in sought} - ledger.jobs.keys()
    if foreign:
        raise InvalidRequest(
            field="ledger",
            value=str(ledger.path),
            rule=f"knows nothing of job {min(foreign)}: leave it out, or give the one that the job "
            "was run with",
        )


async def reconcile(
    sought: Sequence[LostOrder],
    orders: OrdersApi,
    ledger: Ledger | None,
    *,
    settle: float,
    sleep: Sleep,
) -> BulkResult:
    """Look for the orders in two whole walks, `settle` seconds apart, and note what is found."""
    journals: dict[tuple[Place, str], KnownOrders] = {}
    for one in sought:
        journals.setdefault((one.place, one.tag.job), KnownOrders(orders, one.place, one.tag.job))
    failures: dict[tuple[Place, str], SinchHostingError] = {}
    for walk in range(2):
        if all(_tagged(journals[one.place, one.tag.job], one) for one in sought):
            break
        if walk:
            await sleep(settle)
        for key, journal in journals.items():
            try:
                await journal.read()
            except (BadRequest, JobChanged) as error:
                failures[key] = error  # one job's lists; the others are looked through
    outcomes = []
    for one in sought:
        key = one.place, one.tag.job
        tagged = _tagged(journals[key], one)
        if tagged is None:
            outcomes.append(
                _unknown(one, failures.get(key) or SinchHostingError("it is not listed"))
            )
        else:
            outcomes.append(await _outcome(one, tagged, orders, ledger, sleep))
    return result_of(outcomes)


def _tagged(journal: KnownOrders, one: LostOrder) -> Tagged | None:
    found = journal.of_chunk(one.tag.chunk)
    return next((tagged for tagged in found if tagged.tag == one.tag), None)


async def _outcome(
    one: LostOrder, tagged: Tagged, orders: OrdersApi, ledger: Ledger | None, sleep: Sleep
) -> ChunkOutcome:
    order_id = tagged.order.hosting_order_id
    try:
        held = await _numbers_of(one, order_id, orders, sleep)
    except NumbersDiffer:
        said = f"order {order_id} has its tag, and holds other numbers"
        return _unknown(one, SinchHostingError(said))
    except SinchHostingError as error:
        return _unknown(one, error)
    if ledger is not None:
        entry = Entry(chunk=one.tag.chunk, attempt=one.tag.attempt, tag=str(one.tag))
        gone = [(number, LEFT_OUT) for number in one.numbers if number not in set(held)]
        await ledger.answered(
            one.tag.job,
            one.entry or entry,
            ADOPTED,
            order_id=order_id,
            left_out=gone or None,
        )
    if tagged.is_rejected:
        rejected = OrderRejected(tagged.order)
        failed = FailedChunk(numbers=held, error=rejected, tag=str(one.tag))
        return _result(one, held, failed)
    return _result(one, held, tagged.order)


async def _numbers_of(
    one: LostOrder, order_id: str, orders: OrdersApi, sleep: Sleep
) -> tuple[str, ...]:
    """The numbers of an order; `NumbersDiffer` where it is not what is looked for."""
    if one.numbers:
        rest = rests(sleep, times=_LOOKS, initial=1, maximum=8)
        chunk = Chunk(index=one.tag.chunk, numbers=one.numbers)
        missing = set(await missing_numbers(orders, order_id, chunk, rest))
        return tuple(number for number in one.numbers if number not in missing)
    held = [number.phone_number async for number in orders.numbers(order_id, page_size=PAGE_SIZE)]
    if numbers_digest(held) != one.digest:
        raise NumbersDiffer
    return tuple(held)


def _result(
    one: LostOrder, numbers: tuple[str, ...], result: Order | FailedChunk | UnknownChunk
) -> ChunkOutcome:
    gone = [number for number in one.numbers if number not in numbers]
    return ChunkOutcome(
        index=one.tag.chunk,
        numbers=numbers,
        result=result,
        skipped=tuple(SkippedNumber(phone_number=n, reason=LEFT_OUT) for n in gone),
        tag=str(one.tag),
        adopted=not isinstance(result, UnknownChunk),
    )


def _unknown(one: LostOrder, cause: SinchHostingError) -> ChunkOutcome:
    tag = str(one.tag)
    error = OutcomeUnknown(one.operation, cause, tag=tag)
    chunk = UnknownChunk(numbers=one.numbers, error=error, tag=tag, place=one.place)
    return _result(one, one.numbers, chunk)
