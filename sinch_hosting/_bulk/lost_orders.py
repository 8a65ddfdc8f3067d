"""Looks for orders whose answers were lost, by their tags, during a run or later."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence

from attrs import evolve, frozen

from .._aio import Clock, Sleep
from .._session.orders_api import OrdersApi, Place
from .._session.retry import exponential
from ..errors import (
    ApiError,
    InvalidRequest,
    JobChanged,
    OrderRejected,
    OutcomeUnknown,
    SinchHostingError,
    UnreadableList,
)
from ..models import Order
from .chunks import Chunk, SkippedNumber
from .known_orders import KnownOrders, Tagged, cannot_be_listed
from .ledger import Ledger
from .ledger_records import ADOPTED, Entry, JobEntries
from .order_numbers import NumbersDiffer, all_numbers, missing_numbers, pauses
from .results import LEFT_OUT, BulkResult, ChunkOutcome, FailedChunk, UnknownChunk, result_of
from .tags import Tag, is_sub_job, numbers_digest, parse_tag

_log = logging.getLogger("sinch_hosting")
_WHOLE_WALKS = 2
_LATE_WALKS = 3
_LOOKS = 4


@frozen
class Search:
    """The result of a search for an order."""

    found: Tagged | None
    is_absent: bool = False
    """Whether there is certainly no order; false where the lists could not be read."""


async def find_lost_order(
    known: KnownOrders,
    find: Callable[[], Tagged | None],
    *,
    grace: float,
    clock: Clock,
    sleep: Sleep,
) -> Search:
    """Read the lists until `find` returns an order, or the grace is over.

    The order is absent only if two whole readings do not show it, and the last one began when the
    grace was over. A reading that fails shows nothing.
    """
    ends = clock() + grace
    pauses = exponential(initial=min(1.0, grace / 8), factor=2, maximum=max(grace / 4, 0.001))
    whole = late = 0
    while late < _LATE_WALKS:
        remaining = ends - clock()
        pause = next(pauses)
        is_late = pause >= remaining
        await sleep(max(0.0, remaining) if is_late else pause)
        late += is_late
        try:
            await known.read_anew()
        except SinchHostingError as error:
            _log.warning("looking for an order failed: %s", error)
            continue
        whole += 1
        if (found := find()) is not None:
            return Search(found)
        if is_late and whole >= _WHOLE_WALKS:
            return Search(None, is_absent=True)
    return Search(None)


@frozen
class LostOrder:
    """An order that may exist: its tag, its place in the lists, and its numbers."""

    tag: Tag
    place: Place
    operation: str
    numbers: tuple[str, ...] = ()
    digest: str = ""
    """A digest of the numbers that were sent, where the numbers are not known."""
    entry: Entry | None = None


def lost_orders_in(unknown: Iterable[UnknownChunk]) -> list[LostOrder]:
    """Return the lost orders of a result; raises `InvalidRequest` for a chunk without a tag."""
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


def lost_orders_in_ledger(ledger: Ledger, job: str | None) -> list[LostOrder]:
    """Return the lost orders in a ledger: of one job with its sub-jobs, or of all jobs."""
    jobs = dict(ledger.jobs)
    if job is not None:
        jobs = {name: jobs[name] for name in jobs if name == job} | sub_jobs_of(ledger, job)
        if not jobs:
            raise InvalidRequest(field="job", value=job, rule=f"is not in {ledger.name}")
    found = []
    for entries in jobs.values():
        for entry in entries.chunks.values():
            tag = parse_tag(entry.tag)
            if entry.is_open and tag is not None:
                lost = LostOrder(
                    tag, entries.place, entries.operation, digest=entry.sent, entry=entry
                )
                found.append(lost)
    return found


def sub_jobs_of(ledger: Ledger, job: str) -> dict[str, JobEntries]:
    """Return the sub-jobs of a job in a ledger, by name; see `is_sub_job`.

    Sub-jobs record their numbers; an independent job with such a name does not.
    """
    return {
        name: entries
        for name, entries in ledger.jobs.items()
        if is_sub_job(name, job)
        and all(entry.listed or not entry.count for entry in entries.chunks.values())
    }


def check_ledger_knows(lost_orders: Iterable[LostOrder], ledger: Ledger) -> None:
    """Raise `InvalidRequest` where a lost order belongs to a job that the ledger lacks."""
    foreign = {lost.tag.job for lost in lost_orders} - ledger.jobs.keys()
    if foreign:
        raise InvalidRequest(
            field="ledger",
            value=ledger.name,
            rule=f"knows nothing of job {min(foreign)}: leave it out, or give the one that the job "
            "was run with",
        )


async def reconcile(
    lost_orders: Sequence[LostOrder],
    orders: OrdersApi,
    ledger: Ledger | None,
    *,
    settle: float,
    sleep: Sleep,
) -> BulkResult:
    """Look for the orders in two whole readings, `settle` seconds apart, and record them."""
    readings: dict[tuple[Place, str], KnownOrders] = {}
    for lost in lost_orders:
        known = KnownOrders(orders, lost.place, lost.tag.job, sleep)
        readings.setdefault((lost.place, lost.tag.job), known)
    failures: dict[tuple[Place, str], SinchHostingError] = {}
    for walk in range(2):
        if all(_tagged(readings[lost.place, lost.tag.job], lost) for lost in lost_orders):
            break
        if walk:
            await sleep(settle)
        for key, known in readings.items():
            try:
                await known.read()
            except (ApiError, JobChanged, UnreadableList) as error:
                if not (isinstance(error, JobChanged) or cannot_be_listed(error)):
                    raise
                failures[key] = error  # the lists of the other jobs are still read
    outcomes = []
    for lost in lost_orders:
        key = lost.place, lost.tag.job
        tagged = _tagged(readings[key], lost)
        if tagged is None:
            outcomes.append(
                _unknown(lost, failures.get(key) or SinchHostingError("it is not listed"))
            )
        else:
            outcome = await _outcome(lost, tagged, orders, ledger, sleep)
            outcomes.append(evolve(outcome, duplicates=readings[key].duplicates_of(tagged)))
    return result_of(outcomes)


def _tagged(known: KnownOrders, lost: LostOrder) -> Tagged | None:
    found = known.of_chunk(lost.tag.chunk)
    return next((tagged for tagged in found if tagged.tag == lost.tag), None)


async def _outcome(
    lost: LostOrder, tagged: Tagged, orders: OrdersApi, ledger: Ledger | None, sleep: Sleep
) -> ChunkOutcome:
    order_id = tagged.order.hosting_order_id
    sent = _sent(lost, ledger)
    try:
        held = await _numbers_of(lost, tagged.order, orders, sleep, sent)
    except NumbersDiffer:
        said = f"order {order_id} has its tag, and holds other numbers"
        return _unknown(lost, SinchHostingError(said))
    except SinchHostingError as error:
        return _unknown(lost, error)
    if ledger is not None:
        entry = Entry(chunk=lost.tag.chunk, attempt=lost.tag.attempt, tag=str(lost.tag))
        gone = [(number, LEFT_OUT) for number in lost.numbers if number not in set(held)]
        await ledger.answered(
            lost.tag.job,
            lost.entry or entry,
            ADOPTED,
            order_id=order_id,
            left_out=gone or None,
        )
    if tagged.is_rejected:
        rejected = OrderRejected(tagged.order)
        failed = FailedChunk(numbers=held, error=rejected, tag=str(lost.tag))
        return _result(lost, held, failed)
    return _result(lost, held, tagged.order)


def _sent(lost: LostOrder, ledger: Ledger | None) -> int:
    """Return how many numbers were sent, from the ledger where it has that."""
    entry = lost.entry
    if entry is None and ledger is not None:
        entry = ledger.jobs[lost.tag.job].chunks.get(lost.tag.chunk)
    is_noted = entry is not None and entry.tag == str(lost.tag) and entry.count > 0
    return entry.count if entry is not None and is_noted else len(lost.numbers)


async def _numbers_of(
    lost: LostOrder, order: Order, orders: OrdersApi, sleep: Sleep, sent: int
) -> tuple[str, ...]:
    """Return the numbers of an order; raises `NumbersDiffer` where they are others."""
    pause = pauses(sleep, times=_LOOKS, initial=1, maximum=8)
    if lost.numbers:
        chunk = Chunk(index=lost.tag.chunk, numbers=lost.numbers)
        missing = set(await missing_numbers(orders, order, chunk, pause, sent=sent))
        return tuple(number for number in lost.numbers if number not in missing)
    held = await all_numbers(orders, order.hosting_order_id, pause, sent=sent)
    if numbers_digest(held) != lost.digest:
        raise NumbersDiffer
    return held


def _result(
    lost: LostOrder, numbers: tuple[str, ...], result: Order | FailedChunk | UnknownChunk
) -> ChunkOutcome:
    gone = [number for number in lost.numbers if number not in numbers]
    return ChunkOutcome(
        index=lost.tag.chunk,
        numbers=numbers,
        result=result,
        skipped=tuple(SkippedNumber(phone_number=n, reason=LEFT_OUT) for n in gone),
        tag=str(lost.tag),
        adopted=not isinstance(result, UnknownChunk),
    )


def _unknown(lost: LostOrder, cause: SinchHostingError) -> ChunkOutcome:
    tag = str(lost.tag)
    error = OutcomeUnknown(lost.operation, cause, tag=tag)
    chunk = UnknownChunk(numbers=lost.numbers, error=error, tag=tag, place=lost.place)
    return _result(lost, lost.numbers, chunk)
