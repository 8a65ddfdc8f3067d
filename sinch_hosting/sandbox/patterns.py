"""Numbers by pattern: which of very many start with, contain or end with some digits.

The numbers of a block stand in bitmaps, one for each character at each place. What has some
characters at some places is then the AND of a few of them, a thousand numbers at a time::

    +12025550134US   place 5 is "5": ...1
    +14165550135CA   place 5 is "5": ...1    "+1416" at place 0: 0
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import reduce
from operator import and_
from typing import TypeAlias

from attrs import define, field, frozen

BLOCK = 8192
"""The numbers in a block."""
_NUMBER = len("+12025550134")

Bitmaps: TypeAlias = dict[tuple[int, str], int]
"""For a place and a character: the numbers of a block that have it there, the first one highest."""


@frozen
class Pattern:
    """What a number with its region has to look like.

    Args:
        digits: what its digits hold; ``""`` for any number.
        search: where: ``START``, ``CONTAIN`` or ``END``.
        region: its region; ``""`` for any.
    """

    digits: str
    search: str = "START"
    region: str = ""

    def matches(self, text: str) -> bool:
        """Return whether one number, with its region behind it, fits."""
        return any(text.startswith(self.digits, place) for place in self._places()) and (
            text.startswith(self.region, _NUMBER)
        )

    def find(self, bitmaps: Bitmaps) -> int:
        """Yield the numbers of a block that fit."""
        found = 0
        for place in self._places():
            found |= _at(bitmaps, place, self.digits)
        return found & _at(bitmaps, _NUMBER, self.region)

    def _places(self) -> range:
        last = _NUMBER - len(self.digits)
        if last < 0 or self.search == "CONTAIN":
            return range(last + 1)
        return range(1) if self.search == "START" else range(last, last + 1)


_ALL = (1 << BLOCK) - 1


def _at(bitmaps: Bitmaps, place: int, characters: str) -> int:
    """Return the numbers that have these *characters* from *place* on."""
    parts = (bitmaps.get((place + n, character), 0) for n, character in enumerate(characters))
    return reduce(and_, parts, _ALL)


@define(eq=False)
class Texts:
    """Texts of one length in the order in which they came, and where to find which of them."""

    _blocks: list[Bitmaps] = field(init=False, factory=list)
    _rest: list[str] = field(init=False, factory=list)

    def append(self, text: str) -> None:
        """Append one text."""
        self._rest.append(text)
        if len(self._rest) == BLOCK:
            self._blocks.append(_bitmaps(self._rest))
            self._rest = []

    def find(self, pattern: Pattern, start: int) -> Iterator[int]:
        """Yield the positions, from *start* on, of the texts that match *pattern*."""
        for block in range(start // BLOCK, len(self._blocks)):
            found = pattern.find(self._blocks[block])
            if found:
                yield from _positions(found, block * BLOCK, start)
        begins = len(self._blocks) * BLOCK
        for position, text in enumerate(self._rest, begins):
            if position >= start and pattern.matches(text):
                yield position


def _bitmaps(texts: Sequence[str]) -> Bitmaps:
    joined, width = "".join(texts).encode(), len(texts[0])
    found: Bitmaps = {}
    for place in range(width):
        column = joined[place::width]
        for byte in set(column):
            ones = bytearray(b"0" * 256)
            ones[byte] = ord("1")
            found[place, chr(byte)] = int(column.translate(ones), 2)
    return found


def _positions(found: int, begins: int, start: int) -> Iterator[int]:
    bits = format(found, f"0{BLOCK}b")
    at = bits.find("1", max(0, start - begins))
    while at >= 0:
        yield begins + at
        at = bits.find("1", at + 1)
