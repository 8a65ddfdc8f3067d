"""`sinch-hosting start`: questions, checks, and lines and programs that run with any values."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from sinch_hosting import AuthorisedPerson, DirectLoa, ResellerLoa
from sinch_hosting.cli.letter import read_letter
from sinch_hosting.cli.start_lines import letter_file

from .conftest import LETTER, PATIENCE, Account

NUMBER, OTHER, TOLL_FREE = "+12025550134", "+12025550135", "+18005550136"
NASTY = """p '"$(touch x)`touch x`\\ é"""
PLACE = ("--plan", NASTY, "--campaign", NASTY)
SIGNED = (
    *("--letter", "reseller", "--business-name", 'O\'Hara "& Sons" $(touch x)'),
    *("--first-name", "Jane", "--last-name", "Roe", "--email", "jane@example.com"),
    *("--carrier", "Example Telecom", "--building-number", "1", "--street", "Rue de l'Été"),
    *("--city", "Chicago", "--state", "IL", "--postal-code", "60647", "--country", "US"),
)
NAMED = ("--letter", "direct", "--carrier", "X", "--first-name", "J", "--last-name", "R")
GOALS: dict[str, tuple[str, ...]] = {
    "import one": ("import", NUMBER, *PLACE),
    "import": ("import", NUMBER, OTHER, *PLACE),
    "qualify": ("qualify", NUMBER, OTHER),
    "text-enable": ("text-enable", NUMBER, *PLACE, *SIGNED),
    "text-enable toll-free": ("text-enable", TOLL_FREE, "--plan", NASTY, *SIGNED),
    "onboard": ("onboard", NUMBER, TOLL_FREE, *PLACE, *SIGNED),
    "relink": ("relink", NUMBER, *PLACE),
    "delete": ("delete", NUMBER),
}
REST = {
    "status": ("status", "--order", "01-$(touch>x)"),
    "challenge": ("challenge", NUMBER),
}


def arguments(words: tuple[str, ...], language: str) -> list[str]:
    """The line's words for a goal."""
    goal, *rest = words
    return ["start", "--goal", goal, "--language", language, "--offline", *rest]


RUNS = [
    *((name, "python") for name in GOALS),
    *((name, "command") for name in ("text-enable", "onboard")),
    *((name, "curl") for name in ("import one", "text-enable toll-free", "relink")),
]


@pytest.mark.parametrize(("name", "language"), RUNS)
def test_what_it_writes_runs_on_the_sandbox(name: str, language: str, quick: Account) -> None:
    """Whatever the values hold: they are data, to Python and to a shell."""
    if language != "python" and (sys.platform == "win32" or shutil.which("curl") is None):
        pytest.skip("needs sh and curl")
    done = quick.run(*arguments(GOALS[name], language), "--run", "sandbox")

    assert done.returncode == 0, done.stdout + done.stderr
    assert NUMBER in done.stdout or TOLL_FREE in done.stdout
    assert not (quick.home / "x").exists()


def test_it_runs_for_real_and_the_values_arrive(quick: Account) -> None:
    """With `--yes`; the number is on the very plan and campaign that were given."""
    words = arguments(GOALS["import one"], "python")
    refused = quick.run(*words, "--run", "real")
    assert refused.returncode == 2
    assert "give --yes to run it for real" in refused.stderr
    assert quick.sandbox.count("ImportNumber") == 0

    done = quick.run(*words, "--run", "real", "--yes")

    assert done.returncode == 0, done.stderr
    found = json.loads(quick.run("numbers", "get", NUMBER, "--format", "json").stdout)
    assert found["sms_configuration"]["service_plan_id"] == NASTY
    assert found["sms_configuration"]["campaign_id"] == NASTY


def test_the_account_is_read_first(still: Account) -> None:
    """A number that is imported is left out, before the service refuses it with 409."""
    assert still.run("numbers", "import", NUMBER).returncode == 0
    still.run("qualify", "add", OTHER)
    words = ("start", "--goal", "import", NUMBER, OTHER, "--format", "json")

    told = json.loads(still.run(*words).stdout)
    alone = still.run("start", "--goal", "import", NUMBER)
    moved = still.run("start", "--goal", "relink", NUMBER, OTHER)
    unqualified = still.run("start", "--goal", "text-enable", TOLL_FREE, *SIGNED)

    assert told["numbers"] == [OTHER]
    assert told["workflows"] == ["import-number", "import-numbers"]
    assert NUMBER not in told["text"]
    assert f"{NUMBER}: is imported already (plan plan-1, campaign campaign-1)" in told["notes"][0]
    assert f"{OTHER}: is in qualification, ELIGIBLE_CHECK_PENDING" in told["notes"]
    assert alone.returncode == 1
    assert "(409)" in alone.stderr
    assert NUMBER in moved.stdout
    assert OTHER not in moved.stdout
    assert "take --goal onboard" in unqualified.stderr


def test_without_credentials_it_says_so(still: Account) -> None:
    """Nothing is asked for, and nothing sent."""
    done = still.run("start", "--goal", "delete", NUMBER, SINCH_KEY_SECRET="")

    assert done.returncode == 0
    assert "the account was not read" in done.stderr
    assert done.stdout == f"sinch-hosting numbers delete {NUMBER}\n"


def test_an_order_is_read(still: Account) -> None:
    """And whom it waits for is said."""
    order = still.text_enable(NUMBER)
    done = still.run("start", "--goal", "status", "--order", order)

    assert done.returncode == 0
    assert f"order {order} is SUBMITTED, and waits for review" in done.stderr
    assert done.stdout.splitlines()[-1] == f"sinch-hosting orders numbers {order}"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("start",), "give --goal"),
        (("start", "--goal", "import"), "give the numbers"),
        (("start", "--goal", "import", "12"), "12"),
        (("start", "--goal", "import", NUMBER, "--region", "CA"), "is a number of US"),
        (("start", "--goal", "import", NUMBER, "--kind", "toll-free"), "is local"),
        (("start", "--goal", "status", "--order", "a/b"), "--order 'a/b': must not hold"),
        (("start", "--goal", "text-enable", NUMBER, "--letter", "direct"), "give --carrier"),
        (
            ("start", "--goal", "text-enable", NUMBER, *NAMED, "--email", "jane"),
            "--email 'jane': must be an e-mail address",
        ),
        (("start", "--goal", "text-enable", TOLL_FREE, "--letter", "blanket"), "blanket letter"),
        (arguments(GOALS["onboard"], "curl"), "--language curl"),
        (arguments(("import", NUMBER, TOLL_FREE), "python"), "take --language command"),
        (arguments(("import", TOLL_FREE, *PLACE, "--region", "CA"), "command"), "--region CA"),
        (arguments(("challenge", NUMBER, OTHER), "python"), "give one"),
        (
            ("start", "--goal", "challenge", NUMBER, "--offline", "--run", "sandbox"),
            "--run sandbox",
        ),
    ],
)
def test_wrong_answers_are_refused(words: tuple[str, ...], said: str, still: Account) -> None:
    """Each names what is wrong; nothing is sent."""
    done = still.run(*words)

    assert done.returncode == 2, done.stdout
    assert said in done.stderr


def test_the_programs_pass_the_type_checkers(still: Account, tmp_path: Path) -> None:
    """All of them, by mypy and pyright at their strictest, and the linter."""
    for tool in ("mypy", "pyright", "ruff"):
        pytest.importorskip(tool)
    for name, words in {**GOALS, **REST}.items():
        done = still.run(*arguments(words, "python"))
        assert done.returncode == 0, done.stderr
        (tmp_path / f"{name.replace(' ', '_').replace('-', '_')}.py").write_text(done.stdout)
    for checker in (
        ("mypy", "--strict", "--cache-dir", str(tmp_path / "cache")),
        ("pyright", "--pythonpath", sys.executable),
        ("ruff", "check", "--isolated", "--select", "E,F,B,UP,ASYNC,RUF", "--line-length", "100"),
    ):
        command = [sys.executable, "-m", *checker, *map(str, tmp_path.glob("*.py"))]
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=4 * PATIENCE, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr


def test_a_letter_is_written_as_it_is_read(tmp_path: Path) -> None:
    """Also what TOML would take for something else, and what cannot be printed."""
    path = tmp_path / "letter.toml"
    path.write_text(LETTER)
    letter = read_letter(path)
    assert isinstance(letter, DirectLoa)
    person = AuthorisedPerson(first_name='a"b\\c\u202e', last_name="'''", email="jane@example.com")
    letter = ResellerLoa(
        business_name='"""\U0001f600 é',
        authorised_person=person,
        address=letter.address,
        current_voice_carrier="#",
    )
    path.write_text(letter_file(letter))

    assert read_letter(path) == letter
    assert "\u202e" not in path.read_text()
    assert tomllib.loads(path.read_text())["kind"] == "reseller"
