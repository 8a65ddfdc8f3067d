"""The base of what the service sends."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import field, frozen


@frozen(kw_only=True)
class Answered:
    """The base of what the service answers."""

    _extra: Mapping[str, Any] | None = field(default=None, alias="extra", repr=False, hash=False)

    @property
    def extra(self) -> Mapping[str, Any]:
        """The fields of the answer that this version does not know, as they came."""
        return self._extra or {}
