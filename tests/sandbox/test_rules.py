"""The rules: what the contract leaves open, each way that it can be settled."""

from __future__ import annotations

import hashlib
import hmac
import inspect
import json
import logging
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from attrs import fields

from sinch_hosting.sandbox import Rules, Sandbox
from sinch_hosting.sandbox.rules import DEFAULT_NNID

N1, N2 = "+12025550134", "+12025550135"
FREE = "+18335550134"
LINKED = {"servicePlanId": "plan", "campaignId": "campaign"}
NUMBER = {"phoneNumber": N1, "regionCode": "US", "smsConfiguration": LINKED}
UNLINK = {"smsConfiguration": {"servicePlanId": "", "campaignId": ""}}


def ruled(sandbox: Sandbox, rules: dict[str, Any]) -> None:
    """Settle rules, which may be none."""
    sandbox.change_rules(**rules)


async def sms(api: Any) -> dict[str, Any]:
    """The SMS configuration of the imported number."""
    number: dict[str, Any] = await api.ok("GET", f"/importedNumbers/{N1}")
    return dict(number["smsConfiguration"])


# ------------------------------------------------------------------ pending links


@pytest.mark.parametrize(
    ("enums", "in_progress", "failed", "code"),
    [("numbers", 2, 3, 8), ("texts", "IN_PROGRESS", "FAILED", "CAMPAIGN_EXPIRED")],
)
async def test_what_was_asked_for_is_scheduled_first(
    sandbox, api, enums, in_progress, failed, code
):
    """Plan and campaign stand in scheduledProvisioning, each until it is in force."""
    sandbox.change_rules(enums=enums)
    sandbox.plan(N1, campaign="CAMPAIGN_EXPIRED")
    answer = await api.ok("POST", "/importedNumbers", NUMBER)
    shown = answer["smsConfiguration"]
    assert (shown["servicePlanId"], shown["campaignId"]) == ("", "")
    scheduled = shown["scheduledProvisioning"]
    assert {name: scheduled[name] for name in LINKED} == LINKED
    assert (scheduled["status"], scheduled["errorCodes"]) == (in_progress, [])

    assert sandbox.step() == "number_provisioning"
    shown = await sms(api)
    assert (shown["servicePlanId"], shown["campaignId"]) == ("plan", "")
    assert "servicePlanId" not in shown["scheduledProvisioning"]
    assert shown["scheduledProvisioning"]["campaignId"] == "campaign"

    assert sandbox.step() == "number_campaign"
    shown = await sms(api)
    assert (shown["scheduledProvisioning"]["status"], shown["campaignId"]) == (failed, "")
    assert shown["scheduledProvisioning"]["errorCodes"] == [code]
    assert await listed(api) == [N1]


async def listed(api: Any) -> list[str]:
    """The imported numbers in the list of the plan and campaign."""
    page = await api.ok("GET", "/importedNumbers", **LINKED)
    return [number["phoneNumber"] for number in page["importedNumbers"]]


async def test_a_number_in_force_has_nothing_scheduled(sandbox, api):
    """Once both are in force, only smsConfiguration itself names them."""
    await api.ok("POST", "/importedNumbers", NUMBER)
    sandbox.advance(days=1)
    shown = await sms(api)
    assert {name: shown[name] for name in LINKED} == LINKED
    assert "scheduledProvisioning" not in shown


async def test_links_may_show_at_once(sandbox, api):
    """By rule a plan that was asked for shows as in force."""
    sandbox.change_rules(links="at_once")
    answer = await api.ok("POST", "/importedNumbers", NUMBER)
    assert answer["smsConfiguration"] == {**LINKED, "migrateToSinchTmo": False}


async def test_a_pending_number_cannot_be_linked_anew(sandbox, api):
    """Another plan is refused until the pending one is in force or was taken away."""
    path = f"/importedNumbers/{N1}"
    other = {"smsConfiguration": {"servicePlanId": "other", "campaignId": "campaign"}}
    await api.ok("POST", "/importedNumbers", NUMBER)
    for _ in range(2):
        status, answer = await api("PATCH", path, other)
        assert (status, answer["status"]) == (400, "FAILED_PRECONDITION")
        sandbox.step()
    await api.ok("PATCH", path, UNLINK)
    status, answer = await api("PATCH", path, other)
    assert "still being unlinked" in answer["message"]
    sandbox.advance(hours=1)
    await api.ok("PATCH", path, other)
    assert (await sms(api))["scheduledProvisioning"]["servicePlanId"] == "other"


# ------------------------------------------------------------------ qualification


@pytest.mark.parametrize("number", [N1, FREE])
@pytest.mark.parametrize("status", [409, 400, 404, 200])
async def test_numbers_that_were_never_qualified(sandbox, api, enable_body, number, status):
    """hostingOrders text-enables them only by rule; those that are VERIFIED always."""
    if status != 409:  # the default
        sandbox.change_rules(unqualified=status)
    kind = "TollFree" if number == FREE else ""
    path, body = f"/hostingOrders:textEnable{kind}Numbers", enable_body(number)
    body["projectId"] = sandbox.project_id
    if kind:
        del body["campaignId"]
    found, answer = await api("POST", path, body)
    assert found == status, answer
    if status == 200:
        return
    await api.ok("POST", "/qualifiedNumbers:addNumbers", {"phoneNumbers": [number]})
    assert (await api("POST", path, body))[0] == status
    sandbox.approve(number)
    await api.ok("POST", path, body)
    assert sandbox.qualified_number(number).state == "HOSTING_IN_PROGRESS"


async def test_numbers_may_stay_eligible(sandbox, api, enable_body):
    """By rule or by number, ELIGIBLE is the end; ordering such numbers is another rule."""
    sandbox.change_rules(verification="not_needed")
    sandbox.plan(N2, verification="needed")
    await api.ok("POST", "/qualifiedNumbers:addNumbers", {"phoneNumbers": [N1, N2]})
    sandbox.advance(minutes=30)
    before = await api.ok("GET", f"/qualifiedNumbers/{N2}")
    assert before["ownershipVerification"]["status"] == "WAITING"
    sandbox.advance(days=30)
    shown = await api.ok("GET", f"/qualifiedNumbers/{N1}")
    assert shown["globalProcessState"] == "GLOBAL_PROCESS_STATE_ELIGIBLE"
    assert shown["ownershipVerification"] == {"status": "STATE_UNSPECIFIED", "error": ""}
    assert sandbox.qualified_number(N2).state == "VERIFIED"

    for path, status in (("qualifiedNumbers", 400), ("hostingOrders", 409)):
        assert (await api("POST", f"/{path}:textEnableNumbers", enable_body(N1)))[0] == status
    sandbox.change_rules(eligible="accepted")
    await api.ok("POST", "/qualifiedNumbers:textEnableNumbers", enable_body(N1))
    assert sandbox.qualified_number(N1).state == "HOSTING_IN_PROGRESS"


async def test_eligible_numbers_that_need_verification_are_never_ordered(sandbox, api, enable_body):
    """Accepting ELIGIBLE numbers does not accept those whose verification is still to come."""
    sandbox.change_rules(eligible="accepted")
    await api.ok("POST", "/qualifiedNumbers:addNumbers", {"phoneNumbers": [N1]})
    sandbox.step()
    assert sandbox.qualified_number(N1).state == "ELIGIBLE"
    assert (await api("POST", "/qualifiedNumbers:textEnableNumbers", enable_body(N1)))[0] == 400


async def test_a_hosted_number_says_so_in_numbers_or_texts(sandbox, api):
    """hostedNumber.status is 1 or 2, or the names of these."""
    sandbox.plan(N2, platform="refused")
    sandbox.complete(await api.text_enable(N1, N2))
    for enums, expected in (
        ("numbers", [1, 2]),
        ("texts", ["HOSTING_STATUS_HOSTED", "HOSTING_STATUS_FAILED"]),
    ):
        sandbox.change_rules(enums=enums)
        shown = [await api.ok("GET", f"/qualifiedNumbers/{number}") for number in (N1, N2)]
        assert [number["hostedNumber"]["status"] for number in shown] == expected


# ------------------------------------------------------------------ orders


async def test_orders_may_be_born_as_drafts(sandbox, api):
    """DRAFT comes before SUBMITTED by rule only."""
    for state, rules in (("SUBMITTED", {}), ("DRAFT", {"first_state": "DRAFT"})):
        ruled(sandbox, rules)
        order = sandbox.order(await api.text_enable(N1))
        assert order.state == state
    assert sandbox.step() == "submit"
    assert order.state == "SUBMITTED"


async def test_without_a_campaign_no_letter_is_generated(sandbox, api, caplog):
    """The order waits for a signature that nobody is asked for; page and log say so."""
    with caplog.at_level(logging.WARNING, "sinch_hosting.sandbox"):
        order_id = await api.text_enable(N1, campaignId=None)
    assert order_id in caplog.text
    assert "no letter" in caplog.text
    sandbox.advance(days=365)
    assert sandbox.order(order_id).state == "WAITING_FOR_LOA_SIGNATURE"
    assert sandbox.letters_sent == []
    _, view = await api.control("GET", f"orders/{order_id}")
    _, state = await api.control("GET", "state")
    assert view["warning"] == state["orders"][0]["warning"] != ""
    for handle in (sandbox.sign_letter, sandbox.decline_letter):
        with pytest.raises(ValueError, match="no letter is generated"):
            handle(order_id)
    sandbox.complete(order_id)
    assert sandbox.order(order_id).state == "WAITING_FOR_LOA_SIGNATURE"
    sandbox.reject(order_id)


async def test_without_a_campaign_other_rules_may_hold(sandbox, api, enable_body):
    """Such an order may be refused, or have its letter; a blanket letter needs none."""
    blanket = await api.text_enable(N1, campaignId=None, directLoaInfo=None, blanketLoaInfo={})
    sandbox.change_rules(no_campaign="refused")
    body = enable_body(N2)
    del body["campaignId"]
    api.qualify(N2)
    status, answer = await api("POST", "/hostingOrders:textEnableNumbers", body)
    assert status == 400
    assert answer["details"][0]["fieldViolations"][0]["field"] == "campaignId"
    sandbox.change_rules(no_campaign="letter")
    order_id = await api.text_enable(N2, campaignId=None)
    sandbox.advance(days=2)
    assert len(sandbox.letters_sent) == 1
    assert {sandbox.order(each).state for each in (order_id, blanket)} == {"COMPLETED"}


async def test_a_toll_free_order_needs_no_campaign(sandbox, api, direct):
    """Its letter is mailed, since a toll-free request has no campaign."""
    api.qualify(FREE)
    body = {
        "projectId": sandbox.project_id,
        "regionCode": "US",
        "numbers": [FREE],
        "servicePlanId": "plan",
        "directLoaInfo": direct,
    }
    path = "/hostingOrders:textEnableTollFreeNumbers"
    for wrong in (None, "another"):
        status, answer = await api(
            "POST",
            path,
            {**body, "projectId": wrong}
            if wrong
            else {name: body[name] for name in body if name != "projectId"},
        )
        assert status == 400
        assert "projectId" in answer["message"]
    await api.ok("POST", path, body)
    sandbox.advance(hours=1)
    assert len(sandbox.letters_sent) == 1
    sandbox.change_rules(missing_project=200)
    del body["projectId"]
    await api.ok("POST", path, body)


async def test_an_nnid_of_ones_own_has_to_be_provisioned(sandbox, api, enable_body):
    """Another NNID than the account's is refused until it is known, or fails by rule."""
    api.qualify(N1, N2)
    path, body = "/hostingOrders:textEnableNumbers", {**enable_body(N1), "nnid": "104030"}
    status, answer = await api("POST", path, body)
    assert status == 400
    assert answer["details"][0]["fieldViolations"][0]["field"] == "nnid"
    sandbox.change_rules(nnids=["104030"])
    order = await api.ok("POST", path, body)
    assert order["textEnableInfo"]["nnid"] == "104030"
    default = await api.ok("POST", path, {**enable_body(N2), "nnid": DEFAULT_NNID})
    sandbox.advance(days=2)
    for one in (order, default):
        assert sandbox.order(one["hostingOrderId"]).state == "COMPLETED"


@pytest.mark.parametrize(("status", "effect"), [("import_orders", False), ("everywhere", True)])
async def test_where_migration_has_an_effect(sandbox, api, status, effect):
    """migrateToSinchTmo takes 60135 away in import orders, elsewhere by rule only."""
    sandbox.change_rules(migrate=status)
    for number in (N1, N2):
        sandbox.plan(number, sms_tmo="60135")
    body = {**NUMBER, "smsConfiguration": {**LINKED, "migrateToSinchTmo": True}}
    answer = await api.ok("POST", "/importedNumbers", body)
    assert answer["smsConfiguration"]["migrateToSinchTmo"] is effect
    order_id = await api.text_enable(N2, migrateToSinchTmo=True)
    sandbox.advance(days=2)
    codes = [
        (await api.ok("GET", f"/importedNumbers/{number}"))["mnoConfiguration"]["smsTmo"]
        for number in (N1, N2)
    ]
    assert ["errorCode" in code for code in codes] == [not effect] * 2
    assert sandbox.order(order_id).migrate_to_sinch_tmo is effect
    assert (await api("POST", "/importedNumbers", body))[0] == 409


@pytest.mark.parametrize("status", [400, 404, 422, 200])
async def test_lists_with_an_empty_campaign(sandbox, api, status):
    """They are refused, one way or another, or list what has no campaign."""
    ruled(sandbox, {} if status == 400 else {"empty_campaign": status})
    await api.import_numbers(N1, campaignId="")
    linked = {"servicePlanId": "plan", "campaignId": ""}
    assert (await api("GET", "/importedNumbers", **linked))[0] == status
    found, page = await api("GET", "/hostingOrders", states="SUBMITTED", type="IMPORT", **linked)
    assert found == status
    assert status != 200 or len(page["hostingOrders"]) == 1


# ------------------------------------------------------------------ callbacks


class Receiver:
    """A receiver of callbacks."""

    def __init__(self) -> None:
        self.url = ""
        self.got: list[tuple[str | None, bytes]] = []

    async def handle(self, request: web.Request) -> web.Response:
        """Take one event."""
        self.got.append((request.headers.get("X-Sinch-Signature"), await request.read()))
        return web.Response()

    def hosting(self) -> list[tuple[str, str, str]]:
        """What the HOSTING_PROCESS events told: of what, how it ended, and why."""
        events = [json.loads(body) for _, body in self.got]
        return [
            (event["resourceId"], event["status"], event.get("failureCode", ""))
            for event in events
            if event["eventType"] == "HOSTING_PROCESS"
        ]


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """A running receiver."""
    found = Receiver()
    app = web.Application()
    app.router.add_post("/hook", found.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    found.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    yield found
    await runner.cleanup()


async def test_hosting_is_told_of_each_number(sandbox, api, receiver):
    """Each number says how its hosting ended, FAILED with its code where there is one."""
    sandbox.plan(N2, osr="INVALID_NNID")
    order_id = await api.import_numbers(N1, N2, callbackUrl=receiver.url)
    sandbox.complete(order_id)
    await sandbox.settle()
    assert receiver.hosting() == [(N1, "SUCCEEDED", ""), (N2, "FAILED", "INVALID_NNID")]


@pytest.mark.parametrize(
    ("failing", "status"), [((N2,), "SUCCEEDED"), ((N1, N2), "FAILED"), ((), "SUCCEEDED")]
)
async def test_hosting_may_be_told_of_the_order(sandbox, api, receiver, failing, status):
    """Once for the order by rule: FAILED where none of its numbers is hosted."""
    sandbox.change_rules(hosting_process="order")
    for number in failing:
        sandbox.plan(number, platform="refused")
    order_id = await api.import_numbers(N1, N2, callbackUrl=receiver.url)
    sandbox.complete(order_id)
    await sandbox.settle()
    assert receiver.hosting() == [(order_id, status, "")]


async def test_a_rejected_order_is_told_as_failed(sandbox, api, receiver):
    """For each number and for the order alike."""
    for rule in ("number", "order"):
        sandbox.change_rules(hosting_process=rule)
        sandbox.reject(await api.import_numbers(N1, callbackUrl=receiver.url))
    await sandbox.settle()
    assert [status for _, status, _ in receiver.hosting()] == ["FAILED", "FAILED"]


async def test_an_unknown_nnid_fails_by_callbacks(sandbox, api, receiver):
    """By rule the order is taken, and its numbers fail at the OSR update."""
    sandbox.change_rules(unknown_nnid=200)
    order_id = await api.text_enable(N1, nnid="104030", callbackUrl=receiver.url)
    sandbox.complete(order_id)
    await sandbox.settle()
    events = [json.loads(body) for _, body in receiver.got]
    assert [(event["eventType"], event.get("failureCode")) for event in events] == [
        ("OSR_UPDATE", "INVALID_NNID"),
        ("HOSTING_PROCESS", "INVALID_NNID"),
    ]


async def test_callbacks_are_unsigned_until_there_is_a_secret(open_api, receiver):
    """A new project has no secret; what is configured signs from then on."""
    async with Sandbox(speed=0) as sandbox:
        api = await open_api(sandbox)
        assert (await api.ok("GET", "/callbackConfiguration"))["hmacSecret"] == ""
        sandbox.reject(await api.import_numbers(N1, callbackUrl=receiver.url))
        await sandbox.settle()
        await api.ok("PATCH", "/callbackConfiguration", {"hmacSecret": "hush"})
        sandbox.reject(await api.import_numbers(N1, callbackUrl=receiver.url))
        await sandbox.settle()
    (first, _), (second, body) = receiver.got
    assert first is None
    assert second == hmac.new(b"hush", body, hashlib.sha1).hexdigest()


# ------------------------------------------------------------------ who is served


async def test_basic_is_limited(sandbox, api):
    """A few requests a second, then 429 with the time to wait; bearer tokens are not counted."""
    sandbox.change_rules(basic_per_second=0.001)
    url, statuses = f"{api.root}/callbackConfiguration", []
    for _ in range(2):
        async with api.session.get(url, headers=api.basic) as response:
            statuses.append(response.status)
            wait = response.headers.get("Retry-After", "")
    assert statuses == [200, 429]
    assert 900 < int(wait) <= 1000
    assert sandbox.requests[-1].outcome == "basic_limit"
    await api.ok("GET", "/callbackConfiguration")
    sandbox.change_rules(basic_per_second=None)
    async with api.session.get(url, headers=api.basic) as response:
        assert response.status == 200


async def test_another_host_is_not_served(sandbox, api):
    """A Host that is not the sandbox's own is 421, for the API and for tokens."""
    port = sandbox.port

    async def status(host: str, url: str) -> int:
        headers = {**api.headers, "Host": host}
        method = "POST" if url == sandbox.auth_url else "GET"
        async with api.session.request(method, url, headers=headers) as response:
            return int(response.status)

    url = f"{api.root}/callbackConfiguration"
    for host in (f"127.0.0.1:{port}", f"localhost:{port}", f"[::1]:{port}"):
        assert await status(host, url) == 200
    wrong = ("imported.numbers.api.sinch.com", f"evil.example:{port}", "127.0.0.1", "127.0.0.1:1")
    for host in wrong:
        assert await status(host, url) == 421, host
        assert await status(host, sandbox.auth_url) == 421, host
    sandbox.change_rules(hosts=["evil.example", "127.0.0.1:1"])
    assert [await status(host, url) for host in wrong] == [421, 200, 421, 200]
    sandbox.change_rules(hosts="*")
    assert [await status(host, url) for host in wrong] == [200] * 4


# ------------------------------------------------------------------ settling rules


async def test_rules_are_settled_over_http(sandbox, api):
    """They are read, and changed one at a time; resetting keeps them."""
    _, rules = await api.control("GET", "rules")
    assert rules == json.loads(json.dumps(Rules().json()))
    status, rules = await api.control("POST", "rules", {"unqualified": 400, "nnids": ["1"]})
    assert (status, rules["unqualified"], rules["nnids"]) == (200, 400, ["1"])
    assert (await api.control("POST", "reset"))[0] == 200
    assert sandbox.rules == Rules(unqualified=400, nnids=("1",))


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        ({"nothing": 1}, "no rule is called 'nothing'"),
        ({"unqualified": 401}, "409, 400, 404, 200"),
        ({"unqualified": "409"}, "not '409'"),
        ({"first_state": True}, "'SUBMITTED', 'DRAFT'"),
        ({"nnids": 5}, "list of strings"),
        ({"nnids": ["", 5]}, "not empty"),
        ({"hosts": {"a": 1}}, "list of strings"),
        ({"basic_per_second": 0}, "above 0"),
        ({"basic_per_second": True}, "above 0"),
        ({"basic_per_second": "3"}, "above 0"),
    ],
)
async def test_a_rule_that_makes_no_sense_is_refused(sandbox, api, rules, said):
    """By all three ways to settle one, with what there is instead."""
    with pytest.raises(ValueError, match=said):
        Sandbox(rules=rules)
    with pytest.raises(ValueError, match=said):
        sandbox.change_rules(**rules)
    status, answer = await api.control("POST", "rules", rules)
    assert status == 400
    assert said in answer["message"]
    assert sandbox.rules == Rules()


def test_every_rule_is_documented():
    """Each stands in the docstring of Rules and among the assumptions."""
    import sinch_hosting.sandbox

    for rule in fields(Rules):
        assert f"    {rule.name}: " in inspect.cleandoc(Rules.__doc__ or ""), rule.name
        assert f"``{rule.name}``" in (sinch_hosting.sandbox.__doc__ or ""), rule.name
