"""A bot that imports numbers, and goes on waiting for its orders after a restart.

`python waits_bot.py +12025550134` creates an order and waits; end it whenever you like.
`python waits_bot.py` picks up all waits that are open. Run for the same number again, it creates
no other order: the ledger, `orders.jsonl`, knows of the first.
"""

import asyncio
import sys
from pathlib import Path

from sinch_hosting import COMPLETED, Order, SinchHosting, SinchHostingError

WAITS = Path("waits.jsonl")


def tokens() -> set[str]:
    """Read the waits that are open."""
    return set(WAITS.read_text().splitlines()) if WAITS.exists() else set()


def keep(open_waits: set[str]) -> None:
    """Write them, in one step."""
    (new := WAITS.with_suffix(".new")).write_text("".join(f"{wait}\n" for wait in open_waits))
    new.replace(WAITS)


async def create(sinch: SinchHosting, number: str) -> None:
    """Create an order, and keep its token."""
    order = await sinch.hosting_orders.import_numbers(
        [number],
        region_code="US",
        service_plan_id="plan",
        campaign_id="campaign",
        job=f"bot-{number.removeprefix('+')}",
        ledger="orders.jsonl",
    )
    keep(tokens() | {order.to_token()})


async def finish(order: Order, token: str) -> None:
    """Wait for an order to the end, tell of it, and forget its token."""
    try:
        print(order.hosting_order_id, (await order.wait_until(COMPLETED)).state.name)
    except SinchHostingError as error:
        print(error)
    keep(tokens() - {token})


async def main(numbers: list[str]) -> None:
    """Create an order for each number, and wait for these and all earlier ones."""
    async with SinchHosting.from_env() as sinch, asyncio.TaskGroup() as group:
        for number in numbers:
            await create(sinch, number)
        for token in tokens():
            group.create_task(finish(sinch.hosting_orders.from_token(token), token))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
