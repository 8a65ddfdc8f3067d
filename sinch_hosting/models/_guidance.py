"""Whom an order or a number waits for, what a failure code means, and what people can do."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from attrs import frozen

from ..states import FailureCode, OrderState, ProvisioningState, QualificationState
from ._base import Record

__all__ = ["Failure", "WaitingOn"]


@frozen(kw_only=True, eq=False, repr=False)
class WaitingOn(Record):
    """Whom an order or a number waits for."""

    who: str
    """`signer`, `review` (the vendor's people), `carriers`, `you`, `order` (a number's hosting
    order), `others` (numbers that go in the same order), or `unknown`."""
    name: str | None = None
    """The signer's name, where the order has it."""
    email: str | None = None
    """The address that the letter was mailed to."""
    since: datetime | None = None
    """When it changed last. The service says no more, so the wait may have begun earlier."""
    what_to_do: str
    """What can be done about it."""


_REVIEW = (
    "Nothing but wait: the vendor looks at it, usually for 1 to 3 business days. If it takes "
    "longer, write to your account manager with the order's id."
)
_CARRIERS = (
    "Nothing but wait: the routing registry and the carriers take hours to days. report() counts "
    "how far the numbers are, and how many need a manual action."
)
_NO_LETTER = "See which person signs the letter of authorization, and ask them to sign it."
_OLD_LETTERS = (
    "Do not let it wait: the toll-free registry refuses letters that are older than 30 days, and "
    "takes two business days to review one."
)


class Signer(Protocol):
    """Who signs a letter, as far as the order says."""

    @property
    def first_name(self) -> str: ...
    @property
    def last_name(self) -> str: ...
    @property
    def email(self) -> str: ...


def waiting_on(
    state: OrderState, *, is_import: bool, since: datetime | None, signer: Signer
) -> WaitingOn | None:
    """Return whom an order in a state waits for; `None` where it has ended."""
    match state:
        case OrderState.COMPLETED | OrderState.REJECTED:
            return None
        case OrderState.DRAFT | OrderState.SUBMITTED:
            return WaitingOn(who="review", since=since, what_to_do=_REVIEW)
        case OrderState.WAITING_FOR_LOA_SIGNATURE:
            return _signer(signer, since)
        case OrderState.IN_PROGRESS:
            return WaitingOn(who="carriers", since=since, what_to_do=_CARRIERS)
    kind = "import" if is_import else "order"
    return WaitingOn(
        who="unknown",
        since=since,
        what_to_do=f"Read the {kind} anew with refresh(); this version does not know its state.",
    )


def _signer(person: Signer, since: datetime | None) -> WaitingOn:
    name = " ".join(part for part in (person.first_name, person.last_name) if part)
    asked = f"Ask {name or 'the authorised person'} to sign the letter that went to {person.email}"
    return WaitingOn(
        who="signer",
        name=name or None,
        email=person.email or None,
        since=since,
        what_to_do=(
            f"{asked} (it may be in the spam folder); no call sends it again or takes it back. "
            f"{_OLD_LETTERS}"
            if person.email
            else f"{_NO_LETTER} {_OLD_LETTERS}"
        ),
    )


# ------------------------------------------------------- numbers in qualification

INVOICES_TO = "orders@sinch.com"
PROOF = (
    f"Prove that the number is yours: e-mail an invoice that lists it to {INVOICES_TO} (its review "
    "takes 1 to 3 business days), or answer a voice challenge: send_voice_challenge(), then "
    "verify_voice_challenge() with the code that was told."
)
REVIEW_OF_NUMBERS = (
    f"E-mail an invoice that lists the number to {INVOICES_TO}, if nobody has: the vendor's "
    "review takes 1 to 3 business days after that."
)
_BY_QUALIFICATION: dict[QualificationState, tuple[str, str]] = {
    QualificationState.ELIGIBLE_CHECK_PENDING: ("review", REVIEW_OF_NUMBERS),
    QualificationState.VERIFICATION_PENDING: ("you", PROOF),
    QualificationState.VERIFIED: ("you", "Text-enable it: qualified_numbers.text_enable()."),
    QualificationState.HOSTING_IN_PROGRESS: (
        "order",
        "Its hosting order is under way; order.waiting_on says whom that waits for.",
    ),
}
_ELIGIBLE = (
    "Text-enable it: no proof of ownership is asked for. Where the service refuses that, prove "
    f"that the number is yours, by an invoice to {INVOICES_TO} or by a voice challenge."
)
_FAILED: dict[QualificationState, str] = {
    QualificationState.NOT_ELIGIBLE: (
        "It cannot be text-enabled as it is: check the number and its carrier, or ask your "
        "account manager; then delete() and add() it anew."
    ),
    QualificationState.VERIFICATION_FAILED: (
        "It is ELIGIBLE, but not VERIFIED. E-mail an invoice that lists it to "
        f"{INVOICES_TO}, or try another voice challenge."
    ),
    QualificationState.VERIFICATION_BLOCKED: (
        "It is ELIGIBLE, but not VERIFIED, and takes no more voice challenges. E-mail an invoice "
        f"that lists it to {INVOICES_TO}, or ask your account manager."
    ),
    QualificationState.HOSTING_FAILED: (
        "It is VERIFIED, and its order failed: report() of the order says where. Text-enable it "
        "again once that is mended."
    ),
}


def is_proof_pending(state: QualificationState, ownership: ProvisioningState) -> bool:
    """Return whether a number waits for a proof that it is the caller's, as far as is known.

    An ELIGIBLE number does, unless its ownership is proven, or the service says nothing of it.
    """
    if state == QualificationState.ELIGIBLE:
        return ownership not in (ProvisioningState.UNSPECIFIED, ProvisioningState.DONE)
    return state == QualificationState.VERIFICATION_PENDING


def qualification_waits_on(
    state: QualificationState, ownership: ProvisioningState, since: datetime | None
) -> WaitingOn | None:
    """Return whom a number in qualification waits for; `None` where that has ended."""
    if state.is_failure or state == QualificationState.HOSTING_DONE:
        return None
    if state == QualificationState.ELIGIBLE:
        what = PROOF if is_proof_pending(state, ownership) else _ELIGIBLE
        return WaitingOn(who="you", since=since, what_to_do=what)
    who, what = _BY_QUALIFICATION.get(
        state, ("unknown", "Read the number anew; this version does not know its state.")
    )
    return WaitingOn(who=who, since=since, what_to_do=what)


def advice_on_failed(state: QualificationState) -> str:
    """Return what a person can do about a number whose qualification or hosting failed."""
    return _FAILED.get(state, "")


# ---------------------------------------------------------------- imported numbers


def provisioning_waits_on(since: datetime | None) -> WaitingOn:
    """Return whom a number waits for while it is put on its service plan and campaign."""
    return WaitingOn(
        who="carriers",
        since=since,
        what_to_do="Nothing but wait: the SMS platform takes minutes, a campaign and the carriers "
        "take hours to days.",
    )


@frozen(kw_only=True, eq=False, repr=False)
class Failure(Record):
    """What a failed callback means, and what to do next."""

    code: FailureCode | None
    """The service's code; numbers that fail to reach the SMS platform carry none."""
    meaning: str
    retry_can_help: bool
    """Whether the same request can succeed later though nothing else has changed."""
    who: str
    """Who has to act: `you`, `nobody` (it passes, or is decided), `vendor`, `campaign owner`."""
    what_to_do: str


# By code: what it means, whether a retry can help, who has to act, and what to do next.
_FAILURES: dict[FailureCode, tuple[str, bool, str, str]] = {
    FailureCode.CAMPAIGN_NOT_AVAILABLE: (
        "The campaign does not exist, is not active, or is not shared with Sinch.",
        False,
        "campaign owner",
        "Check the campaign id, choose Sinch as direct connect aggregator (DCA) in the campaign "
        "registry, then link the number to the campaign with relink().",
    ),
    FailureCode.EXCEEDED_10DLC_LIMIT: (
        "The campaign holds as many numbers as it may: on T-Mobile 49 without a number pool by the "
        "vendor's notes; elsewhere it says 50 a campaign, and 1 for a sole proprietor.",
        False,
        "campaign owner",
        "Link the number to another campaign, or have a number pool approved for this one.",
    ),
    FailureCode.NUMBER_PROVISIONING_FAILED: (
        "The number could not be set up.",
        True,
        "you",
        "Try once more; if it fails again, ask support with the event's id.",
    ),
    FailureCode.PARTNER_SERVICE_UNAVAILABLE: (
        "A partner of the vendor did not answer, and the service has stopped trying.",
        True,
        "you",
        "Submit the request again later; nothing is wrong with it.",
    ),
    FailureCode.CAMPAIGN_PENDING_ACCEPTANCE: (
        "The campaign was not accepted yet by the connectivity partner.",
        True,
        "campaign owner",
        "Wait until the campaign is accepted, then link the number again.",
    ),
    FailureCode.MNO_SHARING_ERROR: (
        "The campaign could not be shared with a mobile carrier.",
        True,
        "vendor",
        "Try again later; if it fails again, ask support about the campaign.",
    ),
    FailureCode.CAMPAIGN_PROVISIONING_FAILED: (
        "The number could not be put on the campaign.",
        True,
        "you",
        "Try once more; see the number's carrier states: for T-Mobile's 60135 import it with "
        "migrate_to_sinch_tmo=True.",
    ),
    FailureCode.CAMPAIGN_EXPIRED: (
        "The campaign has expired.",
        False,
        "campaign owner",
        "Renew the campaign or link the number to another one.",
    ),
    FailureCode.CAMPAIGN_MNO_REJECTED: (
        "A mobile carrier rejected the campaign.",
        False,
        "campaign owner",
        "Mend the campaign and have it registered anew, or link the number to another one.",
    ),
    FailureCode.CAMPAIGN_MNO_SUSPENDED: (
        "A mobile carrier suspended the campaign.",
        False,
        "campaign owner",
        "Settle it with the carrier through support, or link the number to another campaign.",
    ),
    FailureCode.CAMPAIGN_MNO_REVIEW: (
        "A mobile carrier is still reviewing the campaign.",
        True,
        "nobody",
        "Wait until the review has ended, then link the number again.",
    ),
    FailureCode.INSUFFICIENT_BALANCE: (
        "The account's balance does not cover it.",
        False,
        "you",
        "Top up the account, then link the number again.",
    ),
    FailureCode.MOCK_CAMPAIGN_NOT_ALLOWED: (
        "The campaign is one for testing.",
        False,
        "you",
        "Link the number to a real campaign.",
    ),
    FailureCode.TFN_NOT_ALLOWED: (
        "Toll-free numbers do not go on 10DLC campaigns.",
        False,
        "you",
        "Use text_enable_toll_free for it, without a campaign.",
    ),
    FailureCode.INVALID_NNID: (
        "The routing id (NNID) is not valid for the number.",
        False,
        "you",
        "Have your account manager provision the NNID first, then submit the request again. A "
        "text-enable without nnid uses Sinch's or the account's own.",
    ),
}


def failure_of(code: FailureCode | None, *, has_failed: bool) -> Failure | None:
    """Return what a failure code means; `None` where nothing has failed."""
    if code is None:
        if not has_failed:
            return None
        return Failure(
            code=None,
            meaning="It failed, and the service gives no code, as for the SMS platform.",
            retry_can_help=True,
            who="you",
            what_to_do="Read the number for its error; try once more, then ask support, with "
            "the event's id and its internal_failure_code where it has one.",
        )
    meaning, retry_can_help, who, what_to_do = _FAILURES.get(
        code,
        (
            f"It failed with {code}, which this version does not know.",
            False,
            "you",
            "See the vendor's documentation of the code, or ask support.",
        ),
    )
    return Failure(
        code=code,
        meaning=meaning,
        retry_can_help=retry_can_help,
        who=who,
        what_to_do=what_to_do,
    )
