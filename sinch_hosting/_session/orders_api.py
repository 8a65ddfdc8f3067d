"""The operations of hosting orders, typed; waits, bulk runs and the resource use them."""

from __future__ import annotations

import asyncio
import builtins
import logging
from array import array
from bisect import bisect_left
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias
from zlib import crc32

from attrs import frozen

from ..errors import DecodeError, InvalidRequest, OutcomeUnknown, SinchHostingError
from ..models import Order, OrderNumber, OrderReport
from ..models import _checks as check
from ..models._base import Record
from ..models.orders import bind, read_resume_token, remember_numbers
from ..models.pages import OnBody, Page, Pages
from ..states import OpenEnum, OrderState, OrderType, ProvisioningState, parse_state, parse_states
from .codec import encode
from .responses import ListedOrderNumbers, ListedOrders, OrderId, page_of
from .retry import CreateObserver
from .session import Session

if TYPE_CHECKING:
    from .requests import ImportNumbers, TextEnable, TextEnableTollFree

PAGE_SIZE = 1000
"""How many items a list is asked for; the service gives as many as it likes."""
OrderBy = Literal["createdTime", "updatedTime"]
OrderRequest: TypeAlias = "ImportNumbers | TextEnable | TextEnableTollFree"
_log = logging.getLogger("sinch_hosting")


@frozen(repr=False)
class Place(Record):
    """Where the service lists an order: its type, service plan and campaign (`""` is none)."""

    type: OrderType
    service_plan_id: str
    campaign_id: str = ""

    @classmethod
    def of(cls, order: Order) -> Place:
        """Return the list that an order belongs to."""
        return cls(
            type=order.type,
            service_plan_id=order.service_plan_id or "",
            campaign_id=order.campaign_id or "",
        )

    @property
    def is_certain(self) -> bool:
        """Whether all its orders are listed; without a campaign the contract promises nothing."""
        return bool(self.campaign_id)


@frozen(eq=False, repr=False)
class NumberFilter:
    """Which numbers an order has, in four bytes each; it is wrong once in millions of others."""

    sums: array[int]
    """A checksum of each, sorted."""

    @classmethod
    def of(cls, numbers: Iterable[str]) -> NumberFilter:
        """Return the filter of these numbers."""
        return cls(array("I", sorted(map(cls.sum_of, numbers))))

    @staticmethod
    def sum_of(phone_number: str) -> int:
        """Return the checksum of a number."""
        return crc32(phone_number.encode("utf-8", "surrogatepass"))

    def __contains__(self, phone_number: object) -> bool:
        wanted = self.sum_of(str(phone_number))
        at = bisect_left(self.sums, wanted)
        return at < len(self.sums) and self.sums[at] == wanted


class KeptNames:
    """The names of orders that the service was seen to keep.

    It may cut long names, or keep them in small letters. So the longest one counts, and the
    longest one that has a capital letter.
    """

    def __init__(self) -> None:
        self._longest = self._longest_with_capitals = 0

    def add(self, name: str) -> None:
        """Add a name that an order still had when it was read."""
        self._longest = max(self._longest, len(name))
        if not name.islower():
            self._longest_with_capitals = max(self._longest_with_capitals, len(name))

    def show_that_kept(self, name: str) -> bool:
        """Whether the service keeps a name like this one, too."""
        longest = self._longest if name.islower() else self._longest_with_capitals
        return longest >= len(name)


class WaitFor(Protocol):
    """Waits for an order: what `order.wait_until` does."""

    def __call__(
        self,
        order: Order,
        state: OrderState | str,
        *,
        timeout: float | None,
        on_update: Callable[[Order], Awaitable[None] | None] | None,
    ) -> Awaitable[Order]: ...


class OrdersApi:
    """Creates, reads and lists orders; the orders that it returns wait through `wait_for`."""

    def __init__(self, session: Session, wait_for: WaitFor) -> None:
        self.session = session
        self._wait_for = wait_for
        self.kept_names = KeptNames()
        """The tags that orders of any job were seen with, for as long as the client lives."""

    # ---------------------------------------------------------- creating

    async def create(
        self,
        operation: str,
        request: OrderRequest,
        observer: CreateObserver | None = None,
        patience: int = 0,
    ) -> Order:
        """Send a checked request that creates an order; `patience` is that of the session."""
        from .requests import TextEnable, TextEnableTollFree  # noqa: PLC0415 - loads when used

        if operation == "TextEnableQualifiedNumbers" and isinstance(request, TextEnable):
            return await self.create_qualified(request, observer, patience)
        body = encode(request)
        if isinstance(request, TextEnableTollFree):
            body["projectId"] = self.session.project_id
        order = await self.session.request(
            operation, Order, body=body, observer=observer, patience=patience
        )
        if not order.hosting_order_id:
            raise OutcomeUnknown(operation, _no_id(operation))
        self.tell_of_letter(operation, request, order.hosting_order_id)
        return remember_numbers(bind(order, self), NumberFilter.of(request.numbers))

    async def create_qualified(
        self, request: TextEnable, observer: CreateObserver | None, patience: int
    ) -> Order:
        """Text-enable qualified numbers; the service returns an id alone, so the order is read."""
        name = "TextEnableQualifiedNumbers"
        response = await self.session.request(
            name, OrderId, body=encode(request), observer=observer, patience=patience
        )
        if not response.hosting_order_id:
            raise OutcomeUnknown(name, _no_id(name))
        self.tell_of_letter(name, request, response.hosting_order_id)
        if observer is not None:
            await observer.on_created(response.hosting_order_id)
        return await self._read_created(response.hosting_order_id)

    def tell_of_letter(self, operation: str, request: OrderRequest, order_id: str) -> None:
        """Tell whoever asked for events that the service mails a letter for a fresh order."""
        from .requests import ImportNumbers  # noqa: PLC0415 - loads when used

        if self.session.events is None or isinstance(request, ImportNumbers):
            return
        if request.loa.mails_a_letter:
            self.session.events.sent_letter(order_id, operation, len(request.numbers))

    async def _read_created(self, order_id: str) -> Order:
        """Read the order of a new id; where that fails, return what is known of it."""
        try:
            return await self.get(order_id)
        except asyncio.CancelledError:
            _log.warning("cancelled; hosting order %s was created", order_id)
            raise
        except SinchHostingError as error:
            _log.warning("hosting order %s was created, reading it failed: %s", order_id, error)
            return self.bind(Order(hosting_order_id=order_id))

    def bind(self, order: Order, order_id: str = "") -> Order:
        """Let an order read itself and wait through this; give it its id where it has none."""
        return bind(order, self, order_id)

    # ------------------------------------------------- what a caller holds

    def from_token(self, text: str) -> Order:
        """Return the order of a resume token; `InvalidRequest` for any other text."""
        ids = read_resume_token(text, self.session.project_id)
        kind = OrderType(ids.pop("type", OrderType.UNSPECIFIED))
        return self.bind(Order(type=kind, **ids))  # type: ignore[arg-type]

    def orders_from(self, orders: Iterable[Order | str]) -> builtins.list[Order]:
        """Return orders, from orders, ids and resume tokens."""
        if isinstance(orders, (str, bytes, Mapping, Order)) or not isinstance(orders, Iterable):
            rule = "must be many orders, ids or tokens; put a single one into a list"
            raise InvalidRequest(field="orders", value=orders, rule=rule)
        return [self._order_from(given, f"orders[{n}]") for n, given in enumerate(orders)]

    def _order_from(self, given: object, field: str) -> Order:
        if isinstance(given, Order):
            return given
        if not isinstance(given, str):
            rule = "must be an order, its id or its token"
            raise InvalidRequest(field=field, value=given, rule=rule)
        if given.lstrip().startswith("{"):
            return self.from_token(given)
        return self.bind(Order(hosting_order_id=check.check_identifier(given, field)))

    # ----------------------------------------------------------- reading

    async def get(self, order_id: str, *, is_poll: bool = False) -> Order:
        """Read an order; a poll gives way to every other call."""
        check.check_identifier(order_id, "order_id")
        order = await self.session.request(
            "GetHostingOrder", Order, identifiers={"order_id": order_id}, is_poll=is_poll
        )
        return bind(order, self, order_id)

    async def page(
        self,
        key: Place,
        state: OrderState,
        *,
        token: str | None = None,
        page_size: int | None = PAGE_SIZE,
        order_by: OrderBy | None = None,
        region_code: str | None = None,
        is_poll: bool = False,
        on_body: OnBody | None = None,
    ) -> Page[Order]:
        """Read one page of the list of one state."""
        response = await self.session.request(
            "ListHostingOrders",
            ListedOrders,
            query={
                "states": state,
                "type": key.type,
                "servicePlanId": key.service_plan_id,
                "campaignId": key.campaign_id,
                "regionCode": region_code,
                "orderBy": order_by,
                "pageSize": page_size,
                "pageToken": token,
            },
            is_poll=is_poll,
            on_body=on_body,
        )
        return page_of(response, [bind(order, self) for order in response.hosting_orders], state)

    def list(
        self,
        key: Place,
        states: OrderState | str | Iterable[OrderState | str],
        *,
        region_code: str | None = None,
        order_by: OrderBy | None = None,
        page_size: int | None = None,
        page_token: str | None = None,
    ) -> Pages[Order]:
        """List orders by state; several states are read in the order of life."""
        wanted = parse_states(OrderState, states, "states")
        check.optional(region_code, check.check_region, "region_code")
        check.optional(order_by, check.check_order, "order_by")
        check.optional(page_size, check.check_whole, "page_size")

        async def fetch(
            state: OpenEnum | None, token: str | None, on_body: OnBody | None = None
        ) -> Page[Order]:
            assert isinstance(state, OrderState)  # noqa: S101 - `wanted` holds nothing else
            return await self.page(
                key,
                state,
                token=token,
                page_size=page_size,
                order_by=order_by,
                region_code=region_code,
                on_body=on_body,
            )

        return Pages(
            "ListHostingOrders",
            fetch,
            lambda order: order.hosting_order_id,
            states=wanted,
            page_token=page_token,
        )

    async def report(self, order_id: str) -> OrderReport:
        """Count how far an order's numbers are."""
        check.check_identifier(order_id, "order_id")
        return await self.session.request(
            "GetHostingOrderReport", OrderReport, identifiers={"order_id": order_id}
        )

    def numbers(
        self,
        order_id: str,
        *,
        order_by: OrderBy | None = None,
        osr_update_state: ProvisioningState | str | None = None,
        campaign_provisioning_state: ProvisioningState | str | None = None,
        platform_provisioning_state: ProvisioningState | str | None = None,
        page_size: int | None = None,
        page_token: str | None = None,
    ) -> Pages[OrderNumber]:
        """List an order's numbers and how far each is."""
        check.check_identifier(order_id, "order_id")

        def state(value: ProvisioningState | str | None, field: str) -> str | None:
            return None if value is None else parse_state(ProvisioningState, value, field)

        query = {
            "orderBy": check.optional(order_by, check.check_order, "order_by"),
            "osrUpdateState": state(osr_update_state, "osr_update_state"),
            "campaignProvisioningState": state(
                campaign_provisioning_state, "campaign_provisioning_state"
            ),
            "platformProvisioningState": state(
                platform_provisioning_state, "platform_provisioning_state"
            ),
            "pageSize": check.optional(page_size, check.check_whole, "page_size"),
        }

        async def fetch(
            state: OpenEnum | None, token: str | None, on_body: OnBody | None = None
        ) -> Page[OrderNumber]:
            response = await self.session.request(
                "ListHostingOrderNumbers",
                ListedOrderNumbers,
                identifiers={"order_id": order_id},
                query={**query, "pageToken": token},
                on_body=on_body,
            )
            return page_of(response, response.numbers)

        return Pages(
            "ListHostingOrderNumbers",
            fetch,
            lambda number: number.phone_number,
            page_token=page_token,
        )

    # ----------------------------------------------------------- waiting

    async def wait_for(
        self,
        order: Order,
        state: OrderState | str,
        *,
        timeout: float | None = None,
        on_update: Callable[[Order], Awaitable[None] | None] | None = None,
    ) -> Order:
        """Wait until an order has reached a state; see `Order.wait_until`."""
        return await self._wait_for(order, state, timeout=timeout, on_update=on_update)


def _no_id(operation: str) -> DecodeError:
    return DecodeError(operation, path="hostingOrderId", reason="expected text, got none", body="")
