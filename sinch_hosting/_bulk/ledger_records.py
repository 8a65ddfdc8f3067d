"""The records of a ledger: what each job asked for last, and the state of each chunk.

A record is a JSON object that begins with `at` and has an `event`: `run` (a run begins), `sending`
(a create is about to be sent) or `answered` (its result). Later versions may have other events.
From version 2 on a record has its number in the file (`seq`) and, as its last field, a checksum
(`sum`).
"""

from __future__ import annotations

import json
from base64 import b32encode
from collections.abc import Iterable, Mapping
from hashlib import blake2b
from typing import TypedDict, Unpack, cast

from attrs import define, evolve, field, frozen

from .._session.orders_api import Place
from ..errors import shortened
from ..states import OrderType
from .tags import Fingerprint, parse_tag

Pairs = Iterable[tuple[str, str]]
CREATED, ADOPTED, FAILED, UNKNOWN = "created", "adopted", "failed", "unknown"


@frozen(kw_only=True)
class Entry:
    """The last attempt of a chunk, as the ledger has it."""

    chunk: int
    attempt: int
    tag: str
    count: int = 0
    """How many numbers were sent."""
    sent: str = ""
    """A digest of them."""
    sends: int = 1
    """How often the attempt was sent without a known result."""
    outcome: str | None = None
    """`None` while it is in flight."""
    is_resent: bool = False
    """Whether it was sent before, and the result of that is unknown."""
    order_id: str | None = None
    rejected_id: str | None = None
    """The REJECTED order of the attempt before."""
    left_out: tuple[tuple[str, str], ...] = ()
    """The numbers of the chunk that are not in the order, with reasons."""
    listed: tuple[str, ...] = ()
    """The numbers that were sent, where the run recorded them."""

    @property
    def is_open(self) -> bool:
        """Whether there may be an order that nobody has seen."""
        # A refusal of the second send says nothing about the first.
        return self.outcome in (None, UNKNOWN) or (self.outcome == FAILED and self.is_resent)


@define
class JobEntries:
    """One job, as the ledger has it."""

    run: Mapping[str, object]
    """The `run` record of its last run."""
    letters: set[str] = field(factory=set)
    """The letters (as digests) of all its runs."""
    chunks: dict[int, Entry] = field(factory=dict)

    @property
    def operation(self) -> str:
        """The operation that creates its orders."""
        return str(self.run.get("operation"))

    @property
    def place(self) -> Place:
        """Where its orders are listed."""
        return Place(
            type=OrderType(str(self.run.get("type"))),
            service_plan_id=str(self.run.get("service_plan_id")),
            campaign_id=str(self.run.get("campaign_id") or ""),
        )

    @property
    def fingerprint(self) -> Fingerprint:
        """The digests of its arguments, the last run's letter among them."""
        arguments = self.run.get("arguments")
        known = arguments.items() if isinstance(arguments, dict) else ()
        return Fingerprint(
            arguments={str(name): str(digest) for name, digest in known},
            letter=str(self.run.get("letter")),
        )


def sending_record(job: str, entry: Entry, about: Mapping[str, object]) -> dict[str, object]:
    """Return the record of a create that is about to be sent."""
    left_out = [list(pair) for pair in entry.left_out]
    sent = {"count": entry.count, "sent": entry.sent, "left_out": left_out}
    return {**_of_entry("sending", job, entry), **sent, **about}


class Result(TypedDict, total=False):
    """What a ledger records of a create that was answered, beside its outcome."""

    order_id: str | None
    error: BaseException | None
    left_out: Pairs | None
    """The numbers that the order does not hold, with reasons, where that is known."""


def answered_record(
    job: str, entry: Entry, outcome: str, **result: Unpack[Result]
) -> dict[str, object]:
    """Return the record of the result of a create."""
    record = {**_of_entry("answered", job, entry), "outcome": outcome}
    if (left_out := result.get("left_out")) is not None:
        record["left_out"] = [list(pair) for pair in left_out]
    if order_id := result.get("order_id"):
        record["order_id"] = order_id
    if (error := result.get("error")) is not None:
        record["error"] = shortened(f"{type(error).__name__}: {error}")
    return record


def unsent_record(job: str, entry: Entry, error: BaseException) -> dict[str, object]:
    """Return the record that a create was not sent after all."""
    record = answered_record(job, entry, FAILED)
    return {**record, "error": f"not sent: {type(error).__name__}"}


def _of_entry(event: str, job: str, entry: Entry) -> dict[str, object]:
    return {
        "event": event,
        "job": job,
        "chunk": entry.chunk,
        "attempt": entry.attempt,
        "tag": entry.tag,
    }


class Damaged(ValueError):
    """A record that this package did not write as it stands."""


def line_of(record: Mapping[str, object], number: int) -> bytes:
    """Return the line of a record: with its number in the file, and a checksum at the end."""
    at, *others = record.items()
    text = json.dumps(dict((at, ("seq", number), *others)), separators=(",", ":"))[:-1].encode()
    return b'%s,"sum":"%s"}\n' % (text, _checksum(text))


def record_of(line: bytes) -> dict[str, object] | None:
    """Return the record in a line; `None` where there is none: it was cut, or is something else.

    Raises `Damaged` where the checksum does not fit the text. Version 1 had no checksums.
    """
    try:
        record = json.loads(line)
    except ValueError:
        return None
    if not (isinstance(record, dict) and {"at", "event", "job"} <= record.keys()):
        return None
    if "seq" in record or "sum" in record:
        text, _, said = line.rstrip().rpartition(b',"sum":')
        if said != b'"%s"}' % _checksum(text):
            raise Damaged("its checksum is not that of its text: it was changed")
    return record


def check_number(record: Mapping[str, object], expected: int) -> None:
    """Raise `Damaged` where a record does not follow the one before it in the file."""
    number = record.get("seq", expected)
    if number == expected:
        return
    if type(number) is not int or number < expected:
        raise Damaged(f"record {number!r} is there where record {expected} belongs")
    if expected == 1:
        raise Damaged(f"record {number} is the first: what was before its beginning is cut off")
    raise Damaged(f"records {expected} to {number - 1} are missing before it")


def _checksum(text: bytes) -> bytes:
    return b32encode(blake2b(text, digest_size=5).digest()).lower()


def take_in(jobs: dict[str, JobEntries], record: Mapping[str, object]) -> None:
    """Add a record to the jobs; raises `Damaged`."""
    job, event = _text(record, "job"), record["event"]
    if event == "run":
        if not isinstance(record.get("arguments"), dict):
            raise Damaged("a run without its arguments")
        known = jobs.setdefault(job, JobEntries(record))
        known.run = record
        known.letters.add(_text(record, "letter"))
    elif event in ("sending", "answered"):
        if job not in jobs:
            raise Damaged(f"it tells of job {job!r} before its beginning")
        chunks, chunk = jobs[job].chunks, _whole(record, "chunk")
        read = _sending if event == "sending" else _answered
        chunks[chunk] = read(chunks.get(chunk), record)


def _answered(before: Entry | None, record: Mapping[str, object]) -> Entry:
    tag, attempt, outcome = _tag(record), _whole(record, "attempt"), _text(record, "outcome")
    order_id = _text(record, "order_id") if "order_id" in record else None
    entry = before
    if before is None or before.tag != tag:  # adopted without having been sent from here
        if before is not None and _stands_against(before, attempt):
            return before
        entry = Entry(chunk=_whole(record, "chunk"), attempt=attempt, tag=tag)
    elif before.outcome in (CREATED, ADOPTED) and order_id != before.order_id:
        # A duplicate of the known order; or another run, whose create came to nothing.
        return before
    assert entry is not None  # noqa: S101
    # A refusal is an answer: only the sends before it are in doubt.
    was_refused = outcome == FAILED and entry.is_resent and entry.outcome != FAILED
    return evolve(
        entry,
        outcome=outcome,
        order_id=order_id or entry.order_id,
        left_out=_pairs(record) if "left_out" in record else entry.left_out,
        sends=entry.sends - was_refused,
    )


def _stands_against(entry: Entry, attempt: int) -> bool:
    """Whether the entry must stay, although another attempt (or letter) has a result."""
    if entry.outcome in (CREATED, ADOPTED):
        return attempt <= entry.attempt
    return entry.outcome in (None, UNKNOWN) or (entry.is_open and attempt < entry.attempt)


def _sending(before: Entry | None, record: Mapping[str, object]) -> Entry:
    # For every letter and attempt: the result of the send before is unknown.
    is_resent = before is not None and before.is_open
    sends, rejected_id = 1, None
    if before is not None:
        sends += before.sends if is_resent else 0
        rejected_id = before.order_id or before.rejected_id
    return Entry(
        chunk=_whole(record, "chunk"),
        attempt=_whole(record, "attempt"),
        tag=_tag(record),
        is_resent=is_resent,
        count=_whole(record, "count"),
        sent=_text(record, "sent"),
        sends=sends,
        rejected_id=rejected_id,
        left_out=_pairs(record),
        listed=_texts(record, "listed"),
    )


def _text(record: Mapping[str, object], name: str) -> str:
    value = record.get(name)
    if not isinstance(value, str) or not value:
        raise Damaged(f"its {name!r} is {value!r}")
    return value


def _whole(record: Mapping[str, object], name: str) -> int:
    value = record.get(name)
    if type(value) is not int or value < 0:
        raise Damaged(f"its {name!r} is {value!r}")
    return value


def _tag(record: Mapping[str, object]) -> str:
    tag = _text(record, "tag")
    if parse_tag(tag) is None:
        raise Damaged(f"its 'tag' is {tag!r}")
    return tag


def _texts(record: Mapping[str, object], name: str) -> tuple[str, ...]:
    listed = record.get(name, [])
    if not isinstance(listed, list):
        raise Damaged(f"its {name!r} is {listed!r}")
    return tuple(map(str, listed))


def _pairs(record: Mapping[str, object]) -> tuple[tuple[str, str], ...]:
    listed = record.get("left_out", [])
    try:
        return tuple((str(number), str(reason)) for number, reason in cast("Pairs", listed))
    except (TypeError, ValueError):
        raise Damaged(f"its 'left_out' is {listed!r}") from None
