"""`TextEnableJob`: text-enables many numbers, and waits for their orders.

prepare -> a create for each chunk -> what is open is settled by reads -> watch -> examine
"""

from __future__ import annotations

import asyncio

from attrs import evolve
from temporalio import workflow

from .hosting_job import HostingJob
from .messages import Progress, TextEnableInput


@workflow.defn(name="sinch_hosting.TextEnableJob")
class TextEnableJob(HostingJob):
    """Text-enables the numbers of a file; see `TextEnableInput`."""

    @workflow.init
    def __init__(self, given: TextEnableInput) -> None:
        super().__init__(given)

    @workflow.run
    async def run(self, given: TextEnableInput) -> Progress:
        """Create the orders, and wait for them; returns how far the job came."""
        await self._begin()
        await self._order()
        return await self._end()

    async def _order(self) -> None:
        """Create the orders of all chunks, so many at once; goes on in a new run in time."""
        self._phase = "ordering"
        assert self._state.prepared is not None  # noqa: S101 - `run` prepares first
        chunks, existing = self._state.prepared.chunks, set(self._state.prepared.existing)
        under_way: set[asyncio.Task[None]] = set()
        while self._state.next_chunk < chunks and not self._state.is_cancelled:
            await workflow.wait_condition(self._may_begin)
            if self._state.is_cancelled or self._is_long():
                break
            chunk = self._state.next_chunk
            self._state = evolve(self._state, next_chunk=chunk + 1)
            self._pending += 1
            task = asyncio.create_task(self._one(chunk, exists=chunk in existing))
            under_way.add(task)
            task.add_done_callback(under_way.discard)
            await self._pause_for_others(chunk + 1)
        if under_way:
            await asyncio.gather(*under_way)
        if self._state.next_chunk < chunks and not self._state.is_cancelled:
            await self._go_on_anew()

    def _may_begin(self) -> bool:
        state = self._state
        has_room = self._pending < self._at_once or self._is_long()
        return state.is_cancelled or (has_room and not state.is_paused)
