"""Checks what an onboarding is asked for, and puts it together."""

from __future__ import annotations

from collections.abc import AsyncIterable, Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Unpack, cast

from attrs import evolve, frozen

from .._bulk.keywords import JobArguments
from .._bulk.order_template import JobOptions, OrderTemplate, job_options
from .._polling.policy import PollPolicy
from ..errors import InvalidRequest
from ..models import BlanketLoa, DirectLoa, Letter, ResellerLoa
from ..models import _checks as check
from .context import Context
from .group import Group, MakesWork, by_key, places
from .history import History, Wanted
from .numbers import NumberProgress, Settings, VoiceCode
from .onboarding import Onboarding
from .reader import NumberReader
from .report import NumberToOnboard, is_toll_free

if TYPE_CHECKING:
    from .._bulk.order_runs import OrderRuns
    from .._polling.watcher import Watcher
    from .._session.orders_api import OrdersApi
    from .._session.session import Session
    from ..resources.imported_numbers import ImportedNumbers
    from ..resources.qualified_numbers import QualifiedNumbers

_LONGEST_JOB = 25
LetterFor = Letter | Callable[[str], Letter]


@frozen(kw_only=True)
class Client:
    """What of a client an onboarding works with."""

    session: Session
    imported: ImportedNumbers
    qualified: QualifiedNumbers
    orders: OrdersApi
    runs: OrderRuns
    watcher: Watcher
    poll: PollPolicy


@frozen(kw_only=True)
class OrderArguments:
    """What all orders of an onboarding share."""

    service_plan_id: str
    campaign_id: str | None
    nnid: str | None
    scheduled_osr_update_time: datetime | None
    scheduled_zipwhip_provisioning_time: datetime | None
    display_name: str | None
    callback_url: str | None
    chunk_size: int


def begin(
    client: Client,
    numbers: Iterable[str | NumberToOnboard],
    *,
    arguments: OrderArguments,
    loa: LetterFor | None,
    region_code: str | None,
    relink: bool,
    voice_code: VoiceCode | None,
    readiness_window: float,
    timeout: float | None,
    max_letters: int | None = None,
    **job: Unpack[JobArguments],
) -> Onboarding:
    """The onboarding, not begun; raises `InvalidRequest` for what cannot be asked for."""
    settings = Settings(
        service_plan_id=arguments.service_plan_id,
        campaign_id=arguments.campaign_id,
        nnid=arguments.nnid,
        relink=check.check_flag(relink, "relink"),
        retry_rejected=check.check_flag(job.get("retry_rejected"), "retry_rejected"),
        chunk_size=arguments.chunk_size,
        window=check.check_seconds(readiness_window, "readiness_window"),
        timeout=check.optional(timeout, check.check_seconds, "timeout"),
        voice_code=_checked_code(voice_code),
        max_letters=check.optional(max_letters, check.check_whole, "max_letters"),
    )
    region_code = check.optional(region_code, check.check_region, "region_code")
    cases = _cases(numbers, loa, region_code)
    groups = by_key(group for case in cases for group in case.groups())

    def makes_work(group: Group) -> OrderTemplate:
        return _work(client, arguments, group)

    options = _options([makes_work(case.group) for case in _samples(cases)], job)
    return Onboarding(cases, settings, _means(client, settings, options, groups, makes_work))


def _checked_code(given: VoiceCode | None) -> VoiceCode | None:
    if given is None or callable(given):
        return given
    raise InvalidRequest(
        field="voice_code",
        value=given,
        rule="must be an async function of the number, or None",
    )


def _samples(cases: Sequence[NumberProgress]) -> Iterable[NumberProgress]:
    """A case of each group: what is wrong with one order's arguments is wrong with all."""
    return {case.group.key: case for case in cases}.values()


def _options(works: Iterable[OrderTemplate], job: JobArguments) -> JobOptions:
    """The checked options of the job; those that a group asks for hold for all."""
    checked = [job_options(work, **job) for work in works]
    options = checked[0]
    if options is None:
        raise InvalidRequest(field="job", value=None, rule="an onboarding needs a name to resume")
    if len(options.job) > _LONGEST_JOB:
        raise InvalidRequest(
            field="job",
            value=options.job,
            rule=f"must be 1 to {_LONGEST_JOB} letters for an onboarding",
        )
    return options


def _means(
    client: Client,
    settings: Settings,
    options: JobOptions,
    groups: Mapping[str, Group],
    makes_work: MakesWork,
) -> Context:
    session, orders = client.session, client.orders
    wanted = Wanted(settings.service_plan_id, settings.campaign_id)
    where = places(
        settings.service_plan_id,
        settings.campaign_id,
        toll_free=any(group.is_toll_free for group in groups.values()),
    )

    def makes_past() -> History:
        return History(options, groups.values(), makes_work, orders, where, wanted, session.sleep)

    return Context(
        session=session,
        imported=client.imported,
        qualified=client.qualified,
        orders=orders,
        poll=client.poll,
        looks=NumberReader(
            client.qualified,
            client.imported,
            session,
            client.watcher.budget,
            session.max_concurrency,
        ),
        makes_past=makes_past,
        makes_work=makes_work,
        wanted=wanted,
    )


def _cases(
    numbers: Iterable[str | NumberToOnboard], loa: LetterFor | None, region_code: str | None
) -> list[NumberProgress]:
    """A case for each number, once each; raises `InvalidRequest`."""
    if isinstance(numbers, AsyncIterable):
        raise InvalidRequest(
            field="numbers",
            value=numbers,
            rule="an async iterable: collect it first, e.g. [n async for n in numbers]",
        )
    if isinstance(numbers, (str, bytes, Mapping)) or not isinstance(numbers, Iterable):
        raise InvalidRequest(
            field="numbers", value=numbers, rule="must be numbers, not a single value"
        )
    found: dict[str, NumberProgress] = {}
    for index, given in enumerate(numbers):
        field = f"numbers[{index}]"
        number = given
        if not isinstance(number, NumberToOnboard):
            number = NumberToOnboard(phone_number=check.check_phone_number(given, field))
        letter = number.loa or _letter(loa, number.phone_number)
        region = number.region_code or region_code
        case = NumberProgress(
            wanted=number, loa=_checked(letter, number.phone_number), region_code=region
        )
        found.setdefault(number.phone_number, case)
    if not found:
        raise InvalidRequest(field="numbers", value=[], rule="must hold at least 1 number")
    return list(found.values())


def _letter(loa: LetterFor | None, number: str) -> Letter | None:
    return loa(number) if callable(loa) else loa


def _checked(letter: object, number: str) -> Letter:
    allowed = (DirectLoa, ResellerLoa)
    if isinstance(letter, allowed):
        return letter
    if isinstance(letter, BlanketLoa) and not is_toll_free(number):
        return letter
    raise InvalidRequest(
        field="loa",
        value=letter,
        rule=f"{number} needs a letter: a DirectLoa or a ResellerLoa"
        + ("" if is_toll_free(number) else ", or a BlanketLoa"),
    )


def _work(client: Client, arguments: OrderArguments, group: Group) -> OrderTemplate:
    """How the orders of a group are created: among the qualified numbers."""
    if group.is_toll_free:
        # A letter that is not for toll-free numbers is refused by the request.
        letter = cast("DirectLoa | ResellerLoa", group.loa)
        template = client.runs.toll_free_template(
            arguments.chunk_size,
            qualified=True,
            region_code=group.region_code,
            service_plan_id=arguments.service_plan_id,
            loa=letter,
            scheduled_zipwhip_provisioning_time=arguments.scheduled_zipwhip_provisioning_time,
            display_name=arguments.display_name,
            callback_url=arguments.callback_url,
        )
    else:
        template = client.runs.text_enable_template(
            arguments.chunk_size,
            qualified=True,
            region_code=group.region_code,
            service_plan_id=arguments.service_plan_id,
            loa=group.loa,
            campaign_id=arguments.campaign_id,
            nnid=arguments.nnid,
            scheduled_osr_update_time=arguments.scheduled_osr_update_time,
            display_name=arguments.display_name,
            callback_url=arguments.callback_url,
        )
    return evolve(template, lists_numbers=True)
