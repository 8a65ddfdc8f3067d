"""What travels between workflows, activities and clients: small JSON, without personal data.

Numbers and letters travel by reference: the name of a file that every worker can read. A single
number is its position in the file of numbers, counted from 0; many are a set, see `positions`.
"""

from __future__ import annotations

from typing import Literal

from attrs import field, frozen

OnUnknown = Literal["hold", "resend"]
ReadyAt = Literal["eligible", "verified"]
Kind = Literal[
    "created",
    "adopted",
    "skipped",
    "failed",
    "rejected",
    "open",
    "absent",
    "unsent",
    "untagged",
    "early",
]
ChallengeKind = Literal["called", "verified", "refused", "unsent", "open"]
Phase = Literal["preparing", "qualifying", "ordering", "watching", "done", "cancelled", "failed"]
MOST_PENDING = 500
"""Activities of one workflow that are pending at most; Temporal's own limit is 2,000."""
NUMBERS_A_PAGE = 50_000
"""Numbers that one activity watches while they are in qualification."""
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
    campaign_id: str = ""
    """The campaign of local numbers; toll-free numbers have none. Orders without one may not be
    listed: what is open of them can only be held, and the job reads each order by its id."""
    is_toll_free: bool = False
    """Whether all numbers are toll-free; otherwise none may be."""
    is_qualified: bool = False
    """Whether the numbers come from qualification; `OnboardJob` sets it."""
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
    positions: str = ""
    """Its numbers, as a set of positions; `""` where the chunk's place in the file says it."""


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
    may be sent again. `untagged`: its order does not keep the tag, so it could not be found.
    `early`: refused, and its numbers have to be VERIFIED first."""
    numbers: int = 0
    """How many numbers its order holds."""
    order_id: str = ""
    reason: str = ""
    left_out: tuple[FailedNumber, ...] = ()
    early: str = ""
    """The positions of numbers that wait to be VERIFIED, since the service refused them before."""
    back: str = ""
    """The positions of numbers that may go in another order at once."""


@frozen(kw_only=True)
class FailedChunk:
    """A chunk without an order."""

    chunk: int
    reason: str
    is_open: bool = False
    """Whether there may be an order all the same: nobody saw the answer."""
    positions: str = ""
    """Its numbers, as in `ChunkInput`."""


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
    order_ids: tuple[str, ...] = ()
    """The orders, where the lists may not show them."""
    is_quick: bool = False
    """Whether it returns what it sees first, whatever that is."""


@frozen(kw_only=True)
class ExamineInput:
    """Orders that the lists may not show, and that are looked through for numbers that failed."""

    order: Order
    order_ids: tuple[str, ...]


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
    order_ids: tuple[str, ...] = ()
    """The orders, where the lists may not show them: those without a campaign."""
    is_paused: bool = False
    is_cancelled: bool = False
    stopped_by: str = ""
    """Why the job paused or ended by itself."""


@frozen(kw_only=True)
class JobInput:
    """What the inputs of all jobs have in common."""

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
    """Seconds from look to look while orders, or numbers in qualification, are on their way."""
    longest_history: int = 10_000
    """Events after which a run goes on in a new one; the server's limit is 51,200."""
    state: State = field(factory=State)


@frozen(kw_only=True)
class TextEnableInput(JobInput):
    """The input of `TextEnableJob`."""


@frozen(kw_only=True)
class NumbersState:
    """What an onboarding carries of its numbers from run to run, as sets of positions."""

    open: str = ""
    """Numbers that are neither in an order nor settled."""
    early: str = ""
    """Those that the service refused while they were ELIGIBLE."""
    called: str = ""
    """Those whose voice challenge was begun."""
    codes: str = ""
    """Those that were called, and whose code is awaited."""
    added_pages: str = ""
    """Pages of numbers of which the unknown ones were put into qualification."""
    ready_since: float = 0.0
    """When the first of the ready numbers was seen, in seconds since 1970; 0 where none waits."""
    without_order: int = 0
    """Numbers that were text-enabled already."""


@frozen(kw_only=True)
class OnboardInput(JobInput):
    """The input of `OnboardJob`; what its numbers need is the same as for `sinch.onboard`."""

    ready_at: ReadyAt = "eligible"
    """`eligible` orders numbers that are ELIGIBLE, unless their ownership still has to be verified;
    `verified` orders only numbers that are VERIFIED."""
    readiness_window: float = 86_400.0
    """Seconds that ready numbers wait for others, so that they share an order and its letter."""
    voice: bool = False
    """Whether numbers whose ownership has to be verified are called, each once. Their codes are
    told by the update `voice_code`. Otherwise invoices prove it."""
    page_size: int = NUMBERS_A_PAGE
    """Numbers that one activity watches; at most as many as by default."""
    numbers_state: NumbersState | None = None
    """How far earlier runs of the job came."""


@frozen(kw_only=True)
class PageInput:
    """Which numbers are watched while they are in qualification; positions count from `start`."""

    order: Order
    start: int
    """The position of the page's first number in the file."""
    count: int
    open: str
    """Those that are watched."""
    early: str = ""
    """Those that are not ready before they are VERIFIED."""
    ready_at: ReadyAt = "eligible"
    adds: bool = False
    """Whether numbers that are unknown are put into qualification; later they count as gone."""
    seen: str = ""
    """What is known, as `Survey.digest` says it; the activity returns once this is not so."""
    every: float


@frozen(kw_only=True)
class Survey:
    """How far the numbers of a page are; positions count from its start."""

    digest: str
    ready: str = ""
    """Those that may be ordered."""
    unproven: str = ""
    """Those whose ownership has to be verified."""
    done: str = ""
    """Those that are text-enabled without an order of the job."""
    failed: str = ""
    """Those that cannot be text-enabled as things are."""
    reasons: tuple[FailedNumber, ...] = ()
    """Why, for the first of them; positions in the whole file."""
    to_come: int = 0
    """How many may be ordered later."""
    waiting: dict[str, int] = field(factory=dict)
    """For whom how many wait: `review`, `you`, `order`, `carriers`."""


@frozen(kw_only=True)
class NumberInput:
    """One number that is called, or whose code is sent."""

    order: Order
    position: int
    lease: float
    code: str = ""
    """The reference of its code: a file that workers can read."""


@frozen(kw_only=True)
class VoiceCode:
    """The argument of the update `voice_code`.

    The code itself is a secret: whoever has it can prove that the number is theirs. Histories are
    kept for weeks, and many people can read them. So it travels by reference, like the numbers.
    """

    position: int
    """The number's position in the file of numbers."""
    code: str
    """The reference of the code, a file that workers can read."""


@frozen(kw_only=True)
class Challenged:
    """What became of a call, or of a code."""

    kind: ChallengeKind
    """`unsent`: nothing was sent, try it again. `open`: nobody saw the answer; the job reads the
    number's state."""
    reason: str = ""


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
    to_order: int = 0
    """Numbers of an onboarding that are not in an order yet."""
    without_order: int = 0
    """Numbers of an onboarding that were text-enabled already."""
    codes: int = 0
    """Numbers that were called, and whose code is awaited."""


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
