"""What the tests of jobs on Temporal share: files, inputs, workers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

from attrs import define, field
from temporalio.worker import Worker

from sinch_hosting import SinchHosting
from sinch_hosting.temporal.files import References
from sinch_hosting.temporal.messages import OnboardInput, Order, TextEnableInput
from sinch_hosting.temporal.plugin import SinchHostingPlugin

from ..service import Service
from .server import PATIENCE, TemporalServer

SIGNER = "jane.roe@example.com"
LETTER = f"""
kind = "direct"
current_voice_carrier = "Verizon"

[authorised_person]
first_name = "Jane"
last_name = "Roe"
email = "{SIGNER}"

[address]
building_number = "2433"
street = "Vesta Drive"
city = "Chicago"
state = "IL"
postal_code = "60647"
country = "US"
"""


@define
class Files:
    """A folder that workers read."""

    folder: Path
    numbers: list[str] = field(factory=list)

    def write(self, count: int, prefix: str = "+1303") -> None:
        """Write a letter, and so many numbers."""
        self.numbers = [f"{prefix}{5550000 + place:07}" for place in range(count)]
        (self.folder / "numbers.txt").write_text("\n".join(self.numbers) + "\n")
        (self.folder / "letter.toml").write_text(LETTER)


def job_of(**changes: Any) -> TextEnableInput:
    """A job; what is not given is quick, for tests."""
    order, settings = _arguments(**changes)
    return TextEnableInput(order=order, **settings)


def onboarding_of(**changes: Any) -> OnboardInput:
    """An onboarding; what is not given is quick, for tests."""
    order, settings = _arguments(**changes)
    return OnboardInput(order=order, **settings)


def _arguments(**changes: Any) -> tuple[Order, dict[str, Any]]:
    order: dict[str, Any] = {
        "job": f"job-{uuid4().hex[:8]}",
        "numbers": "numbers.txt",
        "letter": "letter.toml",
        "region_code": "US",
        "service_plan_id": "plan",
        "campaign_id": "campaign",
        "chunk_size": 5,
        "settle": 0.05,
        "grace": 0.5,
    }
    settings: dict[str, Any] = {"lease": 4.0, "every": 0.2}
    for name, value in changes.items():
        (order if name in Order.__annotations__ else settings)[name] = value
    return Order(**order), settings


@asynccontextmanager
async def working(
    temporal: TemporalServer, service: Service, files: Files, queue: str, **settings: Any
) -> AsyncIterator[SinchHosting]:
    """A worker in this process, for a block."""
    arguments = {**service.client_arguments, "timeout": 1.5, **settings}
    async with SinchHosting(**arguments) as sinch:
        plugin = SinchHostingPlugin(sinch, references=References(files.folder))
        async with Worker(await temporal.client(plugin), task_queue=queue):
            yield sinch


def environment(
    temporal: TemporalServer, service: Service, files: Files, queue: str
) -> dict[str, str]:
    """What a worker's process is told."""
    return {
        "SINCH_PROJECT_ID": service.project_id,
        "SINCH_KEY_ID": service.key_id,
        "SINCH_KEY_SECRET": service.key_secret,
        "SINCH_HOSTING_BASE_URL": service.base_url,
        "SINCH_HOSTING_AUTH_URL": service.client_arguments["auth_url"],
        "SINCH_HOSTING_TASK_QUEUE": queue,
        "SINCH_HOSTING_FOLDER": str(files.folder),
        "SINCH_HOSTING_REQUEST_TIMEOUT": "1.5",
        "TEMPORAL_ADDRESS": temporal.address,
    }


async def until(condition: Any) -> None:
    """Wait until an async condition holds."""
    async with asyncio.timeout(PATIENCE):
        while not await condition():  # noqa: ASYNC110
            await asyncio.sleep(0.1)
