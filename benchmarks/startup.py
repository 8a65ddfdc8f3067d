"""What loading the package costs over loading what it is built on.

An installed package is compiled once. So a copy of the package is compiled first, and the
interpreters that are measured load the copy; a checkout that may not be written to
(`PYTHONDONTWRITEBYTECODE`) would be compiled again by each of them.
"""

from __future__ import annotations

import compileall
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import sinch_hosting
from benchmarks._table import Table, show_ratio, show_spread

_BASE = "import aiohttp, attrs, cattrs"
_CLIENT = 'import sinch_hosting; sinch_hosting.SinchHosting("project", "key", "secret")'
_CODE = {
    _BASE: _BASE,
    "import SinchHosting, and make a client": _CLIENT,
    "the same, and what the first wait loads": _CLIENT + "; import sinch_hosting._polling.watcher",
    "the same, and what the first create loads": _CLIENT
    + "; import sinch_hosting._bulk.order_runs",
    "the same, and all other names": _CLIENT + "; from sinch_hosting import *",
    "import sinch_hosting (names resolve when touched)": "import sinch_hosting",
}
_CLI_BASE = "cyclopts: a trivial program's --help"
_COMMAND = "import contextlib, io, sys; sys.argv = ['sinch-hosting', {!r}]\nwith {}:\n    {}"
_QUIET = "contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit)"
_TRIVIAL = "import cyclopts; app = cyclopts.App(); app.default(lambda name: None); app()"
_MAIN = "from sinch_hosting.cli import main; main()"
_CLI_CODE = {
    _CLI_BASE: _COMMAND.format("--help", _QUIET, _TRIVIAL),
    "sinch-hosting --help": _COMMAND.format("--help", _QUIET, _MAIN),
    "sinch-hosting --version": _COMMAND.format("--version", _QUIET, _MAIN),
}
_TIMED = "import time; began = time.process_time()\n{}\nprint(time.process_time() - began)"


def run(*, short: bool) -> Table:
    """Load in fresh interpreters, one of each in every round."""
    with _installed() as folder:
        rows = _rows(folder, _CODE, _BASE, rounds=3 if short else 25)
        rows += _rows(folder, _CLI_CODE, _CLI_BASE, rounds=1 if short else 15)
    return Table(
        "loading a compiled copy, in fresh interpreters",
        ("what", "CPU ms", "ratio", "middle half"),
        rows,
        notes=(
            "Wanted: 1.20 for a client; 1.15 for --help, whose ratio is to the trivial program.",
            "What it does not show: reading the files for the first time from a slow disk; and it",
            "has no size that could be varied.",
        ),
        plot="ratio",
    )


def _rows(folder: Path, codes: dict[str, str], base: str, rounds: int) -> list[tuple[str, ...]]:
    measured: dict[str, list[float]] = {name: [] for name in codes}
    for number in range(rounds):
        for name in list(codes)[:: -1 if number % 2 else 1]:
            measured[name].append(_cpu_seconds(folder, codes[name]))
    against = measured[base]
    return [
        (
            name,
            f"{median(times) * 1e3:.0f}",
            show_ratio(times, against),
            show_spread(times, against),
        )
        for name, times in measured.items()
    ]


@contextmanager
def _installed() -> Iterator[Path]:
    """A compiled copy of the package, in a folder of its own."""
    package = Path(sinch_hosting.__file__).parent
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / package.name
        shutil.copytree(package, copy, ignore=shutil.ignore_patterns("__pycache__"))
        compileall.compile_dir(copy, quiet=1)
        yield Path(folder)


def _cpu_seconds(folder: Path, code: str) -> float:
    """The CPU that a fresh interpreter spends on this alone."""
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    done = subprocess.run(
        [sys.executable, "-c", _TIMED.format(code)],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return float(done.stdout)
