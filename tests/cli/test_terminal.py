"""What only a terminal shows: questions, bars, live orders, frames, narrow and plain ones."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager

import pytest

from .conftest import LETTER, Account

if sys.platform == "win32":
    pytest.skip("pseudo-terminals are POSIX", allow_module_level=True)

from .terminal import Terminal, on_terminal

ONBOARD = ("onboard", "numbers.csv", "--loa", "acme.toml", "--job", "acme", "--settle", "0")


def terminal(
    account: Account, *arguments: str, columns: int = 120, **environ: str
) -> AbstractContextManager[Terminal]:
    """Run a command of the account on a terminal."""
    environment = {**account.environ, **environ}
    return on_terminal(*arguments, environ=environment, cwd=account.home, columns=columns)


def files(account: Account) -> None:
    """Write the numbers and the letter."""
    account.file("numbers.csv", "Phone\n202-555-0100\n202-555-0101\n")
    account.file("acme.toml", LETTER)


def test_letters_are_asked_about_and_a_no_sends_nothing(quick: Account) -> None:
    """The banner stands before the question; anything but yes is no."""
    files(quick)
    with terminal(quick, *ONBOARD) as screen:
        asked = screen.read_until("go on? [y/N] ")
        screen.type("n\n")
        told = screen.read_to_end()

    assert screen.process.returncode == 130
    assert f"project {quick.environ['SINCH_PROJECT_ID']}, job acme; ledger: " in asked
    assert "1 letter to Jane Doe <jane@example.com>: go on?" in asked
    assert "not confirmed; nothing was sent" in told
    assert quick.sandbox.show("state")["counts"]["qualifiedNumbers"] == 0


def test_a_yes_goes_on_with_bars(quick: Account) -> None:
    """Bars move; at the end only what asks for attention is printed, and the totals."""
    files(quick)
    with terminal(quick, *ONBOARD) as screen:
        screen.read_until("go on? [y/N] ")
        screen.type("yes\n")
        told = screen.read_to_end()

    assert screen.process.returncode == 0, told
    assert "━" in told
    assert "2/2" in told
    assert "2 done, 0 waiting, 0 failed, 0 unknown" in told
    assert "\x1b[" in screen.raw


def test_the_secret_is_asked_for_unseen(quick: Account) -> None:
    """Where there is none it is typed, and never shown."""
    quick.run("callbacks", "set-secret", stdin="the-secret-of-callbacks\n")
    with terminal(quick, "callbacks", "get", SINCH_KEY_SECRET="") as screen:
        screen.read_until("Secret of key sandbox-key-id: ")
        screen.type("sandbox-key-secret\n")
        told = screen.read_to_end()

    assert screen.process.returncode == 0, told
    assert "sandbox-key-secret" not in told
    assert "the-secret-of-callbacks" not in told
    assert "secret is set  yes" in told


def test_a_voice_challenge_asks_for_its_code(still: Account) -> None:
    """The number is rung, the code is typed, and checked."""
    number = "+12025550100"
    still.run("qualify", "add", number)
    still.sandbox.do("advance", days=0.1)
    with terminal(still, "qualify", "challenge", number) as screen:
        screen.read_until(f"Call {number}? [y/N] ")
        screen.type("y\n")
        screen.read_until("Code that the voice said: ")
        screen.type(still.sandbox.do("voice-code", number=number)["code"] + "\n")
        told = screen.read_to_end()

    assert screen.process.returncode == 0, told
    assert "VERIFIED" in told


def order(account: Account) -> str:
    """Text-enable two numbers; returns the order's id."""
    return account.text_enable("+12025550100", "+12025550101")


def test_watch_is_live_and_ctrl_c_prints_the_line_that_goes_on(still: Account) -> None:
    """State, whom it waits for and how long, totals as bars; the order is left alone."""
    order_id = order(still)
    still.sandbox.do("advance", hours=1)
    with terminal(still, "orders", "watch", order_id) as screen:
        shown = screen.read_until("orders ended")
        screen.read_until("on the campaign")
        screen.type("\x03")
        told = screen.read_to_end()

    assert f"{order_id}  WAITING_FOR_LOA_SIGNATURE" in shown
    assert "waits for jane@example.com since" in shown
    assert "0/1" in shown
    assert screen.process.returncode == 130
    assert "wait for them with:" in told
    assert order_id in told.rpartition("wait for them with:")[2]


def test_watch_ends_when_all_have_ended(still: Account) -> None:
    """COMPLETED is 0; the bars are full."""
    order_id = order(still)
    with terminal(still, "orders", "watch", order_id) as screen:
        screen.read_until("orders ended")
        still.sandbox.do("complete", order=order_id)
        told = screen.read_to_end()

    assert screen.process.returncode == 0, told
    assert "COMPLETED" in told
    assert "1/1" in told


@pytest.mark.parametrize("columns", [200, 20])
def test_ids_are_never_cut(columns: int, still: Account) -> None:
    """A wide terminal draws a frame, a narrow one lists each order's fields."""
    order_id = order(still)
    with terminal(still, "orders", "list", columns=columns) as screen:
        told = screen.read_to_end()

    assert screen.process.returncode == 0
    assert order_id in told
    assert ("│" in told) is (columns == 200)


def test_an_ascii_terminal_gets_ascii(still: Account) -> None:
    """No frame and no bar of other characters, where those cannot be shown."""
    order_id = order(still)
    ascii_only = {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0", "LC_ALL": "C"}
    with terminal(still, "orders", "list", columns=200, **ascii_only) as screen:
        told = screen.read_to_end()

    assert screen.process.returncode == 0
    assert order_id in told
    assert told.isascii()
    assert "+--" in told


def test_no_color_has_no_colours(still: Account) -> None:
    """`NO_COLOR` leaves frames, and takes colours away."""
    order(still)
    with terminal(still, "orders", "list", columns=200, NO_COLOR="1") as screen:
        screen.read_to_end()

    assert "\x1b[3" not in screen.raw


def test_start_asks_and_asks_anew(quick: Account) -> None:
    """A wrong answer is said to be wrong at once; the last question runs it on a sandbox."""
    with terminal(quick, "start", SINCH_HOSTING_CAMPAIGN_ID="") as screen:
        screen.read_until("What do you want to do? ")
        screen.type("everything\n")
        screen.read_until("must be one of import")
        screen.type("1\n")
        screen.read_until("Which numbers")
        screen.type("12\n")
        screen.read_until("12")
        screen.read_until("Which numbers (in E.164, or a file)? 12")
        screen.type("+12025550134\n")
        screen.read_until("Which 10DLC campaign?")
        screen.type("campaign-7\n")
        screen.read_until("How do you want to do it? [command] ")
        screen.type("python\n")
        screen.read_until("Run it? [no] ")
        screen.type("sandbox\n")
        told = screen.read_to_end()

    assert screen.process.returncode == 0, told
    assert 'CAMPAIGN = "campaign-7"' in told
    assert told.rstrip().endswith("+12025550134 DONE")
