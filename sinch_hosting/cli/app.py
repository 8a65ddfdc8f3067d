"""The commands, their help, and what a person reads when one of them fails."""

from __future__ import annotations

import io
import os
import sys
from typing import TYPE_CHECKING

from cyclopts import App, CycloptsError

from .._version import __version__
from ..errors import SinchHostingError
from .bad_input import complain
from .demo import demo
from .sandbox import sandbox

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["app", "run"]


app = App(
    name="sinch-hosting",
    help="Import, qualify and text-enable phone numbers with Sinch.",
    version=__version__,
    result_action="return_value",
    suppress_keyboard_interrupt=False,
)
# These modules are light: what a command needs is loaded when it runs.
app.command(demo)
app.command(sandbox)


def run(arguments: Sequence[str]) -> int:
    """Run the command with *arguments* and answer its exit code.

    Errors are one line on stderr. Codes: 0 well, 1 failed, 2 bad arguments or files, 130 ended
    by Ctrl-C.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # Cells hold any character, and a terminal may know but a few.
            stream.reconfigure(errors="backslashreplace")
    try:
        code = app(list(arguments), exit_on_error=False, print_error=False)
        if sys.stdout is not None:
            sys.stdout.flush()
    except CycloptsError as error:
        return _complain(f"{str(error).rstrip('.')}; see --help", 2)
    except KeyboardInterrupt:
        return _complain("stopped", 130)
    except SinchHostingError as error:
        return _complain(str(error), 2 if isinstance(error, ValueError) else 1)
    except OSError as error:
        what = "standard output cannot be written to: " if _stdout_fails() else ""
        return _complain(f"{what}{error.strerror or error}", 1)
    return code if isinstance(code, int) else 0


def _complain(message: str, code: int) -> int:
    complain(message)
    return code


def _stdout_fails() -> bool:
    """Whether one more line fails, too; if so what is left to print is thrown away."""
    try:
        sys.stdout.write("\n")
        sys.stdout.flush()
    except OSError:
        # Else the interpreter tries once more as it ends, and complains in its own words.
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
        return True
    return False
