"""A simulated service for the Imported Numbers and Hosting Orders API.

    async with Sandbox() as sandbox:                   # inside a program, on a free port
        ...

    $ sinch-hosting sandbox                            # for any program

It has a state, runs on a virtual clock, mails nobody, and makes the faults that you ask for. It
imports nothing of the SDK, and the SDK imports nothing of it, so that both cannot share a mistake.

- Time: `Sandbox.speed`, `change_speed`, `advance`, `pass_time`, `step`, `settle`. A `Profile`
  says for each transition (`STANDARD` names them) whether it is immediate, timed or manual.
- People: `Sandbox.sign_letter`, `decline_letter`, `receive_invoices`, `approve`, `refuse`,
  `voice_code`, `reject`, `complete`, `trigger`, `plan`; and `outbox`.
- Rules: `Sandbox.rules` and `Sandbox.change_rules`, for what the contract leaves open.
- Faults: `Sandbox.faults.add`, with the kinds that ``help(sinch_hosting.sandbox.faults)`` explains.
- Observations: `Sandbox.requests`, `orders_created`, `letters_sent`, `callbacks`.
- State: `Sandbox(state_file=...)` keeps it, `Sandbox(seed_file=...)` starts with some; see
  `sinch_hosting.sandbox.seeding`.
- All of it over HTTP below ``/_sandbox``, with a page at ``/_sandbox/``: GET ``state``,
  ``orders``, ``orders/ID``, ``numbers?search=DIGITS``, ``requests``, ``requests/NUMBER``,
  ``callbacks``, ``outbox``, ``letters``, ``faults``, ``fault-kinds``, ``time``, ``rules``; POST
  ``advance``, ``speed``, ``step``, ``sign-letter``, ``decline-letter``, ``reject``, ``complete``,
  ``trigger``, ``receive-invoices``, ``approve``, ``refuse``, ``voice-code``, ``plan``, ``rules``,
  ``faults``, ``switch-fault``, ``expire-tokens``, ``reset``, each with the handle's arguments as a
  JSON object; DELETE ``faults`` and ``faults/ID``. Lists take ``?limit=`` for their newest
  records; ``requests``, and ``state`` for the requests in it, also take ``operation=``,
  ``status=`` (``200``, ``4xx``, ``none``) and ``order=``.
- ``/healthz`` answers 200 while it serves.

Assumptions
===========

The contract says what requests and answers look like. Where it is silent or contradicts itself,
the sandbox behaves as follows. A client should not depend on that.

Rules
    A behaviour that may differ between accounts is a rule, set by ``Sandbox(rules={...})`` or
    `Sandbox.change_rules`. The default is the stricter value, or the documented one; `Rules`
    says what the others are.

    - ``links``: a plan or campaign stands in ``scheduledProvisioning`` until it is in force; one
      that failed stays there. Lists file a number under what was asked for. While something is
      pending, no other plan or campaign can be linked; unlinking takes it away.
    - ``enums``: the enums by number are numbers, and those of the scheduled status are 1
      WAITING, 2 IN_PROGRESS, 3 FAILED; an error code is its place in the list of failure codes.
    - ``unqualified``: the text-enabling calls of ``hostingOrders`` refuse numbers whose
      qualification is not done, with 409.
    - ``verification``, ``eligible``: an ELIGIBLE number goes on to verification. One that needs
      none stays ELIGIBLE, its ``ownershipVerification`` unspecified, and cannot be text-enabled.
    - ``first_state``: text-enabling orders begin SUBMITTED, as both documented answers show.
    - ``no_campaign``: a text-enabling of local numbers without a campaign waits for the
      signature of a letter that is never generated; log and page warn of it.
    - ``empty_campaign``: lists with an empty ``campaignId`` are 400.
    - ``nnids``, ``unknown_nnid``: an NNID that was not provisioned is 400. ``104029`` is known.
    - ``hosting_process``: at the end of an order there is one HOSTING_PROCESS event for each
      number, FAILED where the number did not reach the SMS platform. As an event of the order, it
      is FAILED where no number did.
    - ``missing_project``: a toll-free request without ``projectId``, or with another, is 400.
    - ``migrate``: ``migrateToSinchTmo`` has an effect in import orders only.
    - ``basic_per_second``: HTTP Basic may make 3 requests a real second, beyond that it is 429.
    - ``hosts``: a ``Host`` that is not the sandbox's own is 421, unless it listens beyond
      loopback.
How orders and numbers proceed
    Import orders begin SUBMITTED (as in the vendor's example). Signing the letter puts an
    order IN_PROGRESS at once; a blanket letter needs no signature.
    All waits but the vendor's "1 to 3 business days" are made up (`STANDARD`); those days leave
    out Saturdays and Sundays, in UTC, and begin when the invoices arrive. By themselves, the
    invoices arrive after two hours and the letter is signed after four. Under the profile
    ``people`` neither happens by itself.
    The numbers of every order pass the steps OSR update, SMS platform, campaign, carriers, in up
    to three slices. A number that fails a step does not enter the next ones, except that carriers
    follow a failed campaign. An order completes when no number moves any more, even if all of
    them failed. Those that reached the SMS platform become imported numbers then.
    A scheduled time that is past when the letter is signed moves to the next day at the same
    time; the vendor says so of toll-free orders, here it holds for all.
    ``ongoingManualAction`` counts numbers with a failed step while their order is open.
    A number with a carrier error becomes imported with it. One with 60135 may be imported
    again with ``migrateToSinchTmo``.
Qualification
    A wrong voice code is answered 200 with VERIFICATION_FAILED, the third one with
    VERIFICATION_BLOCKED. A failed number may be challenged again, a blocked one may not.
    The reviewer's approval (`Sandbox.approve`) overrules all of that: it makes NOT_ELIGIBLE,
    VERIFICATION_FAILED and VERIFICATION_BLOCKED numbers VERIFIED.
    A qualified number's region follows from its area code.
    Text-enabling takes only numbers that are VERIFIED, in hosting, or HOSTING_FAILED: in the
    ``qualifiedNumbers`` calls others are 404 (unknown) or 400 FAILED_PRECONDITION.
What is refused
    409: importing, text-enabling or qualifying what is already imported, hosted or in
    qualification, for the whole request. Numbers of an order that is still open are *not*
    refused: sending a text-enabling twice makes two orders and mails two letters.
    400 FAILED_PRECONDITION: linking a number that is linked or still being unlinked.
    400: numbers that are not +1 and ten digits, that are of another region than the order
    (toll-free ones belong to any), toll-free ones among local ones and the other way round,
    repeated within a request, more than 10,000 to be qualified at once, a letter to no e-mail
    address, a callback URL that is not http(s), no letter or several.
    404: another project than the sandbox's, and a phone number in a path that is malformed.
    405: a method that a path does not have. 413: a body beyond 1 MiB. Content types are ignored.
Lists
    100 items where no size is asked for, 1,000 at most; sizes below 0 or above 100,000 are 400.
    Tokens belong to the other parameters of their list. Without ``orderBy`` records come in the
    order in which they entered the list. ``totalSize`` is left out of filtered lists beyond
    10,000.
Credentials
    One project, one key. Tokens live in real time, not virtual, as clients measure them so.
    Errors of the token endpoint have the shape of OAuth.
Callbacks
    One event for each step of each number, HOSTING_PROCESS at its end, and DELETE. They come
    unsigned until a secret is configured. A receiver gets them one after the other; retries come
    after 10 seconds, then three times as long each, six times in all, in virtual time, but a
    hundredth of that in real time at least. Anything but 2xx within 5 real seconds is a failure,
    and redirects are not followed. Only loopback addresses are called, unless `Sandbox` is told
    of others: events for strangers are recorded as ``withheld``.
"""

from .profiles import (
    IMMEDIATE,
    MANUAL,
    PROFILES,
    STANDARD,
    Profile,
    Timing,
    business_days,
    timed,
)
from .records import (
    CallbackRecord,
    HostingOrder,
    ImportedNumber,
    Letter,
    Mail,
    Plan,
    QualifiedNumber,
    RequestRecord,
)
from .rules import Rules
from .server import Sandbox

__all__ = [
    "IMMEDIATE",
    "MANUAL",
    "PROFILES",
    "STANDARD",
    "CallbackRecord",
    "HostingOrder",
    "ImportedNumber",
    "Letter",
    "Mail",
    "Plan",
    "Profile",
    "QualifiedNumber",
    "RequestRecord",
    "Rules",
    "Sandbox",
    "Timing",
    "business_days",
    "timed",
]
