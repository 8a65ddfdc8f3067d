"""`callbacks listen`: receives, prints, forwards with the signature intact, drains on SIGTERM."""

from __future__ import annotations

import json
import signal
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from sinch_hosting.callbacks import sign

from .conftest import PATIENCE, Account, until

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX")
SECRET = "callback-secret-not-to-be-seen"


class Target:
    """A server that takes what is forwarded, with a status for each request."""

    def __init__(self) -> None:
        self.came: list[tuple[bytes, str | None]] = []
        self.statuses: list[int] = []
        target = self

        class Handler(BaseHTTPRequestHandler):
            """Notes what comes."""

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                target.came.append((body, self.headers["X-Sinch-Signature"]))
                self.send_response(target.statuses.pop(0) if target.statuses else 200)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing."""

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hooks"


@pytest.fixture
def target() -> Iterator[Target]:
    """A server to forward to."""
    target = Target()
    thread = threading.Thread(target=target.server.serve_forever)
    thread.start()
    yield target
    target.server.shutdown()
    thread.join()
    target.server.server_close()


def event(event_id: str) -> bytes:
    """The body of an event."""
    told = {"eventId": event_id, "eventType": "OSR_UPDATE", "status": "SUCCEEDED"}
    return json.dumps({**told, "resourceId": "+12025550100"}).encode()


def post(url: str, body: bytes, signature: str, **further: str) -> int:
    """Post a callback; returns the status of the answer."""
    headers = {"X-Sinch-Signature": signature, "Content-Type": "application/json"}
    headers |= {name.replace("_", "-"): value for name, value in further.items()}
    request = urllib.request.Request(url, data=body, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code


def test_events_are_printed_and_forwarded_as_they_came(still: Account, target: Target) -> None:
    """A wrong signature is refused, a double is told once, a deaf target is asked again."""
    file = still.file("secrets", f"{SECRET}\n")
    target.statuses = [503]
    process = still.start(
        "callbacks", "listen", "--secret-file", "secrets", "--port", "0", "--forward-to", target.url
    )
    assert process.stderr is not None
    assert process.stdout is not None
    ready = process.stderr.readline()
    url = ready.removeprefix("ready: ").strip()
    with urllib.request.urlopen(url.replace("/callbacks", "/healthz"), timeout=PATIENCE) as health:
        assert health.status == 200

    body = event("1")
    assert post(url, body, "0" * 40) == 401
    assert post(url, body, sign(body, SECRET)) == 200
    assert post(url, body, sign(body, SECRET)) == 200
    assert json.loads(process.stdout.readline())["event_id"] == "1"
    until(lambda: len(target.came) == 2)
    assert target.came == [(body, sign(body, SECRET))] * 2

    file.write_text(f"new-secret\n{SECRET}\n")
    newer = event("2")
    assert post(url, newer, sign(newer, "new-secret")) == 200
    assert post(url, newer, sign(newer, SECRET)) == 200
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=PATIENCE)

    assert process.returncode == 0, err
    assert json.loads(out)["event_id"] == "2"
    assert target.came[2:] == [(newer, sign(newer, "new-secret"))]
    assert "stopping: what is under way is waited for" in err
    assert SECRET not in ready + out + err


def test_only_the_senders_that_are_allowed_are_taken(still: Account) -> None:
    """Directly, or by way of a proxy that is trusted; a header that anybody can send is not."""
    still.file("secrets", f"{SECRET}\n")
    options = ("--secret-file", "secrets", "--port", "0", "--allow-from", "sinch")
    proxied = ("--allow-from", "192.0.2.0/24", "--trusted-proxy", "127.0.0.1")
    body = event("1")
    statuses = []
    for further in ((), proxied):
        process = still.start("callbacks", "listen", *options, *further)
        assert process.stderr is not None
        url = process.stderr.readline().removeprefix("ready: ").strip()
        statuses += [
            post(url, body, sign(body, SECRET)),
            post(url, body, sign(body, SECRET), X_Forwarded_For="192.0.2.7"),
            post(url, event("2"), sign(event("2"), SECRET), X_Forwarded_For="54.76.19.159"),
        ]
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=PATIENCE)

    assert statuses == [403, 403, 403, 403, 200, 200]
    wrong = still.run("callbacks", "listen", *options[:-1], "everywhere")
    assert wrong.returncode == 2
    assert "'everywhere' is neither an address nor a network" in wrong.stderr
