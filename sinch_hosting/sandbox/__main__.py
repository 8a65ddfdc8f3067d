"""`python -m sinch_hosting.sandbox`: the sandbox without the extra ``[cli]``."""

from __future__ import annotations

import argparse
import asyncio
import sys

from .profiles import PROFILES
from .server import Sandbox
from .serving import log_requests_to_stderr, serve


def main(arguments: list[str] | None = None) -> int:
    """Serve until Ctrl-C or SIGTERM.

    Args:
        arguments: those of the command line; by default the program's own.

    Returns the exit code: 0, or 2 where the sandbox cannot start.
    """
    options = _parser().parse_args(arguments)
    if options.log_requests:
        log_requests_to_stderr()
    try:
        return asyncio.run(_main(options))
    except KeyboardInterrupt:
        return 0


async def _main(options: argparse.Namespace) -> int:
    try:
        sandbox = Sandbox(**vars(options))
        await sandbox.start()
    except (OSError, OverflowError, ValueError) as error:
        print(f"The sandbox cannot start: {error}", file=sys.stderr)  # noqa: T201
        return 2
    await serve(sandbox, lambda line: print(line, flush=True))  # noqa: T201
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m sinch_hosting.sandbox",
        description="Serve a stand-in for Sinch's Imported Numbers and Hosting Orders API.",
        epilog="It prints `export` lines with the settings for programs, then `# ready {...}`.",
    )
    add = parser.add_argument
    add("--host", default="127.0.0.1", help="the address to listen on (%(default)s)")
    add("--port", type=int, default=8787, help="the port, 0 for a free one (%(default)s)")
    add(
        "--speed",
        type=float,
        default=3600.0,
        help="virtual seconds in a real one; 0 leaves time to be stepped (%(default)s)",
    )
    add("--seed", type=int, help="makes ids, codes, delays and faults reproducible")
    add("--profile", default="standard", help=f"one of {', '.join(PROFILES)} (%(default)s)")
    add(
        "--state",
        dest="state_file",
        metavar="FILE",
        help="keep the state in this file, and go on from it at the next start",
    )
    add(
        "--seed-file",
        metavar="FILE",
        help="a JSON file with what the sandbox holds at its first start",
    )
    add("--log-requests", action="store_true", help="log each request on standard error")
    return parser


if __name__ == "__main__":
    sys.exit(main())
