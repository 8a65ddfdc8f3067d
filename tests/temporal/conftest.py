"""A Temporal server for all tests of a process, a service, and a job's files."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ..service import Service

if TYPE_CHECKING or find_spec("temporalio") is not None:
    from .jobs import Files
    from .server import TemporalServer
else:
    collect_ignore_glob = ["test_*.py"]  # temporalio is an extra


@pytest.fixture(scope="session")
def temporal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TemporalServer]:
    """A running server, which listens: not every test asks it for a client first."""
    server = TemporalServer(tmp_path_factory.mktemp("temporal"))
    server.start()
    with ThreadPoolExecutor(1) as aside:  # pytest-asyncio keeps a loop in this thread
        aside.submit(lambda: asyncio.run(server.client())).result()
    yield server
    server.kill()


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    """A service on the real clock, for real processes."""
    async with Service() as running:
        yield running


@pytest.fixture
def files(tmp_path: Path) -> Files:
    """A folder with numbers and a letter."""
    return Files(tmp_path)
