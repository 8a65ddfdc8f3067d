"""Letters of authorization that are about to be mailed, shown to somebody who may refuse.

A letter goes to a real person and cannot be taken back: the vendor asks to confirm the e-mail
address of whoever signs before it is sent.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping

from attrs import field, frozen

from ..errors import InvalidRequest, NotConfirmed
from ..models._base import Record


@frozen(kw_only=True, eq=False, repr=False)
class LettersToSend(Record):
    """Who gets how many letters: what `confirm` is shown before anything is sent."""

    letters: Mapping[str, int]
    """How many letters, by who gets them, such as `Jane Roe <jane.roe@example.com>`."""
    numbers: int
    """Phone numbers that the letters are about."""
    is_at_least: bool = field(default=False)
    """Whether there may be more: an onboarding mails one for each order, as numbers get ready."""

    @property
    def total(self) -> int:
        """How many letters there are."""
        return sum(self.letters.values())

    def __str__(self) -> str:
        least = "at least " if self.is_at_least else ""
        each = ", ".join(f"{who}: {least}{count}" for who, count in self.letters.items())
        return f"letters for {self.numbers} numbers ({each})"


Confirm = Callable[[LettersToSend], Awaitable[bool] | bool]


def check_confirm(confirm: object, field: str = "confirm") -> None:
    """Raise `InvalidRequest` for what is neither a function nor `None`."""
    if confirm is not None and not callable(confirm):
        rule = "must be a function, async or plain, that returns True or False, or None"
        raise InvalidRequest(field=field, value=confirm, rule=rule)


async def ask(confirm: Confirm | None, letters: LettersToSend) -> None:
    """Show somebody the letters; raises `NotConfirmed` unless they return `True`.

    Not asked where there are none.
    """
    if confirm is None or not letters.total:
        return
    said = confirm(letters)
    if inspect.isawaitable(said):
        said = await said
    if said is not True:
        raise NotConfirmed(str(letters), said)
