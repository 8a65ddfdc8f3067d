"""`sinch-hosting demo`: its arguments and its help."""

# Cyclopts reads the command's annotations as it runs, so they are no strings here.
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

__all__ = ["demo"]


async def demo(
    *,
    numbers: Path | None = None,
    report: Path | None = None,
    column: str | None = None,
    brief: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Take a file of phone numbers through the main job, against an embedded sandbox.

    No account is needed and nothing leaves this machine: the simulated service lets a day
    pass in a second. Each number goes through qualification, text-enabling, the letter and
    completion; each row of the file ends as done, duplicate, rejected or failed. The exit
    code is 0 only where every accepted number is done.

    Parameters
    ----------
    numbers
        A CSV or text file of phone numbers, as a spreadsheet exports it; a bundled sample
        of a thousand rows by default.
    report
        Write what became of every row to this CSV file.
    column
        The phone column's header or number, where it is not the one that is found.
    brief
        Print only the rows that ask for attention, and no more of them than fit a screen or two.
    """
    from .demo_run import run_demo  # noqa: PLC0415 - so that `--help` loads no aiohttp

    return await run_demo(numbers=numbers, report=report, column=column, brief=brief)
