"""Where a pickle of version 0.1 looks for its `RetryPolicy`."""

from ._session.retry import RetryPolicy

__all__ = ["RetryPolicy"]
