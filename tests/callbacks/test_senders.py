"""Who may send: the vendor's addresses, proxies that are trusted, and projects without a secret."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from sinch_hosting import CallbackEvent, CallbackReceiver, ConfigurationError
from sinch_hosting.callbacks import SENDER_ADDRESSES, SIGNATURE_HEADER, sign

SECRET = "the-secret-not-to-be-seen"
BODY = json.dumps({"eventId": "e1", "resourceId": "+12025550134"}).encode()
SINCH = SENDER_ADDRESSES[0]


def test_the_vendors_addresses() -> None:
    """The three that it names."""
    assert SENDER_ADDRESSES == ("54.76.19.159", "54.78.194.39", "54.155.83.128")


@pytest.mark.parametrize(
    ("peer", "forwarded_for", "status"),
    [
        (SINCH, None, 200),
        (SINCH, "", 200),
        (f"::ffff:{SINCH}", None, 200),
        (SINCH, "203.0.113.9", 200),  # its own word about others does not matter
        ("203.0.113.9", None, 403),
        ("203.0.113.9", SINCH, 403),  # a stranger who claims to forward
        (None, SINCH, 403),
        (None, None, 403),
        ("", None, 403),
        ("no address", SINCH, 403),
        ("10.1.2.3", SINCH, 200),
        ("10.1.2.3", f"{SINCH}:4711", 200),
        ("::ffff:10.1.2.3", f" {SINCH} ", 200),
        ("fd00::1", f"{SINCH}", 200),
        ("10.1.2.3", f"{SINCH}, 10.9.9.9", 200),
        ("10.1.2.3", f"{SINCH}, 10.9.9.9, [fd00::7]:443", 200),
        ("10.1.2.3", f"{SINCH}, 203.0.113.9", 403),  # invented by the one that the proxy saw
        ("10.1.2.3", f"203.0.113.9, {SINCH}", 200),
        ("10.1.2.3", f"{SINCH}, unknown", 403),
        ("10.1.2.3", f"{SINCH}, _hidden", 403),
        ("10.1.2.3", f"{SINCH},", 200),
        ("10.1.2.3", "", 403),  # the proxy itself is nobody who sends
        ("10.1.2.3", "10.9.9.9", 403),
    ],
)
async def test_the_sender_is_the_last_who_is_no_trusted_proxy(
    peer: str | None, forwarded_for: str | None, status: int
) -> None:
    """What stands before it may be invented."""
    async with CallbackReceiver(
        SECRET, allow_from=SENDER_ADDRESSES, trusted_proxies=["10.0.0.0/8", "fd00::/8"]
    ) as receiver:
        answer = await receiver.receive(
            BODY, sign(BODY, SECRET), peer=peer, forwarded_for=forwarded_for
        )
    assert answer.status == status
    assert SINCH not in answer.text


async def test_without_a_list_everybody_may_send() -> None:
    """The signature is what counts then."""
    async with CallbackReceiver(SECRET) as receiver:
        assert (await receiver.receive(BODY, sign(BODY, SECRET))).status == 200
        assert (await receiver.receive(BODY, None, peer=SINCH)).status == 401


async def test_an_address_replaces_no_signature() -> None:
    """Both are checked where both are given."""
    async with CallbackReceiver(SECRET, allow_from=SINCH) as receiver:
        assert (await receiver.receive(BODY, "0" * 40, peer=SINCH)).status == 401


async def test_a_refusal_says_why(caplog: pytest.LogCaptureFixture) -> None:
    """In the log, not to the stranger."""
    async with CallbackReceiver(SECRET, allow_from=SENDER_ADDRESSES) as receiver:
        assert (await receiver.receive(BODY, None, peer="203.0.113.9")).status == 403
        assert "203.0.113.9 is not in allow_from" in caplog.text
        await receiver.receive(BODY, None)
        assert "pass peer=" in caplog.text


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"allow_from": ["54.76.19.159", "sinch.com"]}, "allow_from: 'sinch.com'"),
        ({"allow_from": ["10.0.0.1/8"]}, "host bits"),
        ({"allow_from": [None]}, "allow_from: None"),
        ({"allow_from": SINCH, "trusted_proxies": "10.0.0.0/99"}, "trusted_proxies"),
        ({"trusted_proxies": "10.0.0.0/8"}, "checks nothing"),
    ],
)
def test_addresses_that_make_no_sense(arguments: dict[str, Any], said: str) -> None:
    """They are refused when the receiver is made."""
    with pytest.raises(ConfigurationError, match=said):
        CallbackReceiver(SECRET, **arguments)


# ---------------------------------------------------------------------- unsigned


async def test_unsigned_callbacks_are_taken_when_asked_for_by_name() -> None:
    """From the vendor's addresses only."""
    seen: list[CallbackEvent] = []

    async def note(event: CallbackEvent) -> None:
        seen.append(event)

    async with CallbackReceiver.unsigned(handlers=[note]) as receiver:
        assert receiver.secrets == ()
        answers = [
            await receiver.receive(BODY, None, peer="203.0.113.9"),
            await receiver.receive(BODY, None),
            await receiver.receive(BODY, None, peer=SENDER_ADDRESSES[2]),
            await receiver.receive(BODY, "a signature", peer=SENDER_ADDRESSES[1]),
            await receiver.receive(b"no event", None, peer=SINCH),
        ]
    assert [answer.status for answer in answers] == [403, 403, 200, 200, 400]
    assert [event.event_id for event in seen] == ["e1"]


async def test_an_unsigned_receiver_that_gets_a_secret_checks_signatures() -> None:
    """So a project can change over while it runs."""
    async with CallbackReceiver.unsigned() as receiver:
        receiver.secrets = SECRET
        assert (await receiver.receive(BODY, None, peer=SINCH)).status == 401
        assert (await receiver.receive(BODY, sign(BODY, SECRET), peer=SINCH)).status == 200
        with pytest.raises(ConfigurationError):
            receiver.secrets = ()


def test_unsigned_needs_addresses() -> None:
    """Or anybody could send."""
    with pytest.raises(ConfigurationError, match="anybody"):
        CallbackReceiver.unsigned(allow_from=())


# ---------------------------------------------------------------- over the wire


@pytest.fixture
async def served(request: pytest.FixtureRequest) -> AsyncIterator[str]:
    """A receiver with the test's arguments on a real server."""
    async with CallbackReceiver(SECRET, **request.param) as receiver:
        app = web.Application()
        app.router.add_route("*", "/", receiver.handle)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/"
        await runner.cleanup()


@pytest.mark.parametrize(
    ("served", "forwarded", "status"),
    [
        ({"allow_from": "127.0.0.0/8"}, [], 200),
        ({"allow_from": SENDER_ADDRESSES}, [SINCH], 403),
        ({"allow_from": SENDER_ADDRESSES, "trusted_proxies": "127.0.0.1"}, [SINCH], 200),
        # A stranger's own header comes first, the proxy's after it.
        (
            {"allow_from": SENDER_ADDRESSES, "trusted_proxies": "127.0.0.1"},
            [SINCH, "203.0.113.9"],
            403,
        ),
    ],
    indirect=["served"],
)
async def test_the_peer_of_a_connection(served: str, forwarded: list[str], status: int) -> None:
    """A mounted receiver knows it, and reads every header that a proxy added."""
    headers = [(SIGNATURE_HEADER, sign(BODY, SECRET))]
    headers += [("X-Forwarded-For", hop) for hop in forwarded]
    async with (
        aiohttp.ClientSession() as http,
        http.post(served, data=BODY, headers=headers) as answer,
    ):
        assert answer.status == status


@pytest.mark.parametrize("served", [{"allow_from": SENDER_ADDRESSES}], indirect=True)
async def test_strangers_are_refused_before_their_body_is_read(served: str) -> None:
    """Whatever the method, and however much they announce."""
    async with aiohttp.ClientSession() as http:
        for method in ("GET", "POST"):
            headers = {"Content-Length": "50000", "Expect": "100-continue"}
            sent = {"headers": headers} if method == "POST" else {}
            async with http.request(method, served, data=b"x" * 50000, **sent) as answer:
                assert answer.status == 403
