"""Tests of a program that uses sinch_hosting; run them with `pytest test_texting.py`.

The fixtures `sinch` and `sinch_sandbox` come with the package, and need pytest-asyncio.
"""

import pytest

from sinch_hosting import COMPLETED, Order, OrderRejected, OutcomeUnknown, SinchHosting
from sinch_hosting.sandbox import Sandbox

pytestmark = [pytest.mark.asyncio, pytest.mark.sinch_sandbox(speed=0)]


async def import_office(sinch: SinchHosting) -> Order:
    """The program under test."""
    return await sinch.hosting_orders.import_numbers(
        ["+12025550134"], region_code="US", service_plan_id="plan", campaign_id="campaign"
    )


async def test_it_completes(sinch: SinchHosting, sinch_sandbox: Sandbox) -> None:
    """Days pass in a moment."""
    order = await import_office(sinch)
    sinch_sandbox.advance(days=1)
    assert (await order.wait_until(COMPLETED)).state == "COMPLETED"


async def test_a_rejection_is_told(sinch: SinchHosting, sinch_sandbox: Sandbox) -> None:
    """The wait ends at once."""
    order = await import_office(sinch)
    sinch_sandbox.reject(order.hosting_order_id, "not your numbers")
    with pytest.raises(OrderRejected):
        await order.wait_until(COMPLETED)


async def test_a_429_is_waited_out(sinch: SinchHosting, sinch_sandbox: Sandbox) -> None:
    """One order all the same."""
    sinch_sandbox.faults.add("rate_limited", retry_after=0, count=1)
    await import_office(sinch)
    assert len(sinch_sandbox.orders_created()) == 1


async def test_a_lost_answer_makes_no_second_order(
    sinch: SinchHosting, sinch_sandbox: Sandbox
) -> None:
    """The service acted, and its answer was lost: the program must not send it again."""
    sinch_sandbox.faults.add("drop_after", operation="ImportNumbers", count=1)
    with pytest.raises(OutcomeUnknown):
        await import_office(sinch)
    assert len(sinch_sandbox.orders_created()) == 1
