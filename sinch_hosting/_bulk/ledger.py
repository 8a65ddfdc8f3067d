"""The ledger of a job: it records which creates were sent, and what became of each.

It proves what was sent, not what the service carried out. A create without a recorded answer was
in flight when its process died. What every ledger promises:

| method | durable when it returns | exclusion |
|---|---|---|
| `begin` | the job's arguments | two runs with different arguments cannot both begin |
| `claim` | who holds the chunk | at most one holder a chunk, until it is given back or runs out |
| `sending` | that this attempt leaves | only the holder, and only if nobody else wrote of the chunk |
| `answered` | the result | none: a result is a fact, whoever holds the chunk by then |

One create, seen from a worker:

    claim chunk 12  ->  sending "attempt 3"  ->  the fence  ->  the request  ->  answered  ->  give it back

A worker can stall at any of these arrows, and another one takes over when its claim has run out.
Three rules keep that harmless. `sending` is a compare-and-set: it fails unless "I am attempt 3 of
chunk 12, and nobody else is". The fence (`Claim.check`) lets a create leave only if its request
ends before the claim does, on this machine's own clock. And who takes over a chunk that was sent,
and has no answer, first looks for its order in the lists of the service, again and again until
they can be read; what is not there is held or sent again, as `on_unknown` says.
"""  # noqa: E501 - the drawing

from __future__ import annotations

import math
import time
from abc import abstractmethod
from contextlib import AbstractAsyncContextManager
from typing import Protocol, Unpack, runtime_checkable

from attrs import define

from .._aio import Clock
from ..errors import LedgerLocked
from .ledger_records import Entry, JobEntries, Result


def machine_clock() -> float:
    """Return the seconds since this machine was started, its sleep included where that is known."""
    clock = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if clock is None else time.clock_gettime(clock)


@define(eq=False)
class Claim:
    """A chunk, or all of a job, that one run holds alone."""

    clock: Clock
    """The clock of this machine; it goes on while the process is stopped."""
    ends: float = math.inf
    """When somebody else may take the chunk; moved on as long as the run is alive."""
    is_stale: bool = False
    """Whether others may have created its order after this run read the lists."""
    what: str = "its chunk"

    def check(self, seconds: float) -> None:
        """Raise `LedgerLocked` unless the claim lasts for so many seconds more."""
        left = self.ends - self.clock()
        if left < seconds:
            raise LedgerLocked(
                f"not sent: the claim of {self.what} lasts for {left:.1f} s more, and the request "
                f"may take {seconds:.1f} s; another worker may take it over meanwhile"
            )


@runtime_checkable
class Ledger(Protocol):
    """An open ledger.

    `ledger_file` keeps it in a file that one process holds, `ledger_postgres` in a database that
    several processes share.
    """

    name: str
    """Its name in error messages: the path of a file, or an address without its password."""
    jobs: dict[str, JobEntries]
    """What it holds of each job, as far as this run has read and written it."""
    is_torn: bool
    """Whether its last record was cut when its writer died; its content is unknown."""
    whole: Claim
    """What this run holds of the whole job, where it was opened to be alone."""
    is_follow_up: bool
    """Whether another run that was alone ended by itself while this one waited for that."""

    @abstractmethod
    async def begin(self, job: str, **about: object) -> None:
        """Record that a run of a job begins; durable when this returns.

        Raises:
            LedgerLocked: Another run began the job with other arguments, since this one read it.
            LedgerError: It cannot be written.
        """

    @abstractmethod
    def claim(self, job: str, chunk: int) -> AbstractAsyncContextManager[Claim | None]:
        """Hold a chunk for the time of a block; `None` where somebody else holds it.

        When the block begins, `jobs` has all that is recorded of the chunk. When the block ends,
        the chunk is given back. Where it ends with an error, which includes a cancelled task, a
        create may be under way: then a shared ledger keeps the chunk until the claim runs out.

        Raises:
            LedgerError: It cannot be read or written.
        """

    @abstractmethod
    async def sending(self, job: str, entry: Entry, **about: object) -> None:
        """Record that a create is about to be sent; durable when this returns.

        It is a compare-and-set. If this raises, for instance because it is cancelled, the create
        must not be sent.

        Raises:
            LedgerLocked: Another run may hold the chunk, or wrote of it since it was claimed.
            LedgerError: It cannot be written, or does not know the job.
        """

    @abstractmethod
    async def answered(
        self, job: str, entry: Entry, outcome: str, **result: Unpack[Result]
    ) -> None:
        """Record the result of a create; durable when this returns. It needs no claim.

        Raises:
            LedgerError: It cannot be written, or does not know the job.
        """

    @abstractmethod
    async def close(self, *, is_over: bool = False) -> None:
        """Close the ledger. Safe to repeat.

        `is_over` says that a run that was alone has ended by itself, for those that wait for it.
        """
