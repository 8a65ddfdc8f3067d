"""How far each number of an onboarding is, and what the onboarding is asked for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from attrs import define, field, frozen

from ..models import BlanketLoa, Letter
from .judging import Judgement, Need
from .ordering import Group
from .records import Fate, NumberToOnboard, OnboardingLine, is_toll_free

VoiceCode = Callable[[str], Awaitable[str | None]]


@frozen(kw_only=True)
class Settings:
    """What an onboarding is asked for; checked."""

    service_plan_id: str
    campaign_id: str | None
    region_code: str | None
    relink: bool
    retry_rejected: bool
    chunk_size: int
    window: float
    timeout: float | None
    voice_code: VoiceCode | None


@define
class Case:
    """How far one number is."""

    wanted: NumberToOnboard
    loa: Letter
    region_code: str
    judgement: Judgement = field(factory=lambda: Judgement(Need.PATIENCE, "not looked at yet"))
    fate: Fate = Fate.WAITING
    reason: str = ""
    order_id: str = ""
    ready_since: float | None = None
    challenged: bool = False

    @property
    def number(self) -> str:
        """The phone number."""
        return self.wanted.phone_number

    @property
    def group(self) -> Group:
        """With which others it may go in one order."""
        return Group(is_toll_free(self.number), self.region_code, self.loa)

    @property
    def is_pending(self) -> bool:
        """Whether it waits in qualification."""
        waits = self.judgement.need in (Need.PATIENCE, Need.PROOF, Need.FOLLOW)
        return waits and self.fate is Fate.WAITING and not self.order_id

    def line(self) -> OnboardingLine:
        """The report's line."""
        letter_to = "" if isinstance(self.loa, BlanketLoa) else self.loa.authorised_person.email
        return OnboardingLine(
            phone_number=self.number,
            outcome=self.fate,
            reason="" if self.fate is Fate.DONE else self.reason or self.judgement.reason,
            order_id=self.order_id,
            region_code=self.region_code,
            kind="toll-free" if is_toll_free(self.number) else "local",
            letter_to=letter_to,
        )
