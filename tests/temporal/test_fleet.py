"""Three worker processes that are killed and stopped at random, and a server that dies once.

Five rounds of 40 orders; the long mode, fifty of 400 orders, is
`FLEET_ROUNDS=50 FLEET_CHUNK=50 pytest -n 0 tests/temporal/test_fleet.py`.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import WorkflowHandle
from temporalio.service import RPCError

from sinch_hosting.temporal.starting import start
from sinch_hosting.temporal.text_enable import TextEnableJob

from ..service import TEXT_ENABLES, Service, delay
from .jobs import Files, environment, job_of
from .server import TemporalServer

ROUNDS = int(os.environ.get("FLEET_ROUNDS", "5"))
NUMBERS = int(os.environ.get("FLEET_NUMBERS", "20000"))
CHUNK = int(os.environ.get("FLEET_CHUNK", "500"))
WORKERS = 3
LEASE = 4.0
PATIENCE = 300 + 3 * NUMBERS / CHUNK


class Fleet:
    """Worker processes, and what happens to them."""

    _replacing: asyncio.Future[None] | None = None

    def __init__(self, told: dict[str, str], dice: random.Random) -> None:
        self._told = told
        self._dice = dice
        self._workers: list[Any] = []
        self.happened: Counter[str] = Counter()

    async def add(self) -> None:
        """Start a worker."""
        worker = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "sinch_hosting.temporal.worker",
            env={**os.environ, **self._told},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        self._workers.append(worker)

    async def suffer(self) -> None:
        """Kill one worker, whose place another one takes, or stop one for a while."""
        while True:
            await asyncio.sleep(self._dice.uniform(0.3, 1.5))
            worker = self._dice.choice(self._workers)
            if self._dice.random() < 0.4:
                self._replacing = asyncio.ensure_future(self._replace(worker))
                await asyncio.shield(self._replacing)
            else:
                worker.send_signal(signal.SIGSTOP)
                await asyncio.sleep(self._dice.uniform(0.1, LEASE * 1.6))
                worker.send_signal(signal.SIGCONT)
                self.happened["stopped"] += 1

    async def _replace(self, worker: Any) -> None:
        """Kill a worker and start another one: as a whole, also where the round ends meanwhile."""
        worker.kill()
        await worker.wait()
        self._workers.remove(worker)
        self.happened["killed"] += 1
        await self.add()

    async def drain(self) -> list[int]:
        """Ask all to end, once they are ready; returns their exit codes."""
        if self._replacing is not None:
            await self._replacing
        for worker in self._workers:
            worker.send_signal(signal.SIGCONT)
        async with asyncio.timeout(120):
            for worker in self._workers:
                await worker.stdout.readline()  # before it is ready, SIGTERM ends it at once
                worker.send_signal(signal.SIGTERM)
            return [await worker.wait() for worker in self._workers]

    def end(self) -> None:
        """End all at once."""
        for worker in self._workers:
            if worker.returncode is None:
                worker.kill()


async def pause_until(handle: WorkflowHandle[Any, Any], orders: int) -> None:
    """Wait until a job has so many orders; queries fail while nobody serves them."""
    while True:
        try:
            progress = await handle.query(TextEnableJob.progress)
            if progress.orders >= orders:
                return
        except RPCError:
            pass
        await asyncio.sleep(0.3)


async def result_of(handle: WorkflowHandle[Any, Any]) -> Any:
    """Wait for a job's result, also while the server is away."""
    while True:
        try:
            return await handle.result()
        except RPCError:
            await asyncio.sleep(0.3)


@pytest.mark.parametrize("round_", range(ROUNDS))
async def test_each_number_in_exactly_one_order(
    round_: int, service: Service, files: Files, tmp_path: Path
) -> None:
    """The job completes, and its report adds up."""
    dice, queue = random.Random(round_), "fleet"
    files.write(NUMBERS)
    service.rules.lives["TYPE_TEXT_ENABLE"] = [(0, "SUBMITTED"), (1, "COMPLETED")]
    service.lists["ListHostingOrders"].page_cap = 1000
    service.fault(TEXT_ENABLES, delay(0.15), times=None)
    temporal = TemporalServer(tmp_path)
    temporal.start()
    fleet = Fleet(environment(temporal, service, files, queue), dice)
    given = job_of(
        job="fleet", on_unknown="resend", chunk_size=CHUNK, lease=LEASE, grace=2.0, most_pending=6
    )
    try:
        client = await temporal.client()
        handle = await start(client, service.project_id, given, task_queue=queue)
        for _ in range(WORKERS):
            await fleet.add()
        await pause_until(handle, 1)
        suffering = asyncio.ensure_future(fleet.suffer())
        async with asyncio.timeout(PATIENCE):
            await pause_until(handle, NUMBERS // CHUNK // 3)
            temporal.kill()
            await asyncio.sleep(dice.uniform(0.1, 1.5))
            temporal.start()
            report = await result_of(handle)
        suffering.cancel()
        await asyncio.wait([suffering])
        assert await fleet.drain() == [0] * WORKERS
    finally:
        fleet.end()
        temporal.kill()
    held = Counter(number for mailed in service.letters for number in mailed.numbers)
    assert not service.numbers_in_two_letters, fleet.happened
    assert held == Counter(files.numbers)
    assert (report.phase, report.ordered, report.numbers) == ("done", NUMBERS, NUMBERS)
    assert report.orders == report.chunks == len(service.letters)
    assert (report.failed, report.open, report.left_out, report.not_begun) == (0, 0, 0, 0)
    assert fleet.happened["killed"] + fleet.happened["stopped"] > 0
    print(f"round {round_}: {NUMBERS} numbers, {report.orders} orders, {dict(fleet.happened)}")
