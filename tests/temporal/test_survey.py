"""How far a page of numbers is, against a service that shares no code with this package."""

from __future__ import annotations

from typing import Any

import pytest

from sinch_hosting import SinchHosting
from sinch_hosting.temporal.onboarding import reader_of, settings_of
from sinch_hosting.temporal.survey import Page

from ..service import Service, error
from .jobs import onboarding_of

NUMBER = "+13035550100"


@pytest.mark.parametrize(("looks", "failed"), [(0, 0), (1, 0), (2, 1), (3, 1)])
async def test_a_number_is_gone_when_two_looks_say_so(clock: Any, looks: int, failed: int) -> None:
    """One 404 of a replica that does not know a number fails it no more."""
    async with Service(clock=clock, sleep=clock.sleep) as service:
        service.set_qualified([NUMBER], "VERIFICATION_PENDING")
        async with SinchHosting(**service.client_arguments) as sinch:
            given = onboarding_of()
            settings = settings_of(given.order, given.ready_at)
            page = Page({NUMBER: 0}, (), settings, reader_of(sinch))
            await page.read(are_new=False)
            page.expect_new()
            service.fault("GetQualifiedNumber", error(404), times=looks)
            for _ in range(3):
                await page.look_again()
    assert len(page.survey(0).reasons) == failed
    assert service.counts["GetQualifiedNumber"] == (3 if failed else 4)
