"""Every command through the real entry point: its output in each form, and never a secret."""

from __future__ import annotations

import csv
import io
import json
import re
import subprocess
import sys

import pytest

from sinch_hosting.cli.app import COMMANDS, make_app

from .conftest import LETTER, Account, command, plain_environment

NUMBER, OTHER = "+12025550100", "+12025550101"


def hidden(text: str) -> str:
    """A text without what differs from run to run: ids of orders, times, tags, ages."""
    text = re.sub(r"\b01[a-z0-9]{24}\b", "ORDER".ljust(26), text)
    text = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d UTC", "2026-01-01 00:00 UTC", text)
    text = re.sub(r"\d+ business days", "9 business days", text)
    return re.sub(r"[a-z2-7]{18}\b", "digest", text)


def test_golden_tables(still: Account) -> None:
    """Tables of orders and of numbers, aligned, of fixed width, as they stand in the guide."""
    order = still.text_enable(NUMBER, OTHER)
    still.sandbox.do("complete", order=order)

    orders = still.run("orders", "list", "--format", "table")
    numbers = still.run("orders", "numbers", order, "--format", "table")
    report = still.run("orders", "report", order, "--format", "table")
    imported = still.run("numbers", "list", "--format", "table")

    assert [re.sub(" {2,}", "  ", line) for line in hidden(orders.stdout).splitlines()] == [
        "order  state  type  waits for  since  for  plan  campaign  name",
        "ORDER  COMPLETED  TEXT_ENABLE  2026-01-01 00:00 UTC  9 business days  plan-1  campaign-1  "
        "acme-us/0.1/digest",
    ]
    assert numbers.stdout.splitlines() == [
        "number        routing  platform  campaign  carriers  failed",
        "+12025550100  DONE     DONE      DONE      DONE",
        "+12025550101  DONE     DONE      DONE      DONE",
    ]
    assert report.stdout.splitlines() == [
        "numbers              2",
        "routing updated      2",
        "on the SMS platform  2",
        "on the campaign      2",
        "manual action        0",
    ]
    assert hidden(imported.stdout).splitlines() == [
        "number        plan    campaign    platform  on campaign  failed  name",
        "+12025550100  plan-1  campaign-1  DONE      DONE                 acme-us/0.1/digest",
        "+12025550101  plan-1  campaign-1  DONE      DONE                 acme-us/0.1/digest",
    ]


def test_each_format_says_the_same(still: Account) -> None:
    """JSON, JSON lines (also where piped), CSV and bare lines hold the same orders."""
    order = still.text_enable(NUMBER)

    def listed(*options: str) -> str:
        done = still.run("orders", "list", *options)
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert [one["hosting_order_id"] for one in json.loads(listed("--format", "json"))] == [order]
    state = json.loads(listed())["state"]
    assert state in ("DRAFT", "SUBMITTED")
    assert listed("--format", "jsonl") == listed()
    row = next(csv.DictReader(io.StringIO(listed("--format", "csv"))))
    assert (row["order"], row["plan"], row["state"]) == (order, "plan-1", state)
    assert listed("--format", "lines") == f"{order}\n"
    assert still.run("--format", "lines", "orders", "get", order).stdout == f"{order}\n"
    assert listed("--state", "COMPLETED", "--format", "csv").startswith("order,state,type,")


def test_numbers_live(quick: Account) -> None:
    """Imported, waited for, renamed, relinked, unlinked, deleted."""
    lives = [
        ("import", NUMBER, "--wait", "--timeout", "120s"),
        ("update", NUMBER, "--name", "Front desk"),
        ("get", NUMBER),
        ("relink", NUMBER, "--campaign", "campaign-2", "--yes"),
        ("wait", NUMBER, "--timeout", "120s"),
        ("update", NUMBER, "--unlink", "--yes"),
        ("delete", NUMBER, "--yes"),
    ]
    told = []
    for arguments in lives:
        done = quick.run("numbers", *arguments, "--format", "jsonl")
        assert done.returncode == 0, (arguments, done.stderr)
        told.append(done.stdout)

    assert json.loads(told[2])["display_name"] == "Front desk"
    assert json.loads(told[4])["sms_configuration"]["campaign_id"] == "campaign-2"
    assert quick.sandbox.show("state")["importedNumbers"] == []


def test_qualification_lives(still: Account) -> None:
    """Added, listed, rung, verified, waited for, deleted."""
    added = still.run("qualify", "add", NUMBER, OTHER)
    assert added.returncode == 0, added.stderr
    assert f"sinch-hosting qualify invoices {NUMBER} {OTHER}" in added.stderr
    still.sandbox.do("advance", hours=2)
    rung = still.run("qualify", "challenge", NUMBER)
    assert rung.returncode == 0, rung.stderr
    assert f"sinch-hosting qualify verify {NUMBER} CODE" in rung.stderr
    wrong = still.run("qualify", "verify", NUMBER, "0000000")
    assert wrong.returncode == 1, wrong.stderr
    still.sandbox.do("approve", numbers=[NUMBER])
    waited = still.run("qualify", "wait", NUMBER, "--format", "table")
    assert "VERIFIED" in waited.stdout
    late = still.run("qualify", "wait", OTHER, "--timeout", "1s")
    assert late.returncode == 5, late.stderr
    listed = still.run("qualify", "list", "--state", "verified", "--format", "lines")
    assert listed.stdout.split() == [NUMBER]
    assert still.run("qualify", "get", NUMBER, OTHER).returncode == 0
    assert still.run("qualify", "delete", NUMBER, OTHER, "--yes").returncode == 0
    assert still.run("qualify", "list").stdout == ""


def test_orders_are_waited_for_by_id_token_job_and_pipe(still: Account) -> None:
    """Each name of an order will do."""
    order = still.text_enable(NUMBER)
    still.sandbox.do("complete", order=order)
    token = still.run("orders", "text-enable", NUMBER, "--loa", "acme.toml", "--yes", "--settle",
                      "0", "--job", "acme").stderr  # fmt: skip
    found = re.search(r"orders wait '(\{.*\})'", token)
    assert found is not None
    for names in ([order], [found[1]], ["--job", "acme"], ["-"]):
        done = still.run("orders", "wait", *names, stdin=f"{order}\n")
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["hosting_order_id"] == order


def test_watch_prints_a_line_for_each_change(still: Account) -> None:
    """Without a terminal every change is a line of JSON, and it ends with the orders."""
    order = still.text_enable(NUMBER)
    process = still.start("orders", "watch", "--open")
    assert process.stdout is not None
    first = json.loads(process.stdout.readline())
    still.sandbox.do("complete", order=order)
    rest = [json.loads(line) for line in process.stdout]

    assert process.wait() == 0
    assert first["state"] in ("DRAFT", "SUBMITTED")
    assert rest[-1]["state"] == "COMPLETED"


def test_jobs_are_found(still: Account) -> None:
    """The list, one job with its ledger, and nothing open."""
    order = still.text_enable(NUMBER)

    listed = json.loads(still.run("jobs", "list").stdout)
    shown = still.run("jobs", "show", "acme")

    assert (listed["job"], listed["orders"], listed["open"]) == ("acme", 1, 0)
    assert json.loads(shown.stdout)["order_id"] == order
    assert f"ledger: {listed['ledger']}" in shown.stderr
    assert "last run: sinch-hosting orders text-enable" in shown.stderr
    shared = still.home / "shared.jsonl"
    shared.write_bytes((still.home / "state").rglob("acme.jsonl").__next__().read_bytes())
    assert still.run("jobs", "show", "any", "--ledger", str(shared)).stdout == shown.stdout


def test_numbers_check_sends_nothing(still: Account) -> None:
    """What would be taken from a file; a refused row is 1."""
    still.file("numbers.csv", "Phone\n202-555-0100\nn/a\n+1 202 555 0101\n")

    lines = still.run("numbers", "check", "numbers.csv", "--format", "lines")
    refused = still.run("numbers", "check", "numbers.csv", "--refused", "--format", "csv")
    piped = still.run("numbers", "check", "-", "--format", "lines", stdin="2025550100\n")

    assert lines.stdout.split() == [NUMBER, OTHER]
    assert (lines.returncode, piped.returncode) == (1, 0)
    assert [row["reason"] for row in csv.DictReader(io.StringIO(refused.stdout))] == [
        "not a phone number"
    ]
    assert piped.stdout == f"{NUMBER}\n"
    assert still.sandbox.show("requests") == []


def test_api_reads_anything_and_hides_secrets(still: Account) -> None:
    """The JSON as it came, below the project or whole; the secret of callbacks is masked."""
    order = still.text_enable(NUMBER)

    still.file("hmac", "hmac-secret-not-to-be-seen")
    assert still.run("callbacks", "set-secret", "--file", "hmac").returncode == 0
    below = json.loads(still.run("api", "GET", f"hostingOrders/{order}").stdout)
    whole = f"/v1/projects/{still.environ['SINCH_PROJECT_ID']}/callbackConfiguration"
    configuration = json.loads(still.run("api", "GET", whole).stdout)

    assert below["hostingOrderId"] == order
    assert configuration["hmacSecret"] == "***"
    assert still.run("api", "GET", "nothing/here").returncode == 3


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_knows_the_commands(shell: str) -> None:
    """The script names the groups, and options of their commands."""
    done = subprocess.run(
        command("completion", shell),
        capture_output=True,
        text=True,
        env=plain_environment(),
        check=False,
    )

    assert done.returncode == 0, done.stderr
    for word in ("onboard", "text-enable", "unsigned", "migrate-to-sinch-tmo"):
        assert word in done.stdout


def paths() -> list[tuple[str, ...]]:
    """Every command and group."""
    found: list[tuple[str, ...]] = []
    for name in COMMANDS:
        group = make_app()[name]
        found.append((name,))
        found += [(name, inner) for inner in group if not inner.startswith("-")]
    return found


def test_every_command_explains_itself_with_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    """Help has a first line that the list shows, and an example that names the command."""
    for path in paths():
        make_app(path[0])([*path, "--help"], exit_on_error=False)
        told = " ".join(capsys.readouterr().out.split())
        assert f"Usage: sinch-hosting {' '.join(path)}" in told
        if len(path) == 2 or COMMANDS[path[0]][0].partition(":")[2] != "app":
            words = " ".join(path).replace("sandbox serve", "sandbox")
            assert f"Example: sinch-hosting {words}" in told, path
        assert COMMANDS[path[0]][1] in " ".join(make_app(path[0])[path[0]].help.split())


SWEEP = [
    ("doctor",),
    ("numbers", "list"),
    ("numbers", "get", "+12025550199"),
    ("numbers", "import", NUMBER),
    ("numbers", "explain", NUMBER),
    ("numbers", "audit", NUMBER),
    ("qualify", "add", OTHER),
    ("qualify", "list"),
    ("qualify", "invoices"),
    ("orders", "list"),
    ("orders", "get", "nope"),
    ("orders", "unsigned"),
    ("orders", "import", "+12025550102", "--settle", "0", "--job", "sweep"),
    ("orders", "text-enable", "+12025550103", "--loa", "acme.toml", "--yes", "--settle", "0"),
    ("onboard", "numbers.csv", "--loa", "acme.toml", "--dry-run", "--settle", "0"),
    ("jobs", "list"),
    ("jobs", "reconcile", "sweep", "--settle", "0"),
    ("callbacks", "get"),
    ("callbacks", "set-secret", "--file", "hmac"),
    ("api", "GET", "callbackConfiguration"),
    ("sandbox", "state"),
]


def test_no_command_shows_a_secret_or_a_token(still: Account) -> None:
    """At `--debug`, on success and on failure, in output and in files: neither is anywhere."""
    still.file("acme.toml", LETTER)
    still.file("numbers.csv", "Phone\n202-555-0104\n")
    still.file("hmac", "hmac-secret-not-to-be-seen\n")
    still.run("qualify", "add", "+12025550103")
    still.sandbox.verify("+12025550103")  # or the command would look for an order for minutes
    secret = still.environ["SINCH_KEY_SECRET"]

    def run(arguments: tuple[str, ...]) -> str:
        done = still.run(*arguments, "--debug")
        refused = still.run(*arguments, "--debug", SINCH_KEY_SECRET="wrong-and-not-to-be-seen")
        assert "Traceback" in refused.stderr or arguments[0] in ("doctor", "sandbox", "jobs")
        return done.stdout + done.stderr + refused.stdout + refused.stderr

    told = "".join(map(run, SWEEP))
    files = "".join(
        path.read_text() for path in still.home.rglob("*") if path.is_file() and path.name != "hmac"
    )

    assert "GET /v1/projects" in told  # the library's log is there
    assert "acme.toml" in files  # the notes of the jobs are there
    for text in (told, files):
        for unseen in (secret, "wrong-and-not", "hmac-secret-not", "Bearer ey", "Basic c2"):
            assert unseen not in text
        assert not re.search(r"\b(Bearer|Basic) [\w+/=-]{8,}", text)
    token = still.sandbox.token()
    looks_like_one = rf"(?<!\w)[a-z0-9]{{{len(token)}}}(?!\w)"
    assert re.fullmatch(looks_like_one, token)
    assert not re.search(looks_like_one, told + files)


def test_python_m_is_the_command() -> None:
    """`--version` needs no extra, and answers before cyclopts is loaded."""
    code = (
        "import sys, runpy\n"
        "sys.modules['cyclopts'] = None\n"
        "sys.argv = ['sinch-hosting', '--version']\n"
        "runpy.run_module('sinch_hosting', run_name='__main__')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env=plain_environment(),
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert re.fullmatch(r"\d+\.\d+\.\d+\S*\n", done.stdout)


def test_toll_free_numbers_go_in_orders_of_their_own(still: Account) -> None:
    """Without a campaign, with a letter that is signed: a blanket one is refused."""
    still.file("acme.toml", LETTER)
    still.file("blanket.toml", 'kind = "blanket"\n')
    numbers = (NUMBER, "+18335550102", "+15145550103")
    still.run("qualify", "add", *numbers)
    still.sandbox.verify(*numbers)
    line = ("orders", "text-enable", *numbers, "--settle", "0", "--job", "acme", "--yes")

    refused = still.run(*line, "--loa", "blanket.toml")
    planned = still.run(*line, "--loa", "acme.toml", "--dry-run")
    done = still.run(*line, "--loa", "acme.toml")

    assert refused.returncode == 2
    assert "a blanket letter is for local numbers only" in refused.stderr
    assert "1 orders of US toll-free numbers (1), 1 letters to" in planned.stdout or (
        "1 letter to Jane Doe" in planned.stdout
    )
    assert done.returncode == 0, done.stderr
    orders = [json.loads(line) for line in done.stdout.splitlines()]
    assert {(order["region_code"], order["campaign_id"] or "") for order in orders} == {
        ("US", "campaign-1"),
        ("US", ""),
        ("CA", "campaign-1"),
    }
    again = still.run("orders", "import", *numbers, "--dry-run", "--settle", "0")
    assert again.stdout.endswith("nothing was sent\n")


def test_sandbox_state(still: Account) -> None:
    """Counts and orders of a running sandbox; where none runs it says how to start one."""
    order = still.text_enable(NUMBER)

    table = still.run("sandbox", "state", "--format", "table")
    whole = still.run("sandbox", "state", "--format", "json")
    none = still.run("sandbox", "state", "--url", "http://127.0.0.1:9")
    wrong = still.run("sandbox", "state", "--url", "ftp://x")

    assert f"order {order}" in table.stdout
    assert json.loads(whole.stdout)["counts"]["orders"] == 1
    assert (none.returncode, wrong.returncode) == (4, 2)
    assert "start one: sinch-hosting sandbox serve" in none.stderr


def test_a_port_that_is_taken_is_bad_input(still: Account) -> None:
    """The sandbox, and the receiver of callbacks."""
    port = still.sandbox.base_url.rpartition(":")[2]
    still.file("secrets", "callback-secret")

    sandbox = still.run("sandbox", "--port", port)
    listen = still.run("callbacks", "listen", "--secret-file", "secrets", "--port", port)

    assert (sandbox.returncode, listen.returncode) == (2, 2)
    said = f"cannot listen on 127.0.0.1:{port}: another program listens there; give another port"
    assert f"the sandbox cannot start: {said}" in sandbox.stderr
    assert said in listen.stderr
