"""Callbacks: the signature over the raw body, and the event inside it."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sinch_hosting
from sinch_hosting import callbacks
from sinch_hosting.callbacks import SIGNATURE_HEADER, parse, sign, signatures, verify
from sinch_hosting.errors import DecodeError, InvalidRequest, InvalidSignature
from sinch_hosting.models import CallbackEvent
from sinch_hosting.states import EventStatus, EventType, FailureCode, ResourceType

VECTORS = Path(__file__).parents[1] / "contract" / "callback-vectors.json"
SECRET = "hush-hush-hush"
EVENT = {
    "resourceType": "IMPORTED_NUMBER",
    "eventType": "LINK_TO_10DLC_CAMPAIGN",
    "eventId": "abcd1234efghijklmnop567890",
    "timestamp": "2023-06-06T07:45:27.785357Z",
    "projectId": "abcd12ef-ab12-ab12-bc34-abcdef123456",
    "resourceId": "+12345612345",
    "status": "FAILED",
    "failureCode": "CAMPAIGN_NOT_AVAILABLE",
}
BODY = json.dumps(EVENT).encode()
# From the vendor's published material.
KNOWN = ("callback-secret", BODY, "76f7f093727c819bd0fc9e778de57624ddc7001c")


def signed(body: object, secret: str = SECRET) -> tuple[bytes, str]:
    """A body as it travels, and its signature."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return raw, sign(raw, secret)


def test_the_known_answer() -> None:
    """HMAC-SHA1 of the raw body as 40 lowercase hex digits."""
    secret, body, signature = KNOWN
    assert sign(body, secret) == signature
    assert verify(body, signature, secret)


def test_the_vectors_file() -> None:
    """Every vector of the contract: non-ASCII and very long secrets, an empty body."""
    vectors = json.loads(VECTORS.read_text(encoding="utf-8"))
    assert vectors
    for vector in vectors:
        body = vector["body"].encode()
        assert sign(body, vector["secret"]) == vector["signature"]
        assert verify(body, vector["signature"], vector["secret"])
        assert not verify(body + b" ", vector["signature"], vector["secret"])


@settings(max_examples=100, deadline=None)
@given(body=st.binary(max_size=50), secret=st.text(min_size=1, max_size=20).filter(str.isprintable))
def test_what_is_signed_is_verified(body: bytes, secret: str) -> None:
    """Any body, any secret; another secret or another body does not fit."""
    signature = sign(body, secret)
    assert verify(body, signature, secret)
    assert not verify(body, signature, secret + "x")
    assert not verify(body + b"x", signature, secret)


def test_a_signature_may_be_in_upper_case() -> None:
    """Hex is hex."""
    body, signature = signed(EVENT)
    assert verify(body, signature.upper(), SECRET)


@pytest.mark.parametrize("secrets", [["old", SECRET], (SECRET, "new"), {SECRET}, iter([SECRET])])
def test_while_a_secret_is_replaced_either_fits(secrets: Any) -> None:
    """Several secrets, from any iterable."""
    body, signature = signed(EVENT)
    assert verify(body, signature, secrets)


def test_none_of_several_secrets_may_fit() -> None:
    """Then the body is not theirs."""
    body, signature = signed(EVENT)
    assert not verify(body, signature, ["old", "new"])


@pytest.mark.parametrize(
    "signature",
    [None, "", "0" * 40, "x" * 40, "0" * 39, "0" * 41, "é" * 40, "0" * 20, " " + "0" * 39],
)
def test_other_signatures_do_not_fit(signature: str | None) -> None:
    """Absent, empty, wrong, cut, too long, not hex, not ASCII: false, and no error."""
    assert not verify(BODY, signature, SECRET)


def test_a_cut_or_padded_signature_does_not_fit() -> None:
    """The right digits and fewer, or more."""
    body, signature = signed(EVENT)
    for wrong in (signature[:-1], signature + "0", f"sha1={signature}", f"{signature} "):
        assert not verify(body, wrong, SECRET)


@pytest.mark.parametrize(
    "secrets", ["", [], [""], ["good", ""], None, [None], [b"bytes"], iter(())]
)
def test_without_a_secret_nothing_is_verified(secrets: Any) -> None:
    """An empty key would let anybody sign; the error does not show the others."""
    for check in (verify, parse):
        with pytest.raises(InvalidRequest) as caught:
            check(BODY, sign(BODY, ""), secrets)
        assert caught.value.field == "secrets"
        assert "good" not in str(caught.value)


def test_every_secret_is_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    """In constant time, on bytes, whichever fits: time tells nothing about which it was."""
    compared: list[tuple[object, object]] = []
    real = signatures.hmac.compare_digest

    def spy(ours: bytes, theirs: bytes) -> bool:
        compared.append((ours, theirs))
        return real(ours, theirs)

    monkeypatch.setattr(signatures.hmac, "compare_digest", spy)
    body, signature = signed(EVENT)
    assert verify(body, signature, [SECRET, "second", "third"])
    assert len(compared) == 3
    assert all(type(side) is bytes for pair in compared for side in pair)


def test_a_signed_event_is_parsed() -> None:
    """Every field, typed."""
    event = parse(*signed(EVENT), SECRET)
    assert event == CallbackEvent(
        resource_type=ResourceType.IMPORTED_NUMBER,
        event_type=EventType.LINK_TO_10DLC_CAMPAIGN,
        event_id="abcd1234efghijklmnop567890",
        timestamp=datetime(2023, 6, 6, 7, 45, 27, 785357, tzinfo=UTC),
        project_id="abcd12ef-ab12-ab12-bc34-abcdef123456",
        resource_id="+12345612345",
        status=EventStatus.FAILED,
        failure_code=FailureCode.CAMPAIGN_NOT_AVAILABLE,
    )


def test_a_newer_event_survives() -> None:
    """Unknown types, codes and fields; a failure may come without a code."""
    newer = {**EVENT, "eventType": "PORTED_OUT", "failureCode": None, "carrier": {"a": 1}}
    event = parse(*signed(newer), SECRET)
    assert event.event_type == "PORTED_OUT"
    assert event.failure_code is None
    assert event.extra == {"carrier": {"a": 1}}


@pytest.mark.parametrize(
    ("signature", "said"),
    [(None, "is missing"), ("", "is missing"), ("0" * 40, "does not fit the body")],
)
def test_an_unsigned_body_is_not_parsed(signature: str | None, said: str) -> None:
    """It raises before the body is looked at; the error shows neither secret nor body."""
    for body in (BODY, b"no JSON at all"):
        with pytest.raises(InvalidSignature, match=said) as caught:
            parse(body, signature, SECRET)
        assert str(caught.value) == f"the {SIGNATURE_HEADER} header {said}"
        assert caught.value.__context__ is None


@pytest.mark.parametrize(
    ("body", "path"),
    [(b"", ""), (b"[]", ""), (b"<html>", "")],
)
def test_a_signed_body_that_is_no_event(body: bytes, path: str) -> None:
    """Then the service is at fault, not the signature."""
    with pytest.raises(DecodeError) as caught:
        parse(*signed(body), SECRET)
    assert (caught.value.operation, caught.value.path) == ("EventsCallback", path)


def test_the_module_is_reached_from_the_package() -> None:
    """`from sinch_hosting import callbacks`, as the documentation writes it."""
    assert sinch_hosting.callbacks is callbacks
    assert SIGNATURE_HEADER == "X-Sinch-Signature"


def test_a_signature_that_is_no_text_does_not_fit() -> None:
    """Headers as bytes, or a number: no foreign error in a handler of webhooks."""
    raw, signature = signed(EVENT)
    for wrong in (signature.encode(), bytearray(40), 40 * [0], 5):
        assert not verify(raw, wrong, SECRET)  # type: ignore[arg-type]
        with pytest.raises(InvalidSignature, match="does not fit"):
            parse(raw, wrong, SECRET)  # type: ignore[arg-type]


def test_the_module_offers_what_it_answers_with() -> None:
    """`from sinch_hosting.callbacks import CallbackEvent`, for type checkers, too."""
    assert callbacks.CallbackEvent is CallbackEvent
    assert "CallbackEvent" in callbacks.__all__
    assert all(hasattr(callbacks, name) for name in callbacks.__all__)


@pytest.mark.parametrize("secret", ["s\n", "s\r\n", "\x00", "\ud800"])
def test_a_secret_that_no_service_has_is_refused(secret: str) -> None:
    """A trailing newline would make every signature unfit; the error does not show the secret."""
    for check in (verify, parse):
        with pytest.raises(InvalidRequest, match="secrets") as caught:
            check(BODY, "0" * 40, ["another", secret])
        assert secret not in str(caught.value)


SIGNED = KNOWN[2]
REWRITTEN = json.dumps(EVENT, separators=(",", ":")).encode()
FOREIGN = json.dumps({**EVENT, "resourceId": "é"}, ensure_ascii=False).encode()


@pytest.mark.parametrize(
    ("body", "signature", "said"),
    [
        (BODY, f"sha1={SIGNED}", "it begins with 'sha1=': the service sends the hex digits alone"),
        (BODY, f"SHA1:{SIGNED}", "it begins with 'SHA1:'"),
        (BODY, base64.b64encode(bytes.fromhex(SIGNED)).decode(), "it looks like base64"),
        (BODY, f'"{SIGNED}"', "blanks or quotes around it"),
        (BODY, f"{SIGNED}\n", "blanks or quotes around it"),
        (BODY, "0" * 64, "it has 64 hex digits: HMAC-SHA1 has 40"),
        (BODY, SIGNED.encode(), "it is no text but bytes"),
        (b"", SIGNED, "the body is empty: was it read before?"),
        (REWRITTEN, SIGNED, "pass the raw body as it came"),
        (BODY + b"\n", SIGNED, "pass the raw body as it came"),
        (BODY, sign(REWRITTEN, KNOWN[0]), "pass the raw body as it came"),
        (json.dumps(json.loads(FOREIGN)).encode(), sign(FOREIGN, KNOWN[0]), "the raw body"),
    ],
)
def test_a_signature_that_does_not_fit_says_what_it_looks_like(
    body: bytes, signature: Any, said: str
) -> None:
    """The usual mistakes of frameworks and proxies; neither secret nor right signature shows."""
    with pytest.raises(InvalidSignature) as caught:
        parse(body, signature, ["another", KNOWN[0]])
    text = str(caught.value)
    assert text.startswith(f"the {SIGNATURE_HEADER} header does not fit the body; ")
    assert said in text
    assert KNOWN[0] not in text
    assert SIGNED not in text


@settings(max_examples=200, deadline=None)
@given(
    st.binary(max_size=200) | st.just(b"[" * 5000), st.text(max_size=60) | st.binary(max_size=50)
)
def test_whatever_comes_is_refused_in_one_way(body: bytes, signature: Any) -> None:
    """Telling what is wrong with a signature raises nothing else."""
    with pytest.raises(InvalidSignature):
        parse(body, signature, SECRET)
