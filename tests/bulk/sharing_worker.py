"""A process that shares a job, and stops itself: `sharing_worker.py JSON`."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Coroutine
from typing import Any

from steps import Steps, run_stepped  # a script: its folder is on the path
from worker import LETTER

from sinch_hosting import Order, RetryPolicy, SinchHosting


class StopsItself(Steps):
    """Stops the whole process at one of its awaits, as a machine that stalls."""

    def step(self) -> None:
        """Another await was reached."""
        self.count += 1
        if self.count == self._stop_at:
            os.kill(os.getpid(), signal.SIGSTOP)


async def main(
    client: dict[str, Any], listed: list[str], stop_at: int | None, **arguments: Any
) -> dict[str, Any]:
    """Run the job; what became of its numbers."""
    steps = StopsItself(stop_at)
    async with SinchHosting(**client, retry=RetryPolicy(initial=0.01)) as sinch:
        run: Coroutine[Any, Any, Any] = sinch.hosting_orders.text_enable_many(
            listed,
            region_code="US",
            service_plan_id="plan",
            campaign_id="campaign",
            loa=LETTER,
            **arguments,
        )
        result = await run_stepped(run, steps)
    return {
        "awaits": steps.count,
        "succeeded": [n for c in result.chunks if isinstance(c.result, Order) for n in c.numbers],
        "failed": [repr(chunk.error) for chunk in result.failed],
        "unknown": [number for chunk in result.unknown for number in chunk.numbers],
    }


if __name__ == "__main__":
    print(json.dumps(asyncio.run(main(**json.loads(sys.argv[1])))))
