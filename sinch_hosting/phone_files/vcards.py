"""vCards: the contacts of a telephone or an address book, with the kind of each number.

An address book holds numbers of other people, and fax numbers. So the caller has to choose:
`--column` says which kind is meant, such as `cell` or `work`, or `TEL` for every kind but faxes
and pagers.
"""

from __future__ import annotations

import quopri
import re
from collections import Counter
from typing import TYPE_CHECKING

import attrs

from .cells import NOTHING, Cell, understand
from .records import PhoneFileError, shorten

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

HEADER = ("Name", "Kind", "TEL")
_ALL = frozenset({"tel", "all", "phone"})
_NEVER = frozenset({"fax", "pager"})
_LINE = re.compile(
    r"(?:(?P<group>[\w-]+)\.)?(?P<name>[\w-]+)(?P<parameters>(?:;[^:]*)?):(?P<value>.*)"
)
# The first of these that a line has is its kind.
_KINDS = ("fax", "pager", "cell", "iphone", "work", "home", "main", "car", "voice", "other")
_SYNONYMS = {"mobile": "cell", "iphone": "cell", "business": "work", "office": "work"}
_NO_NUMBER = Cell("the card has no TEL line")


@attrs.frozen
class VCards:
    """The TEL lines of a file of contacts, of which one kind is asked for."""

    entries: tuple[tuple[int, str, Cell], ...]
    note: str


@attrs.frozen
class _Line:
    name: str
    kind: str
    number: str


def read_vcards(lines: Iterable[str], kind: str | int | None) -> VCards:
    """Read the TEL lines of a file of vCards.

    Args:
        lines: The file's lines.
        kind: The kind that is taken (`cell`, `work`, `home`, ...), or `TEL` for all of them
            but faxes and pagers.

    Raises:
        PhoneFileError: No kind is asked for, or no line is of that kind.
    """
    found = list(_tel_lines(_unfolded(lines)))
    kinds = Counter(line.kind for line in found if line.number)
    asked = str(kind).strip().casefold() if kind is not None else ""
    asked = _SYNONYMS.get(asked, asked)
    if not kinds:
        raise PhoneFileError("is a file of contact cards (vCard) without a TEL line")
    if asked not in _ALL and asked not in kinds:
        raise PhoneFileError(_ask(kinds, kind))
    return VCards(
        tuple((row, line.number, _judge(line, asked)) for row, line in enumerate(found, 2)),
        f"a file of contact cards: {_counted(kinds)}; rows count the TEL lines from 2 on",
    )


def _ask(kinds: Counter[str], kind: str | int | None) -> str:
    problem = f" and no TEL line of the kind {shorten(str(kind))!r}" if kind is not None else ""
    kinds_to_take = [each for each in kinds if each not in _NEVER | {"other"}]
    example = f"--column {kinds_to_take[0]}, or " if kinds_to_take else ""
    return (
        f"is a file of contact cards (vCard), with {_counted(kinds)}{problem}; say which numbers "
        f"to take with {example}--column TEL for all but faxes"
    )


def _counted(kinds: Counter[str]) -> str:
    return ", ".join(f"{count} TEL of the kind {kind}" for kind, count in kinds.most_common(5))


def _judge(line: _Line, asked: str) -> Cell:
    if not line.number:
        return _NO_NUMBER if line.kind == "none" else NOTHING
    if line.kind in _NEVER:
        return Cell(f"marked as a {line.kind}, not as a phone")
    if asked not in _ALL and line.kind != asked:
        return Cell(f"its kind is {line.kind}, and only {asked} was asked for")
    return understand(line.number)


def _unfolded(lines: Iterable[str]) -> Iterator[str]:
    """Join lines that were broken: a space or a tab begins the rest."""
    whole = ""
    for line in lines:
        text = line.rstrip("\r\n")
        if text[:1] in {" ", "\t"} and whole:
            whole += text[1:]
            continue
        if whole:
            yield whole
        whole = text
    if whole:
        yield whole


def _tel_lines(lines: Iterable[str]) -> Iterator[_Line]:
    """Give the TEL lines of each card with its name; a card without them has an empty line."""
    name = ""
    numbers: list[tuple[str, str, str]] = []
    labels: dict[str, str] = {}
    for line in lines:
        if (found := _LINE.fullmatch(line.strip())) is None:
            continue
        what, value = found["name"].casefold(), found["value"].strip()
        if what == "begin":
            name, numbers, labels = "", [], {}
        elif what == "fn":
            name = value
        elif what == "tel":
            numbers.append((found["group"] or "", found["parameters"], value))
        elif what == "x-ablabel":
            labels[found["group"] or ""] = value
        elif what == "end":
            for group, parameters, number in numbers:
                kind = _kind(f"{parameters};{labels.get(group, '') if group else ''}")
                yield _Line(name, kind, _value(parameters, number))
            if not numbers:
                yield _Line(name, "none", "")


def _kind(parameters: str) -> str:
    said = frozenset(re.findall(r"[a-z]+", parameters.casefold()))
    for kind in _KINDS:
        if kind in said or any(word != kind and _SYNONYMS.get(word) == kind for word in said):
            return _SYNONYMS.get(kind, kind)
    return "other"


def _value(parameters: str, number: str) -> str:
    if "quoted-printable" in parameters.casefold():
        number = quopri.decodestring(number.encode()).decode("utf-8", "replace")
    return number.replace("\\;", ";").replace("\\,", ",")
