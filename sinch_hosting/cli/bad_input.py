"""What a command tells a caller who has to mend something, and how it is said."""

from __future__ import annotations

import sys

from ..errors import SinchHostingError

__all__ = ["BadInput", "complain"]


class BadInput(SinchHostingError, ValueError):
    """What the caller gave cannot be worked on; the message says what to do next."""


def complain(message: str) -> None:
    """Write one line to stderr, where there is one."""
    if sys.stderr is not None:
        sys.stderr.write(f"sinch-hosting: {' '.join(message.split())}\n")
