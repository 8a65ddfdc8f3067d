"""The last moment at which a create can be stopped: when its first byte is written."""

from __future__ import annotations

import pytest

from sinch_hosting import LedgerLocked, SinchHosting, SinchHostingError
from sinch_hosting.models import Order

from ..service import Service
from ..service.fixtures import api_client, api_service, make_api_client

__all__ = ["api_client", "api_service", "make_api_client"]
BODY = {"numbers": ["+12025550134"], "regionCode": "US", "servicePlanId": "plan"}


class Observer:
    """Notes what it is told, and stops what is about to be written where it shall."""

    def __init__(self, *, stops: bool) -> None:
        self.told: list[str] = []
        self._stops = stops

    async def on_sending(self) -> None:
        """It is about to be sent."""
        self.told.append("sending")

    def on_writing(self) -> None:
        """Its first byte is about to be written."""
        self.told.append("writing")
        if self._stops:
            raise LedgerLocked("too late")

    async def on_refused(self, error: SinchHostingError) -> None:
        """It came to nothing."""
        self.told.append(f"refused: {error}")

    async def on_created(self, order_id: str) -> None:
        """There is an order."""
        self.told.append("created")


async def test_a_create_that_is_stopped_never_arrives(
    api_service: Service, api_client: SinchHosting
) -> None:
    """The observer's own error is raised, and not one that says that the response was lost."""
    observer = Observer(stops=True)
    with pytest.raises(LedgerLocked, match="too late"):
        await api_client._session.request("ImportNumbers", Order, body=BODY, observer=observer)
    assert observer.told == ["sending", "writing", "refused: too late"]
    assert api_service.counts["ImportNumbers"] == 0


async def test_a_create_that_may_leave_does(api_service: Service, api_client: SinchHosting) -> None:
    """Its body arrives as it is."""
    observer = Observer(stops=False)
    await api_client._session.request("ImportNumbers", Order, body=BODY, observer=observer)
    assert observer.told == ["sending", "writing"]
    assert api_service.requests_of("ImportNumbers")[0].body == BODY
