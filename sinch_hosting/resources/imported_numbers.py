"""`sinch.imported_numbers`: numbers that send texts through Sinch, while voice stays as it is."""

from __future__ import annotations

import builtins
import logging
from collections.abc import Callable, Iterable, Sequence
from itertools import count
from typing import TYPE_CHECKING, Literal, overload

from .._session.codec import encode
from .._session.operations import by_number
from .._session.responses import ListedImportedNumbers, page_of
from .._session.retry import RetryPolicy, exponential
from .._session.session import Session
from .._session.unset import UNSET, Unset
from ..errors import ApiError, Conflict, InvalidRequest, NotFound, OutcomeUnknown, SinchHostingError
from ..models import ImportedNumber
from ..models import _checks as check
from ..models.pages import OnBody, Page, Pages
from ..states import OpenEnum

if TYPE_CHECKING:
    from .._bulk.chunks import Numbers
    from .._bulk.many_numbers import NumbersResult
    from .._polling.watcher import Watcher
    from .._session.requests import ImportNumber

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

        Importing is meant for numbers with an NNID of their own. Your account manager has to
        provision that NNID before; otherwise the import fails with `INVALID_NNID`.

        Where the answer is lost, the number is looked up. If it has this plan and campaign, in
        force or pending, it is returned; if it is absent, the import is sent again. Safe to
        repeat: a second import raises `Conflict`.

        Args:
            phone_number: in E.164, such as `+12025550134`.
            region_code: `US` or `CA`.
            service_plan_id: the service plan to link it to.
            campaign_id: the 10DLC campaign to link it to; none by default.
            display_name: free text.
            callback_url: where events about the number are posted.
            migrate_to_sinch_tmo: `True` where T-Mobile answered 60135, to take the number over
                from another aggregator. It is sent only where it is given. The vendor documents
                it for `hosting_orders.import_numbers`; single imports have it in an example only.

        Returns:
            The number.

        Raises:
            InvalidRequest: an argument breaks a rule; nothing was sent.
            Conflict: the number is imported already.
            OutcomeUnknown: the answer was lost, and looking the number up did not help.
            SinchHostingError: what every call raises; see `SinchHosting`.
        """
        from .._session.requests import ImportNumber, SmsLink  # noqa: PLC0415 - loads when used

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
                "A proxy may have sent this call twice, and the first call may have imported the "
                "number: get() shows its service plan and campaign."
            )
            raise

    async def _import(self, request: ImportNumber) -> ImportedNumber:
        return await self._session.request("ImportNumber", ImportedNumber, body=encode(request))

    async def _settle(self, request: ImportNumber, unknown: OutcomeUnknown) -> ImportedNumber:
        """Look for the number, and import it again only where it is absent."""
        from .number_links import imported_otherwise, is_linked_as  # noqa: PLC0415 - loads when used

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

        async def fetch(
            state: OpenEnum | None, token: str | None, on_body: OnBody | None = None
        ) -> Page[ImportedNumber]:
            answer = await self._session.request(
                "ListImportedNumbers",
                ListedImportedNumbers,
                query={**query, "pageToken": token},
                on_body=on_body,
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

        `""` clears a text; for `service_plan_id` and `campaign_id` it unlinks the number. A linked
        number has to be unlinked before it can be linked again: `relink` does both. Where an
        update is retried and then refused, the number is read; if it is as wanted, the update has
        succeeded. Safe to repeat.

        Returns:
            The number as the service shows it.

        Raises:
            InvalidRequest: no field is given, one is `None`, or one breaks a rule; nothing was
                sent.
            NotFound: the number is not imported.
            BadRequest: the service refuses the change.
            SinchHostingError: what every call raises; see `SinchHosting`.
        """
        from .._session.requests import SmsPatch, UpdateImportedNumber  # noqa: PLC0415 - loads when used
        from .number_links import is_as_patched  # noqa: PLC0415 - loads when used

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

        In between the number has no service. A number that has this link already, in force or
        pending, is returned unchanged. A number without a link is linked at once. While another
        plan or campaign is pending, the number is left as it is until that has ended. Safe to
        repeat.

        Args:
            phone_number: in E.164.
            service_plan_id: the service plan to link it to.
            campaign_id: the campaign to link it to; `""` is none.
            timeout: seconds to wait until nothing is pending, and again until the number is
                free; `None` is without end.

        Returns:
            The number.

        Raises:
            RelinkFailed: the number is unlinked, and could not be linked. `__cause__` says why;
                it is a `WaitTimeout` where the time ran out.
            WaitTimeout: another plan or campaign is still pending; the number is still linked.
            SinchHostingError: what `get` and `update` raise while the number is still linked.
        """
        from .._session.requests import SmsLink  # noqa: PLC0415 - loads when used
        from .relinks import relink  # noqa: PLC0415 - loads when used

        link = SmsLink(service_plan_id=service_plan_id, campaign_id=campaign_id)
        if timeout is not None:
            check.check_seconds(timeout, "timeout")
        return await relink(self, self._watcher, phone_number, link, timeout)

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
            timeout: as for `relink`, for each number.
            max_concurrency: numbers that are relinked, and have no service, at the same time.

        Returns:
            The result of each number. `RelinkFailed` in `failed` marks those without service.

        Raises:
            InvalidRequest: an argument breaks a rule, or there are no numbers; nothing was sent.
        """
        from .._bulk.many_numbers import one_by_one  # noqa: PLC0415 - loads when used
        from .._session.requests import SmsLink  # noqa: PLC0415 - loads when used

        SmsLink(service_plan_id=service_plan_id, campaign_id=campaign_id)
        _log.warning("relinking: each number is without service until it is linked again")

        async def one(number: str) -> ImportedNumber:
            return await self.relink(
                number, service_plan_id=service_plan_id, campaign_id=campaign_id, timeout=timeout
            )

        concurrency = check.check_whole(max_concurrency, "max_concurrency")
        return await one_by_one(phone_numbers, one, concurrency=concurrency)

    async def delete_many(
        self, phone_numbers: Numbers, *, max_concurrency: int | None = None
    ) -> NumbersResult[str]:
        """Remove any number of numbers from Sinch (`DeleteImportedNumber`). Safe to repeat.

        Args:
            phone_numbers: from any iterable or async iterable.
            max_concurrency: requests at once, by default the client's.

        Returns:
            The result of each number; those that are not imported are in `skipped`.

        Raises:
            InvalidRequest: an argument breaks a rule, or there are no numbers; nothing was sent.
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

        It also waits for a plan and a campaign that are pending. Many waits share lists. Safe to
        repeat.

        Args:
            phone_number: in E.164.
            timeout: seconds to wait at most; by default without end.

        Returns:
            The number.

        Raises:
            NumberFailed: a provisioning failed.
            WaitTimeout: the time ran out.
            SinchHostingError: what `get` raises, unless it passes (`GetImportedNumber`).
        """
        from .._polling import waits  # noqa: PLC0415 - loads when used
        from .number_goals import PROVISIONED, unread_import  # noqa: PLC0415 - loads when used

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
        """Wait until all numbers are on their service plan and campaign. Safe to repeat.

        Args:
            phone_numbers: in E.164.
            service_plan_id: the plan that most of them are likely to have, which saves requests;
                by default that is learnt from the first numbers that are read.
            campaign_id: the same for the campaign.
            timeout: seconds that each may take; by default without end.
            return_exceptions: return the errors in place instead of raising them.

        Returns:
            The numbers as they were then, in the order given. They are read from lists
            (`ListImportedNumbers`), or one by one where that takes fewer requests.

        Raises:
            ExceptionGroup: after all waits have ended, the errors of `wait_until_provisioned`,
                each with its number in `.last`.
            InvalidRequest: a single number, or what is no number; nothing was sent.
        """
        from .._polling import waits  # noqa: PLC0415 - loads when used
        from .number_goals import PROVISIONED, unread_import  # noqa: PLC0415 - loads when used

        numbers = [
            unread_import(number, service_plan_id, campaign_id)
            for number in waits.many_numbers(phone_numbers)
        ]
        results = await waits.wait_all(self._watcher(), PROVISIONED, numbers, timeout=timeout)
        return waits.unless_failed(results, "numbers", return_exceptions=return_exceptions)
