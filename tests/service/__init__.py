"""A service that speaks the Imported Numbers and Hosting Orders API on loopback.

It is written from the contract alone and shares no code with what it tests.

    async with Service(clock=clock, sleep=clock.sleep) as service:
        client = SinchHosting(**service.client_arguments)

**Time.** `clock` gives seconds, `sleep` passes them; times on the wire are `epoch` (now, unless
given) and what the clock has moved since.

    Service(clock=clock, sleep=clock.sleep, epoch=datetime(2026, 1, 1, tzinfo=UTC))

**Lists.** Keyword arguments of `ListRules` hold for all four lists; `service.lists` has each.

    Service(page_cap=20, total_size=False, order_by="updatedTime", descending=True, lag=30)
    service.lists["ListHostingOrders"].paging = "shifting"
    service.lists["ListHostingOrders"].hidden.add(order.id)
    service.lists["ListHostingOrders"].hide = lambda order: number in order.numbers
    service.lists["ListHostingOrders"].shown_as[order.id] = "SUBMITTED"
    service.lists["ListHostingOrders"].endless = "strangers"
    service.lists["ListHostingOrders"].empty_campaign = 422
    service.lists["ListHostingOrderNumbers"].empty_every = 2
    service.pager.forget_tokens()

**Orders.** What was created by requests runs through `service.rules.lives` on the clock.

    orders = service.add_orders(1000, state="IN_PROGRESS", completed_at=clock() + 60, every=1)
    service.add_orders(10, type="IMPORT", plan="p", campaign="c", display_name="job/{}")
    service.set_state(orders, "COMPLETED", at=clock() + 600, every=5)
    service.set_state(order.id, "REJECTED")
    service.set_number(order, number, "FAILED", "campaignProvisioning")
    service.set_qualified([number], "VERIFICATION_PENDING")
    service.add_imported([number], plan="p", campaign="")
    service.rules.lives["IMPORT"] = [(0, "DRAFT"), (5, "SUBMITTED"), (60, "COMPLETED")]
    service.rules.lives["IMPORT"] = lambda body: [(0, "SUBMITTED"), (9, "REJECTED")]
    service.rules.qualification = [(0, "ELIGIBLE_CHECK_PENDING"), (60, "ELIGIBLE")]
    service.rules.failing[number] = "campaignProvisioning"

**Other behaviour.** `Service(rules={...})`, or an attribute of `service.rules`: see `Rules`.

    Service(rules={"require_qualified": False, "text_enable_conflicts": True})
    service.rules.stored_name = str.lower
    service.rules.echoed_name = lambda name: name[:20]
    service.rules.numbers_shown = lambda age, count: int(age // 60)
    service.rules.id_only = {"ImportNumbers"}

**Letters.** Every text-enable that was carried out adds one, also where its answer was lost.

    assert not service.numbers_in_two_letters
    assert service.letters_for(number)[0].email == "john.doe@email.com"

**Faults.** For the next `times` requests (1; None: all) after `skip`, that `when` takes.
Operations are ids of the contract, `"Token"`, `CREATES`, `TEXT_ENABLES`, `LISTS`, or None: all.

    rule = service.fault("ImportNumbers", error(503, after=True), times=3)
    service.fault(CREATES, drop(after=True), when=lambda request: number in request.body["numbers"])
    service.fault("GetHostingOrder", reply(200, "null"))
    service.fault("ListHostingOrders", slow(1.0, 504), times=None)
    service.fault(LISTS, error(403), times=None)
    service.fault(None, error(429, Retry_After="5"), times=2, skip=1)
    service.fault(CREATES, cut(20))
    service.fault(CREATES, duplicate())
    service.fault(CREATES, id_only())
    service.fault("ImportNumbers", echo(str.lower))
    service.fault("GetHostingOrder", edit(lambda order: {**order, "state": "NEW_STATE"}))
    service.fault("GetHostingOrder", delay(30))
    service.fault("GetHostingOrder", gzip_bomb(200))
    service.fault("GetHostingOrder", endless_body())
    service.fault("GetHostingOrder", huge_error(500, megabytes=20))
    rule = service.fault(CREATES, hang(after=True))
    await rule.arrived.wait()
    rule.release()
    service.clear_faults()

**Connections.**

    service.close_connections()
    await service.down()
    await service.up()

**Tokens.** `service.token_fetches` counts.

    Service(token_lifetime=60)
    service.expire_tokens()
    service.revoke_tokens()

**Rate limit.** On the service's clock.

    Service(rate_limit=RateLimit(per_second=5, burst=5, retry_after="date"))
    service.rate_limit = RateLimit(per_second=1, retry_after="epoch", operations=CREATES)
    service.rate_limit.refused

**What came.** `requests`, `requests_of(*operations)`, `counts`, `statuses`, `most_in_flight`.

    assert service.counts["ImportNumbers"] == 1
    assert service.requests_of("ImportNumbers")[0].body["numbers"] == [number]
    assert service.statuses["ImportNumbers", 503] == 3
    await service.wait_until(lambda: service.counts["GetHostingOrder"] > 2)

**Callbacks.** Sent when the test says so.

    await service.send_callback(url, resourceId=order.id, status="FAILED", secret="wrong")
    await service.send_due_callbacks(url, times=2)
"""

from .faults import (
    Answer,
    Fault,
    RateLimit,
    Request,
    Rule,
    cut,
    delay,
    drop,
    duplicate,
    echo,
    edit,
    endless_body,
    error,
    gzip_bomb,
    hang,
    huge_error,
    id_only,
    reply,
    slow,
)
from .routes import CREATES, LISTS, OPERATIONS, TEXT_ENABLES
from .rules import ListRules, Rules
from .server import Service
from .state import Imported, Letter, Order, Qualified

__all__ = [
    "CREATES",
    "LISTS",
    "OPERATIONS",
    "TEXT_ENABLES",
    "Answer",
    "Fault",
    "Imported",
    "Letter",
    "ListRules",
    "Order",
    "Qualified",
    "RateLimit",
    "Request",
    "Rule",
    "Rules",
    "Service",
    "cut",
    "delay",
    "drop",
    "duplicate",
    "echo",
    "edit",
    "endless_body",
    "error",
    "gzip_bomb",
    "hang",
    "huge_error",
    "id_only",
    "reply",
    "slow",
]
