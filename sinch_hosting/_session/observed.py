"""Calls and tries as spans, for a client with telemetry; every other client has none of this."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from ..models import Order
from .exchange import Call, Exchange, Reply
from .responses import OrderId

if TYPE_CHECKING:
    from .._aio import Clock, Sleep
    from .._events import Events
    from .._telemetry import Recorder
    from .credentials import Credentials
    from .loop_state import LoopState
    from .retry import RetryPolicy
    from .secrets import Secret
    from .settings import HttpSettings

T = TypeVar("T")


class ObservedExchange(Exchange):
    """An exchange that tells telemetry of each call and of each request."""

    def __init__(
        self,
        telemetry: Recorder,
        http: HttpSettings,
        credentials: Credentials,
        retry: RetryPolicy,
        clock: Clock,
        sleep: Sleep,
        events: Events | None,
    ) -> None:
        super().__init__(http, credentials, retry, clock, sleep, events)
        self._telemetry = telemetry

    async def run(self, bound: LoopState, call: Call[T]) -> T:
        """Do what every exchange does, in a span."""
        with self._telemetry.operation(call.operation.name, is_poll=call.is_poll) as span:
            result = await super().run(bound, call)
            if call.operation.loses_answers and isinstance(result, Order | OrderId):
                self._telemetry.created(span, result.hosting_order_id)
            return result

    async def send(self, bound: LoopState, call: Call[Any], header: Secret) -> Reply:
        """Send a request, in a span inside of the call's."""
        resends, call.requests = call.requests, call.requests + 1
        method, template = call.operation.method, _template_of(call)
        with self._telemetry.request(method, template, call.url, resends) as told:
            reply = await super().send(bound, call, header)
            told.status = reply[0]
            return reply


def _template_of(call: Call[Any]) -> str | None:
    """The path with names for what it is filled with; `None` for a path that a caller wrote."""
    if call.operation.template:
        return "/v1/projects/{project_id}" + call.operation.template
    return None if call.operation.method == "GET" else call.url.path  # the token endpoint
