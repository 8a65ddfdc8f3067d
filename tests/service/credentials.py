"""Tokens: how they are given, expire and are revoked."""

from __future__ import annotations

import base64
from collections.abc import Callable
from urllib.parse import parse_qsl

from attrs import define, field

from .faults import Answer


@define(kw_only=True)
class Credentials:
    """The tokens of one service, and its key."""

    clock: Callable[[], float]
    key_id: str
    key_secret: str
    lifetime: float
    fetches: int = 0
    _tokens: dict[str, float] = field(factory=dict)
    _expired: set[str] = field(factory=set)

    def expire(self) -> None:
        """All tokens given so far are answered as expired."""
        self._expired.update(self._tokens)

    def revoke(self) -> None:
        """All tokens given so far are answered as invalid, without the word expired."""
        self._tokens.clear()
        self._expired.clear()

    def token(self, authorization: str, body: bytes) -> Answer:
        """The answer of the token endpoint."""
        self.fetches += 1
        if not self._is_basic(authorization):
            return Answer.of(401, {"error": "invalid_client"})
        if dict(parse_qsl(body.decode())).get("grant_type") != "client_credentials":
            return Answer.of(400, {"error": "unsupported_grant_type"})
        token = f"token-{self.fetches}"
        self._tokens[token] = self.clock() + self.lifetime
        answer = {"access_token": token, "token_type": "bearer", "scope": ""}
        return Answer.of(200, {**answer, "expires_in": int(self.lifetime)})

    def denied(self, authorization: str) -> Answer | None:
        """The 401 for these credentials, if they are not good."""
        token = authorization.removeprefix("Bearer ")
        expires = self._tokens.get(token)
        challenge = 'Bearer error="invalid_token"'
        if token in self._expired or (expires is not None and expires <= self.clock()):
            challenge += ', error_description="The token expired"'
        elif expires is not None or self._is_basic(authorization):
            return None
        body = {"code": "401", "message": "unauthorized", "status": "UNAUTHENTICATED"}
        return Answer.of(401, body, {"WWW-Authenticate": challenge})

    def _is_basic(self, authorization: str) -> bool:
        pair = f"{self.key_id}:{self.key_secret}".encode()
        return authorization == "Basic " + base64.b64encode(pair).decode()
