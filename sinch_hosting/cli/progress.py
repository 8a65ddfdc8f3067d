"""What a person sees while a job runs: bars on a terminal, plain lines everywhere else."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Protocol, Self

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from .bad_input import BadInput

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from types import TracebackType

__all__ = ["Bars", "Lines", "Show", "printable", "shown_on_stdout"]


class Show(Protocol):
    """Where a job tells how far it is."""

    def stage(self, title: str, total: int) -> Callable[[int], None]:
        """Begin a stage of *total* steps; answers what to call with how many are done."""
        ...

    def note(self, text: str) -> None:
        """Tell one line."""
        ...


class Lines:
    """Plain lines: no colours, no movement, nothing cut at a terminal's width."""

    def __init__(self) -> None:
        self.console = Console(
            force_terminal=False, no_color=True, highlight=False, markup=False, emoji=False
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Nothing to clean up."""

    def stage(self, title: str, total: int) -> Callable[[int], None]:
        """Begin a stage; its lines come at every quarter of the way."""
        told = 0

        def update(done: int) -> None:
            nonlocal told
            if done > told and (done == total or done - told >= total / 4):
                told = done
                self.note(f"{title}: {done} of {total}")

        self.note(f"{title}: 0 of {total}")
        return update

    def note(self, text: str) -> None:
        """Write one line, at once even into a pipe."""
        self.console.print(text, soft_wrap=True)
        self.console.file.flush()

    def table(self, head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        """Write a table as columns of text, as wide as they are."""
        lines = [head, *([printable(cell) for cell in row] for row in rows)]
        widths = [max(map(cell_len, column)) for column in zip(*lines, strict=True)]
        for line in lines:
            padded = (set_cell_size(cell, width) for cell, width in zip(line, widths, strict=True))
            self.note("  ".join(padded).rstrip())


class Bars:
    """Bars that fill, with notes above them; for terminals."""

    def __init__(self) -> None:
        self.console = Console(highlight=False, markup=False, emoji=False)
        self._progress = Progress(
            TextColumn("{task.description:<16}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=self.console,
        )

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._progress.stop()

    def stage(self, title: str, total: int) -> Callable[[int], None]:
        """Begin a stage: one more bar."""
        task = self._progress.add_task(title, total=total)

        def update(done: int) -> None:
            self._progress.update(task, completed=done)

        return update

    def note(self, text: str) -> None:
        """Write one line above the bars."""
        self.console.print(text)

    def table(self, head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        """Draw a table in a frame, its cells wrapped to the terminal's width."""
        table = Table(*head)
        for row in rows:
            table.add_row(*(Text(printable(cell)) for cell in row))
        self.console.print(table)


def shown_on_stdout() -> Bars | Lines:
    """Bars where stdout is a terminal that can move its cursor, lines otherwise.

    Raises:
        BadInput: The command was started with stdout closed.
    """
    if sys.stdout is None:
        raise BadInput("standard output is closed; leave it open, or send it to a file")
    console = Console()
    return Bars() if sys.stdout.isatty() and not console.is_dumb_terminal else Lines()


def printable(text: str) -> str:
    """Text that is safe to print: what would move a cursor or break a line is replaced."""
    return "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in text)
