"""`sinch.callback_configuration`: the secret with which callbacks are signed."""

from __future__ import annotations

from .._session.auth import Secret
from .._session.codec import encode
from .._session.requests import UpdateCallbackConfiguration
from .._session.session import Session
from ..errors import ApiError, InvalidRequest
from ..models import CallbackConfiguration


class Callbacks:
    """Read and set the project's callback secret."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def get(self) -> CallbackConfiguration:
        """Read the configuration (`GetCallbackConfiguration`).

        `hmac_secret` shows in no `repr`. Raises what every call raises. Safe to repeat.
        """
        return await self._session.request("GetCallbackConfiguration", CallbackConfiguration)

    async def update(self, *, hmac_secret: str) -> CallbackConfiguration:
        """Set the secret with which callbacks are signed (`UpdateCallbackConfiguration`).

        Answers the configuration. A retried update that is then refused is settled by reading
        it. Raises `InvalidRequest` for a secret that is empty or holds half a character, and what
        every call raises; no error shows the secret. Safe to repeat.
        """
        if isinstance(hmac_secret, str):
            hmac_secret = Secret(hmac_secret)  # it shows in no dump of variables from here on
            _check_encodable(hmac_secret)
        request = UpdateCallbackConfiguration(hmac_secret=hmac_secret)
        try:
            return await self._session.request(
                "UpdateCallbackConfiguration", CallbackConfiguration, body=encode(request)
            )
        except ApiError as refused:
            if not refused.after_lost_answer:
                raise
            found = await self.get()
            if found.hmac_secret == hmac_secret:
                return found
            raise


def _check_encodable(secret: Secret) -> None:
    """`InvalidRequest` for half a character, without the value: signing takes UTF-8."""
    if any("\ud800" <= character <= "\udfff" for character in secret):
        raise InvalidRequest(
            field="hmac_secret", value="***", rule="must not hold half a character"
        )
