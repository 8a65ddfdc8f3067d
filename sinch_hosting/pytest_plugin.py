"""pytest fixtures: `sinch_sandbox`, a living stand-in, and `sinch`, a client pointed at it.

Installed with the package (entry point ``pytest11``); nothing is to be configured::

    async def test_an_order_completes(sinch, sinch_sandbox):
        order = await sinch.hosting_orders.import_numbers(
            ["+12025550134"], region_code="US", service_plan_id="plan", campaign_id="campaign")
        sinch_sandbox.advance(days=2)
        assert (await order.refresh()).state == "COMPLETED"

Both are of one test and its event loop. The marker ``sinch_sandbox`` takes the arguments of
`sinch_hosting.sandbox.Sandbox`: ``@pytest.mark.sinch_sandbox(speed=0, profile="people")``.
Without it time runs 3600 times as fast as real time, and the seed is fixed.
"""

# Nothing of the package is imported before a fixture is used: every run of pytest in the
# environment loads this module, and most of them have nothing to do with it.
from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from sinch_hosting import SinchHosting
    from sinch_hosting.sandbox import Sandbox

SEED = 1
"""The seed where the marker names none."""


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker and the fixtures known."""
    config.addinivalue_line(
        "markers",
        "sinch_sandbox(**options): sets up the sinch_sandbox fixture; the options are the "
        "arguments of sinch_hosting.sandbox.Sandbox.",
    )
    # Its decorator makes fixtures work in both of its modes, and importing it is free only
    # where it is loaded anyway.
    holder = ModuleType("sinch_hosting_fixtures")
    if config.pluginmanager.hasplugin("asyncio"):
        from pytest_asyncio import fixture  # noqa: PLC0415

        holder.__dict__["sinch_sandbox"] = fixture(name="sinch_sandbox")(_sandbox)
        holder.__dict__["sinch"] = fixture(name="sinch")(_client)
    else:
        for name in ("sinch_sandbox", "sinch"):
            holder.__dict__[name] = pytest.fixture(name=name)(_unavailable)
    config.pluginmanager.register(holder, holder.__name__)


def _unavailable() -> None:
    """A fixture of sinch_hosting, which needs pytest-asyncio."""
    pytest.fail("the fixtures of sinch_hosting need pytest-asyncio", pytrace=False)


async def _sandbox(request: pytest.FixtureRequest) -> AsyncIterator[Sandbox]:
    """A running `sinch_hosting.sandbox.Sandbox`."""
    from sinch_hosting.sandbox import Sandbox  # noqa: PLC0415 - see the top

    options: dict[str, Any] = {"seed": SEED}
    for marker in reversed(list(request.node.iter_markers("sinch_sandbox"))):
        options.update(marker.kwargs)
    async with Sandbox(**options) as sandbox:
        yield sandbox


async def _client(sinch_sandbox: Sandbox) -> AsyncIterator[SinchHosting]:
    """A `sinch_hosting.SinchHosting` that talks to `sinch_sandbox`, and polls fast."""
    from sinch_hosting import PollPolicy, SinchHosting  # noqa: PLC0415 - see the top

    async with SinchHosting(
        sinch_sandbox.project_id,
        sinch_sandbox.key_id,
        sinch_sandbox.key_secret,
        base_url=sinch_sandbox.base_url,
        auth_url=sinch_sandbox.auth_url,
        poll=PollPolicy(initial=0.01, maximum=0.1),
    ) as client:
        yield client
