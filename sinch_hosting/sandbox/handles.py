"""The handles of a sandbox: its time, its people, its rules, and what it saw."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from .arguments import check_amount, span
from .arguments import newest as newest_of
from .clock import FASTEST
from .faults import TokenBucket
from .operation_ids import OPERATION_IDS
from .people import People

if TYPE_CHECKING:
    from datetime import timedelta

    from .callbacks import Callbacks
    from .credentials import Credentials
    from .faults import Faults
    from .http import Service
    from .operations import Operations
    from .profiles import Profile
    from .records import (
        CallbackRecord,
        HostingOrder,
        ImportedNumber,
        Letter,
        Mail,
        QualifiedNumber,
        RequestRecord,
    )
    from .rules import Rules
    from .store import World


class Handles(People):
    """What a program or a person can do with a sandbox and see of it; `Sandbox` serves it.

    Args:
        world, operations, faults, credentials, callbacks, service: its parts.
    """

    def __init__(
        self,
        world: World,
        operations: Operations,
        faults: Faults,
        credentials: Credentials,
        callbacks: Callbacks,
        service: Service,
    ) -> None:
        super().__init__(world, operations)
        self.faults: Faults = faults
        self.project_id = world.project_id
        self._credentials = credentials
        self._callbacks = callbacks
        self._service = service
        self._apply_rules()

    @property
    def seed(self) -> int:
        """What makes ids, codes, delays and faults reproducible."""
        return self._world.seed

    @property
    def hmac_secret(self) -> str:
        """The key that signs callbacks, as configured now."""
        return self._world.hmac_secret

    @property
    def profile(self) -> Profile:
        """When transitions happen."""
        return self._world.profile

    @property
    def speed(self) -> float:
        """Virtual seconds in one real second; 0 where time is stepped by hand."""
        return self._world.clock.speed

    def change_speed(self, speed: float) -> None:
        """Let *speed* virtual seconds pass in a real one from now on. With 0 time stands still.

        Raises `ValueError` for a speed that is negative, or above ten million.
        """
        check_amount("speed", speed, FASTEST)
        self._world.clock.change_speed(float(speed))

    @property
    def now(self) -> datetime:
        """The virtual time."""
        return datetime.fromtimestamp(self._world.now, UTC)

    def advance(self, delta: timedelta | None = None, /, **units: float) -> int:
        """Move virtual time ahead, as ``advance(days=2)`` or ``advance(timedelta(days=2))``.

        What is due on the way happens in order, each at its own time. Returns how many
        transitions happened.

        Callbacks are real requests, and none is sent before the program awaits something: all
        those due on the way are first attempted afterwards, at the new time, and one that fails
        is retried counting from there. Call `settle` to wait for them, or `pass_time` instead
        where retries, delays and transitions shall mix as they would.
        """
        return self._world.clock.advance(span(delta, units))

    async def pass_time(self, delta: timedelta | None = None, /, **units: float) -> int:
        """Move time ahead as `advance` does, and `settle` at every instant at which things happen.

        So each callback is attempted at its own virtual time, and so is each retry that falls due.
        """
        clock = self._world.clock
        target, happened = clock.check_ahead(span(delta, units)), 0
        await self.settle()
        while (due := clock.next_due()) is not None and due <= target:
            happened += clock.advance(max(0.0, due - clock.now))
            await self.settle()
        happened += clock.advance(max(0.0, target - clock.now))
        await self.settle()
        return happened

    def step(self) -> str | None:
        """Jump to the next transition and do it. Returns its name, ``None`` where none is left.

        What callbacks wait for counts, too: ``callback_retry`` and ``callback_delay``. Raises
        `ValueError` where the next transition is beyond the end of virtual time.
        """
        return self._world.clock.step()

    async def settle(self) -> None:
        """Wait until every callback that is due has been attempted.

        Virtual time need not move for that. A retry is due only later: after `settle`, `advance`
        to it and settle again.
        """
        self._world.clock.run_due()
        await self._callbacks.settle()

    @property
    def rules(self) -> Rules:
        """How it behaves where the contract is silent."""
        return self._world.rules

    def change_rules(self, **changes: Any) -> Rules:
        """Change single rules, as in ``change_rules(unqualified=400)``. Returns all rules.

        Raises `ValueError` for a rule that does not exist, and for a value that it cannot have.
        """
        self._world.rules = self._world.rules.changed(**changes)
        self._apply_rules()
        return self._world.rules

    def _apply_rules(self) -> None:
        rate = self._world.rules.basic_per_second
        self._credentials.basic_limit = None if rate is None else TokenBucket(rate, max(rate, 1.0))

    def reset(self) -> None:
        """Forget orders, numbers, mails, callbacks, requests and faults.

        Time, tokens and rules go on.
        """
        self._world.clear()
        self._callbacks.forget()
        self._callbacks.records.clear()
        self._service.requests.clear()
        self.faults.clear()

    def expire_tokens(self) -> None:
        """Let every token that was given out so far expire now."""
        self._credentials.expire_all()

    # What it saw and holds, oldest first: the lists are copies, the records are not.

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
