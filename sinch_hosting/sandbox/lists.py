"""Pages: sizes, tokens, and the slice of a list that an answer holds."""

from __future__ import annotations

import base64
import json
import zlib
from heapq import nsmallest
from itertools import islice
from operator import attrgetter
from typing import TYPE_CHECKING, Any, TypeVar

from .errors import invalid, shown
from .store import Listed

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from .store import Bucket, Wanted
    from .wire import Json

DEFAULT_PAGE_SIZE = 100
LARGEST_PAGE = 1000
ABSURD_PAGE = 100_000
COUNTED = 10_000
"""Filtered lists that are longer are not counted."""

R = TypeVar("R", bound=Listed)
T = TypeVar("T")

_NOT_IN_TOKEN = {"pageToken", "pageSize"}


def page_size(query: Mapping[str, str]) -> int:
    """Return the page size asked for, 1,000 at most; raise `Refusal` where it does not fit."""
    asked = query.get("pageSize", "0")
    digits = asked.removeprefix("-")
    if not (digits.isascii() and digits.isdigit()) or len(asked) > 20:
        raise invalid("pageSize", "must be an integer")
    if not 0 <= int(asked) <= ABSURD_PAGE:
        raise invalid("pageSize", f"must lie between 0 and {ABSURD_PAGE}")
    return min(int(asked) or DEFAULT_PAGE_SIZE, LARGEST_PAGE)


def order_of(query: Mapping[str, str]) -> str | None:
    """Return the field by which the list is to be ordered, if any; raise `Refusal` for another."""
    order_by = query.get("orderBy")
    if order_by not in {None, "createdTime", "updatedTime"}:
        raise invalid("orderBy", "must be createdTime or updatedTime")
    return order_by


def make_token(query: Mapping[str, str], cursor: Sequence[Any], nonce: int = 0) -> str:
    """Return an opaque token for *cursor*, bound to the rest of the *query*.

    Tokens with another *nonce* differ.
    """
    text = json.dumps([_fingerprint(query), nonce, *cursor])
    return base64.urlsafe_b64encode(text.encode()).decode()


def read_token(query: Mapping[str, str], length: int) -> list[Any]:
    """Return the cursor in the query's token, ``[]`` without one; raise `Refusal` for others."""
    token = query.get("pageToken", "")
    if not token:
        return []
    try:
        fingerprint, _, *cursor = json.loads(base64.urlsafe_b64decode(token.encode()))
        good = len(cursor) == length and all(type(part) in {int, float} for part in cursor)
    except (ValueError, TypeError, RecursionError):
        good, fingerprint, cursor = False, 0, []
    if not good:
        raise invalid("pageToken", f"{shown(token)!r} is not a page token")
    if fingerprint != _fingerprint(query):
        raise invalid("pageToken", "belongs to a list with other parameters")
    return list(cursor)


def same_place(query: Mapping[str, str], field: str, nonce: int) -> str:
    """Return a new token for the page that *query* itself asks for."""
    length = 2 if query.get("orderBy") and field != "numbers" else 1
    return make_token(query, read_token(query, length) or [0] * length, nonce)


def _fingerprint(query: Mapping[str, str]) -> int:
    items = sorted(item for item in query.items() if item[0] not in _NOT_IN_TOKEN)
    return zlib.crc32(repr(items).encode("utf-8", "surrogatepass"))


def bucket_page(
    bucket: Bucket[R],
    query: Mapping[str, str],
    wanted: Wanted[R] | None,
) -> tuple[list[R], Json]:
    """Return one page of *bucket*: its records, ``nextPageToken``, and perhaps ``totalSize``.

    The total is left out where counting would mean to look at very many records.
    """
    size = page_size(query)
    order_by = order_of(query)
    if not order_by or (order_by == "createdTime" and bucket.by_creation):
        found, token = _filed_page(bucket, query, wanted, size)
    else:
        found, token = _ordered_page(bucket, query, wanted, size)
    rest: Json = {"nextPageToken": token}
    if wanted is None:
        rest["totalSize"] = bucket.live
    elif bucket.live <= COUNTED:
        rest["totalSize"] = sum(1 for _ in bucket.after(0, wanted))
    return found, rest


def _filed_page(
    bucket: Bucket[R], query: Mapping[str, str], wanted: Wanted[R] | None, size: int
) -> tuple[list[R], str]:
    ordered = bool(query.get("orderBy"))
    cursor = read_token(query, 2 if ordered else 1) or [0]
    found = list(islice(bucket.after(int(cursor[-1]), wanted), size + 1))
    if len(found) <= size:
        return found, ""
    last = found[size - 1]
    return found[:size], make_token(query, [last.created, last.entry] if ordered else [last.entry])


def _ordered_page(
    bucket: Bucket[R], query: Mapping[str, str], wanted: Wanted[R] | None, size: int
) -> tuple[list[R], str]:
    key = attrgetter(query["orderBy"].removesuffix("Time"), "entry")
    cursor = read_token(query, 2)
    records: Iterable[R] = bucket.after(0, wanted)
    if cursor:
        behind = (cursor[0], cursor[1])
        records = (record for record in records if key(record) > behind)
    found = nsmallest(size + 1, records, key=key)
    token = make_token(query, key(found[size - 1])) if len(found) > size else ""
    return found[:size], token


def sequence_page(items: Sequence[T], query: Mapping[str, str]) -> tuple[Sequence[T], str]:
    """Return one page of a sequence that only grows at its end, and the next token or ``""``."""
    size = page_size(query)
    start = int((read_token(query, 1) or [0])[0])
    end = start + size
    token = make_token(query, [end]) if 0 <= end < len(items) else ""
    return items[max(start, 0) : end], token
