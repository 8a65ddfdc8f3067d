"""A Temporal server for all tests of a process, a service, and a job's files."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

pytest.importorskip("temporalio", reason="temporalio is not installed")

from ..service import Service
from .jobs import Files
from .server import TemporalServer


@pytest.fixture(scope="session")
def temporal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TemporalServer]:
    """A running server."""
    server = TemporalServer(tmp_path_factory.mktemp("temporal"))
    server.start()
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
