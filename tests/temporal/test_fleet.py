"""Three worker processes that are killed and stopped at random, and a server that dies once.

One round of 20,000 numbers in 40 orders; CI runs five. The long mode, fifty of 400 orders, is
`FLEET_ROUNDS=50 FLEET_CHUNK=50 pytest -n 0 tests/temporal/test_fleet.py`.
"""

from __future__ import annotations

import asyncio
import math
import os
import random
import signal
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import WorkflowHandle, WorkflowUpdateFailedError
from temporalio.service import RPCError

from sinch_hosting.temporal.messages import Challenged, Progress, VoiceCode
from sinch_hosting.temporal.starting import start
from sinch_hosting.temporal.text_enable import TextEnableJob

from ..service import TEXT_ENABLES, Service, delay
from .jobs import Files, environment, job_of, onboarding_of
from .server import TemporalServer

ROUNDS = int(os.environ.get("FLEET_ROUNDS", "1"))
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
        self._ready: set[Any] = set()
        self.happened: Counter[str] = Counter()

    async def add(self) -> None:
        """Start a worker, and wait until it is ready: else a slow machine would only start them."""
        worker = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "sinch_hosting.temporal.worker",
            env={**os.environ, **self._told},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        self._workers.append(worker)
        await self._until_ready(worker)

    async def _until_ready(self, worker: Any) -> None:
        if worker not in self._ready:
            await worker.stdout.readline()
            self._ready.add(worker)

    async def suffer(self, most: float = math.inf) -> None:
        """Kill one worker, whose place another one takes, or stop one for a while; so often."""
        while self.happened.total() < most:
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
                await self._until_ready(worker)  # before that, SIGTERM ends it at once
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
    assert (report.phase, report.ordered, report.numbers) == ("done", NUMBERS, NUMBERS), report
    assert report.orders == report.chunks == len(service.letters)
    assert (report.failed, report.open, report.left_out, report.not_begun) == (0, 0, 0, 0)
    assert held == Counter(files.numbers)
    assert fleet.happened["killed"] + fleet.happened["stopped"] > 0
    print(f"round {round_}: {NUMBERS} numbers, {report.orders} orders, {dict(fleet.happened)}")


async def test_an_onboarding_survives_its_workers(service: Service, files: Files) -> None:
    """Each number is called once at most by itself, and is in exactly one order."""
    dice, queue, numbers = random.Random(7), "onboarding", 12
    asked: Counter[int] = Counter()
    files.write(numbers)
    service.rules.lives["TYPE_TEXT_ENABLE"] = [(0, "SUBMITTED"), (1, "COMPLETED")]
    service.rules.qualification = [(0, "ELIGIBLE_CHECK_PENDING"), (1, "VERIFICATION_PENDING")]
    for creates in ("SendVoiceChallenge", "VerifyVoiceChallenge", *TEXT_ENABLES):
        service.fault(creates, delay(0.15), times=None)
    (files.folder / "code").write_text(service.rules.voice_code)
    temporal = TemporalServer(files.folder)
    temporal.start()
    fleet = Fleet(environment(temporal, service, files, queue), dice)
    given = onboarding_of(
        job=queue, voice=True, on_unknown="resend", lease=LEASE, grace=2.0, page_size=10
    )
    try:
        client = await temporal.client()
        handle = await start(client, service.project_id, given, task_queue=queue)
        for _ in range(2):
            await fleet.add()
        await pause_until(handle, 0)
        suffering = asyncio.ensure_future(fleet.suffer(6))
        async with asyncio.timeout(PATIENCE):
            await tell_codes(handle, asked)
            await suffering
            report = await result_of(handle)
        assert await fleet.drain() == [0, 0]
    finally:
        fleet.end()
        temporal.kill()
    called = service.requests_of("SendVoiceChallenge")
    for position, number in enumerate(files.numbers):
        calls = sum(number[1:] in request.path for request in called)
        assert 0 < calls <= 1 + asked[position], fleet.happened
    held = Counter(number for mailed in service.letters for number in mailed.numbers)
    assert not service.numbers_in_two_letters, fleet.happened
    assert held == Counter(files.numbers)
    assert (report.phase, report.ordered, report.open) == ("done", numbers, 0)
    assert fleet.happened["killed"] + fleet.happened["stopped"] > 0


async def tell_codes(handle: WorkflowHandle[Any, Any], asked: Counter[int]) -> None:
    """Tell each code that is awaited, and ask for another call where there was none.

    `asked` counts the calls that were asked for.
    """
    progress: Progress | None = None
    while progress is None or progress.phase in ("preparing", "qualifying"):
        try:
            progress = await handle.query("progress", result_type=Progress)
            for position in await handle.query("waiting_for_codes", result_type=list[int]):
                code = VoiceCode(position=position, code="code")
                told = await handle.execute_update("voice_code", code, result_type=Challenged)
                if told.kind == "refused":  # its worker was killed before it called
                    asked[position] += 1
                    await handle.execute_update("ring", position, result_type=Challenged)
        except (RPCError, WorkflowUpdateFailedError):
            pass  # nobody served it; or another look was quicker
        await asyncio.sleep(0.3)
