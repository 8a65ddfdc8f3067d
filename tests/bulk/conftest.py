"""What the tests of bulk work share."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

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
