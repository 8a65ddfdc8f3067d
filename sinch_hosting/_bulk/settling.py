"""Lost answers: looking for an order by its tag, with growing pauses, until the grace is over."""

from __future__ import annotations

import logging
from collections.abc import Callable

from attrs import frozen

from .._aio import Clock, Sleep
from .._session.retry import exponential
from ..errors import SinchHostingError
from .known_orders import KnownOrders, Tagged

_log = logging.getLogger("sinch_hosting")
_WHOLE_WALKS = 2
_LATE_WALKS = 3


@frozen
class Search:
    """How a search for an order ended."""

    found: Tagged | None
    is_absent: bool = False
    """Whether it is certain, within the grace, that there is none: not where look-ups failed."""


async def find_lost_order(
    journal: KnownOrders,
    find: Callable[[], Tagged | None],
    *,
    grace: float,
    clock: Clock,
    sleep: Sleep,
) -> Search:
    """Walk the lists until `find` finds an order in the journal, or the grace is over.

    Only absence from two whole walks counts, the last one begun when the grace was over; a walk
    that fails is not an absence.
    """
    ends = clock() + grace
    pauses = exponential(initial=min(1.0, grace / 8), factor=2, maximum=max(grace / 4, 0.001))
    whole = late = 0
    while late < _LATE_WALKS:
        remaining = ends - clock()
        pause = next(pauses)
        is_late = pause >= remaining
        await sleep(max(0.0, remaining) if is_late else pause)
        late += is_late
        try:
            await journal.read_anew()
        except SinchHostingError as error:
            _log.warning("looking for an order failed: %s", error)
            continue
        whole += 1
        if (found := find()) is not None:
            return Search(found)
        if is_late and whole >= _WHOLE_WALKS:
            return Search(None, is_absent=True)
    return Search(None)
