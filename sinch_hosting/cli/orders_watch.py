"""`orders watch`: orders live on a terminal, a line for each change elsewhere."""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, cast

from ..states import OrderState
from .durations import local_time
from .errors import ExitCode
from .many import exit_code
from .messages import tell
from .options import Output
from .orders_wait import tell_how_to_wait
from .output import as_json, chosen_format, print_many, print_text, printable
from .progress import EVERY, beside
from .views import ORDER, how_long, waits_for

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from rich.console import Group
    from rich.live import Live

    from .. import Order, OrderReport, OrderUpdate, SinchHosting

_REFRESH = 1.0
_REPORTS_EVERY = 10.0
_ROWS_LEFT = 8
"""Lines of a terminal that the totals and the heads take."""


async def watch_orders(sinch: SinchHosting, orders: Sequence[Order], output: Output) -> ExitCode:
    """Watch orders until all have ended, and return the exit code.

    Ctrl-C leaves the orders alone, and prints the line that goes on.
    """
    if not orders:
        tell("no orders to watch")
        return ExitCode.DONE
    orders = [  # an order from a token has no state
        await order.refresh() if order.state is OrderState.UNSPECIFIED else order
        for order in orders
    ]
    watching = _Watching(sinch, {order.hosting_order_id: order for order in orders})
    is_live = chosen_format(output) == "table" and sys.stdout.isatty()
    try:
        await (watching.live() if is_live else watching.lines(output))
    except BaseException:
        tell_how_to_wait(watching.open)
        raise
    return watching.code()


class _Watching:
    """Orders, as they were last seen."""

    def __init__(self, sinch: SinchHosting, orders: dict[str, Order]) -> None:
        self._sinch = sinch
        self._orders = orders
        self._reports: dict[str, OrderReport] = {}
        self._failed: list[tuple[str, Exception]] = []

    @property
    def open(self) -> list[Order]:
        """The orders that have not ended."""
        return [order for order in self._orders.values() if not order.state.is_terminal]

    def code(self) -> ExitCode:
        """Return the exit code; tells what could not be read."""
        code = exit_code(self._failed, succeeded=len(self._orders) - len(self._failed))
        rejected = any(order.state == OrderState.REJECTED for order in self._orders.values())
        return code or (ExitCode.NOT_ALL if rejected else ExitCode.DONE)

    def _take_in(self, update: OrderUpdate) -> None:
        order_id = update.order.hosting_order_id
        self._orders[order_id] = update.order
        if update.error is not None:
            self._failed.append((order_id, update.error))

    def _updates(self) -> AsyncGenerator[OrderUpdate, None]:
        watched = self._sinch.hosting_orders.watch(self._orders.values())
        return cast("AsyncGenerator[OrderUpdate, None]", watched)

    # ------------------------------------------------------------------ lines

    async def lines(self, output: Output) -> None:
        """Print the orders, and then a line for each change."""
        await print_many(self._orders.values(), ORDER, output)
        sys.stdout.flush()
        async with beside(self._speak()), aclosing(self._updates()) as updates:
            async for update in updates:
                self._take_in(update)
                self._print(update, output)

    def _print(self, update: OrderUpdate, output: Output) -> None:
        order = update.order
        match output.format:
            case "lines":
                print_text(f"{order.hosting_order_id} {order.state.name}")
            case "csv" | "table":
                changed = local_time(order.updated_time)
                print_text(f"{order.hosting_order_id},{order.state.name},{changed}")
            case _:
                print_text(json.dumps(as_json(order)))
        sys.stdout.flush()

    async def _speak(self) -> None:
        while True:
            await asyncio.sleep(EVERY)
            counts = Counter(order.state.name for order in self._orders.values())
            tell(", ".join(f"{count} {state}" for state, count in counts.items()))

    # ------------------------------------------------------------------- live

    async def live(self) -> None:
        """Draw the orders, and the totals of their numbers as bars, until all have ended."""
        from rich.console import Console  # noqa: PLC0415 - only a terminal needs it
        from rich.live import Live  # noqa: PLC0415

        console = Console(highlight=False, markup=False, emoji=False)
        async with aclosing(self._updates()) as updates:
            with Live(self._drawn(), console=console, auto_refresh=False) as live:
                async with beside(self._keep_drawing(live)):
                    async for update in updates:
                        self._take_in(update)
                        live.update(self._drawn(), refresh=True)
                    await self._read_reports()
                    live.update(self._drawn(), refresh=True)

    async def _keep_drawing(self, live: Live) -> None:
        """Draw once a second, and read the counts of the numbers now and then."""
        rounds = 0
        while True:
            if rounds % (_REPORTS_EVERY / _REFRESH) == 0:
                await self._read_reports()
            live.update(self._drawn(), refresh=True)
            await asyncio.sleep(_REFRESH)
            rounds += 1

    async def _read_reports(self) -> None:
        """Read how far the numbers are; an order that cannot be read keeps what was seen."""
        from ..errors import SinchHostingError  # noqa: PLC0415

        for order in list(self._orders.values())[: _rows()]:
            known = self._reports.get(order.hosting_order_id)
            if order.state.is_terminal and known is not None and known.total == known.osr_updated:
                continue
            try:
                self._reports[order.hosting_order_id] = await order.report()
            except SinchHostingError:
                continue

    def _drawn(self) -> Group:
        from rich.console import Group  # noqa: PLC0415 - as above
        from rich.text import Text  # noqa: PLC0415

        shown = sorted(self._orders.values(), key=lambda order: order.state.is_terminal)
        lines = [_line(order) for order in shown[: _rows()]]
        if len(shown) > len(lines):
            lines.append(f"and {len(shown) - len(lines)} more")
        return Group(*map(Text, [*lines, *self._totals()]))

    def _totals(self) -> list[str]:
        """Return the totals as bars: orders, and the steps of their numbers."""
        orders = len(self._orders)
        totals: Mapping[str, tuple[int, int]] = {
            "orders ended": (orders - len(self.open), orders),
            **_counted(list(self._reports.values())),
        }
        return [_bar(title, done, total) for title, (done, total) in totals.items()]


def _rows() -> int:
    return max(1, shutil.get_terminal_size().lines - _ROWS_LEFT)


def _counted(reports: Sequence[OrderReport]) -> dict[str, tuple[int, int]]:
    total = sum(report.total or 0 for report in reports)
    if not total:
        return {}
    return {
        "routing updated": (sum(report.osr_updated or 0 for report in reports), total),
        "on the platform": (sum(report.sms_provisioned or 0 for report in reports), total),
        "on the campaign": (sum(report.added_to_campaign or 0 for report in reports), total),
    }


def _line(order: Order) -> str:
    """Return an order in one line: its id whole, its state, whom it waits for and how long."""
    who, since = waits_for(order), how_long(order)
    line = f"{order.hosting_order_id}  {order.state.name:<25}"
    return printable(f"{line} {who and f'waits for {who} '}{since and f'since {since}'}".rstrip())


_BAR = 24


def _bar(title: str, done: int, total: int) -> str:
    encoding = (sys.stdout.encoding or "ascii").lower()
    full, empty = ("━", " ") if encoding.startswith("utf") else ("#", ".")
    filled = _BAR * done // total if total else 0
    return f"{title:<16} {full * filled}{empty * (_BAR - filled)} {done}/{total}"
