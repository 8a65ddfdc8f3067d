"""The options that commands share; cyclopts spreads the classes over a command's own options."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, TypeAlias

from attrs import frozen
from cyclopts import Group, Parameter

__all__ = [
    "ACCOUNT",
    "OUTPUT",
    "PLACE",
    "SOURCE",
    "Account",
    "Format",
    "NumberSource",
    "Output",
    "Place",
]

Format: TypeAlias = Literal["table", "json", "jsonl", "csv", "lines"]

_NUMBERS = Group("Numbers", sort_key=10)
_ACCOUNT = Group("Account", sort_key=20)
_OUTPUT = Group("Output", sort_key=30)


@Parameter(name="*")
@frozen(kw_only=True)
class Output:
    """How a command tells what it found."""

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


# What they are where no option is given.
OUTPUT, ACCOUNT, PLACE, SOURCE = Output(), Account(), Place(), NumberSource()
