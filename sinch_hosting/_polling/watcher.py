"""The one watcher of a client: who waits for what, and the task that looks after all of it.

The plan of a round is made in `_groups` and `_cadence`, its requests in `_rounds`. The task
exists while something is watched; whoever leaves last ends it, and awaits its end.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Coroutine, Iterable
from itertools import count

from attrs import define, evolve, field

from .. import errors
from .._aio import sleep_until, unwrap_group
from .._session.orders_api import Place
from .._session.session import Session
from ..models import Order
from ..models._checks import check_identifier, check_seconds
from ..models.orders import OrderCalls, created_with
from ..states import OrderState
from .fetcher import OrderFetcher
from .followers import OrderChange, Subscription
from .lists import Group
from .policy import PollPolicy
from .schedule import INSTANT, SHORTEST_REST, WatchedOrder, budget_of

_GRACE = 1.0
"""Seconds that the last look of a wait may take once the time of the wait has run out."""
_LONGEST_REST = 3600.0
_DEADLINES_KEPT = 64


@define(eq=False)
class _Run:
    """One life of the task: from the first order that is watched to the last."""

    wake: asyncio.Event = field(factory=asyncio.Event)
    jobs: asyncio.TaskGroup = field(factory=asyncio.TaskGroup)
    running: set[asyncio.Task[None]] = field(factory=set)
    task: asyncio.Task[None] | None = None
    is_open: bool = False


class Watcher:
    """Looks after all orders that anybody waits for, in as few requests as it can."""

    def __init__(self, session: Session, policy: PollPolicy, orders: OrderCalls) -> None:
        self._session = session
        self._policy = policy
        self._orders = orders
        self.budget = budget_of(policy, session.requests_per_second)
        """What all polling of the client may spend."""
        self._asker = OrderFetcher(session, policy, self.budget, orders, self)
        self._members: dict[str, WatchedOrder] = {}
        self._groups: dict[Place, Group] = {}
        self._deadlines: list[tuple[float, int, Subscription]] = []
        self._count = count()
        self._run: _Run | None = None
        self._ending: set[asyncio.Task[None]] = set()
        self._latest = float("-inf")

    # --------------------------------------------------------- who waits

    def follow(self, orders: Iterable[Order], timeout: float | None = None) -> Subscription:
        """Watch orders for somebody, who hears of every change from these snapshots on.

        Raises `InvalidRequest` for an order without an id, `UsageError` on a closed client.
        """
        wanted = list(orders)
        for order in wanted:
            check_identifier(order.hosting_order_id, "order_id")
        if timeout is not None:
            check_seconds(timeout, "timeout")
        self._session.bind()
        now = self._now()
        ends = None if timeout is None else now + timeout
        follower = Subscription(self, {}, ends)
        for order in wanted:
            self._add(order, follower, now)
        if ends is not None and wanted:
            self._forget_deadlines()
            heapq.heappush(self._deadlines, (ends, next(self._count), follower))
        self._start()
        return follower

    def _forget_deadlines(self) -> None:
        """Drop the deadlines of waits that are over, once they are most of those kept."""
        if len(self._deadlines) > 2 * len(self._members) + _DEADLINES_KEPT:
            self._deadlines = [entry for entry in self._deadlines if entry[2].orders]
            heapq.heapify(self._deadlines)

    def _add(self, order: Order, follower: Subscription, now: float) -> None:
        order_id = order.hosting_order_id
        if order_id in follower.orders:
            return
        member = self._members.get(order_id)
        if member is None:
            member = self._members[order_id] = WatchedOrder(order, now)
            self._join_group(member)
        elif order.state == OrderState.UNSPECIFIED or member.is_stale(order, from_list=True):
            follower.tell(OrderChange(member.order, order))
        if member.interval > self._policy.initial or member.order != order:
            self._hasten(member, now)
        if member.is_older_than(order):
            self._learn(member, order)
        follower.orders[order_id] = member
        member.followers = (*member.followers, follower)
        member.numbers = member.numbers or created_with(order)

    def _learn(self, member: WatchedOrder, order: Order) -> None:
        """Take in a newer snapshot that somebody has, and tell those who follow already."""
        previous = member.order
        member.know(evolve(order, orders=self._orders))
        self._regroup(member, Place.of(previous))
        for follower in member.followers:
            follower.tell(OrderChange(member.order, previous))

    def _hasten(self, member: WatchedOrder, due: float) -> None:
        member.due = min(member.due, due)
        self._group_of(member).bring_forward(due)

    def _group_of(self, member: WatchedOrder) -> Group:
        key = Place.of(member.order)
        group = self._groups.get(key)
        if group is None:
            group = self._groups[key] = Group(key)
        return group

    def drop(self, member: WatchedOrder, follower: Subscription) -> None:
        """End what `follow` began for one order of a follower."""
        member.followers = tuple(f for f in member.followers if f is not follower)
        if not member.followers:
            self._forget(member)

    def _forget(self, member: WatchedOrder) -> None:
        if self._members.pop(member.order_id, None) is not None:
            self._leave_group(member, Place.of(member.order))

    def _leave_group(self, member: WatchedOrder, key: Place) -> None:
        group = self._groups[key]
        del group.members[member.order_id]
        if not group.members:
            del self._groups[key]

    # ---------------------------------------------------------- callbacks

    def notify(self, resource_id: str) -> None:
        """Look now at the order of this id, or at those that may have the number of this name."""
        if self._run is None:
            return
        now = self._now()
        named = self._members.get(resource_id)
        if named is not None:
            self._notice(named, now)
        elif resource_id.startswith("+"):
            self._notice_number(resource_id, now)
        self._run.wake.set()

    def _notice_number(self, phone_number: str, now: float) -> None:
        found = [m for m in self._members.values() if m.numbers and phone_number in m.numbers]
        for member in found:
            self._notice(member, now)
        if not found:
            for group in self._groups.values():
                # Orders whose numbers are known do not have this one.
                if any(m.numbers is None for m in group.members.values()):
                    group.notice(now)

    def _notice(self, member: WatchedOrder, now: float) -> None:
        if not member.notice(now):
            self._group_of(member).bring_forward(member.due)
        elif now < self._asker.not_before or not self._spawn(self._asker.look(member)):
            self._hasten(member, now)

    # ------------------------------------------------- what a look showed

    def looked(self, member: WatchedOrder, previous: Order | None) -> None:
        """Tell those who follow an order that it was looked at, and how it changed."""
        if previous is not None:
            self._regroup(member, Place.of(previous))
            for follower in member.followers:
                follower.tell(OrderChange(member.order, previous))
        for follower in member.followers:
            follower.looked(member.order_id)

    def ended(self, member: WatchedOrder, error: errors.SinchHostingError) -> None:
        """Tell those who follow an order that it cannot be looked at any more."""
        self._forget(member)
        for follower in member.followers:
            follower.orders.pop(member.order_id, None)
            follower.tell(OrderChange(member.order, member.order, error))
            follower.looked(member.order_id)
        member.followers = ()

    def _regroup(self, member: WatchedOrder, before: Place) -> None:
        if before != Place.of(member.order) and member.order_id in self._members:
            self._leave_group(member, before)
            self._join_group(member)

    def _join_group(self, member: WatchedOrder) -> None:
        group = self._group_of(member)
        group.members[member.order_id] = member
        group.bring_forward(member.due)

    # ------------------------------------------------------------ the task

    def _start(self) -> None:
        if not self._members:
            return
        if self._run is None:
            run = self._run = _Run()
            run.task = asyncio.create_task(self._watch(run), name="sinch_hosting watcher")
        self._run.wake.set()

    async def end_if_idle(self) -> None:
        """End the task where nothing is watched any more, and await its end."""
        run = self._run
        if self._members or run is None or run.task is None:
            return
        self._run = None
        self._deadlines.clear()
        await self._end(run.task)

    async def aclose(self) -> None:
        """End all waits with a `UsageError`, and the task."""
        closed = errors.UsageError("the client was closed during a wait; the order goes on")
        for follower in {f for m in self._members.values() for f in m.followers}:
            follower.end(closed)
        self._members.clear()
        self._groups.clear()
        await self.end_if_idle()
        if self._ending:
            await asyncio.wait(self._ending)

    async def _end(self, task: asyncio.Task[None]) -> None:
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)
        task.cancel()
        await asyncio.wait({task})

    async def _watch(self, run: _Run) -> None:
        """Round by round: what is due, and a rest until something is."""
        try:
            async with run.jobs:
                run.is_open = True
                reached = float("-inf")
                while True:
                    run.wake.clear()
                    now = self._now()
                    self._expire(max(now, reached))
                    self._start_rounds(now)
                    seconds = max(SHORTEST_REST, self._next(now) - now)
                    reached = now + (seconds if await self._rest(run, seconds) else 0.0)
        except asyncio.CancelledError:
            if self._run is run:  # not by us: nobody must wait for a watcher that is gone
                self._fail(run, errors.UsageError("the watcher's task was cancelled from outside"))
            raise
        except Exception as error:
            self._fail(run, error)
        finally:
            run.is_open = False

    def _fail(self, run: _Run, error: Exception) -> None:
        """Tell all who wait that the watcher is gone."""
        error = unwrap_group(error)
        if self._run is run:
            self._run = None
            for member in list(self._members.values()):
                broken = errors.SinchHostingError(f"the watcher failed: {error!r}")
                broken.__cause__ = error
                self.ended(member, broken)

    def _spawn(self, job: Coroutine[None, None, None]) -> bool:
        """Start a job under the task; `False` where that has not begun yet."""
        run = self._run
        if run is None or not run.is_open:
            job.close()
            return False
        task = run.jobs.create_task(job)
        run.running.add(task)

        def done(task: asyncio.Task[None]) -> None:
            run.running.discard(task)
            run.wake.set()

        task.add_done_callback(done)
        return True

    def _start_rounds(self, now: float) -> None:
        due = [g for g in self._groups.values() if not g.is_asking and g.due <= now + INSTANT]
        # The longest due first: where the budget is short, each has its turn.
        for group in sorted(due, key=lambda group: group.due):
            if not self._asker.may_ask(now):
                return
            group.is_asking = True
            self._spawn(self._round(group))

    async def _round(self, group: Group) -> None:
        try:
            await self._asker.ask(group)
        finally:
            group.is_asking = False
            group.refresh_due(self._session.clock())

    def _next(self, now: float) -> float:
        """When there is something to do next."""
        hold = max(self._asker.not_before, now + self._asker.budget.wait(now))
        dues = [max(g.due, hold) for g in self._groups.values() if not g.is_asking]
        while self._deadlines and not self._deadlines[0][2].orders:
            heapq.heappop(self._deadlines)
        if self._deadlines:
            dues.append(self._deadlines[0][0])
        return min(dues, default=now + _LONGEST_REST)

    async def _rest(self, run: _Run, seconds: float) -> bool:
        """Rest for so long at most; whether the loop's clock says that it was that long.

        While requests are under way, time is the loop's: on a clock that is stepped, no deadline
        passes before the answer that is on its way, and a slow answer outlasts none.
        """
        if not self._members:
            await run.wake.wait()
        elif run.running:
            try:
                async with asyncio.timeout(min(seconds, _LONGEST_REST)):
                    await run.wake.wait()
            except TimeoutError:
                return seconds <= _LONGEST_REST
        else:
            await sleep_until(run.wake, self._session.sleep, seconds)
        return False

    # ---------------------------------------------------------------- time

    def _expire(self, now: float) -> None:
        """Give waits whose time is up a last look, and end those that had it."""
        while self._deadlines and self._deadlines[0][0] <= now + INSTANT:
            follower = heapq.heappop(self._deadlines)[2]
            if follower.is_in_its_last_looks or now < self._asker.not_before:
                follower.expire()
                continue
            idle = [m for m in follower.orders.values() if not self._is_asked(m)]
            follower.await_last_looks(m.order_id for m in idle)
            for member in idle:
                self._hasten(member, now)
            heapq.heappush(self._deadlines, (now + _GRACE, next(self._count), follower))

    def _is_asked(self, member: WatchedOrder) -> bool:
        return member.is_asked or self._group_of(member).is_asking

    def _now(self) -> float:
        """The time; where the clock was set back, all that is planned goes back with it."""
        now = self._session.clock()
        if now < self._latest:
            back = self._latest - now
            for group in self._groups.values():
                group.move(-back)
            self._deadlines = [(ends - back, n, follower) for ends, n, follower in self._deadlines]
            self._asker.not_before -= back
        self._latest = now
        return now
