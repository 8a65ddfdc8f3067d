"""Lists, page by page: the walk, what it has seen, and where to go on."""

from __future__ import annotations

import asyncio
import json
import logging
import re
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Awaitable,
    Callable,
    Hashable,
    Iterator,
    Mapping,
    Sequence,
    Set,
)
from contextlib import aclosing
from functools import partial
from types import TracebackType
from typing import Any, Generic, Protocol, TypeVar

from attrs import evolve, field, frozen

from ..errors import InvalidRequest, PageTokenRepeated, UnreadableList, UsageError
from ..states import OpenEnum
from . import _checks as check
from ._base import GenericRecord

T = TypeVar("T")

# A service may cut a list into small pages, and give empty ones; it does so without an end only
# where it is broken. Whoever has a longer list goes on from the token that the error names.
_MOST_EMPTY = 100
_MOST_PAGES = 10_000
# A total may be counted before or after what it counts, and pages that shift give items twice.
_MOST_BEYOND = 1000
_PAGES_PER_LINE = 100
_TOKEN = rb'"nextPageToken"\s*:\s*("(?:[^"\\]|\\.)+")'
_log = logging.getLogger("sinch_hosting")


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


OnBody = Callable[[bytes], Awaitable[None]]
"""Told of the body of a page before its items are made."""


class FetchPage(Protocol[T]):
    """What reads the pages of a list."""

    def __call__(
        self, state: OpenEnum | None, token: str | None, on_body: OnBody | None = None, /
    ) -> Awaitable[Page[T]]:
        """Read the page at a token of a state's list; tell of its body where that is asked for."""
        ...


class Pages(Generic[T]):
    """A list that is read as it is walked; each `async for` walks it from the start.

    `async for item in pages` gives the items, `async for page in pages.pages()` the pages,
    `await pages.first()` one item, `await pages.collect(limit=...)` a list of them. A
    list of several states reads them one after the other in the order of life, and gives an
    item that moved between two of them once. Raises, while it is walked, what the list's
    operation raises, `PageTokenRepeated`, and `UnreadableList` for pages without end: after 100
    empty ones in a row, after 10,000, or once it has 1,000 items more than one and a half times
    the most that the service has said there are. The log has a line for each hundredth page.
    When a walk ends early, for whatever reason, `state` and `page_token` say where: pass both to
    a new list to go on. Reading changes nothing and is safe to repeat.
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
        self.collected: list[T] = []
        """What the last `collect` has read, also where it failed half way."""

    def __repr__(self) -> str:
        return f"<Pages of {self._operation}, state={self.state!r}, page_token={self.page_token!r}>"

    async def __aiter__(self) -> AsyncIterator[T]:
        async with aclosing(self._read(None)) as pages:
            async for page in pages:
                for item in page.items:
                    yield item

    def pages(self) -> AsyncIterator[Page[T]]:
        """The pages with their tokens, empty ones included."""
        return self._read(None)

    async def first(self) -> T | None:
        """Return the first item, or `None` where the list is empty; it reads no page more.

        Raises what a walk raises. Safe to repeat.
        """
        async with aclosing(self._read(None)) as pages:
            async for page in pages:
                for item in page.items:
                    return item
        return None

    async def collect(self, *, limit: int | None = None) -> list[T]:
        """Read the list into memory, page by page.

        Args:
            limit: items at most; it reads no page more than they need. All by default.

        Returns:
            The items. Where it raises, `collected` has those that were read before.

        Raises:
            InvalidRequest: the limit is no whole number from 1.
            SinchHostingError: what a walk raises.
        """
        check.optional(limit, check.check_whole, "limit")
        self.collected = found = list[T]()
        async with aclosing(self._read(None)) as pages:
            async for page in pages:
                found += page.items
                if limit is not None and len(found) >= limit:
                    del found[limit:]
                    break
        return found

    def prefetch(self) -> PrefetchedPages[T]:
        """Read each next page while you handle the one before.

        Use it as `async with pages.prefetch() as items:`, then `async for item in items`. The end
        of the block ends the read that is under way, also after a `break`. At most one page is
        read that you do not get to see.
        """
        return PrefetchedPages(self)

    async def _read(self, ahead: PrefetchedPages[T] | None) -> AsyncGenerator[Page[T], None]:
        seen: set[Hashable] = set()
        for state in self._states:
            async with aclosing(self._walk(state, ahead)) as walk:
                async for page in walk:
                    yield page if len(self._states) == 1 else self._without(seen, page)

    async def _walk(
        self, state: OpenEnum | None, ahead: PrefetchedPages[T] | None
    ) -> AsyncGenerator[Page[T], None]:
        token, tokens = self._first_token, set[str]()
        items = empty = 0
        said: int | None = None  # the most items that a page has said there are
        while True:
            self.state, self.page_token = state, token
            page = await (ahead or self)._fetch(state, token)
            tokens.add(token or "")
            token = page.next_page_token
            items += len(page.items)
            empty = 0 if page.items else empty + 1
            if page.total_size is not None:
                said = max(said or 0, page.total_size)
            if len(tokens) % _PAGES_PER_LINE == 0:
                of_all = "" if said is None else f" of {said}"
                _log.info("%s: %d pages, %d%s items", self._operation, len(tokens), items, of_all)
            error = self._why_no_further(token, tokens, empty, items, said)
            if ahead and token is not None and error is None:
                await ahead._send_for(state, token)
            yield page
            if token is None:
                return
            if error is not None:
                raise error

    def _why_no_further(
        self, token: str | None, tokens: Set[str], empty: int, items: int, said: int | None
    ) -> PageTokenRepeated | UnreadableList | None:
        if token is None:
            return None
        if token in tokens:
            return PageTokenRepeated(self._operation, token)
        reason = _why_endless(len(tokens), empty, items, said)
        return UnreadableList(self._operation, reason, page_token=token) if reason else None

    def _without(self, seen: set[Hashable], page: Page[T]) -> Page[T]:
        fresh: list[T] = []
        for item in page.items:
            key = self._key(item)
            # What names no identifier is not known to be the same as anything.
            if not key or key not in seen:
                seen.add(key)
                fresh.append(item)
        return evolve(page, items=tuple(fresh))


def _why_endless(pages: int, empty: int, items: int, said: int | None) -> str:
    """Why a list with a further page is taken for one without end; `""` where it is not."""
    if empty >= _MOST_EMPTY:
        return f"{empty} empty pages in a row, and a further one: its pages do not end"
    if pages >= _MOST_PAGES:
        return f"{pages} pages, and a further one: its pages do not end, or it is too long"
    if said is not None and items > said + said // 2 + _MOST_BEYOND:
        return f"{items} items, and a further page, of {said} in all: its pages do not end"
    return ""


class PrefetchedPages(Generic[T]):
    """One walk through a list that reads each next page while you handle the one before.

    While you wait for a page, the request for the page behind it is sent as soon as the text of
    the page is there, before its items are made. For that the token is looked for in the text. If
    the parsed page has another token, that request is cancelled, and the right page is requested.

    Made by `pages.prefetch()`. The block of `async with` owns the task that reads ahead: its end
    cancels the task and waits for it. An error is raised when its page is wanted, not before.
    """

    def __init__(self, pages: Pages[T]) -> None:
        self._source = pages
        self._walk: AsyncGenerator[Page[T], None] | None = None
        self._task: asyncio.Future[Page[T]] | None = None
        self._next: tuple[OpenEnum | None, str | None] | None = None  # what the task reads
        self._wanted: tuple[OpenEnum | None, str | None] | None = None
        self._asked = set[tuple[OpenEnum | None, str | None]]()
        self._items: Iterator[T] = iter(())

    async def __aenter__(self) -> PrefetchedPages[T]:
        if self._walk is not None:
            raise UsageError("these pages are being read: call pages.prefetch() again")
        self._walk = self._source._read(self)
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._drop()
        if self._walk is not None:
            await self._walk.aclose()

    def pages(self) -> AsyncIterator[Page[T]]:
        """The pages with their tokens, empty ones included."""
        if self._walk is None:
            raise UsageError("use `async with pages.prefetch() as items:`")
        return self._walk

    def __aiter__(self) -> PrefetchedPages[T]:
        return self

    async def __anext__(self) -> T:
        while True:
            for item in self._items:
                return item
            self._items = iter((await anext(self.pages())).items)

    async def _fetch(self, state: OpenEnum | None, token: str | None) -> Page[T]:
        self._wanted = (state, token)
        await self._send_for(state, token)
        task, self._task = self._task, None
        assert task is not None  # noqa: S101 - it was sent for
        return await task

    async def _send_for(self, state: OpenEnum | None, token: str | None) -> None:
        """Ask for a page, unless that is done already; return once the request is on its way."""
        if self._task is not None and self._next == (state, token):
            return
        await self._drop()
        self._next = (state, token)
        self._asked.add(self._next)
        on_body = partial(self._look_ahead, state, token)
        self._task = asyncio.ensure_future(self._source._fetch(state, token, on_body))
        await asyncio.sleep(0)  # the first step of the task sends the request

    async def _look_ahead(self, state: OpenEnum | None, token: str | None, body: bytes) -> None:
        """Ask for the page behind the one that has come, where that one is waited for."""
        following = _token_in(body)
        if following and self._wanted == (state, token) and (state, following) not in self._asked:
            await self._send_for(state, following)

    async def _drop(self) -> None:
        """End the read that is under way, and wait for its end."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait({task})
            if not task.cancelled():
                task.exception()  # nobody wanted this page, nor hears of its error


def _token_in(body: bytes) -> str | None:
    """Return what seems to be the token in the text of a page; the text may hold others."""
    found = re.compile(_TOKEN).match(body, max(0, body.rfind(b'"nextPageToken"')))
    try:
        return json.loads(found[1]) if found else None
    except ValueError:
        return None
