"""What can be waited for: orders, numbers in qualification, imported numbers.

Each is a thing that one request reads by its id, and that lists show. The *place* of a thing is the
query of the lists that may show it, such as service plan and campaign. It may not be known before
the thing was read once.
"""

from __future__ import annotations

import marshal
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

from attrs import evolve, frozen

from .. import errors
from .._session.codec import json_writer
from .._session.converter import StructureError, converter
from .._session.responses import Listed
from .._session.session import Session
from ..models import ImportedNumber, Order, OrderCalls, Provisioning, QualifiedNumber, bind
from ..models.pages import Page
from ..states import OpenEnum, OrderState, OrderType, QualificationState, in_order_of_life

T = TypeVar("T", Order, QualifiedNumber, ImportedNumber)
Place = tuple[str, ...]
"""The query of the lists that may show a thing."""
Json = dict[str, Any]


@frozen(kw_only=True, eq=False, repr=False)
class _RawOrders(Listed):
    hosting_orders: Any = ()


@frozen(kw_only=True, eq=False, repr=False)
class _RawQualifiedNumbers(Listed):
    qualified_numbers: Any = ()


@frozen(kw_only=True, eq=False, repr=False)
class _RawImportedNumbers(Listed):
    imported_numbers: Any = ()


def _phone_number(number: Any) -> str:
    return str(number.phone_number)


def _adopt_number(number: T, phone_number: str) -> T:
    if isinstance(number, Order) or number.phone_number == phone_number:
        return number
    return evolve(number, phone_number=phone_number)


def _same(thing: T) -> T:
    return thing


@frozen(eq=False, repr=False, kw_only=True)
class Source(Generic[T]):
    """How one kind of thing is read: singly, and in lists."""

    noun: str
    model: type[T]
    get_operation: str
    list_operation: str
    list_type: type[Listed]
    items_field: str
    identifier: str = "phone_number"
    """The name of the id in the operation's path."""
    id_on_wire: str = "phoneNumber"
    id_of: Callable[[T], str] = _phone_number
    state_of: Callable[[T], OpenEnum]
    """Returns its state; `UNSPECIFIED` where that is not known."""
    updated_of: Callable[[T], datetime | None]
    place_of: Callable[[T], Place | None]
    states_at: Callable[[Place], tuple[OpenEnum | None, ...]]
    """Returns the states whose lists may show things of a place, in their order."""
    query: Callable[[Place], Mapping[str, str]]
    adopt: Callable[[T, str], T] = _adopt_number
    """Gives a response the id that was requested, and binds it to this client."""
    copy: Callable[[T], T] = _same
    """Binds a caller's snapshot to this client."""
    is_bare: Callable[[T], bool]
    """Whether a snapshot has only what identifies the thing, and no state."""
    is_empty: Callable[[T], bool]
    """Whether a response has no state: `{}`, or the body of an error."""
    describe: Callable[[T], str]
    """Returns its state as a text for people."""

    async def get(self, session: Session, thing_id: str, *, is_poll: bool = True) -> T:
        """Read one thing; raises `DecodeError` for a response without a state.

        A poll lets other calls go first, and the session does not retry it.
        """
        answer = await session.request(
            self.get_operation,
            self.model,
            identifiers={self.identifier: thing_id},
            is_poll=is_poll,
        )
        if self.is_empty(answer):
            raise errors.DecodeError(
                self.get_operation, path="", reason=f"expected the {self.noun}", body=""
            )
        return self.adopt(answer, thing_id)

    async def page(
        self,
        session: Session,
        place: Place,
        state: OpenEnum | None,
        options: Mapping[str, Any],
        *,
        is_poll: bool = True,
    ) -> Page[Json]:
        """Read a page of a list; its items are not decoded, since most of them are not needed."""
        answer = await session.request(
            self.list_operation,
            self.list_type,
            query={"states": state, **self.query(place), **options},
            is_poll=is_poll,
        )
        items = getattr(answer, self.items_field)
        if not isinstance(items, (list, tuple)):
            raise errors.DecodeError(
                self.list_operation, path=self.items_field, reason="expected an array", body=""
            )
        return Page(
            items=tuple(item for item in items if type(item) is dict),
            next_page_token=answer.next_page_token or None,
            total_size=answer.total_size,
        )

    def read(self, raw: Json) -> T | None:
        """Return an item of a list as a thing; `None` where it cannot be decoded."""
        try:
            thing: T = converter.structure(raw, self.model)
        except StructureError:
            return None
        return None if self.is_empty(thing) else self.adopt(thing, raw[self.id_on_wire])


def fingerprint(raw: Json) -> int:
    """Return a number that tells a changed item of a list from an unchanged one."""
    try:
        return hash(_encoder()(raw))
    except (ValueError, OverflowError):  # such as a lone surrogate, or an integer of 30 digits
        return hash(marshal.dumps(raw, 2))


def _encoder() -> Callable[[Json], bytes]:
    """Return what makes bytes of an item: msgspec where it is installed, at a third of the time."""
    return json_writer() or marshal.dumps


def time_on_wire(raw: Json) -> datetime | None:
    """Return when an item of a list changed last; `None` where it does not say so."""
    try:
        moment = datetime.fromisoformat(raw["updatedTime"])
    except (KeyError, TypeError, ValueError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


# ------------------------------------------------------------------------ orders

_ENDS = (OrderState.COMPLETED, OrderState.REJECTED)
_LIVES: dict[str, tuple[OrderState, ...]] = {
    OrderType.IMPORT: (OrderState.SUBMITTED, OrderState.IN_PROGRESS),
    OrderType.TEXT_ENABLE: (
        OrderState.DRAFT,
        OrderState.SUBMITTED,
        OrderState.WAITING_FOR_LOA_SIGNATURE,
        OrderState.IN_PROGRESS,
    ),
}


def _place_of_order(order: Order) -> Place | None:
    if order.type == OrderType.UNSPECIFIED or not order.service_plan_id:
        return None
    return (order.type, order.service_plan_id, order.campaign_id or "")


def _order_states(place: Place) -> tuple[OrderState, ...]:
    live = _LIVES.get(place[0], ())
    return (*live, *_ENDS) if live else ()


def orders_of(calls: OrderCalls) -> Source[Order]:
    """Return how the orders of a client are read."""

    def adopt(order: Order, order_id: str) -> Order:
        if order.hosting_order_id != order_id:
            # The id that was requested counts, however the service spells it.
            order = evolve(order, hosting_order_id=order_id)
        return bind(order, calls)

    return Source(
        noun="order",
        model=Order,
        get_operation="GetHostingOrder",
        identifier="order_id",
        list_operation="ListHostingOrders",
        list_type=_RawOrders,
        items_field="hosting_orders",
        id_on_wire="hostingOrderId",
        id_of=lambda order: order.hosting_order_id,
        state_of=lambda order: order.state,
        updated_of=lambda order: order.updated_time,
        place_of=_place_of_order,
        states_at=_order_states,
        query=lambda place: {
            "type": place[0],
            "servicePlanId": place[1],
            "campaignId": place[2],
        },
        adopt=adopt,
        copy=lambda order: evolve(order, orders=calls),
        is_bare=lambda order: order.state == OrderState.UNSPECIFIED,
        is_empty=lambda order: order.state == OrderState.UNSPECIFIED,
        describe=lambda order: order.state.name,
    )


# ----------------------------------------------------------------------- numbers


_QUALIFICATION_STATES = in_order_of_life(
    state for state in QualificationState if state != QualificationState.UNSPECIFIED
)

QUALIFIED_NUMBERS: Source[QualifiedNumber] = Source(
    noun="number in qualification",
    model=QualifiedNumber,
    get_operation="GetQualifiedNumber",
    list_operation="ListQualifiedNumbers",
    list_type=_RawQualifiedNumbers,
    items_field="qualified_numbers",
    state_of=lambda number: number.global_process_state,
    updated_of=lambda number: number.updated_time,
    place_of=lambda number: (),
    states_at=lambda place: _QUALIFICATION_STATES,
    query=lambda place: {},
    is_bare=lambda n: n.global_process_state == QualificationState.UNSPECIFIED,
    is_empty=lambda n: n.global_process_state == QualificationState.UNSPECIFIED,
    describe=lambda number: number.global_process_state.name,
)


def _place_of_imported(number: ImportedNumber) -> Place | None:
    sms = number.sms_configuration
    # A requested plan is first in `scheduledProvisioning`, and later in the field itself.
    plan = sms.service_plan_id or sms.scheduled_provisioning.service_plan_id
    campaign = sms.campaign_id or sms.scheduled_provisioning.campaign_id
    return (plan, campaign or "") if plan else None


def _bare(number: ImportedNumber) -> ImportedNumber:
    return ImportedNumber(
        phone_number=number.phone_number, sms_configuration=number.sms_configuration
    )


def _describe_imported(number: ImportedNumber) -> str:
    def at(name: str, step: Provisioning) -> str:
        return f"{name} {step.type.name if step.type else ''} {step.state.name}".replace("  ", " ")

    return ", ".join(
        at(name, step)
        for name, step in (
            ("SMS platform", number.sms_provisioning),
            ("campaign", number.campaign_provisioning),
        )
    )


IMPORTED_NUMBERS: Source[ImportedNumber] = Source(
    noun="imported number",
    model=ImportedNumber,
    get_operation="GetImportedNumber",
    list_operation="ListImportedNumbers",
    list_type=_RawImportedNumbers,
    items_field="imported_numbers",
    state_of=lambda number: QualificationState.UNSPECIFIED,
    updated_of=lambda number: None,
    place_of=_place_of_imported,
    states_at=lambda place: (None,),
    query=lambda place: {"servicePlanId": place[0], "campaignId": place[1]},
    is_bare=lambda number: number == _bare(number),
    is_empty=lambda n: not (n.phone_number or n.is_linked or n.sms_provisioning.type),
    describe=_describe_imported,
)
