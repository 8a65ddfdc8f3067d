"""Orders to wait for: a sandbox on a virtual clock, a client on the same clock, and both counted.

Virtual time stands still while requests are under way, and moves when everybody sleeps. The
service's cap on a page's size is not published, so it is a setting here.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from attrs import define

from sinch_hosting import BlanketLoa, Order, PollPolicy, SinchHosting
from sinch_hosting.sandbox import Profile, Sandbox, lists

HOUR = 3600.0
_ORDERS_AT_ONCE = 20
_SECRET = "benchmark-secret"
_RULES = {"unqualified": 200, "hosting_process": "order"}
"""Orders of numbers that nobody qualified, whose callbacks name the order."""
POLLS = ("ListHostingOrders", "GetHostingOrder")


@contextmanager
def pages_of(size: int) -> Iterator[None]:
    """Let the sandbox give at most so many orders a page."""
    before, lists.LARGEST_PAGE = lists.LARGEST_PAGE, size
    try:
        yield
    finally:
        lists.LARGEST_PAGE = before


@define
class WatchedOrder:
    """A sandbox, a client of it, and the clock of both."""

    sandbox: Sandbox
    sinch: SinchHosting

    def polls(self) -> int:
        """The requests so far that asked for orders."""
        return sum(record.operation in POLLS for record in self.sandbox.requests)

    async def orders(self, count: int, groups: int = 1, callback_url: str = "") -> list[Order]:
        """Make so many orders, spread over so many campaigns."""
        queue = iter(range(count))
        made: dict[int, Order] = {}

        async def work() -> None:
            for n in queue:
                made[n] = await self.sinch.hosting_orders.text_enable(
                    [f"+1303{n:07}"],
                    region_code="US",
                    service_plan_id="plan",
                    campaign_id=f"C{n % groups}",
                    loa=BlanketLoa(),
                    callback_url=callback_url or None,
                )

        await asyncio.gather(*(work() for _ in range(_ORDERS_AT_ONCE)))
        return [made[n] for n in range(count)]


@asynccontextmanager
async def virtual(
    profile: Profile | str, poll: PollPolicy | None = None
) -> AsyncIterator[WatchedOrder]:
    """The two on a clock that moves when the client sleeps."""
    async with Sandbox(
        speed=0,
        seed=7,
        profile=profile,
        rules=_RULES,
        hmac_secret=_SECRET,
        request_log=1_000_000,
    ) as sandbox:

        async def sleep(seconds: float) -> None:
            sandbox.advance(seconds=seconds)
            await asyncio.sleep(0)

        def clock() -> float:
            return sandbox.now.timestamp()

        async with _client(sandbox, poll, clock=clock, sleep=sleep) as sinch:
            yield WatchedOrder(sandbox, sinch)


@asynccontextmanager
async def real(profile: Profile | str, poll: PollPolicy) -> AsyncIterator[WatchedOrder]:
    """The two on the real clock, orders moving only by hand."""
    async with (
        Sandbox(speed=1, seed=7, profile=profile, rules=_RULES, hmac_secret=_SECRET) as sandbox,
        _client(sandbox, poll) as sinch,
    ):
        yield WatchedOrder(sandbox, sinch)


def _client(sandbox: Sandbox, poll: PollPolicy | None, **settings: object) -> SinchHosting:
    return SinchHosting(
        sandbox.project_id,
        sandbox.key_id,
        sandbox.key_secret,
        base_url=sandbox.base_url,
        auth_url=sandbox.auth_url,
        poll=poll,
        **settings,  # type: ignore[arg-type]
    )
