"""`sinch.onboard`: the call; what it does is loaded when it is called."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .._bulk.letters import Confirm
    from .._bulk.order_runs import OrderRuns
    from .._bulk.order_template import LedgerPath, OnUnknown
    from .._polling.policy import PollPolicy
    from .._polling.watcher import Watcher
    from .._session.orders_api import OrdersApi
    from .._session.session import Session
    from ..resources.imported_numbers import ImportedNumbers
    from ..resources.qualified_numbers import QualifiedNumbers
    from .context import ReadyAt, VoiceCode
    from .onboarding import LetterFor, Onboarding
    from .report import NumberToOnboard


class OnboardCall:
    """The part of the client that onboards numbers, by means of its other parts."""

    imported_numbers: ImportedNumbers
    qualified_numbers: QualifiedNumbers
    _session: Session
    _orders_api: OrdersApi
    _poll: PollPolicy

    if TYPE_CHECKING:

        def _get_runs(self) -> OrderRuns: ...
        def _get_watcher(self) -> Watcher: ...

    def onboard(
        self,
        numbers: Iterable[str | NumberToOnboard],
        *,
        job: str,
        service_plan_id: str,
        loa: LetterFor | None = None,
        campaign_id: str | None = None,
        region_code: str | None = None,
        nnid: str | None = None,
        scheduled_osr_update_time: datetime | None = None,
        scheduled_zipwhip_provisioning_time: datetime | None = None,
        display_name: str | None = None,
        callback_url: str | None = None,
        chunk_size: int = 500,
        ready_at: ReadyAt = "eligible",
        readiness_window: float = 86_400.0,
        voice_code: VoiceCode | None = None,
        relink: bool = False,
        timeout: float | None = None,
        ledger: LedgerPath | None = None,
        settle: float | None = None,
        grace: float | None = None,
        on_unknown: OnUnknown | None = None,
        retry_rejected: bool = False,
        confirm: Confirm | None = None,
        max_letters: int | None = None,
    ) -> Onboarding:
        """Text-enable numbers on a plan and campaign, whatever their state is now.

        Reads each one's state, puts the unknown into qualification (and says once which invoices
        have to be mailed), waits until they may be ordered, text-enables local and toll-free ones
        their own ways (`TextEnableQualifiedNumbers`, `TextEnableTollFreeQualifiedNumbers`), waits
        for completion and verifies each. A number is done once its routing (OSR) is updated and
        it is on the SMS platform, and on the campaign where one is given; an imported one, once
        it is provisioned there. Numbers are grouped by kind, region and letter, then chunked.

        Args:
            numbers: in E.164, or `NumberToOnboard` with a letter or region of its own; from an
                iterable, which is read at once.
            job: 1 to 25 letters; the same job run again goes on where it was.
            service_plan_id: where the numbers shall be.
            loa: the letter, or what returns one for a number; every order mails its own.
            campaign_id: the 10DLC campaign, for local numbers. Without one the vendor generates
                no letter for them, by its own words: that is allowed, and warned of.
            region_code: `US` or `CA`; by default what the service says of each number.
            nnid: a routing id of your own, which the account manager has provisioned before; by
                default the account's or Sinch's own.
            scheduled_osr_update_time: as for `text_enable`.
            scheduled_zipwhip_provisioning_time: as for `text_enable_toll_free`.
            display_name: as for `text_enable`; the job's tag comes before it.
            callback_url: as for `text_enable`.
            chunk_size: numbers an order, at most 500.
            ready_at: `eligible` orders ELIGIBLE numbers of which no proof of ownership is asked
                for; what the service refuses then waits to be VERIFIED, and is not ordered
                again before. `verified` orders only what is VERIFIED.
            readiness_window: seconds that numbers wait for others of their group, a day by
                default: since every order is a letter, fewer orders are fewer letters.
            voice_code: an async or plain function of a number that was rung; returns the code
                that was told, or `None` for a proof by invoice, as for all without it. A slow or
                failing one delays no other number. A run rings each unproven number once.
            relink: move numbers that are imported elsewhere; each is without service meanwhile.
            timeout: seconds after which it ends with what is done; by default without end. Only
                a create that has left by then is waited for, so that its order is not lost.
            ledger: the path of the job's ledger; needed without a campaign and for toll-free
                numbers, and to be recommended wherever letters are mailed.
            settle: seconds between the two readings of the lists, 10 by default.
            grace: seconds to look for an order whose answer was lost, 60 by default.
            on_unknown: `hold` or `resend`; by default `hold` where a letter is mailed, or there
                is no campaign.
            retry_rejected: order again what is in REJECTED orders, or failed to be hosted; with
                `voice_code` also ring again what is VERIFICATION_FAILED.
            confirm: an async or plain function that is shown `LettersToSend`, who gets how many
                letters at least, before anything is sent; unless it returns `True`,
                `NotConfirmed` is raised.
            max_letters: letters that this run mails at most; numbers whose order would mail one
                more fail, and another run may order them. Any number by default.

        A `waiting` step tells for whom a number waits, again each day; each line of the report
        has `waiting_on` and `what_to_do`. It looks as often as the client's `poll` says: by
        default once a minute for each order. `PollPolicy(maximum=3600)` saves requests where
        people take days. After a callback, `notify` lets it look at once.

        Returns an `Onboarding`: iterate over it for its steps, or `await .run()` for the report,
        once; `await .plan()` says what would be done. Raises `InvalidRequest` at once, and
        `JobChanged`, before anything is sent, where the job was begun with other arguments. May
        be ended at any point; safe to repeat with the same job.
        """
        from .context import Context, OnboardingSettings  # noqa: PLC0415
        from .onboarding import begin  # noqa: PLC0415
        from .reader import NumberReader  # noqa: PLC0415

        settings = OnboardingSettings(
            service_plan_id=service_plan_id,
            campaign_id=campaign_id,
            nnid=nnid,
            scheduled_osr_update_time=scheduled_osr_update_time,
            scheduled_zipwhip_provisioning_time=scheduled_zipwhip_provisioning_time,
            display_name=display_name,
            callback_url=callback_url,
            chunk_size=chunk_size,
            ready_at=ready_at,
            readiness_window=readiness_window,
            voice_code=voice_code,
            relink=relink,
            timeout=timeout,
            max_letters=max_letters,
            job=job,
            ledger=ledger,
            settle=settle,
            grace=grace,
            on_unknown=on_unknown,
            retry_rejected=retry_rejected,
            confirm=confirm,
        )
        context = Context(
            settings=settings,
            session=self._session,
            imported=self.imported_numbers,
            qualified=self.qualified_numbers,
            orders=self._orders_api,
            runs=self._get_runs(),
            reader=NumberReader(
                self.qualified_numbers,
                self.imported_numbers,
                self._get_watcher().budget,
                self._session.max_concurrency,
            ),
            poll=self._poll,
        )
        return begin(context, numbers, loa=loa, region_code=region_code)
