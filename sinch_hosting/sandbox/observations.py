"""What a test looks at: the orders, numbers, letters and mails that a sandbox holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .arguments import newest as newest_of

if TYPE_CHECKING:
    from .records import HostingOrder, ImportedNumber, Letter, Mail, QualifiedNumber
    from .store import World


class Observations:
    """The records of a sandbox, oldest first. The lists are copies, the records are not."""

    _world: World

    def orders_created(self) -> list[HostingOrder]:
        """Return every order that exists, oldest first, whatever the answer to its creation was."""
        return list(self._world.orders.values())

    def qualified_numbers(self, newest: int | None = None) -> list[QualifiedNumber]:
        """Return the numbers in qualification, oldest first: all, or the *newest* so many."""
        return newest_of(self._world.qualified, newest)

    def imported_numbers(self, newest: int | None = None) -> list[ImportedNumber]:
        """Return the imported numbers, oldest first: all, or the *newest* so many."""
        return newest_of(self._world.imported, newest)

    @property
    def letters_sent(self) -> list[Letter]:
        """Every letter mailed so far, oldest first."""
        return list(self._world.letters.values())

    @property
    def outbox(self) -> list[Mail]:
        """The mails and voice calls that it pretended to send, oldest first."""
        return list(self._world.outbox)
