"""A loopback server in a process of its own, so that its CPU is nobody else's.

It answers a token to every POST and one hosting order to everything else.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from aiohttp import web

ORDER_ID = "01J9ZQ5W8M3T7X2R4K6N8P0VBC"
_ORDER = {
    "projectId": "6f4e1b0a-2d3c-4b5a-8f7e-9d0c1b2a3f4e",
    "hostingOrderId": ORDER_ID,
    "displayName": "Spring launch",
    "regionCode": "US",
    "state": "WAITING_FOR_LOA_SIGNATURE",
    "type": "TYPE_TEXT_ENABLE",
    "createdTime": "2026-03-02T09:15:27.123456Z",
    "updatedTime": "2026-03-02T09:16:01.654321Z",
    "servicePlanId": "a1b2c3d4e5f60718293a4b5c6d7e8f90",
    "campaignId": "CDEF123",
    "textEnableInfo": {
        "businessName": "Example Company",
        "authorisedPerson": {"firstName": "Jo", "lastName": "Doe", "email": "jo@example.com"},
        "address": {
            "buildingNumber": "1",
            "street": "Main Street",
            "city": "Springfield",
            "state": "IL",
            "postalCode": "62701",
            "country": "USA",
        },
        "currentVoiceCarrier": "Example Telecom",
        "loaType": "DIRECT",
    },
    "callbackUrl": "https://example.com/callback",
}
_TOKEN = {"access_token": "t" * 800, "token_type": "bearer", "expires_in": 3600}


async def _serve() -> None:
    order, token = json.dumps(_ORDER).encode(), json.dumps(_TOKEN).encode()

    async def answer(request: web.BaseRequest) -> web.Response:
        body = token if request.method == "POST" else order
        return web.Response(body=body, content_type="application/json")

    runner = web.ServerRunner(web.Server(answer))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    print(site.port, flush=True)
    # The end of its input is the end of its owner.
    await asyncio.to_thread(sys.stdin.read)
    await runner.cleanup()


@contextmanager
def server() -> Iterator[str]:
    """Start the server; its address, which holds until the end of the block."""
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks._server"],
        cwd=Path(__file__).parent.parent,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.stdin.close()


if __name__ == "__main__":
    asyncio.run(_serve())
