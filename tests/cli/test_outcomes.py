"""How rows end, how they are counted, and the report file."""

from __future__ import annotations

import csv
import os
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sinch_hosting import OnboardingLine, OnboardingReport
from sinch_hosting.cli.demo_rows import COLUMNS, Outcome, RowOutcome, count, settle, write_rows
from sinch_hosting.cli.errors import BadInput
from sinch_hosting.cli.reports import check_report
from sinch_hosting.phone_files import read_phone_bytes

ROWS = b"Phone\n202-555-0100\n202-555-0101\n(202) 555-0100\nn/a\n\n202-555-0102\n"


def report(**lines: tuple[str, str, str]) -> OnboardingReport:
    """What an onboarding reports of numbers: how each ended, why, and its order."""
    return OnboardingReport(
        lines=tuple(
            OnboardingLine(
                phone_number=f"+1{number.removeprefix('n')}",
                outcome=outcome,
                reason=reason,
                order_id=order_id,
                region_code="US",
                kind="local",
                letter_to="",
            )
            for number, (outcome, reason, order_id) in lines.items()
        )
    )


def outcome(raw: str, reason: str = "") -> RowOutcome:
    """A rejected row."""
    return RowOutcome(
        row=2, raw=raw, phone_number="", outcome=Outcome.REJECTED, reason=reason, order_id=""
    )


def read_report(path: Path) -> list[list[str]]:
    """Read a report's cells."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def test_every_row_ends_in_one_outcome_and_the_counts_add_up() -> None:
    """Done and failed come from the onboarding; duplicates and rejections from the file."""
    sheet = read_phone_bytes(ROWS)
    reported = report(n2025550100=("done", "", "o1"), n2025550101=("failed", "refused", "o1"))

    ended = settle(sheet.records, reported)

    assert [(row.row, row.outcome.value, row.reason, row.order_id) for row in ended] == [
        (2, "done", "", "o1"),
        (3, "failed", "refused", "o1"),
        (4, "duplicate", "the same number as row 2", ""),
        (5, "rejected", "not a phone number", ""),
        (6, "rejected", "no number in this row", ""),
        (7, "failed", "never reached", ""),
    ]
    assert count(ended) == {"done": 1, "duplicate": 1, "rejected": 2, "failed": 2}
    assert sum(count(ended).values()) == sheet.rows


def test_what_is_not_settled_when_the_work_stops_says_so() -> None:
    """Half way, what is done is done, and the rest is stopped, with its order where it has one."""
    sheet = read_phone_bytes(ROWS)
    reported = report(
        n2025550100=("done", "", "o1"), n2025550101=("waiting", "its order is SUBMITTED", "o2")
    )

    ended = settle(sheet.records, reported, stopped=True)

    assert [(row.outcome.value, row.reason, row.order_id) for row in ended] == [
        ("done", "", "o1"),
        ("stopped", "its order is SUBMITTED", "o2"),
        ("duplicate", "the same number as row 2", ""),
        ("rejected", "not a phone number", ""),
        ("rejected", "no number in this row", ""),
        ("stopped", "never reached", ""),
    ]


def test_the_report_has_exactly_the_agreed_columns(tmp_path: Path) -> None:
    """One line a row under the six agreed names, and the number in E.164."""
    sheet = read_phone_bytes(ROWS)
    path = tmp_path / "report.csv"

    write_rows(path, settle(sheet.records, report(n2025550100=("done", "", "o1"))))

    head, first, *rest = read_report(path)
    assert head == ["row", "raw", "phone_number", "outcome", "reason", "order_id"]
    assert tuple(head) == COLUMNS
    assert first == ["2", "202-555-0100", "+12025550100", "done", "", "o1"]
    assert len(rest) == sheet.rows - 1


@pytest.mark.parametrize(
    "raw",
    ["=1+1", '=HYPERLINK("http://x")', "@SUM(A1)", "+cmd|' /C calc'!A0", "-2+3+cmd", " =1", "\t=1"],
)
def test_a_cell_that_would_run_as_a_formula_is_made_text(raw: str, tmp_path: Path) -> None:
    """An apostrophe keeps a spreadsheet from running what somebody typed into a cell."""
    write_rows(tmp_path / "report.csv", [outcome(raw, reason=raw)])

    assert read_report(tmp_path / "report.csv")[1][1] == "'" + raw
    assert read_report(tmp_path / "report.csv")[1][4] == "'" + raw


@pytest.mark.parametrize(
    "raw", ["+12025550100", "+1 (202) 555-0100", "-", " +1 202 555 0100 ", "n/a", "Zoë, 5\nx", ""]
)
def test_a_number_stays_as_it_is_in_the_file(raw: str, tmp_path: Path) -> None:
    """Digits and their punctuation run nothing, and everything else is kept to the letter."""
    write_rows(tmp_path / "report.csv", [outcome(raw)])

    assert read_report(tmp_path / "report.csv")[1][1] == raw


@settings(deadline=None)
@given(raw=st.text(st.characters(exclude_categories=["Cs"])))
def test_no_cell_of_the_report_begins_a_formula_with_letters(
    raw: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Whatever is in the file, it is recognisable in the report and runs nothing."""
    path = tmp_path_factory.mktemp("report") / "report.csv"

    write_rows(path, [outcome(raw)])

    cell = read_report(path)[1][1]
    assert cell in {raw, "'" + raw}
    begins_formula = cell.lstrip()[:1] in tuple("=@+-")
    assert not (begins_formula and any(sign.isalpha() or sign in "=@" for sign in cell))


def test_a_report_that_cannot_be_written_is_refused_before_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder, a missing folder, a forbidden one and the numbers themselves are no target."""
    numbers = tmp_path / "numbers.csv"
    numbers.write_bytes(ROWS)
    with pytest.raises(BadInput, match="is a directory; name a file in it"):
        check_report(tmp_path, None)
    with pytest.raises(BadInput, match="there is no folder"):
        check_report(tmp_path / "nope" / "report.csv", None)
    with pytest.raises(BadInput, match="would overwrite the numbers"):
        check_report(tmp_path / "." / "numbers.csv", numbers)

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(BadInput, match="cannot be written: Permission denied; name another"):
        check_report(tmp_path / "report.csv", numbers)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="/dev/full is Linux's")
def test_a_report_onto_a_full_disk_is_refused_before_the_work() -> None:
    """What opens and then takes nothing is found out by writing."""
    with pytest.raises(BadInput, match="cannot be written: No space left on device"):
        check_report(Path("/dev/full"), None)


@pytest.mark.skipif(sys.platform == "win32", reason="named pipes of this kind are POSIX")
def test_a_pipe_is_left_to_its_reader(tmp_path: Path) -> None:
    """Opening a pipe to try it would wait for a reader, and end what the reader gets."""
    os.mkfifo(tmp_path / "pipe")

    check_report(tmp_path / "pipe", None)


def test_a_link_that_leads_nowhere_yet_is_kept(tmp_path: Path) -> None:
    """The check takes its own traces away, and nothing else."""
    link = tmp_path / "report.csv"
    link.symlink_to(tmp_path / "target.csv")

    check_report(link, None)

    assert link.is_symlink()
    assert not link.exists()


def test_a_report_that_can_be_written_is_not_refused(tmp_path: Path) -> None:
    """A new file and an older report are both fine, and neither is touched by the check."""
    older = tmp_path / "older.csv"
    older.write_text("older")

    check_report(tmp_path / "new.csv", older)
    check_report(older, None)

    assert older.read_text() == "older"
    assert not (tmp_path / "new.csv").exists()


def test_a_disk_that_fails_late_is_a_clear_error(tmp_path: Path) -> None:
    """What could not be foreseen is told in the same words."""
    with pytest.raises(BadInput, match=r"report cannot be written: Is a directory"):
        write_rows(tmp_path, [outcome("n/a")])


# ------------------------------------------------------------ written whole


def onboarded(reason: str) -> OnboardingReport:
    """A report of one number that failed."""
    return report(n2025550100=("failed", reason, "o1"))


@pytest.mark.parametrize("text", ["=1+1", "@SUM(A1)", "+cmd|' /C calc'!A0", "-2+3+cmd", "\t=1"])
def test_a_report_of_an_onboarding_runs_nothing_either(text: str, tmp_path: Path) -> None:
    """In every column, and in the text as in the file; numbers stay as they are."""
    ended = onboarded(text)
    ended.write(tmp_path / "report.csv")

    line = dict(zip(*read_report(tmp_path / "report.csv"), strict=True))
    assert line["reason"] == "'" + text
    assert line["phone_number"] == "+12025550100"
    assert (tmp_path / "report.csv").read_bytes().decode() == ended.to_csv()


WRITERS = [
    lambda path, text: onboarded(text).write(path),
    lambda path, text: write_rows(path, [outcome("n/a", reason=text)]),
]


@pytest.mark.skipif(sys.platform == "win32", reason="limits of this kind are POSIX")
@pytest.mark.parametrize("write", WRITERS, ids=["library", "command"])
def test_a_report_that_cannot_be_finished_leaves_the_older_one(write, tmp_path: Path) -> None:
    """A disk that fills up half way costs nothing that was there, and leaves no rest."""
    import resource

    path = tmp_path / "report.csv"
    path.write_text("older")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, hard))
    try:
        with pytest.raises((OSError, BadInput)):
            write(path, "x" * 1_000_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    assert path.read_text() == "older"
    assert os.listdir(tmp_path) == ["report.csv"]


@pytest.mark.skipif(sys.platform == "win32", reason="permissions of this kind are POSIX")
@pytest.mark.parametrize("write", WRITERS, ids=["library", "command"])
def test_a_report_takes_the_place_of_an_older_one(write, tmp_path: Path) -> None:
    """With its permissions, and through a link; nothing else is left in the folder."""
    path, link = tmp_path / "report.csv", tmp_path / "link.csv"
    path.write_text("older" * 1000)
    path.chmod(0o640)
    link.symlink_to(path)

    write(link, "refused")

    assert link.is_symlink()
    assert "refused" in path.read_text()
    assert "older" not in path.read_text()
    assert path.stat().st_mode & 0o777 == 0o640
    assert sorted(os.listdir(tmp_path)) == ["link.csv", "report.csv"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="/dev/full is Linux's")
def test_a_device_is_written_to_and_stays_one() -> None:
    """As /dev/stdout would be."""
    with pytest.raises(OSError, match="No space left"):
        onboarded("refused").write("/dev/full")
    assert Path("/dev/full").is_char_device()
