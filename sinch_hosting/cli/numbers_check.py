"""`sinch-hosting numbers check`: what would be taken from a file, without network."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .errors import ExitCode
from .number_input import read_sheet, tell_of_sheet
from .options import OUTPUT, SOURCE, NumberSource, Output
from .output import Column, View, print_many

if TYPE_CHECKING:
    from ..phone_files import PhoneRecord

__all__ = ["check"]

_RECORDS: View[PhoneRecord] = View(
    columns=(
        Column("row", lambda record: record.row),
        Column("number", lambda record: record.phone_number, is_id=True),
        Column("outcome", lambda record: record.outcome.value),
        Column("region", lambda record: record.region),
        Column("kind", lambda record: record.kind),
        Column("cell", lambda record: record.raw),
        Column("reason", lambda record: record.reason),
    ),
    key=lambda record: record.phone_number or "",
)


async def check(
    file: str,
    /,
    *,
    refused: bool = False,
    source: NumberSource = SOURCE,
    output: Output = OUTPUT,
) -> int:
    """Show what would be taken from a file of numbers; nothing is sent.

    With `--format lines` it prints only the numbers that would be taken. The exit code is 1 if a
    row is refused.

    Example: `sinch-hosting numbers check fleet.csv --refused`

    Args:
        file: A file of numbers, or `-` for standard input.
        refused: Show only the rows that would not be taken.
    """
    sheet = read_sheet(file, source)
    tell_of_sheet(sheet)
    rows = [row for row in sheet.records if not (refused and row.outcome == "accepted")]
    if output.format == "lines":
        rows = [row for row in rows if row.outcome == "accepted"]
    await print_many(rows, _RECORDS, output)
    return ExitCode.NOT_ALL if sheet.rejected else ExitCode.DONE
