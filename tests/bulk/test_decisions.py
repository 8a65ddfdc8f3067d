"""Every short history of one chunk: what the ledger keeps of it, and what a next run decides.

Nothing is sent here. A history is walked in all its branches against a world that knows which
orders there are; what is asserted is when a letter may be sent at all.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

import pytest
from attrs import evolve, frozen

from sinch_hosting import Order, OrderState
from sinch_hosting._bulk.decisions import Adopt, Decision, ReadKnown, Send, decide, is_in_doubt
from sinch_hosting._bulk.known_orders import Tagged
from sinch_hosting._bulk.ledger_records import Entry, JobEntries, take_in
from sinch_hosting._bulk.order_template import JobOptions, OrderTemplate
from sinch_hosting._bulk.tags import Tag
from sinch_hosting._session.requests import TextEnable

from .rig import letter

RUNS = 4
LETTERS = ("bbbbb", "ccccc")


@frozen
class Made:
    """An order of the world."""

    order_id: str
    tag: Tag
    is_live: bool = True
    is_listed: bool = False

    @property
    def tagged(self) -> Tagged:
        """As a list shows it."""
        state = OrderState.IN_PROGRESS if self.is_live else OrderState.REJECTED
        return Tagged(self.tag, Order(hosting_order_id=self.order_id, state=state))


@frozen
class World:
    """What there is, and what the ledger says."""

    orders: tuple[Made, ...] = ()
    entry: Entry | None = None
    known: frozenset[str] = frozenset()
    """The orders of which the ledger was told at any time."""
    in_doubt: frozenset[int] = frozenset()
    """Attempts whose letter may have been mailed by a send of which nothing was learnt."""

    def noted(self, event: str, tag: Tag, **about: Any) -> World:
        """After a further record."""
        record = {"at": "", "event": event, "job": "j", "chunk": 0, "attempt": tag.attempt}
        jobs = {"j": JobEntries({}, chunks={} if self.entry is None else {0: self.entry})}
        take_in(jobs, {**record, "tag": str(tag), **about})
        known = self.known | {about["order_id"]} if "order_id" in about else self.known
        return evolve(self, entry=jobs["j"].chunks[0], known=known)

    def made(self, tag: Tag, *, is_listed: bool) -> World:
        """With a further order."""
        order = Made(f"order-{len(self.orders)}", tag, is_listed=is_listed)
        return evolve(self, orders=(*self.orders, order))

    @property
    def listed(self) -> list[Tagged]:
        """The orders that lists show, as the journal sorts them."""
        found = [order.tagged for order in self.orders if order.is_listed]
        return sorted(found, key=lambda tagged: (-tagged.tag.attempt, tagged.is_rejected))


def work() -> OrderTemplate:
    """Work that mails letters."""
    none: Any = None
    request = TextEnable(region_code="US", service_plan_id="p", campaign_id="c", loa=letter())
    return OrderTemplate(operation="", request=request, create=none, size=1, why_not=none)


WORK = work()
OPTIONS = [
    JobOptions(job="j", on_unknown=on_unknown, retry_rejected=retry)
    for retry, on_unknown in product((False, True), (None, "resend"))
]


def changed(world: World) -> Iterator[World]:
    """Between two runs: nothing, or an order is rejected, listed at last, or reconciled."""
    yield world
    for place, order in enumerate(world.orders):
        if order.is_listed:
            yield learnt(world, order.tagged)
        for other in (evolve(order, is_live=False), evolve(order, is_listed=True)):
            if other != order:
                orders = (*world.orders[:place], other, *world.orders[place + 1 :])
                yield evolve(world, orders=orders)


def learnt(world: World, tagged: Tagged) -> World:
    """An order is adopted: what was in doubt about its attempt is known now."""
    adopted = world.noted(
        "answered", tagged.tag, outcome="adopted", order_id=tagged.order.hosting_order_id
    )
    return evolve(adopted, in_doubt=world.in_doubt - {tagged.tag.attempt})


def decided(world: World, options: JobOptions) -> tuple[World, Decision]:
    """The decision of a run, an order that only the ledger knows being read."""
    entry = world.entry
    decision = decide(world.listed, entry, options, WORK)
    if isinstance(decision, Adopt):
        return learnt(world, decision.tagged), decision
    if isinstance(decision, ReadKnown):
        (order,) = [o for o in world.orders if o.order_id == decision.entry.order_id]
        may = options.retry_rejected and not is_in_doubt(decision.entry, 1, options, WORK)
        return world, decision if order.is_live or not may else Send(decision.entry.attempt + 1)
    rejected = decision.rejected if isinstance(decision, Send) else None
    if rejected is not None and rejected.order.hosting_order_id != getattr(entry, "order_id", None):
        world = learnt(world, rejected)
    return world, decision


def check(world: World, send: Send, options: JobOptions) -> None:
    """When a letter may be mailed."""
    live = [order for order in world.orders if order.is_live]
    assert not any(order.is_listed or order.order_id in world.known for order in live), world
    if options.on_unknown != "resend":
        assert send.attempt not in world.in_doubt, world
    rejected = [o for o in world.orders if not o.is_live and o.order_id in world.known]
    if send.attempt > 1 and options.on_unknown != "resend":
        assert options.retry_rejected, world
        assert rejected, world


def sent(world: World, tag: Tag) -> Iterator[World]:
    """Whatever may become of a create."""
    away = world.noted("sending", tag, count=1, sent="x")
    doubtful = evolve(away, in_doubt=away.in_doubt | {tag.attempt})
    yield away.noted("answered", tag, outcome="failed")
    yield doubtful.noted("answered", tag, outcome="unknown")
    yield doubtful.made(tag, is_listed=False).noted("answered", tag, outcome="unknown")
    yield doubtful.made(tag, is_listed=False)  # killed
    for is_listed in (False, True):
        made = away.made(tag, is_listed=is_listed)
        order_id = made.orders[-1].order_id
        yield made.noted("answered", tag, outcome="created", order_id=order_id)


@pytest.mark.parametrize("runs", range(1, RUNS + 1))
def test_no_letter_is_mailed_that_may_be_there(runs: int) -> None:
    """In no history of so many runs, unless the caller says so."""
    worlds, sends = {World()}, 0
    for _ in range(runs):
        after: set[World] = set()
        for before in worlds:
            between = {world for once in changed(before) for world in changed(once)}
            for now, options, of in product(between, OPTIONS, LETTERS):
                world, decision = decided(now, options)
                if not isinstance(decision, Send):
                    after.add(world)
                    continue
                check(world, decision, options)
                sends += 1
                after.update(sent(world, Tag("j", 0, decision.attempt, "a" * 13 + of)))
        worlds = after
    assert sends >= 8 * runs
