"""`python -m sinch_hosting.temporal.worker`: a worker that serves jobs until SIGTERM.

| variable | what it says |
|---|---|
| `SINCH_PROJECT_ID`, `SINCH_KEY_ID`, `SINCH_KEY_SECRET` | the account |
| `TEMPORAL_ADDRESS`, `TEMPORAL_NAMESPACE`, `TEMPORAL_API_KEY`, `TEMPORAL_TLS_...` | Temporal |
| `SINCH_HOSTING_TASK_QUEUE` | the task queue, `sinch-hosting` by default |
| `SINCH_HOSTING_FOLDER` | the folder of numbers and letters; without it names are paths |
| `SINCH_HOSTING_FLEET_RATE` | requests a second of all workers together |
| `SINCH_HOSTING_FLEET_WORKERS` | the most workers that will run at once, 1 by default |
| `SINCH_HOSTING_REQUEST_TIMEOUT` | seconds that a request may take, 60 by default |

Each worker sends its share of the rate: the rate divided by the most workers. With fewer workers
the fleet is slower than the rate, and never faster.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta
from itertools import chain, repeat

from temporalio.client import Client
from temporalio.worker import Worker

from ..client import SinchHosting
from ..errors import ConfigurationError, SinchHostingError, TransportError
from .files import References
from .leaving import leave
from .plugin import TASK_QUEUE, SinchHostingPlugin
from .starting import connect

_DRAIN = timedelta(seconds=120)
_END = timedelta(seconds=60)
"""What temporalio gets to end after that: 1.35 hung in it, 2 of 150 times on a loaded machine."""
_MOST_ACTIVITIES = 100
_LONGEST_PAUSE = 10.0


def share_of_rate(environment: Mapping[str, str]) -> float | None:
    """Return the requests a second of this worker; raises `ConfigurationError`."""
    rate = _number(environment, "SINCH_HOSTING_FLEET_RATE")
    workers = _number(environment, "SINCH_HOSTING_FLEET_WORKERS")
    if workers is not None and (workers < 1 or workers != int(workers)):
        raise ConfigurationError(f"SINCH_HOSTING_FLEET_WORKERS = {workers:g}: must be 1 or more")
    return None if rate is None else rate / (workers or 1)


def _number(environment: Mapping[str, str], name: str) -> float | None:
    text = environment.get(name)
    if not text:
        return None
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise ConfigurationError(f"{name} = {text!r}: must be a number above 0")
    return number


async def main(environment: Mapping[str, str] = os.environ) -> None:
    """Serve jobs until SIGTERM or SIGINT, then finish what is under way."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    queue = environment.get("SINCH_HOSTING_TASK_QUEUE", TASK_QUEUE)
    async with SinchHosting.from_env(
        requests_per_second=share_of_rate(environment),
        timeout=_number(environment, "SINCH_HOSTING_REQUEST_TIMEOUT"),
    ) as sinch:
        references = References(environment.get("SINCH_HOSTING_FOLDER"))
        client = await _connected(SinchHostingPlugin(sinch, references=references), stop)
        if client is None:
            return
        worker = Worker(
            client,
            task_queue=queue,
            max_concurrent_activities=_MOST_ACTIVITIES,
            graceful_shutdown_timeout=_DRAIN,
        )
        async with worker:
            host, namespace = client.service_client.config.target_host, client.namespace
            _say(f"ready: task queue {queue}, namespace {namespace}, Temporal at {host}")
            await stop.wait()
            _say("stopping: what is under way is finished")
            loop.call_later((_DRAIN + _END).total_seconds(), leave, 1)
    _say("stopped")


async def _connected(plugin: SinchHostingPlugin, stop: asyncio.Event) -> Client | None:
    """Connect, also where Temporal comes up later than its workers; `None` once it is to stop."""
    for pause in chain((0.5, 1.0, 2.0, 4.0), repeat(_LONGEST_PAUSE)):
        try:
            return await connect(plugin)
        except TransportError as error:
            sys.stderr.write(f"sinch_hosting.temporal.worker: {error}; again in {pause:g} s\n")
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), pause)
            return None
    raise AssertionError("it does not end")


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except SinchHostingError as failed:
        sys.stderr.write(f"sinch_hosting.temporal.worker: {failed}\n")
        leave(1)
    leave(0)
