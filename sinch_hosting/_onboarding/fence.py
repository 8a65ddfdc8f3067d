"""What a run of an onboarding may still send: only while it alone does the onboarding."""

from __future__ import annotations

import asyncio

from .._bulk.ledger import Claim
from .._session.retry import CreateObserver
from ..errors import LedgerLocked, SinchHostingError


class Fence(CreateObserver):
    """Lets a request leave only while the run's claim outlasts it.

    A run whose machine stood still may have lost its claim, and another one goes on with its
    numbers.

    Args:
        claim: what the run holds.
        longest: seconds that a request may take.
    """

    def __init__(self, claim: Claim, longest: float) -> None:
        self._claim = claim
        self._longest = longest

    async def on_sending(self) -> None:
        """Raise `LedgerLocked` where the request might outlast the claim."""
        self._claim.check(self._longest)

    def on_writing(self) -> None:
        """Raise `LedgerLocked` where the claim is over: opening the connection takes time, too."""
        self._claim.check(0.0)

    async def on_refused(self, error: SinchHostingError) -> None:
        """Nothing is noted here."""

    async def on_created(self, order_id: str) -> None:
        """Nothing is noted here."""

    async def watch(self) -> None:
        """Raise `LedgerLocked` when the claim is over."""
        while (left := self._claim.ends - self._claim.clock()) > 0:  # noqa: ASYNC110 - renewed
            await asyncio.sleep(left)
        raise LedgerLocked(
            "this run has lost its claim of the onboarding: it stood still, or the database was "
            "away. Another run may go on with it; run it again to wait for that one"
        )
