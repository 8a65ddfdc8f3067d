"""The demo as people run it: on a file, in a pipe, on a terminal, and stopped half way."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
from collections import Counter
from contextlib import aclosing
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sinch_hosting.cli import app, demo_run
from sinch_hosting.errors import TransportError
from sinch_hosting.phone_files import NumberKind, read_phone_file
from sinch_hosting.sandbox import Sandbox

from .conftest import PATIENCE

if TYPE_CHECKING:
    from typing import Any

    from sinch_hosting import Onboarding

DATA = Path(__file__).resolve().parents[1] / "data"
FAST = 10_000_000.0
COMMAND = """
import sys
from sinch_hosting.cli import demo_run, main
demo_run._SPEED, demo_run._LOOK = float(sys.argv.pop(1)), 0.01
main()
"""


@pytest.fixture
def _fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let days pass in a blink."""
    monkeypatch.setattr(demo_run, "_SPEED", FAST)
    monkeypatch.setattr(demo_run, "_LOOK", 0.01)


@pytest.fixture
def numbers(tmp_path: Path) -> Path:
    """A small file with one row of each outcome, and both kinds and regions."""
    path = tmp_path / "numbers.csv"
    rows = ["Name,Phone,Mobile", "A,202-555-0100,", "B,(202) 555-0100,415-555-0109", "C,n/a,"]
    path.write_text("\n".join([*rows, "D,514-555-0101,", "E,833-555-0102,", ",,", "F,=1+1,"]))
    return path


def command(speed: float, *arguments: str) -> list[str]:
    """The command line of the demo at another speed of time."""
    return [sys.executable, "-c", COMMAND, str(speed), "demo", *arguments]


def interrupt_once_it_runs(process: subprocess.Popen[str]) -> None:
    """Press Ctrl-C when the numbers are being followed."""
    assert process.stderr is not None
    for line in process.stderr:
        if "put into qualification" in line:
            process.send_signal(signal.SIGINT)
            return


def plain_environment() -> dict[str, str]:
    """An environment in which nothing forces colours or widths."""
    forcing = ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE", "COLUMNS", "LINES")
    return {name: value for name, value in os.environ.items() if name not in forcing}


@pytest.mark.usefixtures("_fast")
def test_every_row_ends_in_the_report(
    numbers: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """All accepted numbers are done, the rest has reasons, and the exit code says so."""
    report = tmp_path / "report.csv"

    assert app.run(["demo", "--numbers", str(numbers), "--report", str(report)]) == 0

    with report.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["row"], row["phone_number"], row["outcome"], row["reason"]) for row in rows] == [
        ("2", "+12025550100", "done", ""),
        ("3", "+12025550100", "duplicate", "the same number as row 2"),
        ("4", "", "rejected", "not a phone number"),
        ("5", "+15145550101", "done", ""),
        ("6", "+18335550102", "done", ""),
        ("7", "", "rejected", "no number in this row"),
        ("8", "", "rejected", "not a phone number"),
    ]
    assert len({row["order_id"] for row in rows if row["outcome"] == "done"}) == 3
    assert {row["order_id"] for row in rows if row["outcome"] != "done"} == {""}
    assert rows[-1]["raw"] == "'=1+1"
    printed = capsys.readouterr()
    assert f"what became of every row: {report}" in printed.err
    assert "'Mobile' holds phone numbers, too; --column 'Mobile' would read those" in printed.err
    assert printed.out.splitlines()[-5:] == [
        "done       3",
        "duplicate  1",
        "rejected   3",
        "failed     0",
        "all        7",
    ]


@pytest.mark.usefixtures("_fast")
def test_only_rows_that_ask_for_attention_are_printed(
    numbers: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Done rows and duplicates are left to the report, and a long list is cut with a word."""
    monkeypatch.setattr(demo_run, "_SHOWN_ROWS", 2)

    assert app.run(["demo", "--numbers", str(numbers)]) == 0

    printed = capsys.readouterr().out
    assert "4    n/a     rejected  not a phone number" in printed
    assert "+12025550100" not in printed
    assert "=1+1" not in printed
    assert "and 1 more; --report FILE.csv tells of every row" in printed


@pytest.mark.usefixtures("_fast")
def test_where_all_is_well_only_the_counts_are_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file without trouble has no table of troubles, not even an empty one."""
    path = tmp_path / "numbers.csv"
    path.write_text("202-555-0100\n")

    assert app.run(["demo", "--numbers", str(path)]) == 0

    printed = capsys.readouterr()
    assert "utf-8, one column, numbers from 'column 1'" in printed.err
    assert "reason" not in printed.out
    assert "done       1" in printed.out


@pytest.mark.usefixtures("_fast")
def test_every_row_is_printed(
    numbers: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With `--all` the table tells of every row, however long it is."""
    monkeypatch.setattr(demo_run, "_SHOWN_ROWS", 2)

    assert app.run(["demo", "--numbers", str(numbers), "--all"]) == 0

    printed = capsys.readouterr().out
    assert "the same number as row 2" in printed
    assert "=1+1" in printed
    assert "more; --report" not in printed


@pytest.mark.usefixtures("_fast")
def test_another_column_can_be_chosen(numbers: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`--column` reads the numbers that the found column does not hold."""
    assert app.run(["demo", "--numbers", str(numbers), "--column", "mobile"]) == 0

    printed = capsys.readouterr().err
    assert "numbers from 'Mobile'" in printed
    assert "7 rows: 1 numbers, 0 duplicates, 0 rejected, 6 blank" in printed


@pytest.mark.usefixtures("_fast")
def test_a_number_that_does_not_get_through_is_exit_code_1(
    numbers: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The code tells a script that something failed; the table tells a person what."""

    class Troubled(Sandbox):
        """A sandbox where one number's routing fails."""

        async def start(self) -> Sandbox:
            """Start with the trouble planned."""
            self.plan("+15145550101", osr="INVALID_NNID")
            return await super().start()

    monkeypatch.setattr(demo_run, "Sandbox", Troubled)

    assert app.run(["demo", "--numbers", str(numbers)]) == 1

    printed = capsys.readouterr().out
    assert "+15145550101 failed the routing (OSR) is FAILED" in " ".join(printed.split())
    assert "failed     1" in printed


def test_a_file_without_a_usable_number_is_bad_input(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is started for it, its rows are told, and it is exit code 2."""
    path, report = tmp_path / "numbers.csv", tmp_path / "report.csv"
    path.write_text("Phone\nn/a\n+44 20 7946 0958\n")

    assert app.run(["demo", "--numbers", str(path), "--report", str(report)]) == 2

    printed = capsys.readouterr()
    assert "sandbox: " not in printed.err
    assert "a number of the United Kingdom" in " ".join(printed.out.split())
    assert printed.err.endswith(
        f"sinch-hosting: {path}: none of its 2 rows holds a usable number\n"
    )
    assert report.read_text().count("rejected") == 2


def test_a_report_over_the_numbers_is_refused_at_once(
    numbers: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The file that is read is never overwritten."""
    before = numbers.read_bytes()

    assert app.run(["demo", "--numbers", str(numbers), "--report", str(numbers)]) == 2

    assert "the report would overwrite the numbers" in capsys.readouterr().err
    assert numbers.read_bytes() == before


def test_the_bundled_sample_is_about_a_thousand_messy_rows() -> None:
    """The sample has both regions, both kinds, duplicates, rejections and blank rows."""
    sheet = read_phone_file(Path(str(files("sinch_hosting.cli") / "sample-numbers.csv")))

    kinds = Counter((record.region, record.kind) for record in sheet.accepted)
    assert 950 < sheet.rows < 1050
    assert kinds.keys() == {
        ("US", NumberKind.LOCAL),
        ("CA", NumberKind.LOCAL),
        ("US", NumberKind.TOLL_FREE),
    }
    assert kinds["US", NumberKind.LOCAL] > 500
    assert min(map(len, (sheet.duplicates, sheet.rejected, sheet.blank))) > 10
    assert all(str(record.phone_number)[5:9] == "5550" for record in sheet.accepted)


def test_in_a_pipe_the_demo_prints_plain_lines() -> None:
    """The command by itself takes the sample through; no escapes, no frames, no bars."""
    done = subprocess.run(
        command(FAST),
        capture_output=True,
        text=True,
        encoding="utf-8",
        env={**plain_environment(), "FORCE_COLOR": "1"},
        check=False,
    )

    assert done.returncode == 0
    assert "\x1b" not in done.stdout + done.stderr
    assert "│" not in done.stdout
    told = done.stderr.splitlines()
    assert told[0] == "the bundled sample: utf-8-sig, commas, numbers from 'Telephone no.'"
    assert "verified: 924 of 924" in told
    assert "done: 924 of 924" in told
    assert done.stdout.splitlines()[-5:] == [
        "done       924",
        "duplicate  38",
        "rejected   41",
        "failed     0",
        "all        1003",
    ]


@pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals are POSIX")
def test_on_a_terminal_the_demo_draws_bars(numbers: Path) -> None:
    """A terminal gets bars that redraw themselves, and tables in frames."""
    import pty

    ours, theirs = pty.openpty()
    environment = {**plain_environment(), "TERM": "xterm-256color"}
    process = subprocess.Popen(
        command(FAST, "--numbers", str(numbers)),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=environment,
    )
    os.close(theirs)
    printed = b""
    while True:
        try:
            part = os.read(ours, 65536)
        except OSError:  # Linux's way of saying that the other end was closed
            break
        if not part:
            break
        printed += part
    os.close(ours)

    assert process.wait() == 0
    assert b"\x1b[" in printed
    assert "━" in printed.decode()
    assert "│ duplicate │ 1" in printed.decode()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT for another process")
def test_ctrl_c_stops_the_demo_cleanly() -> None:
    """Ctrl-C ends it in order: code 130, the totals, no traceback, no warning."""
    process = subprocess.Popen(
        command(0),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**plain_environment(), "PYTHONWARNINGS": "default"},
    )
    interrupt_once_it_runs(process)
    printed, errors = process.communicate(timeout=PATIENCE)

    assert process.returncode == 130
    assert "stopping: nothing more is sent" in errors
    assert "Traceback" not in errors
    assert "Warning" not in errors
    assert "stopped    924" in printed


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT for another process")
def test_ctrl_c_leaves_a_report_of_every_row(numbers: Path, tmp_path: Path) -> None:
    """What was not done when Ctrl-C came stands as stopped in the report, and the code is 130."""
    report = tmp_path / "report.csv"
    process = subprocess.Popen(
        command(0, "--numbers", str(numbers), "--report", str(report)),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=plain_environment(),
    )
    interrupt_once_it_runs(process)
    process.communicate(timeout=PATIENCE)

    with report.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert process.returncode == 130
    outcomes = ["stopped", "duplicate", "rejected", "stopped", "stopped", "rejected", "rejected"]
    assert [row["outcome"] for row in rows] == outcomes
    assert all(row["reason"] for row in rows if row["outcome"] == "stopped")


@pytest.mark.usefixtures("_fast")
def test_a_failure_half_way_leaves_a_report_with_the_orders(
    numbers: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Numbers whose order exists keep its id, and what was done before stays done."""

    async def fail(onboarding: Onboarding, *_: object, on_step: Any) -> None:
        async with aclosing(onboarding.steps()) as steps:
            async for step in steps:
                on_step(step)
                if step.step == "done":
                    raise TransportError("the service is gone", never_sent=False)

    monkeypatch.setattr(demo_run, "follow", fail)
    report = tmp_path / "report.csv"

    assert app.run(["demo", "--numbers", str(numbers), "--report", str(report)]) == 4

    with report.open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["order_id"]]
    assert "done" in {row["outcome"] for row in rows}
    assert {row["outcome"] for row in rows} <= {"done", "stopped"}
    assert "sinch-hosting: the service is gone\n" in capsys.readouterr().err


def test_a_report_that_fails_half_way_hides_no_failure(
    numbers: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Both are told: what ended the run, and that there is no report of it."""
    report = tmp_path / "report.csv"

    async def fail(*_: object, **__: object) -> None:
        report.mkdir()
        raise TransportError("the service is gone", never_sent=False)

    monkeypatch.setattr(demo_run, "follow", fail)

    assert app.run(["demo", "--numbers", str(numbers), "--report", str(report)]) == 4
    told = capsys.readouterr().err
    assert f"sinch-hosting: {report}: the report cannot be written: Is a directory" in told
    assert "sinch-hosting: the service is gone" in told


@pytest.mark.usefixtures("_fast")
def test_the_shared_file_goes_through_whole(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A thousand rows as people keep them end as the agreed answer says."""
    source, answer = DATA / "numbers-messy.csv", DATA / "numbers-messy.expected.json"
    expected = json.loads(answer.read_text())
    report = tmp_path / "report.csv"

    assert app.run(["demo", "--numbers", str(source), "--report", str(report)]) == 0

    with report.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    done = sorted(row["phone_number"] for row in rows if row["outcome"] == "done")
    outcomes = Counter(row["outcome"] for row in rows)
    with_raw = [row for row in rows if row["outcome"] == "rejected" and row["raw"].strip()]
    assert done == sorted(expected["local"] + expected["toll_free"])
    assert outcomes["duplicate"] == expected["duplicates"]
    assert len(with_raw) == expected["rejected"]
    assert len(rows) == expected["rows"]
    assert "Traceback" not in capsys.readouterr().err
