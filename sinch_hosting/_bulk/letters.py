"""The function `confirm`, which sees who would get letters of authorization, and may refuse.

A letter goes to a real person and cannot be taken back. The vendor asks to confirm the e-mail
address of the person who signs before the letter is sent.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Mapping

from attrs import field, frozen

from ..errors import InvalidRequest, NotConfirmed
from ..models._base import Record


@frozen(kw_only=True, eq=False, repr=False)
class LettersToSend(Record):
    """Who gets how many letters; `confirm` gets this before anything is sent."""

    letters: Mapping[str, int]
    """The number of letters for each person, such as `Jane Roe <jane.roe@example.com>`."""
    numbers: int
    """How many phone numbers the letters are about."""
    is_at_least: bool = field(default=False)
    """Whether there may be more: an onboarding mails one for each order, when numbers are ready."""

    @property
    def total(self) -> int:
        """The number of letters in all."""
        return sum(self.letters.values())

    def __str__(self) -> str:
        least = "at least " if self.is_at_least else ""
        each = ", ".join(f"{who}: {least}{count}" for who, count in self.letters.items())
        return f"letters for {self.numbers} numbers ({each})"


Confirm = Callable[[LettersToSend], Awaitable[bool] | bool]


def check_confirm(confirm: object, field: str = "confirm") -> None:
    """Raise `InvalidRequest` unless it is a function or `None`."""
    if confirm is not None and not callable(confirm):
        rule = "must be a function, async or plain, that returns True or False, or None"
        raise InvalidRequest(field=field, value=confirm, rule=rule)


async def ask(confirm: Confirm | None, letters: LettersToSend) -> None:
    """Call `confirm`; raises `NotConfirmed` unless it returns `True`.

    It is not called where no letter would be mailed.
    """
    if confirm is None or not letters.total:
        return
    said = confirm(letters)
    if inspect.isawaitable(said):
        said = await said
    if said is not True:
        raise NotConfirmed(str(letters), said)


class EachLetter:
    """Asks before each letter to a signer, about one letter at a time."""

    def __init__(self, confirm: Confirm | None, signer: str | None) -> None:
        self._confirm = confirm
        self._signer = signer
        self._asking = asyncio.Lock()

    async def ask(self, numbers: int) -> None:
        """Ask about a letter for so many numbers; raises `NotConfirmed`."""
        if self._confirm is not None and self._signer is not None:
            async with self._asking:
                letter = LettersToSend(letters={self._signer: 1}, numbers=numbers)
                await ask(self._confirm, letter)
