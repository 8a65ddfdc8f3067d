"""`sinch-hosting callbacks`: the secret that signs callbacks, and a receiver for them."""

from __future__ import annotations

import os
import secrets
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from cyclopts import App

from ..errors import ApiError
from .errors import BadInput, ExitCode
from .messages import hide, tell
from .options import ACCOUNT, OUTPUT, Account, Output
from .output import Column, View, print_one
from .prompts import ask_secret, can_ask
from .settings import VARIABLES, open_client, read_secrets, read_settings

if TYPE_CHECKING:
    from .. import CallbackConfiguration

app = App(
    name="callbacks",
    help="Callbacks: set their secret, receive them.",
    help_format="markdown",
)
_SECRET_FILE = VARIABLES["callback_secret_file"]
_MOST = 5
"""Secrets that a file keeps: events signed with those before may still be under way."""


_CONFIGURATION: View[CallbackConfiguration] = View(
    columns=(
        Column("project", lambda conf: conf.project_id, is_id=True),
        Column("secret is set", lambda conf: "yes" if conf.hmac_secret else "no"),
    ),
    key=lambda conf: conf.project_id or "",
    as_json=lambda conf: {
        "project_id": conf.project_id,
        "has_secret": bool(conf.hmac_secret),
    },
)


@app.command
async def get(*, account: Account = ACCOUNT) -> int:
    """Show whether a secret is set; the secret itself is never shown.

    Example: `sinch-hosting callbacks get`
    """
    async with open_client(read_settings(account)) as sinch:
        print_one(await sinch.callback_configuration.get(), _CONFIGURATION, account)
    return ExitCode.DONE


@app.command
async def set_secret(
    *, file: Path | None = None, generate: Path | None = None, account: Account = ACCOUNT
) -> int:
    """Set the secret that signs callbacks.

    `--generate FILE` makes a new secret, writes it to the first line of FILE above the earlier
    ones, and then sets it; you can do this every night. A program that reads FILE, such as
    `callbacks listen`, accepts events that are signed with any of these secrets. There is no
    option for the secret itself, and it is never shown.

    Example: `sinch-hosting callbacks set-secret --generate ~/.secrets/callbacks`

    Args:
        file: Take the secret from the first line of this file.
        generate: Make a secret, and keep it in this file.
    """
    if file is not None and generate is not None:
        raise BadInput("give --file or --generate, not both")
    settings = read_settings(account)
    settings.check_identity()
    before = _kept(generate) if generate is not None else []
    secret = secrets.token_hex(32) if generate is not None else _given(file)
    hide(secret)
    async with open_client(settings) as sinch:
        if generate is not None:  # programs that check callbacks have to know it first
            _keep(generate, [secret, *before])
        try:
            await sinch.callback_configuration.update(hmac_secret=secret)
        except ApiError:
            if generate is not None:
                _keep(generate, before)  # refused: it will never be used
            raise
    tell(f"{settings.whose}: the secret of callbacks is set")
    return ExitCode.DONE


def _given(file: Path | None) -> str:
    if file is not None:
        return read_secrets(file)[0]
    if can_ask():
        return ask_secret("New secret of callbacks: ")
    if sys.stdin is not None and (line := sys.stdin.readline().strip()):
        return line
    raise BadInput("no secret: give --file FILE, --generate FILE, or a line on standard input")


def _kept(file: Path) -> list[str]:
    file = file.expanduser()
    return read_secrets(file) if file.exists() and file.stat().st_size else []


def _keep(file: Path, lines: list[str]) -> None:
    """Write the newest secrets to a file that only its owner reads, whole or not at all."""
    file = file.expanduser()
    unfinished = file.with_name(f"{file.name}.new")
    try:
        unfinished.unlink(missing_ok=True)
        fd = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(fd, "w", encoding="utf-8") as target:
            target.write("".join(f"{line}\n" for line in lines[:_MOST]))
            target.flush()
            os.fsync(target.fileno())
        os.replace(unfinished, file)
    except OSError as error:
        raise BadInput(f"{file}: the secret cannot be kept: {error.strerror}") from error


@app.command
async def listen(
    *,
    forward_to: str | None = None,
    forward_to_temporal: bool = False,
    secret_file: Path | None = None,
    host: str = "127.0.0.1",
    port: int = 8080,
    path: str = "/callbacks",
    allow_from: list[str] | None = None,
    trusted_proxy: list[str] | None = None,
    output: Output = OUTPUT,
) -> int:
    """Receive callbacks: check them, print them, and pass them on.

    Prints a line when it is ready, and each new event once. Events are passed on unchanged, with
    their signature. `/healthz` returns 200. After SIGTERM or Ctrl-C it accepts no new events and
    finishes those it has. The file of secrets is read again when it changes.

    Example: `sinch-hosting callbacks listen --secret-file ~/.secrets/callbacks --forward-to
    http://127.0.0.1:3000/hooks`

    Args:
        forward_to: Also send each event to this address.
        forward_to_temporal: Also wake the jobs on Temporal that an event is about. An event is
            answered 200 only when they are woken. Needs the account, and TEMPORAL_ADDRESS.
        secret_file: A file with the secrets, one on each line; by default the file that
            SINCH_HOSTING_CALLBACK_SECRET_FILE names.
        host: The address to listen on.
        port: The port to listen on; 0 takes a free one.
        path: The path to which callbacks are sent.
        allow_from: Take callbacks from this address or network only, such as 10.0.0.0/8; `sinch`
            is the vendor's own addresses. May be given several times; by default from anywhere.
        trusted_proxy: The address or network of your own proxy, whose X-Forwarded-For header says
            who sent a callback. May be given several times.
    """
    from .callbacks_listen import Listening  # noqa: PLC0415 - the server is loaded only to listen

    known = secret_file
    if known is None:
        named = read_settings(ACCOUNT).get("callback_secret_file")
        if named is None:
            raise BadInput(
                f"no secrets to check callbacks with: give --secret-file, or set {_SECRET_FILE}"
            )
        known = Path(named)
    listening = Listening(
        secret_file=known,
        forward_to=forward_to,
        path=f"/{path.strip('/')}",
        output=output,
        allow_from=allow_from or (),
        trusted_proxies=trusted_proxy or (),
    )
    if not forward_to_temporal:
        return await listening.serve(host, port)
    from .fleet_jobs import load_temporal  # noqa: PLC0415 - only where events are forwarded

    starting = load_temporal()
    from ..temporal.forwarding import forward_callbacks  # noqa: PLC0415 - an extra

    async with open_client(read_settings(ACCOUNT)) as sinch:
        forward_callbacks(listening.receiver, await starting.connect(), sinch)
        return await listening.serve(host, port)
