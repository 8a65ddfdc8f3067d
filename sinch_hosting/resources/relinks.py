"""Moves an imported number from one service plan and campaign to another.

The service links only a number that is free. So a linked number is unlinked first, and has no
service until it is linked again; every way to end in between says so.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from .._polling import waits
from .._session.requests import SmsLink
from .._session.unset import UNSET, Unset
from ..errors import RelinkFailed, SinchHostingError
from ..models import ImportedNumber
from .number_goals import FREE, SETTLED, unread_import
from .number_links import is_linked_as, is_settled

if TYPE_CHECKING:
    from .._polling.watcher import Watcher

_log = logging.getLogger("sinch_hosting")


class Numbers(Protocol):
    """The part of `imported_numbers` that a move needs."""

    async def get(self, phone_number: str) -> ImportedNumber:
        """Read a number."""
        ...

    async def update(
        self,
        phone_number: str,
        *,
        service_plan_id: str | Unset = UNSET,
        campaign_id: str | Unset = UNSET,
    ) -> ImportedNumber:
        """Link or unlink a number."""
        ...


async def relink(
    numbers: Numbers,
    watcher: Callable[[], Watcher],
    phone_number: str,
    link: SmsLink,
    timeout: float | None,
) -> ImportedNumber:
    """Unlink a number, wait until it is free, and link it; see `imported_numbers.relink`."""
    number = await numbers.get(phone_number)
    if not is_settled(number) and not is_linked_as(number, link):
        number = await waits.wait_until(watcher(), SETTLED, number, timeout=timeout)
    if is_linked_as(number, link):
        return number
    try:
        if number.is_linked:
            await _unlink(numbers, phone_number)
        return await _link(numbers, watcher, phone_number, link, timeout)
    except asyncio.CancelledError:
        _log.warning("relink was cancelled: %s may be unlinked, without service", phone_number)
        raise


async def _unlink(numbers: Numbers, phone_number: str) -> None:
    try:
        await numbers.update(phone_number, service_plan_id="", campaign_id="")
    except SinchHostingError as error:
        if error.may_have_been_applied:
            error.add_note(f"{phone_number} may be unlinked, without service: relink it again")
        raise


async def _link(
    numbers: Numbers,
    watcher: Callable[[], Watcher],
    phone_number: str,
    link: SmsLink,
    timeout: float | None,
) -> ImportedNumber:
    try:
        await waits.wait_until(watcher(), FREE, unread_import(phone_number), timeout=timeout)
        return await numbers.update(
            phone_number,
            service_plan_id=link.service_plan_id,
            campaign_id=link.campaign_id or "",
        )
    except SinchHostingError as error:
        raise RelinkFailed(phone_number, error) from error
