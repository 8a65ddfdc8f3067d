"""The questions of `sinch-hosting start`: asked on a terminal or answered by flags, checked."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias, TypeVar

from attrs import evolve, frozen
from cyclopts import Group, Parameter

from ..errors import InvalidRequest
from ..models import _checks as check
from .creating import Group as NumberGroup
from .creating import default_job, groups_of
from .errors import BadInput
from .letter import read_letter
from .number_input import is_toll_free, read_records
from .options import SOURCE
from .prompts import ask, can_ask

if TYPE_CHECKING:
    from .. import Letter
    from ..phone_files import PhoneRecord

__all__ = [
    "GOALS",
    "Answers",
    "Flags",
    "GoalName",
    "Language",
    "LetterFlags",
    "Questions",
    "answers_to",
]

T = TypeVar("T")
GoalName: TypeAlias = Literal[
    "import", "qualify", "text-enable", "onboard", "status", "relink", "delete", "challenge"
]
Language: TypeAlias = Literal["command", "python", "curl"]
LetterKind: TypeAlias = Literal["direct", "reseller", "blanket"]

GOALS: Mapping[GoalName, tuple[str, str]] = {
    "import": ("use numbers whose text routing you control already", "AB"),
    "qualify": ("have voice numbers of another carrier reviewed", "C"),
    "text-enable": ("text-enable numbers that are qualified", "D"),
    "onboard": ("take numbers from any state to text-enabled", "CD"),
    "status": ("see how far an order is", "E"),
    "relink": ("move numbers to another service plan or campaign", "F"),
    "delete": ("take numbers out of Sinch", "F"),
    "challenge": ("prove by telephone that a number is yours", "F"),
}
"""What can be wanted: in words, and the letters of its workflows."""
_LANGUAGES: Mapping[Language, str] = {
    "command": "a line for the terminal",
    "python": "a complete Python program",
    "curl": "curl lines",
}
_LETTERS: Mapping[LetterKind, str] = {
    "direct": "the owner of the numbers signs; it is your customer, or you",
    "reseller": "the numbers are had through a reseller; its customer signs",
    "blanket": "a letter for all numbers was signed before; none is mailed",
}
_WITH_PLACE = ("import", "text-enable", "onboard", "relink")
_WITH_LETTER = ("text-enable", "onboard")
_ONE_ORDER = 500
_LETTER = Group("Letter", sort_key=12)


@Parameter(name="*")
@frozen(kw_only=True)
class LetterFlags:
    """A letter of authorization, part by part; what is missing is asked for."""

    letter: Annotated[
        LetterKind | None, Parameter(group=_LETTER, help="direct, reseller or blanket.")
    ] = None
    loa: Annotated[
        Path | None, Parameter(group=_LETTER, help="A letter's file, instead of the parts below.")
    ] = None
    business_name: Annotated[
        str | None, Parameter(group=_LETTER, help="The reseller's customer; reseller only.")
    ] = None
    carrier: Annotated[
        str | None, Parameter(group=_LETTER, help="Who carries the voice calls today.")
    ] = None
    first_name: Annotated[str | None, Parameter(group=_LETTER, help="Of the signer.")] = None
    last_name: Annotated[str | None, Parameter(group=_LETTER, help="Of the signer.")] = None
    email: Annotated[
        str | None, Parameter(group=_LETTER, help="Where the letter is mailed to.")
    ] = None
    building_number: Annotated[
        str | None, Parameter(group=_LETTER, help="Of the owner of the numbers.")
    ] = None
    street: Annotated[str | None, Parameter(group=_LETTER, help="Of the owner.")] = None
    city: Annotated[str | None, Parameter(group=_LETTER, help="Of the owner.")] = None
    state: Annotated[str | None, Parameter(group=_LETTER, help="Such as IL or QC.")] = None
    postal_code: Annotated[str | None, Parameter(group=_LETTER, help="Of the owner.")] = None
    country: Annotated[str | None, Parameter(group=_LETTER, help="Such as US.")] = None


@frozen(kw_only=True)
class Answers:
    """All that was answered, checked."""

    goal: GoalName
    language: Language
    numbers: tuple[str, ...] = ()
    groups: tuple[NumberGroup, ...] = ()
    """The numbers by region and kind: what may go in one order."""
    plan: str = ""
    campaign: str = ""
    letter: Letter | None = None
    order_id: str = ""
    job: str = ""
    on_sandbox: bool = False
    """Whether it runs on a sandbox of its own, where nobody else can have begun the job."""

    @property
    def group(self) -> NumberGroup:
        """The one group of numbers, where there is but one."""
        return self.groups[0]

    def without(self, numbers: Sequence[str]) -> Answers:
        """Return the answers without some numbers."""
        groups = [
            evolve(group, numbers=tuple(n for n in group.numbers if n not in numbers))
            for group in self.groups
        ]
        return evolve(
            self,
            numbers=tuple(n for n in self.numbers if n not in numbers),
            groups=tuple(group for group in groups if group.numbers),
        )


class Questions:
    """Asks what no flag answers, and asks anew until it is well; without a terminal it refuses."""

    def text(
        self,
        flag: str,
        question: str,
        given: str | None,
        checked: Callable[[str], T],
        default: str | None = None,
    ) -> T:
        """Return an answer as *checked* returns it.

        Args:
            flag: The flag that answers it, such as `--plan`.
            question: What is asked.
            given: What the flag said.
            checked: Returns what the answer means; raises `InvalidRequest` or `BadInput`.
            default: What an empty answer means; `None` asks anew.

        Raises:
            BadInput: Nobody can be asked, or the flag's answer is wrong.
        """
        if given is not None:
            return _checked(flag, given, checked)
        if not can_ask():
            if default is not None:
                return _checked(flag, default, checked)
            raise BadInput(f"nobody can be asked here: give {flag} ({question})")
        shown = f"{question} [{default}] " if default else f"{question} "
        while True:
            answer = ask(shown) or default
            if answer is None:
                continue
            try:
                return _checked("", answer, checked)
            except BadInput as error:
                sys.stderr.write(f"  {error}\n")

    def choice(
        self,
        choices: Mapping[T, str],
        flag: str,
        question: str,
        given: T | None,
        default: T | None = None,
    ) -> T:
        """Return one of some choices; on a terminal they are listed, and may be numbered."""
        if given is not None:
            return given
        if can_ask():
            for number, (name, said) in enumerate(choices.items(), 1):
                sys.stderr.write(f"  {number}. {name}: {said}\n")
        by_name = {str(name): name for name in choices}
        by_name |= {str(number): name for number, name in enumerate(choices, 1)}

        def chosen(answer: str) -> T:
            if answer not in by_name:
                raise BadInput(f"must be one of {', '.join(map(str, choices))}, not {answer!r}")
            return by_name[answer]

        return self.text(flag, question, None, chosen, None if default is None else str(default))

    # ---------------------------------------------------------- the questions

    def goal(self, given: GoalName | None) -> GoalName:
        """Ask what is wanted."""
        choices: Mapping[GoalName, str] = {name: said for name, (said, _) in GOALS.items()}
        return self.choice(choices, "--goal", "What do you want to do?", given)

    def language(self, given: Language | None) -> Language:
        """Ask in which form it shall be done."""
        return self.choice(
            _LANGUAGES, "--language", "How do you want to do it?", given, default="command"
        )

    def records(self, given: Sequence[str]) -> list[PhoneRecord]:
        """Ask for the numbers; each is checked."""
        if given:
            return read_records(given, SOURCE)
        question = "Which numbers (in E.164, or a file)?"
        return self.text(
            "the numbers",
            question,
            None,
            lambda answer: read_records(answer.replace(",", " ").split(), SOURCE),
        )

    def letter(self, flags: LetterFlags, *, local_only: bool) -> Letter:
        """Ask for the letter of authorization, part by part."""
        from .. import BlanketLoa  # noqa: PLC0415 - models are loaded where they are needed

        if flags.loa is not None:
            letter = read_letter(flags.loa)
        else:
            kinds: dict[LetterKind, str] = {
                name: said for name, said in _LETTERS.items() if local_only or name != "blanket"
            }
            kind = self.choice(kinds, "--letter", "Which letter?", flags.letter)
            letter = BlanketLoa() if kind == "blanket" else self._signed(kind, flags)
        if isinstance(letter, BlanketLoa) and not local_only:
            raise BadInput("a blanket letter is for local numbers only; there are toll-free ones")
        return letter

    def _signed(self, kind: LetterKind, flags: LetterFlags) -> Letter:
        from .. import Address, AuthorisedPerson, DirectLoa, ResellerLoa  # noqa: PLC0415

        business = ""
        if kind == "reseller":
            business = self._part("business-name", "Business name?", flags.business_name)
        carrier = self._part("carrier", "Who carries the voice calls today?", flags.carrier)
        person = AuthorisedPerson(
            first_name=self._part("first-name", "First name of the signer?", flags.first_name),
            last_name=self._part("last-name", "Last name of the signer?", flags.last_name),
            email=self.text(
                "--email",
                "E-mail address of the signer? (the letter is mailed there)",
                flags.email,
                lambda answer: check.check_email(answer, "email"),
            ),
        )
        address = Address(
            building_number=self._part(
                "building-number", "Owner's building number?", flags.building_number
            ),
            street=self._part("street", "Street?", flags.street),
            city=self._part("city", "City?", flags.city),
            state=self._part("state", "State (such as IL or QC)?", flags.state),
            postal_code=self._part("postal-code", "Postal code?", flags.postal_code),
            country=self._part("country", "Country?", flags.country, default="US"),
        )
        if kind == "direct":
            return DirectLoa(
                authorised_person=person, address=address, current_voice_carrier=carrier
            )
        return ResellerLoa(
            business_name=business,
            authorised_person=person,
            address=address,
            current_voice_carrier=carrier,
        )

    def _part(self, name: str, question: str, given: str | None, default: str | None = None) -> str:
        def checked(answer: str) -> str:
            return check.check_text(answer, name.replace("-", "_"))

        return self.text(f"--{name}", question, given, checked, default)


def _checked(flag: str, answer: str, checked: Callable[[str], T]) -> T:
    """Return what an answer means; raises `BadInput` that names the flag."""
    try:
        return checked(answer)
    except InvalidRequest as error:
        raise BadInput(f"{flag or error.field} {answer!r}: {error.rule}") from None
    except BadInput as error:
        raise BadInput(f"{flag}: {error}" if flag else str(error)) from None


@frozen(kw_only=True)
class Flags:
    """What was answered by flags."""

    goal: GoalName | None
    language: Language | None
    numbers: Sequence[str]
    region: Literal["US", "CA"] | None
    kind: Literal["local", "toll-free"] | None
    order: str | None
    job: str | None
    plan: str | None
    campaign: str | None
    letter: LetterFlags


def answers_to(flags: Flags) -> Answers:
    """Ask what is missing, and return all of it, checked.

    Raises:
        BadInput: Nobody can be asked, an answer is wrong, or two contradict each other.
    """
    asked = Questions()
    goal = asked.goal(flags.goal)
    if goal == "status":
        order_id = asked.text(
            "--order",
            "Which order (its id)?",
            flags.order,
            lambda a: check.check_identifier(a, "order"),
        )
        return Answers(goal=goal, language=asked.language(flags.language), order_id=order_id)
    records = asked.records(flags.numbers)
    groups = _groups(records, flags)
    plan = campaign = ""
    if goal in _WITH_PLACE:
        plan = asked.text(
            "--plan", "Which service plan?", flags.plan, lambda a: check.check_text(a, "plan")
        )
        if any(not group.is_toll_free for group in groups):
            question = "Which 10DLC campaign? (empty: none)"
            campaign = asked.text("--campaign", question, flags.campaign, _campaign, default="")
    letter = None
    if goal in _WITH_LETTER:
        local_only = not any(group.is_toll_free for group in groups)
        letter = asked.letter(flags.letter, local_only=local_only)
    answers = Answers(
        goal=goal,
        language=asked.language(flags.language),
        numbers=tuple(number for group in groups for number in group.numbers),
        groups=tuple(groups),
        plan=plan,
        campaign=campaign,
        letter=letter,
        job=flags.job or default_job("start", records, [goal, plan, campaign]),
    )
    _check_form(answers)
    return answers


def _campaign(answer: str) -> str:
    return check.check_any_text(answer, "campaign_id")


def _groups(records: Sequence[PhoneRecord], flags: Flags) -> list[NumberGroup]:
    """Return the numbers by region and kind; raises `BadInput` where a flag says otherwise."""
    for record in records:
        kind = "toll-free" if is_toll_free(record) else "local"
        if flags.kind is not None and kind != flags.kind:
            raise BadInput(f"--kind {flags.kind}: {record.phone_number} is {kind}")
        if flags.region is not None and kind == "local" and record.region != flags.region:
            raise BadInput(
                f"--region {flags.region}: {record.phone_number} is a number of {record.region}"
            )
    known = [evolve(r, region=flags.region) if flags.region else r for r in records]
    return groups_of(known)


def _check_form(answers: Answers) -> None:
    """Refuse what cannot be said in the language that was asked for."""
    goal, language = answers.goal, answers.language
    if goal == "onboard" and language == "curl":
        raise BadInput(
            "--language curl: onboarding takes many requests over days; take command or python"
        )
    is_elsewhere = any(group.is_toll_free and group.region != "US" for group in answers.groups)
    if is_elsewhere and goal in _WITH_PLACE and (language == "command" or goal == "onboard"):
        raise BadInput(
            "--region CA with toll-free numbers: the command takes them for numbers of the US; "
            "take --language python with --goal import or text-enable"
        )
    if goal == "challenge" and len(answers.numbers) != 1:
        raise BadInput("a voice challenge rings one number: give one")
    if language == "command" or goal not in ("import", "text-enable"):
        return
    if len(answers.groups) > 1:
        raise BadInput(
            "local and toll-free numbers, and regions, go in orders of their own: start with one "
            "kind, or take --language command"
        )
    if goal == "text-enable" and len(answers.numbers) > _ONE_ORDER:
        raise BadInput(
            f"{len(answers.numbers)} numbers are more than an order holds ({_ONE_ORDER}): take "
            "--language command, or --goal onboard"
        )
