"""Calls for many numbers that are handled one by one: added, relinked, deleted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Sequence
from contextlib import aclosing
from typing import Generic, TypeAlias, TypeVar

from attrs import define, field, frozen

from .._aio import map_concurrently
from ..errors import (
    AuthenticationFailed,
    BadRequest,
    Conflict,
    NotFound,
    OutcomeUnknown,
    PermissionDenied,
    RunStopped,
    SinchHostingError,
)
from ..models import QualifiedNumber
from ..models import _checks as check
from ..models._base import GenericRecord, Record
from .chunks import Numbers, SkippedNumber, chunks_of, distinct_numbers, in_order
from .refusals import complains_of_numbers, named_numbers

T = TypeVar("T")
_ROUNDS = 3


@frozen(kw_only=True, eq=False, repr=False)
class FailedNumber(Record):
    """A number that failed, and why."""

    phone_number: str
    error: Exception


@frozen(kw_only=True, eq=False, repr=False)
class NumbersResult(GenericRecord, Generic[T]):
    """The result of every number."""

    succeeded: tuple[T, ...] = field(default=(), repr=lambda s: f"<{len(s)} numbers>")
    """As the service shows them, in the order of the input."""
    failed: tuple[FailedNumber, ...] = ()
    skipped: tuple[SkippedNumber, ...] = field(default=(), repr=lambda s: f"<{len(s)} numbers>")
    """Duplicates, and numbers for which nothing had to be done."""

    def raise_for_failures(self) -> None:
        """Raise an `ExceptionGroup` of all failures; without any do nothing."""
        if self.failed:
            problems = [number.error for number in self.failed]
            raise ExceptionGroup(f"{len(problems)} numbers did not succeed", problems)


Handled: TypeAlias = "T | FailedNumber | SkippedNumber"


async def one_by_one(
    numbers: Numbers, handle: Callable[[str], Awaitable[Handled[T]]], *, concurrency: int
) -> NumbersResult[T]:
    """Handle each number, `concurrency` at once; a failure does not stop the others.

    Raises `InvalidRequest` for a bad number before anything is sent.
    """

    async def handle_one(item: tuple[int, str]) -> tuple[int, Handled[T]]:
        place, number = item
        try:
            return place, await handle(number)
        except Exception as error:
            return place, FailedNumber(phone_number=number, error=error)

    kept, duplicates = await distinct_numbers(numbers)
    results = map_concurrently(_numbered(kept), handle_one, concurrency=min(concurrency, len(kept)))
    async with aclosing(results):
        handled = sorted([item async for item in results], key=lambda item: item[0])
    return _result([result for _, result in handled], duplicates, kept)


Add: TypeAlias = Callable[[Sequence[str]], Awaitable[Iterable[QualifiedNumber]]]
Get: TypeAlias = Callable[[str], Awaitable[QualifiedNumber]]


def concurrency_of(given: int | None, default: int) -> int:
    """Return how many requests to send at once; raises `InvalidRequest`."""
    return default if given is None else check.check_whole(given, "max_concurrency")


async def deleted(
    numbers: Numbers,
    delete: Callable[[str], Awaitable[None]],
    *,
    absent: str,
    concurrency: int,
) -> NumbersResult[str]:
    """Delete each number; missing ones are skipped with `absent` as the reason."""

    async def handle(number: str) -> str | SkippedNumber:
        try:
            await delete(number)
        except NotFound:
            return SkippedNumber(phone_number=number, reason=absent)
        return number

    return await one_by_one(numbers, handle, concurrency=concurrency)


async def added(
    numbers: Numbers,
    add: Add,
    get: Get,
    sleep: Callable[[float], Awaitable[None]],
    *,
    size: int,
    concurrency: int,
) -> NumbersResult[QualifiedNumber]:
    """Add numbers to qualification, chunk by chunk; those that are there already are skipped."""
    kept, duplicates = await distinct_numbers(numbers)
    adding = _Adding(add, get, sleep)
    results = map_concurrently(_chunked(kept, size), adding.chunk, concurrency=concurrency)
    async with aclosing(results):
        handled = [item async for chunk in results for item in chunk]
    place = {number: index for index, number in enumerate(kept)}
    handled.sort(key=lambda item: place.get(item.phone_number, len(place)))
    return _result(handled, duplicates, kept)


@define
class _Adding:
    """Adds chunks; a failure does not stop the others, unless the account may not add at all."""

    _add: Add
    _get: Get
    _sleep: Callable[[float], Awaitable[None]]
    _was_let_in: bool = False
    _stopped: RunStopped | None = None

    async def chunk(self, chunk: Sequence[str]) -> list[Handled[QualifiedNumber]]:
        """Add a chunk. Where an answer was lost, the missing numbers are sent again.

        That is safe: a number that is there already is a conflict, and mails nothing. Numbers
        that are refused by name are left out, and the others are sent again; this does not count
        as a try, since the chunk gets smaller each time.
        """
        if self._stopped is not None:
            return _failed(chunk, self._stopped)
        handled: list[Handled[QualifiedNumber]] = []
        missing, lost, failure = list(chunk), False, Exception("no round was made")
        tries = 0
        while missing and tries < _ROUNDS:
            try:
                shown = await self._add(missing)
            except BadRequest as error:
                bad = _complained_of(error, missing)
                handled += _failed(bad, error)
                missing = [number for number in missing if number not in bad]
                continue
            except (Conflict, OutcomeUnknown) as error:
                failure, lost = error, lost or isinstance(error, OutcomeUnknown)
            except Exception as error:
                return [*handled, *self._refused(missing, error)]
            else:
                return [*handled, *await self._shown(missing, list(shown))]
            if lost:
                await self._sleep(2.0**tries)
            there, missing = await self._looked_for(missing)
            handled += there if lost else [_already(number) for number in there]
            tries += 1
        return [*handled, *_failed(missing, failure)]

    def _refused(self, chunk: Sequence[str], error: Exception) -> list[Handled[QualifiedNumber]]:
        """Fail all numbers; where the account may not add at all, no further chunk is sent."""
        if isinstance(error, (AuthenticationFailed, PermissionDenied)) and not self._was_let_in:
            self._stopped = RunStopped(f"the first chunks were refused: {error}", error)
        return _failed(chunk, error)

    async def _shown(
        self, chunk: Sequence[str], shown: list[QualifiedNumber]
    ) -> list[Handled[QualifiedNumber]]:
        """Return the numbers that an answer holds, and look up the others."""
        self._was_let_in = True
        untold = set(chunk).difference(number.phone_number for number in shown)
        there, missing = await self._looked_for(sorted(untold))
        error = SinchHostingError(
            "the service took the request, but its answer does not hold the number, and reading "
            "the number found nothing; add it again"
        )
        return [*shown, *there, *_failed(missing, error)]

    async def _looked_for(
        self, numbers: Sequence[str]
    ) -> tuple[list[QualifiedNumber | FailedNumber], list[str]]:
        """Look up each number; return the results, and the numbers that are missing."""
        looks = await asyncio.gather(*(_look(number, self._get) for number in numbers))
        missing = [n for n, look in zip(numbers, looks, strict=True) if look is None]
        return [look for look in looks if look is not None], missing


def _complained_of(refused: BadRequest, numbers: Sequence[str]) -> Collection[str]:
    """Return the numbers that a refusal names, or all where it names none."""
    named = complains_of_numbers(refused, numbers) and named_numbers(refused, numbers)
    return named or numbers


def _failed(numbers: Iterable[str], error: Exception) -> list[Handled[QualifiedNumber]]:
    return [FailedNumber(phone_number=number, error=error) for number in numbers]


async def _look(number: str, get: Get) -> QualifiedNumber | FailedNumber | None:
    try:
        return await get(number)
    except NotFound:
        return None
    except SinchHostingError as error:
        return FailedNumber(phone_number=number, error=error)


def _already(number: QualifiedNumber | FailedNumber) -> SkippedNumber | FailedNumber:
    if isinstance(number, FailedNumber):
        return number
    state = number.global_process_state.name
    return SkippedNumber(
        phone_number=number.phone_number, reason=f"already in qualification: is {state}"
    )


def _result(
    handled: Sequence[Handled[T]], duplicates: Sequence[SkippedNumber], numbers: Sequence[str]
) -> NumbersResult[T]:
    left_out = (*duplicates, *(d for d in handled if isinstance(d, SkippedNumber)))
    return NumbersResult(
        succeeded=tuple(d for d in handled if not isinstance(d, (FailedNumber, SkippedNumber))),
        failed=tuple(d for d in handled if isinstance(d, FailedNumber)),
        skipped=in_order(left_out, numbers),
    )


async def _numbered(numbers: Sequence[str]) -> AsyncIterator[tuple[int, str]]:
    for item in enumerate(numbers):
        yield item


async def _chunked(numbers: Sequence[str], size: int) -> AsyncIterator[tuple[str, ...]]:
    async with aclosing(chunks_of(numbers, size, look_ahead=False)) as chunks:
        async for chunk in chunks:
            yield chunk.numbers
