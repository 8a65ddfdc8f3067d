"""Onboardings run again, and beside others: what the world did meanwhile is seen."""

# ruff: noqa: ASYNC240 - small files, read between two steps of a test

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from sinch_hosting import PermissionDenied, PollPolicy
from sinch_hosting._onboarding.report import Step
from sinch_hosting._session.orders_api import OrdersApi

from ..bulk.rig import CAMPAIGN, PLAN, Rig, letter, numbers, rigged
from .test_onboarding import CANADIAN, onboarding, outcomes

DAY = 86400.0
POLL = PollPolicy(initial=900, maximum=7200, jitter=0)
LINK: dict[str, Any] = {"service_plan_id": PLAN, "campaign_id": CAMPAIGN}


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    """A sandbox in which everything takes the time that it takes."""
    async with rigged(profile="standard") as made:
        yield made


async def verified(rig: Rig, listed: list[str]) -> None:
    """Numbers that may be ordered at once."""
    await rig.client().qualified_numbers.add(listed)
    rig.sandbox.approve(listed)
    await rig.sleep(60)


def cut(monkeypatch: pytest.MonkeyPatch, *, times: int) -> None:
    """Let the first lists of an order's numbers show none."""
    real, calls = OrdersApi.numbers, 0

    class Lagging:
        def __init__(self, pages: Any) -> None:
            self.pages = pages

        async def __aiter__(self) -> AsyncIterator[Any]:
            nonlocal calls
            calls += 1
            shows = calls > times
            async for number in self.pages:
                if shows:
                    yield number

    def lagging(self: OrdersApi, *given: Any, **more: Any) -> Any:
        return Lagging(real(self, *given, **more))

    monkeypatch.setattr(OrdersApi, "numbers", lagging)


@pytest.mark.parametrize("has_ledger", [False, True])
async def test_an_orders_numbers_that_are_listed_late(
    rig: Rig, ledger: Path, monkeypatch: pytest.MonkeyPatch, *, has_ledger: bool
) -> None:
    """They are in the order all the same: no second letter for them."""
    listed = numbers(25)
    keeps = {"ledger": ledger} if has_ledger else {}
    await verified(rig, listed)
    async with aclosing(onboarding(rig, listed, **keeps).steps()) as steps:
        async for step in steps:
            if step.step is Step.ORDERED:
                break
    cut(monkeypatch, times=2)
    rig.sandbox.faults.add("lag", operation="ListQualifiedNumbers", seconds=5, lasts=5)
    report = await onboarding(rig, listed, **keeps).run()
    assert report.is_done, report.to_csv()
    assert len(rig.sandbox.orders_created()) == len(rig.sandbox.letters_sent) == 1


async def test_what_somebody_else_orders_while_it_waits_is_followed(rig: Rig) -> None:
    """A ready number is looked at again before its order goes: one order, one letter."""
    listed = numbers(2)
    client = rig.client()
    await verified(rig, listed[:1])
    running = onboarding(rig, listed, readiness_window=DAY)
    async with aclosing(running.steps()) as steps:
        async for step in steps:
            if step.step is Step.READY and step.phone_numbers == (listed[0],):
                await client.qualified_numbers.text_enable(
                    listed[:1], region_code="US", loa=letter(), **LINK
                )
    assert running.report.is_done, running.report.to_csv()
    assert rig.held() == dict.fromkeys(listed, 1)
    assert len(rig.sandbox.letters_sent) == 2


async def test_looks_that_fail_put_an_order_off(rig: Rig) -> None:
    """What cannot be looked at is not ordered blindly, and is ordered later."""
    listed = numbers(2)
    await verified(rig, listed[:1])
    running = onboarding(rig, listed, readiness_window=DAY)
    async with aclosing(running.steps()) as steps:
        async for step in steps:
            if step.step is Step.SEEN and step.phone_numbers == (listed[1],):
                rig.sandbox.faults.add(
                    "error_before", operation="GetQualifiedNumber", status=503, lasts=2 * DAY
                )
    assert running.report.is_done, running.report.to_csv()
    assert rig.held() == dict.fromkeys(listed, 1)


async def test_done_is_verified_again(rig: Rig, ledger: Path) -> None:
    """Moved or deleted since, it is not done, for a plan and for a run; `relink` moves it back."""
    listed = numbers(3)
    client = rig.client()
    assert (await onboarding(rig, listed, ledger=ledger).run()).is_done
    await client.imported_numbers.relink(listed[0], service_plan_id="other", campaign_id="")
    await client.imported_numbers.delete(listed[1])
    plan = await onboarding(rig, listed, ledger=ledger).plan()
    assert [number.action for number in plan.numbers] == ["fail", "fail", "done"]
    report = await onboarding(rig, listed, ledger=ledger).run()
    assert list(outcomes(report).values()) == ["failed", "failed", "done"]
    assert "service plan other" in report.lines[0].reason
    assert "imported no more" in report.lines[1].reason
    plan = await onboarding(rig, listed, ledger=ledger, relink=True).plan()
    assert plan.having("relink") == (listed[0],)
    report = await onboarding(rig, listed, ledger=ledger, relink=True).run()
    assert list(outcomes(report).values()) == ["done", "failed", "done"]


async def test_done_is_verified_by_lists_where_there_are_many(rig: Rig, ledger: Path) -> None:
    """A rerun over many numbers does not ask for each."""
    listed = numbers(60)
    assert (await onboarding(rig, listed, ledger=ledger).run()).is_done
    before = len(rig.sandbox.requests)
    assert (await onboarding(rig, listed, ledger=ledger).run()).is_done
    assert len(rig.sandbox.requests) - before < 15


@pytest.mark.parametrize("is_imported", [False, True])
async def test_a_number_that_leaves_qualification(rig: Rig, *, is_imported: bool) -> None:
    """Deleted while it is reviewed it has failed; imported where it is wanted it is done."""
    listed = numbers(2)
    client = rig.client()
    is_gone = asyncio.Event()

    async def sleep(seconds: float) -> None:
        if seconds >= POLL.initial:
            await is_gone.wait()
        await rig.sleep(seconds)

    running = onboarding(rig, listed, client=rig.client(sleep=sleep, poll=POLL))
    async with aclosing(running.steps()) as steps:
        async for step in steps:
            if step.step is Step.ADDED:
                await client.qualified_numbers.delete(listed[0])
                if is_imported:
                    order = await client.hosting_orders.import_numbers(
                        listed[:1], region_code="US", **LINK
                    )
                    rig.sandbox.complete(order)
                is_gone.set()
    fates = outcomes(running.report)
    assert fates == {listed[0]: "done" if is_imported else "failed", listed[1]: "done"}


async def test_errors_of_a_plan_are_plain(rig: Rig, ledger: Path) -> None:
    """Not a group of one, so that a handler of this package's errors sees it."""
    await onboarding(rig, numbers(2), ledger=ledger).run()
    rig.sandbox.faults.add("error_before", operation="ListHostingOrderNumbers", status=403)
    with pytest.raises(PermissionDenied):
        await onboarding(rig, numbers(2), ledger=ledger).plan()
    with pytest.raises(PermissionDenied):
        await onboarding(rig, numbers(2), ledger=ledger).run()


async def test_a_ledger_learns_of_adopted_orders(rig: Rig, ledger: Path) -> None:
    """What was in flight and is found is noted, and the next run needs no pause."""
    listed = numbers(2)
    await verified(rig, listed)
    rig.sandbox.faults.add("drop_after", operation="writes", count=1)
    rig.sandbox.faults.add("lag", operation="ListHostingOrders", seconds=1e8)
    await onboarding(rig, listed, ledger=ledger, grace=1).run()
    rig.sandbox.faults.clear()
    report = await onboarding(rig, listed, ledger=ledger, settle=77).run()
    assert report.is_done, report.to_csv()
    last = json.loads(ledger.read_text().splitlines()[-1])
    assert last["outcome"] == "adopted"
    assert last["order_id"] == report.lines[0].order_id
    rig.slept.clear()
    await onboarding(rig, listed, ledger=ledger, settle=77).run()
    assert 77 not in rig.slept


async def test_a_report_of_a_rerun_tells_as_the_orders_do(rig: Rig, ledger: Path) -> None:
    """The region and the signer are the order's; where none was mailed, nobody's."""
    listed = [*numbers(1), CANADIAN]
    await onboarding(rig, listed, ledger=ledger).run()
    again = await onboarding(rig, listed, ledger=ledger, loa=letter("new@example.com")).run()
    assert [line.region_code for line in again.lines] == ["US", "CA"]
    assert {line.letter_to for line in again.lines} == {"jane.roe@example.com"}
    other = await onboarding(rig, listed, job="other").run()
    assert {line.letter_to for line in other.lines} == {""}


async def test_a_last_list_that_fails_is_read_again(rig: Rig) -> None:
    """The order is over, and its numbers cannot be read for a while: it goes on."""
    listed = numbers(2)
    await verified(rig, listed)
    rig.sandbox.faults.add(
        "error_before", operation="ListHostingOrderNumbers", status=503, count=40
    )
    report = await onboarding(rig, listed).run()
    assert report.is_done, report.to_csv()
    assert len(rig.sandbox.letters_sent) == 1
