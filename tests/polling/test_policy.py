"""Waiting: look, rest, look again."""

from __future__ import annotations

import asyncio

import pytest

from sinch_hosting import (
    BadRequest,
    DecodeError,
    InvalidRequest,
    PollPolicy,
    RateLimited,
    ServerError,
    TransportError,
    WaitTimeout,
)
from sinch_hosting._polling.policy import Wait, passes

EXACT = PollPolicy(initial=1, factor=2, maximum=10, jitter=0)


class Thing:
    """What is waited for: answers, or raises, one value after the other."""

    def __init__(self, *values):
        self.values = list(values)
        self.looks = 0

    async def fetch(self):
        """The next value; the last one again and again."""
        self.looks += 1
        value = self.values.pop(0) if len(self.values) > 1 else self.values[0]
        if isinstance(value, Exception):
            raise value
        return value


@pytest.fixture
def wait(clock):
    """Makes waits until something is `"done"`."""

    def made(thing, **settings):
        given = {
            "fetch": thing.fetch,
            "is_over": lambda value: value == "done",
            "what": "the thing",
            "policy": EXACT,
            "clock": clock,
            "sleep": clock.sleep,
        }
        return Wait(**{**given, **settings})

    return made


async def test_it_looks_until_it_is_over(wait, clock):
    """The answer is the value that ended it."""
    thing = Thing("new", "old", "done")
    assert await wait(thing).run() == "done"
    assert thing.looks == 3
    assert clock.slept == [1, 1]


async def test_what_is_over_already_is_not_looked_at(wait):
    """The value in hand may do."""
    thing = Thing("never")
    assert await wait(thing).run("done") == "done"
    assert thing.looks == 0


async def test_the_first_look_is_made_at_once(wait, clock):
    """Nobody waits before there is anything to wait for."""
    assert await wait(Thing("done")).run("new") == "done"
    assert clock.slept == []


async def test_intervals_grow_to_the_maximum(wait, clock):
    """While nothing changes."""
    await wait(Thing(*["same"] * 7, "done")).run("same")
    assert clock.slept == [1, 2, 4, 8, 10, 10, 10]


async def test_jitter_shortens_by_its_share_at_most(wait, clock):
    """Intervals are drawn between the interval less the share and the interval."""
    policy = PollPolicy(initial=10, factor=1, maximum=10, jitter=0.3)
    await wait(Thing(*["same"] * 50, "done"), policy=policy).run("same")
    assert all(7 <= interval <= 10 for interval in clock.slept)
    assert len(set(clock.slept)) > 25


async def test_is_over_may_raise(wait):
    """What is waited for cannot come any more: its error, with nothing added."""

    def judge(value):
        raise LookupError(value)

    with pytest.raises(LookupError, match="new"):
        await wait(Thing("new"), is_over=judge).run()


@pytest.mark.parametrize(
    "error",
    [
        TransportError("lost", never_sent=False),
        TransportError("away", never_sent=True),
        ServerError("500", operation="get", status_code=500),
        RateLimited("429", operation="get", status_code=429),
        DecodeError("get", path="", reason="no JSON", body="<html>", is_json=False),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_failures_that_pass_do_not_end_it(wait, error, caplog):
    """However often they come; each is logged."""
    assert await wait(Thing(*[error] * 20, "done")).run() == "done"
    assert caplog.text.count("waiting for the thing goes on") == 20
    assert passes(error)


@pytest.mark.parametrize(
    "error",
    [
        BadRequest("400", operation="get", status_code=400),
        DecodeError("get", path="a.b", reason="expected text", body="{}"),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_failures_that_stay_end_it(wait, error):
    """With the last value on them."""
    with pytest.raises(type(error)) as caught:
        await wait(Thing("seen", error)).run()
    assert caught.value is error
    assert error.last == "seen"
    assert not passes(error)


async def test_an_error_that_is_not_ours_ends_it(wait):
    """A bug is not waited away."""
    with pytest.raises(ZeroDivisionError):
        await wait(Thing(ZeroDivisionError())).run()


async def test_a_time_out_of_the_fetch_itself_is_passed_on(wait):
    """A bare `TimeoutError` from below is not taken for the end of the wait."""
    with pytest.raises(TimeoutError) as caught:
        await wait(Thing(TimeoutError("theirs")), timeout=100).run()
    assert not isinstance(caught.value, WaitTimeout)


async def test_retry_after_wins_over_the_interval(wait, clock):
    """The service's wish is a floor; a shorter one changes nothing."""
    slow = RateLimited("", operation="", status_code=429, retry_after=77)
    quick = RateLimited("", operation="", status_code=429, retry_after=0.1)
    await wait(Thing(slow, quick, "done")).run()
    assert clock.slept == [77, 2]


async def test_the_deadline_is_kept_to_the_second(wait, clock):
    """The last rest is cut to what is left, and a last look is made at the end of it."""
    thing = Thing("same")
    with pytest.raises(WaitTimeout) as caught:
        await wait(thing, timeout=5).run("same")
    assert clock.slept == [1, 2, 2]
    assert thing.looks == 4
    assert caught.value.last == "same"
    assert str(caught.value) == "the thing was not reached within 5 s"


async def test_what_comes_with_the_last_look_counts(wait):
    """A wait that ends at its very deadline has not failed."""
    assert await wait(Thing("same", "same", "same", "done"), timeout=5).run("same") == "done"


async def test_a_retry_after_beyond_the_deadline_does_not_move_it(wait, clock):
    """The wait ends when it was told to."""
    slow = RateLimited("", operation="", status_code=429, retry_after=500)
    with pytest.raises(WaitTimeout):
        await wait(Thing(slow), timeout=50).run()
    assert clock.now == 1050


async def test_a_time_out_without_a_look_that_succeeded(wait):
    """`last` is `None` where nothing was ever read."""
    with pytest.raises(WaitTimeout) as caught:
        await wait(Thing(TransportError("", never_sent=True)), timeout=3).run()
    assert caught.value.last is None


async def test_a_look_that_hangs_ends_with_the_wait(wait):
    """The deadline holds inside of a look, and the look is cancelled."""
    cancelled = asyncio.Event()

    class Hangs:
        async def fetch(self):
            try:
                await asyncio.Event().wait()
            finally:
                cancelled.set()

    with pytest.raises(WaitTimeout):
        await wait(Hangs(), timeout=0.01).run("seen")
    assert cancelled.is_set()


async def test_changes_are_told_in_order_before_the_end(wait):
    """Including the one that ends it, and one that is_over refuses."""
    told = []
    await wait(Thing("a", "a", "b", "done"), on_update=told.append).run("a")
    assert told == ["b", "done"]
    told.clear()
    with pytest.raises(ZeroDivisionError):
        await wait(Thing("worse"), on_update=told.append, is_over=lambda _: 1 / 0).run()
    assert told == ["worse"]


async def test_an_asynchronous_listener_is_awaited(wait):
    """Before the next look."""
    happened = []

    async def listen(value):
        await asyncio.sleep(0)
        happened.append(value)

    thing = Thing("a", "done")
    await wait(thing, on_update=listen).run()
    assert happened == ["a", "done"]


async def test_a_change_starts_the_intervals_anew(wait, clock):
    """What moves is looked at more often."""
    await wait(Thing("a", "a", "a", "b", "b", "done")).run("a")
    assert clock.slept == [1, 2, 4, 1, 2]


async def test_cancelling_is_immediate(wait, clock, other_tasks):
    """While it rests, and nothing stays behind."""
    clock.by_hand = True
    task = asyncio.create_task(wait(Thing("same")).run())
    while clock.sleepers == 0:  # noqa: ASYNC110 - the clock announces nothing
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert other_tasks() == set()


@pytest.mark.parametrize("timeout", [-1, float("nan"), "5", True])
def test_a_time_out_that_makes_no_sense_is_refused(wait, timeout):
    """`InvalidRequest`, when the wait is made."""
    with pytest.raises(InvalidRequest):
        wait(Thing("a"), timeout=timeout)


@pytest.mark.parametrize(
    "wrong",
    [{"initial": 0}, {"factor": 0.9}, {"maximum": 0}, {"jitter": 1.1}, {"jitter": -0.1}],
    ids=str,
)
def test_a_policy_that_makes_no_sense_is_refused(wrong):
    """`InvalidRequest` names the setting."""
    with pytest.raises(InvalidRequest) as caught:
        PollPolicy(**wrong)
    assert caught.value.field in wrong
