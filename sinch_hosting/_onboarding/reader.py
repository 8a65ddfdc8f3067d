"""Reading where many numbers are, in as few requests as it takes."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Set
from typing import TYPE_CHECKING, TypeVar

from .._bulk.chunks import SkippedNumber
from .._bulk.many_numbers import one_by_one
from .._bulk.run import SessionLike
from .._polling.policy import passes
from .._session.throttle import TokenBucket
from ..errors import NotFound, SinchHostingError
from ..models import ImportedNumber, QualifiedNumber
from ..states import QualificationState

if TYPE_CHECKING:
    from ..resources.imported_numbers import ImportedNumbers
    from ..resources.qualified_numbers import QualifiedNumbers

_log = logging.getLogger("sinch_hosting")
_SINGLY = 20
_PAGE_SIZE = 1000
_LIFE = tuple(state for state in QualificationState if state != QualificationState.UNSPECIFIED)
_N = TypeVar("_N", ImportedNumber, QualifiedNumber)
Seen = Mapping[str, QualificationState | None]
"""Numbers, and where in qualification they were last seen; `None` where that is not known."""


class NumberReader:
    """Reads numbers: by lists where that takes fewer requests than asking for each.

    A look again keeps to the budget of polls; the first look at the beginning of a run does not.
    """

    def __init__(
        self,
        qualified: QualifiedNumbers,
        imported: ImportedNumbers,
        session: SessionLike,
        budget: TokenBucket,
        concurrency: int,
    ) -> None:
        self._qualified = qualified
        self._imported = imported
        self._session = session
        self._budget = budget
        self._concurrency = concurrency
        self._pages: dict[QualificationState, int] = {}

    async def imported(self, numbers: Iterable[str]) -> Mapping[str, ImportedNumber]:
        """Those of the numbers that are imported; they may be on any plan, so each is asked for."""
        return await self._singly(numbers, self._imported.get, again=False)

    async def imported_at(
        self, numbers: Iterable[str], service_plan_id: str, campaign_id: str | None
    ) -> Mapping[str, ImportedNumber]:
        """Those of the numbers that are imported; most of them are expected at one place."""
        missing = set(numbers)
        found: dict[str, ImportedNumber] = {}
        if campaign_id and len(missing) > _SINGLY:
            pages = self._imported.list(
                service_plan_id=service_plan_id, campaign_id=campaign_id, page_size=_PAGE_SIZE
            )
            found = {n.phone_number: n async for n in pages if n.phone_number in missing}
        return {**found, **await self.imported(missing - found.keys())}

    async def qualified(self, numbers: Iterable[str]) -> Mapping[str, QualifiedNumber]:
        """Those of the numbers that are in qualification."""
        return await self._look(dict.fromkeys(numbers), again=False)

    async def qualified_again(self, seen: Seen) -> Mapping[str, QualifiedNumber | None]:
        """The numbers as they are now, `None` for those that are in qualification no more.

        Without those that cannot be read for a while. Raises what will not pass by itself.
        """
        gone: set[str] = set()
        try:
            found = await self._look(seen, again=True, gone=gone)
            return {**dict.fromkeys(gone), **found}
        except SinchHostingError as error:
            if not passes(error):
                raise
            _log.warning("reading states failed, it goes on: %s", error)
            return {}

    async def _look(
        self, seen: Seen, *, again: bool, gone: set[str] | None = None
    ) -> Mapping[str, QualifiedNumber]:
        """Lists in the order of life, so that a number that moves is seen; then singly."""
        found: dict[str, QualifiedNumber] = {}
        missing = dict(seen)
        for state in _LIFE:
            here = {number for number, last in missing.items() if last in (None, state)}
            if len(here) <= max(_SINGLY, self._pages.get(state, 0)):
                continue
            shown, is_whole = await self._walk(state, here, missing.keys(), again=again)
            found |= shown
            missing = {
                # What its list does not show any more may be in any later state.
                number: None if is_whole and number in here else last
                for number, last in missing.items()
                if number not in found
            }
        return found | await self._singly(missing, self._qualified.get, again=again, gone=gone)

    async def _walk(
        self, state: QualificationState, expected: set[str], wanted: Set[str], *, again: bool
    ) -> tuple[dict[str, QualifiedNumber], bool]:
        """What a list shows of the wanted; it is left where asking for each is cheaper.

        Answers whether it was walked to its end, too.
        """
        found: dict[str, QualifiedNumber] = {}
        pages = 0
        await self._turn(again)
        async for page in self._qualified.list(states=state, page_size=_PAGE_SIZE).pages():
            pages += 1
            found |= {n.phone_number: n for n in page.items if n.phone_number in wanted}
            all_pages = -(-(page.total_size or 0) // max(1, len(page.items)))
            self._pages[state] = max(pages, all_pages)
            left = len(expected - found.keys())
            if page.next_page_token and self._pages[state] - pages >= left:
                return found, False
            if page.next_page_token:
                await self._turn(again)
        return found, True

    async def _singly(
        self,
        numbers: Iterable[str],
        get: Callable[[str], Awaitable[_N]],
        *,
        again: bool,
        gone: set[str] | None = None,
    ) -> dict[str, _N]:
        async def look(number: str) -> _N | SkippedNumber:
            await self._turn(again)
            try:
                return await get(number)
            except NotFound:
                if gone is not None:
                    gone.add(number)
                return SkippedNumber(phone_number=number, reason="")

        listed = list(numbers)
        if not listed:
            return {}
        looks = await one_by_one(listed, look, concurrency=self._concurrency)
        for failed in looks.failed:
            error = failed.error
            if not (again and isinstance(error, SinchHostingError) and passes(error)):
                raise error
            _log.warning("reading %s failed, it goes on: %s", failed.phone_number, error)
        return {number.phone_number: number for number in looks.succeeded}

    async def _turn(self, again: bool) -> None:
        """Wait until the budget of polls allows a further look."""
        if again:
            await self._budget.acquire()
