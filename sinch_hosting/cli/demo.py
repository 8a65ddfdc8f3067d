"""`sinch-hosting demo`: its arguments and its help."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter


async def demo(
    *,
    numbers: Path | None = None,
    report: Path | None = None,
    column: str | None = None,
    all: bool = False,
    brief: Annotated[bool, Parameter(show=False)] = False,
) -> int:
    """Text-enable a file of phone numbers on a simulated service.

    You need no account: nothing leaves this machine, and a day passes in a second. Each number is
    qualified and text-enabled, its letter is signed, and its order is completed. Each row of the
    file ends as done, duplicate, rejected, failed or, after Ctrl-C, stopped. Prints the rows that
    need attention, and the totals. The exit code is 0 only if every accepted number is done.

    Example: `sinch-hosting demo --numbers fleet.csv --report report.csv`

    Args:
        numbers: A file of phone numbers; a bundled sample of a thousand rows by default.
        report: Write the result of every row to this CSV file.
        column: The phone column's header or number, where it is not the one that is found.
        all: Print every row.
        brief: What is done by default.
    """
    from .demo_run import run_demo  # noqa: PLC0415 - so that `--help` loads no aiohttp

    return await run_demo(numbers=numbers, report=report, column=column, every_row=all)
