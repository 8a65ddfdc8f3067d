"""Many numbers: chunks, the fan-out that sends them, and what became of each."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import TypeVar

from attrs import field, frozen

from ._validators import check_phone_number
from .errors import InvalidRequest, OutcomeUnknown
from .models import Order

T = TypeVar("T")
_log = logging.getLogger("sinch_hosting")


@frozen(kw_only=True)
class FailedChunk:
    """Numbers for which there is no order, and why."""

    numbers: tuple[str, ...]
    error: Exception


@frozen(kw_only=True)
class UnknownChunk:
    """Numbers for which there may be an order: the answer was lost."""

    numbers: tuple[str, ...]
    error: OutcomeUnknown
    tag: str | None = None
    """What the order's `display_name` starts with, where the run belonged to a job."""


@frozen(kw_only=True)
class SkippedNumber:
    """A number that was left out, and why."""

    phone_number: str
    reason: str


@frozen(kw_only=True)
class BulkProgress:
    """What `on_progress` is told after each chunk."""

    numbers: tuple[str, ...]
    """The numbers of the chunk that is done now."""
    outcome: Order | FailedChunk | UnknownChunk
    """What became of it."""
    chunks_done: int
    chunks: int
    """How many there are in all."""


@frozen(kw_only=True)
class BulkResult:
    """What became of every number of a bulk call."""

    succeeded: tuple[Order, ...] = ()
    """The orders, in the order of the input."""
    failed: tuple[FailedChunk, ...] = ()
    unknown: tuple[UnknownChunk, ...] = ()
    skipped: tuple[SkippedNumber, ...] = field(default=(), repr=lambda s: f"<{len(s)} numbers>")

    def raise_for_failures(self) -> None:
        """Raise an `ExceptionGroup` of what failed and what is unknown; else do nothing."""
        problems = [chunk.error for chunk in self.failed] + [c.error for c in self.unknown]
        if problems:
            chunks = len(self.succeeded) + len(problems)
            raise ExceptionGroup(f"{len(problems)} of {chunks} chunks did not succeed", problems)


def chunked(items: Iterable[T], size: int) -> Iterator[tuple[T, ...]]:
    """Tuples of `size` items, the last one perhaps shorter; reads no further than asked."""
    source = iter(items)
    while chunk := tuple(islice(source, size)):
        yield chunk


def distinct_numbers(numbers: Iterable[str]) -> tuple[list[str], list[SkippedNumber]]:
    """The numbers once each, and those that came again.

    Raises `InvalidRequest` for the first that is no phone number, telling how many are not:
    nothing has been sent then.
    """
    if isinstance(numbers, (str, bytes, Mapping)) or not isinstance(numbers, Iterable):
        raise InvalidRequest(
            field="numbers", value=numbers, rule="must be numbers, not a single value"
        )
    kept: dict[str, None] = {}
    skipped: list[SkippedNumber] = []
    wrong: list[InvalidRequest] = []
    for index, number in enumerate(numbers):
        try:
            check_phone_number(number, f"numbers[{index}]")
        except InvalidRequest as error:
            wrong.append(error)
            continue
        if number in kept:
            skipped.append(SkippedNumber(phone_number=number, reason="duplicate"))
        kept[number] = None
    if wrong:
        first = wrong[0]
        rule = f"{first.rule} ({len(wrong)} of {len(wrong) + len(kept)} numbers are wrong)"
        raise InvalidRequest(field=first.field, value=first.value, rule=rule)
    if not kept:
        raise InvalidRequest(field="numbers", value=[], rule="must hold at least 1 number")
    return list(kept), skipped


async def fan_out(
    chunks: Iterable[tuple[str, ...]],
    total: int,
    send: Callable[[tuple[str, ...]], Awaitable[Order]],
    *,
    max_concurrency: int,
    on_progress: Callable[[BulkProgress], Awaitable[None] | None] | None,
) -> BulkResult:
    """Send the chunks, at most `max_concurrency` at once, and answer what became of each.

    One chunk's failure touches no other. Cancelling it cancels what is in flight; what had
    succeeded by then was told to `on_progress`, and is logged.
    """
    outcomes: dict[int, Order | FailedChunk | UnknownChunk] = {}
    source = enumerate(chunks)

    async def work() -> None:
        for index, numbers in source:
            outcomes[index] = await _outcome(send, numbers)
            await _tell(
                on_progress,
                BulkProgress(
                    numbers=numbers,
                    outcome=outcomes[index],
                    chunks_done=len(outcomes),
                    chunks=total,
                ),
            )

    try:
        await asyncio.gather(*(work() for _ in range(min(max_concurrency, total))))
    except BaseException:
        ids = [o.hosting_order_id for o in outcomes.values() if isinstance(o, Order)]
        _log.warning("a bulk call was ended early; these orders were created: %s", ids)
        raise
    ordered = [outcomes[index] for index in sorted(outcomes)]
    return BulkResult(
        succeeded=tuple(o for o in ordered if isinstance(o, Order)),
        failed=tuple(o for o in ordered if isinstance(o, FailedChunk)),
        unknown=tuple(o for o in ordered if isinstance(o, UnknownChunk)),
    )


async def _outcome(
    send: Callable[[tuple[str, ...]], Awaitable[Order]], numbers: tuple[str, ...]
) -> Order | FailedChunk | UnknownChunk:
    try:
        return await send(numbers)
    except OutcomeUnknown as error:
        return UnknownChunk(numbers=numbers, error=error, tag=error.tag)
    except Exception as error:
        error.add_note(f"{len(numbers)} numbers, {numbers[0]} to {numbers[-1]}")
        return FailedChunk(numbers=numbers, error=error)


async def _tell(
    on_progress: Callable[[BulkProgress], Awaitable[None] | None] | None, progress: BulkProgress
) -> None:
    if on_progress is None:
        return
    try:
        told = on_progress(progress)
        if inspect.isawaitable(told):
            await told
    except Exception:
        # A progress bar that breaks must not stop orders half way.
        _log.exception("on_progress failed; the bulk call goes on")
