"""The same call for many things: what came of each, and the exit code for all."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, Generic, TypeVar

from attrs import define, field

from .._aio import map_concurrently
from .errors import ExitCode, report_error, worst
from .interrupts import STOPPING, orderly_ctrl_c
from .invocation import same_line
from .messages import tell
from .output import View, print_many, print_one
from .progress import waiting

if TYPE_CHECKING:
    from .options import Output

T = TypeVar("T")
R = TypeVar("R")
_AT_ONCE = 10


@define
class Each(Generic[T, R]):
    """Makes a call for each item, a few at once; keeps what failed, gives results as they come.

    Args:
        items: What the call is made for.
        call: What is called with each.
        at_once: How many calls at once.
    """

    items: Sequence[T]
    call: Callable[[T], Awaitable[R]]
    at_once: int = _AT_ONCE
    failed: list[tuple[T, Exception]] = field(factory=list, init=False)
    succeeded: int = field(default=0, init=False)
    is_stopped: bool = field(default=False, init=False)

    async def changes(self) -> AsyncGenerator[R, None]:
        """Give the results as `results` does; after Ctrl-C no further call begins."""
        with orderly_ctrl_c(self._stop, STOPPING):
            async with aclosing(self.results()) as results:
                async for result in results:
                    yield result

    def _stop(self) -> None:
        self.is_stopped = True

    async def _items(self) -> AsyncIterator[T]:
        for item in self.items:
            if self.is_stopped:
                return
            yield item

    async def waited_for(self, title: str) -> AsyncGenerator[R, None]:
        """Give the results as `results` does, and show meanwhile how many there are."""
        async with (
            waiting(title, len(self.items)) as show_done,
            aclosing(self.results()) as results,
        ):
            async for result in results:
                show_done(self.succeeded)
                yield result

    async def results(self) -> AsyncGenerator[R, None]:
        """Give what the calls returned, in the order of the items where one is made at a time."""

        async def call_one(item: T) -> list[R]:
            try:
                return [await self.call(item)]
            except Exception as error:
                self.failed.append((item, error))
                return []

        at_once = min(self.at_once, len(self.items)) or 1
        async with aclosing(map_concurrently(self._items(), call_one, concurrency=at_once)) as all_:
            async for found in all_:
                for result in found:
                    self.succeeded += 1
                    yield result

    def report(self) -> ExitCode:
        """Tell what failed on standard error, and return the exit code."""
        code = exit_code(self.failed, succeeded=self.succeeded)
        if self.is_stopped:
            tell(f"{self.succeeded} of {len(self.items)} are done; the rest: {same_line()}")
            return ExitCode.INTERRUPTED
        return code


async def print_each(
    each: Each[T, R],
    view: View[R],
    output: Output,
    results: AsyncGenerator[R, None] | None = None,
) -> ExitCode:
    """Print what calls return, as it comes; returns the exit code.

    Args:
        each: The calls. The result of a single one is printed as a list of its columns.
        view: How a result is shown.
        output: The format.
        results: Where the results come from; `each.results()` by default.
    """
    async with aclosing(each.results() if results is None else results) as found:
        if len(each.items) == 1:
            async for result in found:
                print_one(result, view, output)
        else:
            await print_many(found, view, output)
    return each.report()


def exit_code(failed: Sequence[tuple[object, Exception]], *, succeeded: int) -> ExitCode:
    """Tell what failed, each in a line, and return the exit code for all.

    Where nothing succeeded it is that of the failures, where some did it is `NOT_ALL`, and where
    an outcome is unknown it is `UNKNOWN`.
    """
    code = worst([report_error(error, about=str(item)) for item, error in failed])
    if failed and succeeded and code is not ExitCode.UNKNOWN:
        return ExitCode.NOT_ALL
    return code
