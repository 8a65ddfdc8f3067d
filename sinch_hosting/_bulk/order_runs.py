"""The templates of all kinds of orders, and the runs that create orders from them."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import AsyncExitStack, aclosing
from functools import partial
from typing import TypeVar, Unpack
from weakref import WeakSet

from attrs import evolve

from .._reports import few_of
from .._session.orders_api import OrderRequest, OrdersApi
from .._session.requests import TEXT_ENABLE_LIMIT, ImportNumbers, TextEnable, TextEnableTollFree
from ..errors import ApiError, Conflict, InvalidRequest, NotFound
from ..models import ImportedNumber, Order, QualifiedNumber
from ..models import _checks as check
from .chunks import Numbers, SkippedNumber, check_source, distinct_numbers, in_order
from .keywords import ImportArguments, JobArguments, TextEnableArguments, TollFreeArguments
from .letters import Confirm, LettersToSend, ask, check_confirm
from .lost_orders import check_ledger_knows, lost_orders_in, lost_orders_in_ledger, reconcile
from .many_numbers import concurrency_of
from .open_ledger import open_ledger
from .order_template import SETTLE, JobOptions, LedgerPath, OrderTemplate, job_options, place_of
from .plan import BulkPlan, plan_of
from .refusals import (
    MAY_BE_OWN_ORDER,
    Obstacle,
    complains_of_numbers,
    why_not_imported,
    why_not_qualified,
)
from .results import (
    BulkResult,
    ChunkOutcome,
    FailedChunk,
    OnProgress,
    UnknownChunk,
    collected,
)
from .run import Run

_log = logging.getLogger("sinch_hosting")
_WHOLE = 10**9
"""The chunk size of single creates; always the same, since a job's tags depend on it."""


class OrderRuns:
    """Makes the template of each operation that creates orders, and runs it."""

    def __init__(
        self,
        orders: OrdersApi,
        *,
        import_limit: int,
        max_concurrency: int,
        live: WeakSet[Run] | None = None,
    ) -> None:
        self._session = orders.session
        self._orders = orders
        self._import_limit = import_limit
        self._max_concurrency = max_concurrency
        self.live: WeakSet[Run] = WeakSet() if live is None else live
        """The runs that are under way, those of clients that share this one's session as well."""

    # -------------------------------------------------------- the templates

    def import_template(
        self, chunk_size: int | None, **arguments: Unpack[ImportArguments]
    ) -> OrderTemplate:
        """Return the template of `ImportNumbers`; raises `InvalidRequest`."""
        size = _chunk_size(chunk_size, self._import_limit)
        return self._template("ImportNumbers", ImportNumbers(**arguments), size)

    def text_enable_template(
        self,
        chunk_size: int | None,
        *,
        qualified: bool = False,
        **arguments: Unpack[TextEnableArguments],
    ) -> OrderTemplate:
        """Return that of `TextEnableHostingOrderNumbers` or `TextEnableQualifiedNumbers`."""
        name = "TextEnableQualifiedNumbers" if qualified else "TextEnableHostingOrderNumbers"
        size = _chunk_size(chunk_size, TEXT_ENABLE_LIMIT)
        return self._template(name, TextEnable(**arguments), size, qualified=qualified)

    def toll_free_template(
        self,
        chunk_size: int | None,
        *,
        qualified: bool = False,
        **arguments: Unpack[TollFreeArguments],
    ) -> OrderTemplate:
        """Return that of `TextEnableTollFreeHostingOrderNumbers`, or of `…QualifiedNumbers`."""
        whose = "Qualified" if qualified else "HostingOrder"
        size = _chunk_size(chunk_size, TEXT_ENABLE_LIMIT)
        request = TextEnableTollFree(**arguments)
        return self._template(
            f"TextEnableTollFree{whose}Numbers", request, size, qualified=qualified
        )

    def _template(
        self, operation: str, request: OrderRequest, size: int, *, qualified: bool = False
    ) -> OrderTemplate:
        imported = partial(self._why_not_imported, request)
        return OrderTemplate(
            operation=operation,
            request=request,
            create=partial(self._orders.create, operation),
            size=size,
            why_not=self._why_not_qualified if qualified else imported,
        )

    async def _why_not_imported(self, request: OrderRequest, number: str) -> Obstacle | None:
        try:
            imported = await self._session.request(
                "GetImportedNumber", ImportedNumber, identifiers={"phone_number": number}
            )
        except NotFound:
            return None
        migrate = isinstance(request, ImportNumbers) and bool(request.migrate_to_sinch_tmo)
        return why_not_imported(imported, place_of(request), migrate=migrate)

    async def _why_not_qualified(self, number: str) -> Obstacle | None:
        try:
            qualified = await self._session.request(
                "GetQualifiedNumber", QualifiedNumber, identifiers={"phone_number": number}
            )
        except NotFound:
            absent = SkippedNumber(phone_number=number, reason="is not in qualification")
            return Obstacle(absent, may_be_own=False)
        return why_not_qualified(qualified)

    # ------------------------------------------------------------- the runs

    def stream(
        self,
        template: OrderTemplate,
        numbers: Numbers,
        max_concurrency: int | None,
        *,
        confirm: Confirm | None = None,
        **job: Unpack[JobArguments],
    ) -> AsyncGenerator[ChunkOutcome, None]:
        """Give the outcomes of a run as they come; checks the arguments at once."""
        check_source(numbers)
        check_confirm(confirm)
        options = job_options(template, **job)
        return self._run(template, options, max_concurrency, confirm).outcomes(numbers)

    async def many(
        self,
        template: OrderTemplate,
        numbers: Numbers,
        max_concurrency: int | None,
        on_progress: OnProgress | None,
        *,
        plan: bool,
        confirm: Confirm | None = None,
        **job: Unpack[JobArguments],
    ) -> BulkResult | BulkPlan:
        """Return the outcomes of a run in one result, or its plan."""
        check_confirm(confirm)
        options = job_options(template, **job)
        run = self._run(template, options, max_concurrency)
        kept, skipped = await distinct_numbers(numbers)
        if plan:
            planned = await plan_of(template, options, kept, self._orders, self._session.sleep)
            return _with_skipped(planned, skipped, kept)
        await self._confirmed(confirm, template, options, kept)
        outcomes = run.outcomes(kept)
        async with aclosing(outcomes):
            total = -(-len(kept) // template.size)
            result = await collected(outcomes, total, on_progress)
            return _with_skipped(result, skipped, kept)

    async def one(
        self,
        template: OrderTemplate,
        numbers: Iterable[str],
        *,
        confirm: Confirm | None = None,
        **job: Unpack[JobArguments],
    ) -> Order:
        """Create one order, with the protection of a job where there is one."""
        check_confirm(confirm)
        listed = check.check_phone_numbers(numbers, "numbers", at_most=template.size)
        whole = evolve(template, size=_WHOLE, all_or_nothing=True)
        options = job_options(whole, **job)
        await self._confirmed(confirm, whole, options, listed)
        if options is None:
            try:
                return await template.create(template.request_for(listed), None, 0)
            except ApiError as refused:
                if complains_of_numbers(refused, listed):
                    refused.add_note(MAY_BE_OWN_ORDER)
                raise
        outcomes = self._run(whole, options, 1).outcomes(listed)
        async with aclosing(outcomes):
            async for outcome in outcomes:
                return _order_of(outcome, template)
        raise AssertionError("a run over numbers has an outcome")

    async def _confirmed(
        self,
        confirm: Confirm | None,
        template: OrderTemplate,
        options: JobOptions | None,
        numbers: Sequence[str],
    ) -> None:
        """Raise `NotConfirmed` where the letters that would be mailed are not agreed to."""
        if confirm is not None and template.mails_a_letter:
            plan = await plan_of(template, options, numbers, self._orders, self._session.sleep)
            mailed = sum(len(order.numbers) for order in plan.orders if order.creates)
            await ask(confirm, LettersToSend(letters=plan.letters, numbers=mailed))

    def _run(
        self,
        template: OrderTemplate,
        options: JobOptions | None,
        max_concurrency: int | None,
        confirm: Confirm | None = None,
    ) -> Run:
        concurrency = concurrency_of(max_concurrency, self._max_concurrency)
        events, orders = self._session.events, self._orders
        if events is None or events.telemetry is None:
            run = Run(
                template,
                options,
                orders,
                self._session,
                concurrency=concurrency,
                confirm=confirm,
            )
        else:
            from .observed_run import ObservedRun  # noqa: PLC0415 - with telemetry alone

            run = ObservedRun(
                events.telemetry,
                template,
                options,
                orders,
                concurrency=concurrency,
                confirm=confirm,
            )
        self.live.add(run)
        return run

    def stop(self, reason: str) -> None:
        """See `hosting_orders.stop_runs`."""
        for run in self.live:
            run.stop(reason)

    # ---------------------------------------------------------- reconciling

    async def reconcile(
        self,
        unknown: BulkResult | UnknownChunk | Iterable[UnknownChunk] | None,
        *,
        ledger: LedgerPath | None,
        job: str | None,
        settle: float | None,
    ) -> BulkResult:
        """See `hosting_orders.reconcile`."""
        seconds = SETTLE if settle is None else check.check_seconds(settle, "settle")
        if unknown is None and ledger is None:
            raise InvalidRequest(
                field="unknown", value=None, rule="give the unknown chunks, a ledger, or both"
            )
        async with AsyncExitStack() as stack:
            opened = None
            if ledger is not None:
                opened = await open_ledger(
                    ledger,
                    longest_request=self._session.longest_request,
                    job=job,
                    is_new_fine=False,
                )
                stack.push_async_callback(opened.close)
            if isinstance(unknown, BulkResult):
                lost = lost_orders_in(unknown.unknown)
            elif unknown is not None:
                lost = lost_orders_in([unknown] if isinstance(unknown, UnknownChunk) else unknown)
            else:
                assert opened is not None  # noqa: S101 - one of the two was given
                lost = lost_orders_in_ledger(opened, job)
            if opened is not None:
                check_ledger_knows(lost, opened)
            sleep = self._session.sleep
            return await reconcile(lost, self._orders, opened, settle=seconds, sleep=sleep)


Result = TypeVar("Result", BulkResult, BulkPlan)


def _with_skipped(result: Result, skipped: list[SkippedNumber], numbers: Sequence[str]) -> Result:
    return evolve(result, skipped=in_order((*skipped, *result.skipped), numbers))


def _chunk_size(given: int | None, limit: int) -> int:
    if given is None:
        return limit
    if check.check_whole(given, "chunk_size") > limit:
        raise InvalidRequest(field="chunk_size", value=given, rule=f"must be 1 to {limit}")
    return given


def _order_of(outcome: ChunkOutcome, template: OrderTemplate) -> Order:
    if isinstance(outcome.result, Order):
        if outcome.skipped:
            _log.warning(
                "order %s was there already and holds %d numbers, %d of those asked for are not "
                "in it",
                outcome.result.hosting_order_id,
                len(outcome.numbers),
                len(outcome.skipped),
            )
        return outcome.result
    if isinstance(outcome.result, (FailedChunk, UnknownChunk)):
        raise outcome.result.error
    raise Conflict(
        few_of([f"{skipped.phone_number} {skipped.reason}" for skipped in outcome.skipped]),
        operation=template.operation,
        status_code=409,
    )
