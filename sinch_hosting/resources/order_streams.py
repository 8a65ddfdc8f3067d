"""The bulk calls of `sinch.hosting_orders` that give the outcome of each chunk as it comes.

A call with `job=` may be run again, on any machine, and goes on where it was. The `displayName` of
each order begins with a tag: job, chunk, attempt, and a digest of the numbers and arguments. Before
its first create, a run reads the existing orders of its type, plan and campaign. A chunk whose
order exists is adopted: nothing is sent for it. The same job with other numbers or arguments raises
`JobChanged`. With `ledger=`, a file records every create before it is sent and after its answer.
A `postgresql://` address instead of a path keeps these records in a database (extra `[postgres]`).
Then any number of machines may make the same call at the same time: they share its chunks, and one
takes over what another left. All of them get the whole result.

What a run does where it cannot be sure:

| what it sees | what it does |
|---|---|
| an answer that is no refusal of the service (408, 5xx, a proxy's page) | it looks for the order |
| a 409, or a refusal that names numbers | it looks for the order for `grace` seconds |
| an order that shows fewer numbers than were sent | it reads it again, then calls it `unknown` |
| an order of the last day without a tag, and only numbers of a chunk in it | the chunk fails |
| a list that does not end, or shows fewer orders than it counts | it raises `UnreadableList` |

The second row is needed because a proxy may send a create twice, and the first order then causes
the refusal of the second. It is skipped where the numbers were taken before. The fourth row holds
until an order was seen that kept its tag. After the last row nothing is sent.

What is promised: exactly one order a chunk provided that every committed order is listed within
`settle` and `grace`; beyond that, at most one duplicate an attempt for orders without letters,
and for orders with one only where a killed run kept no ledger (with a ledger they are held).
Use a ledger for everything that mails letters.

Not excluded: two first runs of one job at the same moment without a shared ledger, a machine that
stands still within the microseconds between the last check and its network card, tags edited or
cut by the service, old orders dropped from lists, a create that is committed long after its
sender died. A job has one ledger: an older copy does not know what was sent after it
was made.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from datetime import datetime
from typing import TYPE_CHECKING

from ..models import DirectLoa, Letter, ResellerLoa

if TYPE_CHECKING:
    from .._bulk.chunks import Numbers
    from .._bulk.letters import Confirm
    from .._bulk.order_runs import OrderRuns
    from .._bulk.order_template import LedgerPath, OnUnknown
    from .._bulk.results import ChunkOutcome


class OrderStreams:
    """Any number of numbers, chunk by chunk; the module's docstring says what jobs promise."""

    def __init__(self, runs: Callable[[], OrderRuns]) -> None:
        self._runs = runs

    def stop_runs(self, reason: str = "it was stopped") -> None:
        """Let the bulk runs that are under way send nothing more, as before a shutdown.

        Creates that were sent are waited for, so no order is lost. Chunks that were not sent yet
        fail with `RunStopped`. Runs that begin later are not stopped. An onboarding has its own
        `stop`. Safe to repeat.

        Args:
            reason: the text of `RunStopped`.
        """
        self._runs().stop(reason)

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
            job: a name with which the same call can be run again safely; see this module.
            ledger: the path of the job's ledger.
            settle: seconds between the two readings of the lists, 10 by default.
            grace: seconds to look for an order whose answer was lost, 60 by default.
            on_unknown: what to do with an order that cannot be found then, `hold` or `resend`;
                `hold` by default where a letter is mailed or there is no campaign.
            retry_rejected: create REJECTED orders again, with another letter if one is given.

        Returns:
            An async iterator of `ChunkOutcome`, in the order in which chunks are done. It reads
            at most `max_concurrency` chunks ahead; memory grows by about 9 bytes a number, to
            know duplicates. What is no phone number is in `skipped`. Ending the iteration early
            cancels what is under way.

        Raises:
            InvalidRequest: an argument breaks a rule; raised at once, nothing was sent. There
                are no numbers: raised at once, or when that is seen.
            JobChanged: the job was begun with other numbers or arguments. Raised when the
                iteration begins; nothing was sent.
            LedgerLocked: another run holds the ledger. Raised when the iteration begins; nothing
                was sent.
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
        return self._runs().stream(
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
        migrate_to_sinch_tmo: bool | None = None,
        chunk_size: int | None = None,
        max_concurrency: int | None = None,
        job: str | None = None,
        ledger: LedgerPath | None = None,
        settle: float | None = None,
        grace: float | None = None,
        on_unknown: OnUnknown | None = None,
        retry_rejected: bool = False,
        confirm: Confirm | None = None,
    ) -> AsyncGenerator[ChunkOutcome, None]:
        """Text-enable local numbers, chunk by chunk (`TextEnableHostingOrderNumbers`).

        Every order mails a letter. Never repeat it blindly without `job`.

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
            job: a name with which the same call can be run again safely; see this module.
            ledger: the path of the job's ledger.
            settle: seconds between the two readings of the lists, 10 by default.
            grace: seconds to look for an order whose answer was lost, 60 by default.
            on_unknown: what to do with an order that cannot be found then, `hold` or `resend`;
                `hold` by default where a letter is mailed or there is no campaign.
            retry_rejected: create REJECTED orders again, with another letter if one is given.
            confirm: a function, async or plain, that gets `LettersToSend` before each order that
                mails a letter, one order after the other. Unless it returns `True`, nothing is
                sent for the chunk, which fails with `NotConfirmed`.

        Returns:
            An async iterator of `ChunkOutcome`, in the order in which chunks are done. It reads
            at most `max_concurrency` chunks ahead; memory grows by about 9 bytes a number, to
            know duplicates. What is no phone number is in `skipped`. Ending the iteration early
            cancels what is under way.

        Raises:
            InvalidRequest: an argument breaks a rule; raised at once, nothing was sent. There
                are no numbers: raised at once, or when that is seen.
            JobChanged: the job was begun with other numbers or arguments. Raised when the
                iteration begins; nothing was sent.
            LedgerLocked: another run holds the ledger. Raised when the iteration begins; nothing
                was sent.
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
        return self._runs().stream(
            template,
            numbers,
            max_concurrency,
            job=job,
            ledger=ledger,
            settle=settle,
            grace=grace,
            on_unknown=on_unknown,
            retry_rejected=retry_rejected,
            confirm=confirm,
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
        migrate_to_sinch_tmo: bool | None = None,
        chunk_size: int | None = None,
        max_concurrency: int | None = None,
        job: str | None = None,
        ledger: LedgerPath | None = None,
        settle: float | None = None,
        grace: float | None = None,
        on_unknown: OnUnknown | None = None,
        retry_rejected: bool = False,
        confirm: Confirm | None = None,
    ) -> AsyncGenerator[ChunkOutcome, None]:
        """Text-enable toll-free numbers (`TextEnableTollFreeHostingOrderNumbers`).

        Every order mails a letter. Never repeat it blindly without `job`.

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
            job: a name with which the same call can be run again safely; see this module.
            ledger: the path of the job's ledger.
            settle: seconds between the two readings of the lists, 10 by default.
            grace: seconds to look for an order whose answer was lost, 60 by default.
            on_unknown: what to do with an order that cannot be found then, `hold` or `resend`;
                `hold` by default where a letter is mailed or there is no campaign.
            retry_rejected: create REJECTED orders again, with another letter if one is given.
            confirm: a function, async or plain, that gets `LettersToSend` before each order that
                mails a letter, one order after the other. Unless it returns `True`, nothing is
                sent for the chunk, which fails with `NotConfirmed`.

        Returns:
            An async iterator of `ChunkOutcome`, in the order in which chunks are done. It reads
            at most `max_concurrency` chunks ahead; memory grows by about 9 bytes a number, to
            know duplicates. What is no phone number is in `skipped`. Ending the iteration early
            cancels what is under way.

        Raises:
            InvalidRequest: an argument breaks a rule; raised at once, nothing was sent. There
                are no numbers: raised at once, or when that is seen.
            JobChanged: the job was begun with other numbers or arguments. Raised when the
                iteration begins; nothing was sent.
            LedgerLocked: another run holds the ledger. Raised when the iteration begins; nothing
                was sent.
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
        return self._runs().stream(
            template,
            numbers,
            max_concurrency,
            job=job,
            ledger=ledger,
            settle=settle,
            grace=grace,
            on_unknown=on_unknown,
            retry_rejected=retry_rejected,
            confirm=confirm,
        )
