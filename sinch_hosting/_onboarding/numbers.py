"""How far each number of an onboarding is, and what the onboarding is asked for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator

from attrs import Factory, define, field, frozen

from ..models import BlanketLoa, ImportedNumber, Letter, Order, QualifiedNumber
from ..states import QualificationState
from .group import Group
from .judging import Assessment, NextStep, judge
from .report import NumberToOnboard, OnboardingLine, Outcome, is_toll_free

VoiceCode = Callable[[str], Awaitable[str | None] | str | None]
_REGIONS = ("US", "CA")


@frozen(kw_only=True)
class Settings:
    """What an onboarding is asked for; checked."""

    service_plan_id: str
    campaign_id: str | None
    nnid: str | None
    relink: bool
    retry_rejected: bool
    chunk_size: int
    window: float
    timeout: float | None
    voice_code: VoiceCode | None
    max_letters: int | None = None
    """Letters that may be mailed at most; `None` is any number."""

    @property
    def proves_again(self) -> bool:
        """Whether numbers that failed to be verified are rung."""
        return self.retry_rejected and self.voice_code is not None

    def campaign_of(self, number: str) -> str:
        """The campaign that a number shall be on; toll-free numbers have none."""
        return "" if is_toll_free(number) else self.campaign_id or ""


@define
class NumberProgress:
    """How far one number is."""

    wanted: NumberToOnboard
    loa: Letter
    region_code: str | None
    """As it is asked for; by default the service's."""
    group: Group = field(
        init=False, default=Factory(lambda self: next(self.groups()), takes_self=True)
    )
    """With which others it may go in one order."""
    state: QualificationState | None = None
    """Where in qualification it was last seen."""
    judgement: Assessment = field(
        factory=lambda: Assessment(NextStep.PATIENCE, "not looked at yet")
    )
    fate: Outcome = Outcome.WAITING
    reason: str = ""
    order_id: str = ""
    ready_since: float | None = None
    seen_at: float | None = None
    letter_to: str = field(
        init=False, default=Factory(lambda self: signer_of(self.loa), takes_self=True)
    )
    """Who signs for it, or will."""
    challenged: bool = False
    tried: bool = False
    """Whether its voice challenge has ended, in this run."""
    challenge: str = ""
    """What came of the voice challenge, where that was nothing."""

    def _group_in(self, region_code: str) -> Group:
        return Group(is_toll_free(self.number), region_code, self.loa)

    def groups(self) -> Iterator[Group]:
        """The groups that it may turn out to belong to."""
        for region_code in [self.region_code] if self.region_code else _REGIONS:
            yield self._group_in(region_code)

    @property
    def number(self) -> str:
        """The phone number."""
        return self.wanted.phone_number

    @property
    def is_pending(self) -> bool:
        """Whether it waits in qualification."""
        waits = self.judgement.need in (NextStep.PATIENCE, NextStep.PROOF, NextStep.FOLLOW)
        return waits and self.is_open

    @property
    def is_ready(self) -> bool:
        """Whether it waits to be ordered."""
        return self.is_open and self.ready_since is not None

    @property
    def is_open(self) -> bool:
        """Whether nothing has been found out or done about it that settles or orders it."""
        return self.fate is Outcome.WAITING and not self.order_id

    def is_in(self, order: Order) -> None:
        """Note that an order holds it: its region and its letter are the order's."""
        self.order_id, self.ready_since = order.hosting_order_id, None
        self.judgement = Assessment(NextStep.PATIENCE, "ordered")
        self.reason = f"its order is {order.state.name}"
        if order.region_code in _REGIONS:
            self.group = self._group_in(order.region_code)
        signer = order.text_enable_info.authorised_person
        self.letter_to = (signer and signer.email) or self.letter_to

    def judged(
        self,
        qualified: QualifiedNumber | None,
        imported: ImportedNumber | None,
        settings: Settings,
    ) -> Assessment:
        """What it needs, given what was read; takes in its state and its region."""
        if qualified is not None:
            self.state = qualified.global_process_state
            seen = qualified.region_code
            if self.region_code is None and seen in _REGIONS and seen != self.group.region_code:
                self.group = self._group_in(seen)
        return judge(
            qualified,
            imported,
            service_plan_id=settings.service_plan_id,
            campaign_id=settings.campaign_of(self.number),
            relink=settings.relink,
            retry_failed=settings.retry_rejected,
            prove_again=settings.proves_again and not self.tried,
        )

    def line(self) -> OnboardingLine:
        """The report's line."""
        why = self.reason or "; ".join(filter(None, (self.judgement.reason, self.challenge)))
        return OnboardingLine(
            phone_number=self.number,
            outcome=self.fate,
            reason="" if self.fate is Outcome.DONE else why,
            order_id=self.order_id,
            region_code=self.group.region_code,
            kind="toll-free" if is_toll_free(self.number) else "local",
            letter_to=self.letter_to if self.order_id or self.fate is Outcome.WAITING else "",
        )


def signer_of(loa: Letter) -> str:
    """The address that a letter goes to; `""` where none is mailed."""
    return "" if isinstance(loa, BlanketLoa) else loa.authorised_person.email
