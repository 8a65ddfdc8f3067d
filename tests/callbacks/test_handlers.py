"""Handlers that hang, fill their slots, or close the receiver from within."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import AsyncIterator

import pytest

from sinch_hosting import CallbackEvent, CallbackReceiver, InvalidRequest
from sinch_hosting.callbacks import sign

from ..conftest import PATIENCE

SECRET = "the-secret-not-to-be-seen"


async def deliver(receiver: CallbackReceiver, *event_ids: str) -> list[int]:
    """Deliver events one after the other; the statuses of the answers."""
    statuses = []
    for event_id in event_ids:
        raw = f'{{"eventId": "{event_id}"}}'.encode()
        statuses.append((await receiver.receive(raw, sign(raw, SECRET))).status)
    return statuses


async def hang(event: CallbackEvent) -> None:
    """A handler that never ends by itself."""
    await asyncio.Event().wait()


async def test_handlers_that_hang_give_their_slots_back(caplog: pytest.LogCaptureFixture) -> None:
    """Each is cancelled after its time, and the events that waited get their turn."""
    begun: list[str | None] = []
    done = asyncio.Event()

    async def first_two_hang(event: CallbackEvent) -> None:
        begun.append(event.event_id)
        if len(begun) <= 2:
            await hang(event)
        if len(begun) == 4:
            done.set()

    receiver = CallbackReceiver(
        SECRET, handlers=[first_two_hang], max_concurrency=2, handler_timeout=0.01
    )
    assert await deliver(receiver, "e1", "e2", "e3", "e4") == [200] * 4
    async with asyncio.timeout(PATIENCE):
        await done.wait()
    await receiver.aclose()
    assert begun == ["e1", "e2", "e3", "e4"]
    assert caplog.text.count("took longer than handler_timeout=0.01 s") == 2
    assert "event e1 was answered 200" in caplog.text
    assert "event e3" not in caplog.text


async def test_a_handler_that_ignores_its_cancelling_keeps_no_slot(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It is left to itself, and closing waits for it as long as it may."""
    monkeypatch.setattr("sinch_hosting.callbacks.handlers._CANCEL_TIMEOUT", 0.01)
    go, second = asyncio.Event(), asyncio.Event()

    async def stubborn(event: CallbackEvent) -> None:
        if event.event_id == "e2":
            second.set()
            return
        while not go.is_set():
            try:
                await go.wait()
            except asyncio.CancelledError:
                continue

    receiver = CallbackReceiver(
        SECRET, handlers=[stubborn], max_concurrency=1, handler_timeout=0.01
    )
    await deliver(receiver, "e1", "e2")
    async with asyncio.timeout(PATIENCE):
        await second.wait()
    await receiver.aclose(timeout=0.01)
    assert "1 handlers did not end when they were cancelled" in caplog.text
    go.set()
    await receiver.aclose()


async def test_slots_are_of_one_handler() -> None:
    """One that hangs in all of its slots stops no other."""
    seen: list[str | None] = []
    done = asyncio.Event()

    async def note(event: CallbackEvent) -> None:
        seen.append(event.event_id)
        if len(seen) == 10:
            done.set()

    receiver = CallbackReceiver(SECRET, handlers=[hang, note], max_concurrency=1)
    assert await deliver(receiver, *(f"e{number}" for number in range(10))) == [200] * 10
    async with asyncio.timeout(PATIENCE):
        await done.wait()
    await receiver.aclose(timeout=0)


async def test_a_full_handler_is_told_of_early(caplog: pytest.LogCaptureFixture) -> None:
    """Once, with its name; and again only after it had a slot free in between."""
    go = asyncio.Event()

    async def slow(event: CallbackEvent) -> None:
        await go.wait()

    receiver = CallbackReceiver(SECRET, handlers=[slow], max_concurrency=2)
    with caplog.at_level(logging.WARNING):
        await deliver(receiver, "e1", "e2", "e3", "e4")
        for _ in range(5):
            await asyncio.sleep(0)
    assert caplog.text.count("all 2 slots of the handler") == 1
    assert "slow" in caplog.text
    go.set()
    while receiver._calls[asyncio.get_running_loop()].events:  # noqa: ASYNC110 - their end
        await asyncio.sleep(0)
    go.clear()
    await deliver(receiver, "e5", "e6", "e7")
    for _ in range(5):
        await asyncio.sleep(0)
    assert caplog.text.count("all 2 slots of the handler") == 2
    go.set()
    await receiver.aclose()


@pytest.mark.parametrize("timeout", [0, -1, True, "60"])
def test_a_time_limit_is_a_number_above_0(timeout: float) -> None:
    """`None` stands for no limit."""
    with pytest.raises(InvalidRequest, match="handler_timeout"):
        CallbackReceiver(SECRET, handler_timeout=timeout)
    CallbackReceiver(SECRET, handler_timeout=None)


async def test_without_a_limit_a_handler_may_take_its_time() -> None:
    """Even one that a limit of nothing would have ended."""
    ended = asyncio.Event()

    async def slow(event: CallbackEvent) -> None:
        await asyncio.sleep(0.01)
        ended.set()

    async with CallbackReceiver(SECRET, handlers=[slow], handler_timeout=None) as receiver:
        await deliver(receiver, "e1")
    assert ended.is_set()


async def test_what_is_no_async_function_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """And stops no other handler."""
    seen: list[str | None] = []

    def plain(event: CallbackEvent) -> None:
        seen.append(event.event_id)

    async def cancelled(event: CallbackEvent) -> None:
        raise asyncio.CancelledError

    async def note(event: CallbackEvent) -> None:
        seen.append(event.event_id)

    handlers = [plain, cancelled, note]
    async with CallbackReceiver(SECRET, handlers=handlers) as receiver:  # type: ignore[arg-type]
        await deliver(receiver, "e1")
    assert seen == ["e1", "e1"]
    assert "a handler failed for event e1" in caplog.text
    assert "was cancelled for event e1" in caplog.text


# --------------------------------------------------------------------- closing


@pytest.fixture(params=["lazy", "eager"] if sys.version_info >= (3, 12) else ["lazy"])
async def factory(request: pytest.FixtureRequest) -> AsyncIterator[None]:
    """Both kinds of task factories; eager ones came with Python 3.12."""
    if request.param == "eager":
        asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)
    yield
    asyncio.get_running_loop().set_task_factory(None)


@pytest.mark.usefixtures("factory")
@pytest.mark.parametrize("way", ["itself", "in a task", "in a group"])
async def test_a_handler_that_closes_does_not_wait_for_itself(way: str) -> None:
    """Neither at once nor in a task of its own, whatever starts the tasks."""
    done: list[str | None] = []

    async def close(event: CallbackEvent) -> None:
        if way == "itself":
            await receiver.aclose(timeout=60)
        elif way == "in a task":
            await asyncio.create_task(receiver.aclose(timeout=60))
        else:
            async with asyncio.TaskGroup() as group:
                group.create_task(receiver.aclose(timeout=60))
        done.append(event.event_id)

    receiver = CallbackReceiver(SECRET, handlers=[close, close])
    async with asyncio.timeout(PATIENCE):
        await deliver(receiver, "e1")
        await receiver.aclose(timeout=60)
    assert done == ["e1", "e1"]


@pytest.mark.usefixtures("factory")
async def test_a_handler_that_closes_cancels_the_others(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """After its time; itself goes on."""
    done: list[str | None] = []

    async def close(event: CallbackEvent) -> None:
        await receiver.aclose(timeout=0.01)
        done.append(event.event_id)

    receiver = CallbackReceiver(SECRET, handlers=[hang, close])
    async with asyncio.timeout(PATIENCE):
        await deliver(receiver, "e1")
        await receiver.aclose(timeout=60)
    assert done == ["e1"]
    assert "cancels 1 handlers" in caplog.text
    assert await deliver(receiver, "e2") == [503]
