"""What is promised of every event, whatever happens: sizes and faults varied by ten both ways.

The sender is the service as it is: it delivers an event again until it is answered 200, and now
and then once more. Requests are cancelled, stores fail and are slow, handlers fail and hang.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from typing import Any

import pytest
from aiohttp import web

from sinch_hosting import COMPLETED, CallbackEvent, CallbackReceiver, PollPolicy, SinchHosting
from sinch_hosting.callbacks import sign

from ..service import Service

SECRET = "the-secret-not-to-be-seen"


class Store:
    """A set behind a network that now and then fails before it remembers."""

    def __init__(self, chance: random.Random, failing: float) -> None:
        self.seen: set[str] = set()
        self._chance = chance
        self._failing = failing

    async def add(self, event_id: str) -> bool:
        """Remember."""
        await asyncio.sleep(0)
        if self._chance.random() < self._failing:
            raise OSError("the database is away")
        is_new = event_id not in self.seen
        self.seen.add(event_id)
        await asyncio.sleep(0)
        return is_new

    async def discard(self, event_id: str) -> None:
        """Forget."""
        await asyncio.sleep(0)
        self.seen.discard(event_id)


class Handlers:
    """Two handlers that note which events they brought to an end."""

    def __init__(self, chance: random.Random, hanging: float) -> None:
        self.first: Counter[str | None] = Counter()
        self.second: Counter[str | None] = Counter()
        self._chance = chance
        self._hanging = hanging

    async def one(self, event: CallbackEvent) -> None:
        """Hang now and then."""
        await asyncio.sleep(0)
        if self._chance.random() < self._hanging:
            await asyncio.Event().wait()
        self.first[event.event_id] += 1

    async def two(self, event: CallbackEvent) -> None:
        """Fail now and then, which is an end as well."""
        self.second[event.event_id] += 1
        if self._chance.random() < self._hanging:
            raise ZeroDivisionError


async def deliver(receiver: CallbackReceiver, event_id: str, chance: random.Random) -> None:
    """Deliver an event until it is answered 200; some requests are cancelled by the server."""
    raw = f'{{"eventId": "{event_id}"}}'.encode()
    while True:
        request = asyncio.create_task(receiver.receive(raw, sign(raw, SECRET), wait=True))
        if chance.random() < 0.2:
            for _ in range(chance.randrange(4)):
                await asyncio.sleep(0)
            request.cancel()
        await asyncio.wait({request})
        if not request.cancelled() and request.result().status == 200:
            return
        await asyncio.sleep(0.01)


@pytest.mark.parametrize("events", [1, 10, 1000])
@pytest.mark.parametrize("slots", [1, 50])
@pytest.mark.parametrize("faults", [0.0, 0.02])
async def test_who_was_answered_200_was_handled(events: int, slots: int, faults: float) -> None:
    """By every handler, to its end; once, where nothing failed that made it unsure."""
    # In its debug mode the loop writes down who made each task: ten times the work itself.
    if events >= 1000:
        asyncio.get_running_loop().set_debug(False)
    chance = random.Random(f"{events} {slots} {faults}")
    handlers = Handlers(chance, faults)
    ids = [f"e{number}" for number in range(events)]
    async with CallbackReceiver(
        SECRET,
        handlers=[handlers.one, handlers.two],
        seen=Store(chance, faults),
        max_concurrency=slots,
        handler_timeout=0.005 if faults else 60,
    ) as receiver:
        twice = [*ids, *chance.sample(ids, k=events // 2)]
        at_once = asyncio.Semaphore(20)

        async def sender(event_id: str) -> None:
            async with at_once:
                await deliver(receiver, event_id, chance)

        await asyncio.gather(*map(sender, twice))
    assert set(handlers.first) == set(handlers.second) == set(ids)
    if not faults:
        assert max(handlers.first.values()) == max(handlers.second.values()) == 1


@pytest.mark.parametrize("orders", [3, 30])
async def test_callbacks_of_the_service_end_waits(orders: int, clock: Any) -> None:
    """Signed over the wire, each sent twice; nobody waits for its next look, a day away."""
    clock.by_hand = True
    day = PollPolicy(initial=86_400, maximum=86_400, jitter=0)
    async with (
        Service(clock=clock, sleep=clock.sleep) as service,
        SinchHosting(**service.client_arguments, poll=day) as sinch,
        CallbackReceiver(service.store.secret, sinch=sinch, allow_from="127.0.0.1") as receiver,
    ):
        app = web.Application()
        app.router.add_post("/", receiver.handle)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        made = [order.id for order in service.add_orders(orders, state="IN_PROGRESS")]
        found = [await sinch.hosting_orders.get(order_id) for order_id in made]
        waits = asyncio.create_task(sinch.hosting_orders.wait_all(found, COMPLETED))
        await asyncio.sleep(0)
        since = clock()
        service.set_state(made, "COMPLETED")
        await service.send_due_callbacks(f"http://127.0.0.1:{runner.addresses[0][1]}/", times=2)
        async with asyncio.timeout(120):
            while not waits.done():
                await clock.advance(1)
                await asyncio.sleep(0.001)
        assert {order.state for order in await waits} == {COMPLETED}
        assert clock() - since < 86_400 / 2
        await runner.cleanup()
