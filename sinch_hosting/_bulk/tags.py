"""Tags: what a job writes at the start of its orders' display names, and what it reads there.

A tag is `job/chunk.attempt/digest`, such as `acme-2026-11/7.1/k3vq27mmbdtya4ah6e`: 8 letters for
the numbers of the chunk, 5 for the arguments, 5 for the letter of authorization. It comes first
and is short, since the service may cut names at a length that it does not publish.
"""

from __future__ import annotations

import json
import re
from base64 import b32encode
from collections.abc import Iterable, Mapping
from hashlib import blake2b
from typing import Any

from attrs import frozen

from ..errors import InvalidRequest
from ..models import Order

_JOB = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}\Z")
_TAG = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]{0,31})/(\d+)\.(\d+)/([a-z2-7]{18})(?![a-z2-7])")
_GROUP = re.compile(r"\.[a-z2-7]{6}(?=/|\Z)")
_NUMBERS, _ARGUMENTS = 8, 13
_LETTER_FIELDS = ("directLoaInfo", "resellerLoaInfo", "blanketLoaInfo")
_NOT_MEANING = ("numbers", "displayName")


@frozen
class Tag:
    """The name of one order of a job."""

    job: str
    chunk: int
    attempt: int
    digest: str

    def __str__(self) -> str:
        return f"{self.job}/{self.chunk}.{self.attempt}/{self.digest}"

    @property
    def numbers(self) -> str:
        """The part of the digest that the numbers make."""
        return self.digest[:_NUMBERS]

    @property
    def arguments(self) -> str:
        """The part of the digest that the arguments make, the letter apart."""
        return self.digest[_NUMBERS:_ARGUMENTS]

    @property
    def letter(self) -> str:
        """The part of the digest that the letter of authorization makes."""
        return self.digest[_ARGUMENTS:]

    def name(self, display_name: str | None) -> str:
        """The order's display name: the tag, and the caller's own behind it."""
        return f"{self} {display_name}" if display_name else str(self)


@frozen(kw_only=True)
class Fingerprint:
    """A digest for each argument that changes what the orders of a job do."""

    arguments: Mapping[str, str]
    letter: str

    @classmethod
    def of(cls, body: Mapping[str, Any], **further: object) -> Fingerprint:
        """The fingerprint of a request's JSON object, and of what else matters.

        The arguments have the names of the call, since those that differ are told by name.
        """
        left_out = (*_NOT_MEANING, *_LETTER_FIELDS)
        given = {_snake_case(k): v for k, v in body.items() if k not in left_out}
        letter = {name: body[name] for name in _LETTER_FIELDS if name in body}
        return cls(
            arguments={
                name: _digest(value) for name, value in sorted({**given, **further}.items())
            },
            letter=_digest(letter),
        )

    def differs_from(self, other: Fingerprint) -> list[str]:
        """The arguments that are not the same, by name; `loa` is the letter."""
        names = sorted({*self.arguments, *other.arguments})
        differing = [n for n in names if self.arguments.get(n) != other.arguments.get(n)]
        return [*differing, *(["loa"] if self.letter != other.letter else [])]

    def tag(
        self, job: str, chunk: int, attempt: int, numbers: Iterable[str], *, is_last: bool
    ) -> Tag:
        """The tag of a chunk as it was asked for, before any exclusion.

        That it is the last one is part of it: numbers that are added at the end change the job.
        """
        listed = numbers_digest(numbers) + (" last" if is_last else "")
        digest = _digest(listed)[:_NUMBERS] + _digest(dict(self.arguments))[:5] + self.letter[:5]
        return Tag(job, chunk, attempt, digest)


def check_job(value: object, field: str = "job") -> str:
    """A job's name: short, and without what would break a tag."""
    if not isinstance(value, str) or not _JOB.match(value):
        raise InvalidRequest(
            field=field,
            value=value,
            rule="must be 1 to 32 letters, digits, dots, dashes and underscores, "
            "the first one a letter or a digit",
        )
    return value


def is_sub_job(name: str, job: str) -> bool:
    """Whether a job, or an order, is called as the sub-jobs of `job` are.

    Those have a key of six letters, such as `acme.k3vq27`; their tags begin with that and a
    slash. Who opens orders in groups, which the input does not tell, makes one of each.
    """
    return name.startswith(job) and _GROUP.match(name, len(job)) is not None


def numbers_digest(numbers: Iterable[str]) -> str:
    """A digest of numbers, whatever their order."""
    return _digest(sorted(numbers))


def tag_of(order: Order) -> Tag | None:
    """The tag that an order's display name starts with."""
    return parse_tag(order.display_name or "")


def parse_tag(name: str) -> Tag | None:
    """The tag that a name starts with, if it does."""
    found = _TAG.match(name)
    if found is None:
        return None
    job, chunk, attempt, digest = found.groups()
    return Tag(job, int(chunk), int(attempt), digest)


def _snake_case(name: str) -> str:
    return re.sub("[A-Z]", lambda letter: f"_{letter[0].lower()}", name)


def _digest(value: object) -> str:
    raw = json.dumps(value, sort_keys=True, separators=(",", ":"), default=str).encode()
    return b32encode(blake2b(raw, digest_size=20).digest()).decode().lower()
