"""Real processes under SIGKILL at random moments: every number in exactly one order.

`BULK_KILL_ROUNDS=500 BULK_KILL_NUMBERS=10000 pytest tests/bulk/test_kills.py` is the long mode.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from sinch_hosting.sandbox import Sandbox

ROUNDS = int(os.environ.get("BULK_KILL_ROUNDS", "5"))
NUMBERS = int(os.environ.get("BULK_KILL_NUMBERS", "2000"))
KILLS = 3
WORKER = Path(__file__).with_name("worker.py")


async def run_worker(
    sandbox: Sandbox, arguments: dict[str, Any], kill_after: float | None
) -> dict[str, int] | None:
    """Run the job in a process of its own; `None` where it was killed before it was done."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(WORKER),
        json.dumps(arguments),
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, **sandbox.environ},
    )
    if kill_after is not None:
        seen = len(sandbox.requests)
        while len(sandbox.requests) == seen and process.returncode is None:  # noqa: ASYNC110
            await asyncio.sleep(0.01)  # its start is no moment of the job
        await asyncio.sleep(kill_after)
        if process.returncode is None:
            process.kill()
    said, _ = await process.communicate()
    return json.loads(said) if process.returncode == 0 else None


@pytest.mark.parametrize("round_", range(ROUNDS))
async def test_killed_at_random_moments(round_: int, tmp_path: Path) -> None:
    """Killed three times and run to the end; with a ledger and letters, what is held is sent."""
    dice = random.Random(round_)
    mails, has_ledger = round_ % 2 == 0, round_ % 4 < 2
    arguments: dict[str, Any] = {
        "count": NUMBERS,
        "mails": mails,
        "job": "killed",
        "settle": 0.3,
        "grace": 0.6,
        "chunk_size": max(20, NUMBERS // 100),
        "max_concurrency": 4,
    }
    if has_ledger:
        arguments["ledger"] = str(tmp_path / "ledger")
    rules = {"unqualified": 200}  # what matters here are orders
    async with Sandbox(profile="manual", speed=1, seed=round_, rules=rules) as sandbox:
        sandbox.faults.add("latency", operation="writes", seconds=0.03)
        killed = 0
        for kill in range(KILLS):
            # The first run takes over a second, so the first of them always strikes.
            delay = dice.uniform(0, 1.5 if kill else 0.6)
            killed += await run_worker(sandbox, arguments, delay) is None
        result = await run_worker(sandbox, arguments, None)
        assert result is not None
        if result["unknown"]:
            assert has_ledger
            assert mails
            result = await run_worker(sandbox, {**arguments, "on_unknown": "resend"}, None)
            assert result is not None
        held = Counter(number for order in sandbox.orders_created() for number in order.numbers)
        assert set(held.values()) == {1}
        assert len(held) == result["numbers"] == NUMBERS
        assert result["failed"] == result["unknown"] == 0
        assert killed
