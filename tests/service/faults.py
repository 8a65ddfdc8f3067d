"""What goes wrong: faults, the rules that apply them, and the rate limit."""

from __future__ import annotations

import asyncio
import json
import math
import struct
import zlib
from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from email.utils import format_datetime
from functools import lru_cache
from typing import Any, Literal

from attrs import define, field, frozen


@frozen(kw_only=True)
class Request:
    """A request as it came; `headers` without credentials."""

    operation: str
    """The contract's operation id; `Token` for the token endpoint, `Unknown` for no operation."""
    method: str
    path: str
    """Below the project, percent-encoded as it came."""
    query: Mapping[str, str]
    body: Any
    """The decoded JSON; the raw bytes where that fails; None where there was none."""
    headers: Mapping[str, str]
    time: float


@frozen
class Answer:
    """An answer to send."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(factory=dict)

    @classmethod
    def of(cls, status: int, body: Any = b"", headers: Mapping[str, str] | None = None) -> Answer:
        """An answer of bytes or text as they are, or of anything else as JSON."""
        if isinstance(body, str):
            body = body.encode()
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        return cls(status, raw, headers or {})


@frozen(kw_only=True)
class Fault:
    """What is done to a request; the functions below make the usual ones."""

    runs: int = 1
    """How often the operation is carried out: 0 before a fault that keeps it from happening."""
    delay: float = 0
    """Seconds of the service's sleep before the operation."""
    delay_after: float = 0
    """Seconds of the service's sleep between the operation and its answer."""
    hangs: Literal["", "before", "after"] = ""
    """Waits before or after the operation until the rule is released or the service ends."""
    answer: Answer | None = None
    """Sent in place of the operation's own answer."""
    edit: Callable[[Any], Any] | None = None
    """Changes the JSON of the operation's own answer."""
    ending: Literal["", "drop", "cut", "endless"] = ""
    """How the answer is broken: not sent, cut after `cut_at` bytes, or never ended."""
    cut_at: int = 10


def reply(
    status: int, body: Any = b"", headers: Mapping[str, str] | None = None, *, after: bool = False
) -> Fault:
    """Answer this instead; with `after`, once the operation is done."""
    return Fault(runs=int(after), answer=Answer.of(status, body, headers))


def error(status: int, message: str = "made up", *, after: bool = False, **headers: str) -> Fault:
    """A well-formed error; `Retry_After="5"` becomes the header."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return reply(status, {"code": str(status), "message": message}, named, after=after)


def drop(*, after: bool = False) -> Fault:
    """End the connection without an answer, before or after the operation."""
    return Fault(runs=int(after), ending="drop")


def cut(at: int = 10, *, after: bool = True) -> Fault:
    """Send `at` bytes of the answer under its whole Content-Length, then end the connection."""
    own = None if after else Answer.of(200, {"cut": "x" * 1000})
    return Fault(runs=int(after), answer=own, ending="cut", cut_at=at)


def hang(*, after: bool = False) -> Fault:
    """Answer nothing until `rule.release()`; before or after the operation is done."""
    return Fault(hangs="after" if after else "before")


def delay(seconds: float, *, after: bool = False) -> Fault:
    """Let time pass before the operation, or between it and its answer."""
    return Fault(delay_after=seconds) if after else Fault(delay=seconds)


def slow(seconds: float = 1.0, status: int = 504, *, after: bool = False) -> Fault:
    """An error that takes its time."""
    answer = Answer.of(status, {"code": str(status), "message": "too slow"})
    return Fault(runs=int(after), delay_after=seconds, answer=answer)


def duplicate(runs: int = 2) -> Fault:
    """Carry the operation out so often, and give the last answer, as a repeating proxy does."""
    return Fault(runs=runs)


def edit(change: Callable[[Any], Any]) -> Fault:
    """Change the JSON of the operation's own answer."""
    return Fault(edit=change)


def id_only() -> Fault:
    """Answer a create with `hostingOrderId` alone."""
    return edit(lambda order: {"hostingOrderId": order["hostingOrderId"]})


def echo(change: Callable[[str], str]) -> Fault:
    """Change `displayName` in the answer, not in what is kept; for example `str.lower`."""
    return edit(lambda answer: {**answer, "displayName": change(answer["displayName"])})


def gzip_bomb(megabytes: int = 100, status: int = 200, *, after: bool = False) -> Fault:
    """A small body that unpacks into that many megabytes of blanks and a `{}`."""
    headers = {"Content-Encoding": "gzip"}
    return Fault(runs=int(after), answer=Answer(status, _bomb(megabytes), headers))


def endless_body(status: int = 200, *, after: bool = False) -> Fault:
    """A body that never ends."""
    return Fault(runs=int(after), answer=Answer(status, b" " * 65_536), ending="endless")


def huge_error(status: int = 500, megabytes: int = 20, *, after: bool = False) -> Fault:
    """A well-formed error body of that size."""
    body = {"code": str(status), "message": "x" * (megabytes * 1_000_000)}
    return reply(status, body, after=after)


@lru_cache
def _bomb(megabytes: int) -> bytes:
    """A gzip file of one packed megabyte again and again: made at once, however large."""
    blanks, end = b" " * 1_000_000, b"{}"
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    block = packer.compress(blanks) + packer.flush(zlib.Z_FULL_FLUSH)
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    last = packer.compress(end) + packer.flush()
    checksum = 0
    for _ in range(megabytes):
        checksum = zlib.crc32(blanks, checksum)
    size = (megabytes * 1_000_000 + len(end)) % 2**32
    trailer = struct.pack("<LL", zlib.crc32(end, checksum), size)
    return b"\x1f\x8b\x08\0\0\0\0\0\0\xff" + block * megabytes + last + trailer


@define(kw_only=True)
class Rule:
    """A fault, and the requests that it befalls."""

    operations: Collection[str] | None
    """None for all but `Token`."""
    fault: Fault
    times: int | None
    skip: int
    when: Callable[[Request], bool] | None
    hits: int = 0
    """How many requests it befell."""
    arrived: asyncio.Event = field(factory=asyncio.Event)
    """Set by the first of them."""
    released: asyncio.Event = field(factory=asyncio.Event)

    def takes(self, request: Request) -> bool:
        """Whether it befalls this request; counts it if so."""
        if self.operations is None:
            known = request.operation != "Token"
        else:
            known = request.operation in self.operations
        if not known or self.times == 0 or (self.when and not self.when(request)):
            return False
        if self.skip:
            self.skip -= 1
            return False
        if self.times is not None:
            self.times -= 1
        self.hits += 1
        self.arrived.set()
        return True

    def release(self) -> None:
        """Let all that hang go on, and all that come later."""
        self.released.set()

    def end(self) -> None:
        """Befall no request any more."""
        self.times = 0


@define(kw_only=True)
class RateLimit:
    """A token bucket on the service's clock that answers 429."""

    per_second: float
    burst: int = 1
    retry_after: Literal["seconds", "date", "epoch"] | None = "seconds"
    """How `Retry-After` is written; None for no such header."""
    operations: Collection[str] | None = None
    """What it holds for; None for all but `Token`."""
    refused: int = 0
    """How many 429 there were."""
    _level: float = field(init=False)
    _at: float = field(init=False, default=0.0)

    def __attrs_post_init__(self) -> None:
        self._level = self.burst

    def refuse(
        self, request: Request, now: float, wall: Callable[[float], datetime]
    ) -> Answer | None:
        """The 429 for this request, if there is no token for it."""
        if self.operations is None and request.operation == "Token":
            return None
        if self.operations is not None and request.operation not in self.operations:
            return None
        self._level = min(self.burst, self._level + max(0.0, now - self._at) * self.per_second)
        self._at = now
        if self._level >= 1 - 1e-9:
            self._level -= 1
            return None
        self.refused += 1
        wait = math.ceil((1 - self._level) / self.per_second)
        body = {"code": "429", "message": "too many requests", "status": "RESOURCE_EXHAUSTED"}
        if self.retry_after is None:
            return Answer.of(429, body)
        at = wall(now + wait)
        written = {
            "seconds": str(wait),
            "date": format_datetime(at, usegmt=True),
            "epoch": str(math.ceil(at.timestamp())),
        }
        return Answer.of(429, body, {"Retry-After": written[self.retry_after]})
