"""Events to the callback URLs: signed, in order, retried, and only to allowed hosts."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from collections import deque
from typing import TYPE_CHECKING, Any, TypeAlias

import aiohttp
from attrs import define, field

from .checks import is_loopback, url_host
from .records import CallbackRecord

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .clock import Subject
    from .faults import Fault, Faults
    from .records import HostingOrder, ImportedNumber
    from .store import World

RETRY_DELAYS = (10.0, 30.0, 90.0, 270.0, 810.0, 2430.0)
"""Virtual seconds before each further attempt; after the last one the event is given up."""
ATTEMPT_TIMEOUT = 5.0
"""Seconds of real time that a receiver has to answer."""
REAL_SHARE = 0.01
"""The share of its retry delays that passes in real time at least, however fast time goes.

A receiver that restarts needs real seconds for it.
"""
AT_ONCE = 16
"""Receivers that are called at the same time."""

Retry: TypeAlias = tuple[str, str, float]
"""The id of an event, why it is attempted later, and when."""

_WRONG_KEY = "not the key"


def signature(body: bytes, secret: str) -> str:
    """Return the value of ``X-Sinch-Signature``: HMAC-SHA1 of the raw body in lowercase hex."""
    key = secret.encode("utf-8", "surrogatepass")
    return hmac.new(key, body, hashlib.sha1).hexdigest()


@define
class _Held:
    record: CallbackRecord
    fault: Fault


@define(eq=False)
class Callbacks:
    """Delivers events. One receiver gets its events one after the other.

    Args:
        world: whose clock times the retries and whose secret signs.
        faults: what may happen to events.
        allowed: hosts that may be called besides loopback ones; ``*`` for all.
        records: every event, oldest first.
        is_open: whether anything is delivered; so while the sandbox runs.
    """

    world: World
    faults: Faults
    allowed: frozenset[str]
    records: deque[CallbackRecord]
    is_open: bool = False
    _queues: dict[str, deque[CallbackRecord]] = field(init=False, factory=dict)
    _abouts: dict[tuple[str, ...], dict[str, Any]] = field(init=False, factory=dict)
    _held: dict[str, _Held] = field(init=False, factory=dict)
    _workers: dict[str, asyncio.Task[None]] = field(init=False, factory=dict)
    _session: aiohttp.ClientSession | None = field(init=False, default=None)
    _backlog: list[CallbackRecord] = field(init=False, factory=list)
    _slots: asyncio.Semaphore = field(init=False, factory=lambda: asyncio.Semaphore(AT_ONCE))

    def emit(self, url: str, payload: dict[str, Any]) -> None:
        """Give one event its id and time, and deliver it unless a fault prevents that."""
        now = self.world.now
        event_id = self.world.identifier()
        about = {name: value for name, value in payload.items() if name != "resourceId"}
        about = self._abouts.setdefault(tuple(about.values()), about)
        record = CallbackRecord(event_id, url, about, payload["resourceId"], now)
        self.records.append(record)
        if not self._may_call(url):
            record.state = "withheld"
        elif self._strikes("callback_lost", record):
            record.state = "lost"
        else:
            self._dispatch(record)
        self._note(record)

    def _note(self, record: CallbackRecord) -> None:
        self.world.touched.note("callbacks", record.event_id, record)

    def open(self) -> None:
        """Begin to deliver. What an earlier run left undelivered comes first."""
        self.is_open = True
        backlog, self._backlog = self._backlog, []
        for record in backlog:
            self._enqueue(record)

    def restore(self, records: Iterable[CallbackRecord], planned: Iterable[Retry]) -> None:
        """Take over the events of an earlier run, with the times of their next attempts.

        Those that were on their way are attempted when this opens. Raises `ValueError` where
        an event is missing.
        """
        self.records.extend(records)
        known = {record.event_id: record for record in self.records}
        later = set()
        for event_id, name, due in planned:
            if event_id not in known:
                raise ValueError(f"planned: there is no callback {event_id!r}")
            self.resume(known[event_id], name, due)
            later.add(event_id)
        self._backlog = [
            record
            for record in self.records
            if record.state in {"waiting", "retrying"} and record.event_id not in later
        ]

    async def settle(self) -> None:
        """Wait until every event that is due has been attempted."""
        self.release_last()
        while self._workers:
            await asyncio.gather(*self._workers.values(), return_exceptions=True)

    async def close(self) -> None:
        """Stop delivering."""
        self.is_open = False
        workers = list(self._workers.values())
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
        self.forget()
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def forget(self) -> None:
        """Forget the events that were not delivered yet."""
        self._queues.clear()
        self._held.clear()

    def release_last(self) -> None:
        """Send the events that are kept back, where no other event can overtake them any more."""
        if not self._held or not self.is_open:
            return
        busy = {self._url_of(subject) for subject in self.world.clock.subjects()}
        for url in self._held.keys() - busy:
            held = self._held.pop(url)
            held.fault.spare()
            held.record.fault = ""
            self._note(held.record)
            self._enqueue(held.record)

    def resume(self, record: CallbackRecord, name: str, due: float) -> None:
        """Attempt *record* at the virtual time *due*, for the reason *name*."""
        subject = ("callback", record.event_id)
        self._note(record)
        self.world.clock.call_at(due, name, subject, lambda: self._enqueue(record))

    def _url_of(self, subject: Subject) -> str:
        """Return the URL for the events of *subject*; ``""`` where it has none."""
        kind, name = subject
        owner: HostingOrder | ImportedNumber | None = None
        if kind == "order":
            owner = self.world.orders.get(name)
        elif kind == "imported":
            owner = self.world.imported.get(name)
        return owner.callback_url if owner is not None else ""

    def _may_call(self, url: str) -> bool:
        host = url_host(url) or ""
        return is_loopback(host) or host in self.allowed or "*" in self.allowed

    def _strikes(self, kind: str, record: CallbackRecord) -> bool:
        """Return whether a fault of that *kind* strikes, and note it on the record."""
        if not len(self.faults):
            return False
        fault = self.faults.first(record.about["eventType"], kind)
        if fault is not None:
            record.fault = kind
        return fault is not None

    def _dispatch(self, record: CallbackRecord) -> None:
        delay = self.faults.first(record.about["eventType"], "callback_delay")
        if delay is not None:
            record.fault = delay.kind
            due = self.world.now + delay.settings["seconds"]
            self.resume(record, delay.kind, due)
        elif not self._hold(record):
            twice = self.faults.first(record.about["eventType"], "callback_duplicate")
            if twice is not None:
                record.fault = twice.kind
            for _ in range(twice.settings["copies"] if twice else 1):
                self._enqueue(record)
            if record.url in self._held:
                self._enqueue(self._held.pop(record.url).record)

    def _hold(self, record: CallbackRecord) -> bool:
        """Keep *record* back until the next event has overtaken it, where a fault asks for that."""
        if record.url in self._held or not self.is_open:
            return False
        fault = self.faults.first(record.about["eventType"], "callback_reorder")
        if fault is None:
            return False
        record.fault = fault.kind
        self._held[record.url] = _Held(record, fault)
        # What a handle does is not over yet, and need not lead to a next event.
        asyncio.get_running_loop().call_soon(self.release_last)
        return True

    def _enqueue(self, record: CallbackRecord) -> None:
        self._note(record)
        if not self.is_open:
            return
        self._queues.setdefault(record.url, deque()).append(record)
        if record.url not in self._workers:
            worker = asyncio.get_running_loop().create_task(self._work(record.url))
            self._workers[record.url] = worker

    async def _work(self, url: str) -> None:
        queue = self._queues[url]
        try:
            async with self._slots:
                while queue:
                    await self._attempt(queue.popleft())
        finally:
            self._workers.pop(url, None)
            if not queue:
                self._queues.pop(url, None)

    async def _attempt(self, record: CallbackRecord) -> None:
        body = json.dumps(record.payload).encode("ascii")
        wrong = self._strikes("callback_bad_signature", record)
        secret = _WRONG_KEY if wrong else self.world.hmac_secret
        result, delivered = await self._post(record.url, body, secret)
        self.world.changed = True
        record.attempts.append((self.world.now, result))
        if delivered:
            record.state = "delivered"
        elif record.state != "delivered":
            self._retry(record)
        self._note(record)

    def _retry(self, record: CallbackRecord) -> None:
        tries = len(record.attempts)
        if tries > len(RETRY_DELAYS):
            record.state = "given up"
            return
        record.state = "retrying"
        delay = RETRY_DELAYS[tries - 1]
        due = self.world.now + max(delay, delay * REAL_SHARE * self.world.clock.speed)
        self.resume(record, "callback_retry", due)

    async def _post(self, url: str, body: bytes, secret: str) -> tuple[str, bool]:
        if self._session is None:
            timeout = aiohttp.ClientTimeout(total=ATTEMPT_TIMEOUT)
            self._session = aiohttp.ClientSession(
                timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()
            )
        headers = {"Content-Type": "application/json"}
        if secret:
            headers["X-Sinch-Signature"] = signature(body, secret)
        try:
            # A redirect could lead from an allowed host to another one.
            async with self._session.post(
                url, data=body, headers=headers, allow_redirects=False
            ) as response:
                await response.read()
                return str(response.status), 200 <= response.status < 300
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            return type(error).__name__, False
