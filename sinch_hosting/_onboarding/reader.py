"""Reading where many numbers are, in as few requests as it takes.

A first reading does not wait for the budget of the client's waits, since it is made once; what is
read again does. Both count in it.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Iterable, Mapping
from contextlib import aclosing
from typing import TypeVar

from attrs import frozen

from .._polling.lists import list_or_single
from .._polling.policy import passes
from .._polling.reads import Reader
from .._polling.sources import IMPORTED_NUMBERS, QUALIFIED_NUMBERS, Source
from ..errors import SinchHostingError
from ..models import ImportedNumber, QualifiedNumber, SmsConfiguration
from ..states import QualificationState

_log = logging.getLogger("sinch_hosting")
T = TypeVar("T", QualifiedNumber, ImportedNumber)
Seen = Mapping[str, QualificationState | None]
"""Numbers, and where in qualification they were last seen; `None` where that is not known."""


@frozen
class SeenNumber:
    """Where a number is: in qualification, imported, or neither."""

    phone_number: str
    qualified: QualifiedNumber | None
    imported: ImportedNumber | None


@frozen
class NumberReader:
    """Reads numbers: by lists where that takes fewer requests than asking for each."""

    _reader: Reader

    async def read(
        self,
        names: Iterable[str],
        service_plan_id: str,
        campaign_id: str | None,
        *,
        are_new: bool = True,
    ) -> AsyncGenerator[SeenNumber, None]:
        """Give where each number is, as it is read; raises what cannot be read.

        Many are looked for in the list of where they are wanted first, then in qualification.
        What is in qualification is taken to be imported nowhere. With `are_new`, what its lists do
        not show is taken not to be in qualification: it may be added there without harm.
        """
        missing = dict.fromkeys(names)
        async with aclosing(self._listed_at(missing, service_plan_id, campaign_id)) as listed:
            async for name, imported in listed:
                del missing[name]
                yield SeenNumber(name, None, imported)
        nowhere: list[str] = []
        qualified_now = self._reader.read(
            QUALIFIED_NUMBERS, _qualified(missing), believes_lists=are_new
        )
        async with aclosing(qualified_now) as reading:
            async for found in reading:
                for name, qualified in found.items():
                    if qualified is None:
                        nowhere.append(name)
                    else:
                        yield SeenNumber(name, qualified, None)
        async with aclosing(self._reader.read(IMPORTED_NUMBERS, _imported(nowhere))) as rest:
            async for there in rest:
                for name, number in there.items():
                    yield SeenNumber(name, None, number)

    async def imported(self, names: Iterable[str]) -> Mapping[str, ImportedNumber]:
        """Return those of the numbers that are imported, on whatever plan."""
        return await self._present(IMPORTED_NUMBERS, _imported(names))

    async def imported_at(
        self, names: Iterable[str], service_plan_id: str, campaign_id: str | None
    ) -> Mapping[str, ImportedNumber]:
        """Return those of the numbers that are imported; most are expected at one place."""
        missing = dict.fromkeys(names)
        listed = self._listed_at(missing, service_plan_id, campaign_id)
        async with aclosing(listed):
            found = {name: number async for name, number in listed}
        return {**found, **await self.imported(name for name in missing if name not in found)}

    async def qualified(self, names: Iterable[str]) -> Mapping[str, QualifiedNumber]:
        """Return those of the numbers that are in qualification."""
        return await self._present(QUALIFIED_NUMBERS, _qualified(names))

    async def _present(self, source: Source[T], numbers: Iterable[T]) -> Mapping[str, T]:
        found: dict[str, T] = {}
        async with aclosing(self._reader.read(source, numbers)) as reading:
            async for there in reading:
                found |= {name: number for name, number in there.items() if number is not None}
        return found

    async def qualified_again(self, seen: Seen) -> Mapping[str, QualifiedNumber | None]:
        """Return the numbers as they are now, `None` for those that are in qualification no more.

        What cannot be read for a while is left out. Raises what will not pass by itself.
        """
        found: dict[str, QualifiedNumber | None] = {}
        known = [
            QualifiedNumber(
                phone_number=name, global_process_state=state or QualificationState.UNSPECIFIED
            )
            for name, state in seen.items()
        ]
        reading = self._reader.read(QUALIFIED_NUMBERS, known, waits_for_budget=True)
        try:
            async with aclosing(reading):
                async for there in reading:
                    found |= there
        except SinchHostingError as error:
            if not passes(error):
                raise
            _log.warning("reading the states of numbers failed and is tried again: %s", error)
        return found

    async def _listed_at(
        self, names: Iterable[str], service_plan_id: str, campaign_id: str | None
    ) -> AsyncGenerator[tuple[str, ImportedNumber], None]:
        """Give those that the list of a place shows, where reading it is worth it."""
        here = SmsConfiguration(service_plan_id=service_plan_id, campaign_id=campaign_id)
        bare = [ImportedNumber(phone_number=name, sms_configuration=here) for name in names]
        if not campaign_id or not list_or_single(len(bare), 1):
            return  # lists without a campaign may be refused
        async with aclosing(self._reader.read(IMPORTED_NUMBERS, bare, only_lists=True)) as reading:
            async for there in reading:
                for name, number in there.items():
                    if number is not None:
                        yield name, number


def _qualified(names: Iterable[str]) -> list[QualifiedNumber]:
    return [QualifiedNumber(phone_number=name) for name in names]


def _imported(names: Iterable[str]) -> list[ImportedNumber]:
    return [ImportedNumber(phone_number=name) for name in names]
