"""Long work in short pieces, so that the event loop gets its turn between them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import TypeVar

T = TypeVar("T")
_PIECE = 250
"""Items a piece: two or three milliseconds of work at most."""


async def in_pieces(items: Sequence[T]) -> AsyncIterator[Sequence[T]]:
    """Give the items in pieces; other tasks run between these."""
    for begin in range(0, len(items), _PIECE):
        if begin:
            await asyncio.sleep(0)
        yield items[begin : begin + _PIECE]
