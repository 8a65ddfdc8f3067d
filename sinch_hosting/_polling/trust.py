"""Whether the lists of a place are used: they may be refused, fail, hang, or show the past.

Nothing here waits or sends a request.
"""

from __future__ import annotations

from attrs import define, field, frozen

from .schedule import LAG, NEVER

_AFTER_FAILURES, _AFTER_REFUSAL, _AT_MOST = 60.0, 600.0, 3600.0
"""Seconds for which lists are not used: after failures, after a refusal or wrong states, and at
most. They double each time."""
_TRIES = 2
"""Failed sweeps in a row after which lists are not used for a while."""
_STALE_ENTRIES = 3
"""Wrong states that lists show, in a row, after which they are not used for a while."""


@frozen
class Mismatch:
    """A thing whose single look showed another state than its list."""

    listed_as: int
    """The fingerprint of its entry in the list."""
    at: float
    """When the single look was made."""


@define(eq=False, repr=False)
class Trust:
    """What is known about the lists of a place: how they failed, and which were wrong."""

    mismatches: dict[str, Mismatch] = field(factory=dict)
    """Things whose single look showed another state than their list, by id."""
    _lists_from: float = NEVER
    _failures: int = 0
    """Failed sweeps in a row."""
    _refusals: int = 0
    """Refused sweeps in a row."""
    _stale_entries: int = 0
    """Entries in a row that showed a state that had passed."""
    _times_stale: int = 0
    """How often lists were not used for a while because of such entries."""
    _sweeps: int = 0
    """Sweeps that worked, since the last mismatch."""

    def allows_lists(self, now: float) -> bool:
        """Whether lists are used at present."""
        return now >= self._lists_from

    def move(self, seconds: float) -> None:
        """Move all planned times by so many seconds, after the clock was set."""
        self._lists_from += seconds
        self.mismatches.clear()

    def failed(self, now: float, *, tries: int = _TRIES) -> bool:
        """Count a sweep that failed; returns whether lists are not used for a while now.

        They are not used after `tries` failures in a row.
        """
        self._failures = max(self._failures + 1, _TRIES - tries + 1)
        if self._failures < _TRIES:
            return False
        self._stop(now, _AFTER_FAILURES, self._failures - _TRIES)
        return True

    def refused(self, now: float) -> None:
        """Stop using these lists for a while, since the service refused them."""
        self._refusals += 1
        self._stop(now, _AFTER_REFUSAL, self._refusals - 1)

    def worked(self) -> bool:
        """Count a sweep that worked; returns whether to check one of the things that it showed.

        That is so after the first sweep, the second, the fourth, the eighth and so on.
        """
        self._failures = self._refusals = 0
        self._sweeps += 1
        return self._sweeps.bit_count() == 1

    def confirmed(self) -> None:
        """Count a single look that showed the same state as the list."""
        self._stale_entries = 0

    def contradicted(self, thing_id: str, listed_as: int, now: float) -> None:
        """Remember a thing whose single look showed another state than the list.

        That alone proves nothing: the thing may have changed after the list was read, and lists
        may lag a little. A list that is read later and shows the thing as before is wrong.
        """
        self._sweeps = 0
        self.mismatches[thing_id] = Mismatch(listed_as, now)

    def shown_as_before(self, thing_id: str, began: float) -> None:
        """Handle a list that shows a mismatch as before; it is wrong if it began late enough."""
        if self.mismatches[thing_id].at + LAG <= began:
            del self.mismatches[thing_id]
            self._stale_entries += 1

    def swept(self, began: float, now: float) -> bool:
        """Handle the end of a sweep; returns whether lists were wrong too often.

        Then they are not used for a while. Lists that were wrong too often before are not used
        after the next wrong state.
        """
        for thing_id, mismatch in list(self.mismatches.items()):
            if mismatch.at + LAG <= began:
                del self.mismatches[thing_id]  # it had changed its state
        if self._stale_entries < (1 if self._times_stale else _STALE_ENTRIES):
            return False
        self._stale_entries = 0
        self._stop(now, _AFTER_REFUSAL, self._times_stale)
        self._times_stale += 1
        return True

    def _stop(self, now: float, seconds: float, doublings: int) -> None:
        self._lists_from = now + min(seconds * 2.0 ** min(doublings, 10), _AT_MOST)
