"""How orders and numbers are shown: the columns of tables and CSV files."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from .._explaining import carriers, trouble
from .durations import since
from .output import Column, View

if TYPE_CHECKING:
    from .. import ImportedNumber, Order, OrderNumber, QualifiedNumber


def waits_for(order: Order) -> str:
    """Return whom an order waits for: an address where there is one; `""` for nobody."""
    waiting = order.waiting_on
    return "" if waiting is None else waiting.email or waiting.who


def how_long(order: Order | QualifiedNumber) -> str:
    """Return how long ago something changed, as people say it."""
    return since(order.updated_time, datetime.now(UTC))


ORDER: View[Order] = View(
    columns=(
        Column("order", lambda order: order.hosting_order_id, is_id=True),
        Column("state", lambda order: order.state.name),
        Column("type", lambda order: order.type.name),
        Column("waits for", waits_for),
        Column("since", lambda order: order.updated_time),
        Column("for", how_long),
        Column("plan", lambda order: order.service_plan_id),
        Column("campaign", lambda order: order.campaign_id),
        Column("name", lambda order: order.display_name),
    ),
    key=lambda order: order.hosting_order_id,
)


def _carriers_said(number: OrderNumber | ImportedNumber) -> str:
    states = {at.state.name for _, at in carriers(number)}
    return states.pop() if len(states) == 1 else ", ".join(sorted(states))


ORDER_NUMBER: View[OrderNumber] = View(
    columns=(
        Column("number", lambda number: number.phone_number, is_id=True),
        Column("routing", lambda number: number.osr_update.state.name),
        Column("platform", lambda number: number.platform_provisioning.state.name),
        Column("campaign", lambda number: number.campaign_provisioning.state.name),
        Column("carriers", _carriers_said),
        Column("failed", trouble),
    ),
    key=lambda number: number.phone_number,
)

IMPORTED: View[ImportedNumber] = View(
    columns=(
        Column("number", lambda number: number.phone_number, is_id=True),
        Column("plan", lambda number: number.sms_configuration.service_plan_id, is_id=True),
        Column("campaign", lambda number: number.sms_configuration.campaign_id, is_id=True),
        Column("platform", lambda number: number.sms_provisioning.state.name),
        Column("on campaign", lambda number: number.campaign_provisioning.state.name),
        Column("failed", trouble),
        Column("name", lambda number: number.display_name),
    ),
    key=lambda number: number.phone_number,
)

QUALIFIED: View[QualifiedNumber] = View(
    columns=(
        Column("number", lambda number: number.phone_number, is_id=True),
        Column("state", lambda number: number.global_process_state.name),
        Column("region", lambda number: number.region_code),
        Column("since", lambda number: number.updated_time),
        Column("for", how_long),
        Column("error", lambda number: number.error),
    ),
    key=lambda number: number.phone_number,
)
