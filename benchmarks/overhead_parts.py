"""Where the CPU of a typed call goes: the profile behind `overhead`."""

from __future__ import annotations

import asyncio
import cProfile
import gc
import pstats
import time
from pathlib import Path

import sinch_hosting
from benchmarks._server import ORDER_ID, server
from benchmarks._table import Table
from benchmarks.overhead import CONCURRENT, client

_SHOWN = 14
_PACKAGE = str(Path(sinch_hosting.__file__).parent)
_OURS = "this package"
# The first that a file's path or a built-in's name contains.
_GROUPS = {
    _PACKAGE: _OURS,
    "<string>": _OURS,  # the generated structure hooks
    "aiohttp": "aiohttp, yarl, multidict",
    "yarl": "aiohttp, yarl, multidict",
    "multidict": "aiohttp, yarl, multidict",
    "_socket.socket": "the kernel: send and recv",
    "json": "json",
    "cattrs": "cattrs",
    "asyncio": "asyncio",
}


def run(*, short: bool) -> Table:
    """Profile the typed call; shares only, since a profiler makes Python calls look dear."""
    each = 5 if short else 100
    with server() as address:
        stats = asyncio.run(_profile(address, each))
    own = _own_seconds(stats)
    whole, calls = sum(own.values()), CONCURRENT * each
    groups: dict[str, float] = {}
    for (file, _, function), seconds in own.items():
        group = _group(f"{file} {function}")
        groups[group] = groups.get(group, 0) + seconds
    mine = {key: seconds for key, seconds in own.items() if _group(key[0]) == _OURS}
    dearest = sorted(mine, key=mine.__getitem__, reverse=True)[:_SHOWN]
    rows = [
        *((name, _share(groups[name], whole)) for name in sorted(groups, key=lambda n: -groups[n])),
        *(
            (f"  {Path(file).name}: {name}", _share(own[file, line, name], whole))
            for file, line, name in dearest
        ),
    ]
    return Table(
        f"{calls} calls of hosting_orders.get under cProfile",
        ("own time of", "share, %"),
        rows,
        notes=("What it does not show: how long a call takes: a profiler slows Python code most.",),
    )


async def _profile(address: str, each: int) -> pstats.Stats:
    async with client(address, requests_per_second=1e9) as sinch:

        async def repeat() -> None:
            for _ in range(each):
                await sinch.hosting_orders.get(ORDER_ID)

        await asyncio.gather(*(repeat() for _ in range(CONCURRENT)))
        gc.collect()
        profile = cProfile.Profile(time.process_time)  # others take wall time at will
        profile.enable()
        await asyncio.gather(*(repeat() for _ in range(CONCURRENT)))
        profile.disable()
    return pstats.Stats(profile)


def _own_seconds(stats: pstats.Stats) -> dict[tuple[str, int, str], float]:
    """By file, line and function; the time in which the process waits is nobody's."""
    raw: dict[tuple[str, int, str], tuple[int, int, float, float, object]] = vars(stats)["stats"]
    return {key: row[2] for key, row in raw.items() if "poll" not in key[2]}


def _group(where: str) -> str:
    return next((group for part, group in _GROUPS.items() if part in where), "other")


def _share(seconds: float, whole: float) -> str:
    return f"{100 * seconds / whole:.1f}"
