"""Workers that share a job and stall at any await of a create: no letter is mailed twice.

A worker stops itself with SIGSTOP at one of its awaits, as a machine would that stands still. When
the others are done, it goes on. `STALL_ROUNDS=200 pytest -n 2 tests/bulk/test_stalls.py` is the
long mode; in it the awaits of a run are gone through one by one.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from ..postgres import Postgres
from ..service import Service
from .rig import numbers

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="it reads /proc")
ROUNDS = int(os.environ.get("STALL_ROUNDS", "3"))
FIRST, LAST = 28, 70
"""The awaits of a run, of about 83, among which its creates are; the first ones read the lists."""
LISTED = numbers(4)
WORKER = Path(__file__).with_name("sharing_worker.py")


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    """A service on the real clock, for real processes."""
    async with Service() as running:
        yield running


async def begin(service: Service, url: str, policy: str, stop_at: int | None) -> Any:
    """Start a worker."""
    client = {k: v for k, v in service.client_arguments.items() if k not in ("clock", "sleep")}
    arguments = {
        "client": {**client, "timeout": 0.5},
        "listed": LISTED,
        "stop_at": stop_at,
        "job": "stalls",
        "ledger": url,
        "on_unknown": policy,
        "chunk_size": 2,
        "max_concurrency": 2,
        "settle": 0.1,
        "grace": 2.0,
    }
    return await asyncio.create_subprocess_exec(
        sys.executable,
        str(WORKER),
        json.dumps(arguments),
        stdout=asyncio.subprocess.PIPE,
    )


async def is_stopped(worker: Any) -> bool:
    """Wait until a worker stands still; false where it ended before that."""
    state = Path(f"/proc/{worker.pid}/stat")
    while worker.returncode is None:
        with contextlib.suppress(OSError):
            if state.read_text().rpartition(")")[2].split()[0] == "T":  # noqa: ASYNC240
                return True
        await asyncio.sleep(0.02)
    return False


async def result_of(worker: Any) -> dict[str, Any]:
    """What a worker says at its end."""
    async with asyncio.timeout(120):
        said, _ = await worker.communicate()
    assert worker.returncode == 0
    result: dict[str, Any] = json.loads(said)
    return result


@pytest.mark.parametrize("round_", range(ROUNDS))
async def test_nothing_twice(round_: int, service: Service, postgres: Postgres) -> None:
    """One or two of two or three workers stall; then what was unknown is looked for once more."""
    dice = random.Random(round_)
    url, policy = postgres.database(), ("resend", "hold")[round_ % 2]
    span = LAST - FIRST
    first = FIRST + (round_ * span // ROUNDS if ROUNDS > 20 else dice.randrange(span))
    stops = [first, FIRST + dice.randrange(span)][: 1 + round_ // 2 % 2]
    stalled, results = [], []
    for stop_at in stops:
        worker = await begin(service, url, policy, stop_at)
        if await is_stopped(worker):
            stalled.append(worker)
        else:
            results.append(await result_of(worker))
    assert stalled
    try:
        results.append(await result_of(await begin(service, url, policy, None)))
    finally:
        for worker in stalled:
            worker.send_signal(signal.SIGCONT)
    results += [await result_of(worker) for worker in stalled]
    mailed = Counter(number for mailed in service.letters for number in mailed.numbers)
    assert not service.numbers_in_two_letters, (stops, policy)
    for result in results:
        assert not result["failed"]
        assert sorted(result["succeeded"] + result["unknown"]) == LISTED
    assert policy == "hold" or mailed.keys() == set(LISTED)
    assert {n for result in results for n in result["succeeded"]} == mailed.keys()
