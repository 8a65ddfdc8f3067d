"""Letters of authorization, and who signs them: what a caller builds, checked when built."""

from __future__ import annotations

from typing import ClassVar

import attrs
from attrs import field, frozen

from ..errors import InvalidRequest
from . import _checks as check
from ._base import Answered, Record

_text = check.validator(check.check_text)


@frozen(kw_only=True, eq=False, repr=False)
class AuthorisedPerson(Answered):
    """Who signs the letter of authorization; it is mailed to `email`.

    Built by a caller, blank names and an impossible address raise `InvalidRequest`.
    """

    first_name: str = field(validator=_text)
    last_name: str = field(validator=_text)
    email: str = field(validator=check.validator(check.check_email))


@frozen(kw_only=True, eq=False, repr=False)
class Address(Answered):
    """Where the owner of the numbers is; `country` is passed as given (`US` or `USA`).

    Built by a caller, a blank part raises `InvalidRequest`.
    """

    building_number: str = field(validator=_text)
    street: str = field(validator=_text)
    city: str = field(validator=_text)
    state: str = field(validator=_text)
    postal_code: str = field(validator=_text)
    country: str = field(validator=_text)


def _check_person(value: object, name: str) -> None:
    if not isinstance(value, AuthorisedPerson):
        raise InvalidRequest(field=name, value=value, rule="must be an AuthorisedPerson")
    attrs.validate(value)  # one that an answer gave may be blank in parts


def _check_address(value: object, name: str) -> None:
    if not isinstance(value, Address):
        raise InvalidRequest(field=name, value=value, rule="must be an Address")
    attrs.validate(value)


@frozen(kw_only=True, eq=False, repr=False)
class DirectLoa(Record):
    """A letter of authorization from the owner of the numbers, mailed to be signed.

    A missing or blank part raises `InvalidRequest` (`DirectLoaInfo` in the contract).
    """

    is_on_the_wire: ClassVar[bool] = True
    wire_name: ClassVar[str] = "directLoaInfo"
    mails_a_letter: ClassVar[bool] = True

    authorised_person: AuthorisedPerson = field(validator=check.validator(_check_person))
    address: Address = field(validator=check.validator(_check_address))
    current_voice_carrier: str = field(validator=_text)


@frozen(kw_only=True, eq=False, repr=False)
class ResellerLoa(Record):
    """A letter of authorization by way of a reseller, mailed to be signed.

    A missing or blank part raises `InvalidRequest` (`ResellerLoaInfo` in the contract).
    """

    is_on_the_wire: ClassVar[bool] = True
    wire_name: ClassVar[str] = "resellerLoaInfo"
    mails_a_letter: ClassVar[bool] = True

    business_name: str = field(validator=_text)
    authorised_person: AuthorisedPerson = field(validator=check.validator(_check_person))
    address: Address = field(validator=check.validator(_check_address))
    current_voice_carrier: str = field(validator=_text)


@frozen(kw_only=True, eq=False, repr=False)
class BlanketLoa(Record):
    """A letter that covers all numbers of the account and was signed before; none is mailed.

    For local numbers only (`BlanketLoaInfo` in the contract).
    """

    is_on_the_wire: ClassVar[bool] = True
    wire_name: ClassVar[str] = "blanketLoaInfo"
    mails_a_letter: ClassVar[bool] = False


Letter = DirectLoa | ResellerLoa | BlanketLoa
