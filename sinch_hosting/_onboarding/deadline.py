"""When an onboarding's time is up."""

from __future__ import annotations

from attrs import define

from .._aio import Clock


@define
class Deadline:
    """When time is up, on the session's clock."""

    _clock: Clock
    _ends: float | None = None

    def begin(self, seconds: float | None) -> None:
        """Let time run; `None` is without end."""
        self._ends = None if seconds is None else self._clock() + seconds

    def end(self) -> None:
        """Let time be up now."""
        self._ends = self._clock()

    @property
    def remaining(self) -> float | None:
        """Seconds until time is up; `None` is without end."""
        return None if self._ends is None else max(0.0, self._ends - self._clock())

    @property
    def is_over(self) -> bool:
        """Whether time is up."""
        return self._ends is not None and self._clock() >= self._ends

    def within(self, seconds: float) -> float:
        """So many seconds, or those that are left."""
        return seconds if self.remaining is None else min(seconds, self.remaining)
