"""Divides numbers into chunks: each number once, and reads only what the next chunk needs."""

from __future__ import annotations

import asyncio
from array import array
from bisect import bisect_left
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Awaitable,
    Callable,
    Iterable,
    Mapping,
    Sized,
)
from contextlib import aclosing
from typing import TypeVar

from attrs import field, frozen

from .._aio import map_concurrently
from ..errors import InvalidRequest, shortened
from ..models._base import Record
from ..models._checks import NO_NUMBERS, check_phone_number

R = TypeVar("R")
Numbers = Iterable[str] | AsyncIterable[str]
DUPLICATE = "duplicate"
_PARTS = 4096
_TURN = 4096
"""After so many numbers of a plain source, the other tasks get a turn."""


@frozen(kw_only=True, eq=False, repr=False)
class SkippedNumber(Record):
    """A number that was left out, and why."""

    phone_number: str
    reason: str = field(converter=shortened)
    can_migrate: bool = False
    """Whether T-Mobile refused it with 60135, so that `migrate_to_sinch_tmo` would take it over."""


@frozen(kw_only=True)
class Chunk:
    """The numbers of one order, and those that were left out while they were read."""

    index: int
    numbers: tuple[str, ...] = field(repr=lambda numbers: f"<{len(numbers)} numbers>")
    skipped: tuple[SkippedNumber, ...] = ()
    is_last: bool = False
    """Whether it is known to be the last one."""


class SeenNumbers:
    """The numbers that came before, in about 9 bytes each.

    They stand in many short sorted arrays, since a set of them takes 70 bytes each, and one long
    array takes longer the more there are.
    """

    def __init__(self) -> None:
        self._parts: dict[int, array[int]] = {}

    def add(self, number: str) -> bool:
        """Remember a number, and return whether it is new."""
        packed = _packed(number)
        part = self._parts.get(packed % _PARTS)
        if part is None:
            part = self._parts[packed % _PARTS] = array("Q")
        at = bisect_left(part, packed)
        if at < len(part) and part[at] == packed:
            return False
        part.insert(at, packed)
        return True


def check_source(numbers: object) -> None:
    """Raise `InvalidRequest` for a single value, or for none, instead of numbers; reads nothing."""
    several = isinstance(numbers, (Iterable, AsyncIterable))
    if isinstance(numbers, (str, bytes, Mapping)) or not several:
        raise InvalidRequest(
            field="numbers", value=numbers, rule="must be numbers, not a single value"
        )
    if isinstance(numbers, Sized) and not len(numbers):
        raise _none()


def _none() -> InvalidRequest:
    return InvalidRequest(field="numbers", value=[], rule=NO_NUMBERS)


class DistinctNumbers(tuple[str, ...]):
    """Phone numbers that were checked, each once: `chunks_of` only divides them."""

    __slots__ = ()


async def distinct_numbers(numbers: Numbers) -> tuple[DistinctNumbers, list[SkippedNumber]]:
    """Return the numbers once each, and the duplicates.

    Raises `InvalidRequest` for the first that is no phone number, and says how many are not;
    nothing has been sent then.
    """
    check_source(numbers)
    kept: dict[str, None] = {}
    skipped: list[SkippedNumber] = []
    first_wrong: InvalidRequest | None = None
    wrong = count = 0
    async for number in _each(numbers):
        if reason := _unfit(number):
            wrong += 1
            first_wrong = first_wrong or InvalidRequest(
                field=f"numbers[{count}]", value=number, rule=reason
            )
        elif number in kept:
            skipped.append(SkippedNumber(phone_number=number, reason=DUPLICATE))
        else:
            kept[number] = None
        count += 1
    if first_wrong is not None:
        rule = f"{first_wrong.rule} ({wrong} of {wrong + len(kept)} numbers are wrong)"
        raise InvalidRequest(field=first_wrong.field, value=first_wrong.value, rule=rule)
    if not kept:
        raise _none()
    return DistinctNumbers(kept), skipped


def in_order(skipped: Iterable[SkippedNumber], numbers: Iterable[str]) -> tuple[SkippedNumber, ...]:
    """Return what was skipped in the order of the numbers; a duplicate is where its first is."""
    skipped = tuple(skipped)
    if not skipped:
        return skipped
    place = {number: index for index, number in enumerate(numbers)}
    return tuple(sorted(skipped, key=lambda each: place.get(each.phone_number, len(place))))


async def chunks_of(
    numbers: Numbers, size: int, *, look_ahead: bool
) -> AsyncGenerator[Chunk, None]:
    """Give chunks of `size` numbers; the last one may be shorter.

    Duplicates, and what is no phone number, are in `skipped` of the chunk that was being read
    then; those after the last number come in a chunk without numbers. With `look_ahead` a full
    chunk is given only after the next number or the end was read, so that `is_last` is certain.
    Raises `InvalidRequest` where there is nothing at all.
    """
    if isinstance(numbers, DistinctNumbers):
        for index, start in enumerate(range(0, len(numbers), size)):
            end = start + size
            yield Chunk(index=index, numbers=numbers[start:end], is_last=end >= len(numbers))
        return
    seen = SeenNumbers()
    chosen: list[str] = []
    skipped: list[SkippedNumber] = []
    full: Chunk | None = None
    index = 0
    async with aclosing(_each(numbers)) as each:
        async for number in each:
            reason = _unfit(number) or ("" if seen.add(number) else DUPLICATE)
            if reason:
                skipped.append(SkippedNumber(phone_number=str(number), reason=reason))
                continue
            if full is not None:
                yield full
                full = None
            chosen.append(number)
            if len(chosen) == size:
                full = Chunk(index=index, numbers=tuple(chosen), skipped=tuple(skipped))
                chosen, skipped, index = [], [], index + 1
                if not look_ahead:
                    yield full
                    full = None
    if full is not None:
        yield Chunk(
            index=full.index, numbers=full.numbers, skipped=(*full.skipped, *skipped), is_last=True
        )
    elif not chosen and not skipped and not index:
        raise _none()
    elif chosen or skipped:
        yield Chunk(index=index, numbers=tuple(chosen), skipped=tuple(skipped), is_last=True)


class HeldChunks:
    """Chunks that have to wait; they take 8 bytes a number, since there may be very many."""

    def __init__(self) -> None:
        self._held: list[tuple[Chunk, array[int]]] = []

    def add(self, chunk: Chunk) -> None:
        """Add a chunk behind the others."""
        bare = Chunk(index=chunk.index, numbers=(), skipped=chunk.skipped, is_last=chunk.is_last)
        self._held.append((bare, array("Q", map(_packed, chunk.numbers))))

    def release(self) -> Iterable[Chunk]:
        """Give the chunks in the order in which they came, and forget them."""
        held, self._held = self._held, []
        for bare, packed in held:
            yield Chunk(
                index=bare.index,
                numbers=tuple(f"+{str(number)[1:]}" for number in packed),
                skipped=bare.skipped,
                is_last=bare.is_last,
            )


async def held_last(
    chunks: AsyncIterator[Chunk],
    attempt: Callable[[Chunk], Awaitable[R | Chunk]],
    handle: Callable[[Chunk], Awaitable[R]],
    *,
    concurrency: int,
) -> AsyncGenerator[R, None]:
    """Give the results of `attempt`; chunks that it gives back are left to `handle` at the end."""
    held = HeldChunks()

    async def released() -> AsyncGenerator[Chunk, None]:
        for chunk in held.release():
            yield chunk

    first = map_concurrently(chunks, attempt, concurrency=concurrency)
    async with aclosing(first):
        async for result in first:
            if isinstance(result, Chunk):
                held.add(result)
            else:
                yield result
    rest = map_concurrently(released(), handle, concurrency=concurrency)
    async with aclosing(rest):
        async for outcome in rest:
            yield outcome


def _packed(number: str) -> int:
    # The leading 1 keeps +012 and +12 apart; 16 digits fit into 8 bytes.
    return int(f"1{number[1:]}")


def _unfit(number: object) -> str:
    try:
        check_phone_number(number)
    except InvalidRequest as error:
        return error.rule
    return ""


async def _each(numbers: Numbers) -> AsyncGenerator[str, None]:
    if isinstance(numbers, AsyncIterable):
        async for number in numbers:
            yield number
    else:
        for count, number in enumerate(numbers, 1):
            yield number
            if not count % _TURN:
                await asyncio.sleep(0)
