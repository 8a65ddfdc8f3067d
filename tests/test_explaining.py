"""Where a number stands: how many orders are asked for it, and what is said of the others."""

from __future__ import annotations

from sinch_hosting import SinchHosting
from sinch_hosting._explaining import ORDERS_ASKED, ListedOrders, explained, read_facts
from sinch_hosting.sandbox import Sandbox

PLAN, CAMPAIGN = "plan-1", "campaign-1"
UNKNOWN = "+12025559999"


async def test_it_says_that_orders_were_left_out() -> None:
    """A plan may hold thousands of orders: so many are asked, and the answer says so."""
    numbers = [f"+1202555{digits:04}" for digits in range(ORDERS_ASKED + 1)]
    async with (
        Sandbox(profile="immediate") as sandbox,
        SinchHosting(
            sandbox.project_id,
            sandbox.key_id,
            sandbox.key_secret,
            base_url=sandbox.base_url,
            auth_url=sandbox.auth_url,
        ) as sinch,
    ):
        place = {"region_code": "US", "service_plan_id": PLAN, "campaign_id": CAMPAIGN}
        for number in numbers[:-1]:
            await sinch.hosting_orders.import_numbers([number], **place)
        await sandbox.settle()
        listed = ListedOrders(sinch, PLAN, CAMPAIGN)
        whole = await read_facts(sinch, UNKNOWN, [listed.open, listed.ended])
        assert not whole.orders_left_out
        assert len(sandbox.calls("GetHostingOrderNumber")) == ORDERS_ASKED

        await sinch.hosting_orders.import_numbers(numbers[-1:], **place)
        await sandbox.settle()
        cut = await read_facts(sinch, UNKNOWN, [listed.open, listed.ended])

    assert cut.orders_left_out
    assert cut.order is None
    assert len(sandbox.calls("GetHostingOrderNumber")) == 2 * ORDERS_ASKED
    assert explained(cut).where.startswith("this project does not know it")
