"""Calls and requests as spans, for a client with telemetry; no other client loads this module."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from ..models import Order
from .call import Call
from .exchange import Exchange, Reply
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
        """Carry out a call inside of a span."""
        with self._telemetry.operation(call.operation.name, is_poll=call.is_poll) as span:
            result = await super().run(bound, call)
            if call.operation.loses_answers and isinstance(result, Order | OrderId):
                self._telemetry.created(span, result.hosting_order_id)
            return result

    async def send(self, bound: LoopState, call: Call[Any], header: Secret) -> Reply:
        """Send a request inside of a span, which is a child of the call's span."""
        resends, call.requests = call.requests, call.requests + 1
        method, template = call.operation.method, _template_of(call)
        with self._telemetry.request(method, template, call.url, resends) as told:
            reply = await super().send(bound, call, header)
            told.status = reply[0]
            return reply


def _template_of(call: Call[Any]) -> str | None:
    """Return the path with names in place of its ids; `None` for a path that a caller wrote."""
    if call.operation.template:
        return "/v1/projects/{project_id}" + call.operation.template
    return None if call.operation.method == "GET" else call.url.path  # the token endpoint
