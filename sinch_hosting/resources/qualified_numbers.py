"""`sinch.qualified_numbers`: numbers on their way from review to hosting."""

from __future__ import annotations

import asyncio
import builtins
import logging
from collections.abc import Awaitable, Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Literal, overload

from .._bulk.chunks import Numbers
from .._bulk.letters import Confirm
from .._bulk.many_numbers import NumbersResult, added, concurrency_of, deleted
from .._bulk.order_runs import OrderRuns
from .._bulk.order_template import LedgerPath, OnUnknown
from .._polling import waits
from .._polling.sources import QUALIFIED_NUMBERS
from .._polling.waits import Goal
from .._polling.watcher import Watcher
from .._session.codec import encode
from .._session.orders_api import OrdersApi
from .._session.requests import AddNumbers, VerifyVoiceChallenge
from .._session.responses import AddedNumbers, ListedQualifiedNumbers, page_of
from .._session.session import Session
from ..errors import InvalidRequest, NumberFailed, OutcomeUnknown, SinchHostingError
from ..models import DirectLoa, Letter, Order, QualifiedNumber, ResellerLoa
from ..models import _checks as check
from ..models._guidance import advice_on_failed
from ..models.pages import Page, Pages
from ..states import OpenEnum, QualificationState, has_reached, parse_state, parse_states

if TYPE_CHECKING:
    pass

_log = logging.getLogger("sinch_hosting")


class QualifiedNumbers:
    """Have numbers reviewed, prove that they are yours, and text-enable them."""

    def __init__(self, session: Session, api: OrdersApi, runs: OrderRuns, watcher: Watcher) -> None:
        self._session = session
        self._api = api
        self._runs = runs
        self._watcher = watcher

    async def add(self, phone_numbers: Iterable[str]) -> tuple[QualifiedNumber, ...]:
        """Start the review of numbers (`AddQualifiedNumbers`).

        Somebody must then e-mail invoices that list the numbers to orders@sinch.com, or prove
        ownership by voice challenge; the review takes 1 to 3 business days.

        Answers the numbers as the service tells them. Where the answer is lost, each number is
        looked up: where all are there they are answered.

        Raises `InvalidRequest` before anything is sent, `OutcomeUnknown` where a lost answer
        could not be settled, and what every call raises. Not to be repeated blindly.
        """
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
        return answer.qualified_numbers

    async def add_many(
        self,
        phone_numbers: Numbers,
        *,
        chunk_size: int = 500,
        max_concurrency: int | None = None,
    ) -> NumbersResult[QualifiedNumber]:
        """Start the review of any number of numbers (`AddQualifiedNumbers`).

        Args:
            phone_numbers: from any iterable or async iterable.
            chunk_size: numbers a request.
            max_concurrency: requests at once, by default the client's.

        Answers what became of each: those that were there already are in `skipped` with their
        state, as are duplicates. Where an answer is lost, its numbers are looked up and those
        that are missing are sent again. Numbers that a 400 names fail, and the others are sent
        without them. One request's failure stops no other, but where the first are answered 401
        or 403 no more are sent: the rest failed with `RunStopped`. Raises
        `InvalidRequest` before anything is sent, also for no numbers at all. Safe to repeat.
        """
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
        """Take any number of numbers out of qualification (`DeleteQualifiedNumber`).

        Args:
            phone_numbers: from any iterable or async iterable.
            max_concurrency: requests at once, by default the client's.

        Answers what became of each; those that are not there are in `skipped`. Raises
        `InvalidRequest` before anything is sent, also for no numbers at all. Safe to repeat.
        """
        return await deleted(
            phone_numbers,
            self.delete,
            absent="is not in qualification",
            concurrency=concurrency_of(max_concurrency, self._session.max_concurrency),
        )

    async def get(self, phone_number: str) -> QualifiedNumber:
        """Read a number's way through qualification (`GetQualifiedNumber`).

        Raises `InvalidRequest`, `NotFound`, and what every call raises. Safe to repeat.
        """
        return await self._session.request(
            "GetQualifiedNumber", QualifiedNumber, identifiers=_identify(phone_number)
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
        """List numbers by state (`ListQualifiedNumbers`).

        Args:
            states: one state or several, as members, wire strings or names (`ELIGIBLE`); several
                are read one after the other in the order of life.
            region_code: `US` or `CA`; both by default.
            order_by: the service decides by default.
            page_size: numbers a page; the service may give fewer.
            page_token: goes on from a page, with exactly one state; see `Pages`.

        Answers `Pages`, read as they are walked. Raises `InvalidRequest` at once. Safe to
        repeat.
        """
        query = {
            "regionCode": check.optional(region_code, check.check_region, "region_code"),
            "orderBy": check.optional(order_by, check.check_order, "order_by"),
            "pageSize": check.optional(page_size, check.check_whole, "page_size"),
        }

        async def fetch(state: OpenEnum | None, token: str | None) -> Page[QualifiedNumber]:
            answer = await self._session.request(
                "ListQualifiedNumbers",
                ListedQualifiedNumbers,
                query={"states": state, **query, "pageToken": token},
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
        """Take a number out of qualification (`DeleteQualifiedNumber`).

        A retried delete that finds nothing has succeeded. Raises `InvalidRequest`, `NotFound`
        where there was no such number from the start, and what every call raises. Safe to
        repeat.
        """
        await self._session.request(
            "DeleteQualifiedNumber", type(None), identifiers=_identify(phone_number)
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
        job: str | None = None,
        ledger: LedgerPath | None = None,
        settle: float | None = None,
        grace: float | None = None,
        on_unknown: OnUnknown | None = None,
        retry_rejected: bool = False,
        confirm: Confirm | None = None,
    ) -> Order:
        """Text-enable 1 to 500 qualified local numbers (`TextEnableQualifiedNumbers`).

        The arguments are those of `hosting_orders.text_enable`, the care of `job` included; so
        are the errors. The service
        answers an id alone: the order is then read, and where that fails it still comes back,
        with its id and the state `UNSPECIFIED`. Mails a letter: never repeat it blindly.
        """
        template = self._runs.text_enable_template(
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
        )
        return await self._runs.one(
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
        job: str | None = None,
        ledger: LedgerPath | None = None,
        settle: float | None = None,
        grace: float | None = None,
        on_unknown: OnUnknown | None = None,
        retry_rejected: bool = False,
        confirm: Confirm | None = None,
    ) -> Order:
        """Text-enable 1 to 500 toll-free numbers (`TextEnableTollFreeQualifiedNumbers`).

        The arguments are those of `hosting_orders.text_enable_toll_free`, the care of `job`
        included; so are the errors.
        Mails a letter: never repeat it blindly.
        """
        template = self._runs.toll_free_template(
            None,
            qualified=True,
            region_code=region_code,
            service_plan_id=service_plan_id,
            loa=loa,
            scheduled_zipwhip_provisioning_time=scheduled_zipwhip_provisioning_time,
            display_name=display_name,
            callback_url=callback_url,
        )
        return await self._runs.one(
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
        """Ring the number and tell a code (`SendVoiceChallenge`).

        Rings a person's phone, so it is never sent again by itself. Answers the number. Raises
        `InvalidRequest`, `NotFound`, `OutcomeUnknown` where the answer was lost (the phone may
        have rung), and what every call raises.
        """
        return await self._session.request(
            "SendVoiceChallenge", QualifiedNumber, identifiers=_identify(phone_number)
        )

    async def verify_voice_challenge(self, phone_number: str, code: str) -> QualifiedNumber:
        """Prove ownership with the code that was told (`VerifyVoiceChallenge`).

        Burns an attempt, so it is never sent again by itself. Answers the number; its
        `global_process_state` says whether the code was right. Raises `InvalidRequest`,
        `NotFound`, `OutcomeUnknown` where the answer was lost (`get` tells what became of it),
        and what every call raises.
        """
        return await self._session.request(
            "VerifyVoiceChallenge",
            QualifiedNumber,
            identifiers=_identify(phone_number),
            body=encode(VerifyVoiceChallenge(code=code)),
        )

    async def wait_until(
        self,
        phone_number: str,
        *states: QualificationState | str,
        timeout: float | None = None,
    ) -> QualifiedNumber:
        """Wait until a number has reached one of the states, or has passed it.

        Args:
            phone_number: in E.164.
            states: one state or several.
            timeout: seconds to wait at most; by default without end, since a review takes days.

        Returns the number as it was then. Raises `NumberFailed` on NOT_ELIGIBLE,
        VERIFICATION_FAILED, VERIFICATION_BLOCKED and HOSTING_FAILED where none of the states
        was reached or passed, `WaitTimeout`, and what `get` raises but for passing failures.
        Many waits share lists. Safe to repeat (`GetQualifiedNumber`, `ListQualifiedNumbers`).
        """
        goal = _goal(states)
        (number,) = _bare([phone_number])
        return await waits.wait_until(self._watcher, goal, number, timeout=timeout)

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
        """Wait until all numbers have reached one of the states, or have passed it.

        Args:
            phone_numbers: in E.164.
            states: one state or several.
            timeout: seconds that each may take; by default without end.
            return_exceptions: return the errors in place instead of raising them.

        Returns the numbers as they were then, in the order given. Waits for all, then raises an
        `ExceptionGroup` of what `wait_until` raises, each with its number in `.last`. Raises
        `InvalidRequest` for a single number, and for what is none. Safe to repeat
        (`ListQualifiedNumbers`, and `GetQualifiedNumber` where that takes fewer requests).
        """
        goal = _goal(states)
        results = await waits.wait_all(
            self._watcher, goal, _bare(waits.many_numbers(phone_numbers)), timeout=timeout
        )
        return waits.unless_failed(results, "numbers", return_exceptions=return_exceptions)


def _goal(states: Sequence[QualificationState | str]) -> Goal[QualifiedNumber]:
    if not states:
        raise InvalidRequest(field="states", value=states, rule="at least one state")
    wanted = [parse_state(QualificationState, state, "states") for state in states]
    return Goal(
        source=QUALIFIED_NUMBERS,
        is_over=lambda number: _is_over(number, wanted),
        wanted=" or ".join(state.name for state in wanted),
    )


def _bare(phone_numbers: Iterable[str]) -> builtins.list[QualifiedNumber]:
    return [
        QualifiedNumber(phone_number=check.check_phone_number(number)) for number in phone_numbers
    ]


def _identify(phone_number: str) -> dict[str, str]:
    return {"phone_number": check.check_phone_number(phone_number)}


def _is_over(number: QualifiedNumber, wanted: Iterable[QualificationState]) -> bool:
    here = number.global_process_state
    for state in wanted:
        if here == state:
            return True
        # NOT_ELIGIBLE stands where ELIGIBLE does, and does not count as having passed it.
        if has_reached(here, state) and not (here.is_failure and has_reached(state, here)):
            return True
    if here.is_failure:
        why = f": {number.error}" if number.error else ""
        raise NumberFailed(number, f"is {here.name}{why}", advice_on_failed(here))
    return False


async def _gathered(looks: Iterable[Awaitable[QualifiedNumber]]) -> Iterable[QualifiedNumber]:
    """All the answers, or the first error once none of the look-ups is under way any more."""
    found = await asyncio.gather(*looks, return_exceptions=True)
    for answer in found:
        if isinstance(answer, BaseException):
            raise answer
    return [answer for answer in found if isinstance(answer, QualifiedNumber)]
