"""Rules: how the service behaves where the contract is silent or contradicts itself.

Each default is the stricter one, or the documented one: a program that passes here should not
fail at the real service. Whoever knows better how an account behaves sets it so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from attrs import Attribute, asdict, evolve, field, fields_dict, frozen

DEFAULT_NNID = "104029"
"""The account's own NNID, used where a request names none."""


def _one_of(*known: object) -> Any:
    """Return a field with a few possible values, the first of which is the default."""

    def check(rules: Rules, attribute: Attribute[Any], value: object) -> None:
        if isinstance(value, bool) or value not in known:
            names = ", ".join(map(repr, known))
            raise ValueError(f"the rule {attribute.name} is one of {names}, not {value!r}")

    return field(default=known[0], validator=check)


def _texts(value: object) -> tuple[str, ...]:
    """Return several strings as a tuple, or one; raise `ValueError` for anything else."""
    found = [value] if isinstance(value, str) else value
    if not isinstance(found, Iterable) or isinstance(found, Mapping):
        raise ValueError(f"expected a list of strings, not {value!r}")
    texts = tuple(found)
    if not all(isinstance(text, str) and text for text in texts):
        raise ValueError(f"expected strings that are not empty, not {value!r}")
    return texts


def _check_rate(rules: Rules, attribute: Attribute[Any], value: object) -> None:
    good = isinstance(value, (int, float)) and not isinstance(value, bool)
    if value is not None and not (good and isinstance(value, (int, float)) and 0 < value < 1e9):
        raise ValueError(f"{attribute.name} is a number above 0, or None, not {value!r}")


@frozen(kw_only=True)
class Rules:
    """How the sandbox behaves where the contract is silent.

    A rule that is a number is the status of the answer, and 200 means that the service does it.

    Args:
        first_state: the state of a new text-enabling order: ``"SUBMITTED"`` or ``"DRAFT"``.
        links: ``"scheduled"`` shows a plan or campaign that was asked for in
            ``scheduledProvisioning`` until it is in force; ``"at_once"`` shows it as in force.
        enums: ``scheduledProvisioning.status``, ``errorCodes`` and ``hostedNumber.status`` as
            ``"numbers"`` or as ``"texts"``.
        unqualified: for numbers in ``hostingOrders:textEnable...`` that were not qualified:
            409, 400, 404 or 200.
        verification: whether an ELIGIBLE number has to be verified: ``"needed"``, or
            ``"not_needed"``: then it stays ELIGIBLE. `Sandbox.plan` settles it for one number.
        eligible: whether numbers that stay ELIGIBLE can be text-enabled: ``"refused"`` or
            ``"accepted"``.
        no_campaign: what becomes of a text-enabling of local numbers with a letter to sign and
            without a campaign: ``"no_letter"`` (it waits for ever), ``"refused"`` (400), or
            ``"letter"``.
        empty_campaign: for lists with an empty ``campaignId``: 400, 404, 422 or 200.
        nnids: the NNIDs of its own that the account has had provisioned.
        unknown_nnid: for an order with another NNID: 400, or 200: its numbers then fail with
            INVALID_NNID.
        hosting_process: whether HOSTING_PROCESS tells of each ``"number"`` or of the ``"order"``.
        missing_project: for toll-free requests without ``projectId``: 400 or 200.
        migrate: where ``migrateToSinchTmo`` has an effect: ``"import_orders"``, or
            ``"everywhere"`` that it may be sent.
        basic_per_second: the requests a (real) second that HTTP Basic may make; ``None`` for
            any number.
        hosts: further values of ``Host`` that are served, with or without a port; ``"*"`` for all.
    """

    first_state: str = _one_of("SUBMITTED", "DRAFT")
    links: str = _one_of("scheduled", "at_once")
    enums: str = _one_of("numbers", "texts")
    unqualified: int = _one_of(409, 400, 404, 200)
    verification: str = _one_of("needed", "not_needed")
    eligible: str = _one_of("refused", "accepted")
    no_campaign: str = _one_of("no_letter", "refused", "letter")
    empty_campaign: int = _one_of(400, 404, 422, 200)
    nnids: tuple[str, ...] = field(default=(), converter=_texts)
    unknown_nnid: int = _one_of(400, 200)
    hosting_process: str = _one_of("number", "order")
    missing_project: int = _one_of(400, 200)
    migrate: str = _one_of("import_orders", "everywhere")
    basic_per_second: float | None = field(default=3.0, validator=_check_rate)
    hosts: tuple[str, ...] = field(default=(), converter=_texts)

    def changed(self, **changes: Any) -> Rules:
        """Return the rules with *changes*; raise `ValueError` for a rule that does not exist."""
        known = fields_dict(Rules)
        unknown = sorted(set(changes) - set(known))
        if unknown:
            raise ValueError(f"no rule is called {unknown[0]!r}; there are {', '.join(known)}")
        return evolve(self, **changes)

    def knows_nnid(self, nnid: str) -> bool:
        """Return whether an order may be routed by *nnid*."""
        return nnid == DEFAULT_NNID or nnid in self.nnids

    def json(self) -> dict[str, Any]:
        """Return the rules for listings."""
        return asdict(self)
