"""The command as a person meets it: help, version, errors of one line, exit codes."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import pytest

from sinch_hosting import __version__, cli
from sinch_hosting.cli import app, demo_run
from sinch_hosting.errors import TransportError


def test_help_lists_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    """`--help` says what each command is for, and is no failure."""
    assert app.run(["--help"]) == 0

    printed = capsys.readouterr().out
    assert "Take numbers from any state to text-enabled." in printed
    assert "sandbox" in printed


def test_help_begins_with_what_a_new_user_needs(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its paragraphs fill the width, and the commands stand in the order of their use."""
    monkeypatch.setenv("COLUMNS", "80")
    assert app.run(["--help"]) == 0

    printed = capsys.readouterr().out
    paragraphs = [text.split("\n") for text in printed.split("╭")[0].strip().split("\n\n")]
    assert any("sinch-hosting demo" in text[0] for text in paragraphs)
    assert all(len(line) > 60 for text in paragraphs for line in text[:-1])
    assert printed.index("│ start") < printed.index("│ onboard") < printed.index("│ api")


def test_version_is_the_packages(capsys: pytest.CaptureFixture[str]) -> None:
    """`--version` prints the version and nothing else."""
    assert app.run(["--version"]) == 0
    assert capsys.readouterr().out.strip() == __version__


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["demo", "--help"],
        ["onboard", "--help"],
        ["orders", "--help"],
        ["orders", "import", "--help"],
        ["numbers", "explain", "--help"],
        ["callbacks", "listen", "--help"],
        ["--version"],
    ],
)
def test_help_loads_nothing_heavy(arguments: list[str]) -> None:
    """Help does not pay for aiohttp, the sandbox or the phone numbers' metadata."""
    code = (
        "import sys\n"
        "from sinch_hosting.cli.app import run\n"
        f"assert run({arguments!r}) == 0\n"
        "heavy = {'aiohttp', 'phonenumbers', 'sinch_hosting.sandbox', 'sinch_hosting.client',\n"
        "         'rich.progress', 'rich.live', 'keyring', 'cattrs'}\n"
        "sys.exit(f'loaded: {heavy & set(sys.modules)}' if heavy & set(sys.modules) else 0)"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (0, "")


def test_what_a_command_does_knows_nothing_of_the_commands() -> None:
    """Imports run from the commands to their work, and never back."""
    code = (
        "import sys\n"
        "import sinch_hosting.cli.demo_run\n"
        "sys.exit('a cycle' if 'sinch_hosting.cli.app' in sys.modules else 0)"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["demo", "--foo"], "Unknown option: --foo; see --help"),
        (["dmo"], 'Unknown command "dmo". Did you mean "demo"?'),
        (["demo", "--numbers", "nope.csv"], "nope.csv: there is no such file; check the path"),
        (["demo", "--numbers"], "requires an argument"),
        (["nonsense"], "callbacks, ...; see --help"),
    ],
)
def test_what_the_caller_got_wrong_is_one_line(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Bad arguments and bad files are one line on stderr and exit code 2."""
    assert app.run(arguments) == 2

    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("sinch-hosting: ")
    assert message in printed.err
    assert printed.err.count("\n") == 1


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (
            TransportError("no\nanswer", never_sent=True),
            4,
            "sinch-hosting: no answer\n  check the network and the address of the service: "
            "sinch-hosting doctor\n",
        ),
        (KeyboardInterrupt(), 130, "sinch-hosting: stopped\n"),
    ],
)
def test_what_ends_a_command_is_one_line_and_a_code(
    error: BaseException,
    code: int,
    line: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A service that is not reached is code 4, Ctrl-C is 130; neither shows a traceback."""

    async def fail(**_: object) -> int:
        raise error

    monkeypatch.setattr(demo_run, "run_demo", fail)

    assert app.run(["demo"]) == code
    assert capsys.readouterr().err == line


def test_a_terminal_that_knows_few_characters_is_no_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What an ASCII terminal cannot show is escaped instead of ending the command."""
    out = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", out)

    async def talk(**_: object) -> int:
        sys.stdout.write("Zoë")
        return 0

    monkeypatch.setattr(demo_run, "run_demo", talk)

    assert app.run(["demo"]) == 0
    out.seek(0)
    assert out.read() == r"Zo\xeb"


def shell(line: str) -> subprocess.CompletedProcess[str]:
    """Run the command in a shell, for what only a shell does to its output."""
    command = f'"{sys.executable}" -c "from sinch_hosting.cli import main; main()" {line}'
    return subprocess.run(
        ["sh", "-c", command], stderr=subprocess.PIPE, text=True, check=False, timeout=60
    )


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="/dev/full is Linux's")
@pytest.mark.parametrize("arguments", ["demo", "--help", "--version"])
def test_a_stdout_that_cannot_be_written_to_is_one_line(arguments: str) -> None:
    """A full disk behind `>` ends the command with a sentence, and no traceback at its end."""
    done = shell(f"{arguments} > /dev/full")

    assert done.returncode == 1
    assert done.stderr.endswith(
        "sinch-hosting: standard output cannot be written to: No space left on device\n"
    )
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="closing stdout is a POSIX shell's trick")
def test_a_closed_stdout_is_one_line() -> None:
    """Without a stdout the demo says so instead of failing on it."""
    done = shell("demo >&-")

    assert (done.returncode, done.stderr) == (
        2,
        "sinch-hosting: standard output is closed; leave it open, or send it to a file\n",
    )


def test_an_error_of_the_system_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What has nothing to do with stdout does not blame it; with no stderr it is just a code."""

    async def fail(**_: object) -> int:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(demo_run, "run_demo", fail)

    assert app.run(["demo"]) == 1
    assert capsys.readouterr().err == "sinch-hosting: Too many open files\n"
    monkeypatch.setattr(sys, "stderr", None)
    assert app.run(["demo"]) == 1


def test_a_full_disk_behind_stdout_is_told_apart(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What stdout still holds is thrown away, so that nothing fails once more at the end."""
    if not Path("/dev/full").exists():
        pytest.skip("/dev/full is Linux's")

    async def talk(**_: object) -> int:
        sys.stdout.write("a line")
        return 0

    monkeypatch.setattr(demo_run, "run_demo", talk)
    with Path("/dev/full").open("w") as full:
        monkeypatch.setattr(sys, "stdout", full)
        assert app.run(["demo"]) == 1
    assert "standard output cannot be written to" in capsys.readouterr().err


def test_main_leaves_with_the_commands_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The console script hands over its arguments, and the code to the shell."""
    monkeypatch.setattr(sys, "argv", ["sinch-hosting", "--version"])
    with pytest.raises(SystemExit) as left:
        cli.main()
    assert left.value.code == 0
    assert capsys.readouterr().out.strip() == __version__


@pytest.mark.parametrize("missing", ["cyclopts", "phonenumbers", "rich"])
def test_without_the_extra_the_command_says_what_to_install(
    missing: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Installed without `[cli]`, the command names what is missing and exits with 2."""

    def run(_: list[str]) -> int:
        raise ModuleNotFoundError(f"No module named {missing!r}", name=missing)

    monkeypatch.setattr(app, "run", run)
    monkeypatch.setattr(sys, "argv", ["sinch-hosting", "demo"])

    with pytest.raises(SystemExit) as left:
        cli.main()

    assert left.value.code == 2
    assert capsys.readouterr().err == (
        f"sinch-hosting: the command needs {missing}, which is not installed: "
        "pip install 'sinch-hosting[cli]'\n"
    )


def test_a_missing_module_of_another_kind_is_not_blamed_on_the_extra(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Only the extra's own packages get the advice; a bug stays a bug."""

    def run(_: list[str]) -> int:
        raise ModuleNotFoundError("No module named 'sinch_hosting.nope'", name="sinch_hosting.nope")

    monkeypatch.setattr(app, "run", run)

    with pytest.raises(ModuleNotFoundError, match="nope"):
        cli.main()


def test_a_machine_without_the_extra_gets_no_traceback() -> None:
    """The real import path, with cyclopts hidden, ends in the same sentence."""
    code = "import sys\nsys.modules['cyclopts'] = None\nfrom sinch_hosting.cli import main\nmain()"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert done.returncode == 2
    assert done.stderr.startswith("sinch-hosting: the command needs cyclopts")
    assert "Traceback" not in done.stderr
