"""Plans: what would be done, without a single create."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sinch_hosting import BlanketLoa, BulkPlan, JobChanged
from sinch_hosting._bulk.ledger_file import LedgerFile

from .rig import CAMPAIGN, PLAN, Rig, letter, numbers

BASE: dict[str, Any] = {
    "region_code": "US",
    "service_plan_id": PLAN,
    "campaign_id": CAMPAIGN,
    "chunk_size": 5,
}


async def planned(rig: Rig, listed: list[str], **settings: Any) -> BulkPlan:
    """The plan of a run."""
    orders = rig.client().hosting_orders
    arguments = {**BASE, "loa": letter(), **settings}
    return await orders.text_enable_many(listed, **arguments, plan=True)


async def test_a_plan_creates_nothing(rig: Rig, ledger: Path) -> None:
    """Orders, letters and to whom, requests and skipped numbers; no create, no line in a ledger."""
    listed = numbers(12)
    plan = await planned(rig, [*listed, listed[0]], job="plan", ledger=ledger)
    assert [len(order.numbers) for order in plan.orders] == [5, 5, 2]
    assert plan.creates == 3
    assert not ledger.exists()  # noqa: ASYNC240
    assert plan.letters == {"Jane Roe <jane.roe@example.com>": 3}
    assert [skipped.reason for skipped in plan.skipped] == ["duplicate"]
    assert not rig.sandbox.orders_created()
    before = len(rig.sandbox.requests)
    result = await rig.text_enable(listed, job="plan", ledger=ledger)
    assert [chunk.tag for chunk in result.chunks] == [order.tag for order in plan.orders]
    token = 1  # of the second client
    assert plan.requests + token == len(rig.sandbox.requests) - before
    before = len(rig.sandbox.requests)
    assert (await planned(rig, listed, job="plan")).requests == 2 * 6 + 3
    result = await rig.text_enable(listed, job="plan")
    assert all(chunk.adopted for chunk in result.chunks)
    assert len(rig.sandbox.requests) - before == 2 * token + 6 + 2 * 6 + 3


async def test_a_plan_while_a_run_is_under_way(rig: Rig, ledger: Path) -> None:
    """Planning neither needs the lock of a ledger nor leaves anything in it."""
    await rig.text_enable(numbers(5), job="plan", ledger=ledger)
    before = ledger.read_bytes()  # noqa: ASYNC240
    held = await LedgerFile.open(ledger)
    plan = await planned(rig, numbers(5), job="plan", ledger=ledger)
    await held.close()
    assert [order.action for order in plan.orders] == ["adopt"]
    assert ledger.read_bytes() == before  # noqa: ASYNC240


async def test_a_plan_tells_what_is_there_already(rig: Rig, ledger: Path) -> None:
    """Adopted, held and recreated orders are told apart; a changed job is refused."""
    listed = numbers(10)
    rig.sandbox.faults.add("drop_before", operation="writes", count=1)
    first = await rig.text_enable(listed, job="plan", ledger=ledger, max_concurrency=1)
    assert len(first.unknown) == 1
    plan = await planned(rig, listed, job="plan", ledger=ledger)
    assert [order.action for order in plan.orders] == ["hold", "adopt"]
    assert plan.orders[1].order_id == first.succeeded[0].hosting_order_id
    assert not plan.letters
    assert "1 chunks are held" in plan.warnings[-1]
    again = await planned(rig, listed, job="plan", ledger=ledger, on_unknown="resend")
    assert [order.action for order in again.orders] == ["create again", "adopt"]
    with pytest.raises(JobChanged):
        await planned(rig, listed[1:], job="plan", ledger=ledger)


async def test_a_plan_recalls_orders_that_no_list_shows(rig: Rig, ledger: Path) -> None:
    """Without a campaign the ledger alone tells what is there."""
    settings: dict[str, Any] = {"job": "bare", "ledger": ledger, "campaign_id": None}
    first = await rig.text_enable(numbers(5), **settings)
    plan = await planned(rig, numbers(5), **settings)
    assert plan.orders[0].action == "adopt"
    assert plan.orders[0].order_id == first.succeeded[0].hosting_order_id


async def test_the_warnings(rig: Rig) -> None:
    """More than T-Mobile's 49 numbers, an own NNID, several letters, and no ledger for them."""
    plan = await planned(rig, numbers(60), nnid="104030")
    text = "\n".join(plan.warnings)
    for said in ("up to 49 numbers", "60 to CAMP1", "NNID", "12 letters go to Jane", "no ledger"):
        assert said in text
    quiet = await planned(rig, numbers(5), loa=BlanketLoa())
    assert quiet.warnings == ()
    assert quiet.letters == {}


async def test_imports_and_toll_free_numbers_plan_too(rig: Rig) -> None:
    """All three kinds answer a plan."""
    orders = rig.client().hosting_orders
    plan = {"region_code": "US", "service_plan_id": PLAN}
    imports = await orders.import_many(numbers(11), **plan, plan=True)
    assert imports.creates == 3
    free = await orders.text_enable_toll_free_many(
        ["+18005550100"], **plan, loa=letter(), plan=True
    )
    assert sum(free.letters.values()) == 1
    assert not rig.sandbox.requests
