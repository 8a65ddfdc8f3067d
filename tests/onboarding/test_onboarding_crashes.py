"""A small onboarding, killed at every single await in turn and started again."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from sinch_hosting import OnboardingReport, PollPolicy
from sinch_hosting.sandbox import STANDARD

from ..bulk.rig import CAMPAIGN, PLAN, Rig, letter, numbers, rigged
from ..bulk.steps import Steps, run_stepped


class KillingSteps(Steps):
    """Keeps what the ledger holds where the run is ended: one that is killed adds nothing."""

    noted: bytes | None = None

    def __init__(self, stop_at: int, ledger: Path) -> None:
        super().__init__(stop_at)
        self._ledger = ledger

    def step(self) -> None:
        """Another await was reached."""
        super().step()
        if self.count == self._stop_at and self._ledger.exists():
            self.noted = self._ledger.read_bytes()


async def onboard(rig: Rig, listed: list[str], **settings: Any) -> OnboardingReport:
    """Onboard with a letter, by a client of its own."""
    poll = PollPolicy(initial=3600, maximum=3600, jitter=0)
    arguments = {"job": "small", "service_plan_id": PLAN, "campaign_id": CAMPAIGN, "grace": 8.0}
    async with rig.client(poll=poll) as client:
        return await client.onboard(listed, loa=letter(), **arguments, **settings).run()


@pytest.mark.parametrize("more", [[], ["+18005550100"]], ids=["no ledger", "ledger"])
async def test_killed_anywhere_and_run_again(more: list[str], tmp_path: Path) -> None:
    """Each number in exactly one order, a letter an order; toll-free ones need a ledger."""
    listed, stop_at, first = [*numbers(2), *more], 0, None
    asyncio.get_running_loop().set_debug(False)  # twice as fast, and nothing is debugged here
    async with rigged(profile="standard", transitions=dict.fromkeys(STANDARD, 300)) as rig:
        while first is None:
            stop_at += 1
            rig.sandbox.reset()
            await rig.client().qualified_numbers.add(listed)
            rig.sandbox.approve(listed)
            steps = KillingSteps(stop_at, tmp_path / f"{stop_at}.jsonl")
            keeps = {"ledger": tmp_path / f"{stop_at}.jsonl"} if more else {}
            first = await run_stepped(onboard(rig, listed, **keeps), steps)
            if steps.noted is not None and first is None:
                keeps["ledger"].write_bytes(steps.noted)
            report = await onboard(rig, listed, **keeps)
            assert [line.phone_number for line in report.lines] == listed
            if report.counts.get("unknown"):  # held: it is for a person to say
                report = await onboard(rig, listed, **keeps, on_unknown="resend")
            assert report.is_done, (stop_at, report.to_csv())
            assert rig.held() == dict.fromkeys(listed, 1), stop_at
            assert len(rig.sandbox.letters_sent) == len(rig.sandbox.orders_created()), stop_at
            assert len(rig.sandbox.letters_sent) == 1 + len(more), stop_at
    assert stop_at > 50
