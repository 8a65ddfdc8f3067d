"""Orders behind lost answers: looked for by their tags, in the run itself or later."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence

from attrs import frozen

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
from .order_numbers import NumbersDiffer, all_numbers, missing_numbers, rests
from .results import LEFT_OUT, BulkResult, ChunkOutcome, FailedChunk, UnknownChunk, result_of
from .tags import Tag, is_sub_job, numbers_digest, parse_tag

_log = logging.getLogger("sinch_hosting")
_WHOLE_WALKS = 2
_LATE_WALKS = 3
_LOOKS = 4


@frozen
class Search:
    """How a search for an order ended."""

    found: Tagged | None
    is_absent: bool = False
    """Whether it is certain, within the grace, that there is none: not where look-ups failed."""


async def find_lost_order(
    known: KnownOrders,
    find: Callable[[], Tagged | None],
    *,
    grace: float,
    clock: Clock,
    sleep: Sleep,
) -> Search:
    """Walk the lists until `find` finds an order, or the grace is over.

    Only absence from two whole walks counts, the last one begun when the grace was over; a walk
    that fails is not an absence.
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
    """What a ledger has in flight, of one job with its sub-jobs, or of all."""
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
    """The sub-jobs of a job in a ledger, by name; see `is_sub_job`.

    They note the numbers themselves; a job of its own of such a name does not.
    """
    return {
        name: entries
        for name, entries in ledger.jobs.items()
        if is_sub_job(name, job)
        and all(entry.listed or not entry.count for entry in entries.chunks.values())
    }


def check_known(sought: Iterable[LostOrder], ledger: Ledger) -> None:
    """Raise `InvalidRequest` where a ledger is not the one of what is looked for."""
    foreign = {one.tag.job for one in sought} - ledger.jobs.keys()
    if foreign:
        raise InvalidRequest(
            field="ledger",
            value=ledger.name,
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
    readings: dict[tuple[Place, str], KnownOrders] = {}
    for one in sought:
        known = KnownOrders(orders, one.place, one.tag.job, sleep)
        readings.setdefault((one.place, one.tag.job), known)
    failures: dict[tuple[Place, str], SinchHostingError] = {}
    for walk in range(2):
        if all(_tagged(readings[one.place, one.tag.job], one) for one in sought):
            break
        if walk:
            await sleep(settle)
        for key, known in readings.items():
            try:
                await known.read()
            except (ApiError, JobChanged, UnreadableList) as error:
                if not (isinstance(error, JobChanged) or cannot_be_listed(error)):
                    raise
                failures[key] = error  # one job's lists; the others are looked through
    outcomes = []
    for one in sought:
        key = one.place, one.tag.job
        tagged = _tagged(readings[key], one)
        if tagged is None:
            outcomes.append(
                _unknown(one, failures.get(key) or SinchHostingError("it is not listed"))
            )
        else:
            outcomes.append(await _outcome(one, tagged, orders, ledger, sleep))
    return result_of(outcomes)


def _tagged(known: KnownOrders, one: LostOrder) -> Tagged | None:
    found = known.of_chunk(one.tag.chunk)
    return next((tagged for tagged in found if tagged.tag == one.tag), None)


async def _outcome(
    one: LostOrder, tagged: Tagged, orders: OrdersApi, ledger: Ledger | None, sleep: Sleep
) -> ChunkOutcome:
    order_id = tagged.order.hosting_order_id
    sent = _sent(one, ledger)
    try:
        held = await _numbers_of(one, tagged.order, orders, sleep, sent)
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


def _sent(one: LostOrder, ledger: Ledger | None) -> int:
    """How many numbers were sent: the ledger knows best."""
    entry = one.entry
    if entry is None and ledger is not None:
        entry = ledger.jobs[one.tag.job].chunks.get(one.tag.chunk)
    is_noted = entry is not None and entry.tag == str(one.tag) and entry.count > 0
    return entry.count if entry is not None and is_noted else len(one.numbers)


async def _numbers_of(
    one: LostOrder, order: Order, orders: OrdersApi, sleep: Sleep, sent: int
) -> tuple[str, ...]:
    """The numbers of an order; `NumbersDiffer` where it is not what is looked for."""
    rest = rests(sleep, times=_LOOKS, initial=1, maximum=8)
    if one.numbers:
        chunk = Chunk(index=one.tag.chunk, numbers=one.numbers)
        missing = set(await missing_numbers(orders, order, chunk, rest, sent=sent))
        return tuple(number for number in one.numbers if number not in missing)
    held = await all_numbers(orders, order.hosting_order_id, rest, sent=sent)
    if numbers_digest(held) != one.digest:
        raise NumbersDiffer
    return held


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
