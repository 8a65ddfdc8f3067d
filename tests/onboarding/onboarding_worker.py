"""A process that does an onboarding, and may stop itself: `onboarding_worker.py JSON`."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).parents[1] / "bulk"))  # a script: only its folder is there

from steps import Steps, run_stepped
from worker import LETTER

from sinch_hosting import LedgerLocked, PollPolicy, RetryPolicy, SinchHosting


class EndsItself(Steps):
    """Stops or kills the whole process at one of its awaits."""

    def __init__(self, stop_at: int | None, how: str) -> None:
        super().__init__(stop_at)
        self._signal = signal.Signals[how]

    def step(self) -> None:
        """Another await was reached."""
        self.count += 1
        if self.count == self._stop_at:
            os.kill(os.getpid(), self._signal)


async def main(
    client: dict[str, Any], listed: list[str], stop_at: int | None, how: str, **arguments: Any
) -> dict[str, Any]:
    """Onboard; what became of the numbers."""

    async def told(_: str) -> str:
        return "1234"

    steps = EndsItself(stop_at, how)
    poll = PollPolicy(initial=0.05, maximum=0.2)
    async with SinchHosting(**client, retry=RetryPolicy(initial=0.01), poll=poll) as sinch:
        running = sinch.onboard(
            listed,
            service_plan_id="plan",
            campaign_id="campaign",
            region_code="US",
            loa=LETTER,
            voice_code=told,
            **arguments,
        )
        try:
            report = await run_stepped(running.run(), steps)
        except LedgerLocked as lost:
            return {"awaits": steps.count, "lost": str(lost)}
    assert report is not None
    return {
        "awaits": steps.count,
        "lines": {line.phone_number: str(line.outcome) for line in report.lines},
    }


if __name__ == "__main__":
    print(json.dumps(asyncio.run(main(**json.loads(sys.argv[1])))))
