"""An onboarding that is asked to stop, and one that may mail only so many letters."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from sinch_hosting import InvalidRequest, Onboarding, PollPolicy
from sinch_hosting._onboarding.progress import Tasks
from sinch_hosting._onboarding.report import Step

from ..bulk.rig import CAMPAIGN, PLAN, Rig, letter, numbers, rigged


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    """A sandbox in which everything takes the time that it takes."""
    async with rigged(profile="standard") as made:
        yield made


def onboarding(rig: Rig, listed: list[str], **settings: Any) -> Onboarding:
    """An onboarding in orders of two numbers."""
    client = rig.client(poll=PollPolicy(initial=900, maximum=7200, jitter=0))
    return client.onboard(
        listed,
        job="acme",
        service_plan_id=PLAN,
        campaign_id=CAMPAIGN,
        loa=letter(),
        readiness_window=1e7,
        chunk_size=2,
        **settings,
    )


async def test_stop_sends_nothing_new_and_loses_no_order(rig: Rig, ledger: Path) -> None:
    """What has left is waited for; the same job run again does the rest, once."""
    listed = numbers(8)
    first = onboarding(rig, listed, ledger=ledger)
    async for step in first:
        if step.step is Step.ORDERED:
            first.stop()
            first.stop()

    created = len(rig.sandbox.orders_created())
    known = {line.order_id for line in first.report.lines if line.order_id}
    assert 0 < created == len(known)
    assert not first.report.is_done

    report = await onboarding(rig, listed, ledger=ledger).run()

    assert report.is_done, report.to_csv()
    assert rig.held() == dict.fromkeys(listed, 1)
    assert len(rig.sandbox.letters_sent) == 4


async def test_stop_before_the_beginning_and_after_the_end(rig: Rig) -> None:
    """Neither is an error: one that is stopped before begins nothing."""
    early = onboarding(rig, numbers(2))
    early.stop()
    report = await early.run()
    assert report.counts == {"waiting": 2}
    assert rig.sandbox.orders_created() == []

    whole = onboarding(rig, numbers(2))
    assert (await whole.run()).is_done
    whole.stop()
    assert whole.report.is_done


async def test_stop_ends_a_wait_at_once(rig: Rig) -> None:
    """Not at the next look: nothing is slept out."""
    waiting = onboarding(rig, numbers(2))
    running = asyncio.ensure_future(waiting.run())
    async with asyncio.timeout(5):
        while not rig.sandbox.qualified_numbers():  # noqa: ASYNC110 - the sandbox tells nobody
            await asyncio.sleep(0)
        waiting.stop()
        report = await running
    assert not report.is_done


async def test_no_letter_too_many(rig: Rig, ledger: Path) -> None:
    """`max_letters` is a bound on what leaves, whatever the plan said; another run goes on."""
    listed = numbers(8)
    report = await onboarding(rig, listed, ledger=ledger, max_letters=3).run()

    assert len(rig.sandbox.letters_sent) == 3
    assert report.counts == {"done": 6, "failed": 2}
    reasons = {line.reason for line in report.lines if line.outcome == "failed"}
    assert reasons == {"not ordered: not sent, the run was stopped: max_letters = 3 were mailed"}

    assert (await onboarding(rig, listed, ledger=ledger, max_letters=1).run()).is_done
    assert rig.held() == dict.fromkeys(listed, 1)


async def test_a_refused_order_mailed_no_letter(rig: Rig) -> None:
    """It does not count: the other orders are sent."""
    rig.sandbox.faults.add(
        "error_before", operation="TextEnableQualifiedNumbers", status=403, count=1
    )
    report = await onboarding(rig, numbers(4), max_letters=1).run()

    assert len(rig.sandbox.letters_sent) <= 1
    assert report.counts["failed"] >= 2


@pytest.mark.parametrize("wrong", [0, -1, True, "3"])
async def test_max_letters_is_checked(wrong: Any, rig: Rig) -> None:
    """Nothing is sent for what is no number of letters."""
    with pytest.raises(InvalidRequest, match="max_letters"):
        onboarding(rig, numbers(2), max_letters=wrong)


async def test_what_is_begun_while_all_ends_is_dropped() -> None:
    """An order that was sent just then is followed by the next run; no coroutine is left over."""

    async def work() -> None:
        raise AssertionError("it was begun")

    async def last(tasks: Tasks) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            tasks.spawn(work())

    async def fail() -> None:
        async with asyncio.TaskGroup() as owner:
            tasks = Tasks(owner)
            tasks.release()
            tasks.spawn(last(tasks))
            await asyncio.sleep(0)
            raise ValueError("the end")

    with pytest.raises(ExceptionGroup) as raised:
        await fail()
    assert [type(error) for error in raised.value.exceptions] == [ValueError]
