"""What workers do for single numbers of an onboarding, until they are in an order.

| activity | what it does | attempts |
|---|---|---|
| `watch_numbers` | adds unknown numbers to qualification, and reads a page until one moves on | until one does |
| `ring` | lets the service call a number and say a code | one |
| `prove` | sends a code that was said | one |

A call rings somebody's phone, and a code uses up one of few tries. So neither is ever repeated by
itself. To add a number again changes nothing: that may be repeated.
"""  # noqa: E501 - the table

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from temporalio import activity
from temporalio.client import AsyncActivityCancelledError
from temporalio.service import RPCError

from .._session.operations import Failure
from .._session.retry import failure_of
from ..client import SinchHosting
from ..errors import InvalidRequest, SinchHostingError
from ..models import QualifiedNumber
from ..states import QualificationState
from .files import References
from .lease import Lease, pause
from .messages import Challenged, ChallengeKind, NumberInput, PageInput, Survey
from .onboarding import reader_of, settings_of
from .positions import positions_in, unpack
from .survey import Page
from .told import named, told

_NOT_SENT = (Failure.TOO_MANY, Failure.NEVER_SENT)


class NumberActivities:
    """The activities of a worker for numbers, over one client."""

    def __init__(self, sinch: SinchHosting, references: References) -> None:
        self._qualified = sinch.qualified_numbers
        self._session = sinch._session
        self._references = references
        self._reader = reader_of(sinch)

    @property
    def all(self) -> Sequence[Callable[..., Any]]:
        """The activities, for a worker."""
        return [self.watch_numbers, self.ring, self.prove]

    @activity.defn(name="sinch_hosting.watch_numbers")
    async def watch_numbers(self, given: PageInput) -> Survey:
        """Look at the numbers of a page until one is elsewhere than it was."""
        lease = Lease.of_activity()
        async with told(), lease.kept():
            page = await self._page(given)
            await page.read(are_new=given.adds)
            if given.adds:
                await page.add_new(self._qualified)
            else:
                page.expect_new()
            while True:
                survey = page.survey(given.start)
                if survey.digest != given.seen:
                    return survey
                await pause(given.every)
                await page.look_again()

    @activity.defn(name="sinch_hosting.ring")
    async def ring(self, given: NumberInput) -> Challenged:
        """Let the service call a number."""
        return await self._challenge(given, self._qualified.send_voice_challenge)

    @activity.defn(name="sinch_hosting.prove")
    async def prove(self, given: NumberInput) -> Challenged:
        """Send the code that was said to a number."""

        async def verify(number: str) -> QualifiedNumber:
            code = await self._references.code(given.code)
            return await self._qualified.verify_voice_challenge(number, code)

        return await self._challenge(given, verify)

    async def _challenge(
        self, given: NumberInput, send: Callable[[str], Awaitable[QualifiedNumber]]
    ) -> Challenged:
        """Send something once, unless this attempt was given up; returns what became of it."""
        lease = Lease.of_activity()
        async with told(), lease.kept():
            (number,) = await self._references.at(given.order.numbers, [given.position])
            try:
                await lease.renew()
                seen = await send(number)
            except (RPCError, AsyncActivityCancelledError):
                return Challenged(kind="unsent", reason="Temporal has given this attempt up")
            except InvalidRequest as error:
                return Challenged(kind="unsent", reason=f"{named(error)}: {error.rule}")
            except SinchHostingError as error:
                return _not_done(error)
        if not given.code:
            return Challenged(kind="called")
        if seen.global_process_state == QualificationState.VERIFIED:
            return Challenged(kind="verified")
        return Challenged(kind="refused", reason=f"is {seen.global_process_state.name}")

    async def _page(self, given: PageInput) -> Page:
        open_, early = unpack(given.open), unpack(given.early)
        listed = await self._references.numbers(given.order.numbers, given.start, given.count)
        places = list(positions_in(open_))
        if places and places[-1] >= len(listed):
            rule = "has fewer numbers than when the job began"
            raise InvalidRequest(field="numbers", value=given.order.numbers, rule=rule)
        return Page(
            {listed[place]: place for place in places},
            (listed[place] for place in places if early >> place & 1),
            settings_of(given.order, given.ready_at),
            self._reader,
        )


def _not_done(error: SinchHostingError) -> Challenged:
    if failure_of(error) in _NOT_SENT:
        return Challenged(kind="unsent", reason=named(error))
    kind: ChallengeKind = "open" if error.may_have_been_applied else "refused"
    return Challenged(kind=kind, reason=named(error.__cause__ or error))
