"""The waits: for one thing, for many things, and for every change; all use the one watcher."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Awaitable,
    Callable,
    Iterable,
    Mapping,
    Sequence,
)
from contextlib import AbstractContextManager, aclosing, nullcontext
from copy import deepcopy
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from attrs import frozen

from .. import errors
from ..models import ImportedNumber, Order, QualifiedNumber
from ..models._base import Record
from ..models._checks import check_phone_number, check_seconds, optional
from ..states import REJECTED, OrderState, has_reached
from .sources import Source

if TYPE_CHECKING:
    from .subscription import Change, Subscription
    from .watcher import Watcher

_log = logging.getLogger("sinch_hosting")
_TOKENS_NOTED = 20
T = TypeVar("T", Order, QualifiedNumber, ImportedNumber)
OnUpdate = Callable[[T], Awaitable[None] | None]


@frozen(kw_only=True, eq=False, repr=False)
class OrderUpdate(Record):
    """A change of one order, as `hosting_orders.watch` gives it."""

    order: Order
    """The order as it is now; the last snapshot, where there is an `error`."""
    previous: Order
    """The order as it was before."""
    error: errors.SinchHostingError | None = None
    """Why the order is not watched any more, such as `NotFound` after it was deleted."""

    @property
    def has_moved(self) -> bool:
        """Whether its state has changed, and not only another field."""
        return self.order.state != self.previous.state


@frozen(kw_only=True, eq=False, repr=False)
class Goal(Generic[T]):
    """The goal of a wait."""

    source: Source[T]
    is_over: Callable[[T], bool]
    """Returns whether a thing has reached the goal; raises where it cannot reach it any more."""
    wanted: str
    """The goal as a text for people, such as `COMPLETED`."""


def order_goal(source: Source[Order], wanted: OrderState) -> Goal[Order]:
    """Return the goal of waits for orders: a state is reached or passed."""

    def is_over(order: Order) -> bool:
        if order.state == REJECTED and wanted != REJECTED:
            raise errors.OrderRejected(order)
        return has_reached(order.state, wanted)

    return Goal(source=source, is_over=is_over, wanted=wanted.name)


async def wait_until(
    watcher: Watcher,
    goal: Goal[T],
    thing: T,
    *,
    timeout: float | None,
    on_update: OnUpdate[T] | None = None,
) -> T:
    """Wait for one thing, from this snapshot on; returns the snapshot that reached the goal.

    Raises what `goal.is_over` and `on_update` raise, `WaitTimeout`, and the error of a thing that
    cannot be read any more. Each error of this package carries the last snapshot.
    """
    optional(timeout, check_seconds, "timeout")
    if not goal.source.is_bare(thing) and goal.is_over(thing):
        return thing
    given, source = thing, goal.source
    try:
        with _span_of(watcher, goal.source, goal.wanted, [thing]):
            async with watcher.follow(source, [thing], timeout) as follower:
                while changes := await follower.changes():
                    for change in changes:
                        if change.error is not None:
                            raise deepcopy(change.error) from change.error.__cause__
                        is_news, thing = change.item != thing, change.item
                        if is_news and on_update is not None:
                            await _call_listener(follower, on_update, thing)
                        if goal.is_over(thing):
                            return thing
                why = follower.members[source.id_of(thing)].last_error
                raise _timed_out(goal, thing, timeout, why)
    except asyncio.CancelledError as cancelled:
        _note_tokens(cancelled, [thing])
        raise
    except errors.SinchHostingError as error:
        error.last = _last(source, thing, given)
        raise


def _span_of(
    watcher: Watcher, source: Source[T], wanted: str, things: Iterable[T]
) -> AbstractContextManager[object]:
    """Return the span of a wait; one that does nothing where there is no telemetry."""
    if watcher.telemetry is None:
        return nullcontext()
    return watcher.telemetry.wait(source.get_operation, wanted, map(source.id_of, things))


async def _call_listener(follower: Subscription[T], on_update: OnUpdate[T], thing: T) -> None:
    """Give a change to a listener; one that hangs is cancelled when the time is over."""
    work = on_update(thing)
    if inspect.isawaitable(work):
        await follower.run_until_expired(work)


def _last(source: Source[T], thing: T, given: T) -> T | None:
    """Return the last snapshot; `None` for a number that was never read."""
    is_bare = thing is given and not isinstance(thing, Order) and source.is_bare(thing)
    return None if is_bare else thing


def _timed_out(
    goal: Goal[T], thing: T, timeout: float | None, why: errors.SinchHostingError | None
) -> errors.WaitTimeout:
    """Return the error of a wait whose time is over; `why` is that of the last look, if any."""
    source = goal.source
    name = source.id_of(thing)
    here = "not seen" if source.is_bare(thing) else f"still {source.describe(thing)}"
    what = f"order {name}" if isinstance(thing, Order) else name
    late = errors.WaitTimeout(
        f"{what}: {here}",
        timeout=timeout or 0.0,
        last=thing,
        wanted=goal.wanted,
        last_look=_explain(why),
    )
    late.__cause__ = why
    return late


def _explain(why: errors.SinchHostingError | None) -> str:
    if isinstance(why, errors.NotFound):
        return f"the service does not know it: {why}"
    return "" if why is None else f"last look: {why}"


async def wait_all(
    watcher: Watcher, goal: Goal[T], things: Sequence[T], *, timeout: float | None
) -> list[T | Exception]:
    """Wait for many things; returns the snapshot or the error of each, in the order given."""
    id_of = goal.source.id_of
    latest: dict[str, T] = {}
    for thing in things:
        if id_of(thing) not in latest or goal.source.is_bare(latest[id_of(thing)]):
            latest[id_of(thing)] = thing
    failed: dict[str, Exception] = {}
    try:
        with _span_of(watcher, goal.source, goal.wanted, latest.values()):
            await _wait_for_each(watcher, goal, latest, failed, timeout)
    except asyncio.CancelledError as cancelled:
        _note_tokens(cancelled, latest.values())
        raise
    return [failed.get(id_of(thing)) or latest[id_of(thing)] for thing in things]


async def _wait_for_each(
    watcher: Watcher,
    goal: Goal[T],
    latest: dict[str, T],
    failed: dict[str, Exception],
    timeout: float | None,
) -> None:
    given = dict(latest)
    async with watcher.follow(goal.source, given.values(), timeout) as follower:
        for thing_id, thing in given.items():
            if not goal.source.is_bare(thing) and _is_settled(goal, thing_id, thing, failed):
                follower.leave(thing_id)
        while follower.has_more and not follower.is_expired:
            for change in await _changes(follower, latest):
                thing_id = goal.source.id_of(change.item)
                latest[thing_id] = change.item
                if change.error is not None:
                    failed[thing_id] = error = deepcopy(change.error)
                    error.last = _last(goal.source, change.item, given[thing_id])
                    follower.leave(thing_id)
                elif _is_settled(goal, thing_id, change.item, failed):
                    follower.leave(thing_id)
        for thing_id in follower.members:
            why = follower.members[thing_id].last_error
            failed[thing_id] = late = _timed_out(goal, latest[thing_id], timeout, why)
            late.last = _last(goal.source, latest[thing_id], given[thing_id])


def _is_settled(goal: Goal[T], thing_id: str, thing: T, failed: dict[str, Exception]) -> bool:
    try:
        return goal.is_over(thing)
    except errors.SinchHostingError as error:
        failed[thing_id] = error
        return True


async def _changes(follower: Subscription[T], latest: dict[str, T]) -> list[Change[T]]:
    """Return the changes; where the watcher itself ends, an error for each thing."""
    try:
        return await follower.changes()
    except errors.SinchHostingError as error:
        from .subscription import Change  # noqa: PLC0415 - it is loaded with the watcher

        return [Change(latest[i], latest[i], error) for i in follower.members]


def many_numbers(values: object) -> list[str]:
    """Return many E.164 numbers, duplicates included; raises `InvalidRequest` for other values."""
    if isinstance(values, (str, bytes, Mapping)) or not isinstance(values, Iterable):
        rule = "must be many numbers; put a single one into a list"
        raise errors.InvalidRequest(field="phone_numbers", value=values, rule=rule)
    return [check_phone_number(value, f"phone_numbers[{n}]") for n, value in enumerate(values)]


def unless_failed(
    results: Sequence[T | Exception], noun: str, *, return_exceptions: bool
) -> Sequence[T | Exception]:
    """Return the results, or raise an `ExceptionGroup` of the errors among them."""
    failed = [result for result in results if isinstance(result, Exception)]
    if failed and not return_exceptions:
        raise ExceptionGroup(f"{len(failed)} of {len(results)} {noun}", failed)
    return results


def _note_tokens(cancelled: asyncio.CancelledError, things: Any) -> None:
    """Add notes to a cancellation that say how to resume; at the service nothing has ended."""
    orders = [t for t in things if isinstance(t, Order) and not t.state.is_terminal]
    for order in orders[:_TOKENS_NOTED]:
        cancelled.add_note(f"Go on with hosting_orders.from_token({order.to_token()!r})")
    if orders:
        what = (
            f"order {orders[0].hosting_order_id}" if len(orders) == 1 else f"{len(orders)} orders"
        )
        _log.info("a wait for %s was cancelled; at the service nothing has ended", what)


async def watch(
    watcher: Watcher,
    source: Source[T],
    things: Sequence[T],
    is_over: Callable[[T], bool],
    *,
    timeout: float | None = None,
) -> AsyncGenerator[list[Change[T]], None]:
    """Give every change of many things as it happens, until each is over or cannot be read."""
    with _span_of(watcher, source, "every change", things):
        async with watcher.follow(source, things, timeout) as follower:
            for thing in things:
                if is_over(thing):
                    follower.leave(source.id_of(thing))
            while follower.has_more and not follower.is_expired:
                changes = await follower.changes()
                for change in changes:
                    if is_over(change.item):
                        follower.leave(source.id_of(change.item))
                if changes:
                    yield changes


async def watch_orders(
    watcher: Watcher, source: Source[Order], orders: Sequence[Order]
) -> AsyncIterator[OrderUpdate]:
    """Give every change of many orders, one by one; see `HostingOrders.watch`."""
    watching = watch(watcher, source, orders, lambda order: order.state.is_terminal)
    async with aclosing(watching):
        async for changes in watching:
            for change in changes:
                yield OrderUpdate(order=change.item, previous=change.previous, error=change.error)
