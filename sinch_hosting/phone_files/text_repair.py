"""Text that was decoded wrongly before it came here: `TÃ©lÃ©phone`, `202Â 555Â 0101`.

A program that reads UTF-8 as another encoding, and saves the result as UTF-8, encodes the text
twice. Such signs can be turned into the bytes that they come from. Where these are UTF-8 again,
that was meant.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache

# The usual encodings of Windows, the Mac and DOS.
LEGACY = ("cp1252", "mac_roman", "cp850", "cp437")
_BEYOND_ASCII = re.compile(r"[^\x00-\x7f]{2,}")
# A no-break space that lost its other half, or was read in the wrong encoding.
_LONELY = re.compile("(?<=[\\d).-])[\u00c2\u00ca\u00ff\u00e1\u2020](?=[\\s\\d(.-])|\u00c2(?=\\s)")
_LEFTOVERS = re.compile(
    "\u00c3[\u0080-\u00bf\u0192-\u2122]|\u00e2\u20ac|\u00c2(?=[\\s\\d]|\\Z)|\ufffd"
)


def mend(text: str) -> str:
    """Undo a double encoding where there is one, and leave all other text as it is."""
    if text.isascii():
        return text
    mended = _BEYOND_ASCII.sub(lambda run: _decoded_again(run[0]), text)
    return _LONELY.sub(" ", mended)


def is_damaged(text: str) -> bool:
    """Return whether a text has signs that come only from a wrong encoding."""
    return not text.isascii() and _LEFTOVERS.search(text) is not None


def _decoded_again(run: str) -> str:
    for codec in LEGACY:
        table = _bytes_of(codec)
        if not all(sign in table for sign in run):
            continue
        try:
            meant = bytes(table[sign] for sign in run).decode("utf-8")
        except UnicodeDecodeError:
            continue
        if all(_is_likely(sign) for sign in meant):
            return meant
    return run


def _is_likely(sign: str) -> bool:
    """Return whether a person or a program would have put this sign into a list of numbers."""
    category = unicodedata.category(sign)
    return category in {"Cf", "Zs", "Mn", "Pd", "Pi", "Pf", "Po", "So", "Sc"} or (
        category[0] == "L" and unicodedata.name(sign, "").startswith("LATIN")
    )


@cache
def _bytes_of(codec: str) -> dict[str, int]:
    """Return the byte of each sign; one that the codec leaves open stands for itself."""
    table = {}
    for byte in range(256):
        sign = bytes([byte]).decode(codec, errors="ignore") or chr(byte)
        table[sign] = byte
    return table
