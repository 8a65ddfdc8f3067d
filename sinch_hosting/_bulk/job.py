"""A job that is being run: its ledger, its existing orders, and the decision about every chunk.

It sends no create before all earlier orders were compared with what is asked for now.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Unpack

from .._session.orders_api import OrdersApi
from ..errors import ApiError, NotFound, SinchHostingError, UnreadableList
from ..models import Order
from .chunks import Chunk, HeldChunks, SkippedNumber
from .decisions import Decision, ReadKnown, Send, decide
from .known_orders import (
    KnownOrders,
    Tagged,
    cannot_be_listed,
    check_arguments,
    check_numbers,
    differing_arguments,
    job_changed,
    lost_its_tag,
)
from .ledger import Claim, Ledger
from .ledger_records import Entry, Result
from .lost_orders import Search, find_lost_order
from .open_ledger import open_ledger
from .order_numbers import holds_only, is_long_ago, missing_numbers, pauses
from .order_template import JobOptions, OrderTemplate
from .tags import Tag, numbers_digest, parse_tag

_LOOKS = 5
_log = logging.getLogger("sinch_hosting")


class Job:
    """A job that is being run."""

    def __init__(
        self,
        template: OrderTemplate,
        options: JobOptions,
        orders: OrdersApi,
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self.template = template
        self.options = options
        self.known = KnownOrders(orders, template.place, options.job, sleep)
        self.fingerprint = template.fingerprint()
        self._orders = orders
        self._sleep = sleep
        self._ledger: Ledger | None = None
        self._owns_ledger = not isinstance(options.ledger, Ledger)
        self._highest = -1
        self.requests_to_read = 0
        """The number of requests that a run needs to read the lists."""

    @property
    def tags_come_back(self) -> bool:
        """Whether orders were seen with their tags: of this job, or as long ones of others."""
        first = self.tag(Chunk(index=0, numbers=()), 1)
        has_orders = any(True for _ in self.known.chunks())
        return has_orders or self._orders.kept_names.show_that_kept(str(first))

    async def open(self, *, to_send: bool = True) -> None:
        """Lock and read the ledger, and read the lists; raises `JobChanged` and `LedgerLocked`.

        Without `to_send` nothing is written, and the lists are read only once.
        """
        if isinstance(self.options.ledger, Ledger):
            self._ledger = self.options.ledger
        elif self.options.ledger is not None:
            self._ledger = await open_ledger(
                self.options.ledger,
                longest_request=self._orders.session.longest_request,
                job=self.options.job,
                read_only=not to_send,
            )
        knows_job = self._compare_run()
        await self._read_lists(settle=to_send, knows_job=knows_job)
        self._compare_tags()
        self._highest = max([*self.known.chunks(), *self._entries()], default=-1)
        if to_send and self._ledger is not None:
            await self._begin(self._ledger)

    async def join(self, ledger: Ledger | None, known: Iterable[Tagged]) -> None:
        """Use a ledger and orders that were read elsewhere, instead of `open`."""
        self._ledger, self._owns_ledger = ledger, False
        for tagged in known:
            self.known.add(tagged)
        if ledger is not None:
            await self._begin(ledger)

    async def close(self) -> None:
        """Close the ledger, and cancel readings of the lists."""
        try:
            await self.known.close()
        finally:
            if self._ledger is not None and self._owns_ledger:
                await self._ledger.close()

    def _entries(self) -> dict[int, Entry]:
        known = self._ledger.jobs.get(self.options.job) if self._ledger is not None else None
        return known.chunks if known is not None else {}

    def entry(self, index: int) -> Entry | None:
        """Return the ledger's entry of a chunk."""
        return self._entries().get(index)

    def knows(self, chunk: Chunk, tagged: Tagged) -> bool:
        """Whether the ledger has this order for the chunk; its numbers were compared then."""
        entry = self.entry(chunk.index)
        return entry is not None and entry.order_id == tagged.order.hosting_order_id

    @property
    def longest_request(self) -> float:
        """Seconds after which a request has ended; only a shared ledger asks for a limit."""
        return self._orders.session.longest_request or 0.0

    @asynccontextmanager
    async def claim(self, chunk: Chunk) -> AsyncIterator[Claim | None]:
        """Hold a chunk for the time of a block; `None` where another run holds it."""
        if self._ledger is None:
            yield Claim(self._orders.session.clock)
            return
        async with self._ledger.claim(self.options.job, chunk.index) as claim:
            yield claim

    async def take_over(self, chunk: Chunk) -> None:
        """Find out what became of a chunk that another run wrote of; nothing is sent.

        A create without an answer is looked for until the lists could be read, however long they
        cannot. Raises `JobChanged` where the other run had other numbers, and `UsageError` where
        the client was closed meanwhile.
        """
        self._check(chunk)
        entry = self.entry(chunk.index)
        tag = parse_tag(entry.tag) if entry is not None and entry.is_open else None
        known = [tagged.tag for tagged in self.known.of_chunk(chunk.index)]
        while tag is not None and tag not in known:
            search = await self.search(tag)
            if search.found is not None or search.is_absent or not self.template.place.is_certain:
                return
            self._orders.session.bind()  # raises where the client was closed: it reads no more
            _log.warning("what became of %s is still open: the lists cannot be read", tag)

    async def check_untagged(self, chunk: Chunk) -> None:
        """Raise `JobChanged` where a recent order holds the chunk's numbers, and has no tag.

        It is asked where nobody knows whether the service keeps tags. Otherwise each run that
        has no ledger would send its first order again.
        """
        entry = self.entry(chunk.index)
        is_told = entry is not None and not entry.is_open
        if is_told or self.options.on_unknown == "resend":
            return  # the ledger tells what became of it, or the caller has decided
        orders = self.known.untagged()
        holds = (holds_only(self._orders, order.hosting_order_id, chunk) for order in orders)
        for order, is_its in zip(orders, await asyncio.gather(*holds), strict=True):
            if is_its:
                raise lost_its_tag(self.options.job, order)

    async def search(self, tag: Tag) -> Search:
        """Look for the order of a tag in the lists, until the grace is over."""

        def find() -> Tagged | None:
            found = self.known.of_chunk(tag.chunk)
            return next((tagged for tagged in found if tagged.tag == tag), None)

        return await find_lost_order(
            self.known,
            find,
            grace=self.options.grace,
            clock=self._orders.session.clock,
            sleep=self._sleep,
        )

    async def known_order(self, entry: Entry) -> Order:
        """Read an order of the ledger; raises `NotFound` only after a search in the lists."""
        order_id = entry.order_id or ""
        try:
            return await self._orders.get(order_id)
        except NotFound:
            tag = parse_tag(entry.tag)
            search = Search(None) if tag is None else await self.search(tag)
        if search.found is not None:
            return search.found.order
        if not search.is_absent and self.template.place.is_certain:
            raise SinchHostingError(
                f"reading order {order_id} found nothing, and the lists cannot be read"
            )
        return await self._orders.get(order_id)

    async def missing_numbers(self, chunk: Chunk, order: Order, sent: int | None) -> list[str]:
        """Return the numbers of a chunk that its order lacks; raises `NumbersDiffer`."""
        pause = pauses(
            self._sleep, times=_LOOKS, initial=min(1.0, self.options.grace / 8), maximum=30
        )
        is_settled = is_long_ago(order.created_time, self.known.latest)
        return await missing_numbers(
            self._orders, order, chunk, pause, sent=sent, is_settled=is_settled
        )

    def _compare_run(self) -> bool:
        """Whether the ledger has the job; raises `JobChanged` where its arguments differ."""
        known = self._ledger.jobs.get(self.options.job) if self._ledger is not None else None
        if known is None:
            return False
        differing = known.fingerprint.differs_from(self.fingerprint)
        letter_is_fine = self.options.retry_rejected or self.fingerprint.letter in known.letters
        if letter_is_fine and "loa" in differing:
            differing.remove("loa")
        if differing:
            raise job_changed(self.options.job, f"the arguments ({', '.join(differing)})")
        return True

    def _compare_tags(self) -> None:
        """Raise `JobChanged` where existing orders were created with other arguments."""
        ours = self.tag(Chunk(index=0, numbers=()), 1)
        sample = self.template.request
        for one in self.known.all():
            check_arguments(one.tag, ours, differing_arguments(one.order, sample))
        # REJECTED orders may have been created again with another letter: all of them are valid.
        letters = {one.tag.letter for one in self.known.all()}
        if letters and ours.letter not in letters and not self.options.retry_rejected:
            raise job_changed(self.options.job, "the letter (loa)")

    async def _read_lists(self, *, settle: bool, knows_job: bool) -> None:
        in_flight = any(entry.is_open for entry in self._entries().values())
        in_flight = in_flight or (self._ledger is not None and self._ledger.is_torn)
        # Only a ledger that has the job says what was in flight.
        is_complete = knows_job and not in_flight
        if is_complete and not self.template.place.is_certain:
            return  # the lists prove nothing, and the ledger is complete
        await self._walk()
        self.requests_to_read = self.known.requests
        if is_complete and not self._is_news():
            return
        self.requests_to_read *= 2
        if settle:
            await self._sleep(self.options.settle)
            await self._walk()

    async def _walk(self) -> None:
        try:
            await self.known.read()
        except (ApiError, UnreadableList) as refused:
            if self.template.place.is_certain or not cannot_be_listed(refused):
                raise
            _log.warning("orders without a campaign cannot be listed: %s", refused)

    def _is_news(self) -> bool:
        """Whether there are orders that the ledger lacks: another run created them."""
        return any(not self._was_known(tagged) for tagged in self.known.all())

    def _was_known(self, tagged: Tagged) -> bool:
        entry = self.entry(tagged.tag.chunk)
        if entry is None:
            return False
        is_past = tagged.is_rejected and tagged.tag.attempt < entry.attempt
        return is_past or entry.order_id == tagged.order.hosting_order_id

    async def _begin(self, ledger: Ledger) -> None:
        place = self.template.place
        await ledger.begin(
            self.options.job,
            ledger=2,
            operation=self.template.operation,
            type=str(place.type),
            service_plan_id=place.service_plan_id,
            campaign_id=place.campaign_id,
            arguments=dict(self.fingerprint.arguments),
            letter=self.fingerprint.letter,
            signer=self.template.signer,
        )

    def tag(self, chunk: Chunk, attempt: int) -> Tag:
        """Return the tag of an attempt of a chunk."""
        return self.fingerprint.tag(
            self.options.job, chunk.index, attempt, chunk.numbers, is_last=chunk.is_last
        )

    def decision(self, chunk: Chunk) -> Decision:
        """Return what to do about a chunk."""
        found = self.known.of_chunk(chunk.index)
        return decide(found, self.entry(chunk.index), self.options, self.template)

    def _check(self, chunk: Chunk) -> None:
        for tagged in self.known.of_chunk(chunk.index):
            check_numbers(tagged.tag, self.tag(chunk, tagged.tag.attempt))
        entry = self.entry(chunk.index)
        tag = parse_tag(entry.tag) if entry is not None else None
        if tag is not None:
            check_numbers(tag, self.tag(chunk, tag.attempt))

    async def verified(self, chunks: AsyncIterator[Chunk]) -> AsyncGenerator[Chunk, None]:
        """Give the chunks; those that create orders come after all known ones were compared.

        Raises `JobChanged` where one differs, or where there were more chunks before.
        """
        held, last = HeldChunks(), -1
        async for chunk in chunks:
            if chunk.numbers:
                last = chunk.index
            if last <= self._highest and chunk.numbers:
                self._check(chunk)
                if self._creates(self.decision(chunk)):
                    held.add(chunk)
                    continue
            elif last >= self._highest:
                for waiting in held.release():
                    yield waiting
            yield chunk
        if last < self._highest:
            there = f"it had {self._highest + 1} chunks or more, now there are {last + 1}"
            raise job_changed(self.options.job, f"the numbers ({there})")
        for waiting in held.release():
            yield waiting

    def _creates(self, decision: Decision) -> bool:
        if isinstance(decision, ReadKnown):
            return self.options.retry_rejected or self.options.on_unknown == "resend"
        return isinstance(decision, Send)

    # -------------------------------------------------------------- the ledger

    async def sending(
        self, chunk: Chunk, tag: Tag, sent: Sequence[str], left_out: Iterable[SkippedNumber]
    ) -> None:
        """Record a create before it is sent."""
        if self._ledger is None:
            return
        entry = Entry(
            chunk=chunk.index,
            attempt=tag.attempt,
            tag=str(tag),
            count=len(sent),
            sent=numbers_digest(sent),
            left_out=tuple((skipped.phone_number, skipped.reason) for skipped in left_out),
        )
        await self._ledger.sending(
            self.options.job,
            entry,
            numbers=numbers_digest(chunk.numbers),
            of=len(chunk.numbers),
            signer=self.template.signer,
            **({"listed": list(sent)} if self.template.lists_numbers else {}),
        )

    async def answered(
        self, chunk: Chunk, tag: Tag, outcome: str, **result: Unpack[Result]
    ) -> None:
        """Record the result of a create, as `Ledger.answered` does."""
        if self._ledger is not None:
            entry = Entry(chunk=chunk.index, attempt=tag.attempt, tag=str(tag))
            await self._ledger.answered(self.options.job, entry, outcome, **result)
