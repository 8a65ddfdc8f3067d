"""What onboarding is given, what it tells on the way, and what it reports."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path

from attrs import asdict, frozen

from .._reports import as_csv, write_whole
from ..models import Letter
from ..models import _checks as check
from ..models._base import Record
from ..models._guidance import WaitingOn

_TOLL_FREE = ("800", "822", "833", "844", "855", "866", "877", "888")


def is_toll_free(phone_number: str) -> bool:
    """Whether a number is a North American toll-free one."""
    return phone_number.startswith(tuple(f"+1{code}" for code in _TOLL_FREE))


@frozen(kw_only=True, eq=False, repr=False)
class NumberToOnboard(Record):
    """A number with what is its own: a letter, a region; a row of a table with a `loa` column.

    What is not given is the call's.
    """

    phone_number: str = check.field(check.check_phone_number)
    loa: Letter | None = None
    region_code: str | None = check.field(check.check_region, optional=None)


class Step(StrEnum):
    """What happened in an onboarding."""

    SEEN = "seen"
    """The state of a number was read."""
    ADDED = "added"
    """Numbers were put into qualification."""
    INVOICES = "invoices"
    """A person has to mail invoices; told once for a number."""
    CHALLENGED = "challenged"
    """A number was rung, and the code that was told was given back; or why that failed."""
    WAITING = "waiting"
    """Numbers wait: for whom, and what a person can do; told again each day."""
    WARNING = "warning"
    """What a person should know before letters are mailed."""
    READY = "ready"
    """A number may be text-enabled."""
    RELINKING = "relinking"
    """A number is being relinked: it is without service until that is done."""
    ORDERED = "ordered"
    """An order was created."""
    ADOPTED = "adopted"
    """An order of an earlier run was found."""
    ORDER = "order"
    """An order changed its state."""
    DONE = "done"
    """A number is text-enabled."""
    FAILED = "failed"
    """A number will not be, as things are."""
    UNKNOWN = "unknown"
    """There may be an order for a number: the answer was lost."""


@frozen(kw_only=True, eq=False, repr=False)
class OnboardingStep(Record):
    """One thing that happened."""

    step: Step
    phone_numbers: tuple[str, ...]
    text: str = ""
    """What it means, for people."""
    order_id: str | None = None
    waiting_on: WaitingOn | None = None
    """Whom the numbers wait for, with a `waiting` step."""


class Outcome(StrEnum):
    """How a number stands at the end of a run."""

    DONE = "done"
    FAILED = "failed"
    UNKNOWN = "unknown"
    WAITING = "waiting"


@frozen(kw_only=True, eq=False, repr=False)
class OnboardingLine(Record):
    """How one number stands."""

    phone_number: str
    outcome: Outcome
    reason: str
    """Why it is not done, or what it waits for; `""` where it is done."""
    order_id: str
    region_code: str
    kind: str
    """`local` or `toll-free`."""
    letter_to: str
    """Who signs for it; `""` where no letter is mailed."""
    state: str = ""
    """Where it stands in qualification, such as `ELIGIBLE` or `VERIFIED`; `""` where it is not."""
    waiting_on: str = ""
    """Whom it waits for, as `WaitingOn.who` says; `""` where it does not wait."""
    what_to_do: str = ""
    """What a person can do about a number that waits or failed."""


@frozen(kw_only=True, eq=False, repr=False)
class OnboardingReport(Record):
    """One line a number, in the order of the input."""

    lines: tuple[OnboardingLine, ...]

    @property
    def counts(self) -> Mapping[str, int]:
        """How many numbers there are of each outcome."""
        return Counter(str(line.outcome) for line in self.lines)

    @property
    def is_done(self) -> bool:
        """Whether every number is text-enabled."""
        return all(line.outcome is Outcome.DONE for line in self.lines)

    def to_csv(self) -> str:
        """The report as CSV with a header; what a spreadsheet would run gets an apostrophe."""
        names = list(OnboardingLine.__annotations__)
        return as_csv(names, (asdict(line).values() for line in self.lines))

    def to_json(self) -> str:
        """The report as a JSON array of objects."""
        return json.dumps([asdict(line) for line in self.lines], indent=1)

    def write(self, path: str | os.PathLike[str]) -> None:
        """Write the report to a file: JSON where its name ends so, else CSV.

        An older file is replaced by the whole report, or stays as it was.

        Raises:
            OSError: It cannot be written.
        """
        text = self.to_json() if Path(path).suffix.lower() == ".json" else self.to_csv()
        write_whole(Path(path), text)
