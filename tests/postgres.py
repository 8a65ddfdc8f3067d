"""A real PostgreSQL for tests: in a temporary folder, on a Unix socket, without a network."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import pytest

_DATABASES = count()
_SETTINGS = ("fsync=off", "listen_addresses=", "max_connections=60", "shared_buffers=16MB")
_USER = "postgres"


class Postgres:
    """A running server."""

    def __init__(self, folder: Path, programs: Path) -> None:
        self.folder = folder
        self._programs = programs

    def database(self) -> str:
        """Make a new database; returns its address."""
        name = f"test{next(_DATABASES)}"
        create = [self._programs / "createdb", "-h", self.folder, "-U", _USER, name]
        subprocess.run(create, check=True, capture_output=True)
        return f"postgresql://{_USER}@/{name}?host={self.folder}"


def _programs() -> Path | None:
    """Where the newest server of this machine is."""
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=_version)
    if debian:
        return debian[-1].parent
    found = shutil.which("postgres")
    return Path(found).parent if found else None


def _version(path: Path) -> float:
    name = path.parent.parent.name
    return float(name) if name.replace(".", "").isdigit() else 0.0


@contextmanager
def running_postgres() -> Iterator[Postgres]:
    """Start a server for a block; the test is skipped where there is none."""
    pytest.importorskip("asyncpg", reason="asyncpg is not installed")
    programs = _programs()
    if programs is None:
        pytest.skip("no PostgreSQL on this machine: apt install postgresql")
    is_root = os.geteuid() == 0
    folder = Path(tempfile.mkdtemp(prefix="sinch-pg-"))
    as_user: list[str] = []
    if is_root:  # the server refuses to run as root
        try:
            account = pwd.getpwnam(_USER)
        except KeyError:
            pytest.skip(f"PostgreSQL does not run as root, and there is no user {_USER}")
        os.chown(folder, account.pw_uid, account.pw_gid)
        as_user = ["setpriv", f"--reuid={_USER}", f"--regid={account.pw_gid}", "--clear-groups"]
    data = folder / "data"
    init = ["-D", data, "-U", _USER, "-A", "trust", "-N", "--no-instructions", "-E", "UTF8"]
    subprocess.run([*as_user, programs / "initdb", *init], check=True, capture_output=True)
    options = [part for setting in _SETTINGS for part in ("-c", setting)]
    # It ends with this process, however that ends.
    tied = [*(as_user or ["setpriv"]), "--pdeathsig=INT"] if shutil.which("setpriv") else []
    command = [*tied, programs / "postgres", "-D", data, "-k", folder, *options]
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        try:
            _wait_until_ready(programs, folder)
            yield Postgres(folder, programs)
        finally:
            server.send_signal(signal.SIGINT)  # without waiting for those who are connected
            try:
                server.wait(10)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()
            shutil.rmtree(folder, ignore_errors=True)


def _wait_until_ready(programs: Path, folder: Path) -> None:
    for _ in range(600):
        ready = subprocess.run(
            [programs / "pg_isready", "-q", "-h", folder, "-U", _USER], check=False
        )
        if ready.returncode == 0:
            return
        time.sleep(0.05)
    raise AssertionError((folder / "log").read_text())
