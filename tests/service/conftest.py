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
    """The contract; the test is skipped where it is not to be had."""
    name = "shared/contract/imported-hosting.openapi.yaml"
    places = [parent / name for parent in Path(__file__).resolve().parents]
    found = next((place for place in places if place.exists()), None)
    if found is None:
        pytest.skip("the contract is not beside this checkout")
    return yaml.safe_load(found.read_text(encoding="utf-8"))
