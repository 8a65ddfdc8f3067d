"""What callbacks report, and how a project signs them."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from attrs import field, frozen

from ..states import EventStatus, EventType, FailureCode, ResourceType
from ._base import Answered

if TYPE_CHECKING:
    from ._guidance import Failure


@frozen(kw_only=True, eq=False, repr=False)
class CallbackConfiguration(Answered):
    """The project's secret with which callbacks are signed; it never shows in `repr`."""

    project_id: str | None = None
    hmac_secret: str | None = field(default=None, repr=False)


@frozen(kw_only=True, eq=False, repr=False)
class CallbackEvent(Answered):
    """What a callback reports about one number (`CallbackPayload` in the contract)."""

    resource_type: ResourceType | None = None
    event_type: EventType | None = None
    event_id: str | None = None
    """The same in every delivery of one event."""
    timestamp: datetime | None = None
    project_id: str | None = None
    resource_id: str | None = None
    """A phone number or a hosting order's id."""
    status: EventStatus | None = None
    failure_code: FailureCode | None = None

    @property
    def internal_failure_code(self) -> str | None:
        """The vendor's own code of the failure, for their support. It is not documented."""
        code = self.extra.get("internalFailureCode")
        return None if code is None else str(code)

    @property
    def failure(self) -> Failure | None:
        """What went wrong, whether a retry can help, who has to act and what to do next.

        `None` where the event reports no failure. See `Failure`.
        """
        from ._guidance import failure_of  # noqa: PLC0415 - loads when used

        return failure_of(self.failure_code, has_failed=self.status == EventStatus.FAILED)
