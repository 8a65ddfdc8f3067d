"""Callbacks: signed as the vendor signs, retried, loopback only, and bent by faults."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import tracemalloc
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from sinch_hosting.sandbox import Sandbox
from sinch_hosting.sandbox.callbacks import RETRY_DELAYS, signature

VECTORS = Path(__file__).parents[1] / "contract" / "callback-vectors.json"
N1, N2 = "+12025550134", "+12025550135"


class Receiver:
    """A receiver of callbacks; `answers` are the statuses it gives next, 200 after them."""

    def __init__(self) -> None:
        self.url = ""
        self.answers: list[int] = []
        self.got: list[tuple[str, bytes]] = []

    async def handle(self, request: web.Request) -> web.Response:
        """Take one event."""
        self.got.append((request.headers.get("X-Sinch-Signature", ""), await request.read()))
        status = self.answers.pop(0) if self.answers else 200
        return web.Response(status=status, headers={"Location": self.url})

    def events(self) -> list[dict[str, Any]]:
        """The bodies received."""
        return [json.loads(body) for _, body in self.got]


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


def good(receiver: Receiver, secret: str) -> list[bool]:
    """For each event received, whether its signature fits its raw body."""
    return [
        hmac.new(secret.encode(), body, hashlib.sha1).hexdigest() == header
        for header, body in receiver.got
    ]


def test_the_signature_gives_the_vendors_known_answers():
    """Known answers, among them keys that are not ASCII or longer than a block."""
    vectors = json.loads(VECTORS.read_text(encoding="utf-8"))
    assert len(vectors) >= 4
    for vector in vectors:
        assert signature(vector["body"].encode(), vector["secret"]) == vector["signature"]


async def test_an_orders_events_are_delivered_and_signed(sandbox, api, receiver, contract):
    """Every step of every number and the end of the order are told, in order, with signatures."""
    sandbox.plan(N2, campaign="CAMPAIGN_EXPIRED")
    await api.import_numbers(N1, N2, callbackUrl=receiver.url)
    sandbox.advance(days=1)
    await sandbox.settle()
    told = [(e["eventType"], e["resourceId"], e["status"]) for e in receiver.events()]
    assert told == [
        ("OSR_UPDATE", N1, "SUCCEEDED"),
        ("OSR_UPDATE", N2, "SUCCEEDED"),
        ("PROVISIONING_TO_SMS_PLATFORM", N1, "SUCCEEDED"),
        ("PROVISIONING_TO_SMS_PLATFORM", N2, "SUCCEEDED"),
        ("LINK_TO_10DLC_CAMPAIGN", N1, "SUCCEEDED"),
        ("LINK_TO_10DLC_CAMPAIGN", N2, "FAILED"),
        ("HOSTING_PROCESS", N1, "SUCCEEDED"),
        ("HOSTING_PROCESS", N2, "SUCCEEDED"),
    ]
    assert receiver.events()[5]["failureCode"] == "CAMPAIGN_EXPIRED"
    assert all(good(receiver, sandbox.hmac_secret))
    assert len({event["eventId"] for event in receiver.events()}) == 8
    assert {record.state for record in sandbox.callbacks} == {"delivered"}
    for event in receiver.events():
        contract._validate({"$ref": "#/components/schemas/CallbackPayload"}, event)


async def test_a_number_that_the_platform_refuses_tells_no_code(sandbox, api, receiver):
    """Failures to reach the SMS platform carry no failure code."""
    sandbox.plan(N1, platform="refused")
    await api.import_numbers(N1, callbackUrl=receiver.url)
    sandbox.advance(days=1)
    await sandbox.settle()
    failed = [event for event in receiver.events() if event["status"] == "FAILED"]
    assert [event["eventType"] for event in failed] == [
        "PROVISIONING_TO_SMS_PLATFORM",
        "HOSTING_PROCESS",
    ]
    assert not any("failureCode" in event for event in failed)


async def test_a_single_number_tells_its_whole_life(sandbox, api, receiver):
    """Provisioning, linking, unlinking and deletion of an imported number are told."""
    linked = {"servicePlanId": "plan", "campaignId": "campaign"}
    body = {
        "phoneNumber": N1,
        "regionCode": "US",
        "smsConfiguration": linked,
        "callbackUrl": receiver.url,
    }
    await api.ok("POST", "/importedNumbers", body)
    sandbox.advance(days=1)
    unlinked = {"smsConfiguration": {"servicePlanId": "", "campaignId": ""}}
    await api.ok("PATCH", f"/importedNumbers/{N1}", unlinked)
    sandbox.advance(days=1)
    await api.ok("DELETE", f"/importedNumbers/{N1}")
    await sandbox.settle()
    assert [event["eventType"] for event in receiver.events()] == [
        "PROVISIONING_TO_SMS_PLATFORM",
        "LINK_TO_10DLC_CAMPAIGN",
        "DEPROVISIONING_TO_SMS_PLATFORM",
        "UNLINK_TO_10DLC_CAMPAIGN",
        "DELETE",
    ]
    assert {event["resourceType"] for event in receiver.events()} == {"IMPORTED_NUMBER"}


async def test_a_new_secret_signs_from_then_on(sandbox, api, receiver):
    """The secret in the callback configuration is the one that signs; the log hides it."""
    await api.ok("PATCH", "/callbackConfiguration", {"hmacSecret": "s\u00e9cret-\u2603"})
    await api.import_numbers(N1, callbackUrl=receiver.url)
    sandbox.advance(days=1)
    await sandbox.settle()
    assert all(good(receiver, "s\u00e9cret-\u2603"))
    assert sandbox.calls("UpdateCallbackConfiguration")[0].body == {"hmacSecret": "***"}


async def rejected(api: Any, sandbox: Sandbox, url: str) -> None:
    """One event, by an order that is rejected."""
    order_id = await api.import_numbers(N1, callbackUrl=url)
    sandbox.reject(order_id)
    await sandbox.settle()


async def test_failed_deliveries_are_retried_with_growing_delays(sandbox, api, receiver):
    """A failed event comes again, later and later, the same one, until it is taken."""
    receiver.answers = [500, 404, 302]
    await rejected(api, sandbox, receiver.url)
    for delay in RETRY_DELAYS[:3]:
        before = len(receiver.got)
        sandbox.advance(seconds=delay - 1)
        await sandbox.settle()
        assert len(receiver.got) == before
        sandbox.advance(seconds=1)
        await sandbox.settle()
    assert len(receiver.got) == 4
    assert len(set(receiver.got)) == 1
    record = sandbox.callbacks[0]
    assert record.state == "delivered"
    assert [result for _, result in record.attempts] == ["500", "404", "302", "200"]
    assert list(RETRY_DELAYS) == sorted(set(RETRY_DELAYS))


async def test_a_deaf_receiver_is_given_up(sandbox, api):
    """After the last retry the event is given up."""
    await rejected(api, sandbox, "http://127.0.0.1:9/hook")
    for delay in RETRY_DELAYS:
        assert sandbox.callbacks[0].state == "retrying"
        sandbox.advance(seconds=delay)
        await sandbox.settle()
    record = sandbox.callbacks[0]
    assert record.state == "given up"
    assert len(record.attempts) == len(RETRY_DELAYS) + 1


@pytest.mark.parametrize(
    "url",
    [
        "https://www.your-callback-server.com/callback",
        "http://192.0.2.1/x",
        "http://2130706433/x",
        "http://127.0.0.1.example.com/x",
        "http://localhost@192.0.2.1/x",
    ],
)
async def test_strangers_are_never_called(sandbox, api, url):
    """An event for another host than this machine is withheld, and recorded as such."""
    await rejected(api, sandbox, url)
    assert [(r.state, r.attempts) for r in sandbox.callbacks] == [("withheld", [])]


async def test_other_hosts_are_called_where_told(open_api, receiver):
    """A host that was allowed is called."""
    async with Sandbox(speed=0, callback_hosts="sandbox.invalid") as sandbox:
        api = await open_api(sandbox)
        await rejected(api, sandbox, "http://sandbox.invalid/hook")
        assert sandbox.callbacks[0].state == "retrying"
    async with Sandbox(speed=0, callback_hosts=["*"]) as sandbox:
        api = await open_api(sandbox)
        await rejected(api, sandbox, receiver.url.replace("127.0.0.1", "localhost"))
        assert sandbox.callbacks[0].state == "delivered"


async def test_a_lost_callback_never_comes(sandbox, api, receiver):
    """The event is recorded as lost, and not sent."""
    sandbox.faults.add("callback_lost", count=1)
    await rejected(api, sandbox, receiver.url)
    sandbox.advance(days=1)
    await sandbox.settle()
    assert receiver.got == []
    assert sandbox.callbacks[0].state == "lost"


async def test_a_duplicated_callback_comes_twice(sandbox, api, receiver):
    """The same event, with the same id, comes as often as told."""
    sandbox.faults.add("callback_duplicate", copies=3, operation="HOSTING_PROCESS")
    await rejected(api, sandbox, receiver.url)
    assert len(receiver.got) == 3
    assert len(set(receiver.got)) == 1


async def test_a_delayed_callback_comes_later(sandbox, api, receiver):
    """The event comes after so much virtual time."""
    sandbox.faults.add("callback_delay", seconds=100)
    await rejected(api, sandbox, receiver.url)
    sandbox.advance(seconds=99)
    await sandbox.settle()
    assert receiver.got == []
    sandbox.advance(seconds=1)
    await sandbox.settle()
    assert len(receiver.got) == 1


async def test_reordered_callbacks_swap_places(sandbox, api, receiver):
    """The event comes after the next one; where none can follow, it comes, and is not counted."""
    sandbox.faults.add("callback_reorder", count=1)
    # Four numbers pass in slices of two: only those of one slice are told at one time.
    await api.import_numbers(N1, N2, "+12025550137", "+12025550138", callbackUrl=receiver.url)
    sandbox.advance(days=1)
    await sandbox.settle()
    assert [event["resourceId"] for event in receiver.events()][:2] == [N2, N1]
    fault = sandbox.faults.add("callback_reorder", count=1)
    receiver.got.clear()
    other = await api.import_numbers("+12025550136", callbackUrl=receiver.url)
    sandbox.reject(other)
    await sandbox.settle()
    assert len(receiver.got) == 1
    assert fault.hits == 0
    assert sandbox.callbacks[-1].fault == ""


async def test_events_that_are_far_apart_are_reordered_too(sandbox, api, receiver):
    """An event waits for the next one to overtake it however long that takes, and pairs swap."""
    fault = sandbox.faults.add("callback_reorder")
    await api.import_numbers(N1, callbackUrl=receiver.url)
    await sandbox.pass_time(days=1)
    assert [event["eventType"] for event in receiver.events()] == [
        "PROVISIONING_TO_SMS_PLATFORM",
        "OSR_UPDATE",
        "HOSTING_PROCESS",
        "LINK_TO_10DLC_CAMPAIGN",
    ]
    assert fault.hits == 2


async def test_an_event_is_not_held_for_what_brings_no_other(sandbox, api, receiver):
    """The last event of a number comes once nothing is planned for it any more."""
    linked = {"servicePlanId": "plan", "campaignId": "campaign"}
    body = {"phoneNumber": N1, "regionCode": "US", "smsConfiguration": linked}
    await api.ok("POST", "/importedNumbers", {**body, "callbackUrl": receiver.url})
    fault = sandbox.faults.add("callback_reorder", operation="LINK_TO_10DLC_CAMPAIGN")
    await sandbox.pass_time(minutes=13)
    assert len(receiver.got) == 1
    await sandbox.pass_time(days=1)
    assert len(receiver.got) == 2
    assert fault.hits == 0


async def test_a_step_names_what_callbacks_wait_for(sandbox, api, receiver):
    """Delays and retries have names, too: no step answers an empty one."""
    sandbox.faults.add("callback_delay", seconds=5)
    receiver.answers = [500]
    order_id = await api.import_numbers(N1, callbackUrl=receiver.url)
    sandbox.reject(order_id)
    assert sandbox.step() == "callback_delay"
    await sandbox.settle()
    assert sandbox.step() == "callback_retry"
    assert sandbox.step() is None


async def test_time_passes_with_retries_at_their_own_times(sandbox, api, receiver):
    """A whole night passes in one call: each attempt is made at its own virtual time."""
    receiver.answers = [500, 500]
    start = sandbox.now.timestamp()
    sandbox.reject(await api.import_numbers(N1, callbackUrl=receiver.url))
    assert await sandbox.pass_time(hours=8) == 2
    assert [at - start for at, _ in sandbox.callbacks[0].attempts] == [0, 10, 40]
    assert sandbox.now.timestamp() - start == 8 * 3600


async def test_a_receiver_has_real_time_to_restart(open_api):
    """However fast virtual time goes, the retries leave a receiver some real seconds."""
    async with Sandbox(speed=1e6) as sandbox:
        api = await open_api(sandbox)
        await rejected(api, sandbox, "http://127.0.0.1:9/hook")
        record = sandbox.callbacks[0]
        due = sandbox._world.clock.next_due()
        assert due - record.attempts[0][0] >= RETRY_DELAYS[0] * 1e6 / 100


async def test_a_wrongly_signed_callback_is_signed_right_when_it_comes_again(
    sandbox, api, receiver
):
    """The first attempt has a wrong signature; refused, the retry has the right one."""
    sandbox.faults.add("callback_bad_signature", count=1)
    receiver.answers = [401]
    await rejected(api, sandbox, receiver.url)
    sandbox.advance(minutes=1)
    await sandbox.settle()
    assert good(receiver, sandbox.hmac_secret) == [False, True]


def test_a_million_events_fit(sandbox):
    """An event that waits for its delivery takes little memory."""
    world = sandbox._world
    tracemalloc.start()
    for _ in range(2000):
        world.event("http://192.0.2.1/", "IMPORTED_NUMBER", "DELETE", N1, None)
    taken, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(sandbox.callbacks) == 2000
    assert taken / 2000 < 320


async def test_stopping_leaves_no_delivery_behind(open_api):
    """A receiver that hangs does not hold the sandbox's end."""
    hanging = asyncio.Event()

    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await hanging.wait()
        writer.close()

    server = await asyncio.start_server(hang, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    async with Sandbox(speed=0) as sandbox:
        api = await open_api(sandbox)
        order_id = await api.import_numbers(N1, callbackUrl=url)
        sandbox.reject(order_id)
        await api.ok("GET", "/callbackConfiguration")
    assert sandbox.callbacks[0].attempts == []
    # Nor does what happens later start one.
    sandbox._world.event(url, "IMPORTED_NUMBER", "DELETE", N1)
    assert sandbox.callbacks[-1].state == "waiting"
    hanging.set()
    server.close()
    await server.wait_closed()
