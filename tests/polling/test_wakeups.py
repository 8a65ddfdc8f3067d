"""Rests that a callback ends."""

from __future__ import annotations

import asyncio
from typing import Any

from sinch_hosting._polling.wakeups import QUIET, WakeUps


async def test_a_bell_ends_the_rest_of_all_that_wait_for_the_number(clock: Any) -> None:
    """And of nobody else."""
    clock.by_hand = True
    bells = WakeUps(clock.sleep)
    with bells.listen("+1") as first, bells.listen("+1") as second, bells.listen("+2") as other:
        rests = [asyncio.create_task(bell.sleep(60)) for bell in (first, second, other)]
        await asyncio.sleep(0)
        await asyncio.sleep(0)

        assert bells.notify("+1")
        await asyncio.wait(rests[:2])

        assert not rests[2].done()
        rests[2].cancel()
        await asyncio.wait(rests)
    assert not bells.notify("+1")


async def test_a_bell_that_rang_during_a_look_shortens_the_next_rest(clock: Any) -> None:
    """The look may have come too early to see what happened."""
    with WakeUps(clock.sleep).listen("+1") as bell:
        bell.notify()
        await bell.sleep(60)
        await bell.sleep(60)

    assert clock.slept == [QUIET, 60]
