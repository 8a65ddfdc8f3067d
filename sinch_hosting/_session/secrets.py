"""Text and bytes that no `repr` shows, and how to take secrets out of a text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Self

# More characters than these, of a secret's beginning at a text's end, count as a cut secret.
_TELLING = 8


class Secret(str):
    """Text whose characters are stars; `reveal` alone returns the real ones.

    Whatever is made of it (a part, a joined or formatted text, bytes, JSON) is made of the stars,
    so what sends it reveals it at the last moment. It equals its real text, and is false where
    that is empty.
    """

    __slots__ = ("_text",)
    _text: str

    def __new__(cls, text: str) -> Self:
        self = super().__new__(cls, "***" if text else "")
        self._text = plain(text)
        return self

    def reveal(self) -> str:
        """Return the plain text, which is for the service alone."""
        return self._text

    def __eq__(self, other: object) -> bool:
        return isinstance(other, str) and self._text == plain(other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash(self._text)

    def __reduce__(self) -> tuple[type[Self], tuple[str]]:
        return type(self), ("***",)  # a pickle does not hold it

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, _: object) -> Self:
        return self


class SentSecret(Secret):
    """A secret as aiohttp takes it, in a header or as an address: it writes `str()` of the value.

    Nothing else reveals it; the request of aiohttp is the one place for it.
    """

    __slots__ = ()

    def __str__(self) -> str:
        return self._text

    def __radd__(self, other: str) -> str:
        return other + self._text  # where aiohttp has no extension in C, it adds the values

    def __format__(self, _: str) -> str:
        return "***"


class SecretBytes:
    """The bytes of a body that holds a secret; `reveal` alone returns them."""

    __slots__ = ("_bytes",)

    def __init__(self, body: bytes) -> None:
        self._bytes = body

    def reveal(self) -> bytes:
        """Return the plain bytes, which are for the service alone."""
        return self._bytes

    def __repr__(self) -> str:
        return "b'***'"

    def __reduce__(self) -> tuple[type[Self], tuple[bytes]]:
        return type(self), (b"***",)


def plain(text: str) -> str:
    """Return the characters of a text, the real ones of a secret."""
    return text.reveal() if isinstance(text, Secret) else "".join((text, ""))


def mask(text: str, secrets: Iterable[str]) -> str:
    """Return a text without the secrets, as they are or as JSON, a URL or HTML writes them."""
    # All are looked for in the text as it came: one may hold another, or begin with it, and
    # masking that first would leave the rest.
    shown, end = "", 0
    for first, last in sorted(place for secret in secrets for place in _places(text, secret)):
        if first >= end:
            shown += text[end:first] + "***"
        end = max(end, last)
    return shown + text[end:]


def _places(text: str, secret: str) -> Iterator[tuple[int, int]]:
    """Return where a secret is in a text, or its beginning at the end of a text that was cut."""
    secret = plain(secret)
    if len(text) >= len(secret):  # no spelling is shorter
        for found in re.finditer("".join(map(_spellings, secret)), text):
            yield found.span()
    for length in range(min(len(secret) - 1, len(text)), _TELLING, -1):
        if text.endswith(secret[:length]):
            yield len(text) - length, len(text)
            return


def _spellings(character: str) -> str:
    """Return a pattern for a character, as it is or escaped."""
    if character.isalnum() and character.isascii():
        return character
    import html  # noqa: PLC0415 - its tables of entities take time to load

    units = character.encode("utf-16-be").hex()
    in_json = "".join(rf"\\+u{units[at : at + 4]}" for at in range(0, len(units), 4))
    in_url = "".join(f"%{byte:02x}" for byte in character.encode())
    in_html = rf"{re.escape(html.escape(character))}|&#0*{ord(character)};|&#x0*{ord(character):x};"
    return rf"(?i:\\*{re.escape(character)}|{in_json}|{in_url}|{in_html})"
