"""What is not a table: files of other programs, known by their first bytes.

A vCard that is read as text gives the numbers of other people, and a PDF gives an error that
nobody understands. So the error names each kind of file that people choose by mistake, and says
what to do.
"""

from __future__ import annotations

import io
import re
import zipfile
from typing import BinaryIO

from .records import PhoneFileError

_SAVE = "open it and save the sheet as CSV"
_COPY = "copy its numbers into a spreadsheet and save that as CSV"
_EXPORT = "export the table as CSV"
_TYPE = "type its numbers into a spreadsheet and save that as CSV"
_UNPACK = "unpack it and use the file that is in it"
_UNPACK_CSV = f"{_UNPACK}, as CSV"
_RIGHT = "choose the file with the numbers"

_OLD_WORKBOOK = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ZIP = b"PK\x03\x04"
_BINARY: dict[bytes, tuple[str, str]] = {
    b"\xd0\xcf\x11\xe0": ("a damaged workbook or another file of an old Office program", _SAVE),
    b"%PDF": ("a PDF", _COPY),
    b"%!PS": ("a PostScript file", _COPY),
    b"{\\rtf": ("a rich text document (RTF)", "open it and save it as plain text, or as CSV"),
    b"PK\x05\x06": ("an empty zip archive", _RIGHT),
    b"PK\x07\x08": ("a part of a zip archive", _UNPACK),
    b"\x1f\x8b": ("a gzip archive", _UNPACK_CSV),
    b"BZh91AY": ("a bzip2 archive", _UNPACK_CSV),
    b"\xfd7zXZ": ("an xz archive", _UNPACK_CSV),
    b"\x28\xb5\x2f\xfd": ("a zstd archive", _UNPACK_CSV),
    b"7z\xbc\xaf\x27\x1c": ("a 7z archive", _UNPACK_CSV),
    b"Rar!": ("a RAR archive", _UNPACK_CSV),
    b"SQLite format 3": ("an SQLite database", _EXPORT),
    b"PAR1\x15": ("a Parquet file", _EXPORT),
    b"Obj\x01": ("an Avro file", _EXPORT),
    b"ARROW1": ("an Arrow or Feather file", _EXPORT),
    b"FEA1": ("a Feather file", _EXPORT),
    b"\x89HDF": ("an HDF5 file", _EXPORT),
    b"\x00\x01\x00\x00Standard": ("an Access database", _EXPORT),
    b"!BDN": ("an Outlook mailbox (.pst)", "export its contacts as CSV"),
    b"bplist00": ("a binary property list of a Mac", _RIGHT),
    b"\x00\x05\x16\x07": ("a Mac's AppleDouble file (resource fork, ._name)", _RIGHT),
    b"\x00\x05\x16\x00": ("a Mac's AppleSingle file (resource fork)", _RIGHT),
    b"\x89PNG": ("a picture (PNG)", _TYPE),
    b"\xff\xd8\xff": ("a picture (JPEG)", _TYPE),
    b"GIF8": ("a picture (GIF)", _TYPE),
    b"II*\x00": ("a picture (TIFF)", _TYPE),
    b"MM\x00*": ("a picture (TIFF)", _TYPE),
    b"L\x00\x00\x00\x01\x14\x02": ("a Windows shortcut", "choose the file that it points to"),
    b"\x09\x00\x04\x00": ("a workbook of Excel 2", _SAVE),
    b"\x09\x02\x06\x00": ("a workbook of Excel 3", _SAVE),
    b"\x09\x04\x06\x00": ("a workbook of Excel 4", _SAVE),
    b"\x00\x00\x1a\x00": ("a Lotus 1-2-3 workbook", _SAVE),
    b"\x00\x00\x02\x00": ("a Lotus 1-2-3 workbook", _SAVE),
    b"\x7fELF": ("a program", _RIGHT),
    b"MZ\x90": ("a program", _RIGHT),
}

_WEB_TAG = (
    r"<(?:!doctype\s+html|html|head|body|table|thead|tbody|tr|td|meta|title|style|div|script)\b"
)
_MARKUP: tuple[tuple[str, str, str], ...] = (
    (rf"(?:<!--.*?-->\s*)*{_WEB_TAG}", "a web page (HTML)", _SAVE),
    (r"<\?xml[^>]*\?>.{0,2000}?<html\b", "a web page (HTML)", _SAVE),
    (
        r"<\?xml[^>]*\?>.{0,2000}?(?:<\?mso-application|<(?:\w+:)?Workbook\b)",
        "an XML workbook of Excel 2003",
        _SAVE,
    ),
    (r"<(?:ss:)?Workbook\b", "an XML workbook of Excel 2003", _SAVE),
    (r"<\?xml\b|<!doctype\b", "an XML file", _EXPORT),
    (r"<[A-Za-z_][\w:.-]*(?:\s+[\w:.-]+\s*=\s*[\"'][^>]*)?>\s*<[A-Za-z_]", "an XML file", _EXPORT),
    (
        r"(?:from:\s*<saved by [^>]*>|mime-version:)(?=.*(?:text/html|x-document-type))",
        "a web page saved as one file (MHT)",
        _SAVE,
    ),
    (
        r"(?:[\w-]+:[^\n]*\n(?:[ \t]+[^\n]*\n)*){0,40}?(?:message-id|mime-version|return-path):\s",
        "an e-mail",
        _COPY,
    ),
    (r"begin:vcalendar", "a calendar (.ics)", _RIGHT),
    (r"(?:version:\s*1\s+)?(?:#[^\n]*\n\s*)*dn::?\s*\w+=", "an LDIF directory export", _EXPORT),
    (r"\{\\rtf", "a rich text document (RTF)", "open it and save it as plain text, or as CSV"),
    (r"\{\s*(?:\"|\})", "JSON", "export the numbers as CSV"),
    (r"\[\s*(?:[\"{\[]|\+?\d{7,}\s*,|\])", "JSON", "export the numbers as CSV"),
    (r"\[\s*'", "a printed Python list", "write each number in a row of its own, as CSV"),
    (
        r"(?:--[^\n]*\n\s*|/\*.*?\*/;?\s*)*(?:insert\s+into\s|create\s+table\s|drop\s+table\s"
        r"|copy\s+\S+\s+\([^)]*\)\s+from\s|--[^\n]*\b(?:sql|dump)\b)",
        "an SQL dump",
        _EXPORT,
    ),
    (r"ID;P[\w;]*\s+[BCFOPE];", "a SYLK file (.slk)", _SAVE),
    (r"TABLE\s+0,1\s", "a DIF file", _SAVE),
    (r"\[internetshortcut\]", "a Windows shortcut to a web page", "open the page and export CSV"),
    (r"version https://git-lfs", "a placeholder of Git LFS", "fetch the file itself with git lfs"),
)
_MARKUP_PATTERNS = tuple(
    (re.compile(pattern, re.IGNORECASE | re.DOTALL), what, advice)
    for pattern, what, advice in _MARKUP
)
VCARD = re.compile(r"\s*(?:\w+\.)?begin:\s*vcard\b", re.IGNORECASE)


def refuse_binary(head: bytes) -> None:
    """Refuse a file of another program by its first bytes.

    Raises:
        PhoneFileError: It is one; the message names it.
    """
    for signature, (what, advice) in _BINARY.items():
        if head.startswith(signature):
            raise PhoneFileError(f"is {what}: {advice}")


def refuse_markup(text: str) -> None:
    """Refuse text that is no table by how it begins.

    Raises:
        PhoneFileError: It is one of those; the message names it.
    """
    beginning = text[:8_192].lstrip("\ufeff \t\r\n")
    for pattern, what, advice in _MARKUP_PATTERNS:
        if pattern.match(beginning) is not None:
            raise PhoneFileError(f"is {what}: {advice}")


def workbook_kind(stream: BinaryIO, head: bytes) -> str | None:
    """Return the kind of workbook that a file is, such as `xlsx`, or `None`.

    Raises:
        PhoneFileError: It is a zip archive of something else; the message names it.
    """
    if head.startswith(_OLD_WORKBOOK):
        return "xls"
    if not head.startswith(_ZIP):
        return None
    stream.seek(0, io.SEEK_SET)
    try:
        with zipfile.ZipFile(stream) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise PhoneFileError(
            "is a damaged .xlsx workbook or zip archive: fetch it again, or save the sheet as CSV"
        ) from error
    return _kind_of_archive(names)


def _kind_of_archive(names: list[str]) -> str:
    held = frozenset(names)
    if "xl/workbook.xml" in held:
        return "xlsx"
    if "xl/workbook.bin" in held:
        return "xlsb"
    if "content.xml" in held and "mimetype" in held:
        return "ods"
    if any(name.endswith(".iwa") for name in names):
        raise PhoneFileError("is an Apple Numbers or Pages document: export it as CSV")
    if any(name.startswith("word/") for name in names):
        raise PhoneFileError(f"is a Word document: {_COPY}")
    if any(name.startswith("ppt/") for name in names):
        raise PhoneFileError(f"is a presentation: {_COPY}")
    inside = next((name for name in names if name.endswith((".csv", ".txt", ".xlsx"))), None)
    hint = f" (such as {inside[:80]})" if inside else ", and save its table as CSV"
    raise PhoneFileError(f"is a zip archive: {_UNPACK}{hint}")
