"""The lists of the service."""

from __future__ import annotations

import pytest

from .samples import ORDERS


@pytest.mark.parametrize("cap", [20, 100, 1000])
async def test_pages_have_the_services_size_whatever_is_asked_for(service, api, cap):
    """`pageSize` can only make pages smaller."""
    service.lists["ListHostingOrders"].page_cap = cap
    service.add_orders(1234)
    pages = await api.walk("/hostingOrders", "hostingOrders", **ORDERS, pageSize=5000)
    assert [len(page) for page in pages[:-1]] == [cap] * (1234 // cap)
    assert sum(map(len, pages)) == 1234
    page = await api("GET", "/hostingOrders", **ORDERS, pageSize=7)
    assert (len(page["hostingOrders"]), page["totalSize"]) == (7, 1234)
    service.lists["ListHostingOrders"].total_size = False
    assert "totalSize" not in await api("GET", "/hostingOrders", **ORDERS)


async def test_lists_run_either_way_by_either_time(service, api, clock):
    """By created or updated time, up or down; the query's `orderBy` wins."""
    clock.by_hand = True
    old, new = (service.add_orders(1, created_at=clock() + at)[0] for at in (-20, -10))
    service.set_state(old, "IN_PROGRESS", at=clock() - 5)
    service.set_state(new, "IN_PROGRESS", at=clock() - 6)
    rules, state = service.lists["ListHostingOrders"], {"states": "IN_PROGRESS"}
    assert await api.ids(**state) == [old.id, new.id]
    rules.descending = True
    assert await api.ids(**state) == [new.id, old.id]
    assert await api.ids(**state, orderBy="updatedTime") == [old.id, new.id]
    rules.descending, rules.order_by = False, "updatedTime"
    assert await api.ids(**state) == [new.id, old.id]


@pytest.mark.parametrize(("paging", "missing"), [("stable", 0), ("shifting", 20)])
async def test_pages_are_stable_or_shift_as_orders_move(service, api, paging, missing):
    """What leaves a list while it is read moves the rest under an offset, and only there."""
    rules = service.lists["ListHostingOrders"]
    rules.paging, rules.page_cap = paging, 20
    orders = service.add_orders(60)
    page = await api("GET", "/hostingOrders", **ORDERS)
    service.set_state(orders[:20], "COMPLETED")
    seen = len(page["hostingOrders"])
    while token := page.get("nextPageToken"):
        page = await api("GET", "/hostingOrders", **ORDERS, pageToken=token)
        seen += len(page["hostingOrders"])
    assert seen == 60 - missing


async def test_lists_lag_hide_and_show_old_states(service, api, clock):
    """Each in the list only: the single read is right."""
    clock.by_hand = True
    first, second, third = orders = service.add_orders(3)
    rules = service.lists["ListHostingOrders"]
    await clock.advance(100)
    service.set_state(orders, "COMPLETED")
    rules.lag = 30
    assert len(await api.ids()) == 3
    await clock.advance(30)
    rules.hidden.add(first.id)
    rules.shown_as[second.id] = "SUBMITTED"
    assert await api.ids(states="COMPLETED") == [third.id]
    assert await api.ids() == [second.id]
    assert (await api("GET", f"/hostingOrders/{first.id}"))["state"] == "COMPLETED"


@pytest.mark.parametrize("kind", ["empty", "strangers"])
async def test_pages_without_end_have_a_new_token_each(service, api, kind):
    """Pages that are empty, or hold what nobody knows."""
    rules = service.lists["ListHostingOrders"]
    rules.endless, rules.page_cap = kind, 20
    (order,) = service.add_orders(1)
    tokens, found, token = set(), [], ""
    for _ in range(50):
        page = await api("GET", "/hostingOrders", **ORDERS, pageToken=token)
        token = page["nextPageToken"]
        tokens.add(token)
        found += [item["hostingOrderId"] for item in page["hostingOrders"]]
    assert len(tokens) == 50
    assert len(set(found)) == (1000 if kind == "strangers" else 0)
    assert order.id not in found


async def test_empty_pages_and_foreign_tokens(service, api):
    """Every other page is empty; a token serves its own list only, until it is forgotten."""
    rules = service.lists["ListHostingOrders"]
    rules.empty_every, rules.page_cap = 2, 10
    service.add_orders(30)
    pages = await api.walk("/hostingOrders", "hostingOrders", **ORDERS)
    assert [len(page) for page in pages] == [10, 0, 10, 0, 10]
    token = (await api("GET", "/hostingOrders", **ORDERS))["nextPageToken"]
    other = {**ORDERS, "states": "COMPLETED", "pageToken": token}
    assert (await api.raw("GET", "/hostingOrders", **other))[0] == 400
    service.pager.forget_tokens()
    assert (await api.raw("GET", "/hostingOrders", **ORDERS, pageToken=token))[0] == 400


async def test_an_empty_campaign_is_listed_or_refused(service, api):
    """As the service is told."""
    (order,) = service.add_orders(1, campaign="")
    assert await api.ids(campaignId="") == [order.id]
    service.lists["ListHostingOrders"].empty_campaign = 422
    assert (await api.raw("GET", "/hostingOrders", **{**ORDERS, "campaignId": ""}))[0] == 422
