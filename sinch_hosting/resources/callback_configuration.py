"""`sinch.callback_configuration`: the secret with which callbacks are signed."""

from __future__ import annotations

from .._session.codec import encode
from .._session.secrets import Secret
from .._session.session import Session
from ..errors import ApiError, InvalidRequest
from ..models import CallbackConfiguration


class CallbackConfigurations:
    """Read and set the project's callback secret."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def get(self) -> CallbackConfiguration:
        """Read the configuration (`GetCallbackConfiguration`). Safe to repeat.

        Returns:
            The configuration; no `repr` shows its `hmac_secret`.

        Raises:
            SinchHostingError: what every call raises; see `SinchHosting`.
        """
        return await self._session.request("GetCallbackConfiguration", CallbackConfiguration)

    async def update(self, *, hmac_secret: str) -> CallbackConfiguration:
        """Set the secret with which callbacks are signed (`UpdateCallbackConfiguration`).

        Where an update is retried and then refused, the configuration is read; if it has the
        secret, the update has succeeded. Safe to repeat.

        Args:
            hmac_secret: the secret, used as UTF-8; receivers need the same.

        Returns:
            The configuration.

        Raises:
            InvalidRequest: it is empty, holds a control character (is there a newline at its
                end?), or cannot be written as UTF-8. No error shows the secret.
            SinchHostingError: what every call raises; see `SinchHosting`.
        """
        from .._session.requests import UpdateCallbackConfiguration  # noqa: PLC0415 - loads when used

        if isinstance(hmac_secret, str):
            hmac_secret = Secret(hmac_secret)  # from here on no dump of variables shows it
            _check_secret(hmac_secret)
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


def _check_secret(secret: Secret) -> None:
    """Raise `InvalidRequest` for a secret that nobody can sign with; it does not show the value."""
    if any("\ud800" <= character <= "\udfff" for character in secret.reveal()):
        raise InvalidRequest(
            field="hmac_secret", value="***", rule="must not hold a lone surrogate"
        )
    if any(character < " " or "\x7f" <= character <= "\x9f" for character in secret.reveal()):
        raise InvalidRequest(
            field="hmac_secret",
            value="***",
            rule="must not hold control characters; is there a newline at its end?",
        )


Callbacks = CallbackConfigurations
"""The name of the class in version 0.1."""
