"""Reports about many numbers: short texts, and CSV files in which no cell is a formula."""

from __future__ import annotations

import csv
import io
import os
import re
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path
from secrets import token_hex

# Some spreadsheets read the full-width forms of these characters alike.
_FORMULA = re.compile(r"\s*[=@+\-\uff1d\uff20\uff0b\uff0d]|[\t\r\n]")
_NUMBER = re.compile(r"\s*[+-]?[\s\d().,/-]*")


def harmless(cell: str) -> str:
    """Return a cell that no spreadsheet runs as a formula.

    A cell that looks like a formula gets an apostrophe in front, as one would type it. Numbers
    stay as they are.
    """
    if _FORMULA.match(cell) is None or _NUMBER.fullmatch(cell) is not None:
        return cell
    return "'" + cell


def few_of(texts: Sequence[str]) -> str:
    """Return the first three texts and how many more there are, for a log or an error."""
    few = ", ".join(texts[:3])
    return few if len(texts) <= 3 else f"{few} and {len(texts) - 3} more"


def as_csv(columns: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    """Return CSV (RFC 4180) with a header, in which every cell is harmless."""
    text = io.StringIO(newline="")
    table = csv.writer(text)
    table.writerow(columns)
    table.writerows([harmless(str(cell)) for cell in row] for row in rows)
    return text.getvalue()


def write_whole(path: Path, text: str) -> None:
    """Write a file in UTF-8: afterwards it holds all of the text, or what it held before.

    The text is written to a new file beside it, which then replaces it and gets its permissions.
    A link stays a link. A pipe or a device is written directly, and so is a file in a folder in
    which no file can be made.

    Raises:
        OSError: the file cannot be written.
    """
    target = path.resolve()
    unfinished = target.with_name(f".{token_hex(8)}.new")
    is_special = target.exists() and not target.is_file()
    try:
        file = None if is_special else unfinished.open("x", encoding="utf-8", newline="")
    except PermissionError:
        file = None
    if file is None:
        target.write_text(text, encoding="utf-8", newline="")
        return
    try:
        with file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        if target.exists():
            shutil.copymode(target, unfinished)
        os.replace(unfinished, target)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
