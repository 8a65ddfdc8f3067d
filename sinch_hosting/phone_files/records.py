"""What reading a file of numbers gives: a sheet, and a record for every row of it."""

from __future__ import annotations

from collections import Counter
from enum import StrEnum

import attrs

from ..errors import SinchHostingError
from .numbering import NumberKind, Region


class PhoneFileError(SinchHostingError, ValueError):
    """A file that cannot be read as phone numbers; the message says what to do next."""


def shorten(text: str) -> str:
    """Put a cell into a message: on one line, and at most 80 characters long."""
    line = " ".join(text[:400].split())
    return line if len(line) <= 80 else f"{line[:79]}\u2026"


class RecordOutcome(StrEnum):
    """What reading made of one row."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    REJECTED = "rejected"
    BLANK = "blank"


@attrs.frozen(kw_only=True)
class PhoneRecord:
    """One row of the file and what it holds.

    Attributes:
        row: The row's number as a spreadsheet shows it: 1 is the first row of the file,
            which is the header where there is one.
        raw: The phone cell exactly as the file has it, `""` where the row is too short.
        outcome: What reading made of the row.
        reason: Why it was not accepted, `""` where it was.
        phone_number: E.164 for accepted rows and duplicates, `None` otherwise.
        kind: Local or toll-free, set exactly where `phone_number` is.
        region: `"US"` (with its territories) or `"CA"`, set exactly where `phone_number` is.
    """

    row: int
    raw: str
    outcome: RecordOutcome
    reason: str = ""
    phone_number: str | None = None
    kind: NumberKind | None = None
    region: Region | None = None


@attrs.frozen(kw_only=True)
class PhoneSheet:
    """A whole file: how it was read, and one record for every row but its header.

    Attributes:
        name: The file's name, as errors and summaries show it.
        encoding: The Python codec that decoded it; for a workbook its kind, such as `xlsx`.
        delimiter: The character between its cells, `""` where it has one column or is a
            workbook.
        header: The header row's cells, `None` where the file has none.
        column: The phone column's index, from 0.
        other_columns: Indexes of further columns that hold phone numbers and were not read.
        records: One record for every row except the header, in the file's order.
        sheet: The name of the workbook's sheet that was read, `None` for other files.
        notes: What a person should know about how the file was read, one sentence each:
            an unusual encoding, a country column that was checked, a title over the table.
    """

    name: str
    encoding: str
    delimiter: str
    header: tuple[str, ...] | None
    column: int
    other_columns: tuple[int, ...]
    records: tuple[PhoneRecord, ...]
    sheet: str | None = None
    notes: tuple[str, ...] = ()

    @property
    def rows(self) -> int:
        """How many rows the file has, not counting its header."""
        return len(self.records)

    @property
    def accepted(self) -> tuple[PhoneRecord, ...]:
        """The first record of every usable number, in the file's order."""
        return self._with(RecordOutcome.ACCEPTED)

    @property
    def duplicates(self) -> tuple[PhoneRecord, ...]:
        """Records whose number an earlier row already has."""
        return self._with(RecordOutcome.DUPLICATE)

    @property
    def rejected(self) -> tuple[PhoneRecord, ...]:
        """Records whose cell holds anything but one usable number."""
        return self._with(RecordOutcome.REJECTED)

    @property
    def blank(self) -> tuple[PhoneRecord, ...]:
        """Records with nothing in the phone column."""
        return self._with(RecordOutcome.BLANK)

    def column_name(self, column: int) -> str:
        """Name a column for a person: its header's text, else `column N` counted from 1.

        Args:
            column: The column's index, from 0.
        """
        if self.header is not None and column < len(self.header) and self.header[column].strip():
            return self.header[column].strip()
        return f"column {column + 1}"

    def summary(self) -> str:
        """Say in a few lines how the file was read and what is in it.

        Returns:
            One line about the file, one with the counts, one for each note and one for each
            reason of rejected rows, the most frequent first. It holds no cell of the file
            but the names of columns.
        """
        where = f"{self.name}, sheet {self.sheet!r}" if self.sheet else self.name
        reasons = Counter(record.reason for record in self.rejected)
        lines = [
            f"{where}: {self.encoding}, numbers from {shorten(self.column_name(self.column))!r}",
            f"{self.rows} rows: {len(self.accepted)} accepted, {len(self.duplicates)} duplicates, "
            f"{len(self.rejected)} rejected, {len(self.blank)} blank",
            *self.notes,
            *(f"{count} rejected: {reason}" for reason, count in reasons.most_common(20)),
        ]
        if len(reasons) > 20:
            lines.append(f"{sum(reasons.values())} rejected in all, for {len(reasons)} reasons")
        return "\n".join(lines)

    def _with(self, outcome: RecordOutcome) -> tuple[PhoneRecord, ...]:
        return tuple(record for record in self.records if record.outcome is outcome)
