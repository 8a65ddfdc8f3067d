"""Waiting for orders: by id, by token, by job; and what `--wait` does after a create."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..states import OrderState
from .errors import ExitCode
from .invocation import resume_line
from .many import exit_code
from .messages import tell
from .options import Output, state_named
from .output import print_many
from .progress import waiting
from .views import ORDER

if TYPE_CHECKING:
    from .. import Order, SinchHosting

_LINES = 5


def state_from(text: str) -> OrderState:
    """Return the order state that a text names, in any case; `WAIT_FOR_DONE` is COMPLETED.

    Raises:
        BadInput: There is no such state.
    """
    return state_named(text, OrderState, "order state", OrderState.COMPLETED)


def order_from(sinch: SinchHosting, text: str) -> Order:
    """Return an order to wait for, from its id or from a token; nothing is sent."""
    if text.lstrip().startswith("{"):
        return sinch.hosting_orders.from_token(text)
    from .. import Order  # noqa: PLC0415 - models are loaded only where they are needed

    return sinch.hosting_orders.from_token(Order(hosting_order_id=text).to_token())


def tell_how_to_wait(orders: Sequence[Order]) -> None:
    """Print the lines that wait for orders, from this machine or from another."""
    if orders:
        tell("wait for them with:")
    for order in orders[:_LINES]:
        tell(f"  {resume_line('orders', 'wait', order.to_token())}")
    if len(orders) > _LINES:
        tell(f"  and so on for {len(orders) - _LINES} more: sinch-hosting orders list")


async def wait_for_orders(
    sinch: SinchHosting,
    orders: Sequence[Order],
    state: OrderState,
    *,
    timeout: float | None,
    output: Output,
) -> ExitCode:
    """Wait for orders, print them as they are then, and return the exit code.

    Ctrl-C leaves the orders alone, and prints the line that goes on.
    """
    ids = [order.hosting_order_id for order in orders]
    try:
        async with waiting(f"{state.name}", len(orders)):
            results = await sinch.hosting_orders.wait_all(
                orders, state, timeout=timeout, return_exceptions=True
            )
    except BaseException:
        tell_how_to_wait(orders)
        raise
    failed = [
        (order_id, result)
        for order_id, result in zip(ids, results, strict=True)
        if isinstance(result, Exception)
    ]
    seen = [_last(result) for result in results]
    await print_many([order for order in seen if order is not None], ORDER, output)
    code = exit_code(failed, succeeded=len(orders) - len(failed))
    if code is ExitCode.TIMED_OUT or any(getattr(error, "token", None) for _, error in failed):
        tell_how_to_wait([o for o in map(_last, (e for _, e in failed)) if o is not None])
    return code


def _last(result: Order | Exception) -> Order | None:
    """Return the order as it was last seen, whether its wait succeeded or failed."""
    if not isinstance(result, Exception):
        return result
    last: Order | None = getattr(result, "last", None)
    return last
