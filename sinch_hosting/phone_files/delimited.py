"""Text with a delimiter between its cells: CSV, TSV, and files that only look like them.

The delimiter is the one that explains a sample best: the one that isolates most numbers, then
the one that gives rows of equal width, then the one that gives a header. The rows are
streamed: each call of `Table.rows` goes through the file once more.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from itertools import islice
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

import attrs

from . import encodings
from .headers import count_numbers, names_phones
from .records import PhoneFileError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_ONE_COLUMN = "\x1f"
_DELIMITERS = (",", ";", "\t", "|", _ONE_COLUMN)
_URI_PARAMETER = re.compile(r";(?:ext|isub|phone-context)=[^\s;,|]*", re.IGNORECASE)
_EXCEL_DIRECTIVE = re.compile(r'"?sep=([^\s\w"]|\t)"?(?:\r\n|\r|\n|\Z)', re.IGNORECASE)
_TABS = re.compile(r"\t+")
_SAMPLE_ROWS = 200
_MOST_COLUMNS = 16_384  # Excel's
_END = "end-of-file"


@attrs.frozen(kw_only=True)
class Table:
    """The rows of a file, and how it was read.

    Attributes:
        rows: Goes through the rows from the first one; one pass at a time.
        encoding: The Python codec that decoded it; for a workbook its kind.
        delimiter: The character between the cells, `""` where there is none.
        sheet: The workbook's sheet, `None` for other files.
        notes: What a person should know about how it was read.
    """

    rows: Callable[[], Iterator[list[str]]]
    encoding: str
    delimiter: str = ""
    sheet: str | None = None
    notes: tuple[str, ...] = ()


def open_delimited(stream: BinaryIO, encoding: encodings.Encoding) -> Table:
    """Find the delimiter of a text.

    Args:
        stream: The file, seekable; it stays open while rows are read.
        encoding: How it is decoded.
    """
    sample = encodings.beginning(stream, encoding)
    skipped = 0
    aligned = False
    if (directive := _EXCEL_DIRECTIVE.match(sample)) is not None:
        delimiter, sample, skipped = directive[1], sample[directive.end() :], 1
        if not sample.strip():
            raise PhoneFileError("holds nothing after its 'sep=' line; add the numbers")
    else:
        plain = _URI_PARAMETER.sub("", sample.lstrip("\r\n"))
        delimiter = _best_delimiter(plain)
        aligned = delimiter == "\t" and _is_aligned(sample)
    spaced = _has_spaced_quotes(sample, delimiter)

    def rows() -> Iterator[list[str]]:
        lines = islice(encodings.lines(stream, encoding), skipped, None)
        return _rows(map(_aligned, lines) if aligned else lines, delimiter, spaced)

    return Table(
        rows=rows,
        encoding=encoding.codec,
        delimiter="" if delimiter == _ONE_COLUMN else delimiter,
        notes=(encoding.note,) if encoding.note else (),
    )


def _best_delimiter(sample: str) -> str:
    fits = {delimiter: _fit(sample, delimiter) for delimiter in _DELIMITERS}
    # An even table with a header is no single column, though its cells joined may give numbers.
    if any(fit.named and fit.shape >= 0.8 and fit.width > 1 for fit in fits.values()):
        fits = {delimiter: fit for delimiter, fit in fits.items() if fit.width > 1}
    return max(fits, key=lambda delimiter: fits[delimiter])


def _is_aligned(sample: str) -> bool:
    """Return whether tabs are repeated between cells, as many as make the columns look straight."""
    joined = _fit(_aligned(sample), "\t").shape
    return "\t\t" in sample and joined == 1 > _fit(sample, "\t").shape


def _aligned(text: str) -> str:
    return _TABS.sub("\t", text)


class _Fit(NamedTuple):
    """How well a delimiter explains a sample: numbers first, then shape, then names."""

    numbers: int
    shape: float
    named: bool
    width: int


def _fit(sample: str, delimiter: str) -> _Fit:
    lines = io.StringIO(sample, newline="")
    spaced = _has_spaced_quotes(sample, delimiter)
    reader = csv.reader(lines, delimiter=delimiter, skipinitialspace=spaced)
    table = list(islice((row for row in reader if any(map(str.strip, row))), _SAMPLE_ROWS))
    if not table:
        return _Fit(0, 0.9, False, sample.count(delimiter))
    width, rows_of_it = Counter(map(len, table)).most_common(1)[0]
    # One column explains what no delimiter splits evenly, such as two numbers in one cell.
    even = rows_of_it / len(table) if width > 1 else 0.0
    return _Fit(
        numbers=max(count_numbers(table).values(), default=0),
        shape=0.5 if delimiter == _ONE_COLUMN else even,
        named=any(names_phones(cell) for row in table[:10] for cell in row),
        width=width,
    )


def _has_spaced_quotes(sample: str, delimiter: str) -> bool:
    # A hand-written `, "cell"`; inside a quoted cell a quote is doubled or the last sign.
    sign = re.escape(delimiter)
    return re.search(rf'{sign} "[^"\r\n{sign}]', sample) is not None


def _rows(lines: Iterator[str], delimiter: str, spaced: bool) -> Iterator[list[str]]:
    """Split the lines; refuse a quote that is never closed, since it hides the rows after it."""
    reader = csv.reader(_with_end(lines), delimiter=delimiter, skipinitialspace=spaced)
    number = lines_read = 0
    row: list[str] = []
    try:
        for following in reader:
            if number:
                yield row
            row = following
            number += 1
            if len(row) > _MOST_COLUMNS:
                raise PhoneFileError(
                    f"row {number} has {len(row):,} cells; put each number in a row of its own"
                )
            lines_read = reader.line_num
    except csv.Error as error:
        # Only a cell beyond the csv module's limit gets here; an open quote makes one of lines.
        if reader.line_num - lines_read > 1:
            raise PhoneFileError(_where_quote_opens(number + 1)) from error
        raise PhoneFileError(
            f"row {number + 1} has a cell of more than {csv.field_size_limit():,} characters; "
            "shorten it, or leave its column out"
        ) from error
    if row != [_END]:
        raise PhoneFileError(_where_quote_opens(number))


def _with_end(lines: Iterator[str]) -> Iterator[str]:
    """Add a last row that shows whether a quote was left open."""
    for line in lines:
        yield line if line[-1:] in {"\n", "\r"} else f"{line}\n"
    yield _END


def _where_quote_opens(row: int) -> str:
    return f"row {row} opens a quotation mark that is never closed; close it or remove it"
