"""Whether a bulk run is as fast as its window allows, and how much its memory grows.

100,000 numbers are 200 orders of 500. Every create takes a second, or where there are few at once
a quarter of that, which is the harder test: the run's own work counts for more. Ideal is
ceil(200 / concurrency) times that. The session is stood in for, so that no server's CPU is in it.
A job is measured with every request as slow as a create, its lists too, 64 at once; the time is
compared with that of the requests that have to follow each other. A million numbers are streamed
in a process of their own, whose peak of resident memory is compared with that of a process that
has only imported the package.
"""

from __future__ import annotations

import asyncio
import json
import math
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks._table import Table
from sinch_hosting import BlanketLoa, Order, OrderState, SinchHosting

NUMBERS, CHUNK = 100_000, 500
CONCURRENCY = (1, 2, 4, 8, 16, 32, 64)
WANTED, LIMIT_MIB = 1.05, 100
_LONG, _SHORT = 1.0, 0.25
_AT_ONCE = 64
_LISTS = 12
"""A job reads the lists of six states twice, one list after the other."""


def run(*, short: bool) -> Table:
    """Measure the time for each concurrency, then memory and CPU in processes of their own."""
    rows = [_timed(at_once, short=short) for at_once in (CONCURRENCY if not short else (16, 64))]
    for latency in (0.02,) if short else (0.02, 0.2, 2.0):
        for chunks in (8, 64) if short else (1, 8, 64, 640):
            rows += [_job(chunks, latency, others) for others in ((), (_OTHER,))]
    bare = _child(0)
    for count in (10_000, 100_000, 1_000_000, 10_000_000) if not short else (100_000,):
        used = _child(count)
        grown = (used["peak"] - bare["peak"]) / 2**20
        shown = f"{used['cpu'] / count * 1e6:.2f} us CPU a number"
        each = f"{(used['peak'] - bare['peak']) / count:.0f} bytes a number"
        rows.append((f"{count:,} streamed", f"{grown:.1f} MiB over import", shown, each))
    return Table(
        f"{NUMBERS:,} numbers, {CHUNK} an order, each a while; and a stream's memory and CPU",
        ("run", "took as long as", "ideal", "ratio"),
        rows,
        notes=(
            f"Wanted: at most {WANTED} without a job, and less than {LIMIT_MIB} MiB.",
            "A job's ideal is what has to follow one another: 12 lists (six states, two",
            "readings), its first order, reading that one for its tag, and the rest 64 at once.",
            "So 64 orders of 200 ms take 15 requests, of which the guard of tags is 2 (13",
            "percent; 2 of 24 for 640 orders), and none can leave earlier: before the lists are",
            "read an order may be mailed a second time, and before the first one was read there",
            "may be many that nobody finds again. The two are saved where the lists, or an",
            "earlier job of the client, show as long a tag. What is above 1.00 is the run's own",
            "CPU: 1.6 us a number of a job on a quiet machine.",
            "A stream's memory grows by the 8 bytes a number that tell duplicates.",
            "What it does not show: a service whose answers vary in time, and the pause between",
            "a job's two readings of the lists (settle=), ten seconds by default.",
        ),
    )


def _timed(concurrency: int, *, short: bool) -> tuple[str, ...]:
    latency = 0.05 if short else _LONG if concurrency > 8 else _SHORT
    took = asyncio.run(_bulk(NUMBERS, concurrency, latency)) / latency
    ideal = math.ceil(NUMBERS / CHUNK / concurrency)
    name = f"{NUMBERS:,} numbers, {concurrency} at once"
    return name, f"{took:.2f} requests", f"{ideal} requests", f"{took / ideal:.3f}"


def _job(chunks: int, latency: float, others: tuple[str, ...]) -> tuple[str, ...]:
    """A job of so many orders, `_AT_ONCE` at the same time, on lists that show these others."""
    took = asyncio.run(_bulk(chunks * CHUNK, _AT_ONCE, latency, "bench", others)) / latency
    first = 0 if others else 2  # the first order, and reading it
    needed = _LISTS + first + math.ceil((chunks - bool(first)) / _AT_ONCE)
    name = f"a job of {chunks} orders, {latency * 1000:.0f} ms" + (", tags known" * bool(others))
    return name, f"{took:.2f} requests", f"{needed} requests", f"{took / needed:.3f}"


def _numbers(count: int) -> Iterator[str]:
    return (f"+1{2_000_000_000 + number}" for number in range(count))


async def _bulk(
    numbers: int,
    concurrency: int,
    latency: float,
    job: str | None = None,
    others: tuple[str, ...] = (),
) -> float:
    """The seconds that a run takes whose every request takes `latency`."""
    async with _Client(latency, others) as sinch:
        started = time.perf_counter()
        result = await sinch.hosting_orders.text_enable_many(
            _numbers(numbers),
            **_ARGUMENTS,
            max_concurrency=concurrency,
            job=job,
            settle=0 if job else None,
        )
        took = time.perf_counter() - started
    assert len(result.succeeded) == numbers // CHUNK
    return took


_ARGUMENTS: dict[str, Any] = {
    "region_code": "US",
    "service_plan_id": "plan",
    "campaign_id": "campaign",
    "loa": BlanketLoa(),
}


class _Client(SinchHosting):
    """A client whose service is far away and does nothing: no socket, no server's CPU."""

    def __init__(self, latency: float, others: tuple[str, ...] = ()) -> None:
        super().__init__("project", "key", "secret", base_url="http://127.0.0.1:1")
        answer = partial(_answer, latency, others)
        self._session.request = answer  # type: ignore[method-assign]


_OTHER = "another-job/12.1/" + "a" * 18
"""The name of an order of another job."""


async def _answer(
    latency: float, others: tuple[str, ...], name: str, answer_type: Any, **request: Any
) -> Any:
    await asyncio.sleep(latency)
    if name == "ListHostingOrders":
        listed = [Order(hosting_order_id=other, display_name=other) for other in others]
        is_theirs = request["query"].get("states") == OrderState.COMPLETED
        return answer_type(hosting_orders=tuple(listed) if is_theirs else ())
    if name == "GetHostingOrder":  # a job reads its first order, to see its tag
        order_id = request["identifiers"]["order_id"]
        return answer_type(hosting_order_id=order_id, display_name=_NAMES[order_id])
    body = request["body"]
    order_id = body["numbers"][0]
    _NAMES[order_id] = body.get("displayName")
    return answer_type(
        hosting_order_id=order_id,
        display_name=body.get("displayName"),
        service_plan_id=body["servicePlanId"],
    )


_NAMES: dict[str, str | None] = {}


# ------------------------------------------------------------ memory, in a child


def _child(count: int) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.bulk", str(count)],
        cwd=Path(__file__).parent.parent,
        capture_output=True,
        text=True,
        check=True,
    )
    answer: dict[str, float] = json.loads(done.stdout)
    return answer


async def _stream(count: int) -> None:
    async with _Client(0) as sinch:
        stream = sinch.hosting_orders.text_enable_stream(
            _numbers(count), **_ARGUMENTS, max_concurrency=8
        )
        chunks = 0
        async for outcome in stream:
            assert outcome.result is not None
            chunks += 1
    assert chunks == -(-count // CHUNK)


def main(count: int) -> None:
    """Stream so many numbers; print the peak of resident memory in bytes, and the CPU seconds."""
    began = time.process_time()
    if count:
        asyncio.run(_stream(count))
    print(json.dumps({"peak": _peak(), "cpu": time.process_time() - began}))


def _peak() -> int:
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    # On Linux ru_maxrss begins with what the parent had when it started this process.
    (line,) = (line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024


if __name__ == "__main__":
    main(int(sys.argv[1]))
