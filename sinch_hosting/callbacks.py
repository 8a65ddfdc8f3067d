"""Callbacks: signatures over the raw body, and the typed event inside it."""

from __future__ import annotations

import hmac
from collections.abc import Iterable

from . import _wire
from .errors import InvalidRequest, InvalidSignature
from .models import CallbackEvent

__all__ = ["SIGNATURE_HEADER", "CallbackEvent", "parse", "sign", "verify"]

SIGNATURE_HEADER = "X-Sinch-Signature"
_HEX_DIGITS = 40


def sign(body: bytes, secret: str) -> str:
    """The signature of a body, as the service makes it.

    Args:
        body: the raw bytes, as they travel.
        secret: the project's HMAC secret (`callback_configuration`), used as UTF-8.

    Answers HMAC-SHA1 as 40 lowercase hex digits (`EventsCallback`).
    """
    return hmac.new(secret.encode(), body, "sha1").hexdigest()


def verify(body: bytes, signature: str | None, secrets: str | Iterable[str]) -> bool:
    """Whether a body was signed with one of the secrets.

    Args:
        body: the raw bytes as they came; JSON that was parsed and written again will not do.
        signature: the `X-Sinch-Signature` header, hex in either case; `None` where it was absent.
        secrets: the secret, or several while one replaces another.

    Compares in constant time, whichever secret fits. Raises `InvalidRequest` where there is no
    secret to compare with, or an empty one: an empty key would let anybody sign.
    """
    # A configuration's `hmac_secret` may be None: a type checker says so, and so does this.
    known = [secrets] if isinstance(secrets, str) else list(secrets or ())
    if not known or not all(isinstance(secret, str) and secret for secret in known):
        raise InvalidRequest(field="secrets", value="***", rule="at least one, none of them empty")
    # Some servers hand headers over as bytes: that is no text that fits, whatever it spells.
    if not isinstance(signature, str) or len(signature) != _HEX_DIGITS or not signature.isascii():
        return False
    claimed = signature.lower().encode()
    matches = [hmac.compare_digest(sign(body, secret).encode(), claimed) for secret in known]
    return any(matches)


def parse(body: bytes, signature: str | None, secrets: str | Iterable[str]) -> CallbackEvent:
    """The event in a body that was signed with one of the secrets.

    Args:
        body: the raw bytes as they came.
        signature: the `X-Sinch-Signature` header.
        secrets: the secret, or several while one replaces another.

    Answers the event. Raises `InvalidSignature`, and `DecodeError` for a signed body that is no
    event. Nothing but the body is signed: drop what was seen before by its `event_id`.
    """
    if not verify(body, signature, secrets):
        what = "is missing" if not signature else "does not fit the body"
        raise InvalidSignature(f"the {SIGNATURE_HEADER} header {what}")
    return _wire.decode("EventsCallback", body, CallbackEvent, lambda text: text)
