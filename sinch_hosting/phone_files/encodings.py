"""From bytes to text: which encoding a file is in, and its lines.

A byte order mark decides. Without one, bytes that are valid UTF-8 are UTF-8, and zeros in
every second byte are UTF-16. What is left comes from older programs. Nothing in such a file
names its encoding, so each candidate is judged by what it makes of the letters: `Téléphone`
is a likelier header than `TŽlŽphone`. Windows' encoding is taken unless another one is better.
"""

from __future__ import annotations

import codecs
import io
import re
import unicodedata
from itertools import pairwise
from typing import TYPE_CHECKING, BinaryIO

import attrs

from .records import PhoneFileError
from .text_repair import LEGACY

if TYPE_CHECKING:
    from collections.abc import Iterator

# UTF-32's little-endian mark begins with UTF-16's, so it is asked first.
_BOMS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_NAMES = {"mac_roman": "an old Macintosh", "cp850": "DOS", "cp437": "DOS"}
SAMPLE = 65_536
_CHUNK = 1 << 20
_LONGEST_LINE = 1 << 20
_JUDGED_LINES = 2_000
_JUDGED_BYTES = 500  # of a line
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
_LINES = re.compile(rb"[^\r\n]+")
_BEYOND_ASCII = re.compile(rb"[\x80-\xff]")
_SURROGATE = re.compile("[\udc80-\udcff]")
_ODD = frozenset(
    "\u0192\u02c6\u02dc\u2020\u2021\u2030\u2039\u203a\u201a\u201e"
    "\u00a4\u00a8\u00b8\u00a6\u00aa\u00ba"
)
_DASHES = frozenset("\u2013\u2014\u2010\u2011")
_INITIALS = frozenset(
    "\u00e9\u00e8\u00e0\u00e7\u00f6\u00fc\u00e4\u00e5\u00f8\u00f3\u00ed\u00e1\u00fa\u00f1"
)
_USUAL = _INITIALS | frozenset(
    "\u00ea\u00eb\u00ee\u00ef\u00f4\u00fb\u00f9\u00e2\u00e3\u00f5\u00df"
    "\u00c9\u00c8\u00c0\u00c7\u00d6"
    "\u00dc\u00c4\u00c5\u00d8\u00d1\u00c1\u00d3\u00cd\u00da\u00ca\u00ce\u00d4"
)


@attrs.frozen
class Encoding:
    """How a file's bytes are decoded."""

    codec: str
    legacy: str | None = None
    """The encoding of those lines that are not UTF-8, where the file has both."""

    @property
    def note(self) -> str | None:
        """Return what a person should know about the encoding; `None` for the usual ones."""
        if self.legacy is not None:
            return f"most lines are UTF-8 and some are {self.legacy}; each was read as what it is"
        if self.codec in _NAMES:
            return (
                f"the file comes from {_NAMES[self.codec]} ({self.codec}): "
                "read as Windows' cp1252 its letters are odd"
            )
        return None


def find_encoding(stream: BinaryIO) -> Encoding:
    """Find the encoding of a file, and check that it decodes the file to its end.

    Raises:
        PhoneFileError: The file is empty, not text, or damaged.
    """
    stream.seek(0)
    sample = stream.read(SAMPLE)
    encoding = _by_mark(sample, stream)
    if encoding is None:
        try:
            _check(stream, encoding := Encoding("utf-8"))
        except UnicodeDecodeError:
            encoding = _older(stream)
        else:
            return encoding
    try:
        _check(stream, encoding)
    except UnicodeDecodeError as error:
        raise PhoneFileError(
            f"cannot be decoded as {encoding.codec} (byte {error.start}); save it as 'CSV UTF-8'"
        ) from error
    return encoding


def beginning(stream: BinaryIO, encoding: Encoding) -> str:
    """Return the first characters of a file, in whole lines where it has them."""
    stream.seek(0)
    errors = "strict" if encoding.legacy is None else "replace"
    text = io.TextIOWrapper(stream, encoding.codec, errors, newline="")
    sample = text.read(SAMPLE).lstrip("\ufeff")
    text.detach()
    whole = max(sample.rfind("\n"), sample.rfind("\r")) + 1
    return sample[:whole] if whole and len(sample) > SAMPLE // 2 else sample


def lines(stream: BinaryIO, encoding: Encoding) -> Iterator[str]:
    """Decode a file line by line, each with its line ending.

    Raises:
        PhoneFileError: A line is too long to be a row of a table.
    """
    stream.seek(0)
    errors = "strict" if encoding.legacy is None else "surrogateescape"
    text = io.TextIOWrapper(stream, encoding.codec, errors, newline="")
    try:
        number = 1
        line = text.readline(_LONGEST_LINE).lstrip("\ufeff")
        while line:
            if len(line) >= _LONGEST_LINE:
                raise PhoneFileError(
                    f"line {number} has more than {_LONGEST_LINE:,} characters, so this is no "
                    "table; put each number in a row of its own"
                )
            if encoding.legacy is not None and _SURROGATE.search(line):
                line = line.encode("utf-8", "surrogateescape").decode(encoding.legacy, "replace")
            if line[-1] == "\x1a":  # DOS programs end a file with Ctrl-Z
                line = line.rstrip("\x1a")
            if line:
                yield line
            line = text.readline(_LONGEST_LINE)
            number += 1
    finally:
        if not stream.closed:  # the stream outlives this pass through it
            text.detach()


def _by_mark(sample: bytes, stream: BinaryIO) -> Encoding | None:
    for mark, codec in _BOMS.items():
        if sample.startswith(mark):
            return Encoding(codec)
    even, odd, half = sample[::2].count(0), sample[1::2].count(0), len(sample) // 2
    # Text without a mark that is mostly ASCII has a zero in every second byte of UTF-16.
    zeros = half and max(even, odd) > half * 0.4 > 8 * min(even, odd)
    if zeros and stream.seek(0, io.SEEK_END) % 2 == 0:
        return Encoding("utf-16-le" if odd > even else "utf-16-be")
    return None


def _check(stream: BinaryIO, encoding: Encoding) -> None:
    """Decode the whole file once, and refuse what is empty, binary or damaged."""
    stream.seek(0)
    errors = "strict" if encoding.legacy is None else "surrogateescape"
    decoder = codecs.getincrementaldecoder(encoding.codec)(errors)
    controls = _Controls()
    read = 0
    while True:
        chunk = stream.read(_CHUNK)
        read += len(chunk)
        try:
            text = decoder.decode(chunk, final=not chunk)
        except UnicodeDecodeError as error:
            error.start += read - len(error.object)
            raise
        controls.add(text)
        if not chunk:
            break
    controls.finish()


class _Controls:
    """Counts control characters: text has none, and many of them mean a binary file."""

    def __init__(self) -> None:
        self._characters = self._lines = self._others = self._zeros = 0
        self._line_of_zero = self._last = 0
        self._empty = True

    def add(self, text: str) -> None:
        self._characters += len(text)
        if text:  # DOS programs end a file with Ctrl-Z
            self._last = len(text) - len(text.rstrip("\x1a"))
        self._empty = self._empty and not text.strip("\ufeff\x1a \t\r\n\v\f")
        if _CONTROL.search(text) is not None:
            found = _CONTROL.findall(text)
            zeros = found.count("\0")
            if zeros and not self._zeros:
                self._line_of_zero = self._lines + text.count("\n", 0, text.index("\0")) + 1
            self._zeros += zeros
            self._others += len(found) - zeros
            if self._zeros and self._others > self._last:
                self.finish()  # binary for sure: the rest need not be read
        self._lines += text.count("\n")

    def finish(self) -> None:
        if self._empty:
            raise PhoneFileError("is empty; export the sheet with its numbers again")
        others = self._others - self._last
        if self._zeros and not others:
            raise PhoneFileError(
                f"has a NUL character in line {self._line_of_zero}, so it is damaged; "
                "save the sheet as CSV again"
            )
        if self._zeros or others * 100 > self._characters:
            raise PhoneFileError(
                "is binary, or text full of control characters; open it and save the sheet as CSV"
            )


def _older(stream: BinaryIO) -> Encoding:
    """Choose among the encodings of older programs by the letters that each one gives."""
    judged: list[bytes] = []
    some_utf_8 = False
    stream.seek(0)
    for whole in _lines_of(stream):
        if (first := _BEYOND_ASCII.search(whole)) is None:
            continue
        line = whole if len(whole) < _JUDGED_BYTES else whole[first.start() :][:_JUDGED_BYTES]
        if _decode(line, "utf-8") is not None:
            some_utf_8 = True
        elif len(judged) < _JUDGED_LINES:
            judged.append(line)
        if some_utf_8 and len(judged) == _JUDGED_LINES:
            break
    best = max(LEGACY, key=lambda codec: _plausibility(judged, codec))
    windows = _plausibility(judged, "cp1252")
    if best != "cp1252" and _plausibility(judged, best) <= max(windows, 0):
        best = "cp1252"
    return Encoding("utf-8", best) if some_utf_8 else Encoding(best)


def _lines_of(stream: BinaryIO) -> Iterator[bytes]:
    while chunk := stream.read(_CHUNK) + stream.readline(_CHUNK):
        yield from _LINES.findall(chunk)


def _decode(line: bytes, codec: str) -> str | None:
    try:
        return line.decode(codec)
    except UnicodeDecodeError:
        return None


def _plausibility(judged: list[bytes], codec: str) -> float:
    texts = [_decode(line, codec) for line in judged]
    if None in texts:
        return float("-inf")
    return sum(
        _fit(before, sign, after)
        for text in texts
        for (before, sign), after in zip(pairwise(f" {text}"), f"{text} "[1:], strict=True)
        if sign > "\x7f"
    )


def _fit(before: str, sign: str, after: str) -> int:
    """Return how well a sign fits between its neighbours: from 2, a letter in a word, to -2.

    A sign between digits that no number holds gives so little that it decides alone.
    """
    between_letters = before.isalpha() and after.isalpha()
    by_digit = before in "0123456789)" or after in "0123456789("
    if sign == "\xa0":
        return 1 if by_digit else -2 if between_letters and after.islower() else 0
    if before.isdecimal() and after.isdecimal() and sign not in _DASHES:
        return -20  # nobody writes such a sign within a number, whatever the words look like
    if sign in _ODD:
        return -1
    if sign.isalpha():
        return -2 if by_digit else _fit_of_letter(before, sign, after)
    if between_letters:
        return 2 if sign == "\u2019" else -2
    return int(by_digit and sign in _DASHES)


def _fit_of_letter(before: str, sign: str, after: str) -> int:
    if not unicodedata.name(sign, "").startswith("LATIN"):
        return -2
    if not before.isalpha() and not after.isalpha():
        return -1
    if (sign.isupper() and before.islower()) or (sign.islower() and after.isupper()):
        return -2
    if sign.isupper():
        return 2 if sign in _USUAL else 0
    return 2 if sign in (_USUAL if before.isalpha() else _INITIALS) else 1
