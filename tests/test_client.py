"""The client as a whole: a life against the sandbox, and what its docstring promises."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from sinch_hosting import (
    COMPLETED,
    BlanketLoa,
    Conflict,
    InvalidRequest,
    NotFound,
    OrderRejected,
    PollPolicy,
    SinchHosting,
)
from sinch_hosting.sandbox import Sandbox

from .letters import DIRECT

NUMBERS = [f"+1202555{n:04}" for n in range(12)]
PLAN = {"region_code": "US", "service_plan_id": "plan", "campaign_id": "campaign"}


@pytest.fixture
async def life():
    """A sandbox in which days pass in seconds, and a client that polls as fast."""
    async with (
        Sandbox(speed=500_000, seed=7) as sandbox,
        SinchHosting(
            sandbox.project_id,
            sandbox.key_id,
            sandbox.key_secret,
            base_url=sandbox.base_url,
            auth_url=sandbox.auth_url,
            poll=PollPolicy(initial=0.01, maximum=0.05),
        ) as client,
    ):
        yield sandbox, client


async def test_the_readmes_example(life):
    """Import, wait for COMPLETED, read the numbers."""
    _, sinch = life
    order = await sinch.hosting_orders.import_numbers(NUMBERS[:2], **PLAN)
    order = await order.wait_until(COMPLETED, timeout=120)
    found = {number.phone_number: number async for number in order.numbers()}
    assert sorted(found) == NUMBERS[:2]
    assert {n.platform_provisioning.state for n in found.values()} == {"DONE"}
    assert (await order.report()).total == 2


async def test_text_enabling_through_the_letter(life):
    """Qualified, enabled, signed, completed; the letter was mailed once."""
    sandbox, sinch = life
    await sinch.qualified_numbers.add(NUMBERS[:1])
    await sinch.qualified_numbers.wait_until(NUMBERS[0], "VERIFIED", timeout=120)
    states = []
    order = await sinch.qualified_numbers.text_enable(NUMBERS[:1], **PLAN, loa=DIRECT)
    order = await order.wait_until(
        COMPLETED, timeout=120, on_update=lambda update: states.append(update.state)
    )
    assert order.state is COMPLETED
    assert states[-1] is COMPLETED
    assert len(sandbox.letters_sent) == 1


async def test_an_imported_number_from_import_to_deletion(life):
    """Imported, provisioned, renamed, relinked, deleted; a second delete is `NotFound`."""
    _, sinch = life
    numbers = sinch.imported_numbers
    await numbers.import_number(NUMBERS[0], **PLAN)
    with pytest.raises(Conflict):
        await numbers.import_number(NUMBERS[0], **PLAN)
    await numbers.wait_until_provisioned(NUMBERS[0], timeout=120)
    assert (await numbers.update(NUMBERS[0], display_name="front desk")).display_name
    linked = await numbers.relink(
        NUMBERS[0], service_plan_id="plan-2", campaign_id="campaign-2", timeout=120
    )
    assert linked.pending_campaign_id == "campaign-2"
    linked = await numbers.wait_until_provisioned(NUMBERS[0], timeout=120)
    assert linked.sms_configuration.campaign_id == "campaign-2"
    listed = numbers.list(service_plan_id="plan-2", campaign_id="campaign-2")
    assert [number.phone_number async for number in listed] == NUMBERS[:1]
    await numbers.delete(NUMBERS[0])
    with pytest.raises(NotFound):
        await numbers.delete(NUMBERS[0])


async def test_bulk_and_wait_all(life):
    """Twelve numbers in three orders, all waited for at once."""
    sandbox, sinch = life
    result = await sinch.hosting_orders.import_many(NUMBERS, **PLAN)
    done = await sinch.hosting_orders.wait_all(result.succeeded, COMPLETED, timeout=120)
    assert [order.state for order in done] == [COMPLETED] * 3
    assert len(sandbox.orders_created()) == 3


async def test_tokens_that_expire_on_the_way_are_not_noticed(life):
    """Every token is thrown away in the middle of things, twice."""
    sandbox, sinch = life
    for start in (0, 5):
        calls = (
            sinch.hosting_orders.import_numbers([number], **PLAN)
            for number in NUMBERS[start : start + 5]
        )
        assert len(await asyncio.gather(*calls)) == 5
        sandbox.expire_tokens()
    assert len(sandbox.orders_created()) == 10
    assert len(sandbox.calls("token")) == 2


async def test_waiting_by_hand(make_client, clock):
    """Time stands still in both: nothing moves until it is moved."""
    async with Sandbox(speed=0, seed=3, rules={"unqualified": 200}) as sandbox:
        client = make_client(
            base_url=sandbox.base_url,
            auth_url=sandbox.auth_url,
            project_id=sandbox.project_id,
            key_id=sandbox.key_id,
            key_secret=sandbox.key_secret,
        )
        clock.before_waking = lambda: sandbox.advance(timedelta(hours=6))
        order = await client.hosting_orders.text_enable(NUMBERS[:3], **PLAN, loa=BlanketLoa())
        try:
            order = await order.wait_until(COMPLETED, timeout=10_000)
        except OrderRejected as rejected:  # the sandbox's people may say no
            order = rejected.order
        assert order.state.is_terminal
        assert clock.slept
        await client.aclose()


def test_a_client_prints_whose_it_is():
    """Project, key and address, and nothing else."""
    client = SinchHosting("p", "k", "s3cret", base_url="https://api.example")
    assert repr(client) == "<SinchHosting project_id='p' key_id='k' https://api.example>"


def test_the_docstring_tells_the_contract_of_retries():
    """What is sent again, what `Retry-After` does, and the names of the errors."""
    words = SinchHosting.__doc__
    for word in ("Retry-After", "RateLimited", "OutcomeUnknown", "max_tries", "max_time", "429"):
        assert word in words


async def test_get_json_reads_what_has_no_call(sinch_sandbox: Sandbox, sinch: SinchHosting) -> None:
    """Below the project or whole, with a query; errors are those of every call."""
    whole = f"/v1/projects/{sinch_sandbox.project_id}/qualifiedNumbers"
    below = "qualifiedNumbers?states=GLOBAL_PROCESS_STATE_ELIGIBLE"

    assert await sinch.get_json(below) == await sinch.get_json(
        f"{whole}?states=GLOBAL_PROCESS_STATE_ELIGIBLE"
    )
    with pytest.raises(NotFound):
        await sinch.get_json("importedNumbers/+12025550100")


@pytest.mark.parametrize(
    "path", ["", "/", "//elsewhere/x", "http://elsewhere/x", "../x", "a b", "a#b", 3]
)
async def test_get_json_stays_at_the_service(path: Any, sinch: SinchHosting) -> None:
    """The credentials go nowhere else, whatever the path."""
    with pytest.raises(InvalidRequest, match="path"):
        await sinch.get_json(path)
