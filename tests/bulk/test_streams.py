"""Streams and collected runs: chunks, the window, progress, and what is reported."""

from __future__ import annotations

import asyncio
import random
import tracemalloc
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sinch_hosting import (
    BlanketLoa,
    BulkProgress,
    ChunkOutcome,
    InvalidRequest,
    Order,
    RateLimited,
    RetryPolicy,
    SinchHosting,
)
from sinch_hosting._aio import map_concurrently
from sinch_hosting._bulk.chunks import (
    Chunk,
    HeldChunks,
    SeenNumbers,
    chunks_of,
    distinct_numbers,
)
from sinch_hosting._session.throttle import AdaptiveLimit

from ..service import Service, error
from ..service.fixtures import api_client, api_service, make_api_client
from .rig import CAMPAIGN, PLAN, Rig, adds_up, letter, numbers

__all__ = ["api_client", "api_service", "make_api_client"]

BASE: dict[str, Any] = {
    "region_code": "US",
    "service_plan_id": PLAN,
    "campaign_id": CAMPAIGN,
    "loa": BlanketLoa(),
    "chunk_size": 5,
}


async def drain(stream: AsyncIterator[Any], into: list[Any]) -> None:
    """Put all that comes into a list."""
    async for item in stream:
        into.append(item)


async def test_every_number_is_in_one_order(rig: Rig) -> None:
    """Without a job, too, chunks hold each number once, in the order of the input."""
    listed = numbers(12)
    result = await rig.text_enable([*listed, listed[3]])
    assert [len(chunk.numbers) for chunk in result.chunks] == [5, 5, 2]
    assert [skipped.reason for skipped in result.skipped] == ["duplicate"]
    assert rig.held() == dict.fromkeys(listed, 1)
    adds_up(result, [*listed, listed[3]])


async def test_a_stream_gives_results_as_they_come(rig: Rig) -> None:
    """No more chunks are read than the window holds, however slowly results are taken."""
    read = 0

    async def endless() -> AsyncIterator[str]:
        nonlocal read
        while True:
            read += 1
            yield f"+1303{read:07}"

    stream = rig.client().hosting_orders.text_enable_stream(endless(), **BASE, max_concurrency=2)
    seen = []
    async for outcome in stream:
        seen.append(outcome)
        assert read <= (len(seen) + 2) * 5
        if len(seen) == 6:
            break
    await stream.aclose()
    assert sorted(outcome.index for outcome in seen) == list(range(6))
    assert all(isinstance(outcome.result, Order) for outcome in seen)


async def test_a_stream_leaves_out_what_is_no_number(rig: Rig) -> None:
    """Bad rows and duplicates are in `skipped`, those at the end in a chunk without numbers."""
    listed = [*numbers(3), "303-555", *numbers(3), *numbers(2, 3), "x", None]
    stream = rig.client().hosting_orders.text_enable_stream(listed, **BASE)  # type: ignore[arg-type]
    outcomes = sorted([outcome async for outcome in stream], key=lambda outcome: outcome.index)
    assert [len(outcome.numbers) for outcome in outcomes] == [5, 0]
    assert [len(outcome.skipped) for outcome in outcomes] == [4, 2]
    assert outcomes[1].result is None


async def test_a_source_that_fails_loses_nothing(rig: Rig) -> None:
    """What is under way is finished and given, then the source's own error is raised."""

    def broken() -> Iterator[str]:
        yield from numbers(12)
        raise RuntimeError("the file ended in the midst")

    seen: list[ChunkOutcome] = []
    stream = rig.client().hosting_orders.text_enable_stream(broken(), **BASE)
    with pytest.raises(RuntimeError, match="midst"):
        await drain(stream, seen)
    assert len(seen) == len(rig.sandbox.orders_created()) == 2


async def test_all_three_kinds_stream(rig: Rig) -> None:
    """Imports, local and toll-free numbers share one engine."""
    orders = rig.client().hosting_orders
    plan = {"region_code": "US", "service_plan_id": PLAN}
    streams = [
        orders.import_stream(numbers(6), **plan),
        orders.text_enable_stream(numbers(6, 20), **plan, loa=letter()),
        orders.text_enable_toll_free_stream(["+18005550100"], **plan, loa=letter()),
    ]
    found = [[outcome async for outcome in stream] for stream in streams]
    assert [len(outcomes) for outcomes in found] == [2, 1, 1]
    result = await orders.text_enable_toll_free_many(["+18335550100"], **plan, loa=letter())
    assert len(result.succeeded) == 1


@pytest.mark.parametrize("wrong", ["+13035550000", b"x", {"+1303": 1}, 7])
async def test_a_single_value_is_no_list(rig: Rig, wrong: Any) -> None:
    """It is refused before anything is read."""
    orders = rig.client().hosting_orders
    with pytest.raises(InvalidRequest, match="not a single value"):
        orders.text_enable_stream(wrong, **BASE)
    with pytest.raises(InvalidRequest, match="not a single value"):
        await orders.text_enable_many(wrong, **BASE)


async def test_collected_runs_check_all_before_anything_is_sent(rig: Rig) -> None:
    """A bad number, and no number, refuse the whole call."""
    for wrong, rule in ((["+13035550000", "x", "y"], "2 of 3 numbers"), ([], "at least 1")):
        with pytest.raises(InvalidRequest, match=rule):
            await rig.text_enable(wrong)
    assert not rig.sandbox.requests


async def test_numbers_may_come_asynchronously(rig: Rig) -> None:
    """`..._many` takes async iterables as well."""

    async def each() -> AsyncIterator[str]:
        for number in numbers(7):
            yield number

    result = await rig.text_enable(each())  # type: ignore[arg-type]
    adds_up(result, numbers(7))


async def test_progress_is_told(rig: Rig) -> None:
    """After each chunk; one that fails to listen stops nothing."""
    told: list[BulkProgress] = []

    async def listen(progress: BulkProgress) -> None:
        told.append(progress)
        raise RuntimeError("the bar broke")

    await rig.text_enable(numbers(12), on_progress=listen)
    assert [progress.chunks_done for progress in told] == [1, 2, 3]
    assert {progress.chunks for progress in told} == {3}


async def test_429s_narrow_the_window_and_it_recovers(rig: Rig) -> None:
    """A storm of 429s slows the run down, no chunk fails, and every order is made once."""
    rig.sandbox.faults.add("rate_limited", operation="writes", probability=0.5, retry_after=2)
    rig.sandbox.faults.add("rate_limited", operation="writes", count=12, form="absent")
    listed = numbers(100)
    result = await rig.blanket(listed, job="storm", max_concurrency=8)
    assert not result.failed
    assert rig.held() == dict.fromkeys(listed, 1)


async def test_429s_slow_the_whole_run(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """The run's window narrows by what the client's session met, and opens again by itself."""
    limits: list[float] = []

    class WatchedOrder(AdaptiveLimit):
        async def __aexit__(self, *error: Any) -> None:
            await super().__aexit__(*error)
            limits.append(self.limit)

    monkeypatch.setattr("sinch_hosting._bulk.run.AdaptiveLimit", WatchedOrder)
    rig.sandbox.faults.add("rate_limited", operation="writes", count=20, retry_after=2)
    result = await rig.blanket(numbers(500), max_concurrency=8)
    assert len(result.succeeded) == 100
    assert min(limits) <= 4
    assert limits[-1] == 8


async def test_a_429_that_outlasts_the_retries_is_waited_for(rig: Rig) -> None:
    """A `Retry-After` beyond the client's patience delays its chunk, it does not fail it."""
    rig.sandbox.faults.add("rate_limited", operation="writes", count=3, retry_after=500)
    result = await rig.blanket(numbers(5), job="wait")
    assert len(result.succeeded) == 1
    assert max(rig.slept) >= 500


@pytest.mark.parametrize("whose", ["Token", "ImportNumbers"])
async def test_a_run_waits_for_429s_of_both_endpoints(
    api_service: Service, api_client: SinchHosting, clock: Any, whose: str
) -> None:
    """A single call would fail: the pauses are longer than the client's policy allows."""
    api_service.fault(whose, error(429, Retry_After="900"), times=7)
    arguments = {"region_code": "US", "service_plan_id": PLAN, "campaign_id": CAMPAIGN}
    started = clock()
    result = await api_client.hosting_orders.import_many(numbers(20), **arguments)
    assert len(result.succeeded) == 4
    assert clock() - started >= 7 * 900 / 4  # four wait at the same time
    assert sum(len(order.numbers) for order in api_service.orders.values()) == 20


async def test_a_429_without_end_fails(rig: Rig) -> None:
    """There is an end to patience: a pause of hours is told, not waited for."""
    rig.sandbox.faults.add("rate_limited", operation="writes", retry_after=9000)
    result = await rig.blanket(numbers(5), job="wait")
    (failed,) = result.failed
    assert isinstance(failed.error, RateLimited)
    rig.sandbox.faults.clear()
    rig.sandbox.faults.add("rate_limited", operation="writes", form="absent")
    client = rig.client(retry=RetryPolicy(max_tries=1))
    result = await client.hosting_orders.text_enable_many(numbers(5), **BASE)
    assert isinstance(result.failed[0].error, RateLimited)


async def test_the_window_halves_and_grows() -> None:
    """Additive increase, multiplicative decrease; one halving for all 429s of a time."""
    refused = 0
    window = AdaptiveLimit(8, lambda: refused)
    refused = 3
    async with window:
        pass
    assert window.limit == 4
    for _ in range(4):
        async with window:
            pass
    assert 4.9 < window.limit < 5
    refused = 99
    for _ in range(9):
        async with window:
            refused += 1
    assert window.limit == 1
    for _ in range(100):
        async with window:
            pass
    assert window.limit == 8


async def test_the_window_keeps_its_limit() -> None:
    """Nobody enters a full window; a waiter that is cancelled passes its turn on."""
    window, inside, most = AdaptiveLimit(2, lambda: 0), 0, 0

    async def work() -> None:
        nonlocal inside, most
        async with window:
            inside += 1
            most = max(most, inside)
            await asyncio.sleep(0)
            inside -= 1

    tasks = [asyncio.ensure_future(work()) for _ in range(20)]
    await asyncio.sleep(0)
    for task in tasks[3::4]:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert most == 2
    assert inside == 0


async def test_a_turn_that_comes_too_late_goes_to_the_next() -> None:
    """Cancelled in the very moment in which it may enter, a waiter wakes the next one."""
    window = AdaptiveLimit(1, lambda: 0)
    order: list[str] = []

    async def work(name: str) -> None:
        async with window:
            order.append(name)

    async with window:
        first, second = (asyncio.ensure_future(work(name)) for name in ("first", "second"))
        await asyncio.sleep(0)
    first.cancel()
    await asyncio.wait([first, second], timeout=120)
    assert order == ["second"]


async def test_what_is_slow_delays_no_other() -> None:
    """Results come in the order in which they are done, not in that of the input."""
    gate = asyncio.Event()

    async def items() -> AsyncIterator[int]:
        for item in range(3):
            yield item

    async def handle(item: int) -> int:
        if item == 0:
            await gate.wait()
        return item

    results = map_concurrently(items(), handle, concurrency=2)
    assert [await asyncio.wait_for(anext(results), 120) for _ in range(2)] == [1, 2]
    gate.set()
    assert [item async for item in results] == [0]


async def test_fan_out_finishes_what_is_under_way() -> None:
    """Where handling fails, the others' results are given before the error."""

    async def items() -> AsyncIterator[int]:
        for item in range(10):
            yield item

    async def handle(item: int) -> int:
        await asyncio.sleep(0)
        if item == 2:
            raise ValueError("two")
        return item

    given: list[int] = []
    with pytest.raises(ValueError, match="two"):
        await drain(map_concurrently(items(), handle, concurrency=3), given)
    assert {0, 1} <= set(given)


async def all_chunks(listed: Sequence[str], size: int, *, look_ahead: bool) -> list[Chunk]:
    """The chunks of a list."""
    return [chunk async for chunk in chunks_of(listed, size, look_ahead=look_ahead)]


@settings(deadline=None)
@given(
    listed=st.lists(st.integers(0, 40), min_size=1, max_size=60),
    size=st.integers(1, 7),
    look_ahead=st.booleans(),
)
def test_chunks_hold_each_number_once(listed: list[int], size: int, look_ahead: bool) -> None:
    """However numbers repeat: all are there once, chunks are full, the last one knows it."""
    texts = [f"+1303555{number:04}" for number in listed]
    chunks = asyncio.run(all_chunks(texts, size, look_ahead=look_ahead))
    kept = [number for chunk in chunks for number in chunk.numbers]
    skipped = [s.phone_number for chunk in chunks for s in chunk.skipped]
    assert kept == list(dict.fromkeys(texts))
    assert sorted(kept + skipped) == sorted(texts)
    assert all(len(chunk.numbers) == size for chunk in chunks[:-1] if chunk.numbers)
    assert [chunk.index for chunk in chunks] == list(range(len(chunks)))
    if look_ahead and kept:
        filled = [chunk for chunk in chunks if chunk.numbers]
        assert [chunk.is_last for chunk in filled] == [False] * (len(filled) - 1) + [True]


@settings(deadline=None)
@given(
    listed=st.lists(st.integers(0, 40), min_size=1, max_size=60),
    size=st.integers(1, 7),
)
def test_checked_numbers_make_the_same_chunks(listed: list[int], size: int) -> None:
    """Numbers that were checked once are only divided; their tags rest on these chunks."""
    texts = [f"+1303555{number:04}" for number in listed]
    kept, skipped = asyncio.run(distinct_numbers(texts))
    assert list(kept) == list(dict.fromkeys(texts))
    assert len(kept) + len(skipped) == len(texts)
    divided = asyncio.run(all_chunks(kept, size, look_ahead=True))
    assert divided == asyncio.run(all_chunks(list(kept), size, look_ahead=True))


async def test_reading_many_numbers_leaves_turns_to_others() -> None:
    """A long list in memory does not hold the event loop until it is read."""
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    beside = asyncio.ensure_future(other())
    await distinct_numbers(numbers(50_000))
    beside.cancel()
    assert turns >= 4


@settings(deadline=None)
@given(st.lists(st.from_regex(r"\+[0-9]{2,15}", fullmatch=True), unique=True, max_size=8))
def test_held_chunks_come_back_as_they_were(listed: list[str]) -> None:
    """Numbers that are packed into 8 bytes lose nothing, leading zeros included."""
    held, seen = HeldChunks(), SeenNumbers()
    chunk = Chunk(index=3, numbers=tuple(listed), is_last=True)
    held.add(chunk)
    assert list(held.release()) == [chunk]
    assert list(held.release()) == []
    assert all(seen.add(number) for number in listed)
    assert not any(seen.add(number) for number in listed)


async def test_a_source_that_was_cancelled_is_no_end(rig: Rig) -> None:
    """What is under way is finished and given, then the source's error is raised; no task stays."""
    before = asyncio.all_tasks()

    async def source() -> AsyncIterator[str]:
        for number in numbers(12):
            yield number
        other = asyncio.get_running_loop().create_future()
        other.cancel()
        await other

    outcomes: list[ChunkOutcome] = []
    stream = rig.client().hosting_orders.text_enable_stream(source(), **BASE, max_concurrency=4)
    with pytest.raises(asyncio.CancelledError):
        await drain(stream, outcomes)
    assert sum(isinstance(chunk.result, Order) for chunk in outcomes) == rig.creates() == 2
    assert {task for task in asyncio.all_tasks() if "sinch" in repr(task.get_coro())} <= before


@settings(deadline=None)
@given(st.lists(st.from_regex(r"\+[0-9]{1,15}", fullmatch=True), max_size=60))
def test_a_number_is_new_once(listed: list[str]) -> None:
    """As a set of texts tells: a zero in front makes another number."""
    seen, before = SeenNumbers(), set[str]()
    for number in [*listed, *listed]:
        assert seen.add(number) is (number not in before)
        before.add(number)


def test_seen_numbers_take_a_few_bytes_each() -> None:
    """Numbers from anywhere, in any order; a set of them takes 70 bytes each."""
    listed = [f"+{number}" for number in random.Random(1).sample(range(10**10, 10**11), 50_000)]
    tracemalloc.start()
    seen = SeenNumbers()
    for number in listed:
        seen.add(number)
    size = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert size / len(listed) < 25, "9 in the long run; the first ones pay for the parts"
