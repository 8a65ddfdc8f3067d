"""`TextEnableJob`: text-enables many numbers, and waits for their orders, for days where need be.

    prepare -> a create for each chunk -> what is open is settled by reads -> watch -> examine

A create is one attempt. It may have been carried out although its worker died, or stood still: so
what it left open is looked for by another activity, without end. What is not there is then held for
a person, or created again, as `on_unknown` says. This module sends nothing and imports nothing of
the rest of the package but messages: a workflow is replayed, and must come to the same result.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import timedelta
from functools import partial

from attrs import evolve
from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError

from .messages import (
    MOST_PENDING,
    MOST_POSITIONS,
    ChunkInput,
    ChunkResult,
    Examined,
    FailedChunk,
    FailedNumber,
    Failures,
    Phase,
    Prepared,
    Progress,
    Standing,
    TextEnableInput,
    WatchInput,
)

_ONCE = RetryPolicy(maximum_attempts=1)
_WITHOUT_END = RetryPolicy(maximum_interval=timedelta(minutes=5))
_HEARTBEAT = timedelta(seconds=60)
_LONG = timedelta(days=400)
"""An attempt ends by its heartbeats: nothing else may cut off a create that is under way."""
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 300.0
_SAME_REFUSALS = 3
_SHORTEST_LOOK = 5.0
"""Seconds that a look at the orders has before callbacks cut it off."""
_SLICE, _MOMENT = 50, 0.001
"""So many creates are begun in one workflow task: 500 of them may take a busy worker seconds."""
_SENDS = 2
"""How often the create of a chunk is sent at most, where its order is absent."""


@workflow.defn(name="sinch_hosting.TextEnableJob")
class TextEnableJob:
    """Text-enables the numbers of a file; see `TextEnableInput`."""

    @workflow.init
    def __init__(self, given: TextEnableInput) -> None:
        self._given = given
        self._state = given.state
        self._pending = 0
        self._phase: Phase = "preparing"
        self._has_changed = False

    @workflow.run
    async def run(self, given: TextEnableInput) -> Progress:
        """Create the orders, and wait for them; returns how far the job came."""
        if self._state.prepared is None:
            try:
                self._state = evolve(self._state, prepared=await self._prepare())
            except ActivityError as error:
                self._phase = "failed"
                self._state = evolve(self._state, stopped_by=_reason(error))
                raise
        await self._order()
        await self._watch()
        self._phase = "cancelled" if self._state.is_cancelled else "done"
        await workflow.wait_condition(workflow.all_handlers_finished)
        return self.progress()

    # --------------------------------------------------------------- signals

    @workflow.signal
    def pause(self) -> None:
        """Begin no further create until `resume`."""
        self._state = evolve(self._state, is_paused=True)

    @workflow.signal
    def resume(self) -> None:
        """Go on after `pause`."""
        self._state = evolve(self._state, is_paused=False, stopped_by="")

    @workflow.signal
    def cancel(self) -> None:
        """Begin nothing more: finish what is under way, and report the rest."""
        self._state = evolve(self._state, is_cancelled=True)

    @workflow.signal
    def order_changed(self) -> None:
        """Look at the orders now: a callback told of a change."""
        self._has_changed = True

    # --------------------------------------------------------------- queries

    @workflow.query
    def progress(self) -> Progress:
        """How far the job is."""
        state = self._state
        prepared = state.prepared or Prepared(numbers=0, chunks=0)
        is_open = sum(chunk.is_open for chunk in state.failed)
        return Progress(
            job=self._given.order.job,
            phase=self._phase,
            is_paused=state.is_paused,
            stopped_by=state.stopped_by,
            numbers=prepared.numbers,
            ordered=state.numbers,
            left_out=state.left_out,
            chunks=prepared.chunks,
            orders=state.orders,
            pending=self._pending,
            not_begun=prepared.chunks - state.next_chunk,
            rejected=state.rejected,
            failed=len(state.failed) - is_open,
            open=is_open,
            states=state.standing.states,
            waiting=state.standing.waiting,
        )

    @workflow.query
    def waiting_on(self) -> dict[str, int]:
        """For whom how many orders wait: `signer`, `review`, `carriers`, `you`."""
        return self._state.standing.waiting

    @workflow.query
    def failures(self) -> Failures:
        """The chunks without an order, and the numbers that failed, by their positions."""
        state = self._state
        return Failures(
            numbers=self._given.order.numbers,
            chunk_size=self._given.order.chunk_size,
            chunks=state.failed,
            failed_numbers=state.failed_numbers,
            more=state.left_out - len(state.failed_numbers),
        )

    # -------------------------------------------------------------- creating

    async def _prepare(self) -> Prepared:
        prepared: Prepared = await workflow.execute_activity(
            "sinch_hosting.prepare",
            self._given.order,
            result_type=Prepared,
            start_to_close_timeout=_LONG,
            heartbeat_timeout=_HEARTBEAT,
            retry_policy=_WITHOUT_END,
        )
        return prepared

    async def _order(self) -> None:
        """Create the orders of all chunks, so many at once; goes on in a new run in time."""
        self._phase = "ordering"
        assert self._state.prepared is not None  # noqa: S101 - `run` prepares first
        chunks, existing = self._state.prepared.chunks, set(self._state.prepared.existing)
        most = max(1, min(self._given.most_pending, MOST_PENDING))
        under_way: set[asyncio.Task[None]] = set()
        while self._state.next_chunk < chunks and not self._state.is_cancelled:
            await workflow.wait_condition(lambda: self._may_begin(most))
            if self._state.is_cancelled or self._is_long():
                break
            chunk = self._state.next_chunk
            self._state = evolve(self._state, next_chunk=chunk + 1)
            self._pending += 1
            task = asyncio.create_task(self._one(chunk, exists=chunk in existing))
            under_way.add(task)
            task.add_done_callback(under_way.discard)
            if self._state.next_chunk % _SLICE == 0:
                await workflow.sleep(_MOMENT)  # ends the task, so that none takes too long
        if under_way:
            await asyncio.gather(*under_way)
        if self._state.next_chunk < chunks and not self._state.is_cancelled:
            await self._go_on_anew()

    def _may_begin(self, most: int) -> bool:
        state = self._state
        # Until an order was seen with its tag, one create at a time: a job has to find them again.
        alone = 1 if not state.knows_tags else most
        has_room = self._pending < alone and not state.is_paused
        return state.is_cancelled or has_room or (self._is_long() and not state.is_paused)

    async def _one(self, chunk: int, *, exists: bool) -> None:
        """Create the order of a chunk, or find it, and note what became of it."""
        try:
            result = await self._settle(chunk) if exists else await self._create(chunk)
            sends, pause = 0 if exists else 1, _FIRST_PAUSE
            while result.kind in ("open", "absent", "unsent"):
                if result.kind == "open":
                    result = await self._settle(chunk)
                elif result.kind == "unsent":
                    if self._state.is_cancelled:
                        break
                    await workflow.sleep(pause)
                    pause = min(2 * pause, _LONGEST_PAUSE)
                    result = await self._create(chunk)
                elif sends < _SENDS and (sends == 0 or self._given.on_unknown == "resend"):
                    result = await self._create(chunk)
                    sends += 1
                else:
                    break
            self._note(chunk, result)
        finally:
            self._pending -= 1

    async def _create(self, chunk: int) -> ChunkResult:
        """Send a create, once; whatever ends it without an answer leaves it open."""
        try:
            result: ChunkResult = await workflow.execute_activity(
                "sinch_hosting.create",
                self._chunk(chunk),
                result_type=ChunkResult,
                start_to_close_timeout=_LONG,
                heartbeat_timeout=timedelta(seconds=self._given.lease),
                retry_policy=_ONCE,
            )
            return result
        except ActivityError as error:
            if isinstance(error.cause, ApplicationError) and error.cause.non_retryable:
                return ChunkResult(kind="failed", reason=error.cause.message)
            return ChunkResult(kind="open")

    async def _settle(self, chunk: int) -> ChunkResult:
        try:
            result: ChunkResult = await workflow.execute_activity(
                "sinch_hosting.settle",
                self._chunk(chunk),
                result_type=ChunkResult,
                start_to_close_timeout=_LONG,
                heartbeat_timeout=timedelta(seconds=self._given.lease),
                retry_policy=_WITHOUT_END,
            )
            return result
        except ActivityError as error:
            return ChunkResult(kind="failed", reason=_reason(error))

    def _chunk(self, chunk: int) -> ChunkInput:
        return ChunkInput(
            order=self._given.order,
            chunk=chunk,
            knows_tags=self._state.knows_tags,
            lease=self._given.lease,
        )

    def _note(self, chunk: int, result: ChunkResult) -> None:
        state = self._state
        has_order = result.kind in ("created", "adopted", "rejected", "untagged")
        self._state = evolve(
            state,
            knows_tags=state.knows_tags or has_order,
            orders=state.orders + has_order,
            numbers=state.numbers + result.numbers,
            skipped=state.skipped + (result.kind == "skipped"),
            rejected=state.rejected + (result.kind == "rejected"),
            left_out=state.left_out + len(result.left_out),
            failed_numbers=_some(state.failed_numbers, result.left_out),
        )
        if result.kind in ("failed", "absent", "unsent"):
            failed = FailedChunk(chunk=chunk, reason=result.reason, is_open=result.kind == "absent")
            self._state = evolve(self._state, failed=(*self._state.failed, failed))
        if result.kind == "untagged":
            reason = f"order {result.order_id} does not keep its tag: the job could not find it"
            self._state = evolve(self._state, is_cancelled=True, stopped_by=reason)
        elif result.kind == "failed" and self._is_refused_throughout():
            reason = f"the first chunks were all refused: {result.reason}"
            self._state = evolve(self._state, is_paused=True, stopped_by=reason)

    def _is_refused_throughout(self) -> bool:
        """Whether nothing but the same refusal came so far."""
        state = self._state
        reasons = {failed.reason for failed in state.failed if not failed.is_open}
        return not state.orders and len(state.failed) == _SAME_REFUSALS and len(reasons) == 1

    # -------------------------------------------------------------- watching

    async def _watch(self) -> None:
        """Wait until every order has ended, then count the numbers that failed in them."""
        state = self._state
        if not self._given.watch or not state.orders or state.is_cancelled:
            return
        self._phase = "watching"
        while self._is_unfinished() and not self._state.is_cancelled:
            watching, began = self._start_watching(), workflow.time()
            await workflow.wait_condition(partial(self._may_look, watching))
            if not watching.done() and workflow.patched("looks-are-spaced"):
                await self._end_of_look(watching, began)
            self._has_changed = False
            if watching.done():
                self._state = evolve(self._state, standing=watching.result())
            else:
                watching.cancel()  # the next one looks at once
                await asyncio.wait([watching])
            if self._is_long():
                await self._go_on_anew()
        if not self._state.is_cancelled:
            await self._examine()

    async def _end_of_look(self, watching: workflow.ActivityHandle[Standing], began: float) -> None:
        """Leave a look the time to end: where many callbacks come, each would cut it off."""
        left = min(_SHORTEST_LOOK, self._given.every) - (workflow.time() - began)
        if left > 0:
            with suppress(TimeoutError):
                await workflow.wait_condition(
                    lambda: watching.done() or self._state.is_cancelled, timeout=left
                )

    def _may_look(self, watching: workflow.ActivityHandle[Standing]) -> bool:
        return watching.done() or self._has_changed or self._state.is_cancelled

    def _is_unfinished(self) -> bool:
        standing = self._state.standing
        return standing.orders < self._state.orders or standing.unfinished > 0

    def _start_watching(self) -> workflow.ActivityHandle[Standing]:
        given, state = self._given, self._state
        return workflow.start_activity(
            "sinch_hosting.watch",
            WatchInput(
                order=given.order, seen=state.standing, expected=state.orders, every=given.every
            ),
            result_type=Standing,
            start_to_close_timeout=_LONG,
            heartbeat_timeout=_HEARTBEAT,
            retry_policy=_WITHOUT_END,
        )

    async def _examine(self) -> None:
        examined: Examined = await workflow.execute_activity(
            "sinch_hosting.examine",
            self._given.order,
            result_type=Examined,
            start_to_close_timeout=_LONG,
            heartbeat_timeout=_HEARTBEAT,
            retry_policy=_WITHOUT_END,
        )
        state = self._state
        self._state = evolve(
            state,
            rejected=state.standing.states.get("REJECTED", 0),
            left_out=state.left_out + examined.failed,
            numbers=state.numbers - examined.failed,
            failed_numbers=_some(state.failed_numbers, examined.numbers),
        )

    # --------------------------------------------------------------- history

    def _is_long(self) -> bool:
        info = workflow.info()
        length = info.get_current_history_length()
        return info.is_continue_as_new_suggested() or length > self._given.longest_history

    async def _go_on_anew(self) -> None:
        await workflow.wait_condition(workflow.all_handlers_finished)
        workflow.continue_as_new(evolve(self._given, state=self._state))


def _reason(error: ActivityError) -> str:
    cause = error.cause
    return cause.message if isinstance(cause, ApplicationError) else "it was cut off"


def _some(
    known: tuple[FailedNumber, ...], further: tuple[FailedNumber, ...]
) -> tuple[FailedNumber, ...]:
    return (*known, *further)[:MOST_POSITIONS]
