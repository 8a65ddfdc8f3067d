"""The last moment at which a request can still be stopped: when its first byte is written."""

from __future__ import annotations

from aiohttp.abc import AbstractStreamWriter
from aiohttp.payload import BytesPayload

from ..errors import SinchHostingError
from .retry import CreateObserver


class GuardedBody(BytesPayload):
    """The body of a create; it is written only if the observer of the create lets it.

    aiohttp writes the headers together with the first bytes of the body, and does that in a task
    of its own. A process that was stopped while this task waited would send the request whenever
    it goes on, before any time-out can strike. So the observer is asked once more, with nothing
    to await between its answer and the bytes.
    """

    def __init__(self, value: bytes, observer: CreateObserver) -> None:
        super().__init__(value)
        self._observer = observer
        self.stopped_by: SinchHostingError | None = None
        """Why nothing was written; `None` where it was, or nobody has tried yet."""

    async def write_with_length(
        self, writer: AbstractStreamWriter, content_length: int | None
    ) -> None:
        """Write the body, unless the observer raises."""
        try:
            self._observer.on_writing()
        except SinchHostingError as error:
            self.stopped_by = error
            raise
        await super().write_with_length(writer, content_length)
