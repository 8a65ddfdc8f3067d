"""The state file: what a sandbox keeps, what survives a kill, and what is said of damage."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import aiohttp
import pytest
from aiohttp import web

from sinch_hosting.sandbox import Sandbox
from sinch_hosting.sandbox.state_file import Snapshot, StateFile
from sinch_hosting.sandbox.structures import Unreadable, structure

N1, N2, N3 = "+12025550134", "+12025550135", "+12025550136"
TOLL_FREE = "+18335550100"


def whole(sandbox: Sandbox, *, times: bool = True) -> dict[str, Any]:
    """Everything that a state file holds of *sandbox*, as the file has it."""
    sandbox.save()
    kept: dict[str, Any] = json.loads(Path(sandbox._keeper.state_file).read_text())
    kept.pop("tokens", None)
    if not times:
        kept.pop("now")
    return kept


async def test_everything_comes_back(tmp_path, open_api):
    """Orders in each state, numbers, letters, plans, faults, rules and the time are as before."""
    path = tmp_path / "state.json"
    async with Sandbox(speed=0, seed=1, state_file=path) as first:
        api = await open_api(first)
        first.plan(N2, osr="INVALID_NNID")
        first.change_rules(unqualified=400)
        first.faults.add("lag", operation="lists", probability=0.5, seconds=1, lasts=100)
        await api.ok("PATCH", "/callbackConfiguration", {"hmacSecret": "the-secret"})
        done = await api.import_numbers(N1, N2)
        first.complete(done)
        on_the_way = await api.text_enable(N3)
        first.sign_letter(on_the_way)
        waiting = await api.text_enable("+12025550137")
        declined = await api.text_enable("+12025550138")
        first.decline_letter(declined)
        await api.ok("POST", "/qualifiedNumbers:addNumbers", {"phoneNumbers": [TOLL_FREE]})
        first.advance(minutes=31)
        await api.ok("POST", f"/qualifiedNumbers/{TOLL_FREE}:sendVoiceChallenge")
        await api("GET", "/hostingOrders/none")
        before = whole(first)
        code = first.voice_code(TOLL_FREE)

    async with Sandbox(speed=0, state_file=path) as second:
        assert whole(second) == before
        assert second.seed == 1
        assert second.hmac_secret == "the-secret"
        assert second.rules.unqualified == 400
        states = [second.order(one).state for one in (done, on_the_way, waiting, declined)]
        assert states == ["COMPLETED", "IN_PROGRESS", "WAITING_FOR_LOA_SIGNATURE", "REJECTED"]
        assert second.voice_code(TOLL_FREE) == code
        assert second.plan(N2).osr == "INVALID_NNID"
        second.advance(days=1)
        assert second.order(on_the_way).state == "COMPLETED"


async def test_a_restart_changes_nothing_of_what_comes(tmp_path, open_api):
    """The same ids, times and fates follow, whether or not there was a restart at each step."""

    async def life(restarts: bool) -> list[Any]:
        path = tmp_path / f"{restarts}.json"
        seen: list[Any] = []
        sandbox = await Sandbox(speed=0, seed=7, profile="troubled", state_file=path).start()
        numbers = [f"+1202555{line:04}" for line in range(20)]
        for step in range(30):
            api = await open_api(sandbox)
            if step == 0:
                await api.ok("POST", "/qualifiedNumbers:addNumbers", {"phoneNumbers": numbers})
            elif step % 7 == 1:
                await api.import_numbers(f"+1303555{step:04}", f"+1303556{step:04}")
            elif step % 7 == 2:
                sms = {"servicePlanId": "plan", "campaignId": "campaign"}
                number = {"phoneNumber": f"+1303557{step:04}", "regionCode": "US"}
                await api.ok("POST", "/importedNumbers", {**number, "smsConfiguration": sms})
            elif step % 7 == 5:
                none = {"smsConfiguration": {"servicePlanId": "", "campaignId": ""}}
                await api.ok("PATCH", f"/importedNumbers/+1303557{step - 3:04}", none)
            sandbox.step()
            sandbox.advance(seconds=0)  # what is due at the same time happens at a start, too
            if restarts:
                await sandbox.stop()
                sandbox = await Sandbox(speed=0, profile="troubled", state_file=path).start()
            kept = whole(sandbox)
            del kept["requests"]
            seen.append(kept)
        await sandbox.stop()
        return seen

    for with_restarts, without in zip(await life(True), await life(False), strict=True):
        assert {k for k in without if with_restarts.get(k) != without[k]} == set()


async def test_what_waits_for_a_person_still_does(tmp_path, open_api):
    """A manual transition has no time, before and after; a person can start it."""
    path = tmp_path / "state.json"
    async with Sandbox(speed=0, seed=1, profile="manual", state_file=path) as first:
        api = await open_api(first)
        order = await api.text_enable(N1)
        await api.ok("POST", "/qualifiedNumbers:addNumbers", {"phoneNumbers": [N2]})
    async with Sandbox(speed=0, profile="manual", state_file=path) as second:
        second.advance(days=30)
        assert (second.coming(order), second.due(order)) == ("send_letter", None)
        assert second.trigger(order) == "send_letter"
        assert second.trigger(N2) == "check_eligibility"
        second.complete(order)
        assert second.order(order).state == "COMPLETED"


async def test_page_tokens_and_lists_go_on(tmp_path, open_api):
    """A page token of before the restart leads to the same next page."""
    path = tmp_path / "state.json"
    async with Sandbox(speed=0, seed=1, state_file=path) as first:
        api = await open_api(first)
        ids = [await api.import_numbers(f"+1202555{n:04}") for n in range(5)]
        first.advance(minutes=11)
        query = {"type": "IMPORT", "servicePlanId": "plan", "campaignId": "campaign"}
        query |= {"states": "IN_PROGRESS", "pageSize": "2"}
        page = await api.ok("GET", "/hostingOrders", **query)
    async with Sandbox(speed=0, state_file=path) as second:
        api = await open_api(second)
        rest = await api.ok("GET", "/hostingOrders", **query, pageToken=page["nextPageToken"])
        found = [order["hostingOrderId"] for order in rest["hostingOrders"]]
        assert found == ids[2:4]
        assert rest["totalSize"] == 5


async def test_tokens_stay_valid_and_do_not_stand_in_the_file(tmp_path, open_api):
    """A client goes on with its token; the file holds neither it nor the key's secret."""
    path = tmp_path / "state.json"
    async with Sandbox(speed=0, state_file=path) as first:
        api = await open_api(first)
        token = api.headers["Authorization"].removeprefix("Bearer ")
        await api.import_numbers(N1)
    text = path.read_text()
    assert token not in text
    assert first.key_secret not in text
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    async with Sandbox(speed=0, state_file=path) as second, aiohttp.ClientSession() as session:
        url = f"{second.base_url}/v1/projects/{second.project_id}/hostingOrders/x"
        async with session.get(url, headers=api.headers) as response:
            assert response.status == 404


@pytest.fixture
async def receiver() -> AsyncIterator[dict[str, Any]]:
    """A receiver of callbacks: its ``url``, its ``status``, and the ``events`` it got."""
    found: dict[str, Any] = {"status": 200, "events": []}

    async def receive(request: web.BaseRequest) -> web.Response:
        found["events"].append((await request.json())["eventId"])
        return web.Response(status=found["status"])

    runner = web.ServerRunner(web.Server(receive))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    found["url"] = f"http://127.0.0.1:{runner.addresses[0][1]}/"
    yield found
    await runner.cleanup()


async def test_callbacks_that_were_not_delivered_are(tmp_path, open_api, receiver):
    """An event that was refused before the restart comes again after it, at its time."""
    path = tmp_path / "state.json"
    receiver["status"] = 503
    async with Sandbox(speed=0, seed=1, state_file=path) as first:
        api = await open_api(first)
        await api.import_numbers(N1, callbackUrl=receiver["url"])
        await first.pass_time(minutes=41)
        assert [event.state for event in first.callbacks] == ["retrying"]
        event = first.callbacks[0].event_id
        tried = len(receiver["events"])
    receiver["status"] = 200
    async with Sandbox(speed=0, state_file=path) as second:
        await second.settle()
        assert len(receiver["events"]) == tried
        assert [waiting.event_id for waiting in second.callbacks] == [event]
        await second.pass_time(hours=2)
        assert receiver["events"][tried] == event
        assert second.callbacks[0].state == "delivered"


async def test_callbacks_on_their_way_are_sent_at_the_start(tmp_path, open_api, receiver):
    """An event that waited in a queue is attempted as soon as the sandbox is back."""
    path = tmp_path / "state.json"
    async with Sandbox(speed=0, seed=1, state_file=path) as first:
        api = await open_api(first)
        await api.import_numbers(N1, callbackUrl=receiver["url"])
        first.advance(minutes=41)
        assert first.callbacks[0].state == "waiting"
    async with Sandbox(speed=0, state_file=path) as second:
        await second.settle()
        assert second.callbacks[0].state == "delivered"
        assert receiver["events"] == [second.callbacks[0].event_id]


def test_what_was_answered_survives_a_kill(tmp_path):
    """Each answered create is there after `kill -9`, round after round."""
    path = tmp_path / "state.json"
    known: list[str] = []
    for round_ in range(3):
        process = subprocess.Popen(
            [sys.executable, "-m", "sinch_hosting.sandbox", "--port", "0", "--state", str(path)],
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            settings = dict(_settings(process))
            for line in range(4):
                order = _create(settings, f"+1202555{round_}{line:03}")
                known.append(order)
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()
            assert process.stdout is not None
            process.stdout.close()
        kept = json.loads(path.read_text())
        assert [order["hosting_order_id"] for order in kept["orders"]] == known


def _settings(process: subprocess.Popen[str]) -> Any:
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("# ready"):
            return
        name, _, value = line.removeprefix("export ").strip().partition("=")
        yield name, value.strip("'")
    raise AssertionError("it did not start")


def _create(settings: dict[str, str], number: str) -> str:
    basic = aiohttp.encode_basic_auth(settings["SINCH_KEY_ID"], settings["SINCH_KEY_SECRET"])
    url = settings["SINCH_HOSTING_BASE_URL"] + f"/v1/projects/{settings['SINCH_PROJECT_ID']}"
    form = b"grant_type=client_credentials"
    asked = Request(settings["SINCH_HOSTING_AUTH_URL"], form, {"Authorization": basic})
    with urlopen(asked) as answer:
        token = json.load(answer)["access_token"]
    body = {"regionCode": "US", "numbers": [number], "servicePlanId": "p", "campaignId": "c"}
    headers = {"Authorization": f"Bearer {token}"}
    data = json.dumps(body).encode()
    with urlopen(Request(f"{url}/hostingOrders:importNumbers", data, headers)) as answer:
        return str(json.load(answer)["hostingOrderId"])


async def test_a_file_that_is_not_written_whole_is_never_seen(tmp_path, open_api, monkeypatch):
    """A write that fails leaves the file as it was, and the request is not answered as done."""
    path = tmp_path / "state.json"
    async with Sandbox(speed=0, seed=1, state_file=path) as sandbox:
        api = await open_api(sandbox)
        await api.import_numbers(N1)
        before = path.read_bytes()

        def fails(descriptor: int) -> None:
            raise OSError(28, "No space left on device")

        url = f"{sandbox.base_url}/v1/projects/{sandbox.project_id}/importedNumbers/{N1}"
        with monkeypatch.context() as patched:
            patched.setattr(os, "fsync", fails)
            async with aiohttp.request("DELETE", url, headers=api.headers) as response:
                assert response.status == 500
        assert path.read_bytes() == before
        await api.import_numbers(N2)
        assert len(json.loads(path.read_text())["orders"]) == 2


async def test_a_state_that_cannot_be_written_at_the_start_leaves_nothing_open(
    tmp_path, monkeypatch, other_tasks
):
    """The start fails, nothing listens, and the file is free for the next one."""

    def fails(file: StateFile, kept: Snapshot) -> None:
        raise OSError(28, "No space left on device")

    sandbox = Sandbox(speed=0, state_file=tmp_path / "state.json")
    with monkeypatch.context() as patched:
        patched.setattr(StateFile, "save", fails)
        with pytest.raises(OSError, match="No space left"):
            await sandbox.start()
    assert "not started" in repr(sandbox)
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", sandbox.port)
    assert not other_tasks()
    async with sandbox:
        assert sandbox.port


async def test_time_that_runs_is_saved_though_nothing_changes(tmp_path, monkeypatch):
    """After a kill it does not go back for long."""
    path, written, write = tmp_path / "state.json", asyncio.Event(), StateFile.save
    times: list[float] = []

    def save(file: StateFile, kept: Snapshot) -> None:
        write(file, kept)
        times.append(kept.now)
        if len(times) == 3:
            written.set()

    monkeypatch.setattr(StateFile, "save", save)
    monkeypatch.setattr("sinch_hosting.sandbox.keeping.SAVE_EVERY", 0)
    monkeypatch.setattr("sinch_hosting.sandbox.keeping.TIME_EVERY", 0)
    async with Sandbox(speed=3600, seed=1, state_file=path):
        await asyncio.wait_for(written.wait(), 120)
    assert times[0] < times[1] < times[2]


async def test_looking_writes_nothing(tmp_path, open_api, monkeypatch):
    """Neither the page nor a read of the API makes it write the file."""
    written, write = [], StateFile.save
    monkeypatch.setattr(StateFile, "save", lambda *args: written.append(write(*args)))
    async with Sandbox(speed=0, state_file=tmp_path / "state.json") as sandbox:
        api = await open_api(sandbox)
        order = await api.import_numbers(N1)
        sandbox.faults.add("latency", operation="writes")
        before = len(written)
        await api.control("GET", "state")
        await api.control("GET", "requests")
        assert len(written) == before
        sandbox.faults.clear()
        await api("GET", f"/hostingOrders/{order}")
        assert len(written) == before


async def test_a_link_beside_the_file_is_not_followed(tmp_path, open_api):
    """The name of the second file may belong to somebody else."""
    path, other = tmp_path / "state.json", tmp_path / "other"
    other.write_text("precious")
    (tmp_path / ".state.json.tmp").symlink_to(other)
    async with Sandbox(speed=0, state_file=path):
        pass
    assert other.read_text() == "precious"
    assert path.exists()


async def test_what_time_brings_is_saved_without_a_request(tmp_path, open_api, monkeypatch):
    """Transitions by the clock are in the file soon after."""
    path, written, write = tmp_path / "state.json", asyncio.Event(), StateFile.save

    def save(file: StateFile, kept: Snapshot) -> None:
        write(file, kept)
        if kept.orders and kept.orders[0].state == "COMPLETED":
            written.set()

    monkeypatch.setattr(StateFile, "save", save)
    monkeypatch.setattr("sinch_hosting.sandbox.keeping.SAVE_EVERY", 0)
    async with Sandbox(speed=0, seed=1, state_file=path) as sandbox:
        api = await open_api(sandbox)
        sandbox.complete(await api.import_numbers(N1))
        await asyncio.wait_for(written.wait(), 120)
        assert json.loads(path.read_text())["orders"][0]["state"] == "COMPLETED"


DAMAGE: list[tuple[Callable[[str], str], str]] = [
    (lambda text: text[: len(text) // 2], "no state of a sandbox: line 1, column "),
    (lambda text: "", "line 1, column 1"),
    (lambda text: "[]", "sandbox_state is missing"),
    (lambda text: "{}", "sandbox_state is missing"),
    (lambda text: text.replace('"sandbox_state":1', '"sandbox_state":2'), "another version"),
    (lambda text: text.replace('"state":"IN_PROGRESS"', '"state":7', 1), "].state must be a text"),
    (lambda text: text.replace('"numbers":{', '"digits":{', 1), "orders[0].digits is not known"),
    (lambda text: text.replace('"seed":1,', "", 1), "seed is missing"),
    (lambda text: text.replace('"random":[', '"random":[1,', 1), "random or rules"),
    (lambda text: text.replace('"name":"osr_update"', '"name":"dance"'), "no transition 'dance'"),
    (lambda text: text.replace('"kind":"order"', '"kind":"ship"'), "no kind of record"),
]


@pytest.mark.parametrize(("damage", "said"), DAMAGE)
async def test_a_damaged_file_is_a_clear_error(tmp_path, open_api, damage, said):
    """The message names the file, the place, and what to do; the file is left as it is."""
    path = tmp_path / "state.json"
    async with Sandbox(speed=0, seed=1, state_file=path) as sandbox:
        api = await open_api(sandbox)
        await api.import_numbers(N1)
        sandbox.advance(minutes=11)
    text = path.read_text()
    damaged = damage(text)
    assert damaged != text
    path.write_text(damaged)
    with pytest.raises(ValueError, match="move it away to start anew") as caught:
        await Sandbox(speed=0, state_file=path).start()
    assert str(path) in str(caught.value)
    assert said in str(caught.value)
    assert path.read_text() == damaged
    path.write_text(text)
    async with Sandbox(speed=0, state_file=path) as again:
        assert len(again.orders_created()) == 1


async def test_two_sandboxes_do_not_share_a_file(tmp_path):
    """The second one says which file is taken; after the first has stopped it may start."""
    path = tmp_path / "state.json"
    async with Sandbox(speed=0, state_file=path):
        with pytest.raises(ValueError, match="another sandbox keeps its state in"):
            await Sandbox(speed=0, state_file=path).start()
    async with Sandbox(speed=0, state_file=path):
        pass


async def test_another_seed_than_that_of_the_state_is_refused(tmp_path):
    """It could not be followed, and is not ignored."""
    path = tmp_path / "state.json"
    async with Sandbox(speed=0, seed=1, state_file=path):
        pass
    with pytest.raises(ValueError, match="has the seed 1, not 2"):
        await Sandbox(speed=0, seed=2, state_file=path).start()


async def test_rules_and_secret_that_are_given_win(tmp_path):
    """What the caller names is not taken from the file; what it does not name is."""
    path = tmp_path / "state.json"
    async with Sandbox(speed=0, state_file=path, hmac_secret="one", rules={"unqualified": 400}):
        pass
    async with Sandbox(speed=0, state_file=path) as kept:
        assert (kept.hmac_secret, kept.rules.unqualified) == ("one", 400)
    changed = Sandbox(speed=0, state_file=path, hmac_secret="two", rules={"unqualified": 404})
    async with changed as given:
        assert (given.hmac_secret, given.rules.unqualified) == ("two", 404)


async def test_stop_and_start_of_one_object(tmp_path, open_api):
    """It goes on with what it has, and reads the file only once."""
    path = tmp_path / "state.json"
    sandbox = Sandbox(speed=0, state_file=path)
    async with sandbox:
        api = await open_api(sandbox)
        order = await api.import_numbers(N1)
    async with sandbox:
        assert [one.hosting_order_id for one in sandbox.orders_created()] == [order]
        sandbox.reset()
        sandbox.save()
    assert "orders" not in json.loads(path.read_text())


@pytest.mark.parametrize(
    ("kind", "value", "said"),
    [
        (int, True, "must be a whole number"),
        (float, "1", "must be a number"),
        (bool, 1, "must be true or false"),
        (dict[str, int], {"a": "b"}, r"\.a must be a whole number"),
        (list[str], "text", "must be a list"),
        (tuple[float, str], [1], "must be a list of 2"),
    ],
)
def test_values_are_checked_by_their_types(kind, value, said):
    """A wrong value is named by its path."""
    with pytest.raises(Unreadable, match=said):
        structure(kind, value)
