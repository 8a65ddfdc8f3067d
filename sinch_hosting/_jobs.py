"""Jobs: what an earlier run left behind, and what follows from it for every chunk.

`decide` and what it answers are pure; `Job` carries: it opens the ledger, reads the journal, and
holds every create back until all that was begun has been compared with what is asked for now.
"""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable, Sequence
from typing import Any, Literal

from attrs import frozen

from . import _validators as check
from ._bulk import Place
from ._chunks import Chunk, HeldChunks, SkippedNumber
from ._entries import ADOPTED, CREATED, FAILED, Entry
from ._journal import (
    Journal,
    OrdersAtService,
    Tagged,
    check_arguments,
    check_numbers,
    differing_arguments,
    job_changed,
)
from ._ledger import Ledger
from ._retry import Witness
from ._tags import Meaning, Tag, check_job, numbers_digest, parse_tag
from ._wire import encode
from .errors import InvalidRequest
from .models import BlanketLoa, Letter, Order

OnUnknown = Literal["hold", "resend"]
LedgerPath = str | os.PathLike[str]
SETTLE, GRACE = 10.0, 60.0
_MOST_SENDS = 2
_SAMPLE = "+12025550100"


@frozen(kw_only=True)
class Work:
    """What a run creates: one order a chunk."""

    operation: str
    """The contract's name of it."""
    request: Callable[..., Any]
    """Builds and checks a request from `numbers` and `display_name`."""
    create: Callable[[Any, Witness | None], Awaitable[Order]]
    place: Place
    size: int
    """Numbers in a chunk."""
    why_not: Callable[[str], Awaitable[SkippedNumber | None]]
    """Looks a number up: why it cannot be in an order, `None` where nothing speaks against it."""
    display_name: str | None = None
    loa: Letter | None = None

    @property
    def mails_a_letter(self) -> bool:
        """Whether every order mails a letter to somebody."""
        return self.loa is not None and not isinstance(self.loa, BlanketLoa)

    @property
    def signer(self) -> str | None:
        """Who gets the letter."""
        if self.loa is None or isinstance(self.loa, BlanketLoa):
            return None
        person = self.loa.authorised_person
        return f"{person.first_name} {person.last_name} <{person.email}>"

    lists_numbers: bool = False
    """Whether the ledger keeps the numbers themselves: where the input does not tell its chunks."""
    all_or_nothing: bool = False
    """Whether a refusal of some numbers refuses all, instead of leaving those out."""

    def sample(self) -> Any:
        """A request as all will be, but for the numbers; raises `InvalidRequest`."""
        return self.request(numbers=(_SAMPLE,), display_name=self.display_name)

    def meaning(self) -> Meaning:
        """A digest of every argument that changes what the orders do."""
        further = {"operation": self.operation, "chunk_size": self.size}
        return Meaning.of(encode(self.sample()), **further)


@frozen(kw_only=True)
class JobOptions:
    """How a run resumes, and what it does about lost answers; checked."""

    job: str
    ledger: LedgerPath | Ledger | None = None
    settle: float = SETTLE
    grace: float = GRACE
    on_unknown: OnUnknown | None = None
    retry_rejected: bool = False

    def may_resend(self, work: Work, sends: int) -> bool:
        """Whether an order that cannot be found may be sent again after so many sends."""
        if self.on_unknown is not None:
            return self.on_unknown == "resend"
        # Where orders are not listed for certain, not finding one proves nothing.
        return work.place.is_certain and not work.mails_a_letter and sends < _MOST_SENDS


def job_options(
    work: Work,
    *,
    job: str | None,
    ledger: LedgerPath | Ledger | None = None,
    settle: float | None = None,
    grace: float | None = None,
    on_unknown: OnUnknown | None = None,
    retry_rejected: bool = False,
) -> JobOptions | None:
    """The checked options, `None` without a job; raises `InvalidRequest` for what clashes."""
    check.check_flag(retry_rejected, "retry_rejected")
    if on_unknown not in (None, "hold", "resend"):
        raise InvalidRequest(
            field="on_unknown", value=on_unknown, rule="must be 'hold' or 'resend'"
        )
    given = {
        "ledger": ledger,
        "settle": check.optional(settle, check.check_seconds, "settle"),
        "grace": check.optional(grace, check.check_seconds, "grace"),
        "on_unknown": on_unknown,
        "retry_rejected": retry_rejected or None,
    }
    given = {name: value for name, value in given.items() if value is not None}
    if job is None:
        if given:
            name, value = next(iter(given.items()))
            raise InvalidRequest(field=name, value=value, rule="goes with job=")
        return None
    if ledger is None and not work.place.is_certain:
        raise InvalidRequest(
            field="ledger",
            value=None,
            rule="a job needs a ledger where its orders have no campaign: such orders cannot be "
            "listed for certain",
        )
    return JobOptions(job=check_job(job), **given)  # type: ignore[arg-type]


# ------------------------------------------------------------------- deciding


@frozen
class Adopt:
    """There is an order: take it."""

    tagged: Tagged
    duplicates: tuple[str, ...] = ()


@frozen
class Recall:
    """There was an order: read it."""

    entry: Entry


@frozen
class Send:
    """There is none: create it."""

    attempt: int = 1
    again: bool = False
    """Whether this attempt may have been carried out before."""


@frozen
class Hold:
    """There may be one: do nothing."""

    entry: Entry


Decision = Adopt | Recall | Send | Hold


def decide(
    found: Sequence[Tagged], entry: Entry | None, options: JobOptions, work: Work
) -> Decision:
    """What to do about a chunk, given its orders (the best first) and its entry in the ledger."""
    newest = found[0] if found else None
    attempt = max(newest.tag.attempt if newest else 0, entry.attempt if entry else 0)
    if newest is not None and newest.tag.attempt == attempt:
        if newest.is_rejected and options.retry_rejected:
            return Send(attempt + 1)
        return Adopt(newest, _duplicates(found))
    if entry is None:
        return Send()
    if entry.outcome in (CREATED, ADOPTED) and entry.order_id:
        return Recall(entry)
    if entry.outcome == FAILED and not entry.is_open:
        return Send(attempt)
    return Send(attempt, again=True) if options.may_resend(work, entry.sends) else Hold(entry)


def _duplicates(found: Sequence[Tagged]) -> tuple[str, ...]:
    """The live orders besides the first: each number is in one too many of them."""
    return tuple(tagged.order.hosting_order_id for tagged in found[1:] if not tagged.is_rejected)


# ------------------------------------------------------------------- carrying


class Job:
    """A job that is being run."""

    def __init__(
        self,
        work: Work,
        options: JobOptions,
        orders: OrdersAtService,
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self.work = work
        self.options = options
        self.journal = Journal(orders, work.place, options.job)
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
        await self.journal.close()
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
        before = Meaning(
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
        tagged = [one for index in self.journal.chunks() for one in self.journal.of_chunk(index)]
        for one in tagged:
            check_arguments(one.tag, ours, differing_arguments(one.order, sample))
        # Rejected orders may have been opened anew with another letter: each of them is known.
        letters = {one.tag.letter for one in tagged}
        if letters and ours.letter not in letters and not self.options.retry_rejected:
            raise job_changed(self.options.job, "the letter (loa)")

    async def _read_journal(self, *, settle: bool, knows_job: bool) -> None:
        in_flight = any(entry.is_open for entry in self._entries().values())
        if not self.work.place.is_certain and not in_flight:
            return  # the lists would prove nothing, and the ledger knows all
        await self.journal.read()
        self.requests_to_read = self.journal.requests
        # A ledger that knows the job tells what was in flight; one that does not tells nothing.
        if in_flight or not knows_job:
            self.requests_to_read *= 2
            if settle:
                await self._sleep(self.options.settle)
                await self.journal.read()

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
        if isinstance(decision, Recall):
            return self.options.retry_rejected
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
        *,
        order_id: str | None = None,
        error: BaseException | None = None,
    ) -> None:
        """Note what became of it."""
        if self._ledger is not None:
            entry = Entry(chunk=chunk.index, attempt=tag.attempt, tag=str(tag))
            await self._ledger.answered(
                self.options.job, entry, outcome, order_id=order_id, error=error
            )
