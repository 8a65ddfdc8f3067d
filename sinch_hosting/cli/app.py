"""The commands, and how a typed line is run: its exit code and its errors."""

from __future__ import annotations

import io
import logging
import os
import sys
from collections.abc import Iterator, Sequence
from contextvars import copy_context

from cyclopts import App, CycloptsError, Parameter

from .._version import __version__
from ..errors import SinchHostingError
from .errors import AS_JSON, DEBUG, HINTED, BadInput, ExitCode, message_of, report_error
from .invocation import STANDARD_INPUT, WAIT_FOR_DONE, remember, same_line
from .messages import complain, logging_to_stderr, tell

# Each paragraph is one line: it is wrapped at the terminal's width.
_HELP = "\n\n".join(
    (
        "Import, qualify and text-enable phone numbers with Sinch.",
        "New here? `sinch-hosting demo` shows what it does, without an account; `sinch-hosting "
        "start` asks what you want to do; `sinch-hosting guide` has the guide.",
        "Settings come from options, then the environment, then sinch-hosting.toml: "
        "`sinch-hosting doctor` shows which, and from where.",
        "Exit codes: 0 done, 1 some numbers failed, 2 wrong usage, 3 refused by the service, "
        "4 not reached, 5 timed out, 6 outcome unknown, 130 interrupted.",
    )
)

COMMANDS: dict[str, tuple[str, str]] = {
    "start": ("start:start", "Ask what you want to do, and end with the lines that do it."),
    "onboard": ("onboard:onboard", "Take numbers from any state to text-enabled."),
    "numbers": ("numbers:app", "Look at imported numbers, explain, compare and change them."),
    "qualify": ("qualify:app", "Qualify numbers: add them, prove them, wait for them."),
    "orders": ("orders:app", "Orders: create them, look at them, wait for them."),
    "jobs": ("jobs:app", "See what earlier runs did, and what is still open."),
    "letter": ("letter:app", "Letters of authorization: print a template, check a letter."),
    "callbacks": ("callbacks:app", "Callbacks: set their secret, receive them."),
    "sandbox": ("sandbox:app", "Run a simulated service on this machine."),
    "demo": ("demo:demo", "Text-enable a file of phone numbers on a simulated service."),
    "guide": ("guide:guide", "Show a page of the guide."),
    "mcp": ("mcp:mcp", "Serve tools for assistants (Model Context Protocol)."),
    "doctor": ("doctor:doctor", "Check settings, credentials, clock and network."),
    "api": ("api:api", "Read anything from the service with your credentials."),
    "completion": ("completion:completion", "Print the completion script for a shell."),
}
"""Where each command lives, and the first line of its help."""

_GLOBAL_FLAGS = ("--debug",)
_GLOBAL_OPTIONS = ("--format", "--profile", "--project-id", "--key-id", "--secret-file")
_STATES_TO_WAIT_FOR = "--wait"
# After Ctrl-C in one of these, the same line goes on.
_GO_ON = ("onboard", "orders import", "orders text-enable", "numbers wait", "qualify wait")


def make_app(chosen: str | None = None) -> App:
    """Return the application with all its commands; none of them is loaded yet.

    Args:
        chosen: The command that is to run; it shows its whole help, the others their first line.
    """
    app = App(
        name="sinch-hosting",
        help=_HELP,
        help_format="plaintext",
        default_parameter=Parameter(negative="", show_default=False),
        version=__version__,
        result_action="return_value",
        suppress_keyboard_interrupt=False,
    )
    for place, (name, (path, first_line)) in enumerate(COMMANDS.items()):
        help_text = None if name == chosen else first_line
        # A group has its own; a single command takes its help's format from here.
        kwargs = {} if path.endswith(":app") else {"help_format": "markdown"}
        app.command(f"{__package__}.{path}", name=name, help=help_text, sort_key=place, **kwargs)
    return app


def run(arguments: Sequence[str]) -> int:
    """Run the command with *arguments* and return its exit code; see `ExitCode`.

    Errors are one or two lines on standard error, or JSON with `--format json` and `jsonl`.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # Cells hold any character, and a terminal may know but a few.
            stream.reconfigure(errors="backslashreplace")
    return copy_context().run(_run_line, tuple(arguments))


def _run_line(typed: tuple[str, ...]) -> int:
    """Run a line and report its errors; the context variables are set for this run only."""
    remember(typed)
    AS_JSON.set(_format_in(typed) in ("json", "jsonl"))
    DEBUG.set("--debug" in typed)
    HINTED.set(set())
    try:
        with logging_to_stderr(logging.DEBUG if DEBUG.get() else logging.WARNING):
            return _run(_normalised(typed))
    except CycloptsError as error:
        return report_error(_usage_error(error))
    except BrokenPipeError:
        _discard_stdout()
        return ExitCode.PIPE_CLOSED
    except KeyboardInterrupt:
        complain("stopped")
        if " ".join(_normalised(typed)).startswith(_GO_ON):
            tell(f"the same line goes on: {same_line()}")
        return ExitCode.INTERRUPTED
    except Exception as error:
        is_of_system = isinstance(error, OSError) and not isinstance(error, SinchHostingError)
        if is_of_system and _stdout_fails():
            complain(f"standard output cannot be written to: {message_of(error)}")
            return ExitCode.NOT_ALL
        return report_error(error)


def _usage_error(error: CycloptsError) -> ValueError:
    """Return what is wrong with a line: what a converter of ours says, or cyclopts."""
    if isinstance(error.__cause__, BadInput):
        return error.__cause__
    said = str(error)
    return ValueError(f"{said if said.endswith('...') else said.rstrip('.')}; see --help")


def _run(tokens: list[str]) -> int:
    app = make_app(tokens[0] if tokens else None)
    code = app(tokens, exit_on_error=False, print_error=False)
    if sys.stdout is not None:
        sys.stdout.flush()
    return int(code) if isinstance(code, int) else ExitCode.DONE


def _format_in(arguments: Sequence[str]) -> str | None:
    """Return the format that a line asks for, even if the rest of the line is wrong."""
    for place, argument in enumerate(arguments):
        if argument == "--format" and place + 1 < len(arguments):
            return arguments[place + 1]
        if argument.startswith("--format="):
            return argument.removeprefix("--format=")
    return None


def _normalised(arguments: Sequence[str]) -> list[str]:
    """Return the arguments as cyclopts takes them.

    Options of every command may stand before it, `-` is standard input, and `--wait` may come
    without a state.
    """
    rest, moved = list(arguments), list[str]()
    while rest and rest[0].partition("=")[0] in (*_GLOBAL_FLAGS, *_GLOBAL_OPTIONS):
        has_value = rest[0] in _GLOBAL_OPTIONS
        moved += rest[: 1 + has_value]
        del rest[: 1 + has_value]
    end = rest.index("--") if "--" in rest else len(rest)
    rest[end:end] = moved
    return list(_with_waits(rest))


def _with_waits(arguments: Sequence[str]) -> Iterator[str]:
    from ..states import OrderState, QualificationState  # noqa: PLC0415 - few wait

    for place, argument in enumerate(arguments):
        if argument == "-":
            yield STANDARD_INPUT
        elif argument == _STATES_TO_WAIT_FOR:
            following = arguments[place + 1] if place + 1 < len(arguments) else ""
            known = {*OrderState.__members__, *QualificationState.__members__}
            yield argument if following.upper() in known else f"{argument}={WAIT_FOR_DONE}"
        else:
            yield argument


def _stdout_fails() -> bool:
    """Return whether standard output fails again; if so, the rest of the output is dropped."""
    try:
        sys.stdout.write("\n")
        sys.stdout.flush()
    except OSError:
        _discard_stdout()
        return True
    return False


def _discard_stdout() -> None:
    # Else the interpreter tries once more as it ends, and complains in its own words.
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
