"""What became of every row: the outcomes, their counts, and the report file."""

from __future__ import annotations

import csv
import io
import re
import stat
from collections import Counter
from enum import StrEnum
from typing import TYPE_CHECKING

from attrs import define, frozen

from .bad_input import BadInput

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from ..phone_files import PhoneRecord

__all__ = [
    "COLUMNS",
    "Fate",
    "Outcome",
    "RowOutcome",
    "check_report",
    "count",
    "settle",
    "write_report",
]

COLUMNS = ("row", "raw", "phone_number", "outcome", "reason", "order_id")
"""The columns of the report."""


class Outcome(StrEnum):
    """How a row ended."""

    DONE = "done"
    DUPLICATE = "duplicate"
    REJECTED = "rejected"
    FAILED = "failed"


_UNSETTLED = "never reached"
_STOPPED = "stopped before it was done"


@define(kw_only=True)
class Fate:
    """How far a number has come: its order, and what keeps it from being done."""

    reason: str = _UNSETTLED
    """Why it is not done; `""` where it is."""
    order_id: str = ""

    @property
    def settled(self) -> bool:
        """Whether it is known how the number ended."""
        return self.reason != _UNSETTLED


@frozen(kw_only=True)
class RowOutcome:
    """One row of the file and how it ended; one line of the report."""

    row: int
    raw: str
    phone_number: str
    outcome: Outcome
    reason: str
    order_id: str


def settle(
    records: Iterable[PhoneRecord], fates: Mapping[str, Fate], *, stopped: bool = False
) -> list[RowOutcome]:
    """Tell how each row ended; every record gives exactly one outcome.

    Args:
        records: All rows of the file.
        fates: How far each accepted number has come.
        stopped: Whether the work ended half way, which is then the reason of what is not settled.
    """
    unsettled = _STOPPED if stopped else _UNSETTLED
    return [_settle(record, fates, unsettled) for record in records]


def _settle(record: PhoneRecord, fates: Mapping[str, Fate], unsettled: str) -> RowOutcome:
    reason, order_id = record.reason, ""
    if record.outcome == "accepted":
        fate = fates.get(record.phone_number or "", Fate())
        outcome = Outcome.FAILED if fate.reason else Outcome.DONE
        reason, order_id = fate.reason if fate.settled else unsettled, fate.order_id
    elif record.outcome == "duplicate":
        outcome = Outcome.DUPLICATE
    else:
        outcome = Outcome.REJECTED
    return RowOutcome(
        row=record.row,
        raw=record.raw,
        phone_number=record.phone_number or "",
        outcome=outcome,
        reason=reason,
        order_id=order_id,
    )


def count(outcomes: Sequence[RowOutcome]) -> dict[Outcome, int]:
    """How many rows ended in each way; the counts add up to the rows."""
    counted = Counter(row.outcome for row in outcomes)
    return {outcome: counted[outcome] for outcome in Outcome}


def check_report(path: Path, numbers: Path | None) -> None:
    """Refuse a report that could not be written at the end, before any work is done.

    Args:
        path: Where the report is to go.
        numbers: The file that is read, which the report must not overwrite.

    Raises:
        BadInput: The file cannot be opened and written to, its folder is missing, the path is
            a folder, or it is the file of numbers itself.
    """
    if path.is_dir():
        raise BadInput(f"{path}: is a directory; name a file in it for the report")
    if not path.parent.is_dir():
        raise BadInput(f"{path}: there is no folder {path.parent}; make it, or name another")
    if numbers is not None and path.exists() and numbers.exists() and path.samefile(numbers):
        raise BadInput(f"{path}: the report would overwrite the numbers; name another file")
    try:
        _try_writing(path)
    except OSError as error:
        why = error.strerror or error
        raise BadInput(
            f"{path}: the report cannot be written: {why}; name another file for it"
        ) from error


def _try_writing(path: Path) -> None:
    """Open for writing and, where nothing is lost by it, write; an older report stays whole."""
    exists = path.exists()
    mode = path.stat().st_mode if exists else 0
    if stat.S_ISFIFO(mode):
        return  # its reader takes the first closing for the end
    target = path if exists else path.resolve()  # never to take a link for a file of ours
    try:
        with target.open("ab") as file:
            if not exists or stat.S_ISCHR(mode):
                file.write(b"\n")
    finally:
        if not exists:
            target.unlink(missing_ok=True)


def write_report(path: Path, outcomes: Iterable[RowOutcome]) -> None:
    """Write one line a row as CSV in UTF-8; the columns are `COLUMNS`.

    Cells that a spreadsheet would run as a formula get an apostrophe in front, as one would
    type it there; a cell that holds only a number runs nothing and stays as it is.

    Raises:
        BadInput: The file cannot be written.
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    writer.writerows(_cells(outcome) for outcome in outcomes)
    try:
        path.write_text(text.getvalue(), encoding="utf-8", newline="")
    except OSError as error:
        raise BadInput(f"{path}: the report cannot be written: {error.strerror}") from error


def _cells(outcome: RowOutcome) -> tuple[object, ...]:
    return (
        outcome.row,
        _harmless(outcome.raw),
        outcome.phone_number,
        outcome.outcome.value,
        _harmless(outcome.reason),
        outcome.order_id,
    )


# With their full-width kin, which some spreadsheets read alike.
_FORMULA = re.compile(r"\s*[=@+\-\uff1d\uff20\uff0b\uff0d]|[\t\r\n]")
_NUMBER = re.compile(r"\s*[+-]?[\s\d().,/-]*")


def _harmless(cell: str) -> str:
    """Keep a spreadsheet from running the cell: digits and their punctuation run nothing."""
    if _FORMULA.match(cell) is None or _NUMBER.fullmatch(cell) is not None:
        return cell
    return "'" + cell
