"""The options that commands share; cyclopts spreads the classes over a command's own options."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from pathlib import Path
from typing import Annotated, Literal, TypeAlias, TypeVar

from attrs import frozen
from cyclopts import Group, Parameter, Token

from .durations import seconds_of
from .errors import BadInput
from .invocation import WAIT_FOR_DONE

S = TypeVar("S", bound=Enum)

PAGE_SIZE = 1000
"""Items of a list that are read at once: the most that the service gives."""

Format: TypeAlias = Literal["table", "json", "jsonl", "csv", "lines"]


def _span(_: object, tokens: Sequence[Token]) -> float:
    return seconds_of(tokens[0].value, tokens[0].keyword or "")


Seconds: TypeAlias = Annotated[float, Parameter(converter=_span, metavar="TIME")]
"""Seconds; typed as a span of time, such as 90s, 15m, 2h or 3d."""

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
    """Where numbers are, or where they are to be."""

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
        Seconds,
        Parameter(
            group=_JOB, help="Time between the two searches for earlier orders; 10s by default."
        ),
    ] = 10.0
    grace: Annotated[
        Seconds,
        Parameter(
            group=_JOB,
            help="How long to look for an order whose answer was lost; 60s by default.",
        ),
    ] = 60.0


def state_named(text: str, states: type[S], what: str, done: S) -> S:
    """Return the state that an option names, in any case, or as the wire spells it.

    `WAIT_FOR_DONE` is *done*.

    Raises:
        BadInput: There is no such state; the message lists them.
    """
    if text == WAIT_FOR_DONE:
        return done
    known = {name: state for name, state in states.__members__.items() if name != "UNSPECIFIED"}
    name = text.strip().upper().replace("-", "_")
    found = {**known, **{state.value: state for state in known.values()}}
    if name not in found:
        raise BadInput(f"no {what} is called {text!r}; there are {', '.join(known)}")
    return found[name]


# What they are where no option is given.
OUTPUT, ACCOUNT, PLACE, SOURCE, JOB = Output(), Account(), Place(), NumberSource(), JobFlags()
