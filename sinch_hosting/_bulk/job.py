"""A job that is being run: its ledger, its journal, and what they say of every chunk.

It holds every create back until all that was begun has been compared with what is asked for now.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable, Sequence
from typing import Any

from .._session.orders_api import OrdersApi
from ..errors import BadRequest
from .chunks import Chunk, HeldChunks
from .decisions import Decision, ReadKnown, Send, decide
from .known_orders import (
    KnownOrders,
    Tagged,
    check_arguments,
    check_numbers,
    differing_arguments,
    job_changed,
)
from .ledger import Ledger
from .ledger_records import Entry
from .order_template import JobOptions, OrderTemplate
from .tags import Fingerprint, Tag, numbers_digest, parse_tag

_log = logging.getLogger("sinch_hosting")


class Job:
    """A job that is being run."""

    def __init__(
        self,
        work: OrderTemplate,
        options: JobOptions,
        orders: OrdersApi,
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self.work = work
        self.options = options
        self.journal = KnownOrders(orders, work.place, options.job)
        self.meaning = work.meaning()
        self._sleep = sleep
        self._ledger: Ledger | None = None
        self._owns_ledger = not isinstance(options.ledger, Ledger)
        self._highest = -1
        self.requests_to_read = 0
        """How many requests a run needs to read the lists."""

    @property
    def tags_come_back(self) -> bool:
        """Whether an order of this job has been seen with its tag."""
        return any(True for _ in self.journal.chunks())

    async def open(self, *, to_send: bool = True) -> None:
        """Lock and read the ledger, and read the journal; raises `JobChanged`, `LedgerLocked`.

        Without `to_send` nothing is written, and the journal is read once.
        """
        if isinstance(self.options.ledger, Ledger):
            self._ledger = self.options.ledger
        elif self.options.ledger is not None:
            self._ledger = await Ledger.open(self.options.ledger, read_only=not to_send)
        knows_job = self._compare_run()
        await self._read_journal(settle=to_send, knows_job=knows_job)
        self._compare_tags()
        self._highest = max([*self.journal.chunks(), *self._entries()], default=-1)
        if to_send and self._ledger is not None:
            await self._begin(self._ledger)

    async def join(self, ledger: Ledger | None, known: Iterable[Tagged]) -> None:
        """Take over what was read elsewhere, instead of `open`."""
        self._ledger, self._owns_ledger = ledger, False
        for tagged in known:
            self.journal.add(tagged)
        if ledger is not None:
            await self._begin(ledger)

    async def close(self) -> None:
        """Let go of the ledger, and of walks that are under way."""
        try:
            await self.journal.close()
        finally:
            if self._ledger is not None and self._owns_ledger:
                await self._ledger.close()

    def _entries(self) -> dict[int, Entry]:
        known = self._ledger.jobs.get(self.options.job) if self._ledger is not None else None
        return known.chunks if known is not None else {}

    def entry(self, index: int) -> Entry | None:
        """What the ledger says of a chunk."""
        return self._entries().get(index)

    def knows(self, chunk: Chunk, tagged: Tagged) -> bool:
        """Whether the ledger knows the order of a chunk, its numbers compared."""
        entry = self.entry(chunk.index)
        return entry is not None and entry.order_id == tagged.order.hosting_order_id

    def _compare_run(self) -> bool:
        """Whether the ledger knows the job; raises `JobChanged` where it knows another."""
        known = self._ledger.jobs.get(self.options.job) if self._ledger is not None else None
        if known is None:
            return False
        before = Fingerprint(
            arguments=dict(known.run.get("arguments") or {}), letter=str(known.run.get("letter"))
        )
        differing = before.differs_from(self.meaning)
        letter_is_fine = self.options.retry_rejected or self.meaning.letter in known.letters
        if letter_is_fine and "loa" in differing:
            differing.remove("loa")
        if differing:
            raise job_changed(self.options.job, f"the arguments ({', '.join(differing)})")
        return True

    def _compare_tags(self) -> None:
        """Raise `JobChanged` where the orders that are there were made with other arguments."""
        ours = self.tag(Chunk(index=0, numbers=()), 1)
        sample = self.work.sample()
        for one in self.journal.all():
            check_arguments(one.tag, ours, differing_arguments(one.order, sample))
        # Rejected orders may have been opened anew with another letter: each of them is known.
        letters = {one.tag.letter for one in self.journal.all()}
        if letters and ours.letter not in letters and not self.options.retry_rejected:
            raise job_changed(self.options.job, "the letter (loa)")

    async def _read_journal(self, *, settle: bool, knows_job: bool) -> None:
        in_flight = any(entry.is_open for entry in self._entries().values())
        # A ledger that knows the job tells what was in flight; one that does not tells nothing.
        is_complete = knows_job and not in_flight
        if is_complete and not self.work.place.is_certain:
            return  # the lists would prove nothing, and the ledger knows all
        await self._walk()
        self.requests_to_read = self.journal.requests
        if is_complete and not self._is_news():
            return
        self.requests_to_read *= 2
        if settle:
            await self._sleep(self.options.settle)
            await self._walk()

    async def _walk(self) -> None:
        try:
            await self.journal.read()
        except BadRequest as refused:
            if self.work.place.is_certain:
                raise
            _log.warning("orders without a campaign cannot be listed: %s", refused)

    def _is_news(self) -> bool:
        """Whether there are orders of which the ledger does not know: another run made them."""
        return any(not self._was_known(tagged) for tagged in self.journal.all())

    def _was_known(self, tagged: Tagged) -> bool:
        entry = self.entry(tagged.tag.chunk)
        if entry is None:
            return False
        is_past = tagged.is_rejected and tagged.tag.attempt < entry.attempt
        return is_past or entry.order_id == tagged.order.hosting_order_id

    async def _begin(self, ledger: Ledger) -> None:
        place = self.work.place
        await ledger.begin(
            self.options.job,
            ledger=1,
            operation=self.work.operation,
            type=str(place.type),
            service_plan_id=place.service_plan_id,
            campaign_id=place.campaign_id,
            arguments=dict(self.meaning.arguments),
            letter=self.meaning.letter,
            signer=self.work.signer,
        )

    def tag(self, chunk: Chunk, attempt: int) -> Tag:
        """The tag of a chunk's attempt."""
        return self.meaning.tag(
            self.options.job, chunk.index, attempt, chunk.numbers, is_last=chunk.is_last
        )

    def decision(self, chunk: Chunk) -> Decision:
        """What to do about a chunk."""
        found = self.journal.of_chunk(chunk.index)
        return decide(found, self.entry(chunk.index), self.options, self.work)

    def _check(self, chunk: Chunk) -> None:
        for tagged in self.journal.of_chunk(chunk.index):
            check_numbers(tagged.tag, self.tag(chunk, tagged.tag.attempt))
        entry = self.entry(chunk.index)
        tag = parse_tag(entry.tag) if entry is not None else None
        if tag is not None:
            check_numbers(tag, self.tag(chunk, tag.attempt))

    async def verified(self, chunks: AsyncIterator[Chunk]) -> AsyncGenerator[Chunk, None]:
        """The chunks, those that would create an order only once all known ones were compared.

        Raises `JobChanged` where one differs, or where there were more.
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

    async def sending(self, chunk: Chunk, tag: Tag, sent: Sequence[str], left_out: Any) -> None:
        """Note a create before it is sent."""
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
            signer=self.work.signer,
            **({"listed": list(sent)} if self.work.lists_numbers else {}),
        )

    async def answered(
        self,
        chunk: Chunk,
        tag: Tag,
        outcome: str,
        **about: Any,
    ) -> None:
        """Note what became of it; `about` is what `Ledger.answered` takes."""
        if self._ledger is not None:
            entry = Entry(chunk=chunk.index, attempt=tag.attempt, tag=str(tag))
            await self._ledger.answered(self.options.job, entry, outcome, **about)
