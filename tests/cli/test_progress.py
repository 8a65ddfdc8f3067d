"""Bars on a terminal, plain lines everywhere else."""

from __future__ import annotations

import io
import re
import sys

import pytest

from sinch_hosting.cli.output import printable
from sinch_hosting.cli.progress import Bars, Lines, shown_on_stderr


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        """It is one."""
        return True


def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """Make standard error a terminal of 60 columns, whatever the tests run in."""
    stdout = Terminal()
    monkeypatch.setattr(sys, "stderr", stdout)
    for name in ("NO_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "60")
    return stdout


def test_lines_come_at_quarters_and_at_the_end(capsys: pytest.CaptureFixture[str]) -> None:
    """A pipe gets a handful of lines, however often the stage moves, and always the last."""
    with Lines() as show:
        update = show.stage("qualification", 100)
        for done in (0, 1, 24, 25, 26, 49, 60, 60, 99, 100, 100):
            update(done)

    assert capsys.readouterr().err.splitlines() == [
        "qualification: 0 of 100",
        "qualification: 25 of 100",
        "qualification: 60 of 100",
        "qualification: 99 of 100",
        "qualification: 100 of 100",
    ]


def test_lines_are_neither_coloured_nor_cut(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is wrapped, coloured or read as markup, even where colours are forced."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "20")
    show = Lines()
    text = "[bold]order[/bold] :smile: 123 'quoted' " + "x" * 100

    show.note(text)

    assert capsys.readouterr().err == text + "\n"


def test_lines_speak_every_ten_seconds_however_little_happens(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Who reads a log sees that it goes on, and how far it is."""
    now = 0.0
    show = Lines(clock=lambda: now)
    update = show.stage("verified", 20)
    update(3)
    for now in (9.0, 10.0, 12.0, 19.5, 20.0):  # noqa: B007 - the clock reads it
        show.tick()

    assert capsys.readouterr().err.splitlines() == [
        "verified: 0 of 20",
        "verified: 3 of 20 after 10 s",
        "verified: 3 of 20 after 20 s",
    ]


def test_a_terminal_gets_bars_that_move(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bars redraw themselves, with their counts, and notes stand above them."""
    stdout = terminal(monkeypatch)
    with shown_on_stderr() as show:
        assert isinstance(show, Bars)
        update = show.stage("qualification", 10)
        update(4)
        show.note("order 1: SUBMITTED")
        update(10)

    printed = stdout.getvalue()
    assert "\x1b[" in printed
    assert "10/10" in re.sub(r"\x1b\[[0-9;]*m", "", printed)
    assert "order 1: SUBMITTED" in printed


@pytest.mark.parametrize("term", ["dumb", "unknown"])
def test_a_terminal_that_cannot_move_gets_lines(term: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Editors' shells that show escapes as text get plain lines."""
    terminal(monkeypatch)
    monkeypatch.setenv("TERM", term)

    assert isinstance(shown_on_stderr(), Lines)


def test_what_is_no_terminal_gets_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pipe or a file gets lines, even where colours are forced."""
    terminal(monkeypatch)
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    monkeypatch.setenv("FORCE_COLOR", "1")

    assert isinstance(shown_on_stderr(), Lines)


def test_control_characters_are_not_printed() -> None:
    """A cell cannot clear the screen, ring the bell or break its line."""
    assert printable("\x1b[2J\a+1\n2 é") == "�[2J�+1�2 é"
