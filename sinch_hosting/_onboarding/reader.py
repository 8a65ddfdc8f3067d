"""Reading where many numbers are, in as few requests as it takes.

A first reading is not bound to the budget of polls: it is made once. What is read again is.
"""

from __future__ import annotations

import logging
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Awaitable,
    Callable,
    Collection,
    Iterable,
    Mapping,
    Set,
)
from contextlib import aclosing
from typing import TYPE_CHECKING, TypeVar

from attrs import frozen

from .._aio import map_concurrently
from .._polling.lists import list_or_single
from .._polling.policy import passes
from .._session.throttle import TokenBucket
from ..errors import AuthenticationFailed, NotFound, PermissionDenied, SinchHostingError
from ..models import ImportedNumber, QualifiedNumber
from ..states import QualificationState

if TYPE_CHECKING:
    from ..resources.imported_numbers import ImportedNumbers
    from ..resources.qualified_numbers import QualifiedNumbers

_log = logging.getLogger("sinch_hosting")
_PAGE_SIZE = 1000
_LIFE = tuple(state for state in QualificationState if state != QualificationState.UNSPECIFIED)
_N = TypeVar("_N", ImportedNumber, QualifiedNumber)
_R = TypeVar("_R")
Seen = Mapping[str, QualificationState | None]
"""Numbers, and where in qualification they were last seen; `None` where that is not known."""


@frozen
class SeenNumber:
    """Where a number is: in qualification, imported, or neither."""

    phone_number: str
    qualified: QualifiedNumber | None
    imported: ImportedNumber | None


class NumberReader:
    """Reads numbers: by lists where that takes fewer requests than asking for each."""

    def __init__(
        self,
        qualified: QualifiedNumbers,
        imported: ImportedNumbers,
        budget: TokenBucket,
        concurrency: int,
    ) -> None:
        self._qualified = qualified
        self._imported = imported
        self._budget = budget
        self._concurrency = concurrency
        self._pages: dict[QualificationState, int] = {}

    async def read(
        self, names: Iterable[str], service_plan_id: str, campaign_id: str | None
    ) -> AsyncGenerator[SeenNumber, None]:
        """Tell where each number is, as it is read; raises what cannot be read.

        Many are looked for in the lists of where they are wanted and of qualification first.
        What is in qualification is then taken to be imported nowhere else, and what no list of
        qualification shows is asked for singly among the imported numbers alone.
        """
        missing: dict[str, QualificationState | None] = dict.fromkeys(names)
        whole: set[QualificationState] = set()
        if list_or_single(len(missing), sum(self._pages.get(state, 1) for state in _LIFE)):
            for here in (await self._imported_list(missing, service_plan_id, campaign_id)).values():
                del missing[here.phone_number]
                yield SeenNumber(here.phone_number, None, here)
            async with aclosing(self._lists(missing, whole)) as lists:
                async for number in lists:
                    yield SeenNumber(number.phone_number, number, None)
        is_in_none = whole.issuperset(_LIFE)

        async def look(name: str) -> SeenNumber:
            qualified = None if is_in_none else await self._get(self._qualified.get, name)
            return SeenNumber(name, qualified, await self._get(self._imported.get, name))

        async with aclosing(self._each(missing, look)) as looks:
            async for seen in looks:
                yield seen

    async def imported(self, names: Iterable[str]) -> Mapping[str, ImportedNumber]:
        """Those of the numbers that are imported; they may be on any plan, so each is asked for."""
        found, _ = await self._singly(names, self._imported.get)
        return found

    async def imported_at(
        self, names: Iterable[str], service_plan_id: str, campaign_id: str | None
    ) -> Mapping[str, ImportedNumber]:
        """Those of the numbers that are imported; most of them are expected at one place."""
        missing = set(names)
        found = await self._imported_list(missing, service_plan_id, campaign_id)
        return {**found, **await self.imported(missing - found.keys())}

    async def qualified(self, names: Iterable[str]) -> Mapping[str, QualifiedNumber]:
        """Those of the numbers that are in qualification."""
        missing: dict[str, QualificationState | None] = dict.fromkeys(names)
        found = {number.phone_number: number async for number in self._lists(missing)}
        singly, _ = await self._singly(missing, self._qualified.get)
        return found | singly

    async def qualified_again(self, seen: Seen) -> Mapping[str, QualifiedNumber | None]:
        """The numbers as they are now, `None` for those that are in qualification no more.

        Without those that cannot be read for a while. Raises what will not pass by itself.
        """
        missing, found = dict(seen), dict[str, QualifiedNumber]()
        try:
            async for number in self._lists(missing, is_poll=True):
                found[number.phone_number] = number
            singly, gone = await self._singly(missing, self._qualified.get, is_poll=True)
        except SinchHostingError as error:
            if not passes(error):
                raise
            _log.warning("reading states failed, it goes on: %s", error)
            return found
        return {**dict.fromkeys(gone), **found, **singly}

    # ------------------------------------------------------------------- lists

    async def _lists(
        self,
        missing: dict[str, QualificationState | None],
        whole: set[QualificationState] | None = None,
        *,
        is_poll: bool = False,
    ) -> AsyncGenerator[QualifiedNumber, None]:
        """What lists show of the missing, which it is taken from; notes what was read `whole`.

        In the order of life, so that a number that moves is seen.
        """
        for state in _LIFE:
            here = {name for name, last in missing.items() if last in (None, state)}
            if not list_or_single(len(here), self._pages.get(state, 1)):
                continue
            try:
                shown, is_whole = await self._walk(state, here, missing.keys(), is_poll=is_poll)
            except (AuthenticationFailed, PermissionDenied):
                raise
            except SinchHostingError as error:
                _log.warning("numbers in %s are asked for singly: %s", state.name, error)
                continue
            for number in shown.values():
                del missing[number.phone_number]
                yield number
            if is_whole:
                # What its list does not show any more may be in any later state.
                missing.update(dict.fromkeys(here & missing.keys()))
                if whole is not None:
                    whole.add(state)

    async def _walk(
        self, state: QualificationState, here: set[str], missing: Set[str], *, is_poll: bool
    ) -> tuple[dict[str, QualifiedNumber], bool]:
        """What a list shows of the missing, and whether it was read to its end.

        It is left where asking for each that is expected `here` is cheaper than what is left.
        """
        found: dict[str, QualifiedNumber] = {}
        pages = 0
        await self._in_budget(is_poll=is_poll)
        async for page in self._qualified.list(states=state, page_size=_PAGE_SIZE).pages():
            pages += 1
            found |= {n.phone_number: n for n in page.items if n.phone_number in missing}
            all_pages = -(-(page.total_size or 0) // max(1, len(page.items)))
            self._pages[state] = max(pages, all_pages)
            if page.next_page_token:
                if not list_or_single(len(here - found.keys()), self._pages[state] - pages):
                    return found, False
                await self._in_budget(is_poll=is_poll)
        return found, True

    async def _imported_list(
        self, missing: Collection[str], service_plan_id: str, campaign_id: str | None
    ) -> dict[str, ImportedNumber]:
        """Those of the numbers that the list of a place shows, where reading it is worth it."""
        if not campaign_id or not list_or_single(len(missing), 1):
            return {}  # lists without a campaign may be refused
        found: dict[str, ImportedNumber] = {}
        pages = self._imported.list(
            service_plan_id=service_plan_id, campaign_id=campaign_id, page_size=_PAGE_SIZE
        )
        async for page in pages.pages():
            found |= {n.phone_number: n for n in page.items if n.phone_number in missing}
        return found

    # ------------------------------------------------------------------ singly

    async def _singly(
        self,
        names: Iterable[str],
        get: Callable[[str], Awaitable[_N]],
        *,
        is_poll: bool = False,
    ) -> tuple[dict[str, _N], set[str]]:
        """The numbers that are there, and those that are not; asked for one by one.

        A poll keeps to the budget; what cannot be read for a while is in neither.
        """

        async def look(name: str) -> tuple[str, _N | SinchHostingError | None]:
            try:
                return name, await self._get(get, name, is_poll=is_poll)
            except SinchHostingError as error:
                if not (is_poll and passes(error)):
                    raise
                _log.warning("reading %s failed, it goes on: %s", name, error)
                return name, error

        looks = dict([seen async for seen in self._each(names, look)])
        found = {
            name: seen
            for name, seen in looks.items()
            if seen is not None and not isinstance(seen, SinchHostingError)
        }
        return found, {name for name, seen in looks.items() if seen is None}

    async def _each(
        self, names: Iterable[str], look: Callable[[str], Awaitable[_R]]
    ) -> AsyncGenerator[_R, None]:
        listed = list(names)
        if listed:
            concurrency = min(self._concurrency, len(listed))
            looks = map_concurrently(_aiter(listed), look, concurrency=concurrency)
            async with aclosing(looks):
                async for seen in looks:
                    yield seen

    async def _get(
        self, get: Callable[[str], Awaitable[_N]], name: str, *, is_poll: bool = False
    ) -> _N | None:
        await self._in_budget(is_poll=is_poll)
        try:
            return await get(name)
        except NotFound:
            return None

    async def _in_budget(self, *, is_poll: bool) -> None:
        if is_poll:
            await self._budget.acquire()


async def _aiter(names: Iterable[str]) -> AsyncIterator[str]:
    for name in names:
        yield name
