"""How many instructions a typed call costs over aiohttp by hand.

The client's process runs under `valgrind --tool=callgrind`, which counts the instructions that it
executes in user mode. Unlike a time, such a count does not depend on how busy the machine is.
"""

from __future__ import annotations

import asyncio
import gc
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Collection, Sequence
from pathlib import Path

import aiohttp

from benchmarks._server import IMPORT_ID, ORDER_ID, server
from benchmarks._table import Table
from benchmarks.overhead import CONCURRENT, Call, by_hand, client, lean

BY_HAND = "aiohttp by hand: session.get and json()"
PACED = "typed: token, retry, pacing, decoding"
UNPACED = "typed: no requests_per_second"
LEAN = "by hand, json.loads of read(), no redirects"
SMALL_BY_HAND = "by hand, an order without a letter"
SMALL = "typed, an order without a letter"
NAMES = (BY_HAND, PACED, UNPACED, LEAN, SMALL_BY_HAND, SMALL)

STORED = {("3.11", "3.14"): 1.02}
"""What `PACED` costs relative to `BY_HAND`, by the minor versions of Python and aiohttp, with the
standard library's json: whoever changes it measures again and writes it here."""
TOLERANCE = 0.05

_CALLS_EACH = 2  # of every task in a batch
_BATCHES = 3
_HERE = Path(__file__).parent.parent


class NoValgrind(RuntimeError):
    """There is no `valgrind` on this machine."""


def run(*, short: bool) -> Table:
    """Count every client once; a second run counts almost the same."""
    try:
        counted = measure((BY_HAND, PACED) if short else NAMES)
        quick = {} if short else measure((BY_HAND, PACED), blocked=())
    except NoValgrind as error:
        return Table("instructions of a call: not counted", (), (), notes=(str(error),))
    rows = [
        (name, f"{count:.0f}", f"{count / counted[_against(name)]:.3f}")
        for name, count in counted.items()
    ]
    if quick:
        count, against = quick[PACED], quick[BY_HAND]
        rows.append(("typed, as installed (msgspec)", f"{count:.0f}", f"{count / against:.3f}"))
    return Table(
        f"hosting_orders.get, {CONCURRENT} at once: instructions in user mode, under callgrind",
        ("client", "instructions a call", "ratio"),
        rows,
        notes=(
            "Wanted: at most 1.05 for the typed call with all of its parts.",
            "JSON is read by the standard library, in the last row by msgspec where there is one.",
            "Does not show: the kernel's work, and how long each instruction takes.",
        ),
    )


def _against(name: str) -> str:
    return SMALL_BY_HAND if name == SMALL else BY_HAND


def stored_ratio() -> float | None:
    """Return the ratio that is stored for the versions that run, if there is one."""
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    return STORED.get((python, aiohttp.__version__.rpartition(".")[0]))


def measure(names: Sequence[str], *, blocked: Collection[str] = ("msgspec",)) -> dict[str, float]:
    """Count the instructions of one call of each client.

    Args:
        names: the clients.
        blocked: modules that the clients find not installed.

    Raises:
        NoValgrind: the Debian package `valgrind` is not installed.
    """
    valgrind = shutil.which("valgrind")
    if valgrind is None:
        raise NoValgrind("there is no valgrind: install the Debian package of that name")
    with server() as address, tempfile.TemporaryDirectory() as folder:
        # callgrind writes what it has counted, and starts again at zero, at each `getppid`.
        command = [
            valgrind, "--tool=callgrind", "--dump-before=getppid",
            f"--callgrind-out-file={folder}/counted",
            sys.executable, "-m", "benchmarks.instructions", address, ",".join(blocked), *names,
        ]  # fmt: skip
        # Without what makes a child measure its coverage, which takes instructions as well.
        environment = {k: v for k, v in os.environ.items() if not k.startswith("COV")}
        environment["PYTHONHASHSEED"] = "0"
        subprocess.run(command, cwd=_HERE, env=environment, check=True, capture_output=True)
        parts = {int(path.suffix[1:]): path for path in Path(folder).glob("counted.*")}
        totals = [_total(parts[number]) for number in sorted(parts)]
    # The least of the batches is the one that nothing disturbed: where the server is slow to
    # answer, the event loop turns more often. A part before each client's is its warm-up.
    size = 1 + _BATCHES
    return {
        name: min(totals[at * size + 1 : (at + 1) * size]) / (CONCURRENT * _CALLS_EACH)
        for at, name in enumerate(names)
    }


def _total(path: Path) -> int:
    found = re.search(r"^totals: (\d+)", path.read_text(), re.MULTILINE)
    if found is None:
        raise RuntimeError(f"{path.name}: callgrind has written no totals")
    return int(found[1])


async def _calls(address: str, names: Sequence[str]) -> None:
    """Make the batches that are counted; a call of `getppid` ends the warm-up and each batch."""
    header = {"Authorization": f"Bearer {'t' * 800}"}
    async with (
        aiohttp.ClientSession(headers=header) as session,
        client(address, requests_per_second=1e9) as paced,
        client(address) as plain,
    ):
        url = f"{address}/v1/projects/project/hostingOrders/{ORDER_ID}"
        small = f"{address}/v1/projects/project/hostingOrders/{IMPORT_ID}"
        calls: dict[str, Call] = {
            BY_HAND: lambda: by_hand(session, url),
            PACED: lambda: paced.hosting_orders.get(ORDER_ID),
            UNPACED: lambda: plain.hosting_orders.get(ORDER_ID),
            LEAN: lambda: lean(session, url),
            SMALL_BY_HAND: lambda: by_hand(session, small),
            SMALL: lambda: paced.hosting_orders.get(IMPORT_ID),
        }
        for name in names:
            await _batch(calls[name])  # right before: connections must not grow too old
            gc.collect()
            gc.disable()
            os.getppid()
            for _ in range(_BATCHES):
                await _batch(calls[name])
                os.getppid()
            gc.enable()


async def _batch(call: Call) -> None:
    async def repeat() -> None:
        for _ in range(_CALLS_EACH):
            await call()

    await asyncio.gather(*(repeat() for _ in range(CONCURRENT)))


if __name__ == "__main__":
    for module in filter(None, sys.argv[2].split(",")):
        sys.modules[module] = None  # type: ignore[assignment]
    asyncio.run(_calls(sys.argv[1], sys.argv[3:]))
