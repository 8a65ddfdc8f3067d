"""The CPU that waiting takes of the client's process; the service is in one of its own."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from sinch_hosting import COMPLETED, Order, OrderState, OrderType, SinchHosting
from tests.service import Service

WANTED = 20.0
"""Microseconds an order a minute."""
_SETTLED = 300.0
"""Seconds after which orders are looked at once a minute."""
_SMALLER, _SIZES, _LARGER = (100,), (1000, 3000), (10_000, 30_000)
Row = tuple[str, str, str, str]


def rows(*, short: bool) -> list[Row]:
    """One row a size."""
    sizes = _SMALLER if short else (*_SMALLER, *_SIZES, *_LARGER)
    return [_row(orders, minutes=3 if short else 20) for orders in sizes]


def _row(orders: int, *, minutes: int) -> Row:
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks._waiting_cpu", str(orders)],
        cwd=Path(__file__).parent.parent,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())
        cpu = asyncio.run(_measure(told["client"], told["orders"], minutes))
    finally:
        process.communicate("")
    return (
        f"{orders:,} orders that rest, CPU",
        f"{cpu * 1e6:.1f} us an order a minute",
        "process time of the client alone",
        f"at most {WANTED:g} us",
    )


async def _measure(arguments: dict[str, Any], orders: list[list[str]], minutes: int) -> float:
    now = 0.0

    def clock() -> float:
        return now

    async def sleep(seconds: float) -> None:
        nonlocal now
        now += seconds
        await asyncio.sleep(0)

    async with SinchHosting(**arguments, clock=clock, sleep=sleep) as sinch:
        given = [
            Order(
                hosting_order_id=order_id,
                state=OrderState.IN_PROGRESS,
                type=OrderType(kind),
                service_plan_id=plan,
                campaign_id=campaign,
            )
            for order_id, kind, plan, campaign in orders
        ]
        wait = asyncio.create_task(sinch.hosting_orders.wait_all(given, COMPLETED))
        await _until(_SETTLED, clock)
        since, before = clock(), time.process_time()
        await _until(since + 60 * minutes, clock)
        cpu = time.process_time() - before
        wait.cancel()
        await asyncio.wait({wait})
    return cpu / len(orders) / ((clock() - since) / 60)


async def _until(end: float, clock: Any) -> None:
    while clock() < end:  # noqa: ASYNC110 - the clock is nobody's to announce
        await asyncio.sleep(0.001)


async def _serve(orders: int) -> None:
    async with Service(page_cap=1000) as service:
        made = service.add_orders(orders, state="IN_PROGRESS")
        client = {k: v for k, v in service.client_arguments.items() if k not in ("clock", "sleep")}
        known = [(order.id, order.type, order.plan, order.campaign) for order in made]
        print(json.dumps({"client": client, "orders": known}), flush=True)
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1])))
