"""Callbacks become signals: a job on Temporal looks at its orders as soon as one has changed.

    service ── callback ── CallbackReceiver ── CallbackForwarder ── signal ── job

A callback is answered 200 only when its signals are delivered. Where Temporal, or the order, cannot
be reached, the answer is 503, and the service sends the event again. So every event that was
answered 200 has woken its jobs, at least once. A signal says no more than "look": it has no number,
no order and no person.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import partial

from attrs import define, field
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from .._bulk.tags import tag_of
from ..callbacks import CallbackEvent, CallbackReceiver, DeliverAgain
from ..client import SinchHosting
from ..errors import InvalidRequest, NotFound, SinchHostingError
from .starting import workflow_id

SIGNAL = "order_changed"
"""The signal that every job of this package takes; it has no arguments."""
_log = logging.getLogger("sinch_hosting")
_PATIENCE = timedelta(seconds=5)
_MOST_ORDERS = 10_000
_NUMBER = re.compile(r"\+?[0-9]+\Z")
_GROUP = re.compile(r"\.[a-z2-7]{6}\Z")
"""The end of the name of an onboarding's group; before it stands the name of the onboarding."""


def forward_callbacks(
    receiver: CallbackReceiver, client: Client, sinch: SinchHosting
) -> CallbackForwarder:
    """Make a receiver of callbacks wake the jobs on Temporal that they are about.

    From then on the receiver answers after its handlers have ended: 200 where the signals were
    delivered, 503 where they could not be, so that the service delivers the event again. Call it
    before the first callback comes.

    Args:
        receiver: The receiver.
        client: A client of Temporal, in the namespace of the jobs.
        sinch: The client of the service, which reads the order of an event once.

    Returns:
        The handler that was added to the receiver.
    """
    forwarder = CallbackForwarder(client, sinch)
    receiver.handler(forwarder)
    receiver.answers_after_handlers = True
    return forwarder


class CallbackForwarder:
    """A handler of callbacks that signals the jobs on Temporal which they are about.

    | event about | which jobs are signalled |
    |---|---|
    | an order | the job in the tag of its display name, and the onboarding whose group that is |
    | a number, or an order that is not found | all jobs of the project that run |

    No object of the service says to which order a number belongs. Events that come while a signal
    is under way share the next one. `forward_callbacks` adds it to a receiver, and explains the
    arguments; use it on one event loop.
    """

    def __init__(self, client: Client, sinch: SinchHosting) -> None:
        self._client = client
        self._sinch = sinch
        self._project = sinch._session.project_id
        self._jobs: dict[str, tuple[str, ...]] = {}
        """Orders, and the workflows of their jobs; the last of them."""
        self._wakeups: dict[str, _WakeUp] = {}

    async def __call__(self, event: CallbackEvent) -> None:
        """Signal the jobs of an event; safe to repeat.

        Raises:
            DeliverAgain: Temporal or the service cannot be reached, or refuses.
        """
        about = event.resource_id or ""
        workflows = None if _NUMBER.match(about) else await self._jobs_of(about)
        if workflows is None:
            await self._once("", self._signal_all)
        for workflow in workflows or ():
            await self._once(workflow, partial(self._signal, workflow))

    async def _jobs_of(self, order_id: str) -> tuple[str, ...] | None:
        """Return the workflows of an order's job; `None` where there is no such order."""
        if (known := self._jobs.get(order_id)) is not None:
            return known
        try:
            order = await self._sinch.hosting_orders.get(order_id)
        except (NotFound, InvalidRequest):
            return None
        except SinchHostingError as error:
            raise DeliverAgain(f"order {order_id} cannot be read: {error}") from error
        tag = tag_of(order)
        names = [] if tag is None else dict.fromkeys((tag.job, _GROUP.sub("", tag.job)))
        found = tuple(workflow_id(self._project, name) for name in names)
        self._jobs[order_id] = found
        if len(self._jobs) > _MOST_ORDERS:
            del self._jobs[next(iter(self._jobs))]
        return found

    async def _once(self, key: str, send: Callable[[], Awaitable[None]]) -> None:
        """Do something once for all events that asked for it before it begins."""
        wakeup = self._wakeups.setdefault(key, _WakeUp())
        wakeup.asked += 1
        mine = wakeup.asked
        async with wakeup.lock:
            if wakeup.covered < mine:
                covered = wakeup.asked
                wakeup.why_not = ""
                try:
                    await send()
                except (RPCError, DeliverAgain) as error:
                    wakeup.why_not = f"Temporal did not take a signal: {error}"
                wakeup.covered = covered
            if wakeup.why_not:
                raise DeliverAgain(wakeup.why_not)

    async def _signal(self, workflow: str) -> None:
        handle = self._client.get_workflow_handle(workflow)
        try:
            await handle.signal(SIGNAL, rpc_timeout=_PATIENCE)
        except RPCError as error:
            if error.status != RPCStatusCode.NOT_FOUND or "namespace" in error.message.lower():
                raise
            _log.debug("no job %s runs on Temporal: %s", workflow, error.message)

    async def _signal_all(self) -> None:
        """Signal all jobs of the project that run."""
        prefix = workflow_id(self._project, "any").removesuffix("any")
        quoted = prefix.replace("'", "''")
        query = f"ExecutionStatus = 'Running' AND WorkflowId STARTS_WITH '{quoted}'"
        async for found in self._client.list_workflows(query, rpc_timeout=_PATIENCE):
            await self._once(found.id, partial(self._signal, found.id))


@define
class _WakeUp:
    """What many events ask for, and how often it was done."""

    lock: asyncio.Lock = field(factory=asyncio.Lock)
    asked: int = 0
    """How many events asked for it."""
    covered: int = 0
    """How many of them it was last done for."""
    why_not: str = ""
    """Why it could not be done for them; `""` where it was done."""
