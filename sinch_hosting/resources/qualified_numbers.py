"""`sinch.qualified_numbers`: the review of numbers, before they are text-enabled."""

from __future__ import annotations

import asyncio
import builtins
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Literal, overload

from .._session.codec import encode
from .._session.operations import by_number
from .._session.orders_api import OrdersApi
from .._session.responses import AddedNumbers, ListedQualifiedNumbers, page_of
from .._session.session import Session
from ..errors import OutcomeUnknown, SinchHostingError
from ..models import DirectLoa, Letter, Order, QualifiedNumber, ResellerLoa
from ..models import _checks as check
from ..models.pages import OnBody, Page, Pages
from ..states import OpenEnum, QualificationState, parse_states

if TYPE_CHECKING:
    from .._bulk.chunks import Numbers
    from .._bulk.letters import Confirm
    from .._bulk.many_numbers import NumbersResult
    from .._bulk.order_runs import OrderRuns
    from .._bulk.order_template import LedgerPath, OnUnknown
    from .._polling.watcher import Watcher

_log = logging.getLogger("sinch_hosting")


class QualifiedNumbers:
    """Have numbers reviewed, prove that they are yours, and text-enable them."""

    def __init__(
        self,
        session: Session,
        api: OrdersApi,
        runs: Callable[[], OrderRuns],
        watcher: Callable[[], Watcher],
    ) -> None:
        self._session = session
        self._api = api
        self._runs = runs
        self._watcher = watcher

    async def add(self, phone_numbers: Iterable[str]) -> tuple[QualifiedNumber, ...]:
        """Start the review of numbers (`AddQualifiedNumbers`).

        Somebody must then e-mail invoices that list the numbers to orders@sinch.com, or prove
        ownership by voice challenge. The review takes 1 to 3 business days. Where the answer is
        lost, each number is looked up; if all are there, the call has succeeded. Not to be
        repeated blindly: numbers that are there already are a `Conflict`.

        Args:
            phone_numbers: in E.164. Each is sent once.

        Returns:
            The numbers as the service shows them, in the order of the input.

        Raises:
            InvalidRequest: an argument breaks a rule; nothing was sent.
            Conflict: a number is in qualification already.
            OutcomeUnknown: the answer was lost, and looking the numbers up did not help.
            SinchHostingError: what every call raises; see `SinchHosting`.
        """
        from .._session.requests import AddNumbers  # noqa: PLC0415 - loads when used

        request = AddNumbers(phone_numbers=phone_numbers)  # type: ignore[arg-type]
        try:
            answer = await self._session.request(
                "AddQualifiedNumbers", AddedNumbers, body=encode(request)
            )
        except OutcomeUnknown as unknown:
            try:
                looks = (self.get(number) for number in request.phone_numbers)
                return tuple(await _gathered(looks))
            except SinchHostingError as failed:
                unknown.add_note(f"Looking for the numbers failed, too: {failed}")
                raise unknown from unknown.__cause__
        place = {number: n for n, number in enumerate(request.phone_numbers)}
        added = answer.qualified_numbers
        return tuple(sorted(added, key=lambda one: place.get(one.phone_number, len(place))))

    async def add_many(
        self,
        phone_numbers: Numbers,
        *,
        chunk_size: int = 500,
        max_concurrency: int | None = None,
    ) -> NumbersResult[QualifiedNumber]:
        """Start the review of any number of numbers (`AddQualifiedNumbers`). Safe to repeat.

        Where an answer is lost, its numbers are looked up, and those that are missing are sent
        again. Where a 400 names numbers, these fail and the others are sent without them. A
        request that fails does not stop the others. Where the first requests get 401 or 403, no
        more are sent, and the remaining numbers fail with `RunStopped`.

        Args:
            phone_numbers: from any iterable or async iterable.
            chunk_size: numbers a request.
            max_concurrency: requests at once, by default the client's.

        Returns:
            The result of each number. Duplicates, and numbers that were there already, are in
            `skipped`; the reason names their state.

        Raises:
            InvalidRequest: an argument breaks a rule, or there are no numbers; nothing was sent.
        """
        from .._bulk.many_numbers import added, concurrency_of  # noqa: PLC0415 - loads when used

        return await added(
            phone_numbers,
            self.add,
            self.get,
            self._session.sleep,
            size=check.check_whole(chunk_size, "chunk_size"),
            concurrency=concurrency_of(max_concurrency, self._session.max_concurrency),
        )

    async def delete_many(
        self, phone_numbers: Numbers, *, max_concurrency: int | None = None
    ) -> NumbersResult[str]:
        """Remove any number of numbers from qualification (`DeleteQualifiedNumber`).

        Safe to repeat.

        Args:
            phone_numbers: from any iterable or async iterable.
            max_concurrency: requests at once, by default the client's.

        Returns:
            The result of each number; those that are not there are in `skipped`.

        Raises:
            InvalidRequest: an argument breaks a rule, or there are no numbers; nothing was sent.
        """
        from .._bulk.many_numbers import concurrency_of, deleted  # noqa: PLC0415 - loads when used

        return await deleted(
            phone_numbers,
            self.delete,
            absent="is not in qualification",
            concurrency=concurrency_of(max_concurrency, self._session.max_concurrency),
        )

    async def get(self, phone_number: str) -> QualifiedNumber:
        """Read how far a number's qualification is (`GetQualifiedNumber`). Safe to repeat.

        Raises:
            InvalidRequest: an argument breaks a rule; nothing was sent.
            NotFound: the number is not in qualification.
            SinchHostingError: what every call raises; see `SinchHosting`.
        """
        return await self._session.request(
            "GetQualifiedNumber", QualifiedNumber, identifiers=by_number(phone_number)
        )

    def list(
        self,
        *,
        states: QualificationState | str | Iterable[QualificationState | str],
        region_code: str | None = None,
        order_by: Literal["createdTime", "updatedTime"] | None = None,
        page_size: int | None = None,
        page_token: str | None = None,
    ) -> Pages[QualifiedNumber]:
        """List numbers by state (`ListQualifiedNumbers`). Safe to repeat.

        Args:
            states: one state or several, as members, wire strings or names (`ELIGIBLE`); several
                are read one after the other in the order of life.
            region_code: `US` or `CA`; both by default.
            order_by: the service decides by default.
            page_size: numbers a page; the service may give fewer.
            page_token: goes on from a page, with exactly one state; see `Pages`.

        Returns:
            `Pages`, which are read while you iterate over them.

        Raises:
            InvalidRequest: an argument breaks a rule; raised at once, nothing was sent.
        """
        query = {
            "regionCode": check.optional(region_code, check.check_region, "region_code"),
            "orderBy": check.optional(order_by, check.check_order, "order_by"),
            "pageSize": check.optional(page_size, check.check_whole, "page_size"),
        }

        async def fetch(
            state: OpenEnum | None, token: str | None, on_body: OnBody | None = None
        ) -> Page[QualifiedNumber]:
            answer = await self._session.request(
                "ListQualifiedNumbers",
                ListedQualifiedNumbers,
                query={"states": state, **query, "pageToken": token},
                on_body=on_body,
            )
            return page_of(answer, answer.qualified_numbers, state)

        return Pages(
            "ListQualifiedNumbers",
            fetch,
            lambda number: number.phone_number,
            states=parse_states(QualificationState, states, "states"),
            page_token=page_token,
        )

    async def delete(self, phone_number: str) -> None:
        """Remove a number from qualification (`DeleteQualifiedNumber`).

        A retried delete that finds nothing has succeeded. Safe to repeat.

        Raises:
            InvalidRequest: an argument breaks a rule; nothing was sent.
            NotFound: there was no such number from the start.
            SinchHostingError: what every call raises; see `SinchHosting`.
        """
        await self._session.request(
            "DeleteQualifiedNumber", type(None), identifiers=by_number(phone_number)
        )

    async def text_enable(
        self,
        numbers: Iterable[str],
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
        job: str | None = None,
        ledger: LedgerPath | None = None,
        settle: float | None = None,
        grace: float | None = None,
        on_unknown: OnUnknown | None = None,
        retry_rejected: bool = False,
        confirm: Confirm | None = None,
    ) -> Order:
        """Text-enable 1 to 500 qualified local numbers (`TextEnableQualifiedNumbers`).

        Arguments, errors and the protection of `job` are those of `hosting_orders.text_enable`.
        It mails a letter (without a campaign the vendor generates none). Never repeat it blindly.

        Returns:
            The order. The service returns its id alone, so the order is read then; where that
            fails, the order has its id and the state `UNSPECIFIED`.
        """
        template = self._runs().text_enable_template(
            None,
            qualified=True,
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
        return await self._runs().one(
            template,
            numbers,
            job=job,
            ledger=ledger,
            settle=settle,
            grace=grace,
            on_unknown=on_unknown,
            retry_rejected=retry_rejected,
            confirm=confirm,
        )

    async def text_enable_toll_free(
        self,
        numbers: Iterable[str],
        *,
        region_code: str,
        service_plan_id: str,
        loa: DirectLoa | ResellerLoa,
        scheduled_zipwhip_provisioning_time: datetime | None = None,
        display_name: str | None = None,
        callback_url: str | None = None,
        migrate_to_sinch_tmo: bool | None = None,
        job: str | None = None,
        ledger: LedgerPath | None = None,
        settle: float | None = None,
        grace: float | None = None,
        on_unknown: OnUnknown | None = None,
        retry_rejected: bool = False,
        confirm: Confirm | None = None,
    ) -> Order:
        """Text-enable 1 to 500 toll-free numbers (`TextEnableTollFreeQualifiedNumbers`).

        Arguments, result, errors and the protection of `job` are those of
        `hosting_orders.text_enable_toll_free`. It mails a letter. Never repeat it blindly.
        """
        template = self._runs().toll_free_template(
            None,
            qualified=True,
            region_code=region_code,
            service_plan_id=service_plan_id,
            loa=loa,
            scheduled_zipwhip_provisioning_time=scheduled_zipwhip_provisioning_time,
            display_name=display_name,
            callback_url=callback_url,
            migrate_to_sinch_tmo=migrate_to_sinch_tmo,
        )
        return await self._runs().one(
            template,
            numbers,
            job=job,
            ledger=ledger,
            settle=settle,
            grace=grace,
            on_unknown=on_unknown,
            retry_rejected=retry_rejected,
            confirm=confirm,
        )

    async def send_voice_challenge(self, phone_number: str) -> QualifiedNumber:
        """Call the number and say a code (`SendVoiceChallenge`).

        It calls a person's phone, so it is never sent again by itself.

        Returns:
            The number.

        Raises:
            InvalidRequest: an argument breaks a rule; nothing was sent.
            NotFound: the number is not in qualification.
            OutcomeUnknown: the answer was lost; the phone may have rung.
            SinchHostingError: what every call raises; see `SinchHosting`.
        """
        return await self._session.request(
            "SendVoiceChallenge", QualifiedNumber, identifiers=by_number(phone_number)
        )

    async def verify_voice_challenge(self, phone_number: str, code: str) -> QualifiedNumber:
        """Prove ownership with the code from the voice call (`VerifyVoiceChallenge`).

        It uses up one of the allowed attempts, so it is never sent again by itself.

        Returns:
            The number; its `global_process_state` says whether the code was right.

        Raises:
            InvalidRequest: an argument breaks a rule; nothing was sent.
            NotFound: the number is not in qualification.
            OutcomeUnknown: the answer was lost; `get` shows the number's state.
            SinchHostingError: what every call raises; see `SinchHosting`.
        """
        from .._session.requests import VerifyVoiceChallenge  # noqa: PLC0415 - loads when used

        return await self._session.request(
            "VerifyVoiceChallenge",
            QualifiedNumber,
            identifiers=by_number(phone_number),
            body=encode(VerifyVoiceChallenge(code=code)),
        )

    async def wait_until(
        self,
        phone_number: str,
        *states: QualificationState | str,
        timeout: float | None = None,
    ) -> QualifiedNumber:
        """Wait until a number has reached one of the states, or has passed it. Safe to repeat.

        Args:
            phone_number: in E.164.
            states: one state or several.
            timeout: seconds to wait at most; by default without end, since a review takes days.

        Returns:
            The number as it was then.

        Raises:
            NumberFailed: it is NOT_ELIGIBLE, VERIFICATION_FAILED, VERIFICATION_BLOCKED or
                HOSTING_FAILED, and reached or passed none of the states.
            WaitTimeout: the time ran out.
            SinchHostingError: what `get` raises, unless it passes (`GetQualifiedNumber`).
        """
        from .._polling import waits  # noqa: PLC0415 - loads when used
        from .number_goals import qualification_goal, unread_qualified  # noqa: PLC0415 - loads when used

        goal = qualification_goal(states)
        (number,) = unread_qualified([phone_number])
        return await waits.wait_until(self._watcher(), goal, number, timeout=timeout)

    @overload
    async def wait_all(
        self,
        phone_numbers: Iterable[str],
        *states: QualificationState | str,
        timeout: float | None = None,
        return_exceptions: Literal[False] = False,
    ) -> builtins.list[QualifiedNumber]: ...

    @overload
    async def wait_all(
        self,
        phone_numbers: Iterable[str],
        *states: QualificationState | str,
        timeout: float | None = None,
        return_exceptions: bool,
    ) -> builtins.list[QualifiedNumber | Exception]: ...

    async def wait_all(
        self,
        phone_numbers: Iterable[str],
        *states: QualificationState | str,
        timeout: float | None = None,
        return_exceptions: bool = False,
    ) -> Sequence[QualifiedNumber | Exception]:
        """Wait until all numbers have reached one of the states or passed it. Safe to repeat.

        Args:
            phone_numbers: in E.164.
            states: one state or several.
            timeout: seconds that each may take; by default without end.
            return_exceptions: return the errors in place instead of raising them.

        Returns:
            The numbers as they were then, in the order given. They are read from lists
            (`ListQualifiedNumbers`), or one by one where that takes fewer requests.

        Raises:
            ExceptionGroup: after all waits have ended, the errors of `wait_until`, each with its
                number in `.last`.
            InvalidRequest: a single number, or what is no number; nothing was sent.
        """
        from .._polling import waits  # noqa: PLC0415 - loads when used
        from .number_goals import qualification_goal, unread_qualified  # noqa: PLC0415 - loads when used

        goal = qualification_goal(states)
        results = await waits.wait_all(
            self._watcher(),
            goal,
            unread_qualified(waits.many_numbers(phone_numbers)),
            timeout=timeout,
        )
        return waits.unless_failed(results, "numbers", return_exceptions=return_exceptions)


async def _gathered(looks: Iterable[Awaitable[QualifiedNumber]]) -> Iterable[QualifiedNumber]:
    """Return all numbers; raise the first error after all look-ups have ended."""
    found = await asyncio.gather(*looks, return_exceptions=True)
    for number in found:
        if isinstance(number, BaseException):
            raise number
    return [number for number in found if isinstance(number, QualifiedNumber)]
