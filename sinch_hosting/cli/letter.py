"""`sinch-hosting letter`: letters of authorization in TOML files, written, read and checked."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, TypeVar

from cyclopts import App

from ..errors import InvalidRequest
from .errors import BadInput, ExitCode
from .messages import tell
from .output import print_text

if TYPE_CHECKING:
    from .. import Address, AuthorisedPerson, Letter

T = TypeVar("T")

app = App(
    name="letter",
    help="Letters of authorization: print a template, check a letter.",
    help_format="markdown",
)

TABLES: Mapping[str, tuple[str, ...]] = {
    "authorised_person": ("first_name", "last_name", "email"),
    "address": ("building_number", "street", "city", "state", "postal_code", "country"),
}
"""The tables of a letter's file, and their keys."""
_TEXTS: Mapping[str, tuple[str, ...]] = {
    "direct": ("current_voice_carrier",),
    "reseller": ("business_name", "current_voice_carrier"),
    "blanket": (),
}
"""The kinds of letters, and the keys of each beside those tables."""


@app.command
def template() -> int:
    """Print an empty letter to fill in.

    Example: `sinch-hosting letter template > acme.toml`
    """
    text = files("sinch_hosting.cli").joinpath("letter-template.toml").read_text("utf-8")
    print_text(text.rstrip())
    return ExitCode.DONE


@app.command
def check(file: Path, /, *, online: bool = False) -> int:
    """Check a letter, without sending anything.

    An error names the line and the key.

    Example: `sinch-hosting letter check acme.toml --online`

    Args:
        file: A letter, as `letter template` prints one.
        online: Also look up whether the signer's mail domain takes mail (its MX record).
    """
    letter = read_letter(file)
    signer = getattr(letter, "authorised_person", None)
    if signer is None:
        tell(f"{file}: is complete; a blanket letter, so nobody has to sign")
        return ExitCode.DONE
    if online:
        _check_mail(signer.email, file)
    tell(
        f"{file}: is complete; {signer.first_name} {signer.last_name} <{signer.email}> has to sign"
    )
    return ExitCode.DONE


def _check_mail(address: str, file: Path) -> None:
    """Look up whether an address's domain takes mail; raises `BadInput` where it does not."""
    try:
        from email_validator import (  # noqa: PLC0415 - only asked for with --online
            EmailNotValidError,
            EmailUndeliverableError,
            validate_email,
        )
    except ModuleNotFoundError:
        raise BadInput(
            "--online needs email-validator, which is not installed: pip install email-validator"
        ) from None
    try:
        validate_email(address, check_deliverability=True)
    except (EmailUndeliverableError, EmailNotValidError) as error:
        raise BadInput(f"{file}: authorised_person.email: {error}") from None


def read_letter(path: Path) -> Letter:
    """Return the letter that a TOML file describes.

    Raises:
        BadInput: It cannot be read, or is not a whole letter; it names the line and the key.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise BadInput(
            f"{path}: there is no such file; `sinch-hosting letter template > {path}` writes one"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise BadInput(f"{path}: cannot be read: {why}") from error
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadInput(f"{path}: is not valid TOML: {error}") from error
    return _LetterFile(path, text, table).letter()


class _LetterFile:
    """A letter's file that was parsed; it says in which line what is wrong."""

    def __init__(self, path: Path, text: str, table: Mapping[str, object]) -> None:
        self._path = path
        self._text = text
        self._table = table

    def letter(self) -> Letter:
        """Return the letter; raises `BadInput`."""
        from .. import (  # noqa: PLC0415 - models are loaded only where they are needed
            Address,
            AuthorisedPerson,
            BlanketLoa,
            DirectLoa,
            ResellerLoa,
        )

        kind = self._text_of("kind")
        if kind not in _TEXTS:
            self._refuse(f"must be one of {', '.join(_TEXTS)}, not {kind!r}", "kind")
        self._check_names(kind)
        self._check_gaps(kind)
        texts = {name: self._text_of(name) for name in _TEXTS[kind]}
        if kind == "blanket":
            return BlanketLoa()
        person: AuthorisedPerson = self._part("authorised_person", AuthorisedPerson)
        address: Address = self._part("address", Address)
        try:
            if kind == "direct":
                return DirectLoa(authorised_person=person, address=address, **texts)
            return ResellerLoa(authorised_person=person, address=address, **texts)
        except InvalidRequest as error:
            self._refuse(error.rule, error.field)

    def _check_names(self, kind: str) -> None:
        """Refuse what is misspelt: it would be missing elsewhere."""
        parts = () if kind == "blanket" else tuple(TABLES)
        for name in self._table:
            if name not in ("kind", *_TEXTS[kind], *parts):
                known = ", ".join((*_TEXTS[kind], *parts)) or "nothing more"
                self._refuse(f"a {kind} letter has no such key; it has {known}", name)
        for part in parts:
            for name in self._given(part):
                if name not in TABLES[part]:
                    self._refuse(f"no such key; there are {', '.join(TABLES[part])}", name, part)

    def _check_gaps(self, kind: str) -> None:
        """Refuse a letter with empty fields, and name all of them at once."""
        parts = () if kind == "blanket" else tuple(TABLES)
        fields = [(name, "") for name in _TEXTS[kind]]
        fields += [(name, part) for part in parts for name in TABLES[part]]
        gaps = [field for field in fields if _is_gap(self._given(field[1]).get(field[0]))]
        if not gaps:
            return
        (name, table), *others = gaps
        why = "is empty; fill it in" if name in self._given(table) else "is missing"
        also = ", ".join(self._place(*other) for other in others)
        self._refuse(f"{why}. Fill in as well: {also}" if also else why, name, table)

    def _given(self, table: str) -> Mapping[str, object]:
        """Return what a table of the file holds, or the file itself for `""`."""
        given = self._table.get(table) if table else self._table
        if not isinstance(given, Mapping):
            self._refuse(f"add the table [{table}] with {', '.join(TABLES[table])}", table)
        return given

    def _part(self, table: str, makes: Callable[..., T]) -> T:
        texts = {name: self._text_of(name, table) for name in TABLES[table]}
        try:
            return makes(**texts)
        except InvalidRequest as error:
            self._refuse(error.rule, error.field, table)

    def _text_of(self, name: str, table: str = "") -> str:
        value = self._given(table).get(name)
        if value is None:
            self._refuse("is missing", name, table)
        if not isinstance(value, str):
            self._refuse(f'must be a text: {name} = "{value}"', name, table)
        return value

    def _refuse(self, why: str, name: str, table: str = "") -> NoReturn:
        raise BadInput(f"{self._path}: {self._place(name, table)}: {why}")

    def _place(self, name: str, table: str) -> str:
        key = f"{table}.{name}" if table else name
        return f"line {self._line(name, table)}: {key}"

    def _line(self, name: str, table: str) -> int:
        """Return the line of a key, or else of its table, or else the last one."""
        here, table_line = "", 0
        lines = self._text.splitlines()
        for number, line in enumerate(lines, 1):
            head = re.match(r"\s*\[\s*([\w-]+)\s*\]", line)
            if head is not None:
                here = head[1]
                table_line = number if here in (table, name) else table_line
            key = re.match(r"\s*[\"']?([\w-]+)[\"']?\s*=", line)
            if key is not None and here == table and key[1] == name:
                return number
        belongs_on_top = not table and name not in TABLES
        return table_line or (1 if belongs_on_top else max(1, len(lines)))


def _is_gap(value: object) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())
