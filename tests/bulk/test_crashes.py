"""A small job, stopped at every single await in turn and started again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sinch_hosting import BlanketLoa, BulkResult, DirectLoa

from .rig import Rig, adds_up, letter, numbers, rigged
from .steps import run_until

LISTED = numbers(12)


async def check_every_crash_point(
    settings: Callable[[], dict[str, Any]], *, is_done: Callable[[BulkResult], bool]
) -> int:
    """Stop at each await in turn; answers how many there were, and in how many orders all went."""
    stop_at = 0
    async with rigged() as rig:
        while True:
            stop_at += 1
            rig.sandbox.reset()
            arguments = {"job": "small", "settle": 2.0, "grace": 8.0, **settings()}
            first = await run_until(rig, LISTED, stop_at, **arguments)
            result = await rig.text_enable(LISTED, **arguments)
            adds_up(result, LISTED)
            if result.unknown:
                # What a ledger holds back is for a person to say.
                found = await reconciled(rig, result)
                assert not found.succeeded
                result = await rig.text_enable(LISTED, **{**arguments, "on_unknown": "resend"})
                adds_up(result, LISTED)
            assert is_done(result), stop_at
            assert rig.held() == dict.fromkeys(LISTED, 1), stop_at
            orders = rig.sandbox.orders_created()
            for order in orders:
                rig.sandbox.trigger(order)  # submit
                rig.sandbox.trigger(order)  # send the letter, or start
            assert len(rig.sandbox.letters_sent) in (0, len(orders))
            assert len(orders) == 3
            if first is not None:
                return stop_at


async def reconciled(rig: Rig, result: BulkResult) -> BulkResult:
    """What looking for the unknown chunks finds."""
    client = rig.client()
    return await client.hosting_orders.reconcile(result, settle=2)


def all_succeeded(result: BulkResult) -> bool:
    """Whether there are three orders and no complaint."""
    return len(result.succeeded) == 3 and not result.failed and not result.unknown


@pytest.mark.parametrize("loa", [letter(), BlanketLoa()], ids=["letter", "blanket"])
async def test_without_a_ledger(loa: DirectLoa | BlanketLoa) -> None:
    """Stopped anywhere and run again, the service's lists alone tell what is there."""
    points = await check_every_crash_point(lambda: {"loa": loa}, is_done=all_succeeded)
    assert points > 25


@pytest.mark.parametrize("loa", [letter(), BlanketLoa()], ids=["letter", "blanket"])
async def test_with_a_ledger(loa: DirectLoa | BlanketLoa, tmp_path: Path) -> None:
    """With a ledger the same, and what was in flight is held where a letter is mailed."""
    paths = iter(range(100_000))

    def settings() -> dict[str, Any]:
        return {"loa": loa, "ledger": tmp_path / f"{next(paths)}.jsonl"}

    points = await check_every_crash_point(settings, is_done=all_succeeded)
    assert points > 25
