"""Hosting orders, their reports, and the resume tokens that waits go on with elsewhere."""

from __future__ import annotations

import json
from collections.abc import Callable, Container
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import attrs
from attrs import field, frozen

from ..errors import InvalidRequest, UsageError
from ..states import OrderState, OrderType
from . import _checks as check
from ._base import Answered
from .letters import Address, AuthorisedPerson
from .numbers import OrderNumber

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from ._guidance import WaitingOn
    from .pages import Pages

_A = TypeVar("_A", AuthorisedPerson, Address)


@frozen(kw_only=True, eq=False, repr=False)
class OrderReport(Answered):
    """How many numbers of an order have come how far."""

    total: int | None = None
    osr_updated: int | None = None
    sms_provisioned: int | None = None
    added_to_campaign: int | None = None
    ongoing_manual_action: int | None = None


def _blank(cls: type[_A]) -> _A:
    # The rules for what a caller writes do not hold for what an answer leaves out.
    blank = cls.__new__(cls)
    for attribute in attrs.fields_dict(cls).values():
        value = "" if attribute.default is attrs.NOTHING else None
        object.__setattr__(blank, attribute.name, value)
    return blank


@frozen(kw_only=True, eq=False, repr=False)
class TextEnableInfo(Answered):
    """The letter of an order, as the service shows it."""

    business_name: str | None = None
    authorised_person: AuthorisedPerson = _blank(AuthorisedPerson)
    address: Address = _blank(Address)
    service_provider: str | None = None
    current_voice_carrier: str | None = None
    nnid: str | None = None
    loa_type: Any = None
    """The kind of letter as it came, whatever that is: `Direct`, `DIRECT` and `0` are seen."""


class OrderCalls(Protocol):
    """What an order needs of the resource that made it."""

    async def get(self, order_id: str) -> Order:
        """Read an order."""
        ...

    async def report(self, order_id: str) -> OrderReport:
        """Read an order's report."""
        ...

    def numbers(self, order_id: str) -> Pages[OrderNumber]:
        """List an order's numbers."""
        ...

    async def wait_for(
        self,
        order: Order,
        state: OrderState | str,
        *,
        timeout: float | None,
        on_update: Callable[[Order], Awaitable[None] | None] | None,
    ) -> Order:
        """Wait until an order is in a state."""
        ...


@frozen(kw_only=True, eq=False, repr=False)
class Order(Answered):
    """A hosting order as it was when it was read; `refresh` and `wait_until` return a new one."""

    hosting_order_id: str = ""
    project_id: str | None = None
    display_name: str | None = None
    region_code: str | None = None
    state: OrderState = OrderState.UNSPECIFIED
    type: OrderType = OrderType.UNSPECIFIED
    created_time: datetime | None = None
    updated_time: datetime | None = None
    scheduled_osr_update_time: datetime | None = None
    service_plan_id: str | None = None
    campaign_id: str | None = None
    migrate_to_sinch_tmo: bool | None = None
    text_enable_info: TextEnableInfo = field(
        default=TextEnableInfo(), metadata={"also": "hostingOrderInfo"}
    )
    callback_url: str | None = None
    _orders: OrderCalls | None = field(default=None, alias="orders", repr=False, eq=False)
    # Which numbers it was created with, for callbacks that name only one of them.
    _created_with: Container[str] | None = field(default=None, init=False, repr=False, eq=False)

    def __getstate__(self) -> tuple[Any, ...]:
        # A copy or a pickle is the record alone: a client crosses no process and no loop.
        names, ours = attrs.fields_dict(Order), ("_orders", "_created_with")
        return tuple(None if name in ours else getattr(self, name) for name in names)

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        for name, value in zip(attrs.fields_dict(Order), state, strict=True):
            object.__setattr__(self, name, value)

    @property
    def waiting_on(self) -> WaitingOn | None:
        """Whom the order waits for since its last change, and what can be done about it.

        `None` where it has ended. See `WaitingOn`.
        """
        from ._guidance import waiting_on  # noqa: PLC0415 - loads when used

        return waiting_on(
            self.state,
            is_import=self.type == OrderType.IMPORT,
            since=self.updated_time,
            signer=self.text_enable_info.authorised_person,
        )

    def to_token(self) -> str:
        """Return a small JSON text, with which another process or machine can wait for the order.

        It holds a version and the order's ids, and neither a state nor a secret. See
        `hosting_orders.from_token`.
        """
        return write_resume_token(self)

    @property
    def _calls(self) -> OrderCalls:
        if self._orders is None:
            raise UsageError(
                f"order {self.hosting_order_id!r} belongs to no client; "
                "read it with sinch.hosting_orders.get(hosting_order_id)"
            )
        return self._orders

    async def refresh(self) -> Order:
        """Read the order again (`GetHostingOrder`). Safe to repeat.

        Raises what `hosting_orders.get` raises.
        """
        return await self._calls.get(self.hosting_order_id)

    async def wait_until(
        self,
        state: OrderState | str,
        *,
        timeout: float | None = None,
        on_update: Callable[[Order], Awaitable[None] | None] | None = None,
    ) -> Order:
        """Wait until the order has reached `state`, or has passed it (`GetHostingOrder`).

        Safe to repeat. Many waits share lists instead. However a wait ends, the order goes on at
        the service. `to_token()`, or the error's `token`, lets you wait for
        it again, also in another process.

        Args:
            state: the state, such as `COMPLETED`; waiting for `REJECTED` ends on COMPLETED, too.
            timeout: seconds to wait at most; by default without end, since orders take days.
            on_update: a plain or async function that is called with the order at every change.

        Returns:
            The order as it was then.

        Raises:
            OrderRejected: the order is REJECTED, and that is not what was waited for.
            WaitTimeout: the time is over; `last` has the order.
            SinchHostingError: what `hosting_orders.get` raises, but for failures that pass: those
                do not end a wait.
        """
        return await self._calls.wait_for(self, state, timeout=timeout, on_update=on_update)

    async def report(self) -> OrderReport:
        """Count how far the order's numbers are (`GetHostingOrderReport`); safe to repeat."""
        return await self._calls.report(self.hosting_order_id)

    def numbers(self) -> Pages[OrderNumber]:
        """List the order's numbers and how far each is (`ListHostingOrderNumbers`)."""
        return self._calls.numbers(self.hosting_order_id)


def remember_numbers(order: Order, numbers: Container[str]) -> Order:
    """Let a fresh order know which numbers it was created with."""
    object.__setattr__(order, "_created_with", numbers)
    return order


def created_with(order: Order) -> Container[str] | None:
    """Return which numbers an order was created with, where this client created it."""
    return order._created_with


def bind(order: Order, orders: OrderCalls, order_id: str = "") -> Order:
    """Give a fresh order its resource, and its id where the answer left it out."""
    object.__setattr__(order, "_orders", orders)
    if order_id and not order.hosting_order_id:
        object.__setattr__(order, "hosting_order_id", order_id)
    return order


# ------------------------------------------------------- resume tokens

_TOKEN_VERSION = 1
_KIND = "hosting_order"
_LONGEST_TOKEN = 4096
_TOKEN_FIELDS = ("project_id", "hosting_order_id", "type", "service_plan_id", "campaign_id")


def write_resume_token(order: Order) -> str:
    """Return the resume token of an order: a version and its ids, no state and no secret."""
    ids = {name: getattr(order, name) for name in _TOKEN_FIELDS}
    if order.type == OrderType.UNSPECIFIED:
        del ids["type"]
    known = {name: str(value) for name, value in ids.items() if value is not None}
    return json.dumps({"version": _TOKEN_VERSION, "kind": _KIND, **known}, separators=(",", ":"))


def read_resume_token(text: str, project_id: str) -> dict[str, str]:
    """Return the ids in a token; `InvalidRequest` for no token, and for another project's."""
    ids = _parse_token(text)
    unfit = [name for name in _TOKEN_FIELDS if not isinstance(ids.get(name, ""), str)]
    if unfit:
        raise _refused_token(text, f"must be a token: its {unfit[0]} is no text")
    check.check_identifier(ids.get("hosting_order_id"), "hosting_order_id")
    for name in ("project_id", "type"):
        if name in ids:  # a type that only a later version knows is fine: orders have such, too
            check.check_text(ids[name], name)
    for name in ("service_plan_id", "campaign_id"):
        check.check_any_text(ids.get(name, ""), name)  # an order may be linked to none
    if ids.get("project_id", project_id) != project_id:
        raise _refused_token(text, f"belongs to project {ids['project_id']}, not to the client's")
    return {name: ids[name] for name in _TOKEN_FIELDS if name in ids}


def _parse_token(text: object) -> dict[str, Any]:
    if not isinstance(text, str) or len(text) > _LONGEST_TOKEN:
        raise _refused_token(text, f"must be a token's text, at most {_LONGEST_TOKEN} characters")
    try:
        ids = json.loads(text)
    except (ValueError, RecursionError):
        ids = None
    if not isinstance(ids, dict) or ids.get("kind") != _KIND:
        raise _refused_token(text, "must be what order.to_token() gave")
    version = ids.get("version")
    if type(version) is not int or version != _TOKEN_VERSION:  # True and 1.0 equal 1
        raise _refused_token(text, f"has a version that this one ({_TOKEN_VERSION}) cannot read")
    return ids


def _refused_token(text: object, rule: str) -> InvalidRequest:
    return InvalidRequest(field="token", value=text, rule=rule)
