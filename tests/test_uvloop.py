"""The client, its waits, jobs and callbacks, and the sandbox on uvloop's event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

import pytest
from aiohttp import web

from sinch_hosting import COMPLETED, CallbackReceiver, PollPolicy, SinchHosting, WaitTimeout
from sinch_hosting.sandbox import Sandbox

uvloop = pytest.importorskip("uvloop", reason="uvloop is not installed")

T = TypeVar("T")
LINKED = {"region_code": "US", "service_plan_id": "plan", "campaign_id": "campaign"}


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run to the end on uvloop, in debug mode as all tests do."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop, debug=True) as runner:
        assert isinstance(runner.get_loop(), uvloop.Loop)
        return runner.run(main)


def client_of(sandbox: Sandbox, **settings: Any) -> SinchHosting:
    """A client that polls often."""
    return SinchHosting(
        sandbox.project_id,
        sandbox.key_id,
        sandbox.key_secret,
        base_url=sandbox.base_url,
        auth_url=sandbox.auth_url,
        poll=PollPolicy(initial=0.01, maximum=0.05),
        **settings,
    )


def test_orders_jobs_and_waits(tmp_path: Path) -> None:
    """A job through faults; waits end, by time-out and cancellation, too."""

    async def main() -> None:
        async with Sandbox(speed=0, seed=1) as sandbox, client_of(sandbox) as sinch:
            for kind in ("rate_limited", "drop_after", "error_after"):
                sandbox.faults.add(kind, operation="ImportNumbers", count=1)
            numbers = [f"+1202555{line:04}" for line in range(40)]
            result = await sinch.hosting_orders.import_many(
                numbers, job="uvloop", ledger=tmp_path / "ledger.jsonl", settle=0, **LINKED
            )
            result.raise_for_failures()
            assert len(sandbox.orders_created()) == len(result.succeeded) == 8
            order = result.succeeded[0]
            with pytest.raises(WaitTimeout):
                await order.wait_until(COMPLETED, timeout=0.01)
            waiting = asyncio.ensure_future(order.wait_until(COMPLETED))
            await asyncio.sleep(0)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
            sandbox.advance(days=2)
            done = await sinch.hosting_orders.wait_all(result.succeeded, COMPLETED)
            assert {one.state for one in done} == {COMPLETED}

    run(main())


def test_callbacks_end_a_wait() -> None:
    """A receiver on the same loop hands its events to the client."""

    async def main() -> None:
        async with (
            Sandbox(speed=0, seed=1, hmac_secret="secret") as sandbox,
            client_of(sandbox) as sinch,
            CallbackReceiver("secret", sinch=sinch) as receiver,
        ):
            app = web.Application()
            app.router.add_post("/", receiver.handle)
            runner = web.AppRunner(app)
            await runner.setup()
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            url = f"http://127.0.0.1:{runner.addresses[0][1]}/"
            order = await sinch.hosting_orders.import_numbers(
                ["+12025550134"], callback_url=url, **LINKED
            )
            waiting = asyncio.ensure_future(order.wait_until(COMPLETED))
            await sandbox.pass_time(days=1)
            assert (await waiting).state == COMPLETED
            told = {(event.state, event.payload["eventType"]) for event in sandbox.callbacks}
            assert ("delivered", "HOSTING_PROCESS") in told
            assert {state for state, _ in told} == {"delivered"}
            await runner.cleanup()

    run(main())
