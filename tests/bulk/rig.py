"""A rig for the tests of bulk work: a sandbox, a clock that both sides follow, a client."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable
from pathlib import Path
from typing import Any

from attrs import define, evolve, field

from sinch_hosting import (
    AuthorisedPerson,
    BlanketLoa,
    BulkResult,
    DirectLoa,
    Order,
    RetryPolicy,
    SinchHosting,
)
from sinch_hosting._bulk.ledger_records import line_of
from sinch_hosting.sandbox import Sandbox

from ..letters import DIRECT

PLAN, CAMPAIGN = "plan-1", "CAMP1"
RULES = {
    "unqualified": 200,  # that numbers were qualified is taken for granted here
    "first_state": "DRAFT",  # one step more at which a run can be stopped
    "no_campaign": "letter",  # orders without a campaign have lives, and can be listed
    "empty_campaign": 200,
}
"""How the sandbox behaves unless a test says otherwise."""


def letter(email: str = "jane.roe@example.com") -> DirectLoa:
    """A letter that is mailed to `email`."""
    person = AuthorisedPerson(first_name="Jane", last_name="Roe", email=email)
    return evolve(DIRECT, authorised_person=person)


def numbers(count: int, start: int = 0) -> list[str]:
    """So many local numbers."""
    return [f"+1303{5550000 + start + place:07}" for place in range(count)]


@define
class Rig:
    """A sandbox whose time passes when the client sleeps, and clients of it."""

    sandbox: Sandbox
    now: float = 0.0
    slept: list[float] = field(factory=list)
    _clients: list[SinchHosting] = field(factory=list)

    async def sleep(self, seconds: float) -> None:
        """Let time pass on both sides, without waiting for it."""
        self.slept.append(seconds)
        self.now += seconds
        self.sandbox.advance(seconds=seconds)
        await asyncio.sleep(0)

    def client(self, **settings: Any) -> SinchHosting:
        """A client of the sandbox on the same clock."""
        client = SinchHosting(
            self.sandbox.project_id,
            self.sandbox.key_id,
            self.sandbox.key_secret,
            base_url=self.sandbox.base_url,
            auth_url=self.sandbox.auth_url,
            clock=lambda: self.now,
            **{
                "sleep": self.sleep,
                "retry": RetryPolicy(max_tries=8, max_time=10_000),
                **settings,
            },
        )
        self._clients.append(client)
        return client

    async def text_enable(self, listed: Iterable[str], **settings: Any) -> BulkResult:
        """Text-enable in chunks of 5, with a letter unless told otherwise."""
        arguments = {
            "region_code": "US",
            "service_plan_id": PLAN,
            "campaign_id": CAMPAIGN,
            "loa": letter(),
            "chunk_size": 5,
            "max_concurrency": 3,
            **settings,
        }
        client = self.client()
        try:
            result = await client.hosting_orders.text_enable_many(listed, **arguments)
        finally:
            await client.aclose()
        return result

    async def blanket(self, listed: Iterable[str], **settings: Any) -> BulkResult:
        """Text-enable with a blanket letter: none is mailed."""
        return await self.text_enable(listed, loa=BlanketLoa(), **settings)

    def held(self) -> Counter[str]:
        """In how many live orders each number is."""
        return Counter(
            number
            for order in self.sandbox.orders_created()
            if order.state != "REJECTED"
            for number in order.numbers
        )

    def creates(self) -> int:
        """How many creates reached the sandbox."""
        return sum(
            record.method == "POST" and "hostingOrders" in record.path
            for record in self.sandbox.requests
        )

    async def close(self) -> None:
        """Close what is open."""
        for client in self._clients:
            await client.aclose()


def keep_records(
    ledger: Path,
    keep: Callable[[dict[str, Any]], bool] = lambda record: True,
    *,
    change: Callable[[str], str] = str,
) -> None:
    """Make a ledger one in which only some of its records were written, or other texts."""
    kept: list[dict[str, Any]] = []
    for line in ledger.read_text().splitlines():
        record = json.loads(change(line))
        if keep(record):
            kept.append({k: v for k, v in record.items() if k not in ("seq", "sum")})
    ledger.write_bytes(b"".join(line_of(record, n) for n, record in enumerate(kept, 1)))


def adds_up(result: BulkResult, listed: Iterable[str]) -> None:
    """Every number of the input is in exactly one place of the result."""
    placed = Counter(number for chunk in result.chunks for number in chunk.numbers)
    placed.update(skipped.phone_number for skipped in result.skipped)
    assert placed == Counter(listed)
    orders = [chunk.result for chunk in result.chunks if isinstance(chunk.result, Order)]
    assert list(result.succeeded) == orders


@contextlib.asynccontextmanager
async def rigged(**settings: Any) -> AsyncIterator[Rig]:
    """A rig for a block."""
    options = {"speed": 0, "seed": 7, "profile": "manual", "request_log": 1_000_000}
    options |= {"rules": RULES, **settings}
    async with Sandbox(**options) as sandbox:
        rig = Rig(sandbox)
        try:
            yield rig
        finally:
            await rig.close()
