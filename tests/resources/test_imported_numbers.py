"""Single numbers: importing, settling what was lost, changing, relinking, waiting."""

from __future__ import annotations

import asyncio

import pytest

from sinch_hosting import (
    AuthenticationFailed,
    BadRequest,
    Conflict,
    InvalidRequest,
    NotFound,
    NumberFailed,
    OutcomeUnknown,
    RelinkFailed,
    RetryPolicy,
    ServerError,
    TransportError,
    WaitTimeout,
)

NUMBER = "+12025550134"
PATH = f"/importedNumbers/{NUMBER}"
IMPORT = ("POST", "/importedNumbers")
GET = ("GET", PATH)
PATCH = ("PATCH", PATH)
PLAN = {"region_code": "US", "service_plan_id": "plan", "campaign_id": "campaign"}


def number(plan="plan", campaign="campaign", **fields):
    """A number as the service tells it."""
    return {
        "phoneNumber": NUMBER,
        "smsConfiguration": {"servicePlanId": plan, "campaignId": campaign},
        **fields,
    }


def pending(plan="", campaign="", scheduled=None, **fields):
    """A number whose plan and campaign are not in force yet."""
    asked_for = scheduled or {"servicePlanId": "plan", "campaignId": "campaign"}
    sms = {"servicePlanId": plan, "campaignId": campaign}
    sms["scheduledProvisioning"] = {"status": "WAITING", **asked_for, **fields}
    return {"phoneNumber": NUMBER, "smsConfiguration": sms}


def step(state, kind="PROVISIONING", **fields):
    """How far a number is on a service."""
    return {"state": state, "type": kind, **fields}


# -------------------------------------------------------------------- importing


async def test_import_sends_what_was_given(service, client):
    """The body has the wire's names, and nothing that was not named."""
    service.on(*IMPORT, number())
    imported = await client.imported_numbers.import_number(
        NUMBER, **PLAN, display_name="", callback_url="https://example.com/c"
    )
    assert imported.sms_configuration.campaign_id == "campaign"
    (seen,) = service.calls(*IMPORT)
    assert seen.json == {
        "phoneNumber": NUMBER,
        "regionCode": "US",
        "smsConfiguration": {"servicePlanId": "plan", "campaignId": "campaign"},
        "displayName": "",
        "callbackUrl": "https://example.com/c",
    }


@pytest.mark.parametrize("flag", [True, False])
async def test_an_import_may_take_a_number_over(service, client, flag):
    """Inside `smsConfiguration`, as the vendor's example has it."""
    service.on(*IMPORT, number())
    await client.imported_numbers.import_number(NUMBER, **PLAN, migrate_to_sinch_tmo=flag)
    sms = service.calls(*IMPORT)[0].json["smsConfiguration"]
    assert sms == {"servicePlanId": "plan", "campaignId": "campaign", "migrateToSinchTmo": flag}


@pytest.mark.parametrize("status", [1, "WAITING", "later"])
async def test_an_import_whose_statuses_are_odd_is_an_import(service, client, status):
    """Nothing of it is decided by: it was answered 200, and is not sent again."""
    odd = pending(status=status, errorCodes=["x", 7])
    service.on(*IMPORT, {**odd, "smsProvisioning": {"state": "WAITING", "updateTime": "soon"}})
    imported = await client.imported_numbers.import_number(NUMBER, **PLAN)
    assert imported.sms_configuration.scheduled_provisioning.status == status
    assert imported.sms_provisioning.extra == {"updateTime": "soon"}
    assert len(service.requests) == 2  # the token, and the import


@pytest.mark.parametrize("status", [0, 1, 2, "WAITING", "IN_PROGRESS"])
async def test_a_lost_import_that_is_pending_is_found(service, client, status):
    """Plan and campaign stand in what is scheduled first: that is no conflict."""
    service.on(*IMPORT, service.DROP)
    service.on(*GET, pending(status=status))
    imported = await client.imported_numbers.import_number(NUMBER, **PLAN)
    assert (imported.pending_service_plan_id, imported.pending_campaign_id) == ("plan", "campaign")
    assert imported.is_linked
    assert len(service.calls(*IMPORT)) == 1


async def test_a_lost_import_that_is_half_in_force_is_found(service, client):
    """The plan is in force already, the campaign is still to come."""
    service.on(*IMPORT, service.DROP)
    service.on(*GET, pending(plan="plan", scheduled={"campaignId": "campaign"}))
    await client.imported_numbers.import_number(NUMBER, **PLAN)
    assert len(service.calls(*IMPORT)) == 1


async def test_a_lost_import_of_what_is_pending_elsewhere_is_a_conflict(service, client):
    """The error names what is pending."""
    service.on(*IMPORT, service.DROP)
    service.on(*GET, pending(scheduled={"servicePlanId": "other", "campaignId": "campaign"}))
    with pytest.raises(Conflict, match="with service plan other and campaign campaign"):
        await client.imported_numbers.import_number(NUMBER, **PLAN)


async def test_a_lost_import_that_happened_is_found(service, client):
    """The number is there, with this plan and campaign: it is answered, nothing is re-sent."""
    service.on(*IMPORT, service.DROP)
    service.on(*GET, number())
    assert (await client.imported_numbers.import_number(NUMBER, **PLAN)).phone_number == NUMBER
    assert len(service.calls(*IMPORT)) == 1


@pytest.mark.parametrize("found", ["+12025550135", "", None])
async def test_a_lost_import_is_not_settled_by_another_number(service, client, found):
    """Its plan and campaign may well be the same."""
    service.on(*IMPORT, 500)
    service.on(*GET, {**number(), "phoneNumber": found})
    with pytest.raises(OutcomeUnknown) as caught:
        await client.imported_numbers.import_number(NUMBER, **PLAN)
    assert "found another number" in caught.value.__notes__[0]
    assert len(service.calls(*IMPORT)) == 1


async def test_a_lost_import_of_anothers_number_is_a_conflict(service, client):
    """The number is there with another campaign: it is not ours, and the error says whose."""
    service.on(*IMPORT, 503)
    service.on(*GET, number(campaign="other"))
    with pytest.raises(Conflict, match="service plan plan and campaign other"):
        await client.imported_numbers.import_number(NUMBER, **PLAN)
    assert len(service.calls(*IMPORT)) == 1


async def test_a_lost_import_without_campaign_is_found(service, client):
    """No campaign is the same as an empty one, or none in the answer."""
    plan = {"region_code": "US", "service_plan_id": "plan"}
    service.on(*IMPORT, service.DROP)
    service.on(*GET, {"phoneNumber": NUMBER, "smsConfiguration": {"servicePlanId": "plan"}})
    assert (await client.imported_numbers.import_number(NUMBER, **plan)).phone_number == NUMBER


async def test_a_lost_import_that_did_not_happen_is_sent_again(service, client):
    """The number is absent, so importing it again makes no second one."""
    service.on(*IMPORT, service.DROP, number())
    service.on(*GET, 404)
    assert (await client.imported_numbers.import_number(NUMBER, **PLAN)).phone_number == NUMBER
    assert len(service.calls(*IMPORT)) == 2


@pytest.mark.parametrize("owner", ["campaign", "other"])
async def test_a_409_on_the_repetition_is_looked_at(service, client, owner):
    """It may be the first request, late, or somebody else's number: plan and campaign tell."""
    service.on(*IMPORT, service.DROP, 409)
    service.on(*GET, 404, number(campaign=owner))
    call = client.imported_numbers.import_number(NUMBER, **PLAN)
    if owner == "campaign":
        assert (await call).phone_number == NUMBER
    else:
        with pytest.raises(Conflict, match="campaign other"):
            await call
    assert len(service.calls(*IMPORT)) == 2


async def test_a_look_up_that_fails_leaves_it_unknown(service, client):
    """A failed look-up is no absence; the cause is still what took the answer."""
    service.on(*IMPORT, 502)
    service.on(*GET, 400)
    with pytest.raises(OutcomeUnknown) as caught:
        await client.imported_numbers.import_number(NUMBER, **PLAN)
    assert caught.value.__cause__.status_code == 502
    assert "Looking for the number failed, too" in caught.value.__notes__[0]
    assert len(service.calls(*IMPORT)) == 1


async def test_an_import_that_stays_lost_is_unknown(service, clock, make_client):
    """Lost and absent again and again: so many tries, a look after each, then unknown."""
    service.on(*IMPORT, 500)
    service.on(*GET, 404)
    client = make_client(retry=RetryPolicy(max_tries=3))
    with pytest.raises(OutcomeUnknown):
        await client.imported_numbers.import_number(NUMBER, **PLAN)
    assert len(service.calls(*IMPORT)) == 3
    assert len(service.calls(*GET)) == 3


async def test_a_lost_import_is_looked_for_even_where_nothing_is_repeated(service, make_client):
    """A look-up is no repetition: `max_tries=1` still settles what happened."""
    service.on(*IMPORT, 500)
    service.on(*GET, number())
    client = make_client(retry=RetryPolicy(max_tries=1))
    assert (await client.imported_numbers.import_number(NUMBER, **PLAN)).phone_number == NUMBER
    service.on(*GET, 404)
    with pytest.raises(OutcomeUnknown):
        await client.imported_numbers.import_number(NUMBER, **PLAN)
    assert len(service.calls(*IMPORT)) == 2


async def test_the_repetition_may_be_refused(service, client):
    """What the second request is told is the outcome: nothing was imported."""
    service.on(*IMPORT, service.DROP, (400, {"message": "no such campaign"}))
    service.on(*GET, 404)
    with pytest.raises(BadRequest, match="no such campaign"):
        await client.imported_numbers.import_number(NUMBER, **PLAN)


async def test_a_409_at_first_is_a_conflict(service, client):
    """Nothing was lost, so nothing is looked up; a note says that it may be its own double."""
    service.on(*IMPORT, (409, {"message": "already imported"}))
    with pytest.raises(Conflict, match="already imported") as caught:
        await client.imported_numbers.import_number(NUMBER, **PLAN)
    assert "A proxy may have sent this call twice" in caught.value.__notes__[0]


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"phone_number": "2025550134"}, "phone_number"),
        ({"region_code": "MX"}, "region_code"),
        ({"service_plan_id": ""}, "service_plan_id"),
        ({"campaign_id": 5}, "campaign_id"),
        ({"callback_url": "nowhere"}, "callback_url"),
    ],
    ids=str,
)
async def test_what_cannot_be_right_is_not_sent(service, client, wrong, field):
    """`InvalidRequest` names the field; not even a token is fetched."""
    with pytest.raises(InvalidRequest) as caught:
        await client.imported_numbers.import_number(**{"phone_number": NUMBER, **PLAN, **wrong})
    assert caught.value.field == field
    assert service.requests == []


# ------------------------------------------------------------- reading and listing


@pytest.mark.parametrize("wrong", ["", "..", "+1/2", "+1202555013400000", "1202", None])
@pytest.mark.parametrize("call", ["get", "delete", "relink", "wait_until_provisioned", "update"])
async def test_no_method_takes_what_is_no_number(service, client, call, wrong):
    """What would change the path, or is no number, is refused before anything is sent."""
    extra = {"relink": {"service_plan_id": "p"}, "update": {"display_name": "x"}}
    with pytest.raises(InvalidRequest):
        await getattr(client.imported_numbers, call)(wrong, **extra.get(call, {}))
    assert service.requests == []


async def test_a_list_sends_its_filters(service, client):
    """Each under the wire's name, with the token of the next page."""
    service.on(
        "GET",
        "/importedNumbers",
        {"importedNumbers": [number()], "nextPageToken": "t2", "totalSize": 2},
        {"importedNumbers": [number()]},
    )
    pages = client.imported_numbers.list(
        service_plan_id="p",
        campaign_id="c",
        region_code="CA",
        pattern="+1416",
        search_pattern="START",
        order_by="createdTime",
        page_size=1,
    )
    assert len([n async for n in pages]) == 2
    first, second = service.calls("GET", "/importedNumbers")
    assert first.query == {
        "servicePlanId": "p",
        "campaignId": "c",
        "regionCode": "CA",
        "numberPattern.pattern": "+1416",
        "numberPattern.searchPattern": "START",
        "orderBy": "createdTime",
        "pageSize": "1",
    }
    assert second.query == {**first.query, "pageToken": "t2"}


# ------------------------------------------------------------------------ updating


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ({"display_name": ""}, {"displayName": ""}),
        ({"campaign_id": ""}, {"smsConfiguration": {"campaignId": ""}}),
        (
            {"service_plan_id": "", "campaign_id": "c", "callback_url": ""},
            {"smsConfiguration": {"servicePlanId": "", "campaignId": "c"}, "callbackUrl": ""},
        ),
    ],
    ids=str,
)
async def test_an_update_sends_only_what_was_named(service, client, given, sent):
    """Absent and `""` are two things."""
    service.on(*PATCH, number())
    await client.imported_numbers.update(NUMBER, **given)
    assert service.calls(*PATCH)[0].json == sent


@pytest.mark.parametrize(
    "field", ["display_name", "service_plan_id", "campaign_id", "callback_url"]
)
async def test_an_update_to_none_is_refused(service, client, field):
    """It would be sent as `null`, which the contract does not allow."""
    with pytest.raises(InvalidRequest, match='"" to empty it, or leave it out') as caught:
        await client.imported_numbers.update(NUMBER, **{field: None})
    assert caught.value.field == field
    assert service.requests == []


async def test_an_update_of_nothing_is_refused(service, client):
    """A patch that names no field would be a request for nothing."""
    with pytest.raises(InvalidRequest, match="name at least one field"):
        await client.imported_numbers.update(NUMBER)


@pytest.mark.parametrize("refusal", [400, 404, 409])
@pytest.mark.parametrize("lost", ["500", "DROP"])
async def test_a_retried_update_that_is_refused_is_settled(service, client, lost, refusal):
    """The first try did it, and the second is refused for that: a GET tells."""
    service.on(*PATCH, service.DROP if lost == "DROP" else 500, refusal)
    service.on(*GET, number(displayName="new"))
    updated = await client.imported_numbers.update(
        NUMBER, display_name="new", campaign_id="campaign"
    )
    assert updated.display_name == "new"


@pytest.mark.parametrize(
    "field", ["display_name", "service_plan_id", "campaign_id", "callback_url"]
)
async def test_a_refused_update_that_did_not_happen_is_refused(service, client, field):
    """The GET shows another value: the refusal stands, and nothing pretends."""
    service.on(*PATCH, 500, (400, {"message": "not like this"}))
    service.on(*GET, number(displayName="old", callbackUrl="https://old.example"))
    wanted = "https://new.example"
    with pytest.raises(BadRequest, match="not like this"):
        await client.imported_numbers.update(NUMBER, **{field: wanted})


async def test_a_refusal_at_first_is_not_looked_into(service, client):
    """Nothing was lost, so there is no GET."""
    service.on(*PATCH, 400)
    with pytest.raises(BadRequest):
        await client.imported_numbers.update(NUMBER, display_name="x")
    assert service.calls(*GET) == []


# ----------------------------------------------------------------------- relinking

DONE = {"smsProvisioning": step("DONE"), "campaignProvisioning": step("DONE")}
LEAVING = {
    "smsProvisioning": step("IN_PROGRESS", "DEPROVISIONING"),
    "campaignProvisioning": step("WAITING", "DEPROVISIONING"),
}
LEFT = {
    "smsProvisioning": step("DONE", "DEPROVISIONING"),
    "campaignProvisioning": step("DONE", "DEPROVISIONING"),
}


async def test_relink_unlinks_waits_and_links(service, clock, client):
    """Unlinked first, linked only once the number is free of both services."""
    order = []

    def patched(seen):
        order.append(seen.json["smsConfiguration"])
        return number("new", "other") if len(order) == 2 else number("", "", **LEAVING)

    service.on(*PATCH, patched)
    service.on(
        *GET,
        number("plan", "campaign", **DONE),
        number("", "", **LEAVING),
        number("", "", **{**LEFT, "campaignProvisioning": LEAVING["campaignProvisioning"]}),
        number("", "", **LEFT),
    )
    linked = await client.imported_numbers.relink(
        NUMBER, service_plan_id="new", campaign_id="other"
    )
    assert linked.sms_configuration.campaign_id == "other"
    assert order == [
        {"servicePlanId": "", "campaignId": ""},
        {"servicePlanId": "new", "campaignId": "other"},
    ]
    assert len(service.calls(*GET)) == 4


async def test_relink_of_what_is_linked_so_changes_nothing(service, client):
    """Safe to repeat: the number would lose its service for nothing."""
    service.on(*GET, number())
    await client.imported_numbers.relink(NUMBER, service_plan_id="plan", campaign_id="campaign")
    assert service.calls(*PATCH) == []


async def test_relink_to_what_is_pending_changes_nothing(service, client):
    """It is on its way; unlinking would undo it."""
    service.on(*GET, pending())
    await client.imported_numbers.relink(NUMBER, service_plan_id="plan", campaign_id="campaign")
    assert service.calls(*PATCH) == []


async def test_relink_waits_for_what_is_pending(service, client):
    """The service refuses a change while another is pending; then it goes on as ever."""
    service.on(
        *GET,
        pending(),
        pending(plan="plan", scheduled={"campaignId": "campaign"}),
        number("plan", "campaign", **DONE),
        pending(scheduled={"servicePlanId": "late"}),
        number("", "", **LEFT),
    )
    service.on(*PATCH, number("", ""), number("new", ""))
    await client.imported_numbers.relink(NUMBER, service_plan_id="new")
    unlinked, linked = (seen.json["smsConfiguration"] for seen in service.calls(*PATCH))
    assert unlinked == {"servicePlanId": "", "campaignId": ""}
    assert linked == {"servicePlanId": "new", "campaignId": ""}
    assert len(service.calls(*GET)) == 5


async def test_relink_that_waits_too_long_for_what_is_pending_says_so(service, clock, client):
    """Nothing was unlinked, so it is the plain `WaitTimeout`."""
    service.on(*GET, pending())
    with pytest.raises(WaitTimeout, match="no change pending"):
        await client.imported_numbers.relink(NUMBER, service_plan_id="new", timeout=60)
    assert service.calls(*PATCH) == []


@pytest.mark.parametrize(
    "failed", [{"status": "FAILED"}, {"status": 3, "errorCodes": [7]}], ids=["text", "number"]
)
async def test_relink_does_not_wait_for_what_has_failed(service, clock, client, failed):
    """A change that failed is not pending: the number is free."""
    service.on(*GET, pending(**failed))
    service.on(*PATCH, number("new", ""))
    await client.imported_numbers.relink(NUMBER, service_plan_id="new")
    assert len(service.calls(*PATCH)) == 1


async def test_relink_of_a_free_number_links_at_once(service, clock, client):
    """Nothing to unlink, nothing to wait for."""
    service.on(*GET, number("", "", **LEFT))
    service.on(*PATCH, number("new", ""))
    await client.imported_numbers.relink(NUMBER, service_plan_id="new", timeout=None)
    assert len(service.calls(*PATCH)) == 1
    assert clock.slept == []


@pytest.mark.parametrize("failure", [400, 403, "gone", "lost"])
async def test_relink_that_fails_half_way_says_so(service, client, failure):
    """The number has no service now, and the error says it, with the reason as its cause."""
    service.on(*GET, number(), number("", ""))
    reply = {"gone": 404, "lost": service.DROP}.get(failure, failure)
    service.on(*PATCH, number("", ""), reply)
    with pytest.raises(RelinkFailed, match="is now unlinked") as caught:
        await client.imported_numbers.relink(NUMBER, service_plan_id="new")
    assert caught.value.phone_number == NUMBER
    expected = {"gone": NotFound, "lost": TransportError, 400: BadRequest}.get(failure)
    assert expected is None or isinstance(caught.value.__cause__, expected)


async def test_relink_that_waits_too_long_says_so(service, clock, client):
    """A number that does not become free: the cause is the `WaitTimeout`."""
    service.on(*GET, number(), number("", "", **LEAVING))
    service.on(*PATCH, number("", ""))
    with pytest.raises(RelinkFailed) as caught:
        await client.imported_numbers.relink(NUMBER, service_plan_id="new", timeout=60)
    assert isinstance(caught.value.__cause__, WaitTimeout)
    assert clock.now == pytest.approx(1060)
    assert len(service.calls(*PATCH)) == 1


async def test_relink_looks_once_more_when_its_time_is_over(service, clock, client):
    """A machine that slept, or a slow answer, leaves no time to see that the number is free."""

    def late(_):
        clock.now += 1000
        return number("", "", **LEAVING)

    service.on(*GET, number(), late, number("", "", **LEFT))
    service.on(*PATCH, number("", ""), number("new", ""))
    linked = await client.imported_numbers.relink(NUMBER, service_plan_id="new", timeout=60)
    assert linked.sms_configuration.service_plan_id == "new"
    assert len(service.calls(*GET)) == 3


async def test_relink_whose_unlinking_fails_at_the_carrier_says_so(service, client):
    """A deprovisioning that FAILED never ends: no waiting for it."""
    failed = step("FAILED", "DEPROVISIONING", errorCode="60135", errorMessage="held")
    service.on(*GET, number(), number("", "", smsProvisioning=failed))
    service.on(*PATCH, number("", ""))
    with pytest.raises(RelinkFailed, match="leaving the SMS platform is FAILED: 60135 held"):
        await client.imported_numbers.relink(NUMBER, service_plan_id="new")


async def test_relink_that_cannot_unlink_leaves_the_number_linked(service, client):
    """The first half fails: the plain error, for the number still works."""
    service.on(*GET, number())
    service.on(*PATCH, 403)
    with pytest.raises(Exception, match="403") as caught:
        await client.imported_numbers.relink(NUMBER, service_plan_id="new")
    assert not isinstance(caught.value, RelinkFailed)


async def test_relink_survives_passing_failures_while_it_waits(service, client):
    """A 500 and a lost answer are no reason to leave the number unlinked."""
    service.on(*GET, number(), *[500] * 6, number("", "", **LEFT))
    service.on(*PATCH, number("", ""), number("new", ""))
    await client.imported_numbers.relink(NUMBER, service_plan_id="new")
    assert len(service.calls(*PATCH)) == 2


async def test_a_cancelled_relink_is_logged(service, clock, client, caplog):
    """Cancelled while the number is unlinked: the log says so."""
    clock.by_hand = True
    service.on(*GET, number(), number("", "", **LEAVING))
    service.on(*PATCH, number("", ""))
    task = asyncio.create_task(client.imported_numbers.relink(NUMBER, service_plan_id="new"))
    await service.wait_for(lambda: clock.sleepers == 1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert f"relink was cancelled: {NUMBER} may be unlinked" in caplog.text


@pytest.mark.parametrize("wrong", [{"service_plan_id": ""}, {"timeout": -1}, {"campaign_id": 5}])
async def test_relink_checks_before_it_unlinks(service, client, wrong):
    """A plan that cannot be right must not cost the number its service."""
    with pytest.raises(InvalidRequest):
        await client.imported_numbers.relink(NUMBER, **{"service_plan_id": "new", **wrong})
    assert service.requests == []


# ------------------------------------------------------------------------- waiting


async def test_wait_until_provisioned_waits_for_plan_and_campaign(service, client):
    """Done on the plan alone is not enough where there is a campaign."""
    service.on(
        *GET,
        number(smsProvisioning=step("WAITING"), campaignProvisioning=step("WAITING")),
        number(smsProvisioning=step("DONE"), campaignProvisioning=step("IN_PROGRESS")),
        number(**DONE),
    )
    provisioned = await client.imported_numbers.wait_until_provisioned(NUMBER)
    assert provisioned.campaign_provisioning.state == "DONE"
    assert len(service.calls(*GET)) == 3


async def test_wait_until_provisioned_waits_for_what_is_scheduled(service, client):
    """The plan is done, and the campaign is only scheduled: that is not provisioned."""
    scheduled = pending(plan="plan", scheduled={"campaignId": "campaign"})
    service.on(
        *GET,
        {**pending(), "smsProvisioning": step("DONE")},
        {**scheduled, "smsProvisioning": step("DONE")},
        {**scheduled, **DONE},
        number(**DONE),
    )
    provisioned = await client.imported_numbers.wait_until_provisioned(NUMBER)
    assert provisioned.sms_configuration.campaign_id == "campaign"
    assert len(service.calls(*GET)) == 4


@pytest.mark.parametrize(
    ("failed", "told"),
    [({"status": "FAILED"}, "FAILED"), ({"status": 3, "errorCodes": [7, "x"]}, "7, x")],
    ids=["text", "number"],
)
async def test_what_is_scheduled_and_failed_ends_the_wait(service, client, failed, told):
    """`NumberFailed` with the codes; what is in force by now counts as not failed."""
    service.on(*GET, {**pending(plan="plan", **failed), "smsProvisioning": step("DONE")})
    with pytest.raises(NumberFailed, match=f"scheduled provisioning has FAILED: {told}"):
        await client.imported_numbers.wait_until_provisioned(NUMBER)
    service.on(*GET, {**pending(plan="plan", campaign="campaign", **failed), **DONE})
    await client.imported_numbers.wait_until_provisioned(NUMBER)


async def test_wait_until_provisioned_without_a_campaign(service, client):
    """Nothing to wait for on a campaign that the number does not have."""
    service.on(*GET, number(campaign="", smsProvisioning=step("DONE")))
    await client.imported_numbers.wait_until_provisioned(NUMBER)


@pytest.mark.parametrize("which", ["smsProvisioning", "campaignProvisioning"])
async def test_failed_provisioning_ends_the_wait(service, client, which):
    """`NumberFailed` with the number, and the service's code and words."""
    failed = step("FAILED", errorCode="X1", errorMessage="no luck")
    service.on(*GET, number(**{**DONE, which: failed}))
    with pytest.raises(NumberFailed, match="is FAILED: X1 no luck") as caught:
        await client.imported_numbers.wait_until_provisioned(NUMBER)
    assert caught.value.number.phone_number == caught.value.last.phone_number == NUMBER


async def test_leaving_a_plan_is_not_being_on_it(service, clock, client):
    """DONE with being taken off counts as nothing: the wait goes on."""
    service.on(*GET, number(**LEFT), number(**DONE))
    await client.imported_numbers.wait_until_provisioned(NUMBER)
    assert len(clock.slept) == 1


async def test_a_wait_for_a_number_that_is_gone_ends(service, client):
    """404 does not pass: the error carries the number as it was last seen."""
    service.on(*GET, number(smsProvisioning=step("WAITING")), 404)
    with pytest.raises(NotFound) as caught:
        await client.imported_numbers.wait_until_provisioned(NUMBER)
    assert caught.value.last.phone_number == NUMBER


async def test_wrong_credentials_end_a_wait(service, client):
    """401 does not pass either."""
    service.on(*GET, 401)
    with pytest.raises(AuthenticationFailed):
        await client.imported_numbers.wait_until_provisioned(NUMBER)


async def test_an_answer_that_does_not_fit_ends_no_wait(service, client):
    """One bad answer says nothing of the number: it is looked at again."""
    service.on(*GET, {"phoneNumber": 7}, [], number("plan", **DONE))
    done = await client.imported_numbers.wait_until_provisioned(NUMBER)
    assert done.phone_number == NUMBER
    assert len(service.calls(*GET)) == 3


async def test_delete_sends_one_request(service, client):
    """A plain success answers nothing."""
    service.on("DELETE", PATH, {})
    assert await client.imported_numbers.delete(NUMBER) is None


async def test_a_server_error_that_stays_reaches_the_caller(service, make_client):
    """A read that fails in all its tries is a `ServerError`."""
    service.on(*GET, 503)
    with pytest.raises(ServerError):
        await make_client(retry=RetryPolicy(max_tries=2)).imported_numbers.get(NUMBER)


@pytest.mark.parametrize("campaign_id", [" ", "\n", "campaign\n", "cam\x00paign", "\u2003"])
async def test_a_campaign_that_nobody_can_read_is_refused(service, client, campaign_id):
    """Blank is not empty, which unlinks; what holds control characters was pasted wrongly."""
    numbers, orders = client.imported_numbers, client.hosting_orders
    wrong = {**PLAN, "campaign_id": campaign_id}
    calls = [
        lambda: numbers.import_number(NUMBER, **wrong),
        lambda: numbers.update(NUMBER, campaign_id=campaign_id),
        lambda: numbers.relink(NUMBER, service_plan_id="plan", campaign_id=campaign_id),
        lambda: anext(aiter(numbers.list(service_plan_id="plan", campaign_id=campaign_id))),
        lambda: orders.import_numbers([NUMBER], **wrong),
    ]
    for call in calls:
        with pytest.raises(InvalidRequest) as caught:
            await call()
        assert caught.value.field == "campaign_id"
    assert service.requests == []
