"""The command `sinch-hosting`; it needs the `[cli]` extra.

What the command imports is loaded when it runs: importing this package loads nothing, so
that a missing extra is a sentence and not a traceback.
"""

from __future__ import annotations

import sys

__all__ = ["main"]

_EXTRA = ("cyclopts", "phonenumbers", "rich")


def main() -> None:
    """Run the command on `sys.argv` and leave with its exit code.

    0 means that all went well, 1 that something failed, 2 that the arguments, the files or
    the installation need mending, 130 that Ctrl-C ended it.
    """
    try:
        from .app import run  # noqa: PLC0415 - loads the extra, whose absence is told below

        code = run(sys.argv[1:])
    except ModuleNotFoundError as error:
        if error.name not in _EXTRA:
            raise
        sys.stderr.write(
            f"sinch-hosting: the command needs {error.name}, which is not installed: "
            "pip install 'sinch-hosting[cli]'\n"
        )
        code = 2
    sys.exit(code)
