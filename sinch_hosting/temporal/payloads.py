"""attrs classes as payloads: Temporal's own JSON converter does not take them."""

from __future__ import annotations

from typing import Any

import attrs
from cattrs.preconf.json import make_converter
from temporalio.api.common.v1 import Payload
from temporalio.converter import (
    CompositePayloadConverter,
    DataConverter,
    DefaultPayloadConverter,
    JSONPlainPayloadConverter,
)

_CATTRS = make_converter(forbid_extra_keys=False, omit_if_default=True)


class AttrsPayloadConverter(JSONPlainPayloadConverter):
    """Writes attrs classes as JSON objects, and reads them by the hints of who gets them.

    Fields that a later version added are passed over, and missing ones have their defaults: a job
    that runs for weeks may be read by two versions.
    """

    def to_payload(self, value: Any) -> Payload | None:
        """Return the payload of a value."""
        return super().to_payload(_CATTRS.unstructure(value) if attrs.has(type(value)) else value)

    def from_payload(self, payload: Payload, type_hint: type | None = None) -> Any:
        """Return the value of a payload."""
        if type_hint is not None and attrs.has(type_hint):
            return _CATTRS.structure(super().from_payload(payload), type_hint)
        return super().from_payload(payload, type_hint)


class AttrsPayloads(CompositePayloadConverter):
    """The default payloads, but for the JSON ones."""

    def __init__(self) -> None:
        given = DefaultPayloadConverter.default_encoding_payload_converters
        super().__init__(
            *(AttrsPayloadConverter() if c.encoding == "json/plain" else c for c in given)
        )


DATA_CONVERTER = DataConverter(payload_converter_class=AttrsPayloads)
