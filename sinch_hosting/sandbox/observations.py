"""What a test looks at: what a sandbox holds, and the requests and callbacks that it saw."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .arguments import newest as newest_of
from .operation_ids import OPERATION_IDS

if TYPE_CHECKING:
    from .callbacks import Callbacks
    from .http import Service
    from .records import (
        CallbackRecord,
        HostingOrder,
        ImportedNumber,
        Letter,
        Mail,
        QualifiedNumber,
        RequestRecord,
    )
    from .store import World


class Observations:
    """The records of a sandbox, oldest first. The lists are copies, the records are not."""

    _world: World
    _callbacks: Callbacks
    _service: Service

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

    @property
    def requests(self) -> list[RequestRecord]:
        """The requests seen so far, oldest first."""
        return list(self._service.requests)

    def calls(self, operation: str) -> list[RequestRecord]:
        """Return the requests for one operation, by the contract's name or ``token``.

        Raises `ValueError` for an operation that does not exist.
        """
        if operation not in {*OPERATION_IDS, "token"}:
            raise ValueError(f"no operation is called {operation!r}")
        return [record for record in self._service.requests if record.operation == operation]

    def counts(self) -> dict[str, int]:
        """Return how many orders, numbers, letters, mails, callbacks and requests there are."""
        return {
            "orders": len(self._world.orders),
            "qualifiedNumbers": len(self._world.qualified),
            "importedNumbers": len(self._world.imported),
            "letters": len(self._world.letters),
            "outbox": len(self._world.outbox),
            "callbacks": len(self._callbacks.records),
            "requests": len(self._service.requests),
        }

    @property
    def callbacks(self) -> list[CallbackRecord]:
        """The events so far, oldest first, and what became of each."""
        return list(self._callbacks.records)
