"""Many numbers that are dealt with one by one: added, relinked, deleted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import aclosing
from typing import Generic, TypeAlias, TypeVar

from attrs import field, frozen

from ._chunks import Numbers, SkippedNumber, chunks_of, distinct_numbers
from ._window import fan_out
from .errors import ApiError, Conflict, NotFound, OutcomeUnknown, SinchHostingError
from .models import QualifiedNumber

T = TypeVar("T")
_ROUNDS = 3


@frozen(kw_only=True)
class FailedNumber:
    """A number that could not be dealt with, and why."""

    phone_number: str
    error: Exception


@frozen(kw_only=True)
class NumbersResult(Generic[T]):
    """What became of every number."""

    succeeded: tuple[T, ...] = field(default=(), repr=lambda s: f"<{len(s)} numbers>")
    """As the service tells them, in the order of the input."""
    failed: tuple[FailedNumber, ...] = ()
    skipped: tuple[SkippedNumber, ...] = field(default=(), repr=lambda s: f"<{len(s)} numbers>")
    """Duplicates, and numbers with which nothing had to be done."""

    def raise_for_failures(self) -> None:
        """Raise an `ExceptionGroup` of what failed; else do nothing."""
        if self.failed:
            problems = [number.error for number in self.failed]
            raise ExceptionGroup(f"{len(problems)} numbers did not succeed", problems)


Dealt: TypeAlias = "T | FailedNumber | SkippedNumber"


async def one_by_one(
    numbers: Numbers, deal: Callable[[str], Awaitable[Dealt[T]]], *, concurrency: int
) -> NumbersResult[T]:
    """Deal with each number, `concurrency` at once; one's failure stops no other.

    Raises `InvalidRequest` for a bad number before anything is sent.
    """

    async def deal_with(item: tuple[int, str]) -> tuple[int, Dealt[T]]:
        place, number = item
        try:
            return place, await deal(number)
        except Exception as error:
            return place, FailedNumber(phone_number=number, error=error)

    kept, duplicates = await distinct_numbers(numbers)
    results = fan_out(_numbered(kept), deal_with, concurrency=min(concurrency, len(kept)))
    async with aclosing(results):
        dealt = sorted([item async for item in results], key=lambda item: item[0])
    return _result([result for _, result in dealt], duplicates)


async def added(
    numbers: Numbers,
    add: Callable[[Sequence[str]], Awaitable[Iterable[QualifiedNumber]]],
    get: Callable[[str], Awaitable[QualifiedNumber]],
    sleep: Callable[[float], Awaitable[None]],
    *,
    size: int,
    concurrency: int,
) -> NumbersResult[QualifiedNumber]:
    """Add numbers to qualification, chunk by chunk; those that are there are skipped."""

    async def add_chunk(chunk: tuple[str, ...]) -> list[Dealt[QualifiedNumber]]:
        return await _add_chunk(chunk, add, get, sleep)

    kept, duplicates = await distinct_numbers(numbers)
    results = fan_out(_chunked(kept, size), add_chunk, concurrency=concurrency)
    async with aclosing(results):
        dealt = [item async for chunk in results for item in chunk]
    place = {number: index for index, number in enumerate(kept)}
    dealt.sort(key=lambda item: place.get(item.phone_number, len(place)))
    return _result(dealt, duplicates)


async def _add_chunk(
    chunk: Sequence[str],
    add: Callable[[Sequence[str]], Awaitable[Iterable[QualifiedNumber]]],
    get: Callable[[str], Awaitable[QualifiedNumber]],
    sleep: Callable[[float], Awaitable[None]],
) -> list[Dealt[QualifiedNumber]]:
    """Add a chunk; where some are there already, or the answer was lost, add what is missing.

    Sending it again is safe: a number that is there already is a conflict, and mails nothing.
    """
    dealt: list[Dealt[QualifiedNumber]] = []
    missing, failure = list(chunk), Exception("not reached")
    lost = False
    for tries in range(_ROUNDS):
        try:
            return [*dealt, *(await add(missing))]
        except (Conflict, OutcomeUnknown) as error:
            failure = error
            lost = lost or isinstance(error, OutcomeUnknown)
        except ApiError as error:
            failure = error
            break
        if lost:
            await sleep(2.0**tries)
        looks = await asyncio.gather(*(_look(number, get) for number in missing))
        there = [number for number in looks if isinstance(number, QualifiedNumber)]
        dealt += there if lost else [_already(number) for number in there]
        missing = [n for n, look in zip(missing, looks, strict=True) if look is None]
        unread = [look for look in looks if isinstance(look, FailedNumber)]
        dealt += unread
        if not missing:
            return dealt
    return [*dealt, *(FailedNumber(phone_number=number, error=failure) for number in missing)]


async def _look(
    number: str, get: Callable[[str], Awaitable[QualifiedNumber]]
) -> QualifiedNumber | FailedNumber | None:
    try:
        return await get(number)
    except NotFound:
        return None
    except SinchHostingError as error:
        return FailedNumber(phone_number=number, error=error)


def _already(number: QualifiedNumber) -> SkippedNumber:
    state = number.global_process_state.name
    return SkippedNumber(
        phone_number=number.phone_number, reason=f"already in qualification: is {state}"
    )


def _result(dealt: Sequence[Dealt[T]], duplicates: Sequence[SkippedNumber]) -> NumbersResult[T]:
    return NumbersResult(
        succeeded=tuple(d for d in dealt if not isinstance(d, (FailedNumber, SkippedNumber))),
        failed=tuple(d for d in dealt if isinstance(d, FailedNumber)),
        skipped=(*duplicates, *(d for d in dealt if isinstance(d, SkippedNumber))),
    )


async def _numbered(numbers: Sequence[str]) -> AsyncIterator[tuple[int, str]]:
    for item in enumerate(numbers):
        yield item


async def _chunked(numbers: Sequence[str], size: int) -> AsyncIterator[tuple[str, ...]]:
    async with aclosing(chunks_of(numbers, size, look_ahead=False)) as chunks:
        async for chunk in chunks:
            yield chunk.numbers
