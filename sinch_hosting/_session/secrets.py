"""Text and bytes that no `repr` shows, and how to take secrets out of a text."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any, SupportsIndex, cast

# More characters than these, of a secret's beginning at a text's end, count as a cut secret.
_TELLING = 8


class Secret(str):
    """Text that shows in no `repr`, nor formatted, nor in parts; aiohttp sends it as it is.

    Whatever a method makes of it (a slice, a line, a joined text, bytes) is secret, too.

    Not everything can be hidden: `"%s" % secret` and `"".join([secret])` show it, since the
    other text copies the characters and asks no method of this class. It is a `str` all the
    same: callers pass one as `key_secret`, and aiohttp takes nothing else as a header.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return "'***'"

    def __str__(self) -> str:
        return self

    def __format__(self, spec: str) -> str:
        return "***"

    def __getitem__(self, key: SupportsIndex | slice) -> Secret:
        return Secret(super().__getitem__(key))

    def __iter__(self) -> Iterator[Secret]:
        return map(Secret, super().__iter__())

    def reveal(self) -> str:
        """Return the plain text, which is for the service alone."""
        return "".join((self, ""))

    def __radd__(self, other: str) -> Secret:
        return Secret("".join((other, self)))

    def __reduce__(self) -> tuple[Any, ...]:
        return Secret, ("***",)  # neither a copy nor a pickle of something holds it

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, _: object) -> Secret:
        return self


class SecretBytes(bytes):
    """The same for a body that holds a secret."""

    def __repr__(self) -> str:
        return "b'***'"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return "***"

    def __bytes__(self) -> bytes:
        return self

    def __getitem__(self, key: Any) -> Any:
        return _hidden(super().__getitem__(key))

    def __radd__(self, other: bytes) -> SecretBytes:
        return SecretBytes(b"".join((other, self)))

    def __reduce__(self) -> tuple[Any, ...]:
        return SecretBytes, (b"***",)


def _hidden(made: object) -> object:
    """Return what was made of a secret, as a secret."""
    if isinstance(made, str):
        return Secret(made)
    if isinstance(made, bytes):
        return SecretBytes(made)
    if isinstance(made, (list, tuple)):
        return type(made)(map(_hidden, made))
    return made


def _hide_what_it_makes(kind: type[Any], base: type[Any]) -> None:
    makes = ("__add__", "__mul__", "__rmul__", "__mod__", *vars(base))
    for name in dict.fromkeys(makes):
        method = getattr(base, name, None)
        if method is None or name in vars(kind) or name in {"maketrans", "fromhex"}:
            continue
        if name.startswith("__") and name not in makes[:4]:
            continue
        setattr(kind, name, _hiding(cast("Callable[..., object]", method)))


def _hiding(method: Callable[..., object]) -> Callable[..., object]:
    def hidden(self: object, *args: object, **kwargs: object) -> object:
        return _hidden(method(self, *args, **kwargs))

    return hidden


_hide_what_it_makes(Secret, str)
_hide_what_it_makes(SecretBytes, bytes)


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
    secret = "".join((secret, ""))  # plain: a pattern is made of it
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
