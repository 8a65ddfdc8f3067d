"""How far each number of an onboarding is: read from what the service says of it.

    UNREAD ── NEW ── IN_REVIEW ── UNPROVEN ── READY ── ORDERING ── ORDERED ──┐
       │                                                                     ├── DONE
       ├──── HOSTED_BY_OTHERS ── PROVISIONING ───────────────────────────────┤
       └──── ELSEWHERE (relinked) ──┘                                        └── FAILED, UNKNOWN

A number enters anywhere on the way, since it may come from anywhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum

from attrs import Factory, define, field, frozen

from ..models import (
    BlanketLoa,
    ImportedNumber,
    Letter,
    Order,
    OrderNumber,
    QualifiedNumber,
)
from ..models._guidance import (
    PROOF,
    REVIEW_OF_NUMBERS,
    WaitingOn,
    advice_on_failed,
    is_proof_pending,
    provisioning_waits_on,
)
from ..states import ProvisioningState, ProvisioningType, QualificationState
from .context import Group, OnboardingSettings
from .report import NumberToOnboard, OnboardingLine, Outcome, is_toll_free

REJECTED = "its order was REJECTED; see retry_rejected"
IMPORTED_NO_MORE = "its order is COMPLETED, and it is imported no more"
NOT_IN_ORDER = "its order does not list it"
_REGIONS = ("US", "CA")


class Stage(Enum):
    """How far a number is."""

    UNREAD = "its state was not read yet"
    NEW = "is not in qualification"
    IN_REVIEW = "waits for its review"
    UNPROVEN = "waits for a proof of ownership: by invoices or a voice challenge"
    READY = "may be ordered"
    ORDERING = "its order is being sent"
    ORDERED = "its order is followed"
    HOSTED_BY_OTHERS = "somebody else's order of it is under way"
    PROVISIONING = "its provisioning is under way"
    ELSEWHERE = "is to be relinked from where it is"
    DONE = "is text-enabled"
    FAILED = "cannot be text-enabled as things are"
    UNKNOWN = "there may be an order of it"

    @property
    def outcome(self) -> Outcome:
        """What a report says of it."""
        return _OUTCOMES.get(self, Outcome.WAITING)


_OUTCOMES = {
    Stage.DONE: Outcome.DONE,
    Stage.FAILED: Outcome.FAILED,
    Stage.UNKNOWN: Outcome.UNKNOWN,
}
IN_QUALIFICATION = (Stage.IN_REVIEW, Stage.UNPROVEN, Stage.HOSTED_BY_OTHERS)
"""Those of which the service has to be asked how they go on."""
UNDER_REVIEW = (Stage.IN_REVIEW, Stage.UNPROVEN)
"""Those that may be ordered later on."""
TO_ORDER = (Stage.NEW, *UNDER_REVIEW, Stage.READY)
_HANDLED = (Stage.ORDERED, *_OUTCOMES)


@frozen
class Assessment:
    """At which stage what the service says of a number puts it, and why."""

    stage: Stage
    reason: str = ""
    what_to_do: str = ""
    """What a person can do about it, where it has failed."""


_RUN_AGAIN = "Run the onboarding again with the same job: it goes on where this run ended."
_WAITING: dict[Stage, WaitingOn] = {
    Stage.IN_REVIEW: WaitingOn(who="review", what_to_do=REVIEW_OF_NUMBERS),
    Stage.UNPROVEN: WaitingOn(who="you", what_to_do=PROOF),
    Stage.READY: WaitingOn(
        who="others",
        what_to_do="Nothing but wait: it is ordered together with others of its region and "
        "letter, at the latest after readiness_window seconds.",
    ),
    Stage.HOSTED_BY_OTHERS: WaitingOn(
        who="order",
        what_to_do="Nothing but wait: another order hosts it, which this job did not create.",
    ),
    Stage.PROVISIONING: provisioning_waits_on(None),
}


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
    stage: Stage = Stage.UNREAD
    state: QualificationState | None = None
    """Where in qualification it was last seen."""
    assessment: Assessment = Assessment(Stage.UNREAD, "not looked at yet")
    """What was made of the last look at it."""
    reason: str = ""
    """Why it stands where it does, where the last look does not say so."""
    order_id: str = ""
    ready_since: float = 0.0
    seen_at: float = 0.0
    letter_to: str = field(
        init=False, default=Factory(lambda self: signer_of(self.loa), takes_self=True)
    )
    """Who signs for it, or will."""
    order_waits_on: WaitingOn | None = None
    """Whom its order waits for."""
    refused_at_eligible: str = ""
    """Why the service did not text-enable it while it was ELIGIBLE; it waits for VERIFIED."""
    told_waiting: str = ""
    """For whom and what it was told to wait last."""
    told_at: float = 0.0
    invoice_asked: bool = False
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
    def is_in_qualification(self) -> bool:
        """Whether its qualification goes on, or somebody else's order of it."""
        return self.stage in IN_QUALIFICATION

    @property
    def is_open(self) -> bool:
        """Whether nothing has been found out or done about it that settles or orders it."""
        return self.stage not in _HANDLED

    def assess(
        self,
        qualified: QualifiedNumber | None,
        imported: ImportedNumber | None,
        settings: OnboardingSettings,
    ) -> Assessment:
        """What is to be made of what was read; takes in its state and its region."""
        if qualified is not None:
            self.state = qualified.global_process_state
            seen = qualified.region_code
            if self.region_code is None and seen in _REGIONS and seen != self.group.region_code:
                self.group = self._group_in(seen)
        if imported is not None:
            campaign_id = settings.campaign_of(self.number)
            return _assess_imported(imported, settings, campaign_id)
        if qualified is None:
            return Assessment(Stage.NEW, "is not in qualification")
        return _assess_qualified(
            qualified, settings, may_prove=not self.tried, refused=self.refused_at_eligible
        )

    def wait_for_others(self) -> None:
        """Note that it may be ordered, with others of its group."""
        self.stage, self.reason = Stage.READY, "is ready, and waits for others that go in its order"

    def refuse_at_eligible(self, why: str) -> None:
        """Note that the service wants it VERIFIED: until then it is not ordered again."""
        self.refused_at_eligible, self.reason = why, ""
        self.assessment = _unproven(self.state or QualificationState.ELIGIBLE, why)
        self.stage = self.assessment.stage

    def is_in(self, order: Order) -> None:
        """Note that an order holds it: its region and its letter are the order's."""
        self.stage, self.order_id = Stage.ORDERED, order.hosting_order_id
        self.assessment = Assessment(Stage.ORDERED, "ordered")
        self.order_is(order)
        if order.region_code in _REGIONS:
            self.group = self._group_in(order.region_code)
        signer = order.text_enable_info.authorised_person
        self.letter_to = (signer and signer.email) or self.letter_to

    def order_is(self, order: Order) -> None:
        """Note how far its order is."""
        self.reason, self.order_waits_on = f"its order is {order.state.name}", order.waiting_on

    @property
    def waiting_on(self) -> WaitingOn | None:
        """Whom it waits for; `None` where it does not wait."""
        if self.stage.outcome is not Outcome.WAITING:
            return None
        if self.stage is Stage.ORDERED and self.order_waits_on is not None:
            return self.order_waits_on
        return _WAITING.get(self.stage) or WaitingOn(who="you", what_to_do=_RUN_AGAIN)

    @property
    def why(self) -> str:
        """Why it stands where it does."""
        return self.reason or "; ".join(filter(None, (self.assessment.reason, self.challenge)))

    def line(self) -> OnboardingLine:
        """The report's line."""
        outcome, waiting = self.stage.outcome, self.waiting_on
        return OnboardingLine(
            phone_number=self.number,
            outcome=outcome,
            reason="" if outcome is Outcome.DONE else self.why,
            order_id=self.order_id,
            region_code=self.group.region_code,
            kind="toll-free" if is_toll_free(self.number) else "local",
            letter_to=self.letter_to if self.order_id or outcome is Outcome.WAITING else "",
            state=self.state.name if self.state is not None else "",
            waiting_on=waiting.who if waiting else "",
            what_to_do=waiting.what_to_do if waiting else self._what_to_do(),
        )

    def _what_to_do(self) -> str:
        return self.assessment.what_to_do if self.stage is Stage.FAILED else ""


def signer_of(loa: Letter) -> str:
    """The address that a letter goes to; `""` where none is mailed."""
    return "" if isinstance(loa, BlanketLoa) else loa.authorised_person.email


# -------------------------------------------------------------- assessing; pure

_BY_STATE = {
    QualificationState.ELIGIBLE: Stage.READY,
    QualificationState.VERIFIED: Stage.READY,
    QualificationState.HOSTING_IN_PROGRESS: Stage.HOSTED_BY_OTHERS,
    QualificationState.HOSTING_DONE: Stage.PROVISIONING,
}


def _assess_qualified(
    number: QualifiedNumber, settings: OnboardingSettings, *, may_prove: bool, refused: str
) -> Assessment:
    state, ownership = number.global_process_state, number.ownership_verification.status
    said = f"is {state.name}" + (f": {number.error}" if number.error else "")
    if state == QualificationState.HOSTING_FAILED and settings.retry_rejected:
        return Assessment(Stage.READY, said)
    if state == QualificationState.VERIFICATION_FAILED and settings.proves_again and may_prove:
        return Assessment(Stage.UNPROVEN, said)
    if state.is_failure:
        return Assessment(Stage.FAILED, said, advice_on_failed(state))
    if state in (QualificationState.ELIGIBLE, QualificationState.VERIFICATION_PENDING):
        wants_more = settings.ready_at == "verified" or bool(refused)
        if wants_more or is_proof_pending(state, ownership):
            return _unproven(state, refused)
    return Assessment(_BY_STATE.get(state, Stage.IN_REVIEW), said)


def _unproven(state: QualificationState, refused: str) -> Assessment:
    why = f": the service refused it before that ({refused})" if refused else ""
    return Assessment(Stage.UNPROVEN, f"is {state.name}, and waits to be VERIFIED{why}")


def _assess_imported(
    number: ImportedNumber, settings: OnboardingSettings, campaign_id: str
) -> Assessment:
    sms = number.sms_configuration
    elsewhere = _elsewhere(
        number.pending_service_plan_id or sms.service_plan_id,
        number.pending_campaign_id or sms.campaign_id,
        settings.service_plan_id,
        campaign_id,
    )
    if not elsewhere:
        return Assessment(Stage.PROVISIONING, "its provisioning has not ended")
    if settings.relink:
        return Assessment(Stage.ELSEWHERE, f"imported {elsewhere}")
    hint = "relink=True would move it"
    return Assessment(Stage.FAILED, f"imported {elsewhere}; {hint}", f"{hint}.")


def _elsewhere(
    its_plan: str | None, its_campaign: str | None, service_plan_id: str, campaign_id: str
) -> str:
    """Where something is that is not where it is wanted; `""` where it is."""
    # Without a campaign asked for, any campaign of the number's is its own matter.
    if its_plan == service_plan_id and (not campaign_id or its_campaign == campaign_id):
        return ""
    return f"with service plan {its_plan or 'none'} and campaign {its_campaign or 'none'}"


def why_not_done(number: OrderNumber, order: Order, settings: OnboardingSettings) -> str:
    """Why a number of a completed order is not text-enabled as wanted; `""` where it is.

    Done is: its order is on the service plan and campaign, the routing registry (OSR) is
    updated, the SMS platform has the number, and so has the campaign where one was given
    (toll-free numbers have none).
    """
    campaign_id = settings.campaign_of(number.phone_number)
    elsewhere = _elsewhere(
        order.service_plan_id, order.campaign_id, settings.service_plan_id, campaign_id
    )
    if elsewhere:
        return f"its order is {elsewhere}"
    steps = {
        "the routing (OSR)": number.osr_update.state,
        "the SMS platform": number.platform_provisioning.state,
    }
    if campaign_id:
        steps["the campaign"] = number.campaign_provisioning.state
    missing = [
        f"{name} is {state.name}"
        for name, state in steps.items()
        if state != ProvisioningState.DONE
    ]
    return ", ".join(missing)


def is_provisioned(number: ImportedNumber) -> bool:
    """Whether an imported number is wholly where it is linked to, and nothing is pending."""
    if number.pending_service_plan_id or number.pending_campaign_id:
        return False
    steps = [number.sms_provisioning]
    if number.sms_configuration.campaign_id:
        steps.append(number.campaign_provisioning)
    return all(
        step.state == ProvisioningState.DONE and step.type != ProvisioningType.DEPROVISIONING
        for step in steps
    )
