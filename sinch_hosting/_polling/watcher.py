"""The watcher of a client: it reads, for all waits, the orders and numbers that they wait for.

**The idea.** A wait sends no request. It follows things (orders, numbers), and the watcher reads
all of them with one budget of requests. Watched things are grouped by *place*: one query of lists.
Each thing has a time at which it is due, and a group is due when its first thing is due.

```
 waits ──follow──▶ things ──by place──▶ groups ──due──▶ rounds ──turn──▶ requests
   ▲                                                      ▲ (fetcher)        │
   └───────────── change of a thing ◀── looked ───────────┼──────────────────┘
                                         one token a turn ┘ (this task)
```

A *round* of a group reads the lists that are worth it, in the order of the states (`sweeps`), then
singly what these should have shown and did not show, first what is due longest. So:

* **Every round makes progress.** What is due when a round begins is shown by a list or read singly
  in that round. Lists come first and take a bounded share of the requests. They are not used for a
  while after they were refused, failed or hung twice, or showed states that had passed.
* **Groups take turns.** A round waits for one turn at a time. Every second turn goes to the request
  that waits longest: so with N groups, each gets at least every 2Nth token. The other turns go to
  the request that is due longest: so a large group does not wait for many small ones.
* **Groups learn from each other.** Once two groups in a row have moved on to the same state, the
  list of that state is read first for the next small groups (`moves`), until it shows nothing new.
* **A thing counts as looked at when a response came.** Only then its due time moves.
* **Lists are checked.** They may lag, or show a state that has passed. From time to time one of
  many things that a sweep has shown is read singly, and each thing some minutes after its last
  change, then four times as late each time (`audit_at`). A list that is read later and still shows
  the state before is wrong. After three such cases in a row things are read singly for a while.
* **One response ends no wait.** One without a state only delays the next look, however often; a
  refusal is believed when the next look gets the same one.

A callback leads to a look at once, beside the rounds, which is taken from the budget afterwards.
The task runs while something is watched, in an empty context: no caller's trace has its requests.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable, Mapping
from contextvars import Context
from functools import partial
from typing import Any, TypeVar

from .. import errors
from .._aio import sleep_until, unwrap_group
from .._session.session import Session
from ..models import ImportedNumber, Order, QualifiedNumber
from ..models._checks import check_identifier, check_seconds
from .deadlines import Deadlines
from .fetcher import Fetcher
from .lists import Group
from .policy import PollPolicy, budget_of
from .registry import Registry
from .schedule import INSTANT, Watched
from .sources import Source
from .subscription import Change, Subscription
from .turns import Run

T = TypeVar("T", Order, QualifiedNumber, ImportedNumber)
_GRACE = 1.0
"""Seconds for the last look of a wait after its time is over."""
_SHORTEST_REST = 0.001
_LONGEST_REST = 3600.0


class Watcher:
    """Reads all that is waited for, in as few requests as it can."""

    def __init__(self, session: Session, policy: PollPolicy) -> None:
        self._session = session
        self._events = session.events
        self.telemetry = None if session.events is None else session.events.telemetry
        self._policy = policy
        self.budget = budget_of(policy, session.requests_per_second, session.clock, session.sleep)
        """The budget of all waits of the client."""
        a_minute = self.budget.per_second * 60
        self._fetcher = Fetcher(session, policy, self, max(8, min(1000, int(a_minute))))
        self._registry = Registry()
        self._deadlines = Deadlines()
        self._run: Run | None = None
        self._ending: set[asyncio.Task[None]] = set()
        self._latest = float("-inf")

    # --------------------------------------------------------- who waits

    def follow(
        self, source: Source[T], things: Iterable[T], timeout: float | None = None
    ) -> Subscription[T]:
        """Watch things; returns a subscription to their changes, from these snapshots on.

        Raises `InvalidRequest` for a thing without an id, `UsageError` on a closed client.
        """
        wanted = list(things)
        for thing in wanted:
            check_identifier(source.id_of(thing), source.identifier)
        if timeout is not None:
            check_seconds(timeout, "timeout")
        self._session.bind()
        now = self._now()
        ends = None if timeout is None else now + timeout
        follower = Subscription[T](self)
        for thing in wanted:
            self._add(source, thing, follower, now)
        if ends is not None and wanted:
            self._deadlines.add(ends, follower, len(self._registry))
        for member in follower.members.values():
            if member.audited_at == float("inf"):
                member.plan_audit(now)
        self._start()
        return follower

    def _add(self, source: Source[T], thing: T, follower: Subscription[T], now: float) -> None:
        thing_id = source.id_of(thing)
        if thing_id in follower.members:
            return
        known = self._registry.things(source).get(thing_id)
        member: Watched[T] = known or self._registry.add(source, thing, now)
        if known is None:
            self._count_orders(member, +1)
        if (member.is_seen or not source.is_bare(member.item)) and (
            source.is_bare(thing) or member.is_stale(thing, from_list=True)
        ):
            follower.add(Change(member.item, thing))
        if member.interval > self._policy.initial or member.item != thing:
            self._bring_forward(member, now)
        if member.is_older_than(thing):
            self._learn(member, thing, now)
        follower.members[thing_id] = member
        member.followers = (*member.followers, follower)
        self._registry.numbers.add(member, thing)

    def _learn(self, member: Watched[T], thing: T, now: float) -> None:
        """Use a newer snapshot of a caller, and send it to the waits that follow already."""
        previous = member.item
        member.know(member.source.copy(thing), now)
        member.listed_as = 0
        self._registry.regroup(member)
        self._publish(member, previous)

    def _publish(self, member: Watched[Any], previous: Any) -> None:
        """Tell those who follow a thing how it has changed, and whoever hears of all changes."""
        for follower in member.followers:
            follower.add(Change(member.item, previous))
        if self._events is not None and isinstance(member.item, Order):
            self._events.changed(member.item, previous)

    def _bring_forward(self, member: Watched[Any], due: float) -> None:
        member.due = min(member.due, due)
        member.group.bring_forward(due)

    def drop(self, member: Watched[Any], follower: Subscription[Any]) -> None:
        """End what `follow` began for one thing."""
        member.followers = tuple(f for f in member.followers if f is not follower)
        if not member.followers:
            self._forget(member)

    def _forget(self, member: Watched[Any]) -> None:
        if self._registry.remove(member):
            self._count_orders(member, -1)

    def _count_orders(self, member: Watched[Any], more: int) -> None:
        if self.telemetry is not None and member.source.model is Order:
            self.telemetry.waits_for_orders(more)

    # ---------------------------------------------------------- callbacks

    def notify(self, resource_id: str) -> None:
        """Look now at the thing with this id, or at the orders that may have this number."""
        if self._run is None:
            return
        now = self._now()
        for member in self._registry.named(resource_id, now):
            self._notice(member, now)
        self._run.wake.set()

    def _notice(self, member: Watched[Any], now: float) -> None:
        if not member.notice(now):
            member.group.bring_forward(member.due)
        elif now >= self._fetcher.outcomes.not_before and self.spawn(self._fetcher.look(member)):
            self.budget.take()  # also while a look is under way: its response may be older
        else:
            self._bring_forward(member, now)

    # ------------------------------------------------- what a look showed

    def things(self, source: Source[Any]) -> Mapping[str, Watched[Any]]:
        """Return the watched things of a source, by id."""
        return self._registry.things(source)

    def looked(self, member: Watched[Any], previous: Any) -> None:
        """Tell the waits that follow a thing that it was looked at, and how it changed."""
        if previous is not None:
            self._registry.regroup(member)
            self._publish(member, previous)
        member.group.bring_forward(member.due)
        for follower in member.followers:
            follower.looked(member.id)

    def in_no_list(self, members: Iterable[Watched[Any]]) -> None:
        """Do nothing for things that no list shows: they are read singly."""

    def ended(self, member: Watched[Any], error: errors.SinchHostingError) -> None:
        """Tell the waits that follow a thing that it cannot be read any more."""
        self._forget(member)
        for follower in member.followers:
            follower.members.pop(member.id, None)
            follower.add(Change(member.item, member.item, error))
            follower.looked(member.id)
        member.followers = ()

    # ------------------------------------------------------------ the task

    def _start(self) -> None:
        if not self._registry:
            return
        if self._run is None:
            run = self._run = Run()
            run.task = asyncio.get_running_loop().create_task(
                self._watch(run), name="sinch_hosting watcher", context=Context()
            )
        self._run.wake.set()

    async def end_if_idle(self) -> None:
        """End the task where nothing is watched any more, and await its end."""
        run = self._run
        if self._registry or run is None or run.task is None:
            return
        self._run = None
        self._deadlines.clear()
        await self._end(run.task)

    async def aclose(self) -> None:
        """End all waits with a `UsageError`, and the task."""
        closed = errors.UsageError("the client was closed during a wait; the order goes on")
        for follower in {f for m in self._registry for f in m.followers}:
            follower.end(closed)
        for member in self._registry:
            self._forget(member)
        await self.end_if_idle()
        if self._ending:
            await asyncio.wait(self._ending)

    async def _end(self, task: asyncio.Task[None]) -> None:
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)
        task.cancel()
        await asyncio.wait({task})

    async def _watch(self, run: Run) -> None:
        """Give turns, start the rounds that are due, and sleep until there is something to do."""
        try:
            async with run.jobs:
                run.is_open = True
                reached = float("-inf")
                while True:
                    run.wake.clear()
                    now = self._now()
                    self._expire(max(now, reached))
                    run.give_turns(partial(self._take, now))
                    self._start_rounds(now)
                    seconds = max(_SHORTEST_REST, self._next(run, now) - now)
                    reached = now + (seconds if await self._rest(run, seconds) else 0.0)
        except asyncio.CancelledError:
            if self._run is run:  # cancelled by others: no wait may go on without a watcher
                self._fail(run, errors.UsageError("the watcher's task was cancelled from outside"))
            raise
        except Exception as error:
            self._fail(run, error)
        finally:
            run.is_open = False

    def _fail(self, run: Run, error: Exception) -> None:
        """End all waits, since the watcher has ended."""
        error = unwrap_group(error)
        if self._run is run:
            self._run = None
            for member in self._registry:
                broken = errors.SinchHostingError(f"the watcher failed: {error!r}")
                broken.__cause__ = error
                self.ended(member, broken)

    def spawn(self, job: Coroutine[Any, Any, None]) -> asyncio.Task[None] | None:
        """Start a job under the task; returns `None` where the task does not run."""
        run = self._run
        if run is None or not run.is_open:
            job.close()
            return None
        return run.spawn(job)

    def _start_rounds(self, now: float) -> None:
        due = [
            g for g in self._registry.groups.values() if not g.is_busy and g.due <= now + INSTANT
        ]
        # The longest due first: where the budget is short, their requests queue in this order.
        for group in sorted(due, key=lambda group: group.due):
            group.is_busy = True
            self.spawn(self._round(group))

    async def _round(self, group: Group) -> None:
        try:
            await self._fetcher.round(group)
        finally:
            group.is_busy = False
            group.refresh_due(self._session.clock())

    # --------------------------------------------------------------- turns

    async def turn(self, due: float) -> None:
        """Wait until a request may be sent: there is a token, and the service wants no pause."""
        if self._run is None:
            raise asyncio.CancelledError
        await self._run.turn(due)

    def return_turn(self) -> None:
        """Give back a turn that was not used."""
        self.budget.give_back()

    def _take(self, now: float) -> bool:
        """Take a token where a request may be sent; returns whether it may."""
        if self._hold(now) > 0:
            return False
        self.budget.take()
        return True

    def _hold(self, now: float) -> float:
        """Return the seconds until a request may be sent."""
        return max(self._fetcher.outcomes.not_before - now, self.budget.remaining())

    def _next(self, run: Run, now: float) -> float:
        """Return when there is something to do next."""
        dues = [g.due for g in self._registry.groups.values() if not g.is_busy]
        if run.turns:
            dues.append(now + self._hold(now))
        return min([*dues, self._deadlines.next(), now + _LONGEST_REST])

    async def _rest(self, run: Run, seconds: float) -> bool:
        """Sleep for so long at most; returns whether the loop's clock says that it was that long.

        While requests are under way, the clock of the event loop counts. So the clock of a test
        passes no deadline before the response that is on its way, and a slow response does not
        delay a deadline.
        """
        if not self._registry:
            await run.wake.wait()
        elif run.busy:
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
        """Give waits whose time is over a last look, and end those that had it."""
        over = self._deadlines.pop(now)
        asking = {g for g in self._registry.groups.values() if over and g.is_asking}
        for follower in over:
            if follower.is_in_its_last_looks or self._hold(now) > _GRACE:
                follower.expire()
            else:
                self._deadlines.add(now + _GRACE, follower, len(self._registry))
                self._look_last(follower, asking, now)

    def _look_last(self, follower: Subscription[Any], asking: set[Group], now: float) -> None:
        """Look once more at the things of a wait, but for those that a request is under way for.

        Where one is under way for a group, what is due is sought by it, or waits for its turn. For
        the others the next round may begin too late.
        """
        last = [
            m
            for m in follower.members.values()
            if not m.is_asked and (m.group not in asking or m.due > now + INSTANT)
        ]
        follower.await_last_looks(m.id for m in last)
        for member in last:
            self._bring_forward(member, now)
        for group in {m.group for m in last if m.group in asking}:
            self.spawn(self._fetcher.look_beside(group))

    def _now(self) -> float:
        """Return the time; where the clock was set back, all planned times go back with it."""
        now = self._session.clock()
        if now < self._latest:
            back = self._latest - now
            self._registry.move(-back)
            self._deadlines.move(-back)
            self._fetcher.outcomes.not_before -= back
        self._latest = now
        return now
