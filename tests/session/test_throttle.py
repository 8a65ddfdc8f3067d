"""Turns: calls before polls, no turn is lost, and a bucket of tokens keeps a pace."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from typing import Any

import pytest

from sinch_hosting._session.throttle import RequestSlots, SlotQueue, TokenBucket


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


# ----------------------------------------------------------------- the bucket


def _bucket(clock: Any, per_second: float, burst: float = 1) -> TokenBucket:
    return TokenBucket(per_second, burst, clock, clock.sleep)


async def test_a_bucket_gives_a_burst_and_then_one_token_at_a_time(clock: Any) -> None:
    """The first three leave at once, the rest one every two seconds."""
    bucket, times = _bucket(clock, 0.5, 3), list[float]()
    for _ in range(6):
        await bucket.acquire()
        times.append(clock.now - 1000)

    assert times == pytest.approx([0, 0, 0, 2, 4, 6], abs=0.01)


@pytest.mark.parametrize("rate", [0.01, 1.0, 7.0, 1000.0])
async def test_no_second_sees_more_than_the_rate_and_one_burst(clock: Any, rate: float) -> None:
    """Fifty tasks that ask at once are served in their order, evenly."""
    bucket, served = _bucket(clock, rate), list[tuple[int, float]]()

    async def ask(number: int) -> None:
        await bucket.acquire()
        served.append((number, clock.now))

    await asyncio.gather(*(ask(number) for number in range(50)))

    assert [number for number, _ in served] == list(range(50))
    gaps = [b - a for (_, a), (_, b) in pairwise(served)]
    assert min(gaps) >= 1 / rate - 0.001
    assert served[-1][1] - served[0][1] <= 49 * max(1 / rate, 0.001) + 0.1


async def test_who_is_cancelled_while_waiting_takes_no_token(clock: Any) -> None:
    """A thousand that gave up do not hold up the next."""
    clock.by_hand = True
    bucket = _bucket(clock, 1.0)
    await bucket.acquire()
    waiting = [asyncio.create_task(bucket.acquire()) for _ in range(1000)]
    await _settle()
    for task in waiting:
        task.cancel()
    await asyncio.wait(waiting)

    last = asyncio.create_task(bucket.acquire())
    await _settle()
    await clock.advance(1.01)
    await last
    assert clock.now == pytest.approx(1001.01)


async def test_a_debt_is_paid_off_and_is_at_most_a_burst(clock: Any) -> None:
    """What could not wait is made up for, however much it was."""
    bucket = _bucket(clock, 1.0, 4)
    for _ in range(1000):
        bucket.take()

    assert bucket.remaining() == pytest.approx(5)
    bucket.give_back()
    assert bucket.remaining() == pytest.approx(4)


async def test_a_bucket_whose_clock_is_set_back_goes_on(clock: Any) -> None:
    """It gives nothing for the hour that was taken, and does not wait an hour for it."""
    bucket = _bucket(clock, 1.0)
    bucket.take()
    clock.now -= 3600

    assert bucket.remaining() == pytest.approx(1)
    await bucket.acquire()
    assert clock.now == pytest.approx(1000 - 3600 + 1)


async def test_a_wait_for_a_token_moves_a_clock_that_counts_from_1970(clock: Any) -> None:
    """The last fraction of a token is worth a millisecond, or the sleep would not end."""
    clock.now = 1.8e9
    bucket = _bucket(clock, 50_000.0)
    for _ in range(200):
        await bucket.acquire()

    assert clock.now > 1.8e9
    assert len(clock.slept) <= 200
