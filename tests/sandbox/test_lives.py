"""The lives of orders and numbers."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from sinch_hosting.sandbox import PROFILES, Profile, Sandbox, business_days, timed

N1, N2 = "+12025550134", "+12025550135"
FREE = "+18335550134"
LINKED = {"servicePlanId": "plan", "campaignId": "campaign"}


def states(sandbox: Sandbox, order_id: str) -> list[str]:
    """The states that an order went through."""
    return [state for _, state in sandbox.order(order_id).history]


async def test_a_text_enabling_order_passes_every_state_in_order(sandbox, api):
    """Each state can be seen over HTTP on the way to COMPLETED, and times only grow."""
    order_id = await api.text_enable(N1)
    seen, times = [], []
    while True:
        order = await api.ok("GET", f"/hostingOrders/{order_id}")
        if order["state"] not in seen:
            seen.append(order["state"])
        times.append(order["updatedTime"])
        if sandbox.step() is None:
            break
    assert seen == ["SUBMITTED", "WAITING_FOR_LOA_SIGNATURE", "IN_PROGRESS", "COMPLETED"]
    assert times == sorted(times)
    assert [letter.state for letter in sandbox.letters_sent] == ["signed"]


async def test_an_import_order_has_no_letter(sandbox, api):
    """An import order is born SUBMITTED, skips the signature, and no letter is mailed."""
    order_id = await api.import_numbers(N1)
    sandbox.advance(days=1)
    assert states(sandbox, order_id) == ["SUBMITTED", "IN_PROGRESS", "COMPLETED"]
    assert sandbox.letters_sent == []


async def test_a_blanket_letter_needs_no_signature(sandbox, api):
    """An order with a blanket letter goes on by itself."""
    order_id = await api.text_enable(N1, directLoaInfo=None, blanketLoaInfo={})
    sandbox.advance(days=1)
    assert "WAITING_FOR_LOA_SIGNATURE" not in states(sandbox, order_id)
    assert sandbox.order(order_id).state == "COMPLETED"
    with pytest.raises(ValueError, match="no letter to sign"):
        sandbox.sign_letter(order_id)


async def test_a_letter_left_lying_holds_the_order(api, open_api):
    """Where nobody signs by himself, the order waits for as long as it takes."""
    async with Sandbox(speed=0, profile="people") as sandbox:
        api = await open_api(sandbox)
        order_id = await api.text_enable(N1)
        sandbox.advance(days=365)
        assert sandbox.order(order_id).state == "WAITING_FOR_LOA_SIGNATURE"
        sandbox.sign_letter(order_id)
        sandbox.sign_letter(order_id)
        with pytest.raises(ValueError, match="no letter waits"):
            sandbox.decline_letter(order_id)
        sandbox.advance(days=1)
        assert states(sandbox, order_id).count("IN_PROGRESS") == 1
        assert sandbox.order(order_id).state == "COMPLETED"


async def test_a_declined_letter_rejects_the_order(sandbox, api):
    """Declining ends in REJECTED, with the letter, the mail and the number saying so."""
    sandbox_number = await qualified(sandbox, api, N1)
    order_id = await api.text_enable(N1)
    sandbox.decline_letter(sandbox.order(order_id))
    assert states(sandbox, order_id)[-1] == "REJECTED"
    assert sandbox.letters_sent[0].state == "declined"
    assert "rejected" in sandbox.outbox[-1].subject
    assert sandbox_number.state == "HOSTING_FAILED"
    assert sandbox.imported_numbers() == []
    with pytest.raises(ValueError, match="REJECTED already"):
        sandbox.sign_letter(order_id)


async def qualified(sandbox: Sandbox, api: Any, number: str) -> Any:
    """A number that is VERIFIED."""
    await api.ok("POST", "/qualifiedNumbers:addNumbers", {"phoneNumbers": [number]})
    sandbox.approve(number)
    return sandbox.qualified_number(number)


async def test_numbers_of_one_order_end_differently(sandbox, api):
    """OSR, platform, campaign and carriers fail for single numbers; the report follows them."""
    numbers = [f"+1202555{n:04d}" for n in range(6)]
    sandbox.plan(numbers[1], osr="INVALID_NNID")
    sandbox.plan(numbers[2], platform="refused")
    sandbox.plan(numbers[3], campaign="CAMPAIGN_EXPIRED")
    sandbox.plan(numbers[4], sms_tmo="60135", mms_att="30501")
    order_id = await api.text_enable(*numbers)
    totals = []
    while sandbox.step():
        report = await api.ok("GET", f"/hostingOrders/{order_id}/report")
        totals.append((report["osrUpdated"], report["smsProvisioned"], report["addedToCampaign"]))
    assert totals == sorted(totals)
    assert len(set(totals)) > 6
    assert report == {
        "total": 6,
        "osrUpdated": 5,
        "smsProvisioned": 4,
        "addedToCampaign": 3,
        "ongoingManualAction": 0,
    }
    shown = [await api.ok("GET", f"/hostingOrders/{order_id}/numbers/{n}") for n in numbers]
    assert [n["osrUpdate"]["state"] for n in shown] == ["DONE", "FAILED", *["DONE"] * 4]
    assert [n["platformProvisioning"]["state"] for n in shown][1:3] == ["WAITING", "FAILED"]
    assert shown[3]["campaignProvisioning"]["state"] == "FAILED"
    assert shown[4]["smsTmo"]["errorCode"] == "60135"
    assert shown[4]["mmsAtt"]["state"] == "FAILED"
    assert shown[4]["smsAtt"]["state"] == "DONE"
    imported = {number.phone_number for number in sandbox.imported_numbers()}
    assert imported == {numbers[0], numbers[3], numbers[4], numbers[5]}


async def test_a_failing_number_counts_as_manual_action_while_the_order_runs(sandbox, api):
    """The report's ongoingManualAction counts failed numbers until the order ends."""
    sandbox.plan(N1, osr="INVALID_NNID")
    order_id = await api.import_numbers(N1, N2)
    while sandbox.order(order_id).numbers[N2].platform != "DONE":
        sandbox.step()
    report = await api.ok("GET", f"/hostingOrders/{order_id}/report")
    assert report["ongoingManualAction"] == 1


async def test_60135_vanishes_with_migration(sandbox, api):
    """A number of another aggregator can be imported again with migrateToSinchTmo, not without."""
    sandbox.plan(N1, sms_tmo="60135")
    await api.import_numbers(N1)
    sandbox.advance(days=1)
    path = f"/importedNumbers/{N1}"
    assert (await api.ok("GET", path))["mnoConfiguration"]["smsTmo"]["errorCode"] == "60135"
    status, _ = await api("POST", "/hostingOrders:importNumbers", import_body(N1))
    assert status == 409
    await api.import_numbers(N1, migrateToSinchTmo=True)
    sandbox.advance(days=1)
    number = await api.ok("GET", path)
    assert number["mnoConfiguration"]["smsTmo"]["state"] == "DONE"
    assert number["smsConfiguration"]["migrateToSinchTmo"] is True


def import_body(*numbers: str) -> dict[str, Any]:
    """A request to import numbers."""
    return {"regionCode": "US", "numbers": list(numbers), **LINKED}


async def test_the_osr_update_waits_for_its_scheduled_time(sandbox, api):
    """An OSR time in the future is kept; the numbers stay IN_PROGRESS until then."""
    at = sandbox.now + timedelta(days=3)
    order_id = await api.text_enable(N1, scheduledOsrUpdateTime=at.isoformat())
    sandbox.sign_letter(order_id)
    sandbox.advance(days=2, hours=23)
    assert sandbox.order(order_id).numbers[N1].osr == "IN_PROGRESS"
    sandbox.advance(hours=2)
    assert sandbox.order(order_id).numbers[N1].osr == "DONE"


async def test_a_letter_signed_late_moves_the_schedule_by_whole_days(sandbox, api):
    """A scheduled time that passed before the signature moves to the next day, same time."""
    at = sandbox.now + timedelta(hours=1)
    order_id = await api.text_enable(N1, scheduledOsrUpdateTime=at.isoformat())
    sandbox.advance(hours=3)
    sandbox.sign_letter(order_id)
    order = await api.ok("GET", f"/hostingOrders/{order_id}")
    moved = datetime.fromisoformat(order["scheduledOsrUpdateTime"])
    assert moved == at + timedelta(days=1)


async def test_toll_free_numbers_have_an_order_of_their_own_kind(sandbox, api, direct):
    """Toll-free text enabling has its schedule, no campaign, and completes."""
    api.qualify(FREE)
    body = {
        "projectId": sandbox.project_id,
        "regionCode": "US",
        "numbers": [FREE],
        "servicePlanId": "plan",
        "directLoaInfo": direct,
        "scheduledZipwhipProvisioningTime": "2026-01-06T09:00:00",
    }
    order = await api.ok("POST", "/hostingOrders:textEnableTollFreeNumbers", body)
    sandbox.advance(days=3)
    assert sandbox.order(order["hostingOrderId"]).state == "COMPLETED"
    number = await api.ok("GET", f"/importedNumbers/{FREE}")
    assert "campaignProvisioning" not in number


async def test_a_toll_free_number_is_refused_by_a_campaign(sandbox, api):
    """An imported toll-free number cannot join a 10DLC campaign: TFN_NOT_ALLOWED."""
    await api.import_numbers(FREE)
    sandbox.advance(days=1)
    number = await api.ok("GET", f"/importedNumbers/{FREE}")
    assert number["campaignProvisioning"]["errorCode"] == "TFN_NOT_ALLOWED"


@pytest.mark.parametrize("verb", ["textEnableNumbers", "textEnableTollFreeNumbers"])
async def test_only_qualified_numbers_are_enabled_through_qualification(
    sandbox, api, enable_body, verb
):
    """Unknown numbers are 404, unverified ones 400, verified ones go, hosted ones are 409."""
    number = N1 if verb == "textEnableNumbers" else FREE
    body = enable_body(number)
    if number == FREE:
        del body["campaignId"]
        body["projectId"] = sandbox.project_id
    path = f"/qualifiedNumbers:{verb}"
    assert (await api("POST", path, body))[0] == 404
    await api.ok("POST", "/qualifiedNumbers:addNumbers", {"phoneNumbers": [number]})
    status, answer = await api("POST", path, body)
    assert (status, answer["status"]) == (400, "FAILED_PRECONDITION")
    sandbox.approve(number)
    answer = await api.ok("POST", path, body)
    assert verb != "textEnableNumbers" or set(answer) == {"hostingOrderId"}
    assert sandbox.qualified_number(number).state == "HOSTING_IN_PROGRESS"
    sandbox.complete(answer["hostingOrderId"])
    shown = await api.ok("GET", f"/qualifiedNumbers/{number}")
    assert shown["hostedNumber"] == {"status": 1, "error": ""}
    assert (await api("POST", path, body))[0] == 409


async def test_a_repeated_text_enable_mails_a_second_letter(sandbox, api):
    """The service has no idempotency key: sending twice is two orders and two letters."""
    for _ in range(2):
        await api.text_enable(N1)
    sandbox.advance(hours=1)
    assert len(sandbox.orders_created()) == 2
    assert len(sandbox.letters_sent) == 2
    sandbox.advance(days=1)
    assert {order.state for order in sandbox.orders_created()} == {"COMPLETED"}


async def test_a_number_that_failed_on_the_platform_fails_hosting(sandbox, api):
    """A qualified number that does not reach the platform ends in HOSTING_FAILED, status 2."""
    await qualified(sandbox, api, N1)
    sandbox.plan(N1, platform="refused")
    order_id = await api.text_enable(N1)
    sandbox.complete(order_id)
    shown = await api.ok("GET", f"/qualifiedNumbers/{N1}")
    assert shown["globalProcessState"] == "GLOBAL_PROCESS_STATE_HOSTING_FAILED"
    assert shown["hostedNumber"]["status"] == 2


async def test_the_review_takes_business_days_after_the_invoices(sandbox, api):
    """Without invoices the review never ends; with them it takes 1 to 3 business days."""

    async def state() -> str:
        shown = await api.ok("GET", f"/qualifiedNumbers/{N1}")
        return str(shown["globalProcessState"]).removeprefix("GLOBAL_PROCESS_STATE_")

    await api.ok("POST", "/qualifiedNumbers:addNumbers", {"phoneNumbers": [N1]})
    assert await state() == "ELIGIBLE_CHECK_PENDING"
    assert sandbox.step() == "check_eligibility"
    assert await state() == "ELIGIBLE"
    assert sandbox.step() == "open_verification"
    assert await state() == "VERIFICATION_PENDING"
    assert sandbox.coming(N1) == "send_invoices"
    sandbox.receive_invoices([N1])
    assert sandbox.coming(N1) == "review"
    began = sandbox.now
    sandbox.step()
    assert await state() == "VERIFIED"
    assert timedelta(days=1) <= sandbox.now - began <= timedelta(days=5)


async def test_without_invoices_the_review_does_not_end(open_api):
    """Where the owner mails nothing, the number stays VERIFICATION_PENDING."""
    async with Sandbox(speed=0, transitions={"send_invoices": "manual"}) as sandbox:
        api = await open_api(sandbox)
        await api.ok("POST", "/qualifiedNumbers:addNumbers", {"phoneNumbers": [N1, N2]})
        sandbox.advance(days=30)
        assert sandbox.qualified_number(N1).state == "VERIFICATION_PENDING"
        sandbox.receive_invoices(N2)
        sandbox.advance(days=7)
        assert sandbox.qualified_number(N2).state == "VERIFIED"
        assert sandbox.qualified_number(N1).state == "VERIFICATION_PENDING"


async def test_early_invoices_are_not_lost(sandbox, api):
    """Invoices that arrive before the eligibility check count once it is over."""
    await api.ok("POST", "/qualifiedNumbers:addNumbers", {"phoneNumbers": [N1]})
    sandbox.receive_invoices(N1)
    sandbox.step()
    sandbox.step()
    assert sandbox.coming(N1) == "review"


@pytest.mark.parametrize(
    ("plan", "state", "field"),
    [
        ({"not_eligible": "no route"}, "NOT_ELIGIBLE", "osrEligibility"),
        ({"not_verified": "not yours"}, "VERIFICATION_FAILED", "ownershipVerification"),
    ],
)
async def test_a_planned_refusal_shows_its_reason(sandbox, api, plan, state, field):
    """A number that shall not qualify ends so, with the reason where the contract has it."""
    sandbox.plan(N1, **plan)
    await api.ok("POST", "/qualifiedNumbers:addNumbers", {"phoneNumbers": [N1]})
    sandbox.advance(days=10)
    shown = await api.ok("GET", f"/qualifiedNumbers/{N1}")
    assert shown["globalProcessState"].endswith(f"_{state}")
    assert shown[field] == {"status": "FAILED", "error": next(iter(plan.values()))}


async def test_the_voice_challenge_knows_right_and_wrong_codes(sandbox, api):
    """A wrong code fails verification, the right one still verifies."""
    await api.ok("POST", "/qualifiedNumbers:addNumbers", {"phoneNumbers": [N1]})
    base = f"/qualifiedNumbers/{N1}"
    assert (await api("POST", f"{base}:sendVoiceChallenge"))[0] == 400
    sandbox.step()
    assert (await api("POST", f"{base}:verifyVoiceChallenge", {"code": "1"}))[0] == 400
    await api.ok("POST", f"{base}:sendVoiceChallenge")
    code = sandbox.voice_code(N1)
    assert " ".join(code) in sandbox.outbox[-1].text
    shown = await api.ok("POST", f"{base}:verifyVoiceChallenge", {"code": "x"})
    assert shown["globalProcessState"].endswith("VERIFICATION_FAILED")
    assert "2 tries left" in shown["ownershipVerification"]["error"]
    shown = await api.ok("POST", f"{base}:verifyVoiceChallenge", {"code": code})
    assert shown["globalProcessState"].endswith("_VERIFIED")
    with pytest.raises(LookupError):
        sandbox.voice_code(N1)


async def test_too_many_wrong_codes_block_a_number(sandbox, api):
    """The third wrong code blocks verification for good, over several calls too."""
    await api.ok("POST", "/qualifiedNumbers:addNumbers", {"phoneNumbers": [N1]})
    sandbox.step()
    base = f"/qualifiedNumbers/{N1}"
    for _ in range(3):
        await api.ok("POST", f"{base}:sendVoiceChallenge")
        shown = await api.ok("POST", f"{base}:verifyVoiceChallenge", {"code": "wrong"})
    assert shown["globalProcessState"].endswith("VERIFICATION_BLOCKED")
    assert (await api("POST", f"{base}:sendVoiceChallenge"))[0] == 400
    sandbox.advance(days=30)
    assert sandbox.qualified_number(N1).state == "VERIFICATION_BLOCKED"


async def test_a_deleted_qualified_number_is_gone(sandbox, api):
    """DELETE forgets the number and what was planned for it; it may be added again."""
    body = {"phoneNumbers": [N1]}
    await api.ok("POST", "/qualifiedNumbers:addNumbers", body)
    assert (await api("POST", "/qualifiedNumbers:addNumbers", body))[0] == 409
    await api.ok("DELETE", f"/qualifiedNumbers/{N1}")
    assert (await api("DELETE", f"/qualifiedNumbers/{N1}"))[0] == 404
    assert sandbox.step() is None
    await api.ok("POST", "/qualifiedNumbers:addNumbers", body)


async def imported(sandbox: Sandbox, api: Any, number: str = N1, **sms: str) -> Any:
    """The answer to the import of one number."""
    body = {
        "phoneNumber": number,
        "regionCode": "US",
        "smsConfiguration": sms or LINKED,
        "displayName": "mine",
    }
    return await api.ok("POST", "/importedNumbers", body)


async def test_a_single_import_is_provisioned_step_by_step(sandbox, api):
    """SMS platform, then campaign, then carriers, each seen on its way; twice is 409."""
    await imported(sandbox, api)
    path = f"/importedNumbers/{N1}"
    first = await api.ok("GET", path)
    assert first["smsProvisioning"]["state"] == "IN_PROGRESS"
    assert first["campaignProvisioning"]["state"] == "WAITING"
    sandbox.step()
    second = await api.ok("GET", path)
    assert second["smsProvisioning"]["state"] == "DONE"
    assert second["campaignProvisioning"]["state"] == "IN_PROGRESS"
    sandbox.step()
    third = await api.ok("GET", path)
    assert third["campaignProvisioning"]["state"] == "DONE"
    assert third["mnoConfiguration"]["smsAtt"]["state"] == "IN_PROGRESS"
    sandbox.step()
    last = await api.ok("GET", path)
    assert {c["state"] for c in last["mnoConfiguration"].values()} == {"DONE"}
    status, answer = await api(
        "POST",
        "/importedNumbers",
        {"phoneNumber": N1, "regionCode": "US", "smsConfiguration": LINKED},
    )
    assert (status, answer["code"], answer["status"]) == (409, "409", "ALREADY_EXISTS")


@pytest.mark.parametrize("field", ["platform", "campaign"])
async def test_a_single_import_can_fail(sandbox, api, field):
    """A planned failure shows in the number's provisioning."""
    sandbox.plan(N1, **{field: "CAMPAIGN_NOT_AVAILABLE"})
    await imported(sandbox, api)
    sandbox.advance(days=1)
    number = await api.ok("GET", f"/importedNumbers/{N1}")
    step = number["smsProvisioning" if field == "platform" else "campaignProvisioning"]
    assert step["state"] == "FAILED"
    assert step["errorCode"] == "CAMPAIGN_NOT_AVAILABLE"


async def test_relinking_is_refused_until_unlinked(sandbox, api):
    """A linked number must be unlinked, and the unlinking must be over, before a new link."""
    await imported(sandbox, api)
    sandbox.advance(days=1)
    path = f"/importedNumbers/{N1}"
    other = {"smsConfiguration": {"servicePlanId": "other", "campaignId": ""}}
    status, answer = await api("PATCH", path, other)
    assert (status, answer["status"]) == (400, "FAILED_PRECONDITION")
    unlink = {"smsConfiguration": {"servicePlanId": "", "campaignId": ""}}
    shown = await api.ok("PATCH", path, unlink)
    assert shown["smsConfiguration"]["servicePlanId"] == ""
    leaving = await api.ok("GET", path)
    assert leaving["smsProvisioning"]["type"] == "DEPROVISIONING"
    assert leaving["mnoConfiguration"]["smsAtt"]["operation"] == "DEPROVISIONING"
    assert (await api("PATCH", path, other))[0] == 400
    assert sandbox.step() == "number_deprovisioning"
    await api.ok("PATCH", path, other)
    sandbox.advance(days=1)
    number = await api.ok("GET", path)
    assert number["smsProvisioning"]["serviceId"] == "other"
    assert number["smsProvisioning"]["state"] == "DONE"
    assert number["displayName"] == "mine"
    assert number["mnoConfiguration"]["smsAtt"]["operation"] == "PROVISIONING"
    assert number["mnoConfiguration"]["smsAtt"]["state"] == "DONE"


async def test_a_campaign_can_be_unlinked_alone(sandbox, api):
    """Absent fields stay: an empty campaignId alone keeps the service plan."""
    await imported(sandbox, api)
    sandbox.advance(days=1)
    path = f"/importedNumbers/{N1}"
    await api.ok("PATCH", path, {"smsConfiguration": {"campaignId": ""}})
    sandbox.advance(days=1)
    number = await api.ok("GET", path)
    assert number["smsConfiguration"]["servicePlanId"] == "plan"
    assert number["smsProvisioning"]["type"] == "PROVISIONING"
    assert number["campaignProvisioning"]["type"] == "DEPROVISIONING"
    assert number["campaignProvisioning"]["state"] == "DONE"


async def test_a_campaign_needs_a_plan(sandbox, api):
    """A number without a service plan takes no campaign."""
    await imported(sandbox, api)
    path = f"/importedNumbers/{N1}"
    await api.ok("PATCH", path, {"smsConfiguration": {"servicePlanId": "", "campaignId": ""}})
    sandbox.advance(days=1)
    assert (await api("PATCH", path, {"smsConfiguration": {"campaignId": "c"}}))[0] == 400


async def test_a_patch_changes_only_what_it_names(sandbox, api):
    """Naming a display name and a callback leaves the links; linking to the same is no change."""
    await imported(sandbox, api)
    sandbox.advance(days=1)
    path = f"/importedNumbers/{N1}"
    body = {"displayName": "", "callbackUrl": "http://127.0.0.1:9/x", "smsConfiguration": LINKED}
    shown = await api.ok("PATCH", path, body)
    assert shown["displayName"] == ""
    assert shown["callbackUrl"] == "http://127.0.0.1:9/x"
    assert sandbox.step() is None


async def test_a_deleted_imported_number_is_gone(sandbox, api):
    """DELETE takes the number out of GET and lists."""
    await imported(sandbox, api)
    await api.ok("DELETE", f"/importedNumbers/{N1}")
    assert (await api("GET", f"/importedNumbers/{N1}"))[0] == 404
    listed = await api.ok("GET", "/importedNumbers", **LINKED)
    assert listed["importedNumbers"] == []


async def test_immediate_lives_are_over_with_the_next_request(open_api):
    """Under the profile immediate an order is answered SUBMITTED and found COMPLETED."""
    async with Sandbox(speed=0, profile="immediate") as sandbox:
        api = await open_api(sandbox)
        order_id = await api.text_enable(N1)
        assert (await api.ok("GET", f"/hostingOrders/{order_id}"))["state"] == "COMPLETED"
        assert len(states(sandbox, order_id)) == 4


async def test_manual_lives_wait_for_every_handle(open_api):
    """Under the profile manual nothing happens but what is triggered."""
    async with Sandbox(speed=0, profile="manual") as sandbox:
        api = await open_api(sandbox)
        order_id = await api.text_enable(N1)
        sandbox.advance(days=100)
        names = []
        while sandbox.coming(order_id):
            names.append(sandbox.trigger(order_id))
        assert names == [
            "send_letter",
            "sign_letter",
            "osr_update",
            "platform_provisioning",
            "campaign_provisioning",
            "carrier_provisioning",
            "complete",
        ]
        with pytest.raises(ValueError, match="nothing is planned"):
            sandbox.trigger(order_id)


async def test_the_troubled_profile_spoils_some_numbers_and_letters(open_api):
    """Under the profile troubled some fail and most do not, the same ones for the same seed."""
    outcomes = []
    for _ in range(2):
        async with Sandbox(speed=0, seed=3, profile="troubled") as sandbox:
            api = await open_api(sandbox)
            numbers = [f"+1202555{n:04d}" for n in range(300)]
            ids = [await api.text_enable(*numbers[n : n + 10]) for n in range(0, 300, 10)]
            new = [f"+1202556{n:04d}" for n in range(300)]
            await api.ok("POST", "/qualifiedNumbers:addNumbers", {"phoneNumbers": new})
            sandbox.advance(days=30)
            found = [sandbox.order(order_id) for order_id in ids]
            failed = [
                number.phone_number
                for order in found
                for number in order.numbers.values()
                if order.state == "COMPLETED" and "FAILED" in (number.osr, number.platform)
            ]
            outcomes.append(([order.state for order in found], failed))
            assert 0 < sum(order.state == "REJECTED" for order in found) < 15
            assert 0 < len(failed) < 60
            spoilt = [n for n in sandbox.qualified_numbers(300) if n.state != "VERIFIED"]
            assert 0 < len(spoilt) < 60
    assert outcomes[0] == outcomes[1]


def test_a_profile_refuses_what_it_does_not_know():
    """Unknown profiles, transitions and timings are named in the error."""
    with pytest.raises(ValueError, match="standard"):
        Sandbox(profile="nothing")
    with pytest.raises(ValueError, match="submit"):
        Sandbox(transitions={"vanish": 1})
    for wrong in ("soon", -1, (2, 1), True, None):
        with pytest.raises(ValueError, match="timing"):
            Sandbox(transitions={"submit": wrong})


def test_a_timing_has_an_end():
    """Nothing takes longer than a century, in days of business neither."""
    for endless in (1e10, business_days(1e6)):
        with pytest.raises(ValueError, match="endless"):
            Sandbox(transitions={"review": endless})


def test_a_profile_takes_every_way_to_write_a_timing():
    """Words, seconds, deltas, pairs and timings are understood."""
    profile = PROFILES["standard"].with_timings(
        submit="manual",
        start=5,
        complete=timedelta(minutes=1),
        review=(1, 2),
        osr_update=timed(3),
        send_letter=business_days(1),
    )
    assert profile.timings["submit"].manual
    assert profile.timings["complete"].low == 60
    assert profile.timings["review"].high == 2
    assert profile.timings["send_letter"].business
    assert isinstance(profile, Profile)


async def test_a_fresh_order_was_never_changed(open_api):
    """However fast time goes, an order is created at one time, and its answer says so."""
    async with Sandbox(speed=1e6, profile="manual") as sandbox:
        api = await open_api(sandbox)
        order_id = await api.import_numbers(N1)
        order = sandbox.order(order_id)
        assert order.created == order.updated == order.history[0][0]


async def test_a_toll_free_order_has_no_nnid(sandbox, api, direct):
    """Its request takes none, and its letter shows none."""
    api.qualify(FREE)
    body = {"regionCode": "US", "numbers": [FREE], "servicePlanId": "p", "directLoaInfo": direct}
    body["projectId"] = sandbox.project_id
    order = await api.ok("POST", "/hostingOrders:textEnableTollFreeNumbers", body)
    assert "nnid" not in order["textEnableInfo"]


async def test_texts_count_right(sandbox, api):
    """One number is one number, and no others are none."""
    sandbox.advance(hours=1)
    order_id = await api.text_enable(N1)
    sandbox.sign_letter(order_id)
    assert "with 1 number awaits" in sandbox.outbox[0].text
    await api.ok("POST", "/qualifiedNumbers:addNumbers", {"phoneNumbers": [N2]})
    for numbers, others in (([N1], "there"), ([N1, N2], "there, as are 1 more")):
        _, answer = await api("POST", "/qualifiedNumbers:addNumbers", {"phoneNumbers": numbers})
        assert answer["message"] == f"{N1} is already {others}"


async def test_what_is_over_cannot_be_helped(sandbox, api):
    """A rejected order cannot be completed, and no invoice helps a number that is refused."""
    order_id = await api.import_numbers(N1)
    sandbox.reject(order_id)
    with pytest.raises(ValueError, match="REJECTED already"):
        sandbox.complete(order_id)
    await api.ok("POST", "/qualifiedNumbers:addNumbers", {"phoneNumbers": [N1, N2]})
    sandbox.refuse(N2)
    with pytest.raises(ValueError, match="NOT_ELIGIBLE"):
        sandbox.receive_invoices(N2)
    sandbox.receive_invoices([N1, N2])
    assert sandbox.qualified_number(N1).invoices_received
