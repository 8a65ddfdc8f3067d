"""A service on the test's clock, a plain client of it, and the contract."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml

from . import Service
from .fixtures import api_client, api_service, make_api_client
from .samples import Api

__all__ = ["api", "api_client", "api_service", "contract", "make_api_client", "service"]


@pytest.fixture
async def service(clock: Any) -> AsyncIterator[Service]:
    """A service on the test's clock."""
    async with Service(clock=clock, sleep=clock.sleep) as running:
        yield running


@pytest.fixture
async def api(service: Service) -> AsyncIterator[Api]:
    """A plain client of it."""
    async with aiohttp.ClientSession() as session:
        yield Api(service, session)


@pytest.fixture(scope="session")
def contract() -> Any:
    """The contract."""
    place = Path(__file__).parents[1] / "contract" / "imported-hosting.openapi.yaml"
    return yaml.safe_load(place.read_text(encoding="utf-8"))
