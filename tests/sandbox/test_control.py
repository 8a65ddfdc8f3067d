"""People and faults over HTTP, the server itself, and the command."""

from __future__ import annotations

import asyncio
import json
import logging
import signal
import sys
import time
from types import SimpleNamespace

import aiohttp
import pytest

from sinch_hosting.cli.app import run
from sinch_hosting.cli.errors import BadInput
from sinch_hosting.cli.sandbox import serve as command
from sinch_hosting.sandbox import Sandbox, views
from sinch_hosting.sandbox.checks import is_loopback

N1, N2 = "+12025550134", "+12025550135"


async def test_an_order_is_steered_over_http(sandbox, api):
    """Letters, triggers and time work as over the handles; the view shows what happened."""
    order_id = await api.text_enable(N1)
    assert (await api.control("POST", "sign-letter", {"order": order_id}))[0] == 200
    status, view = await api.control("GET", f"orders/{order_id}")
    assert status == 200
    assert view["state"] == "IN_PROGRESS"
    assert view["next"] == "osr_update"
    assert [entry["state"] for entry in view["history"]][-2:] == [
        "WAITING_FOR_LOA_SIGNATURE",
        "IN_PROGRESS",
    ]
    assert view["numbers"][0]["osrUpdate"]["state"] == "IN_PROGRESS"
    _, answer = await api.control("POST", "trigger", {"subject": order_id})
    assert answer == {"happened": "osr_update"}
    _, answer = await api.control("POST", "advance", {"days": 1})
    assert answer["happened"] >= 2
    _, orders = await api.control("GET", "orders")
    assert [order["state"] for order in orders] == ["COMPLETED"]
    _, letters = await api.control("GET", "letters")
    assert letters[0]["state"] == "signed"


async def test_orders_are_declined_rejected_and_completed_over_http(sandbox, api):
    """The three ways to end an order."""
    ids = [await api.text_enable(f"+1202555{n:04d}") for n in range(3)]
    await api.control("POST", "decline-letter", {"order": ids[0]})
    await api.control("POST", "reject", {"order": ids[1], "reason": "no"})
    await api.control("POST", "complete", {"order": ids[2]})
    assert [o.state for o in sandbox.orders_created()] == ["REJECTED", "REJECTED", "COMPLETED"]
    assert sandbox.order(ids[1]).reason == "no"


async def test_numbers_are_steered_over_http(sandbox, api):
    """Invoices, approval, refusal, codes and plans."""
    numbers = {"phoneNumbers": [N1, N2]}
    await api.ok("POST", "/qualifiedNumbers:addNumbers", numbers)
    await api.control("POST", "receive-invoices", {"numbers": [N1]})
    assert sandbox.qualified_number(N1).invoices_received
    await api.control("POST", "refuse", {"number": N2, "reason": "unknown owner"})
    sandbox.step()
    await api.ok("POST", f"/qualifiedNumbers/{N1}:sendVoiceChallenge")
    _, answer = await api.control("POST", "voice-code", {"number": N1})
    assert answer == {"code": sandbox.voice_code(N1)}
    await api.control("POST", "approve", {"numbers": [N1]})
    assert sandbox.qualified_number(N1).state == "VERIFIED"
    assert sandbox.qualified_number(N2).eligibility_error == "unknown owner"
    _, plan = await api.control("POST", "plan", {"number": N1, "sms_tmo": "60135"})
    assert plan["sms_tmo"] == "60135"
    _, outbox = await api.control("GET", "outbox")
    assert outbox[0]["kind"] == "voice"


async def test_faults_come_and_go_over_http(sandbox, api):
    """A fault is added, listed, strikes, and is removed, alone or with all others."""
    body = {"kind": "error_before", "operation": "reads", "count": 5, "status": 500}
    _, fault = await api.control("POST", "faults", body)
    assert (await api("GET", "/callbackConfiguration"))[0] == 500
    _, listed = await api.control("GET", "faults")
    assert [(known["kind"], known["hits"]) for known in listed] == [("error_before", 1)]
    assert (await api.control("DELETE", f"faults/{fault['id']}"))[0] == 200
    assert (await api.control("DELETE", f"faults/{fault['id']}"))[0] == 404
    assert (await api.control("DELETE", "faults/x"))[0] == 404
    await api.control("POST", "faults", body)
    await api.control("DELETE", "faults")
    assert len(sandbox.faults) == 0


async def test_the_witness_speaks_http(sandbox, api):
    """The log of requests, the callbacks, the time and the summary are to be had."""
    await api.import_numbers(N1, callbackUrl="http://127.0.0.1:9/")
    sandbox.advance(hours=1)
    await sandbox.settle()
    _, requests = await api.control("GET", "requests")
    assert [(r["method"], r["status"], r["acted"]) for r in requests] == [("POST", 200, True)]
    assert requests[0]["body"]["numbers"] == [N1]
    _, callbacks = await api.control("GET", "callbacks")
    assert callbacks[0]["state"] == "retrying"
    _, now = await api.control("GET", "time")
    assert now == {"now": "2026-01-05T15:00:00.000Z", "speed": 0}
    _, state = await api.control("GET", "state")
    assert state["counts"]["orders"] == 1
    assert state["orders"][0]["numbers"] == 1
    assert state["profile"] == "standard"


async def test_a_list_may_be_asked_for_its_newest_records(sandbox, api):
    """With a limit, only so many of the last ones come."""
    ids = [await api.import_numbers(f"+1202555{n:04d}") for n in range(3)]
    for limit in (0, 2, 3, 5):
        _, orders = await api.control("GET", f"orders?limit={limit}")
        assert [order["hostingOrderId"] for order in orders] == ids[max(3 - limit, 0) :]


async def test_of_a_long_list_only_what_is_shown_is_made(sandbox, api, monkeypatch):
    """With 100,000 requests in the log, the newest few must not cost what all of them cost."""
    for _ in range(20):
        await api("GET", "/hostingOrders/none")
    made, make = [], views.asdict
    monkeypatch.setattr(views, "asdict", lambda record: made.append(record) or make(record))
    _, requests = await api.control("GET", "requests?limit=3&status=404")
    assert [request["number"] for request in requests] == [18, 19, 20]
    assert len(made) == 3


async def test_the_summary_stays_small(sandbox, api, enable_body):
    """A request of hundreds of numbers is shown abridged."""
    await api.text_enable(*[f"+1202{n:07d}" for n in range(500)])
    _, state = await api.control("GET", "state")
    assert len(state["requests"][0]["body"]) < 300


async def test_time_and_state_are_reset_over_http(sandbox, api):
    """Stepping, expiring tokens, and starting anew."""
    await api.import_numbers(N1)
    sandbox.faults.add("latency", count=0)
    assert (await api.control("POST", "step"))[1] == {"happened": "start"}
    assert (await api.control("POST", "expire-tokens"))[0] == 200
    assert (await api("GET", "/callbackConfiguration"))[0] == 401
    assert (await api.control("POST", "reset", {}))[0] == 200
    assert set(sandbox.counts().values()) == {0}
    assert sandbox.step() is None
    api.headers = {"Authorization": f"Bearer {await api.token()}"}
    await api.import_numbers(N1)
    assert len(sandbox.orders_created()) == 1


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "nothing", None, 404),
        ("GET", "orders/unknown", None, 404),
        ("PUT", "state", None, 404),
        ("POST", "nothing", {}, 404),
        ("POST", "advance", {"days": "two"}, 400),
        ("POST", "advance", {"fortnights": 2}, 400),
        ("POST", "advance", {"days": -1}, 400),
        ("POST", "advance", {"days": 1e12}, 400),
        ("POST", "advance", [], 400),
        ("POST", "sign-letter", {}, 400),
        ("POST", "sign-letter", {"order": 5}, 400),
        ("POST", "sign-letter", {"order": "unknown"}, 404),
        ("POST", "sign-letter", {"order": "unknown", "more": 1}, 400),
        ("POST", "approve", {"numbers": "+12025550134"}, 400),
        ("POST", "approve", {"numbers": ["+12025550134"]}, 404),
        ("POST", "trigger", {"subject": "+12025550134"}, 400),
        ("POST", "plan", {"number": "+12025550134", "nothing": "x"}, 400),
        ("POST", "plan", {"number": "+12025550134", "osr": "x"}, 400),
        ("POST", "plan", {"number": "+12025550134", "platform": 5}, 400),
        ("POST", "faults", {"kind": "nothing"}, 400),
        ("POST", "faults", {"kind": "latency", "count": "x"}, 400),
        ("POST", "faults", {"kind": ["a"]}, 400),
        ("POST", "advance", {"days": True}, 400),
        ("POST", "advance", {}, 400),
        ("POST", "plan", {"number": "junk", "osr": "INVALID_NNID"}, 400),
        ("GET", "orders?limit=zz", None, 400),
        ("GET", "requests?limit=-1", None, 400),
        ("GET", "requests?most=1", None, 400),
        ("GET", "state?limit=1", None, 400),
        ("POST", "step?limit=1", {}, 400),
    ],
)
async def test_a_wrong_handle_is_a_4xx_in_shape(api, method, path, body, status):
    """What cannot be done is answered with the flat error body."""
    found, answer = await api.control(method, path, body)
    assert (found, answer["code"]) == (status, str(status))


async def test_pages_from_elsewhere_may_not_steer(sandbox, api):
    """Foreign origins and foreign host names are refused; the page's own origin passes."""
    url = f"{sandbox.base_url}/_sandbox/step"
    for headers, status in (
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Host": "evil.example"}, 403),
        ({"Origin": sandbox.base_url}, 200),
        ({"Host": f"localhost:{sandbox.port}"}, 200),
    ):
        async with api.session.post(url, headers=headers) as response:
            assert response.status == status, headers


async def test_the_page_is_served_and_holds_nothing_foreign(sandbox, api):
    """One static page, under a policy that lets it talk only to where it came from."""
    async with api.session.get(f"{sandbox.base_url}/_sandbox") as response:
        assert str(response.url).endswith("/_sandbox/")
        assert response.content_type == "text/html"
        assert "connect-src 'self'" in response.headers["Content-Security-Policy"]
        text = await response.text()
    assert "http://" not in text
    assert "https://" not in text
    async with api.session.get(
        aiohttp.client.URL(f"{sandbox.base_url}/_sandbox/%ff", encoded=True)
    ) as response:
        assert response.status == 400


async def test_handles_take_objects_and_ids(sandbox, api):
    """Anything with a hosting_order_id or a phone_number will do."""
    order = SimpleNamespace(hosting_order_id=await api.text_enable(N1))
    sandbox.sign_letter(order)
    assert sandbox.coming(order) == "osr_update"
    sandbox.trigger(order)
    number = SimpleNamespace(phone_number=N2)
    await api.ok("POST", "/qualifiedNumbers:addNumbers", {"phoneNumbers": [N2]})
    assert sandbox.trigger(number) == "check_eligibility"
    sandbox.receive_invoices(number)
    sandbox.approve([number])
    assert sandbox.qualified_number(number).state == "VERIFIED"
    with pytest.raises(ValueError, match="review is over"):
        sandbox.refuse(number)
    sandbox.complete(order)
    assert sandbox.imported_number(N1).platform.state == "DONE"
    for wrong in (sandbox.order, sandbox.imported_number, sandbox.qualified_number):
        with pytest.raises(LookupError):
            wrong("unknown")


async def test_the_witness_repeats_nothing_it_forgot():
    """The log keeps as many requests as told."""
    async with Sandbox(speed=0, request_log=2) as sandbox, aiohttp.ClientSession() as session:
        for n in range(3):
            async with session.get(f"{sandbox.base_url}/{n}") as response:
                await response.read()
        assert [record.path for record in sandbox.requests] == ["/1", "/2"]
        assert [record.number for record in sandbox.requests] == [2, 3]


async def test_it_starts_in_under_fifty_milliseconds():
    """Starting costs next to nothing: processor time, which a busy machine does not change."""
    times = []
    for _ in range(3):
        began = time.process_time()
        async with Sandbox():
            times.append(time.process_time() - began)
    assert min(times) < 0.05


async def test_it_starts_once_and_stops_often():
    """A second start is an error; stopping again, or before starting, is not."""
    sandbox = Sandbox()
    assert "not started" in repr(sandbox)
    await sandbox.stop()
    await sandbox.start()
    with pytest.raises(RuntimeError):
        await sandbox.start()
    taken = Sandbox(port=sandbox.port)
    with pytest.raises(OSError):
        await taken.start()
    await sandbox.stop()
    await sandbox.stop()


async def test_it_says_so_when_it_is_reachable_from_elsewhere(caplog):
    """Loopback is quiet; another address is a warning in the log."""
    with caplog.at_level(logging.WARNING, "sinch_hosting.sandbox"):
        async with Sandbox():
            assert caplog.text == ""
        async with Sandbox(host="0.0.0.0") as sandbox, aiohttp.ClientSession() as session:
            assert "0.0.0.0" in caplog.text
            url = f"http://127.0.0.1:{sandbox.port}/_sandbox/time"
            async with session.get(url, headers={"Host": "name.example"}) as response:
                assert response.status == 200


async def test_it_listens_on_ipv6_too():
    """An IPv6 loopback address gives a URL with brackets."""
    try:
        async with Sandbox(host="::1") as sandbox, aiohttp.ClientSession() as session:
            assert sandbox.base_url.startswith("http://[::1]:")
            async with session.get(f"{sandbox.base_url}/_sandbox/time") as response:
                assert response.status == 200
    except OSError as error:
        pytest.skip(f"no IPv6 here: {error}")


def test_what_loopback_is():
    """Only what is this machine for certain."""
    assert all(map(is_loopback, ("127.0.0.1", "127.9.9.9", "::1", "localhost")))
    assert not any(map(is_loopback, ("0.0.0.0", "10.0.0.1", "example.com", "", "127.1", "::")))


async def test_the_environment_points_at_it(sandbox):
    """The five variables."""
    assert sandbox.environ == {
        "SINCH_PROJECT_ID": sandbox.project_id,
        "SINCH_KEY_ID": sandbox.key_id,
        "SINCH_KEY_SECRET": sandbox.key_secret,
        "SINCH_HOSTING_BASE_URL": sandbox.base_url,
        "SINCH_HOSTING_AUTH_URL": f"{sandbox.base_url}/oauth2/token",
    }


COMMAND = """
import asyncio, sys
from sinch_hosting.cli.sandbox import serve
sys.exit(asyncio.run(serve(port=0, host=sys.argv[1])))
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_the_command_serves_until_it_is_stopped(number):
    """It prints five export lines that work, and ends with 0 when told to stop."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", COMMAND, "127.0.0.1"), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    lines = [(await process.stdout.readline()).decode().strip() for _ in range(6)]
    exported = dict(line.removeprefix("export ").split("=", 1) for line in lines[:5])
    assert len(exported) == 5
    async with aiohttp.ClientSession() as session:
        key = aiohttp.encode_basic_auth(exported["SINCH_KEY_ID"], exported["SINCH_KEY_SECRET"])
        url = (
            f"{exported['SINCH_HOSTING_BASE_URL']}/v1/projects/"
            f"{exported['SINCH_PROJECT_ID']}/callbackConfiguration"
        )
        async with session.get(url, headers={"Authorization": key}) as response:
            assert response.status == 200
    process.send_signal(number)
    assert await asyncio.wait_for(process.wait(), 120) == 0


async def printed(capsys: pytest.CaptureFixture[str], wanted: str) -> str:
    """Wait until *wanted* was printed; returns what was printed with it."""
    for _ in range(5000):
        if wanted in (text := "".join(capsys.readouterr())):
            return text
        await asyncio.sleep(0.001)
    raise AssertionError(f"{wanted} was never printed")


async def test_the_command_says_when_it_is_reachable_from_elsewhere(capsys, caplog):
    """Another address than loopback is warned of, once; cancelling stops it, too."""
    task = asyncio.create_task(command(port=0, host="0.0.0.0"))
    await printed(capsys, "=http://127.0.0.1:")
    assert caplog.text.count("whoever reaches it") == 1
    assert "whoever" not in "".join(capsys.readouterr())
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.mark.parametrize(
    "wrong", [{"profile": "nothing"}, {"port": 70_000}, {"host": "192.0.2.1"}, {"speed": -1.0}]
)
def test_the_command_says_why_it_cannot_start(capsys, wrong):
    """Wrong settings are one line and exit code 2."""
    options = [f"--{name}={value}" for name, value in {"port": 0, **wrong}.items()]
    assert run(["sandbox", "serve", *options]) == 2
    assert "cannot start" in capsys.readouterr().err


@pytest.mark.parametrize(
    "wrong",
    [
        {"speed": "fast"},
        {"speed": True},
        {"import_limit": "x"},
        {"import_limit": 2.5},
        {"token_lifetime": -1},
        {"request_log": -1},
        {"hmac_secret": 5},
        {"project_id": "a/b"},
        {"project_id": ""},
        {"key_id": None},
    ],
)
def test_wrong_settings_are_refused_at_once(wrong):
    """What could only fail or surprise later is a ValueError that names the argument."""
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Sandbox(**wrong)


def test_handles_refuse_what_cannot_be():
    """No plan for what is no number, no requests for an operation that there is not."""
    sandbox = Sandbox(speed=0)
    with pytest.raises(ValueError, match="junk"):
        sandbox.plan("junk", osr="INVALID_NNID")
    with pytest.raises(ValueError, match="Nope"):
        sandbox.calls("Nope")
    assert sandbox.calls("token") == []


def test_an_address_for_all_is_reached_by_loopback():
    """What listens everywhere is named to programs by an address that they can connect to."""
    for host, shown in (("0.0.0.0", "127.0.0.1"), ("::", "[::1]"), ("", "127.0.0.1")):
        sandbox = Sandbox(host=host, port=8787)
        assert sandbox.base_url == f"http://{shown}:8787"
        assert not sandbox.on_loopback


async def test_the_command_works_where_signals_cannot_be_handled(capsys, monkeypatch):
    """Where the loop takes no signal handlers, cancelling is what stops it."""
    loop = asyncio.get_running_loop()

    def refuse(*_: object) -> None:
        raise NotImplementedError

    monkeypatch.setattr(loop, "add_signal_handler", refuse)
    task = asyncio.create_task(command(port=0))
    await printed(capsys, "export")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_the_command_keeps_a_state_and_starts_from_a_seed(capsys, tmp_path):
    """Its options are those of the sandbox; the ready line comes last."""
    seed, state = tmp_path / "seed.json", tmp_path / "state.json"
    seed.write_text(json.dumps({"qualifiedNumbers": [{"phoneNumber": N1}]}))
    task = asyncio.create_task(command(port=0, state=state, seed_file=seed))
    last = (await printed(capsys, "# ready ")).splitlines()[-1]
    told = json.loads(last.removeprefix("# ready "))
    async with aiohttp.request("GET", told["health"]) as response:
        assert response.status == 200
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [number["phone_number"] for number in json.loads(state.read_text())["qualified"]] == [N1]


async def test_the_command_says_what_is_wrong_with_a_file(tmp_path):
    """It is bad input, with the file and the place."""
    bad = tmp_path / "bad.json"
    bad.write_text('{"rules": ')
    with pytest.raises(BadInput, match=r"cannot start: .*bad\.json is no seed file: line 1"):
        await command(port=0, seed_file=bad)
    with pytest.raises(BadInput, match=r"cannot start: .*bad\.json is no state of a sandbox"):
        await command(port=0, state=bad)
