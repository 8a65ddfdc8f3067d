"""`on_event`: what a function hears of, and that it does no harm."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any

import pytest

from sinch_hosting import (
    COMPLETED,
    BlanketLoa,
    ConfigurationError,
    LetterSent,
    OrderChanged,
    RequestsPaused,
    RetryScheduled,
    ServerError,
    TokenFetched,
)
from sinch_hosting._events import _MOST_WAITING

from .bulk.rig import numbers, rigged
from .letters import DIRECT

ORDER = ("GET", "/hostingOrders/1")
ENABLE = ("POST", "/hostingOrders:textEnableNumbers")
ENABLE_QUALIFIED = ("POST", "/qualifiedNumbers:textEnableNumbers")
OK = {"hostingOrderId": "1", "state": "SUBMITTED", "type": "IMPORT"}
NUMBER = "+12025550134"
PLAN = {"region_code": "US", "service_plan_id": "plan"}


async def test_each_kind_is_told(service, make_client):
    """In the order in which things happen, to an async function."""
    heard: list[Any] = []

    async def hear(event):
        heard.append(event)

    client = make_client(on_event=hear)
    service.on(*ORDER, (503, {}), (429, {}, {"Retry-After": "3"}), OK, {**OK, "state": "COMPLETED"})
    order = await client.hosting_orders.get("1")
    await order.wait_until(COMPLETED)
    await client.aclose()

    token, retry, pause, again, changed = heard
    assert token == TokenFetched(seconds=3600)
    assert isinstance(retry, RetryScheduled)
    assert (retry.operation, retry.tries) == ("GetHostingOrder", 1)
    assert isinstance(retry.error, ServerError)
    assert pause == RequestsPaused(seconds=3.0)
    assert (again.tries, again.seconds >= 3) == (2, True)
    assert isinstance(changed, OrderChanged)
    assert (changed.previous.state, changed.order.state) == ("SUBMITTED", "COMPLETED")
    assert changed.to_dict()["order"]["state"] == "COMPLETED"


async def test_letters_are_told_of(service, make_client):
    """Whichever call mails one; a blanket letter is none, and an import has none."""
    heard: list[Any] = []
    client = make_client(on_event=heard.append)
    service.on(*ENABLE, {"hostingOrderId": "e"})
    service.on(*ENABLE_QUALIFIED, {"hostingOrderId": "q"})
    service.on("GET", "/hostingOrders/q", {"hostingOrderId": "q", "state": "DRAFT"})
    service.on("POST", "/hostingOrders:importNumbers", {"hostingOrderId": "i"})
    orders = client.hosting_orders
    await orders.text_enable([NUMBER], **PLAN, loa=DIRECT)
    await orders.text_enable([NUMBER], **PLAN, loa=BlanketLoa())
    await orders.import_numbers([NUMBER], **PLAN)
    await client.qualified_numbers.text_enable([NUMBER], **PLAN, loa=DIRECT)
    await client.aclose()
    letters = [event for event in heard if isinstance(event, LetterSent)]
    assert [(e.order_id, e.operation, e.numbers) for e in letters] == [
        ("e", "TextEnableHostingOrderNumbers", 1),
        ("q", "TextEnableQualifiedNumbers", 1),
    ]


async def test_a_letter_whose_answer_was_lost_is_told_of_once_it_is_found():
    """It was mailed all the same."""
    heard: list[Any] = []
    async with rigged() as rig:
        client = rig.client(on_event=heard.append)
        rig.sandbox.faults.add("drop_after", operation="TextEnableHostingOrderNumbers", count=1)
        result = await client.hosting_orders.text_enable_many(
            numbers(3), **PLAN, campaign_id="C1", loa=DIRECT, job="letters"
        )
        await client.aclose()
    (order,) = result.succeeded
    letters = [event for event in heard if isinstance(event, LetterSent)]
    assert [(e.order_id, e.numbers) for e in letters] == [(order.hosting_order_id, 3)]


@pytest.mark.parametrize("is_async", [True, False])
async def test_a_function_that_raises_does_no_harm(service, make_client, caplog, is_async):
    """It hears of the next event, and the log says what it raised."""
    heard = []

    def broken(event):
        heard.append(event)
        raise RuntimeError("no disk")

    async def broken_later(event):
        broken(event)

    client = make_client(on_event=broken_later if is_async else broken)
    service.on(*ORDER, (503, {}), OK)
    assert await client.hosting_orders.get("1")
    await client.aclose()
    assert [type(event) for event in heard] == [TokenFetched, RetryScheduled]
    assert caplog.text.count("on_event failed for ") == 2
    assert "no disk" in caplog.text


async def test_a_function_that_blocks_holds_up_nobody(service, make_client):
    """A plain one runs in a thread: calls go on while it blocks."""
    release, threads = threading.Event(), set()

    def blocking(_):
        threads.add(threading.get_ident())
        release.wait(30)

    client = make_client(on_event=blocking)
    service.on(*ORDER, (503, {}), OK)
    assert await client.hosting_orders.get("1")
    assert await client.hosting_orders.get("1")
    release.set()
    await client.aclose()
    assert threads
    assert threading.get_ident() not in threads


async def test_one_that_never_returns_is_cancelled(service, make_client, monkeypatch, other_tasks):
    """Closing the client waits for it a moment, and no longer."""
    monkeypatch.setattr("sinch_hosting._events._LONGEST_FAREWELL", 0.01)
    ended, begun = [], asyncio.Event()

    async def hanging(_):
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(True)

    client = make_client(on_event=hanging)
    service.on(*ORDER, OK)
    assert await client.hosting_orders.get("1")
    await begun.wait()
    await client.aclose()
    assert ended == [True]
    assert not other_tasks()


async def test_a_queue_that_is_full_drops_the_oldest(service, make_client, caplog):
    """And says so once."""
    heard = []
    gate = asyncio.Event()

    async def slow(event):
        await gate.wait()
        heard.append(event.seconds)

    client = make_client(on_event=slow)
    client._session.bind()
    for n in range(_MOST_WAITING + 3):
        client._events.paused(float(n))
    gate.set()
    await client.aclose()
    assert heard == [float(n) for n in range(3, _MOST_WAITING + 3)]
    assert caplog.text.count("on_event is too slow") == 1


@pytest.mark.parametrize("is_async", [False, True])
async def test_ten_thousand_orders_that_change_at_once_are_all_told(make_client, caplog, is_async):
    """They come faster than any function can take them, and none is dropped."""
    heard, loop, last = [], asyncio.get_running_loop(), asyncio.Event()

    def hear(event):
        heard.append(event.seconds)
        if event.seconds == 9999:
            loop.call_soon_threadsafe(last.set)

    async def hear_async(event):
        hear(event)

    client = make_client(on_event=hear_async if is_async else hear)
    client._session.bind()
    for n in range(10_000):
        client._events.paused(float(n))
    await asyncio.wait_for(last.wait(), 60)
    await client.aclose()
    assert heard == [float(n) for n in range(10_000)]
    assert not caplog.records


async def test_nothing_is_begun_after_the_client_is_closed(make_client, monkeypatch):
    """A plain function that takes long is not called for what still waits."""
    monkeypatch.setattr("sinch_hosting._events._LONGEST_FAREWELL", 0.01)
    heard, release, begun = [], threading.Event(), threading.Event()

    def hear(event):
        heard.append(event.seconds)
        begun.set()
        release.wait(30)

    client = make_client(on_event=hear)
    client._session.bind()
    for n in range(100):
        client._events.paused(float(n))
    await asyncio.to_thread(begun.wait, 30)
    await client.aclose()
    release.set()
    await asyncio.get_running_loop().shutdown_default_executor()
    assert heard == [0.0]


async def test_it_belongs_to_nobodys_request(service, make_client):
    """The function runs in an empty context, whoever caused the event."""
    from contextvars import ContextVar

    mine = ContextVar("mine", default="nobody")
    heard = []

    async def hear(_):
        heard.append(mine.get())

    client = make_client(on_event=hear)
    service.on(*ORDER, OK)
    mine.set("me")
    await client.hosting_orders.get("1")
    await client.aclose()
    assert heard == ["nobody"]


async def test_other_clients_are_shared_with(service, make_client):
    """A client of `with_options` tells the same function."""
    heard = []
    client = make_client(on_event=heard.append)
    service.on(*ORDER, (503, {}), OK)
    await client.with_options(timeout=5).hosting_orders.get("1")
    await client.aclose()
    assert [type(event) for event in heard] == [TokenFetched, RetryScheduled]


def test_what_is_no_function_is_refused(make_client):
    """Before the first event."""
    with pytest.raises(ConfigurationError, match="on_event"):
        make_client(on_event="print")


async def test_nothing_of_it_exists_where_nobody_asked(client):
    """No object, no task; the usual path has one question more at most."""
    assert client._events is None
    assert client._session.events is None
    assert type(client._session._exchange).__name__ == "Exchange"


async def test_log_records_have_fields(service, make_client, caplog):
    """For handlers that write JSON."""
    caplog.set_level(10, "sinch_hosting")
    client = make_client()
    service.on(*ORDER, (429, {}, {"Retry-After": "3"}), (200, OK, {"X-Request-Id": "id-1"}))
    began = time.perf_counter()
    await client.hosting_orders.get("1")
    took = time.perf_counter() - began
    requests = [r for r in caplog.records if getattr(r, "sinch_operation", "") == "GetHostingOrder"]
    assert [r.sinch_status for r in requests] == [429, 200]
    assert [r.sinch_try for r in requests] == [1, 2]
    assert [r.sinch_request_id for r in requests] == [None, "id-1"]
    assert 0 <= sum(r.sinch_seconds for r in requests) <= took
    (pause,) = [r for r in caplog.records if "rate limited" in r.message]
    assert pause.sinch_seconds == 3.0
