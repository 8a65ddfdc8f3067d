"""`sinch.imported_numbers`: numbers that send texts through Sinch, voice stays as it is."""

from __future__ import annotations

import asyncio
import builtins
import logging
from collections.abc import Callable, Iterable, Sequence
from itertools import count
from typing import TYPE_CHECKING, Literal, overload

from .._polling import waits
from .._session.codec import encode
from .._session.operations import by_number
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
from .number_goals import FREE, PROVISIONED, SETTLED, unread_import
from .number_links import imported_otherwise, is_as_patched, is_linked_as, is_settled

if TYPE_CHECKING:
    from .._bulk.chunks import Numbers
    from .._bulk.many_numbers import NumbersResult
    from .._polling.watcher import Watcher

_log = logging.getLogger("sinch_hosting")


class ImportedNumbers:
    """Import, read, list, rename, link, unlink and delete single numbers."""

    def __init__(
        self, session: Session, retry: RetryPolicy, watcher: Callable[[], Watcher]
    ) -> None:
        self._session = session
        self._retry = retry
        self._watcher = watcher

    async def import_number(
        self,
        phone_number: str,
        *,
        region_code: str,
        service_plan_id: str,
        campaign_id: str | None = None,
        display_name: str | None = None,
        callback_url: str | None = None,
        migrate_to_sinch_tmo: bool | None = None,
    ) -> ImportedNumber:
        """Import one number and link it (`ImportNumber`).

        Importing is meant for numbers with an NNID of their own; the account manager has to have
        that NNID provisioned before, or the import fails with `INVALID_NNID`.

        Args:
            phone_number: in E.164, such as `+12025550134`.
            region_code: `US` or `CA`.
            service_plan_id: the service plan to link it to.
            campaign_id: the 10DLC campaign to link it to; none by default.
            display_name: free text.
            callback_url: where events about the number are posted.
            migrate_to_sinch_tmo: `True` where T-Mobile answered 60135, to take the number over
                from another aggregator; sent only where it is given. It is certain for
                `hosting_orders.import_numbers`; for single imports the vendor's example sends it,
                and no more is said.

        Returns:
            The number. Where the answer is lost, it is looked up: with this plan and campaign,
            in force or pending, it is returned; where it is absent the import is sent again. So
            it is safe to repeat: a second import raises `Conflict`.

        Raises:
            InvalidRequest: an argument breaks a rule; nothing was sent.
            Conflict: the number is imported already.
            OutcomeUnknown: the answer was lost, and looking the number up did not help.
            SinchHostingError: what every call raises; see `SinchHosting`.
        """
        request = ImportNumber(
            phone_number=phone_number,
            region_code=region_code,
            sms_configuration=SmsLink(
                service_plan_id=service_plan_id,
                campaign_id=campaign_id,
                migrate_to_sinch_tmo=migrate_to_sinch_tmo,
            ),
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
            raise imported_otherwise(number)
        raise unknown

    async def get(self, phone_number: str) -> ImportedNumber:
        """Read an imported number (`GetImportedNumber`). Safe to repeat.

        Raises:
            InvalidRequest: an argument breaks a rule; nothing was sent.
            NotFound: the number is not imported.
            SinchHostingError: what every call raises; see `SinchHosting`.
        """
        return await self._session.request(
            "GetImportedNumber", ImportedNumber, identifiers=by_number(phone_number)
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
        display_name: str | Unset = UNSET,
        service_plan_id: str | Unset = UNSET,
        campaign_id: str | Unset = UNSET,
        callback_url: str | Unset = UNSET,
    ) -> ImportedNumber:
        """Change the fields that are given, and no others (`UpdateImportedNumber`).

        `""` clears a text; for `service_plan_id` and `campaign_id` it unlinks. A linked number
        has to be unlinked before it can be linked anew, which `relink` does.

        Returns the number as the service tells it. A retried update that is then refused is
        settled by reading the number: where it is as wanted, it is returned.

        Raises `InvalidRequest` where nothing is given and for `None`, `NotFound`, `BadRequest`,
        and what every call raises. Safe to repeat.
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
                identifiers=by_number(phone_number),
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
            "DeleteImportedNumber", type(None), identifiers=by_number(phone_number)
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

        Between the two the number has no service. A number that is linked so already, or is
        about to be, is returned as it is, and one that is free is linked straight away. While
        another plan or campaign is pending the number is left alone until that has ended.

        Args:
            phone_number: in E.164.
            service_plan_id: the service plan to link it to.
            campaign_id: the campaign to link it to; `""` is none.
            timeout: seconds to wait for what is pending, and again for the number to become
                free; `None` is without end.

        Returns the number. Raises `InvalidRequest`, `NotFound`, `WaitTimeout` for what is
        pending, and what `update` raises while the number is still linked; `RelinkFailed` once it
        is unlinked and could not be linked (`__cause__` says why, a `WaitTimeout` among them).
        Safe to repeat.
        """
        link = SmsLink(service_plan_id=service_plan_id, campaign_id=campaign_id)
        if timeout is not None:
            check.check_seconds(timeout, "timeout")
        number = await self.get(phone_number)
        if not is_settled(number) and not is_linked_as(number, link):
            number = await waits.wait_until(self._watcher(), SETTLED, number, timeout=timeout)
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
        unread = unread_import(phone_number)
        try:
            await waits.wait_until(self._watcher(), FREE, unread, timeout=timeout)
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
        relink the rest. Safe to repeat. The numbers come from any iterable or async iterable.
        `timeout` holds for each number; the other arguments are as for `relink`.

        Returns the result of each number; `RelinkFailed` in `failed` marks those without service.
        Raises `InvalidRequest` for a bad argument, or without numbers; nothing was sent.
        """
        from .._bulk.many_numbers import one_by_one  # noqa: PLC0415 - loads when used

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

        Arguments, result and errors are those of `qualified_numbers.delete_many`.
        """
        from .._bulk.many_numbers import concurrency_of, deleted  # noqa: PLC0415 - loads when used

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

        A plan and a campaign that are pending are waited for, too.

        Args:
            phone_number: in E.164.
            timeout: seconds to wait at most; by default without end.

        Returns the number. Raises `NumberFailed` where a provisioning failed, `WaitTimeout`,
        and what `get` raises but for passing failures. Many waits share lists. Safe to repeat
        (`GetImportedNumber`).
        """
        check.check_phone_number(phone_number)
        number = unread_import(phone_number)
        return await waits.wait_until(self._watcher(), PROVISIONED, number, timeout=timeout)

    @overload
    async def wait_all_provisioned(
        self,
        phone_numbers: Iterable[str],
        *,
        service_plan_id: str | None = None,
        campaign_id: str | None = None,
        timeout: float | None = None,
        return_exceptions: Literal[False] = False,
    ) -> builtins.list[ImportedNumber]: ...

    @overload
    async def wait_all_provisioned(
        self,
        phone_numbers: Iterable[str],
        *,
        service_plan_id: str | None = None,
        campaign_id: str | None = None,
        timeout: float | None = None,
        return_exceptions: bool,
    ) -> builtins.list[ImportedNumber | Exception]: ...

    async def wait_all_provisioned(
        self,
        phone_numbers: Iterable[str],
        *,
        service_plan_id: str | None = None,
        campaign_id: str | None = None,
        timeout: float | None = None,
        return_exceptions: bool = False,
    ) -> Sequence[ImportedNumber | Exception]:
        """Wait until all numbers are on their service plan and campaign.

        Args:
            phone_numbers: in E.164.
            service_plan_id: where most of them are likely to be, which saves requests; by
                default that is learnt from the first that are read.
            campaign_id: the same.
            timeout: seconds that each may take; by default without end.
            return_exceptions: return the errors in place instead of raising them.

        Returns the numbers as they were then, in the order given. Waits for all, then raises an
        `ExceptionGroup` of what `wait_until_provisioned` raises, each with its number in
        `.last`. Raises `InvalidRequest` for a single number, and for what is none. Safe to repeat
        (`ListImportedNumbers`); where single numbers take fewer requests, they are read so.
        """
        numbers = [
            unread_import(number, service_plan_id, campaign_id)
            for number in waits.many_numbers(phone_numbers)
        ]
        results = await waits.wait_all(self._watcher(), PROVISIONED, numbers, timeout=timeout)
        return waits.unless_failed(results, "numbers", return_exceptions=return_exceptions)
