"""The quick ways of reading an answer, and the plain ones that they have to agree with."""

from __future__ import annotations

import json
import threading
from typing import Any

import attrs
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from sinch_hosting._session import codec, converter, responses
from sinch_hosting._session.converter import StructureError
from sinch_hosting.models import (
    CallbackConfiguration,
    CallbackEvent,
    CampaignProvisioning,
    ImportedNumber,
    Order,
    OrderNumber,
    OrderReport,
    OsrUpdate,
    QualifiedNumber,
)

MODELS = [
    *(Order, OrderNumber, OrderReport, ImportedNumber, QualifiedNumber),
    *(CallbackConfiguration, CallbackEvent, responses.AccessToken, responses.ListedOrders),
]
TIMES = [
    "2026-03-02T09:15:27.123456Z",
    "2026-03-02T09:15:27+02:00",
    "2026-03-02T09:15:27",
    "2016-12-31T23:59:60Z",
    "",
    "soon",
]
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-3, 3)
    | st.floats(allow_nan=False)
    | st.sampled_from([*TIMES, "DONE", "COMPLETED", "WAITING", "A_STATE_OF_TOMORROW", "5"])
)
ODD = SCALARS | st.lists(SCALARS, max_size=2) | st.dictionaries(st.just("x"), SCALARS, max_size=1)


def objects_of(cls: type[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """JSON objects with the fields of a class, most of them as they should be, some not."""
    optional: dict[str, st.SearchStrategy[Any]] = {"tomorrow": ODD}
    for field in converter._fields_of(cls):
        value: st.SearchStrategy[Any] = ODD
        (kind, *_) = field.kinds
        if attrs.has(kind):
            value = st.one_of(objects_of(kind), objects_of(kind), ODD)
        for name in filter(None, (field.wire, field.also)):
            optional[name] = value
    return st.fixed_dictionaries({}, optional=optional)


def result_of(read: Any, *arguments: Any) -> object:
    """What a function returns, with its extra fields and types; or what it raises."""
    try:
        made = read(*arguments)
    except StructureError as misfit:
        return str(misfit), misfit.where
    return repr(made), made, _extras(made)


def _extras(made: Any) -> list[object]:
    found: list[object] = [repr(made.extra)]
    for field in attrs.fields(type(made)):
        value = getattr(made, field.name)
        found += _extras(value) if attrs.has(type(value)) else []
    return found


@pytest.mark.parametrize("cls", MODELS)
def test_the_quick_way_reads_what_the_careful_one_reads(cls: type[Any]) -> None:
    """The same object, the same extra fields, the same error with the same path."""
    fields = converter._fields_of(cls)
    careful = converter._careful_hook(cls, fields)
    quick = converter._quick_hook(cls, fields, careful)

    @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(objects_of(cls))
    def check(came: dict[str, Any]) -> None:
        assert result_of(quick, came) == result_of(careful, came)

    check()


def test_the_quick_way_is_the_one_that_is_taken() -> None:
    """A page as the service sends it needs no careful look: that would be slow, and unseen."""

    def careful(came: Any) -> Any:
        raise AssertionError(f"{came} was looked at with care")

    fields = converter._fields_of(CampaignProvisioning)
    quick = converter._quick_hook(CampaignProvisioning, fields, careful)

    assert quick({"campaignId": "C", "state": "DONE"}, None).campaign_id == "C"
    assert quick({"state": None, "of": "tomorrow"}, None).extra == {"of": "tomorrow"}
    assert quick({"state": "TOMORROW"}, None).state.value == "TOMORROW"


def test_equal_small_objects_are_one() -> None:
    """The numbers of an order stand on one campaign: they share one object of it."""
    one = {"campaignProvisioning": {"campaignId": "C", "state": "DONE"}}
    first, second = (converter.converter.structure(dict(one), OrderNumber) for _ in range(2))

    assert first.campaign_provisioning is second.campaign_provisioning
    one["campaignProvisioning"]["state"] = "FAILED"
    assert converter.converter.structure(one, OrderNumber).campaign_provisioning.state == "FAILED"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"nnid": 1, "state": "DONE"}, {"nnid": True, "state": "DONE"}),
        ({"nnid": "1", "state": 1}, {"nnid": "1", "state": 1.0}),
        ({"nnid": "1", "state": "DONE", "x": [1]}, {"nnid": "1", "x": [1]}),
    ],
)
def test_what_only_looks_equal_is_not_shared(before: dict[str, Any], after: dict[str, Any]) -> None:
    """`True` equals 1; and nobody sees the extra fields that another one changes."""
    hook = converter._structure_hook(OsrUpdate)
    careful = converter._careful_hook(OsrUpdate, converter._fields_of(OsrUpdate))
    made = hook(before, None)
    if made.extra:
        made.extra["x"].append(2)
        assert hook({**before, "x": [1]}, None).extra == {"x": [1]}
    assert result_of(hook, after, None) == result_of(careful, after)


def test_threads_that_decode_at_once_do_not_mix_shared_objects() -> None:
    """What is remembered is the object together with what came for it."""
    hook = converter._structure_hook(CampaignProvisioning)
    wrong: list[object] = []

    def decode(name: str) -> None:
        for _ in range(3000):
            made = hook({"campaignId": name, "state": "DONE"}, None)
            if made.campaign_id != name:
                wrong.append(made)

    threads = [threading.Thread(target=decode, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


# ------------------------------------------------------------------- JSON

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text()
    | st.text(st.characters(categories=["Cs", "Lu", "Cc"]), max_size=3),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
TEXTS = st.one_of(
    VALUES.map(lambda value: json.dumps(value).encode()),
    VALUES.map(
        lambda value: json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")
    ),
    st.text('[]{}",:0123456789.eE+-\\untrfalsNaInity \t\r\n\x0c', max_size=12).map(str.encode),
    st.binary(max_size=12),
)


def _json_alone(raw: bytes) -> object:
    try:
        return json.loads(raw.decode())
    except ValueError:
        return json.loads(raw)


def _outcome(read: Any, raw: bytes) -> str:
    try:
        return repr(read(raw))  # it tells 1 from 1.0 and True, 0.0 from -0.0, and shows NaN
    except (ValueError, RecursionError) as error:
        return type(error).__name__


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(TEXTS)
@example(b"123456789012345678901234567890")
@example(b"[NaN, Infinity, -Infinity, 1e999, -0, -0.0, 1e-999]")
@example(b'{"a": 1, "a": 2}')
@example(b'"\\ud800"')
@example(b'"\\ud83d\\ude00 \\udc00\\ud800"')
@example(b"\xef\xbb\xbf{}")
@example('{"a": "ü"}'.encode("utf-16"))
@example(b"1" * 5000)
@example(b"1" * 400 + b".0")
@example(b"[" * 100_000)
@example(b"\xff\xfe")
@example(b"")
def test_json_is_read_alike_with_msgspec_and_without(raw: bytes) -> None:
    """Big integers, NaN, keys that come twice, halves of characters, broken texts."""
    pytest.importorskip("msgspec")

    assert _outcome(codec._parsed, raw) == _outcome(_json_alone, raw)


def test_msgspec_is_used_where_it_is_installed() -> None:
    """Otherwise the test above would compare json with itself."""
    msgspec = pytest.importorskip("msgspec")

    assert codec._parser() is msgspec.json.decode


def test_json_alone_does_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where msgspec is not installed, or rounds large integers as its old versions do."""
    monkeypatch.setitem(__import__("sys").modules, "msgspec", None)
    parser = codec._parser.__wrapped__()

    assert parser(b'{"a": 18446744073709551616}') == {"a": 18446744073709551616}
    assert "json" in parser.__code__.co_names
