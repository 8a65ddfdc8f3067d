"""Tags: the text that a job writes at the start of its orders' display names.

A tag is `job/chunk.attempt/digest`, such as `acme-2026-11/7.1/k3vq27mmbdtya4ah6e`: 8 letters for
the numbers of the chunk, 5 for the arguments, 5 for the letter of authorization. It comes first
and is short, because the service may cut long names; the limit is not published.
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
        """The part of the digest for the numbers."""
        return self.digest[:_NUMBERS]

    @property
    def arguments(self) -> str:
        """The part of the digest for the arguments, without the letter."""
        return self.digest[_NUMBERS:_ARGUMENTS]

    @property
    def letter(self) -> str:
        """The part of the digest for the letter of authorization."""
        return self.digest[_ARGUMENTS:]

    def name(self, display_name: str | None) -> str:
        """Return the order's display name: the tag, then the caller's own name."""
        return f"{self} {display_name}" if display_name else str(self)


@frozen(kw_only=True)
class Fingerprint:
    """A digest for each argument that changes what the orders of a job do."""

    arguments: Mapping[str, str]
    letter: str

    @classmethod
    def of(cls, body: Mapping[str, Any], **further: object) -> Fingerprint:
        """Return the fingerprint of a request's JSON object, and of `further` values.

        The arguments have the names of the call, so that messages can name those that differ.
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
        """Return the names of the arguments that differ; `loa` is the letter."""
        names = sorted({*self.arguments, *other.arguments})
        differing = [n for n in names if self.arguments.get(n) != other.arguments.get(n)]
        return [*differing, *(["loa"] if self.letter != other.letter else [])]

    def tag(
        self, job: str, chunk: int, attempt: int, numbers: Iterable[str], *, is_last: bool
    ) -> Tag:
        """Return the tag of a chunk with all its numbers, before any are left out.

        It includes whether the chunk is the last one: numbers added at the end change the job.
        """
        listed = numbers_digest(numbers) + (" last" if is_last else "")
        digest = _digest(listed)[:_NUMBERS] + _digest(dict(self.arguments))[:5] + self.letter[:5]
        return Tag(job, chunk, attempt, digest)


def check_job(value: object, field: str = "job") -> str:
    """Return the name of a job; raises `InvalidRequest` for one that cannot stand in a tag."""
    if not isinstance(value, str) or not _JOB.match(value):
        raise InvalidRequest(
            field=field,
            value=value,
            rule="must be 1 to 32 letters, digits, dots, dashes and underscores, "
            "the first one a letter or a digit",
        )
    return value


def is_sub_job(name: str, job: str) -> bool:
    """Whether the name of a job, or of an order, is that of a sub-job of `job`.

    The name of a sub-job has a key of six letters at its end, such as `acme.k3vq27`; its tags
    begin with the name and a slash. Onboarding makes one for each group of numbers.
    """
    return name.startswith(job) and _GROUP.match(name, len(job)) is not None


def numbers_digest(numbers: Iterable[str]) -> str:
    """Return a digest of numbers; their order does not matter."""
    return _digest(sorted(numbers))


def tag_of(order: Order) -> Tag | None:
    """Return the tag at the start of an order's display name; `None` where there is none."""
    return parse_tag(order.display_name or "")


def parse_tag(name: str) -> Tag | None:
    """Return the tag at the start of a name; `None` where there is none."""
    return _tag(_TAG.match(name))


def tag_inside(name: str) -> Tag | None:
    """Return the first tag in a name, also behind other text; `None` where there is none."""
    return _tag(_TAG.search(name))


def _tag(found: re.Match[str] | None) -> Tag | None:
    if found is None:
        return None
    job, chunk, attempt, digest = found.groups()
    return Tag(job, int(chunk), int(attempt), digest)


def _snake_case(name: str) -> str:
    return re.sub("[A-Z]", lambda letter: f"_{letter[0].lower()}", name)


def _digest(value: object) -> str:
    raw = json.dumps(value, sort_keys=True, separators=(",", ":"), default=str).encode()
    return b32encode(blake2b(raw, digest_size=20).digest()).decode().lower()
