"""How fast a long list is read, beside what its server alone gives, and in how much memory."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
import time
from collections.abc import AsyncIterable
from pathlib import Path
from resource import RUSAGE_SELF, getrusage
from statistics import median
from typing import Any

from benchmarks._table import Table
from benchmarks.sandbox import _Server

_TOKEN = re.compile(rb'"nextPageToken": ?"([^"]*)"')
_LIST = "/importedNumbers?servicePlanId=plan&campaignId=campaign"
_HANDLING = 0.05
BY_HAND = "aiohttp by hand, the text alone"
WAYS = {
    BY_HAND: ("text", 0.0),
    "async for": ("plain", 0.0),
    "async for, in prefetch()": ("prefetch", 0.0),
    "collect()": ("collect", 0.0),
    "async for, 50 ms of waiting a page": ("plain", _HANDLING),
    "the same, in prefetch()": ("prefetch", _HANDLING),
}
"""How the list is read, and the seconds that the reader waits at each page, as for a database."""


def run(*, short: bool) -> Table:
    """Read the same list in each way in every round, each in a process of its own."""
    sizes = [(2_500, 250)]
    if not short:
        sizes = [(1_000, 100), (10_000, 100), (10_000, 1000), (100_000, 100), (100_000, 1000)]
    rounds = 1 if short else 5
    rows: list[tuple[str, ...]] = []
    for numbers, page_size in sizes:
        server = _Server()
        try:
            server.ask("create", orders=numbers // 500, numbers=500)
            server.ask("advance", days=2)
            rows += _read(server, numbers, page_size, rounds)
        finally:
            server.close()
    return Table(
        "imported numbers, read from the sandbox",
        (
            *("numbers, a page", "way", "pages a second", "of the server's", "CPU ms a page"),
            *("by CPU", "memory grows, MiB"),
        ),
        rows,
        notes=(
            "Wanted: 0.90 of the server's with prefetch(), and memory that does not grow.",
            "By CPU: the same share as the CPU allows where each process has a core of its own, so",
            "that a busy machine does not change it. A page takes the server's CPU and then the",
            "client's; with prefetch() only that of reading its text (the way by hand), unless the",
            "client needs more for the whole page than that.",
            "Memory: by how much the peak grows from the third page on; collect() keeps all items.",
            "What it does not show: the way to a server that is far. The longer that is, the more",
            "prefetch() gains; here the server takes a core for a page, and the client another.",
        ),
    )


def _read(server: _Server, numbers: int, page_size: int, rounds: int) -> list[Any]:
    alone: list[float] = []
    own: list[float] = []
    spent = server.ask("cpu")["cpu"]
    measured: dict[str, list[dict[str, float]]] = {name: [] for name in WAYS}
    for _ in range(rounds):
        began = time.process_time()
        alone.append(asyncio.run(_server_alone(server, page_size)))
        own.append(time.process_time() - began)
        for name, way in WAYS.items():
            measured[name].append(_in_a_process(server, way, page_size))
    pages, shown = numbers // page_size, f"{numbers:,}, {page_size:,}"
    walks = rounds * (1 + len(WAYS))
    spent = (server.ask("cpu")["cpu"] - spent) / (walks * pages)
    speed = f"{pages / median(alone):.1f}"
    rows = [(shown, "server alone", speed, "1.00", f"{spent * 1e3:.1f}", "1.00", "-")]
    costs = {n: median(r["cpu"] for r in results) / pages for n, results in measured.items()}
    least = spent + median(own) / pages
    for name, results in measured.items():
        shares = [base / result["seconds"] for base, result in zip(alone, results, strict=True)]
        seconds = median(result["seconds"] for result in results)
        grown = median(result["grown"] for result in results)
        speed, share = f"{pages / seconds:.1f}", f"{median(shares):.2f}"
        takes = spent + costs[name]
        if WAYS[name][0] == "prefetch":
            takes = max(spent + costs[BY_HAND], costs[name])
        by_cpu = "-" if WAYS[name][1] else f"{least / takes:.2f}"
        cpu = f"{costs[name] * 1e3:.1f}"
        rows.append((shown, name, speed, share, cpu, by_cpu, f"{grown:.1f}"))
    return rows


async def _server_alone(server: _Server, page_size: int) -> float:
    """The seconds for all pages, asked for over one plain connection and not understood."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.hello["port"], limit=1 << 24)
    token, began = b"", time.perf_counter()
    while True:
        path = f"/v1/projects/{server.hello['project']}{_LIST}&pageSize={page_size}"
        head = f"GET {path}&pageToken={token.decode()} HTTP/1.1\r\n{server.hello['headers']}\r\n"
        writer.write(head.encode())
        answer = await reader.readuntil(b"\r\n\r\n")
        length = answer.lower().split(b"content-length: ")[1].split(b"\r\n")[0]
        found = _TOKEN.search(await reader.readexactly(int(length)))
        if not found or not found[1]:
            break
        token = found[1]
    seconds = time.perf_counter() - began
    writer.close()
    await writer.wait_closed()
    return seconds


def _in_a_process(server: _Server, way: tuple[str, float], page_size: int) -> dict[str, float]:
    about = {**server.hello, "way": way[0], "handling": way[1], "page_size": page_size}
    code = f"from benchmarks.paging import child; child({json.dumps(about)!r})"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(__file__).parent.parent,
        capture_output=True,
        text=True,
        check=True,
    )
    result: dict[str, float] = json.loads(done.stdout)
    return result


def child(about: str) -> None:
    """The other process: read the list once, and print what that took."""
    print(json.dumps(asyncio.run(_walk(**json.loads(about)))))


async def _walk(
    *,
    port: int,
    project: str,
    key: list[str],
    headers: str,
    way: str,
    handling: float,
    page_size: int,
    **_: Any,
) -> dict[str, float]:
    from sinch_hosting import SinchHosting

    address, count, early = f"http://127.0.0.1:{port}", 0, 0
    if way == "text":
        return await _text_alone(f"{address}/v1/projects/{project}{_LIST}", headers, page_size)

    async def walk(items: AsyncIterable[object]) -> None:
        nonlocal count, early
        async for _number in items:
            count += 1
            if count == 3 * page_size:
                early = _peak()
            if handling and count % page_size == 0:
                await asyncio.sleep(handling)

    async with SinchHosting(
        project, *key, base_url=address, auth_url=f"{address}/oauth2/token"
    ) as sinch:
        pages = sinch.imported_numbers.list(
            service_plan_id="plan", campaign_id="campaign", page_size=page_size
        )
        await pages.first()  # the token and the connection are not measured
        began, early, cpu = time.perf_counter(), _peak(), time.process_time()
        if way == "plain":
            await walk(pages)
        elif way == "prefetch":
            async with pages.prefetch() as ahead:
                await walk(ahead)
        else:
            count = len(await pages.collect())
        seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    return {"cpu": cpu, "numbers": count, "seconds": seconds, "grown": (_peak() - early) / 1024}


async def _text_alone(url: str, headers: str, page_size: int) -> dict[str, float]:
    """Read all pages with aiohttp, and nothing but the token of each."""
    import aiohttp
    from yarl import URL

    sent = dict(line.split(": ", 1) for line in headers.splitlines())
    async with aiohttp.ClientSession(headers=sent, raise_for_status=True) as session:
        (await session.get(f"{url}&pageSize=1")).release()  # the connection is not measured
        token, began, cpu = b"", time.perf_counter(), time.process_time()
        while True:
            page = f"{url}&pageSize={page_size}&pageToken={token.decode()}"
            response = await session.get(URL(page, encoded=True))
            found = _TOKEN.search(await response.read())
            if not found or not found[1]:
                break
            token = found[1]
        seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    return {"cpu": cpu, "seconds": seconds, "grown": 0.0}


def _peak() -> int:
    """The most memory that this process has taken so far, in KiB."""
    return getrusage(RUSAGE_SELF).ru_maxrss
