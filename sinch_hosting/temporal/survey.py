"""How far a page of numbers is: it is read, unknown numbers are added, and it is read again.

What a number needs is decided by `assess`, as in `sinch.onboard`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import aclosing
from hashlib import blake2b

from .._onboarding.context import OnboardingSettings
from .._onboarding.numbers import (
    IN_QUALIFICATION,
    UNDER_REVIEW,
    WAITS_ON,
    Stage,
    assess,
    is_provisioned,
)
from .._onboarding.reader import NumberReader
from ..models import ImportedNumber, QualifiedNumber
from ..resources.qualified_numbers import QualifiedNumbers
from ..states import QualificationState
from .messages import FailedNumber, Survey
from .positions import mask_of, pack
from .told import named

_MOST_REASONS = 500
_REFUSED = "the service refused it before that"
_GONE = "is in qualification no more"
_READ_AGAIN = (*IN_QUALIFICATION, Stage.READY)


class Page:
    """Numbers that are looked at together.

    Args:
        places: The numbers, and their positions in the page, in rising order.
        early: Those that are not ready before they are VERIFIED.
        settings: By what they are assessed.
        reader: Reads where they are.
    """

    def __init__(
        self,
        places: Mapping[str, int],
        early: Iterable[str],
        settings: OnboardingSettings,
        reader: NumberReader,
    ) -> None:
        self._places = places
        self._early = frozenset(early)
        self._settings = settings
        self._reader = reader
        self._stages: dict[str, Stage] = {}
        self._states: dict[str, QualificationState] = {}
        self._reasons: dict[str, str] = {}
        self._missing: set[str] = set()
        """Those that the last look did not show."""

    async def read(self, *, are_new: bool) -> None:
        """Read where each number is; `are_new` is whether they may be in no place yet."""
        settings = self._settings
        reading = self._reader.read(
            self._places, settings.service_plan_id, settings.campaign_id, are_new=are_new
        )
        async with aclosing(reading):
            async for seen in reading:
                self._take_in(seen.phone_number, seen.qualified, seen.imported)
        await self._read_imported(self._at(Stage.PROVISIONING))

    async def add_new(self, numbers: QualifiedNumbers) -> None:
        """Put the numbers that are nowhere into qualification. Safe to repeat."""
        new = self._at(Stage.NEW)
        if not new:
            return
        result = await numbers.add_many(new)
        for name in new:
            self._stages[name] = Stage.IN_REVIEW
        for failed in result.failed:
            self._fail(failed.phone_number, f"not taken into qualification: {named(failed.error)}")

    def expect_new(self) -> None:
        """Look again at the numbers that are nowhere: they were in qualification before.

        That they are gone is believed when the next look says the same: a replica may lag.
        """
        self._missing.update(self._at(Stage.NEW))
        for name in self._missing:
            self._stages[name] = Stage.IN_REVIEW

    async def look_again(self) -> None:
        """Read the numbers again that are on their way."""
        seen = {name: self._states.get(name) for name in self._at(*_READ_AGAIN)}
        found = await self._reader.qualified_again(seen)
        for name, qualified in found.items():
            if qualified is not None:
                self._take_in(name, qualified, None)
        gone = [name for name, qualified in found.items() if qualified is None]
        await self._read_imported([*gone, *self._at(Stage.PROVISIONING)])
        self._missing = set(gone)

    async def _read_imported(self, names: list[str]) -> None:
        """Look at numbers that left qualification: they are imported now, or deleted."""
        imported = await self._reader.imported(names) if names else {}
        for name in names:
            if name in imported:
                self._take_in(name, None, imported[name])
            elif self._stages[name] is Stage.PROVISIONING:
                self._fail(name, "is hosted, and is not imported")
            elif name in self._missing:
                self._fail(name, _GONE)

    def _take_in(
        self, name: str, qualified: QualifiedNumber | None, imported: ImportedNumber | None
    ) -> None:
        refused = _REFUSED if name in self._early else ""
        seen = assess(name, qualified, imported, self._settings, refused=refused)
        self._stages[name] = seen.stage
        if qualified is not None:
            self._states[name] = qualified.global_process_state
        if seen.stage is Stage.FAILED:
            # The text of the service, which comes last, may hold more than a history may keep.
            said = "" if qualified is None else f": {qualified.error}"
            self._fail(name, seen.reason.removesuffix(said))
        elif seen.stage is Stage.PROVISIONING and imported is not None and is_provisioned(imported):
            self._stages[name] = Stage.DONE

    def _fail(self, name: str, reason: str) -> None:
        self._stages[name], self._reasons[name] = Stage.FAILED, reason

    def _at(self, *stages: Stage) -> list[str]:
        return [name for name, stage in self._stages.items() if stage in stages]

    def survey(self, start: int) -> Survey:
        """Return how far the numbers are; `start` is the position of the page in the file."""
        counts = Counter(self._stages.values())
        waiting: Counter[str] = Counter()
        for stage, count in counts.items():
            if stage in WAITS_ON:
                waiting[WAITS_ON[stage].who] += count
        failed = sorted(self._places[name] for name in self._at(Stage.FAILED))
        names = {self._places[name]: name for name in self._at(Stage.FAILED)}
        return Survey(
            digest=self._digest(),
            ready=self._packed(Stage.READY),
            unproven=self._packed(Stage.UNPROVEN),
            done=self._packed(Stage.DONE),
            failed=self._packed(Stage.FAILED),
            reasons=tuple(
                FailedNumber(position=start + place, reason=self._reasons[names[place]])
                for place in failed[:_MOST_REASONS]
            ),
            to_come=sum(counts[stage] for stage in UNDER_REVIEW),
            waiting=dict(sorted(waiting.items())),
        )

    def _packed(self, stage: Stage) -> str:
        return pack(mask_of(self._places[name] for name in self._at(stage)))

    def _digest(self) -> str:
        digest = blake2b(digest_size=12)
        for name, place in self._places.items():
            digest.update(f"{place}:{self._stages[name].name};".encode())
        return digest.hexdigest()
