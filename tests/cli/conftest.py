"""The command as a process, against a sandbox in a process of its own."""

from __future__ import annotations

import base64
import contextlib
import itertools
import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from attrs import define, field

import sinch_hosting

from ..postgres import Postgres, running_postgres

ROOT = Path(sinch_hosting.__file__).parents[1]
PATIENCE = 120.0
"""Real seconds after which something that should have happened has not."""
PLAN, CAMPAIGN = "plan-1", "campaign-1"
LETTER = """\
kind = "direct"
current_voice_carrier = "Example Telecom"

[authorised_person]
first_name = "Jane"
last_name = "Doe"
email = "jane@example.com"

[address]
building_number = "100"
street = "Example Street"
city = "Springfield"
state = "IL"
postal_code = "62701"
country = "US"
"""
_FORCING = ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE", "COLUMNS", "LINES")


def plain_environment(**further: str) -> dict[str, str]:
    """The environment without what forces colours, widths, or an account."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in _FORCING
        and not name.startswith(("SINCH_", "XDG_"))
        and not name.lower().endswith("_proxy")
    }
    return {**kept, "PYTHONPATH": str(ROOT), "TZ": "UTC", **further}


def command(*arguments: str) -> list[str]:
    """The command line of the real entry point."""
    return [sys.executable, "-m", "sinch_hosting", *arguments]


@define
class SandboxProcess:
    """A sandbox that runs in a process of its own, and its handles over HTTP."""

    environ: Mapping[str, str]

    @property
    def base_url(self) -> str:
        """Its address."""
        return self.environ["SINCH_HOSTING_BASE_URL"]

    def do(self, name: str, **arguments: Any) -> Any:
        """Do something, such as `sign-letter`."""
        data = json.dumps(arguments).encode()
        return self._ask(urllib.request.Request(f"{self.base_url}/_sandbox/{name}", data=data))

    def show(self, name: str) -> Any:
        """Show something, such as `orders`."""
        return self._ask(urllib.request.Request(f"{self.base_url}/_sandbox/{name}"))

    def reset(self) -> None:
        """Forget everything, faults too."""
        self.clear_faults()
        self.do("reset")
        self.do("rules", empty_campaign=200)  # toll-free orders have no campaign

    def verify(self, *numbers: str) -> None:
        """Have numbers that are in qualification verified, unless they are."""
        for number in numbers:  # one that was verified by itself is refused, and no other
            with contextlib.suppress(urllib.error.HTTPError):
                self.do("approve", numbers=[number])

    def token(self) -> str:
        """A token of the account, as commands fetch them."""
        environ = self.environ
        key = f"{environ['SINCH_KEY_ID']}:{environ['SINCH_KEY_SECRET']}".encode()
        request = urllib.request.Request(
            environ["SINCH_HOSTING_AUTH_URL"],
            data=b"grant_type=client_credentials",
            headers={"Authorization": f"Basic {base64.b64encode(key).decode()}"},
        )
        return str(self._ask(request)["access_token"])

    def clear_faults(self) -> None:
        """Misbehave no more."""
        self._ask(urllib.request.Request(f"{self.base_url}/_sandbox/faults", method="DELETE"))

    def count(self, operation: str) -> int:
        """How often an operation was asked for."""
        return sum(seen["operation"] == operation for seen in self.show("requests"))

    @staticmethod
    def _ask(request: urllib.request.Request) -> Any:
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            return json.load(answer)


@contextlib.contextmanager
def running_sandbox(*arguments: str) -> Iterator[SandboxProcess]:
    """Run `sinch-hosting sandbox serve` until the end."""
    process = subprocess.Popen(
        command("sandbox", "serve", "--port", "0", "--seed", "1", *arguments),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=plain_environment(),
    )
    try:
        assert process.stdout is not None
        environ = {}
        for line in process.stdout:
            if line.startswith("#"):
                break
            name, _, value = line.removeprefix("export ").strip().partition("=")
            environ[name] = value.strip("'")
        yield SandboxProcess(environ)
    finally:
        process.terminate()
        process.communicate(timeout=PATIENCE)


class Zygote:
    """Runs commands in processes that are forked from one that has imported what they need."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._count = itertools.count()
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None

    def run(
        self, arguments: Sequence[str], *, stdin: str | None, environ: Mapping[str, str], cwd: Path
    ) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        if sys.platform == "win32":
            return subprocess.run(
                command(*arguments),
                capture_output=True,
                text=True,
                input=stdin or "",
                env=dict(environ),
                cwd=cwd,
                timeout=PATIENCE,
                check=False,
            )
        paths = {
            name: self._folder / f"{next(self._count)}-{name}"
            for name in ("stdin", "stdout", "stderr")
        }
        paths["stdin"].write_text(stdin or "")
        request = {
            "arguments": arguments,
            "environ": environ,
            "cwd": str(cwd),
            **{name: str(path) for name, path in paths.items()},
        }
        code = self._ask(json.dumps(request))
        out, err = (paths[name].read_text(errors="replace") for name in ("stdout", "stderr"))
        assert code != -signal.SIGALRM, f"{' '.join(arguments)} did not end: {err}"
        return subprocess.CompletedProcess(list(arguments), code, out, err)

    def _ask(self, request: str) -> int:
        with self._lock:
            if self._process is None:
                self._process = subprocess.Popen(
                    [sys.executable, str(Path(__file__).with_name("zygote.py"))],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                    env=plain_environment(),
                )
            assert self._process.stdin is not None
            assert self._process.stdout is not None
            self._process.stdin.write(f"{request}\n")
            self._process.stdin.flush()
            return int(self._process.stdout.readline())

    def close(self) -> None:
        """End it."""
        if self._process is not None:
            self._process.communicate()


@define
class Account:
    """Somebody who types commands: a home of their own, and an account at the sandbox."""

    home: Path
    sandbox: SandboxProcess
    zygote: Zygote
    _started: list[subprocess.Popen[str]] = field(factory=list, init=False)

    @property
    def environ(self) -> dict[str, str]:
        """The environment of the commands."""
        return plain_environment(
            **self.sandbox.environ,
            SINCH_HOSTING_SERVICE_PLAN_ID=PLAN,
            SINCH_HOSTING_CAMPAIGN_ID=CAMPAIGN,
            XDG_CONFIG_HOME=str(self.home / "config"),
            XDG_STATE_HOME=str(self.home / "state"),
        )

    def run(
        self, *arguments: str, stdin: str | None = None, **environ: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a command to its end, in a process of its own."""
        return self.zygote.run(
            arguments, stdin=stdin, environ={**self.environ, **environ}, cwd=self.home
        )

    def start(self, *arguments: str, **environ: str) -> subprocess.Popen[str]:
        """Start a command; it is killed at the end of the test, should it run on."""
        process = subprocess.Popen(
            command(*arguments),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**self.environ, **environ},
            cwd=self.home,
        )
        self._started.append(process)
        return process

    def close(self) -> None:
        """Kill what still runs."""
        for process in self._started:
            if process.poll() is None:
                process.kill()
            with contextlib.suppress(ValueError):  # its pipes were read to their end
                process.communicate()

    def text_enable(self, *numbers: str, job: str = "acme") -> str:
        """Have numbers qualified and text-enabled; returns the order's id."""
        self.file("acme.toml", LETTER)
        assert self.run("qualify", "add", *numbers).returncode == 0
        self.sandbox.verify(*numbers)
        options = ("--loa", "acme.toml", "--yes", "--settle", "0", "--job", job)
        done = self.run("orders", "text-enable", *numbers, *options, "--format", "lines")
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def file(self, name: str, text: str) -> Path:
        """Write a file into the folder in which commands run."""
        path = self.home / name
        path.write_text(text)
        return path


def until(happened: Any, patience: float = PATIENCE) -> Any:
    """Wait until a function answers something true, and return that."""
    end = time.monotonic() + patience
    while not (found := happened()):
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)
    return found


@pytest.fixture(scope="session")
def quick_sandbox_process() -> Iterator[SandboxProcess]:
    """A sandbox where a day passes in a blink, for the whole session."""
    with running_sandbox("--speed", "1000000") as sandbox:
        yield sandbox


@pytest.fixture(scope="session")
def still_sandbox_process() -> Iterator[SandboxProcess]:
    """A sandbox where time stands still but for what a test lets happen."""
    with running_sandbox("--speed", "0") as sandbox:
        yield sandbox


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A database server; tests that ask for it are skipped where there is none."""
    with running_postgres() as server:
        yield server


@pytest.fixture(scope="session")
def zygote(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Zygote]:
    """What runs commands, for the whole session."""
    with contextlib.closing(Zygote(tmp_path_factory.mktemp("commands"))) as made:
        yield made


@pytest.fixture
def quick(
    quick_sandbox_process: SandboxProcess, tmp_path: Path, zygote: Zygote
) -> Iterator[Account]:
    """An account where everything happens by itself, at once."""
    quick_sandbox_process.reset()
    with contextlib.closing(Account(tmp_path, quick_sandbox_process, zygote)) as account:
        yield account


@pytest.fixture
def still(
    still_sandbox_process: SandboxProcess, tmp_path: Path, zygote: Zygote
) -> Iterator[Account]:
    """An account where nothing happens by itself."""
    still_sandbox_process.reset()
    with contextlib.closing(Account(tmp_path, still_sandbox_process, zygote)) as account:
        yield account
