"""Sends the new orders of an onboarding, group by group, as long as there is time."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from attrs import define, evolve, field

from .._bulk.chunks import Chunk, SkippedNumber
from .._bulk.job import Job
from .._bulk.order_template import JobOptions, OrderTemplate
from .._bulk.refusals import Obstacle, why_not_qualified
from .._bulk.results import ChunkOutcome
from .._bulk.run import Run
from .._session.orders_api import OrderRequest
from .._session.retry import CreateObserver
from ..errors import NotFound, RunStopped, SinchHostingError
from ..models import Order
from ..states import QualificationState
from .context import Context, Group
from .fence import Fence
from .history import History
from .progress import Deadline

if TYPE_CHECKING:
    from ..resources.qualified_numbers import QualifiedNumbers

TIME_IS_UP = "time was up before its order was sent"
NOT_VERIFIED = "is ELIGIBLE, not VERIFIED"
"""Why a number is left out of an order that the service refused."""


@define
class _Running:
    """The run of a group, and its job."""

    run: Run
    job: Job
    next_index: int


class Ordering:
    """Sends the orders of one onboarding."""

    def __init__(self, context: Context, history: History, deadline: Deadline) -> None:
        self._context = context
        self._history = history
        self._deadline = deadline
        self._max_letters = context.settings.max_letters
        self._letters = 0
        self._groups: dict[str, _Running] = {}
        self._lock = asyncio.Lock()
        self.in_flight: set[asyncio.Task[Any] | None] = set()
        """The tasks whose create was sent, and whose order is not known yet."""

    async def close(self) -> None:
        """End the searches for orders."""
        for group in self._groups.values():
            await group.job.close()

    async def order(self, group: Group, numbers: Sequence[str]) -> ChunkOutcome:
        """Create an order; numbers that were in flight are sent as the same chunk of their job."""
        try:
            async with self._lock:
                running = self._groups.get(group.key) or await self._begin(group)
                index = self._index(running, group, numbers)
            return await running.run.handle(Chunk(index=index, numbers=tuple(numbers)))
        finally:
            self.in_flight.discard(asyncio.current_task())

    def _index(self, running: _Running, group: Group, numbers: Sequence[str]) -> int:
        """Return the chunk's index in its job: the old one, where exactly these were in flight."""
        held = self._history.held(numbers[0])
        is_same_job = held is not None and held.job == group.job(self._history.options.job)
        # Where these are only some of them, the others and their ledger entry stay in flight.
        if held is not None and is_same_job and set(held.entry.listed) == set(numbers):
            return held.entry.chunk
        running.next_index += 1
        return running.next_index - 1

    async def _begin(self, group: Group) -> _Running:
        name, known = self._history.of_group(group)
        ledger = self._history.ledger
        template = self._watched(self._context.template(group))
        options: JobOptions = evolve(
            self._history.options, job=name, ledger=ledger, retry_rejected=False
        )
        session, orders = self._context.session, self._context.orders
        job = Job(template, options, orders, session.sleep)
        await job.join(ledger, known)
        used = [tagged.tag.chunk for tagged in known]
        used += [] if ledger is None else [*ledger.jobs[name].chunks]
        running = _Running(self._run(job), job, max(used, default=-1) + 1)
        self._groups[group.key] = running
        return running

    def _run(self, job: Job) -> Run:
        context = self._context
        run = Run(job.template, job.options, context.orders, context.session, concurrency=1)
        run.join(job)
        return run

    def _watched(self, template: OrderTemplate) -> OrderTemplate:
        """Return the template, whose creates are counted, and refused when the time is over."""
        mails = template.signer is not None

        async def create(
            request: OrderRequest, observer: CreateObserver | None, patience: int
        ) -> Order:
            watched = _DeadlineObserver(self, observer, self._history.fence, mails)
            return await template.create(request, watched, patience)

        why_not = partial(why_not_ready, self._context.qualified)
        return evolve(template, create=create, why_not=why_not)

    def begin_anew(self, group: Group) -> None:
        """Begin a new run for a group, which earlier refusals do not stop."""
        running = self._groups.get(group.key)
        if running is not None:
            running.run = self._run(running.job)

    def count_departure(self, *, mails: bool) -> None:
        """Count a create that is about to be sent.

        Raises `RunStopped` when the time is over, or where its letter would be one too many.
        """
        if self._deadline.is_over:
            raise RunStopped(TIME_IS_UP)
        if mails and self._letters == self._max_letters:
            raise RunStopped(f"max_letters = {self._max_letters} were mailed")
        self._letters += mails

    def discount_departure(self, *, mails: bool) -> None:
        """Count a create no longer that was refused: it mailed no letter."""
        self._letters -= mails


async def why_not_ready(numbers: QualifiedNumbers, phone_number: str) -> Obstacle | None:
    """Return why a number has to be left out of an order that was refused.

    Where the service refuses numbers, it may mean all that are only ELIGIBLE, also where it names
    few of them. To try each alone would take one request for each number.
    """
    try:
        number = await numbers.get(phone_number)
    except NotFound:
        absent = SkippedNumber(phone_number=phone_number, reason="is not in qualification")
        return Obstacle(absent, may_be_own=False)
    if number.global_process_state == QualificationState.ELIGIBLE:
        early = SkippedNumber(phone_number=phone_number, reason=NOT_VERIFIED)
        return Obstacle(early, since=number.updated_time)
    return why_not_qualified(number)


@define
class _DeadlineObserver:
    """Notes which tasks have a create under way, and calls another observer."""

    _ordering: Ordering
    _next: CreateObserver | None
    _fence: Fence | None
    _mails: bool
    _task: asyncio.Task[Any] | None = field(factory=asyncio.current_task, init=False)

    async def on_sending(self) -> None:
        """Raise `RunStopped` when the time is over or the letter would be one too many.

        Raises `LedgerLocked` where another run may do the onboarding: recording it took time.
        """
        self._ordering.count_departure(mails=self._mails)
        if self._next is not None:
            await self._next.on_sending()
        if self._fence is not None:
            await self._fence.on_sending()
        self._ordering.in_flight.add(self._task)

    def on_writing(self) -> None:
        """Pass it on, and raise `LedgerLocked` where another run may do the onboarding."""
        if self._fence is not None:
            self._fence.on_writing()
        if self._next is not None:
            self._next.on_writing()

    async def on_refused(self, error: SinchHostingError) -> None:
        """Note that the create is not under way any more."""
        self._ordering.discount_departure(mails=self._mails)
        self._ordering.in_flight.discard(self._task)
        if self._next is not None:
            await self._next.on_refused(error)

    async def on_created(self, order_id: str) -> None:
        """Call the other observer; the order still has to be read."""
        if self._next is not None:
            await self._next.on_created(order_id)
