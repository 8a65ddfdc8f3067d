"""Ten sessions of an operator's week, as scripts: each is a page of the guide."""

from __future__ import annotations

import csv
import io
import json
import re
import shlex
import signal
import subprocess
import sys
from collections import Counter
from urllib.parse import parse_qs, urlsplit

import pytest

from .conftest import LETTER, PATIENCE, Account, until

NUMBERS = "Phone\n202-555-0100\n202-555-0101\n833-555-0102\n514-555-0103\nn/a\n(202) 555-0100\n"
ALL = ["+12025550100", "+12025550101", "+18335550102", "+15145550103"]
CREATES = ("TextEnableQualifiedNumbers", "TextEnableTollFreeQualifiedNumbers")
posix = pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX")


def onboarding(account: Account, *options: str) -> list[str]:
    """The line that onboards the numbers, its files written."""
    account.file("numbers.csv", NUMBERS)
    account.file("acme.toml", LETTER)
    line = ["onboard", "numbers.csv", "--loa", "acme.toml", "--job", "acme", "--settle", "0"]
    return [*line, *options]


def letters_by_number(account: Account) -> Counter[str]:
    """How many letters were mailed for each number."""
    found: Counter[str] = Counter()
    for order in account.sandbox.show("orders"):
        shown = account.sandbox.show(f"orders/{order['hostingOrderId']}")
        found.update(number["phoneNumber"] for number in shown["numbers"])
    return found


def test_1_doctor(quick: Account) -> None:
    """Settings and their sources, token, clock, network, versions; never a secret; exit 0."""
    done = quick.run("doctor", "--format", "table")

    assert done.returncode == 0, done.stdout
    for what in ("network", "clock", "credentials", "sinch-hosting", "packages"):
        assert re.search(rf"^{what} +ok ", done.stdout, re.M), done.stdout
    assert "from the environment (SINCH_PROJECT_ID)" in done.stdout
    assert quick.environ["SINCH_KEY_SECRET"] not in done.stdout + done.stderr


def test_1_doctor_says_what_to_mend(quick: Account) -> None:
    """A wrong secret is refused (3), a missing setting is 2, a service that is away is 4."""
    wrong = quick.run("doctor", SINCH_KEY_SECRET="wrong-secret")
    missing = quick.run("doctor", SINCH_PROJECT_ID="")
    away = quick.run("doctor", SINCH_HOSTING_BASE_URL="http://127.0.0.1:9")

    assert (wrong.returncode, missing.returncode, away.returncode) == (3, 2, 4)
    findings = {line["what"]: line for line in map(json.loads, missing.stdout.splitlines())}
    assert findings["project_id"]["result"] == "missing"
    assert "set SINCH_PROJECT_ID" in findings["project_id"]["detail"]
    assert "wrong-secret" not in wrong.stdout + wrong.stderr


def test_2_letter(still: Account) -> None:
    """A template is filled in; errors name the line and the key; nothing is sent."""
    template = still.run("letter", "template")
    still.file("acme.toml", template.stdout)
    unfinished = still.run("letter", "check", "acme.toml")
    still.file("acme.toml", LETTER)
    good = still.run("letter", "check", "acme.toml")

    assert (template.returncode, unfinished.returncode, good.returncode) == (0, 2, 0)
    assert re.search(r"acme.toml: line \d+: \S+: is empty", unfinished.stderr)
    assert "Jane Doe <jane@example.com> has to sign" in good.stderr
    assert still.sandbox.show("requests") == []


def test_3_dry_run(still: Account) -> None:
    """Rows read and refused, orders, letters and to whom, invoices; nothing is sent."""
    done = still.run(*onboarding(still, "--dry-run", "--format", "table"))

    assert done.returncode == 0, done.stderr
    assert "6 rows: 4 numbers, 1 duplicates, 1 rejected, 0 blank" in done.stderr
    assert "row 6: 'n/a': not a phone number" in done.stderr
    assert "1 order of US local numbers (2), 1 letter to Jane Doe <jane@example.com>" in done.stdout
    assert "1 order of US toll-free numbers (1), 1 letter" in done.stdout
    assert "invoices that list 4 numbers have to be mailed to orders@sinch.com" in done.stdout
    assert done.stdout.endswith("nothing was sent\n")
    sent = [seen for seen in still.sandbox.show("requests") if seen["method"] != "GET"]
    assert {seen["operation"] for seen in sent} <= {"token", "", "AccessToken"}
    assert not list((still.home / "state").rglob("*.jsonl"))


def test_4_for_real_without_a_terminal(quick: Account) -> None:
    """Nothing leaves without a yes; `--max-letters` is one, and a bound; then all are done."""
    nobody = quick.run(*onboarding(quick))
    too_many = quick.run(*onboarding(quick, "--max-letters", "2"))
    assert (nobody.returncode, too_many.returncode) == (2, 2)
    assert "give --yes, or --max-letters 3" in nobody.stderr
    assert "3 letters to Jane Doe <jane@example.com> would be mailed" in too_many.stderr
    assert quick.sandbox.show("orders") == []

    done = quick.run(*onboarding(quick, "--max-letters", "3", "--report", "report.csv"))

    assert done.returncode == 0, done.stderr
    assert f"project {quick.environ['SINCH_PROJECT_ID']}, job acme; ledger: " in done.stderr
    lines = list(map(json.loads, done.stdout.splitlines()))
    assert [(line["phone_number"], line["outcome"]) for line in lines] == [(n, "done") for n in ALL]
    report = list(csv.DictReader(io.StringIO((quick.home / "report.csv").read_text())))
    assert [row["phone_number"] for row in report] == ALL
    assert "4 done, 0 waiting, 0 failed, 0 unknown" in done.stderr
    again = quick.run(*onboarding(quick, "--yes"))
    assert again.returncode == 0
    assert set(letters_by_number(quick).values()) == {1}
    assert len(quick.sandbox.show("letters")) == 3


@posix
@pytest.mark.parametrize("moment", ["added", "sending", "ordered", "following"])
def test_5_killed_and_run_again(moment: str, still: Account) -> None:
    """SIGKILL at any moment: the same line goes on, and no letter is mailed twice."""
    if moment == "sending":
        still.sandbox.do("faults", kind="latency", seconds=0.7, operation=list(CREATES))
    process = still.start(*onboarding(still, "--yes"))
    _verify(still)
    if moment == "sending":
        until(lambda: any(map(still.sandbox.count, CREATES)) or process.poll())
    elif moment == "ordered":
        until(lambda: still.sandbox.show("orders"))
    elif moment == "following":
        until(lambda: len(still.sandbox.show("orders")) == 3)
    process.kill()
    process.communicate()

    code, out = _go_on(still, *onboarding(still, "--yes"))
    if code == 6:  # what was in flight left no order behind: it may be sent again now
        code, out = _go_on(still, *onboarding(still, "--yes", "--resend-unknown"))

    assert code == 0, out
    assert {json.loads(line)["outcome"] for line in out.splitlines()} == {"done"}
    assert letters_by_number(still) == Counter(ALL)
    assert len(still.sandbox.show("letters")) == 3


def _go_on(account: Account, *line: str) -> tuple[int, str]:
    """Run a line again while the vendor completes whatever is ordered; its code and output."""
    account.sandbox.clear_faults()
    process = account.start(*line)

    def has_ended() -> bool:
        for order in account.sandbox.show("orders"):
            if order["state"] != "COMPLETED":
                account.sandbox.do("complete", order=order["hostingOrderId"])
        return process.poll() is not None

    until(has_ended)
    out, err = process.communicate()
    assert "Traceback" not in err, err
    return process.returncode, out


def _verify(account: Account) -> None:
    """Wait until the numbers are in qualification, and have them verified."""
    until(lambda: account.sandbox.show("state")["counts"]["qualifiedNumbers"] == len(ALL))
    account.sandbox.do("approve", numbers=ALL)


@posix
def test_5_ctrl_c_finishes_what_is_in_flight(still: Account) -> None:
    """It sends nothing new, waits for what has left, tells the line that resumes, exits 130."""
    still.sandbox.do("faults", kind="latency", seconds=4.0, operation=list(CREATES))
    process = still.start(*onboarding(still, "--yes"))
    _verify(still)
    until(lambda: any(map(still.sandbox.count, CREATES)))
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=PATIENCE)

    assert process.returncode == 130, err
    assert "stopping: nothing more is sent, what is under way is waited for" in err
    sent = sum(map(still.sandbox.count, CREATES))
    orders = {json.loads(line)["order_id"] for line in out.splitlines()} - {""}
    assert len(orders) == sent == len(still.sandbox.show("orders"))
    resume = next(line for line in err.splitlines() if line.startswith("the same line goes on: "))
    line = shlex.split(resume.partition(": ")[2])
    assert line == ["sinch-hosting", *onboarding(still, "--yes")]
    assert _go_on(still, *line[1:])[0] == 0
    assert letters_by_number(still) == Counter(ALL)


@posix
def test_5_ctrl_c_in_an_import(still: Account) -> None:
    """Orders that have left are waited for, no more are sent; the same line does the rest."""
    numbers = "\n".join(f"+1202555{place:04}" for place in range(100, 160))
    still.file("fleet.txt", f"{numbers}\n")
    line = ("orders", "import", "fleet.txt", "--settle", "0", "--format", "lines")
    still.sandbox.do("faults", kind="latency", seconds=4.0, operation="ImportNumbers")
    process = still.start(*line)
    until(lambda: still.sandbox.count("ImportNumbers") > 2)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=PATIENCE)

    assert process.returncode == 130, err
    sent = still.sandbox.count("ImportNumbers")
    assert 2 < sent < 12
    assert len(out.split()) == sent == len(still.sandbox.show("orders"))
    assert f"the same line goes on: sinch-hosting {' '.join(line)}" in err
    still.sandbox.clear_faults()
    again = still.run(*line)
    assert again.returncode == 0, again.stderr
    assert len(again.stdout.split()) == 12
    assert set(letters_by_number(still).values()) == {1}
    assert len(letters_by_number(still)) == 60


@posix
def test_5_ctrl_c_in_a_wait_says_how_to_go_on(still: Account) -> None:
    """A wait changes nothing, so it ends at once."""
    still.run("qualify", "add", ALL[0])
    line = ("qualify", "wait", ALL[0])
    process = still.start(*line)
    until(lambda: still.sandbox.count("GetQualifiedNumber") > 0)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)

    assert process.returncode == 130, err
    assert f"the same line goes on: sinch-hosting {' '.join(line)}" in err


@posix
def test_5_a_second_ctrl_c_stops_at_once(still: Account) -> None:
    """Whoever presses twice does not wait for what is in flight."""
    still.sandbox.do("faults", kind="latency", seconds=50.0, operation=list(CREATES))
    process = still.start(*onboarding(still, "--yes"))
    _verify(still)
    until(lambda: any(map(still.sandbox.count, CREATES)) or process.poll() is not None)
    process.send_signal(signal.SIGINT)
    assert process.stderr is not None
    seen = ""
    while "stopping" not in seen:
        seen = process.stderr.readline()
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=PATIENCE)

    assert process.returncode == 130
    assert "Traceback" not in err
    assert _resumes(err) == ["sinch-hosting", *onboarding(still, "--yes")]


def _resumes(err: str) -> list[str]:
    """The words of the line that a command says to go on with."""
    (line,) = [line for line in err.splitlines() if line.startswith("the same line goes on: ")]
    return shlex.split(line.partition(": ")[2])


@posix
@pytest.mark.parametrize("command", [["onboard"], ["orders", "text-enable"]], ids=" ".join)
def test_5_ctrl_c_while_it_still_reads(still: Account, command: list[str]) -> None:
    """It ends at once, nothing was sent, and the line that goes on is told as well."""
    still.sandbox.do("faults", kind="latency", seconds=50.0, operation="ListHostingOrders")
    line = [*command, *onboarding(still, "--yes")[1:]]
    process = still.start(*line)
    until(lambda: still.sandbox.count("ListHostingOrders") or process.poll() is not None)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=PATIENCE)

    assert process.returncode == 130, err
    assert "Traceback" not in err
    assert _resumes(err) == ["sinch-hosting", *line]
    assert sum(map(still.sandbox.count, CREATES)) == 0


def test_6_invoices(still: Account) -> None:
    """The text of the mail, ready to paste, and as a link; only numbers that are unproven."""
    process = still.start(*onboarding(still, "--yes", "--timeout", "8s"))
    until(lambda: still.sandbox.show("state")["counts"]["qualifiedNumbers"] == len(ALL))
    still.sandbox.do("approve", numbers=ALL[:1])
    process.communicate(timeout=PATIENCE)
    assert process.returncode == 5

    mail = still.run("qualify", "invoices", "--job", "acme")
    link = still.run("qualify", "invoices", "--job", "acme", "--mailto")

    assert mail.returncode == link.returncode == 0, mail.stderr
    assert mail.stdout.startswith("To: orders@sinch.com\nSubject: Invoices for 3 numbers")
    assert re.findall(r"^\+1\d{10}$", mail.stdout, re.M) == sorted(ALL[1:])
    parts = urlsplit(link.stdout.strip())
    assert (parts.scheme, parts.path) == ("mailto", "orders@sinch.com")
    assert "+18335550102" in parse_qs(parts.query)["body"][0]


def test_7_unsigned(still: Account) -> None:
    """Letters that nobody signed in three business days, as CSV, with what can be done."""
    order = still.text_enable("+12025550100")
    still.sandbox.do("advance", hours=1)
    young = still.run("orders", "unsigned", "--older", "3bd", "--format", "csv")
    # The sandbox began on a Monday in January, long before the clock of this machine.
    assert [row["order"] for row in csv.DictReader(io.StringIO(young.stdout))] == [order]

    row = next(csv.DictReader(io.StringIO(young.stdout)))

    assert row["signer"] == "Jane Doe"
    assert row["letter to"] == "jane@example.com"
    assert int(row["business days"]) > 3
    assert "no call sends it again" in row["what to do"]
    never = still.run("orders", "unsigned", "--older", "5000bd", "--format", "csv")
    assert never.stdout.splitlines() == [young.stdout.splitlines()[0]]
    still.sandbox.do("sign-letter", order=order)
    assert still.run("orders", "unsigned").stdout == ""


def test_8_explain(still: Account) -> None:
    """Qualification, order and import in one answer, at every stage of a number's life."""
    number = "+12025550100"

    def explained(*options: str) -> dict[str, str]:
        done = still.run("numbers", "explain", number, "--format", "json", *options)
        assert done.returncode == 0, done.stderr
        found: dict[str, str] = json.loads(done.stdout)
        return found

    assert "this project does not know it" in explained()["where"]
    assert still.run("qualify", "add", number).returncode == 0
    assert explained()["where"] == "in qualification, ELIGIBLE_CHECK_PENDING"
    still.sandbox.do("approve", numbers=[number])
    assert explained()["waits_for"] == "you"
    order = still.text_enable(number)
    still.sandbox.do("advance", hours=1)
    waiting = explained()
    assert waiting["where"] == f"in order {order}, which is WAITING_FOR_LOA_SIGNATURE"
    assert waiting["waits_for"] == "the signature of Jane Doe <jane@example.com>"
    assert "Ask Jane Doe to sign" in waiting["what_to_do"]
    still.sandbox.do("complete", order=order)
    done = still.run("numbers", "explain", number, "--format", "table")
    assert "imported, service plan plan-1, campaign campaign-1" in done.stdout
    assert re.search(r"^  since +20\d\d-\d\d-\d\d \d\d:\d\d UTC \(", done.stdout, re.M)
    assert "nothing: it can text" in done.stdout


def test_9_numbers_of_another_aggregator(still: Account) -> None:
    """The 60135s of an order are piped into an import with migration."""
    numbers = ["+12025550100", "+12025550101"]
    still.sandbox.do("plan", number=numbers[0], sms_tmo="60135")
    order = still.text_enable(*numbers)
    still.sandbox.do("complete", order=order)
    listing = ("orders", "numbers", order, "--failed", "--code", "60135", "--format", "lines")

    failed = still.run(*listing)
    table = still.run("orders", "numbers", order, "--failed", "--format", "table")
    assert failed.stdout.split() == numbers[:1]
    assert "T-Mobile SMS failed: 60135" in table.stdout
    importing = ("orders", "import", "-", "--migrate-to-sinch-tmo", "--settle", "0", "--wait")
    process = subprocess.Popen(
        [sys.executable, "-m", "sinch_hosting", *importing],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=still.environ,
    )
    assert process.stdin is not None
    process.stdin.write(failed.stdout)
    process.stdin.close()
    process.stdin = None
    imported = until(lambda: [o for o in still.sandbox.show("orders") if o["type"] == "IMPORT"])
    still.sandbox.do("complete", order=imported[0]["hostingOrderId"])
    out, err = process.communicate(timeout=60)

    assert process.returncode == 0, err
    assert json.loads(out)["migrate_to_sinch_tmo"] is True
    assert json.loads(out)["state"] == "COMPLETED"


def test_10_nightly(quick: Account) -> None:
    """Audit tells which numbers are not where they should be; the secret is rotated."""
    quick.file("fleet.csv", "Phone\n202-555-0100\n202-555-0101\n202-555-0102\n")
    order = quick.text_enable("+12025550100", "+12025550101")
    quick.sandbox.do("complete", order=order)
    elsewhere = quick.run("numbers", "relink", "+12025550101", "--campaign", "other", "--yes")
    assert elsewhere.returncode == 0, elsewhere.stderr

    drift = quick.run("numbers", "audit", "fleet.csv")

    assert drift.returncode == 1
    lines = [json.loads(line) for line in drift.stdout.splitlines()]
    found = {line["phone_number"]: line["drift"] for line in lines}
    assert found == {"+12025550101": "other campaign", "+12025550102": "gone"}
    quick.file("fleet.csv", "Phone\n202-555-0100\n")
    assert quick.run("numbers", "audit", "fleet.csv").returncode == 0
    secrets = quick.home / "secrets"
    for _ in range(3):
        rotated = quick.run("callbacks", "set-secret", "--generate", str(secrets))
        assert rotated.returncode == 0, rotated.stderr
    kept = secrets.read_text().split()
    assert [len(secret) for secret in kept] == [64, 64, 64]
    assert len(set(kept)) == 3
    new = kept[0]
    quick.sandbox.do(
        "faults", kind="error_before", operation="UpdateCallbackConfiguration", status=403
    )
    assert quick.run("callbacks", "set-secret", "--generate", str(secrets)).returncode == 3
    assert secrets.read_text().split() == kept
    assert secrets.stat().st_mode & 0o077 == 0
    assert new not in rotated.stdout + rotated.stderr
