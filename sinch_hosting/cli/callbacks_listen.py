"""The receiver behind `callbacks listen`: a small server over `CallbackReceiver`."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
from aiohttp import web

from .. import CallbackEvent, CallbackReceiver
from ..callbacks import SENDER_ADDRESSES, SIGNATURE_HEADER
from .errors import BadInput, ExitCode, cannot_listen
from .interrupts import on_signals
from .messages import complain, mask, tell
from .options import Output
from .output import Column, View, as_json, print_many, print_text
from .settings import read_secrets

_TRIES = 5
_FORWARD_TIMEOUT = 10.0
_DRAIN = 10.0
"""Seconds that what is under way may take at the end."""

_EVENTS: View[CallbackEvent] = View(
    columns=(
        Column("time", lambda event: event.timestamp),
        Column("event", lambda event: event.event_type),
        Column("status", lambda event: event.status),
        Column("about", lambda event: event.resource_id, is_id=True),
        Column("failure", lambda event: event.failure_code),
    ),
    key=lambda event: event.resource_id or "",
)


class Listening:
    """Receives, prints and passes on callbacks until it is stopped."""

    def __init__(
        self,
        *,
        secret_file: Path,
        forward_to: str | None,
        path: str,
        output: Output,
        allow_from: Iterable[str] = (),
        trusted_proxies: Iterable[str] = (),
    ) -> None:
        self._secret_file = secret_file.expanduser()
        self._path = path
        self._output = output
        self._forward_to = _checked(forward_to)
        self._read_at = self._modified()
        self.receiver = CallbackReceiver(
            read_secrets(self._secret_file),
            handlers=[self._print],
            allow_from=_addresses(allow_from),
            trusted_proxies=tuple(trusted_proxies),
        )
        self._forwarding: set[asyncio.Task[None]] = set()
        self._http: aiohttp.ClientSession | None = None

    async def serve(self, host: str, port: int) -> ExitCode:
        """Serve until SIGTERM or Ctrl-C; then wait for what is under way."""
        app = web.Application()
        app.router.add_get("/healthz", self._healthy)
        app.router.add_post(self._path, self._receive)
        runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=_DRAIN)
        await runner.setup()
        try:
            site = web.TCPSite(runner, host, port)
            try:
                await site.start()
            except (OSError, OverflowError) as error:
                raise cannot_listen(host, port, error) from error
            stopped = asyncio.Event()
            with on_signals(stopped.set, signal.SIGINT, signal.SIGTERM):
                bound = runner.addresses[0]
                tell(f"ready: http://{bound[0]}:{bound[1]}{self._path}")
                await stopped.wait()
                tell("stopping: what is under way is waited for")
        finally:
            await runner.cleanup()
            await self._drain()
        return ExitCode.DONE

    async def _drain(self) -> None:
        await self.receiver.aclose()
        if self._forwarding:
            await asyncio.wait(self._forwarding, timeout=_DRAIN)
        for task in self._forwarding:
            task.cancel()
        if self._http is not None:
            await self._http.close()

    async def _healthy(self, _: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def _receive(self, request: web.Request) -> web.Response:
        self._read_secrets_again()
        try:
            body = await request.read()
        except web.HTTPRequestEntityTooLarge:
            return web.Response(status=413, text="the body is too large")
        signature = request.headers.get(SIGNATURE_HEADER)
        answer = await self.receiver.receive(
            body,
            signature,
            peer=request.remote,
            forwarded_for=",".join(request.headers.getall("X-Forwarded-For", ())),
        )
        if answer.status == 200 and answer.text == "ok" and self._forward_to:
            task = asyncio.create_task(self._forward(body, signature or "", request.content_type))
            self._forwarding.add(task)
            task.add_done_callback(self._forwarding.discard)
        return web.Response(status=answer.status, text=answer.text, headers=answer.headers)

    def _modified(self) -> float:
        try:
            return self._secret_file.stat().st_mtime
        except OSError:
            return 0.0

    def _read_secrets_again(self) -> None:
        """Take over a file of secrets that has changed; one that cannot be read changes nothing."""
        modified = self._modified()
        if modified == self._read_at:
            return
        self._read_at = modified
        try:
            self.receiver.secrets = read_secrets(self._secret_file)
        except BadInput as error:
            complain(str(error))

    async def _print(self, event: CallbackEvent) -> None:
        if self._output.format in (None, "json", "jsonl"):  # one line each, as they come
            print_text(json.dumps(as_json(event)))
            sys.stdout.flush()
        else:
            await print_many([event], _EVENTS, self._output)

    async def _forward(self, body: bytes, signature: str, content_type: str) -> None:
        """Send an event on, byte for byte; it is tried five times."""
        if self._http is None:
            timeout = aiohttp.ClientTimeout(total=_FORWARD_TIMEOUT)
            self._http = aiohttp.ClientSession(timeout=timeout)
        headers = {SIGNATURE_HEADER: signature, "Content-Type": content_type}
        said = ""
        for tries in range(_TRIES):
            if tries:
                await asyncio.sleep(0.5 * 2**tries)
            try:
                async with self._http.post(
                    str(self._forward_to), data=body, headers=headers
                ) as answer:
                    if answer.status < 300:
                        return
                    said = f"it answered {answer.status}"
            except (aiohttp.ClientError, OSError, TimeoutError) as error:
                said = str(error) or type(error).__name__
        complain(f"an event could not be passed on to {self._forward_to}: {mask(said)}")


def _addresses(allow_from: Iterable[str]) -> tuple[str, ...]:
    """Return the addresses and networks that may send; `sinch` is those of the vendor."""
    return tuple(
        address
        for given in allow_from
        for address in (SENDER_ADDRESSES if given == "sinch" else (given,))
    )


def _checked(address: str | None) -> str | None:
    """Return an address to forward to; raises `BadInput`."""
    if address is not None:
        parts = urlsplit(address)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise BadInput(f"--forward-to {address}: must be a whole http(s) address")
    return address
