"""Sets of positions, packed: which numbers of a job are open, ready, or wait for a code.

In a workflow a set is one whole number, a bit for each position: a million numbers are 125 kB, and
unions and differences are `|` and `& ~`. Between processes it travels as text: its bits, compressed
by zlib, in base 64. That is some 20 letters for numbers that stand together.
"""

from __future__ import annotations

import base64
import zlib
from collections.abc import Iterable, Iterator


def mask_of(positions: Iterable[int]) -> int:
    """Return the set of these positions."""
    listed = list(positions)
    bits = bytearray(max(listed, default=-1) // 8 + 1)
    for position in listed:
        bits[position // 8] |= 1 << position % 8
    return int.from_bytes(bits, "little")


def positions_in(mask: int) -> Iterator[int]:
    """Give the positions of a set, in rising order."""
    for place, byte in enumerate(_bytes_of(mask)):
        if byte:
            yield from (place * 8 + bit for bit in range(8) if byte >> bit & 1)


def below(end: int) -> int:
    """Return the set of all positions below `end`."""
    return (1 << end) - 1


def pack(mask: int) -> str:
    """Return a set as text; `""` is the empty one."""
    return base64.b64encode(zlib.compress(_bytes_of(mask), 9)).decode() if mask else ""


def unpack(text: str) -> int:
    """Return the set of a text."""
    return int.from_bytes(zlib.decompress(base64.b64decode(text)), "little") if text else 0


def _bytes_of(mask: int) -> bytes:
    return mask.to_bytes((mask.bit_length() + 7) // 8, "little")
