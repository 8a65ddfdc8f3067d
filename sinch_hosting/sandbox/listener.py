"""The server under the sandbox: broken HTTP, too, is answered in the contract's shape."""

from __future__ import annotations

import logging
from typing import Any

from aiohttp import web
from aiohttp.http import HttpProcessingError

from .errors import Refusal
from .http import json_response

_log = logging.getLogger("sinch_hosting.sandbox")


class Connection(web.RequestHandler):
    """One connection; answers what is no HTTP request with an error body, not a page."""

    __slots__ = ()

    def log_exception(self, *args: Any, **kwargs: Any) -> None:
        """Log what failed, but not that a body cannot be read: its sender was told."""
        if not isinstance(kwargs.get("exc_info"), (web.RequestPayloadError, HttpProcessingError)):
            super().log_exception(*args, **kwargs)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """The answer to a request that could not be read, or whose handler failed."""
        if status >= 500:
            _log.error("the sandbox failed", exc_info=exc)
            message = "the sandbox failed; its log says why"
        refusal = Refusal(status, message or "the request is not valid HTTP")
        response = json_response(refusal.body(nested=False), status)
        response.force_close()
        return response


class Listener(web.Server):
    """An HTTP server whose connections are `Connection`."""

    def __call__(self) -> web.RequestHandler:
        """A new connection's protocol."""
        return Connection(self, loop=self._loop, **self._kwargs)
