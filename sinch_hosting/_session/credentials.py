"""The key of an account and the addresses that it is for, checked."""

from __future__ import annotations

import os
import re
from collections.abc import Container
from urllib.parse import urlsplit

from attrs import frozen

from ..errors import ConfigurationError, InvalidRequest
from ..models._checks import check_identifier
from .secrets import Secret, plain
from .settings import check_address

_REQUIRED = {
    "project_id": "SINCH_PROJECT_ID",
    "key_id": "SINCH_KEY_ID",
    "key_secret": "SINCH_KEY_SECRET",
}
_OPTIONAL = {"base_url": "SINCH_HOSTING_BASE_URL", "auth_url": "SINCH_HOSTING_AUTH_URL"}
_UNUSABLE_IN_A_KEY = {
    re.compile("[\\ud800-\\udfff]"): "holds what is no text; was it read with another encoding?",
    re.compile(r"\s\Z"): "ends with a blank; is there a newline at its end?",
    re.compile(r"\A\s"): "begins with a blank",
    re.compile(r"[\x00-\x1f\x7f-\x9f]"): "holds control characters; is there a newline in it?",
}


@frozen(kw_only=True, eq=False, repr=False)
class Credentials:
    """The key of an account and its addresses; the secret shows in no `repr`."""

    project_id: str
    key_id: str
    key_secret: Secret
    auth: str
    base_url: str
    auth_url: str


def _check_key(value: str, name: str) -> None:
    """Raise `ConfigurationError` for what cannot be part of a key; it does not show the value."""
    reasons = [why for rule, why in _UNUSABLE_IN_A_KEY.items() if rule.search(plain(value))]
    if name == "key_id" and ":" in plain(value):  # HTTP Basic would take the rest for the secret
        reasons.append("holds a colon; is the secret behind it?")
    if reasons:
        raise ConfigurationError(f"{name} ({_REQUIRED[name]}): {reasons[0]}") from None


def check_credentials(
    project_id: str, key_id: str, key_secret: str, auth: str, base_url: str, auth_url: str
) -> Credentials:
    """Return the credentials, checked; `ConfigurationError` says what to set."""
    given = {"project_id": project_id, "key_id": key_id, "key_secret": key_secret}
    missing = [name for name, value in given.items() if not isinstance(value, str) or not value]
    if missing:
        variables = ", ".join(_REQUIRED[name] for name in missing)
        raise ConfigurationError(
            f"no {', '.join(missing)}: pass them, or set {variables} and use from_env()"
        )
    _check_key(key_id, "key_id")
    _check_key(key_secret, "key_secret")
    if auth not in ("oauth", "basic"):
        raise ConfigurationError(f"auth = {auth!r}: must be 'oauth' or 'basic'")
    try:
        check_identifier(project_id, "project_id")
    except InvalidRequest as error:
        raise ConfigurationError(str(error)) from None
    for name, url in {"base_url": base_url, "auth_url": auth_url}.items():
        try:
            parts = urlsplit(check_address(url, name))
        except InvalidRequest:
            shown = "" if "@" in str(url) else f" = {url!r}"  # it may hold a password
            raise ConfigurationError(f"{name}{shown}: must be a whole http(s) address") from None
        if parts.username is not None or parts.password is not None:
            raise ConfigurationError(f"{name}: must hold no credentials; pass key_id, key_secret")
        if not parts.hostname or (name == "base_url" and ("?" in url or "#" in url)):
            raise ConfigurationError(
                f"{name} = {url!r}: must be a whole http(s) address, without a query"
            )
    return Credentials(
        project_id=project_id,
        key_id=key_id,
        key_secret=Secret(key_secret),
        auth=auth,
        base_url=base_url.rstrip("/"),
        auth_url=auth_url,
    )


def from_environment(given: Container[str]) -> dict[str, str]:
    """Return the settings of the environment for a key and its addresses, without those given.

    Raises:
        ConfigurationError: variables are missing; it names them.
    """
    settings = {
        name: os.environ.get(variable, "")
        for name, variable in {**_REQUIRED, **_OPTIONAL}.items()
        if name not in given
    }
    if "key_secret" in settings:
        settings["key_secret"] = Secret(settings["key_secret"])
    missing = [name for name in _REQUIRED if settings.get(name) == ""]
    if missing:
        variables = " and ".join(_REQUIRED[name] for name in missing)
        raise ConfigurationError(f"{variables} not set: export them, or pass {', '.join(missing)}")
    return {name: value for name, value in settings.items() if value}
