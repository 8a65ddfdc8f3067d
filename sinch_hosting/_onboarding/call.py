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

    if TYPE_CHECKING:  # the client has them
        imported_numbers: ImportedNumbers
        qualified_numbers: QualifiedNumbers
        _session: Session
        _orders_api: OrdersApi
        _poll: PollPolicy

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

        It reads the state of each number, and adds unknown ones to qualification (it says once
        which invoices have to be mailed). It waits until they may be ordered, and text-enables
        them (`TextEnableQualifiedNumbers`, `TextEnableTollFreeQualifiedNumbers`). Then it waits
        for the orders and checks each number. A number is done when its routing (OSR) is updated
        and it is on the SMS platform, and on the campaign where one was given. A number that is
        imported already is done once it is provisioned there. Each order holds either local or
        toll-free numbers, of one region and with one letter.

        It may be ended at any point. Safe to repeat with the same job.

        Args:
            numbers: numbers in E.164, or `NumberToOnboard` for one with its own letter or region.
                The iterable is read at once.
            job: a name of 1 to 25 characters; the same job run again goes on where it was.
            service_plan_id: the service plan to link the numbers to.
            loa: the letter, or a function that returns the letter of a number; every order mails
                its own.
            campaign_id: the 10DLC campaign, for local numbers. The vendor says that it generates
                no letter for them without one: a warning says so.
            region_code: `US` or `CA`; by default what the service says of each number.
            nnid: as for `text_enable`.
            scheduled_osr_update_time: as for `text_enable`.
            scheduled_zipwhip_provisioning_time: as for `text_enable_toll_free`.
            display_name: as for `text_enable`; the job's tag comes before it.
            callback_url: as for `text_enable`.
            chunk_size: numbers an order, at most 500.
            ready_at: `eligible` orders numbers that are ELIGIBLE, unless their ownership still has
                to be verified; a number that the service then refuses waits until it is
                VERIFIED. `verified` orders only numbers that are VERIFIED.
            readiness_window: seconds that ready numbers wait for others, so that they share an
                order; a day by default. Every order mails a letter: fewer orders, fewer letters.
            voice_code: a function, async or plain, that gets a number after the service has
                called it. It returns the code that was said, or `None` to rely on invoices, as
                without this function. If it is slow or raises, other numbers go on. A run calls
                each number once, a few at a time; the next run calls unproven numbers again.
            relink: move numbers that are imported elsewhere; they have no service meanwhile.
            timeout: seconds after which it ends with what is done; without end by default. It
                then waits only for creates that were sent, so that no order is lost.
            ledger: the path of the job's ledger, or the `postgresql://` address of a database:
                then other machines may stand by with the same call, and one does it at a time. It
                is required without a campaign and for toll-free numbers; use one wherever letters
                are mailed.
            settle: seconds between the two readings of the lists, 10 by default.
            grace: seconds to look for an order whose answer was lost, 60 by default.
            on_unknown: `hold` or `resend`; by default `hold` where a letter is mailed, or there
                is no campaign.
            retry_rejected: order numbers of REJECTED orders, and numbers whose hosting failed,
                again; with `voice_code` also call numbers that are VERIFICATION_FAILED again.
            confirm: a function, async or plain, that gets `LettersToSend` before anything is
                sent: who gets how many letters at least. Unless it returns `True`,
                `NotConfirmed` is raised.
            max_letters: the most letters that this run mails, any number by default. Numbers whose
                order would mail one more fail; another run may order them.

        Where it waits, a `waiting` step says for whom, again each day, and each line of the report
        has `waiting_on` and `what_to_do`. The client's `poll` says how often it reads: once a
        minute for each order by default, so `PollPolicy(maximum=3600)` saves requests where people
        take days. `notify` makes it read at once.

        Returns:
            An `Onboarding`: iterate over it once for its steps, or `await .run()` once for the
            report; `await .plan()` says what would be done.

        Raises:
            InvalidRequest: an argument breaks a rule; raised at once, nothing was sent.
            LedgerLocked: another run holds the ledger's file, or has taken over the onboarding.
                Raised when it runs.
            JobChanged: the job was begun with another service plan, campaign or argument. Raised
                when it runs; nothing was sent.
        """
        from .._polling.reads import Reader  # noqa: PLC0415
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
            reader=NumberReader(Reader(self._session, self._poll, self._get_watcher().budget)),
            poll=self._poll,
        )
        return begin(context, numbers, loa=loa, region_code=region_code)
