"""What the bulk calls share: the work of each kind of order, and the runs over it."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from contextlib import aclosing
from functools import partial
from typing import Any, TypeVar
from weakref import WeakSet

from attrs import evolve

from .._session.orders_api import OrdersApi, Place
from .._session.requests import TEXT_ENABLE_LIMIT, ImportNumbers, TextEnable, TextEnableTollFree
from .._session.retry import CreateObserver
from ..errors import Conflict, InvalidRequest, NotFound
from ..models import ImportedNumber, Order, QualifiedNumber
from ..models import _checks as check
from ..states import OrderType
from .chunks import Numbers, SkippedNumber, check_source, distinct_numbers
from .ledger import Ledger
from .lost_orders import check_known, reconcile, sought_in, sought_in_ledger
from .many_numbers import concurrency_of
from .order_template import SETTLE, JobOptions, LedgerPath, OrderTemplate, job_options
from .plan import BulkPlan, plan_of
from .refusals import why_not_imported, why_not_qualified
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
Request = ImportNumbers | TextEnable | TextEnableTollFree
Create = Callable[[Any, CreateObserver | None], Awaitable[Order]]
_WHOLE = 10**9
"""The chunk size of single creates: one for all, since a job's tags depend on it."""


class OrderRuns:
    """Makes the work of each operation that creates orders, and runs it."""

    def __init__(self, orders: OrdersApi, *, import_limit: int, max_concurrency: int) -> None:
        self._session = orders.session
        self._orders = orders
        self._import_limit = import_limit
        self._max_concurrency = max_concurrency
        self._live: WeakSet[Run] = WeakSet()

    # ------------------------------------------------------------- the work

    def importing(self, chunk_size: int | None, **arguments: Any) -> OrderTemplate:
        """`ImportNumbers`; raises `InvalidRequest` for what all orders share."""
        migrate = bool(arguments.get("migrate_to_sinch_tmo"))
        return self._work(
            "ImportNumbers",
            ImportNumbers,
            arguments,
            type=OrderType.IMPORT,
            size=_chunk_size(chunk_size, self._import_limit),
            why_not=partial(self._why_not_imported, migrate=migrate),
        )

    def text_enabling(
        self, chunk_size: int | None, *, create: Create | None = None, **arguments: Any
    ) -> OrderTemplate:
        """`TextEnableHostingOrderNumbers`, or the same for qualified numbers with `create`."""
        return self._text_enabling("", TextEnable, chunk_size, create, arguments)

    def text_enabling_toll_free(
        self, chunk_size: int | None, *, create: Create | None = None, **arguments: Any
    ) -> OrderTemplate:
        """`TextEnableTollFreeHostingOrderNumbers`, or for qualified numbers with `create`."""
        return self._text_enabling("TollFree", TextEnableTollFree, chunk_size, create, arguments)

    def _text_enabling(
        self,
        kind: str,
        template: Callable[..., Request],
        chunk_size: int | None,
        create: Create | None,
        arguments: dict[str, Any],
    ) -> OrderTemplate:
        whose = "HostingOrder" if create is None else "Qualified"
        return self._work(
            f"TextEnable{kind}{whose}Numbers",
            template,
            arguments,
            type=OrderType.TEXT_ENABLE,
            size=_chunk_size(chunk_size, TEXT_ENABLE_LIMIT),
            why_not=self._why_not_imported if create is None else self._why_not_qualified,
            create=create,
        )

    def _work(
        self,
        operation: str,
        template: Callable[..., Request],
        arguments: dict[str, Any],
        *,
        type: OrderType,
        size: int,
        why_not: Callable[[str], Awaitable[SkippedNumber | None]],
        create: Create | None = None,
    ) -> OrderTemplate:
        display_name = arguments.pop("display_name", None)
        work = OrderTemplate(
            operation=operation,
            request=partial(template, **arguments),
            create=create or partial(self._orders.create, operation),
            place=Place(
                type=type,
                service_plan_id=arguments["service_plan_id"],
                campaign_id=arguments.get("campaign_id") or "",
            ),
            size=size,
            why_not=why_not,
            display_name=display_name,
            loa=arguments.get("loa"),
        )
        work.sample()
        return work

    async def _why_not_imported(
        self, number: str, *, migrate: bool = False
    ) -> SkippedNumber | None:
        try:
            imported = await self._session.request(
                "GetImportedNumber", ImportedNumber, identifiers={"phone_number": number}
            )
        except NotFound:
            return None
        return why_not_imported(imported, migrate=migrate)

    async def _why_not_qualified(self, number: str) -> SkippedNumber | None:
        try:
            qualified = await self._session.request(
                "GetQualifiedNumber", QualifiedNumber, identifiers={"phone_number": number}
            )
        except NotFound:
            return SkippedNumber(phone_number=number, reason="is not in qualification")
        return why_not_qualified(qualified)

    # ------------------------------------------------------------- the runs

    def stream(
        self, work: OrderTemplate, numbers: Numbers, max_concurrency: int | None, **job: Any
    ) -> AsyncGenerator[ChunkOutcome, None]:
        """The outcomes of a run as they come; checks everything at once, reads nothing yet."""
        check_source(numbers)
        run = self._run(work, job_options(work, **job), max_concurrency)
        return _stream(run, numbers)

    async def many(
        self,
        work: OrderTemplate,
        numbers: Numbers,
        max_concurrency: int | None,
        on_progress: OnProgress | None,
        *,
        plan: bool,
        **job: Any,
    ) -> BulkResult | BulkPlan:
        """The outcomes of a run in one result, or what it would do."""
        options = job_options(work, **job)
        run = self._run(work, options, max_concurrency)
        kept, skipped = await distinct_numbers(numbers)
        if plan:
            planned = await plan_of(work, options, kept, self._orders, self._session.sleep)
            return _with_skipped(planned, skipped)
        outcomes = run.outcomes(kept)
        async with aclosing(outcomes):
            total = -(-len(kept) // work.size)
            return _with_skipped(await collected(outcomes, total, on_progress), skipped)

    async def one(self, work: OrderTemplate, numbers: Iterable[str], **job: Any) -> Order:
        """One order, with the care of a job where there is one; raises why there is none."""
        listed = check.check_phone_numbers(numbers, "numbers", at_most=work.size)
        whole = evolve(work, size=_WHOLE, all_or_nothing=True)
        options = job_options(whole, **job)
        if options is None:
            request = work.request(numbers=listed, display_name=work.display_name)
            return await work.create(request, None)
        outcomes = self._run(whole, options, 1).outcomes(listed)
        async with aclosing(outcomes):
            async for outcome in outcomes:
                return _order_of(outcome, work)
        raise AssertionError("a run over numbers has an outcome")

    def _run(
        self, work: OrderTemplate, options: JobOptions | None, max_concurrency: int | None
    ) -> Run:
        concurrency = concurrency_of(max_concurrency, self._max_concurrency)
        run = Run(work, options, self._orders, self._session, concurrency=concurrency)
        self._live.add(run)
        return run

    def stop(self, reason: str) -> None:
        """See `hosting_orders.stop_runs`."""
        for run in self._live:
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
        book = None if ledger is None else await Ledger.open(ledger, is_new_fine=False)
        try:
            if isinstance(unknown, BulkResult):
                sought = sought_in(unknown.unknown)
            elif unknown is not None:
                sought = sought_in([unknown] if isinstance(unknown, UnknownChunk) else unknown)
            else:
                assert book is not None  # noqa: S101 - one of the two was given
                sought = sought_in_ledger(book, job)
            if book is not None:
                check_known(sought, book)
            sleep = self._session.sleep
            return await reconcile(sought, self._orders, book, settle=seconds, sleep=sleep)
        finally:
            if book is not None:
                await book.close()


async def _stream(run: Run, numbers: Numbers) -> AsyncGenerator[ChunkOutcome, None]:
    outcomes = run.outcomes(numbers)
    async with aclosing(outcomes):
        async for outcome in outcomes:
            yield outcome


Result = TypeVar("Result", BulkResult, BulkPlan)


def _with_skipped(result: Result, skipped: list[SkippedNumber]) -> Result:
    return evolve(result, skipped=(*skipped, *result.skipped))


def _chunk_size(given: int | None, limit: int) -> int:
    if given is None:
        return limit
    if check.check_whole(given, "chunk_size") > limit:
        raise InvalidRequest(field="chunk_size", value=given, rule=f"must be 1 to {limit}")
    return given


def _order_of(outcome: ChunkOutcome, work: OrderTemplate) -> Order:
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
        "; ".join(f"{skipped.phone_number} {skipped.reason}" for skipped in outcome.skipped),
        operation=work.operation,
        status_code=409,
    )
