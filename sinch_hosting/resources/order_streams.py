"""The bulk half of `sinch.hosting_orders`, streamed: what becomes of each chunk, as it comes.

A run with `job=` resumes by being run again, from any machine: each order's `displayName`
begins with a tag (job, chunk, attempt, a digest of the numbers and arguments), and a run reads
the existing orders of its type, plan and campaign before its first create; chunks whose order is
there are adopted, not sent. The same job with other numbers or arguments is refused
(`JobChanged`). With `ledger=` a file notes every create before it is sent and after its answer.

Before anything is left out, sent again or called failed, the order is looked for. An answer that
is not the service's own "no" leaves it open what was done (a 408, a 5xx, a proxy's page). A 409, or
a refusal that names numbers, may be made by the order itself, where a proxy sent it twice: unless
its numbers were taken before, such a chunk takes `grace` seconds longer. An order that shows fewer
numbers than were sent is not filled up yet: it is read again, and then `unknown`. Lists that do not
end, or show fewer orders than they count, are `UnreadableList`: then nothing is sent.

What is promised: exactly one order a chunk provided that every committed order is listed within
`settle` and `grace`; beyond that, at most one duplicate an attempt for orders without letters,
and for orders with one only where a killed run kept no ledger (with a ledger they are held).
Give a ledger to everything that mails letters.

Not excluded: two first runs of one job at the same moment without a shared ledger, tags edited or
cut by the service, old orders dropped from lists, a create that is committed long after its
sender died. A job has one ledger: an older copy of it does not know what was in flight after it
was made.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from datetime import datetime

from .._bulk.chunks import Numbers
from .._bulk.order_runs import OrderRuns
from .._bulk.order_template import LedgerPath, OnUnknown
from .._bulk.results import ChunkOutcome
from ..models import DirectLoa, Letter, ResellerLoa


class OrderStreams:
    """Any number of numbers, chunk by chunk; the module's docstring says what jobs promise."""

    def __init__(self, runs: OrderRuns) -> None:
        self._runs = runs

    def stop_runs(self, reason: str = "it was stopped") -> None:
        """Let the bulk runs that are under way send nothing more, as before a shutdown.

        Creates that have left are waited for as ever, so no order is lost; chunks whose turn
        comes later fail with `RunStopped`. An onboarding has a `stop` of its own. Safe to repeat;
        runs that begin later are not concerned.

        Args:
            reason: what `RunStopped` says.
        """
        self._runs.stop(reason)

    def import_stream(
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
        job: str | None = None,
        ledger: LedgerPath | None = None,
        settle: float | None = None,
        grace: float | None = None,
        on_unknown: OnUnknown | None = None,
        retry_rejected: bool = False,
    ) -> AsyncGenerator[ChunkOutcome, None]:
        """Import numbers, chunk by chunk (`ImportNumbers`).

        Args:
            numbers: of one region, from any iterable or async iterable.
            region_code: as for `import_numbers`.
            service_plan_id: as for `import_numbers`.
            campaign_id: as for `import_numbers`.
            display_name: as for `import_numbers`; a job's tag comes before it.
            callback_url: as for `import_numbers`.
            migrate_to_sinch_tmo: as for `import_numbers`.
            chunk_size: numbers an order, by default and at most the client's `import_limit`.
            max_concurrency: chunks at once, by default the client's.
            job: a name that makes the run one that can be run again; see the module.
            ledger: the path of the job's ledger.
            settle: seconds between the two readings of the lists, 10 by default.
            grace: seconds to look for an order whose answer was lost, 60 by default.
            on_unknown: `hold` or `resend` what cannot be found then; by default `hold` where a
                letter is mailed, or there is no campaign.
            retry_rejected: open REJECTED orders anew, with another letter if one is given.

        Returns an async iterator of `ChunkOutcome`, in the order in which chunks are done. No
        more is read than `max_concurrency` chunks, so memory does not grow with the numbers
        (but for 70 bytes each, to know duplicates); what is no phone number is in `skipped`.
        No numbers give no outcome. Breaking off cancels what is under way. Raises `InvalidRequest`
        at once, and when the iteration begins `JobChanged` and `LedgerLocked`; nothing was sent
        then. Not to be repeated blindly without `job`.
        """
        template = self._runs.import_template(
            chunk_size,
            region_code=region_code,
            service_plan_id=service_plan_id,
            campaign_id=campaign_id,
            display_name=display_name,
            callback_url=callback_url,
            migrate_to_sinch_tmo=migrate_to_sinch_tmo,
        )
        return self._runs.stream(
            template,
            numbers,
            max_concurrency,
            job=job,
            ledger=ledger,
            settle=settle,
            grace=grace,
            on_unknown=on_unknown,
            retry_rejected=retry_rejected,
        )

    def text_enable_stream(
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
        chunk_size: int | None = None,
        max_concurrency: int | None = None,
        job: str | None = None,
        ledger: LedgerPath | None = None,
        settle: float | None = None,
        grace: float | None = None,
        on_unknown: OnUnknown | None = None,
        retry_rejected: bool = False,
    ) -> AsyncGenerator[ChunkOutcome, None]:
        """Text-enable local numbers, chunk by chunk (`TextEnableHostingOrderNumbers`).

        Args:
            numbers: of one region, from any iterable or async iterable.
            region_code: as for `text_enable`.
            service_plan_id: as for `text_enable`.
            loa: as for `text_enable`.
            campaign_id: as for `text_enable`.
            nnid: as for `text_enable`.
            scheduled_osr_update_time: as for `text_enable`.
            display_name: as for `text_enable`; a job's tag comes before it.
            callback_url: as for `text_enable`.
            chunk_size: numbers an order, by default and at most 500.
            max_concurrency: chunks at once, by default the client's.
            job: a name that makes the run one that can be run again; see the module.
            ledger: the path of the job's ledger.
            settle: seconds between the two readings of the lists, 10 by default.
            grace: seconds to look for an order whose answer was lost, 60 by default.
            on_unknown: `hold` or `resend` what cannot be found then; by default `hold` where a
                letter is mailed, or there is no campaign.
            retry_rejected: open REJECTED orders anew, with another letter if one is given.

        Returns an async iterator of `ChunkOutcome`, in the order in which chunks are done. No
        more is read than `max_concurrency` chunks, so memory does not grow with the numbers
        (but for 70 bytes each, to know duplicates); what is no phone number is in `skipped`.
        No numbers give no outcome. Breaking off cancels what is under way. Raises `InvalidRequest`
        at once, and when the iteration begins `JobChanged` and `LedgerLocked`; nothing was sent
        then. Never repeat it blindly without `job`.
        """
        template = self._runs.text_enable_template(
            chunk_size,
            region_code=region_code,
            service_plan_id=service_plan_id,
            loa=loa,
            campaign_id=campaign_id,
            nnid=nnid,
            scheduled_osr_update_time=scheduled_osr_update_time,
            display_name=display_name,
            callback_url=callback_url,
        )
        return self._runs.stream(
            template,
            numbers,
            max_concurrency,
            job=job,
            ledger=ledger,
            settle=settle,
            grace=grace,
            on_unknown=on_unknown,
            retry_rejected=retry_rejected,
        )

    def text_enable_toll_free_stream(
        self,
        numbers: Numbers,
        *,
        region_code: str,
        service_plan_id: str,
        loa: DirectLoa | ResellerLoa,
        scheduled_zipwhip_provisioning_time: datetime | None = None,
        display_name: str | None = None,
        callback_url: str | None = None,
        chunk_size: int | None = None,
        max_concurrency: int | None = None,
        job: str | None = None,
        ledger: LedgerPath | None = None,
        settle: float | None = None,
        grace: float | None = None,
        on_unknown: OnUnknown | None = None,
        retry_rejected: bool = False,
    ) -> AsyncGenerator[ChunkOutcome, None]:
        """Text-enable toll-free numbers (`TextEnableTollFreeHostingOrderNumbers`).

        Args:
            numbers: of one region, from any iterable or async iterable.
            region_code: as for `text_enable_toll_free`.
            service_plan_id: as for `text_enable_toll_free`.
            loa: as for `text_enable_toll_free`.
            scheduled_zipwhip_provisioning_time: as for `text_enable_toll_free`.
            display_name: as for `text_enable_toll_free`; a job's tag comes before it.
            callback_url: as for `text_enable_toll_free`.
            chunk_size: numbers an order, by default and at most 500.
            max_concurrency: chunks at once, by default the client's.
            job: a name that makes the run one that can be run again; see the module.
            ledger: the path of the job's ledger.
            settle: seconds between the two readings of the lists, 10 by default.
            grace: seconds to look for an order whose answer was lost, 60 by default.
            on_unknown: `hold` or `resend` what cannot be found then; by default `hold` where a
                letter is mailed, or there is no campaign.
            retry_rejected: open REJECTED orders anew, with another letter if one is given.

        Returns an async iterator of `ChunkOutcome`, in the order in which chunks are done. No
        more is read than `max_concurrency` chunks, so memory does not grow with the numbers
        (but for 70 bytes each, to know duplicates); what is no phone number is in `skipped`.
        No numbers give no outcome. Breaking off cancels what is under way. Raises `InvalidRequest`
        at once, and when the iteration begins `JobChanged` and `LedgerLocked`; nothing was sent
        then. Never repeat it blindly without `job`.
        """
        template = self._runs.toll_free_template(
            chunk_size,
            region_code=region_code,
            service_plan_id=service_plan_id,
            loa=loa,
            scheduled_zipwhip_provisioning_time=scheduled_zipwhip_provisioning_time,
            display_name=display_name,
            callback_url=callback_url,
        )
        return self._runs.stream(
            template,
            numbers,
            max_concurrency,
            job=job,
            ledger=ledger,
            settle=settle,
            grace=grace,
            on_unknown=on_unknown,
            retry_rejected=retry_rejected,
        )
