"""What an onboarding works with."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from attrs import frozen

from .._bulk.run import SessionLike
from .._polling.policy import PollPolicy
from .._session.retry import exponential
from .group import MakesWork
from .history import History, Wanted
from .reader import NumberReader

if TYPE_CHECKING:
    from .._session.orders_api import OrdersApi
    from ..resources.imported_numbers import ImportedNumbers
    from ..resources.qualified_numbers import QualifiedNumbers


@frozen(kw_only=True)
class Context:
    """What an onboarding works with."""

    session: SessionLike
    imported: ImportedNumbers
    qualified: QualifiedNumbers
    orders: OrdersApi
    poll: PollPolicy
    looks: NumberReader
    makes_past: Callable[[], History]
    makes_work: MakesWork
    wanted: Wanted

    def intervals(self) -> Iterator[float]:
        """Seconds from look to look, growing, before the jitter."""
        poll = self.poll
        return exponential(initial=poll.initial, factor=poll.factor, maximum=poll.maximum)
