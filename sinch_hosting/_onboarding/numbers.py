"""How far each number of an onboarding is, from what the service says about it.

    UNREAD ── NEW ── IN_REVIEW ── UNPROVEN ── READY ── ORDERING ── ORDERED ──┐
       │                                                                     ├── DONE
       ├──── HOSTED_BY_OTHERS ── PROVISIONING ───────────────────────────────┤
       └──── ELSEWHERE (relinked) ──┘                                        └── FAILED, UNKNOWN

A number may begin at any stage, since it may come from anywhere.
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
        """The outcome that a report shows for it."""
        return _OUTCOMES.get(self, Outcome.WAITING)


_OUTCOMES = {
    Stage.DONE: Outcome.DONE,
    Stage.FAILED: Outcome.FAILED,
    Stage.UNKNOWN: Outcome.UNKNOWN,
}
IN_QUALIFICATION = (Stage.IN_REVIEW, Stage.UNPROVEN, Stage.HOSTED_BY_OTHERS)
"""The stages of numbers that have to be read again and again."""
UNDER_REVIEW = (Stage.IN_REVIEW, Stage.UNPROVEN)
"""The stages of numbers that may be ordered later."""
TO_ORDER = (Stage.NEW, *UNDER_REVIEW, Stage.READY)
_HANDLED = (Stage.ORDERED, *_OUTCOMES)


@frozen
class Assessment:
    """The stage of a number according to the service, and the reason."""

    stage: Stage
    reason: str = ""
    what_to_do: str = ""
    """What a person can do about a number that failed."""


_RUN_AGAIN = "Run the onboarding again with the same job: it goes on where this run ended."
WAITS_ON: dict[Stage, WaitingOn] = {
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
"""Whom a number waits for, by its stage."""


@define
class NumberProgress:
    """How far one number is."""

    wanted: NumberToOnboard
    loa: Letter
    region_code: str | None
    """The region that the caller gave; `None` means the one that the service shows."""
    group: Group = field(
        init=False, default=Factory(lambda self: next(self.groups()), takes_self=True)
    )
    """The numbers with which it may share an order."""
    stage: Stage = Stage.UNREAD
    state: QualificationState | None = None
    """Its last known state in qualification."""
    assessment: Assessment = Assessment(Stage.UNREAD, "not looked at yet")
    """The result of the last look at it."""
    reason: str = ""
    """Why it is at its stage, where the last look does not say so."""
    order_id: str = ""
    ready_since: float = 0.0
    seen_at: float = 0.0
    added_at: float = float("-inf")
    """When it was added to qualification, in this run."""
    is_missing: bool = False
    """Whether the last look at those in qualification did not show it."""
    letter_to: str = field(
        init=False, default=Factory(lambda self: signer_of(self.loa), takes_self=True)
    )
    """The address of the person who signs its letter, or will sign it."""
    order_waits_on: WaitingOn | None = None
    """Whom its order waits for."""
    refused_at_eligible: str = ""
    """Why the service refused it while it was ELIGIBLE; it is not ordered before VERIFIED."""
    told_waiting: str = ""
    """The text of the last `waiting` step about it."""
    told_at: float = 0.0
    invoice_asked: bool = False
    challenged: bool = False
    tried: bool = False
    """Whether its voice challenge has ended, in this run."""
    challenge: str = ""
    """What happened in its voice challenge, where that did not prove the ownership."""

    def _group_in(self, region_code: str) -> Group:
        return Group(is_toll_free(self.number), region_code, self.loa)

    def groups(self) -> Iterator[Group]:
        """Give the groups that it may belong to, once its region is known."""
        for region_code in [self.region_code] if self.region_code else _REGIONS:
            yield self._group_in(region_code)

    @property
    def number(self) -> str:
        """The phone number."""
        return self.wanted.phone_number

    @property
    def is_in_qualification(self) -> bool:
        """Whether it is in qualification, or in an order of somebody else."""
        return self.stage in IN_QUALIFICATION

    @property
    def is_open(self) -> bool:
        """Whether it is neither ordered nor settled."""
        return self.stage not in _HANDLED

    def assess(
        self,
        qualified: QualifiedNumber | None,
        imported: ImportedNumber | None,
        settings: OnboardingSettings,
    ) -> Assessment:
        """Return the assessment of what was read; stores its state and its region."""
        if qualified is not None:
            self.state = qualified.global_process_state
            seen = qualified.region_code
            if self.region_code is None and seen in _REGIONS and seen != self.group.region_code:
                self.group = self._group_in(seen)
        return assess(
            self.number,
            qualified,
            imported,
            settings,
            may_prove=not self.tried,
            refused=self.refused_at_eligible,
        )

    def wait_for_others(self) -> None:
        """Mark it as ready to be ordered with others of its group."""
        self.stage, self.reason = Stage.READY, "is ready, and waits for others that go in its order"

    def refuse_at_eligible(self, why: str) -> None:
        """Mark it as refused while ELIGIBLE: it is not ordered again before it is VERIFIED."""
        self.refused_at_eligible, self.reason = why, ""
        self.assessment = _unproven(self.state or QualificationState.ELIGIBLE, why)
        self.stage = self.assessment.stage

    def is_in(self, order: Order) -> None:
        """Store its order; region and letter are those of the order."""
        self.stage, self.order_id = Stage.ORDERED, order.hosting_order_id
        self.assessment = Assessment(Stage.ORDERED, "ordered")
        self.order_is(order)
        if order.region_code in _REGIONS:
            self.group = self._group_in(order.region_code)
        signer = order.text_enable_info.authorised_person
        self.letter_to = (signer and signer.email) or self.letter_to

    def order_is(self, order: Order) -> None:
        """Store the state of its order."""
        self.reason, self.order_waits_on = f"its order is {order.state.name}", order.waiting_on

    @property
    def waiting_on(self) -> WaitingOn | None:
        """The person or party that it waits for; `None` where it does not wait."""
        if self.stage.outcome is not Outcome.WAITING:
            return None
        if self.stage is Stage.ORDERED and self.order_waits_on is not None:
            return self.order_waits_on
        return WAITS_ON.get(self.stage) or WaitingOn(who="you", what_to_do=_RUN_AGAIN)

    @property
    def why(self) -> str:
        """Why it is at its stage."""
        return self.reason or "; ".join(filter(None, (self.assessment.reason, self.challenge)))

    def line(self) -> OnboardingLine:
        """Return its line of the report."""
        outcome, waiting = self.stage.outcome, self.waiting_on
        advice = self.assessment.what_to_do if self.stage is Stage.FAILED else ""
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
            what_to_do=waiting.what_to_do if waiting else advice,
        )


def signer_of(loa: Letter) -> str:
    """Return the address to which a letter is mailed; `""` where none is mailed."""
    return "" if isinstance(loa, BlanketLoa) else loa.authorised_person.email


# -------------------------------------------------------------- assessing; pure

_BY_STATE = {
    QualificationState.ELIGIBLE: Stage.READY,
    QualificationState.VERIFIED: Stage.READY,
    QualificationState.HOSTING_IN_PROGRESS: Stage.HOSTED_BY_OTHERS,
    QualificationState.HOSTING_DONE: Stage.PROVISIONING,
}


def assess(
    phone_number: str,
    qualified: QualifiedNumber | None,
    imported: ImportedNumber | None,
    settings: OnboardingSettings,
    *,
    may_prove: bool = True,
    refused: str = "",
) -> Assessment:
    """Return the assessment of what was read of a number.

    `refused` is why the service refused it while it was ELIGIBLE; `may_prove` is whether its
    voice challenge may be tried again after it failed.
    """
    if imported is not None:
        return _assess_imported(imported, settings, settings.campaign_of(phone_number))
    if qualified is None:
        return Assessment(Stage.NEW, "is not in qualification")
    return _assess_qualified(qualified, settings, may_prove=may_prove, refused=refused)


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
    """Return the links of a number that is not linked as wanted; `""` where it is."""
    # Where no campaign was given, the number may have any.
    if its_plan == service_plan_id and (not campaign_id or its_campaign == campaign_id):
        return ""
    return f"with service plan {its_plan or 'none'} and campaign {its_campaign or 'none'}"


def why_not_done(number: OrderNumber, order: Order, settings: OnboardingSettings) -> str:
    """Return why a number of a completed order is not text-enabled as wanted; `""` where it is.

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
    """Whether an imported number is provisioned on all that it is linked to, and nothing pends."""
    if number.pending_service_plan_id or number.pending_campaign_id:
        return False
    steps = [number.sms_provisioning]
    if number.sms_configuration.campaign_id:
        steps.append(number.campaign_provisioning)
    return all(
        step.state == ProvisioningState.DONE and step.type != ProvisioningType.DEPROVISIONING
        for step in steps
    )
