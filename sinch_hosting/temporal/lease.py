"""How long an attempt of an activity may act: the fence before a create.

Temporal runs an activity at least once, and attempts can overlap: a worker that stood still comes
back while another one does its work. A heartbeat that the server has taken is a lease. It lasts
for the activity's heartbeat time-out, counted here from before the heartbeat was sent, on this
machine's own clock. A create leaves only if its request ends within that time. Then no create of an
attempt can arrive after the server has given the attempt up.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator

from attrs import evolve
from temporalio import activity
from temporalio.client import AsyncActivityCancelledError, AsyncActivityHandle
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from .._aio import Clock
from .._bulk.ledger import machine_clock
from .._bulk.order_template import OrderTemplate
from .._session.orders_api import OrderRequest
from .._session.retry import CreateObserver
from ..errors import RunStopped, SinchHostingError
from ..models import Order

_log = logging.getLogger("sinch_hosting")
_RENEWALS = 4


class Lease:
    """The time for which the server leaves this attempt alone."""

    def __init__(
        self, handle: AsyncActivityHandle, seconds: float, clock: Clock = machine_clock
    ) -> None:
        self._handle = handle
        self._seconds = seconds
        self._clock = clock
        self._ends = clock()

    @classmethod
    def of_activity(cls) -> Lease:
        """The lease of the activity that runs: it lasts for its heartbeat time-out."""
        info = activity.info()
        assert info.heartbeat_timeout is not None  # noqa: S101 - every activity of ours has one
        handle = activity.client().get_async_activity_handle(task_token=info.task_token)
        return cls(handle, info.heartbeat_timeout.total_seconds())

    async def renew(self) -> None:
        """Send a heartbeat; raises where the server has given this attempt up, or cancelled it."""
        asked = self._clock()
        await self._handle.heartbeat()
        self._ends = max(self._ends, asked + self._seconds)

    async def check(self, seconds: float) -> None:
        """Renew the lease, and raise `RunStopped` unless it lasts for so many seconds more."""
        try:
            await self.renew()
        except (RPCError, AsyncActivityCancelledError) as error:
            raise RunStopped("Temporal has given this attempt up", error) from error
        left = self._ends - self._clock()
        if left < seconds:
            raise RunStopped(
                f"this attempt may act for {left:.1f} s more, a request may take {seconds:.1f} s"
            )

    def check_now(self) -> None:
        """Raise `RunStopped` where the lease is over."""
        if self._clock() > self._ends:
            raise RunStopped("the time of this attempt was over before its request was written")

    @contextlib.asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        """Renew it again and again, for the time of a block.

        The block is cancelled where the server has given this attempt up, or cancelled it: else
        it would go on for ever, beside the attempt that took its place.
        """
        owner = asyncio.current_task()
        assert owner is not None  # noqa: S101 - a coroutine runs in a task
        keeping = asyncio.create_task(self._keep(owner))
        try:
            yield
        finally:
            keeping.cancel()
            await asyncio.wait([keeping])

    async def _keep(self, owner: asyncio.Task[object]) -> None:
        while True:
            await asyncio.sleep(self._seconds / _RENEWALS)
            try:
                await self.renew()
            except AsyncActivityCancelledError:
                break
            except RPCError as error:
                if error.status == RPCStatusCode.NOT_FOUND:
                    break
                _log.warning("a heartbeat was not taken: %s", error)
        owner.cancel("Temporal has given this attempt up")


async def pause(seconds: float) -> None:
    """Wait until the next look; raises where the worker is to end, so that another one goes on."""
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(activity.wait_for_worker_shutdown(), seconds)
        raise ApplicationError("the worker stops: another one goes on watching")


def fenced(template: OrderTemplate, lease: Lease, longest_request: float) -> OrderTemplate:
    """Return the template of orders whose creates leave only within the lease."""

    async def create(
        request: OrderRequest, observer: CreateObserver | None, patience: int
    ) -> Order:
        return await template.create(request, _Fence(lease, longest_request), patience)

    return evolve(template, create=create)


class _Fence(CreateObserver):
    """Lets a create leave only within its lease."""

    def __init__(self, lease: Lease, longest_request: float) -> None:
        self._lease = lease
        self._longest_request = longest_request

    async def on_sending(self) -> None:
        """Raise `RunStopped` where the request might outlast the lease."""
        await self._lease.check(self._longest_request)

    def on_writing(self) -> None:
        """Raise `RunStopped` where the lease is over: opening the connection takes time, too."""
        self._lease.check_now()

    async def on_refused(self, error: SinchHostingError) -> None:
        """Nothing is noted: the history has the result."""

    async def on_created(self, order_id: str) -> None:
        """Nothing is noted: the history has the result."""
