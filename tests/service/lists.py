"""Lists: page sizes, order, lag, page tokens, and the ways in which lists go wrong."""

from __future__ import annotations

import base64
import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from attrs import define, field

from .rules import ListRules

Json = dict[str, Any]
T = TypeVar("T")


STATUSES = {
    400: "INVALID_ARGUMENT",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    409: "ALREADY_EXISTS",
}


class Refusal(Exception):
    """An error answer."""

    def __init__(self, status: int, message: str, name: str = "") -> None:
        super().__init__(message)
        self.status, self.message, self.name = status, message, name

    def body(self, *, nested: bool) -> Json:
        """The flat error body, or the nested one."""
        violation = {"field": self.name, "description": self.message}
        details = [{"type": "BadRequest", "fieldViolations": [violation]}] if self.name else []
        common = {"message": self.message, "status": STATUSES.get(self.status, "UNKNOWN")}
        if nested:
            return {"error": {"code": self.status, **common, "details": details}}
        return {"code": str(self.status), **common, "details": details}


@define
class _Cursor:
    of: tuple[Any, ...]
    offset: int
    pages: int
    snapshot: Sequence[Any] | None
    time: float


@define
class Pager:
    """Cuts lists into pages, and knows the tokens that it gave."""

    clock: Callable[[], float]
    _cursors: dict[str, _Cursor] = field(factory=dict)
    _count: itertools.count[int] = field(factory=itertools.count)

    def forget_tokens(self) -> None:
        """No page token that was given so far is known any more (400)."""
        self._cursors.clear()

    def page(
        self,
        key: str,
        rules: ListRules,
        query: Mapping[str, str],
        select: Callable[[float], Sequence[Any]],
        render: Callable[[Any, float], Json],
        stranger: Callable[[], Json],
    ) -> Json:
        """One page; `select` gives the whole list as it stood at a time."""
        size = min(self._page_size(query) or rules.page_cap, rules.page_cap)
        if rules.endless:
            strangers = [stranger() for _ in range(size)] if rules.endless == "strangers" else []
            total = {"totalSize": 1_000_000} if rules.total_size else {}
            return {key: strangers, "nextPageToken": self._token(), **total}
        cursor = self._cursor(key, rules, query)
        items = select(cursor.time) if cursor.snapshot is None else cursor.snapshot
        if rules.paging == "stable":
            cursor.snapshot = items
        empty = bool(rules.empty_every) and cursor.pages % rules.empty_every == 0
        end = cursor.offset if empty else cursor.offset + size
        shown = items[cursor.offset : end]
        answer: Json = {key: [render(item, cursor.time) for item in shown]}
        if end < len(items):
            token = answer["nextPageToken"] = self._token()
            self._cursors[token] = _Cursor(
                cursor.of, end, cursor.pages + 1, cursor.snapshot, cursor.time
            )
        if rules.total_size:
            answer["totalSize"] = len(items)
        return answer

    def _cursor(self, key: str, rules: ListRules, query: Mapping[str, str]) -> _Cursor:
        ignored = ("pageToken", "pageSize")
        of = (key, *sorted(item for item in query.items() if item[0] not in ignored))
        time = self.clock() - rules.lag
        token = query.get("pageToken", "")
        if not token:
            return _Cursor(of, 0, 1, None, time)
        known = self._cursors.get(token)
        if known is None or known.of != of:
            raise Refusal(400, "The page token is not of this list", "pageToken")
        if known.snapshot is None:
            return _Cursor(of, known.offset, known.pages, None, time)
        return _Cursor(of, known.offset, known.pages, known.snapshot, known.time)

    def _token(self) -> str:
        return base64.b64encode(f"page-{next(self._count)}+/".encode()).decode()

    @staticmethod
    def _page_size(query: Mapping[str, str]) -> int:
        text = query.get("pageSize", "0")
        if not text.isdigit():
            raise Refusal(400, f"pageSize is not a number: {text!r}", "pageSize")
        return int(text)


def find(records: Mapping[str, T], key: str) -> T:
    """The record of that key; 404 where there is none."""
    if key not in records:
        raise Refusal(404, f"{key} was not found")
    return records[key]


def matches(number: str, pattern: str, where: str) -> bool:
    """Whether a number fits `numberPattern`."""
    if where == "START":
        return number.startswith(pattern)
    return number.endswith(pattern) if where == "END" else pattern in number


def in_order(
    found: list[Any],
    rules: ListRules,
    query: Mapping[str, str],
    created: Callable[[Any], float],
    updated: Callable[[Any], float] | None = None,
) -> list[Any]:
    """The records as the query or the rules order them; equal times stay as they came."""
    by = query.get("orderBy", rules.order_by)
    if by not in ("createdTime", "updatedTime"):
        raise Refusal(400, f"orderBy is createdTime or updatedTime, not {by!r}", "orderBy")
    key = updated if by == "updatedTime" and updated else created
    found.sort(key=key)
    return found[::-1] if rules.descending else found
