"""What the requests of a round need of their owner: the watcher of waits, or one reading."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable, Mapping
from typing import Any, Protocol

from .. import errors
from .schedule import Watched
from .sources import Source


class Host(Protocol):
    """The owner of a fetcher: it gives turns, runs jobs and gets the results."""

    async def turn(self, due: float) -> None:
        """Wait until a request may leave for what is due since then."""
        ...

    def return_turn(self) -> None:
        """Give back a turn that was not used."""
        ...

    def spawn(self, job: Coroutine[Any, Any, None]) -> asyncio.Task[None] | None:
        """Start a job; returns its task, or `None` where the owner has ended."""
        ...

    def things(self, source: Source[Any]) -> Mapping[str, Watched[Any]]:
        """Return the watched things of a source, by id."""
        ...

    def looked(self, member: Watched[Any], previous: Any) -> None:
        """Handle a look at a thing; `previous` is its state before, `None` without a change."""
        ...

    def in_no_list(self, members: Iterable[Watched[Any]]) -> None:
        """Handle things that are in no list of their place; all lists were read to the end."""
        ...

    def ended(self, member: Watched[Any], error: errors.SinchHostingError) -> None:
        """Handle the end of a thing that cannot be read any more."""
        ...
