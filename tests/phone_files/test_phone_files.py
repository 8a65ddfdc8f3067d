"""Reading phone numbers as people keep them: encodings, delimiters, headers, notations."""

from __future__ import annotations

import codecs
import csv
import io
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sinch_hosting.errors import SinchHostingError
from sinch_hosting.phone_files import (
    NumberKind,
    PhoneFileError,
    PhoneRecord,
    PhoneSheet,
    RecordOutcome,
    cells,
    read_phone_bytes,
    read_phone_file,
)

DATA = Path(__file__).resolve().parents[1] / "data"
ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252")
AREA_CODES = {"US": ("202", "212", "415", "787", "671", "340"), "CA": ("416", "514", "604")}


def only(cell: str) -> PhoneRecord:
    """Read a file of one column and one row, and answer its record."""
    out = io.StringIO()
    csv.writer(out).writerows([["Phone"], [cell]])
    (record,) = read_phone_bytes(out.getvalue().encode()).records
    return record


def read(text: str, *, column: str | int | None = None) -> PhoneSheet:
    """Read a text as a file's bytes in UTF-8."""
    return read_phone_bytes(text.encode(), column=column)


def numbers(sheet: PhoneSheet) -> list[str | None]:
    """The accepted numbers."""
    return [record.phone_number for record in sheet.accepted]


@pytest.mark.parametrize(
    "cell",
    [
        "+14155550123",
        "+1 (415) 555-0123",
        "(415) 555-0123",
        "[415] 555-0123",
        "415-555-0123",
        "415.555.0123",
        "415/555/0123",
        "415·555·0123",
        "415_555_0123",
        "415,555,0123",
        "14,155,550,123",
        "1-415-555-0123",
        "1 415 555 0123",
        "1.415.555.0123",
        "4155550123",
        "14155550123",
        "  4155550123\t",
        "415\n555-0123",
        "415\u00a0555\u00a00123",
        "415\u2011555\u20130123",
        "+ 1 415 555 0123",
        "(+1) 415 555 0123",
        "001 415 555 0123",
        "00 1 415 555 0123",
        "0014155550123",
        "011 1 415 555 0123",
        "tel:+1-415-555-0123",
        "tel:415-555-0123;phone-context=+1",
        "TEL:%2B14155550123",
        "sms:+14155550123",
        "callto://+14155550123",
        "'4155550123",
        "`4155550123",
        "\u2018415-555-0123\u2019",
        '="4155550123"',
        "=4155550123",
        "\u202a+14155550123\u202c",
        "\ufeff415-555-0123",
        "4155\u200b550123",
        "\uff0b\uff11\uff14\uff11\uff15\uff15\uff15\uff15\uff10\uff11\uff12\uff13",
        "\u0664\u0661\u0665\u0665\u0665\u0665\u0660\u0661\u0662\u0663",
        "1.4155550123E10",
        "1.4155550123E+10",
        "1,4155550123E+10",
        "4.155550123e9",
        "14155550123.0",
        "4155550123,00",
        "cell: 415-555-0123",
        "Tel.: +1 415 555 0123",
        "Phone #415-555-0123",
        "work/cell 415-555-0123",
        "m 4155550123",
        "415-555-0123 (cell)",
        "415-555-0123 [home]",
        "415-555-0123 m",
        "415 555 0123 US",
        "\x1b[31m415-555-\x1b[1;4m0123\x1b[0m",
    ],
)
def test_every_notation_is_the_same_number(cell: str) -> None:
    """However a person or a program wrote it, the number comes out in E.164."""
    record = only(cell)

    assert (record.phone_number, record.outcome, record.reason) == (
        "+14155550123",
        RecordOutcome.ACCEPTED,
        "",
    )
    assert (record.kind, record.region) == (NumberKind.LOCAL, "US")
    assert record.raw == cell


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("1-800-FLOWERS", "+18003569377"),
        ("1800flowers", "+18003569377"),
        ("(800) GO FEDEX", "+18004633339"),
        ("1-800-CONTACTS", "+18002668228"),
        ("1-888-555-FILM", "+18885553456"),
        ("415-555-CALL", "+14155552255"),
    ],
)
def test_letters_that_spell_a_number_are_dialled(cell: str, expected: str) -> None:
    """A vanity number is read by its keys, and a word longer than the number is cut."""
    assert only(cell).phone_number == expected


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        ("n/a", "not a phone number"),
        ("call me", "not a phone number"),
        ("-", "not a phone number"),
        ("1234 Oak Blvd", "not a phone number"),
        ("2O2-555-O134", "not a phone number"),
        ("4" * 251, "not a phone number"),
        ("5550123", "the area code is missing"),
        ("555-CALL", "the area code is missing"),
        ("12025550", "too short: ten digits are needed"),
        ("202-555-01", "too short: ten digits are needed"),
        ("415-555-01XX", "a range of numbers; give each number its own row"),
        ("+1 202 555 01345", "too long for a US or Canadian number"),
        ("1" * 40, "too long for a phone number"),
        ("(000) 555-0100", "no area code begins with 0"),
        ("+1 123 456 7890", "no area code begins with 1"),
        ("+999123", "no country has this prefix"),
        ("+44 20 7946 0958", "a number of the United Kingdom (+44), not the US or Canada"),
        ("0044 20 7946 0958", "a number of the United Kingdom (+44), not the US or Canada"),
        ("+4155550123", "a number of country +41, not the US or Canada"),
        ("+1 876 555 0123", "a number of Jamaica, not the US or Canada"),
        ("900 555 0123", "a premium-rate number cannot be text-enabled"),
        ("500 555 0123", "a personal number (500 and the like) cannot be text-enabled"),
        ("4155550123 x12", "an extension (12) cannot be text-enabled, only a whole line"),
        ("415-555-0123 poste 12", "an extension (12) cannot be text-enabled, only a whole line"),
        ("tel:+14155550123;ext=5", "an extension (5) cannot be text-enabled, only a whole line"),
        ("415-555-0123 / 415-555-0124", "several numbers in one cell; give each its own row"),
        ("415-555-0123 415-555-0124", "several numbers in one cell; give each its own row"),
        ("4155550123;4155550124", "several numbers in one cell; give each its own row"),
        ("do not call 415-555-0123", "other text beside the number"),
        ("415-555-0123 to 0145", "a range of numbers; give each number its own row"),
        ("415-555-0123 Bob", "other text beside the number"),
        ("1-800-FLOWERS 123", "not a phone number"),
        ("https://wa.me/14155550123", "other text beside the number"),
        (
            "1.41556E+10",
            "shortened by the spreadsheet, digits are lost; format the column as text",
        ),
        (
            "9.9e99",
            "shortened by the spreadsheet, digits are lost; format the column as text",
        ),
    ],
)
def test_what_is_no_usable_number_is_rejected_with_its_reason(cell: str, reason: str) -> None:
    """A cell that cannot be text-enabled stays in the sheet, with the reason in words."""
    record = only(cell)

    assert (record.outcome, record.reason) == (RecordOutcome.REJECTED, reason)
    assert (record.phone_number, record.kind, record.region) == (None, None, None)
    assert record.raw == cell


@pytest.mark.parametrize(
    "cell",
    [
        "202-555-0138 or 0139",
        "202-555-0138 and 0139",
        "202-555-0138 & 0139",
        "202-555-0138/0139",
        "202-555-0138 / 9",
        "202/555/0138/39",
        "2025550138or0139",
        "555-0138 or 0139",
        "514-555-0138 ou 0139",
        "work 202-555-0138/cell 0139",
        "202-555-0138 x12 or 13",
    ],
)
def test_a_second_number_that_is_cut_short_is_not_dropped(cell: str) -> None:
    """The first number is not text-enabled alone, as if the other were not there."""
    record = only(cell)

    assert record.phone_number is None
    assert record.reason == "several numbers in one cell; give each its own row"


@pytest.mark.parametrize("cell", ["011 1 415/555/0123", "1-800-4-AND-2-GO", "1/415/555/0123"])
def test_signs_and_words_inside_one_number_are_no_second_one(cell: str) -> None:
    """A slash between groups of digits, and a spelled "and", belong to the number."""
    assert only(cell).outcome is RecordOutcome.ACCEPTED


@pytest.mark.parametrize(
    "cell",
    [
        "1.2025551E+10",
        "1.20255501E+10",
        "1.202555E+10",
        "1.202555012E+10",
        "1,20255501E10",
        "4.155552E9",
        "1.20255501234E+10",
    ],
)
def test_a_number_whose_digits_may_be_lost_is_nobodys(cell: str) -> None:
    """Fewer decimals than the exponent could be anybody's number, however many they are."""
    assert only(cell).reason == (
        "shortened by the spreadsheet, digits are lost; format the column as text"
    )


@pytest.mark.parametrize(
    ("cell", "kind", "region"),
    [
        ("415-555-0123", NumberKind.LOCAL, "US"),
        ("514-555-0123", NumberKind.LOCAL, "CA"),
        ("787-555-0123", NumberKind.LOCAL, "US"),
        ("671-555-0123", NumberKind.LOCAL, "US"),
        ("340-555-0123", NumberKind.LOCAL, "US"),
        ("670-555-0123", NumberKind.LOCAL, "US"),
        ("684-633-1234", NumberKind.LOCAL, "US"),
        ("833-555-0123", NumberKind.TOLL_FREE, "US"),
        ("800-555-0123", NumberKind.TOLL_FREE, "US"),
    ],
)
def test_kind_and_region_say_which_order_a_number_goes_in(
    cell: str, kind: NumberKind, region: str
) -> None:
    """Territories of the US count as US; toll-free numbers are told from local ones."""
    record = only(cell)

    assert (record.kind, record.region) == (kind, region)


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_each_encoding_and_delimiter_of_excel_is_found(encoding: str, delimiter: str) -> None:
    """The encoding and the delimiter come from the bytes; nobody has to name them."""
    rows = [["Ville", "Téléphone"], ["Montréal", "514-555-0123"], ["Québec", "418-555-0124"]]
    text = "".join(delimiter.join(row) + "\r\n" for row in rows)

    sheet = read_phone_bytes(text.encode(encoding))

    assert numbers(sheet) == ["+15145550123", "+14185550124"]
    assert sheet.header == ("Ville", "Téléphone")
    assert sheet.delimiter == delimiter


@pytest.mark.parametrize("mark", [codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE])
def test_utf_16_with_its_mark_is_read(mark: bytes) -> None:
    """Excel's 'Unicode text' begins with a mark, and either byte order is read."""
    order = "utf-16-le" if mark == codecs.BOM_UTF16_LE else "utf-16-be"

    sheet = read_phone_bytes(mark + "Name\tPhone\r\nZoë\t415-555-0123\r\n".encode(order))

    assert (sheet.encoding, numbers(sheet)) == ("utf-16", ["+14155550123"])


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("last", [True, False])
def test_every_line_ending_is_read(end: str, last: bool) -> None:
    """Unix, DOS and old Mac endings, with and without one on the last line."""
    sheet = read("Phone" + end + "415-555-0123" + end + "415-555-0124" + (end if last else ""))

    assert numbers(sheet) == ["+14155550123", "+14155550124"]
    assert sheet.rows == 2


def test_quoted_cells_may_hold_delimiters_quotes_and_newlines() -> None:
    """A quoted cell is one cell, and the row after it keeps its spreadsheet number."""
    sheet = read(
        'Name,Phone,Note\n"Smith, ""J""","(415) 555-0123","two\nlines"\nAl,415-555-0124,\n'
    )

    assert [(record.row, record.raw) for record in sheet.records] == [
        (2, "(415) 555-0123"),
        (3, "415-555-0124"),
    ]


@pytest.mark.parametrize(
    "cell",
    ["4155550123;4155550124", "4155550123,4155550124", "415-555-0123|415-555-0124"],
)
def test_two_numbers_in_a_single_column_are_not_split(cell: str) -> None:
    """What looks like a delimiter in one row of many hides no second number."""
    sheet = read(f"Phone\n415-555-0100\n{cell}\n415-555-0101\n")

    assert sheet.delimiter == ""
    assert [(record.row, record.raw) for record in sheet.rejected] == [(3, cell)]
    assert numbers(sheet) == ["+14155550100", "+14155550101"]


def test_a_uris_parameters_are_no_cells() -> None:
    """An extension in a `tel:` URI is seen, not cut off at its semicolon."""
    sheet = read("tel:+14155550123;ext=5\ntel:4155550124;phone-context=+1\n")

    assert [record.row for record in sheet.rejected] == [1]
    assert numbers(sheet) == ["+14155550124"]


def test_a_space_before_a_quote_does_not_break_the_cell() -> None:
    """Hand-written files put a space after the comma, and quote what follows it."""
    sheet = read('name, phone\n"A", "415-555-0123"\n"B, C", "415-555-0124"\n')

    assert numbers(sheet) == ["+14155550123", "+14155550124"]


def test_excels_separator_line_is_obeyed_and_is_no_row() -> None:
    """`sep=` names the delimiter; Excel does not show the line, so rows start after it."""
    sheet = read("sep=^\r\nName^Phone\r\nA, B^415-555-0123\r\n")

    assert (sheet.delimiter, sheet.header) == ("^", ("Name", "Phone"))
    assert [record.row for record in sheet.records] == [2]


@pytest.mark.parametrize(
    "header",
    [
        "Phone",
        "PHONE NUMBER",
        "phone_number",
        "phoneNumber",
        "Phone #",
        "Téléphone",
        "Teléfono",
        "Mobile",
        "Cell No.",
        "MSISDN",
        "DID",
        "Number",
        "Business Phone (primary)",
    ],
)
def test_a_header_that_people_use_names_the_column(header: str) -> None:
    """The named column wins over one that happens to hold more numbers."""
    sheet = read(
        f"Id,{header},Fax\n2125550100,415-555-0123,415-555-0199\n"
        "2125550101,n/a,415-555-0198\n2125550102,415-555-0125,415-555-0197\n"
    )

    assert sheet.column == 1
    assert numbers(sheet) == ["+14155550123", "+14155550125"]
    assert sheet.column_name(1) == header
    assert sheet.other_columns == (0, 2)


def test_of_several_named_columns_the_first_well_filled_one_is_read() -> None:
    """A phone column with hardly a number in it gives way to the next one named so."""
    sheet = read("Home phone,Mobile\n,415-555-0120\n415-555-0100,415-555-0121\n,415-555-0122\n")

    assert (sheet.column, sheet.column_name(sheet.column)) == (1, "Mobile")
    assert sheet.other_columns == (0,)


def test_without_a_header_the_column_is_found_by_its_content() -> None:
    """No row is taken for a header where the first one already holds a number."""
    sheet = read("7;A;415-555-0123;2026-11-23\n8;B;nothing;2026-11-24\n9;C;4155550124;\n")

    assert (sheet.header, sheet.column) == (None, 2)
    assert sheet.column_name(2) == "column 3"
    assert [record.row for record in sheet.records] == [1, 2, 3]


def test_a_header_that_names_nothing_known_is_still_no_number() -> None:
    """Words without a digit over a column of numbers are its header."""
    sheet = read("Who,Where to reach\nA,415-555-0123\n")

    assert (sheet.header, sheet.rows) == (("Who", "Where to reach"), 1)


def test_a_placeholder_in_the_first_row_is_a_row() -> None:
    """`n/a` over numbers is somebody without one, not a header to be left out."""
    sheet = read("A,n/a\nB,415-555-0123\n")

    assert sheet.header is None
    assert [record.outcome for record in sheet.records] == ["rejected", "accepted"]


def test_a_header_word_among_the_data_is_no_header() -> None:
    """`mobile` beside a number says what the number is; the row stays a row."""
    sheet = read("Bob,415-555-0123,mobile\nAnn,415-555-0124,home\n")

    assert (sheet.header, sheet.column, sheet.rows) == (None, 1, 2)


def test_a_named_column_without_numbers_gives_way_to_content() -> None:
    """A 'Cell' column that holds rack positions is not the phone column."""
    sheet = read("Cell,Contact\nB12,415-555-0123\nB13,415-555-0124\n")

    assert (sheet.header, sheet.column) == (("Cell", "Contact"), 1)


@pytest.mark.parametrize("other", ["Order", "Account no.", "InvoiceNumber", "zip", "orderid"])
def test_a_header_that_names_another_thing_gives_way(other: str) -> None:
    """Ten digits are an order's number, too: the column that could be a contact is read."""
    sheet = read(
        f"{other},Zip,Contact\n2125550100,62701,415-555-0123\n2125550101,62702,\n"
        "2125550102,62703,415-555-0124\n"
    )

    assert (sheet.column, numbers(sheet)) == (2, ["+14155550123", "+14155550124"])


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("Who,Contact\n2125550100,4155550123\n2125550101,\n", "'Who' (column 1) and 'Contact'"),
        ("2125550100,A,4155550123\n2125550101,B,4155550124\n", "column 1 and column 3"),
        ("No,Contact\n2125550100,4155550123\n", "'No' (column 1) and 'Contact' (column 2)"),
    ],
)
def test_columns_that_could_all_be_the_phone_column_are_refused(text: str, columns: str) -> None:
    """A guess would text-enable what is no phone number, so the caller has to say."""
    with pytest.raises(PhoneFileError) as caught:
        read(text)

    assert columns in str(caught.value)
    assert "choose a column with --column" in str(caught.value)
    assert read(text, column=2).column == 1


def test_numbers_only_under_another_things_name_are_not_taken() -> None:
    """Orders' numbers are refused even where no other column could be phone numbers."""
    with pytest.raises(PhoneFileError, match=r"only 'Order' \(column 1\) could hold phone numbers"):
        read("Order,Name\n2125550100,A\n")


def test_lines_above_the_header_are_counted_as_rows() -> None:
    """A title over the table is not dropped: it is a row without a number."""
    sheet = read("Our numbers 2026,\n,\nSite,Phone\nHQ,415-555-0123\n")

    assert sheet.header == ("Site", "Phone")
    assert [(r.row, r.outcome.value) for r in sheet.records] == [
        (1, "blank"),
        (2, "blank"),
        (4, "accepted"),
    ]


def test_a_named_column_with_nothing_usable_is_read_and_rejected() -> None:
    """Where a header is clear, unusable cells are rows with reasons and no error."""
    sheet = read("Site,Phone\nHQ,soon\n")

    assert [record.reason for record in sheet.rejected] == ["not a phone number"]


@pytest.mark.parametrize("blank", ["\n", ",,\n", "," * 60 + "\n"])
def test_numbers_that_begin_late_in_the_file_are_found(blank: str) -> None:
    """Column finding looks beyond its sample where the sample holds no number."""
    sheet = read(blank * 1500 + "A,415-555-0123,\n")

    assert numbers(sheet) == ["+14155550123"]
    assert len(sheet.blank) == 1500


@pytest.mark.parametrize("column", ["mobile", "MOBILE", 3, "3"])
def test_a_column_can_be_asked_for_by_name_or_number(column: str | int) -> None:
    """The caller's choice wins over both the header and the content."""
    text = "Name,Phone,Mobile\nA,415-555-0123,415-555-0199\n"

    sheet = read(text, column=column)

    assert (sheet.column, numbers(sheet)) == (2, ["+14155550199"])


@pytest.mark.parametrize(
    ("column", "message"),
    [
        ("Pager", "the file: no column is headed 'Pager'; its first row has 'Name', 'Phone'"),
        (3, "the file: has no column 3; its columns are 1 to 2"),
        ("0", "the file: has no column 0; its columns are 1 to 2"),
    ],
)
def test_a_column_that_is_not_there_is_refused(column: str | int, message: str) -> None:
    """Asking for a missing column says which ones there are."""
    with pytest.raises(PhoneFileError) as caught:
        read("Name,Phone\nA,415-555-0123\n", column=column)

    assert str(caught.value) == message


def test_duplicates_name_the_row_that_came_first() -> None:
    """The same number in another notation is a duplicate, never a second acceptance."""
    sheet = read("Phone\n415-555-0123\n(415) 555-0123\n415-555-0124\n+14155550123\n")

    assert [(r.row, r.phone_number, r.reason) for r in sheet.duplicates] == [
        (3, "+14155550123", "the same number as row 2"),
        (5, "+14155550123", "the same number as row 2"),
    ]
    assert sheet.duplicates[0].kind is NumberKind.LOCAL


def test_blank_and_short_rows_are_blank_records() -> None:
    """Empty lines, empty cells, invisible cells and short rows are rows without a number."""
    sheet = read("Name,Phone\nA,415-555-0123\n\nB\nC,  \nD,\u200b\n,\n")

    assert [record.row for record in sheet.blank] == [3, 4, 5, 6, 7]
    assert {record.reason for record in sheet.blank} == {"no number in this row"}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "is empty; export the sheet with its numbers again"),
        (b" \r\n\t\r\n", "is empty; export the sheet with its numbers again"),
        (b"\xef\xbb\xbf", "is empty; export the sheet with its numbers again"),
        (b"PK\x03\x04rest", "is a damaged .xlsx workbook or zip archive: "),
        (
            b"\xd0\xcf\x11\xe0rest",
            "is a damaged workbook or another file of an old Office program: ",
        ),
        (b"%PDF-1.7", "is a PDF: copy its numbers into a spreadsheet and save that as CSV"),
        (b"\x1f\x8b\x08", "is a gzip archive: unpack it"),
        (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "is a picture (PNG): "),
        (b"abc\x01\x02\x03", "is binary, or text full of control characters; "),
        (b"Phone\n415-555-0123\0\n", "has a NUL character in line 2, so it is damaged; save the"),
        (b"415-555-0123 caf\xe9 \x81", "cannot be decoded as cp1252 (byte 18); save it as 'CSV"),
        (b"\xff\xfe4\x001", "cannot be decoded as utf-16 (byte 4); save it as 'CSV"),
        (b"sep=;\r\n", "holds nothing after its 'sep=' line; add the numbers"),
        (b"Name,Phone\r\n", "has a header and no rows under it; add the numbers"),
        (b"one,two\r\nthree,four\r\n", "no column holds US or Canadian phone numbers; head the"),
        (b'Phone,Note\n415-555-0123,"open\n415-555-0124,\n', "row 2 opens a quotation mark that"),
    ],
)
def test_a_file_that_cannot_be_read_says_what_to_do(data: bytes, message: str) -> None:
    """Each way a file can be wrong has a message of one line with the next step."""
    with pytest.raises(PhoneFileError) as caught:
        read_phone_bytes(data, name="numbers.csv")

    assert str(caught.value).startswith(f"numbers.csv: {message}")
    assert "\n" not in str(caught.value)


def test_a_quote_left_open_in_a_large_file_is_named_by_its_row() -> None:
    """The csv module's cell limit ends as the same clear error, not as its own."""
    with pytest.raises(PhoneFileError, match="row 2 opens a quotation mark"):
        read('Phone\n"415-555-0123\n' + "415-555-0124\n" * 20_000)


@pytest.mark.parametrize("quote", ["", '"'])
def test_a_cell_too_long_to_read_is_no_open_quote(quote: str) -> None:
    """A cell beyond the csv module's limit is told as what it is."""
    with pytest.raises(PhoneFileError, match=r"row 2 has a cell of more than 131,072 characters"):
        read(f"Phone,Note\n415-555-0123,{quote}{'x' * 200_000}{quote}\n415-555-0124,\n")


def test_files_that_are_not_there_say_so(tmp_path: Path) -> None:
    """A missing file, a directory and an impossible path are clear errors."""
    with pytest.raises(PhoneFileError, match=r"nope\.csv: there is no such file; check the path"):
        read_phone_file(tmp_path / "nope.csv")
    with pytest.raises(PhoneFileError, match="is a directory; name a CSV file in it"):
        read_phone_file(tmp_path)
    with pytest.raises(PhoneFileError, match="cannot be read: "):
        read_phone_file("null\0byte")
    with pytest.raises(PhoneFileError, match="cannot be read: Not a directory"):
        read_phone_file(Path(__file__) / "numbers.csv")


def test_the_error_is_one_of_the_packages_own() -> None:
    """One `except SinchHostingError` catches it, and so does `except ValueError`."""
    assert issubclass(PhoneFileError, SinchHostingError)
    assert issubclass(PhoneFileError, ValueError)


def test_reading_from_a_path_names_the_file(tmp_path: Path) -> None:
    """The sheet carries the path it was read from."""
    path = tmp_path / "numbers.csv"
    path.write_bytes(b"415-555-0123\r\n\x1a")

    sheet = read_phone_file(str(path))

    assert (sheet.name, sheet.rows, numbers(sheet)) == (str(path), 1, ["+14155550123"])


def test_without_the_files_extra_the_import_says_what_to_install() -> None:
    """The package cannot work without phonenumbers, and names the extra that brings it."""
    code = (
        "import sys; sys.modules['phonenumbers'] = None\n"
        "try:\n    import sinch_hosting.phone_files\n"
        "except ModuleNotFoundError as error:\n    print(error.name, error)"
    )

    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )

    assert done.stdout.startswith("phonenumbers reading files of phone numbers needs the package")
    assert "pip install 'sinch-hosting[files]'" in done.stdout


def test_the_shared_file_comes_out_as_expected() -> None:
    """A thousand real-looking messy rows give exactly the agreed numbers and counts."""
    source, answer = DATA / "numbers-messy.csv", DATA / "numbers-messy.expected.json"
    expected = json.loads(answer.read_text())

    sheet = read_phone_file(source)

    by_kind = {
        kind: sorted(str(r.phone_number) for r in sheet.accepted if r.kind is kind)
        for kind in NumberKind
    }
    assert by_kind[NumberKind.LOCAL] == sorted(expected["local"])
    assert by_kind[NumberKind.TOLL_FREE] == sorted(expected["toll_free"])
    assert len(sheet.duplicates) == expected["duplicates"]
    assert len(sheet.rejected) == expected["rejected"]
    assert sheet.rows == expected["rows"]


NOTATIONS = (
    "+1{a}{b}{c}",
    "({a}) {b}-{c}",
    "{a}-{b}-{c}",
    "{a}.{b}.{c}",
    "1 {a} {b} {c}",
    "tel:+1-{a}-{b}-{c}",
    " +1 {a} {b} {c} ",
    "001{a}{b}{c}",
    "'{a}{b}{c}",
    "1{a}{b}{c}.0",
    "{a}\u00a0{b}\u00a0{c}",
)
# A cell of nothing but a delimiter could be read either way, so a word has letters around it.
WORDS = st.just("") | st.text("Cé ,;|\t\n\"'", max_size=8).map("A{}b".format)


@st.composite
def tables(draw: st.DrawFn) -> tuple[list[list[str]], list[str]]:
    """Rows of name, number and note, and the numbers that are in them in E.164."""
    area = st.sampled_from([code for codes in AREA_CODES.values() for code in codes])
    lines = draw(st.lists(st.tuples(area, st.integers(100, 199)), min_size=1, max_size=12))
    rows, expected = [], []
    for code, line in lines:
        notation = draw(st.sampled_from(NOTATIONS))
        cell = notation.format(a=code, b="555", c=f"{line:04d}")
        rows.append([draw(WORDS), cell, draw(WORDS)])
        expected.append(f"+1{code}555{line:04d}")
    return rows, expected


def test_a_hard_space_within_a_number_outweighs_odd_letters() -> None:
    """Two odd names do not make an old Macintosh's daggers of the spaces in a number."""
    raw = "A\xe9Cb,202\xa0555\xa00100,A\xe9Cb\n".encode("cp1252")
    assert [record.raw for record in read_phone_bytes(raw).records] == ["202\xa0555\xa00100"]


@settings(deadline=None)
@given(
    table=tables(),
    encoding=st.sampled_from(ENCODINGS),
    delimiter=st.sampled_from(",;\t|"),
    end=st.sampled_from(["\n", "\r\n"]),
    header=st.booleans(),
)
def test_what_is_written_is_what_is_read(
    table: tuple[list[list[str]], list[str]],
    encoding: str,
    delimiter: str,
    end: str,
    header: bool,
) -> None:
    """Any encoding, delimiter, notation, header and quoting gives back the same numbers."""
    rows, expected = table
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter, lineterminator=end)
    writer.writerows([["Name", "Phone", "Note"], *rows] if header else rows)

    sheet = read_phone_bytes(out.getvalue().encode(encoding))

    found = [record.phone_number for record in sheet.records]
    assert found == expected
    assert numbers(sheet) == list(dict.fromkeys(expected))
    assert [record.raw for record in sheet.records] == [row[1] for row in rows]


@settings(deadline=None)
@given(st.one_of(st.binary(), st.text().map(str.encode), st.text("+1 (45)-02,;\t|\n\"'eE.x#")))
def test_any_bytes_give_a_sheet_or_the_clear_error(data: bytes | str) -> None:
    """Whatever the file holds: counts that add up, or `PhoneFileError`; nothing else."""
    try:
        sheet = read_phone_bytes(data.encode() if isinstance(data, str) else data)
    except PhoneFileError:
        return
    counts = Counter(record.outcome for record in sheet.records)
    groups = (sheet.accepted, sheet.duplicates, sheet.rejected, sheet.blank)
    assert [len(group) for group in groups] == [counts[outcome] for outcome in RecordOutcome]
    assert sum(counts.values()) == sheet.rows
    assert all(bool(r.reason) is (r.outcome is not RecordOutcome.ACCEPTED) for r in sheet.records)


@settings(deadline=None)
@given(st.text(max_size=300))
def test_any_cell_is_understood_or_refused_with_a_reason(cell: str) -> None:
    """A number carries kind and region and no reason to refuse it; all else carries a reason."""
    understood = cells.understand(cell)

    complete = (understood.phone_number, understood.kind, understood.region)
    assert all(complete) or not any(complete)
    assert bool(understood.reason) is (understood.phone_number is None)
