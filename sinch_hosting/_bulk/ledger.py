"""The ledger of a job: it records which creates were sent, and what became of each.

It proves what was sent, not what the service carried out. A create without a recorded answer was
in flight when its process died.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Protocol, runtime_checkable

from .ledger_records import Entry, JobEntries, Pairs


@runtime_checkable
class Ledger(Protocol):
    """An open ledger that nobody else writes to; `ledger_file` keeps it in a file."""

    name: str
    """Its name in error messages: the path of a file."""
    jobs: dict[str, JobEntries]
    """What it holds of each job."""
    is_torn: bool
    """Whether its last record was cut when its writer died; its content is unknown."""

    @abstractmethod
    async def begin(self, job: str, **about: object) -> None:
        """Record that a run of a job begins."""

    @abstractmethod
    async def sending(self, job: str, entry: Entry, **about: object) -> None:
        """Record that a create is about to be sent; durable when this returns.

        If this raises, for instance because it is cancelled, the create must not be sent.
        """

    @abstractmethod
    async def answered(
        self,
        job: str,
        entry: Entry,
        outcome: str,
        *,
        order_id: str | None = None,
        error: BaseException | None = None,
        left_out: Pairs | None = None,
    ) -> None:
        """Record the result of a create; durable when this returns.

        `left_out` are the numbers that the order does not hold, with reasons, where known.
        """

    @abstractmethod
    async def close(self) -> None:
        """Close the ledger. Safe to repeat."""
