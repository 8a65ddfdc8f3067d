"""`sinch.hosting_orders`: orders that import or text-enable numbers, one by one and in bulk."""

from __future__ import annotations

import builtins
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Literal, overload

from .._session.orders_api import OrdersApi, Place
from ..models import DirectLoa, Letter, Order, OrderNumber, OrderReport, ResellerLoa
from ..models import _checks as check
from ..models.pages import Pages
from ..states import OrderState, OrderType, ProvisioningState, parse_state
from .bulk_orders import BulkOrders

if TYPE_CHECKING:
    from .._bulk.letters import Confirm
    from .._bulk.order_runs import OrderRuns
    from .._bulk.order_template import LedgerPath, OnUnknown
    from .._polling.waits import OrderUpdate
    from .._polling.watcher import Watcher


class HostingOrders(BulkOrders):
    """Create orders, follow them, and wait for them."""

    def __init__(
        self, api: OrdersApi, runs: Callable[[], OrderRuns], watcher: Callable[[], Watcher]
    ) -> None:
        super().__init__(runs)
        self._api = api
        self._watcher = watcher

    # ---------------------------------------------------------- creating

    async def import_numbers(
        self,
        numbers: Iterable[str],
        *,
        region_code: str,
        service_plan_id: str,
        campaign_id: str | None = None,
        display_name: str | None = None,
        callback_url: str | None = None,
        migrate_to_sinch_tmo: bool | None = None,
        job: str | None = None,
        ledger: LedgerPath | None = None,
        settle: float | None = None,
        grace: float | None = None,
        on_unknown: OnUnknown | None = None,
        retry_rejected: bool = False,
    ) -> Order:
        """Import 1 to 5 numbers in one order (`ImportNumbers`); no letter is mailed.

        Importing is meant for numbers with an NNID of their own. Your account manager has to
        provision that NNID before; otherwise the numbers fail with `INVALID_NNID`. Never repeat
        it blindly without `job`.

        Args:
            numbers: 1 to 5 in E.164; more with the client's `import_limit`. Each is sent once.
            region_code: `US` or `CA`.
            service_plan_id: the service plan to link them to.
            campaign_id: the 10DLC campaign to link them to; none by default.
            display_name: free text.
            callback_url: where events about the numbers are posted.
            migrate_to_sinch_tmo: `True` where T-Mobile answered 60135, to take the numbers over
                from another aggregator (documented by the vendor for this call).
            job: a name that protects this order from being created twice; see `order_streams`.
            ledger: the path of the job's ledger.
            settle: as for `text_enable_many`.
            grace: as for `text_enable_many`.
            on_unknown: as for `text_enable_many`.
            retry_rejected: as for `text_enable_many`.

        Returns:
            The order.

        Raises:
            SinchHostingError: what `text_enable` raises.
        """
        template = self._runs().import_template(
            None,
            region_code=region_code,
            service_plan_id=service_plan_id,
            campaign_id=campaign_id,
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
        """Text-enable 1 to 500 local numbers in one order (`TextEnableHostingOrderNumbers`).

        It mails a letter. Never repeat it blindly without `job`.

        Args:
            numbers: in E.164, of one region. Each is sent once.
            region_code: `US` or `CA`.
            service_plan_id: the service plan to link them to.
            loa: the letter of authorization; a `DirectLoa` or `ResellerLoa` is mailed to its
                authorised person, who has to sign it. One order, one letter.
            campaign_id: the 10DLC campaign to link them to; none by default. The vendor says
                that no letter is generated without one; the order may then never end.
            nnid: a routing id of your own, which your account manager has to provision before;
                by default the account's or Sinch's own.
            scheduled_osr_update_time: when the routing is switched, with a time zone; as soon as
                possible by default. A letter that is signed later is likely to move it by a day.
            display_name: free text.
            callback_url: where events about the numbers are posted.
            migrate_to_sinch_tmo: `True` where T-Mobile answered 60135, to take the numbers over
                from another aggregator. It is sent only where it is given. The vendor documents
                it for `import_numbers`; text-enables have it in examples only.
            job: a name that protects this order from being created twice; see `order_streams`.
            ledger: the path of the job's ledger.
            settle: as for `text_enable_many`.
            grace: as for `text_enable_many`.
            on_unknown: as for `text_enable_many`.
            retry_rejected: as for `text_enable_many`.
            confirm: a function that gets `LettersToSend` and returns `True`, else `NotConfirmed`
                is raised; as for `text_enable_many`.

        Returns:
            The order.

        Raises:
            InvalidRequest: an argument breaks a rule; nothing was sent.
            BadRequest: the service refuses the order.
            Conflict: a number is imported or hosted already.
            OutcomeUnknown: the answer was lost; there may be an order.
            SinchHostingError: what every call raises; see `SinchHosting`.
        """
        template = self._runs().text_enable_template(
            None,
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
        """Text-enable 1 to 500 toll-free numbers (`TextEnableTollFreeHostingOrderNumbers`).

        It mails a letter. Never repeat it blindly without `job`. Arguments, result and errors
        are those of `text_enable`, except:

        * `loa` is a `DirectLoa` or a `ResellerLoa`; it is mailed to its authorised person.
        * `scheduled_zipwhip_provisioning_time` is when the numbers are switched, with a time
          zone; a letter that is signed later moves it to the next day at the same time.
        * `migrate_to_sinch_tmo`: the vendor does not mention it for toll-free numbers.
        """
        template = self._runs().toll_free_template(
            None,
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

    # ----------------------------------------------------------- reading

    async def get(self, order_id: str) -> Order:
        """Read an order (`GetHostingOrder`). Safe to repeat.

        Raises:
            InvalidRequest: the id is empty or would change the path; nothing was sent.
            NotFound: there is no such order.
            SinchHostingError: what every call raises; see `SinchHosting`.
        """
        return await self._api.get(order_id)

    def list(
        self,
        *,
        states: OrderState | str | Iterable[OrderState | str],
        type: OrderType | str,
        service_plan_id: str,
        campaign_id: str,
        region_code: str | None = None,
        order_by: Literal["createdTime", "updatedTime"] | None = None,
        page_size: int | None = None,
        page_token: str | None = None,
    ) -> Pages[Order]:
        """List the orders of a type, service plan and campaign by state (`ListHostingOrders`).

        Safe to repeat.

        Args:
            states: one state or several, as members or wire strings; several are read one after
                the other in the order of life, so an order that moves meanwhile is not missed.
            type: `OrderType.IMPORT` or `OrderType.TEXT_ENABLE`.
            service_plan_id: required by the service.
            campaign_id: required by the service; orders without one may not be listed.
            region_code: `US` or `CA`; both by default.
            order_by: the service decides by default.
            page_size: orders a page; the service may give fewer.
            page_token: goes on from a page, with exactly one state; see `Pages`.

        Returns:
            `Pages`, which are read while you iterate over them.

        Raises:
            InvalidRequest: an argument breaks a rule; raised at once, nothing was sent.
        """
        key = Place(
            type=parse_state(OrderType, type, "type"),
            service_plan_id=check.check_text(service_plan_id, "service_plan_id"),
            campaign_id=check.check_any_text(campaign_id, "campaign_id"),
        )
        return self._api.list(
            key,
            states,
            region_code=region_code,
            order_by=order_by,
            page_size=page_size,
            page_token=page_token,
        )

    async def report(self, order_id: str) -> OrderReport:
        """Count an order's numbers by their progress (`GetHostingOrderReport`). Safe to repeat.

        Raises:
            InvalidRequest: an argument breaks a rule; nothing was sent.
            NotFound: there is no such order.
            SinchHostingError: what every call raises; see `SinchHosting`.
        """
        return await self._api.report(order_id)

    def numbers(
        self,
        order_id: str,
        *,
        order_by: Literal["createdTime", "updatedTime"] | None = None,
        osr_update_state: ProvisioningState | str | None = None,
        campaign_provisioning_state: ProvisioningState | str | None = None,
        platform_provisioning_state: ProvisioningState | str | None = None,
        page_size: int | None = None,
        page_token: str | None = None,
    ) -> Pages[OrderNumber]:
        """List an order's numbers and how far each is (`ListHostingOrderNumbers`). Safe to repeat.

        Args:
            order_id: the order.
            order_by: the service decides by default.
            osr_update_state: only numbers whose routing is in this state.
            campaign_provisioning_state: only numbers in this state on the campaign.
            platform_provisioning_state: only numbers in this state on the SMS platform.
            page_size: numbers a page; the service may give fewer.
            page_token: goes on from a page, see `Pages`.

        Returns:
            `Pages`, which are read while you iterate over them.

        Raises:
            InvalidRequest: an argument breaks a rule; raised at once, nothing was sent.
        """
        return self._api.numbers(
            order_id,
            order_by=order_by,
            osr_update_state=osr_update_state,
            campaign_provisioning_state=campaign_provisioning_state,
            platform_provisioning_state=platform_provisioning_state,
            page_size=page_size,
            page_token=page_token,
        )

    async def number(self, order_id: str, phone_number: str) -> OrderNumber:
        """Read one number of an order (`GetHostingOrderNumber`). Safe to repeat.

        Raises:
            InvalidRequest: an argument breaks a rule; nothing was sent.
            NotFound: there is no such order, or it does not hold the number.
            SinchHostingError: what every call raises; see `SinchHosting`.
        """
        identifiers = {
            "order_id": check.check_identifier(order_id, "order_id"),
            "phone_number": check.check_phone_number(phone_number),
        }
        return await self._api.session.request(
            "GetHostingOrderNumber", OrderNumber, identifiers=identifiers
        )

    # ----------------------------------------------------------- waiting

    @overload
    async def wait_all(
        self,
        orders: Iterable[Order | str],
        state: OrderState | str,
        *,
        timeout: float | None = None,
        return_exceptions: Literal[False] = False,
    ) -> builtins.list[Order]: ...

    @overload
    async def wait_all(
        self,
        orders: Iterable[Order | str],
        state: OrderState | str,
        *,
        timeout: float | None = None,
        return_exceptions: bool,
    ) -> builtins.list[Order | Exception]: ...

    async def wait_all(
        self,
        orders: Iterable[Order | str],
        state: OrderState | str,
        *,
        timeout: float | None = None,
        return_exceptions: bool = False,
    ) -> Sequence[Order | Exception]:
        """Wait until all orders have reached `state`, or have passed it. Safe to repeat.

        Args:
            orders: orders, ids and tokens, in any mixture.
            state: as for `order.wait_until`.
            timeout: seconds that each may take; by default without end.
            return_exceptions: return the errors in place instead of raising them.

        Returns:
            The orders as they were then, in the order given.

        Raises:
            ExceptionGroup: after all waits have ended, the errors of `order.wait_until`, each with
                its order in `.last`.
            InvalidRequest: a single order or text, or what is no order; nothing was sent.
        """
        from .._polling import waits  # noqa: PLC0415 - loads when used
        from .._polling.sources import orders_of  # noqa: PLC0415 - loads when used

        goal = waits.order_goal(orders_of(self._api), parse_state(OrderState, state, "state"))
        results = await waits.wait_all(
            self._watcher(), goal, self._api.orders_from(orders), timeout=timeout
        )
        return waits.unless_failed(results, "orders", return_exceptions=return_exceptions)

    def watch(self, orders: Iterable[Order | str]) -> AsyncIterator[OrderUpdate]:
        """Follow orders: `async for update in watch(orders)`. Safe to repeat (`ListHostingOrders`).

        Args:
            orders: orders, ids and tokens, in any mixture; changes are counted from these
                snapshots on.

        Yields:
            An `OrderUpdate` for every change of every order, until all are COMPLETED or REJECTED.
            An order that cannot be read any more gives one with its `error`; the others go on.

        Raises:
            InvalidRequest: a single order or text, an order without an id, or what is no order.
            UsageError: the client is closed.
        """
        from .._polling import waits  # noqa: PLC0415 - loads when used
        from .._polling.sources import orders_of  # noqa: PLC0415 - loads when used

        return waits.watch_orders(
            self._watcher(), orders_of(self._api), self._api.orders_from(orders)
        )

    def from_token(self, text: str) -> Order:
        """Make the order of a token from `order.to_token()`, to go on waiting for it.

        It sends nothing.

        Args:
            text: the token; it may come from another process or machine.

        Returns:
            The order with its ids, in the state `UNSPECIFIED`; `refresh()` and `wait_until()`
            read the rest.

        Raises:
            InvalidRequest: the text is no token, has a version that this release cannot read, or
                belongs to another project.
        """
        return self._api.from_token(text)
