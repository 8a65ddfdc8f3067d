"""The plan of a bulk run: what it would do, without creating anything."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack, aclosing
from typing import Literal

from attrs import field, frozen

from .._aio import Sleep
from .._session.orders_api import PAGE_SIZE, OrdersApi
from .._session.requests import TextEnable
from ..errors import NotFound
from ..models._base import Record
from ..states import OrderState
from .chunks import Chunk, Numbers, SkippedNumber, chunks_of
from .decisions import Adopt, Decision, Hold, ReadKnown, Send, is_in_doubt
from .job import Job
from .order_template import JobOptions, OrderTemplate

TMO_LIMIT = 49
"""Numbers that T-Mobile takes on a campaign without a number pool."""


@frozen(kw_only=True, eq=False, repr=False)
class PlannedOrder(Record):
    """What would be done with one chunk."""

    index: int
    numbers: tuple[str, ...] = field(repr=lambda numbers: f"<{len(numbers)} numbers>")
    action: Literal["create", "create again", "adopt", "hold"]
    """`create again`: there may be an earlier attempt. `hold`: nothing would be done."""
    tag: str | None = None
    letter_to: str | None = None
    """The person who would get a letter for it."""
    order_id: str | None = None
    """The id of the order that exists already."""

    @property
    def creates(self) -> bool:
        """Whether an order would be created."""
        return self.action.startswith("create")


@frozen(kw_only=True, eq=False, repr=False)
class BulkPlan(Record):
    """What a bulk call would do; nothing was created."""

    orders: tuple[PlannedOrder, ...]
    skipped: tuple[SkippedNumber, ...] = field(repr=lambda s: f"<{len(s)} numbers>")
    warnings: tuple[str, ...] = ()
    requests: int = 0
    """The least number of requests, with the lists that a job reads first."""

    @property
    def creates(self) -> int:
        """The number of orders that would be created."""
        return sum(order.creates for order in self.orders)

    @property
    def letters(self) -> Mapping[str, int]:
        """How many letters would be mailed, and to whom."""
        return Counter(
            order.letter_to for order in self.orders if order.creates and order.letter_to
        )


async def plan_of(
    template: OrderTemplate,
    options: JobOptions | None,
    numbers: Numbers,
    orders: OrdersApi,
    sleep: Sleep,
) -> BulkPlan:
    """Return the plan of a run; it reads the ledger and the lists of a job, and writes nothing.

    Raises what the run would raise before its first create.
    """
    planned: list[PlannedOrder] = []
    skipped: list[SkippedNumber] = []
    requests = 0
    chunks = chunks_of(numbers, template.size, look_ahead=options is not None)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(aclosing(chunks))
        job = None
        if options is not None:
            job = Job(template, options, orders, sleep)
            stack.push_async_callback(job.close)
            await job.open(to_send=False)
            requests = job.requests_to_read
            chunks = await stack.enter_async_context(aclosing(job.verified(chunks)))
        async for chunk in chunks:
            skipped += chunk.skipped
            if chunk.numbers:
                decision: Decision = Send() if job is None else job.decision(chunk)
                if isinstance(decision, ReadKnown) and options is not None:
                    decision = await _after_reading(decision, orders, options, template)
                    requests += isinstance(decision, Send)
                planned.append(_planned(template, job, chunk, decision))
                requests += _requests(job, chunk, decision)
    planned.sort(key=lambda order: order.index)
    if job is not None and not job.tags_come_back and any(order.creates for order in planned):
        requests += 1  # the first order is read, to see whether its tag was kept
    return BulkPlan(
        orders=tuple(planned),
        skipped=tuple(skipped),
        warnings=_warnings(template, options, planned),
        requests=requests,
    )


async def _after_reading(
    known: ReadKnown, orders: OrdersApi, options: JobOptions, template: OrderTemplate
) -> Decision:
    """Return the decision for an order that only the ledger has, after reading it."""
    entry = known.entry
    try:
        order = await orders.get(entry.order_id or "")
    except NotFound:
        return Send(entry.attempt + 1) if options.on_unknown == "resend" else Hold(entry)
    if order.state != OrderState.REJECTED or not options.retry_rejected:
        return known
    return Hold(entry) if is_in_doubt(entry, 1, options, template) else Send(entry.attempt + 1)


def _requests(job: Job | None, chunk: Chunk, decision: Decision) -> int:
    """Return how many requests a run makes at least for a chunk."""
    if isinstance(decision, Hold):
        return 0
    if job is None or not isinstance(decision, Adopt):
        return 1
    return 0 if job.knows(chunk, decision.tagged) else -(-len(chunk.numbers) // PAGE_SIZE)


def _planned(
    template: OrderTemplate, job: Job | None, chunk: Chunk, decision: Decision
) -> PlannedOrder:
    action: Literal["create", "create again", "adopt", "hold"] = "adopt"
    tag = order_id = None
    if isinstance(decision, Send):
        action = "create again" if decision.again or decision.attempt > 1 else "create"
        tag = None if job is None else str(job.tag(chunk, decision.attempt))
    elif isinstance(decision, Adopt):
        tag, order_id = str(decision.tagged.tag), decision.tagged.order.hosting_order_id
    elif isinstance(decision, ReadKnown):
        tag, order_id = decision.entry.tag, decision.entry.order_id
    elif isinstance(decision, Hold):
        action, tag = "hold", decision.entry.tag
    return PlannedOrder(
        index=chunk.index,
        numbers=chunk.numbers,
        action=action,
        tag=tag,
        letter_to=template.signer if action.startswith("create") else None,
        order_id=order_id,
    )


def text_enable_warnings(numbers: int, campaign_id: str | None, nnid: str | None) -> Iterator[str]:
    """Give what a person should know before so many local numbers are text-enabled."""
    if numbers and not campaign_id:
        yield (
            f"{numbers} local numbers are text-enabled without a campaign: the vendor says that no "
            "letter is generated without one, so their orders may never end; give campaign_id"
        )
    if numbers and nnid is not None:
        yield (
            f"numbers with an NNID of their own ({nnid}) need NNID provisioning first: your "
            "account manager does it. Without nnid= the account's or Sinch's own is used"
        )


def _warnings(
    template: OrderTemplate, options: JobOptions | None, planned: list[PlannedOrder]
) -> tuple[str, ...]:
    """Return what a person should know before the run is started."""
    found: list[str] = []
    count = sum(len(order.numbers) for order in planned)
    if template.place.campaign_id and count > TMO_LIMIT:
        found.append(
            f"T-Mobile takes up to {TMO_LIMIT} numbers on a campaign without a number pool: "
            f"this adds {count} to {template.place.campaign_id}"
        )
    if isinstance(template.request, TextEnable):
        local = sum(len(order.numbers) for order in planned if order.creates)
        found += text_enable_warnings(local, template.request.campaign_id, template.request.nnid)
    letters = sum(order.creates for order in planned) if template.signer else 0
    if letters > 1:
        found.append(
            f"{letters} letters go to {template.signer}, one an order; each has to be signed"
        )
    if letters and (options is None or options.ledger is None):
        found.append(
            "letters are mailed and there is no ledger: where a run is killed, only what the "
            "service lists tells which were"
        )
    held = sum(order.action == "hold" for order in planned)
    if held:
        found.append(
            f"{held} chunks are held: an earlier run sent them and saw no answer; reconcile them, "
            "or send them with on_unknown='resend'"
        )
    return tuple(found)
