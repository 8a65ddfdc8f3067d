"""What all jobs have in common: creating orders, and waiting for them, for days where need be.

    a create -> what is open is settled by reads -> watch -> examine

A create is one attempt. It may have been carried out although its worker died, or stood still: so
what it left open is looked for by another activity, without end. What is not there is then held for
a person, or created again, as `on_unknown` says. The modules of workflows send nothing and import
nothing of the rest of the package but messages and sets of positions: a workflow is replayed, and
must come to the same result.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from typing import TypeVar

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
    ExamineInput,
    FailedChunk,
    FailedNumber,
    Failures,
    JobInput,
    Phase,
    Prepared,
    Progress,
    Standing,
    WatchInput,
)

T = TypeVar("T")
ONCE = RetryPolicy(maximum_attempts=1)
WITHOUT_END = RetryPolicy(maximum_interval=timedelta(minutes=5))
HEARTBEAT = timedelta(seconds=60)
LONG = timedelta(days=400)
"""An attempt ends by its heartbeats: nothing else may cut off a create that is under way."""
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 300.0
_SAME_REFUSALS = 3
_SLICE, _MOMENT = 50, 0.001
"""So many creates are begun in one workflow task: 500 of them may take a busy worker seconds."""
_SENDS = 5
"""How often the create of a chunk is sent at most, where its order is absent.

In a large fleet the worker may be killed with the same chunk twice."""


class HostingJob:
    """A job; the workflows derive from it, and add what makes chunks of their numbers."""

    def __init__(self, given: JobInput) -> None:
        self._given = given
        self._state = given.state
        self._pending = 0
        self._phase: Phase = "preparing"
        self._has_changed = False

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
            waiting=self.waiting_on(),
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

    # ------------------------------------------------------------- preparing

    async def _begin(self) -> None:
        """Check everything and read what there is, in the first run of the job."""
        if self._state.prepared is not None:
            return
        try:
            prepared = await workflow.execute_activity(
                "sinch_hosting.prepare",
                self._given.order,
                result_type=Prepared,
                start_to_close_timeout=LONG,
                heartbeat_timeout=HEARTBEAT,
                retry_policy=WITHOUT_END,
            )
        except ActivityError as error:
            self._phase = "failed"
            self._state = evolve(self._state, stopped_by=reason_of(error))
            raise
        self._state = evolve(self._state, prepared=prepared)

    async def _end(self) -> Progress:
        """Wait for the orders; returns how far the job came."""
        await self._watch()
        self._phase = "cancelled" if self._state.is_cancelled else "done"
        await workflow.wait_condition(workflow.all_handlers_finished)
        return self.progress()

    # -------------------------------------------------------------- creating

    @property
    def _at_once(self) -> int:
        """How many creates may be pending."""
        # Until an order was seen with its tag, one create at a time: a job has to find them again.
        if not self._state.knows_tags:
            return 1
        return max(1, min(self._given.most_pending, MOST_PENDING))

    async def _pause_for_others(self, begun: int) -> None:
        """End the workflow task after a slice of creates, so that none takes too long."""
        if begun % _SLICE == 0:
            await workflow.sleep(_MOMENT)

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
                elif self._may_send_again(sends):
                    result = await self._create(chunk)
                    sends += 1
                else:
                    break
            self._note(chunk, result)
        finally:
            self._pending -= 1

    def _may_send_again(self, sends: int) -> bool:
        """Whether the create of a chunk whose order is absent may be sent after so many sends."""
        return sends == 0 or (self._given.on_unknown == "resend" and sends < _SENDS)

    async def _create(self, chunk: int) -> ChunkResult:
        """Send a create, once; whatever ends it without an answer leaves it open."""
        try:
            return await self._attempt("sinch_hosting.create", chunk, ONCE)
        except ActivityError as error:
            if isinstance(error.cause, ApplicationError) and error.cause.non_retryable:
                return ChunkResult(kind="failed", reason=error.cause.message)
            return ChunkResult(kind="open")

    async def _settle(self, chunk: int) -> ChunkResult:
        try:
            return await self._attempt("sinch_hosting.settle", chunk, WITHOUT_END)
        except ActivityError as error:
            return ChunkResult(kind="failed", reason=reason_of(error))

    async def _attempt(self, activity: str, chunk: int, retry: RetryPolicy) -> ChunkResult:
        result: ChunkResult = await workflow.execute_activity(
            activity,
            self._chunk(chunk),
            result_type=ChunkResult,
            start_to_close_timeout=LONG,
            heartbeat_timeout=timedelta(seconds=self._given.lease),
            retry_policy=retry,
        )
        return result

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
            failed_numbers=some_of(state.failed_numbers, result.left_out),
        )
        if has_order and not self._given.order.campaign_id:
            ids = (*state.order_ids, result.order_id)
            self._state = evolve(self._state, order_ids=ids)
        if result.kind in ("failed", "absent", "unsent"):
            failed = FailedChunk(
                chunk=chunk,
                reason=result.reason,
                is_open=result.kind == "absent",
                positions=self._chunk(chunk).positions,
            )
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
        is_quick = False
        while self._is_unfinished() and not self._state.is_cancelled:
            watching = self._start_watching(is_quick=is_quick)
            await workflow.wait_condition(partial(self._may_look, watching, is_quick))
            is_quick, self._has_changed = self._has_changed, False
            if watching.done():
                self._state = evolve(self._state, standing=watching.result())
            else:
                await end_all([watching])  # the next one looks at once
            if self._is_long():
                await self._go_on_anew()
        if not self._state.is_cancelled:
            await self._examine()

    def _may_look(self, watching: workflow.ActivityHandle[Standing], is_quick: bool) -> bool:
        # A quick look is not ended: where changes are told again and again, none would ever end.
        has_changed = self._has_changed and not is_quick
        return watching.done() or has_changed or self._state.is_cancelled

    def _is_unfinished(self) -> bool:
        standing = self._state.standing
        return standing.orders < self._state.orders or standing.unfinished > 0

    @property
    def _heartbeat(self) -> timedelta:
        """The time after which a watching activity that says nothing is taken for dead."""
        return min(HEARTBEAT, timedelta(seconds=self._given.lease))

    def _start_watching(self, *, is_quick: bool) -> workflow.ActivityHandle[Standing]:
        """Watch the orders until one changes; a quick look returns what it sees first."""
        given, state = self._given, self._state
        return workflow.start_activity(
            "sinch_hosting.watch",
            WatchInput(
                order=given.order,
                seen=state.standing,
                expected=state.orders,
                is_quick=is_quick,
                every=given.every,
                order_ids=state.order_ids,
            ),
            result_type=Standing,
            start_to_close_timeout=LONG,
            heartbeat_timeout=self._heartbeat,
            retry_policy=WITHOUT_END,
        )

    async def _examine(self) -> None:
        order, ids = self._given.order, self._state.order_ids
        examined: Examined = await workflow.execute_activity(
            "sinch_hosting.examine_by_id" if ids else "sinch_hosting.examine",
            ExamineInput(order=order, order_ids=ids) if ids else order,
            result_type=Examined,
            start_to_close_timeout=LONG,
            heartbeat_timeout=HEARTBEAT,
            retry_policy=WITHOUT_END,
        )
        state = self._state
        self._state = evolve(
            state,
            rejected=state.standing.states.get("REJECTED", 0),
            left_out=state.left_out + examined.failed,
            numbers=state.numbers - examined.failed,
            failed_numbers=some_of(state.failed_numbers, examined.numbers),
        )

    # --------------------------------------------------------------- history

    def _is_long(self) -> bool:
        info = workflow.info()
        length = info.get_current_history_length()
        return info.is_continue_as_new_suggested() or length > self._given.longest_history

    async def _go_on_anew(self) -> None:
        await workflow.wait_condition(workflow.all_handlers_finished)
        workflow.continue_as_new(evolve(self._given, state=self._state))


async def end_all(handles: Sequence[workflow.ActivityHandle[T]]) -> None:
    """Cancel activities whose results do not count any more."""
    for handle in handles:
        handle.cancel()
    await asyncio.gather(*handles, return_exceptions=True)


def reason_of(error: ActivityError) -> str:
    """Return what may be told of an activity that failed."""
    cause = error.cause
    return cause.message if isinstance(cause, ApplicationError) else "it was cut off"


def some_of(
    known: tuple[FailedNumber, ...], further: tuple[FailedNumber, ...]
) -> tuple[FailedNumber, ...]:
    """Return failed numbers, as many as a job keeps."""
    return (*known, *further)[:MOST_POSITIONS]
