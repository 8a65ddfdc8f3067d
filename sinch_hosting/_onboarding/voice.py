"""Voice challenges: the service calls a number and speaks a code, which is sent back to it."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable

from .._aio import is_being_cancelled
from .._session.operations import Failure
from .._session.retry import failure_of
from ..errors import LedgerLocked, SinchHostingError
from ..models import ImportedNumber, QualifiedNumber
from ..models._guidance import INVOICES_TO
from .context import Context, VoiceCode
from .fence import Fence
from .numbers import NumberProgress, Stage
from .progress import Progress, Tasks
from .report import Step

# The client does not repeat a call: of hundreds at once, a limit would refuse all but a few.
_AT_ONCE = 4
_NOT_RUNG = (Failure.TOO_MANY, Failure.NEVER_SENT)
TakeIn = Callable[[NumberProgress, QualifiedNumber, ImportedNumber | None], None]


class VoiceChallenges:
    """Verifies numbers by voice challenge, where the caller gives `voice_code`.

    `fence` raises where another run may do the onboarding: then no number is called. `take_in` gets
    the number as the service returns it after its code was sent.
    """

    def __init__(
        self,
        context: Context,
        progress: Progress,
        tasks: Tasks,
        fence: Fence | None,
        take_in: TakeIn,
    ) -> None:
        self._voice_code = context.settings.voice_code
        self._qualified = context.qualified
        self._fence = fence
        self._progress = progress
        self._tasks = tasks
        self._take_in = take_in
        self._turns = asyncio.Semaphore(_AT_ONCE)
        self._without_code: list[NumberProgress] = []

    def ring_all(self) -> None:
        """Start the challenge of each number once; ask for invoices of numbers without a code."""
        if self._voice_code is None:
            return
        for number in self._progress.at(Stage.UNPROVEN):
            if not number.challenged:
                number.challenged = True
                self._tasks.spawn_aside(self._challenge(number, self._voice_code))
        # Only now, after a look: where the response was lost, the code may have been right.
        unproven = [one for one in self._without_code if one.stage is Stage.UNPROVEN]
        self._progress.ask_for_invoices(unproven)
        self._without_code.clear()

    async def _challenge(self, number: NumberProgress, voice_code: VoiceCode) -> None:
        try:
            if await self._rung(number):
                told = voice_code(number.number)
                await self._prove(number, await told if inspect.isawaitable(told) else told)
        except (Exception, asyncio.CancelledError) as error:
            # The caller's function may fail, and may be cancelled without this task.
            if isinstance(error, asyncio.CancelledError) and is_being_cancelled():
                raise
            why = ": ".join(filter(None, (type(error).__name__, str(error))))
            self._came_to_nothing(number, f"the voice challenge failed: {why}")

    async def _rung(self, number: NumberProgress) -> bool:
        """Call a number in its turn; returns `False` where a later look has to try it again."""
        async with self._turns:
            if number.stage is not Stage.UNPROVEN:
                return False
            try:
                if self._fence is not None:
                    await self._fence.on_sending()
                await self._qualified.send_voice_challenge(number.number)
            except SinchHostingError as error:
                if not (failure_of(error) in _NOT_RUNG or isinstance(error, LedgerLocked)):
                    raise
                number.challenged = False
                number.challenge = f"could not be rung yet: {error}"
                return False
        number.challenge = "was rung, and its code is awaited"
        return True

    async def _prove(self, number: NumberProgress, code: str | None) -> None:
        if not number.is_in_qualification:
            number.challenge = ""
            return  # verified meanwhile: another try would only use up an attempt
        if code is None:
            text = f"no code was told: e-mail its invoice to {INVOICES_TO}"
            self._came_to_nothing(number, text)
            return
        seen = await self._qualified.verify_voice_challenge(number.number, code)
        number.challenge, number.tried = "", True
        self._progress.tell(Step.CHALLENGED, [number])
        if number.is_in_qualification:
            self._take_in(number, seen, None)

    def _came_to_nothing(self, number: NumberProgress, text: str) -> None:
        number.challenge, number.tried = text, True
        self._progress.tell(Step.CHALLENGED, [number], text)
        self._without_code.append(number)
