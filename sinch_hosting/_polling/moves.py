"""Where the things of other groups went lately, so that the right list is read first.

Many small groups are often done at the same time. The list of their last state does not show them
any more, and the rest takes a single look each. So once the things of some groups in a row have
moved on to the same state, the list of that state is read first, until it shows nothing new.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from attrs import define, field

from ..states import OpenEnum
from .lists import Group, list_or_single
from .schedule import Watched

_IN_A_ROW = 2
"""Groups that have to move on in the same way, with none between them that has stayed."""


@define(eq=False, repr=False)
class _Move:
    """The last change of state from one state on."""

    to: OpenEnum
    last: Group
    groups: int = 1
    """How many groups in a row changed so."""


@define(eq=False, repr=False)
class Moves:
    """The changes of state that were seen last, by the state before."""

    _last: dict[tuple[str, OpenEnum], _Move] = field(factory=dict)

    def moved(self, group: Group, before: OpenEnum, to: OpenEnum) -> None:
        """Note that a thing of a group changed its state."""
        key = group.source.noun, before
        move = self._last.get(key)
        if move is None or move.to != to:
            self._last[key] = _Move(to, group)
        elif move.last is not group:
            move.last, move.groups = group, move.groups + 1

    def stayed(self, group: Group, state: OpenEnum | None) -> None:
        """Note that a thing of a group is in the same state as before."""
        if state is not None:
            self._last.pop((group.source.noun, state), None)

    def known(self, group: Group, state: OpenEnum | None) -> OpenEnum | None:
        """Return the state that several groups in a row have moved on to; `None` for no such."""
        move = self._last.get((group.source.noun, state)) if state is not None else None
        return move.to if move is not None and move.groups >= _IN_A_ROW else None

    def expected(
        self, group: Group, state: OpenEnum | None, sought: Sequence[Watched[Any]], now: float
    ) -> OpenEnum | None:
        """Return the state that these things are probably in; `None` to read their own list.

        That is so where one page of its list may show several of them, and where other groups
        have shown it.
        """
        to = self.known(group, state)
        if to is None or any(member.state != state for member in sought):
            return None
        pages = group.pages(to, len(sought), now)
        return to if pages == 1 and list_or_single(len(sought), pages) else None
