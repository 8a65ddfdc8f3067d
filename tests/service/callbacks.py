"""Callbacks that the service sends, signed as the vendor signs them."""

from __future__ import annotations

import hashlib
import hmac
import itertools
import json
from collections.abc import Iterator

import aiohttp

from .state import Json, Order, Store

FINAL = {"COMPLETED": "SUCCEEDED", "REJECTED": "FAILED"}


class Callbacks:
    """The part of the service that calls back."""

    store: Store
    _events = itertools.count()

    async def send_callback(self, url: str, *, secret: str | None = None, **fields: str) -> int:
        """Send one event, signed with the project's secret or another (`""`: unsigned).

        Fields have the wire's names and win over the usual ones: a succeeded HOSTING_PROCESS.
        Returns the status of the answer.
        """
        payload = {
            "resourceType": "HOSTING_ORDER_NUMBER",
            "eventType": "HOSTING_PROCESS",
            "eventId": f"event-{next(self._events)}",
            "timestamp": self.store.stamp(self.store.clock()),
            "projectId": self.store.project_id,
            "resourceId": "",
            "status": "SUCCEEDED",
            **fields,
        }
        async with aiohttp.ClientSession() as session:
            return await self._post(session, url, payload, secret)

    async def send_due_callbacks(self, url: str = "", *, times: int = 1) -> list[Json]:
        """Send the events of all orders that have ended since the last call.

        One HOSTING_PROCESS an order and one PROVISIONING_TO_SMS_PLATFORM a number go to `url`, or
        to the order's `callbackUrl`; each `times` times. Returns the payloads.
        """
        sent = []
        async with aiohttp.ClientSession() as session:
            for order in list(self.store.orders.values()):
                target = url or order.callback_url
                state = order.line.at(self.store.clock())
                if order.announced or not target or state not in FINAL:
                    continue
                order.announced = True
                for payload in self._of_order(order):
                    for _ in range(times):
                        await self._post(session, target, payload, None)
                    sent.append(payload)
        return sent

    def _of_order(self, order: Order) -> Iterator[Json]:
        now = self.store.clock()
        common = {"resourceType": "HOSTING_ORDER_NUMBER", "projectId": self.store.project_id}
        ended = FINAL[order.line.at(now) or ""]
        events = [("HOSTING_PROCESS", order.id, ended)]
        for number in order.numbers:
            done = order.step_state(number, "platformProvisioning", now) == "DONE"
            status = "SUCCEEDED" if done else "FAILED"
            events.append(("PROVISIONING_TO_SMS_PLATFORM", number, status))
        for kind, resource, status in events:
            failure = {"failureCode": "NUMBER_PROVISIONING_FAILED"} if status == "FAILED" else {}
            yield {
                **common,
                "eventType": kind,
                "eventId": f"event-{next(self._events)}",
                "timestamp": self.store.stamp(order.line.since(now)),
                "resourceId": resource,
                "status": status,
                **failure,
            }

    async def _post(
        self, session: aiohttp.ClientSession, url: str, payload: Json, secret: str | None
    ) -> int:
        body = json.dumps(payload).encode()
        key = self.store.secret if secret is None else secret
        headers = {"Content-Type": "application/json"}
        if key:
            signature = hmac.new(key.encode(), body, hashlib.sha1).hexdigest()
            headers["X-Sinch-Signature"] = signature
        async with session.post(url, data=body, headers=headers) as answer:
            return answer.status
