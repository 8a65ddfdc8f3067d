"""What reading promises of every file: nothing lost, nothing invented, little memory."""

from __future__ import annotations

import csv
import io
import os
import re
import subprocess
import sys
import tracemalloc
import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sinch_hosting.phone_files import (
    PhoneFileError,
    RecordOutcome,
    cells,
    iter_phone_file,
    read_phone_bytes,
    read_phone_file,
)

FILES = Path(__file__).resolve().parents[1] / "data" / "phone-files-more" / "files"
SIGNS = st.text("0123456789 ()-.+/,;#*=:'_~&|\n\t[]\u2013\u00a0", max_size=24)
DIGITS = st.from_regex(
    r"(\+?1[ .-]?)?[2-9][0-9]{2}[ .-]?[2-9][0-9]{2}[ .-]?[0-9]{4}", fullmatch=True
)


@settings(deadline=None)
@given(st.lists(st.one_of(SIGNS, DIGITS), min_size=1, max_size=3).map("".join))
def test_no_digit_is_invented_and_none_left_out(cell: str) -> None:
    """A number that is taken is all the digits of its cell, but for the 1 or 011 before it."""
    number = cells.understand(cell).phone_number
    if number is None:
        return
    # A spreadsheet's float ends in .0, which is no digit of the number.
    whole, float_ = (re.sub(r"\D", "", text) for text in (cell, re.sub(r"[.,]0+\W*\Z", "", cell)))

    expected = re.compile(rf"(?:00|011)?1*{number[2:]}")
    assert expected.fullmatch(whole) or expected.fullmatch(float_), cell


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # a busy machine is no fault
@given(
    st.lists(
        st.lists(st.one_of(DIGITS, st.text("ab:# ", max_size=5), SIGNS), min_size=2, max_size=4),
        min_size=2,
        max_size=40,
    )
)
def test_every_row_of_a_file_is_in_the_records(rows: list[list[str]]) -> None:
    """Whatever the rows hold: each is a record or the one header, in the order of the file."""
    out = io.StringIO()
    csv.writer(out, quoting=csv.QUOTE_ALL).writerows(rows)
    try:
        sheet = read_phone_bytes(out.getvalue().encode())
    except PhoneFileError:
        return

    found = [record.row for record in sheet.records]

    missing = set(range(1, found[-1] + 1)) - set(found)
    assert found == sorted(found)
    assert len(missing) == (sheet.header is not None)


def test_a_summary_says_how_the_file_was_read() -> None:
    """An odd encoding, a title over the table and the reasons are all in it."""
    text = "Liste;;\nNom;Pays;Téléphone\nZoé;Canada;514 555-0101\nNoël;France;418-555-0102\n"

    sheet = read_phone_bytes(text.encode("mac_roman"), name="liste.csv")

    assert sheet.summary().splitlines() == [
        "liste.csv: mac_roman, numbers from 'Téléphone'",
        "3 rows: 1 accepted, 0 duplicates, 1 rejected, 1 blank",
        "the file comes from an old Macintosh (mac_roman): read as Windows' cp1252 its letters "
        "are odd",
        "row 1 stands above the header; no number was taken from there",
        "the numbers were read together with 'Pays' (column 2)",
        "1 rejected: column 'Pays' says 'France', not the US or Canada; if the number is a US or "
        "Canadian one, write it with +1",
    ]


def test_lists_in_messages_stay_short() -> None:
    """Five columns at most, and 80 characters of each, however the file is made."""
    titles = [f"{'x' * 500}{index}" for index in range(300)]
    row = [f"202-555-0{index:03}" for index in range(300)]
    out = io.StringIO()
    csv.writer(out).writerows([titles, row, row])
    data = out.getvalue().encode()

    for column in (None, "Phone"):
        with pytest.raises(PhoneFileError) as caught:
            read_phone_bytes(data, column=column)
        assert "and 295 more" in str(caught.value)
        assert len(str(caught.value)) < 800


@pytest.mark.parametrize(
    "data", [b"2025550101," * 400_000, b"\xe9" * 3_000_000, b'"' + b"x" * 2**21]
)
def test_a_line_without_end_is_refused_in_a_few_words(data: bytes) -> None:
    """What is one line of megabytes is no table, and the message does not repeat it."""
    with pytest.raises(PhoneFileError, match="line 1 has more than 1,048,576 characters") as caught:
        read_phone_bytes(data)

    assert len(str(caught.value)) < 200


def write_numbers(path: Path, rows: int, remark: str = "") -> None:
    """A file of so many different numbers."""
    lines = (
        f"Site {row},({200 + row % 7}) 555-{row % 10_000:04},{remark}\n" for row in range(rows)
    )
    path.write_text("Site,Phone,Remark\n" + "".join(lines))


def test_a_large_file_takes_little_more_memory_than_its_records(tmp_path: Path) -> None:
    """Under 200 bytes a row beyond the records, though the rows are 500 bytes wide."""
    rows, path = 20_000, tmp_path / "numbers.csv"
    write_numbers(path, rows, "x" * 500)
    read_phone_file(path)  # what is made once, such as the patterns, is not counted

    tracemalloc.start()
    try:
        sheet = read_phone_file(path)
        kept, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert sheet.rows == rows
    assert peak - kept < 200 * rows


def test_records_can_be_had_one_by_one(tmp_path: Path) -> None:
    """The iterator gives what the sheet has, and keeps no records."""
    rows, path = 20_000, tmp_path / "numbers.csv"
    write_numbers(path, rows)
    assert tuple(iter_phone_file(path)) == read_phone_file(path).records

    tracemalloc.start()
    try:
        counted = sum(record.outcome is RecordOutcome.ACCEPTED for record in iter_phone_file(path))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert counted == len(read_phone_file(path).accepted)
    assert peak < 250 * rows


def test_an_iterator_that_is_left_closes_its_file(tmp_path: Path) -> None:
    """Nothing is left open, whether it is read to the end or not."""
    path = tmp_path / "numbers.csv"
    write_numbers(path, 2_000)
    records = iter_phone_file(path, column="Phone")
    assert next(records).row == 2

    records.close()  # type: ignore[attr-defined]

    path.unlink()
    with pytest.raises(PhoneFileError, match="there is no such file"):
        next(iter_phone_file(path))


@pytest.mark.skipif(sys.platform == "win32", reason="named pipes of this kind are POSIX")
def test_a_pipe_is_read_like_a_file(tmp_path: Path) -> None:
    """`<(command)` of a shell is a path that can be read only once."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = subprocess.Popen(
        [sys.executable, "-c", f"open({str(pipe)!r}, 'w').write('Phone\\n202-555-0101\\n')"]
    )

    sheet = read_phone_file(pipe)

    assert writer.wait(timeout=60) == 0
    assert [record.phone_number for record in sheet.records] == ["+12025550101"]


def test_without_calamine_a_workbook_says_what_to_install() -> None:
    """Text is read all the same: only workbooks need the package."""
    code = (
        "import sys; sys.modules['python_calamine'] = None\n"
        "from sinch_hosting.phone_files import *\n"
        "print(read_phone_bytes(b'Phone\\n202-555-0101\\n').rows)\n"
        f"try:\n    read_phone_file({str(FILES / 'book.xlsx')!r})\n"
        "except PhoneFileError as error:\n    print(error)"
    )

    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )

    assert done.stdout.startswith("1\n")
    assert "pip install 'sinch-hosting[files]', or save the sheet as CSV" in done.stdout


def test_a_workbook_tells_its_sheet_and_kind() -> None:
    """Which of the sheets was read is said, for the others may hold numbers, too."""
    sheet = read_phone_file(FILES / "two-sheets-name.xlsx", sheet=" OLD ")

    assert (sheet.sheet, sheet.encoding, sheet.delimiter) == ("Old", "xlsx", "")
    assert "sheet 'Old'" in sheet.summary()


def test_formulas_that_nobody_has_worked_out_are_told() -> None:
    """A script writes formulas without results; a spreadsheet would show them, the file cannot."""
    formula = b'<row r="9"><c r="B9"><f>CONCATENATE("202","5550109")</f><v></v></c></row>'
    source, out = io.BytesIO((FILES / "book.xlsx").read_bytes()), io.BytesIO()
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(out, "w") as new:
        for name in old.namelist():
            part = old.read(name)
            if name == "xl/worksheets/sheet1.xml":
                part = part.replace(b"</sheetData>", formula + b"</sheetData>")
            new.writestr(name, part)

    sheet = read_phone_bytes(out.getvalue())

    assert any("formulas without a result" in note for note in sheet.notes)
    assert read_phone_file(FILES / "book.xlsx").notes == ()


@pytest.mark.parametrize("name", ["book.xlsx", "book.xls", "book.ods"])
@pytest.mark.parametrize("end", [60, 1_000, -30])
def test_a_damaged_workbook_is_refused_clearly(name: str, end: int) -> None:
    """A download that was cut ends in one sentence, not in a traceback of the reader."""
    with pytest.raises(PhoneFileError, match=r"damaged|workbook"):
        read_phone_bytes((FILES / name).read_bytes()[:end])


@settings(deadline=None)
@given(
    st.binary(max_size=300), st.sampled_from([b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"])
)
def test_what_begins_as_a_workbook_is_read_or_refused(rest: bytes, begins: bytes) -> None:
    """Whatever follows the first bytes, nothing but the clear error comes out."""
    with pytest.raises(PhoneFileError):
        read_phone_bytes(begins + rest)


def test_a_sheet_is_only_asked_of_workbooks() -> None:
    """A file of text has none, and says so."""
    with pytest.raises(PhoneFileError, match="is no workbook, so it has no sheets"):
        read_phone_bytes(b"Phone\n202-555-0101\n", sheet="Numbers")
