"""A process that runs a job, to be killed: `worker.py JSON`, the client from the environment."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

from sinch_hosting import (
    Address,
    AuthorisedPerson,
    BlanketLoa,
    DirectLoa,
    RetryPolicy,
    SinchHosting,
)

LETTER = DirectLoa(
    authorised_person=AuthorisedPerson(
        first_name="Jane", last_name="Roe", email="jane.roe@example.com"
    ),
    address=Address(
        building_number="1", street="A", city="B", state="IL", postal_code="60647", country="US"
    ),
    current_voice_carrier="Verizon",
)


async def main(count: int, *, mails: bool, **arguments: Any) -> dict[str, int]:
    """Run the job; how many chunks ended how."""
    listed = (f"+1303{number:07}" for number in range(count))
    async with SinchHosting.from_env(retry=RetryPolicy(initial=0.01)) as sinch:
        result = await sinch.hosting_orders.text_enable_many(
            listed,
            region_code="US",
            service_plan_id="plan",
            campaign_id="campaign",
            loa=LETTER if mails else BlanketLoa(),
            **arguments,
        )
    return {
        "succeeded": len(result.succeeded),
        "failed": len(result.failed),
        "unknown": len(result.unknown),
        "numbers": sum(len(chunk.numbers) for chunk in result.chunks),
    }


if __name__ == "__main__":
    print(json.dumps(asyncio.run(main(**json.loads(sys.argv[1])))))
