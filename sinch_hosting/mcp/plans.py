"""Plans that were shown: each is good once, for ten minutes, and only as it was shown.

A tool that changes something takes the digest of a plan. The digest is made of what was asked
for, so the same wish has the same digest, and it is the name of the job that does it: a plan
that is carried out twice finds the orders of the first time, and mails nothing again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from hashlib import blake2b
from typing import ClassVar, Generic, Protocol, TypeVar

from attrs import field, frozen

from ..errors import SinchHostingError

__all__ = ["LIFETIME", "Plan", "PlanRefused", "Plans", "Wish", "digest_of"]

LIFETIME = 600.0
"""Seconds for which a plan that was shown can be carried out."""
_MOST = 100
"""Plans that are remembered; the oldest is forgotten first."""


class PlanRefused(SinchHostingError):
    """A change without a plan, or with one that does not count any more; nothing was sent."""


class Wish(Protocol):
    """What was asked for."""

    tool: ClassVar[str]
    """The tool that carries it out."""


W = TypeVar("W", bound=Wish)


@frozen(kw_only=True)
class Plan(Generic[W]):
    """A wish, and what was shown of it."""

    digest: str
    wish: W
    shown: str
    """What would be done, as one text to compare."""
    letters: Mapping[str, int] = field(factory=dict)
    """How many letters it would mail, and to whom."""


class Plans:
    """The plans that were shown lately.

    Args:
        clock: Seconds, ever growing.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._shown: dict[str, tuple[Plan[Wish], float]] = {}
        self._used: dict[str, None] = {}

    def show(self, plan: Plan[W]) -> Plan[W]:
        """Remember a plan from now on, in place of one with the same digest; returns it."""
        self._shown.pop(plan.digest, None)
        self._used.pop(plan.digest, None)
        remembered = Plan[Wish](
            digest=plan.digest, wish=plan.wish, shown=plan.shown, letters=plan.letters
        )
        self._shown[plan.digest] = remembered, self._clock() + LIFETIME
        while len(self._shown) > _MOST:
            del self._shown[next(iter(self._shown))]
        return plan

    def look(self, kind: type[W], digest: str) -> Plan[W]:
        """Return a plan that can be carried out now.

        Raises:
            PlanRefused: It was not shown, is too old, was used, or is for another tool.
        """
        if digest in self._used:
            raise PlanRefused(
                f"the plan {digest[:40]!r} was used already, and a plan is good once. Show it "
                "again: what was done is found, and not done anew"
            )
        if digest not in self._shown:
            raise PlanRefused(
                f"no plan {digest[:40]!r} was shown: call the plan tool first, show its answer "
                "to a person, and give its digest"
            )
        plan, until = self._shown[digest]
        wish = plan.wish
        if not isinstance(wish, kind):
            raise PlanRefused(f"the plan {digest} is for {wish.tool}, not for {kind.tool}")
        if self._clock() >= until:
            raise PlanRefused(
                f"the plan {digest} was shown more than {LIFETIME / 60:.0f} minutes ago: show it "
                "again"
            )
        return Plan(digest=digest, wish=wish, shown=plan.shown, letters=plan.letters)

    def take(self, kind: type[W], digest: str) -> Plan[W]:
        """Return a plan as `look` does; from now on it is used."""
        plan = self.look(kind, digest)
        del self._shown[digest]
        self._used[digest] = None
        while len(self._used) > _MOST:
            del self._used[next(iter(self._used))]
        return plan


def digest_of(tool: str, project_id: str, *wish: object) -> str:
    """Return the digest of a wish: short enough to be the name of a job."""
    text = json.dumps([tool, project_id, *wish], sort_keys=True, default=str)
    return f"mcp-{blake2b(text.encode(), digest_size=6).hexdigest()}"
