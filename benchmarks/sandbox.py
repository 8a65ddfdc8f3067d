"""Whether the sandbox keeps up: start, requests a second of one core, and half a million numbers.

The sandbox runs in a process of its own. Requests come from this one over plain connections to
loopback, so that no client library is measured; what counts is the CPU that the sandbox spends.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from resource import RUSAGE_SELF, getrusage
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks._table import Table

CONNECTIONS = 16
_LINKED = "servicePlanId=plan&campaignId=campaign"
_TEXT_ENABLED = f"states=COMPLETED&type=TYPE_TEXT_ENABLE&{_LINKED}"
_PATTERN = "numberPattern.pattern"
_SOUGHT = [
    ("that start with the last number's digits", f"{_PATTERN}=%2B12020499&orderBy=updatedTime"),
    ("that start with what is not there", f"{_PATTERN}=%2B1999"),
    ("that end with three digits", f"{_PATTERN}=777&numberPattern.searchPattern=END"),
    ("that contain what is rare", f"{_PATTERN}=49999&numberPattern.searchPattern=CONTAIN"),
    ("that contain what is not there", f"{_PATTERN}=9999999&numberPattern.searchPattern=CONTAIN"),
    ("that start with +1, in Canada", f"{_PATTERN}=%2B1&regionCode=CA"),
]
"""Patterns over all imported numbers: what they find, and the query."""
_WORLDS = ((100, 500), (1000, 500), (10_000, 50))
"""Orders, and numbers in each: the usual world, and a tenth and ten times of its orders."""
_ROOT = Path(__file__).parent.parent


def run(*, short: bool) -> Table:
    """Measure each figure, and show it beside what is wanted."""
    return asyncio.run(_measure(short=short))


async def _measure(*, short: bool) -> Table:
    rows: list[tuple[str, str, str]] = []
    for orders, numbers in ((50, 500),) if short else _WORLDS:
        server = _Server()
        try:
            if not rows:
                start = f"{server.hello['start'] * 1e3:.1f} ms"
                rows.append(("start, aiohttp imported", start, "50 ms"))
                for connections in (CONNECTIONS,) if short else (2, CONNECTIONS, 160):
                    rows += await _rates(server, 2000 if short else 20_000, connections)
            rows += await _full(server, orders, numbers)
        finally:
            server.close()
    return Table(
        "the sandbox, in a process of its own",
        ("what", "measured", "wanted"),
        rows,
        notes=(
            "What it does not show: the price of a client, which is on top of it, and TLS.",
            "Ten times the numbers would take ten times the memory: 10,000 orders hold 50 each.",
        ),
    )


async def _rates(server: _Server, requests: int, connections: int) -> list[tuple[str, str, str]]:
    order = server.ask("create", orders=1, numbers=5)["last"]
    plain = "3000 a second"
    rows = []
    for name, path, wanted in (
        (
            f"{connections} connections: GET an order, requests a second of one core",
            f"/hostingOrders/{order}",
            plain,
        ),
        ("GET its report", f"/hostingOrders/{order}/report", plain),
        ("GET the callback configuration", "/callbackConfiguration", plain),
        ("GET what is not there (404)", "/hostingOrders/none", plain),
    ):
        cpu, wall = await server.load([path] * requests, connections)
        rows.append((name, f"{requests / cpu:.0f} ({requests / wall:.0f} by the clock)", wanted))
    return rows


async def _full(server: _Server, orders: int, numbers: int) -> list[tuple[str, str, str]]:
    """Orders that are all completed; then what they weigh, and how fast lists are."""
    made = server.ask("create", orders=orders, numbers=numbers)
    lived = server.ask("advance", days=2)
    size = f"{orders:,} orders of {numbers}"
    rows = [
        (f"{size}: to create them", f"{made['seconds']:.1f} s", ""),
        (f"{size}: to live their life", f"{lived['seconds']:.1f} s", ""),
        (f"{size}: memory of the process at its peak", f"{lived['mib']:.0f} MiB", "1024 MiB"),
    ]
    for name, path in (
        ("list orders, page of 100", f"/hostingOrders?{_TEXT_ENABLED}"),
        (
            "list an order's numbers, page of 500",
            f"/hostingOrders/{made['last']}/numbers?pageSize=500",
        ),
        ("list imported numbers, page of 100", f"/importedNumbers?{_LINKED}"),
        ("list them by creation", f"/importedNumbers?{_LINKED}&orderBy=createdTime"),
        *((f"list those {what}", f"/importedNumbers?{_LINKED}&{query}") for what, query in _SOUGHT),
    ):
        times = [(await server.load([path]))[1] for _ in range(15)]
        wanted = "10 ms" if "Pattern" in path else "milliseconds"
        rows.append((f"{size}: {name}", f"{median(times) * 1e3:.1f} ms", wanted))
    kept = server.ask("keep")
    rows += [
        (f"{size}: CPU to write the whole state", f"{kept['all']:.1f} s", ""),
        (f"{size}: CPU to write one more order", f"{kept['change'] * 1e3:.1f} ms", "10 ms"),
        (f"{size}: CPU to read the state", f"{kept['read']:.1f} s", ""),
    ]
    return rows


class _Server:
    """The sandbox's process; `ask` has it do something, `load` sends it requests."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", "from benchmarks.sandbox import serve; serve()"],
            cwd=_ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.hello = self._answer()

    def ask(self, what: str, **about: Any) -> dict[str, Any]:
        """Have it do *what*, and wait for the answer."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"what": what, **about}) + "\n")
        self._process.stdin.flush()
        return self._answer()

    async def load(self, paths: list[str], connections: int = CONNECTIONS) -> tuple[float, float]:
        """Send GET requests for *paths*; the CPU and the time that they took."""
        before, began = self.ask("cpu")["cpu"], time.perf_counter()
        share = [paths[start::connections] for start in range(connections)]
        await asyncio.gather(*(self._send(part) for part in share if part))
        wall = time.perf_counter() - began
        return self.ask("cpu")["cpu"] - before, wall

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(10)
        self._process.stdout.close()

    async def _send(self, paths: list[str]) -> None:
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", self.hello["port"], limit=1 << 22
        )
        for path in paths:
            head = f"GET /v1/projects/{self.hello['project']}{path} HTTP/1.1\r\n"
            writer.write(f"{head}{self.hello['headers']}\r\n".encode())
            answer = await reader.readuntil(b"\r\n\r\n")
            length = answer.lower().split(b"content-length: ")[1].split(b"\r\n")[0]
            await reader.readexactly(int(length))
        writer.close()
        await writer.wait_closed()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer


def serve() -> None:
    """The other process: a sandbox that reads from stdin what to do."""
    asyncio.run(_serve())


async def _serve() -> None:
    import aiohttp

    from sinch_hosting.sandbox import Sandbox

    began, rules = time.perf_counter(), {"unqualified": 200}
    async with Sandbox(speed=0, seed=1, request_log=1000, rules=rules) as sandbox:
        start = time.perf_counter() - began
        async with aiohttp.ClientSession() as session:
            key = aiohttp.encode_basic_auth(sandbox.key_id, sandbox.key_secret)
            grant, basic = {"grant_type": "client_credentials"}, {"Authorization": key}
            async with session.post(sandbox.auth_url, data=grant, headers=basic) as response:
                token = (await response.json())["access_token"]
            session.headers["Authorization"] = f"Bearer {token}"
            headers = f"Host: 127.0.0.1:{sandbox.port}\r\nAuthorization: Bearer {token}\r\n"
            _say(
                {
                    "start": start,
                    "port": sandbox.port,
                    "project": sandbox.project_id,
                    "headers": headers,
                    "key": [sandbox.key_id, sandbox.key_secret],
                }
            )
            while line := await asyncio.to_thread(sys.stdin.readline):
                about = json.loads(line)
                _say(await _DEEDS[about.pop("what")](sandbox, session, **about))


async def _create(sandbox: Any, session: Any, orders: int, numbers: int) -> dict[str, Any]:
    began, start, last = time.perf_counter(), len(sandbox.orders_created()) * 1000, ""
    person = {"firstName": "Jo", "lastName": "Doe", "email": "jo@example.com"}
    names = ("buildingNumber", "street", "city", "state", "postalCode", "country")
    letter = {
        "authorisedPerson": person,
        "address": dict.fromkeys(names, "x"),
        "currentVoiceCarrier": "x",
    }
    url = f"{sandbox.base_url}/v1/projects/{sandbox.project_id}/hostingOrders:textEnableNumbers"
    for order in range(orders):
        first = start + order * numbers
        body = {
            "regionCode": "US",
            "numbers": [f"+1202{number:07d}" for number in range(first, first + numbers)],
            "servicePlanId": "plan",
            "campaignId": "campaign",
            "directLoaInfo": letter,
        }
        async with session.post(url, json=body) as response:
            answer = await response.json()
            assert response.status == 200, answer
            last = answer["hostingOrderId"]
    return {"seconds": time.perf_counter() - began, "last": last}


async def _advance(sandbox: Any, session: Any, **units: float) -> dict[str, Any]:
    began = time.perf_counter()
    sandbox.advance(**units)
    spent = time.perf_counter() - began
    # The peak, in KiB on Linux: more than it weighs now, never less.
    return {"seconds": spent, "mib": getrusage(RUSAGE_SELF).ru_maxrss / 1024}


async def _cpu(sandbox: Any, session: Any) -> dict[str, Any]:
    return {"cpu": time.process_time()}


async def _keep(sandbox: Any, session: Any) -> dict[str, Any]:
    """Keep all of the state in a file, and one more order; then read both."""
    from sinch_hosting.sandbox.state_file import StateFile

    spent, keeper = {}, sandbox._keeper
    with TemporaryDirectory() as folder:
        keeper._state = file = StateFile(Path(folder) / "state.json")
        try:
            sandbox._world.touched.is_noted = True
            for name in ("all", "change"):
                before = time.process_time()
                sandbox._world.changed = True
                keeper.save_changes()
                spent[name] = time.process_time() - before
                keeper._state = None  # the order itself is not what is measured
                await _create(sandbox, session, orders=1, numbers=1)
                keeper._state = file
            before = time.process_time()
            again = StateFile(file.path)
            again.open()
            spent["read"] = time.process_time() - before
            again.close()
        finally:
            keeper._state = None
            sandbox._world.touched.is_noted = False
            file.close()
    return spent


_DEEDS: dict[str, Callable[..., Any]] = {
    "create": _create,
    "advance": _advance,
    "cpu": _cpu,
    "keep": _keep,
}


def _say(answer: dict[str, Any]) -> None:
    print(json.dumps(answer), flush=True)
