"""A loopback server in a process of its own, so that its CPU is nobody else's.

It sends a token for every POST, and one of two hosting orders for everything else. It does next to
nothing for that: the real service is far away, and takes no time from its client's cores.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar, cast

ORDER_ID = "01J9ZQ5W8M3T7X2R4K6N8P0VBC"
IMPORT_ID = "01J9ZQ9C4D6E8F0G2H4J6K8M0N"
_ORDER: dict[str, object] = {
    "projectId": "6f4e1b0a-2d3c-4b5a-8f7e-9d0c1b2a3f4e",
    "hostingOrderId": ORDER_ID,
    "displayName": "Spring launch",
    "regionCode": "US",
    "state": "WAITING_FOR_LOA_SIGNATURE",
    "type": "TYPE_TEXT_ENABLE",
    "createdTime": "2026-03-02T09:15:27.123456Z",
    "updatedTime": "2026-03-02T09:16:01.654321Z",
    "servicePlanId": "a1b2c3d4e5f60718293a4b5c6d7e8f90",
    "campaignId": "CDEF123",
    "textEnableInfo": {
        "businessName": "Example Company",
        "authorisedPerson": {"firstName": "Jo", "lastName": "Doe", "email": "jo@example.com"},
        "address": {
            "buildingNumber": "1",
            "street": "Main Street",
            "city": "Springfield",
            "state": "IL",
            "postalCode": "62701",
            "country": "USA",
        },
        "currentVoiceCarrier": "Example Telecom",
        "loaType": "DIRECT",
    },
    "callbackUrl": "https://example.com/callback",
}
_IMPORT = {
    **{name: value for name, value in _ORDER.items() if name != "textEnableInfo"},
    "hostingOrderId": IMPORT_ID,
    "type": "IMPORT",
    "state": "IN_PROGRESS",
}
_TOKEN = {"access_token": "t" * 800, "token_type": "bearer", "expires_in": 3600, "scope": ""}


_HEAD = (
    "HTTP/1.1 200 OK\r\n"
    "Content-Type: application/json; charset=utf-8\r\n"
    "Content-Length: {}\r\n"
    "Date: Mon, 02 Mar 2026 09:16:02 GMT\r\n"
    "Server: loopback\r\n\r\n"
)


def _answer(body: object, *, more: str = "", status: str = "200 OK") -> bytes:
    text = json.dumps(body)
    head = _HEAD.replace("200 OK", status).replace("Server:", f"{more}Server:")
    return (head.format(len(text)) + text).encode()


def _packed(body: object) -> bytes:
    packed = gzip.compress(json.dumps(body).encode())
    head = _HEAD.replace("Server:", "Content-Encoding: gzip\r\nServer:")
    return head.format(len(packed)).encode() + packed


def _chunked(body: object) -> bytes:
    text = json.dumps(body)
    head = _HEAD.replace("Content-Length: {}", "Transfer-Encoding: chunked")
    return f"{head}{len(text):x}\r\n{text}\r\n0\r\n\r\n".encode()


VARIED = "VARIED-"
"""What the ids of orders begin with that are answered in other ways; see `_VARIED`."""
_VARIED = {
    b"SHORT": _answer({"hostingOrderId": "1", "state": "DRAFT", "type": "IMPORT"}),
    b"CLOSE": _answer(_ORDER, more="Connection: close\r\n"),
    b"GZIP": _packed(_ORDER),
    b"CHUNKED": _chunked(_ORDER),
}
_PAGES = {count: _answer({"hostingOrders": [_ORDER] * count}) for count in (10, 100)}
_BUSY = _answer({"message": "busy"}, status="503 Service Unavailable")


class _Connection(asyncio.Protocol):
    """Treats each piece that it reads as a whole request: on loopback it is one."""

    order, small, token = _answer(_ORDER), _answer(_IMPORT), _answer(_TOKEN)
    small_id = IMPORT_ID.encode()
    refused: ClassVar[set[bytes]] = set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.write = cast("asyncio.Transport", transport).write

    def data_received(self, data: bytes) -> None:
        if data.startswith(b"POST"):
            self.write(self.token)
        elif data.startswith(b"GET"):
            line = data[: data.index(b" HTTP/")]
            if b"/VARIED-" in line:
                self.write(self._varied(line.partition(b"/VARIED-")[2]))
            elif b"/hostingOrders?" in line:
                self.write(_PAGES[100 if b"pageSize=100" in line else 10])
            else:
                self.write(self.small if self.small_id in line else self.order)

    def _varied(self, name: bytes) -> bytes:
        """The answer for a varied order; each `RETRIED-N` is refused the first time."""
        if not name.startswith(b"RETRIED"):
            return _VARIED[name]
        if name in self.refused:
            self.refused.discard(name)
            return self.order
        self.refused.add(name)
        return _BUSY


async def _serve() -> None:
    listening = await asyncio.get_running_loop().create_server(_Connection, "127.0.0.1", 0)
    print(listening.sockets[0].getsockname()[1], flush=True)
    # The end of its input is the end of its owner.
    await asyncio.to_thread(sys.stdin.read)
    listening.close()


@contextmanager
def server() -> Iterator[str]:
    """Start the server, and give its address; the end of the block ends it."""
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks._server"],
        cwd=Path(__file__).parent.parent,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.stdin.close()


if __name__ == "__main__":
    asyncio.run(_serve())
