"""What /_sandbox shows for the page: requests, numbers, faults, and what orders wait for."""

from __future__ import annotations

from sinch_hosting.sandbox import Sandbox
from sinch_hosting.sandbox.fault_kinds import KINDS, MEANINGS

N1, N2, N3 = "+12025550134", "+12025550135", "+13035550136"


async def test_requests_are_filtered(api):
    """By operation, status and order, alone and together; `state` takes the same filters."""
    order = await api.import_numbers(N1)
    await api.import_numbers(N2)
    await api("GET", f"/hostingOrders/{order}")
    await api("GET", "/hostingOrders/none")
    await api.token()

    async def numbers(query: str) -> list[int]:
        status, found = await api.control("GET", f"requests?{query}")
        assert status == 200
        _, state = await api.control("GET", f"state?{query}")
        assert state["fitting"] == len(found)
        assert [line["number"] for line in state["requests"]] == [r["number"] for r in found]
        return [request["number"] for request in found]

    assert await numbers("operation=ImportNumbers") == [1, 2]
    assert await numbers("status=2xx") == [1, 2, 3, 5]
    assert await numbers("status=404") == [4]
    assert await numbers(f"order={order}") == [1, 3]
    assert await numbers(f"order={order}&operation=GetHostingOrder&status=200") == [3]
    assert await numbers("status=none") == []
    _, newest = await api.control("GET", "requests?operation=ImportNumbers&limit=1")
    assert [request["number"] for request in newest] == [2]


async def test_parameters_that_are_not_known_are_refused(api):
    """Each view has its own."""
    for path in ("requests?limits=1", "time?order=x", "orders?status=200", "numbers?order=x"):
        status, answer = await api.control("GET", path)
        assert (status, "is no parameter here" in answer["message"]) == (400, True), path
    assert (await api.control("POST", "advance?order=x", {"days": 1}))[0] == 400


async def test_one_request_is_shown_whole(api):
    """With its body, its order, and the body with which it was refused."""
    many = [f"+1202{n:07d}" for n in range(300)]
    await api("POST", "/hostingOrders:importNumbers", {"numbers": many})
    status, shown = await api.control("GET", "requests/1")
    assert status == 200
    assert shown["body"] == {"numbers": many}
    assert shown["error"]["status"] == "INVALID_ARGUMENT"
    assert (await api.control("GET", "requests/2"))[0] == 404
    assert (await api.control("GET", "requests/one"))[0] == 404
    order = await api.import_numbers(N1)
    assert (await api.control("GET", "requests/2"))[1]["order"] == order


async def test_numbers_are_found_by_digits(api, sandbox):
    """In qualification, imported and in orders; too few digits are refused."""
    order = await api.text_enable(N1)
    await api.import_numbers(N2)
    sandbox.complete(order)
    status, found = await api.control("GET", "numbers?search=202-555-013")
    assert status == 200
    assert found == [
        {
            "phoneNumber": N1,
            "qualification": "HOSTING_DONE",
            "imported": "DONE",
            "orders": [
                {"hostingOrderId": order, "state": "COMPLETED", "osr": "DONE", "platform": "DONE"}
            ],
        },
        {
            "phoneNumber": N2,
            "orders": [
                {
                    "hostingOrderId": sandbox.orders_created()[1].hosting_order_id,
                    "state": "SUBMITTED",
                    "osr": "WAITING",
                    "platform": "WAITING",
                }
            ],
        },
    ]
    assert (await api.control("GET", "numbers?search=9999"))[1] == []
    for few in ("numbers?search=12", "numbers"):
        status, answer = await api.control("GET", few)
        assert (status, "must have 3 digits or more" in answer["message"]) == (400, True)


async def test_an_order_says_what_it_waits_for(api, sandbox):
    """What comes next, in words, and when; `None` where a person has to do it."""
    order = await api.text_enable(N1)
    sandbox.advance(minutes=10)

    async def coming() -> tuple[str, str, str | None]:
        _, view = await api.control("GET", f"orders/{order}")
        _, state = await api.control("GET", "state")
        assert view["waitsFor"] == state["orders"][-1]["waitsFor"]
        return view["next"], view["waitsFor"], view["nextTime"]

    assert await coming() == (
        "sign_letter",
        "the signature of jo@example.com",
        "2026-01-05T18:10:00.000Z",
    )
    sandbox.sign_letter(order)
    assert (await coming())[1] == "the routing update (OSR)"
    sandbox.complete(order)
    assert await coming() == ("", "", None)


async def test_an_order_that_nobody_moves_has_no_time(open_api):
    """Under the profile `people` a letter waits for its person."""
    async with Sandbox(speed=0, seed=1, profile="people") as sandbox:
        api = await open_api(sandbox)
        order = await api.text_enable(N1)
        sandbox.advance(days=9)
        _, view = await api.control("GET", f"orders/{order}")
        assert (view["next"], view["nextTime"]) == ("sign_letter", None)


async def test_the_speed_is_changed(api, sandbox, monkeypatch):
    """Time goes on from where it is, at the new speed, and what was planned stays planned."""
    order = await api.import_numbers(N1)
    now = sandbox.now
    real = [1000.0]
    monkeypatch.setattr(sandbox._world.clock, "_monotonic", lambda: real[0])
    assert await api.control("POST", "speed", {"speed": 60}) == (
        200,
        {"now": "2026-01-05T14:00:00.000Z", "speed": 60.0},
    )
    assert sandbox.now == now
    real[0] += 11
    await api.control("GET", "time")
    assert sandbox.order(order).state == "IN_PROGRESS"
    await api.control("POST", "speed", {"speed": 0})
    real[0] += 3600
    assert (sandbox.now - now).total_seconds() == 660
    for bad in (-1, "fast", True, 1e9):
        assert (await api.control("POST", "speed", {"speed": bad}))[0] == 400
    assert sandbox.speed == 0


async def test_a_fault_is_switched(api, sandbox):
    """Off it strikes nothing; on again, one that is used up begins to count anew."""
    fault = sandbox.faults.add("error_before", count=1)
    off = {"id": fault.number, "on": False}
    assert (await api.control("POST", "switch-fault", off))[1]["on"] is False
    assert (await api("GET", "/callbackConfiguration"))[0] == 200
    assert fault.hits == 0
    await api.control("POST", "switch-fault", {**off, "on": True})
    assert (await api("GET", "/callbackConfiguration"))[0] == 503
    assert (await api("GET", "/callbackConfiguration"))[0] == 200
    await api.control("POST", "switch-fault", off)
    await api.control("POST", "switch-fault", {**off, "on": True})
    assert (await api("GET", "/callbackConfiguration"))[0] == 503
    assert (await api.control("POST", "switch-fault", {"id": 99, "on": True}))[0] == 404
    for bad in ({"id": "1", "on": True}, {"id": 1, "on": 1}, {"id": 1}):
        assert (await api.control("POST", "switch-fault", bad))[0] == 400


async def test_the_kinds_of_faults_are_explained(api, sandbox):
    """Each with its meaning, its settings, and what it can strike; all of that can be added."""
    assert MEANINGS.keys() == KINDS.keys()
    _, kinds = await api.control("GET", "fault-kinds")
    assert kinds["lag"]["settings"] == {"seconds": 60.0}
    assert kinds["lag"]["operations"][:2] == ["*", "reads"]
    assert kinds["short_token"]["operations"] == ["*", "token"]
    assert "token" in kinds["latency"]["operations"]
    for kind, about in kinds.items():
        for operation in about["operations"]:
            sandbox.faults.add(kind, operation=operation, **about["settings"])
