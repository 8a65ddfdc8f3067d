"""Numbers and letters by reference: files that every worker can read.

Put them where all workers see them: a shared folder, or a copy on each machine. Derive from
`References` to read them from elsewhere, such as an object store.
"""

from __future__ import annotations

import asyncio
import os
import tomllib
from array import array
from collections.abc import Collection, Iterable, Sequence
from itertools import groupby
from pathlib import Path

from .._bulk.chunks import SeenNumbers
from ..errors import InvalidRequest
from ..models import Address, AuthorisedPerson, BlanketLoa, DirectLoa, Letter, ResellerLoa
from ..models._checks import check_phone_number

_LETTERS = {"direct": DirectLoa, "reseller": ResellerLoa, "blanket": BlanketLoa}
Stamp = tuple[int, int, int]
_PART = 10_000


class References:
    """Reads what a job refers to; here from files, below one folder where that is given.

    Args:
        folder: Names are looked for here, and may not lead out of it; `None` takes any path.
    """

    def __init__(self, folder: str | os.PathLike[str] | None = None) -> None:
        self._folder = None if folder is None else Path(folder).resolve()
        self._read: dict[str, tuple[Stamp, array[int]]] = {}

    async def count(self, reference: str) -> int:
        """Return how many numbers there are; raises `InvalidRequest` for a wrong or double one."""
        return len(await self._numbers(reference))

    async def numbers(self, reference: str, start: int, count: int) -> Sequence[str]:
        """Return some of the numbers, from a position on."""
        packed = (await self._numbers(reference))[start : start + count]
        return tuple(f"+{str(number)[1:]}" for number in packed)

    async def at(self, reference: str, positions: Iterable[int]) -> Sequence[str]:
        """Return the numbers at these positions, which rise."""
        found: list[str] = []
        for _, run in groupby(enumerate(positions), key=lambda place: place[1] - place[0]):
            places = [position for _, position in run]
            found += await self.numbers(reference, places[0], len(places))
        return found

    async def positions(self, reference: str, wanted: Collection[str]) -> dict[str, int]:
        """Return the positions of some numbers; those that are not there are left out."""
        found: dict[str, int] = {}
        for start in range(0, await self.count(reference) if wanted else 0, _PART):
            part = await self.numbers(reference, start, _PART)
            found |= {one: start + place for place, one in enumerate(part) if one in wanted}
        return found

    async def letter(self, reference: str) -> Letter:
        """Return a letter of authorization; raises `InvalidRequest`."""
        return await asyncio.to_thread(self._letter, reference)

    async def code(self, reference: str) -> str:
        """Return the code of a voice challenge; raises `InvalidRequest`."""
        try:
            text = await asyncio.to_thread(self._path(reference).read_text, "utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise unreadable(reference, error) from None
        return text.strip()

    def _path(self, reference: str) -> Path:
        if self._folder is None:
            return Path(reference)
        path = (self._folder / reference).resolve()
        if not path.is_relative_to(self._folder):
            raise InvalidRequest(
                field="reference", value=reference, rule=f"must be a file below {self._folder}"
            )
        return path

    async def _numbers(self, reference: str) -> array[int]:
        """Read a file of numbers, or what is known of it: it is read again when it was changed."""
        path = self._path(reference)
        try:
            stamp = await asyncio.to_thread(_stamp, path)
            known = self._read.get(reference)
            if known is None or known[0] != stamp:
                known = self._read[reference] = stamp, await asyncio.to_thread(_packed, path)
        except OSError as error:
            raise unreadable(reference, error) from error
        return known[1]

    def _letter(self, reference: str) -> Letter:
        try:
            table = tomllib.loads(self._path(reference).read_text("utf-8-sig"))
        except OSError as error:
            raise unreadable(reference, error) from error
        except ValueError as error:
            raise InvalidRequest(field="letter", value=reference, rule="is no TOML") from error
        kind = _LETTERS.get(str(table.pop("kind", "")))
        if kind is None:
            rule = "has no kind: direct, reseller or blanket"
            raise InvalidRequest(field="letter", value=reference, rule=rule)
        try:
            if kind is BlanketLoa:
                return BlanketLoa()
            person = AuthorisedPerson(**table.pop("authorised_person"))
            address = Address(**table.pop("address"))
            made: Letter = kind(authorised_person=person, address=address, **table)
        except (TypeError, KeyError):
            rule = "is not a whole letter: see `sinch-hosting letter check`"
            raise InvalidRequest(field="letter", value=reference, rule=rule) from None
        return made


def unreadable(reference: str, error: OSError | UnicodeDecodeError) -> InvalidRequest:
    """Return the error for a file that cannot be read."""
    why = error.strerror if isinstance(error, OSError) else "is no UTF-8"
    rule = f"cannot be read on this worker: {why}"
    return InvalidRequest(field="reference", value=reference, rule=rule)


def _stamp(path: Path) -> Stamp:
    found = path.stat()
    return found.st_ino, found.st_size, found.st_mtime_ns


def _packed(path: Path) -> array[int]:
    """Return the numbers of a file, in 8 bytes each; the leading 1 keeps +012 and +12 apart."""
    seen, packed = SeenNumbers(), array("Q")
    with path.open(encoding="utf-8-sig") as lines:
        for line_number, line in enumerate(lines, 1):
            number = line.strip()
            if not number:
                continue
            check_phone_number(number, f"line {line_number}")
            if not seen.add(number):
                rule = "stands in the file twice"
                raise InvalidRequest(field=f"line {line_number}", value="a number", rule=rule)
            packed.append(int(f"1{number[1:]}"))
    if not packed:
        raise InvalidRequest(field="numbers", value=path.name, rule="must hold at least 1 number")
    return packed
