"""Profiles: when each transition happens by itself, and what goes wrong by chance."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, TypeAlias

from attrs import evolve, field, frozen

from .clock import business_days_after

if TYPE_CHECKING:
    from collections.abc import Mapping
    from random import Random

TimingSpec: TypeAlias = "Timing | str | float | timedelta | tuple[float, float]"
"""How a timing may be written: see `timing`."""


@frozen(kw_only=True)
class Timing:
    """When a transition happens: at once, after a while, or only when a person starts it.

    Args:
        low: the shortest wait, in seconds (in business days with *business*).
        high: the longest wait; the wait is drawn between the two.
        manual: only a handle starts it; *low* and *high* do not matter then.
        business: count in business days instead of seconds.
    """

    low: float = 0.0
    high: float = 0.0
    manual: bool = False
    business: bool = False

    def due(self, now: float, random: Random) -> float | None:
        """Return when it happens if its turn comes at *now*; ``None`` if it is manual."""
        if self.manual:
            return None
        wait = self.low if self.low == self.high else random.uniform(self.low, self.high)
        return business_days_after(now, wait) if self.business else now + wait


IMMEDIATE = Timing()
"""Happens as soon as its turn comes: right after the answer to the call that led to it."""
MANUAL = Timing(manual=True)
"""Happens only through a handle."""


def timed(low: float, high: float | None = None) -> Timing:
    """Return the timing: *low* seconds after its turn came, or between *low* and *high* seconds."""
    return Timing(low=low, high=low if high is None else high)


def business_days(low: float, high: float | None = None) -> Timing:
    """Return the timing: *low* (to *high*) business days after its turn came."""
    return Timing(low=low, high=low if high is None else high, business=True)


def timing(spec: TimingSpec) -> Timing:
    """Return the timing that is meant by *spec*.

    It is ``"immediate"``, ``"manual"``, seconds, a `timedelta`, or ``(low, high)`` in seconds.

    Raises `ValueError` for anything else, for negative times, and for more than a century.
    """
    if isinstance(spec, Timing):
        found = spec
    elif isinstance(spec, str):
        if spec not in {"immediate", "manual"}:
            raise ValueError(f"a timing is 'immediate', 'manual' or a time, not {spec!r}")
        found = IMMEDIATE if spec == "immediate" else MANUAL
    elif isinstance(spec, timedelta):
        found = timed(spec.total_seconds())
    elif isinstance(spec, (tuple, list)) and len(spec) == 2:
        found = timed(float(spec[0]), float(spec[1]))
    elif isinstance(spec, (int, float)) and not isinstance(spec, bool):
        found = timed(float(spec))
    else:
        raise ValueError(f"a timing is 'immediate', 'manual' or a time, not {spec!r}")
    longest = _CENTURY / DAY if found.business else _CENTURY
    if not 0 <= found.low <= found.high <= longest:
        raise ValueError(f"a timing must not be negative, backwards or endless: {spec!r}")
    return found


MINUTE = 60.0
HOUR = 60 * MINUTE
DAY = 24 * HOUR
_CENTURY = 36525 * DAY

STANDARD: Mapping[str, Timing] = {
    # qualification of a number
    "check_eligibility": timed(30 * MINUTE),
    "open_verification": timed(MINUTE),
    "send_invoices": timed(2 * HOUR),
    "review": business_days(1, 3),
    # the life of an order
    "submit": timed(MINUTE),
    "send_letter": timed(10 * MINUTE),
    "sign_letter": timed(4 * HOUR),
    "start": timed(10 * MINUTE),
    "osr_update": timed(30 * MINUTE),
    "platform_provisioning": timed(15 * MINUTE),
    "campaign_provisioning": timed(HOUR),
    "carrier_provisioning": timed(30 * MINUTE),
    "complete": timed(5 * MINUTE),
    # an imported number by itself
    "number_provisioning": timed(2 * MINUTE),
    "number_campaign": timed(10 * MINUTE),
    "number_carriers": timed(10 * MINUTE),
    "number_deprovisioning": timed(2 * MINUTE),
}
"""Every transition and when it happens under the profile ``standard``."""

PEOPLE = ("send_invoices", "sign_letter")
"""The transitions that stand for something the customer does."""


@frozen(kw_only=True)
class Profile:
    """When every transition happens, and what share of numbers goes wrong by chance.

    Args:
        name: shown in listings.
        timings: a timing for each name in `STANDARD`.
        waves: in how many slices the numbers of an order pass each timed step.
        trouble: the share of numbers, 0 to 1, that meet some failure, chosen by seed and number.
        letters_declined: the share of letters, 0 to 1, that are declined rather than signed.
    """

    name: str = "standard"
    timings: Mapping[str, Timing] = field(factory=lambda: dict(STANDARD))
    waves: int = 3
    trouble: float = 0.0
    letters_declined: float = 0.0

    def with_timings(self, **specs: TimingSpec) -> Profile:
        """Return the profile with other timings; raise `ValueError` for an unknown transition."""
        unknown = sorted(set(specs) - set(STANDARD))
        if unknown:
            known = ", ".join(STANDARD)
            raise ValueError(f"unknown transitions {', '.join(unknown)}; there are {known}")
        return evolve(
            self, timings={**self.timings, **{name: timing(spec) for name, spec in specs.items()}}
        )


PROFILES: Mapping[str, Profile] = {
    "standard": Profile(),
    "immediate": Profile(name="immediate", timings=dict.fromkeys(STANDARD, IMMEDIATE), waves=1),
    "manual": Profile(name="manual", timings=dict.fromkeys(STANDARD, MANUAL), waves=1),
    "people": Profile(name="people", timings={**STANDARD, **dict.fromkeys(PEOPLE, MANUAL)}),
    "troubled": Profile(name="troubled", trouble=0.1, letters_declined=0.1),
}
"""The profiles by name: ``standard`` (everything happens after a while), ``immediate``,
``manual``, ``people`` (standard, but nobody mails invoices or signs letters by itself) and
``troubled`` (standard, but a tenth of numbers and letters goes wrong, chosen by the seed)."""


def profile_named(profile: Profile | str) -> Profile:
    """Return the profile of that name; raise a `ValueError` that names the profiles there are."""
    if isinstance(profile, Profile):
        return profile
    if profile not in PROFILES:
        raise ValueError(f"no profile is called {profile!r}; there are {', '.join(PROFILES)}")
    return PROFILES[profile]
