"""`OnboardJob`: takes numbers from wherever they are to text-enabled, for weeks where need be.

    prepare -> watch_numbers, a page each ──┬── ring, and prove by the update `voice_code`
                                            ├── a create for each full or due chunk of ready numbers
                                            └── watch -> examine

What a number needs is decided in activities, by the functions of `sinch.onboard`. This module keeps
which numbers are open, ready, or wait for a code. A voice challenge is one attempt, and so is a
code: the first rings a phone, the second burns one of few tries. What became of one whose answer
was lost shows the next look at the number. A person may ask for a further call by the update
`ring`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable
from contextlib import suppress
from datetime import timedelta
from itertools import islice
from typing import Any

from attrs import evolve
from temporalio import workflow
from temporalio.exceptions import ActivityError

from .hosting_job import LONG, ONCE, WITHOUT_END, HostingJob, end_all, reason_of, some_of
from .messages import (
    Challenged,
    ChunkInput,
    ChunkResult,
    NumberInput,
    NumbersState,
    OnboardInput,
    PageInput,
    Progress,
    Standing,
    Survey,
    VoiceCode,
)
from .positions import below, mask_of, pack, positions_in, unpack

_Watching = workflow.ActivityHandle[Survey] | workflow.ActivityHandle[Standing]
_ORDERS = -1
"""Stands for the orders among the pages of numbers that are watched."""
_MOMENT = 0.01
_CALLS_AT_ONCE = 4
_CALL_AGAIN = 60.0
"""Seconds after which a call that was not sent is tried again."""


@workflow.defn(name="sinch_hosting.OnboardJob")
class OnboardJob(HostingJob):
    """Onboards the numbers of a file; see `OnboardInput`."""

    @workflow.init
    def __init__(self, given: OnboardInput) -> None:
        given = evolve(given, order=evolve(given.order, is_qualified=True))
        super().__init__(given)
        self._input = given
        kept = given.numbers_state or NumbersState()
        self._open, self._early = unpack(kept.open), unpack(kept.early)
        self._called, self._codes = unpack(kept.called), unpack(kept.codes)
        self._added_pages = unpack(kept.added_pages)
        self._without_order, self._ready_since = kept.without_order, kept.ready_since
        self._ready = self._unproven = 0
        self._calling = 0
        self._surveys: dict[int, Survey] = {}
        self._watching: dict[int, _Watching] = {}
        self._hurried: set[int] = set()
        self._quick: set[int] = set()
        self._chunks: dict[int, str] = {}
        self._under_way: set[asyncio.Task[None]] = set()

    @workflow.run
    async def run(self, given: OnboardInput) -> Progress:
        """Qualify, order and follow the numbers; returns how far the job came."""
        await self._begin()
        if given.numbers_state is None and self._state.prepared is not None:
            self._open = below(self._state.prepared.numbers)
        await self._qualify()
        return await self._end()

    # --------------------------------------------------------------- updates

    @workflow.update
    async def voice_code(self, given: VoiceCode) -> Challenged:
        """Send the code that was said to a number, once; returns whether it was right."""
        bit = 1 << given.position
        self._codes &= ~bit
        result = await self._challenge("sinch_hosting.prove", given.position, given.code)
        if result.kind == "unsent":
            self._codes |= bit
        self._hurry(bit)  # the next look shows what became of it
        return result

    @voice_code.validator
    def _check_voice_code(self, given: VoiceCode) -> None:
        if given.position < 0 or not self._codes >> given.position & 1:
            raise ValueError(f"the number at position {given.position} waits for no code")

    @workflow.update
    async def ring(self, position: int) -> Challenged:
        """Call a number, once more where it was called before: a person is at the phone."""
        return await self._ring(position)

    @ring.validator
    def _check_ring(self, position: int) -> None:
        if position < 0 or not (self._unproven | self._codes) >> position & 1:
            raise ValueError(f"the number at position {position} waits for no proof of ownership")

    # --------------------------------------------------------------- queries

    @workflow.query
    def progress(self) -> Progress:
        """How far the job is."""
        return evolve(
            super().progress(),
            chunks=self._state.next_chunk,
            not_begun=0,
            to_order=self._open.bit_count(),
            without_order=self._without_order,
            codes=self._codes.bit_count(),
        )

    @workflow.query
    def waiting_on(self) -> dict[str, int]:
        """For whom how many orders and numbers wait: `signer`, `review`, `carriers`, `you`."""
        counts = dict(self._state.standing.waiting)
        for page in self._open_pages():
            survey = self._surveys.get(page)
            for who, count in survey.waiting.items() if survey else ():
                counts[who] = counts.get(who, 0) + count
        return counts

    @workflow.query
    def waiting_for_codes(self) -> list[int]:
        """The positions of the numbers that were called, and whose code is awaited."""
        return list(positions_in(self._codes))

    # ------------------------------------------------------------ qualifying

    async def _qualify(self) -> None:
        """Watch the numbers, call and order them, until each is in an order or settled."""
        self._phase = "qualifying"
        while (self._open or self._under_way) and not self._is_over():
            self._start_watching_all()
            await self._something()
            await self._look()
            if not self._state.is_paused:
                self._ring_some()
                await self._order_some()
        await self._stop_watching(self._watching)
        if self._under_way:
            await asyncio.gather(*self._under_way)
        if self._open and not self._state.is_cancelled:
            await self._go_on_anew()

    def _is_over(self) -> bool:
        return self._state.is_cancelled or (self._is_long() and not self._state.is_paused)

    # --------------------------------------------------------------- looking

    def _start_watching_all(self) -> None:
        for page in self._unwatched():
            is_quick = page in self._hurried
            self._hurried.discard(page)
            (self._quick.add if is_quick else self._quick.discard)(page)
            self._watching[page] = (
                self._start_watching(is_quick=is_quick)
                if page == _ORDERS
                else self._start_page(page, is_quick=is_quick)
            )

    def _open_pages(self) -> list[int]:
        pages = range(-(-self._open.bit_length() // self._input.page_size))
        return [page for page in pages if self._of_page(self._open, page)]

    def _unwatched(self) -> list[int]:
        """Return the pages that nobody watches, and whether nobody watches the orders."""
        if self._state.stopped_by:
            return []  # until a person has mended it, and resumes the job
        orders = [_ORDERS] if self._input.watch and self._is_unfinished() else []
        return [page for page in orders + self._open_pages() if page not in self._watching]

    def _hurry(self, numbers: int) -> None:
        """Let the pages of some numbers be looked at now."""
        size = self._input.page_size
        self._hurried.update(position // size for position in positions_in(numbers))

    def _to_end(self) -> list[int]:
        """Return what is to be looked at now, and whose watching waits for its next look.

        A quick look is never ended: where changes are told again and again, none would ever end.
        """
        return [page for page in self._watching if page in self._hurried - self._quick]

    def _start_page(self, page: int, *, is_quick: bool) -> workflow.ActivityHandle[Survey]:
        size, known = self._input.page_size, self._surveys.get(page)
        return workflow.start_activity(
            "sinch_hosting.watch_numbers",
            PageInput(
                order=self._input.order,
                start=page * size,
                count=size,
                open=pack(self._of_page(self._open, page)),
                early=pack(self._of_page(self._early, page)),
                ready_at=self._input.ready_at,
                adds=not self._added_pages >> page & 1,
                seen=known.digest if known and not is_quick else "",
                every=self._input.every,
            ),
            result_type=Survey,
            start_to_close_timeout=LONG,
            heartbeat_timeout=self._heartbeat,
            retry_policy=WITHOUT_END,
        )

    def _of_page(self, mask: int, page: int) -> int:
        """Return the part of a set that is in a page, counted from its start."""
        size = self._input.page_size
        return mask >> page * size & below(size)

    async def _something(self) -> None:
        """Wait until there is something to do."""
        seconds = self._due_at() - _now() if self._ready else 0.0
        try:
            await workflow.wait_condition(
                self._may_act, timeout=max(seconds, _MOMENT) if seconds > 0 else None
            )
        except TimeoutError:
            return  # ready numbers have waited for others long enough

    def _may_act(self) -> bool:
        is_finished = not self._open and not self._under_way
        if is_finished or self._has_changed or self._is_over():
            return True
        if any(handle.done() for handle in self._watching.values()):
            return True
        if self._unwatched() or self._to_end():
            return True
        return not self._state.is_paused and (bool(self._to_call()) or self._may_order())

    async def _look(self) -> None:
        """Take in what was seen; what is to be looked at now is watched anew."""
        if self._has_changed:
            self._has_changed = False
            self._hurried.update([_ORDERS, *self._open_pages()])
        for page, handle in list(self._watching.items()):
            if handle.done():
                del self._watching[page]
                self._take_in(page, handle)
        await self._stop_watching(self._to_end())

    def _take_in(self, page: int, handle: _Watching) -> None:
        """Note what a watching activity saw; where it cannot go on, the job pauses."""
        try:
            seen = handle.result()
        except ActivityError as error:
            self._state = evolve(self._state, is_paused=True, stopped_by=reason_of(error))
            return
        if isinstance(seen, Standing):
            self._state = evolve(self._state, standing=seen)
        else:
            self._note_survey(page, seen)

    def _note_survey(self, page: int, survey: Survey) -> None:
        start = page * self._input.page_size
        here = below(self._input.page_size) << start
        failed, done = unpack(survey.failed) << start, unpack(survey.done) << start
        failed, done = failed & self._open, done & self._open
        reasons = tuple(one for one in survey.reasons if failed >> one.position & 1)
        self._open &= ~(failed | done)
        self._ready = self._ready & ~here | unpack(survey.ready) << start & self._open
        self._unproven = self._unproven & ~here | unpack(survey.unproven) << start & self._open
        self._codes &= ~here | self._unproven
        self._added_pages |= 1 << page
        self._without_order += done.bit_count()
        self._surveys[page] = survey
        self._note_ready()
        state = self._state
        self._state = evolve(
            state,
            left_out=state.left_out + failed.bit_count(),
            failed_numbers=some_of(state.failed_numbers, reasons),
        )

    def _note_ready(self) -> None:
        if not self._ready:
            self._ready_since = 0.0
        elif not self._ready_since:
            self._ready_since = _now()

    async def _stop_watching(self, pages: Iterable[int]) -> None:
        await end_all([self._watching.pop(page) for page in list(pages)])

    # --------------------------------------------------------------- calling

    def _to_call(self) -> int:
        """Return the numbers to call now: each once, a few at a time."""
        free = self._input.voice and self._calling < _CALLS_AT_ONCE
        return self._unproven & ~self._called if free else 0

    def _ring_some(self) -> None:
        while to_call := self._to_call():
            position = (to_call & -to_call).bit_length() - 1
            self._called |= 1 << position
            self._calling += 1
            self._spawn(self._ring_first(position))

    async def _ring_first(self, position: int) -> None:
        try:
            result = await self._ring(position)
            if result.kind == "unsent":
                with suppress(TimeoutError):
                    await workflow.wait_condition(self._is_over, timeout=_CALL_AGAIN)
                self._called &= ~(1 << position)
        finally:
            self._calling -= 1

    async def _ring(self, position: int) -> Challenged:
        """Call a number; returns what became of it. A call that is open may have been made."""
        bit = 1 << position
        self._called |= bit
        result = await self._challenge("sinch_hosting.ring", position)
        if result.kind in ("called", "open"):
            self._codes |= bit
        return result

    async def _challenge(self, name: str, position: int, code: str = "") -> Challenged:
        given = self._input
        try:
            result: Challenged = await workflow.execute_activity(
                name,
                NumberInput(order=given.order, position=position, lease=given.lease, code=code),
                result_type=Challenged,
                start_to_close_timeout=LONG,
                heartbeat_timeout=timedelta(seconds=given.lease),
                retry_policy=ONCE,
            )
        except ActivityError:
            return Challenged(kind="open", reason="nobody saw the answer")
        return result

    # -------------------------------------------------------------- ordering

    def _due_at(self) -> float:
        """Return when ready numbers are ordered, however few they are."""
        return self._ready_since + self._input.readiness_window

    def _may_order(self) -> bool:
        """Whether an order may be created now. Each mails a letter, so it is a full one.

        Fewer numbers are ordered where no others can be ready, or where they have waited long.
        """
        if not self._ready or self._pending >= self._at_once:
            return False
        return self._ready.bit_count() >= self._input.order.chunk_size or self._is_due()

    def _is_due(self) -> bool:
        pages = self._open_pages()
        are_known = all(page in self._surveys for page in pages)
        may_come = any(self._surveys[page].to_come for page in pages if page in self._surveys)
        return (are_known and not may_come) or _now() >= self._due_at()

    async def _order_some(self) -> None:
        ready = positions_in(self._ready)
        while self._may_order():
            numbers = mask_of(islice(ready, self._input.order.chunk_size))
            self._ready &= ~numbers
            self._open &= ~numbers
            chunk = self._state.next_chunk
            self._state = evolve(self._state, next_chunk=chunk + 1)
            self._chunks[chunk] = pack(numbers)
            self._pending += 1
            self._spawn(self._one(chunk, exists=False))
            await self._pause_for_others(chunk + 1)
        self._note_ready()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    def _chunk(self, chunk: int) -> ChunkInput:
        return evolve(super()._chunk(chunk), positions=self._chunks[chunk])

    def _note(self, chunk: int, result: ChunkResult) -> None:
        super()._note(chunk, result)
        early, back = unpack(result.early), unpack(result.back)
        del self._chunks[chunk]
        if early | back:
            self._early |= early
            self._open |= early | back
            self._surveys.clear()
            self._hurry(early | back)

    # --------------------------------------------------------------- history

    async def _go_on_anew(self) -> None:
        await workflow.wait_condition(workflow.all_handlers_finished)  # they change the sets
        numbers = NumbersState(
            open=pack(self._open),
            early=pack(self._early),
            called=pack(self._called),
            codes=pack(self._codes),
            added_pages=pack(self._added_pages),
            ready_since=self._ready_since,
            without_order=self._without_order,
        )
        self._given = evolve(self._input, numbers_state=numbers)
        await super()._go_on_anew()


def _now() -> float:
    return workflow.now().timestamp()
