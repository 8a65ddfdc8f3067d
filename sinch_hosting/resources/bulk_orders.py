"""The bulk calls of `sinch.hosting_orders` that return one result for all numbers."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Literal, Unpack, overload

from ..models import DirectLoa, Letter, ResellerLoa
from .order_streams import OrderStreams

if TYPE_CHECKING:
    from .._bulk.chunks import Numbers
    from .._bulk.keywords import ImportMany, TextEnableMany, TollFreeMany
    from .._bulk.letters import Confirm
    from .._bulk.order_template import LedgerPath, OnUnknown
    from .._bulk.plan import BulkPlan
    from .._bulk.results import BulkResult, OnProgress, UnknownChunk


class BulkOrders(OrderStreams):
    """Orders for any number of numbers, in one result; `order_streams` says what jobs promise."""

    @overload
    async def import_many(
        self,
        numbers: Numbers,
        *,
        plan: Literal[False] = False,
        **keywords: Unpack[ImportMany],
    ) -> BulkResult: ...

    @overload
    async def import_many(
        self,
        numbers: Numbers,
        *,
        plan: Literal[True],
        **keywords: Unpack[ImportMany],
    ) -> BulkPlan: ...

    async def import_many(
        self,
        numbers: Numbers,
        *,
        region_code: str,
        service_plan_id: str,
        campaign_id: str | None = None,
        display_name: str | None = None,
        callback_url: str | None = None,
        migrate_to_sinch_tmo: bool | None = None,
        chunk_size: int | None = None,
        max_concurrency: int | None = None,
        on_progress: OnProgress | None = None,
        job: str | None = None,
        ledger: LedgerPath | None = None,
        settle: float | None = None,
        grace: float | None = None,
        on_unknown: OnUnknown | None = None,
        retry_rejected: bool = False,
        plan: bool = False,
    ) -> BulkResult | BulkPlan:
        """Import any number of numbers, 5 an order, orders concurrently (`ImportNumbers`).

        Never repeat it blindly without `job`.

        Args:
            numbers: phone numbers of one region, from any iterable or async iterable.
            region_code: as for `import_numbers`.
            service_plan_id: as for `import_numbers`.
            campaign_id: as for `import_numbers`.
            display_name: as for `import_numbers`; a job's tag comes before it.
            callback_url: as for `import_numbers`.
            migrate_to_sinch_tmo: as for `import_numbers`.
            chunk_size: numbers an order, by default and at most the client's `import_limit`.
            max_concurrency: chunks at once, by default the client's.
            on_progress: called, and awaited where it returns an awaitable, after each chunk.
            job: a name with which the same call can be run again safely; see `order_streams`.
            ledger: the path of the job's ledger.
            settle: seconds between the two readings of the lists, 10 by default.
            grace: seconds to look for an order whose answer was lost, 60 by default.
            on_unknown: what to do with an order that cannot be found then, `hold` or `resend`;
                `hold` by default where a letter is mailed or there is no campaign.
            retry_rejected: create REJECTED orders again, with another letter if one is given.
            plan: return a `BulkPlan` of what would be done, and create nothing.

        Returns:
            A `BulkResult`, or a `BulkPlan` with `plan=True`. A chunk that fails does not stop
            the others. Duplicates, and single numbers that the service refuses, are in `skipped`;
            the other numbers of their chunk go into one order.

        Raises:
            InvalidRequest: an argument breaks a rule, or there are no numbers; nothing was sent.
            JobChanged: the job was begun with other numbers or arguments; nothing was sent.
            LedgerLocked: another run holds the ledger; nothing was sent.
        """
        template = self._runs().import_template(
            chunk_size,
            region_code=region_code,
            service_plan_id=service_plan_id,
            campaign_id=campaign_id,
            display_name=display_name,
            callback_url=callback_url,
            migrate_to_sinch_tmo=migrate_to_sinch_tmo,
        )
        return await self._runs().many(
            template,
            numbers,
            max_concurrency,
            on_progress,
            plan=plan,
            job=job,
            ledger=ledger,
            settle=settle,
            grace=grace,
            on_unknown=on_unknown,
            retry_rejected=retry_rejected,
        )

    @overload
    async def text_enable_many(
        self,
        numbers: Numbers,
        *,
        plan: Literal[False] = False,
        **keywords: Unpack[TextEnableMany],
    ) -> BulkResult: ...

    @overload
    async def text_enable_many(
        self,
        numbers: Numbers,
        *,
        plan: Literal[True],
        **keywords: Unpack[TextEnableMany],
    ) -> BulkPlan: ...

    async def text_enable_many(
        self,
        numbers: Numbers,
        *,
        region_code: str,
        service_plan_id: str,
        loa: Letter,
        campaign_id: str | None = None,
        nnid: str | None = None,
        scheduled_osr_update_time: datetime | None = None,
        display_name: str | None = None,
        callback_url: str | None = None,
        migrate_to_sinch_tmo: bool | None = None,
        chunk_size: int | None = None,
        max_concurrency: int | None = None,
        on_progress: OnProgress | None = None,
        job: str | None = None,
        ledger: LedgerPath | None = None,
        settle: float | None = None,
        grace: float | None = None,
        on_unknown: OnUnknown | None = None,
        retry_rejected: bool = False,
        confirm: Confirm | None = None,
        plan: bool = False,
    ) -> BulkResult | BulkPlan:
        """Text-enable any number of local numbers, 500 an order (`TextEnableHostingOrderNumbers`).

        Every order mails its own letter, so larger chunks mean fewer letters to sign. Never repeat
        it blindly without `job`: what is in `unknown` may have mailed its letter.

        Args:
            numbers: phone numbers of one region, from any iterable or async iterable.
            region_code: as for `text_enable`.
            service_plan_id: as for `text_enable`.
            loa: as for `text_enable`.
            campaign_id: as for `text_enable`.
            nnid: as for `text_enable`.
            scheduled_osr_update_time: as for `text_enable`.
            display_name: as for `text_enable`; a job's tag comes before it.
            callback_url: as for `text_enable`.
            migrate_to_sinch_tmo: as for `text_enable`.
            chunk_size: numbers an order, by default and at most 500.
            max_concurrency: chunks at once, by default the client's.
            on_progress: called, and awaited where it returns an awaitable, after each chunk.
            job: a name with which the same call can be run again safely; see `order_streams`.
            ledger: the path of the job's ledger.
            settle: seconds between the two readings of the lists, 10 by default.
            grace: seconds to look for an order whose answer was lost, 60 by default.
            on_unknown: what to do with an order that cannot be found then, `hold` or `resend`;
                `hold` by default where a letter is mailed or there is no campaign.
            retry_rejected: create REJECTED orders again, with another letter if one is given.
            confirm: a function, async or plain, that gets `LettersToSend` before anything is
                sent: who gets how many letters. Unless it returns `True`, `NotConfirmed` is
                raised. Check the signer's e-mail address: a letter cannot be taken back.
            plan: return a `BulkPlan` of what would be done, and create nothing.

        Returns:
            A `BulkResult`, or a `BulkPlan` with `plan=True`. A chunk that fails does not stop
            the others. Duplicates, and single numbers that the service refuses, are in `skipped`;
            the other numbers of their chunk go into one order.

        Raises:
            InvalidRequest: an argument breaks a rule, or there are no numbers; nothing was sent.
            JobChanged: the job was begun with other numbers or arguments; nothing was sent.
            LedgerLocked: another run holds the ledger; nothing was sent.
        """
        template = self._runs().text_enable_template(
            chunk_size,
            region_code=region_code,
            service_plan_id=service_plan_id,
            loa=loa,
            campaign_id=campaign_id,
            nnid=nnid,
            scheduled_osr_update_time=scheduled_osr_update_time,
            display_name=display_name,
            callback_url=callback_url,
            migrate_to_sinch_tmo=migrate_to_sinch_tmo,
        )
        return await self._runs().many(
            template,
            numbers,
            max_concurrency,
            on_progress,
            plan=plan,
            job=job,
            ledger=ledger,
            settle=settle,
            grace=grace,
            on_unknown=on_unknown,
            retry_rejected=retry_rejected,
            confirm=confirm,
        )

    @overload
    async def text_enable_toll_free_many(
        self,
        numbers: Numbers,
        *,
        plan: Literal[False] = False,
        **keywords: Unpack[TollFreeMany],
    ) -> BulkResult: ...

    @overload
    async def text_enable_toll_free_many(
        self,
        numbers: Numbers,
        *,
        plan: Literal[True],
        **keywords: Unpack[TollFreeMany],
    ) -> BulkPlan: ...

    async def text_enable_toll_free_many(
        self,
        numbers: Numbers,
        *,
        region_code: str,
        service_plan_id: str,
        loa: DirectLoa | ResellerLoa,
        scheduled_zipwhip_provisioning_time: datetime | None = None,
        display_name: str | None = None,
        callback_url: str | None = None,
        migrate_to_sinch_tmo: bool | None = None,
        chunk_size: int | None = None,
        max_concurrency: int | None = None,
        on_progress: OnProgress | None = None,
        job: str | None = None,
        ledger: LedgerPath | None = None,
        settle: float | None = None,
        grace: float | None = None,
        on_unknown: OnUnknown | None = None,
        retry_rejected: bool = False,
        confirm: Confirm | None = None,
        plan: bool = False,
    ) -> BulkResult | BulkPlan:
        """Text-enable toll-free numbers, 500 an order (`TextEnableTollFreeHostingOrderNumbers`).

        Every order mails its own letter, so larger chunks mean fewer letters to sign. Never repeat
        it blindly without `job`: what is in `unknown` may have mailed its letter.

        Args:
            numbers: phone numbers of one region, from any iterable or async iterable.
            region_code: as for `text_enable_toll_free`.
            service_plan_id: as for `text_enable_toll_free`.
            loa: as for `text_enable_toll_free`.
            scheduled_zipwhip_provisioning_time: as for `text_enable_toll_free`.
            display_name: as for `text_enable_toll_free`; a job's tag comes before it.
            callback_url: as for `text_enable_toll_free`.
            migrate_to_sinch_tmo: as for `text_enable_toll_free`.
            chunk_size: numbers an order, by default and at most 500.
            max_concurrency: chunks at once, by default the client's.
            on_progress: called, and awaited where it returns an awaitable, after each chunk.
            job: a name with which the same call can be run again safely; see `order_streams`.
            ledger: the path of the job's ledger.
            settle: seconds between the two readings of the lists, 10 by default.
            grace: seconds to look for an order whose answer was lost, 60 by default.
            on_unknown: what to do with an order that cannot be found then, `hold` or `resend`;
                `hold` by default where a letter is mailed or there is no campaign.
            retry_rejected: create REJECTED orders again, with another letter if one is given.
            confirm: a function, async or plain, that gets `LettersToSend` before anything is
                sent: who gets how many letters. Unless it returns `True`, `NotConfirmed` is
                raised. Check the signer's e-mail address: a letter cannot be taken back.
            plan: return a `BulkPlan` of what would be done, and create nothing.

        Returns:
            A `BulkResult`, or a `BulkPlan` with `plan=True`. A chunk that fails does not stop
            the others. Duplicates, and single numbers that the service refuses, are in `skipped`;
            the other numbers of their chunk go into one order.

        Raises:
            InvalidRequest: an argument breaks a rule, or there are no numbers; nothing was sent.
            JobChanged: the job was begun with other numbers or arguments; nothing was sent.
            LedgerLocked: another run holds the ledger; nothing was sent.
        """
        template = self._runs().toll_free_template(
            chunk_size,
            region_code=region_code,
            service_plan_id=service_plan_id,
            loa=loa,
            scheduled_zipwhip_provisioning_time=scheduled_zipwhip_provisioning_time,
            display_name=display_name,
            callback_url=callback_url,
            migrate_to_sinch_tmo=migrate_to_sinch_tmo,
        )
        return await self._runs().many(
            template,
            numbers,
            max_concurrency,
            on_progress,
            plan=plan,
            job=job,
            ledger=ledger,
            settle=settle,
            grace=grace,
            on_unknown=on_unknown,
            retry_rejected=retry_rejected,
            confirm=confirm,
        )

    async def reconcile(
        self,
        unknown: BulkResult | UnknownChunk | Iterable[UnknownChunk] | None = None,
        *,
        ledger: LedgerPath | None = None,
        job: str | None = None,
        settle: float | None = None,
    ) -> BulkResult:
        """Look for orders whose answers were lost (`ListHostingOrders`); it creates nothing.

        Safe to repeat.

        Args:
            unknown: a result, or chunks of `result.unknown`; by default what `ledger` has in
                flight.
            ledger: the path of the job's ledger; what is found is recorded in it.
            job: only this job of the ledger.
            settle: seconds between the two readings of the lists, 10 by default.

        Returns:
            A `BulkResult`. Orders that are found are in `succeeded` (REJECTED ones in `failed`),
            the others stay in `unknown`; run the job with `on_unknown="resend"` to send those.

        Raises:
            InvalidRequest: a chunk has no tag, or there is nothing to look for.
            LedgerLocked: another run holds the ledger.
            LedgerError: the ledger cannot be read or written.
            SinchHostingError: what `list` raises.
        """
        return await self._runs().reconcile(unknown, ledger=ledger, job=job, settle=settle)
