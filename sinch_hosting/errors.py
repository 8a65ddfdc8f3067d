"""All errors of this package.

```
SinchHostingError
├── ConfigurationError      settings missing or contradictory; no request was made
├── UsageError              a closed client, or a client of another event loop (RuntimeError)
├── InvalidRequest          the caller's arguments; nothing was sent (ValueError)
│   └── JobChanged              a job that was begun with others than now (also a JobError)
├── TransportError          no answer came
├── OutcomeUnknown          a create whose answer was lost; it may have been carried out
├── ApiError                the service answered with an error
│   ├── BadRequest              400
│   ├── AuthenticationFailed    401
│   ├── PermissionDenied        403
│   ├── NotFound                404
│   ├── Conflict                409
│   ├── RateLimited             429, with `retry_after`
│   └── ServerError             5xx
├── NotConfirmed            `confirm` did not agree to the letters; nothing was sent
├── DecodeError             a 2xx answer that cannot be understood
├── UnreadableList          a list that does not end, or does not show all that it counts
│   └── PageTokenRepeated       a list that gives a page token again
├── RelinkFailed            a number was unlinked, and could not be linked again
├── JobError                a job, or a bulk run, that cannot go on; nothing was sent for it
│   ├── LedgerError             its ledger cannot be read or written
│   │   └── LedgerLocked            another run holds the ledger
│   └── RunStopped              the run had stopped before this chunk
├── WaitError               a wait that cannot succeed, or whose time ran out, with its `last`
│   ├── OrderRejected           the order is REJECTED
│   ├── NumberFailed            the number cannot reach the wanted state any more
│   └── WaitTimeout             the time ran out (TimeoutError)
└── InvalidSignature        a callback that was not signed with one of the secrets
```
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .models import ImportedNumber, Order, OrderNumber, QualifiedNumber

__all__ = [
    "ApiError",
    "AuthenticationFailed",
    "BadRequest",
    "ConfigurationError",
    "Conflict",
    "DecodeError",
    "InvalidRequest",
    "InvalidSignature",
    "JobChanged",
    "JobError",
    "LedgerError",
    "LedgerLocked",
    "NotConfirmed",
    "NotFound",
    "NumberFailed",
    "OrderRejected",
    "OutcomeUnknown",
    "PageTokenRepeated",
    "PermissionDenied",
    "RateLimited",
    "RelinkFailed",
    "RunStopped",
    "ServerError",
    "SinchHostingError",
    "TransportError",
    "UnreadableList",
    "UsageError",
    "WaitError",
    "WaitTimeout",
]

_SHOWN, _LONGEST = 120, 1000

# Only these statuses, in a refusal of the service's own, prove that nothing was done. After any
# other status (408, 499, 3xx, 5xx, …) the request may have been carried out.
_NOTHING_WAS_DONE = frozenset({400, 401, 403, 404, 405, 409, 413, 415, 422, 429})
# With these words such a refusal proves nothing: the request ended half way.
_BROKE_OFF = ("ABORTED", "CANCELLED", "DATA_LOSS", "DEADLINE_EXCEEDED", "INTERNAL", "UNAVAILABLE")
# Answers that another try may change; from 520 on, those of content delivery networks.
_MAY_PASS = frozenset({408, 425, 429, 499, 500, 502, 503, 504, *range(520, 528), 530})


def shortened(text: str, longest: int = _LONGEST) -> str:
    """Return a text for an error, a log or a ledger: the service's may be of any length."""
    return text if len(text) <= longest else text[:longest] + "…"


def _rebuild(
    cls: type[SinchHostingError], args: tuple[Any, ...], state: dict[str, Any]
) -> SinchHostingError:
    error = cls.__new__(cls, *args)
    error.args = args  # OSError, a base of TimeoutError, leaves them empty where __init__ is ours
    error.__dict__.update(state)
    if notes := state.get("__notes__"):
        error.__notes__ = list(notes)  # so that copy and original do not share their notes
    return error


class SinchHostingError(Exception):
    """The root of all errors of this package."""

    last: Any = None
    """The last snapshot of what was awaited, where the error ended a wait; else `None`."""

    @property
    def token(self) -> str | None:
        """A token for `hosting_orders.from_token`, where the error ended a wait for an order."""
        write = getattr(self.last, "to_token", None)
        return None if write is None else str(write())

    @property
    def is_transient(self) -> bool:
        """Whether another try may succeed. It does not say that repeating is safe."""
        return False

    @property
    def may_have_been_applied(self) -> bool:
        """Whether the service may have carried out the request in spite of this error.

        False only where it is certain that nothing was done: the request was never sent, or the
        service itself refused it.
        """
        return False

    def __reduce__(self) -> tuple[Any, ...]:
        # The default would call __init__ with `args`, which is the message alone.
        return _rebuild, (type(self), self.args, self.__dict__)


class ConfigurationError(SinchHostingError):
    """A setting is missing, malformed, or contradicts another; no request was made."""


class UsageError(SinchHostingError, RuntimeError):
    """The client was used after it was closed, or from a second event loop."""


class InvalidRequest(SinchHostingError, ValueError):
    """An argument breaks a rule; nothing was sent."""

    def __init__(self, *, field: str, value: object, rule: str) -> None:
        super().__init__(f"{field} = {shortened(repr(value), _SHOWN)}: {rule}")
        self.field = field
        """The argument, or the field of the model, that was refused."""
        self.value = value
        """What was passed."""
        self.rule = rule
        """The rule that it breaks."""


class JobError(SinchHostingError):
    """A job, or a bulk run, that cannot go on: see the classes below it."""


class JobChanged(InvalidRequest, JobError):
    """A job was begun with other numbers or arguments than now; nothing was sent (for a chunk)."""


class LedgerError(JobError):
    """A ledger cannot be read or written. Without it nothing more is sent."""


class LedgerLocked(LedgerError):
    """Another run holds the ledger."""


class TransportError(SinchHostingError):
    """No answer came: no connection, a time-out, or a connection that broke."""

    def __init__(self, message: str, *, never_sent: bool) -> None:
        super().__init__(message)
        self.never_sent = never_sent
        """Whether the service cannot have seen the request: the connection never opened."""

    @property
    def is_transient(self) -> bool:
        """Always true."""
        return True

    @property
    def may_have_been_applied(self) -> bool:
        """True unless the connection never opened."""
        return not self.never_sent


class OutcomeUnknown(SinchHostingError):
    """A create whose answer was lost: it may have been carried out, or not.

    `__cause__` says why there is no answer. Look for the result (read the number, or list the
    orders) before you send the request again: a repeated text-enable mails a second letter.
    """

    def __init__(self, operation: str, cause: BaseException, *, tag: str | None = None) -> None:
        why = shortened(str(cause))
        super().__init__(
            f"{operation}: the answer was lost ({why}); it may or may not have been carried "
            "out. Look for its outcome before sending it again."
        )
        self.operation = operation
        """The name of the operation in the contract."""
        self.tag = tag
        """The text that the order's `display_name` starts with, where the create had a job."""
        self.__cause__ = cause

    @property
    def may_have_been_applied(self) -> bool:
        """Always true."""
        return True


class RunStopped(JobError):
    """A chunk was not sent, because its run had stopped; `__cause__` is why, where it has one."""

    def __init__(self, reason: str, cause: BaseException | None = None) -> None:
        super().__init__(f"not sent, the run was stopped: {shortened(reason)}")
        self.reason = reason
        """Why the run was stopped."""
        self.__cause__ = cause


class NotConfirmed(SinchHostingError):
    """`confirm` did not return `True` for the letters that it was shown; nothing was sent."""

    def __init__(self, letters: str, said: object) -> None:
        super().__init__(f"{letters}: confirm returned {said!r}, so nothing was sent")
        self.letters = letters
        """Who would have got how many letters."""


class ApiError(SinchHostingError):
    """The service answered with an error; `message` and `field_violations` say why."""

    is_from_service = True
    """Whether the body is the service's own, and not a proxy's page or a body that was cut."""

    def __init__(
        self,
        message: str,
        *,
        operation: str,
        status_code: int,
        status: str | None = None,
        details: Sequence[Any] = (),
        field_violations: Sequence[Mapping[str, Any]] = (),
        retry_after: float | None = None,
        request_id: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        said = f"{status}: {message}" if status and status != message else message
        violations = "; ".join(
            f"{v.get('field') or '?'}: {v.get('description') or '?'}" for v in field_violations
        )
        shown = f" [{shortened(violations)}]" if violations else ""
        shown += f" (request id {request_id})" if request_id else ""
        super().__init__(f"{operation}: {status_code} {shortened(said)}".rstrip() + shown)
        self.operation = operation
        """The name of the operation in the contract."""
        self.status_code = status_code
        """The HTTP status."""
        self.status = status
        """The status as a word, such as `NOT_FOUND`; `None` where the service gave none."""
        self.message = message
        """The service's explanation."""
        self.details = tuple(details)
        """The `details` of the error body, as they came."""
        self.field_violations = tuple(field_violations)
        """The `{field, description}` objects in the details."""
        self.retry_after = retry_after
        """Seconds to wait before another try, where the service said so; else `None`."""
        self.request_id = request_id
        """The service's id of the request, to be named to support; `None` where it gave none."""
        self.headers: Mapping[str, str] = {} if headers is None else headers
        """The headers of the answer, whatever their case; secrets and cookies are masked."""
        self.after_lost_answer = False
        """Whether an earlier try of the same call got no answer; it may have been carried out."""

    @property
    def is_transient(self) -> bool:
        """True for 408, 425, 429, 499, 500, 502, 503, 504, 520 to 527 and 530."""
        return self.status_code in _MAY_PASS

    @property
    def may_have_been_applied(self) -> bool:
        """False for 429, and for 400, 401, 403, 404, 405, 409, 413, 415 and 422 of the service.

        True for every other status. True for these statuses as well, 429 apart, where the body is
        not the service's own. True where the service says that it stopped half way (`ABORTED`).
        """
        is_refusal = self.status_code in _NOTHING_WAS_DONE and self.status not in _BROKE_OFF
        return not is_refusal or not (self.is_from_service or self.status_code == 429)


class BadRequest(ApiError):
    """400: the service refuses the request as it is; see `field_violations`."""


class AuthenticationFailed(ApiError):
    """401: the credentials are wrong, or a fresh token was refused."""


class PermissionDenied(ApiError):
    """403: the credentials are right, but this is not allowed."""


class NotFound(ApiError):
    """404: there is no such number, order or configuration."""


class Conflict(ApiError):
    """409: it is there already, for instance an imported number."""


class RateLimited(ApiError):
    """429, after the retries that the policy allows."""


class ServerError(ApiError):
    """5xx, after the retries that the policy allows."""


class DecodeError(SinchHostingError):
    """A 2xx answer that cannot be understood."""

    def __init__(
        self, operation: str, *, path: str, reason: str, body: str, is_json: bool = True
    ) -> None:
        where = f" at {path}" if path else ""
        why = shortened(reason)
        super().__init__(f"{operation}: the answer cannot be understood{where}: {why}")
        self.operation = operation
        """The name of the operation in the contract."""
        self.path = path
        """Where in the body, such as `numbers[3].smsAtt.state`; `""` is the body itself."""
        self.reason = reason
        """What was expected there, and what came."""
        self.body = body
        """The body as text, secrets masked."""
        self.is_json = is_json
        """Whether the body is JSON; if not, it was cut, or it is a proxy's page."""

    @property
    def is_transient(self) -> bool:
        """True where the body is no JSON."""
        return not self.is_json

    @property
    def may_have_been_applied(self) -> bool:
        """Always true: the service answered with success."""
        return True


class UnreadableList(SinchHostingError):
    """A list that cannot be read whole; what was read of it is valid.

    It does not end, or shows fewer items than it counts.
    """

    def __init__(self, operation: str, reason: str, *, page_token: str | None = None) -> None:
        super().__init__(f"{operation}: {reason}")
        self.operation = operation
        """The name of the operation in the contract."""
        self.reason = reason
        """What is wrong with the list."""
        self.page_token = page_token
        """The token of the page that was not read, where there was one."""


class PageTokenRepeated(UnreadableList):
    """A list gave a page token a second time, so its pages would never end."""

    def __init__(self, operation: str, page_token: str) -> None:
        token = shortened(repr(page_token), _SHOWN)
        reason = f"the service gave the page token {token} a second time; what was read before it "
        reason += "is complete, what comes after it cannot be reached"
        super().__init__(operation, reason, page_token=page_token)


class RelinkFailed(SinchHostingError):
    """A relink that unlinked the number and could not link it again: it has no service now."""

    def __init__(self, phone_number: str, cause: BaseException) -> None:
        why = shortened(str(cause))
        super().__init__(
            f"{phone_number} is now unlinked, and linking it anew failed ({why}). It has no "
            "service until imported_numbers.relink or .update links it."
        )
        self.phone_number = phone_number
        """The number that has no service now."""
        self.__cause__ = cause


class WaitError(SinchHostingError):
    """A wait that ended without what was awaited; `last` is the last snapshot."""


class OrderRejected(WaitError):
    """The order that was awaited is REJECTED."""

    def __init__(self, order: Order) -> None:
        order_id = order.hosting_order_id
        super().__init__(f"hosting order {order_id} is REJECTED; see its numbers() and report()")
        self.order = order
        """The order as it was last seen."""
        self.last = order


class NumberFailed(WaitError):
    """The number that was awaited is in a state from which it cannot reach the wanted one."""

    def __init__(
        self,
        number: QualifiedNumber | ImportedNumber | OrderNumber,
        reason: str,
        what_to_do: str = "",
    ) -> None:
        advice = f". {what_to_do}" if what_to_do else ""
        super().__init__(f"{number.phone_number}: {shortened(reason)}{advice}")
        self.number = number
        """The number as it was last seen."""
        self.reason = reason
        """The state that it is in, and the service's explanation where it gave one."""
        self.what_to_do = what_to_do
        """What a person can do about it, where that is known."""
        self.last = number


class WaitTimeout(WaitError, TimeoutError):
    """The time of a wait ran out. Nothing was cancelled at the service; you may wait again."""

    def __init__(
        self, what: str, *, timeout: float, last: Any, wanted: str = "", last_look: str = ""
    ) -> None:
        ended = f"after {timeout:g} s; wanted {wanted}"
        message = f"{what} {ended if wanted else f'was not reached within {timeout:g} s'}"
        super().__init__(f"{message}; {last_look}" if last_look else message)
        self.timeout = timeout
        """The seconds that were allowed."""
        self.last = last
        """The last snapshot; `None` where none was ever read."""


class InvalidSignature(SinchHostingError):
    """A callback's signature is missing, malformed, or made with another secret."""
