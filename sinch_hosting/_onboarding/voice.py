"""Voice challenges: numbers are rung, and the codes that were told are given back."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING

from .._session.operations import Failure
from .._session.retry import failure_of
from ..errors import SinchHostingError
from ..models import ImportedNumber, QualifiedNumber
from .judging import NextStep
from .numbers import NumberProgress, VoiceCode
from .progress import INVOICES_TO, Progress, Tasks
from .report import Step

if TYPE_CHECKING:
    from ..resources.qualified_numbers import QualifiedNumbers

# The client does not repeat a call: of hundreds at once, a limit would refuse all but a few.
_AT_ONCE = 4
_NOT_RUNG = (Failure.TOO_MANY, Failure.NEVER_SENT)
Judges = Callable[[NumberProgress, QualifiedNumber, ImportedNumber | None], None]


class VoiceChallenges:
    """Proves numbers by voice challenge, where codes can be had; `judges` takes what came of it."""

    def __init__(
        self, board: Progress, tasks: Tasks, qualified: QualifiedNumbers, judges: Judges
    ) -> None:
        self._board = board
        self._tasks = tasks
        self._qualified = qualified
        self._judges = judges
        self._turns = asyncio.Semaphore(_AT_ONCE)
        self._unproven: list[NumberProgress] = []

    def ring_all(self) -> None:
        """Ring the numbers that can be rung, once each; ask for the invoices of the unproven."""
        voice_code = self._board.settings.voice_code
        if voice_code is None:
            return
        for case in self._board.pending():
            if case.judgement.need is NextStep.PROOF and not case.challenged:
                case.challenged = True
                self._tasks.spawn_aside(self._challenge(case, voice_code))
        # Only now, after a look: where the answer was lost the code may have been right.
        self._board.ask_for_invoices([case for case in self._unproven if _is_to_prove(case)])
        self._unproven.clear()

    async def _challenge(self, case: NumberProgress, voice_code: VoiceCode) -> None:
        try:
            if await self._rung(case):
                await self._prove(case, await _told(voice_code, case.number))
        except (Exception, asyncio.CancelledError) as error:
            # The caller's function may break as it likes, and be cancelled without this task.
            if isinstance(error, asyncio.CancelledError) and _is_cancelled():
                raise
            why = ": ".join(filter(None, (type(error).__name__, str(error))))
            self._came_to_nothing(case, f"the voice challenge failed: {why}")

    async def _rung(self, case: NumberProgress) -> bool:
        """Ring a number in its turn; whether that was done. If not, the next look may do it."""
        async with self._turns:
            if not _is_to_prove(case):
                return False
            try:
                await self._qualified.send_voice_challenge(case.number)
            except SinchHostingError as error:
                if failure_of(error) not in _NOT_RUNG:
                    raise
                case.challenged = False
                case.challenge = f"could not be rung yet: {error}"
                return False
        case.challenge = "was rung, and its code is awaited"
        return True

    async def _prove(self, case: NumberProgress, code: str | None) -> None:
        if not case.is_pending:
            case.challenge = ""
            return  # proven meanwhile: another try would only burn an attempt
        if code is None:
            text = f"no code was told: e-mail its invoice to {INVOICES_TO}"
            self._came_to_nothing(case, text)
            return
        number = await self._qualified.verify_voice_challenge(case.number, code)
        case.challenge, case.tried = "", True
        self._board.tell(Step.CHALLENGED, [case])
        if case.is_pending:
            self._judges(case, number, None)

    def _came_to_nothing(self, case: NumberProgress, text: str) -> None:
        case.challenge, case.tried = text, True
        self._board.tell(Step.CHALLENGED, [case], text)
        self._unproven.append(case)


async def _told(voice_code: VoiceCode, number: str) -> str | None:
    told = voice_code(number)
    return await told if inspect.isawaitable(told) else told


def _is_to_prove(case: NumberProgress) -> bool:
    return case.is_pending and case.judgement.need is NextStep.PROOF


def _is_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
