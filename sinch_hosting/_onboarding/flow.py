"""The way of all numbers at once: read, qualify, order, follow, verify."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import AsyncGenerator, Awaitable, Iterator, Mapping, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING

from .._bulk import FailedChunk, UnknownChunk
from .._chunks import SkippedNumber
from .._many_numbers import one_by_one
from .._polling import PollPolicy
from .._retry import growing
from .._run import SessionLike
from ..errors import NotFound, OrderRejected, SinchHostingError, WaitTimeout
from ..models import ImportedNumber, Order, QualifiedNumber
from ..states import COMPLETED, QualificationState
from .cases import Case, Settings, VoiceCode
from .judging import Judgement, Need, judge, why_not_done
from .ordering import Ordering
from .records import Fate, OnboardingReport, OnboardingStep, Step, is_toll_free

if TYPE_CHECKING:
    from ..resources.hosting_orders import HostingOrders
    from ..resources.imported_numbers import ImportedNumbers
    from ..resources.qualified_numbers import QualifiedNumbers

_log = logging.getLogger("sinch_hosting")
INVOICES_TO = "orders@sinch.com"
_SINGLY = 20
_STATES = tuple(
    state for state in QualificationState if state is not QualificationState.UNSPECIFIED
)


class Onboarding:
    """An onboarding that is iterated over for its steps, or awaited with `run()`.

    `report` tells how each number stands, at any time. It may be ended at any point and run
    again: what was begun is found and followed, not done anew.
    """

    def __init__(
        self,
        cases: Sequence[Case],
        settings: Settings,
        ordering: Ordering,
        imported: ImportedNumbers,
        qualified: QualifiedNumbers,
        orders: HostingOrders,
        session: SessionLike,
        poll: PollPolicy,
        concurrency: int,
    ) -> None:
        self._cases = {case.number: case for case in cases}
        self._settings = settings
        self._ordering = ordering
        self._imported = imported
        self._qualified = qualified
        self._orders = orders
        self._session = session
        self._poll = poll
        self._concurrency = concurrency
        self._steps: asyncio.Queue[OnboardingStep | None] = asyncio.Queue()
        self._tasks: set[asyncio.Task[None]] = set()
        self._ends: float | None = None

    @property
    def report(self) -> OnboardingReport:
        """One line a number, as things stand."""
        return OnboardingReport(lines=tuple(case.line() for case in self._cases.values()))

    async def run(self) -> OnboardingReport:
        """Go through with it; answers the report."""
        async with aclosing(self.steps()) as steps:
            async for _ in steps:
                pass
        return self.report

    def __aiter__(self) -> AsyncGenerator[OnboardingStep, None]:
        return self.steps()

    async def steps(self) -> AsyncGenerator[OnboardingStep, None]:
        """What happens, as it happens; ends when every number is settled, or time is up.

        Raises `JobChanged` and `LedgerLocked` before anything is sent, and what reading raises.
        """
        working = asyncio.ensure_future(self._work())
        working.add_done_callback(lambda _: self._steps.put_nowait(None))
        try:
            while (step := await self._steps.get()) is not None:
                yield step
        finally:
            working.cancel()
            await asyncio.wait([working])
        await working

    # ---------------------------------------------------------------- the way

    async def _work(self) -> None:
        timeout = self._settings.timeout
        self._ends = None if timeout is None else self._session.clock() + timeout
        try:
            await self._ordering.open()
            self._take_over()
            await self._read_all()
            await self._add_unknown()
            intervals = self._intervals()
            while self._time_is_left():
                await self._challenge_all()
                await self._order_ready()
                if not any(case.is_pending or self._is_ready(case) for case in self._all()):
                    break
                await self._session.sleep(self._poll.interval(next(intervals)))
                if await self._look_again():
                    intervals = self._intervals()
            await self._finish_tasks()
        finally:
            for task in self._tasks:
                task.cancel()
            if self._tasks:
                await asyncio.wait(self._tasks)
            await self._ordering.close()

    def _intervals(self) -> Iterator[float]:
        poll = self._poll
        return growing(initial=poll.initial, factor=poll.factor, maximum=poll.maximum)

    def _time_is_left(self) -> bool:
        return self._ends is None or self._session.clock() < self._ends

    def _remaining(self) -> float | None:
        return None if self._ends is None else max(0.0, self._ends - self._session.clock())

    def _all(self) -> list[Case]:
        return list(self._cases.values())

    async def _finish_tasks(self) -> None:
        while self._tasks:
            await asyncio.wait(set(self._tasks))

    def _spawn(self, work: Awaitable[None]) -> None:
        async def run() -> None:
            await work

        task = asyncio.ensure_future(run())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _tell(self, step: Step, cases: Sequence[Case], text: str = "", order_id: str = "") -> None:
        numbers = tuple(case.number for case in cases)
        self._steps.put_nowait(
            OnboardingStep(step=step, phone_numbers=numbers, text=text, order_id=order_id or None)
        )

    def _settle(self, case: Case, fate: Fate, reason: str = "") -> None:
        case.fate, case.reason = fate, reason
        step = {Fate.DONE: Step.DONE, Fate.FAILED: Step.FAILED}.get(fate, Step.UNKNOWN)
        self._tell(step, [case], reason, case.order_id)

    # ------------------------------------------------------------ where they are

    def _take_over(self) -> None:
        """Follow the orders of earlier runs."""
        known = self._ordering.known
        by_order: defaultdict[str, list[Case]] = defaultdict(list)
        orders: dict[str, Order] = {}
        for case in self._all():
            order = known.ordered.get(case.number)
            if order is not None:
                orders[order.hosting_order_id] = order
                by_order[order.hosting_order_id].append(case)
            elif case.number in known.rejected and not self._settings.retry_rejected:
                case.order_id = known.rejected[case.number].hosting_order_id
                self._settle(case, Fate.FAILED, "its order was REJECTED; see retry_rejected")
            elif case.number in known.held and not self._ordering.may_resend(case.group):
                tag = known.held[case.number]
                self._settle(case, Fate.UNKNOWN, f"sent by an earlier run under the tag {tag}")
            if case.number in known.twice:
                _log.error("%s is in a further order, %s", case.number, known.twice[case.number])
        for order_id, cases in by_order.items():
            self._follow(orders[order_id], cases, Step.ADOPTED)

    async def _read_all(self) -> None:
        """Read the state of every number that no order of the job holds."""
        open_cases = [c for c in self._all() if c.fate is Fate.WAITING and not c.order_id]
        if not open_cases:
            return
        qualified = await self._read_qualified(open_cases)

        async def look(number: str) -> ImportedNumber | SkippedNumber:
            try:
                return await self._imported.get(number)
            except NotFound:
                return SkippedNumber(phone_number=number, reason="")

        looks = await one_by_one(
            [case.number for case in open_cases], look, concurrency=self._concurrency
        )
        looks.raise_for_failures()
        imported = {number.phone_number: number for number in looks.succeeded}
        for case in open_cases:
            self._judge(case, qualified.get(case.number), imported.get(case.number))

    async def _read_qualified(self, cases: Sequence[Case]) -> Mapping[str, QualifiedNumber]:
        """The numbers in qualification, read by the cheaper way."""
        if len(cases) > _SINGLY:
            wanted = {case.number for case in cases}
            pages = self._qualified.list(states=_STATES, page_size=1000)
            return {n.phone_number: n async for n in pages if n.phone_number in wanted}

        async def look(number: str) -> QualifiedNumber | SkippedNumber:
            try:
                return await self._qualified.get(number)
            except NotFound:
                return SkippedNumber(phone_number=number, reason="")

        looks = await one_by_one(
            [case.number for case in cases], look, concurrency=self._concurrency
        )
        looks.raise_for_failures()
        return {number.phone_number: number for number in looks.succeeded}

    def _judgement(
        self, qualified: QualifiedNumber | None, imported: ImportedNumber | None
    ) -> Judgement:
        return judge(
            qualified,
            imported,
            service_plan_id=self._settings.service_plan_id,
            campaign_id=self._settings.campaign_id,
            relink=self._settings.relink,
            retry_failed=self._settings.retry_rejected,
        )

    def _judge(
        self, case: Case, qualified: QualifiedNumber | None, imported: ImportedNumber | None
    ) -> None:
        """Note what a number needs, and begin what can begin at once."""
        before = case.judgement
        if qualified is not None and qualified.region_code in ("US", "CA"):
            given = case.wanted.region_code or self._settings.region_code
            case.region_code = given or qualified.region_code
        case.judgement = judgement = self._judgement(qualified, imported)
        if judgement == before:
            return
        self._tell(Step.SEEN, [case], judgement.reason)
        if judgement.need is Need.NOTHING:
            self._settle(case, Fate.FAILED, judgement.reason)
        elif judgement.need is Need.RELINK:
            self._spawn(self._relink(case))
        elif judgement.need is Need.PROVISIONING:
            self._spawn(self._provisioned(case))
        elif judgement.need is Need.ORDER:
            case.ready_since = self._session.clock()
            self._tell(Step.READY, [case])

    async def _look_again(self) -> bool:
        """Read the numbers that wait in qualification; whether any has moved."""
        pending = [case for case in self._all() if case.is_pending]
        if not pending:
            return False
        before = [case.judgement for case in pending]
        try:
            qualified = await self._read_qualified(pending)
        except (SinchHostingError, ExceptionGroup) as error:
            _log.warning("reading states failed, it goes on: %s", error)
            return False
        for case in pending:
            if case.number in qualified:
                self._judge(case, qualified[case.number], None)
        return before != [case.judgement for case in pending]

    # ------------------------------------------------------------- qualification

    async def _add_unknown(self) -> None:
        """Put the unknown into qualification, and say once who has to mail what."""
        unknown = [case for case in self._all() if case.judgement.need is Need.ADD]
        if unknown:
            result = await self._qualified.add_many([case.number for case in unknown])
            for failed in result.failed:
                case = self._cases[failed.phone_number]
                self._settle(case, Fate.FAILED, f"not taken into qualification: {failed.error}")
            added = [case for case in unknown if case.fate is Fate.WAITING]
            for case in added:
                case.judgement = Judgement(Need.PATIENCE, "is ELIGIBLE_CHECK_PENDING")
            self._tell(Step.ADDED, added)
        waiting = [case for case in self._all() if case.is_pending]
        proof = [case for case in waiting if case.judgement.need is not Need.FOLLOW]
        if proof and self._settings.voice_code is None:
            text = (
                f"E-mail invoices that list these {len(proof)} numbers to {INVOICES_TO}: "
                "without them their review does not end (1 to 3 business days after)"
            )
            _log.warning("%s: %s", text, ", ".join(case.number for case in proof))
            self._tell(Step.INVOICES, proof, text)

    async def _challenge_all(self) -> None:
        """Ring the numbers that can be rung, once each, where codes can be had."""
        if self._settings.voice_code is None:
            return
        cases = [
            case
            for case in self._all()
            if case.is_pending and case.judgement.need is Need.PROOF and not case.challenged
        ]
        await asyncio.gather(*(self._challenge(case, self._settings.voice_code) for case in cases))

    async def _challenge(self, case: Case, voice_code: VoiceCode) -> None:
        case.challenged = True
        try:
            await self._qualified.send_voice_challenge(case.number)
            code = await voice_code(case.number)
            if code is None:
                return
            number = await self._qualified.verify_voice_challenge(case.number, code)
        except SinchHostingError as error:
            # Where an answer was lost the next look tells what became of it.
            self._tell(Step.CHALLENGED, [case], f"the voice challenge failed: {error}")
            return
        self._tell(Step.CHALLENGED, [case])
        self._judge(case, number, None)

    # ------------------------------------------------------------------- orders

    def _is_ready(self, case: Case) -> bool:
        return case.fate is Fate.WAITING and case.ready_since is not None and not case.order_id

    async def _order_ready(self) -> None:
        """Order the groups that are full, old enough, or complete: every order is a letter."""
        ready: defaultdict[str, list[Case]] = defaultdict(list)
        still_to_come = {case.group.key for case in self._all() if case.is_pending}
        for case in self._all():
            if self._is_ready(case):
                ready[case.group.key].append(case)
        size, now = self._settings.chunk_size, self._session.clock()
        for key, cases in ready.items():
            oldest = min(case.ready_since or now for case in cases)
            is_due = key not in still_to_come or now - oldest >= self._settings.window
            whole = len(cases) if is_due else len(cases) - len(cases) % size
            for start in range(0, whole, size):
                part = cases[start : min(start + size, whole)]
                for case in part:
                    case.ready_since = None
                self._spawn(self._order(part))

    async def _order(self, cases: Sequence[Case]) -> None:
        try:
            outcome = await self._ordering.order(cases[0].group, [case.number for case in cases])
        except SinchHostingError as error:
            for case in cases:
                self._settle(case, Fate.FAILED, f"not ordered: {error}")
            return
        for skipped in outcome.skipped:
            self._settle(self._cases[skipped.phone_number], Fate.FAILED, skipped.reason)
        sent = [self._cases[number] for number in outcome.numbers]
        result = outcome.result
        if isinstance(result, Order):
            self._follow(result, sent, Step.ADOPTED if outcome.adopted else Step.ORDERED)
        elif isinstance(result, (FailedChunk, UnknownChunk)):
            fate = Fate.UNKNOWN if isinstance(result, UnknownChunk) else Fate.FAILED
            for case in sent:
                self._settle(case, fate, f"not ordered for certain: {result.error}")

    def _follow(self, order: Order, cases: Sequence[Case], step: Step) -> None:
        for case in cases:
            case.order_id, case.ready_since = order.hosting_order_id, None
            case.judgement = Judgement(Need.PATIENCE, "ordered")
            case.reason = f"its order is {order.state.name}"
        self._tell(step, cases, f"{len(cases)} numbers", order.hosting_order_id)
        self._spawn(self._complete(order, cases))

    async def _complete(self, order: Order, cases: Sequence[Case]) -> None:
        """Wait for an order, and verify each of its numbers."""

        def moved(order: Order) -> None:
            for case in cases:
                case.reason = f"its order is {order.state.name}"
            self._tell(Step.ORDER, cases, order.state.name, order.hosting_order_id)

        try:
            await order.wait_until(COMPLETED, timeout=self._remaining(), on_update=moved)
            pages = self._orders.numbers(order.hosting_order_id, page_size=1000)
            held = {number.phone_number: number async for number in pages}
        except WaitTimeout:
            return
        except OrderRejected:
            for case in cases:
                self._settle(case, Fate.FAILED, "its order was REJECTED; see retry_rejected")
            return
        except SinchHostingError as error:
            for case in cases:
                case.reason = f"its order could not be followed: {error}"
            return
        for case in cases:
            number = held.get(case.number)
            why = "its order does not list it"
            if number is not None:
                why = why_not_done(number, campaign_id=self._settings.campaign_id)
            self._settle(case, Fate.FAILED if why else Fate.DONE, why)

    # ------------------------------------------------------------------- imported

    def _campaign_of(self, case: Case) -> str:
        return "" if is_toll_free(case.number) else self._settings.campaign_id or ""

    async def _relink(self, case: Case) -> None:
        self._tell(Step.RELINKING, [case], "without service until it is linked anew")
        try:
            await self._imported.relink(
                case.number,
                service_plan_id=self._settings.service_plan_id,
                campaign_id=self._campaign_of(case),
            )
        except SinchHostingError as error:
            self._settle(case, Fate.FAILED, str(error))
            return
        await self._provisioned(case)

    async def _provisioned(self, case: Case) -> None:
        """Done is: on the service plan, and on the campaign where one was given."""
        try:
            number = await self._imported.wait_until_provisioned(
                case.number, timeout=self._remaining()
            )
        except WaitTimeout:
            case.reason = "its provisioning has not ended"
        except SinchHostingError as error:
            self._settle(case, Fate.FAILED, str(error))
        else:
            where = self._judgement(None, number)
            if where.need is Need.PROVISIONING:
                self._settle(case, Fate.DONE)
            elif where.need is Need.RELINK:
                await self._relink(case)
            else:
                self._settle(case, Fate.FAILED, where.reason)
