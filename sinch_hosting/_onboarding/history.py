"""The results of earlier runs of an onboarding: its orders by number, and creates in flight.

The numbers that are ready together differ from run to run, so chunks do not follow from the input.
A rerun takes them from the numbers of the job's existing orders.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from attrs import define, field, frozen

from .._aio import Sleep, unwrap_group
from .._bulk.known_orders import (
    Tagged,
    TaggedOrders,
    cannot_be_listed,
    differing_arguments,
    job_changed,
    not_a_tag,
)
from .._bulk.ledger import Ledger
from .._bulk.ledger_records import ADOPTED, Entry, JobEntries
from .._bulk.lost_orders import sub_jobs_of
from .._bulk.open_ledger import open_ledger
from .._bulk.order_template import JobOptions, OrderTemplate
from .._bulk.tags import is_sub_job, parse_tag
from .._session.orders_api import PAGE_SIZE, OrdersApi, Place
from .._session.retry import exponential
from ..errors import ApiError, NotFound, UnreadableList
from ..models import Order, OrderNumber
from ..states import OrderState, QualificationState
from .context import Context, Group, OnboardingSettings
from .fence import Fence
from .numbers import (
    IMPORTED_NO_MORE,
    NOT_IN_ORDER,
    Assessment,
    NumberProgress,
    Stage,
    is_provisioned,
    why_not_done,
)

_log = logging.getLogger("sinch_hosting")
_LOOKS = 5
_LONG_AGO = datetime.min.replace(tzinfo=UTC)


@frozen
class Held:
    """A create that was in flight when a run ended."""

    job: str
    entry: Entry


@define
class Known:
    """What is known about the numbers of earlier runs."""

    ordered: dict[str, Order] = field(factory=dict)
    shown: dict[str, OrderNumber] = field(factory=dict)
    """The numbers, as their orders show them."""
    rejected: dict[str, Order] = field(factory=dict)
    held: dict[str, Held] = field(factory=dict)
    twice: dict[str, str] = field(factory=dict)
    """Numbers that are in a second order, and its id."""


class History:
    """The earlier runs of an onboarding's job, read from the ledger and the lists."""

    def __init__(self, context: Context, options: JobOptions, groups: Iterable[Group]) -> None:
        self.options = options
        self.ledger: Ledger | None = None
        self.known = Known()
        self._context = context
        self._settings = context.settings
        self._orders, self._sleep = context.orders, context.session.sleep
        self._groups = {group.job(options.job): group for group in groups}
        self._tagged: dict[str, Tagged] = {}
        self._numbers: dict[str, list[OrderNumber]] = {}

    # ----------------------------------------------------------------- opening

    async def open(self, *, read_only: bool = False) -> None:
        """Lock the ledger and read the orders of earlier runs, their numbers included.

        With a ledger in a database it first waits until no other run does the onboarding. Raises
        `JobChanged` where earlier runs had other arguments. With `read_only` the ledger is neither
        locked nor created, and the lists are read once.
        """
        if self.options.ledger is not None:
            path = self.options.ledger
            assert not isinstance(path, Ledger)  # noqa: S101 - `begin` takes none
            self.ledger = await open_ledger(
                path,
                longest_request=self._context.session.longest_request,
                job=self.options.job,
                read_only=read_only,
                alone=not read_only,
            )
        self._compare_runs()
        await self._read()
        if read_only:
            return
        if self._may_be_behind():
            await self._sleep(self.options.settle)
            await self._read()
        await self._note_adopted()

    async def close(self, *, is_over: bool = False) -> None:
        """Close the ledger; `is_over` says that the run ended by itself. Safe to repeat."""
        if self.ledger is not None:
            await self.ledger.close(is_over=is_over)

    @property
    def fence(self) -> Fence | None:
        """What lets a request leave only while this run alone does the onboarding.

        `None` where it holds a file until it is closed, or has no ledger.
        """
        if self.ledger is None or math.isinf(self.ledger.whole.ends):
            return None
        return Fence(self.ledger.whole, self._context.session.longest_request or 0.0)

    @property
    def is_follow_up(self) -> bool:
        """Whether another run ended by itself while this one waited for that."""
        return self.ledger is not None and self.ledger.is_follow_up

    async def _read(self) -> None:
        await self._walk()
        self._compare_tags()
        await self._take_in_ledger()
        unread = [order_id for order_id in self._tagged if order_id not in self._numbers]
        try:
            async with asyncio.TaskGroup() as reading:
                for order_id in unread:
                    reading.create_task(self._read_numbers(order_id))
        except ExceptionGroup as group:
            raise unwrap_group(group) from None
        self.known = self._known()

    def _may_be_behind(self) -> bool:
        """Whether there may be orders that the lists do not show yet."""
        jobs = self._jobs()
        # A ledger that has the job says what was in flight. One that does not have it says nothing;
        # and orders that it does not have come from another run.
        entries = [entry for job in jobs.values() for entry in job.chunks.values()]
        ids = {entry.order_id for entry in entries} | {entry.rejected_id for entry in entries}
        in_flight = self.known.held.keys() - self.known.ordered.keys()
        return not jobs or bool(in_flight) or not self._tagged.keys() <= ids

    def _jobs(self) -> dict[str, JobEntries]:
        return {} if self.ledger is None else sub_jobs_of(self.ledger, self.options.job)

    # --------------------------------------------------------------- comparing

    def _compare_runs(self) -> None:
        """Raise `JobChanged` where the ledger has runs with other arguments."""
        for name, known in self._jobs().items():
            has_campaign = "TollFree" not in str(known.run.get("operation"))
            differing = _differing_links(known, self._settings, has_campaign=has_campaign)
            if not differing and name in self._groups:
                template = self._context.template(self._groups[name])
                differing = known.fingerprint.differs_from(template.fingerprint())
            if differing:
                raise job_changed(self.options.job, f"{', '.join(differing)}, as the ledger tells")

    def _compare_tags(self) -> None:
        """Raise `JobChanged` where existing orders were created with other arguments."""
        templates: dict[str, OrderTemplate] = {}
        for tagged in self._tagged.values():
            name = tagged.tag.job
            if name not in self._groups:
                continue  # of a letter that is not asked for now; its place is ours
            template = templates.setdefault(name, self._context.template(self._groups[name]))
            ours = template.fingerprint().tag(name, 0, 1, (), is_last=False)
            if (tagged.tag.arguments, tagged.tag.letter) != (ours.arguments, ours.letter):
                differing = differing_arguments(tagged.order, template.request)
                named = ", ".join(differing) or "which, the tags do not tell"
                raise job_changed(self.options.job, f"the arguments ({named}); tag {tagged.tag}")

    # ------------------------------------------------------------------ reading

    async def _walk(self) -> None:
        for place in self._context.places(self._groups.values()):
            try:
                await self._walk_place(place)
            except (ApiError, UnreadableList) as refused:
                if place.is_certain or not cannot_be_listed(refused):
                    raise
                _log.warning("orders without a campaign cannot be listed: %s", refused)

    async def _walk_place(self, place: Place) -> None:
        """Read the orders of a place; raises `JobChanged` for one whose tag was edited or cut."""
        reading = TaggedOrders(self._orders, place, self._sleep)
        async for tagged in reading.read(self._is_ours, self._is_ours):
            self._tagged[tagged.order.hosting_order_id] = tagged
        if reading.torn is not None:
            raise not_a_tag(self.options.job, reading.torn)

    def _is_ours(self, job: str) -> bool:
        """Whether a job is a group of this onboarding, and not a bulk job with a similar name."""
        if not is_sub_job(job, self.options.job):
            return False
        return self.ledger is None or job not in self.ledger.jobs or job in self._jobs()

    async def _read_numbers(self, order_id: str) -> None:
        self._numbers[order_id] = await whole_list(self._orders, order_id, self._sleep)

    async def _note_adopted(self) -> None:
        """Record the orders in the ledger that were in flight and are listed now."""
        tagged = {str(one.tag): one for one in self._tagged.values()}
        for name, job in self._jobs().items():
            for entry in [entry for entry in job.chunks.values() if entry.is_open]:
                found = tagged.get(entry.tag)
                if found is not None and self.ledger is not None:
                    order_id = found.order.hosting_order_id
                    await self.ledger.answered(name, entry, ADOPTED, order_id=order_id)

    async def _take_in_ledger(self) -> None:
        """Read the orders that only the ledger has."""
        listed = {str(tagged.tag) for tagged in self._tagged.values()}
        for known in self._jobs().values():
            for entry in known.chunks.values():
                tag = parse_tag(entry.tag)
                if tag is not None and entry.order_id and entry.tag not in listed:
                    try:
                        order = await self._orders.get(entry.order_id)
                    except NotFound:
                        _log.error("order %s, which the ledger tells of, is gone", entry.order_id)
                        continue
                    self._tagged[entry.order_id] = Tagged(tag, order)

    # -------------------------------------------------------------- what follows

    def _known(self) -> Known:
        known = Known()
        for tagged in sorted(self._tagged.values(), key=_age):
            shown = self._numbers.get(tagged.order.hosting_order_id, ())
            by_number = {number.phone_number: number for number in shown}
            # The numbers that the ledger says were sent are in it, though a list may lag.
            for number in {**by_number, **dict.fromkeys(self._sent_in(tagged))}:
                if tagged.is_rejected:
                    known.rejected[number] = tagged.order
                else:
                    self._note(known, tagged.order, number, by_number.get(number))
        listed = {str(tagged.tag) for tagged in self._tagged.values()}
        for name, job in self._jobs().items():
            for entry in job.chunks.values():
                if entry.tag not in listed and (entry.is_open or entry.order_id):
                    known.held.update(dict.fromkeys(entry.listed, Held(name, entry)))
        return known

    def _sent_in(self, tagged: Tagged) -> tuple[str, ...]:
        job = self._jobs().get(tagged.tag.job)
        entry = None if job is None else job.chunks.get(tagged.tag.chunk)
        return entry.listed if entry is not None and entry.tag == str(tagged.tag) else ()

    def _note(self, known: Known, order: Order, number: str, shown: OrderNumber | None) -> None:
        """Store a number of a live order; a newer order replaces one in which the number failed."""
        before = known.ordered.get(number)
        if before is not None and not self._has_failed(before, known.shown.get(number)):
            known.twice[number] = before.hosting_order_id
        known.ordered[number] = order
        known.shown.pop(number, None)
        if shown is not None:
            known.shown[number] = shown

    def _has_failed(self, order: Order, shown: OrderNumber | None) -> bool:
        is_over = order.state == OrderState.COMPLETED
        return is_over and shown is not None and bool(why_not_done(shown, order, self._settings))

    def why_not_done(self, number: str) -> str:
        """Return why an ordered number is not text-enabled as wanted; `""` where it is."""
        shown = self.known.shown.get(number)
        if shown is None:
            return NOT_IN_ORDER
        return why_not_done(shown, self.known.ordered[number], self._settings)

    def failed(self, number: str) -> bool:
        """Whether a number's order has ended and did not text-enable it."""
        order = self.known.ordered.get(number)
        return order is not None and self._has_failed(order, self.known.shown.get(number))

    def held(self, number: str) -> Held | None:
        """Return the create in which a number was in flight, where no order of it is known."""
        return None if number in self.known.ordered else self.known.held.get(number)

    def may_resend(self, held: Held, group: Group) -> bool:
        """Whether the numbers of a create in flight whose order was not found may be ordered."""
        return self.options.may_resend(self._context.template(group), held.entry.sends)

    def of_group(self, group: Group) -> tuple[str, list[Tagged]]:
        """Return the name of a group's job, and its orders."""
        name = group.job(self.options.job)
        return name, [tagged for tagged in self._tagged.values() if tagged.tag.job == name]


async def whole_list(orders: OrdersApi, order_id: str, sleep: Sleep) -> list[OrderNumber]:
    """Return the numbers of an order; reads the list again where it has fewer than the report."""
    pauses = exponential(initial=1, factor=2, maximum=8)
    listed: list[OrderNumber] = []
    for _ in range(_LOOKS):
        listed = [number async for number in orders.numbers(order_id, page_size=PAGE_SIZE)]
        if len(listed) >= ((await orders.report(order_id)).total or 0):
            break
        await sleep(next(pauses))
    return listed


async def moved_since(context: Context, numbers: Sequence[NumberProgress]) -> dict[str, Assessment]:
    """Return the numbers that have changed since their order text-enabled them.

    The contract does not say whether text-enabled numbers are among the imported ones. Where none
    of them is imported, those in HOSTING_DONE count as unchanged.
    """
    settings, names = context.settings, [one.number for one in numbers]
    imported = await context.reader.imported_at(
        names, settings.service_plan_id, settings.campaign_id
    )
    hosted = {} if imported else await context.reader.qualified(names)
    found: dict[str, Assessment] = {}
    for one in numbers:
        seen, qualified = imported.get(one.number), hosted.get(one.number)
        if seen is not None:
            here = one.assess(None, seen, settings)
            if here.stage is not Stage.PROVISIONING or not is_provisioned(seen):
                found[one.number] = here
        elif qualified is None or qualified.global_process_state != QualificationState.HOSTING_DONE:
            found[one.number] = Assessment(Stage.FAILED, IMPORTED_NO_MORE)
    return found


def _differing_links(
    known: JobEntries, settings: OnboardingSettings, *, has_campaign: bool
) -> list[str]:
    """Return which of plan and campaign differ from the ledger, with both values."""
    wanted = {"service_plan_id": settings.service_plan_id}
    if has_campaign:
        wanted["campaign_id"] = settings.campaign_id or ""
    return [
        f"{name} (was {str(known.run.get(name) or '')!r}, is {value!r})"
        for name, value in wanted.items()
        if str(known.run.get(name) or "") != value
    ]


def _age(tagged: Tagged) -> tuple[datetime, int]:
    return tagged.order.created_time or _LONG_AGO, tagged.tag.chunk
