"""The settings of an onboarding, the parts that it uses, and which numbers may share an order."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Literal, cast

from attrs import Factory, evolve, field, frozen

from .._bulk.letters import Confirm, check_confirm
from .._bulk.order_template import JobOptions, LedgerPath, OnUnknown, OrderTemplate, job_options
from .._bulk.tags import numbers_digest
from .._polling.policy import PollPolicy
from .._session.codec import encode
from .._session.orders_api import Place
from .._session.retry import exponential
from ..errors import InvalidRequest
from ..models import BlanketLoa, DirectLoa, Letter, ResellerLoa
from ..models import _checks as check
from ..states import OrderType
from .reader import NumberReader
from .report import is_toll_free

if TYPE_CHECKING:
    from .._bulk.order_runs import OrderRuns
    from .._session.orders_api import OrdersApi
    from .._session.session import Session
    from ..resources.imported_numbers import ImportedNumbers
    from ..resources.qualified_numbers import QualifiedNumbers

ReadyAt = Literal["eligible", "verified"]
VoiceCode = Callable[[str], Awaitable[str | None] | str | None]
_KEY_LETTERS = 6
_LONGEST_JOB = 25


def _check_voice_code(value: object, name: str) -> None:
    if value is not None and not callable(value):
        rule = "must be an async function of the number, or None"
        raise InvalidRequest(field=name, value=value, rule=rule)


def _check_ready_at(value: object, name: str) -> None:
    if value not in ("eligible", "verified"):
        raise InvalidRequest(field=name, value=value, rule="must be 'eligible' or 'verified'")


@frozen(kw_only=True)
class OnboardingSettings:
    """The settings of an onboarding; `sinch.onboard` says what each argument means.

    The arguments of the orders are checked when the templates of the orders are made.
    """

    service_plan_id: str
    campaign_id: str | None
    nnid: str | None
    scheduled_osr_update_time: datetime | None
    scheduled_zipwhip_provisioning_time: datetime | None
    display_name: str | None
    callback_url: str | None
    chunk_size: int
    ready_at: ReadyAt = check.field(_check_ready_at)
    readiness_window: float = check.field(check.check_seconds)
    voice_code: VoiceCode | None = check.field(_check_voice_code)
    relink: bool = check.field(check.check_flag)
    timeout: float | None = check.field(check.check_seconds, optional=None)
    job: str
    ledger: LedgerPath | None
    settle: float | None
    grace: float | None
    on_unknown: OnUnknown | None
    retry_rejected: bool = check.field(check.check_flag)
    confirm: Confirm | None = check.field(check_confirm)
    max_letters: int | None = check.field(check.check_whole, optional=None)
    """The most letters that may be mailed; `None` sets no limit."""

    @property
    def proves_again(self) -> bool:
        """Whether numbers whose verification failed are called again."""
        return self.retry_rejected and self.voice_code is not None

    def campaign_of(self, number: str) -> str:
        """Return the campaign for a number; toll-free numbers have none."""
        return "" if is_toll_free(number) else self.campaign_id or ""

    def job_options(self, templates: Iterable[OrderTemplate]) -> JobOptions:
        """Return the checked options of the job; what one template requires counts for all."""
        checked = [
            job_options(
                template,
                job=self.job,
                ledger=self.ledger,
                settle=self.settle,
                grace=self.grace,
                on_unknown=self.on_unknown,
                retry_rejected=self.retry_rejected,
            )
            for template in templates
        ]
        options = checked[0]
        if options is None:
            rule = "an onboarding needs a name to resume"
            raise InvalidRequest(field="job", value=None, rule=rule)
        if len(options.job) > _LONGEST_JOB:
            rule = f"must be 1 to {_LONGEST_JOB} letters for an onboarding"
            raise InvalidRequest(field="job", value=options.job, rule=rule)
        return options


@frozen
class Group:
    """Numbers that may go in one order: of one kind, one region, one letter."""

    is_toll_free: bool
    region_code: str
    loa: Letter
    key: str = field(
        init=False, eq=False, default=Factory(lambda self: self._make_key(), takes_self=True)
    )
    """Six letters that identify the group in the names of its jobs."""

    def _make_key(self) -> str:
        letter = {} if isinstance(self.loa, BlanketLoa) else encode(self.loa)
        parts = [str(self.is_toll_free), self.region_code, repr(letter)]
        return numbers_digest(parts)[:_KEY_LETTERS]

    def job(self, stem: str) -> str:
        """Return the name of the group's job in an onboarding with the job `stem`."""
        return f"{stem}.{self.key}"


def groups_by_key(groups: Iterable[Group]) -> dict[str, Group]:
    """Return the groups by their keys; raises `InvalidRequest` where two have the same key."""
    found: dict[str, Group] = {}
    for group in groups:
        other = found.setdefault(group.key, group)
        if other != group:
            # Orders would be confused, and letters would go to the wrong people.
            raise InvalidRequest(
                field="loa",
                value=group.loa,
                rule=f"cannot be told from {other.loa!r} in the names of orders (both make "
                f"{group.key!r}); onboard the numbers of one of the two under another job",
            )
    return found


@frozen(kw_only=True)
class Context:
    """The settings of an onboarding, and the parts of the client that it uses."""

    settings: OnboardingSettings
    session: Session
    imported: ImportedNumbers
    qualified: QualifiedNumbers
    orders: OrdersApi
    runs: OrderRuns
    reader: NumberReader
    poll: PollPolicy

    def without_repeats(self) -> Context:
        """Return the context of a run that only goes on where another one has just ended.

        What that one ordered again, or whom it called, is not ordered or called once more.
        """
        settings = evolve(self.settings, retry_rejected=False, voice_code=None)
        return evolve(self, settings=settings)

    def template(self, group: Group) -> OrderTemplate:
        """Return the template of a group's orders; raises `InvalidRequest` for wrong arguments."""
        settings = self.settings
        if group.is_toll_free:
            # A letter that is not for toll-free numbers is refused by the request.
            letter = cast("DirectLoa | ResellerLoa", group.loa)
            template = self.runs.toll_free_template(
                settings.chunk_size,
                qualified=True,
                region_code=group.region_code,
                service_plan_id=settings.service_plan_id,
                loa=letter,
                scheduled_zipwhip_provisioning_time=settings.scheduled_zipwhip_provisioning_time,
                display_name=settings.display_name,
                callback_url=settings.callback_url,
            )
        else:
            template = self.runs.text_enable_template(
                settings.chunk_size,
                qualified=True,
                region_code=group.region_code,
                service_plan_id=settings.service_plan_id,
                loa=group.loa,
                campaign_id=settings.campaign_id,
                nnid=settings.nnid,
                scheduled_osr_update_time=settings.scheduled_osr_update_time,
                display_name=settings.display_name,
                callback_url=settings.callback_url,
            )
        return evolve(template, lists_numbers=True)

    def places(self, groups: Iterable[Group]) -> list[Place]:
        """Return the places in whose lists the orders of groups are."""
        campaigns = {"" if group.is_toll_free else self.settings.campaign_id for group in groups}
        return [
            Place(
                type=OrderType.TEXT_ENABLE,
                service_plan_id=self.settings.service_plan_id,
                campaign_id=campaign,
            )
            for campaign in sorted({campaign or "" for campaign in campaigns})
        ]

    def intervals(self) -> Iterator[float]:
        """Give the growing intervals between looks in seconds, without jitter."""
        poll = self.poll
        return exponential(initial=poll.initial, factor=poll.factor, maximum=poll.maximum)
