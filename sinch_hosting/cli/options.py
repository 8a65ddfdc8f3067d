"""The options that commands share; cyclopts spreads the classes over a command's own options."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, TypeAlias

from attrs import frozen
from cyclopts import Group, Parameter

from .durations import seconds_of

__all__ = [
    "ACCOUNT",
    "JOB",
    "OUTPUT",
    "PLACE",
    "SOURCE",
    "Account",
    "Format",
    "JobFlags",
    "NumberSource",
    "Output",
    "Place",
]

Format: TypeAlias = Literal["table", "json", "jsonl", "csv", "lines"]

_NUMBERS = Group("Numbers", sort_key=10)
_JOB = Group("Job", sort_key=15)
_ACCOUNT = Group("Account", sort_key=20)
_OUTPUT = Group("Output", sort_key=30)


@Parameter(name="*")
@frozen(kw_only=True)
class Output:
    """How a command shows what it found."""

    format: Annotated[
        Format | None,
        Parameter(
            group=_OUTPUT,
            help="table (default on a terminal), json, jsonl (default elsewhere), csv, or lines.",
        ),
    ] = None
    debug: Annotated[
        bool,
        Parameter(group=_OUTPUT, help="Show requests and errors."),
    ] = False


@Parameter(name="*")
@frozen(kw_only=True)
class Account(Output):
    """Whose account a command works with."""

    profile: Annotated[
        str | None,
        Parameter(group=_ACCOUNT, help="A [profiles.NAME] of sinch-hosting.toml."),
    ] = None
    project_id: Annotated[
        str | None, Parameter(group=_ACCOUNT, help="The project, for SINCH_PROJECT_ID.")
    ] = None
    key_id: Annotated[str | None, Parameter(group=_ACCOUNT, help="For SINCH_KEY_ID.")] = None
    secret_file: Annotated[
        Path | None,
        Parameter(group=_ACCOUNT, help="A file with the key's secret, for SINCH_KEY_SECRET."),
    ] = None


@Parameter(name="*")
@frozen(kw_only=True)
class Place:
    """Where numbers are or shall be."""

    plan: Annotated[str | None, Parameter(help="The service plan; the profile's by default.")] = (
        None
    )
    campaign: Annotated[
        str | None, Parameter(help="The 10DLC campaign; the profile's by default, '' is none.")
    ] = None


@Parameter(name="*")
@frozen(kw_only=True)
class NumberSource:
    """How a file of numbers is read."""

    column: Annotated[
        str | None, Parameter(group=_NUMBERS, help="The column of a file, by header or number.")
    ] = None
    sheet: Annotated[
        str | None, Parameter(group=_NUMBERS, help="The sheet of a workbook, by name or number.")
    ] = None

    @property
    def choices(self) -> dict[str, str]:
        """What was chosen, as the reader takes it."""
        found = {"column": self.column, "sheet": self.sheet}
        return {name: value for name, value in found.items() if value is not None}


@Parameter(name="*")
@frozen(kw_only=True)
class JobFlags:
    """How orders are created, and how a later run goes on."""

    job: Annotated[
        str | None,
        Parameter(
            group=_JOB,
            help="The name of the job, up to 25 letters; a run with the same name goes on.",
        ),
    ] = None
    ledger: Annotated[
        str | None,
        Parameter(
            group=_JOB,
            help="The ledger: a file, by default in the state folder, or the postgresql:// "
            "address of a database that several machines share.",
        ),
    ] = None
    retry_rejected: Annotated[
        bool, Parameter(group=_JOB, help="Create orders again for the numbers of REJECTED orders.")
    ] = False
    settle: Annotated[
        str,
        Parameter(
            group=_JOB, help="Time between the two searches for earlier orders; 10s by default."
        ),
    ] = "10s"
    grace: Annotated[
        str,
        Parameter(
            group=_JOB,
            help="How long to look for an order whose answer was lost; 60s by default.",
        ),
    ] = "60s"

    @property
    def settle_seconds(self) -> float:
        """Seconds between the two looks."""
        return seconds_of(self.settle, "--settle")

    @property
    def grace_seconds(self) -> float:
        """Seconds to look for an order whose answer was lost."""
        return seconds_of(self.grace, "--grace")


# What they are where no option is given.
OUTPUT, ACCOUNT, PLACE, SOURCE, JOB = Output(), Account(), Place(), NumberSource(), JobFlags()
