"""`sinch.callback_configuration`: the secret with which callbacks are signed."""

from __future__ import annotations

from .._auth import Secret
from .._requests import UpdateCallbackConfiguration
from .._session import Session
from .._wire import encode
from ..errors import ApiError
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
        it. Raises `InvalidRequest` for an empty secret, and what every call raises; no error
        shows the secret. Safe to repeat.
        """
        if isinstance(hmac_secret, str):
            hmac_secret = Secret(hmac_secret)  # it shows in no dump of variables from here on
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
