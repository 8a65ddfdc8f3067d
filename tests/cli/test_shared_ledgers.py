"""`--ledger postgresql://...`: jobs whose ledger is in a database, and its password nowhere."""

from __future__ import annotations

import json
import subprocess
from importlib.util import find_spec

import pytest

from ..postgres import Postgres
from .conftest import LETTER, Account
from .test_sessions import onboarding

NUMBER, CANADIAN = "+12025550100", "+14165550100"
PASSWORD = "pa55word%2Fwith%20more"
DECODED = "pa55word/with more"


@pytest.fixture
def url(postgres: Postgres) -> str:
    """The address of a new database, with a password in it."""
    return postgres.database().replace("postgres@", f"postgres:{PASSWORD}@")


def shown(account: Account, *done: subprocess.CompletedProcess[str]) -> str:
    """All that commands printed, and all that they left on the disk."""
    files = [path.read_text() for path in account.home.rglob("*") if path.is_file()]
    return "".join([one.stdout + one.stderr for one in done] + files)


def order(account: Account, url: str, *numbers: str) -> subprocess.CompletedProcess[str]:
    """Text-enable numbers in the job `acme`, whose ledger is in the database."""
    account.file("acme.toml", LETTER)
    options = ("--loa", "acme.toml", "--yes", "--settle", "0", "--job", "acme", "--debug")
    return account.run("orders", "text-enable", *numbers, *options, "--ledger", url)


def test_a_job_of_several_machines(still: Account, url: str) -> None:
    """It is created once, and shown, listed, explained and reconciled from the database."""
    for number in (NUMBER, CANADIAN):
        still.run("qualify", "add", number)
        still.sandbox.verify(number)
    first = order(still, url, NUMBER, CANADIAN)
    assert first.returncode == 0, first.stderr
    (still.home / "state").rename(still.home / "elsewhere")  # another machine knows nothing
    again = order(still, url, NUMBER, CANADIAN)
    assert "was there already" in again.stderr
    assert len(still.sandbox.show("orders")) == 2

    note = still.run("jobs", "show", "acme")
    given = still.run("jobs", "show", "acme", f"--ledger={url}")
    other = still.run("jobs", "show", "other", "--ledger", url)
    listed = still.run("jobs", "list")
    explained = still.run("numbers", "explain", NUMBER)
    found = still.run("jobs", "reconcile", "acme", "--settle", "0", "--ledger", url)
    missing = still.run("jobs", "reconcile", "other", "--settle", "0", "--ledger", url)

    lines = [json.loads(line) for line in note.stdout.splitlines()]
    assert {line["tag"].split("/")[0] for line in lines} == {"acme-us", "acme-ca"}
    assert given.stdout == note.stdout
    assert (other.stdout, other.returncode) == ("", 0)
    job = json.loads(listed.stdout)
    assert (job["orders"], job["open"]) == (2, 0)
    assert job["ledger"].startswith("postgresql://postgres@/test")
    assert explained.returncode == 0
    assert "0 found, 0 rejected, 0 still open" in found.stderr
    assert (missing.returncode, found.returncode) == (2, 0)
    assert "it has no job 'other'" in missing.stderr
    everything = shown(still, first, again, note, given, other, listed, explained, found, missing)
    assert not [secret for secret in (PASSWORD, DECODED, "pa55word") if secret in everything]


def test_an_onboarding_of_several_machines(quick: Account, url: str) -> None:
    """Its orders are in the database; run again from elsewhere, it sends nothing."""
    line = onboarding(quick, "--yes", "--ledger", url)
    first = quick.run(*line)
    assert first.returncode == 0, first.stderr
    (quick.home / "state").rename(quick.home / "elsewhere")
    mailed = len(quick.sandbox.show("letters"))

    again = quick.run(*line)
    note = quick.run("jobs", "show", "acme")

    assert (again.returncode, len(quick.sandbox.show("letters"))) == (0, mailed)
    tags = [json.loads(line)["tag"] for line in note.stdout.splitlines()]
    assert len(tags) == mailed
    assert all(tag.startswith("acme.") for tag in tags)
    assert "pa55word" not in shown(quick, first, again, note)


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://user:pa55word@/db?host=/nowhere",
        "postgresql://user@/db?host=/nowhere&password=pa55word",
        "postgresql://user:pa55word/with@host@127.0.0.1:1/db",
        "postgresql://user:pa55word#with@127.0.0.1:1/db",
        "postgresql://user:pa55word?with@127.0.0.1:1/db",
        "postgresql://127.0.0.1:pa55word/db",
    ],
)
def test_no_password_where_the_database_cannot_be_reached(still: Account, address: str) -> None:
    """Exit code 2, and the address without what may be a password; nothing was sent."""
    pytest.importorskip("asyncpg")
    done = order(still, address, NUMBER)
    wrong = still.run("jobs", "show", "acme", "--ledgr", address)
    assert done.returncode == 2, done.stderr
    assert "postgresql://" in done.stderr
    assert not still.sandbox.show("orders")
    assert wrong.returncode == 2
    assert "pa55word" not in shown(still, done, wrong)


def test_one_ledger_that_cannot_be_read_hides_no_other_job(still: Account) -> None:
    """`jobs list` shows the others, and its exit code is 1; `explain` goes on without it."""
    still.text_enable(NUMBER)
    (note,) = still.home.rglob("acme.json")
    about = json.loads(note.read_text())
    gone = {**about, "job": "gone", "ledger": "postgresql://user@/db?host=/nowhere"}
    note.with_name("gone.json").write_text(json.dumps(gone))

    listed = still.run("jobs", "list")
    explained = still.run("numbers", "explain", NUMBER)

    why = "postgresql:///db cannot be opened"
    if find_spec("asyncpg") is None:
        why = "a ledger in PostgreSQL needs asyncpg"
    jobs = {job["job"]: job["orders"] for job in map(json.loads, listed.stdout.splitlines())}
    assert (jobs, listed.returncode) == ({"acme": 1, "gone": None}, 1)
    assert f"job gone: {why}" in listed.stderr
    assert explained.returncode == 0, explained.stderr
    assert f"job gone: {why}" in explained.stderr
