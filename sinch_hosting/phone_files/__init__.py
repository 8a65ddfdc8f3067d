"""Phone numbers as people keep them, in files: read, understood and accounted for.

`read_phone_file` takes what a spreadsheet exports (any of Excel's encodings, any of
four delimiters, with or without a header) and answers a `PhoneSheet`: one `PhoneRecord`
for every row, with the number in E.164 where the row holds a US or Canadian number that
can be text-enabled, and with a reason where it does not. No row is dropped: accepted,
duplicate, rejected and blank records add up to the rows of the file.

It needs the `[cli]` extra, for `phonenumbers` reads the numbers.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
import unicodedata
from collections import Counter
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from .cells import NOTHING, NumberKind, Region, understand
from ..errors import SinchHostingError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = [
    "NumberKind",
    "PhoneFileError",
    "PhoneRecord",
    "PhoneSheet",
    "RecordOutcome",
    "Region",
    "read_phone_bytes",
    "read_phone_file",
]


class PhoneFileError(SinchHostingError, ValueError):
    """A file that cannot be read as phone numbers; the message says what to do next."""


class RecordOutcome(StrEnum):
    """What reading made of one row."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    REJECTED = "rejected"
    BLANK = "blank"


@attrs.frozen(kw_only=True)
class PhoneRecord:
    """One row of the file and what it holds.

    Attributes:
        row: The row's number as a spreadsheet shows it: 1 is the first row of the file,
            which is the header where there is one.
        raw: The phone cell exactly as the file has it, `""` where the row is too short.
        outcome: What reading made of the row.
        reason: Why it was not accepted, `""` where it was.
        phone_number: E.164 for accepted rows and duplicates, `None` otherwise.
        kind: Local or toll-free, set exactly where `phone_number` is.
        region: `"US"` (with its territories) or `"CA"`, set exactly where `phone_number` is.
    """

    row: int
    raw: str
    outcome: RecordOutcome
    reason: str = ""
    phone_number: str | None = None
    kind: NumberKind | None = None
    region: Region | None = None


@attrs.frozen(kw_only=True)
class PhoneSheet:
    """A whole file: how it was read, and one record for every row under its header.

    Attributes:
        name: The file's name, as errors and summaries show it.
        encoding: The Python codec that decoded it.
        delimiter: The character between its cells, `""` where it has one column.
        header: The header row's cells, `None` where the file has none.
        column: The phone column's index, from 0.
        other_columns: Indexes of further columns that hold phone numbers and were not read.
        records: One record for every row except the header, in the file's order.
    """

    name: str
    encoding: str
    delimiter: str
    header: tuple[str, ...] | None
    column: int
    other_columns: tuple[int, ...]
    records: tuple[PhoneRecord, ...]

    @property
    def rows(self) -> int:
        """How many rows the file has, not counting its header."""
        return len(self.records)

    @property
    def accepted(self) -> tuple[PhoneRecord, ...]:
        """The first record of every usable number, in the file's order."""
        return self._with(RecordOutcome.ACCEPTED)

    @property
    def duplicates(self) -> tuple[PhoneRecord, ...]:
        """Records whose number an earlier row already has."""
        return self._with(RecordOutcome.DUPLICATE)

    @property
    def rejected(self) -> tuple[PhoneRecord, ...]:
        """Records whose cell holds something else than one usable number."""
        return self._with(RecordOutcome.REJECTED)

    @property
    def blank(self) -> tuple[PhoneRecord, ...]:
        """Records with nothing in the phone column."""
        return self._with(RecordOutcome.BLANK)

    def column_name(self, column: int) -> str:
        """Name a column for a person: its header's text, else `column N` counted from 1.

        Args:
            column: The column's index, from 0.
        """
        if self.header is not None and column < len(self.header) and self.header[column].strip():
            return self.header[column].strip()
        return f"column {column + 1}"

    def _with(self, outcome: RecordOutcome) -> tuple[PhoneRecord, ...]:
        return tuple(record for record in self.records if record.outcome is outcome)


def read_phone_file(path: str | Path, *, column: str | int | None = None) -> PhoneSheet:
    """Read a file of phone numbers as a spreadsheet exports it.

    Args:
        path: A CSV or text file: UTF-8, UTF-16, UTF-32 or cp1252; `,`, `;`, tab or `|`.
        column: The phone column's header text (case is ignored) or its number counted
            from 1; without it the column is found by its header's name or by its content.
            It is needed where several columns hold numbers and no header tells which.

    Returns:
        The sheet, with one record for every row.

    Raises:
        PhoneFileError: The file is missing, a directory, unreadable, empty, not text, or
            has no phone column, or several that could be it.
    """
    path = Path(path)
    try:
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise PhoneFileError(f"{path}: there is no such file; check the path") from error
    except IsADirectoryError as error:
        raise PhoneFileError(f"{path}: is a directory; name a CSV file in it") from error
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise PhoneFileError(f"{path}: cannot be read: {why}") from error
    return read_phone_bytes(data, name=str(path), column=column)


def read_phone_bytes(
    data: bytes, *, name: str = "the file", column: str | int | None = None
) -> PhoneSheet:
    """Read the bytes of a file of phone numbers; see `read_phone_file`.

    Args:
        data: The whole file.
        name: What errors and summaries call it.
        column: As for `read_phone_file`.

    Returns:
        The sheet, with one record for every row.

    Raises:
        PhoneFileError: The bytes are empty, not text, or have no phone column or
            several that could be it.
    """
    try:
        text, encoding = _decode(data)
        text, delimiter = _find_delimiter(text)
        table = _read_table(text, delimiter)
        header_row, chosen = _find_columns(table, column)
    except PhoneFileError as error:
        raise PhoneFileError(f"{name}: {error}") from error.__cause__
    if header_row is not None and len(table) == 1:
        raise PhoneFileError(f"{name}: has a header and no rows under it; add the numbers")
    return PhoneSheet(
        name=name,
        encoding=encoding,
        delimiter="" if delimiter == _ONE_COLUMN else delimiter,
        header=None if header_row is None else tuple(table[header_row]),
        column=chosen,
        other_columns=_other_columns(table, chosen),
        records=tuple(_records(table, header_row, chosen)),
    )


# From bytes to text.

_SIGNATURES = {
    b"PK\x03\x04": "an .xlsx workbook or a zip archive",
    b"\xd0\xcf\x11\xe0": "an old .xls workbook",
    b"%PDF": "a PDF",
    b"\x1f\x8b": "a gzip archive",
}
# UTF-32's little-endian mark begins with UTF-16's, so it is asked first.
_BOMS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_SAMPLE_CHARACTERS = 65_536
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f]")


def _decode(data: bytes) -> tuple[str, str]:
    for signature, what in _SIGNATURES.items():
        if data.startswith(signature):
            raise PhoneFileError(f"is {what}, not text; open it and save the sheet as CSV")
    encoding = _encoding_of(data)
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        raise PhoneFileError(
            f"cannot be decoded as {encoding} (byte {error.start}); save it as 'CSV UTF-8'"
        ) from error
    text = text.lstrip("\ufeff").rstrip("\x1a")  # DOS programs end a file with Ctrl-Z
    if not text.strip():
        raise PhoneFileError("is empty; export the sheet with its numbers again")
    _refuse_controls(text)
    return text, encoding


def _refuse_controls(text: str) -> None:
    controls = Counter(_CONTROL.findall(text))
    zeros = controls.pop("\0", 0)
    if zeros and not controls:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise PhoneFileError(
            f"has a NUL character in line {line}, so it is damaged; save the sheet as CSV again"
        )
    if zeros or controls.total() * 100 > len(text):
        raise PhoneFileError(
            "is binary, or text full of control characters; open it and save the sheet as CSV"
        )


def _encoding_of(data: bytes) -> str:
    for mark, encoding in _BOMS.items():
        if data.startswith(mark):
            return encoding
    sample = data[:_SAMPLE_CHARACTERS]
    even, odd, half = sample[::2].count(0), sample[1::2].count(0), len(sample) // 2
    # Text without a mark that is mostly ASCII has a zero in every second byte of UTF-16.
    if half and len(data) % 2 == 0 and max(even, odd) > half * 0.4 > 8 * min(even, odd):
        return "utf-16-le" if odd > even else "utf-16-be"
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8"


# From text to a table.

_ONE_COLUMN = "\x1f"
_DELIMITERS = (",", ";", "\t", "|", _ONE_COLUMN)
_URI_PARAMETER = re.compile(r";(?:ext|isub|phone-context)=[^\s;,|]*", re.IGNORECASE)
_EXCEL_DIRECTIVE = re.compile(r'"?sep=([^\s\w"]|\t)"?(?:\r\n|\r|\n|\Z)', re.IGNORECASE)
_SAMPLE_ROWS = 200


def _find_delimiter(text: str) -> tuple[str, str]:
    """Answer the text without Excel's `sep=` line, and the delimiter between its cells."""
    if (directive := _EXCEL_DIRECTIVE.match(text)) is not None:
        rest = text[directive.end() :]
        if not rest.strip():
            raise PhoneFileError("holds nothing after its 'sep=' line; add the numbers")
        return rest, directive[1]
    sample = _URI_PARAMETER.sub("", text.lstrip("\r\n")[:_SAMPLE_CHARACTERS])
    return text, max(_DELIMITERS, key=lambda delimiter: _fit(sample, delimiter))


def _fit(sample: str, delimiter: str) -> tuple[int, float, bool, int]:
    """How well a delimiter explains the sample: numbers first, then shape, then names."""
    rows = (row for row in _split(sample, delimiter) if any(cell.strip() for cell in row))
    table = list(islice(rows, _SAMPLE_ROWS))
    if not table:
        return 0, 1.0, False, sample.count(delimiter)
    width, rows_of_it = Counter(map(len, table)).most_common(1)[0]
    # One column explains what no delimiter splits evenly, such as two numbers in one cell.
    even = rows_of_it / len(table) if width > 1 else 0.0
    shape = 0.5 if delimiter == _ONE_COLUMN else even
    numbers = _count_numbers(table)
    return max(numbers.values(), default=0), shape, bool(_headers(table)), width


def _split(text: str, delimiter: str) -> list[list[str]]:
    # A hand-written `, "cell"`; inside a quoted cell a quote is doubled or the last sign.
    spaced = re.search(rf'{re.escape(delimiter)} "[^"\r\n{re.escape(delimiter)}]', text)
    lines = io.StringIO(text, newline="")
    reader = csv.reader(lines, delimiter=delimiter, skipinitialspace=spaced is not None)
    table: list[list[str]] = []
    lines_read = 0
    try:
        for row in reader:
            table.append(row)
            lines_read = reader.line_num
    except csv.Error as error:
        # Only a cell beyond the csv module's limit gets here; an open quote makes one of lines.
        if reader.line_num - lines_read > 1:
            raise PhoneFileError(_where_quote_opens(table)) from error
        raise PhoneFileError(
            f"row {len(table) + 1} has a cell of more than {csv.field_size_limit():,} characters; "
            "shorten it, or leave its column out"
        ) from error
    return table


def _read_table(text: str, delimiter: str) -> list[list[str]]:
    """Split the whole text, and refuse a quote that swallows the rows after it."""
    end = "end-of-file"
    separator = "" if text.endswith(("\r", "\n")) else "\n"
    table = _split(f"{text}{separator}{end}", delimiter)
    if table.pop() != [end]:
        raise PhoneFileError(_where_quote_opens(table))
    return table


def _where_quote_opens(table: Sequence[object]) -> str:
    return (
        f"row {len(table) + 1} opens a quotation mark that is never closed; close it or remove it"
    )


# From a table to its phone column.

# fmt: off
_PHONE_WORDS = frozenset({
    "phone", "phones", "phonenumber", "phonenumbers", "phoneno", "phonenum", "telephone",
    "telephones", "telephonenumber", "tel", "telno", "telefon", "telefono", "telefone",
    "mobile", "mobilephone", "mobilenumber", "mobileno", "mobil", "movil", "cell",
    "cellphone", "cellnumber", "cellular", "celular", "homephone", "workphone", "landline",
    "portable", "handy", "msisdn", "did", "dids", "tn", "tns", "tfn", "tfns", "ani", "e164",
})
_OTHER_WORDS = frozenset({
    "type", "carrier", "provider", "fax", "ext", "extension", "country", "code", "verified",
    "valid", "email", "id", "date", "time", "status", "note", "notes", "remark", "remarks",
    "model", "count", "plan",
})
_OTHER_THINGS = _OTHER_WORDS | {
    "order", "orders", "orderid", "orderno", "ordernumber", "ids", "customerid", "userid", "uuid",
    "zip", "zipcode", "postal", "postcode", "plz", "account", "accountid", "accountno",
    "accountnumber", "acct", "invoice", "invoiceid", "invoiceno", "invoicenumber", "sku", "upc",
    "ean", "isbn", "serial", "imei", "ssn", "tax", "vat", "ein", "npi", "ref", "reference", "case",
    "ticket", "tracking", "transaction", "barcode", "product", "item", "part", "po", "purchase",
    "amount", "price", "total", "quantity", "timestamp", "created", "updated", "birth", "dob",
    "license", "licence", "policy", "member", "bestellung", "auftrag", "konto", "rechnung",
    "commande", "facture", "compte", "pedido", "factura", "cuenta",
}
# fmt: on
_NUMBER_NAMES = frozenset({"number", "numbers", "numero", "numeros", "nummer", "no", "nr"})
_PLACEHOLDERS = frozenset({"", "n a", "na", "tbc", "none", "null", "nil", "unknown", "tbd", "tba"})
_HEADER_ROWS = 10


def _find_columns(
    table: Sequence[Sequence[str]], column: str | int | None
) -> tuple[int | None, int]:
    """Answer the header's row index (`None` without one) and the phone column's index."""
    if column is not None:
        return _asked_column(table, column)
    headers = _headers(table)
    numbers = _count_numbers(table)
    most = max((numbers[named] for _, named in headers), default=0)
    for row, named in headers:
        well_filled = most and numbers[named] * 2 >= most
        if well_filled and not _PHONE_WORDS.isdisjoint(_words(table[row][named])):
            return row, named
    if numbers:
        by_content = _by_content(table, numbers, headers[0][0] if headers else 0)
        return _header_over(table, by_content, headers), by_content
    if headers:
        return headers[0]
    raise PhoneFileError(
        "no column holds US or Canadian phone numbers; "
        "head the right one with 'Phone', or check that this is the right file"
    )


def _by_content(table: Sequence[Sequence[str]], numbers: Counter[int], header_row: int) -> int:
    """The one column that holds the numbers, as no header names it; two alike are refused."""
    head = table[header_row]
    if any(understand(cell).is_number for cell in head):
        head = ()
    likely = [index for index in sorted(numbers) if not _names_another_thing(_cell(head, index))]
    if not likely:
        raise PhoneFileError(
            f"only {_listed(head, sorted(numbers))} could hold phone numbers, and that is headed "
            "as something else; choose a column with --column, by its header or its number"
        )
    most = max(numbers[index] for index in likely)
    rivals = [index for index in likely if numbers[index] * 2 >= most]
    if len(rivals) > 1:
        raise PhoneFileError(
            f"{_listed(head, rivals)} could each be the phone numbers, and no header names one; "
            "choose a column with --column, by its header or its number"
        )
    return rivals[0]


def _listed(head: Sequence[str], columns: Sequence[int]) -> str:
    """Columns for a person: header and number of each."""
    names = []
    for column in columns:
        title = _cell(head, column).strip()
        names.append(f"{title!r} (column {column + 1})" if title else f"column {column + 1}")
    return " and ".join(names)


def _asked_column(table: Sequence[Sequence[str]], column: str | int) -> tuple[int | None, int]:
    if isinstance(column, str) and not column.isdecimal():
        wanted = column.strip().casefold()
        for row, cells in enumerate(table[:_HEADER_ROWS]):
            for index, cell in enumerate(cells):
                if cell.strip().casefold() == wanted:
                    return row, index
        known = ", ".join(repr(cell) for cell in table[0])
        raise PhoneFileError(f"no column is headed {column!r}; its first row has {known}")
    index = int(column) - 1
    widest = max(len(row) for row in table)
    if not 0 <= index < widest:
        raise PhoneFileError(f"has no column {column}; its columns are 1 to {widest}")
    return _header_over(table, index, _headers(table)), index


def _headers(table: Sequence[Sequence[str]]) -> list[tuple[int, int]]:
    """Cells that name a phone column: row and column index, all from the first such row."""
    for row, cells in enumerate(table[:_HEADER_ROWS]):
        if any(understand(cell).is_number for cell in cells):
            return []
        named = [index for index, cell in enumerate(cells) if _names_phones(cell)]
        if named:
            return [(row, index) for index in named]
    return []


def _names_phones(cell: str) -> bool:
    words = _words(cell)
    if not words or len(words) > 6 or not _OTHER_WORDS.isdisjoint(words):
        return False
    return not _PHONE_WORDS.isdisjoint(words) or words in ([name] for name in _NUMBER_NAMES)


def _names_another_thing(cell: str) -> bool:
    words = _words(cell)
    return (
        len(words) <= 4 and _PHONE_WORDS.isdisjoint(words) and not _OTHER_THINGS.isdisjoint(words)
    )


def _words(cell: str) -> list[str]:
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", cell)
    plain = unicodedata.normalize("NFKD", spaced).encode("ascii", "ignore").decode()
    return re.findall(r"[a-z]+\d*|\d+", plain.casefold())


def _header_over(
    table: Sequence[Sequence[str]], column: int, headers: list[tuple[int, int]]
) -> int | None:
    """Whether the first row is a header though none of its cells names phones."""
    if headers:
        return headers[0][0]
    cell = _cell(table[0], column)
    placeholder = " ".join(_words(cell)) in _PLACEHOLDERS
    return None if placeholder or any(sign.isdigit() for sign in cell) else 0


def _count_numbers(table: Sequence[Sequence[str]]) -> Counter[int]:
    """How many cells of each column hold a phone number, in a sample or else everywhere."""
    for rows in (table[:_SAMPLE_ROWS], table[_SAMPLE_ROWS:]):
        numbers = Counter(
            index for row in rows for index, cell in enumerate(row) if understand(cell).is_number
        )
        if numbers:
            return numbers
    return Counter()


def _other_columns(table: Sequence[Sequence[str]], chosen: int) -> tuple[int, ...]:
    numbers = _count_numbers(table)
    enough = numbers[chosen] / 10
    return tuple(sorted(index for index in numbers if index != chosen and numbers[index] > enough))


def _records(
    table: Sequence[Sequence[str]], header_row: int | None, column: int
) -> Iterator[PhoneRecord]:
    first_rows: dict[str, int] = {}
    for row, cells in enumerate(table, 1):
        if header_row is not None and row == header_row + 1:
            continue
        raw = _cell(cells, column)
        cell = understand(raw)
        if cell.phone_number is None:
            outcome = RecordOutcome.BLANK if cell is NOTHING else RecordOutcome.REJECTED
            yield PhoneRecord(row=row, raw=raw, outcome=outcome, reason=cell.reason)
            continue
        first = first_rows.setdefault(cell.phone_number, row)
        yield PhoneRecord(
            row=row,
            raw=raw,
            outcome=RecordOutcome.ACCEPTED if first == row else RecordOutcome.DUPLICATE,
            reason="" if first == row else f"the same number as row {first}",
            phone_number=cell.phone_number,
            kind=cell.kind,
            region=cell.region,
        )


def _cell(cells: Sequence[str], column: int) -> str:
    return cells[column] if column < len(cells) else ""
