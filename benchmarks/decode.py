"""What making models of a page costs, beside other ways to make them of the same bytes."""

from __future__ import annotations

import gc
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from statistics import median
from typing import Any

import attrs
import cattrs
import msgspec
import pydantic
from cattrs.gen import make_dict_structure_fn, override
from pydantic.alias_generators import to_camel

from benchmarks._table import Table, show_ratio, show_spread
from sinch_hosting._session import codec
from sinch_hosting._session.converter import converter
from sinch_hosting._session.responses import ListedOrderNumbers
from sinch_hosting.models._base import camel_case
from sinch_hosting.states import OpenEnum, ProvisioningState

NUMBERS = 500
_ROUNDS = {50: 60, 500: 60, 5000: 6}
"""Rounds by the size of a page: the usual one, and a tenth and ten times of it."""
_PYDANTIC_AFTER_JSON = "pydantic: validate_python"
_PYDANTIC_WHOLE = "pydantic: validate_json"
_WHOLE = "sinch_hosting: the whole page, text by msgspec"
_UNSPECIFIED = ProvisioningState.UNSPECIFIED


def page(numbers: int = NUMBERS) -> bytes:
    """A page as the service sends it: four carriers, all times, one failure in eight."""
    carriers = ("smsAtt", "smsTmo", "mmsAtt", "mmsTmo")
    listed = [
        {
            "projectId": "6f4e1b0a-2d3c-4b5a-8f7e-9d0c1b2a3f4e",
            "hostingOrderId": "01J9ZQ5W8M3T7X2R4K6N8P0VBC",
            "phoneNumber": f"+1202555{index:04}",
            "osrUpdate": {"nnid": "104029", "state": "DONE"},
            "campaignProvisioning": {"campaignId": "CDEF123", "state": "IN_PROGRESS"},
            "platformProvisioning": {
                "servicePlanId": "a1b2c3d4e5f60718293a4b5c6d7e8f90",
                "state": "DONE",
            },
            **{carrier: _carrier(index + at) for at, carrier in enumerate(carriers)},
        }
        for index in range(numbers)
    ]
    whole = {"numbers": listed, "nextPageToken": "C2VNYXJrEg4K", "totalSize": numbers * 4}
    return json.dumps(whole, separators=(",", ":")).encode()


def _carrier(index: int) -> dict[str, str]:
    failed = index % 8 == 0
    return {
        "state": "FAILED" if failed else "WAITING",
        "errorCode": "60135" if failed else "",
        "errorMessage": "The number belongs to another aggregator" if failed else "",
        "updateTime": f"2026-03-02T09:{index % 60:02}:27.467353Z",
    }


# ------------------------------------------------------------------ by hand


@dataclass(slots=True)
class _HandStep:
    id: str | None
    state: ProvisioningState


@dataclass(slots=True)
class _HandCarrier:
    state: ProvisioningState
    error_code: str | None
    error_message: str | None
    update_time: datetime | None


@dataclass(slots=True)
class _HandNumber:
    phone_number: str
    project_id: str | None
    hosting_order_id: str | None
    osr_update: _HandStep
    campaign_provisioning: _HandStep
    platform_provisioning: _HandStep
    sms_att: _HandCarrier
    sms_tmo: _HandCarrier
    mms_att: _HandCarrier
    mms_tmo: _HandCarrier


_STATES = {state.value: state for state in ProvisioningState}


def _hand_step(given: dict[str, Any], id_field: str) -> _HandStep:
    return _HandStep(given.get(id_field), _STATES[given["state"]])


def _hand_carrier(given: dict[str, Any]) -> _HandCarrier:
    return _HandCarrier(
        _STATES[given["state"]],
        given.get("errorCode"),
        given.get("errorMessage"),
        datetime.fromisoformat(given["updateTime"]),
    )


def _by_hand(whole: dict[str, Any]) -> list[_HandNumber]:
    return [
        _HandNumber(
            given["phoneNumber"],
            given.get("projectId"),
            given.get("hostingOrderId"),
            _hand_step(given["osrUpdate"], "nnid"),
            _hand_step(given["campaignProvisioning"], "campaignId"),
            _hand_step(given["platformProvisioning"], "servicePlanId"),
            _hand_carrier(given["smsAtt"]),
            _hand_carrier(given["smsTmo"]),
            _hand_carrier(given["mmsAtt"]),
            _hand_carrier(given["mmsTmo"]),
        )
        for given in whole["numbers"]
    ]


# ------------------------------------------------------------------- cattrs


def _stock_cattrs() -> cattrs.Converter:
    """cattrs as it comes, for the same classes: extras dropped, nothing checked but by its type.

    Its hooks are generated, too. What they cost more is the call of each class's `__init__` and
    a call for each value.
    """
    stock = cattrs.Converter()

    def hook(cls: type[Any]) -> Callable[[Any, Any], Any]:
        names = {
            field.name: override(rename=camel_case(field.name), omit=field.name.startswith("_"))
            for field in attrs.fields(cls)
        }
        return make_dict_structure_fn(cls, stock, **names)  # type: ignore[arg-type]

    stock.register_structure_hook_factory(attrs.has, hook)
    stock.register_structure_hook(datetime, lambda value, _: datetime.fromisoformat(value))
    stock.register_structure_hook_func(
        lambda hint: isinstance(hint, type) and issubclass(hint, OpenEnum),
        lambda value, kind: kind(value),
    )
    return stock


# ----------------------------------------------------------------- pydantic


class _Model(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="allow", frozen=True, alias_generator=to_camel)


class _OsrUpdate(_Model):
    nnid: str | None = None
    state: ProvisioningState = _UNSPECIFIED


class _Campaign(_Model):
    campaign_id: str | None = None
    state: ProvisioningState = _UNSPECIFIED


class _Platform(_Model):
    service_plan_id: str | None = None
    state: ProvisioningState = _UNSPECIFIED


class _Carrier(_Model):
    state: ProvisioningState = _UNSPECIFIED
    error_code: str | None = None
    error_message: str | None = None
    update_time: datetime | None = None


class _Number(_Model):
    phone_number: str = ""
    project_id: str | None = None
    hosting_order_id: str | None = None
    osr_update: _OsrUpdate = _OsrUpdate()
    campaign_provisioning: _Campaign = _Campaign()
    platform_provisioning: _Platform = _Platform()
    sms_att: _Carrier = _Carrier()
    sms_tmo: _Carrier = _Carrier()
    mms_att: _Carrier = _Carrier()
    mms_tmo: _Carrier = _Carrier()


class _Page(_Model):
    numbers: tuple[_Number, ...] = ()
    next_page_token: str | None = None
    total_size: int | None = None


# ------------------------------------------------------------------ msgspec


class _SpecOsrUpdate(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    nnid: str | None = None
    state: ProvisioningState = _UNSPECIFIED


class _SpecCampaign(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    campaign_id: str | None = None
    state: ProvisioningState = _UNSPECIFIED


class _SpecPlatform(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    service_plan_id: str | None = None
    state: ProvisioningState = _UNSPECIFIED


class _SpecCarrier(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    state: ProvisioningState = _UNSPECIFIED
    error_code: str | None = None
    error_message: str | None = None
    update_time: datetime | None = None


class _SpecNumber(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    phone_number: str = ""
    project_id: str | None = None
    hosting_order_id: str | None = None
    osr_update: _SpecOsrUpdate = _SpecOsrUpdate()
    campaign_provisioning: _SpecCampaign = _SpecCampaign()
    platform_provisioning: _SpecPlatform = _SpecPlatform()
    sms_att: _SpecCarrier = _SpecCarrier()
    sms_tmo: _SpecCarrier = _SpecCarrier()
    mms_att: _SpecCarrier = _SpecCarrier()
    mms_tmo: _SpecCarrier = _SpecCarrier()


class _SpecPage(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    numbers: tuple[_SpecNumber, ...] = ()
    next_page_token: str | None = None
    total_size: int | None = None


# ---------------------------------------------------------------- measuring


def _ways(raw: bytes) -> dict[str, Callable[[], Any]]:
    """All that is compared, by what the table calls it; first after JSON, then the whole."""
    parsed = json.loads(raw)
    from_json = msgspec.json.Decoder(_SpecPage).decode
    stock = _stock_cattrs()

    def no_secrets(text: str) -> str:
        return text

    return {
        "sinch_hosting: the converter": lambda: converter.structure(parsed, ListedOrderNumbers),
        "cattrs as it comes, extras dropped": lambda: stock.structure(parsed, ListedOrderNumbers),
        _PYDANTIC_AFTER_JSON: lambda: _Page.model_validate(parsed),
        "by hand, unchecked": lambda: _by_hand(parsed),
        "msgspec: convert, extras dropped": lambda: msgspec.convert(parsed, _SpecPage),
        _WHOLE: lambda: codec.decode("ListNumbers", raw, ListedOrderNumbers, no_secrets),
        "the same, msgspec not installed": lambda: converter.structure(
            json.loads(raw.decode()), ListedOrderNumbers
        ),
        _PYDANTIC_WHOLE: lambda: _Page.model_validate_json(raw),
        "by hand, with json.loads": lambda: _by_hand(json.loads(raw)),
        "msgspec: json.decode, extras dropped": lambda: from_json(raw),
        "json.loads alone": lambda: json.loads(raw),
    }


def run(*, short: bool) -> Table:
    """Decode pages in each way in every round."""
    rows: list[tuple[str, ...]] = []
    for numbers in (NUMBERS,) if short else _ROUNDS:
        rows += _rows(numbers, rounds=5 if short else _ROUNDS[numbers])
    return Table(
        "pages of order numbers, about 0.75 kB a number",
        ("way", "numbers", "CPU us a number", "ratio", "middle half"),
        rows,
        notes=(
            "After JSON, the ratio is to pydantic's validate_python: at most 0.40 is wanted.",
            "From the whole page on, it is to its validate_json.",
            "What it does not show: numbers that differ in every part. The steps of these are",
            "alike but for the carriers' times, as those of one order are, and we share them.",
        ),
        plot="ratio",
    )


def _rows(numbers: int, rounds: int) -> list[tuple[str, ...]]:
    ways = _ways(page(numbers))
    measured = _alternate(ways, rounds)
    after_json, whole = measured[_PYDANTIC_AFTER_JSON], measured[_PYDANTIC_WHOLE]
    first_whole = list(ways).index(_WHOLE)
    rows: list[tuple[str, ...]] = []
    for index, (name, times) in enumerate(measured.items()):
        against = after_json if index < first_whole else whole
        cost = f"{median(times) / numbers * 1e6:.1f}"
        ratio, spread = show_ratio(times, against), show_spread(times, against)
        rows.append((name, f"{numbers}", cost, ratio, spread))
    return rows


def _alternate(ways: dict[str, Callable[[], Any]], rounds: int) -> dict[str, list[float]]:
    measured: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(rounds):
        for name, way in list(ways.items())[:: -1 if number % 2 else 1]:
            gc.collect()  # what one way leaves behind, the next one does not clear away
            began = time.process_time()
            way()
            measured[name].append(time.process_time() - began)
    return measured
