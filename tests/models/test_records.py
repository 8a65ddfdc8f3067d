"""What all models share: they compare, hash and print by their fields, as attrs would have it."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from sinch_hosting import PollPolicy, RetryPolicy, models
from sinch_hosting.models._base import Record
from sinch_hosting.models.pages import Page

CLASSES = [
    cls
    for cls in (*map(vars(models).get, models.__all__), Page, PollPolicy, RetryPolicy)
    if isinstance(cls, type)
]


def filled(cls: type[Any], **changes: object) -> Any:
    """An object of a class whose fields all have something that can be told apart."""
    made = object.__new__(cls)
    for number, field in enumerate(attrs.fields(cls)):
        object.__setattr__(made, field.name, changes.get(field.name, f"{field.name} {number}"))
    return made


@pytest.mark.parametrize("cls", CLASSES)
def test_records_compare_by_each_field_that_is_compared(cls: type[Any]) -> None:
    """And with nothing but their own class."""
    assert issubclass(cls, Record)
    assert filled(cls) == filled(cls)
    assert filled(cls) != object()
    assert filled(cls) != filled(type(cls.__name__, (cls,), {"__slots__": ()}))
    for field in attrs.fields(cls):
        assert (filled(cls) != filled(cls, **{field.name: "other"})) == bool(field.eq)


@pytest.mark.parametrize("cls", CLASSES)
def test_equal_records_have_one_hash(cls: type[Any]) -> None:
    """The extra fields are a dict, so they are left out of it; so is what is not compared."""
    assert hash(filled(cls)) == hash(filled(cls))
    for field in attrs.fields(cls):
        hashed = field.eq if field.hash is None else field.hash
        other = filled(cls, **{field.name: "other"})
        assert (hash(filled(cls)) != hash(other)) == bool(hashed)
    assert hash(filled(cls)) != hash(filled(type(cls.__name__, (cls,), {"__slots__": ()})))
