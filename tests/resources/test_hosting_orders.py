"""Orders: creating, reading, listing, waiting."""

from __future__ import annotations

import asyncio
import pickle

import pytest

from sinch_hosting import (
    COMPLETED,
    REJECTED,
    BadRequest,
    InvalidRequest,
    NotFound,
    Order,
    OrderRejected,
    OrderState,
    OrderType,
    OutcomeUnknown,
    PageTokenRepeated,
    PollPolicy,
    RetryPolicy,
    UsageError,
    WaitTimeout,
)

from ..letters import DIRECT

NUMBERS = ["+12025550134", "+12025550135"]
IMPORT = ("POST", "/hostingOrders:importNumbers")
LIST = ("GET", "/hostingOrders")
PLAN = {"region_code": "US", "service_plan_id": "plan"}


def get(order_id="1"):
    """Where an order is read."""
    return ("GET", f"/hostingOrders/{order_id}")


def order(state="SUBMITTED", order_id="1", **fields):
    """An order as the service tells it."""
    return {"hostingOrderId": order_id, "state": state, **fields}


@pytest.fixture
async def submitted(service, client):
    """An order that has just been created."""
    service.on(*IMPORT, order())
    return await client.hosting_orders.import_numbers(NUMBERS, **PLAN)


# ----------------------------------------------------------------------- creating


async def test_import_sends_what_was_given(service, client):
    """`migrate_to_sinch_tmo` included, which is writable here and nowhere else."""
    service.on(*IMPORT, order())
    created = await client.hosting_orders.import_numbers(
        iter(NUMBERS), **PLAN, campaign_id="c", display_name="d", migrate_to_sinch_tmo=True
    )
    assert created.state is OrderState.SUBMITTED
    assert service.calls(*IMPORT)[0].json == {
        "regionCode": "US",
        "numbers": NUMBERS,
        "servicePlanId": "plan",
        "campaignId": "c",
        "displayName": "d",
        "migrateToSinchTmo": True,
    }


@pytest.mark.parametrize("resource", ["hosting_orders", "qualified_numbers"])
@pytest.mark.parametrize("migrate", [True, False, None])
async def test_a_toll_free_text_enable_sends_what_was_given(service, client, resource, migrate):
    """With the project, without a campaign; the move to Sinch's T-Mobile id only where given."""
    path = {"hosting_orders": "/hostingOrders", "qualified_numbers": "/qualifiedNumbers"}[resource]
    call = ("POST", f"{path}:textEnableTollFreeNumbers")
    service.on(*call, order())
    await getattr(client, resource).text_enable_toll_free(
        NUMBERS,
        **PLAN,
        loa=DIRECT,
        display_name="d",
        callback_url="https://example.com/c",
        migrate_to_sinch_tmo=migrate,
    )
    body = service.calls(*call)[0].json
    assert body.pop("directLoaInfo")["authorisedPerson"]["email"]
    assert body == {
        "projectId": "project-1",
        "regionCode": "US",
        "numbers": NUMBERS,
        "servicePlanId": "plan",
        "displayName": "d",
        "callbackUrl": "https://example.com/c",
        **({} if migrate is None else {"migrateToSinchTmo": migrate}),
    }


@pytest.mark.parametrize("limit", [None, 8])
async def test_an_import_holds_as_many_as_the_account_allows(service, make_client, limit):
    """Five, or the client's `import_limit`."""
    service.on(*IMPORT, order())
    client = make_client(**({} if limit is None else {"import_limit": limit}))
    allowed = limit or 5
    many = [f"+1202555{n:04}" for n in range(allowed + 1)]
    await client.hosting_orders.import_numbers(many[:-1], **PLAN)
    with pytest.raises(InvalidRequest, match=f"1 to {allowed}"):
        await client.hosting_orders.import_numbers(many, **PLAN)
    assert len(service.calls(*IMPORT)) == 1


@pytest.mark.parametrize("call", ["text_enable", "text_enable_toll_free"])
async def test_a_text_enable_holds_500(service, client, call):
    """One more is refused, and mails no letter."""
    path = ("POST", f"/hostingOrders:{'textEnableNumbers'}")
    if call.endswith("free"):
        path = ("POST", "/hostingOrders:textEnableTollFreeNumbers")
    service.on(*path, order())
    many = [f"+1202555{n:04}" for n in range(501)]
    await getattr(client.hosting_orders, call)(many[:500], **PLAN, loa=DIRECT)
    with pytest.raises(InvalidRequest, match="1 to 500"):
        await getattr(client.hosting_orders, call)(many, **PLAN, loa=DIRECT)
    assert len(service.calls(*path)) == 1


@pytest.mark.parametrize("call", ["import_numbers", "text_enable", "text_enable_toll_free"])
@pytest.mark.parametrize(
    "wrong",
    [
        {"numbers": NUMBERS[0]},
        {"numbers": []},
        {"numbers": None},
        {"region_code": "PR"},
        {"service_plan_id": " "},
        {"loa": None},
        {"loa": [DIRECT, DIRECT]},
    ],
    ids=str,
)
async def test_what_cannot_be_right_is_not_sent(service, client, call, wrong):
    """Not even a token is fetched."""
    if call == "import_numbers" and "loa" in wrong:
        wrong = {"migrate_to_sinch_tmo": "yes"}
    letter = {} if call == "import_numbers" else {"loa": DIRECT}
    with pytest.raises(InvalidRequest):
        await getattr(client.hosting_orders, call)(
            **{"numbers": NUMBERS, **PLAN, **letter, **wrong}
        )
    assert service.requests == []


async def test_a_refused_order_is_no_unknown_one(service, client):
    """400 is the outcome; the violations are readable."""
    body = {"code": "400", "details": [{"fieldViolations": [{"field": "f", "description": "d"}]}]}
    service.on(*IMPORT, (400, body))
    with pytest.raises(BadRequest) as caught:
        await client.hosting_orders.import_numbers(NUMBERS, **PLAN)
    assert caught.value.field_violations == ({"field": "f", "description": "d"},)


# ------------------------------------------------------------------------ reading


async def test_an_order_reads_itself(service, client, submitted):
    """`refresh`, `report` and `numbers` go by its id, and leave the snapshot as it was."""
    service.on(*get(), order("IN_PROGRESS"))
    service.on("GET", "/hostingOrders/1/report", {"total": 2, "smsProvisioned": 1})
    service.on(
        "GET",
        "/hostingOrders/1/numbers",
        {"numbers": [{"phoneNumber": NUMBERS[0]}], "nextPageToken": "n"},
        {"numbers": [{"phoneNumber": NUMBERS[1]}]},
    )
    assert (await submitted.refresh()).state == "IN_PROGRESS"
    assert submitted.state == "SUBMITTED"
    assert (await submitted.report()).sms_provisioned == 1
    assert [number.phone_number async for number in submitted.numbers()] == NUMBERS


async def test_an_answer_without_its_id_keeps_the_one_asked_for(service, client):
    """So that what was read can be read again."""
    service.on(*get(), {"state": "DRAFT"})
    read = await client.hosting_orders.get("1")
    assert read.hosting_order_id == "1"
    assert (await read.refresh()).state == "DRAFT"


async def test_an_order_of_no_client_says_so(submitted):
    """One that was pickled belongs to no client any more."""
    lost = pickle.loads(pickle.dumps(submitted))
    assert lost == submitted
    with pytest.raises(UsageError, match="belongs to no client"):
        await lost.refresh()


async def test_a_number_of_an_order(service, client):
    """One number, by order and number."""
    service.on("GET", f"/hostingOrders/1/numbers/{NUMBERS[0]}", {"osrUpdate": {"state": "DONE"}})
    found = await client.hosting_orders.number("1", NUMBERS[0])
    assert found.osr_update.state == "DONE"
    assert found.platform_provisioning.state.name == "UNSPECIFIED"


@pytest.mark.parametrize("wrong", ["", ".", "..", "a/b", "a\\b", "a?b", "a#b", "a\nb", "a b", None])
async def test_an_id_that_would_change_the_path_is_refused(service, client, wrong):
    """In each method that takes one."""
    orders = client.hosting_orders
    for call in (orders.get, orders.report, lambda i: orders.number(i, NUMBERS[0])):
        with pytest.raises(InvalidRequest):
            await call(wrong)
    with pytest.raises(InvalidRequest):
        orders.numbers(wrong)
    assert service.requests == []


async def test_the_filters_of_an_orders_numbers(service, client):
    """Members, wire strings and names of states are one."""
    service.on("GET", "/hostingOrders/1/numbers", {"numbers": []})
    pages = client.hosting_orders.numbers(
        "1",
        order_by="updatedTime",
        osr_update_state="DONE",
        campaign_provisioning_state="FAILED",
        platform_provisioning_state="WAITING",
        page_size=5,
        page_token="t",
    )
    assert [n async for n in pages] == []
    assert service.requests[-1].query == {
        "orderBy": "updatedTime",
        "osrUpdateState": "DONE",
        "campaignProvisioningState": "FAILED",
        "platformProvisioningState": "WAITING",
        "pageSize": "5",
        "pageToken": "t",
    }


async def test_a_list_reads_its_states_in_the_order_of_life(service, client):
    """One request a state; an order that moves between two reads is seen, and seen once."""
    answers = {
        "SUBMITTED": {"hostingOrders": [order("SUBMITTED", "a"), order("SUBMITTED", "b")]},
        "IN_PROGRESS": {"hostingOrders": [order("IN_PROGRESS", "b"), order("IN_PROGRESS", "c")]},
        "COMPLETED": {"hostingOrders": []},
    }
    service.on(*LIST, lambda seen: answers[seen.query["states"]])
    pages = client.hosting_orders.list(
        states=[COMPLETED, "IN_PROGRESS", "SUBMITTED"],
        type=OrderType.TEXT_ENABLE,
        service_plan_id="p",
        campaign_id="c",
    )
    found = [found.hosting_order_id async for found in pages]
    assert found == ["a", "b", "c"]
    assert [s.query["states"] for s in service.calls(*LIST)] == list(answers)
    assert service.calls(*LIST)[0].query == {
        "states": "SUBMITTED",
        "type": "TYPE_TEXT_ENABLE",
        "servicePlanId": "p",
        "campaignId": "c",
    }


async def test_a_listed_order_can_be_waited_for(service, client):
    """It belongs to its client."""
    service.on(*LIST, {"hostingOrders": [order("SUBMITTED")]})
    service.on(*get(), order("COMPLETED"))
    pages = client.hosting_orders.list(
        states="SUBMITTED", type="IMPORT", service_plan_id="p", campaign_id="c"
    )
    found = [await listed.wait_until(COMPLETED) async for listed in pages]
    assert [each.state for each in found] == [COMPLETED]


async def test_a_list_that_goes_round_is_ended(service, client):
    """After all its items have been given."""
    service.on(*LIST, {"hostingOrders": [order()], "nextPageToken": "again"})
    pages = client.hosting_orders.list(
        states="SUBMITTED", type="IMPORT", service_plan_id="p", campaign_id="c"
    )
    walk = aiter(pages)
    assert [(await anext(walk)).hosting_order_id for _ in range(2)] == ["1", "1"]
    with pytest.raises(PageTokenRepeated, match="again"):
        await anext(walk)


@pytest.mark.parametrize(
    "wrong",
    [
        {"states": []},
        {"states": "NOWHERE"},
        {"type": "OTHER"},
        {"service_plan_id": ""},
        {"campaign_id": None},
        {"region_code": "MX"},
        {"order_by": "size"},
        {"page_size": 0},
        {"states": ["DRAFT", "COMPLETED"], "page_token": "t"},
    ],
    ids=str,
)
async def test_a_list_that_cannot_be_right_is_refused_at_once(client, wrong):
    """When it is made, not when it is walked."""
    right = {"states": "DRAFT", "type": "IMPORT", "service_plan_id": "p", "campaign_id": "c"}
    with pytest.raises(InvalidRequest):
        client.hosting_orders.list(**{**right, **wrong})


# ------------------------------------------------------------------------ waiting


@pytest.mark.parametrize(
    ("wanted", "comes"),
    [
        ("COMPLETED", ["SUBMITTED", "WAITING_FOR_LOA_SIGNATURE", "IN_PROGRESS", "COMPLETED"]),
        ("IN_PROGRESS", ["IN_PROGRESS"]),
        ("WAITING_FOR_LOA_SIGNATURE", ["IN_PROGRESS"]),  # an import skips the letter
        ("IN_PROGRESS", ["COMPLETED"]),
        (OrderState.SUBMITTED, []),
        ("DRAFT", []),
        (REJECTED, ["IN_PROGRESS", "REJECTED"]),
        (REJECTED, ["COMPLETED"]),
        (COMPLETED, ["BRAND_NEW", "HOSTING_ORDER_STATE_UNSPECIFIED", "COMPLETED"]),
        (OrderState("BRAND_NEW"), ["IN_PROGRESS", "BRAND_NEW"]),
    ],
    ids=str,
)
async def test_a_wait_ends_when_reached_or_passed(service, submitted, wanted, comes):
    """Where the snapshot in hand is far enough nothing is read at all."""
    service.on(*get(), *(order(state) for state in comes) if comes else [order()])
    waited = await submitted.wait_until(wanted)
    assert waited.state == (comes[-1] if comes else "SUBMITTED")
    assert len(service.calls(*get())) == len(comes)


@pytest.mark.parametrize("wanted", ["SUBMITTED", "IN_PROGRESS", "COMPLETED"])
async def test_a_rejected_order_ends_a_wait(service, submitted, wanted):
    """`OrderRejected` with the order; a later wait says the same without a request."""
    service.on(*get(), order("REJECTED", displayName="mine"))
    rejected = await submitted.refresh()
    with pytest.raises(OrderRejected) as caught:
        await rejected.wait_until(wanted)
    assert caught.value.order is caught.value.last is rejected
    assert len(service.calls(*get())) == 1


async def test_an_order_that_becomes_rejected(service, submitted):
    """The error has the order as it was then, which reads its numbers and its report."""
    service.on(*get(), order("IN_PROGRESS"), order("REJECTED", displayName="why"))
    service.on("GET", "/hostingOrders/1/report", {"total": 2})
    with pytest.raises(OrderRejected) as caught:
        await submitted.wait_until(COMPLETED)
    assert caught.value.order.display_name == "why"
    assert (await caught.value.order.report()).total == 2


async def test_a_wait_runs_out_with_the_last_order(service, clock, submitted):
    """At the deadline it looks once more; then `WaitTimeout` carries what it saw."""
    service.on(*get(), order("IN_PROGRESS"))
    with pytest.raises(WaitTimeout) as caught:
        await submitted.wait_until(COMPLETED, timeout=45)
    assert clock.now == pytest.approx(1045)
    assert caught.value.last.state == "IN_PROGRESS"
    assert caught.value.timeout == 45


async def test_a_wait_of_no_time_looks_once(service, clock, submitted):
    """`timeout=0` is one look."""
    service.on(*get(), order("COMPLETED"))
    assert (await submitted.wait_until(COMPLETED, timeout=0)).state == COMPLETED
    service.on(*get(), order("IN_PROGRESS"))
    with pytest.raises(WaitTimeout):
        await submitted.wait_until(COMPLETED, timeout=0)
    assert clock.slept == []


async def test_a_hanging_answer_does_not_outlast_a_wait(service, submitted):
    """The deadline holds inside of a request, too."""
    hold = service.hold(order())
    service.on(*get(), hold)
    with pytest.raises(WaitTimeout) as caught:
        await submitted.wait_until(COMPLETED, timeout=0.02)
    assert caught.value.last is submitted
    hold.release()


async def test_passing_failures_do_not_end_a_wait(service, clock, submitted, caplog):
    """5xx, lost answers, gateways' pages and 429s, beyond all that a call retries."""
    failures = [500, service.DROP, b"<html>", service.cut(order()), (429, {}, {"Retry-After": "1"})]
    service.on(*get(), *failures * 5, order("COMPLETED"))
    assert (await submitted.wait_until(COMPLETED)).state == COMPLETED
    assert "waiting for order 1 goes on" in caplog.text


async def test_a_long_retry_after_is_waited_for_in_a_wait(service, clock, submitted):
    """A call would give up on it at once; a wait has the time."""
    service.on(*get(), (429, {}, {"Retry-After": "600"}), order("COMPLETED"))
    assert (await submitted.wait_until(COMPLETED)).state == COMPLETED
    assert clock.now >= 1600
    assert len(service.calls(*get())) == 2


async def test_a_failure_that_does_not_pass_ends_a_wait(service, submitted):
    """404 is the end, and the error has the last snapshot."""
    service.on(*get(), order("IN_PROGRESS"), 404)
    with pytest.raises(NotFound) as caught:
        await submitted.wait_until(COMPLETED)
    assert caught.value.last.state == "IN_PROGRESS"


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_on_update_hears_of_every_change(service, submitted, asynchronous):
    """Every change of the record, not only of its state; nothing that is as it was."""
    service.on(
        *get(),
        order("SUBMITTED"),
        order("SUBMITTED", displayName="renamed"),
        order("SUBMITTED", displayName="renamed"),
        order("COMPLETED", displayName="renamed"),
    )
    heard = []

    async def hear(update):
        await asyncio.sleep(0)
        heard.append(update)

    await submitted.wait_until(COMPLETED, on_update=hear if asynchronous else heard.append)
    assert [(each.state, each.display_name) for each in heard] == [
        ("SUBMITTED", "renamed"),
        ("COMPLETED", "renamed"),
    ]


async def test_on_update_that_raises_ends_the_wait(service, submitted):
    """The caller's own error reaches the caller as it is."""
    service.on(*get(), order("IN_PROGRESS"))

    def broken(_):
        raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        await submitted.wait_until(COMPLETED, on_update=broken)


async def test_cancelling_a_wait_is_immediate(service, clock, submitted):
    """While it rests and while it asks; the order goes on and can be waited for again."""
    clock.by_hand = True
    service.on(*get(), order("IN_PROGRESS"))
    resting = asyncio.create_task(submitted.wait_until(COMPLETED))
    await service.wait_for(lambda: clock.sleepers == 1)
    hold = service.hold(order())
    service.on(*get(), hold)
    asking = asyncio.create_task(submitted.wait_until(COMPLETED))
    await hold.arrived.wait()
    for task in (resting, asking):
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    hold.release()
    service.on(*get(), order("COMPLETED"))
    assert (await submitted.wait_until(COMPLETED)).state == COMPLETED


@pytest.mark.parametrize("state", ["NOWHERE", "", None, 5])
async def test_a_wait_for_no_state_is_refused(service, submitted, state):
    """Before anything is sent."""
    asked = len(service.requests)
    with pytest.raises(InvalidRequest):
        await submitted.wait_until(state)
    assert len(service.requests) == asked


# ----------------------------------------------------------------------- wait_all


async def orders_of(client, *ids):
    """Orders in hand."""
    return [await client.hosting_orders.get(each) for each in ids]


async def test_wait_all_answers_in_the_order_given(service, client):
    """All wait side by side."""
    for each, looks in (("a", 3), ("b", 1)):
        service.on(*get(each), *[order("SUBMITTED", each)] * looks, order("COMPLETED", each))
    orders = await orders_of(client, "a", "b")
    done = await client.hosting_orders.wait_all(orders, COMPLETED)
    assert [each.hosting_order_id for each in done] == ["a", "b"]
    assert {each.state for each in done} == {COMPLETED}
    assert await client.hosting_orders.wait_all([], COMPLETED) == []


async def test_wait_all_waits_for_all_and_then_raises_a_group(service, make_client):
    """One failure hides no other and no success; each error has its order."""
    client = make_client(retry=RetryPolicy(max_tries=1))
    service.on(*get("a"), order("SUBMITTED", "a"), order("REJECTED", "a"))
    service.on(*get("b"), order("SUBMITTED", "b"), order("IN_PROGRESS", "b"), 403)
    service.on(*get("c"), *[order("SUBMITTED", "c")] * 5, order("COMPLETED", "c"))
    orders = await orders_of(client, "a", "b", "c")
    with pytest.raises(ExceptionGroup, match="2 of 3 orders") as caught:
        await client.hosting_orders.wait_all(orders, COMPLETED)
    assert [error.last.hosting_order_id for error in caught.value.exceptions] == ["a", "b"]
    assert len(service.calls(*get("c"))) == 6


async def test_wait_all_answers_errors_in_place(service, client):
    """As `gather` does."""
    service.on(*get("a"), order("SUBMITTED", "a"), order("REJECTED", "a"))
    service.on(*get("b"), order("SUBMITTED", "b"), order("COMPLETED", "b"))
    orders = await orders_of(client, "a", "b")
    first, second = await client.hosting_orders.wait_all(
        orders, "COMPLETED", return_exceptions=True
    )
    assert isinstance(first, OrderRejected)
    assert second.state == COMPLETED


async def test_wait_all_has_one_time_for_all(service, clock, client):
    """The seconds run for each order from the same moment."""
    for each in "ab":
        service.on(*get(each), order("SUBMITTED", each))
    orders = await orders_of(client, "a", "b")
    with pytest.raises(ExceptionGroup) as caught:
        await client.hosting_orders.wait_all(orders, COMPLETED, timeout=20)
    assert {type(error) for error in caught.value.exceptions} == {WaitTimeout}
    assert clock.now == pytest.approx(1020)


@pytest.mark.parametrize("wrong", [{"state": "NOWHERE"}, {"state": COMPLETED, "timeout": -1}])
async def test_wait_all_refuses_wrong_arguments_as_they_are(service, client, wrong):
    """`InvalidRequest`, not a group of one for each order."""
    service.on(*get("a"), order("SUBMITTED", "a"))
    with pytest.raises(InvalidRequest):
        await client.hosting_orders.wait_all(await orders_of(client, "a"), **wrong)


async def test_cancelling_wait_all_ends_all_waits(service, clock, client, other_tasks):
    """No task is left waiting."""
    service.on(*get("a"), order("SUBMITTED", "a"))
    orders = await orders_of(client, "a", "a", "a")
    clock.by_hand = True
    task = asyncio.create_task(client.hosting_orders.wait_all(orders, COMPLETED))
    await service.wait_for(lambda: clock.sleepers >= 1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert other_tasks() == set()


async def test_intervals_grow_until_something_changes(service, clock, make_client, no_jitter):
    """From `initial` by `factor` to `maximum`; a change starts them anew."""
    policy = PollPolicy(initial=1, factor=2, maximum=4, jitter=0)
    client = make_client(poll=policy)
    service.on(*get(), *[order("SUBMITTED")] * 6, *[order("IN_PROGRESS")] * 3, order("COMPLETED"))
    await (await client.hosting_orders.get("1")).wait_until(COMPLETED)
    assert clock.slept == [1, 2, 4, 4, 4, 1, 2, 4]


async def test_an_order_of_an_unknown_outcome_is_told(service, client):
    """`OutcomeUnknown` says what to do."""
    service.on(*IMPORT, service.DROP)
    with pytest.raises(OutcomeUnknown, match="Look for its outcome before sending it again"):
        await client.hosting_orders.import_numbers(NUMBERS, **PLAN)


def test_an_order_is_a_record():
    """Frozen, equal by its fields, printed without its client."""
    one, other = Order(hosting_order_id="1"), Order(hosting_order_id="1")
    assert one == other
    assert "_orders" not in repr(one)
    with pytest.raises(AttributeError):
        one.state = COMPLETED
