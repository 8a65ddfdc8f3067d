"""Seeded chaos, and any interleaving of faults, cancels, restarts and duplicate runs."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Coroutine
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from sinch_hosting import BlanketLoa, BulkResult, SinchHostingError
from sinch_hosting.sandbox import Sandbox

from .rig import Rig, adds_up, letter, numbers, rigged
from .steps import run_until

LAG, SETTLE, GRACE = 20.0, 30.0, 40.0
JOB: dict[str, Any] = {"job": "chaos", "settle": SETTLE, "grace": GRACE}


def add_chaos(sandbox: Sandbox, share: float) -> None:
    """Let that share of all requests meet a fault, of every kind that the promise covers."""
    each = share / 6
    for kind, more in (
        ("drop_after", {}),
        ("drop_before", {}),
        ("error_before", {"status": 503}),
        ("error_after", {"status": 502}),
        ("truncate", {}),
        ("rate_limited", {"retry_after": 2}),
    ):
        sandbox.faults.add(kind, probability=each, **more)
    sandbox.faults.add("lag", operation="ListHostingOrders", probability=share, seconds=LAG)
    # Not to the end: the numbers of a completed order are protected by a 409.
    sandbox.faults.add("order_moves", operation="ListHostingOrders", probability=share, count=2)


async def survive(rig: Rig, listed: list[str], seed: int, **arguments: Any) -> BulkResult:
    """Run the job in chaos until nothing is failed or unknown.

    With odd seeds the first runs are stopped somewhere; the last ones are told to send what is
    held.
    """
    dice = Random(seed)
    for attempt in range(16):
        stop_at = dice.randrange(10, 120) if attempt < 4 and seed % 2 else None
        if attempt == 10:
            arguments["on_unknown"] = "resend"
        if attempt == 12:
            rig.sandbox.faults.clear()
        try:
            result = await run_until(rig, listed, stop_at, **arguments)
        except SinchHostingError:
            continue  # the lists could not be read at all: nothing was sent
        if result is not None:
            adds_up(result, listed)
            if len(result.succeeded) == len(result.chunks):
                return result
    raise AssertionError("it does not come to an end")


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("with_ledger", [False, True], ids=["no ledger", "ledger"])
@pytest.mark.parametrize("loa", [letter(), BlanketLoa()], ids=["letter", "blanket"])
async def test_a_fifth_of_all_requests_fails(
    seed: int, with_ledger: bool, loa: Any, tmp_path: Path
) -> None:
    """Every number in exactly one order, reports that add up, at 20 percent faults."""
    listed = numbers(60)
    ledger = {"ledger": tmp_path / "ledger"} if with_ledger else {}
    async with rigged(seed=seed) as rig:
        add_chaos(rig.sandbox, 0.2)
        await survive(rig, listed, seed, loa=loa, max_concurrency=4, **JOB, **ledger)
        assert rig.held() == dict.fromkeys(listed, 1)
        assert len(rig.sandbox.orders_created()) == 12


class Interleavings(RuleBasedStateMachine):
    """A job that is run, cancelled, run again and run twice, in a world that misbehaves."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.context = rigged(seed=3)
        self.rig: Rig = self.do(self.context.__aenter__())
        self.folder = tempfile.TemporaryDirectory()
        self.listed = numbers(15)
        self.arguments: dict[str, Any] = dict(JOB)
        self.has_letter = False

    def do(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Run something on the machine's loop."""
        return self.runner.run(work)

    @initialize(has_ledger=st.booleans(), has_letter=st.booleans())
    def begin(self, has_ledger: bool, has_letter: bool) -> None:
        """Choose what kind of job it is."""
        self.has_letter = has_letter
        self.arguments["loa"] = letter() if has_letter else BlanketLoa()
        if has_ledger:
            self.arguments["ledger"] = Path(self.folder.name) / "ledger"

    @rule(
        kind=st.sampled_from(["drop_before", "drop_after", "error_after", "truncate", "not_json"]),
        operation=st.sampled_from(["writes", "lists"]),
        count=st.integers(1, 3),
    )
    def fail(self, kind: str, operation: str, count: int) -> None:
        """Let the next requests fail."""
        self.rig.sandbox.faults.add(kind, operation=operation, count=count)

    @rule(seconds=st.floats(0, LAG))
    def lag(self, seconds: float) -> None:
        """Let the lists lag for a while, by less than is waited for."""
        self.rig.sandbox.faults.add(
            "lag", operation="ListHostingOrders", seconds=seconds, lasts=600
        )

    @rule()
    def move(self) -> None:
        """Let orders move while lists are read."""
        self.rig.sandbox.faults.add("order_moves", operation="ListHostingOrders", count=1)

    @rule()
    def run(self) -> None:
        """Run the job."""
        self.do(self.once(None))

    @rule(stop_at=st.integers(1, 60))
    def run_and_cancel(self, stop_at: int) -> None:
        """Run the job, and stop it at one of its awaits."""
        self.do(self.once(stop_at))

    @precondition(lambda self: "ledger" in self.arguments)
    @rule()
    def run_twice(self) -> None:
        """Two runs on one ledger: one is refused, or begins when the other has just ended."""
        self.do(self.twice())

    async def twice(self) -> None:
        """Both at the same moment."""
        runs = (self.rig.text_enable(self.listed, **self.arguments) for _ in range(2))
        results = await asyncio.gather(*runs, return_exceptions=True)
        assert all(isinstance(result, (BulkResult, SinchHostingError)) for result in results)

    async def once(self, stop_at: int | None) -> None:
        """One run, which may end early; what it answers adds up."""
        try:
            result = await run_until(self.rig, self.listed, stop_at, **self.arguments)
        except SinchHostingError:
            return
        if result is not None:
            adds_up(result, self.listed)

    @invariant()
    def no_number_is_in_two_orders(self) -> None:
        """At no time is there a second order, or a second letter."""
        assert all(count == 1 for count in self.rig.held().values())

    def teardown(self) -> None:
        """However it went: run to the end, every number is in exactly one order."""
        try:
            self.rig.sandbox.faults.clear()
            final = {**self.arguments, "on_unknown": "resend"}
            result = self.do(self.rig.text_enable(self.listed, **final))
            adds_up(result, self.listed)
            assert self.rig.held() == dict.fromkeys(self.listed, 1)
        finally:
            self.do(self.context.__aexit__(None, None, None))
            self.runner.close()
            self.folder.cleanup()


TestInterleavings = Interleavings.TestCase
TestInterleavings.settings = settings(
    max_examples=80,
    stateful_step_count=10,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
