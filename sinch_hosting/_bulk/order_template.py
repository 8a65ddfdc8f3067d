"""The orders that a run creates, and how it resumes; all arguments are checked here."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from types import NoneType
from typing import Literal

from attrs import evolve, field, frozen

from .._session.codec import encode
from .._session.orders_api import OrderRequest, Place
from .._session.requests import ImportNumbers, TextEnableTollFree
from .._session.retry import CreateObserver
from ..errors import InvalidRequest
from ..models import BlanketLoa, Order
from ..models import _checks as check
from ..states import OrderType
from .addresses import address_of
from .ledger import Ledger
from .refusals import WhyNot
from .tags import Fingerprint, Tag, check_job

OnUnknown = Literal["hold", "resend"]
Create = Callable[[OrderRequest, CreateObserver | None, int], Awaitable[Order]]
"""Sends a request, tells an observer, and waits for so many 429s."""
LedgerPath = str | os.PathLike[str]
SETTLE, GRACE = 10.0, 60.0
_MOST_SENDS = 2


@frozen(kw_only=True)
class OrderTemplate:
    """The orders of a run: one for each chunk; they differ only in numbers and names."""

    operation: str
    """Its name in the contract."""
    request: OrderRequest
    """An order without numbers, checked."""
    create: Create
    size: int
    """Numbers in a chunk."""
    why_not: WhyNot
    """Looks up why a number cannot be in an order; `None` where it can."""
    lists_numbers: bool = False
    """Whether the ledger records the numbers, since the chunks do not follow from the input."""
    all_or_nothing: bool = False
    """Whether a refusal of some numbers refuses all, instead of leaving those out."""

    @property
    def place(self) -> Place:
        """Where the orders are listed."""
        return place_of(self.request)

    @property
    def signer(self) -> str | None:
        """Who gets the letter that every order mails; `None` where none is mailed."""
        if isinstance(self.request, ImportNumbers) or isinstance(self.request.loa, BlanketLoa):
            return None
        person = self.request.loa.authorised_person
        return f"{person.first_name} {person.last_name} <{person.email}>"

    @property
    def mails_a_letter(self) -> bool:
        """Whether every order mails a letter to somebody."""
        return self.signer is not None

    def request_for(self, numbers: tuple[str, ...], tag: Tag | None = None) -> OrderRequest:
        """Return the request for an order of these numbers; its name begins with the tag."""
        name = self.request.display_name
        return evolve(
            self.request, numbers=numbers, display_name=name if tag is None else tag.name(name)
        )

    def fingerprint(self) -> Fingerprint:
        """Return a digest of every argument that changes what the orders do."""
        further = {"operation": self.operation, "chunk_size": self.size}
        return Fingerprint.of(encode(self.request), **further)


def place_of(request: OrderRequest) -> Place:
    """Return where an order is listed."""
    is_import = isinstance(request, ImportNumbers)
    campaign_id = None if isinstance(request, TextEnableTollFree) else request.campaign_id
    return Place(
        type=OrderType.IMPORT if is_import else OrderType.TEXT_ENABLE,
        service_plan_id=request.service_plan_id,
        campaign_id=campaign_id or "",
    )


@frozen(kw_only=True)
class JobOptions:
    """How a run resumes, and what it does where an answer is lost."""

    job: str
    ledger: LedgerPath | Ledger | None = field(default=None, repr=address_of)
    settle: float = SETTLE
    grace: float = GRACE
    on_unknown: OnUnknown | None = None
    retry_rejected: bool = False

    def may_resend(self, template: OrderTemplate, sends: int) -> bool:
        """Whether an order that cannot be found may be sent again after so many sends."""
        if self.on_unknown is not None:
            return self.on_unknown == "resend"
        # Where the lists may leave an order out, not finding it proves nothing.
        return template.place.is_certain and not template.mails_a_letter and sends < _MOST_SENDS


def job_options(
    template: OrderTemplate,
    *,
    job: str | None,
    ledger: LedgerPath | Ledger | None = None,
    settle: float | None = None,
    grace: float | None = None,
    on_unknown: OnUnknown | None = None,
    retry_rejected: bool = False,
) -> JobOptions | None:
    """Return the checked options, `None` without a job; raises `InvalidRequest`."""
    check.check_flag(retry_rejected, "retry_rejected")
    if on_unknown not in (None, "hold", "resend"):
        raise InvalidRequest(
            field="on_unknown", value=on_unknown, rule="must be 'hold' or 'resend'"
        )
    if not isinstance(ledger, (str, os.PathLike, Ledger, NoneType)):
        raise InvalidRequest(field="ledger", value=ledger, rule="must be a path")
    settle = check.optional(settle, check.check_seconds, "settle")
    grace = check.optional(grace, check.check_seconds, "grace")
    if job is None:
        given = {
            "ledger": ledger,
            "settle": settle,
            "grace": grace,
            "on_unknown": on_unknown,
            "retry_rejected": retry_rejected or None,
        }
        for name, value in given.items():
            if value is not None:
                raise InvalidRequest(field=name, value=value, rule="goes with job=")
        return None
    if ledger is None and not template.place.is_certain:
        raise InvalidRequest(
            field="ledger",
            value=None,
            rule="a job needs a ledger where its orders have no campaign: such orders cannot be "
            "listed for certain",
        )
    return JobOptions(
        job=check_job(job),
        ledger=ledger,
        settle=SETTLE if settle is None else settle,
        grace=GRACE if grace is None else grace,
        on_unknown=on_unknown,
        retry_rejected=retry_rejected,
    )
