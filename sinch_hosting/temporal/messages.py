"""What travels between workflows, activities and clients: small JSON, without personal data.

Numbers and letters travel by reference: the name of a file that every worker can read. A single
number is its position in the file of numbers, counted from 0.
"""

from __future__ import annotations

from typing import Literal

from attrs import field, frozen

OnUnknown = Literal["hold", "resend"]
Kind = Literal[
    "created", "adopted", "skipped", "failed", "rejected", "open", "absent", "unsent", "untagged"
]
Phase = Literal["preparing", "ordering", "watching", "done", "cancelled", "failed"]
MOST_PENDING = 500
"""Activities of one workflow that are pending at most; Temporal's own limit is 2,000."""
MOST_POSITIONS = 5_000
"""Positions of failed numbers that a job keeps; it only counts the others."""


@frozen(kw_only=True)
class Order:
    """What all orders of a job have in common."""

    job: str
    """The job's name, in the tag of each order."""
    numbers: str
    """The reference of the numbers: a text file, one number a line, that workers can read."""
    letter: str
    """The reference of the letter, a file as `sinch-hosting letter template` writes it."""
    region_code: str
    service_plan_id: str
    campaign_id: str
    nnid: str | None = None
    display_name: str | None = None
    callback_url: str | None = None
    chunk_size: int = 500
    """Numbers an order; every order mails its own letter."""
    settle: float = 10.0
    """Seconds between the two readings of the lists at the beginning."""
    grace: float = 60.0
    """Seconds for which an order whose answer was lost is looked for."""


@frozen(kw_only=True)
class Prepared:
    """What the job is about to do."""

    numbers: int
    chunks: int
    existing: tuple[int, ...] = ()
    """The chunks that have orders already."""


@frozen(kw_only=True)
class ChunkInput:
    """One chunk of a job."""

    order: Order
    chunk: int
    knows_tags: bool = False
    """Whether an order of the job was seen with its tag."""
    lease: float = 0.0
    """Seconds for which a heartbeat keeps this attempt alive."""


@frozen(kw_only=True)
class FailedNumber:
    """A number that is in no order, or failed in it."""

    position: int
    reason: str
    """An error's name and status, or what failed; never the service's text."""


@frozen(kw_only=True)
class ChunkResult:
    """What became of a chunk."""

    kind: Kind
    """`open`: there may be an order. `absent`: it was looked for, and there is none. `unsent`: it
    may be sent again. `untagged`: its order does not keep the tag, so it could not be found."""
    numbers: int = 0
    """How many numbers its order holds."""
    order_id: str = ""
    reason: str = ""
    left_out: tuple[FailedNumber, ...] = ()


@frozen(kw_only=True)
class FailedChunk:
    """A chunk without an order."""

    chunk: int
    reason: str
    is_open: bool = False
    """Whether there may be an order all the same: nobody saw the answer."""


@frozen(kw_only=True)
class Standing:
    """How the orders of a job stand, as the lists of the service show them."""

    states: dict[str, int] = field(factory=dict)
    """How many orders there are in each state."""
    waiting: dict[str, int] = field(factory=dict)
    """For whom they wait: `signer`, `review`, `carriers`, `you`; and how many."""

    @property
    def orders(self) -> int:
        """How many orders are listed."""
        return sum(self.states.values())

    @property
    def unfinished(self) -> int:
        """How many of them are neither COMPLETED nor REJECTED."""
        ended = self.states.get("COMPLETED", 0) + self.states.get("REJECTED", 0)
        return self.orders - ended


@frozen(kw_only=True)
class WatchInput:
    """What a watching activity looks for."""

    order: Order
    seen: Standing
    """What is known; it returns as soon as this is not so any more."""
    expected: int
    """How many orders there are at least; fewer are waited for."""
    every: float
    """Seconds from look to look."""


@frozen(kw_only=True)
class Examined:
    """The numbers that failed in completed orders."""

    failed: int = 0
    numbers: tuple[FailedNumber, ...] = ()
    """The first of them."""


@frozen(kw_only=True)
class State:
    """What a job carries from run to run, so that no history grows without end."""

    prepared: Prepared | None = None
    next_chunk: int = 0
    knows_tags: bool = False
    orders: int = 0
    numbers: int = 0
    """Numbers that are in orders."""
    skipped: int = 0
    """Chunks without an order, since all their numbers were left out."""
    rejected: int = 0
    failed: tuple[FailedChunk, ...] = ()
    left_out: int = 0
    failed_numbers: tuple[FailedNumber, ...] = ()
    standing: Standing = field(factory=Standing)
    is_paused: bool = False
    is_cancelled: bool = False
    stopped_by: str = ""
    """Why the job paused or ended by itself."""


@frozen(kw_only=True)
class TextEnableInput:
    """The input of `TextEnableJob`."""

    order: Order
    on_unknown: OnUnknown = "hold"
    """What to do with an order whose answer was lost and that is not there: `hold` leaves it to a
    person, `resend` creates it again."""
    most_pending: int = 100
    """Creates that are pending at once, at most 500."""
    lease: float = 150.0
    """Seconds after which an attempt that says nothing is taken for dead. It has to be longer than
    a request of the client may take, twice as long at best."""
    watch: bool = True
    """Whether the job goes on until every order is COMPLETED or REJECTED."""
    every: float = 60.0
    """Seconds from look to look while orders are on their way."""
    longest_history: int = 10_000
    """Events after which a run goes on in a new one; the server's limit is 51,200."""
    state: State = field(factory=State)


@frozen(kw_only=True)
class Progress:
    """How far a job is: the answer to the query `progress`, and its result."""

    job: str
    phase: Phase
    is_paused: bool
    stopped_by: str = ""
    """Why the job paused or ended by itself; `""` where it did not."""
    numbers: int
    """Numbers of the job."""
    ordered: int
    """Numbers that are in orders."""
    left_out: int
    """Numbers that are in none: refused, or failed in a completed order."""
    chunks: int
    orders: int
    pending: int
    """Chunks that are under way."""
    not_begun: int
    rejected: int
    failed: int
    """Chunks without an order."""
    open: int
    """Chunks that may have an order: look for them before anything is sent again."""
    states: dict[str, int] = field(factory=dict)
    waiting: dict[str, int] = field(factory=dict)


@frozen(kw_only=True)
class Failures:
    """What failed: the answer to the query `failures`."""

    numbers: str
    """The reference of the numbers, in which positions count."""
    chunk_size: int
    chunks: tuple[FailedChunk, ...] = ()
    failed_numbers: tuple[FailedNumber, ...] = ()
    more: int = 0
    """How many further numbers failed."""
