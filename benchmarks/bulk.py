"""Whether a bulk run is as fast as its window allows, and how much its memory grows.

100,000 numbers are 200 orders of 500. Every create takes a second, or where there are few at once
a quarter of that, which is the harder test: the run's own work counts for more. Ideal is
ceil(200 / concurrency) times that. The session is stood in for, so that no server's CPU is in it.
A million numbers are streamed in a process of their own, whose
peak of resident memory is compared with that of a process that has only imported the package.
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


def run(*, short: bool) -> Table:
    """Measure the time for each concurrency, then memory and CPU in processes of their own."""
    rows = [_timed(at_once, short=short) for at_once in (CONCURRENCY if not short else (16, 64))]
    for numbers in (NUMBERS,) if short else (NUMBERS // 10, NUMBERS, 10 * NUMBERS):
        for name, others in (("a job", ()), ("a job where tags are known", (_OTHER,))):
            rows.append(
                _timed(64, short=short, job="bench", numbers=numbers, others=others, as_=name)
            )
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
            "A job's first order goes alone, and is read to see whether its tag comes back: two",
            "requests more, however many orders there are. It goes with the others where the",
            "lists, which the job reads anyway, show as long a tag of another job.",
            "A stream's memory grows by the 8 bytes a number that tell duplicates.",
            "What it does not show: a service whose answers vary in time, and the two readings of",
            "the lists with the pause between them, which a job needs before its first order.",
        ),
    )


def _timed(
    concurrency: int,
    *,
    short: bool,
    numbers: int = NUMBERS,
    job: str | None = None,
    others: tuple[str, ...] = (),
    as_: str = "",
) -> tuple[str, ...]:
    latency = 0.05 if short else _LONG if concurrency > 8 else _SHORT
    took = asyncio.run(_bulk(numbers, concurrency, latency, job, others)) / latency
    ideal = math.ceil(numbers / CHUNK / concurrency)
    name = f"{numbers:,} numbers, {concurrency} at once" + (f", as {as_}" if as_ else "")
    return name, f"{took:.2f} requests", f"{ideal} requests", f"{took / ideal:.3f}"


def _numbers(count: int) -> Iterator[str]:
    return (f"+1{2_000_000_000 + number}" for number in range(count))


async def _bulk(
    numbers: int, concurrency: int, latency: float, job: str | None, others: tuple[str, ...]
) -> float:
    """The seconds that a run takes whose every create takes `latency`."""
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
    if name == "ListHostingOrders":
        listed = [Order(hosting_order_id=other, display_name=other) for other in others]
        is_theirs = request["query"].get("states") == OrderState.COMPLETED
        return answer_type(hosting_orders=tuple(listed) if is_theirs else ())
    await asyncio.sleep(latency)
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
