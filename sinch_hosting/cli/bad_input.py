"""The error of a command whose caller has to mend something."""

from __future__ import annotations

from ..errors import SinchHostingError

__all__ = ["BadInput"]


class BadInput(SinchHostingError, ValueError):
    """What the caller gave cannot be worked on; the message says what to do next."""
