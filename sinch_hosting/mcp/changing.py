"""The tools that plan, and those that change something: each takes the digest of a plan."""

# No `from __future__ import annotations`: the SDK reads the annotations of functions in functions.

from collections.abc import Awaitable, Callable
from typing import Annotated, ClassVar, TypeVar

from attrs import frozen
from mcp.server.elicitation import AcceptedElicitation, ElicitationResult
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.resolve import Elicit, Resolve
from pydantic import BaseModel, Field

from ..models import _checks as check
from .answers import (
    MOST_ORDERS,
    ChangeAnswer,
    LetterOfAuthorization,
    OnboardAnswer,
    PlanAnswer,
    first,
)
from .plans import Plan, PlanRefused, Plans, digest_of
from .reading import CampaignId, PlanId
from .wishes import ImportWish, OnboardWish, Outlook, Progress, TextEnableWish, letter_of
from .workplace import Workplace, batches_of

__all__ = ["ChangingTools", "PlanningTools"]

_NUMBERS = "In E.164, 5,000 at most: plan more of them in several calls."
Numbers = Annotated[list[str], Field(description=_NUMBERS, min_length=1, max_length=5000)]
Region = Annotated[
    str | None, Field(description="US or CA, for toll-free numbers; others say it themselves.")
]
Digest = Annotated[str, Field(description="Of the plan that a person has seen.")]
_READ_ONLY = (
    "Show this to a person. This server only reads: to carry it out it has to be started with "
    "--allow-changes."
)


L = TypeVar("L", TextEnableWish, OnboardWish)


class PlanningTools:
    """The tools that show what would be done; nothing is sent."""

    def __init__(self, workplace: Workplace) -> None:
        self._at = workplace

    async def plan_import(
        self,
        numbers: Numbers,
        service_plan_id: PlanId = None,
        campaign_id: CampaignId = None,
        region_code: Region = None,
        migrate_to_sinch_tmo: Annotated[
            bool, Field(description="Take numbers over that T-Mobile refused with 60135.")
        ] = False,
    ) -> PlanAnswer:
        """Show what importing numbers would do; no letter is mailed for it."""
        at = self._at
        wish = ImportWish(
            at=at,
            batches=tuple(batches_of(numbers, region_code)),
            service_plan_id=at.plan_id(service_plan_id),
            campaign_id=at.campaign(campaign_id),
            migrate_to_sinch_tmo=migrate_to_sinch_tmo,
        )
        return await self._shown(wish, wish.numbers, region_code, migrate_to_sinch_tmo)

    async def plan_text_enable(
        self,
        numbers: Numbers,
        letter: LetterOfAuthorization,
        service_plan_id: PlanId = None,
        campaign_id: CampaignId = None,
        region_code: Region = None,
    ) -> PlanAnswer:
        """Show what text-enabling numbers would do: orders, letters and to whom, warnings."""
        wish = self._with_letter(
            TextEnableWish, numbers, letter, service_plan_id, campaign_id, region_code
        )
        return await self._shown(wish, wish.numbers, region_code, letter.model_dump())

    async def plan_onboarding(
        self,
        numbers: Numbers,
        letter: LetterOfAuthorization,
        service_plan_id: PlanId = None,
        campaign_id: CampaignId = None,
        region_code: Region = None,
    ) -> PlanAnswer:
        """Show what taking numbers from any state to text-enabled would do."""
        wish = self._with_letter(
            OnboardWish, numbers, letter, service_plan_id, campaign_id, region_code
        )
        listed = [batch.numbers for batch in wish.batches]
        return await self._shown(wish, listed, region_code, letter.model_dump())

    def _with_letter(
        self,
        kind: type[L],
        numbers: list[str],
        letter: LetterOfAuthorization,
        plan: str | None,
        campaign: str | None,
        region_code: str | None,
    ) -> L:
        at = self._at
        return kind(
            at=at,
            batches=tuple(batches_of(numbers, region_code)),
            service_plan_id=at.plan_id(plan),
            campaign_id=at.campaign(campaign),
            letter=letter_of(letter),
        )

    async def _shown(
        self,
        wish: ImportWish | TextEnableWish | OnboardWish,
        numbers: object,
        region_code: str | None,
        more: object,
    ) -> PlanAnswer:
        """Show a plan, and remember it: from now on its digest counts.

        The digest is made of the *numbers*, the region, the plan, the campaign, and of what *more*
        was asked for.
        """
        account = (wish.service_plan_id, wish.campaign_id)
        digest = digest_of(wish.tool, self._at.project_id, numbers, region_code, *account, more)
        outlook = await wish.look(digest)
        letters = dict(outlook.letters)
        plan = Plan(digest=digest, wish=wish, shown=outlook.text, letters=letters)
        self._at.plans.show(plan)
        next_step = f"Show this to a person. If they agree, call {wish.tool} with the digest."
        return PlanAnswer(
            tool=wish.tool,
            digest=digest,
            orders=list(outlook.orders[:MOST_ORDERS]),
            orders_in_all=len(outlook.orders),
            steps=list(outlook.steps),
            letters=letters,
            left_out=dict(first(outlook.left_out)),
            warnings=list(outlook.warnings),
            next_step=next_step if self._at.allow_changes else _READ_ONLY,
        )


class Consent(BaseModel):
    """What a person answers before letters are mailed."""

    mail_the_letters: Annotated[
        bool, Field(description="Letters go to real people and cannot be taken back.")
    ] = False


@frozen
class _Small:
    """A wish for something small: what it is about is all that is shown of it."""

    tool: ClassVar[str]
    word: ClassVar[str]
    about: str | tuple[str, ...]


class _Ring(_Small):
    """A number to ring."""

    tool = "voice_challenge"
    word = "ring"


class _Verify(_Small):
    """A number for which a code is given back."""

    tool = "voice_challenge"
    word = "verify"


class _Add(_Small):
    """Numbers to put into qualification."""

    tool = "qualify"
    word = "qualify"


class ChangingTools:
    """The tools that change something; each takes the digest of a plan that was shown."""

    def __init__(self, workplace: Workplace) -> None:
        self._at = workplace

    async def import_numbers(self, digest: Digest, ctx: Context) -> ChangeAnswer:
        """Carry out a plan of plan_import."""
        plan = self._at.plans.take(ImportWish, digest)
        _check_unchanged(plan.shown, await plan.wish.look(digest))
        return await plan.wish.run(digest, _progress(ctx))

    def text_enable(self) -> Callable[..., Awaitable[ChangeAnswer]]:
        """Return the tool that text-enables."""
        plans = self._at.plans

        async def text_enable(
            digest: Digest,
            ctx: Context,
            consent: Annotated[ElicitationResult[Consent], _asking(plans, TextEnableWish)],
        ) -> ChangeAnswer:
            """Carry out a plan of plan_text_enable: letters are mailed to real people."""
            plan = plans.take(TextEnableWish, digest)
            _check_consent(consent)
            _check_unchanged(plan.shown, await plan.wish.look(digest))
            return await plan.wish.run(digest, _progress(ctx))

        return text_enable

    def onboard(self) -> Callable[..., Awaitable[OnboardAnswer]]:
        """Return the tool that goes on with an onboarding."""
        plans = self._at.plans

        async def onboard(
            digest: Digest,
            ctx: Context,
            consent: Annotated[ElicitationResult[Consent], _asking(plans, OnboardWish)],
            timeout_seconds: Annotated[float, Field(gt=0, le=3600)] = 60.0,
        ) -> OnboardAnswer:
            """Go on with a plan of plan_onboarding for a while; plan and call again to go on."""
            plan = plans.take(OnboardWish, digest)
            _check_consent(consent)
            # Numbers move on by themselves; what counts is that no other letter goes out.
            letters = sum(plan.letters.values())
            return await plan.wish.run(
                digest, _progress(ctx), timeout=timeout_seconds, letters=letters
            )

        return onboard

    async def qualify(
        self,
        numbers: Numbers,
        digest: Annotated[str, Field(description="Empty shows the plan.")] = "",
    ) -> ChangeAnswer:
        """Put numbers into qualification; without a digest it shows the plan, and sends nothing."""
        at = self._at
        wanted = tuple(n for batch in batches_of(numbers, None) for n in batch.numbers)
        if not digest:
            return _shown(
                self._show(_Add(wanted)),
                f"{len(wanted)} numbers would be put into qualification. Show this to a person. If "
                "they agree, call qualify again with the digest. Afterwards somebody has to e-mail "
                "invoices that list the numbers to orders@sinch.com.",
            )
        self._take(_Add(wanted), digest)
        result = await at.sinch.qualified_numbers.add_many(wanted)
        return ChangeAnswer(
            orders=[],
            numbers=dict(
                first((n.phone_number, n.global_process_state.name) for n in result.succeeded)
            ),
            left_out=dict(first((n.phone_number, n.reason) for n in result.skipped)),
            failed=[f"{n.phone_number}: {type(n.error).__name__}" for n in result.failed][:20],
            unknown=[],
            next_step="Now somebody e-mails invoices that list the numbers to orders@sinch.com, or "
            "voice_challenge rings them. The review takes 1 to 3 business days; explain_number "
            "tells how far a number is.",
        )

    async def voice_challenge(
        self,
        phone_number: Annotated[str, Field(description="In E.164.")],
        code: Annotated[str, Field(description="That a person was told; empty rings.")] = "",
        digest: Annotated[str, Field(description="Empty shows the plan.")] = "",
    ) -> ChangeAnswer:
        """Ring a number, or give back the code that the voice told; without a digest it only shows.

        Neither is ever repeated by itself: the one rings a person's phone, the other burns one of
        few tries.
        """
        number = check.check_phone_number(phone_number)
        if code:
            return await self._verify(number, check.check_text(code, "code"), digest)
        if not digest:
            return _shown(
                self._show(_Ring(number)),
                f"{number} would be rung. Make sure that somebody is there to take the call, then "
                "call voice_challenge again with the digest.",
            )
        self._take(_Ring(number), digest)
        rung = await self._at.sinch.qualified_numbers.send_voice_challenge(number)
        return _shown(
            self._show(_Verify(number)),
            "It rings. Ask for the code, and call voice_challenge with it and this digest. Never "
            "guess it: three wrong codes may block the number.",
            {number: rung.global_process_state.name},
        )

    async def _verify(self, number: str, code: str, digest: str) -> ChangeAnswer:
        if not digest:
            made = self._show(_Verify(number))
            return _shown(made, f"The code would be given back for {number}; each try counts.")
        self._take(_Verify(number), digest)
        answer = await self._at.sinch.qualified_numbers.verify_voice_challenge(number, code)
        state = answer.global_process_state
        return _shown(
            "",
            "The code was wrong. Ask for it again, or mail invoices."
            if state.is_failure
            else "It is proven. plan_text_enable or plan_onboarding goes on with it.",
            {number: state.name},
        )

    def _show(self, wish: _Small) -> str:
        """Remember what was asked for, and return its digest."""
        digest = digest_of(wish.word, self._at.project_id, wish.about)
        self._at.plans.show(Plan(digest=digest, wish=wish, shown=""))
        return digest

    def _take(self, wish: _Small, digest: str) -> None:
        """Use the plan for what was asked for; raises `PlanRefused` for another."""
        if self._at.plans.take(type(wish), digest).wish != wish:
            raise PlanRefused("the plan is for another number, or for several: show one for these")


def _shown(digest: str, next_step: str, numbers: dict[str, str] | None = None) -> ChangeAnswer:
    return ChangeAnswer(
        orders=[],
        numbers=numbers or {},
        left_out={},
        failed=[],
        unknown=[],
        digest=digest,
        next_step=next_step,
    )


def _asking(plans: Plans, kind: type[TextEnableWish] | type[OnboardWish]) -> Resolve:
    """Return what asks a person before letters are mailed, where the client can ask."""

    async def consent(digest: str, ctx: Context) -> Consent | Elicit[Consent]:
        plan = plans.look(kind, digest)
        if not plan.letters or not _can_ask(ctx):
            return Consent(mail_the_letters=True)
        letters = ", ".join(f"{count} to {who}" for who, count in plan.letters.items())
        return Elicit(f"Letters of authorization: {letters}. Mail them?", Consent)

    return Resolve(consent)


def _can_ask(ctx: Context) -> bool:
    """Return whether the client can show a form to a person."""
    known = ctx.client_capabilities
    elicitation = None if known is None else known.elicitation
    return elicitation is not None and (elicitation.form is not None or elicitation.url is None)


def _check_consent(consent: ElicitationResult[Consent]) -> None:
    if not isinstance(consent, AcceptedElicitation) or not consent.data.mail_the_letters:
        raise PlanRefused("a person did not agree to the letters; nothing was sent")


def _check_unchanged(shown: str, now: Outlook) -> None:
    if now.text != shown:
        raise PlanRefused(
            "what would be done has changed since the plan was shown; nothing was sent. Show the "
            "plan again"
        )


def _progress(ctx: Context) -> Progress:
    async def tell(done: float, what: str) -> None:
        await ctx.report_progress(done, message=what)

    return tell
