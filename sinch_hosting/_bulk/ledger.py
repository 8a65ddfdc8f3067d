"""What a ledger is to a job: it tells what was sent, and takes note of what is sent now.

It proves what was sent, not what was committed: a create without an answer in it was in flight
when its process died.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Protocol, runtime_checkable

from .ledger_records import Entry, JobEntries, Pairs


@runtime_checkable
class Ledger(Protocol):
    """An open ledger, which nobody else writes to; `ledger_file` has it as a file."""

    name: str
    """How errors call it: the path of a file."""
    jobs: dict[str, JobEntries]
    """What it says of each job."""
    is_torn: bool
    """Whether its last record was cut when its writer died: it is not known what that said."""

    @abstractmethod
    async def begin(self, job: str, **about: object) -> None:
        """Note that a run of a job begins."""

    @abstractmethod
    async def sending(self, job: str, entry: Entry, **about: object) -> None:
        """Note that a create is about to be sent; durable when this returns.

        Where this raises, for instance because it is cancelled, the create must not be sent.
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
        """Note what became of a create; durable when this returns.

        `left_out` are numbers that the order does not hold, with reasons, where that was learnt.
        """

    @abstractmethod
    async def close(self) -> None:
        """Let go of it. Safe to repeat."""
