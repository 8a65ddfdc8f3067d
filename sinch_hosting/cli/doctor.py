"""`sinch-hosting doctor`: settings and their sources, credentials, clock, network, versions."""

from __future__ import annotations

import os
import platform
import re
import time
from email.utils import parsedate_to_datetime
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

from attrs import frozen

from .errors import BadInput, ExitCode, code_of, message_of, next_step
from .options import ACCOUNT, Account
from .output import Column, View, print_many
from .settings import VARIABLES, Settings, open_client, read_settings, state_folder

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from .. import SinchHosting

_SKEW = 60.0
"""Seconds that the clock may be off before tokens and signatures begin to suffer."""
_TIMEOUT = 10.0
_PACKAGES = ("aiohttp", "attrs", "cattrs", "cyclopts", "rich", "phonenumbers", "keyring")
_OPTIONAL = ("keyring",)


@frozen(kw_only=True)
class Finding:
    """One thing that was looked at."""

    what: str
    result: str
    """`ok`, `missing`, `note` or `bad`."""
    detail: str = ""
    code: ExitCode = ExitCode.DONE


_FINDINGS: View[Finding] = View(
    columns=(
        Column("what", lambda finding: finding.what),
        Column("result", lambda finding: finding.result),
        Column("detail", lambda finding: finding.detail),
    ),
    key=lambda finding: f"{finding.what}: {finding.result}",
)


async def doctor(*, account: Account = ACCOUNT) -> int:
    """Check settings, credentials, clock and network.

    Shows where each setting comes from, fetches a token, reads from the service, compares the
    clocks, and names the versions. It never shows a secret. The exit code is 0 if all is well.

    Example: `sinch-hosting doctor --profile acme`
    """
    findings = await print_many(_examine(account), _FINDINGS, account)
    # What comes first is to be mended first.
    return next((finding.code for finding in findings if finding.code), ExitCode.DONE)


async def _examine(account: Account) -> AsyncIterator[Finding]:
    for finding in _versions():
        yield finding
    try:
        settings = read_settings(account)
    except BadInput as error:
        yield _failed("settings", error)
        return
    for finding in _settings(settings):
        yield finding
    yield _state()
    async for finding in _service(settings):
        yield finding


def _failed(what: str, error: BaseException) -> Finding:
    detail = "; ".join(filter(None, (message_of(error), next_step(error))))
    return Finding(what=what, result="bad", detail=detail, code=code_of(error))


def _versions() -> Iterator[Finding]:
    from .._version import __version__  # noqa: PLC0415

    detail = f"Python {platform.python_version()} on {platform.system()}"
    yield Finding(what="sinch-hosting", result="ok", detail=f"{__version__}, {detail}")
    found, missing = [], []
    for package in _PACKAGES:
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            missing.append(package)
    yield Finding(what="packages", result="ok", detail=", ".join(found))
    for package in missing:
        is_optional = package in _OPTIONAL
        yield Finding(
            what=package,
            result="note" if is_optional else "bad",
            detail="not installed" + ("; it can keep the secret" if is_optional else ""),
            code=ExitCode.DONE if is_optional else ExitCode.USAGE,
        )


def _settings(settings: Settings) -> Iterator[Finding]:
    is_there = "" if settings.config.exists() else " (is not there)"
    yield Finding(what="configuration", result="ok", detail=f"{settings.config}{is_there}")
    if settings.profile:
        yield Finding(what="profile", result="ok", detail=settings.profile)
    for name, variable in VARIABLES.items():
        setting = settings.found.get(name)
        if setting is not None:
            shown = "***" if name == "key_secret" else _without_password(setting.value)
            yield Finding(what=name, result="ok", detail=f"{shown}, from {setting.source}")
        elif name in settings.missing:
            yield Finding(
                what=name,
                result="missing",
                detail=f"set {variable}, or put {name} into {settings.config}"
                + (" (key_secret_file)" if name == "key_secret" else ""),
                code=ExitCode.USAGE,
            )
    for name in settings.overridden:
        yield Finding(
            what=name,
            result="note",
            detail=f"{VARIABLES[name]} of the environment goes before --profile "
            f"{settings.profile}: unset it to use the profile's",
        )


def _without_password(value: str) -> str:
    return re.sub(r"//[^/@\s]*@", "//***@", value)


def _state() -> Finding:
    folder = state_folder()
    there = folder
    while not there.exists() and there != there.parent:
        there = there.parent
    if os.access(there, os.W_OK) and there.is_dir():
        return Finding(what="ledgers", result="ok", detail=f"in {folder}")
    return Finding(
        what="ledgers",
        result="bad",
        detail=f"{folder} cannot be written to: set XDG_STATE_HOME, or give --ledger",
        code=ExitCode.USAGE,
    )


async def _service(settings: Settings) -> AsyncIterator[Finding]:
    from ..client import BASE_URL  # noqa: PLC0415 - aiohttp is loaded only to send something

    base_url = settings.get("base_url") or BASE_URL
    reached = await _reach(base_url)
    yield reached[0]
    if reached[0].code:
        return  # each further look would only take its time to say the same
    if reached[1] is not None:
        yield _clock(reached[1])
    if settings.missing:
        return
    try:
        async with open_client(settings) as sinch:
            yield await _read(sinch)
    except Exception as error:
        yield _failed("credentials", error)


async def _reach(base_url: str) -> tuple[Finding, float | None]:
    """Check whether a server responds; also returns by how much its clock differs."""
    import aiohttp  # noqa: PLC0415 - as above

    timeout = aiohttp.ClientTimeout(total=_TIMEOUT)
    started = time.monotonic()
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout, trust_env=True) as http,
            http.get(base_url, allow_redirects=False) as answer,
        ):
            took = time.monotonic() - started
            skew = _skew(answer.headers.get("Date"))
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
        said = str(error) or type(error).__name__
        detail = _without_password(f"{base_url}: {said}; check the network")
        bad = Finding(what="network", result="bad", detail=detail, code=ExitCode.NOT_REACHED)
        return bad, None
    return Finding(
        what="network", result="ok", detail=f"{_without_password(base_url)}, {took * 1000:.0f} ms"
    ), skew


def _skew(date: str | None) -> float | None:
    try:
        return None if date is None else time.time() - parsedate_to_datetime(date).timestamp()
    except ValueError:
        return None


def _clock(skew: float) -> Finding:
    if abs(skew) <= _SKEW:
        return Finding(what="clock", result="ok", detail="agrees with the service's")
    detail = f"is {abs(skew):.0f} s {'ahead' if skew > 0 else 'behind'} of the service's: set it"
    return Finding(what="clock", result="bad", detail=detail, code=ExitCode.NOT_ALL)


async def _read(sinch: SinchHosting) -> Finding:
    configuration = await sinch.callback_configuration.get()
    signed = "callbacks are signed" if configuration.hmac_secret else "callbacks are not signed"
    return Finding(
        what="credentials", result="ok", detail=f"a token was given, the project reads; {signed}"
    )
