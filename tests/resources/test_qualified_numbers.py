"""Qualified numbers: adding, text-enabling, voice challenges, waiting."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from sinch_hosting import (
    BlanketLoa,
    InvalidRequest,
    NotFound,
    NumberFailed,
    OrderState,
    OutcomeUnknown,
    QualificationState,
    ResellerLoa,
    WaitTimeout,
)

from ..letters import ADDRESS, DIRECT, PERSON

NUMBER, OTHER = "+12025550134", "+12025550135"
ADD = ("POST", "/qualifiedNumbers:addNumbers")
ENABLE = ("POST", "/qualifiedNumbers:textEnableNumbers")
TOLL_FREE = ("POST", "/qualifiedNumbers:textEnableTollFreeNumbers")
GET_ORDER = ("GET", "/hostingOrders/order-1")
PREFIX = "GLOBAL_PROCESS_STATE_"


def path(number=NUMBER):
    """Where a number is read."""
    return ("GET", f"/qualifiedNumbers/{number}")


def at(state, number=NUMBER, **fields):
    """A number in a state."""
    return {"phoneNumber": number, "globalProcessState": PREFIX + state, **fields}


# ------------------------------------------------------------------------- adding


async def test_add_answers_the_numbers(service, client):
    """From any iterable, as the service tells them."""
    service.on(*ADD, {"qualifiedNumbers": [at("ELIGIBLE_CHECK_PENDING")]})
    (added,) = await client.qualified_numbers.add(n for n in [NUMBER])
    assert added.global_process_state is QualificationState.ELIGIBLE_CHECK_PENDING
    assert service.calls(*ADD)[0].json == {"phoneNumbers": [NUMBER]}


async def test_a_lost_add_whose_numbers_are_there_is_found(service, client):
    """Each is looked up, and all are answered in the order given."""
    service.on(*ADD, service.DROP)
    service.on(*path(), at("ELIGIBLE"))
    service.on(*path(OTHER), at("ELIGIBLE", OTHER))
    added = await client.qualified_numbers.add([OTHER, NUMBER])
    assert [number.phone_number for number in added] == [OTHER, NUMBER]
    assert len(service.calls(*ADD)) == 1


@pytest.mark.parametrize("answer", [404, 400])
async def test_a_lost_add_that_cannot_be_settled_is_unknown(service, client, answer):
    """One number that is absent, or cannot be looked up: unknown, and nothing is re-sent."""
    service.on(*ADD, 504)
    service.on(*path(), at("ELIGIBLE"))
    service.on(*path(OTHER), answer)
    with pytest.raises(OutcomeUnknown) as caught:
        await client.qualified_numbers.add([NUMBER, OTHER])
    assert caught.value.__cause__.status_code == 504
    assert "Looking for the numbers failed, too" in caught.value.__notes__[0]
    assert len(service.calls(*ADD)) == 1


@pytest.mark.parametrize("wrong", [[], NUMBER, ["5"], None, {NUMBER: 1}, 7])
async def test_add_refuses_what_is_no_list_of_numbers(service, client, wrong):
    """A bare string, too."""
    with pytest.raises(InvalidRequest) as caught:
        await client.qualified_numbers.add(wrong)
    assert caught.value.field.startswith("phone_numbers")
    assert service.requests == []


# -------------------------------------------------------------------- text-enabling


async def test_text_enable_reads_the_order_of_the_id(service, client):
    """The service answers an id alone; the caller gets the order, which can be waited for."""
    service.on(*ENABLE, {"hostingOrderId": "order-1"})
    service.on(*GET_ORDER, {"hostingOrderId": "order-1", "state": "SUBMITTED"})
    order = await client.qualified_numbers.text_enable(
        [NUMBER],
        region_code="US",
        service_plan_id="plan",
        loa=DIRECT,
        campaign_id="c",
        nnid="101",
        scheduled_osr_update_time=datetime(2026, 5, 1, tzinfo=UTC),
        display_name="d",
        callback_url="https://example.com",
    )
    assert order.state is OrderState.SUBMITTED
    sent = service.calls(*ENABLE)[0].json
    assert sent["directLoaInfo"]["authorisedPerson"]["email"] == PERSON.email
    assert sent["scheduledOsrUpdateTime"] == "2026-05-01T00:00:00Z"
    assert (await order.refresh()).state is OrderState.SUBMITTED


@pytest.mark.parametrize("failure", [404, 403, "lost", "misfit"])
async def test_an_order_that_cannot_be_read_still_comes_back(service, client, caplog, failure):
    """With its id and state UNSPECIFIED, for it exists; it can be refreshed later."""
    service.on(*ENABLE, {"hostingOrderId": "order-1"})
    bad = {"lost": service.DROP, "misfit": {"state": []}}.get(failure, failure)
    service.on(*GET_ORDER, bad)
    order = await client.qualified_numbers.text_enable(
        [NUMBER], region_code="US", service_plan_id="plan", loa=DIRECT
    )
    assert order.hosting_order_id == "order-1"
    assert order.state is OrderState.UNSPECIFIED
    assert "hosting order order-1 was created, reading it failed" in caplog.text
    service.on(*GET_ORDER, {"hostingOrderId": "order-1", "state": "COMPLETED"})
    assert (await order.wait_until("COMPLETED")).state == "COMPLETED"
    assert len(service.calls(*ENABLE)) == 1


async def test_an_order_whose_reading_is_cancelled_is_logged(service, client, caplog):
    """Nobody gets the id, so the log keeps it."""
    hold = service.hold({})
    service.on(*ENABLE, {"hostingOrderId": "order-1"})
    service.on(*GET_ORDER, hold)
    call = client.qualified_numbers.text_enable(
        [NUMBER], region_code="US", service_plan_id="plan", loa=DIRECT
    )
    task = asyncio.create_task(call)
    await hold.arrived.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert "hosting order order-1 was created" in caplog.text


@pytest.mark.parametrize("identifier", ["a/b", "..", "a b", "a%2fb"])
async def test_an_id_that_no_path_can_hold_still_comes_back(service, client, identifier):
    """The service made an order, however odd its name: it is not lost."""
    service.on(*ENABLE, {"hostingOrderId": identifier})
    order = await client.qualified_numbers.text_enable(
        [NUMBER], region_code="US", service_plan_id="plan", loa=DIRECT
    )
    assert order.hosting_order_id == identifier


async def test_text_enable_toll_free_answers_the_order(service, client):
    """The toll-free variant answers the whole order."""
    service.on(*TOLL_FREE, {"hostingOrderId": "order-1", "state": "WAITING_FOR_LOA_SIGNATURE"})
    order = await client.qualified_numbers.text_enable_toll_free(
        ["+18005550134"],
        region_code="US",
        service_plan_id="plan",
        loa=ResellerLoa(
            business_name="B",
            authorised_person=PERSON,
            address=ADDRESS,
            current_voice_carrier="V",
        ),
        scheduled_zipwhip_provisioning_time=datetime(2026, 5, 1, tzinfo=UTC),
    )
    assert order.state == "WAITING_FOR_LOA_SIGNATURE"
    sent = service.calls(*TOLL_FREE)[0].json
    assert sent["scheduledZipwhipProvisioningTime"] == "2026-05-01T00:00:00Z"
    assert "resellerLoaInfo" in sent


async def test_toll_free_takes_no_blanket_letter(service, client):
    """Refused before anything is sent."""
    with pytest.raises(InvalidRequest, match="DirectLoa or a ResellerLoa"):
        await client.qualified_numbers.text_enable_toll_free(
            [NUMBER], region_code="US", service_plan_id="p", loa=BlanketLoa()
        )
    assert service.requests == []


# ------------------------------------------------------------------ voice challenges


async def test_voice_challenges(service, client):
    """One sends nothing in its body, the other the code."""
    send = ("POST", f"/qualifiedNumbers/{NUMBER}:sendVoiceChallenge")
    verify = ("POST", f"/qualifiedNumbers/{NUMBER}:verifyVoiceChallenge")
    service.on(*send, at("VERIFICATION_PENDING"))
    service.on(*verify, at("VERIFIED"))
    await client.qualified_numbers.send_voice_challenge(NUMBER)
    verified = await client.qualified_numbers.verify_voice_challenge(NUMBER, "1234")
    assert verified.global_process_state is QualificationState.VERIFIED
    assert service.calls(*send)[0].body == b""
    assert service.calls(*verify)[0].json == {"code": "1234"}


@pytest.mark.parametrize("code", ["", " ", 1234, None])
async def test_a_code_that_is_none_burns_no_attempt(service, client, code):
    """Refused before anything is sent."""
    with pytest.raises(InvalidRequest):
        await client.qualified_numbers.verify_voice_challenge(NUMBER, code)
    assert service.requests == []


# ------------------------------------------------------------------- lists, waiting


async def test_states_are_listed_one_after_the_other(service, client):
    """In the order of life, whatever the order given; an item that moved comes once."""
    service.on(
        "GET",
        "/qualifiedNumbers",
        {"qualifiedNumbers": [at("ELIGIBLE")], "nextPageToken": "x"},
        {"qualifiedNumbers": []},
        {"qualifiedNumbers": [at("VERIFIED"), at("VERIFIED", OTHER)]},
    )
    pages = client.qualified_numbers.list(
        states=["VERIFIED", QualificationState.ELIGIBLE, PREFIX + "ELIGIBLE"], region_code="US"
    )
    found = [number.phone_number async for number in pages]
    assert found == [NUMBER, OTHER]
    states = [seen.query["states"] for seen in service.requests[1:]]
    assert states == [PREFIX + "ELIGIBLE", PREFIX + "ELIGIBLE", PREFIX + "VERIFIED"]
    assert service.most_in_flight == 1


@pytest.mark.parametrize("states", [[], "NO_SUCH", ["ELIGIBLE", 5], None])
async def test_states_that_are_none_are_refused_at_once(client, states):
    """When the list is made, not when it is walked."""
    with pytest.raises(InvalidRequest):
        client.qualified_numbers.list(states=states)


@pytest.mark.parametrize(
    ("wanted", "comes", "looks"),
    [
        (["ELIGIBLE"], ["ELIGIBLE_CHECK_PENDING", "ELIGIBLE"], 2),
        (["ELIGIBLE"], ["ELIGIBLE_CHECK_PENDING", "HOSTING_DONE"], 2),
        (["VERIFIED"], ["VERIFICATION_PENDING", "HOSTING_IN_PROGRESS"], 2),
        (["HOSTING_DONE", "ELIGIBLE"], ["ELIGIBLE"], 1),
        (["NOT_ELIGIBLE"], ["NOT_ELIGIBLE"], 1),
        (["NOT_ELIGIBLE", "ELIGIBLE"], ["NOT_ELIGIBLE"], 1),
        (["ELIGIBLE"], ["VERIFICATION_FAILED"], 1),
        (["VERIFICATION_FAILED"], ["VERIFIED"], 1),
        (["HOSTING_FAILED"], ["HOSTING_IN_PROGRESS", "HOSTING_DONE"], 2),
        (["ELIGIBLE"], ["BRAND_NEW", "UNSPECIFIED", "ELIGIBLE"], 3),
    ],
    ids=str,
)
async def test_a_wait_ends_when_reached_or_passed(service, client, wanted, comes, looks):
    """With any of the states wanted; unknown states are neither reached nor passed."""
    service.on(*path(), *(at(state) for state in comes))
    number = await client.qualified_numbers.wait_until(NUMBER, *wanted)
    assert number.global_process_state == PREFIX + comes[-1]
    assert len(service.calls(*path())) == looks


@pytest.mark.parametrize(
    ("wanted", "state"),
    [
        ("ELIGIBLE", "NOT_ELIGIBLE"),
        ("VERIFIED", "NOT_ELIGIBLE"),
        ("VERIFIED", "VERIFICATION_FAILED"),
        ("VERIFIED", "VERIFICATION_BLOCKED"),
        ("HOSTING_DONE", "VERIFICATION_BLOCKED"),
        ("HOSTING_DONE", "HOSTING_FAILED"),
        ("HOSTING_DONE", "NOT_ELIGIBLE"),
    ],
)
async def test_a_failure_ends_a_wait(service, client, wanted, state):
    """The wanted state cannot come any more: `NumberFailed` with the number and the reason."""
    service.on(*path(), at(state, osrEligibility={"error": "wrong carrier"}))
    with pytest.raises(NumberFailed, match=f"is {state}: wrong carrier") as caught:
        await client.qualified_numbers.wait_until(NUMBER, wanted, timeout=100)
    assert caught.value.number.global_process_state.name == state


async def test_an_unknown_state_is_waited_for_by_name(service, client):
    """A state that is newer than this version is reached by being in it."""
    newer = QualificationState(PREFIX + "BRAND_NEW")
    service.on(*path(), at("HOSTING_IN_PROGRESS"), at("BRAND_NEW"))
    number = await client.qualified_numbers.wait_until(NUMBER, newer)
    assert number.global_process_state == newer


async def test_a_wait_runs_out(service, clock, client):
    """`WaitTimeout`, also a `TimeoutError`, with the last number."""
    service.on(*path(), at("ELIGIBLE_CHECK_PENDING"))
    with pytest.raises(TimeoutError) as caught:
        await client.qualified_numbers.wait_until(NUMBER, "ELIGIBLE", timeout=30)
    assert isinstance(caught.value, WaitTimeout)
    assert caught.value.last.phone_number == NUMBER
    assert "ELIGIBLE" in str(caught.value)
    assert clock.now == pytest.approx(1030)


@pytest.mark.parametrize(("states", "timeout"), [([], None), (["X"], None), (["ELIGIBLE"], -1)])
async def test_a_wait_for_nothing_is_refused(service, client, states, timeout):
    """At once, and nothing is sent."""
    with pytest.raises(InvalidRequest):
        await client.qualified_numbers.wait_until(NUMBER, *states, timeout=timeout)
    assert service.requests == []


async def test_delete_of_an_unknown_number(service, client):
    """404 at first is `NotFound`."""
    service.on("DELETE", f"/qualifiedNumbers/{NUMBER}", 404)
    with pytest.raises(NotFound):
        await client.qualified_numbers.delete(NUMBER)
