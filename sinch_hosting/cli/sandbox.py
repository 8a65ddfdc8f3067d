"""The command ``sinch-hosting sandbox``: the simulated service on a port of this machine."""

from __future__ import annotations

import asyncio
import contextlib
import shlex
import signal
import sys


async def sandbox(
    *,
    port: int = 8787,
    speed: float = 3600.0,
    seed: int | None = None,
    profile: str = "standard",
    host: str = "127.0.0.1",
) -> int:
    """Serve a stand-in for the service until Ctrl-C, and print how to point programs at it.

    It stays in the foreground: paste the export lines into another terminal. Or keep them in a
    file, with `sinch-hosting sandbox > sandbox.env &`, and read it with `. ./sandbox.env`.

    Parameters
    ----------
    port
        The port to listen on; 0 takes a free one.
    speed
        Virtual seconds in one real second; 0 leaves time to be stepped over HTTP.
    seed
        Makes ids, codes, delays and faults reproducible.
    profile
        standard, immediate, manual, people (nobody signs or mails by itself) or troubled.
    host
        The address to listen on. Anybody who reaches it may use it: leave it on loopback.
    """
    from sinch_hosting.sandbox import Sandbox  # noqa: PLC0415 - `--help` must not pay for it

    try:
        service = Sandbox(host=host, port=port, speed=speed, seed=seed, profile=profile)
        await service.start()
    except (OSError, OverflowError, ValueError) as error:
        _say(f"The sandbox cannot start: {error}", error=True)
        return 2
    try:
        for name, value in service.environ.items():
            _say(f"export {name}={shlex.quote(value)}")
        _say(f"# orders, numbers and requests live: {service.base_url}/_sandbox/")
        await _until_stopped()
    finally:
        await service.stop()
    return 0


async def _until_stopped() -> None:
    """Wait for Ctrl-C or a request to terminate."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    handled = []
    for number in (signal.SIGINT, signal.SIGTERM):
        # Windows, and loops outside the main thread, have no signal handlers:
        # there Ctrl-C arrives as a cancellation.
        with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):
            loop.add_signal_handler(number, stopped.set)
            handled.append(number)
    try:
        await stopped.wait()
    finally:
        for number in handled:
            loop.remove_signal_handler(number)


def _say(line: str, *, error: bool = False) -> None:
    print(line, file=sys.stderr if error else sys.stdout, flush=True)
