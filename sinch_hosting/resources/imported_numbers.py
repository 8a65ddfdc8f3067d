"""`sinch.imported_numbers`: numbers that text through Sinch and stay with their carrier."""

from __future__ import annotations

import asyncio
import builtins
import logging
from collections.abc import Iterable, Sequence
from itertools import count
from typing import Literal, overload

from .._bulk.chunks import Numbers
from .._bulk.many_numbers import NumbersResult, concurrency_of, deleted, one_by_one
from .._polling import waits
from .._polling.sources import IMPORTED_NUMBERS
from .._polling.waits import Goal
from .._polling.watcher import Watcher
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
    NumberFailed,
    OutcomeUnknown,
    RelinkFailed,
    SinchHostingError,
)
from ..models import ImportedNumber, Provisioning, SmsConfiguration
from ..models import _checks as check
from ..models.pages import Page, Pages
from ..states import OpenEnum, ProvisioningState, ProvisioningType

_log = logging.getLogger("sinch_hosting")


class ImportedNumbers:
    """Import single numbers, look at them, rename, link, unlink and delete them."""

    def __init__(self, session: Session, retry: RetryPolicy, watcher: Watcher) -> None:
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
    ) -> ImportedNumber:
        """Import one number and link it (`ImportNumber`).

        Args:
            phone_number: in E.164, such as `+12025550134`.
            region_code: `US` or `CA`.
            service_plan_id: the service plan to link it to.
            campaign_id: the 10DLC campaign to link it to; none by default.
            display_name: free text.
            callback_url: where events about the number are posted.

        Answers the number. Where the answer is lost, the number is looked up: with this plan
        and campaign it is answered, where it is absent the import is sent again.

        Raises `InvalidRequest` before anything is sent, `Conflict` where the number is
        imported already, `OutcomeUnknown` where a lost answer could not be settled, and what
        every call raises (see `SinchHosting`). Safe to repeat: a second import is a `Conflict`.
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
                "The number may be imported by this very call, where a proxy sent it twice: get() "
                "tells its service plan and campaign."
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
                    continue  # the next look tells whose it is
            except SinchHostingError as failed:
                # A look-up that fails is not an absence; the cause stays what took the answer.
                unknown.add_note(f"Looking for the number failed, too: {failed}")
                break
            if number.phone_number != request.phone_number:
                unknown.add_note(f"Looking for it found another number: {number.phone_number!r}")
                break
            if _is_linked_as(number, request.sms_configuration):
                return number
            raise _imported_otherwise(number)
        raise unknown

    async def get(self, phone_number: str) -> ImportedNumber:
        """Read an imported number (`GetImportedNumber`).

        Raises `InvalidRequest`, `NotFound`, and what every call raises. Safe to repeat.
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

        Args:
            service_plan_id: required by the service.
            campaign_id: required by the service.
            region_code: `US` or `CA`; both by default.
            pattern: digits to look for, such as `+1732`.
            search_pattern: where `pattern` has to stand; the service decides by default.
            order_by: the service decides by default.
            page_size: numbers a page; the service may give fewer.
            page_token: goes on from a page, see `Pages`.

        Answers `Pages`, read as they are walked. Raises `InvalidRequest` at once. Safe to
        repeat.
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

        `""` for `service_plan_id` and `campaign_id` unlinks; a linked number has to be
        unlinked before it can be linked anew, which `relink` does.

        Answers the number as the service tells it. A retried update that is then refused is
        settled by reading the number: where it is as wanted, it is answered.

        Raises `InvalidRequest` where nothing is given, `NotFound`, `BadRequest`, and what every
        call raises. Safe to repeat.
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
            if _is_as_patched(number, patch):
                return number
            raise

    async def delete(self, phone_number: str) -> None:
        """Take a number out of Sinch (`DeleteImportedNumber`).

        A retried delete that finds nothing has succeeded. Raises `InvalidRequest`, `NotFound`
        where there was no such number from the start, and what every call raises. Safe to
        repeat.
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
        """Unlink a number, wait until it is free, and link it anew (`UpdateImportedNumber`).

        Between the two the number has no service. A number that is linked so already is
        answered as it is, and one that is free is linked straight away.

        Args:
            phone_number: in E.164.
            service_plan_id: the service plan to link it to.
            campaign_id: the campaign to link it to; `""` is none.
            timeout: seconds to wait for the number to become free; `None` is without end.

        Answers the number. Raises `InvalidRequest`, `NotFound`, and what `update` raises while
        the number is still linked; `RelinkFailed` once it is unlinked and could not be linked
        (`__cause__` says why, a `WaitTimeout` among them). Safe to repeat.
        """
        link = SmsLink(service_plan_id=service_plan_id, campaign_id=campaign_id)
        if timeout is not None:
            check.check_seconds(timeout, "timeout")
        number = await self.get(phone_number)
        if _is_linked_as(number, link):
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
            await waits.wait_until(self._watcher, _FREE, _bare(phone_number), timeout=timeout)
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
        """Unlink numbers, wait until each is free, and link it anew (`UpdateImportedNumber`).

        A number that is being relinked is without service in between: by default ten are at
        once, so that a run that is ended leaves few of them so. Run again, it goes on with those.

        Args:
            phone_numbers: from any iterable or async iterable.
            service_plan_id: as for `relink`.
            campaign_id: as for `relink`.
            timeout: seconds to wait for a number to become free; `None` is without end.
            max_concurrency: numbers at once, and so without service at once.

        Answers what became of each; `RelinkFailed` in `failed` marks those that are unlinked now.
        Raises `InvalidRequest` before anything is sent, also for no numbers at all. Safe to
        repeat.
        """
        SmsLink(service_plan_id=service_plan_id, campaign_id=campaign_id)
        _log.warning("relinking: each number is without service until it is linked anew")

        async def relink(number: str) -> ImportedNumber:
            return await self.relink(
                number, service_plan_id=service_plan_id, campaign_id=campaign_id, timeout=timeout
            )

        concurrency = check.check_whole(max_concurrency, "max_concurrency")
        return await one_by_one(phone_numbers, relink, concurrency=concurrency)

    async def delete_many(
        self, phone_numbers: Numbers, *, max_concurrency: int | None = None
    ) -> NumbersResult[str]:
        """Take any number of numbers out of Sinch (`DeleteImportedNumber`).

        Args:
            phone_numbers: from any iterable or async iterable.
            max_concurrency: requests at once, by default the client's.

        Answers what became of each; those that are not there are in `skipped`. Raises
        `InvalidRequest` before anything is sent, also for no numbers at all. Safe to repeat.
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

        Returns the number. Raises `NumberFailed` where a provisioning failed, `WaitTimeout`,
        and what `get` raises but for passing failures. Many waits share lists. Safe to repeat
        (`GetImportedNumber`, `ListImportedNumbers`).
        """
        check.check_phone_number(phone_number)
        number = _bare(phone_number)
        return await waits.wait_until(self._watcher, _PROVISIONED, number, timeout=timeout)

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
        `.last`. Raises `InvalidRequest` for a single number, and for what is none. Safe to
        repeat (`ListImportedNumbers`, and `GetImportedNumber` where that takes fewer requests).
        """
        numbers = [
            _bare(number, service_plan_id, campaign_id)
            for number in waits.many_numbers(phone_numbers)
        ]
        results = await waits.wait_all(self._watcher, _PROVISIONED, numbers, timeout=timeout)
        return waits.unless_failed(results, "numbers", return_exceptions=return_exceptions)


def _identify(phone_number: str) -> dict[str, str]:
    return {"phone_number": check.check_phone_number(phone_number)}


def _plan_and_campaign(number: ImportedNumber) -> tuple[str, str]:
    """What the number is linked to, or is about to be: what is pending comes first."""
    sms = number.sms_configuration
    plan = number.pending_service_plan_id or sms.service_plan_id
    campaign = number.pending_campaign_id or sms.campaign_id
    return plan or "", campaign or ""


def _is_linked_as(number: ImportedNumber, link: SmsLink) -> bool:
    return _plan_and_campaign(number) == (link.service_plan_id, link.campaign_id or "")


def _imported_otherwise(number: ImportedNumber) -> Conflict:
    plan, campaign = _plan_and_campaign(number)
    return Conflict(
        f"{number.phone_number} is imported already, with service plan "
        f"{plan or 'none'} and campaign {campaign or 'none'}; "
        "relink changes that",
        operation="ImportNumber",
        status_code=409,
    )


def _is_as_patched(number: ImportedNumber, patch: UpdateImportedNumber) -> bool:
    """Whether a number has all that a patch names; an absent text is an empty one."""
    sms = patch.sms_configuration
    wanted = [
        (patch.display_name, number.display_name),
        (patch.callback_url, number.callback_url),
    ]
    if isinstance(sms, SmsPatch):
        plan, campaign = _plan_and_campaign(number)
        wanted += [(sms.service_plan_id, plan), (sms.campaign_id, campaign)]
    return all((want or "") == (have or "") for want, have in wanted if want is not UNSET)


def _puts_on(provisioning: Provisioning) -> bool:
    return provisioning.type != ProvisioningType.DEPROVISIONING


def _is_provisioned(number: ImportedNumber) -> bool:
    if number.sms_configuration.scheduled_provisioning.has_failed:
        raise NumberFailed(number, "the change of its service plan or campaign is FAILED")
    if number.pending_service_plan_id or number.pending_campaign_id:
        return False
    steps = [("the SMS platform", number.sms_provisioning)]
    if number.sms_configuration.campaign_id:
        steps.append(("the campaign", number.campaign_provisioning))
    for name, step in steps:
        if step.state == ProvisioningState.FAILED and _puts_on(step):
            raise NumberFailed(number, _failed(name, step))
    return all(step.state == ProvisioningState.DONE and _puts_on(step) for _, step in steps)


def _is_free(number: ImportedNumber) -> bool:
    for name, step in (
        ("the SMS platform", number.sms_provisioning),
        ("the campaign", number.campaign_provisioning),
    ):
        if _puts_on(step):
            continue
        if step.state == ProvisioningState.FAILED:
            raise NumberFailed(number, _failed(f"leaving {name}", step))
        if step.state in (ProvisioningState.WAITING, ProvisioningState.IN_PROGRESS):
            return False
    return not number.is_linked


def _failed(step_name: str, step: Provisioning) -> str:
    why = " ".join(filter(None, (step.error_code, step.error_message)))
    return f"provisioning to {step_name} is FAILED" + (f": {why}" if why else "")


def _bare(
    phone_number: str, service_plan_id: str | None = None, campaign_id: str | None = None
) -> ImportedNumber:
    place = SmsConfiguration(service_plan_id=service_plan_id, campaign_id=campaign_id)
    return ImportedNumber(phone_number=phone_number, sms_configuration=place)


_PROVISIONED = Goal(source=IMPORTED_NUMBERS, is_over=_is_provisioned, wanted="provisioned")
_FREE = Goal(source=IMPORTED_NUMBERS, is_over=_is_free, wanted="to be free")
