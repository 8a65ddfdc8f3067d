"""Type tests for the public face: checked by mypy and pyright, never run.

A line with `type: ignore` has to be an error: mypy says so where one of them is not needed.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from typing import Any, Unpack, assert_type

import aiohttp

from sinch_hosting import (
    COMPLETED,
    REJECTED,
    Action,
    Address,
    ApiError,
    AuthorisedPerson,
    BlanketLoa,
    BulkProgress,
    BulkResult,
    CallbackConfiguration,
    CallbackConfigurations,
    CallbackEvent,
    CallOptions,
    ClientEvent,
    ClientOptions,
    Confirm,
    DecodeError,
    DirectLoa,
    EventStatus,
    FailedChunk,
    FailureCode,
    HostingOrders,
    ImportArguments,
    ImportedNumber,
    ImportedNumbers,
    ImportMany,
    InvalidRequest,
    JobArguments,
    LedgerPath,
    Letter,
    LetterFor,
    LetterSent,
    NumberFailed,
    OnboardingStep,
    OnEvent,
    OnProgress,
    OnUnknown,
    OnUpdate,
    Order,
    OrderChanged,
    OrderNumber,
    OrderRejected,
    OrderReport,
    OrderState,
    OrderType,
    Outcome,
    OutcomeUnknown,
    Page,
    Pages,
    PollPolicy,
    ProvisioningState,
    QualificationState,
    QualifiedNumber,
    QualifiedNumbers,
    RateLimited,
    ReadyAt,
    RelinkFailed,
    RequestsPaused,
    ResellerLoa,
    ResponseInfo,
    RetryPolicy,
    RetryScheduled,
    SinchHosting,
    SinchHostingError,
    SkippedNumber,
    Step,
    Telemetry,
    TextEnableMany,
    TokenFetched,
    TransportError,
    UnknownChunk,
    VoiceCode,
    WaitTimeout,
    __version__,
    callbacks,
    record_responses,
)

version: str = __version__


async def clients(session: aiohttp.ClientSession) -> None:
    """The constructor's keywords, and what is refused."""
    SinchHosting("project", "key", "secret")
    SinchHosting(
        "project",
        "key",
        "secret",
        auth="basic",
        base_url="https://a.example",
        auth_url="https://a.example/token",
        session=session,
        timeout=aiohttp.ClientTimeout(total=5),
        retry=RetryPolicy(max_tries=3, max_time=60, initial=0.5, maximum=30),
        poll=PollPolicy(initial=1, factor=2, maximum=60, jitter=0.1),
        max_concurrency=10,
        requests_per_second=2.5,
        import_limit=5,
        trace_configs=[aiohttp.TraceConfig()],
        trust_env=True,
        proxy="http://proxy.example",
        ssl=False,
    )
    SinchHosting("project", "key", "secret", timeout=5.0)
    SinchHosting("project", "key", "secret", auth="token")  # type: ignore[arg-type]
    SinchHosting("project", "key")  # type: ignore[call-arg]
    SinchHosting.from_env(import_limits=10)  # type: ignore[call-arg]
    SinchHosting.from_env(auth="token")  # type: ignore[arg-type]
    async with SinchHosting.from_env(import_limit=10) as sinch:
        assert_type(sinch, SinchHosting)
    await sinch.aclose()


async def imported_numbers(sinch: SinchHosting) -> None:
    """Single numbers."""
    numbers = sinch.imported_numbers
    assert_type(
        await numbers.import_number("+12025550134", region_code="US", service_plan_id="p"),
        ImportedNumber,
    )
    assert_type(await numbers.get("+12025550134"), ImportedNumber)
    pages = numbers.list(service_plan_id="p", campaign_id="c", search_pattern="START")
    assert_type(pages, Pages[ImportedNumber])
    assert_type(await numbers.update("+12025550134", display_name=""), ImportedNumber)
    assert_type(await numbers.update("+12025550134", campaign_id=""), ImportedNumber)
    assert_type(await numbers.relink("+12025550134", service_plan_id="p"), ImportedNumber)
    number = await numbers.wait_until_provisioned("+12025550134", timeout=60)
    assert_type(number, ImportedNumber)
    assert_type(number.phone_number, str)
    assert_type(number.is_linked, bool)
    assert_type(number.display_name, str | None)
    assert_type(number.sms_configuration.service_plan_id, str | None)
    assert_type(number.sms_configuration.scheduled_provisioning.error_codes, tuple[int | str, ...])
    assert_type(number.sms_provisioning.state, ProvisioningState)
    assert_type(number.mno_configuration.sms_att.update_time, datetime | None)
    assert_type(number.extra, Mapping[str, Any])
    await numbers.delete("+12025550134")
    await numbers.get()  # type: ignore[call-arg]
    await numbers.update("+12025550134", display_name=5)  # type: ignore[arg-type]
    numbers.list(service_plan_id="p")  # type: ignore[call-arg]
    numbers.list(service_plan_id="p", campaign_id="c", order_by="name")  # type: ignore[arg-type]
    number.phone_number = "+12025550135"  # type: ignore[misc]


async def qualified_numbers(sinch: SinchHosting, letter: DirectLoa) -> None:
    """Numbers on their way."""
    numbers = sinch.qualified_numbers
    assert_type(await numbers.add(["+12025550134"]), tuple[QualifiedNumber, ...])
    assert_type(await numbers.get("+12025550134"), QualifiedNumber)
    assert_type(numbers.list(states="ELIGIBLE"), Pages[QualifiedNumber])
    several = [QualificationState.ELIGIBLE, "VERIFIED"]
    assert_type(numbers.list(states=several, region_code="US"), Pages[QualifiedNumber])
    assert_type(
        await numbers.text_enable(
            ["+12025550134"],
            region_code="US",
            service_plan_id="p",
            loa=letter,
            scheduled_osr_update_time=datetime.now(UTC),
        ),
        Order,
    )
    assert_type(
        await numbers.text_enable_toll_free(
            iter(["+18335870229"]), region_code="US", service_plan_id="p", loa=letter
        ),
        Order,
    )
    assert_type(await numbers.send_voice_challenge("+12025550134"), QualifiedNumber)
    assert_type(await numbers.verify_voice_challenge("+12025550134", "0123"), QualifiedNumber)
    number = await numbers.wait_until(
        "+12025550134", QualificationState.VERIFIED, "HOSTING_DONE", timeout=60
    )
    assert_type(number, QualifiedNumber)
    assert_type(number.global_process_state, QualificationState)
    assert_type(number.global_process_state.is_failure, bool)
    assert_type(number.osr_eligibility.status, ProvisioningState)
    assert_type(number.hosted_number.status, int | str | None)
    assert_type(number.error, str | None)
    await numbers.delete("+12025550134")
    await numbers.text_enable_toll_free(
        ["+18335870229"],
        region_code="US",
        service_plan_id="p",
        loa=BlanketLoa(),  # type: ignore[arg-type]
    )


async def hosting_orders(sinch: SinchHosting, letter: Letter, reseller: ResellerLoa) -> None:
    """Orders."""
    orders = sinch.hosting_orders
    order = await orders.import_numbers(
        ["+12025550134"], region_code="US", service_plan_id="p", migrate_to_sinch_tmo=True
    )
    assert_type(order, Order)
    assert_type(
        await orders.text_enable(
            ("+12025550134",), region_code="US", service_plan_id="p", loa=letter, nnid="104029"
        ),
        Order,
    )
    assert_type(
        await orders.text_enable_toll_free(
            {"+18335870229"}, region_code="US", service_plan_id="p", loa=reseller
        ),
        Order,
    )
    assert_type(await orders.get("01abc"), Order)
    listed = orders.list(states=COMPLETED, type="IMPORT", service_plan_id="p", campaign_id="c")
    assert_type(listed, Pages[Order])
    assert_type(await orders.report("01abc"), OrderReport)
    numbers = orders.numbers("01abc", osr_update_state="DONE")
    assert_type(numbers, Pages[OrderNumber])
    number = await orders.number("01abc", "+12025550134")
    assert_type(number, OrderNumber)
    assert_type(number.platform_provisioning.state, ProvisioningState)
    assert_type(number.sms_tmo.error_code, str | None)
    assert_type(await orders.wait_all([order], COMPLETED), list[Order])
    assert_type(
        await orders.wait_all([order], "COMPLETED", return_exceptions=True, timeout=5),
        list[Order | Exception],
    )
    await orders.text_enable(
        ["+12025550134"],
        region_code="US",
        service_plan_id="p",
        loa=None,  # type: ignore[arg-type]
    )
    await orders.text_enable(  # type: ignore[call-arg]
        ["+12025550134"], region_code="US", service_plan_id="p"
    )


async def an_order(order: Order) -> None:
    """What an order carries and can do."""
    assert_type(order.hosting_order_id, str)
    assert_type(order.state, OrderState)
    assert_type(order.state.is_terminal, bool)
    assert_type(order.state.is_known, bool)
    assert_type(order.type, OrderType)
    assert_type(order.created_time, datetime | None)
    assert_type(order.text_enable_info.authorised_person, AuthorisedPerson)
    assert_type(order.text_enable_info.address.postal_code, str)
    assert_type(await order.refresh(), Order)
    assert_type(await order.wait_until(COMPLETED), Order)

    def told(seen: Order) -> None:
        assert_type(seen, Order)

    async def told_later(seen: Order) -> None:
        assert_type(seen, Order)

    assert_type(await order.wait_until("COMPLETED", timeout=5, on_update=told), Order)
    assert_type(await order.wait_until(REJECTED, on_update=told_later), Order)
    report = await order.report()
    assert_type(report, OrderReport)
    assert_type(report.total, int | None)
    assert_type(order.numbers(), Pages[OrderNumber])
    order.state = COMPLETED  # type: ignore[misc]
    await order.wait_until(5)  # type: ignore[arg-type]


async def pages(walked: Pages[Order]) -> None:
    """Items, pages, and where to go on."""
    async for order in walked:
        assert_type(order, Order)
    assert_type(walked.pages(), AsyncIterator[Page[Order]])
    async for page in walked.pages():
        assert_type(page, Page[Order])
        assert_type(page.items, tuple[Order, ...])
        assert_type(page.next_page_token, str | None)
        assert_type(page.total_size, int | None)
    assert_type(walked.page_token, str | None)


async def bulk(sinch: SinchHosting, letter: DirectLoa) -> None:
    """Many numbers."""

    def progress(done: BulkProgress) -> None:
        assert_type(done.outcome, Order | FailedChunk | UnknownChunk | None)
        assert_type(done.chunks_done, int)

    orders = sinch.hosting_orders
    result = await orders.import_many(
        (f"+1202555{n:04}" for n in range(100)),
        region_code="US",
        service_plan_id="p",
        chunk_size=5,
        max_concurrency=3,
        on_progress=progress,
    )
    assert_type(result, BulkResult)
    assert_type(result.succeeded, tuple[Order, ...])
    assert_type(result.failed[0].error, Exception)
    assert_type(result.unknown[0].error, OutcomeUnknown)
    assert_type(result.unknown[0].tag, str | None)
    assert_type(result.skipped, tuple[SkippedNumber, ...])
    result.raise_for_failures()
    assert_type(
        await orders.text_enable_many(
            ["+12025550134"], region_code="US", service_plan_id="p", loa=letter
        ),
        BulkResult,
    )
    assert_type(
        await orders.text_enable_toll_free_many(
            ["+18335870229"], region_code="US", service_plan_id="p", loa=letter
        ),
        BulkResult,
    )


async def callback_configuration(sinch: SinchHosting) -> None:
    """The secret, and what it signs."""
    configuration = await sinch.callback_configuration.get()
    assert_type(configuration, CallbackConfiguration)
    assert_type(configuration.hmac_secret, str | None)
    assert_type(await sinch.callback_configuration.update(hmac_secret="s"), CallbackConfiguration)
    assert_type(callbacks.sign(b"{}", "s"), str)
    assert_type(callbacks.verify(b"{}", None, ["new", "old"]), bool)
    event = callbacks.parse(b"{}", "abc", "s")
    assert_type(event, CallbackEvent)
    assert_type(event.status, EventStatus | None)
    assert_type(event.failure_code, FailureCode | None)
    assert_type(event.timestamp, datetime | None)
    callbacks.verify(b"{}", "abc", configuration.hmac_secret)  # type: ignore[arg-type]
    await sinch.callback_configuration.update("s")  # type: ignore[call-arg]


def letters() -> Letter:
    """Every part of a letter is needed."""
    person = AuthorisedPerson(first_name="John", last_name="Smith", email="email@domain.com")
    address = Address(
        building_number="2433",
        street="Vesta Drive",
        city="Chicago",
        state="IL",
        postal_code="60647",
        country="US",
    )
    DirectLoa(authorised_person=person, address=address)  # type: ignore[call-arg]
    ResellerLoa(  # type: ignore[call-arg]
        authorised_person=person, address=address, current_voice_carrier="Verizon"
    )
    return DirectLoa(authorised_person=person, address=address, current_voice_carrier="Verizon")


def errors(error: SinchHostingError) -> None:
    """What an error carries, once its class is known."""
    if isinstance(error, InvalidRequest):
        assert_type(error.field, str)
        assert_type(error.value, object)
        assert_type(error.rule, str)
    elif isinstance(error, RateLimited):
        assert_type(error.retry_after, float | None)
    elif isinstance(error, ApiError):
        assert_type(error.status_code, int)
        assert_type(error.status, str | None)
        assert_type(error.request_id, str | None)
        assert_type(error.headers, Mapping[str, str])
        assert_type(error.message, str)
        assert_type(error.details, tuple[Any, ...])
        assert_type(error.field_violations, tuple[Mapping[str, Any], ...])
    elif isinstance(error, DecodeError):
        assert_type(error.path, str)
        assert_type(error.body, str)
    elif isinstance(error, OrderRejected):
        assert_type(error.order, Order)
    elif isinstance(error, NumberFailed):
        assert_type(error.number, QualifiedNumber | ImportedNumber | OrderNumber)
    elif isinstance(error, TransportError):
        assert_type(error.never_sent, bool)
    elif isinstance(error, OutcomeUnknown):
        assert_type(error.operation, str)
    elif isinstance(error, RelinkFailed):
        assert_type(error.phone_number, str)
    elif isinstance(error, WaitTimeout):
        assert_type(error.timeout, float)


# What a program writes around the client can be annotated with public names alone.


class Service:
    """A class of a program, with two of the resources."""

    def __init__(self, orders: HostingOrders, qualified: QualifiedNumbers) -> None:
        self.orders = orders
        self.qualified = qualified

    async def enable(
        self, numbers: list[str], letter: Letter, **keywords: Unpack[JobArguments]
    ) -> BulkResult:
        """A wrapper that passes a job's keywords on."""
        return await self.orders.text_enable_many(
            numbers, region_code="US", service_plan_id="p", loa=letter, **keywords
        )


async def wrapped(numbers: list[str], sinch: SinchHosting, **all_of: Unpack[ImportMany]) -> None:
    """All keywords at once; each is checked."""
    imported: ImportedNumbers = sinch.imported_numbers
    secrets: CallbackConfigurations = sinch.callback_configuration
    print(imported, secrets)
    service = Service(sinch.hosting_orders, sinch.qualified_numbers)
    letter: Letter = BlanketLoa()
    await service.enable(numbers, letter, job="j", ledger="j.jsonl", on_unknown="hold")
    await service.enable(numbers, letter, on_unknown="never")  # type: ignore[arg-type]
    await service.enable(numbers, letter, jobs="j")  # type: ignore[call-arg]
    assert_type(await sinch.hosting_orders.import_many(numbers, **all_of), BulkResult)
    one: ImportArguments = {"region_code": "US", "service_plan_id": "p"}
    assert_type(await sinch.hosting_orders.import_numbers(numbers, **one), Order)
    many: TextEnableMany = {"region_code": "US", "service_plan_id": "p", "loa": letter}
    many["chunk_size"] = 50
    assert_type(await sinch.hosting_orders.text_enable_many(numbers, **many), BulkResult)
    options: ClientOptions = {"max_concurrency": 3}
    SinchHosting.from_env(**options)


async def onboarded(
    sinch: SinchHosting,
    letter_for: LetterFor,
    voice_code: VoiceCode,
    confirm: Confirm,
    ledger: LedgerPath,
    on_unknown: OnUnknown,
    ready_at: ReadyAt,
) -> None:
    """Steps, outcomes and actions, and what an onboarding is given."""
    onboarding = sinch.onboard(
        ["+12025550134"],
        job="j",
        service_plan_id="p",
        loa=letter_for,
        voice_code=voice_code,
        confirm=confirm,
        ledger=ledger,
        on_unknown=on_unknown,
        ready_at=ready_at,
    )
    plan = await onboarding.plan()
    assert_type(plan.numbers[0].action, Action)
    async for step in onboarding:
        if step.step is Step.ORDERED:
            assert_type(step, OnboardingStep)
    report = await onboarding.run()
    assert_type(report.lines[0].outcome, Outcome)


async def told(order: Order, on_update: OnUpdate[Order], on_progress: OnProgress) -> None:
    """The functions that are called on the way."""
    await order.wait_until(COMPLETED, on_update=on_update)
    on_progress(BulkProgress(numbers=(), outcome=order, chunks_done=1, chunks=1))


async def observed(sinch: SinchHosting) -> None:
    """Other settings, events, telemetry, request ids."""

    def hear(event: ClientEvent) -> None:
        if isinstance(event, OrderChanged):
            assert_type(event.order, Order)
        elif isinstance(event, RetryScheduled):
            assert_type(event.error, Exception)
        else:
            assert_type(event, RequestsPaused | TokenFetched | LetterSent)

    async def hear_later(event: ClientEvent) -> None:
        hear(event)

    listener: OnEvent = hear
    SinchHosting.from_env(on_event=listener, telemetry=Telemetry())
    SinchHosting.from_env(on_event=hear_later, telemetry=False)
    SinchHosting.from_env(telemetry="on")  # type: ignore[arg-type]
    options: CallOptions = {"timeout": 5.0, "retry": RetryPolicy(max_tries=1)}
    assert_type(sinch.with_options(**options), SinchHosting)
    sinch.with_options(poll=PollPolicy())  # type: ignore[call-arg]
    with record_responses() as responses:
        await sinch.hosting_orders.get("01abc")
    assert_type(responses[0], ResponseInfo)
    assert_type(responses[0].request_id, str | None)
    assert_type(responses[0].headers, Mapping[str, str])


def as_json(order: Order, page: Page[OrderNumber]) -> None:
    """JSON, and back."""
    assert_type(order.to_dict(), dict[str, Any])
    assert_type(Order.from_dict({}), Order)
    assert_type(DirectLoa.from_dict({}), DirectLoa)
    assert_type(Page[OrderNumber].from_dict(page.to_dict(), of=OrderNumber), Page[OrderNumber])
    Order.from_dict("{}")  # type: ignore[arg-type]


def builtin_errors() -> None:
    """Some are built-in errors, too."""
    caught: ValueError = InvalidRequest(field="f", value=1, rule="r")
    late: TimeoutError = WaitTimeout("what", timeout=1, last=None)
    print(caught, late)
