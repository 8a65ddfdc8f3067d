"""`sinch-hosting sandbox`: the simulated service on a port of this machine, and its state."""

from __future__ import annotations

import errno
import json
import os
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from cyclopts import App

from .errors import BadInput, ExitCode, Failed, cannot_listen
from .options import OUTPUT, Output
from .output import chosen_format, print_json, print_text

app = App(name="sandbox", help="Run a simulated service on this machine.", help_format="markdown")
_TIMEOUT = 10.0


@app.default
@app.command
async def serve(
    *,
    port: int = 8787,
    speed: float = 3600.0,
    seed: int | None = None,
    profile: str = "standard",
    host: str = "127.0.0.1",
    state: Path | None = None,
    seed_file: Path | None = None,
    log_requests: bool = False,
) -> int:
    """Run a simulated service until Ctrl-C, and print the variables that programs need.

    It stays in the foreground: paste the export lines into another terminal. Or write them to a
    file with `sinch-hosting sandbox > sandbox.env &`, and read it with `. ./sandbox.env`.
    The last line, `# ready {...}`, is JSON for programs. `/healthz` returns 200 while it serves.

    Example: `sinch-hosting sandbox serve --port 0 --speed 86400`

    Args:
        port: The port to listen on; 8787 by default, 0 takes a free one.
        speed: Virtual seconds in one real second, 3600 by default; 0 leaves time to be stepped
            over HTTP.
        seed: Makes ids, codes, delays and faults reproducible.
        profile: standard, immediate, manual, people (nobody signs or mails by itself) or
            troubled.
        host: The address to listen on. Anybody who reaches it may use it: leave it on loopback.
        state: A file that keeps the state; the next start goes on from it.
        seed_file: A JSON file with what the sandbox holds at its first start.
        log_requests: Log each request on standard error, without bodies and credentials.
    """
    # `--help` must not pay for these.
    from sinch_hosting.sandbox import Sandbox  # noqa: PLC0415
    from sinch_hosting.sandbox.serving import log_requests_to_stderr  # noqa: PLC0415
    from sinch_hosting.sandbox.serving import serve as serve_until_stopped  # noqa: PLC0415

    if log_requests:
        log_requests_to_stderr()
    try:
        service = Sandbox(
            host=host,
            port=port,
            speed=speed,
            seed=seed,
            profile=profile,
            state_file=state,
            seed_file=seed_file,
            log_requests=log_requests,
        )
        await service.start()
    except (OSError, OverflowError, ValueError) as error:
        in_use = getattr(error, "errno", None) == errno.EADDRINUSE
        why = cannot_listen(host, port, error) if in_use else error
        raise BadInput(f"the sandbox cannot start: {why}") from error
    await serve_until_stopped(service, _say)
    return 0


@app.command
def state(*, url: str | None = None, output: Output = OUTPUT) -> int:
    """Show what a running sandbox holds: counts, orders, numbers, mails, requests.

    Example: `sinch-hosting sandbox state --format json`

    Args:
        url: The sandbox's address; by default what SINCH_HOSTING_BASE_URL says.
    """
    base = url or os.environ.get("SINCH_HOSTING_BASE_URL") or "http://127.0.0.1:8787"
    found = _read(f"{base.rstrip('/')}/_sandbox/state")
    if chosen_format(output) != "table":
        print_json(found, output)
        return ExitCode.DONE
    print_text(f"time     {found['now']}, {found['speed']} times as fast")
    print_text(f"profile  {found['profile']}, seed {found['seed']}")
    for name, count in found["counts"].items():
        print_text(f"{name:<24} {count}")
    for order in found["orders"]:
        print_text(
            f"order {order['hostingOrderId']}  {order['state']}  {order['numbers']} numbers  "
            f"next: {order['next'] or 'nothing'}"
        )
    return ExitCode.DONE


def _read(address: str) -> dict[str, Any]:
    if not address.startswith(("http://", "https://")):
        raise BadInput(f"{address}: must be a whole http(s) address")
    try:
        with urllib.request.urlopen(address, timeout=_TIMEOUT) as answer:  # noqa: S310 - as checked
            found: dict[str, Any] = json.load(answer)
    except (urllib.error.URLError, OSError) as error:
        why = getattr(error, "reason", error)
        raise Failed(
            f"there is no sandbox at {address}: {why}",
            ExitCode.NOT_REACHED,
            "start one: sinch-hosting sandbox serve",
        ) from error
    except ValueError as error:
        raise Failed(f"{address}: what runs there is not a sandbox", ExitCode.REFUSED) from error
    return found


def _say(line: str) -> None:
    print_text(line)
    sys.stdout.flush()
