"""Lists, page by page: the walk, what it has seen, and where to go on."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Hashable, Mapping, Sequence
from typing import Any, Generic, TypeVar

from attrs import evolve, field, frozen

from ..errors import InvalidRequest, PageTokenRepeated, UnreadableList
from ..states import OpenEnum
from . import _checks as check
from ._base import GenericRecord

T = TypeVar("T")

# A service may cut a list into small pages, and give empty ones; it does so without an end only
# where it is broken. Whoever has a longer list goes on from the token that the error names.
_MOST_EMPTY = 100
_MOST_PAGES = 10_000
_MOST_BEYOND = 10_000


@frozen(kw_only=True, eq=False, repr=False)
class Page(GenericRecord, Generic[T]):
    """One page of a list, as the service cut it."""

    items: tuple[T, ...]
    """Fewer than `page_size`, even none, does not mean that it is the last one."""
    next_page_token: str | None
    """Goes on behind this page when passed as `page_token=`; `None` on a list's last page."""
    total_size: int | None
    """How many items the service says there are in all, where it says so."""
    state: OpenEnum | None = None
    """The state that was listed, where the list is by state."""
    extra: Mapping[str, Any] = field(factory=dict, repr=False)
    """The fields of the answer that this version does not know."""


FetchPage = Callable[[OpenEnum | None, str | None], Awaitable[Page[T]]]


class Pages(Generic[T]):
    """A list that is read as it is walked; each `async for` walks it from the start.

    `async for item in pages` gives the items, `async for page in pages.pages()` the pages. A
    list of several states reads them one after the other in the order of life, and gives an
    item that moved between two of them once. Raises, while it is walked, what the list's
    operation raises, `PageTokenRepeated`, and `UnreadableList` for pages without end: after 100
    empty ones in a row, after 10,000, or with 10,000 items more than twice what the service
    says there are. When a walk ends early, for whatever reason, `state` and `page_token` say
    where: pass both to a new list to go on. Reading changes nothing and is safe to repeat.
    """

    def __init__(
        self,
        operation: str,
        fetch: FetchPage[T],
        key: Callable[[T], Hashable],
        *,
        states: Sequence[OpenEnum | None] = (None,),
        page_token: str | None = None,
    ) -> None:
        check.optional(page_token, check.check_any_text, "page_token")
        if page_token is not None and len(states) > 1:
            raise InvalidRequest(
                field="page_token",
                value=page_token,
                rule="goes with exactly one state: a token belongs to the list of one",
            )
        self._operation = operation
        self._fetch = fetch
        self._key = key
        self._states = states
        self._first_token = page_token or None
        self.page_token: str | None = self._first_token
        """The token of the page that was asked for last; `None` for a first page."""
        self.state: OpenEnum | None = states[0]
        """The state whose list was asked for last, where the list is by state."""

    def __repr__(self) -> str:
        return f"<Pages of {self._operation}, state={self.state!r}, page_token={self.page_token!r}>"

    async def __aiter__(self) -> AsyncIterator[T]:
        async for page in self.pages():
            for item in page.items:
                yield item

    async def pages(self) -> AsyncIterator[Page[T]]:
        """The pages with their tokens, empty ones included."""
        seen: set[Hashable] = set()
        for state in self._states:
            async for page in self._walk(state):
                yield page if len(self._states) == 1 else self._without(seen, page)

    async def _walk(self, state: OpenEnum | None) -> AsyncIterator[Page[T]]:
        token, tokens = self._first_token, set[str]()
        items = empty = 0
        while True:
            self.state, self.page_token = state, token
            page = await self._fetch(state, token)
            yield page
            if token is not None:
                tokens.add(token)
            token = page.next_page_token
            if token is None:
                return
            if token in tokens:
                raise PageTokenRepeated(self._operation, token)
            items += len(page.items)
            empty = 0 if page.items else empty + 1
            if reason := _why_endless(len(tokens) + 1, empty, items, page.total_size):
                raise UnreadableList(self._operation, reason, page_token=token)

    def _without(self, seen: set[Hashable], page: Page[T]) -> Page[T]:
        fresh: list[T] = []
        for item in page.items:
            key = self._key(item)
            # What names no identifier is not known to be the same as anything.
            if not key or key not in seen:
                seen.add(key)
                fresh.append(item)
        return evolve(page, items=tuple(fresh))


def _why_endless(pages: int, empty: int, items: int, total_size: int | None) -> str:
    """Why a list with a further page is taken for one without end; `""` where it is not."""
    if empty >= _MOST_EMPTY:
        return f"{empty} empty pages in a row, and a further one: its pages do not end"
    if pages >= _MOST_PAGES:
        return f"{pages} pages, and a further one: its pages do not end, or it is too long"
    if total_size is not None and items > 2 * total_size + _MOST_BEYOND:
        return f"{items} items, and a further page, of {total_size} in all: its pages do not end"
    return ""
