"""Turns: calls before polls, and no turn is lost."""

from __future__ import annotations

import asyncio

import pytest

from sinch_hosting._session.throttle import RequestSlots, SlotQueue


async def _take(turns: SlotQueue, name: str, log: list[str]) -> None:
    await turns.acquire()
    log.append(name)


async def _settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_a_call_overtakes_polls_that_queued_before_it() -> None:
    """Whoever polls gives way, however long the poll has waited."""
    slots, log = RequestSlots(1, 1), list[str]()
    await slots.calls.acquire()
    polls = asyncio.create_task(_take(slots.polls, "poll", log))
    await _settle()
    call = asyncio.create_task(_take(slots.calls, "call", log))
    await _settle()

    slots.calls.release()
    await call
    assert log == ["call"]
    slots.calls.release()
    await polls
    assert log == ["call", "poll"]


async def test_polls_leave_room_for_calls() -> None:
    """Polls hold no more turns than they are given, so that the next call finds one."""
    slots, log = RequestSlots(4, 2), list[str]()
    polls = [asyncio.create_task(_take(slots.polls, f"poll {n}", log)) for n in range(5)]
    await _settle()
    assert log == ["poll 0", "poll 1"]

    await slots.calls.acquire()
    slots.polls.release()
    await _settle()
    assert log == ["poll 0", "poll 1", "poll 2"]
    for _ in range(3):
        slots.polls.release()
    await asyncio.gather(*polls)


@pytest.mark.parametrize("kind", ["calls", "polls"])
async def test_a_turn_is_not_lost_with_whoever_was_given_it(kind: str) -> None:
    """Cancelled in the very moment in which its turn came, it hands it on."""
    slots = RequestSlots(1, 1)
    turns: SlotQueue = getattr(slots, kind)
    await turns.acquire()
    first = asyncio.create_task(turns.acquire())
    second = asyncio.create_task(turns.acquire())
    await _settle()

    turns.release()
    first.cancel()
    await asyncio.wait({first})

    assert first.cancelled()
    await asyncio.wait_for(second, 30)


async def test_who_leaves_the_queue_holds_up_nobody() -> None:
    """Cancelled while it queues, it is skipped, and polls behind a call go on without it."""
    slots, log = RequestSlots(2, 1), list[str]()
    await slots.calls.acquire()
    await slots.calls.acquire()
    call = asyncio.create_task(_take(slots.calls, "call", log))
    poll = asyncio.create_task(_take(slots.polls, "poll", log))
    await _settle()
    slots.calls.release()  # serves the call
    slots.calls.release()
    await _settle()
    assert log == ["call", "poll"]

    late = asyncio.create_task(_take(slots.polls, "late", log))
    await _settle()
    late.cancel()
    slots.polls.release()  # finds a place that is cancelled already
    await asyncio.wait({late})
    await asyncio.wait_for(slots.polls.acquire(), 30)
    await asyncio.gather(call, poll)
