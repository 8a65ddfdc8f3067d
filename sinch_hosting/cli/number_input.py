"""Phone numbers as a command is given them: arguments, files of any kind, standard input."""

from __future__ import annotations

import json
import re
import sys
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import BadInput
from .invocation import STANDARD_INPUT
from .messages import tell
from .options import SOURCE

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ..phone_files import PhoneRecord, PhoneSheet
    from .options import NumberSource

_E164 = re.compile(r"\+1\d{10}")
_SHOWN = 5
"""Rejected rows that are told one by one."""


def read_numbers(given: Sequence[str], source: NumberSource) -> list[str]:
    """Return the numbers, once each, in the order in which they are given.

    Args:
        given: Numbers, paths of files, and `-` for standard input.
        source: How files are read.

    Raises:
        BadInput: There is no usable number at all, or one of the arguments is neither a number
            nor a file.
        PhoneFileError: A file cannot be read as phone numbers.
    """
    if all(_E164.fullmatch(one) for one in given):
        return list(dict.fromkeys(given))  # nothing is to be understood
    return [str(record.phone_number) for record in read_records(given, source)]


def read_number(given: str) -> str:
    """Return the one number that is given.

    Raises:
        BadInput: It is no number, or a file with several.
    """
    numbers = read_numbers([given], SOURCE)
    if len(numbers) > 1:
        raise BadInput(f"{given}: holds {len(numbers)} numbers; give one number")
    return numbers[0]


def read_records(given: Sequence[str], source: NumberSource) -> list[PhoneRecord]:
    """Return the numbers as `read_numbers` does, each with its region and its kind."""
    found: dict[str | None, PhoneRecord] = {}
    for one in given:
        sheet = read_sheet(one, source) if _is_file(one) else _read_argument(one)
        if _is_file(one):
            tell_of_sheet(sheet)
        for record in sheet.accepted:
            found.setdefault(record.phone_number, record)
    if not found:
        raise BadInput(f"{', '.join(given)}: holds no usable phone number")
    return list(found.values())


def read_sheet(path: str, source: NumberSource) -> PhoneSheet:
    """Return a file of numbers, or standard input for `-`, read and understood.

    Raises:
        PhoneFileError: It cannot be read as phone numbers; it says which columns there are.
    """
    from ..phone_files import read_phone_bytes, read_phone_file  # noqa: PLC0415 - metadata is big

    if path == STANDARD_INPUT:
        if sys.stdin is None:
            raise BadInput("standard input is closed; give a file instead of -")
        data = sys.stdin.buffer.read()
        return read_phone_bytes(data, name="standard input", **source.choices)
    return read_phone_file(Path(path), **source.choices)


def job_of_line(verb: str, records: Iterable[PhoneRecord], about: Sequence[str]) -> str:
    """Return a job's name made from the line: the same line finds the orders of the run before."""
    numbers = sorted(str(record.phone_number) for record in records)
    digest = blake2b(json.dumps([numbers, *about]).encode(), digest_size=5).hexdigest()
    return f"{verb}-{digest}"


def _is_file(one: str) -> bool:
    return one == STANDARD_INPUT or Path(one).exists()


def _read_argument(one: str) -> PhoneSheet:
    """Understand an argument as a person writes a number, such as `(202) 555-0134`."""
    from ..phone_files import PhoneFileError, read_phone_bytes  # noqa: PLC0415 - as above

    if not any(sign.isdigit() for sign in one) or Path(one).suffix.lower() in _SUFFIXES:
        raise BadInput(f"{one}: there is no such file; check the path, or give a phone number")
    try:
        sheet = read_phone_bytes(one.encode(), name=one)
    except PhoneFileError as error:
        raise BadInput(f"{one}: is neither a file nor a phone number") from error
    if not sheet.accepted:
        reasons = "; ".join(record.reason for record in sheet.rejected)
        raise BadInput(f"{one}: {reasons or 'is neither a file nor a phone number'}")
    return sheet


_SUFFIXES = (".csv", ".txt", ".tsv", ".xlsx", ".xls", ".ods", ".vcf")


def tell_of_sheet(sheet: PhoneSheet) -> None:
    """Tell on standard error how a file was read, and of the rows that were refused."""
    tell(
        f"{sheet.name}: {sheet.rows} rows: {len(sheet.accepted)} numbers, "
        f"{len(sheet.duplicates)} duplicates, {len(sheet.rejected)} rejected, "
        f"{len(sheet.blank)} blank"
    )
    for record in sheet.rejected[:_SHOWN]:
        tell(f"  row {record.row}: {record.raw.strip()[:40]!r}: {record.reason}")
    if len(sheet.rejected) > _SHOWN:
        tell(f"  and {len(sheet.rejected) - _SHOWN} more; sinch-hosting numbers check tells all")
