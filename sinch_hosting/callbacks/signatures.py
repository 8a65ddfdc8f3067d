"""The signature of a callback: HMAC-SHA1 over the raw body, and the event inside the body."""

from __future__ import annotations

import base64
import binascii
import hmac
import json
import re
from collections.abc import Iterable, Iterator

from attrs import fields

from .._session import codec
from .._session.secrets import Secret, plain
from ..errors import DecodeError, InvalidRequest, InvalidSignature
from ..models import CallbackEvent

SIGNATURE_HEADER = "X-Sinch-Signature"
_HEX_DIGITS = 40
_PREFIX = re.compile(r"(?i)(sha1|hmac-sha1|v1)[=:]")
_HEX = re.compile(r"[0-9a-fA-F]+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_SURROGATE = re.compile(r"[\ud800-\udfff]")
# Explaining a wrong signature costs time, so larger bodies get no explanation.
_LARGEST_EXPLAINED = 16 * 1024


def sign(body: bytes, secret: str) -> str:
    """Sign a body as the service does.

    Args:
        body: the raw bytes of the request.
        secret: the project's HMAC secret (`callback_configuration`), used as UTF-8.

    Returns:
        HMAC-SHA1 as 40 lowercase hex digits (`EventsCallback`).
    """
    return hmac.new(plain(secret).encode(), body, "sha1").hexdigest()


def verify(body: bytes, signature: str | None, secrets: str | Iterable[str]) -> bool:
    """Check whether a body was signed with one of the secrets.

    Args:
        body: the raw bytes as they came; JSON that was parsed and written again fails.
        signature: the `X-Sinch-Signature` header, hex in either case; `None` where it was absent.
        secrets: the secret, or several while one replaces another.

    Returns:
        Whether one of them fits. The time that the check takes does not show which one.

    Raises:
        InvalidRequest: there is no secret to compare with, one is empty (an empty key would let
            anybody sign), or one holds a line break or another control character.
    """
    return _fits(body, signature, check_secrets(secrets))


def parse(body: bytes, signature: str | None, secrets: str | Iterable[str]) -> CallbackEvent:
    """Read the event in a body that was signed with one of the secrets.

    Args:
        body: the raw bytes as they came.
        signature: the `X-Sinch-Signature` header; `None` where it was absent.
        secrets: the secret, or several while one replaces another.

    Returns:
        The event. Anybody may send a signed body again: drop repeated events by `event_id`.

    Raises:
        InvalidSignature: the signature is missing or does not fit; the message gives hints.
        DecodeError: the signature fits, but the body is no event.
        InvalidRequest: there is no usable secret, as for `verify`.
    """
    secrets = check_secrets(secrets)  # from here on no variable shows one
    if not _fits(body, signature, secrets):
        raise InvalidSignature(f"the {SIGNATURE_HEADER} header {_why(body, signature, secrets)}")
    return read_event(body)


def check_secrets(
    secrets: str | Iterable[str], *, blanks_around: bool = True
) -> tuple[Secret, ...]:
    """Return the secrets, hidden; raises `InvalidRequest`, which shows none of them."""
    # The `hmac_secret` of a configuration may be None.
    given = (secrets,) if isinstance(secrets, str) else tuple(secrets or ())
    if not given or not all(isinstance(secret, str) and secret for secret in given):
        raise _unusable("at least one, none of them empty")
    secrets = given = known = tuple(map(Secret, given))
    for secret in known:
        if _CONTROL.search(secret.reveal()):
            raise _unusable("must not hold control characters; is there a newline at its end?")
        if _SURROGATE.search(secret.reveal()):
            raise _unusable("must be text; was it read with another encoding?")
        if secret != secret.reveal().strip() and not blanks_around:
            raise _unusable("must not begin or end with a blank")
    return known


def _unusable(rule: str) -> InvalidRequest:
    return InvalidRequest(field="secrets", value="***", rule=rule)


def read_event(body: bytes) -> CallbackEvent:
    """Read the event in a body that was checked before; raises `DecodeError`."""
    event = codec.decode("EventsCallback", body, CallbackEvent, lambda text: text)
    for attribute in fields(CallbackEvent):
        value = getattr(event, attribute.name)
        # JSON can hold escapes that UTF-8 cannot, such as `\ud800`.
        if isinstance(value, str) and _SURROGATE.search(value):
            raise DecodeError(
                "EventsCallback",
                path=attribute.name,
                reason="expected text, got a lone surrogate",
                body=body.decode("utf-8", "replace"),
            )
    return event


def _fits(body: bytes, signature: str | None, secrets: Iterable[str]) -> bool:
    # Some servers give headers as bytes; these do not fit.
    if not isinstance(signature, str) or len(signature) != _HEX_DIGITS or not signature.isascii():
        return False
    claimed = signature.lower().encode()
    matches = [hmac.compare_digest(sign(body, secret).encode(), claimed) for secret in secrets]
    return any(matches)


# --------------------------------------------- hints about a signature that does not fit


def _why(body: bytes, signature: object, secrets: tuple[str, ...]) -> str:
    """Return what seems to be wrong with a signature that does not fit."""
    if not signature:
        return "is missing"
    hints = [*_about_the_header(signature), *_about_the_body(body, signature, secrets)]
    return "; ".join(["does not fit the body", *hints])


def _about_the_header(signature: object) -> Iterator[str]:
    if not isinstance(signature, str):
        yield f"it is no text but {type(signature).__name__}: decode the header first"
        return
    if signature.strip(" \t\r\n\"'") != signature:
        yield "it has blanks or quotes around it"
    if found := _PREFIX.match(signature):
        yield f"it begins with {found[0]!r}: the service sends the hex digits alone"
    elif _is_base64(signature):
        yield "it looks like base64: the service sends hex digits"
    elif len(signature) != _HEX_DIGITS and _HEX.fullmatch(signature):
        yield f"it has {len(signature)} hex digits: HMAC-SHA1 has {_HEX_DIGITS}"


def _is_base64(signature: str) -> bool:
    try:
        return len(base64.b64decode(signature, validate=True)) == _HEX_DIGITS // 2
    except (binascii.Error, ValueError):
        return False


def _about_the_body(body: bytes, signature: object, secrets: tuple[str, ...]) -> Iterator[str]:
    if not body:
        yield "the body is empty: was it read before?"
    elif (
        isinstance(signature, str)
        and len(body) <= _LARGEST_EXPLAINED
        and any(_fits(other, signature, secrets) for other in _written_otherwise(body))
    ):
        yield "it fits the same JSON written in another way: pass the raw body as it came"


def _written_otherwise(body: bytes) -> Iterator[bytes]:
    """Give the body as frameworks write it after they parsed it."""
    yield body.strip()
    try:
        value = json.loads(body)
        for ensure_ascii in (False, True):
            for separators in ((",", ":"), (", ", ": ")):
                text = json.dumps(value, ensure_ascii=ensure_ascii, separators=separators)
                yield text.encode()
    except (ValueError, RecursionError):
        return
