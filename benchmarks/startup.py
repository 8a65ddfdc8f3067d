"""What importing the package costs over importing what it is built on."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from statistics import median

from benchmarks._table import Table, show_ratio, show_spread

_BASE = "import aiohttp, attrs, cattrs"
_CODE = {
    _BASE: _BASE,
    "import sinch_hosting; sinch_hosting.SinchHosting": (
        "import sinch_hosting; sinch_hosting.SinchHosting"
    ),
    "import sinch_hosting (names resolve when touched)": "import sinch_hosting",
}
_TIMED = "import time; began = time.process_time(); {}; print(time.process_time() - began)"


def run(*, short: bool) -> Table:
    """Import in fresh interpreters, one of each in every round."""
    rounds = 3 if short else 25
    for code in _CODE.values():
        _cpu_seconds(code)  # the first one may still have to compile
    measured: dict[str, list[float]] = {name: [] for name in _CODE}
    for number in range(rounds):
        for name in list(_CODE)[:: -1 if number % 2 else 1]:
            measured[name].append(_cpu_seconds(_CODE[name]))
    base = measured[_BASE]
    rows = [
        (name, f"{median(times) * 1e3:.0f}", show_ratio(times, base), show_spread(times, base))
        for name, times in measured.items()
    ]
    return Table(
        "importing, in fresh interpreters", ("import", "CPU ms", "ratio", "middle half"), rows
    )


def _cpu_seconds(code: str) -> float:
    """The CPU that a fresh interpreter spends on this alone."""
    done = subprocess.run(
        [sys.executable, "-c", _TIMED.format(code)],
        cwd=Path(__file__).parent.parent,
        capture_output=True,
        text=True,
        check=True,
    )
    return float(done.stdout)
