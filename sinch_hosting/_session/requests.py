"""The bodies of the requests that have one; building one checks it.

A field that is left at its default is not sent, so `""` in a patch is a value, which clears.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import attrs
from attrs import frozen

from ..errors import InvalidRequest
from ..models import BlanketLoa, DirectLoa, Letter, ResellerLoa
from ..models import _checks as check
from ..models._base import Record
from .unset import UNSET, Unset

TEXT_ENABLE_LIMIT = 500


def _check_letter(value: object, name: str) -> None:
    if not isinstance(value, (DirectLoa, ResellerLoa, BlanketLoa)):
        raise InvalidRequest(
            field=name,
            value=value,
            rule="exactly one letter: a DirectLoa, a ResellerLoa or a BlanketLoa",
        )


def _check_toll_free_letter(value: object, name: str) -> None:
    if not isinstance(value, (DirectLoa, ResellerLoa)):
        raise InvalidRequest(
            field=name,
            value=value,
            rule="toll-free numbers need exactly one letter, a DirectLoa or a ResellerLoa",
        )


def _numbers(*, at_most: int | None, name: str = "numbers") -> Any:
    return attrs.field(
        converter=lambda values: check.check_phone_numbers(values, name, at_most=at_most)
    )


def _numbers_of_an_order(*, at_most: int | None) -> Any:
    """None by default: an order without numbers is a template, of which none is sent."""
    return attrs.field(
        default=(),
        converter=lambda values: (
            values
            if values == ()
            else check.check_phone_numbers(values, "numbers", at_most=at_most)
        ),
    )


def _check_plan(value: object, name: str) -> None:
    check.check_text(value, name)


def _check_given(value: object, name: str) -> None:
    if value is None:
        rule = 'must be text: pass "" to empty it, or leave it out to keep it'
        raise InvalidRequest(field=name, value=value, rule=rule)


def _check_patched_text(value: object, name: str) -> None:
    _check_given(value, name)
    check.check_any_text(value, name)


def _check_patched_url(value: object, name: str) -> None:
    _check_given(value, name)
    check.check_url(value, name)


@frozen(kw_only=True, eq=False, repr=False)
class SmsLink(Record):
    """What a new number is linked to."""

    service_plan_id: str = check.field(_check_plan)
    campaign_id: str | None = check.field(check.check_any_text, optional=None)
    migrate_to_sinch_tmo: bool | None = check.field(check.check_flag, optional=None)


@frozen(kw_only=True, eq=False, repr=False)
class ImportNumber(Record):
    """`CreateImportedNumberRequest`."""

    phone_number: str = check.field(check.check_phone_number)
    region_code: str = check.field(check.check_region)
    sms_configuration: SmsLink
    display_name: str | None = check.field(check.check_any_text, optional=None)
    callback_url: str | None = check.field(check.check_url, optional=None)


@frozen(kw_only=True, eq=False, repr=False)
class SmsPatch(Record):
    """The part of a patch that links and unlinks; `""` unlinks."""

    service_plan_id: str | Unset = check.field(_check_patched_text, optional=UNSET)
    campaign_id: str | Unset = check.field(_check_patched_text, optional=UNSET)


@frozen(kw_only=True, eq=False, repr=False)
class UpdateImportedNumber(Record):
    """`ImportedNumber` as a patch: only what was given is sent."""

    display_name: str | Unset = check.field(_check_patched_text, optional=UNSET)
    sms_configuration: SmsPatch | Unset = UNSET
    callback_url: str | Unset = check.field(_check_patched_url, optional=UNSET)


@frozen(kw_only=True, eq=False, repr=False)
class ImportNumbers(Record):
    """`ImportNumbersRequest`; how many numbers it may hold is the account's matter."""

    region_code: str = check.field(check.check_region)
    numbers: tuple[str, ...] = _numbers_of_an_order(at_most=None)
    service_plan_id: str = check.field(_check_plan)
    campaign_id: str | None = check.field(check.check_any_text, optional=None)
    display_name: str | None = check.field(check.check_any_text, optional=None)
    callback_url: str | None = check.field(check.check_url, optional=None)
    migrate_to_sinch_tmo: bool | None = check.field(check.check_flag, optional=None)


@frozen(kw_only=True, eq=False, repr=False)
class TextEnable(Record):
    """`TextEnableNumbersRequest`, with exactly one letter."""

    region_code: str = check.field(check.check_region)
    numbers: tuple[str, ...] = _numbers_of_an_order(at_most=TEXT_ENABLE_LIMIT)
    service_plan_id: str = check.field(_check_plan)
    loa: Letter = check.field(_check_letter)
    campaign_id: str | None = check.field(check.check_any_text, optional=None)
    nnid: str | None = check.field(check.check_text, optional=None)
    scheduled_osr_update_time: datetime | None = check.field(check.check_time, optional=None)
    display_name: str | None = check.field(check.check_any_text, optional=None)
    callback_url: str | None = check.field(check.check_url, optional=None)
    migrate_to_sinch_tmo: bool | None = check.field(check.check_flag, optional=None)


@frozen(kw_only=True, eq=False, repr=False)
class TextEnableTollFree(Record):
    """`TextEnableTollFreeNumbersRequest`: no campaign, no nnid, no blanket letter."""

    region_code: str = check.field(check.check_region)
    numbers: tuple[str, ...] = _numbers_of_an_order(at_most=TEXT_ENABLE_LIMIT)
    service_plan_id: str = check.field(_check_plan)
    loa: DirectLoa | ResellerLoa = check.field(_check_toll_free_letter)
    scheduled_zipwhip_provisioning_time: datetime | None = check.field(
        check.check_time, optional=None
    )
    display_name: str | None = check.field(check.check_any_text, optional=None)
    callback_url: str | None = check.field(check.check_url, optional=None)
    migrate_to_sinch_tmo: bool | None = check.field(check.check_flag, optional=None)


@frozen(kw_only=True, eq=False, repr=False)
class AddNumbers(Record):
    """`BatchCreateQualifiedNumbersRequest`."""

    phone_numbers: tuple[str, ...] = _numbers(at_most=None, name="phone_numbers")


@frozen(kw_only=True, eq=False, repr=False)
class VerifyVoiceChallenge(Record):
    """The code that a called person was told."""

    code: str = check.field(check.check_text)


def _check_secret(value: object, name: str) -> None:
    if not isinstance(value, str) or not value:
        # The value stays out of the error: it may be most of a secret.
        raise InvalidRequest(field=name, value="***", rule="must be text that is not empty")


@frozen(kw_only=True, eq=False, repr=False)
class UpdateCallbackConfiguration(Record):
    """`CallbackConfigurationUpdate`."""

    hmac_secret: str = attrs.field(
        repr=False, validator=lambda _self, attribute, value: _check_secret(value, attribute.name)
    )
