"""What a run creates, and how it resumes: what is asked for, checked."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from types import NoneType
from typing import Any, Literal

from attrs import frozen

from .._session.codec import encode
from .._session.orders_api import Place
from .._session.retry import CreateObserver
from ..errors import InvalidRequest
from ..models import BlanketLoa, Letter, Order
from ..models import _checks as check
from .chunks import SkippedNumber
from .ledger import Ledger
from .tags import Fingerprint, check_job

OnUnknown = Literal["hold", "resend"]
LedgerPath = str | os.PathLike[str]
SETTLE, GRACE = 10.0, 60.0
_MOST_SENDS = 2
_SAMPLE = "+12025550100"


@frozen(kw_only=True)
class OrderTemplate:
    """What a run creates: one order a chunk."""

    operation: str
    """The contract's name of it."""
    request: Callable[..., Any]
    """Builds and checks a request from `numbers` and `display_name`."""
    create: Callable[[Any, CreateObserver | None], Awaitable[Order]]
    place: Place
    size: int
    """Numbers in a chunk."""
    why_not: Callable[[str], Awaitable[SkippedNumber | None]]
    """Looks a number up: why it cannot be in an order, `None` where nothing speaks against it."""
    display_name: str | None = None
    loa: Letter | None = None

    @property
    def mails_a_letter(self) -> bool:
        """Whether every order mails a letter to somebody."""
        return self.loa is not None and not isinstance(self.loa, BlanketLoa)

    @property
    def signer(self) -> str | None:
        """Who gets the letter."""
        if self.loa is None or isinstance(self.loa, BlanketLoa):
            return None
        person = self.loa.authorised_person
        return f"{person.first_name} {person.last_name} <{person.email}>"

    lists_numbers: bool = False
    """Whether the ledger keeps the numbers themselves: where the input does not tell its chunks."""
    all_or_nothing: bool = False
    """Whether a refusal of some numbers refuses all, instead of leaving those out."""

    def sample(self) -> Any:
        """A request as all will be, but for the numbers; raises `InvalidRequest`."""
        return self.request(numbers=(_SAMPLE,), display_name=self.display_name)

    def meaning(self) -> Fingerprint:
        """A digest of every argument that changes what the orders do."""
        further = {"operation": self.operation, "chunk_size": self.size}
        return Fingerprint.of(encode(self.sample()), **further)


@frozen(kw_only=True)
class JobOptions:
    """How a run resumes, and what it does about lost answers; checked."""

    job: str
    ledger: LedgerPath | Ledger | None = None
    settle: float = SETTLE
    grace: float = GRACE
    on_unknown: OnUnknown | None = None
    retry_rejected: bool = False

    def may_resend(self, work: OrderTemplate, sends: int) -> bool:
        """Whether an order that cannot be found may be sent again after so many sends."""
        if self.on_unknown is not None:
            return self.on_unknown == "resend"
        # Where orders are not listed for certain, not finding one proves nothing.
        return work.place.is_certain and not work.mails_a_letter and sends < _MOST_SENDS


def job_options(
    work: OrderTemplate,
    *,
    job: str | None,
    ledger: LedgerPath | Ledger | None = None,
    settle: float | None = None,
    grace: float | None = None,
    on_unknown: OnUnknown | None = None,
    retry_rejected: bool = False,
) -> JobOptions | None:
    """The checked options, `None` without a job; raises `InvalidRequest` for what clashes."""
    check.check_flag(retry_rejected, "retry_rejected")
    if on_unknown not in (None, "hold", "resend"):
        raise InvalidRequest(
            field="on_unknown", value=on_unknown, rule="must be 'hold' or 'resend'"
        )
    if not isinstance(ledger, (str, os.PathLike, Ledger, NoneType)):
        raise InvalidRequest(field="ledger", value=ledger, rule="must be a path")
    given = {
        "ledger": ledger,
        "settle": check.optional(settle, check.check_seconds, "settle"),
        "grace": check.optional(grace, check.check_seconds, "grace"),
        "on_unknown": on_unknown,
        "retry_rejected": retry_rejected or None,
    }
    given = {name: value for name, value in given.items() if value is not None}
    if job is None:
        if given:
            name, value = next(iter(given.items()))
            raise InvalidRequest(field=name, value=value, rule="goes with job=")
        return None
    if ledger is None and not work.place.is_certain:
        raise InvalidRequest(
            field="ledger",
            value=None,
            rule="a job needs a ledger where its orders have no campaign: such orders cannot be "
            "listed for certain",
        )
    return JobOptions(job=check_job(job), **given)  # type: ignore[arg-type]
