"""Fixtures for other tests; import them into a conftest: `from ..service.fixtures import …`."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from sinch_hosting import SinchHosting

from . import Service


@pytest.fixture
async def api_service(clock: Any) -> AsyncIterator[Service]:
    """A service on the test's clock."""
    async with Service(clock=clock, sleep=clock.sleep) as service:
        yield service


@pytest.fixture
async def make_api_client(
    api_service: Service,
) -> AsyncIterator[Callable[..., SinchHosting]]:
    """Makes clients of `api_service`, or of the service that is given; arguments win."""
    async with contextlib.AsyncExitStack() as stack:

        def make(service: Service = api_service, **overrides: Any) -> SinchHosting:
            client = SinchHosting(**{**service.client_arguments, **overrides})
            stack.push_async_callback(client.aclose)
            return client

        yield make


@pytest.fixture
async def api_client(make_api_client: Callable[..., SinchHosting]) -> SinchHosting:
    """A client of `api_service`, settings as they come."""
    return make_api_client()
