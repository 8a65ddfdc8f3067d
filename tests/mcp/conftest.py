"""A sandbox, and servers of tools beside it: in a process of their own, or in this one."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import sinch_hosting
from sinch_hosting import SinchHosting
from sinch_hosting.sandbox import Sandbox

if TYPE_CHECKING:  # the extra [mcp] may not be there: then the tests say that they are skipped
    from mcp import Client

ROOT = Path(sinch_hosting.__file__).parents[1]
PLAN, CAMPAIGN = "plan-1", "campaign-1"
NUMBER, OTHER, TOLL_FREE = "+12025550134", "+12025550135", "+18005550136"
LETTER = {
    "kind": "direct",
    "first_name": "Jane",
    "last_name": "Roe",
    "email": "jane.roe@example.com",
    "building_number": "2433",
    "street": "Vesta Drive",
    "city": "Chicago",
    "state": "IL",
    "postal_code": "60647",
    "current_voice_carrier": "Example Telecom",
}
SIGNER = "Jane Roe <jane.roe@example.com>"


@pytest.fixture
async def sandbox(request: pytest.FixtureRequest) -> AsyncIterator[Sandbox]:
    """A sandbox that lists orders without a campaign; everything happens at once by default."""
    profile = getattr(request, "param", "immediate")
    async with Sandbox(profile=profile, rules={"empty_campaign": 200}) as made:
        yield made


@pytest.fixture
async def sinch(sandbox: Sandbox) -> AsyncIterator[SinchHosting]:
    """A client of it."""
    async with SinchHosting(
        sandbox.project_id,
        sandbox.key_id,
        sandbox.key_secret,
        base_url=sandbox.base_url,
        auth_url=sandbox.auth_url,
    ) as made:
        yield made


@pytest.fixture
def environ(sandbox: Sandbox, tmp_path: Path) -> dict[str, str]:
    """The environment of a command that works with the sandbox."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SINCH_")}
    return {
        **kept,
        **sandbox.environ,
        "PYTHONPATH": str(ROOT),
        "SINCH_HOSTING_SERVICE_PLAN_ID": PLAN,
        "SINCH_HOSTING_CAMPAIGN_ID": CAMPAIGN,
        "SINCH_HOSTING_CONFIG": str(tmp_path / "none.toml"),
        "XDG_STATE_HOME": str(tmp_path / "state"),
    }


def command(*arguments: str) -> tuple[str, ...]:
    """The line that starts the server."""
    return (sys.executable, "-m", "sinch_hosting", "mcp", "--settle", "0", *arguments)


def in_process(environ: dict[str, str], *arguments: str, **options: Any) -> Client:
    """A client of a server that runs in a process of its own."""
    from mcp import Client, StdioServerParameters

    program, *rest = command(*arguments)
    return Client(StdioServerParameters(command=program, args=rest, env=environ), **options)


class Clock:
    """A clock that moves when it is told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        """The time, in seconds."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    """The clock of the plans."""
    return Clock()


@pytest.fixture
def connected(
    sinch: SinchHosting, sandbox: Sandbox, tmp_path: Path, clock: Clock
) -> Callable[..., Any]:
    """Connects a client to a server in this process, whose clock the test holds."""
    from mcp import Client

    from sinch_hosting.mcp import Workplace, make_server

    @asynccontextmanager
    async def connect(**options: Any) -> AsyncIterator[Client]:
        workplace = Workplace(
            sinch=sinch,
            project_id=sandbox.project_id,
            ledger_of=lambda job: tmp_path / f"{job}.jsonl",
            service_plan_id=PLAN,
            campaign_id=CAMPAIGN,
            allow_changes=True,
            settle=0,
            clock=clock,
        )
        async with Client(make_server(workplace), **options) as client:
            yield client

    return connect


async def call(client: Client, tool: str, **arguments: Any) -> dict[str, Any]:
    """Call a tool, and return its structured answer."""
    answer = await client.call_tool(tool, arguments)
    assert not answer.is_error, answer.content
    assert answer.structured_content is not None
    assert answer.structured_content["next_step"]
    return answer.structured_content


async def refused(client: Client, tool: str, **arguments: Any) -> str:
    """Call a tool that has to fail, and return what it says."""
    answer = await client.call_tool(tool, arguments)
    assert answer.is_error, answer.structured_content
    return str(answer.content[0].text)  # type: ignore[union-attr]
