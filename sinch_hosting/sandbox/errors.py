"""Refusals, and the two shapes in which the contract writes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

STATUS_NAMES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    405: "METHOD_NOT_ALLOWED",
    408: "DEADLINE_EXCEEDED",
    409: "ALREADY_EXISTS",
    413: "REQUEST_TOO_LARGE",
    421: "MISDIRECTED_REQUEST",
    422: "UNPROCESSABLE_ENTITY",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    502: "BAD_GATEWAY",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
"""The word that goes with each status code."""

_LONGEST_ECHO = 80


class Refusal(Exception):
    """A request that is answered with an error.

    Args:
        code: the HTTP status.
        message: what is wrong, for people.
        status: the word for it; the usual one for *code* where left out.
        violations: ``(field, description)`` pairs.
        headers: what else the answer carries.
        fault: the kind of the fault that caused it, if one did.
    """

    def __init__(
        self,
        code: int,
        message: str,
        *,
        status: str = "",
        violations: Iterable[tuple[str, str]] = (),
        headers: Mapping[str, str] | None = None,
        fault: str = "",
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status or STATUS_NAMES.get(code, "UNKNOWN")
        self.violations = list(violations)
        self.headers = dict(headers or {})
        self.fault = fault

    def body(self, *, nested: bool) -> dict[str, Any]:
        """Return the body: flat with the code as text, or *nested* with it as a number."""
        details = []
        if self.violations:
            found = [{"field": name, "description": text} for name, text in self.violations]
            details.append({"type": "BadRequest", "fieldViolations": found})
        if nested:
            error = {"code": self.code, "message": self.message, "status": self.status}
            return {"error": {**error, "details": details}}
        flat: dict[str, Any] = {"code": str(self.code), "message": self.message}
        flat["status"] = self.status
        if details:
            flat["details"] = details
        return flat


def invalid(field: str, description: str) -> Refusal:
    """Return a 400 for one *field*."""
    return Refusal(400, f"{field}: {description}", violations=[(field, description)])


def failed_precondition(message: str) -> Refusal:
    """Return a 400 for a request that is well formed but does not fit the present state."""
    return Refusal(400, message, status="FAILED_PRECONDITION")


def not_found(what: str) -> Refusal:
    """Return a 404 for *what*."""
    return Refusal(404, f"{shown(what)} was not found")


def conflict(message: str) -> Refusal:
    """Return a 409 for what is already there."""
    return Refusal(409, message)


def shown(text: str) -> str:
    """Return *text* of a request, shortened for a message."""
    return text if len(text) <= _LONGEST_ECHO else text[:_LONGEST_ECHO] + "..."
