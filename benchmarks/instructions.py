"""How many instructions a typed call costs over aiohttp by hand.

The client's process runs under `valgrind --tool=callgrind`, which counts the instructions that it
executes in user mode. Such a count does not depend on how busy the machine is.
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
_CALLS_EACH = 2  # of every task in a batch
_HERE = Path(__file__).parent.parent


class NoValgrind(RuntimeError):
    """There is no `valgrind` on this machine."""


def run(*, short: bool) -> Table:
    """Count every client once; a second run counts almost the same."""
    counted = measure((BY_HAND, PACED) if short else NAMES)
    rows = []
    for name, count in counted.items():
        against = counted[SMALL_BY_HAND if name == SMALL else BY_HAND]
        rows.append((name, f"{count:.0f}", f"{count / against:.3f}"))
    return Table(
        f"hosting_orders.get, {CONCURRENT} at once: instructions in user mode, under callgrind",
        ("client", "instructions a call", "ratio"),
        rows,
        notes=(
            "Wanted: at most 1.05 for the typed call with all of its parts.",
            "Does not show: the kernel's work, and how long each instruction takes.",
        ),
    )


def measure(names: tuple[str, ...]) -> dict[str, float]:
    """Count the instructions of one call of each client.

    Raises:
        NoValgrind: the Debian package `valgrind` is not installed.
    """
    valgrind = shutil.which("valgrind")
    if valgrind is None:
        raise NoValgrind("no valgrind in PATH: install the Debian package valgrind")
    with server() as address, tempfile.TemporaryDirectory() as folder:
        # callgrind writes what it has counted, and starts again at zero, at each `getppid`.
        command = [
            valgrind, "--tool=callgrind", "--dump-before=getppid",
            f"--callgrind-out-file={folder}/counted",
            sys.executable, "-m", "benchmarks.instructions", address, *names,
        ]  # fmt: skip
        environment = {**os.environ, "PYTHONHASHSEED": "0"}
        subprocess.run(command, cwd=_HERE, env=environment, check=True, capture_output=True)
        parts = {int(path.suffix[1:]): path for path in Path(folder).glob("counted.*")}
        totals = [_total(parts[number]) for number in sorted(parts)]
    # The first part ends with the warm-up, and the last one begins after the last batch.
    return {
        name: total / (CONCURRENT * _CALLS_EACH)
        for name, total in zip(names, totals[1:], strict=True)
    }


def _total(path: Path) -> int:
    found = re.search(r"^totals: (\d+)", path.read_text(), re.MULTILINE)
    if found is None:
        raise RuntimeError(f"{path.name}: callgrind has written no totals")
    return int(found[1])


async def _calls(address: str, names: list[str]) -> None:
    """Make the batches that are counted; the end of each is a call of `getppid`."""
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
        chosen = [calls[name] for name in names]
        for call in chosen:
            await _batch(call, 2)
        gc.collect()
        gc.disable()
        os.getppid()
        for call in chosen:
            await _batch(call, _CALLS_EACH)
            os.getppid()


async def _batch(call: Call, each: int) -> None:
    async def repeat() -> None:
        for _ in range(each):
            await call()

    await asyncio.gather(*(repeat() for _ in range(CONCURRENT)))


if __name__ == "__main__":
    asyncio.run(_calls(sys.argv[1], sys.argv[2:]))
