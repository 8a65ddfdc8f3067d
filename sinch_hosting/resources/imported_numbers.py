"""`sinch.imported_numbers`: numbers that send texts through Sinch, voice stays as it is."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from itertools import count
from typing import Literal

from .._bulk.chunks import Numbers
from .._bulk.many_numbers import NumbersResult, concurrency_of, deleted, one_by_one
from .._polling.policy import PollPolicy, Wait
from .._polling.wakeups import WakeUps
from .._session.codec import encode
from .._session.requests import UNSET, ImportNumber, SmsLink, SmsPatch, Unset, UpdateImportedNumber
from .._session.responses import ListedImportedNumbers, page_of
from .._session.retry import RetryPolicy, exponential
from .._session.session import Session
from ..errors import (
    ApiError,
    Conflict,
    InvalidRequest,
    NotFound,
    OutcomeUnknown,
    RelinkFailed,
    SinchHostingError,
)
from ..models import ImportedNumber
from ..models import _checks as check
from ..models.pages import Page, Pages
from ..states import OpenEnum
from .number_links import is_as_patched, is_free, is_linked_as, is_provisioned

_log = logging.getLogger("sinch_hosting")


class ImportedNumbers:
    """Import, read, list, rename, link, unlink and delete single numbers."""

    def __init__(
        self, session: Session, retry: RetryPolicy, poll: PollPolicy, wakeups: WakeUps
    ) -> None:
        self._session = session
        self._retry = retry
        self._poll = poll
        self._wakeups = wakeups

    async def import_number(
        self,
        phone_number: str,
        *,
        region_code: str,
        service_plan_id: str,
        campaign_id: str | None = None,
        display_name: str | None = None,
        callback_url: str | None = None,
    ) -> ImportedNumber:
        """Import one number and link it (`ImportNumber`).

        Where the answer is lost, the number is looked up. With this plan and campaign it is
        returned; where it is absent the import is sent again. Safe to repeat: a second import
        raises `Conflict`.

        Args:
            phone_number: in E.164, such as `+12025550134`.
            region_code: `US` or `CA`.
            service_plan_id: the service plan to link it to.
            campaign_id: the 10DLC campaign to link it to; none by default.
            display_name: free text.
            callback_url: where events about the number are posted.

        Returns:
            The number.

        Raises:
            InvalidRequest: an argument breaks a rule; nothing was sent.
            Conflict: the number is imported already.
            OutcomeUnknown: the answer was lost, and looking the number up did not help.
            SinchHostingError: what every call raises; see `SinchHosting`.
        """
        request = ImportNumber(
            phone_number=phone_number,
            region_code=region_code,
            sms_configuration=SmsLink(service_plan_id=service_plan_id, campaign_id=campaign_id),
            display_name=display_name,
            callback_url=callback_url,
        )
        try:
            return await self._import(request)
        except OutcomeUnknown as unknown:
            return await self._settle(request, unknown)
        except Conflict as taken:
            taken.add_note(
                "A proxy may have sent this call twice, and the first one may have imported the "
                "number: get() shows its service plan and campaign."
            )
            raise

    async def _import(self, request: ImportNumber) -> ImportedNumber:
        return await self._session.request("ImportNumber", ImportedNumber, body=encode(request))

    async def _settle(self, request: ImportNumber, unknown: OutcomeUnknown) -> ImportedNumber:
        """Look for the number; import it again only where it is not there."""
        pauses = exponential(initial=self._retry.initial, factor=2, maximum=self._retry.maximum)
        for tries in count(1):
            await self._session.sleep(next(pauses))
            try:
                number = await self.get(request.phone_number)
            except NotFound:
                if tries >= self._retry.max_tries:
                    break
                try:
                    return await self._import(request)
                except (OutcomeUnknown, Conflict):
                    continue  # the next look-up tells how it is linked
            except SinchHostingError as failed:
                # A look-up that fails does not show that the number is absent.
                unknown.add_note(f"Looking for the number failed, too: {failed}")
                break
            if number.phone_number != request.phone_number:
                unknown.add_note(f"Looking for it found another number: {number.phone_number!r}")
                break
            if is_linked_as(number, request.sms_configuration):
                return number
            raise _imported_otherwise(number)
        raise unknown

    async def get(self, phone_number: str) -> ImportedNumber:
        """Read an imported number (`GetImportedNumber`). Safe to repeat.

        Raises:
            InvalidRequest: an argument breaks a rule; nothing was sent.
            NotFound: the number is not imported.
            SinchHostingError: what every call raises; see `SinchHosting`.
        """
        return await self._session.request(
            "GetImportedNumber", ImportedNumber, identifiers=_identify(phone_number)
        )

    def list(
        self,
        *,
        service_plan_id: str,
        campaign_id: str,
        region_code: str | None = None,
        pattern: str | None = None,
        search_pattern: Literal["START", "CONTAIN", "END"] | None = None,
        order_by: Literal["createdTime", "updatedTime"] | None = None,
        page_size: int | None = None,
        page_token: str | None = None,
    ) -> Pages[ImportedNumber]:
        """List the imported numbers of a service plan and campaign (`ListImportedNumbers`).

        Safe to repeat.

        Args:
            service_plan_id: required by the service.
            campaign_id: required by the service.
            region_code: `US` or `CA`; both by default.
            pattern: digits to look for, such as `+1732`.
            search_pattern: where `pattern` has to stand; the service decides by default.
            order_by: the service decides by default.
            page_size: numbers a page; the service may give fewer.
            page_token: goes on from a page, see `Pages`.

        Returns:
            `Pages`, which are read while you iterate over them.

        Raises:
            InvalidRequest: an argument breaks a rule; raised at once, nothing was sent.
        """
        query = {
            "servicePlanId": check.check_text(service_plan_id, "service_plan_id"),
            "campaignId": check.check_any_text(campaign_id, "campaign_id"),
            "regionCode": check.optional(region_code, check.check_region, "region_code"),
            "numberPattern.pattern": check.optional(pattern, check.check_text, "pattern"),
            "numberPattern.searchPattern": check.optional(
                search_pattern, check.check_search, "search_pattern"
            ),
            "orderBy": check.optional(order_by, check.check_order, "order_by"),
            "pageSize": check.optional(page_size, check.check_whole, "page_size"),
        }

        async def fetch(state: OpenEnum | None, token: str | None) -> Page[ImportedNumber]:
            answer = await self._session.request(
                "ListImportedNumbers", ListedImportedNumbers, query={**query, "pageToken": token}
            )
            return page_of(answer, answer.imported_numbers)

        return Pages(
            "ListImportedNumbers", fetch, lambda number: number.phone_number, page_token=page_token
        )

    async def update(
        self,
        phone_number: str,
        *,
        display_name: str | Unset | None = UNSET,
        service_plan_id: str | Unset | None = UNSET,
        campaign_id: str | Unset | None = UNSET,
        callback_url: str | Unset | None = UNSET,
    ) -> ImportedNumber:
        """Change the fields that are given, and no others (`UpdateImportedNumber`).

        `""` for `service_plan_id` and `campaign_id` unlinks the number. A linked number has to be
        unlinked before it can be linked again: `relink` does both. `None` is sent as `null`.
        Where an update is retried and then refused, the number is read; if it is as wanted, the
        update has succeeded. Safe to repeat.

        Returns:
            The number as the service shows it.

        Raises:
            InvalidRequest: no field is given, or one breaks a rule; nothing was sent.
            NotFound: the number is not imported.
            BadRequest: the service refuses the change.
            SinchHostingError: what every call raises; see `SinchHosting`.
        """
        sms = SmsPatch(service_plan_id=service_plan_id, campaign_id=campaign_id)
        patch = UpdateImportedNumber(
            display_name=display_name,
            sms_configuration=UNSET if sms == SmsPatch() else sms,
            callback_url=callback_url,
        )
        if patch == UpdateImportedNumber():
            raise InvalidRequest(
                field="update", value=phone_number, rule="name at least one field to change"
            )
        try:
            return await self._session.request(
                "UpdateImportedNumber",
                ImportedNumber,
                identifiers=_identify(phone_number),
                body=encode(patch),
            )
        except ApiError as refused:
            if not refused.after_lost_answer:
                raise
            number = await self.get(phone_number)
            if is_as_patched(number, patch):
                return number
            raise

    async def delete(self, phone_number: str) -> None:
        """Remove a number from Sinch (`DeleteImportedNumber`).

        A retried delete that finds nothing has succeeded. Safe to repeat.

        Raises:
            InvalidRequest: an argument breaks a rule; nothing was sent.
            NotFound: there was no such number from the start.
            SinchHostingError: what every call raises; see `SinchHosting`.
        """
        await self._session.request(
            "DeleteImportedNumber", type(None), identifiers=_identify(phone_number)
        )

    async def relink(
        self,
        phone_number: str,
        *,
        service_plan_id: str,
        campaign_id: str = "",
        timeout: float | None = 600.0,
    ) -> ImportedNumber:
        """Unlink a number, wait until it is free, and link it again (`UpdateImportedNumber`).

        In between the number has no service. A number that already has this link is returned
        unchanged. A number without a link is linked at once. Safe to repeat.

        Args:
            phone_number: in E.164.
            service_plan_id: the service plan to link it to.
            campaign_id: the campaign to link it to; `""` is none.
            timeout: seconds to wait for the number to become free; `None` is without end.

        Returns:
            The number.

        Raises:
            RelinkFailed: the number is unlinked and could not be linked. `__cause__` says why;
                it is a `WaitTimeout` where the time ran out.
            SinchHostingError: what `get` and `update` raise while the number is still linked.
        """
        link = SmsLink(service_plan_id=service_plan_id, campaign_id=campaign_id)
        if timeout is not None:
            check.check_seconds(timeout, "timeout")
        number = await self.get(phone_number)
        if is_linked_as(number, link):
            return number
        try:
            if number.is_linked:
                await self._unlink(phone_number)
            return await self._link(phone_number, link, timeout)
        except asyncio.CancelledError:
            _log.warning("relink was cancelled: %s may be unlinked, without service", phone_number)
            raise

    async def _unlink(self, phone_number: str) -> None:
        try:
            await self.update(phone_number, service_plan_id="", campaign_id="")
        except SinchHostingError as error:
            if error.may_have_been_applied:
                error.add_note(f"{phone_number} may be unlinked, without service: relink it again")
            raise

    async def _link(
        self, phone_number: str, link: SmsLink, timeout: float | None
    ) -> ImportedNumber:
        try:
            await self._wait(phone_number, is_free, "to be free", timeout)
            return await self.update(
                phone_number,
                service_plan_id=link.service_plan_id,
                campaign_id=link.campaign_id or "",
            )
        except SinchHostingError as error:
            raise RelinkFailed(phone_number, error) from error

    async def relink_many(
        self,
        phone_numbers: Numbers,
        *,
        service_plan_id: str,
        campaign_id: str = "",
        timeout: float | None = 600.0,
        max_concurrency: int = 10,
    ) -> NumbersResult[ImportedNumber]:
        """Unlink numbers, wait until each is free, and link it again (`UpdateImportedNumber`).

        A number has no service while it is relinked. By default only ten numbers are relinked at
        once, so a call that is ended early leaves few numbers without service. Call it again to
        relink the rest. Safe to repeat.

        Args:
            phone_numbers: from any iterable or async iterable.
            service_plan_id: as for `relink`.
            campaign_id: as for `relink`.
            timeout: seconds to wait for a number to become free; `None` is without end.
            max_concurrency: numbers that are relinked, and have no service, at the same time.

        Returns:
            The result of each number. `RelinkFailed` in `failed` marks those without service.

        Raises:
            InvalidRequest: an argument breaks a rule, or there are no numbers; nothing was sent.
        """
        SmsLink(service_plan_id=service_plan_id, campaign_id=campaign_id)
        _log.warning("relinking: each number is without service until it is linked again")

        async def relink(number: str) -> ImportedNumber:
            return await self.relink(
                number, service_plan_id=service_plan_id, campaign_id=campaign_id, timeout=timeout
            )

        concurrency = check.check_whole(max_concurrency, "max_concurrency")
        return await one_by_one(phone_numbers, relink, concurrency=concurrency)

    async def delete_many(
        self, phone_numbers: Numbers, *, max_concurrency: int | None = None
    ) -> NumbersResult[str]:
        """Remove any number of numbers from Sinch (`DeleteImportedNumber`). Safe to repeat.

        Args:
            phone_numbers: from any iterable or async iterable.
            max_concurrency: requests at once, by default the client's.

        Returns:
            The result of each number; those that are not there are in `skipped`.

        Raises:
            InvalidRequest: an argument breaks a rule, or there are no numbers; nothing was sent.
        """
        return await deleted(
            phone_numbers,
            self.delete,
            absent="is not imported",
            concurrency=concurrency_of(max_concurrency, self._session.max_concurrency),
        )

    async def wait_until_provisioned(
        self, phone_number: str, *, timeout: float | None = None
    ) -> ImportedNumber:
        """Wait until a number is on its service plan, and on its campaign where it has one.

        Args:
            phone_number: in E.164.
            timeout: seconds to wait at most; by default without end.

        Answers the number. Raises `NumberFailed` where a provisioning failed, `WaitTimeout`,
        and what `get` raises but for passing failures. Safe to repeat (`GetImportedNumber`).
        """
        return await self._wait(phone_number, is_provisioned, "to be provisioned", timeout)

    async def _wait(
        self,
        phone_number: str,
        is_over: Callable[[ImportedNumber], bool],
        what: str,
        timeout: float | None,
    ) -> ImportedNumber:
        check.check_phone_number(phone_number)

        def fetch() -> Awaitable[ImportedNumber]:
            return self.get(phone_number)

        with self._wakeups.listen(phone_number) as wakeup:
            return await Wait(
                fetch=fetch,
                is_over=is_over,
                what=f"{phone_number} {what}",
                policy=self._poll,
                clock=self._session.clock,
                sleep=wakeup.sleep,
                timeout=timeout,
            ).run()


def _identify(phone_number: str) -> dict[str, str]:
    return {"phone_number": check.check_phone_number(phone_number)}


def _imported_otherwise(number: ImportedNumber) -> Conflict:
    sms = number.sms_configuration
    return Conflict(
        f"{number.phone_number} is imported already, with service plan "
        f"{sms.service_plan_id or 'none'} and campaign {sms.campaign_id or 'none'}; "
        "relink changes that",
        operation="ImportNumber",
        status_code=409,
    )
