"""Each exit code, and what a person or a program reads then."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from sinch_hosting import Order, OrderRejected, OutcomeUnknown, RunStopped, WaitTimeout
from sinch_hosting.cli.errors import ExitCode, code_of, message_of, worst
from sinch_hosting.errors import NotFound, TransportError

from .conftest import LETTER, Account, command, plain_environment

NUMBER = "+12025550100"


def test_0_and_3_where_a_number_is_there_or_not(quick: Account) -> None:
    """A single thing that is refused is 3; of several, some there and some not are 1."""
    options = ("--plan", "plan-1", "--campaign", "campaign-1", "--wait", "--format", "json")
    there = quick.run("numbers", "import", NUMBER, *options)
    absent = quick.run("numbers", "get", "+12025550199")
    both = quick.run("numbers", "get", NUMBER, "+12025550199")

    assert (there.returncode, absent.returncode, both.returncode) == (0, 3, 1)
    assert json.loads(there.stdout)["sms_provisioning"]["state"] == "DONE"
    assert len(both.stdout.splitlines()) == 1
    assert absent.stderr.splitlines() == [
        "sinch-hosting: +12025550199: GetImportedNumber: 404 NOT_FOUND: +12025550199 was not found",
        "  check the id, and the project that it belongs to: sinch-hosting doctor",
    ]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["orders", "get", "x", "--fomat", "json"], "Unknown option: --fomat"),
        (["numbers", "get", "nope.csv"], "nope.csv: there is no such file; check the path"),
        (["numbers", "get", "hello"], "hello: there is no such file; check the path"),
        (["numbers", "get", "+44 20 7946 0958"], "+44"),
        (["onboard", "empty.csv", "--loa", "x"], "empty.csv: is empty"),
        (["onboard", "two.csv", "--loa", "x"], "--column"),
        (["qualify", "challenge", "many.csv"], "many.csv: holds 2 numbers; give one number"),
        (["numbers", "delete", "one.csv"], "these would be deleted and lose their service: +1"),
        (["onboard", "one.csv"], "no letter of authorization: write one with"),
        (["onboard", "one.csv", "--loa", "nope.toml"], "nope.toml: there is no such file"),
        (["onboard", "-", "--loa", "x"], "standard input: is empty"),
        (["orders", "list", "--state", "DONE"], "no order state is called 'DONE'"),
        (["orders", "wait"], "no order is named"),
        (["orders", "wait", "x", "--timeout", "soon"], "--timeout 'soon'"),
        (["orders", "text-enable", "one.csv", "--loa", "a.toml", "--timeout", "soon"], "'soon'"),
        (["orders", "unsigned", "--older", "3 days"], "--older '3 days'"),
        (["qualify", "list", "--state", "GOOD"], "no qualification state is called 'GOOD'"),
        (["jobs", "show", "nope"], "no job 'nope'"),
        (["letter", "check", "nope.toml"], "sinch-hosting letter template > nope.toml"),
        (["callbacks", "listen"], "no secrets to check callbacks with"),
        (["api", "GET", "../../x"], "must be a path below"),
        (["api", "POST", "x"], "POST"),
        (["doctor", "--profile", "nope"], "no profile 'nope'"),
    ],
)
def test_2_wrong_usage(arguments: list[str], said: str, still: Account) -> None:
    """Bad arguments and files are found before the first request, and said in a line or two."""
    still.file("empty.csv", "")
    still.file("one.csv", "Phone\n202-555-0100\n")
    still.file("a.toml", LETTER)
    still.file("many.csv", "Phone\n202-555-0100\n202-555-0101\n")
    still.file("two.csv", "A,B\n202-555-0100,202-555-0101\n")

    done = still.run(*arguments, stdin="")

    assert done.returncode == 2, done.stderr
    assert said in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert still.sandbox.show("requests") == []


def test_2_errors_are_json_for_programs(still: Account) -> None:
    """Under `--format json` an error is one object on standard error."""
    done = still.run("orders", "wait", "x", "--timeout", "soon", "--format", "json")

    error = json.loads(done.stderr)["error"]
    assert error["type"] == "BadInput"
    assert error["exit_code"] == done.returncode == 2
    assert "--timeout 'soon'" in error["message"]


def test_3_a_wrong_secret(still: Account) -> None:
    """The token endpoint's refusal, and what to check; the secret is not shown."""
    done = still.run("orders", "list", SINCH_KEY_SECRET="not-the-secret")

    assert done.returncode == 3
    assert "check the key id and its secret: sinch-hosting doctor" in done.stderr
    assert "not-the-secret" not in done.stderr


def test_4_no_network(still: Account) -> None:
    """A service that cannot be reached, with what to look at."""
    away = {
        "SINCH_HOSTING_BASE_URL": "http://127.0.0.1:9",
        "SINCH_HOSTING_AUTH_URL": "http://127.0.0.1:9/t",
    }
    done = still.run("orders", "get", "x", "--format", "json", **away)

    assert done.returncode == 4
    assert json.loads(done.stderr.splitlines()[-1])["error"]["exit_code"] == 4


def test_5_time_is_up(still: Account) -> None:
    """A wait whose time ran out prints the order as it was, and the line that goes on."""
    still.file("acme.toml", LETTER)
    still.run("qualify", "add", NUMBER)
    still.sandbox.verify(NUMBER)
    enabled = ("orders", "text-enable", NUMBER, "--loa", "acme.toml", "--yes", "--settle", "0")
    done = still.run(*enabled, "--wait", "in_progress", "--timeout", "1s")

    assert done.returncode == 5, done.stderr
    assert json.loads(done.stdout)["state"] in ("DRAFT", "SUBMITTED")
    assert "sinch-hosting orders wait '{" in done.stderr


def test_1_an_order_is_rejected(still: Account) -> None:
    """The order is printed, and why it counts as failed."""
    order = still.text_enable(NUMBER)
    still.sandbox.do("reject", order=order, reason="no such owner")

    done = still.run("orders", "wait", order)

    assert done.returncode == 1, done.stderr
    assert "REJECTED" in done.stderr
    assert json.loads(done.stdout)["state"] == "REJECTED"


def test_6_an_outcome_is_unknown_and_is_reconciled(still: Account) -> None:
    """A lost answer is 6 with the line that looks for it; once it is found, 0."""
    still.file("acme.toml", LETTER)
    still.run("qualify", "add", NUMBER)
    still.sandbox.verify(NUMBER)
    enabled = ("orders", "text-enable", NUMBER, "--loa", "acme.toml", "--yes", "--settle", "0")
    still.sandbox.do("faults", kind="drop_after", operation="TextEnableHostingOrderNumbers")
    still.sandbox.do("faults", kind="lag", operation="ListHostingOrders", seconds=3600)
    lost = still.run(*enabled, "--job", "acme", "--grace", "1s")
    still.sandbox.clear_faults()
    shown = still.run("jobs", "show", "acme", "--open")
    found = still.run("jobs", "reconcile", "acme", "--settle", "0")

    assert lost.returncode == 6, lost.stderr
    assert "sinch-hosting jobs reconcile acme" in lost.stderr
    assert json.loads(shown.stdout)["is_open"] is True
    assert found.returncode == 0, found.stderr
    assert "1 found, 0 rejected, 0 still open" in found.stderr
    again = still.run(*enabled, "--job", "acme")
    assert again.returncode == 0, again.stderr
    assert len(still.sandbox.show("orders")) == 1


def test_a_closed_pipe_is_quiet(quick: Account) -> None:
    """`| head` ends a command without a word."""
    line = " ".join(command("completion", "bash"))
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {line} | head -1 > /dev/null"],
        stderr=subprocess.PIPE,
        text=True,
        env=plain_environment(),
        check=False,
    )

    assert done.returncode in (0, 141)
    assert done.stderr == ""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="/dev/full is Linux's")
@pytest.mark.parametrize(
    "arguments", ["numbers list", "orders list --format csv", "letter template"]
)
def test_1_a_full_disk(arguments: str, quick: Account) -> None:
    """What cannot be written is one line."""
    quick.run("numbers", "import", NUMBER)
    line = " ".join(command(*arguments.split()))
    done = subprocess.run(
        ["sh", "-c", f"{line} > /dev/full"],
        stderr=subprocess.PIPE,
        text=True,
        env=quick.environ,
        check=False,
    )

    if "orders" not in arguments:
        assert done.returncode == 1
        assert "standard output cannot be written to: No space left on device" in done.stderr
    assert "Traceback" not in done.stderr


def test_2_more_letters_than_allowed(still: Account) -> None:
    """`--max-letters` is a bound with `--yes`, too; so many letters need no other yes."""
    still.file("acme.toml", LETTER)
    numbers = (NUMBER, "+12025550101")
    still.run("qualify", "add", *numbers)
    still.sandbox.verify(*numbers)
    line = ("orders", "text-enable", *numbers, "--loa", "acme.toml", "--settle", "0")

    nobody = still.run(*line)
    too_many = still.run(*line, "--chunk-size", "1", "--max-letters", "1", "--yes")
    planned = still.run(*line, "--chunk-size", "1", "--dry-run")
    assert (nobody.returncode, too_many.returncode, planned.returncode) == (2, 2, 0)
    assert "2 letters to Jane Doe <jane@example.com> would be mailed" in too_many.stderr
    assert "2 orders of US local numbers (2), 2 letters to Jane Doe" in planned.stdout
    assert still.sandbox.show("orders") == []
    assert still.run(*line, "--max-letters", "1").returncode == 0
    assert len(still.sandbox.show("orders")) == 1


def test_1_a_state_folder_that_cannot_be_written(still: Account) -> None:
    """Without a ledger nothing that mails a letter is sent: it says where it would lie."""
    still.file("acme.toml", LETTER)
    still.file("state", "is a file")
    options = ("--loa", "acme.toml", "--yes", "--settle", "0")
    done = still.run("orders", "text-enable", NUMBER, *options)

    assert done.returncode == 2
    assert "give --ledger FILE, or set XDG_STATE_HOME" in done.stderr
    assert still.sandbox.show("orders") == []


def test_the_codes_of_errors() -> None:
    """An unknown outcome beats everything, whatever else went wrong."""
    unreached = TransportError("no", never_sent=True)
    unknown = OutcomeUnknown("ImportNumbers", unreached)
    rejected = OrderRejected(Order(hosting_order_id="1"))
    group = ExceptionGroup("two", [rejected, unknown, unreached])

    assert code_of(group) is ExitCode.UNKNOWN
    assert code_of(RunStopped("why", unreached)) is ExitCode.NOT_REACHED
    assert code_of(RunStopped("why")) is ExitCode.NOT_ALL
    assert code_of(WaitTimeout("late", timeout=1, last=None)) is ExitCode.TIMED_OUT
    assert code_of(NotFound("no", operation="x", status_code=404)) is ExitCode.REFUSED
    assert worst([]) is ExitCode.DONE
    assert message_of(group).endswith("(and 2 more errors)")
    assert sorted(ExitCode) == [0, 1, 2, 3, 4, 5, 6, 130, 141]
