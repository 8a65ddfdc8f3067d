"""The result of every row of a file, from the report of an onboarding."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import astuple, frozen

from .._reports import as_csv
from .output import Column, View
from .reports import write_text

if TYPE_CHECKING:
    from .. import OnboardingLine, OnboardingReport
    from ..phone_files import PhoneRecord

COLUMNS = ("row", "raw", "phone_number", "outcome", "reason", "order_id")
"""The columns of the report."""


class Outcome(StrEnum):
    """How a row ended."""

    DONE = "done"
    DUPLICATE = "duplicate"
    REJECTED = "rejected"
    FAILED = "failed"
    STOPPED = "stopped"
    """Ctrl-C came before it was done; what it waits for is its reason."""


@frozen(kw_only=True)
class RowOutcome:
    """One row of the file and how it ended; one line of the report."""

    row: int
    raw: str
    phone_number: str
    outcome: Outcome
    reason: str
    order_id: str


ROWS: View[RowOutcome] = View(
    columns=(
        Column("row", lambda row: row.row),
        Column("number", lambda row: row.phone_number or row.raw.strip()),
        Column("outcome", lambda row: row.outcome.value),
        Column("reason", lambda row: row.reason),
        Column("order", lambda row: row.order_id),
    ),
    key=lambda row: row.phone_number,
)


def settle(
    records: Iterable[PhoneRecord], report: OnboardingReport | None, *, stopped: bool = False
) -> list[RowOutcome]:
    """Return how each row ended; every record gives exactly one outcome.

    Args:
        records: All rows of the file.
        report: What became of the accepted numbers; `None` where nothing was begun.
        stopped: Whether the work ended before its end.
    """
    lines = {} if report is None else {line.phone_number: line for line in report.lines}
    return [_settle(record, lines.get(record.phone_number or ""), stopped) for record in records]


def _settle(record: PhoneRecord, line: OnboardingLine | None, stopped: bool) -> RowOutcome:
    reason, order_id = record.reason, ""
    if record.outcome == "accepted":
        outcome, reason = _outcome_of(line, stopped)
        order_id = "" if line is None else line.order_id
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


def _outcome_of(line: OnboardingLine | None, stopped: bool) -> tuple[Outcome, str]:
    if line is not None and line.outcome == "done":
        return Outcome.DONE, ""
    reason = "never reached" if line is None else line.reason
    is_open = line is None or line.outcome == "waiting"
    return Outcome.STOPPED if stopped and is_open else Outcome.FAILED, reason


def count(outcomes: Sequence[RowOutcome]) -> dict[Outcome, int]:
    """Return how many rows ended in each way; the counts add up to the rows.

    Without Ctrl-C none is stopped, and that way is left out.
    """
    counted = Counter(row.outcome for row in outcomes)
    return {
        outcome: counted[outcome]
        for outcome in Outcome
        if counted[outcome] or outcome is not Outcome.STOPPED
    }


def write_rows(path: Path, outcomes: Iterable[RowOutcome]) -> None:
    """Write one line a row as CSV in UTF-8; the columns are `COLUMNS`.

    Cells that a spreadsheet would run as a formula get an apostrophe in front, as one would
    type it there; a cell that holds only a number runs nothing and stays as it is.

    Raises:
        BadInput: The file cannot be written.
    """
    write_text(path, as_csv(COLUMNS, map(astuple, outcomes)))
