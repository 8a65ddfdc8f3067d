"""The numbers that an onboarding is given, its steps, and its report."""

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
    """A number with a letter or a region of its own, such as a row of a table with a `loa` column.

    Where one is not given, the argument of `sinch.onboard` counts.
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
    """A person has to mail invoices; given once for a number."""
    CHALLENGED = "challenged"
    """A number was called and its code was verified; or why that failed."""
    WAITING = "waiting"
    """Numbers wait: for whom, and what a person can do; given again each day."""
    WARNING = "warning"
    """A warning for a person, before letters are mailed."""
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
    """A number cannot be text-enabled at present."""
    UNKNOWN = "unknown"
    """There may be an order for a number: the response was lost."""


@frozen(kw_only=True, eq=False, repr=False)
class OnboardingStep(Record):
    """One thing that happened."""

    step: Step
    phone_numbers: tuple[str, ...]
    text: str = ""
    """An explanation for people."""
    order_id: str | None = None
    waiting_on: WaitingOn | None = None
    """The party that the numbers wait for, in a `waiting` step."""


class Outcome(StrEnum):
    """The state of a number at the end of a run."""

    DONE = "done"
    FAILED = "failed"
    UNKNOWN = "unknown"
    WAITING = "waiting"


@frozen(kw_only=True, eq=False, repr=False)
class OnboardingLine(Record):
    """The state of one number."""

    phone_number: str
    outcome: Outcome
    reason: str
    """Why it is not done, or what it waits for; `""` where it is done."""
    order_id: str
    region_code: str
    kind: str
    """`local` or `toll-free`."""
    letter_to: str
    """The address of the person who signs its letter; `""` where no letter is mailed."""
    state: str = ""
    """Its state in qualification, such as `ELIGIBLE` or `VERIFIED`; `""` where it is not there."""
    waiting_on: str = ""
    """The party that it waits for, as in `WaitingOn.who`; `""` where it does not wait."""
    what_to_do: str = ""
    """What a person can do about a number that waits or failed."""


@frozen(kw_only=True, eq=False, repr=False)
class OnboardingReport(Record):
    """One line for each number, in the order of the input."""

    lines: tuple[OnboardingLine, ...]

    @property
    def counts(self) -> Mapping[str, int]:
        """The count of numbers for each outcome."""
        return Counter(str(line.outcome) for line in self.lines)

    @property
    def is_done(self) -> bool:
        """Whether every number is text-enabled."""
        return all(line.outcome is Outcome.DONE for line in self.lines)

    def to_csv(self) -> str:
        """Return the report as CSV with a header; spreadsheet formulas get an apostrophe."""
        names = list(OnboardingLine.__annotations__)
        return as_csv(names, (asdict(line).values() for line in self.lines))

    def to_json(self) -> str:
        """Return the report as a JSON array of objects."""
        return json.dumps([asdict(line) for line in self.lines], indent=1)

    def write(self, path: str | os.PathLike[str]) -> None:
        """Write the report to a file: JSON where its name ends so, else CSV.

        An older file is replaced by the whole report, or stays as it was. Safe to repeat.

        Args:
            path: the file.

        Raises:
            OSError: the file cannot be written.
        """
        text = self.to_json() if Path(path).suffix.lower() == ".json" else self.to_csv()
        write_whole(Path(path), text)
