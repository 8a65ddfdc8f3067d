"""Who may call: the key, the tokens it got, and when they end."""

from __future__ import annotations

import base64
import binascii
import hashlib
import time
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from attrs import define, field

from .errors import Refusal
from .faults import TokenBucket, retry_later

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_CHALLENGE = 'Bearer realm="sandbox", Basic realm="sandbox"'


@define(eq=False)
class Credentials:
    """The only key, and the tokens given out for it.

    Args:
        key_id, key_secret: the key.
        token_lifetime: seconds of *real* time that a token lasts.
        new_token: makes a token.

    ``basic_limit`` bounds the requests of HTTP Basic, where there is a limit.
    """

    key_id: str
    key_secret: str = field(repr=False)
    token_lifetime: float
    new_token: Callable[[], str] = field(repr=False)
    basic_limit: TokenBucket | None = field(init=False, default=None)
    _now: Callable[[], float] = time.monotonic
    _tokens: dict[str, float] = field(init=False, factory=dict, repr=False)
    _basic: str = field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        pair = f"{self.key_id}:{self.key_secret}".encode()
        self._basic = "Basic " + base64.b64encode(pair).decode()

    def check(self, authorization: str) -> None:
        """Check the ``Authorization`` header; raise `Refusal` where it is not good.

        401 with ``expired`` where a token has ended, 429 where Basic is used too often.
        """
        scheme, _, value = authorization.partition(" ")
        if scheme.lower() == "bearer":
            ends = self._tokens.get(_digest(value.strip()))
            if ends is None:
                raise _refused("the token is not known", 'Bearer error="invalid_token"')
            if ends <= self._now():
                raise expired()
        elif scheme.lower() != "basic":
            raise _refused("credentials are missing", _CHALLENGE)
        elif not self._is_key(authorization):
            raise _refused("the key is not known", _CHALLENGE)
        elif self.basic_limit is not None and (wait := self.basic_limit.take()):
            raise retry_later(wait, "seconds", "basic_limit")

    def issue(self, authorization: str, body: bytes, lifetime: float | None) -> dict[str, object]:
        """Return the answer of the token endpoint.

        *lifetime* makes the token end earlier than the answer says. Raises `Refusal`.
        """
        try:
            pairs = parse_qsl(body.decode("ascii"), errors="strict", max_num_fields=20)
        except ValueError as error:
            raise Refusal(400, "the form cannot be decoded", status="invalid_request") from error
        form = dict(pairs)
        by_form = (form.get("client_id"), form.get("client_secret"))
        if not self._is_key(authorization) and by_form != (self.key_id, self.key_secret):
            headers = {"WWW-Authenticate": 'Basic realm="sandbox"'}
            raise Refusal(401, "the key is not known", status="invalid_client", headers=headers)
        if form.get("grant_type") != "client_credentials":
            raise Refusal(400, "use client_credentials", status="unsupported_grant_type")
        token = self.new_token()
        self._forget_old()
        self._tokens[_digest(token)] = self._now() + (
            self.token_lifetime if lifetime is None else lifetime
        )
        return {
            "access_token": token,
            "token_type": "bearer",
            "expires_in": int(self.token_lifetime),
            "scope": "",
        }

    def expire_all(self) -> None:
        """Let every token given out so far expire now."""
        now = self._now()
        self._tokens = dict.fromkeys(self._tokens, now)

    def expire(self, authorization: str) -> None:
        """Let the token in that header expire now."""
        if self.is_valid_token(authorization):
            self._tokens[_digest(authorization.partition(" ")[2].strip())] = self._now()

    def is_valid_token(self, authorization: str) -> bool:
        """Return whether that header holds a token that has not ended yet."""
        scheme, _, token = authorization.partition(" ")
        ends = self._tokens.get(_digest(token.strip()), 0.0)
        return scheme.lower() == "bearer" and ends > self._now()

    def export(self) -> dict[str, float]:
        """Return the digests of the tokens, and when each ends, in seconds since 1970."""
        offset = time.time() - self._now()
        return {digest: ends + offset for digest, ends in self._tokens.items()}

    def restore(self, tokens: Mapping[str, float]) -> None:
        """Take over what `export` returned in an earlier run."""
        offset = time.time() - self._now()
        self._tokens = {digest: ends - offset for digest, ends in tokens.items()}

    def _forget_old(self) -> None:
        """Forget tokens that ended long ago, once there are many."""
        if len(self._tokens) > 1000:
            limit = self._now() - self.token_lifetime
            self._tokens = {token: ends for token, ends in self._tokens.items() if ends > limit}

    def _is_key(self, authorization: str) -> bool:
        if authorization == self._basic:
            return True
        scheme, _, value = authorization.partition(" ")
        if scheme.lower() != "basic":
            return False
        try:
            pair = base64.b64decode(value.strip(), validate=True).decode()
        except (binascii.Error, ValueError):
            return False
        return pair == f"{self.key_id}:{self.key_secret}"


def _digest(token: str) -> str:
    """Return what is kept of a *token*: its SHA-256."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def expired() -> Refusal:
    """Return the 401 for a token that has ended."""
    challenge = 'Bearer error="invalid_token", error_description="The token is expired"'
    return _refused("the token is expired", challenge)


def _refused(message: str, challenge: str) -> Refusal:
    return Refusal(401, message, headers={"WWW-Authenticate": challenge})
