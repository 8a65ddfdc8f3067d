"""What an onboarding works with."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from attrs import frozen

from .._polling import PollPolicy
from .._retry import growing
from .._run import SessionLike
from .group import MakesWork
from .looking import Looks
from .past import Past, Wanted

if TYPE_CHECKING:
    from ..resources.hosting_orders import HostingOrders
    from ..resources.imported_numbers import ImportedNumbers
    from ..resources.qualified_numbers import QualifiedNumbers


@frozen(kw_only=True)
class Means:
    """What an onboarding works with."""

    session: SessionLike
    imported: ImportedNumbers
    qualified: QualifiedNumbers
    orders: HostingOrders
    poll: PollPolicy
    looks: Looks
    makes_past: Callable[[], Past]
    makes_work: MakesWork
    wanted: Wanted

    def intervals(self) -> Iterator[float]:
        """Seconds from look to look, growing, before the jitter."""
        poll = self.poll
        return growing(initial=poll.initial, factor=poll.factor, maximum=poll.maximum)
