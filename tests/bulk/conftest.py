"""What the tests of bulk work share."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from ..postgres import Postgres, running_postgres
from .rig import Rig, rigged


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    """A rig for one test; orders stay as they are unless moved."""
    async with rigged() as made:
        yield made


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    """Where a ledger can be."""
    return tmp_path / "job.jsonl"


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A database server; tests that ask for it are skipped where there is none."""
    with running_postgres() as server:
        yield server
